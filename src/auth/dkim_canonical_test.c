/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_canonical.h"
#include "auth/dkim_hash.h"
#include "base/buf.h"
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void append(void *context, struct bytes run)
{
    buf_add(context, run);
}

static void assert_bytes(struct bytes got, struct bytes expected)
{
    assert_int_equal(got.len, expected.len);
    assert_memory_equal(got.ptr ? got.ptr : (const uint8_t *)"",
                        expected.ptr ? expected.ptr : (const uint8_t *)"", expected.len);
}

/* The text lies in memory of exactly its size, so that a sanitizer sees any read beyond it. */
static void assert_body(enum dkim_canonicalization canonicalization, const char *body,
                        const char *expected)
{
    size_t length = strlen(body);
    uint8_t *exact = malloc(length ? length : 1);
    struct buf out;
    struct dkim_sink sink;
    memcpy(exact, body, length);
    buf_init(&out, 1 << 20);
    dkim_sink_open(&sink, append, &out);
    dkim_canonical_body(&sink, canonicalization, bytes_from(exact, length));
    dkim_sink_flush(&sink);
    assert_bytes(buf_bytes(&out), bytes_of(expected));
    buf_free(&out);
    free(exact);
}

static struct header_field field_of(const char *text)
{
    struct header_field field = {.raw = bytes_of(text)};
    size_t colon = bytes_find_byte(field.raw, ':');
    field.name = bytes_trim(bytes_first(field.raw, colon));
    field.value = bytes_slice(field.raw, colon + 1, field.raw.len - 2);
    return field;
}

static void assert_field(enum dkim_canonicalization canonicalization, const char *text,
                         const char *expected)
{
    struct header_field field = field_of(text);
    struct buf out;
    struct dkim_sink sink;
    buf_init(&out, 1 << 20);
    dkim_sink_open(&sink, append, &out);
    dkim_canonical_field(&sink, canonicalization, &field);
    dkim_sink_flush(&sink);
    assert_bytes(buf_bytes(&out), bytes_of(expected));
    buf_free(&out);
}

static void the_example_of_the_rfc_comes_out_as_it_says_rfc6376_3_4_5(void **state)
{
    static const char body[] = " C \r\nD \t E\r\n\r\n\r\n";
    assert_field(DKIM_RELAXED, "A: X\r\n", "a:X\r\n");
    assert_field(DKIM_RELAXED, "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n");
    assert_field(DKIM_SIMPLE, "A: X\r\n", "A: X\r\n");
    assert_field(DKIM_SIMPLE, "B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n");
    assert_body(DKIM_RELAXED, body, " C\r\nD E\r\n");
    assert_body(DKIM_SIMPLE, body, " C \r\nD \t E\r\n");
}

static void simple_bodies_end_in_one_line_end_rfc6376_3_4_3(void **state)
{
    assert_body(DKIM_SIMPLE, "", "\r\n");
    assert_body(DKIM_SIMPLE, "\r\n", "\r\n");
    assert_body(DKIM_SIMPLE, "\r\n\r\n\r\n", "\r\n");
    assert_body(DKIM_SIMPLE, "a", "a\r\n");
    assert_body(DKIM_SIMPLE, "a\r\n", "a\r\n");
    assert_body(DKIM_SIMPLE, "a\r\n\r\n", "a\r\n");
    assert_body(DKIM_SIMPLE, "a\r\n \r\n", "a\r\n \r\n");
    assert_body(DKIM_SIMPLE, "a \t b\r\n", "a \t b\r\n");
    assert_body(DKIM_SIMPLE, "a\n", "a\n\r\n");
}

static void relaxed_bodies_lose_white_space_at_line_ends_rfc6376_3_4_4(void **state)
{
    assert_body(DKIM_RELAXED, "", "");
    assert_body(DKIM_RELAXED, "\r\n", "");
    assert_body(DKIM_RELAXED, "\r\n\r\n", "");
    assert_body(DKIM_RELAXED, "a", "a\r\n");
    assert_body(DKIM_RELAXED, "a \t", "a\r\n");
    assert_body(DKIM_RELAXED, "a\t\r\nb  \r\n", "a\r\nb\r\n");
    assert_body(DKIM_RELAXED, "\ta  b\t\tc\r\n", " a b c\r\n");
    assert_body(DKIM_RELAXED, "\r\na\r\n\r\nb\r\n", "\r\na\r\n\r\nb\r\n");
}

static void lines_of_white_space_at_the_end_are_empty_lines_in_relaxed_rfc6376_3_4_4(void **state)
{
    assert_body(DKIM_RELAXED, "a\r\n \r\n\t\r\n", "a\r\n");
    assert_body(DKIM_RELAXED, " \t\r\n \r\n", "");
    assert_body(DKIM_RELAXED, "   ", "");
    assert_body(DKIM_RELAXED, "a\r\n  \r\nb\r\n", "a\r\n\r\nb\r\n");
}

static void single_cr_and_lf_are_octets_like_others(void **state)
{
    assert_body(DKIM_RELAXED, "a \rb \nc\r\n", "a \rb \nc\r\n");
    assert_field(DKIM_RELAXED, "A: x \r y\rz\r\n", "a:x \r y\rz\r\n");
}

