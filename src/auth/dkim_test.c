/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_fixture.h"
#include "fiber/fiber.h"

/* ---- The example of RFC 8463 ---- */

static const char rfc8463_message[] =
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    " subject : date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
    " date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    "\r\n"
    "Hi.\r\n"
    "\r\n"
    "We lost the game.  Are you hungry yet?\r\n"
    "\r\n"
    "Joe.\r\n";

static void add_rfc8463_keys(struct fixture *f)
{
    add_record(f, "brisbane._domainkey.football.example.com",
               BYTES("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="));
    add_record(f, "test._domainkey.football.example.com",
               BYTES("v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
                     "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
                     "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
                     "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"));
}

static void the_message_of_rfc_8463_passes_twice_rfc8463_A(void **state)
{
    struct fixture *f = *state;
    add_rfc8463_keys(f);
    verify(f, bytes_of(rfc8463_message));
    assert_int_equal(f->results.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct dkim_signature_result *r = &f->results.signatures[i];
        assert_int_equal(r->result, AUTH_PASS);
        assert_int_equal(r->problem.len, 0);
        assert_true(bytes_is(r->domain, "football.example.com"));
        assert_true(bytes_is(r->identity, "@football.example.com"));
        assert_true(bytes_is(r->selector, i ? "test" : "brisbane"));
        assert_true(bytes_is(r->algorithm, i ? "rsa-sha256" : "ed25519-sha256"));
        assert_int_equal(r->key_bits, i ? 1024 : 256);
        assert_false(r->key_testing || r->body_length_used || r->expired);
        assert_true(bytes_starts_with(r->signature, i ? BYTES("F45d") : BYTES("/gCr")));
    }
}

static void one_octet_changed_in_a_signed_field_or_the_body_fails(void **state)
{
    struct fixture *f = *state;
    add_rfc8463_keys(f);
    char text[sizeof(rfc8463_message)];
    memcpy(text, rfc8463_message, sizeof(text));
    char *subject = strstr(text, "dinner");
    subject[0] = 'D';
    verify(f, bytes_from(text, sizeof(text) - 1));
    expect(f, "fail", "does not fit");
    subject[0] = 'd';
    strstr(text, "game")[0] = 'G';
    verify(f, bytes_from(text, sizeof(text) - 1));
    expect(f, "fail", "body");
    assert_int_equal(f->results.signatures[1].result, AUTH_FAIL);
}

/* ---- What a signature must be (rfc6376:6.1.1) ---- */

static void a_message_without_signature_has_no_results(void **state)
{
    struct fixture *f = *state;
    verify_with(f, BYTES(""));
    assert_int_equal(f->results.count, 0);
    assert_int_equal(zone_question_count(f->zone), 0);
}

static void required_tags_are_required_rfc6376_3_5(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *tags, *problem;
    } cases[] = {
        {"a=rsa-sha256; d=example.org; s=s; h=From", "no v="},
        {"v=1; d=example.org; s=s; h=From", "no a="},
        {"v=1; a=rsa-sha256; s=s; h=From", "no d="},
        {"v=1; a=rsa-sha256; d=example.org; h=From", "no s="},
        {"v=1; a=rsa-sha256; d=example.org; s=s", "no h="},
        {"v=2; a=rsa-sha256; d=example.org; s=s; h=From", "version"},
        {"v=01; a=rsa-sha256; d=example.org; s=s; h=From", "version"},
        {"v=0.5; a=rsa-sha256; d=example.org; s=s; h=From", "version"},
        {"V=1; a=rsa-sha256; d=example.org; s=s; h=From", "no v="},
    };
    add_key(f, "", rsa_2048);
    for (size_t i = 0; i < countof(cases); i++)
        expect_tags(f, cases[i].tags, "permerror", cases[i].problem);
    verify_with(f, BYTES("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; h=From;"
                         " b=AAAA\r\n"));
    expect(f, "permerror", "no bh=");
    verify_with(f, BYTES("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; h=From;"
                         " bh=AA==\r\n"));
    expect(f, "permerror", "no b=");
    assert_int_equal(zone_question_count(f->zone), 0);
}

