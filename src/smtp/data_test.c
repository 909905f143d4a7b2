/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/data.h"

#include "base/buf.h"
#include "smtp/content.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What came of an input that was fed in pieces of `piece` octets. */
struct outcome {
    struct buf text;
    struct smtp_data data;
    size_t used; /* octets up to the end of data */
};

static void run(struct bytes input, size_t piece, bool chunked, struct outcome *out)
{
    buf_init(&out->text, 1 << 20);
    smtp_data_start(&out->data, chunked);
    out->used = 0;
    while (out->used < input.len && out->data.state != SMTP_DATA_END) {
        struct bytes part = bytes_first(bytes_skip(input, out->used), piece), text;
        size_t had = part.len;
        while (smtp_data_next(&out->data, &part, &text))
            buf_add(&out->text, text);
        out->used += had - part.len;
        if (out->data.state != SMTP_DATA_END)
            assert_int_equal(part.len, 0);
    }
}

/* In any fragmentation: this text, the end found or not, what follows it left alone. */
static void check(struct bytes input, struct bytes text, bool ends, size_t left, bool bare)
{
    for (size_t piece = 1; piece <= input.len; piece++) {
        struct outcome out;
        run(input, piece, false, &out);
        assert_true(bytes_equal(buf_bytes(&out.text), text));
        assert_int_equal(out.data.state == SMTP_DATA_END, ends);
        if (ends)
            assert_int_equal(input.len - out.used, left);
        assert_int_equal(smtp_data_has_bare(&out.data), bare);
        buf_free(&out.text);
    }
}

static void dots_are_unstuffed_rfc5321_4_5_2(void **state)
{
    check(BYTES("a\r\n..b\r\n...\r\n.c\r\n\r\n.\r\nQUIT\r\n"), BYTES("a\r\n.b\r\n..\r\nc\r\n\r\n"),
          true, 6, false);
    check(BYTES(".\r\n"), BYTES(""), true, 0, false);
    check(BYTES("..\r\n.\r\n"), BYTES(".\r\n"), true, 0, false);
    check(BYTES("a.\r\n.\r\n"), BYTES("a.\r\n"), true, 0, false);
}

static void only_crlf_dot_crlf_ends_the_data(void **state)
{
    static const struct {
        struct bytes input, text;
    } cases[] = {
        {BYTES_INIT("a\n.\nb"), BYTES_INIT("a\r\n.\r\nb")},
        {BYTES_INIT("a\n.\rb"), BYTES_INIT("a\r\n.\r\nb")},
        {BYTES_INIT("a\r.\nb"), BYTES_INIT("a\r\n.\r\nb")},
        {BYTES_INIT("a\r.\rb"), BYTES_INIT("a\r\n.\r\nb")},
        {BYTES_INIT("a\n.\r\nb"), BYTES_INIT("a\r\n.\r\nb")},
        {BYTES_INIT("a\r.\r\nb"), BYTES_INIT("a\r\n.\r\nb")},
        {BYTES_INIT("a\r\n.\nb"), BYTES_INIT("a\r\n\r\nb")},
        {BYTES_INIT("a\r\n.\rb"), BYTES_INIT("a\r\n\r\nb")},
        {BYTES_INIT("a\r\n.\r\r\nb"), BYTES_INIT("a\r\n\r\n\r\nb")},
        {BYTES_INIT("a\r\r\n.\r\r\nb"), BYTES_INIT("a\r\n\r\n\r\n\r\nb")},
        {BYTES_INIT("\n.\r\nb"), BYTES_INIT("\r\n.\r\nb")},
        {BYTES_INIT(".\nb"), BYTES_INIT("\r\nb")},
    };
    for (size_t i = 0; i < countof(cases); i++)
        check(cases[i].input, cases[i].text, false, 0, true);
    check(BYTES("a\r\n\0.\r\nb"), BYTES("a\r\n\0.\r\nb"), false, 0, false);
    check(BYTES("a\r\n.\0\r\nb"), BYTES("a\r\n\0\r\nb"), false, 0, false);
}

static void after_a_bare_line_end_crlf_dot_crlf_still_ends_it(void **state)
{
    check(BYTES("a\n.\nb\r\n.\r\nc"), BYTES("a\r\n.\r\nb\r\n"), true, 1, true);
    check(BYTES("a\r\r\n.\r\n"), BYTES("a\r\n\r\n"), true, 0, true);
}

static void chunks_have_no_dots_and_no_end_rfc3030_2(void **state)
{
    struct bytes input = BYTES("a\r\n.\r\n..b\r\n");
    for (size_t piece = 1; piece <= input.len; piece++) {
        struct outcome out;
        run(input, piece, true, &out);
        assert_true(bytes_equal(buf_bytes(&out.text), input));
        assert_int_equal(smtp_data_finish(&out.data).len, 0);
        assert_false(smtp_data_has_bare(&out.data));
        buf_free(&out.text);
    }
}

