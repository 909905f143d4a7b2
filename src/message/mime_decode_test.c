/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/mime_decode.h"

#include "message/test.h"

static void assert_decoded(enum mime_encoding encoding, const char *text, const char *expected, bool good)
{
    struct buf out;
    struct mime_decoder decoder = mime_decoder_for(encoding);
    buf_init(&out, 4096);
    mime_decode(&decoder, bytes_of(text), &out);
    mime_decode_end(&decoder, &out);
    assert_bytes(buf_bytes(&out), expected);
    assert_int_equal(!decoder.malformed, good);
    buf_free(&out);
}

static void base64_rfc2045_6_8(void **state)
{
    assert_decoded(MIME_BASE64, "SGVsbG8sIHdvcmxk", "Hello, world", true);
    assert_decoded(MIME_BASE64, "SGVs\r\nbG8=\r\n", "Hello", true);
    assert_decoded(MIME_BASE64, "SGVsbA==", "Hell", true);
    assert_decoded(MIME_BASE64, "SG!Vs-bG8=", "Hello", false);
    assert_decoded(MIME_BASE64, "SGVsbA==SGVs", "HellHel", false);
    assert_decoded(MIME_BASE64, "SGVsbG8", "Hel", false);
    assert_decoded(MIME_BASE64, "S===SGVs", "Hel", false);
    assert_decoded(MIME_BASE64, "", "", true);
}

static void quoted_printable_rfc2045_6_7(void **state)
{
    assert_decoded(MIME_QUOTED_PRINTABLE, "a=3Db=\r\nc \t\r\nd", "a=bc\r\nd", true);
    assert_decoded(MIME_QUOTED_PRINTABLE, "gr=fc=C3 x", "gr\xfc\xc3 x", true);
    assert_decoded(MIME_QUOTED_PRINTABLE, "soft= \t\r\nbreak", "softbreak", true);
    assert_decoded(MIME_QUOTED_PRINTABLE, "end=", "end", true);
    assert_decoded(MIME_QUOTED_PRINTABLE, "a=zb=4", "a=zb=4", false);
    assert_decoded(MIME_QUOTED_PRINTABLE, "a= b", "a= b", false);
    assert_decoded(MIME_QUOTED_PRINTABLE, "kept \t x", "kept \t x", true);
}

static void names_of_encodings(void **state)
{
    assert_int_equal(mime_encoding_of(BYTES(" Base64 ")), MIME_BASE64);
    assert_int_equal(mime_encoding_of(BYTES("(c) quoted-printable; x")), MIME_QUOTED_PRINTABLE);
    assert_int_equal(mime_encoding_of(BYTES("\"base64\"")), MIME_BASE64);
    assert_int_equal(mime_encoding_of(BYTES("8BIT")), MIME_IDENTITY);
    assert_int_equal(mime_encoding_of(BYTES("x-uuencode")), MIME_UNKNOWN_ENCODING);
    assert_int_equal(mime_encoding_of(BYTES("")), MIME_UNKNOWN_ENCODING);
}

static void the_buffers_maximum_holds(void **state)
{
    struct buf out;
    struct mime_decoder decoder = mime_decoder_for(MIME_QUOTED_PRINTABLE);
    struct bytes text = repeat("=41", 1000);
    buf_init(&out, 100);
    mime_decode(&decoder, text, &out);
    mime_decode_end(&decoder, &out);
    assert_true(out.failed && out.len <= 100);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_rfc2045_6_8),
        cmocka_unit_test(quoted_printable_rfc2045_6_7),
        cmocka_unit_test(names_of_encodings),
        cmocka_unit_test(the_buffers_maximum_holds),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
