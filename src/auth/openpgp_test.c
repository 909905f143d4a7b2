/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/openpgp.h"
#include "auth/openpgp_packet.h"

#include "message/test.h"

#define PACKET(octets) openpgp_read_packets(bytes_from("" octets, sizeof(octets) - 1))

static struct openpgp_result check(const char *text)
{
    struct message message;
    struct openpgp_result result;
    assert_int_equal(message_parse(arena, message_normalize(arena, bytes_of(text)), &message, NULL), OK);
    assert_int_equal(openpgp_check(arena, &message, &result), OK);
    return result;
}

/* The start of a version 4 signature: binary document, EdDSA, SHA256, and the length of what is hashed. */
#define V4(hashed) "\x04\x00\x16\x08\x00" hashed

static void version_4_with_both_ways_to_name_the_issuer_rfc9580_5_2_3(void **state)
{
    struct openpgp_packets packets =
        PACKET("\xc2\x30" V4("\x06") "\x05\x02\x01\x02\x03\x04"
               "\x00\x21\x09\x10"
               "ABCDEFGH"
               "\x16\x21\x04"
               "abcdefghijklmnopqrst"
               "\x00");
    assert_false(packets.malformed);
    assert_true(packets.is_signed);
    assert_int_equal(packets.version, 4);
    assert_int_equal(packets.created, 0x01020304);
    assert_int_equal(packets.hash, 8);
    assert_bytes(packets.key_id, "ABCDEFGH");
    assert_bytes(packets.fingerprint, "abcdefghijklmnopqrst");
}

static void old_lengths_rfc9580_4_2_2(void **state)
{
    /* Version 3, tag 2 with a length of one octet, of two, and up to the end. */
    assert_bytes(PACKET("\x88\x11\x03\x05\x00\x00\x00\x00\x09"
                        "ABCDEFGH"
                        "\x01\x02").key_id, "ABCDEFGH");
    assert_bytes(PACKET("\x89\x00\x11\x03\x05\x00\x00\x00\x00\x09"
                        "ABCDEFGH"
                        "\x01\x02").key_id, "ABCDEFGH");
    assert_bytes(PACKET("\x8b\x03\x05\x00\x00\x00\x00\x09"
                        "ABCDEFGH"
                        "\x01\x02").key_id, "ABCDEFGH");
}

static void version_6_rfc9580_5_2_3(void **state)
{
    struct openpgp_packets packets =
        PACKET("\xc2\x2f\x06\x00\x1b\x0a\x00\x00\x00\x23\x22\x21\x06"
               "0123456789abcdef0123456789abcdef"
               "\x00\x00\x00\x00");
    assert_true(packets.is_signed);
    assert_int_equal(packets.version, 6);
    assert_bytes(packets.fingerprint, "0123456789abcdef0123456789abcdef");
    assert_string_equal(openpgp_hash_name(packets.hash), "SHA512");
}

static void what_is_hashed_counts_before_the_rest(void **state)
{
    struct openpgp_packets packets = PACKET("\xc2\x18" V4("\x06") "\x05\x02\x00\x00\x00\x01"
                                            "\x00\x0a\x05\x02\x00\x00\x00\x02\x03\x1c"
                                            "ab"
                                            "\x00\x00");
    assert_int_equal(packets.created, 1);
    assert_bytes(packets.signer, "ab");
}

static void lengths_beyond_the_data_are_malformed(void **state)
{
    assert_true(PACKET("\xc2\xff\xff\xff\xff\xff\x04").malformed);
    assert_true(PACKET("\xc2\x06" V4("\xff") "\x00").malformed);
    assert_true(PACKET("\xc2\x09" V4("\x02") "\x40\x02\x00\x00").malformed);
    assert_true(PACKET("\x02").malformed);
    assert_false(PACKET("\xd2\xff\xff\xff\xff\xff\x01").malformed); /* encrypted, and cut off */
    assert_true(PACKET("\xd2\xe9\x01").encrypted);
}

static void armor_with_and_without_headers_and_checksum_rfc9580_6_2(void **state)
{
    static const char *const texts[] = {
        "x\n-----BEGIN PGP SIGNATURE-----\n\nQUJD\n=abcd\n-----END PGP SIGNATURE-----\nrest",
        "-----BEGIN PGP SIGNATURE-----  \r\nVersion: 1\r\n\r\nQU\r\nJD\r\n-----END PGP SIGNATURE-----\r\nrest",
        "-----BEGIN PGP SIGNATURE-----\nQUJD\n-----END PGP SIGNATURE-----\nrest"};
    for (size_t i = 0; i < countof(texts); i++) {
        struct buf out;
        struct bytes rest;
        buf_init(&out, 100);
        assert_true(openpgp_dearmor(bytes_of(texts[i]), "SIGNATURE", &out, &rest));
        assert_bytes(buf_bytes(&out), "ABC");
        assert_bytes(rest, "rest");
        assert_false(openpgp_dearmor(bytes_of(texts[i]), "MESSAGE", &out, &rest));
        buf_free(&out);
    }
}

static void a_mark_within_a_line_is_no_armor(void **state)
{
    assert_int_equal(check("\n> -----BEGIN PGP MESSAGE-----\n").result, AUTH_NONE);
}

static void forms_of_messages_rfc3156(void **state)
{
    struct openpgp_result result =
        check("Content-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\n\n"
              "--b\n\nx\n--b--\n");
    assert_int_equal(result.result, AUTH_PERMERROR);
    assert_string_equal(result.form, "multipart/signed");
    result = check("Content-Type: multipart/encrypted; boundary=b; protocol=\"application/pgp-encrypted\"\n\n"
                   "--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\n\nx\n--b--\n");
    assert_int_equal(result.result, AUTH_NEUTRAL);
    assert_true(result.encrypted);
    /* Of S/MIME, and in a forwarded message: not ours. */
    result = check("Content-Type: multipart/signed; boundary=b; protocol=\"application/pkcs7-signature\"\n\n"
                   "--b\n\nx\n--b--\n");
    assert_int_equal(result.result, AUTH_NONE);
    result = check("Content-Type: message/rfc822\n\n\n-----BEGIN PGP MESSAGE-----\n\nQUJD\n"
                   "-----END PGP MESSAGE-----\n");
    assert_int_equal(result.result, AUTH_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_4_with_both_ways_to_name_the_issuer_rfc9580_5_2_3),
        cmocka_unit_test(old_lengths_rfc9580_4_2_2),
        cmocka_unit_test(version_6_rfc9580_5_2_3),
        cmocka_unit_test(what_is_hashed_counts_before_the_rest),
        cmocka_unit_test(lengths_beyond_the_data_are_malformed),
        cmocka_unit_test(armor_with_and_without_headers_and_checksum_rfc9580_6_2),
        cmocka_unit_test(a_mark_within_a_line_is_no_armor),
        cmocka_unit_test(forms_of_messages_rfc3156),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