static void the_end_of_the_last_chunk_is_a_line_end(void **state)
{
    struct outcome out;
    run(BYTES("a\r\nb"), 3, true, &out);
    assert_true(bytes_is(smtp_data_finish(&out.data), "\r\n"));
    assert_false(smtp_data_has_bare(&out.data));
    buf_free(&out.text);
    run(BYTES("a\r"), 3, true, &out);
    assert_true(bytes_is(smtp_data_finish(&out.data), "\r\n"));
    assert_true(out.data.bare_cr);
    buf_free(&out.text);
    run(BYTES(""), 1, true, &out);
    assert_int_equal(smtp_data_finish(&out.data).len, 0);
    buf_free(&out.text);
}

static void the_longest_line_is_measured_across_pieces(void **state)
{
    static char input[9000];
    memset(input, 'x', sizeof(input));
    input[10] = '\r', input[11] = '\n';
    input[5010] = '\r', input[5011] = '\n';
    for (size_t piece = 1; piece < 6000; piece += 997) {
        struct outcome out;
        run(bytes_from(input, sizeof(input)), piece, false, &out);
        assert_int_equal(out.data.longest_line, 4998);
        assert_int_equal(out.data.line_length, 9000 - 5012);
        buf_free(&out.text);
    }
}

static void received_fields_are_counted_in_the_header_only(void **state)
{
    struct bytes content = BYTES("Received: a\r\n b\r\nreceived : c\r\nReceived-SPF: d\r\n"
                                 "X: Received: e\r\nRECEIVED:\r\n\r\nReceived: f\r\n");
    assert_int_equal(smtp_data_count_received(content, 100), 3);
    assert_int_equal(smtp_data_count_received(content, 2), 2);
    assert_int_equal(smtp_data_count_received(BYTES("Received: no end"), 9), 1);
    assert_int_equal(smtp_data_count_received(BYTES(""), 9), 0);
}

/* Grows in odd steps up to `total`, beyond or below what may stay in memory. */
static void check_content(size_t total, size_t in_memory, uint64_t expected, bool in_file)
{
    struct smtp_content content;
    smtp_content_start(&content, NULL, in_memory, expected);
    uint8_t *reference = malloc(total);
    for (size_t i = 0; i < total; i++)
        reference[i] = (uint8_t)(i * 31 + i / 251);
    for (size_t at = 0, step = 1; at < total; at += step, step = step * 2 % 4099 + 1)
        smtp_content_add(&content, bytes_first(bytes_from(reference + at, total - at), step));
    struct bytes whole;
    assert_true(smtp_content_finish(&content, &whole));
    assert_true(bytes_equal(whole, bytes_from(reference, total)));
    assert_int_equal(content.fd >= 0, in_file);
    if (in_file) {
        uint8_t last;
        assert_int_equal(pread(content.fd, &last, 1, (off_t)total - 1), 1);
        assert_int_equal(last, reference[total - 1]);
    }
    smtp_content_free(&content);
    free(reference);
}

static void content_moves_to_a_memfd_when_it_is_large(void **state)
{
    check_content(1, 65536, 0, false);
    check_content(65536, 65536, 0, false);
    check_content(65537, 65536, 0, true);
    check_content(300000, 65536, 300000, true);
    check_content(60000, 65536, 60000, false);
    check_content(50000, 65536, UINT64_MAX, false);
    check_content(100, 0, 0, true);
}

static void large_contents_share_a_room_and_small_ones_need_none(void **state)
{
    static uint8_t octets[3000];
    struct smtp_content_room room = {.most = 4000};
    struct smtp_content first, second, small;
    struct bytes whole;
    smtp_content_start(&first, &room, 1000, 0);
    smtp_content_start(&second, &room, 1000, 0);
    smtp_content_start(&small, &room, 1000, 0);
    smtp_content_add(&first, bytes_from(octets, 3000));
    smtp_content_add(&second, bytes_from(octets, 900));
    assert_int_equal(room.held, 3000);
    smtp_content_add(&second, bytes_from(octets, 900));
    assert_true(second.failed);
    smtp_content_add(&small, bytes_from(octets, 1000));
    assert_true(smtp_content_finish(&small, &whole));
    smtp_content_free(&second);
    smtp_content_free(&small);
    assert_int_equal(room.held, 3000);
    /* Alone it may be larger than the room. */
    smtp_content_add(&first, bytes_from(octets, 3000));
    assert_true(smtp_content_finish(&first, &whole));
    assert_int_equal(whole.len, 6000);
    smtp_content_free(&first);
    assert_int_equal(room.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dots_are_unstuffed_rfc5321_4_5_2),
        cmocka_unit_test(only_crlf_dot_crlf_ends_the_data),
        cmocka_unit_test(after_a_bare_line_end_crlf_dot_crlf_still_ends_it),
        cmocka_unit_test(chunks_have_no_dots_and_no_end_rfc3030_2),
        cmocka_unit_test(the_end_of_the_last_chunk_is_a_line_end),
        cmocka_unit_test(the_longest_line_is_measured_across_pieces),
        cmocka_unit_test(received_fields_are_counted_in_the_header_only),
        cmocka_unit_test(content_moves_to_a_memfd_when_it_is_large),
        cmocka_unit_test(large_contents_share_a_room_and_small_ones_need_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
