/* SPDX-License-Identifier: BSD-2-Clause */
/* What needs no program to make keys: the counting of objects, and messages. Signatures are verified in
 * tests/interop/smime_test.py. */
#include "auth/smime.h"
#include "auth/smime_blob.h"
#include "base/encode.h"

#include "message/test.h"

#define BLOB(octets) smime_blob_read(bytes_from("" octets, sizeof(octets) - 1))
#define SIGNED_DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define ENVELOPED_DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
#define DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"

static struct smime_result check(struct bytes raw)
{
    struct message message;
    struct smime_result result;
    assert_int_equal(message_parse(arena, raw, &message, NULL), OK);
    assert_int_equal(smime_check(arena, &message, BYTES("a@b.example"), NULL, 0, &result), OK);
    return result;
}

static struct smime_result check_text(const char *text)
{
    return check(message_normalize(arena, bytes_of(text)));
}

static void definite_lengths_are_counted_rfc5652_5_1(void **state)
{
    /* Two digests, data, three certificates (empty), one signer. */
    struct smime_blob blob = BLOB("\x30\x2c" SIGNED_DATA "\xa0\x1f\x30\x1d\x02\x01\x01\x31\x04\x30\x00\x30\x00"
                                  "\x30\x0b" DATA "\xa0\x00\x31\x03\x30\x01\x00");
    assert_int_equal(blob.kind, SMIME_SIGNED);
    assert_int_equal(blob.digest_algorithms, 2);
    assert_int_equal(blob.certificates, 0);
    assert_int_equal(blob.signers, 1);
}

static void indefinite_lengths_are_counted(void **state)
{
    struct smime_blob blob = BLOB("\x30\x80" SIGNED_DATA "\xa0\x80\x30\x80\x02\x01\x01\x31\x80\x30\x00\x00\x00"
                                  "\x30\x80" DATA "\xa0\x80\x24\x80\x04\x01x\x04\x01y\x00\x00\x00\x00\x00\x00"
                                  "\xa0\x80\x30\x00\x30\x80\x00\x00\x00\x00\x31\x00\x00\x00\x00\x00\x00\x00");
    assert_int_equal(blob.kind, SMIME_SIGNED);
    assert_int_equal(blob.digest_algorithms, 1);
    assert_int_equal(blob.certificates, 2);
    assert_int_equal(blob.signers, 0);
    assert_true(blob.content > 11);
}

static void other_kinds_are_told_apart(void **state)
{
    assert_int_equal(BLOB("\x30\x0d" ENVELOPED_DATA "\xa0\x00").kind, SMIME_ENCRYPTED);
    assert_int_equal(BLOB("\x30\x0d" DATA "\xa0\x00").kind, SMIME_OTHER);
}

static void what_does_not_fit_is_malformed(void **state)
{
    assert_int_equal(BLOB("").kind, SMIME_MALFORMED);
    assert_int_equal(BLOB("\x30\x84\xff\xff\xff\xff").kind, SMIME_MALFORMED);
    assert_int_equal(BLOB("\x30\x0d" SIGNED_DATA "\xa0\x00").kind, SMIME_MALFORMED);
    assert_int_equal(BLOB("\x30\x85\x01\x01\x01\x01\x01").kind, SMIME_MALFORMED);
    /* Indefinite lengths in each other end at a limit, and need no stack. */
    struct buf deep;
    buf_init(&deep, 1 << 20);
    buf_add(&deep, BYTES("\x30\x80" SIGNED_DATA "\xa0\x80\x30\x80\x02\x01\x01\x31\x00"));
    for (unsigned i = 0; i < 100000; i++)
        buf_add(&deep, BYTES("\x30\x80"));
    assert_int_equal(smime_blob_read(buf_bytes(&deep)).kind, SMIME_MALFORMED);
    buf_free(&deep);
}

static void a_message_without_a_signature_is_none(void **state)
{
    assert_int_equal(check_text("Subject: x\n\ny\n").result, AUTH_NONE);
    assert_int_equal(check_text("Content-Type: multipart/signed; boundary=b;\n"
                                " protocol=\"application/pgp-signature\"\n\n--b\n\nx\n--b\n\ny\n--b--\n")
                         .result,
                     AUTH_NONE);
}

static void a_signed_message_has_two_parts_rfc1847_2_1(void **state)
{
    static const char head[] = "Content-Type: multipart/signed; boundary=b; protocol=\"application/"
                               "pkcs7-signature\"\n\n--b\n\nx\n";
    char text[512];
    snprintf(text, sizeof(text), "%s--b--\n", head);
    assert_int_equal(check_text(text).result, AUTH_PERMERROR);
    snprintf(text, sizeof(text), "%s--b\nContent-Type: text/plain\n\ny\n--b--\n", head);
    assert_int_equal(check_text(text).result, AUTH_PERMERROR);
    snprintf(text, sizeof(text), "%s--b\nContent-Type: application/pkcs7-signature\n\nrubbish\n--b--\n", head);
    assert_int_equal(check_text(text).result, AUTH_PERMERROR);
}

static struct bytes opaque(struct bytes object)
{
    struct buf text;
    buf_init(&text, 4 << 20);
    buf_add_string(&text, "Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    base64_encode(&text, object);
    struct bytes copy = arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

static void encrypted_is_neutral(void **state)
{
    struct smime_result result =
        check(opaque(BYTES("\x30\x0d" ENVELOPED_DATA "\xa0\x00")));
    assert_int_equal(result.result, AUTH_NEUTRAL);
    assert_true(result.encrypted && result.opaque);
}

static void a_thousand_certificates_are_not_looked_into(void **state)
{
    struct buf object;
    buf_init(&object, 1 << 20);
    buf_add(&object, BYTES("\x30\x80" SIGNED_DATA "\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x0b" DATA "\xa0\x80"));
    for (unsigned i = 0; i < 1000; i++)
        buf_add(&object, BYTES("\x30\x00"));
    buf_add(&object, BYTES("\x00\x00\x31\x02\x30\x00\x00\x00\x00\x00\x00\x00"));
    struct smime_result result = check(opaque(buf_bytes(&object)));
    assert_int_equal(result.result, AUTH_NEUTRAL);
    assert_bytes(result.problem, "the signature has more in it than is looked into");
    buf_free(&object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definite_lengths_are_counted_rfc5652_5_1),
        cmocka_unit_test(indefinite_lengths_are_counted),
        cmocka_unit_test(other_kinds_are_told_apart),
        cmocka_unit_test(what_does_not_fit_is_malformed),
        cmocka_unit_test(a_message_without_a_signature_is_none),
        cmocka_unit_test(a_signed_message_has_two_parts_rfc1847_2_1),
        cmocka_unit_test(encrypted_is_neutral),
        cmocka_unit_test(a_thousand_certificates_are_not_looked_into),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
