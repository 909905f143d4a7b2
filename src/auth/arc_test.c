/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/arc_fixture.h"

static void add_keys(struct fixture *f)
{
    add_key(f, "", rsa_1024);
    add_record(f, "s._domainkey.example.net",
               arena_printf(f->arena, "p=" BYTES_FMT, BYTES_ARG(public_text(f, rsa_2048))));
}

static void without_fields_it_is_none_5_2_step_1(void **state)
{
    struct fixture *f = *state;
    struct arc_results results = expect_chain(f, text_of(f, MAIL), AUTH_NONE, "");
    assert_int_equal(results.count, 0);
    /* Names that only look like it are none of ours. */
    expect_chain(f, text_of(f, "ARC-Sealed: i=1\r\nX-ARC-Seal: i=1\r\n" MAIL), AUTH_NONE, "");
}

static void an_honest_chain_passes_5_2(void **state)
{
    struct fixture *f = *state;
    add_keys(f);
    struct arc_results results = expect_chain(f, seal_times(f, MAIL, 3), AUTH_PASS, "");
    assert_int_equal(results.count, 3);
    assert_int_equal(results.oldest_pass, 0);
    assert_false(results.exhausted);
    for (unsigned i = 0; i < 3; i++) {
        const struct arc_set *set = &results.sets[i];
        assert_int_equal(set->instance, i + 1);
        assert_int_equal(set->cv, i ? AUTH_PASS : AUTH_NONE);
        assert_int_equal(set->seal, AUTH_PASS);
        assert_int_equal(set->message_signature, AUTH_PASS);
        assert_int_equal(set->time, NOW - 1);
        assert_true(bytes_is(set->domain, "example.org") && bytes_is(set->selector, "s"));
        assert_true(bytes_is(set->message_domain, "example.org"));
        assert_true(bytes_is(set->authserv_id, "mx.example.org"));
        assert_int_equal(set->auth_results.statement_count, 1);
        assert_int_equal(set->auth_results.statements[0].result, AUTH_PASS);
    }
}

static void sealers_of_different_domains_and_algorithms_make_one_chain(void **state)
{
    struct fixture *f = *state;
    add_keys(f);
    add_record(
        f, "s._domainkey.ed.example",
        arena_printf(f->arena, "k=ed25519; p=" BYTES_FMT, BYTES_ARG(public_text(f, ed25519))));
    struct bytes text = seal_at(f, text_of(f, MAIL), "example.org", rsa_1024);
    text = seal_at(f, text, "ed.example", ed25519);
    text = seal_at(f, text, "example.net", rsa_2048);
    assert_int_equal(expect_chain(f, text, AUTH_PASS, "").count, 3);
}

static void each_key_is_asked_once_and_none_for_a_changed_body(void **state)
{
    struct fixture *f = *state;
    add_keys(f);
    struct bytes text = seal_times(f, MAIL, 4);
    size_t before = zone_question_count(f->zone);
    expect_chain(f, text, AUTH_PASS, "");
    assert_int_equal(zone_question_count(f->zone), before + 1);
    expect_chain(f, replace(f, text, "bye", "buy"), AUTH_FAIL, "set 4");
    expect_chain(f, replace(f, text, "cv=pass", "cv=none"), AUTH_FAIL, "set 4");
    assert_int_equal(zone_question_count(f->zone), before + 1);
}

static void fifty_sets_hold_and_one_more_does_not_4_2_1(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->arena);
    f->arena = arena_create((size_t)1 << 30);
    add_keys(f);
    struct bytes text = seal_times(f, MAIL, ARC_SETS_MAX), set;
    struct arc_results results = expect_chain(f, text, AUTH_PASS, "");
    assert_int_equal(results.count, ARC_SETS_MAX);
    assert_int_equal(results.oldest_pass, 0);
    struct auth_results found = found_results();
    struct arc_sealing sealing = sealing_of(&found);
    struct error error;
    assert_int_equal(seal_as(f, text, &sealing, &results, rsa_1024, &set, &error), NONE);
    expect_chain(f, prepend(f, "ARC-Authentication-Results: i=51; a; none\r\n", text), AUTH_FAIL,
                 "more than 50");
}

