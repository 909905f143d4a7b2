/* SPDX-License-Identifier: BSD-2-Clause */
/* The cache of MTA-STS policies, TLSA look-ups, and which policy a host is under. */
#include "outbound/mta_sts_cache.h"
#include "outbound/tls_policy.h"
#include "outbound/zone_fixture.h"

#include <stdlib.h>

static int64_t fixture_epoch(void)
{
    return 1767225600;
}

/* ---- the cache ---- */

static struct mta_sts_cache *cache;
static struct mta_sts_found found;
static unsigned fetches;
static const char *served;        /* NULL: the web server is down */
static unsigned served_status;
static const char *served_type;
static enum tls_failure served_failure;
static int64_t fetch_time;

static enum result fetch(void *context, struct arena *to, struct bytes domain, int64_t deadline,
                         struct https_response *out, enum tls_failure *failure, struct error *error)
{
    fetches++;
    *failure = served_failure;
    if (fetch_time)
        fiber_sleep(fetch_time);
    if (!served)
        return error_set(error, TEMP, "down");
    *out = (struct https_response){served_status, bytes_of(served_type), bytes_of(served)};
    return OK;
}

#define POLICY(mode, age) "version: STSv1\nmode: " mode "\nmx: *.d.example\nmax_age: " age "\n"

static void start(const char *text, size_t entries)
{
    open_zone(text, false);
    struct mta_sts_cache_options options = {.dns = &signed_dns, .fetch = fetch, .entries = entries};
    cache = mta_sts_cache_create(&options);
    fetches = 0;
    served = POLICY("enforce", "604800");
    served_status = 200;
    served_type = "text/plain";
    served_failure = TLS_FAILURE_NONE;
    fetch_time = 0;
}

static enum result ask(const char *domain)
{
    return mta_sts_cache_find(cache, arena, bytes_of(domain), loop_deadline(MINUTE), &found);
}

static void stop(void)
{
    mta_sts_cache_destroy(cache);
    close_zone();
}

/* Another zone behind the same cache. */
static void publish(const char *text)
{
    struct error error;
    zone_destroy(zone);
    zone = zone_create();
    assert_int_equal(zone_load(zone, bytes_of(text), &error), OK);
}

#define RECORD(id) "_mta-sts.d.example TXT v=STSv1; id=" id ";\n"

fiber_test(a_policy_is_fetched_once_and_serves_until_it_expires)
{
    start(RECORD("1"), 0);
    assert_int_equal(ask("d.example"), OK);
    assert_int_equal(found.policy->mode, MTA_STS_ENFORCE);
    assert_true(bytes_is(found.text, "version: STSv1\nmode: enforce\nmx: *.d.example\nmax_age: 604800"));
    assert_int_equal(ask("d.example"), OK);
    assert_int_equal(fetches, 1);
    assert_int_equal(ask("none.example"), NONE);
    assert_int_equal(fetches, 1);
    stop();
}

fiber_test(a_new_id_means_a_new_policy_rfc8461_3_1)
{
    start(RECORD("1"), 0);
    assert_int_equal(ask("d.example"), OK);
    publish(RECORD("2"));
    served = POLICY("testing", "86400");
    assert_int_equal(ask("d.example"), OK);
    assert_int_equal(found.policy->mode, MTA_STS_TESTING);
    publish(RECORD("3"));
    served = POLICY("none", "86400"); /* taken back (8.3) */
    assert_int_equal(ask("d.example"), NONE);
    assert_int_equal(ask("d.example"), NONE);
    assert_int_equal(fetches, 3);
    stop();
}

fiber_test(who_makes_record_or_web_server_vanish_does_not_win_rfc8461_3_3)
{
    start(RECORD("1"), 0);
    assert_int_equal(ask("d.example"), OK);
    served = NULL;
    publish("");
    assert_int_equal(ask("d.example"), OK);
    publish("_mta-sts.d.example FAIL\n");
    assert_int_equal(ask("d.example"), OK);
    publish(RECORD("2"));
    assert_int_equal(ask("d.example"), OK);
    assert_string_equal(found.problem, "sts-policy-fetch-error");
    fiber_sleep(6 * DAY);
    assert_int_equal(ask("d.example"), OK);
    fiber_sleep(2 * DAY); /* max_age is over */
    assert_int_equal(ask("d.example"), NONE);
    stop();
}

