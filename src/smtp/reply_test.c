/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/reply.h"

#include "smtp/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char written[16384];

static const char *write_reply(unsigned code, const char *enhanced, struct bytes text)
{
    struct smtp_reply reply = {.code = code, .text = text};
    strncpy(reply.enhanced, enhanced, sizeof(reply.enhanced) - 1);
    struct buf out;
    buf_init(&out, 16000);
    smtp_reply_write(&out, &reply);
    assert_false(out.failed);
    assert_true(bytes_to_cstring(buf_bytes(&out), written, sizeof(written)));
    buf_free(&out);
    return written;
}

static void a_short_text_is_one_line(void **state)
{
    assert_string_equal(write_reply(550, "5.7.26", BYTES("Forged")), "550 5.7.26 Forged\r\n");
    assert_string_equal(write_reply(220, "", BYTES("mx.example ESMTP")),
                        "220 mx.example ESMTP\r\n");
}

static void an_enhanced_code_agrees_with_the_reply_rfc2034_4(void **state)
{
    assert_string_equal(write_reply(450, "5.7.1", BYTES("x")), "450 x\r\n");
    assert_string_equal(write_reply(354, "3.0.0", BYTES("go")), "354 go\r\n");
    assert_string_equal(write_reply(250, "2.0", BYTES("x")), "250 x\r\n");
    assert_string_equal(write_reply(250, "2.0.0\r\n", BYTES("x")), "250 x\r\n");
    assert_string_equal(write_reply(250, "2.0.1234", BYTES("x")), "250 x\r\n");
}

static void nothing_but_printable_ascii_leaves(void **state)
{
    assert_string_equal(write_reply(550, "5.0.0", BYTES("a\r\n250 b\tc\0d\x7f\xc3\xa9")),
                        "550 5.0.0 a??250 b?c?d???\r\n");
}

static void an_impossible_code_becomes_451(void **state)
{
    assert_string_equal(write_reply(0, "", BYTES("x")), "451 x\r\n");
    assert_string_equal(write_reply(999, "", BYTES("x")), "451 x\r\n");
    assert_string_equal(write_reply(290, "", BYTES("x")), "451 x\r\n");
}

static void an_empty_text_gets_a_general_one(void **state)
{
    assert_string_equal(write_reply(250, "2.0.0", BYTES("")), "250 2.0.0 OK\r\n");
}

static void long_texts_become_several_lines_of_512_octets_rfc5321_4_5_3_1_5(void **state)
{
    static char text[3000];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 7 == 6 ? ' ' : 'x';
    memset(text + 600, 'y', 900); /* a word that does not fit in a line */
    const char *at = write_reply(550, "5.7.1", bytes_from(text, sizeof(text)));
    size_t lines = 0;
    size_t length = 0;
    while (*at) {
        const char *end = strstr(at, "\r\n");
        assert_non_null(end);
        assert_true(end + 2 - at <= 512);
        assert_memory_equal(at, "550", 3);
        assert_int_equal(at[3], end[2] ? '-' : ' ');
        assert_memory_equal(at + 4, "5.7.1 ", 6);
        for (const char *c = at + 10; c < end; c++)
            length += *c != ' ';
        lines++;
        at = end + 2;
    }
    assert_in_range(lines, 6, 9);
    size_t expected = 0;
    for (size_t i = 0; i < sizeof(text); i++)
        expected += text[i] != ' ';
    assert_int_equal(length, expected);
}

static void a_formatted_text_lives_in_the_arena_and_may_be_missing(void **state)
{
    struct arena *arena = arena_create(4096);
    struct smtp_reply reply = {0};
    smtp_reply_set(&reply, arena, 452, "4.2.2", "%s is full", "joe");
    assert_true(bytes_is(reply.text, "joe is full"));
    assert_string_equal(reply.enhanced, "4.2.2");
    smtp_reply_set(&reply, arena, 452, "4.2.2", "%9000s", "");
    assert_int_equal(reply.text.len, 0);
    assert_string_equal(write_reply(reply.code, reply.enhanced, reply.text),
                        "452 4.2.2 Temporary failure, try again later\r\n");
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_text_is_one_line),
        cmocka_unit_test(an_enhanced_code_agrees_with_the_reply_rfc2034_4),
        cmocka_unit_test(nothing_but_printable_ascii_leaves),
        cmocka_unit_test(an_impossible_code_becomes_451),
        cmocka_unit_test(an_empty_text_gets_a_general_one),
        cmocka_unit_test(long_texts_become_several_lines_of_512_octets_rfc5321_4_5_3_1_5),
        cmocka_unit_test(a_formatted_text_lives_in_the_arena_and_may_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