static void a_newest_seal_with_cv_fail_ends_it_5_2_step_2(void **state)
{
    struct fixture *f = *state;
    add_keys(f);
    struct bytes text = replace(f, seal_times(f, MAIL, 2), "cv=pass", "cv=fail");
    struct arc_results results = expect_chain(f, text, AUTH_FAIL, "set 2");
    assert_true(results.exhausted);
    /* Also where nothing else is in order. */
    results = expect_chain(f, text_of(f, "ARC-Seal: i=7; cv=Fail\r\n" MAIL), AUTH_FAIL, "set 7");
    assert_true(results.exhausted);
}

static void each_set_has_each_field_once_5_2_step_3_a_b(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {
        "ARC-Seal:", "ARC-Message-Signature:", "ARC-Authentication-Results:"};
    add_keys(f);
    struct bytes text = seal_times(f, MAIL, 2);
    for (size_t i = 0; i < countof(names); i++) {
        expect_chain(f, replace_nth(f, text, 0, names[i], "X-Was:"), AUTH_FAIL, "has no");
        expect_chain(f, replace_nth(f, text, 1, names[i], "X-Was:"), AUTH_FAIL, "set 1 has no");
    }
    expect_chain(f, prepend(f, "ARC-Authentication-Results: i=2; a; none\r\n", text), AUTH_FAIL,
                 "set 2 has more than one");
    expect_chain(f, replace(f, text, "i=2; mx", "i=3; mx"), AUTH_FAIL, "set 2 has no");
    expect_chain(f, prepend(f, "ARC-Seal: cv=none\r\n", text), AUTH_FAIL, "cannot be read");
    expect_chain(f, prepend(f, "ARC-Seal: i=1; i=1\r\n", text), AUTH_FAIL, "cannot be read");
}

static void cv_is_none_at_first_and_pass_then_5_2_step_3_c(void **state)
{
    struct fixture *f = *state;
    add_keys(f);
    struct bytes text = seal_times(f, MAIL, 2);
    expect_chain(f, replace(f, text, "cv=none", "cv=pass"), AUTH_FAIL,
                 "seal of set 1 says cv=pass");
    expect_chain(f, replace(f, text, "cv=none", "cv=fail"), AUTH_FAIL,
                 "seal of set 1 says cv=fail");
    expect_chain(f, replace(f, text, "cv=pass", "cv=none"), AUTH_FAIL,
                 "seal of set 2 says cv=none");
    expect_chain(f, replace(f, text, "cv=pass", "cv=good"), AUTH_FAIL, "seal of set 2 is void");
}

static void older_message_signatures_tell_since_when_it_is_unchanged_5_2_step_5(void **state)
{
    struct fixture *f = *state;
    add_keys(f);
    struct bytes text = seal_times(f, MAIL, 2), set;
    /* A list changes the message once it has verified it, and then seals. */
    struct arc_results chain = verify_chain(f, text);
    struct auth_results found = found_results();
    struct arc_sealing sealing = sealing_of(&found);
    struct error error;
    text = replace(f, text, "bye", "good bye");
    assert_int_equal(seal_as(f, text, &sealing, &chain, rsa_1024, &set, &error), OK);
    text = arena_printf(f->arena, BYTES_FMT BYTES_FMT, BYTES_ARG(set), BYTES_ARG(text));
    text = seal_at(f, text, "example.org", rsa_1024);
    struct arc_results results = expect_chain(f, text, AUTH_PASS, "");
    assert_int_equal(results.oldest_pass, 3);
    assert_int_equal(results.sets[2].message_signature, AUTH_PASS);
    assert_int_equal(results.sets[1].message_signature, AUTH_FAIL);
    assert_int_equal(results.sets[0].message_signature, AUTH_NONE);
}

static void a_changed_field_breaks_the_newest_message_signature_5_2_step_4(void **state)
{
    struct fixture *f = *state;
    add_keys(f);
    struct bytes text = seal_times(f, MAIL, 1);
    struct arc_results results =
        expect_chain(f, replace(f, text, "Subject: a", "Subject: b"), AUTH_FAIL, "set 1");
    assert_int_equal(results.sets[0].message_signature, AUTH_FAIL);
    assert_int_equal(results.sets[0].seal, AUTH_NONE);
    expect_chain(f, prepend(f, "Subject: another\r\n", text), AUTH_FAIL, "set 1");
    expect_chain(f, prepend(f, "Received: by mx\r\nAuthentication-Results: mx; none\r\n", text),
                 AUTH_PASS, "");
}