static void folding_anywhere_becomes_one_space_in_relaxed_rfc6376_3_4_2(void **state)
{
    assert_field(DKIM_RELAXED, "SUBJect: AbC\r\n", "subject:AbC\r\n");
    assert_field(DKIM_RELAXED, "X:\r\n a\r\n\t \r\n b \r\n", "x:a b\r\n");
    assert_field(DKIM_RELAXED, "X:\r\n", "x:\r\n");
    assert_field(DKIM_RELAXED, "X: \t\r\n \r\n", "x:\r\n");
    assert_field(DKIM_RELAXED, "X:a\r\n", "x:a\r\n");
}

/* The fast scan against the rules written down octet by octet. */
static void slow_relaxed_body(struct bytes body, struct buf *out)
{
    size_t empty_lines = 0;
    while (body.len) {
        size_t end = bytes_find(body, BYTES("\r\n"));
        struct bytes line = bytes_first(body, end);
        body = end == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(body, end + 2);
        while (line.len && (line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\t'))
            line.len--;
        if (line.len == 0) {
            empty_lines++;
            continue;
        }
        for (; empty_lines; empty_lines--)
            buf_add_string(out, "\r\n");
        for (size_t i = 0; i < line.len; i++) {
            bool space = line.ptr[i] == ' ' || line.ptr[i] == '\t';
            if (space && i && (line.ptr[i - 1] == ' ' || line.ptr[i - 1] == '\t'))
                continue;
            buf_add_byte(out, space ? ' ' : line.ptr[i]);
        }
        buf_add_string(out, "\r\n");
    }
}

static void relaxed_is_the_same_at_every_offset_and_length(void **state)
{
    static const char *const pieces[] = {"a", "bc", " ", "  ", "\t", "\r\n", " \r\n", "word", "\r",
                                         "0123456789abcdef"};
    uint32_t random = 12345;
    for (int round = 0; round < 4000; round++) {
        char body[700] = "";
        size_t length = 0, wanted = (size_t)round % 600;
        while (length < wanted) {
            random = random * 1664525u + 1013904223u;
            const char *piece = pieces[(random >> 20) % countof(pieces)];
            memcpy(body + length, piece, strlen(piece) + 1);
            length += strlen(piece);
        }
        struct buf expected;
        buf_init(&expected, 4096);
        slow_relaxed_body(bytes_from(body, length), &expected);
        buf_add_byte(&expected, 0);
        assert_body(DKIM_RELAXED, body, (const char *)expected.ptr);
        buf_free(&expected);
    }
}

static void assert_hash(enum dkim_canonicalization canonicalization, const char *body,
                        const char *expected)
{
    struct dkim_body_hash hash = {.canonicalization = canonicalization, .digest = EVP_sha256()};
    struct dkim_body_hash *const wanted[] = {&hash};
    struct buf text;
    dkim_hash_bodies(bytes_of(body), wanted, 1);
    assert_false(hash.failed);
    buf_init(&text, 100);
    base64_encode(&text, bytes_from(hash.hash.octets, hash.hash.len));
    assert_bytes(buf_bytes(&text), bytes_of(expected));
    buf_free(&text);
}

static void empty_bodies_have_the_hashes_of_the_rfc_rfc6376_3_4_3(void **state)
{
    assert_hash(DKIM_SIMPLE, "", "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=");
    assert_hash(DKIM_RELAXED, "", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

static void each_limit_gets_the_hash_of_its_own_prefix_rfc6376_3_7(void **state)
{
    static const char body[] = "one  two \r\nthree\r\n\r\n"; /* relaxed: one two|three, 16 octets */
    static const char canonical[] = "one two\r\nthree\r\n";
    static const uint64_t limits[] = {16, 0, 5, 17, 5, 9};
    struct dkim_body_hash hashes[8] = {0};
    struct dkim_body_hash *wanted[8];
    for (size_t i = 0; i < 8; i++) {
        hashes[i] = (struct dkim_body_hash){.canonicalization = DKIM_RELAXED,
                                            .digest = EVP_sha256(),
                                            .limited = i < countof(limits)};
        hashes[i].length = i < countof(limits) ? limits[i] : 0;
        wanted[i] = &hashes[i];
    }
    hashes[7].canonicalization = DKIM_SIMPLE;
    dkim_hash_bodies(bytes_of(body), wanted, 8);
    for (size_t i = 0; i < 8; i++) {
        const char *text = i == 7 ? "one  two \r\nthree\r\n" : canonical;
        size_t length = i < countof(limits) ? limits[i] : strlen(text);
        uint8_t expected[32];
        assert_false(hashes[i].failed);
        assert_int_equal(hashes[i].too_short, length > strlen(text));
        if (hashes[i].too_short)
            continue;
        EVP_Digest(text, length, expected, NULL, EVP_sha256(), NULL);
        assert_memory_equal(hashes[i].hash.octets, expected, sizeof(expected));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_rfc_comes_out_as_it_says_rfc6376_3_4_5),
        cmocka_unit_test(simple_bodies_end_in_one_line_end_rfc6376_3_4_3),
        cmocka_unit_test(relaxed_bodies_lose_white_space_at_line_ends_rfc6376_3_4_4),
        cmocka_unit_test(lines_of_white_space_at_the_end_are_empty_lines_in_relaxed_rfc6376_3_4_4),
        cmocka_unit_test(single_cr_and_lf_are_octets_like_others),
        cmocka_unit_test(folding_anywhere_becomes_one_space_in_relaxed_rfc6376_3_4_2),
        cmocka_unit_test(relaxed_is_the_same_at_every_offset_and_length),
        cmocka_unit_test(empty_bodies_have_the_hashes_of_the_rfc_rfc6376_3_4_3),
        cmocka_unit_test(each_limit_gets_the_hash_of_its_own_prefix_rfc6376_3_7),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