/* Each new courier is told what earlier ones have fetched. */
fiber_test(who_hides_the_record_does_not_win_by_a_restart_rfc8461_10_2)
{
    start(RECORD("1"), 0);
    assert_int_equal(ask("d.example"), OK);
    struct send_policy kept = found.fresh;
    assert_true(bytes_is(kept.id, "1") && bytes_equal(kept.text, found.text));
    assert_int_equal(kept.expires_at, fixture_epoch() + 604800);
    assert_int_equal(ask("d.example"), OK);
    assert_int_equal(found.fresh.text.len, 0);
    fiber_sleep(DAY / 4);
    mta_sts_cache_destroy(cache);
    struct mta_sts_cache_options options = {.dns = &signed_dns, .fetch = fetch};
    cache = mta_sts_cache_create(&options);
    publish("");
    served = NULL;
    assert_int_equal(ask("d.example"), NONE);
    mta_sts_cache_learn(cache, BYTES("d.example"), &kept);
    assert_int_equal(ask("d.example"), OK);
    assert_int_equal(found.policy->mode, MTA_STS_ENFORCE);
    /* It is as old as it is: not fetched now, but when its day is over, and gone when its life is. */
    assert_int_equal(fetches, 1);
    fiber_sleep(DAY);
    assert_int_equal(ask("d.example"), OK);
    assert_int_equal(fetches, 2);
    fiber_sleep(6 * DAY);
    mta_sts_cache_learn(cache, BYTES("d.example"), &kept);
    assert_int_equal(ask("d.example"), NONE);
    stop();
}

fiber_test(what_is_told_of_a_policy_does_not_replace_what_is_known)
{
    start(RECORD("1"), 0);
    assert_int_equal(ask("d.example"), OK);
    struct send_policy other = {BYTES("2"), BYTES("version: STSv1\nmode: none\nmax_age: 86400"),
                                fixture_epoch() + 80000};
    mta_sts_cache_learn(cache, BYTES("d.example"), &other);
    assert_int_equal(ask("d.example"), OK);
    other.text = BYTES("nonsense");
    mta_sts_cache_learn(cache, BYTES("e.example"), &other);
    assert_int_equal(mta_sts_cache_count(cache), 1);
    /* The record's withdrawal is told, too. */
    publish(RECORD("3"));
    served = POLICY("none", "86400");
    assert_int_equal(ask("d.example"), NONE);
    assert_true(bytes_is(found.fresh.id, "3") && found.fresh.text.len > 0);
    stop();
}

fiber_test(policies_are_renewed_once_a_day)
{
    start(RECORD("1"), 0);
    for (int day = 0; day < 30; day++) {
        assert_int_equal(ask("d.example"), OK);
        fiber_sleep(DAY + MINUTE);
    }
    assert_in_range(fetches, 29, 30);
    stop();
}

fiber_test(failed_fetches_are_not_repeated_for_five_minutes_rfc8461_3_3)
{
    start(RECORD("1"), 0);
    served = NULL;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask("d.example"), NONE);
        fiber_sleep(MINUTE - SECOND);
        assert_int_equal(found.problem != NULL, i == 0); /* told once */
    }
    assert_int_equal(fetches, 1);
    fiber_sleep(10 * SECOND);
    assert_int_equal(ask("d.example"), NONE);
    assert_int_equal(fetches, 2);
    publish(RECORD("2")); /* something new: at once */
    served = POLICY("enforce", "604800");
    assert_int_equal(ask("d.example"), OK);
    stop();
}

