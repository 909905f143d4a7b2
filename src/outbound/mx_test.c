/* SPDX-License-Identifier: BSD-2-Clause */
/* Which hosts take a domain's mail, and which route it goes. */
#include "outbound/address.h"
#include "outbound/mx.h"
#include "outbound/route.h"
#include "outbound/zone_fixture.h"

static int64_t fixture_epoch(void)
{
    return 1767225600;
}

/* A die that was thrown before. */
static const uint32_t *dice;
static size_t thrown;
static uint32_t throw_die(void *context, uint32_t below)
{
    return dice ? dice[thrown++ % 8] : 0;
}

static struct mx_options options;
static struct mx_list list;
static struct mx_problem problem;

static void start(const char *text)
{
    open_zone(text, true);
    options = (struct mx_options){.dns = &signed_dns,
                                  .port = 25,
                                  .ipv4 = true,
                                  .ipv6 = true,
                                  .random = throw_die,
                                  .hostname = BYTES("us.example")};
    dice = NULL;
    thrown = 0;
}

static enum result find(const char *domain)
{
    return mx_find(&options, arena, bytes_of(domain), loop_deadline(MINUTE), &list, &problem);
}

/* "name:ip,ip name:ip" of the list. */
static const char *found(void)
{
    static char text[4096];
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < list.count; i++) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s" BYTES_FMT ":",
                                   i ? " " : "", BYTES_ARG(list.hosts[i].name));
        for (size_t j = 0; j < list.hosts[i].address_count; j++) {
            char ip[IP_TEXT_SIZE];
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", j ? "," : "",
                                       ip_format(&list.hosts[i].addresses[j], ip));
        }
    }
    return text;
}

static void assert_problem(const char *domain, enum result result, const char *enhanced)
{
    assert_int_equal(find(domain), result);
    assert_string_equal(problem.enhanced, enhanced);
    assert_int_equal(list.count, 0);
}

fiber_test(hosts_come_by_preference_and_equals_by_chance_rfc5321_5_1)
{
    static const uint32_t one[8] = {5, 1, 9};
    start("d.example MX 20 c.example\nd.example MX 10 a.example\nd.example MX 10 B.example\n"
          "a.example A 192.0.2.1\nb.example A 192.0.2.2\nc.example A 192.0.2.3\n");
    dice = one;
    assert_int_equal(find("d.example"), OK);
    assert_string_equal(found(), "a.example:192.0.2.1 b.example:192.0.2.2 c.example:192.0.2.3");
    static const uint32_t other[8] = {0, 9, 1};
    dice = other;
    thrown = 0;
    assert_int_equal(find("D.Example."), OK);
    assert_string_equal(found(), "b.example:192.0.2.2 a.example:192.0.2.1 c.example:192.0.2.3");
    close_zone();
}

fiber_test(addresses_of_both_families_come_by_turns_and_are_bounded)
{
    char text[8192] = "d.example MX 1 a.example\n";
    for (int i = 1; i <= 30; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "a.example A 192.0.2.%d\na.example AAAA 2001:db8::%d\n", i, i);
    start(text);
    assert_int_equal(find("d.example"), OK);
    assert_int_equal(list.hosts[0].address_count, MX_ADDRESSES_MAX);
    assert_int_equal(list.hosts[0].addresses[0].family, 6);
    assert_int_equal(list.hosts[0].addresses[1].family, 4);
    assert_int_equal(list.hosts[0].addresses[2].family, 6);
    options.ipv6 = false;
    assert_int_equal(find("d.example"), OK);
    for (size_t i = 0; i < list.hosts[0].address_count; i++)
        assert_int_equal(list.hosts[0].addresses[i].family, 4);
    close_zone();
}

fiber_test(of_many_hosts_the_best_ten_are_kept_with_two_addresses_each)
{
    char text[8192] = "";
    for (int i = 0; i < 40; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "d.example MX %d h%d.example\nh%d.example A 192.0.2.1\nh%d.example A 192.0.2.2\n"
                 "h%d.example A 192.0.2.3\n",
                 100 - i, i, i, i, i);
    start(text);
    assert_int_equal(find("d.example"), OK);
    assert_int_equal(list.count, MX_HOSTS_MAX);
    assert_true(bytes_is(list.hosts[0].name, "h39.example"));
    assert_true(bytes_is(list.hosts[9].name, "h30.example"));
    assert_int_equal(list.hosts[0].address_count, 2);
    close_zone();
}

