/* SPDX-License-Identifier: BSD-2-Clause */
/* The sections about judgement: what reaches the structs, and what cannot work. */
#include "base/clock.h"
#include "config/config_fixture.h"
#include "config/value.h"

static void refuse(const char *text, const char *expected)
{
    struct buf errors;
    enum result result = parse(text, &errors);
    bool found = bytes_find(buf_bytes(&errors), bytes_of(expected)) != BYTES_NOT_FOUND;
    if (!found)
        fprintf(stderr, "expected: %s\nfound:    " BYTES_FMT, expected, BYTES_ARG(buf_bytes(&errors)));
    buf_free(&errors);
    arena_destroy(arena);
    arena = NULL;
    assert_int_equal(result, PERM);
    assert_true(found);
}

static void what_the_file_says_of_judgement_reaches_the_structs(void **state)
{
    (void)state;
    accept(HOST "policy default { junk-score = 6.5 reject-score = 0 greylist = auto shadow = strict }\n"
                "policy strict { default-reject = yes attachments = [exe, macro] virus = quarantine }\n"
                "dnslist zen { zone = zen.example use = [client, url-address] weight = 2.25\n"
                "  codes = [\"127.0.0.2=4\", \"127.0.0.0/24&8=-1.5\", \"127.0.0.10=off\"] early = reject }\n"
                "rating r { zone = rate.example good = -1 }\n"
                "rule lottery { where = header field = Subject pattern = \"won\\\\b\" weight = -0.05 }\n"
                "rates { messages = 7 tarpit = 2s }\n"
                "clamd { server = 127.0.0.1 failure = accept }\n"
                "state { redis = 127.0.0.1 prefix = \"a:\" }\n");
    assert_int_equal(config.policies[0].junk_score, 650);
    assert_int_equal(config.policies[0].reject_score, 0);
    assert_int_equal(config.policies[0].greylist, CONFIG_GREYLIST_AUTO);
    assert_string_equal(config.policies[0].shadow, "strict");
    assert_true(config.policies[1].default_reject);
    assert_int_equal(config.policies[1].attachments.count, 2);
    assert_int_equal(config.policies[1].virus, CONFIG_CONTENT_QUARANTINE);
    assert_int_equal(config.policies[1].junk_score, 500);
    assert_int_equal(config.dnslists[0].uses, CONFIG_DNSLIST_CLIENT | CONFIG_DNSLIST_URL_ADDRESS);
    assert_int_equal(config.dnslists[0].weight, 225);
    assert_true(config.dnslists[0].early);
    assert_true(config.dnslists[0].test);
    assert_int_equal(config.dnslists[0].codes.count, 3);
    assert_int_equal(config.ratings[0].good, -100);
    assert_int_equal(config.rules[0].weight, -5);
    assert_string_equal(config.rules[0].pattern, "won\\b");
    assert_int_equal(config.rates.messages, 7);
    assert_int_equal(config.rates.tarpit / SECOND, 2);
    assert_int_equal(config.clamd.server.items[0].port, 3310);
    assert_int_equal(config.clamd.failure, 0);
    assert_int_equal(config.state.redis.items[0].port, 6379);
    assert_string_equal(config.state.prefix, "a:");
}

static void what_is_not_set_has_its_default(void **state)
{
    (void)state;
    accept(HOST);
    assert_int_equal(config.policies[0].junk_score, 500);
    assert_int_equal(config.policies[0].reject_score, 1500);
    assert_int_equal(config.policies[0].greylist, CONFIG_GREYLIST_OFF);
    assert_string_equal(config.policies[0].shadow, "");
    assert_true(config.filter.on);
    assert_string_equal(config.state.prefix, "vouch:");
    assert_int_equal(config.clamd.failure, 1);
}

static void points_are_read_as_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int points;
    } cases[] = {{"0", 0}, {"5", 500}, {"-2.5", -250}, {"0.05", 5}, {"-0.75", -75}, {"12.3", 1230}};
    for (size_t i = 0; i < countof(cases); i++) {
        int points = 1;
        struct buf out;
        buf_init(&out, 64);
        assert_null(config_read_points(bytes_of(cases[i].text), &points));
        assert_int_equal(points, cases[i].points);
        config_write_points(&out, points);
        assert_true(bytes_is(buf_bytes(&out), cases[i].text));
        buf_free(&out);
    }
    static const char *const bad[] = {"", "-", ".5", "5.", "1.234", "+1", "1e3", "--1", "1234567", "0x5"};
    for (size_t i = 0; i < countof(bad); i++) {
        int points;
        assert_non_null(config_read_points(bytes_of(bad[i]), &points));
    }
}

/* rfc5782:2.1: the answers are addresses of 127/8; the last octet is often a mask of bits. */
static void answers_of_lists_are_read(void **state)
{
    (void)state;
    struct config_dnslist_code code;
    assert_null(config_read_dnslist_code(BYTES("127.0.0.4/30=2.5"), &code));
    assert_int_equal(code.network.prefix, 30);
    assert_int_equal(code.points, 250);
    assert_null(config_read_dnslist_code(BYTES("127.0.1.0/24&8=-3"), &code));
    assert_int_equal(code.bit, 8);
    assert_int_equal(code.points, -300);
    assert_null(config_read_dnslist_code(BYTES("127.0.0.10=off"), &code));
    assert_true(code.off);
    static const char *const bad[] = {"127.0.0.2", "10.0.0.2=3", "127.0.0.2=", "=3", "127.0.0.2&0=3",
                                      "127.0.0.2&256=1", "::1=3", "127.0.0.2=on"};
    for (size_t i = 0; i < countof(bad); i++)
        assert_non_null(config_read_dnslist_code(bytes_of(bad[i]), &code));
}

static void faults_of_judgement_say_what_is_meant(void **state)
{
    (void)state;
    refuse(HOST "dnslist a { zone = a.example use = [clint] }\n", ":2:37: use must be of client, name");
    refuse(HOST "dnslist a { zone = a.example use = [client] codes = [\"10.0.0.1=2\"] }\n", "codes must be answers");
    refuse(HOST "dnslist a { use = [client] }\n", "zone");
    refuse(HOST "policy p { junk-score = much }\n", "junk-score must be points such as");
    refuse(HOST "policy p { shadow = p }\n", "shadow names the policy itself");
    refuse(HOST "policy strict { }\npolicy p { shadow = strikt }\n", "did you mean 'strict'?");
    refuse(HOST "rule r { action = reject }\n", "without a pattern");
    refuse(HOST "rule r { weight = 2 }\n", "no built-in test of that name");
    refuse(HOST "rule r { pattern = \"a(b\" }\n", "pattern");
    refuse(HOST "rule r { where = body field = Subject pattern = x }\n", "field needs where = header");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_the_file_says_of_judgement_reaches_the_structs, tear_down),
        cmocka_unit_test_teardown(what_is_not_set_has_its_default, tear_down),
        cmocka_unit_test(points_are_read_as_they_are_written),
        cmocka_unit_test(answers_of_lists_are_read),
        cmocka_unit_test(faults_of_judgement_say_what_is_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
