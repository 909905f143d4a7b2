/* SPDX-License-Identifier: BSD-2-Clause */
/* The client of clamd against a clamd in memory that says what it is told. */
#include "fiber/fixture.h"
#include "fiber/pipe.h"
#include "roles/clamd.h"

#include <stdlib.h>
#include <string.h>

enum { EXPECTED_MAX = 2 * 1024 * 1024 };

struct exchange {
    struct arena *arena;
    struct clamd_request request;
    struct clamd_result result;
    struct bytes reply;    /* what clamd says, with its NUL */
    size_t read_most;      /* it hangs up when it has read so much; 0: never */
    bool silent;           /* it never answers */
    struct transport *transport;
    struct buf seen;
};

/* Everything that was sent, as the command and the chunks joined; asserts that it is well formed. */
static struct bytes content_of(struct exchange *exchange)
{
    struct bytes rest = buf_bytes(&exchange->seen);
    uint8_t *joined = malloc(rest.len + 1);
    size_t used = 0;
    assert_true(bytes_starts_with(rest, bytes_from("zINSTREAM", 10)));
    rest = bytes_skip(rest, 10);
    for (;;) {
        assert_true(rest.len >= 4);
        size_t length = (size_t)rest.ptr[0] << 24 | (size_t)rest.ptr[1] << 16 | (size_t)rest.ptr[2] << 8 | rest.ptr[3];
        rest = bytes_skip(rest, 4);
        if (!length)
            break;
        assert_true(length <= CLAMD_CHUNK && length <= rest.len);
        memcpy(joined + used, rest.ptr, length);
        used += length;
        rest = bytes_skip(rest, length);
    }
    assert_int_equal(rest.len, 0);
    struct bytes copy = arena_copy(exchange->arena, bytes_from(joined, used));
    free(joined);
    return copy;
}

static bool has_ended(const struct exchange *exchange)
{
    struct bytes seen = buf_bytes(&exchange->seen);
    return seen.len >= 14 && bytes_ends_with(seen, bytes_from("\0\0\0\0", 4));
}

static void serve(void *argument)
{
    struct exchange *exchange = argument;
    struct stream *stream = stream_create(exchange->transport);
    assert_non_null(stream);
    while (!has_ended(exchange) && (!exchange->read_most || exchange->seen.len < exchange->read_most)) {
        if (stream_fill(stream, NO_DEADLINE))
            break;
        buf_add(&exchange->seen, stream_buffered(stream));
        stream_consume(stream, stream_buffered(stream).len);
    }
    if (!exchange->silent && exchange->reply.len) {
        stream_write(stream, exchange->reply, NO_DEADLINE);
        stream_flush(stream, NO_DEADLINE);
    }
    if (exchange->silent)
        fiber_sleep(1000000000);
    stream_close(stream);
}

static void run(void *argument)
{
    struct exchange *exchange = argument;
    struct transport *client;
    struct fiber_group group;
    const struct pipe_options options = {.fragment = 700, .capacity = 5000};
    assert_true(pipe_create(&options, &client, &exchange->transport));
    fiber_group_open(&group);
    fixture_start(&group, "clamd", serve, exchange);
    exchange->request.deadline = loop_deadline(30 * SECOND);
    clamd_scan_over(exchange->arena, client, &exchange->request, &exchange->result);
    fiber_group_close(&group);
}

static struct exchange scan(struct bytes content, struct bytes reply)
{
    struct exchange exchange = {.arena = arena_create(8 << 20), .reply = reply};
    exchange.request.content = content;
    exchange.request.most = 1 << 20;
    buf_init(&exchange.seen, EXPECTED_MAX);
    fixture_run(run, &exchange);
    return exchange;
}

static void end(struct exchange *exchange)
{
    buf_free(&exchange->seen);
    arena_destroy(exchange->arena);
}

#define REPLY(text) bytes_from(text, sizeof(text))

static void a_clean_message_is_sent_whole_and_is_clean(void **state)
{
    struct exchange exchange = scan(BYTES("Subject: hi\r\n\r\nhello\r\n"), REPLY("stream: OK"));
    assert_int_equal(exchange.result.status, CLAMD_CLEAN);
    assert_true(bytes_equal(content_of(&exchange), BYTES("Subject: hi\r\n\r\nhello\r\n")));
    end(&exchange);
}

static void an_infected_one_has_the_name_of_what_was_found(void **state)
{
    struct exchange exchange = scan(BYTES("x"), REPLY("stream: Test.Signature-1 FOUND"));
    assert_int_equal(exchange.result.status, CLAMD_FOUND);
    assert_true(bytes_is(exchange.result.name, "Test.Signature-1"));
    end(&exchange);
}

