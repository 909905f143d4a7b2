/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/fixture.h"

#include "fiber/pipe.h"
#include "fiber/private.h"
#include "fiber/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two streams joined by a pipe. */
struct pair {
    struct stream *here, *there;
    struct transport *here_transport, *there_transport;
};

static struct pair make(struct pipe_options options)
{
    struct pair pair;
    assert_true(pipe_create(&options, &pair.here_transport, &pair.there_transport));
    pair.here = stream_create(pair.here_transport);
    pair.there = stream_create(pair.there_transport);
    assert_non_null(pair.here);
    assert_non_null(pair.there);
    return pair;
}

static void close_both(struct pair pair)
{
    stream_close(pair.here);
    stream_close(pair.there);
}

static struct stream *stream_over(int fd)
{
    struct descriptor *descriptor = descriptor_open(fd);
    assert_non_null(descriptor);
    struct transport *transport = transport_over(descriptor);
    assert_non_null(transport);
    assert_ptr_equal(transport_descriptor(transport), descriptor);
    struct stream *stream = stream_create(transport);
    assert_non_null(stream);
    return stream;
}

static struct pair make_sockets(void)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    return (struct pair){.here = stream_over(fds[0]), .there = stream_over(fds[1])};
}

static int64_t soon(void)
{
    return loop_deadline(SECOND);
}

static void send_text(struct stream *stream, const char *text)
{
    assert_int_equal(stream_write(stream, bytes_of(text), soon()), 0);
    assert_int_equal(stream_flush(stream, soon()), 0);
}

static void expect_line(struct stream *stream, const char *text)
{
    struct bytes line;
    assert_int_equal(stream_read_line(stream, 1000, &line, soon()), 0);
    assert_int_equal(line.len, strlen(text));
    assert_memory_equal(line.ptr, text, line.len);
}

static void expect_error(struct stream *stream, int error)
{
    struct bytes line;
    assert_int_equal(stream_read_line(stream, 1000, &line, soon()), error);
}

static void read_lines(void *argument)
{
    struct pair pair = make((struct pipe_options){.fragment = *(size_t *)argument});
    send_text(pair.here, "EHLO a\r\nMAIL FROM:<>\r\n\n\r\nQUIT");
    expect_line(pair.there, "EHLO a\r\n");
    expect_line(pair.there, "MAIL FROM:<>\r\n");
    expect_line(pair.there, "\n");
    expect_line(pair.there, "\r\n");
    expect_error(pair.there, -ETIMEDOUT);
    assert_true(bytes_is(stream_buffered(pair.there), "QUIT"));
    send_text(pair.here, "\r");
    expect_error(pair.there, -ETIMEDOUT);
    send_text(pair.here, "\n");
    expect_line(pair.there, "QUIT\r\n");
    stream_close(pair.here);
    expect_error(pair.there, -EPIPE);
    expect_error(pair.there, -EPIPE);
    stream_close(pair.there);
}

static void lines_are_the_same_however_the_octets_come(void **state)
{
    for (size_t fragment = 0; fragment < 12; fragment++)
        fixture_run(read_lines, &fragment);
}

static void read_limited(void *argument)
{
    struct pair pair = make((struct pipe_options){.fragment = *(size_t *)argument});
    struct bytes line;
    send_text(pair.here, "12345678\r\nabc\r\n");
    assert_int_equal(stream_read_line(pair.there, 9, &line, soon()), -EMSGSIZE);
    assert_int_equal(stream_read_line(pair.there, 9, &line, soon()), -EMSGSIZE);
    assert_int_equal(stream_read_line(pair.there, 10, &line, soon()), 0);
    assert_true(bytes_is(line, "12345678\r\n"));
    assert_int_equal(stream_read_line(pair.there, 0, &line, soon()), -EMSGSIZE);
    assert_int_equal(stream_read_line(pair.there, 4, &line, soon()), -EMSGSIZE);
    stream_consume(pair.there, 2);
    assert_int_equal(stream_read_line(pair.there, 4, &line, soon()), 0);
    assert_true(bytes_is(line, "c\r\n"));
    close_both(pair);
}

static void a_line_may_have_max_octets_and_not_one_more(void **state)
{
    for (size_t fragment = 0; fragment < 5; fragment++)
        fixture_run(read_limited, &fragment);
}