fiber_test(each_failure_has_its_result_type_rfc8460_4_3_2_2)
{
    start(RECORD("1"), 0);
    static const struct {
        const char *text, *type, *problem;
        unsigned status;
        enum tls_failure failure;
    } cases[] = {
        {NULL, "text/plain", "sts-policy-fetch-error", 200, TLS_FAILURE_CONNECTION},
        {NULL, "text/plain", "sts-webpki-invalid", 200, TLS_FAILURE_EXPIRED},
        {NULL, "text/plain", "sts-webpki-invalid", 200, TLS_FAILURE_NAME},
        {NULL, "text/plain", "sts-webpki-invalid", 200, TLS_FAILURE_UNTRUSTED},
        {POLICY("enforce", "1"), "text/plain", "sts-policy-fetch-error", 301, TLS_FAILURE_NONE},
        {POLICY("enforce", "1"), "text/html", "sts-policy-invalid", 200, TLS_FAILURE_NONE},
        {"version: STSv1\nmode: perhaps\n", "text/plain", "sts-policy-invalid", 200, TLS_FAILURE_NONE},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        served = cases[i].text;
        served_type = cases[i].type;
        served_status = cases[i].status;
        served_failure = cases[i].failure;
        assert_int_equal(ask("d.example"), NONE);
        assert_non_null(found.problem);
        assert_string_equal(found.problem, cases[i].problem);
        fiber_sleep(6 * MINUTE);
    }
    stop();
}

fiber_test(several_records_or_broken_ones_are_none_rfc8461_3_1)
{
    start(RECORD("1") RECORD("2") "_mta-sts.e.example TXT v=STSv1; id=;\n"
          "_mta-sts.f.example TXT v=spf1 -all\n_mta-sts.f.example TXT v=STSv1; id=1\n", 0);
    assert_int_equal(ask("d.example"), NONE);
    assert_int_equal(ask("e.example"), NONE);
    assert_int_equal(fetches, 0);
    assert_int_equal(ask("f.example"), OK); /* what is no such record does not count */
    stop();
}

fiber_test(the_cache_is_bounded_and_drops_what_was_not_used)
{
    char text[4096] = "", domain[32];
    for (int i = 0; i < 20; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "_mta-sts.d%d.example TXT v=STSv1; id=1;\n", i);
    start(text, 4);
    for (int i = 0; i < 20; i++) {
        snprintf(domain, sizeof(domain), "d%d.example", i);
        assert_int_equal(ask(domain), OK);
        assert_int_equal(ask("d0.example"), OK); /* stays */
        assert_true(mta_sts_cache_count(cache) <= 4);
    }
    assert_int_equal(fetches, 20);
    stop();
}

static void ask_beside(void *argument)
{
    struct mta_sts_found own;
    unsigned *good = argument;
    *good += mta_sts_cache_find(cache, arena, BYTES("d.example"), loop_deadline(MINUTE), &own) == OK;
}

fiber_test(fibers_that_want_the_same_policy_wait_for_one_fetch)
{
    struct fiber_group group;
    unsigned good = 0;
    start(RECORD("1"), 0);
    fetch_time = SECOND;
    fiber_group_open(&group);
    for (int i = 0; i < 5; i++)
        assert_true(fiber_group_start(&group, "ask", ask_beside, &good));
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    assert_int_equal(good, 5);
    assert_int_equal(fetches, 1);
    stop();
}

/* ---- TLSA ---- */

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static enum result dane_of(const char *host, const char *canonical, struct dane *dane)
{
    struct error error;
    return dane_find(&signed_dns, arena, bytes_of(host), bytes_of(canonical), 25, loop_deadline(MINUTE),
                     dane, &error);
}

