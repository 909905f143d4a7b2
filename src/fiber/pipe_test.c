/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/fixture.h"

#include "fiber/pipe.h"

#include <errno.h>
#include <string.h>

struct ends {
    struct transport *a, *b;
};

static struct ends make(struct pipe_options options)
{
    struct ends ends;
    assert_true(pipe_create(&options, &ends.a, &ends.b));
    return ends;
}

static void close_both(struct ends ends)
{
    ends.a->operations->close(ends.a);
    ends.b->operations->close(ends.b);
}

static ssize_t put(struct transport *to, const char *text)
{
    return to->operations->write(to, bytes_of(text), loop_deadline(SECOND));
}

static ssize_t get(struct transport *from, uint8_t *to, size_t size)
{
    return from->operations->read(from, to, size, loop_deadline(SECOND));
}

static void expect(struct transport *from, const char *text)
{
    uint8_t octets[64];
    ssize_t count = get(from, octets, sizeof(octets));
    assert_int_equal(count, strlen(text));
    assert_memory_equal(octets, text, strlen(text));
}

static void talk(void *argument)
{
    struct ends ends = make((struct pipe_options){0});
    assert_int_equal(put(ends.a, "hello"), 5);
    assert_int_equal(put(ends.b, "world"), 5);
    expect(ends.b, "hello");
    expect(ends.a, "world");
    assert_int_equal(ends.a->operations->wait(ends.a, 0), -ETIMEDOUT);
    uint8_t octet;
    int64_t start = loop_now();
    assert_int_equal(get(ends.a, &octet, 1), -ETIMEDOUT);
    assert_int_equal(loop_now() - start, SECOND);
    close_both(ends);
}

static void octets_go_both_ways(void **state)
{
    fixture_run(talk, NULL);
}

static void read_in_fragments(void *argument)
{
    struct ends ends = make((struct pipe_options){.fragment = 2});
    assert_int_equal(put(ends.a, "hello"), 5);
    expect(ends.b, "he");
    expect(ends.b, "ll");
    expect(ends.b, "o");
    close_both(ends);
}

static void a_fragmented_pipe_gives_little_at_a_time(void **state)
{
    fixture_run(read_in_fragments, NULL);
}

static void read_late(void *argument)
{
    struct ends ends = make((struct pipe_options){.delay = 300 * MILLISECOND});
    int64_t start = loop_now();
    assert_int_equal(put(ends.a, "one"), 3);
    assert_int_equal(fiber_sleep(100 * MILLISECOND), 0);
    assert_int_equal(put(ends.a, "two"), 3);
    assert_int_equal(ends.b->operations->wait(ends.b, 0), -ETIMEDOUT);
    expect(ends.b, "one");
    assert_int_equal(loop_now() - start, 300 * MILLISECOND);
    ends.a->operations->close(ends.a);
    expect(ends.b, "two");
    assert_int_equal(loop_now() - start, 400 * MILLISECOND);
    uint8_t octet;
    assert_int_equal(get(ends.b, &octet, 1), 0);
    assert_int_equal(loop_now() - start, 600 * MILLISECOND);
    ends.b->operations->close(ends.b);
}

static void a_slow_pipe_delays_octets_and_the_end(void **state)
{
    fixture_run(read_late, NULL);
}

static void fill_it(void *argument)
{
    struct ends ends = make((struct pipe_options){.capacity = 4});
    assert_int_equal(put(ends.a, "hello"), 4);
    assert_int_equal(put(ends.a, "o"), -ETIMEDOUT);
    expect(ends.b, "hell");
    assert_int_equal(put(ends.a, "o"), 1);
    ends.b->operations->close(ends.b);
    assert_int_equal(put(ends.a, "x"), -EPIPE);
    ends.a->operations->close(ends.a);
}

static void a_full_pipe_makes_the_writer_wait(void **state)
{
    fixture_run(fill_it, NULL);
}

static void read_until_broken(void *argument)
{
    uint8_t octets[8];
    struct transport *transport = argument;
    assert_int_equal(transport->operations->read(transport, octets, 8, NO_DEADLINE), -ECONNRESET);
}

static void break_it(void *argument)
{
    struct ends ends = make((struct pipe_options){0});
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "reader", read_until_broken, ends.b);
    assert_int_equal(fiber_yield(), 0);
    pipe_break(ends.a);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(put(ends.a, "x"), -ECONNRESET);
    fiber_group_close(&group);
    close_both(ends);
}

static void a_broken_pipe_resets_both_ends(void **state)
{
    fixture_run(break_it, NULL);
}

enum { LONG = 100000 };

static uint8_t octet_at(size_t position)
{
    return (uint8_t)(position * 7 + position / 251);
}

static void send_long(void *argument)
{
    struct transport *transport = argument;
    size_t sent = 0;
    while (sent < LONG) {
        uint8_t block[300];
        size_t size = sent % sizeof(block) + 1;
        if (size > LONG - sent)
            size = LONG - sent;
        for (size_t i = 0; i < size; i++)
            block[i] = octet_at(sent + i);
        ssize_t count =
            transport->operations->write(transport, bytes_from(block, size), NO_DEADLINE);
        assert_true(count > 0);
        sent += (size_t)count;
        if (sent % 5 == 0)
            assert_int_equal(fiber_sleep((int64_t)(sent % 3)), 0);
    }
    transport->operations->close(transport);
}

static void send_much(void *argument)
{
    struct ends ends = make((struct pipe_options){.fragment = 17, .capacity = 997, .delay = 2});
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "sender", send_long, ends.a);
    size_t position = 0;
    uint8_t octets[64];
    for (ssize_t count; (count = get(ends.b, octets, sizeof(octets))) != 0;) {
        assert_true(count > 0 && count <= 17);
        for (ssize_t i = 0; i < count; i++)
            assert_int_equal(octets[i], octet_at(position++));
    }
    assert_int_equal(position, LONG);
    fiber_group_close(&group);
    ends.b->operations->close(ends.b);
}

static void octets_arrive_in_order_whatever_the_options(void **state)
{
    fixture_run(send_much, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_go_both_ways),
        cmocka_unit_test(a_fragmented_pipe_gives_little_at_a_time),
        cmocka_unit_test(a_slow_pipe_delays_octets_and_the_end),
        cmocka_unit_test(a_full_pipe_makes_the_writer_wait),
        cmocka_unit_test(a_broken_pipe_resets_both_ends),
        cmocka_unit_test(octets_arrive_in_order_whatever_the_options),
    };
    return cmocka_run_group_tests_name("fiber/pipe", tests, NULL, NULL);
}