static void send_block(struct stream *stream, size_t size)
{
    uint8_t *block = malloc(size + 1);
    assert_non_null(block);
    memset(block, 'x', size);
    block[size] = '\n';
    assert_int_equal(stream_write(stream, bytes_from(block, size), soon()), 0);
    assert_int_equal(stream_flush(stream, soon()), 0);
    free(block);
}

static void fill_the_buffer(void *argument)
{
    struct pair pair = make((struct pipe_options){.fragment = 1000});
    struct bytes line;
    send_block(pair.here, STREAM_BUFFER + 1);
    assert_int_equal(stream_read_line(pair.there, 100000, &line, soon()), -EMSGSIZE);
    assert_int_equal(stream_buffered(pair.there).len, STREAM_BUFFER);
    assert_int_equal(stream_fill(pair.there, soon()), -ENOBUFS);
    stream_consume(pair.there, 1);
    assert_int_equal(stream_fill(pair.there, soon()), 0);
    assert_int_equal(stream_buffered(pair.there).len, STREAM_BUFFER);
    stream_consume(pair.there, STREAM_BUFFER);
    assert_int_equal(stream_fill(pair.there, soon()), -ETIMEDOUT);
    close_both(pair);
}

static void a_full_buffer_is_said_to_be_full(void **state)
{
    fixture_run(fill_the_buffer, NULL);
}

static void keep_a_line(void *argument)
{
    struct pair pair = make((struct pipe_options){0});
    struct bytes line;
    send_text(pair.here, "first\r\n");
    assert_int_equal(stream_read_line(pair.there, 100, &line, soon()), 0);
    assert_int_equal(stream_buffered(pair.there).len, 0);
    assert_int_equal(fiber_sleep(SECOND), 0);
    assert_false(stream_has_input(pair.there));
    send_text(pair.there, "reply to ");
    assert_int_equal(stream_write(pair.there, line, soon()), 0);
    assert_int_equal(stream_flush(pair.there, soon()), 0);
    expect_line(pair.here, "reply to first\r\n");
    close_both(pair);
}

static void a_line_stays_valid_until_the_next_call_that_reads(void **state)
{
    fixture_run(keep_a_line, NULL);
}

static void stay_idle(void *argument)
{
    struct pair pair = make((struct pipe_options){0});
    struct buffer_cache *cache = &loop_of_thread->buffers;
    assert_int_equal(cache->count, 0);
    send_text(pair.here, "NOOP\r\n");
    assert_int_equal(cache->count, 1); /* flushed: the buffer came back */
    expect_line(pair.there, "NOOP\r\n");
    assert_int_equal(cache->count, 0);
    expect_error(pair.there, -ETIMEDOUT);
    assert_int_equal(cache->count, 1); /* and so did that of the reader once it waited */
    close_both(pair);
}

static void an_idle_stream_holds_no_buffer(void **state)
{
    fixture_run(stay_idle, NULL);
}

static void ask_for_input(void *argument)
{
    struct pair pair = *(bool *)argument ? make_sockets() : make((struct pipe_options){0});
    assert_false(stream_has_input(pair.there));
    send_text(pair.here, "a\nb\n");
    assert_true(stream_has_input(pair.there));
    expect_line(pair.there, "a\n");
    assert_true(stream_has_input(pair.there));
    expect_line(pair.there, "b\n");
    assert_false(stream_has_input(pair.there));
    stream_close(pair.here);
    assert_true(stream_has_input(pair.there)); /* the end can be read without waiting */
    expect_error(pair.there, -EPIPE);
    assert_false(stream_has_input(pair.there));
    stream_close(pair.there);
}

static void has_input_tells_without_waiting(void **state)
{
    bool sockets[] = {false, true};
    for (size_t i = 0; i < countof(sockets); i++)
        fixture_run(ask_for_input, &sockets[i]);
}