static void a_changed_set_breaks_its_own_seal_5_2_step_6(void **state)
{
    struct fixture *f = *state;
    add_keys(f);
    struct bytes text = seal_times(f, MAIL, 3);
    struct arc_results results = expect_chain(f, replace_nth(f, text, 0, "spf=pass", "spf=fail"),
                                              AUTH_FAIL, "seal of set 3");
    assert_int_equal(results.sets[2].seal, AUTH_FAIL);
    assert_int_equal(results.sets[1].seal, AUTH_NONE);
    /* And those of all sets behind it, of which the newest is looked at first. */
    expect_chain(f, replace_nth(f, text, 2, "spf=pass", "spf=fail"), AUTH_FAIL, "seal of set 3");
}

static void signatures_have_rules_of_their_own_4_1(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *from, *to, *problem;
    } cases[] = {
        {"cv=none;", "cv=none; h=from;", "h= must not stand in a seal"},
        {"h=From:", "h=ARC-Seal:From:", "h= must not list ARC-Seal"},
        {"c=relaxed/relaxed;", "c=relaxed/relaxed; l=1;", "in part only"},
        {"c=relaxed/relaxed;", "c=relaxed/relaxed; x=1600000000;", "before it was made"},
        {"c=relaxed/relaxed;", "c=odd/relaxed;", "not known"},
        {"Signature: a=rsa-sha256", "Signature: a=rsa-sha1", "RFC 8301"},
        {"Seal: a=rsa-sha256", "Seal: a=rsa-sha1", "RFC 8301"},
        {"Seal: a=rsa-sha256", "Seal: a=rsa-md5", "not known"},
        {"cv=none; d=example.org", "cv=none; d=org", "d= is not a domain"},
    };
    add_keys(f);
    struct bytes text = seal_times(f, MAIL, 1);
    for (size_t i = 0; i < countof(cases); i++)
        expect_chain(f, replace(f, text, cases[i].from, cases[i].to), AUTH_FAIL, cases[i].problem);
    /* v= means nothing, and unknown tags neither (4.1.2): the signature breaks, not the reading. */
    expect_chain(f, replace(f, text, "c=relaxed/relaxed;", "c=relaxed/relaxed; v=9; zz=1;"),
                 AUTH_FAIL, "does not fit header and key");
}

static void a_key_that_cannot_be_fetched_is_temperror(void **state)
{
    struct fixture *f = *state;
    add_keys(f);
    struct bytes text = seal_at(f, seal_times(f, MAIL, 1), "example.net", rsa_2048);
    zone_add_failure(f->zone, BYTES("s._domainkey.example.net"), 0);
    struct arc_results results = expect_chain(f, text, AUTH_TEMPERROR, "set 2");
    assert_int_equal(results.sets[1].seal, AUTH_TEMPERROR);
    assert_int_equal(results.sets[0].seal, AUTH_PASS);
    /* What is plainly wrong elsewhere is wrong for good. */
    expect_chain(f, replace_nth(f, text, 1, "spf=pass", "spf=fail"), AUTH_FAIL, "seal of set 1");
}

static void a_key_that_is_not_there_is_fail(void **state)
{
    struct fixture *f = *state;
    struct bytes text;
    add_keys(f);
    text = replace(f, seal_times(f, MAIL, 1), "; s=s;", "; s=none;");
    struct arc_results results = expect_chain(f, text, AUTH_FAIL, "no key record");
    assert_int_equal(results.sets[0].seal, AUTH_NONE);
}

static void keys_that_do_not_fit_are_passed_over(void **state)
{
    struct fixture *f = *state;
    add_record(f, "s._domainkey.example.org", BYTES("v=spf1 -all"));
    add_record(f, "s._domainkey.example.org",
               BYTES("k=ed25519; p=XU7Usd2H9WiGU3gCKrnOOzivrYqKKRAPh5tI70CdtMk="));
    add_key(f, "", rsa_2048);
    add_key(f, "", rsa_1024);
    expect_chain(f, seal_times(f, MAIL, 2), AUTH_PASS, "");
}

static void results_that_cannot_be_read_do_not_break_the_chain(void **state)
{
    struct fixture *f = *state;
    add_keys(f);
    struct bytes text = seal_times(f, MAIL, 1);
    text = replace(f, text, "spf=pass", "spf=pass=;");
    struct arc_results results = verify_chain(f, text);
    /* It is the seal that breaks. */
    assert_int_equal(results.sets[0].seal, AUTH_FAIL);
    assert_int_equal(results.sets[0].message_signature, AUTH_PASS);
    assert_int_equal(results.sets[0].auth_results.statement_count, 0);
    assert_int_equal(results.sets[0].authserv_id.len, 0);
}