static void broken_tag_lists_are_permanent_errors_rfc6376_3_2(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[] = {
        GOOD_TAGS "; s=s",            /* twice */
        GOOD_TAGS "; x1=1; x1=1",     /* twice, though unknown */
        GOOD_TAGS "; novalue",        /* no "=" */
        GOOD_TAGS ";; y=1",           /* nothing between */
        GOOD_TAGS "; 1x=1",           /* no tag name */
        GOOD_TAGS "; y=\x01",         /* a control character */
    };
    add_key(f, "", rsa_2048);
    for (size_t i = 0; i < countof(cases); i++)
        expect_tags(f, cases[i], "permerror", "");
}

static void unknown_tags_white_space_and_folding_are_fine_rfc6376_3_2(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    expect_tags(f, GOOD_TAGS "; x_1=what ever; z=", "pass", "");
    expect_tags(f,
                "v = 1;\r\n\ta=rsa-sha256 ;c=relaxed/relaxed\r\n ; d=example.org;s=s;\r\n"
                " h=From\r\n : To:\r\n Subject",
                "pass", "");
    expect_tags(f, GOOD_TAGS "; r=\xc3\xa9", "pass", "");
}

static void the_from_field_must_be_signed_rfc6376_6_1_1(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    expect_tags(f, "v=1; a=rsa-sha256; d=example.org; s=s; h=To:Subject", "permerror", "From");
    expect_tags(f, "v=1; a=rsa-sha256; d=example.org; s=s; h=X-From:Fromage", "permerror", "From");
    expect_tags(f, "v=1; a=rsa-sha256; d=example.org; s=s; h=to:FROM", "pass", "");
    expect_tags(f, "v=1; a=rsa-sha256; d=example.org; s=s; h=", "permerror", "h=");
    expect_tags(f, "v=1; a=rsa-sha256; d=example.org; s=s; h=From:", "permerror", "h=");
    expect_tags(f, "v=1; a=rsa-sha256; d=example.org; s=s; h=From::To", "permerror", "h=");
    expect_tags(f, "v=1; a=rsa-sha256; d=example.org; s=s; h=From To", "permerror", "h=");
}

static void the_domain_must_be_a_name_of_two_labels_rfc6376_3_5(void **state)
{
    struct fixture *f = *state;
    static const char *const domains[] = {"org", "", "example.org.", "ex ample.org", "-a.org",
                                          "example.net(.example.org", "a..org", "[192.0.2.1]"};
    add_key(f, "", rsa_2048);
    for (size_t i = 0; i < countof(domains); i++) {
        char tags[200];
        snprintf(tags, sizeof(tags), "v=1; a=rsa-sha256; d=%s; s=s; h=From", domains[i]);
        expect_tags(f, tags, "permerror", "d=");
        assert_int_equal(f->results.signatures[0].domain.len, 0);
    }
    expect_tags(f, "v=1; a=rsa-sha256; d=EXAMPLE.org; s=S; h=From", "pass", "");
    assert_true(bytes_is(f->results.signatures[0].domain, "example.org"));
    expect_tags(f, "v=1; a=rsa-sha256; d=example.org; s=a b; h=From", "permerror", "s=");
}

static void internationalized_domains_are_asked_as_a_labels_rfc8616_5(void **state)
{
    struct fixture *f = *state;
    add_record(f, "s._domainkey.xn--bcher-kva.example",
               arena_printf(f->arena, "p=" BYTES_FMT, BYTES_ARG(public_text(f, rsa_2048))));
    expect_tags(f, "v=1; a=rsa-sha256; d=b\xc3\xbc" "cher.example; s=s; h=From", "pass", "");
    assert_true(bytes_is(f->results.signatures[0].domain, "xn--bcher-kva.example"));
}