static void swap_transport(void *argument)
{
    struct pair plain = make((struct pipe_options){0}), secure = make((struct pipe_options){0});
    send_text(plain.here, "STARTTLS\r\nRSET\r\n");
    expect_line(plain.there, "STARTTLS\r\n");
    assert_ptr_equal(stream_transport(plain.there), plain.there_transport);
    assert_int_equal(stream_replace_transport(plain.there, NULL), 6);
    assert_int_equal(stream_fill(plain.there, soon()), -ENOTCONN);
    assert_int_equal(stream_write(plain.there, BYTES("x"), soon()), -ENOTCONN);
    assert_int_equal(stream_flush(plain.there, soon()), -ENOTCONN);
    assert_false(stream_has_input(plain.there));
    assert_int_equal(stream_replace_transport(secure.there, NULL), 0);
    assert_int_equal(stream_replace_transport(plain.there, secure.there_transport), 0);
    send_text(secure.here, "EHLO\r\n");
    expect_line(plain.there, "EHLO\r\n");
    stream_close(secure.there); /* has no transport any more */
    stream_close(secure.here);
    stream_close(plain.here);
    plain.there_transport->operations->close(plain.there_transport);
    stream_close(plain.there);
}

/* rfc3207:4.2, CVE-2011-0411 */
static void replacing_the_transport_drops_what_was_read_before(void **state)
{
    fixture_run(swap_transport, NULL);
}

/* Writing. */

static void collect_output(void *argument)
{
    struct pair pair = make((struct pipe_options){0});
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(stream_write(pair.here, BYTES("0123456789"), soon()), 0);
    assert_false(stream_has_input(pair.there));
    assert_int_equal(stream_flush(pair.here, soon()), 0);
    assert_int_equal(stream_fill(pair.there, soon()), 0);
    assert_int_equal(stream_buffered(pair.there).len, 100);
    assert_int_equal(stream_flush(pair.here, soon()), 0); /* nothing to do */
    close_both(pair);
}

static void small_writes_are_sent_together(void **state)
{
    fixture_run(collect_output, NULL);
}

enum { MUCH = 700000 };

static uint8_t octet_at(size_t position)
{
    return (uint8_t)(position * 13 + position / 509);
}

static size_t next_size(size_t position)
{
    static const size_t sizes[] = {1, 5, 1000, STREAM_BUFFER - 1, 3, STREAM_BUFFER,
                                   STREAM_BUFFER + 1, 50000, 16};
    return sizes[position % countof(sizes)];
}

static void write_much(void *argument)
{
    struct stream *stream = argument;
    uint8_t *block = malloc(MUCH);
    assert_non_null(block);
    for (size_t i = 0; i < MUCH; i++)
        block[i] = octet_at(i);
    struct bytes rest = bytes_from(block, MUCH);
    while (rest.len) {
        struct bytes part = bytes_first(rest, next_size(rest.len));
        assert_int_equal(stream_write(stream, part, NO_DEADLINE), 0);
        rest = bytes_skip(rest, part.len);
    }
    assert_int_equal(stream_flush(stream, NO_DEADLINE), 0);
    free(block);
    stream_close(stream);
}

static void check_much(struct pair pair)
{
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "writer", write_much, pair.here);
    size_t position = 0;
    int error;
    while (!(error = stream_fill(pair.there, NO_DEADLINE))) {
        struct bytes bytes = stream_buffered(pair.there);
        /* Not always all of it. */
        size_t count = bytes.len > 10 ? bytes.len - position % 3 : bytes.len;
        for (size_t i = 0; i < count; i++)
            assert_int_equal(bytes.ptr[i], octet_at(position + i));
        position += count;
        stream_consume(pair.there, count);
    }
    assert_int_equal(error, -EPIPE);
    position += stream_buffered(pair.there).len;
    assert_int_equal(position, MUCH);
    fiber_group_close(&group);
    stream_close(pair.there);
}

static void send_much_by_pipe(void *argument)
{
    check_much(make((struct pipe_options){.capacity = 5000, .fragment = 777}));
}

static void send_much_by_socket(void *argument)
{
    check_much(make_sockets());
}

static void what_is_written_arrives_whole_and_in_order(void **state)
{
    fixture_run(send_much_by_pipe, NULL);
    fixture_run_real(send_much_by_socket, NULL);
}

