/* SPDX-License-Identifier: BSD-2-Clause */
/* The parsers of MTA-STS, TLSRPT and BIMI records, of policies, and of HTTP responses. */
#include "lint/bimi.h"
#include "outbound/https.h"
#include "outbound/mta_sts.h"
#include "lint/record_text.h"
#include "outbound/tlsrpt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum result sts(const char *text, struct mta_sts_record *out)
{
    struct error error;
    return mta_sts_record_parse(bytes_of(text), out, &error);
}

static void mta_sts_records_are_read_as_rfc8461_3_1_says(void **state)
{
    struct mta_sts_record record;
    (void)state;
    assert_int_equal(sts("v=STSv1; id=20160831085700Z;", &record), OK);
    assert_true(bytes_is(record.id, "20160831085700Z"));
    assert_int_equal(sts("v=STSv1;id=1", &record), OK);
    assert_int_equal(sts("v=STSv1 ; x-y.z=a:b ; id=1 ; id=2", &record), OK);
    assert_true(bytes_is(record.id, "1")); /* rfc8461:3.2: of repeated fields the first */
    assert_int_equal(sts("v=STSv1; id=12345678901234567890123456789012", &record), OK);
    assert_int_equal(sts("v=STSv1; id=123456789012345678901234567890123", &record), PERM);
    assert_int_equal(sts("v=STSv1; id=2026-01-01", &record), PERM);
    assert_int_equal(sts("v=STSv1; id=", &record), PERM);
    assert_int_equal(sts("v=STSv1;", &record), PERM);
    assert_int_equal(sts("v=STSv1", &record), PERM);
    assert_int_equal(sts("v=STSv1; id =1", &record), PERM);
    assert_int_equal(sts("v=STSv1;; id=1", &record), PERM);
    assert_int_equal(sts("v=STSv2; id=1", &record), NONE);
    assert_int_equal(sts("v=stsv1; id=1", &record), NONE);
    assert_int_equal(sts("id=1; v=STSv1", &record), NONE);
    assert_int_equal(sts("", &record), NONE);
}

static enum result policy(const char *text, struct mta_sts_policy *out)
{
    struct error error;
    return mta_sts_policy_parse(bytes_of(text), out, &error);
}

static void mta_sts_policies_are_read_as_rfc8461_3_2_says(void **state)
{
    static struct mta_sts_policy out;
    (void)state;
    assert_int_equal(policy("version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n"
                            "mx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n",
                            &out),
                     OK);
    assert_int_equal(out.mode, MTA_STS_ENFORCE);
    assert_int_equal(out.max_age, 604800);
    assert_int_equal(out.pattern_count, 3);
    assert_int_equal(policy("version:STSv1\nmode: none\nmax_age:86400", &out), OK);
    assert_int_equal(
        policy("mode:testing \nmx:a.example\nmax_age:1\nversion: STSv1\nfoo: b a r", &out), OK);
    assert_int_equal(policy("version: STSv1\nmode: none\nmode: enforce\nmax_age: 1\n", &out), OK);
    assert_int_equal(out.mode, MTA_STS_NONE);
    assert_int_equal(policy("version: STSv1\nmode: none\nmax_age: 9999999999\n", &out), OK);
    assert_int_equal(out.max_age, MTA_STS_AGE_MAX);
    assert_int_equal(policy("version: STSv1\nmode: enforce\nmax_age: 1\n", &out), PERM);
    assert_int_equal(policy("version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 1", &out),
                     PERM);
    assert_int_equal(policy("version: STSv1\nmode: none\n", &out), PERM);
    assert_int_equal(policy("version: STSv1\nmode: none\nmax_age: -1\n", &out), PERM);
    assert_int_equal(policy("version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n", &out), PERM);
    assert_int_equal(policy("version: STSv1\nmode: enforce\nmx: a.*.example\nmax_age: 1\n", &out),
                     PERM);
    assert_int_equal(policy("<html>\n", &out), PERM);
    assert_int_equal(policy("", &out), PERM);
}

static void a_wildcard_stands_for_one_label_rfc8461_4_1(void **state)
{
    (void)state;
    assert_true(mta_sts_pattern_matches(BYTES("mx.example"), BYTES("MX.example.")));
    assert_true(mta_sts_pattern_matches(BYTES("*.example.com"), BYTES("mx.example.com")));
    assert_false(mta_sts_pattern_matches(BYTES("*.example.com"), BYTES("a.mx.example.com")));
    assert_false(mta_sts_pattern_matches(BYTES("*.example.com"), BYTES("example.com")));
    assert_false(mta_sts_pattern_matches(BYTES("*.example.com"), BYTES(".example.com")));
}

static enum result tlsrpt(const char *text, size_t *count)
{
    static struct tlsrpt_record record;
    struct error error;
    enum result result = tlsrpt_record_parse(bytes_of(text), &record, &error);
    *count = record.destination_count;
    return result;
}