fiber_test(the_expanded_name_comes_first_then_the_name_itself_rfc7672_2_2_2)
{
    struct dane dane;
    open_zone("_25._tcp.real.example TLSA 030101" DIGEST "\n_25._tcp.a.example TLSA 020101" DIGEST "\n"
              "_25._tcp.b.example TLSA 010101" DIGEST "\n_25._tcp.f.example FAIL\n"
              "_25._tcp.x.insecure TLSA 030101" DIGEST "\n", true);
    insecure = "insecure";
    assert_int_equal(dane_of("a.example", "real.example", &dane), OK);
    assert_true(bytes_is(dane.base, "real.example"));
    assert_int_equal(dane_of("a.example", "gone.example", &dane), OK);
    assert_true(bytes_is(dane.base, "a.example"));
    assert_int_equal(dane.records[0].usage, 2);
    assert_true(bytes_is(dane_text(arena, &dane), "2 1 1 " DIGEST));
    assert_int_equal(dane_of("a.example", "f.example", &dane), TEMP); /* a failure is no absence */
    assert_int_equal(dane_of("none.example", "none.example", &dane), NONE);
    assert_int_equal(dane_of("x.insecure", "x.insecure", &dane), NONE);
    assert_int_equal(dane_of("b.example", "b.example", &dane), OK);
    assert_false(dane.usable); /* PKIX-EE */
    close_zone();
}

/* ---- which policy ---- */

static struct tls_policy_question question;
static struct mx_list list;
static struct route route;
static struct mta_sts_policy sts;
static struct mta_sts_found sts_found;
static struct tls_policy policy;
static const char *failure;

static void ask_policy(const char *text)
{
    open_zone(text, true);
    memset(&list, 0, sizeof(list));
    list = (struct mx_list){.canonical = BYTES("d.example"), .secure = true, .count = 1};
    list.hosts[0] = (struct mx_host){.name = BYTES("a.example"), .canonical = BYTES("a.example"),
                                     .port = 25, .secure = true};
    route = (struct route){.name = "", .tls = CONFIG_ROUTE_MAY, .tls_name = "", .user = ""};
    sts = (struct mta_sts_policy){.mode = MTA_STS_ENFORCE, .pattern_count = 1};
    sts.patterns[0] = BYTES("a.example");
    sts_found = (struct mta_sts_found){.policy = NULL};
    question = (struct tls_policy_question){.dns = &signed_dns, .route = &route, .domain = BYTES("d.example"),
                                            .list = &list, .host = &list.hosts[0], .sts = &sts_found,
                                            .dane = true, .deadline = loop_deadline(MINUTE)};
}

static enum result decide(void)
{
    struct error error;
    return tls_policy_find(&question, arena, &policy, &failure, &error);
}

#define TLSA "_25._tcp.a.example TLSA 030101" DIGEST "\n"

fiber_test(dane_needs_signed_mx_and_signed_addresses_rfc7672_2_2)
{
    ask_policy(TLSA);
    assert_int_equal(decide(), OK);
    assert_string_equal(policy.type, "tlsa");
    assert_int_equal(policy.peer.verify, TLS_VERIFY_DANE);
    assert_int_equal(policy.peer.name_count, 2); /* the host and the domain (3.2.2) */
    list.secure = false;
    assert_int_equal(decide(), OK);
    assert_int_equal(policy.level, TLS_LEVEL_MAY);
    list.secure = true;
    list.hosts[0].secure = false;
    assert_int_equal(decide(), OK);
    assert_int_equal(policy.level, TLS_LEVEL_MAY);
    list.hosts[0].secure = true;
    question.dane = false;
    assert_int_equal(decide(), OK);
    assert_int_equal(policy.level, TLS_LEVEL_MAY);
    close_zone();
}

static const struct config_host own_host = {.name = (char *)"a.example"};

fiber_test(a_route_says_whether_there_is_tls_and_its_hosts_are_its_own_affair)
{
    ask_policy(TLSA);
    sts_found.policy = &sts;
    route.tls = CONFIG_ROUTE_NONE;
    assert_int_equal(decide(), OK);
    assert_int_equal(policy.level, TLS_LEVEL_PLAIN);
    route.tls = CONFIG_ROUTE_VERIFY;
    route.tls_name = "cert.example";
    route.hosts = &own_host;
    route.host_count = 1;
    assert_int_equal(decide(), OK);
    assert_int_equal(policy.peer.verify, TLS_VERIFY_NAME);
    assert_true(bytes_is(policy.peer.names[0], "cert.example"));
    assert_string_equal(policy.type, "no-policy-found");
    route.host_count = 0;
    route.tls = CONFIG_ROUTE_MAY;
    question.credentials = true; /* a password wants more */
    list.hosts[0].secure = false;
    sts_found.policy = NULL;
    assert_int_equal(decide(), OK);
    assert_int_equal(policy.level, TLS_LEVEL_VERIFY);
    close_zone();
}