static void the_identity_must_lie_within_the_domain_rfc6376_6_1_1(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    expect_tags(f, GOOD_TAGS "; i=@example.org", "pass", "");
    expect_tags(f, GOOD_TAGS "; i=ann@Sub.Example.org", "pass", "");
    assert_true(bytes_is(f->results.signatures[0].identity, "ann@Sub.Example.org"));
    expect_tags(f, GOOD_TAGS "; i=a=3Bb=40c@example.org", "pass", "");
    assert_true(bytes_is(f->results.signatures[0].identity, "a;b@c@example.org"));
    expect_tags(f, GOOD_TAGS, "pass", "");
    assert_true(bytes_is(f->results.signatures[0].identity, "@example.org"));
    expect_tags(f, GOOD_TAGS "; i=@notexample.org", "permerror", "i=");
    expect_tags(f, GOOD_TAGS "; i=@org", "permerror", "i=");
    expect_tags(f, GOOD_TAGS "; i=example.org", "permerror", "i=");
    expect_tags(f, GOOD_TAGS "; i=a@example.org@evil.example", "permerror", "i=");
    expect_tags(f, GOOD_TAGS "; i==4@example.org", "permerror", "i=");
}

static void what_is_not_known_is_neutral_rfc6376_3_3_4(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    expect_tags(f, "v=1; a=rsa-sha512; d=example.org; s=s; h=From", "neutral", "algorithm");
    expect_tags(f, "v=1; a=RSA-SHA256; d=example.org; s=s; h=From", "neutral", "algorithm");
    expect_tags(f, GOOD_TAGS "; q=dns/special", "neutral", "query");
    expect_tags(f, "v=1; a=rsa-sha256; c=nofws; d=example.org; s=s; h=From", "neutral",
                "canonicalization");
    expect_tags(f, "v=1; a=rsa-sha256; c=relaxed/x; d=example.org; s=s; h=From", "neutral",
                "canonicalization");
    expect_tags(f, GOOD_TAGS "; q=http/x : dns/txt", "pass", "");
}

static void one_canonicalization_is_that_of_the_header_only_rfc6376_3_5(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    struct bytes signature =
        sign(f, rsa_2048, "v=1; a=rsa-sha256; c=relaxed; d=example.org; s=s; h=From:Subject");
    f->headers = "FROM:Ann\t<ann@example.org>\r\nTo: bob@example.net\r\nsubject: a test\r\n";
    verify_with(f, signature);
    expect(f, "pass", "");
    f->body = "Hello Bob,\r\n\r\nbye.\r\n";
    verify_with(f, signature);
    expect(f, "fail", "body");
}

static void times_are_checked_rfc6376_3_5(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    expect_tags(f, GOOD_TAGS "; t=1699999999; x=1700000000", "pass", "");
    expect_tags(f, GOOD_TAGS "; t=1; x=1699999999", "permerror", "expired");
    assert_true(f->results.signatures[0].expired);
    expect_tags(f, GOOD_TAGS "; t=1800000000; x=1800000000", "permerror", "before");
    expect_tags(f, GOOD_TAGS "; t=9; x=8", "permerror", "before");
    expect_tags(f, GOOD_TAGS "; t=999999999999", "pass", "");
    expect_tags(f, GOOD_TAGS "; t=1000000000000", "permerror", "t=");
    expect_tags(f, GOOD_TAGS "; x=-1", "permerror", "x=");
    expect_tags(f, GOOD_TAGS "; x=", "permerror", "x=");
}

/* ---- The header hash ---- */

static void equal_names_are_taken_from_the_bottom_up_rfc6376_5_4_2(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    f->headers = "X: 1\r\nX: 2\r\nFrom: a@example.org\r\nX: 3\r\n";
    struct bytes signature =
        sign(f, rsa_2048, "v=1; a=rsa-sha256; c=simple; d=example.org; s=s; h=From:X:X");
    f->headers = "X: changed\r\nX: 2\r\nFrom: a@example.org\r\nX: 3\r\n";
    verify_with(f, signature);
    expect(f, "pass", "");
    f->headers = "X: 1\r\nX: changed\r\nFrom: a@example.org\r\nX: 3\r\n";
    verify_with(f, signature);
    expect(f, "fail", "fit");
    f->headers = "X: 1\r\nX: 3\r\nFrom: a@example.org\r\nX: 2\r\n";
    verify_with(f, signature);
    expect(f, "fail", "fit");
}

