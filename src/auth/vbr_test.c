/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/vbr.h"

#include "auth/vbr_info.h"
#include "base/clock.h"
#include "dns/recorder.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct zone *zone;
static struct arena *arena;
static struct bytes certifiers[8];
static struct bytes authenticated[2];
static struct vbr_request request;
static struct vbr_result result;
static struct dns_recorder recorder;

static int set_up(void **state)
{
    zone = zone_create();
    arena = arena_create(4 << 20);
    certifiers[0] = BYTES("certifier-a.example");
    certifiers[1] = BYTES("certifier-b.example");
    authenticated[0] = BYTES("somebank.example");
    request = (struct vbr_request){.certifiers = certifiers,
                                   .certifier_count = 2,
                                   .authenticated = authenticated,
                                   .authenticated_count = 1,
                                   .deadline = NO_DEADLINE};
    return 0;
}

static int tear_down(void **state)
{
    zone_destroy(zone);
    arena_destroy(arena);
    return 0;
}

/* What a certifier publishes about a domain. */
static void vouch(const char *domain, const char *certifier, const char *text)
{
    struct bytes name = arena_printf(arena, "%s._vouch.%s", domain, certifier);
    assert_true(zone_add(zone, name, DNS_TXT, 60, bytes_of(text)));
}

static void expect(const char *header, enum auth_result expected)
{
    struct message *message = arena_new(arena, struct message);
    struct error error;
    struct bytes text = arena_printf(arena, "%sSubject: x\r\n\r\nbody\r\n", header);
    assert_int_equal(message_parse(arena, text, message, &error), OK);
    dns_recorder_init(&recorder, zone_dns(zone), arena);
    vbr_check(&recorder.dns, arena, message, &request, &result);
    if (result.result != expected)
        fail_msg("%s: %s (" BYTES_FMT "), expected %s", header, auth_result_name(result.result),
                 BYTES_ARG(result.problem), auth_result_name(expected));
    assert_int_equal(result.problem.len == 0, expected == AUTH_PASS);
    assert_int_equal(result.certifier.len != 0, expected == AUTH_PASS);
}

static bool was_asked(const char *name)
{
    for (size_t i = 0; i < recorder.count; i++)
        if (recorder.lookups[i].type == DNS_TXT && bytes_is(recorder.lookups[i].name, name))
            return true;
    return false;
}

#define FROM_BANK                                                                                  \
    "VBR-Info: md=somebank.example; mc=transaction;\r\n"                                           \
    "    mv=certifier-a.example:certifier-b.example;\r\n"

static void the_example_of_rfc5518_4_and_5_passes(void **state)
{
    vouch("somebank.example", "certifier-b.example", "transaction list");
    expect(FROM_BANK, AUTH_PASS);
    assert_true(bytes_is(result.domain, "somebank.example"));
    assert_true(bytes_is(result.content, "transaction"));
    assert_true(bytes_is(result.certifier, "certifier-b.example"));
    assert_true(was_asked("somebank.example._vouch.certifier-a.example"));
    assert_true(was_asked("somebank.example._vouch.certifier-b.example"));
    assert_int_equal(result.question_count, 2);
    assert_false(result.questions[0].vouches);
    assert_true(result.questions[1].vouches);
}

static void all_vouches_for_every_kind_rfc5518_5(void **state)
{
    vouch("somebank.example", "certifier-a.example", "all");
    expect(FROM_BANK, AUTH_PASS);
    expect("VBR-Info: md=somebank.example; mc=all; mv=certifier-a.example\r\n", AUTH_PASS);
    assert_true(bytes_is(result.content, "all"));
}

static void another_kind_is_not_vouched_for_rfc5518_5(void **state)
{
    vouch("somebank.example", "certifier-a.example", "list");
    expect(FROM_BANK, AUTH_FAIL);
    expect("VBR-Info: md=somebank.example; mc=all; mv=certifier-a.example\r\n", AUTH_FAIL);
    expect("VBR-Info: md=somebank.example; mc=list; mv=certifier-a.example\r\n", AUTH_PASS);
}

static void no_record_is_no_vouching_rfc5518_5(void **state)
{
    expect(FROM_BANK, AUTH_FAIL);
    assert_true(bytes_is(result.domain, "somebank.example"));
    assert_true(bytes_is(result.content, "transaction"));
}

static void a_message_without_the_field_has_no_result(void **state)
{
    expect("", AUTH_NONE);
    assert_int_equal(recorder.count, 0);
}