static void write_to_nobody(void *argument)
{
    struct pair pair = *(bool *)argument ? make_sockets() : make((struct pipe_options){0});
    stream_close(pair.there);
    assert_int_equal(stream_write(pair.here, BYTES("x"), soon()), 0);
    assert_int_equal(stream_flush(pair.here, soon()), -EPIPE);
    assert_int_equal(stream_write(pair.here, BYTES("y"), soon()), -EPIPE);
    assert_int_equal(stream_flush(pair.here, soon()), -EPIPE);
    expect_error(pair.here, -EPIPE);
    stream_close(pair.here);
}

static void an_error_of_writing_stays(void **state)
{
    bool sockets[] = {false, true};
    for (size_t i = 0; i < countof(sockets); i++)
        fixture_run(write_to_nobody, &sockets[i]);
}

static void reset_connection(void *argument)
{
    struct pair pair = make((struct pipe_options){0});
    send_text(pair.here, "lost\r\n");
    pipe_break(pair.here_transport);
    expect_error(pair.there, -ECONNRESET);
    expect_error(pair.there, -ECONNRESET);
    close_both(pair);
}

static void a_reset_is_reported_again_and_again(void **state)
{
    fixture_run(reset_connection, NULL);
}

static void write_to_a_slow_reader(void *argument)
{
    struct pair pair = make((struct pipe_options){.capacity = 10});
    assert_int_equal(stream_write(pair.here, BYTES("0123456789abc"), soon()), 0);
    int64_t start = loop_now();
    assert_int_equal(stream_flush(pair.here, soon()), -ETIMEDOUT);
    assert_int_equal(loop_now() - start, SECOND);
    assert_int_equal(stream_flush(pair.here, soon()), -ETIMEDOUT);
    assert_int_equal(loop_now() - start, SECOND);
    close_both(pair);
}

static void a_peer_that_does_not_read_is_given_up_once(void **state)
{
    fixture_run(write_to_a_slow_reader, NULL);
}

/* A server that is told to end says goodbye. */
static void serve_until_cancelled(void *argument)
{
    struct stream *stream = argument;
    assert_int_equal(stream_write(stream, BYTES("250 one\r\n"), NO_DEADLINE), 0);
    assert_int_equal(stream_flush(stream, NO_DEADLINE), -ECANCELED);
    fiber_shield();
    assert_int_equal(stream_write(stream, BYTES("421 bye\r\n"), soon()), 0);
    assert_int_equal(stream_flush(stream, soon()), 0);
    fiber_unshield();
    stream_close(stream);
}

static void cancel_a_writer(void *argument)
{
    struct pair pair = make((struct pipe_options){.capacity = 4});
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "server", serve_until_cancelled, pair.there);
    assert_int_equal(fiber_sleep(SECOND), 0);
    fiber_group_cancel(&group);
    expect_line(pair.here, "250 one\r\n");
    expect_line(pair.here, "421 bye\r\n");
    expect_error(pair.here, -EPIPE);
    fiber_group_close(&group);
    stream_close(pair.here);
}

static void a_cancelled_writer_can_say_goodbye_under_a_shield(void **state)
{
    fixture_run(cancel_a_writer, NULL);
}

static void use_while_cancelled(void *argument)
{
    struct pair *pair = argument;
    struct bytes line;
    assert_int_equal(fiber_sleep(SECOND), ECANCELED);
    assert_int_equal(stream_read_line(pair->here, 100, &line, soon()), -ECANCELED);
    assert_int_equal(stream_write(pair->here, BYTES("x\n"), soon()), 0);
    assert_int_equal(stream_flush(pair->here, soon()), -ECANCELED);
    fiber_shield();
    expect_line(pair->here, "here already\r\n");
    assert_int_equal(stream_flush(pair->here, soon()), 0);
    fiber_unshield();
}

static void cancel_with_input_at_hand(void *argument)
{
    struct pair pair = make((struct pipe_options){0});
    send_text(pair.there, "here already\r\n");
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "user", use_while_cancelled, &pair);
    fiber_group_close(&group);
    expect_line(pair.there, "x\n");
    close_both(pair);
}

static void a_cancelled_fiber_can_use_a_stream_only_under_a_shield(void **state)
{
    fixture_run(cancel_with_input_at_hand, NULL);
}

/* Sockets. */