static void a_name_listed_once_more_seals_the_field_rfc6376_5_4(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    struct bytes sealed =
        sign(f, rsa_2048, "v=1; a=rsa-sha256; d=example.org; s=s; h=From:From:Subject:Subject");
    verify_with(f, sealed);
    expect(f, "pass", "");
    f->headers = "Subject: added\r\nFrom: Ann <ann@example.org>\r\nTo: bob@example.net\r\n"
                 "Subject: a  test\r\n";
    verify_with(f, sealed);
    expect(f, "fail", "fit");
    f->headers = "From: evil@example.net\r\nFrom: Ann <ann@example.org>\r\nSubject: a  test\r\n";
    verify_with(f, sealed);
    expect(f, "fail", "fit");
}

static void other_signatures_may_be_signed_but_never_the_field_itself_rfc6376_3_7(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    f->headers = "DKIM-Signature: v=9; old\r\nFrom: a@example.org\r\n";
    struct bytes signature =
        sign(f, rsa_2048, "v=1; a=rsa-sha256; d=example.org; s=s; h=From:DKIM-Signature");
    verify_with(f, signature);
    expect(f, "pass", "");
    f->headers = "DKIM-Signature: v=9; new\r\nFrom: a@example.org\r\n";
    verify_with(f, signature);
    expect(f, "fail", "fit");
}

static void simple_headers_bear_no_change_of_white_space_rfc6376_3_4_1(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    struct bytes signature =
        sign(f, rsa_2048, "v=1; a=rsa-sha256; d=example.org; s=s; h=From:Subject");
    verify_with(f, signature);
    expect(f, "pass", "");
    f->headers = "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: a test\r\n";
    verify_with(f, signature);
    expect(f, "fail", "fit");
}

/* ---- l= ---- */

static void a_time_in_the_future_is_noted_and_no_reason_to_fail_rfc6376_3_5(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    expect_tags(f, GOOD_TAGS "; t=1700000900; x=1800000000", "pass", "");
    assert_false(f->results.signatures[0].from_future);
    assert_int_equal(f->results.signatures[0].made, 1700000900);
    assert_int_equal(f->results.signatures[0].expires, 1800000000);
    expect_tags(f, GOOD_TAGS "; t=1700000901", "pass", "");
    assert_true(f->results.signatures[0].from_future);
    expect_tags(f, GOOD_TAGS, "pass", "");
    assert_false(f->results.signatures[0].from_future);
    assert_int_equal(f->results.signatures[0].made, 0);
}

static void a_key_in_testing_makes_neither_pass_nor_fail_rfc6376_3_6_1(void **state)
{
    struct fixture *f = *state;
    add_key(f, "v=DKIM1; t=y; ", rsa_2048);
    struct bytes signature = sign(f, rsa_2048, GOOD_TAGS);
    verify_with(f, signature);
    expect(f, "policy", "t=y");
    assert_true(f->results.signatures[0].key_testing);
    f->body = "another\r\n";
    verify_with(f, signature);
    expect(f, "neutral", "body is not the one that was signed; the key is in testing");
    f->body = PLAIN_BODY;
    f->headers = "From: Eve <eve@example.org>\r\nSubject: a test\r\n";
    verify_with(f, signature);
    expect(f, "neutral", "does not fit header and key; the key is in testing");
    /* Other flags are no testing. */
    f->headers = PLAIN_HEADERS;
    add_record(f, "t._domainkey.example.org",
               arena_printf(f->arena, "t=yes:z; p=" BYTES_FMT, BYTES_ARG(public_text(f, rsa_2048))));
    verify_with(f, sign(f, rsa_2048, "v=1; a=rsa-sha256; d=example.org; s=t; h=From"));
    expect(f, "pass", "");
}

static void a_partly_signed_body_is_never_a_pass(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    struct bytes signature = sign(f, rsa_2048, GOOD_TAGS "; l=5");
    verify_with(f, signature);
    expect(f, "policy", "l=");
    assert_true(f->results.signatures[0].body_length_used);
    f->body = "Hello whatever comes now\r\n";
    verify_with(f, signature);
    expect(f, "policy", "l=");
    f->body = "Hullo\r\n";
    verify_with(f, signature);
    expect(f, "fail", "body");
}