static void only_certifiers_that_are_trusted_are_asked_rfc5518_5_and_8(void **state)
{
    vouch("somebank.example", "crook.example", "all");
    expect("VBR-Info: md=somebank.example; mc=all; mv=crook.example\r\n", AUTH_NEUTRAL);
    assert_int_equal(recorder.count, 0);
    expect("VBR-Info: md=somebank.example; mc=all; mv=crook.example:certifier-a.example\r\n",
           AUTH_FAIL);
    assert_false(was_asked("somebank.example._vouch.crook.example"));
    request.certifier_count = 0;
    expect(FROM_BANK, AUTH_NEUTRAL);
    assert_int_equal(recorder.count, 0);
}

static void trusted_certifiers_that_are_not_named_are_not_asked_rfc5518_5(void **state)
{
    vouch("somebank.example", "certifier-b.example", "all");
    expect("VBR-Info: md=somebank.example; mc=all; mv=certifier-a.example\r\n", AUTH_FAIL);
    assert_false(was_asked("somebank.example._vouch.certifier-b.example"));
}

static void the_domain_must_be_authenticated_and_the_same_rfc5518_7(void **state)
{
    static const char *const others[] = {"example", "mail.somebank.example", "somebank.example.x",
                                         "otherbank.example"};
    vouch("somebank.example", "certifier-a.example", "all");
    for (size_t i = 0; i < countof(others); i++) {
        authenticated[0] = bytes_of(others[i]);
        expect(FROM_BANK, AUTH_NONE);
        assert_int_equal(recorder.count, 0);
    }
    request.authenticated_count = 0;
    expect(FROM_BANK, AUTH_NONE);
    authenticated[1] = BYTES("SomeBank.Example");
    request.authenticated_count = 2;
    expect(FROM_BANK, AUTH_PASS);
}

static void case_does_not_matter_rfc5518_4(void **state)
{
    vouch("somebank.example", "certifier-a.example", "transaction");
    expect("VBR-INFO: MD=SomeBank.Example; MC=Transaction; MV=Certifier-A.EXAMPLE;\r\n", AUTH_PASS);
    assert_true(bytes_is(result.domain, "somebank.example"));
    assert_true(bytes_is(result.content, "transaction"));
}

static void records_in_another_format_are_discarded_rfc5518_5(void **state)
{
    static const char *const bad[] = {"All", "all, list", "v=spf1 -all", "all\tlist", " ", "all1"};
    for (size_t i = 0; i < countof(bad); i++) {
        tear_down(state);
        set_up(state);
        vouch("somebank.example", "certifier-a.example", bad[i]);
        expect(FROM_BANK, AUTH_FAIL);
    }
    /* One that a wildcard made does not spoil the real one. */
    vouch("somebank.example", "certifier-b.example", "v=spf1 -all");
    vouch("somebank.example", "certifier-b.example", "all");
    expect(FROM_BANK, AUTH_PASS);
}

static void there_is_one_record_only_rfc5518_5(void **state)
{
    vouch("somebank.example", "certifier-a.example", "transaction");
    vouch("somebank.example", "certifier-a.example", "all");
    expect(FROM_BANK, AUTH_FAIL);
}

static void character_strings_are_joined_first_rfc5518_5(void **state)
{
    struct error error;
    assert_int_equal(zone_load(zone,
                               BYTES("somebank.example._vouch.certifier-a.example TXT "
                                     "\"list trans\" \"action\"\n"),
                               &error),
                     OK);
    expect(FROM_BANK, AUTH_PASS);
}

static void every_field_is_looked_at_until_one_satisfies_rfc5518_4(void **state)
{
    authenticated[1] = BYTES("otherbank.example");
    request.authenticated_count = 2;
    vouch("otherbank.example", "certifier-b.example", "transaction");
    expect("VBR-Info: nonsense\r\n"
           "VBR-Info: md=stranger.example; mc=transaction; mv=certifier-a.example\r\n" FROM_BANK
           "VBR-Info: md=otherbank.example; mc=transaction; mv=certifier-b.example\r\n",
           AUTH_PASS);
    assert_true(bytes_is(result.domain, "otherbank.example"));
    assert_false(was_asked("stranger.example._vouch.certifier-a.example"));
}

static void fields_of_one_domain_count_together(void **state)
{
    vouch("somebank.example", "certifier-b.example", "list");
    expect("VBR-Info: md=somebank.example; mc=list; mv=certifier-a.example\r\n"
           "VBR-Info: md=somebank.example; mc=list; mv=certifier-a.example\r\n"
           "VBR-Info: md=SOMEBANK.example; mc=list; mv=certifier-b.example\r\n",
           AUTH_PASS);
    assert_int_equal(result.question_count, 2);
}

static void all_fields_have_the_same_mc_rfc5518_4(void **state)
{
    vouch("somebank.example", "certifier-a.example", "all");
    expect(FROM_BANK "VBR-Info: md=x.example; mc=list; mv=y.example\r\n", AUTH_PERMERROR);
    assert_int_equal(recorder.count, 0);
    expect(FROM_BANK "VBR-Info: md=x.example; mc=TRANSACTION; mv=y.example\r\n", AUTH_PASS);
}