static void read_to_the_end(void *argument)
{
    for (unsigned round = 0; round < 2; round++) {
        struct pair pair = make_sockets();
        send_text(pair.here, "QUIT\r\n");
        stream_close(pair.here);
        if (round)
            assert_int_equal(fiber_sleep(SECOND), 0); /* octets and end come as one edge */
        expect_line(pair.there, "QUIT\r\n");
        int64_t start = loop_now();
        expect_error(pair.there, -EPIPE);
        assert_int_equal(loop_now(), start);
        stream_close(pair.there);
    }
}

static void the_end_that_came_with_the_last_octets_is_seen(void **state)
{
    fixture_run(read_to_the_end, NULL);
}

static void use_a_pipe_of_the_system(void *argument)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct stream *in = stream_over(fds[0]), *out = stream_over(fds[1]);
    assert_false(stream_has_input(in));
    send_text(out, "one\ntwo\n");
    assert_true(stream_has_input(in));
    expect_line(in, "one\n");
    stream_close(out);
    expect_line(in, "two\n");
    assert_int_equal(fiber_sleep(1), 0);
    assert_true(stream_has_input(in));
    expect_error(in, -EPIPE);
    stream_close(in);
}

static void a_plain_transport_works_over_what_is_no_socket(void **state)
{
    fixture_run(use_a_pipe_of_the_system, NULL);
}

struct flood {
    struct stream *stream;
    size_t received;
    bool stop;
};

static void drink(void *argument)
{
    struct flood *flood = argument;
    while (!flood->stop && !stream_fill(flood->stream, NO_DEADLINE)) {
        flood->received += stream_buffered(flood->stream).len;
        stream_consume(flood->stream, stream_buffered(flood->stream).len);
    }
}

/* A transport that always has octets to give and never makes anybody wait. */
static int flood_wait(struct transport *transport, int64_t deadline)
{
    return 0;
}

static ssize_t flood_read(struct transport *transport, uint8_t *to, size_t size, int64_t deadline)
{
    memset(to, 'x', size);
    return (ssize_t)size;
}

static ssize_t flood_write(struct transport *transport, struct bytes from, int64_t deadline)
{
    return 1;
}

static void flood_close(struct transport *transport)
{
}

static void share_with_a_flood(void *argument)
{
    static const struct transport_operations operations = {flood_wait, flood_read, flood_write,
                                                           flood_close};
    struct transport transport = {&operations};
    struct flood flood = {stream_create(&transport), 0, false};
    assert_non_null(flood.stream);
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "drinker", drink, &flood);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(fiber_yield(), 0);
    assert_true(flood.received > 0);
    /* It hears that it is cancelled, too. */
    fiber_group_close(&group);
    stream_close(flood.stream);
}

static void a_stream_that_never_runs_dry_lets_others_run(void **state)
{
    fixture_run(share_with_a_flood, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_the_same_however_the_octets_come),
        cmocka_unit_test(a_line_may_have_max_octets_and_not_one_more),
        cmocka_unit_test(a_full_buffer_is_said_to_be_full),
        cmocka_unit_test(a_line_stays_valid_until_the_next_call_that_reads),
        cmocka_unit_test(an_idle_stream_holds_no_buffer),
        cmocka_unit_test(has_input_tells_without_waiting),
        cmocka_unit_test(replacing_the_transport_drops_what_was_read_before),
        cmocka_unit_test(small_writes_are_sent_together),
        cmocka_unit_test(what_is_written_arrives_whole_and_in_order),
        cmocka_unit_test(an_error_of_writing_stays),
        cmocka_unit_test(a_reset_is_reported_again_and_again),
        cmocka_unit_test(a_peer_that_does_not_read_is_given_up_once),
        cmocka_unit_test(a_cancelled_writer_can_say_goodbye_under_a_shield),
        cmocka_unit_test(a_cancelled_fiber_can_use_a_stream_only_under_a_shield),
        cmocka_unit_test(the_end_that_came_with_the_last_octets_is_seen),
        cmocka_unit_test(a_plain_transport_works_over_what_is_no_socket),
        cmocka_unit_test(a_stream_that_never_runs_dry_lets_others_run),
    };
    return cmocka_run_group_tests_name("fiber/stream", tests, NULL, NULL);
}
