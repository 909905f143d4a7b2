/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/quoted_printable.h"

#include "message/mime_decode.h"
#include "message/seven_bit.h"
#include "message/test.h"

static struct bytes decode(enum mime_encoding encoding, struct bytes text)
{
    struct mime_decoder decoder = mime_decoder_for(encoding);
    struct buf out;
    buf_init(&out, text.len + 16);
    mime_decode(&decoder, text, &out);
    mime_decode_end(&decoder, &out);
    assert_false(decoder.malformed);
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

static struct bytes encode(struct bytes text)
{
    struct buf out;
    buf_init(&out, 4 * text.len + 16);
    quoted_printable_write(&out, text);
    assert_false(out.failed);
    assert_int_equal(out.len, quoted_printable_size(text));
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

static void assert_encoded(const char *text, const char *expected)
{
    struct bytes encoded = encode(bytes_of(text));
    assert_bytes(encoded, expected);
    assert_true(bytes_equal(decode(MIME_QUOTED_PRINTABLE, encoded), bytes_of(text)));
}

static void assert_short_lines(struct bytes text, size_t max)
{
    struct bytes line, rest = text;
    while (bytes_split(&rest, '\n', &line))
        assert_true(line.len <= max + (rest.ptr ? 1 : 0));
}

static void plain_text_stays_as_it_is(void **state)
{
    assert_encoded("Hello, you\r\nthere.\r\n", "Hello, you\r\nthere.\r\n");
}

static void what_is_no_graphic_character_is_written_in_hexadecimal_rfc2045_6_7(void **state)
{
    assert_encoded("a=b\xc3\xa9", "a=3Db=C3=A9");
    assert_encoded("a\rb\nc", "a=0Db=0Ac");
    assert_encoded("a \r\nb\t", "a=20\r\nb=09");
}

static void no_line_looks_like_a_delimiter_a_mailbox_separator_or_the_end_of_data(void **state)
{
    assert_encoded("--x\r\n-x", "=2D-x\r\n-x");
    assert_encoded("From x\r\n.\r\n.a", "=46rom x\r\n=2E\r\n=2Ea");
}

static void a_line_that_is_broken_softly_never_begins_with_a_delimiter(void **state)
{
    for (size_t before = 60; before < 90; before++) {
        struct bytes text = arena_printf(arena, BYTES_FMT "--boundary and more text",
                                         BYTES_ARG(repeat("x", before)));
        struct bytes encoded = encode(text);
        assert_short_lines(encoded, 76);
        assert_true(bytes_find(encoded, BYTES("\n--")) == BYTES_NOT_FOUND);
        assert_true(bytes_equal(decode(MIME_QUOTED_PRINTABLE, encoded), text));
    }
}

static void lines_have_at_most_76_columns_whatever_is_in_them(void **state)
{
    static const char *const pieces[] = {"x", "=", "\xff", " ", "x ", "\xc3\xa9 y", "-", ".", "\r"};
    for (size_t i = 0; i < countof(pieces); i++)
        for (size_t count = 1; count < 200; count += 7) {
            struct bytes text = repeat(pieces[i], count), encoded = encode(text);
            assert_short_lines(encoded, 76);
            assert_false(seven_bit_is_needed(encoded));
            assert_true(bytes_equal(decode(MIME_QUOTED_PRINTABLE, encoded), text));
        }
}

static void base64_is_in_lines_of_76_columns(void **state)
{
    for (size_t length = 0; length < 300; length++) {
        struct buf out;
        struct bytes octets = repeat("\xfa", length);
        buf_init(&out, 1024);
        base64_write_lines(&out, octets);
        assert_int_equal(out.len, base64_lines_size(octets));
        assert_short_lines(buf_bytes(&out), 76);
        assert_true(bytes_equal(decode(MIME_BASE64, buf_bytes(&out)), octets));
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays_as_it_is),
        cmocka_unit_test(what_is_no_graphic_character_is_written_in_hexadecimal_rfc2045_6_7),
        cmocka_unit_test(no_line_looks_like_a_delimiter_a_mailbox_separator_or_the_end_of_data),
        cmocka_unit_test(a_line_that_is_broken_softly_never_begins_with_a_delimiter),
        cmocka_unit_test(lines_have_at_most_76_columns_whatever_is_in_them),
        cmocka_unit_test(base64_is_in_lines_of_76_columns),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