fiber_test(a_null_mx_takes_no_mail_rfc7505)
{
    start("null.example MX 0 .\nnull.example A 192.0.2.1\n"
          "both.example MX 0 .\nboth.example MX 5 a.example\na.example A 192.0.2.9\n");
    assert_problem("null.example", PERM, "5.1.10");
    assert_int_equal(find("both.example"), OK); /* rfc7505:3: then it is no null MX */
    assert_string_equal(found(), "a.example:192.0.2.9");
    close_zone();
}

fiber_test(without_mx_the_domain_is_its_own_host_rfc5321_5_1)
{
    start("d.example A 192.0.2.1\nd.example AAAA 2001:db8::1\nnone.example TXT x\n"
          "alias.example CNAME d.example\n");
    assert_int_equal(find("d.example"), OK);
    assert_true(list.implicit);
    assert_string_equal(found(), "d.example:2001:db8::1,192.0.2.1");
    assert_int_equal(find("alias.example"), OK);
    assert_true(bytes_is(list.canonical, "d.example"));
    assert_problem("none.example", PERM, "5.1.2");
    close_zone();
}

fiber_test(no_domain_is_permanent_and_no_answer_is_not)
{
    start("broken.example MX FAIL\nhalf.example MX 1 a.example\na.example FAIL\n"
          "dead.example MX 1 nowhere.example\n");
    assert_problem("absent.example", PERM, "5.1.2");
    assert_problem("not a domain", PERM, "5.1.2");
    assert_problem("broken.example", TEMP, "4.4.3");
    assert_problem("half.example", TEMP, "4.4.3");
    assert_problem("dead.example", PERM, "5.4.4");
    close_zone();
}

fiber_test(one_failed_family_leaves_the_other)
{
    start("d.example MX 1 a.example\na.example A 192.0.2.1\na.example AAAA FAIL\n");
    assert_int_equal(find("d.example"), OK);
    assert_string_equal(found(), "a.example:192.0.2.1");
    close_zone();
}

fiber_test(from_ourselves_on_hosts_do_not_count_rfc5321_5_1)
{
    struct ip own;
    assert_true(ip_parse(BYTES("192.0.2.7"), &own));
    start("d.example MX 10 a.example\nd.example MX 20 US.example\nd.example MX 20 b.example\n"
          "d.example MX 30 c.example\na.example A 192.0.2.1\nb.example A 192.0.2.2\n"
          "c.example A 192.0.2.3\nus.example A 192.0.2.7\n"
          "loop.example MX 10 us.example\nloop.example MX 20 a.example\n"
          "masked.example MX 10 other.example\nother.example A 192.0.2.7\n"
          "second.example MX 10 a.example\nsecond.example MX 20 other.example\n"
          "later.example MX 10 gone.example\nlater.example MX 20 us.example\ngone.example FAIL\n");
    options.own = &own;
    options.own_count = 1;
    assert_int_equal(find("d.example"), OK);
    assert_string_equal(found(), "a.example:192.0.2.1");
    assert_problem("loop.example", PERM, "5.4.6");
    assert_problem("masked.example", PERM, "5.4.6"); /* by address */
    assert_int_equal(find("second.example"), OK);
    assert_string_equal(found(), "a.example:192.0.2.1");
    assert_problem("later.example", TEMP, "4.4.3"); /* its better host may come back */
    assert_problem("us.example", PERM, "5.4.6");
    close_zone();
}

fiber_test(targets_that_are_no_servers_are_passed_over)
{
    start("d.example MX 1 192.0.2.66\nd.example MX 2 localhost\nd.example MX 3 lo.example\n"
          "d.example MX 4 zero.example\nd.example MX 5 a.example\nlo.example A 127.0.0.1\n"
          "lo.example AAAA ::1\nzero.example A 0.0.0.0\nzero.example A 224.0.0.1\n"
          "zero.example A 255.255.255.255\na.example A 192.0.2.1\nlocalhost A 127.0.0.1\n"
          "bogus.example MX 1 lo.example\n");
    assert_int_equal(find("d.example"), OK);
    assert_string_equal(found(), "a.example:192.0.2.1");
    assert_problem("bogus.example", PERM, "5.4.4");
    options.allow_private = true;
    assert_int_equal(find("bogus.example"), OK);
    close_zone();
}