fiber_test(verify_without_hosts_is_the_least_and_the_domains_policies_hold_rfc8461_5)
{
    ask_policy(TLSA);
    route.tls = CONFIG_ROUTE_VERIFY;
    assert_int_equal(decide(), OK); /* DANE */
    assert_int_equal(policy.peer.verify, TLS_VERIFY_DANE);
    list.secure = false;
    sts_found.policy = &sts;
    assert_int_equal(decide(), OK); /* MTA-STS */
    assert_string_equal(policy.security, "mta-sts");
    sts.patterns[0] = BYTES("other.example");
    assert_int_equal(decide(), PERM);
    sts_found.policy = NULL;
    assert_int_equal(decide(), OK); /* nothing said: the route's word */
    assert_int_equal(policy.peer.verify, TLS_VERIFY_NAME);
    assert_string_equal(policy.security, "verified");
    close_zone();
    ask_policy("_25._tcp.a.example TLSA 010101" DIGEST "\n");
    route.tls = CONFIG_ROUTE_VERIFY;
    assert_int_equal(decide(), OK); /* records that cannot be used make it no less */
    assert_int_equal(policy.level, TLS_LEVEL_VERIFY);
    assert_int_equal(policy.peer.verify, TLS_VERIFY_NAME);
    close_zone();
}

fiber_test(a_policy_that_may_fail_leaves_what_the_route_verifies)
{
    ask_policy("");
    route.tls = CONFIG_ROUTE_VERIFY;
    route.tls_name = "cert.example";
    sts_found.policy = &sts;
    sts.mode = MTA_STS_TESTING;
    assert_int_equal(decide(), OK);
    assert_true(bytes_is(policy.peer.names[0], "a.example"));
    assert_true(tls_policy_weaken(&policy));
    assert_int_equal(policy.level, TLS_LEVEL_VERIFY);
    assert_int_equal(policy.peer.verify, TLS_VERIFY_NAME);
    assert_true(bytes_is(policy.peer.names[0], "cert.example"));
    assert_false(tls_policy_weaken(&policy));
    close_zone();
}

fiber_test(only_unusable_records_demand_tls_with_anybody_rfc7672_2_2)
{
    ask_policy("_25._tcp.a.example TLSA 010101" DIGEST "\n");
    assert_int_equal(decide(), OK);
    assert_int_equal(policy.level, TLS_LEVEL_ENCRYPT);
    assert_int_equal(policy.peer.verify, TLS_VERIFY_NOTHING);
    assert_false(tls_policy_weaken(&policy));
    close_zone();
}

fiber_test(an_enforced_policy_shuts_other_hosts_out_and_testing_does_not)
{
    ask_policy("");
    sts_found.policy = &sts;
    assert_int_equal(decide(), OK);
    assert_int_equal(policy.level, TLS_LEVEL_VERIFY);
    assert_false(policy.forgiving);
    sts.patterns[0] = BYTES("*.example");
    assert_int_equal(decide(), OK);
    sts.patterns[0] = BYTES("*.a.example");
    assert_int_equal(decide(), PERM);
    assert_string_equal(failure, "validation-failure");
    sts.mode = MTA_STS_TESTING;
    assert_int_equal(decide(), OK);
    assert_non_null(failure);
    assert_int_equal(policy.level, TLS_LEVEL_MAY);
    question.require_tls = true; /* then it is no test (rfc8689:4.2.1) */
    assert_int_equal(decide(), PERM);
    close_zone();
}