static void a_large_message_goes_in_chunks_and_its_beginning_only(void **state)
{
    size_t size = (1 << 20) + 4000;
    uint8_t *large = malloc(size);
    memset(large, 'x', size);
    large[CLAMD_CHUNK] = 'y';
    struct exchange exchange = scan(bytes_from(large, size), REPLY("stream: OK"));
    assert_int_equal(exchange.result.status, CLAMD_PARTLY);
    assert_true(bytes_equal(content_of(&exchange), bytes_from(large, 1 << 20)));
    assert_non_null(strstr(arena_string(exchange.arena, exchange.result.problem), "1048576 octets of 1052576"));
    end(&exchange);
    exchange = scan(bytes_from(large, size), REPLY("stream: Bad FOUND"));
    assert_int_equal(exchange.result.status, CLAMD_FOUND);
    end(&exchange);
    free(large);
}

static void its_limits_and_errors_are_failures(void **state)
{
    static const struct bytes replies[] = {
        {(const uint8_t *)"INSTREAM size limit exceeded. ERROR", 36},
        {(const uint8_t *)"stream: Can't allocate memory ERROR", 36},
        {(const uint8_t *)"UNKNOWN COMMAND", 16},
        {(const uint8_t *)"", 1},
        {(const uint8_t *)"stream: ", 9},
        {(const uint8_t *)"OK", 3},
        {(const uint8_t *)"stream: OK FOUNDLING", 21},
    };
    for (size_t i = 0; i < countof(replies); i++) {
        struct exchange exchange = scan(BYTES("x"), replies[i]);
        assert_int_equal(exchange.result.status, CLAMD_FAILED);
        assert_true(exchange.result.problem.len > 0);
        end(&exchange);
    }
}

static void an_answer_before_the_end_counts_only_if_it_found_something(void **state)
{
    static uint8_t large[300000];
    struct exchange exchange = {.arena = arena_create(8 << 20), .read_most = 1000};
    exchange.request = (struct clamd_request){.content = bytes_from(large, sizeof(large)), .most = 1 << 20};
    for (int found = 0; found < 2; found++) {
        exchange.reply = found ? REPLY("stream: Early FOUND") : REPLY("stream: OK");
        buf_init(&exchange.seen, EXPECTED_MAX);
        fixture_run(run, &exchange);
        buf_free(&exchange.seen);
        assert_int_equal(exchange.result.status, found ? CLAMD_FOUND : CLAMD_FAILED);
    }
    arena_destroy(exchange.arena);
}

static void a_name_is_bounded_and_printable(void **state)
{
    struct arena *arena = arena_create(1 << 20);
    struct clamd_result result;
    char long_one[CLAMD_REPLY_MAX];
    memset(long_one, 'a', sizeof(long_one));
    memcpy(long_one, "stream: \n\xff\x1b", 11);
    memcpy(long_one + 1000, " FOUND", 6);
    clamd_reply_read(arena, bytes_from(long_one, 1006), &result);
    assert_int_equal(result.status, CLAMD_FOUND);
    assert_int_equal(result.name.len, CLAMD_NAME_MAX);
    for (size_t i = 0; i < result.name.len; i++)
        assert_true(result.name.ptr[i] >= 0x20 && result.name.ptr[i] < 0x7f);
    clamd_reply_read(arena, BYTES("stream:  FOUND"), &result);
    assert_int_equal(result.status, CLAMD_FOUND);
    assert_true(bytes_is(result.name, "unnamed"));
    arena_destroy(arena);
}

static void a_silent_or_endless_clamd_is_a_failure(void **state)
{
    struct exchange exchange = {.arena = arena_create(8 << 20), .silent = true};
    exchange.request = (struct clamd_request){.content = BYTES("x"), .most = 100};
    buf_init(&exchange.seen, EXPECTED_MAX);
    fixture_run(run, &exchange);
    assert_int_equal(exchange.result.status, CLAMD_FAILED);
    buf_free(&exchange.seen);
    arena_destroy(exchange.arena);

    static char endless[5000];
    memset(endless, 'x', sizeof(endless));
    exchange = scan(BYTES("x"), bytes_from(endless, sizeof(endless)));
    assert_int_equal(exchange.result.status, CLAMD_FAILED);
    end(&exchange);
    exchange = scan(BYTES("x"), BYTES("stream: OK")); /* cut off before its NUL */
    assert_int_equal(exchange.result.status, CLAMD_FAILED);
    end(&exchange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_message_is_sent_whole_and_is_clean),
        cmocka_unit_test(an_infected_one_has_the_name_of_what_was_found),
        cmocka_unit_test(a_large_message_goes_in_chunks_and_its_beginning_only),
        cmocka_unit_test(its_limits_and_errors_are_failures),
        cmocka_unit_test(an_answer_before_the_end_counts_only_if_it_found_something),
        cmocka_unit_test(a_name_is_bounded_and_printable),
        cmocka_unit_test(a_silent_or_endless_clamd_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
