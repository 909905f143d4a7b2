/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/forwarder.h"

#include "auth/spf_fixture.h"
#include "dns/recorder.h"

static const struct ip_network campus[] = {{.ip = {4, {198, 51, 100}}, .prefix = 24},
                                           {.ip = {6, {0x20, 1, 0xd, 0xb8, 0, 7}}, .prefix = 48}};
static const struct bytes alumni[] = {BYTES_INIT("out.alumni.example"),
                                      BYTES_INIT(".relays.alumni.example")};

static const struct forwarder list[] = {
    {.name = BYTES_INIT("alumni"), .helo_names = alumni, .helo_name_count = countof(alumni)},
    {.name = BYTES_INIT("public"), .include = BYTES_INIT("wl.trusted.example"), .filters = true},
    {.name = BYTES_INIT("second"), .include = BYTES_INIT("second.example")},
    {.name = BYTES_INIT("campus"),
     .networks = campus,
     .network_count = countof(campus),
     .include = BYTES_INIT("unused.example")},
};

static struct forwarder_result result;
static struct dns_recorder recorder;

static enum result find(struct fixture *f, const char *ip, const char *helo)
{
    f->request.ip = (struct ip){0};
    if (ip[0])
        assert_true(ip_parse(bytes_of(ip), &f->request.ip));
    f->request.helo = bytes_of(helo);
    dns_recorder_init(&recorder, zone_dns(f->zone), f->arena);
    return forwarder_find(&recorder.dns, f->arena, &f->request, list, countof(list), &result);
}

static void expect_match(struct fixture *f, const char *ip, const char *helo, const char *name,
                         enum forwarder_match match)
{
    if (find(f, ip, helo) != OK)
        fail_msg("%s %s is not found: " BYTES_FMT, ip, helo, BYTES_ARG(result.problem));
    assert_bytes(result.forwarder->name, name);
    assert_string_equal(forwarder_match_name(result.match), forwarder_match_name(match));
}

static bool was_asked(const char *name)
{
    for (size_t i = 0; i < recorder.count; i++)
        if (bytes_is(recorder.lookups[i].name, name))
            return true;
    return false;
}

static void addresses_are_compared_first_and_without_dns(void **state)
{
    struct fixture *f = *state;
    add(f, "out.alumni.example A 198.51.100.7\nwl.trusted.example TXT \"v=spf1 +all\"\n");
    expect_match(f, "198.51.100.7", "out.alumni.example", "campus", FORWARDER_ADDRESS);
    expect_match(f, "::ffff:198.51.100.255", "x", "campus", FORWARDER_ADDRESS);
    expect_match(f, "2001:db8:7::1", "x", "campus", FORWARDER_ADDRESS);
    assert_int_equal(recorder.count, 0);
    assert_false(result.forwarder->filters);
}

static void a_listed_name_must_resolve_to_the_client(void **state)
{
    struct fixture *f = *state;
    add(f, "out.alumni.example A 192.0.2.1\na.b.relays.alumni.example A 192.0.2.2\n"
           "relays.alumni.example AAAA 2001:db8::1\nsub.out.alumni.example A 192.0.2.1\n"
           "notrelays.alumni.example A 192.0.2.1\n");
    expect_match(f, "192.0.2.1", "out.alumni.example", "alumni", FORWARDER_HELO);
    expect_match(f, "192.0.2.1", "OUT.Alumni.Example.", "alumni", FORWARDER_HELO);
    expect_match(f, "192.0.2.2", "a.b.relays.alumni.example", "alumni", FORWARDER_HELO);
    expect_match(f, "2001:db8::1", "relays.alumni.example", "alumni", FORWARDER_HELO);
    assert_int_equal(recorder.count, 1);
    assert_int_equal(find(f, "192.0.2.9", "out.alumni.example"), NONE);
    assert_null(result.forwarder);
}

static void names_that_are_not_listed_are_not_looked_up(void **state)
{
    static const char *const names[] = {"sub.out.alumni.example",  "notrelays.alumni.example",
                                        "alumni.example",          "[192.0.2.1]",
                                        "relays.alumni.example.x", ""};
    struct fixture *f = *state;
    add(f, "sub.out.alumni.example A 192.0.2.1\nnotrelays.alumni.example A 192.0.2.1\n"
           "alumni.example A 192.0.2.1\n");
    for (size_t i = 0; i < countof(names); i++) {
        assert_int_equal(find(f, "192.0.2.1", names[i]), NONE);
        assert_false(was_asked(names[i]));
    }
}