fiber_test(what_failed_is_weakened_step_by_step_and_never_below_the_route)
{
    ask_policy("");
    sts_found.policy = &sts;
    sts.mode = MTA_STS_TESTING;
    assert_int_equal(decide(), OK);
    assert_true(tls_policy_weaken(&policy));
    assert_int_equal(policy.level, TLS_LEVEL_MAY);
    assert_int_equal(policy.peer.verify, TLS_VERIFY_NOTHING);
    assert_true(tls_policy_weaken(&policy));
    assert_int_equal(policy.level, TLS_LEVEL_PLAIN);
    assert_false(tls_policy_weaken(&policy));
    route.tls = CONFIG_ROUTE_ENCRYPT;
    assert_int_equal(decide(), OK);
    assert_true(tls_policy_weaken(&policy));
    assert_int_equal(policy.level, TLS_LEVEL_ENCRYPT);
    assert_false(tls_policy_weaken(&policy));
    close_zone();
}

fiber_test(requiretls_wants_a_name_that_somebody_vouches_for_rfc8689_4_2_1)
{
    ask_policy("");
    question.require_tls = true;
    assert_int_equal(decide(), OK); /* signed MX */
    assert_int_equal(policy.level, TLS_LEVEL_VERIFY);
    list.secure = false;
    assert_int_equal(decide(), PERM);
    route.tls = CONFIG_ROUTE_VERIFY; /* a certificate does not say that the mail is for its owner */
    assert_int_equal(decide(), PERM);
    sts_found.policy = &sts;
    assert_int_equal(decide(), OK);
    assert_string_equal(policy.security, "mta-sts");
    sts_found.policy = NULL;
    route.hosts = &own_host;
    route.host_count = 1;
    assert_int_equal(decide(), OK); /* the administrator says so */
    route.host_count = 0;
    list.secure = true;
    route.tls_name = "cert.example";
    assert_int_equal(decide(), OK);
    assert_true(bytes_is(policy.peer.names[0], "a.example")); /* step 4: that of the MX record */
    close_zone();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_is_fetched_once_and_serves_until_it_expires),
        cmocka_unit_test(a_new_id_means_a_new_policy_rfc8461_3_1),
        cmocka_unit_test(who_makes_record_or_web_server_vanish_does_not_win_rfc8461_3_3),
        cmocka_unit_test(who_hides_the_record_does_not_win_by_a_restart_rfc8461_10_2),
        cmocka_unit_test(what_is_told_of_a_policy_does_not_replace_what_is_known),
        cmocka_unit_test(policies_are_renewed_once_a_day),
        cmocka_unit_test(failed_fetches_are_not_repeated_for_five_minutes_rfc8461_3_3),
        cmocka_unit_test(each_failure_has_its_result_type_rfc8460_4_3_2_2),
        cmocka_unit_test(several_records_or_broken_ones_are_none_rfc8461_3_1),
        cmocka_unit_test(the_cache_is_bounded_and_drops_what_was_not_used),
        cmocka_unit_test(fibers_that_want_the_same_policy_wait_for_one_fetch),
        cmocka_unit_test(the_expanded_name_comes_first_then_the_name_itself_rfc7672_2_2_2),
        cmocka_unit_test(dane_needs_signed_mx_and_signed_addresses_rfc7672_2_2),
        cmocka_unit_test(a_route_says_whether_there_is_tls_and_its_hosts_are_its_own_affair),
        cmocka_unit_test(verify_without_hosts_is_the_least_and_the_domains_policies_hold_rfc8461_5),
        cmocka_unit_test(a_policy_that_may_fail_leaves_what_the_route_verifies),
        cmocka_unit_test(only_unusable_records_demand_tls_with_anybody_rfc7672_2_2),
        cmocka_unit_test(an_enforced_policy_shuts_other_hosts_out_and_testing_does_not),
        cmocka_unit_test(what_failed_is_weakened_step_by_step_and_never_below_the_route),
        cmocka_unit_test(requiretls_wants_a_name_that_somebody_vouches_for_rfc8689_4_2_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