static void where_memory_ends_it_is_temperror(void **state)
{
    struct fixture *f = *state;
    add_keys(f);
    struct bytes text = seal_times(f, MAIL, 3);
    struct message message;
    struct arc_options options = {.now = NOW, .deadline = INT64_MAX};
    bool passed = false;
    assert_int_equal(message_parse(f->arena, text, &message, NULL), OK);
    for (size_t cap = 1024; !passed; cap += cap / 2) {
        struct arena *arena = arena_create(cap);
        struct arc_results results;
        arc_verify(zone_dns(f->zone), arena, &message, &options, &results);
        passed = results.result == AUTH_PASS;
        assert_true(passed || (results.result == AUTH_TEMPERROR && results.problem.len));
        arena_destroy(arena);
        assert_true(cap < MEMORY);
    }
}

/* ---- Fields ---- */

static void results_begin_with_their_instance_4_1_1(void **state)
{
    static const struct {
        const char *value;
        unsigned instance;
        const char *payload;
    } cases[] = {
        {" i=1; mx; none", 1, " mx; none"},
        {"i=50;mx", 50, "mx"},
        {"\r\n (a) i (b) = (c) 07 (d) ; mx", 7, " mx"},
        {" i=99; mx", 99, " mx"},
        {" i=0; mx", 0, ""},
        {" i=100; mx", 0, ""},
        {" I=1; mx", 0, ""},
        {" i=; mx", 0, ""},
        {" i=1 mx; none", 0, ""},
        {" mx; i=1; none", 0, ""},
        {" i=1", 0, ""},
        {"", 0, ""},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        unsigned instance;
        struct bytes payload;
        struct error error;
        enum result result =
            arc_auth_results_split(bytes_of(cases[i].value), &instance, &payload, &error);
        assert_int_equal(result, cases[i].instance ? OK : PERM);
        assert_int_equal(instance, cases[i].instance);
        if (result == OK)
            assert_true(bytes_is(payload, cases[i].payload));
    }
}

static void a_malformed_signature_is_known_by_its_instance(void **state)
{
    struct fixture *f = *state;
    struct arc_signature signature;
    struct error error;
    struct bytes value = BYTES(" cv=Pass; i=12; a=rsa-sha256");
    assert_int_equal(arc_signature_parse(f->arena, ARC_SEAL, value, &signature, &error), PERM);
    assert_int_equal(signature.instance, 12);
    assert_int_equal(signature.cv, AUTH_PASS);
    static const char *const unreadable[] = {"",     "a=rsa-sha256", "i=",       "i=0",   "i=x",
                                             "i=-1", "i=111",        "i=1; i=1", "i=1; b"};
    for (size_t i = 0; i < countof(unreadable); i++) {
        value = bytes_of(unreadable[i]);
        assert_int_equal(arc_signature_parse(f->arena, ARC_SEAL, value, &signature, &error), PERM);
        assert_int_equal(signature.instance, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_fields_it_is_none_5_2_step_1),
        TEST(an_honest_chain_passes_5_2),
        TEST(sealers_of_different_domains_and_algorithms_make_one_chain),
        TEST(each_key_is_asked_once_and_none_for_a_changed_body),
        TEST(fifty_sets_hold_and_one_more_does_not_4_2_1),
        TEST(a_newest_seal_with_cv_fail_ends_it_5_2_step_2),
        TEST(each_set_has_each_field_once_5_2_step_3_a_b),
        TEST(cv_is_none_at_first_and_pass_then_5_2_step_3_c),
        TEST(a_changed_field_breaks_the_newest_message_signature_5_2_step_4),
        TEST(older_message_signatures_tell_since_when_it_is_unchanged_5_2_step_5),
        TEST(a_changed_set_breaks_its_own_seal_5_2_step_6),
        TEST(signatures_have_rules_of_their_own_4_1),
        TEST(a_key_that_cannot_be_fetched_is_temperror),
        TEST(a_key_that_is_not_there_is_fail),
        TEST(keys_that_do_not_fit_are_passed_over),
        TEST(results_that_cannot_be_read_do_not_break_the_chain),
        TEST(where_memory_ends_it_is_temperror),
        TEST(results_begin_with_their_instance_4_1_1),
        TEST(a_malformed_signature_is_known_by_its_instance),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