static void a_length_beyond_the_body_is_a_permanent_error_rfc6376_3_5(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    expect_tags(f, GOOD_TAGS "; l=20", "policy", "l="); /* Hello Bob,||bye.| */
    expect_tags(f, GOOD_TAGS "; l=21", "permerror", "larger");
    expect_tags(f, GOOD_TAGS "; l=99999999999999999999999999", "permerror", "larger");
    expect_tags(f, GOOD_TAGS "; l=1x", "permerror", "l=");
    expect_tags(f, GOOD_TAGS "; l=", "permerror", "l=");
}

/* ---- Many signatures ---- */

static void signatures_beyond_ten_are_counted_and_left(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    struct bytes one = sign(f, rsa_2048, GOOD_TAGS), all = BYTES("");
    for (int i = 0; i < 13; i++)
        all = arena_printf(f->arena, BYTES_FMT BYTES_FMT, BYTES_ARG(all), BYTES_ARG(one));
    verify_with(f, all);
    assert_int_equal(f->results.count, DKIM_SIGNATURES_MAX);
    assert_int_equal(f->results.ignored, 3);
    for (size_t i = 0; i < f->results.count; i++)
        assert_int_equal(f->results.signatures[i].result, AUTH_PASS);
    assert_int_equal(zone_question_count(f->zone), 1);
}

static void bad_signatures_do_not_spoil_good_ones_rfc6376_6_1(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    struct bytes good = sign(f, rsa_2048, GOOD_TAGS);
    verify_with(f, arena_printf(f->arena, "DKIM-Signature: nonsense\r\n" BYTES_FMT
                                          "DKIM-Signature: v=1\r\n",
                                BYTES_ARG(good)));
    assert_int_equal(f->results.count, 3);
    assert_int_equal(f->results.signatures[0].result, AUTH_PERMERROR);
    assert_int_equal(f->results.signatures[1].result, AUTH_PASS);
    assert_int_equal(f->results.signatures[2].result, AUTH_PERMERROR);
}

static void an_exhausted_arena_is_a_temporary_error_not_a_crash(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    struct bytes text = arena_printf(f->arena, BYTES_FMT "%s\r\n%s",
                                     BYTES_ARG(sign(f, rsa_2048, GOOD_TAGS)), f->headers, f->body);
    struct message message;
    assert_int_equal(message_parse(f->arena, text, &message, NULL), OK);
    for (size_t cap = 64; cap < 16384; cap += 64) {
        struct arena *small = arena_create(cap);
        struct dkim_results results;
        dkim_verify(zone_dns(f->zone), small, &message, &f->options, &results);
        if (results.count)
            assert_true(results.signatures[0].result == AUTH_PASS ||
                        results.signatures[0].result == AUTH_TEMPERROR);
        else
            assert_int_equal(results.ignored, 1);
        arena_destroy(small);
    }
}

/* ---- On fibers ---- */

struct fiber_case {
    struct fixture *fixture;
    int64_t elapsed;
};

static void verify_three(void *argument)
{
    struct fiber_case *c = argument;
    struct fixture *f = c->fixture;
    int64_t start = loop_now();
    f->options.deadline = loop_deadline(10 * SECOND);
    struct bytes text = BYTES("");
    for (int i = 0; i < 3; i++) {
        char tags[200];
        snprintf(tags, sizeof(tags),
                 "v=1; a=rsa-sha256; c=relaxed/relaxed; d=d%d.example; s=s; h=From", i);
        text = arena_printf(f->arena, BYTES_FMT BYTES_FMT, BYTES_ARG(text),
                            BYTES_ARG(sign(f, rsa_2048, tags)));
    }
    verify_with(f, text);
    c->elapsed = loop_now() - start;
}