static void a_malformed_field_alone_is_an_error(void **state)
{
    expect("VBR-Info: md=somebank.example; mv=certifier-a.example\r\n", AUTH_PERMERROR);
    assert_true(bytes_find(result.problem, BYTES("mc=")) != BYTES_NOT_FOUND);
    expect("VBR-Info:\r\n", AUTH_PERMERROR);
}

static void a_failing_dns_is_temporary_unless_another_vouches(void **state)
{
    zone_add_failure(zone, BYTES("somebank.example._vouch.certifier-a.example"), 0);
    expect(FROM_BANK, AUTH_TEMPERROR);
    vouch("somebank.example", "certifier-b.example", "transaction");
    expect(FROM_BANK, AUTH_PASS);
}

static void the_preferred_certifier_is_asked_first(void **state)
{
    vouch("somebank.example", "certifier-a.example", "all");
    vouch("somebank.example", "certifier-b.example", "all");
    expect("VBR-Info: md=somebank.example; mc=all; mv=certifier-b.example:certifier-a.example\r\n",
           AUTH_PASS);
    assert_true(bytes_is(result.certifier, "certifier-a.example"));
    assert_int_equal(recorder.count, 1);
}

static void work_is_bounded_rfc5518_8(void **state)
{
    struct buf header;
    static char names[8][32];
    buf_init(&header, 1 << 16);
    for (size_t i = 0; i < countof(certifiers); i++) {
        snprintf(names[i], sizeof(names[i]), "c%zu.example", i);
        certifiers[i] = bytes_of(names[i]);
    }
    request.certifier_count = countof(certifiers);
    vouch("somebank.example", "c5.example", "all");
    /* The sixth certifier is not asked. */
    expect("VBR-Info: md=somebank.example; mc=all; mv=c5.example\r\n", AUTH_NEUTRAL);
    vouch("somebank.example", "c4.example", "all");
    for (int i = 0; i < VBR_FIELDS_MAX; i++)
        buf_printf(&header, "VBR-Info: md=stranger%d.example; mc=all; mv=c4.example\r\n", i);
    buf_printf(&header, "VBR-Info: md=somebank.example; mc=all; mv=c4.example\r\n%c", 0);
    /* Nor is the eleventh field looked at. */
    expect((const char *)header.ptr, AUTH_NONE);
    buf_free(&header);
}

static void memory_that_runs_out_is_temporary(void **state)
{
    struct message message;
    struct error error;
    struct bytes text = arena_copy(arena, BYTES(FROM_BANK "\r\n"));
    vouch("somebank.example", "certifier-a.example", "all");
    assert_int_equal(message_parse(arena, text, &message, &error), OK);
    while (!arena_exhausted(arena))
        (void)!arena_alloc(arena, 64);
    vbr_check(zone_dns(zone), arena, &message, &request, &result);
    assert_int_equal(result.result, AUTH_TEMPERROR);
}

/* ---- The text of fields and records ---- */

static void expect_syntax(const char *value, const char *problem)
{
    struct vbr_info info;
    struct error error = {""};
    enum result parsed = vbr_info_parse(bytes_of(value), &info, &error);
    if (parsed != (problem ? PERM : OK))
        fail_msg("\"%s\": %s", value, error.text);
    if (problem && bytes_find(bytes_of(error.text), bytes_of(problem)) == BYTES_NOT_FOUND)
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", value, error.text, problem);
}

static void elements_come_in_any_order_with_unknown_ones_rfc5518_4(void **state)
{
    expect_syntax("mv=c.example; md=a.example; mc=all;", NULL);
    expect_syntax("mc=list; x=1 2 3; mv=c.example:d.example; junk; md=a.example", NULL);
    expect_syntax("md=a.example;mc=all;mv=c.example;;", NULL);
    expect_syntax("mdx=b.example; md=a.example; mc=all; mv=c.example", NULL);
}

static void folding_stands_around_values_rfc5518_4_1(void **state)
{
    expect_syntax(" md=\r\n a.example\r\n\t; mc= all ;\r\n mv=c.example;\r\n ", NULL);
    expect_syntax("(why; not) md=(x)a.example(y); mc=all; mv=c.example", NULL);
    expect_syntax("md=a.example\r\n; mc=all; mv=c.example", "line end");
    expect_syntax("md=a.example; mc=all; mv=c.example; (open", "comment");
}