static void tlsrpt_records_are_read_as_rfc8460_3_says(void **state)
{
    size_t count;
    (void)state;
    assert_int_equal(tlsrpt("v=TLSRPTv1;rua=mailto:reports@example.com", &count), OK);
    assert_int_equal(count, 1);
    assert_int_equal(
        tlsrpt("v=TLSRPTv1; rua=https://r.example.com/v1/tlsrpt , mailto:a@b.example; x=y;",
               &count),
        OK);
    assert_int_equal(count, 2);
    assert_int_equal(tlsrpt("v=TLSRPTv1; rua=reports@example.com", &count), PERM);
    assert_int_equal(tlsrpt("v=TLSRPTv1; rua=mailto:a!b@example.com", &count), PERM);
    assert_int_equal(tlsrpt("v=TLSRPTv1; rua=http://example.com/", &count), PERM);
    assert_int_equal(tlsrpt("v=TLSRPTv1", &count), PERM);
    assert_int_equal(tlsrpt("v=TLSRPTv2; rua=mailto:a@b.example", &count), NONE);
}

static enum result bimi(const char *text, struct bimi_record *out)
{
    struct error error;
    return bimi_record_parse(bytes_of(text), out, &error);
}

static void bimi_records_want_https(void **state)
{
    struct bimi_record record;
    (void)state;
    assert_int_equal(bimi("v=BIMI1; l=https://a.example/l.svg; a=https://a.example/c.pem", &record),
                     OK);
    assert_true(bytes_is(record.evidence, "https://a.example/c.pem"));
    assert_int_equal(bimi("v=BIMI1; l=; a=;", &record), OK);
    assert_int_equal(record.location.len, 0);
    assert_int_equal(bimi("v=BIMI1; l=http://a.example/l.svg", &record), PERM);
    assert_int_equal(bimi("v=BIMI1", &record), PERM);
    assert_int_equal(bimi("v=BIMI2; l=https://a.example/l.svg", &record), PERM);
    assert_int_equal(bimi("v=DMARC1; p=none", &record), NONE);
}

static enum result response(struct arena *arena, const char *text, struct https_response *out)
{
    struct error error;
    return https_response_parse(arena, bytes_of(text), out, &error);
}

static void responses_are_read_by_length_by_chunks_or_to_the_end(void **state)
{
    struct https_response out;
    struct arena *arena = arena_create(1 << 20);
    (void)state;
    assert_int_equal(response(arena,
                              "HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=utf-8\r\n"
                              "Content-Length: 3\r\n\r\nabcdef",
                              &out),
                     OK);
    assert_int_equal(out.status, 200);
    assert_true(bytes_is_nocase(out.type, "text/plain"));
    assert_true(bytes_is(out.body, "abc"));
    assert_int_equal(response(arena, "HTTP/1.0 404\n\nno", &out), OK);
    assert_int_equal(out.status, 404);
    assert_true(bytes_is(out.body, "no"));
    assert_int_equal(response(arena,
                              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3;x=y\r\nabc\r\n02\r\nde\r\n0\r\n\r\n",
                              &out),
                     OK);
    assert_true(bytes_is(out.body, "abcde"));
    assert_int_equal(
        response(arena, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", &out),
        NONE);
    assert_int_equal(
        response(arena, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", &out),
        PERM);
    assert_int_equal(
        response(arena, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", &out),
        PERM);
    assert_int_equal(response(arena, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", &out),
                     NONE);
    assert_int_equal(
        response(arena, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nabc", &out), PERM);
    assert_int_equal(response(arena, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nabc", &out),
                     PERM);
    assert_int_equal(response(arena, "SSH-2.0-x\r\n", &out), PERM);
    assert_int_equal(response(arena, "HTTP/1.1 20", &out), NONE);
    arena_destroy(arena);
}

static void texts_are_split_at_255_octets_and_escaped(void **state)
{
    char text[601];
    struct buf out;
    (void)state;
    memset(text, 'a', 600);
    text[600] = '\0';
    buf_init(&out, 1 << 16);
    record_text_bind(&out, BYTES("a.example"), bytes_of(text));
    /* name, three pairs of quotes, two blanks between */
    assert_int_equal(out.len, strlen("a.example. IN TXT ") + 600 + 6 + 2);
    buf_clear(&out);
    record_text_bind(&out, BYTES("a.example"), BYTES("say \"x\\y\"\001"));
    assert_true(bytes_is(buf_bytes(&out), "a.example. IN TXT \"say \\\"x\\\\y\\\"\\001\""));
    buf_clear(&out);
    record_text_tinydns(&out, BYTES("a.example"), BYTES("v=spf1 ip6:2::1 \\ -all"), 300);
    assert_true(bytes_is(buf_bytes(&out), "'a.example:v=spf1 ip6\\0722\\072\\0721 \\134 -all:300"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mta_sts_records_are_read_as_rfc8461_3_1_says),
        cmocka_unit_test(mta_sts_policies_are_read_as_rfc8461_3_2_says),
        cmocka_unit_test(a_wildcard_stands_for_one_label_rfc8461_4_1),
        cmocka_unit_test(tlsrpt_records_are_read_as_rfc8460_3_says),
        cmocka_unit_test(bimi_records_want_https),
        cmocka_unit_test(responses_are_read_by_length_by_chunks_or_to_the_end),
        cmocka_unit_test(texts_are_split_at_255_octets_and_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