static void keys_are_fetched_at_the_same_time(void **state)
{
    struct fixture *f = *state;
    struct fiber_case c = {.fixture = f};
    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof(name), "s._domainkey.d%d.example", i);
        add_record(f, name,
                   arena_printf(f->arena, "p=" BYTES_FMT, BYTES_ARG(public_text(f, rsa_2048))));
        /* The third answers only when it is too late. */
        zone_add_delay(f->zone, bytes_of(name), i == 2 ? 60 * SECOND : (2 + i) * SECOND);
    }
    struct loop_options options = {.fake_clock = true, .fake_epoch = NOW};
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    loop_run(loop, verify_three, &c);
    loop_destroy(loop);
    assert_int_equal(f->results.count, 3);
    assert_int_equal(f->results.signatures[0].result, AUTH_PASS);
    assert_int_equal(f->results.signatures[1].result, AUTH_PASS);
    assert_int_equal(f->results.signatures[2].result, AUTH_TEMPERROR);
    assert_in_range(c.elapsed, 10 * SECOND, 10 * SECOND + MILLISECOND);
}

static void verify_large(void *argument)
{
    struct fixture *f = ((struct fiber_case *)argument)->fixture;
    char *body = arena_alloc(f->arena, (1 << 20) + 1);
    memset(body, 'x', 1 << 20);
    for (size_t i = 78; i < 1 << 20; i += 80) {
        body[i] = '\r';
        body[i + 1] = '\n';
    }
    f->body = body;
    /* BYTES_FMT is bounded, so the message is put together without it. */
    struct buf text;
    buf_init(&text, 4 << 20);
    struct bytes signature = sign(f, rsa_2048, GOOD_TAGS);
    buf_add(&text, signature);
    buf_add_string(&text, f->headers);
    buf_add_string(&text, "\r\n");
    buf_add_string(&text, body);
    verify(f, buf_bytes(&text));
    assert_string_equal(first_result(f), "pass");
    buf_free(&text);
}

static void large_bodies_are_hashed_on_a_worker(void **state)
{
    struct fixture *f = *state;
    struct fiber_case c = {.fixture = f};
    add_key(f, "", rsa_2048);
    struct loop_options options = {.fake_clock = true, .fake_epoch = NOW, .workers = 2};
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    loop_run(loop, verify_large, &c);
    loop_destroy(loop);
    assert_int_equal(f->results.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_message_of_rfc_8463_passes_twice_rfc8463_A),
        TEST(one_octet_changed_in_a_signed_field_or_the_body_fails),
        TEST(a_message_without_signature_has_no_results),
        TEST(required_tags_are_required_rfc6376_3_5),
        TEST(broken_tag_lists_are_permanent_errors_rfc6376_3_2),
        TEST(unknown_tags_white_space_and_folding_are_fine_rfc6376_3_2),
        TEST(the_from_field_must_be_signed_rfc6376_6_1_1),
        TEST(the_domain_must_be_a_name_of_two_labels_rfc6376_3_5),
        TEST(internationalized_domains_are_asked_as_a_labels_rfc8616_5),
        TEST(the_identity_must_lie_within_the_domain_rfc6376_6_1_1),
        TEST(what_is_not_known_is_neutral_rfc6376_3_3_4),
        TEST(one_canonicalization_is_that_of_the_header_only_rfc6376_3_5),
        TEST(times_are_checked_rfc6376_3_5),
        TEST(equal_names_are_taken_from_the_bottom_up_rfc6376_5_4_2),
        TEST(a_name_listed_once_more_seals_the_field_rfc6376_5_4),
        TEST(other_signatures_may_be_signed_but_never_the_field_itself_rfc6376_3_7),
        TEST(simple_headers_bear_no_change_of_white_space_rfc6376_3_4_1),
        TEST(a_time_in_the_future_is_noted_and_no_reason_to_fail_rfc6376_3_5),
        TEST(a_key_in_testing_makes_neither_pass_nor_fail_rfc6376_3_6_1),
        TEST(a_partly_signed_body_is_never_a_pass),
        TEST(a_length_beyond_the_body_is_a_permanent_error_rfc6376_3_5),
        TEST(signatures_beyond_ten_are_counted_and_left),
        TEST(bad_signatures_do_not_spoil_good_ones_rfc6376_6_1),
        TEST(an_exhausted_arena_is_a_temporary_error_not_a_crash),
        TEST(keys_are_fetched_at_the_same_time),
        TEST(large_bodies_are_hashed_on_a_worker),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