static void all_three_elements_are_mandatory_rfc5518_4(void **state)
{
    expect_syntax("", "md= is missing");
    expect_syntax("mc=all; mv=c.example", "md= is missing");
    expect_syntax("md=a.example; mv=c.example", "mc= is missing");
    expect_syntax("md=a.example; mc=all", "mv= is missing");
    expect_syntax("md; mc=all; mv=c.example", "md= is missing");
    expect_syntax("md=; mc=all; mv=c.example", "md= is empty");
}

static void no_element_stands_twice(void **state)
{
    expect_syntax("md=a.example; md=b.example; mc=all; mv=c.example", "md= stands twice");
    expect_syntax("md=a.example; mc=all; MC=all; mv=c.example", "mc= stands twice");
    expect_syntax("md=a.example; mc=all; mv=c.example; mv=d.example", "mv= stands twice");
}

static void elements_have_no_white_space_inside_rfc5518_4(void **state)
{
    expect_syntax("md=a. example; mc=all; mv=c.example", "white space");
    expect_syntax("md=a.example; mc=all list; mv=c.example", "white space");
    expect_syntax("md=a.example; mc=all; mv=c.example: d.example", "white space");
    expect_syntax("md=a.example; mc=all; mv=c.example:\r\n d.example", "white space");
}

static void values_are_those_of_the_grammar_rfc5518_4_1(void **state)
{
    expect_syntax("md=a.example; mc=newsletter; mv=c.example", "mc= is none of");
    expect_syntax("md=a.example; mc=\"all\"; mv=c.example", "mc= is none of");
    expect_syntax("md=example; mc=all; mv=c.example", "md= is not a domain");
    expect_syntax("md=a..example; mc=all; mv=c.example", "md= is not a domain");
    expect_syntax("md=a@b.example; mc=all; mv=c.example", "md= is not a domain");
    expect_syntax("md=a.example; mc=all; mv=c.example:", "mv= is not a list");
    expect_syntax("md=a.example; mc=all; mv=:c.example", "mv= is not a list");
    expect_syntax("md=a.example; mc=all; mv=c.example,d.example", "mv= is not a list");
    expect_syntax("md=b\xc3\xbc.example; mc=all; mv=c.example", "other characters");
}

static void a_record_is_lower_case_words_rfc5518_5(void **state)
{
    assert_true(vbr_record_is_valid(BYTES("all")));
    assert_true(vbr_record_is_valid(BYTES("transaction list newkind")));
    assert_true(vbr_record_is_valid(BYTES(" list  transaction ")));
    assert_false(vbr_record_is_valid(BYTES("")));
    assert_false(vbr_record_is_valid(BYTES("  ")));
    assert_false(vbr_record_is_valid(BYTES("List")));
    assert_false(vbr_record_is_valid(BYTES("list;transaction")));
    assert_true(vbr_record_vouches(BYTES(" list  transaction "), VBR_TRANSACTION));
    assert_false(vbr_record_vouches(BYTES("lists transactional allmail"), VBR_LIST));
    assert_false(vbr_record_vouches(BYTES("ALL"), VBR_LIST));
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(the_example_of_rfc5518_4_and_5_passes),
        case_of(all_vouches_for_every_kind_rfc5518_5),
        case_of(another_kind_is_not_vouched_for_rfc5518_5),
        case_of(no_record_is_no_vouching_rfc5518_5),
        case_of(a_message_without_the_field_has_no_result),
        case_of(only_certifiers_that_are_trusted_are_asked_rfc5518_5_and_8),
        case_of(trusted_certifiers_that_are_not_named_are_not_asked_rfc5518_5),
        case_of(the_domain_must_be_authenticated_and_the_same_rfc5518_7),
        case_of(case_does_not_matter_rfc5518_4),
        case_of(records_in_another_format_are_discarded_rfc5518_5),
        case_of(there_is_one_record_only_rfc5518_5),
        case_of(character_strings_are_joined_first_rfc5518_5),
        case_of(every_field_is_looked_at_until_one_satisfies_rfc5518_4),
        case_of(fields_of_one_domain_count_together),
        case_of(all_fields_have_the_same_mc_rfc5518_4),
        case_of(a_malformed_field_alone_is_an_error),
        case_of(a_failing_dns_is_temporary_unless_another_vouches),
        case_of(the_preferred_certifier_is_asked_first),
        case_of(work_is_bounded_rfc5518_8),
        case_of(memory_that_runs_out_is_temporary),
        case_of(elements_come_in_any_order_with_unknown_ones_rfc5518_4),
        case_of(folding_stands_around_values_rfc5518_4_1),
        case_of(all_three_elements_are_mandatory_rfc5518_4),
        case_of(no_element_stands_twice),
        case_of(elements_have_no_white_space_inside_rfc5518_4),
        case_of(values_are_those_of_the_grammar_rfc5518_4_1),
        case_of(a_record_is_lower_case_words_rfc5518_5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