static void only_addresses_of_the_internet_are_public(void **state)
{
    static const char *const private[] = {
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "::ffff:0.0.0.0", "::ffff:169.254.169.254", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1",
        "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "fc00::1", "fd12::1", "fe80::1", "febf::1",
        "fec0::1", "ff02::1"};
    static const char *const public[] = {
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.0.1", "100.128.0.1", "126.0.0.1", "128.0.0.1",
        "169.253.0.1", "172.15.0.1", "172.32.0.1", "192.0.2.1", "192.167.0.1", "223.255.255.255",
        "::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "2002:c000:201::1", "2001:db8::1", "2a00::1", "fbff::1"};
    struct ip ip;
    (void)state;
    for (size_t i = 0; i < countof(private); i++)
        if (!ip_parse(bytes_of(private[i]), &ip) || address_is_public(&ip))
            fail_msg("%s", private[i]);
    for (size_t i = 0; i < countof(public); i++)
        if (!ip_parse(bytes_of(public[i]), &ip) || !address_is_public(&ip))
            fail_msg("%s", public[i]);
    assert_false(address_is_public(&(struct ip){0}));
}

fiber_test(hosts_at_private_addresses_are_for_routes_to_name)
{
    start("d.example MX 1 in.example\nd.example MX 2 a.example\nin.example A 192.168.1.1\n"
          "in.example AAAA fd00::1\na.example A 192.0.2.1\na.example A 10.0.0.1\n"
          "in.example AAAA ::ffff:10.1.1.1\nonly.example MX 1 in.example\nimplicit.example A 10.0.0.1\n");
    assert_int_equal(find("d.example"), OK);
    assert_string_equal(found(), "a.example:192.0.2.1");
    assert_problem("only.example", PERM, "5.4.4");
    assert_non_null(strstr(problem.error.text, "public internet"));
    assert_problem("implicit.example", PERM, "5.4.4");
    assert_problem("[192.168.1.1]", PERM, "5.4.4");
    assert_problem("[IPv6:::ffff:127.0.0.1]", PERM, "5.4.4");
    struct config_host host = {.name = (char *)"in.example"};
    assert_int_equal(mx_resolve(&options, arena, &host, 1, loop_deadline(MINUTE), &list, &problem), OK);
    assert_int_equal(list.hosts[0].address_count, 3);
    close_zone();
}

fiber_test(an_address_literal_is_its_own_host_rfc5321_4_1_3)
{
    struct ip own;
    assert_true(ip_parse(BYTES("2001:db8::7"), &own));
    start("");
    options.own = &own;
    options.own_count = 1;
    assert_int_equal(find("[192.0.2.1]"), OK);
    assert_true(list.hosts[0].literal);
    assert_string_equal(found(), "192.0.2.1:192.0.2.1");
    assert_int_equal(find("[IPv6:2001:db8::1]"), OK);
    assert_problem("[IPv6:2001:db8::7]", PERM, "5.4.6");
    assert_problem("[127.0.0.1]", PERM, "5.4.4");
    assert_problem("[192.0.2.1", PERM, "5.1.2");
    assert_problem("[]", PERM, "5.1.2");
    assert_int_equal(zone_question_count(zone), 0);
    close_zone();
}

fiber_test(what_was_authenticated_is_known_for_each_host)
{
    start("d.example MX 1 a.example\nd.example MX 2 b.insecure\na.example A 192.0.2.1\n"
          "b.insecure A 192.0.2.2\nplain.insecure MX 1 a.example\n"
          "c.example MX 1 alias.example\nalias.example CNAME b.insecure\n");
    insecure = "insecure";
    assert_int_equal(find("d.example"), OK);
    assert_true(list.secure);
    assert_true(list.hosts[0].secure);
    assert_false(list.hosts[1].secure);
    assert_int_equal(find("plain.insecure"), OK);
    assert_false(list.secure);
    assert_true(list.hosts[0].secure);
    close_zone();
}

fiber_test(hosts_that_are_configured_keep_their_order_and_ports)
{
    struct config_host hosts[] = {{.name = (char *)"b.example", .port = 587},
                                  {.name = (char *)"", .port = 0},
                                  {.name = (char *)"gone.example", .port = 25},
                                  {.name = (char *)"a.example", .port = 0}};
    assert_true(ip_parse(BYTES("127.0.0.1"), &hosts[1].ip));
    start("a.example A 192.0.2.1\nb.example A 192.0.2.2\n");
    assert_int_equal(mx_resolve(&options, arena, hosts, 4, loop_deadline(MINUTE), &list, &problem), OK);
    assert_string_equal(found(), "b.example:192.0.2.2 127.0.0.1:127.0.0.1 a.example:192.0.2.1");
    assert_int_equal(list.hosts[0].port, 587);
    assert_int_equal(list.hosts[1].port, 25);
    assert_int_equal(mx_resolve(&options, arena, &hosts[2], 1, loop_deadline(MINUTE), &list, &problem),
                     PERM);
    close_zone();
}

/* ---- routes ---- */

static const char *route_name(const struct config *config, const char *domain, bool fallback)
{
    struct route route = route_find(config, bytes_of(domain), fallback);
    if (route.relay)
        return "relay";
    return route.name[0] ? route.name : route.host_count ? "fallback" : "mx";
}

static void the_most_special_route_wins_and_backup_mx_before_all(void **state)
{
    char *exact[] = {(char *)"d.example"}, *below[] = {(char *)".example"},
         *deeper[] = {(char *)".sub.example"}, *star[] = {(char *)"*"}, *primary[] = {(char *)"kept.example"};
    struct config_host host = {.name = (char *)"h", .port = 25};
    struct config_route routes[] = {
        {.name = (char *)"star", .domains = {star, 1}, .tls_name = (char *)"", .user = (char *)""},
        {.name = (char *)"below", .domains = {below, 1}, .tls_name = (char *)"", .user = (char *)""},
        {.name = (char *)"deeper", .domains = {deeper, 1}, .tls_name = (char *)"", .user = (char *)""},
        {.name = (char *)"exact", .domains = {exact, 1}, .tls_name = (char *)"", .user = (char *)""}};
    struct config_relay relay = {.domains = {primary, 1}, .primary = {&host, 1}};
    struct config config = {.routes = routes, .route_count = 4, .relays = &relay, .relay_count = 1};
    config.queue.fallback_relay = (struct config_hosts){&host, 1};
    assert_string_equal(route_name(&config, "D.example", false), "exact");
    assert_string_equal(route_name(&config, "x.example", false), "below");
    assert_string_equal(route_name(&config, "a.sub.example", false), "deeper");
    assert_string_equal(route_name(&config, "notexample", false), "star");
    assert_string_equal(route_name(&config, "other.test", false), "star");
    assert_string_equal(route_name(&config, "kept.example", false), "relay");
    assert_string_equal(route_name(&config, "kept.example", true), "relay");
    assert_string_equal(route_name(&config, "d.example", true), "fallback");
    config.route_count = 0;
    config.queue.fallback_relay.count = 0;
    assert_string_equal(route_name(&config, "d.example", true), "mx");
    routes[0].domains.count = 0; /* a section without domains is for all */
    config.route_count = 1;
    assert_string_equal(route_name(&config, "d.example", false), "star");
}

static void the_fallback_relay_is_no_less_secure_than_the_route(void **state)
{
    char *secret[] = {(char *)"secret.example"}, *plain[] = {(char *)"plain.example"};
    struct config_host host = {.name = (char *)"h", .port = 25};
    struct config_route routes[] = {
        {.name = (char *)"secret", .domains = {secret, 1}, .tls = CONFIG_ROUTE_VERIFY, .user = (char *)"me"},
        {.name = (char *)"plain", .domains = {plain, 1}, .tls = CONFIG_ROUTE_NONE, .user = (char *)""}};
    struct config config = {.routes = routes, .route_count = 2};
    config.queue.fallback_relay = (struct config_hosts){&host, 1};
    (void)state;
    struct route route = route_find(&config, BYTES("secret.example"), true);
    assert_int_equal(route.tls, CONFIG_ROUTE_VERIFY);
    assert_string_equal(route.user, ""); /* the password is for the route's own hosts */
    assert_int_equal(route_find(&config, BYTES("plain.example"), true).tls, CONFIG_ROUTE_MAY);
    assert_int_equal(route_find(&config, BYTES("other.example"), true).tls, CONFIG_ROUTE_MAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fallback_relay_is_no_less_secure_than_the_route),
        cmocka_unit_test(hosts_come_by_preference_and_equals_by_chance_rfc5321_5_1),
        cmocka_unit_test(addresses_of_both_families_come_by_turns_and_are_bounded),
        cmocka_unit_test(of_many_hosts_the_best_ten_are_kept_with_two_addresses_each),
        cmocka_unit_test(a_null_mx_takes_no_mail_rfc7505),
        cmocka_unit_test(without_mx_the_domain_is_its_own_host_rfc5321_5_1),
        cmocka_unit_test(no_domain_is_permanent_and_no_answer_is_not),
        cmocka_unit_test(one_failed_family_leaves_the_other),
        cmocka_unit_test(from_ourselves_on_hosts_do_not_count_rfc5321_5_1),
        cmocka_unit_test(targets_that_are_no_servers_are_passed_over),
        cmocka_unit_test(only_addresses_of_the_internet_are_public),
        cmocka_unit_test(hosts_at_private_addresses_are_for_routes_to_name),
        cmocka_unit_test(an_address_literal_is_its_own_host_rfc5321_4_1_3),
        cmocka_unit_test(what_was_authenticated_is_known_for_each_host),
        cmocka_unit_test(hosts_that_are_configured_keep_their_order_and_ports),
        cmocka_unit_test(the_most_special_route_wins_and_backup_mx_before_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
