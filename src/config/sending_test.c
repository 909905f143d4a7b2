/* SPDX-License-Identifier: BSD-2-Clause */
/* The sections about sending: what reaches the structs, and what cannot work. */
#include "base/clock.h"
#include "config/config_fixture.h"

#define C "configuration:"

static void refuse(const char *text, const char *expected)
{
    struct buf errors;
    enum result result = parse(text, &errors);
    bool equal = bytes_is(buf_bytes(&errors), expected);
    if (!equal)
        fprintf(stderr, "expected: %sfound:    " BYTES_FMT, expected, BYTES_ARG(buf_bytes(&errors)));
    buf_free(&errors);
    arena_destroy(arena);
    arena = NULL;
    assert_int_equal(result, PERM);
    assert_true(equal);
}

static void what_the_file_says_of_sending_reaches_the_structs(void **state)
{
    (void)state;
    accept(HOST "listener s { address = 127.0.0.1:587 submission = yes }\n"
                "certificate mx { chain = /c.pem key = /k.pem }\n"
                "accounts { file = /etc/accounts mechanisms = [PLAIN, scram-sha-256] failures = 5 }\n"
                "submission { foreign-from = add-sender messages-per-hour = 10 octets-per-day = 1G hold = no }\n"
                "host printer { networks = [192.0.2.7] senders = [p@Example.org, @example.NET] }\n"
                "queue { lifetime = 3d retry-first = 1m fallback-relay = [relay.example.net, \"192.0.2.9:2525\"] }\n"
                "route big { domains = [big.example, .big.example] hosts = [\"[2001:db8::1]:26\"] tls = verify }\n"
                "relay far.example near.example { primary = 192.0.2.1 remember = 2d }\n"
                "list news { address = news@example.org members = /m owner = anna post = anyone }\n"
                "srs { domain = srs.example.org secrets = /s }\n"
                "forwarding { srs = always resent = yes }\n");
    assert_true(config.listeners[0].submission);
    assert_int_equal(config.accounts.mechanisms.count, 2);
    assert_int_equal(config.accounts.failures, 5);
    assert_int_equal(config.submission.foreign_from, CONFIG_FROM_ADD_SENDER);
    assert_int_equal(config.submission.messages_hour, 10);
    assert_int_equal(config.submission.octets_day, INT64_C(1) << 30);
    assert_false(config.submission.hold);
    assert_string_equal(config.machines[0].senders.items[0], "p@example.org");
    assert_string_equal(config.machines[0].senders.items[1], "@example.net");
    assert_int_equal(config.queue.lifetime / DAY, 3);
    assert_string_equal(config.queue.fallback_relay.items[0].name, "relay.example.net");
    assert_int_equal(config.queue.fallback_relay.items[0].port, 25);
    assert_string_equal(config.queue.fallback_relay.items[1].name, "");
    assert_int_equal(config.queue.fallback_relay.items[1].port, 2525);
    assert_string_equal(config.routes[0].domains.items[1], ".big.example");
    assert_int_equal(config.routes[0].hosts.items[0].ip.family, 6);
    assert_int_equal(config.routes[0].tls, CONFIG_ROUTE_VERIFY);
    assert_int_equal(config.relays[0].domains.count, 2);
    assert_int_equal(config.lists[0].post, CONFIG_LIST_ANYONE);
    assert_int_equal(config.forwarding.srs, CONFIG_SRS_ALWAYS);
}

static void submission_needs_tls_and_accounts(void **state)
{
    (void)state;
    refuse(HOST "listener s { address = 127.0.0.1:587\n submission = yes }\n",
           C "3:15: submission = yes needs TLS: tls = starttls or implicit, and a certificate section\n"
           C "3:15: submission = yes needs a section accounts with file, dovecot or pam\n");
}

static void a_route_that_would_give_a_password_away_is_refused(void **state)
{
    (void)state;
    refuse(HOST "route a { hosts = x.example\n tls = none\n user = u\n password-file = /p }\n",
           C "4:9: user with tls = none: the password could be read on the way\n");
    refuse(HOST "route a { hosts = x.example\n user = u }\n", C "3:9: user and password-file need each other\n");
    refuse(HOST "route a {\n user = u\n password-file = /p }\n", C "3:9: user means nothing without hosts\n");
}

static void what_needs_another_section_says_so(void **state)
{
    (void)state;
    refuse(HOST "accounts {\n mechanisms = EXTERNAL }\n",
           C "3:15: EXTERNAL needs client-authorities, by which certificates are verified\n");
    refuse(HOST "forwarding {\n srs = always }\n", C "3:8: srs = always needs a section srs with a domain\n");
    refuse(HOST "route a { }\nroute b { }\n", C "3:1: route 'a' has all other domains already\n");
    refuse(HOST "route a { domains = x.example }\nroute b {\n domains = [y.example, x.example] }\n",
           C "4:12: route 'a' has x.example already\n");
}

static void names_of_mechanisms_and_policies_are_looked_up(void **state)
{
    (void)state;
    refuse(HOST "accounts {\n mechanisms = [SCRAM-SHA-25] }\n",
           C "3:15: there is no mechanism 'SCRAM-SHA-25' (did you mean 'SCRAM-SHA-256'?)\n");
    refuse(HOST "policy strict {}\nrelay a.example { primary = 192.0.2.1\n policy = strikt }\n",
           C "4:11: there is no policy 'strikt' (did you mean 'strict'?)\n");
}

static void senders_and_hosts_must_be_some(void **state)
{
    (void)state;
    refuse(HOST "host p { networks = 192.0.2.7\n senders = [printer] }\n",
           C "3:13: senders must be mail addresses, or @example.org for all of a domain: 'printer'\n");
    refuse(HOST "queue {\n fallback-relay = \"relay.example:99999\" }\n",
           C "3:19: fallback-relay needs a port from 1 to 65535 behind the colon: 'relay.example:99999'\n");
    refuse(HOST "queue { retry-first = 5h\n retry-most = 1h }\n", C "2:23: retry-first is longer than retry-most\n");
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_file_says_of_sending_reaches_the_structs),
        TEST(submission_needs_tls_and_accounts),
        TEST(a_route_that_would_give_a_password_away_is_refused),
        TEST(what_needs_another_section_says_so),
        TEST(names_of_mechanisms_and_policies_are_looked_up),
        TEST(senders_and_hosts_must_be_some),
    };
    return cmocka_run_group_tests_name("sending", tests, NULL, NULL);
}