static void an_include_matches_when_its_record_passes(void **state)
{
    struct fixture *f = *state;
    add(f, "wl.trusted.example TXT \"v=spf1 ip4:192.0.2.1 ?ip4:192.0.2.3 -all\"\n"
           "second.example TXT \"v=spf1 ip4:192.0.2.0/30 ~all\"\n");
    expect_match(f, "192.0.2.1", "x", "public", FORWARDER_INCLUDE);
    assert_true(result.forwarder->filters);
    expect_match(f, "192.0.2.3", "x", "second", FORWARDER_INCLUDE);
    assert_int_equal(find(f, "192.0.2.9", "x"), NONE);
}

/* A list in the manner of trusted-forwarder.org, and zones that exist only to see the questions. */
static void macros_of_an_include_see_client_and_sender_rfc7208_7(void **state)
{
    struct fixture *f = *state;
    f->request.sender = BYTES("ann@d.example");
    add(f, "wl.trusted.example TXT \"v=spf1 exists:%{l}.%{o}.%{i}.%{h}.log.%{d} "
           "exists:%{ir}.%{v}.%{d} -all\"\n"
           "4.2.0.192.in-addr.wl.trusted.example A 127.0.0.2\n");
    expect_match(f, "192.0.2.4", "mail.client.example", "public", FORWARDER_INCLUDE);
    assert_true(was_asked("ann.d.example.192.0.2.4.mail.client.example.log.wl.trusted.example"));
    assert_int_equal(find(f, "192.0.2.5", "mail.client.example"), NONE);
    assert_true(was_asked("ann.d.example.192.0.2.5.mail.client.example.log.wl.trusted.example"));
    assert_true(was_asked("5.2.0.192.in-addr.wl.trusted.example"));
}

static void the_null_sender_is_postmaster_at_helo_in_includes_rfc7208_2_4(void **state)
{
    struct fixture *f = *state;
    f->request.sender = BYTES("");
    add(f, "wl.trusted.example TXT \"v=spf1 exists:%{l}.%{o}.x.example -all\"\n"
           "postmaster.mail.client.example.x.example A 127.0.0.2\n");
    expect_match(f, "192.0.2.4", "mail.client.example", "public", FORWARDER_INCLUDE);
}

static void a_failing_question_counts_only_without_a_match(void **state)
{
    struct fixture *f = *state;
    add(f, "out.alumni.example FAIL\nwl.trusted.example FAIL\n"
           "second.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n");
    expect_match(f, "192.0.2.1", "out.alumni.example", "second", FORWARDER_INCLUDE);
    assert_int_equal(result.problem.len, 0);
    assert_int_equal(find(f, "192.0.2.2", "out.alumni.example"), TEMP);
    assert_contains(result.problem, "out.alumni.example");
    assert_null(result.forwarder);
    assert_int_equal(find(f, "192.0.2.2", "x"), TEMP);
    assert_contains(result.problem, "public");
}

static void an_include_that_cannot_be_used_is_told(void **state)
{
    struct fixture *f = *state;
    add(f, "wl.trusted.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
           "second.example TXT \"v=spf1 nonsense\"\n");
    assert_int_equal(find(f, "192.0.2.2", "x"), NONE);
    assert_contains(result.problem, "second");
    add(f, "wl.trusted.example TXT FAIL\n");
    assert_int_equal(find(f, "192.0.2.2", "x"), TEMP);
    assert_contains(result.problem, "public");
}

static void without_an_address_nothing_is_found(void **state)
{
    struct fixture *f = *state;
    add(f, "wl.trusted.example TXT \"v=spf1 +all\"\n");
    assert_int_equal(find(f, "", "x"), NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(addresses_are_compared_first_and_without_dns),
        case_of(a_listed_name_must_resolve_to_the_client),
        case_of(names_that_are_not_listed_are_not_looked_up),
        case_of(an_include_matches_when_its_record_passes),
        case_of(macros_of_an_include_see_client_and_sender_rfc7208_7),
        case_of(the_null_sender_is_postmaster_at_helo_in_includes_rfc7208_2_4),
        case_of(a_failing_question_counts_only_without_a_match),
        case_of(an_include_that_cannot_be_used_is_told),
        case_of(without_an_address_nothing_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
