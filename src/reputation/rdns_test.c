/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/rdns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct named {
    const char *ip, *name;
};

/* Forms that providers give to lines and rented machines, with example domains. */
static const struct named generic[] = {
    /* decimal, forwards */
    {"192.0.2.1", "192-0-2-1.isp.example"},
    {"192.0.2.1", "192.0.2.1.isp.example"},
    {"192.0.2.1", "host-192-0-2-1.isp.example"},
    {"192.0.2.1", "cpe-192-0-2-1.socal.res.isp.example"},
    {"198.51.100.77", "c-198-51-100-77.hsd1.ca.cable.example"},
    {"198.51.100.77", "pool-198-51-100-77.nycmny.fios.isp.example"},
    {"198.51.100.77", "ip-198-51-100-77.hsi01.unitymedia.example"},
    {"198.51.100.77", "ec2-198-51-100-77.compute-1.cloud.example"},
    {"198.51.100.77", "198-51-100-77.dsl.isp.example"},
    {"198.51.100.77", "dsl-198-051-100-077.isp.example"},
    {"198.51.100.77", "lfbn-idf1-1-198-51-100-77.w198-51.abo.isp.example"},
    {"198.51.100.77", "host198-51-static.100-77-b.business.isp.example"},
    {"198.51.100.77", "static-198-51-100-77.isp.example"},
    {"198.51.100.77", "198-51-100-77.static.isp.example"},
    {"198.51.100.77", "198_51_100_77.isp.example"},
    {"198.51.100.77", "198x51x100x77.isp.example"},
    {"198.51.100.77", "a198b51c100d77.isp.example"},
    {"198.51.100.77", "vps198-51-100-77.hoster.example"},
    {"203.0.113.9", "modemcable009.113-0-203.mc.isp.example"},
    {"203.0.113.9", "adsl203-0-113-9.isp.example"},
    /* decimal, backwards */
    {"192.0.2.1", "1.2.0.192.isp.example"},
    {"198.51.100.77", "77.100.51.198.bc.cloud.example"},
    {"198.51.100.77", "77-100-51-198.isp.example"},
    {"198.51.100.77", "77.100.51.198.dyn.isp.example"},
    {"198.51.100.77", "static.77.100.51.198.clients.hoster.example"},
    {"198.51.100.77", "77-100-51-198.rev.hoster.example"},
    {"198.51.100.77", "host-77-100-51-198.wifi.isp.example"},
    {"198.51.100.77", "dhcp-077-100-051-198.chello.example"},
    /* joined */
    {"192.0.2.1", "host192000002001.isp.example"},
    {"198.51.100.77", "cable-198051100077.isp.example"},
    {"198.51.100.77", "d077100051198.isp.example"},
    {"198.51.100.77", "dyn3325256781.isp.example"},
    /* hexadecimal */
    {"192.0.2.1", "pc0000201.dip0.t-line.example"},
    {"198.51.100.77", "p5DC60000.dip.isp.example"},
    {"198.51.100.77", "xdsl-c633644d.isp.example"},
    {"198.51.100.77", "hC633644D.isp.example"},
    {"198.51.100.77", "c633644d.static.isp.example"},
    {"198.51.100.77", "4d6433c6.isp.example"},
    {"198.51.100.77", "c6-33-64-4d.isp.example"},
    {"198.51.100.77", "cable4d6433c6.isp.example"},
    /* in part */
    {"198.51.100.77", "100-77.isp.example"},
    {"198.51.100.77", "customer-100-77.isp.example"},
    {"198.51.100.77", "77.100.ip.isp.example"},
    {"198.51.100.177", "host-177-100.isp.example"},
    {"198.51.100.77", "ns3000111.ip-198-51-100.hoster.example"},
    {"198.51.100.77", "ns3000111.ip-198-51-100.example"},
    {"198.51.100.77", "198-51-100.isp.example"},
    /* words */
    {"192.0.2.1", "dynamic.isp.example"},
    {"192.0.2.1", "dsl-line-7.isp.example"},
    {"192.0.2.1", "adsl.customer.isp.example"},
    {"192.0.2.1", "xyz.dyn.isp.example"},
    {"192.0.2.1", "a.b.dip.t-line.example"},
    {"192.0.2.1", "dialup17.isp.example"},
    {"192.0.2.1", "ppp42.access.isp.example"},
    {"192.0.2.1", "user.pool.isp.example"},
    {"192.0.2.1", "pool-9941.isp.example"},
    {"192.0.2.1", "client-1.isp.example"},
    {"192.0.2.1", "cust-00012345.isp.example"},
    {"192.0.2.1", "unassigned.isp.example"},
    {"192.0.2.1", "broadband.isp.example"},
    {"192.0.2.1", "CPE-7.DSL.ISP.EXAMPLE."},
    /* both */
    {"192.0.2.1", "192-0-2-1.mail.dsl.isp.example"},
    /* IPv6 */
    {"2001:db8:1:2:3:4:567:89ab", "2001-db8-1-2-3-4-567-89ab.isp.example"},
    {"2001:db8:1:2:3:4:567:89ab", "2001-0db8-0001-0002-0003-0004-0567-89ab.ipv6.isp.example"},
    {"2001:db8:1:2:3:4:567:89ab", "20010db80001000200030004056789ab.isp.example"},
    {"2001:db8:1:2:3:4:567:89ab", "20010db8000100020003000405670000.isp.example"},
    {"2001:db8:1:2:3:4:567:89ab", "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.isp.example"},
    {"2001:db8:1:2:3:4:567:89ab", "host-3-4-567-89ab.isp.example"},
    {"2001:db8::1", "2001-db8-0-0-0-0-0-1.isp.example"},
    {"2001:db8::1", "dyn-1.v6.isp.example"},
};

/* Names that somebody gave to servers, or that providers give to theirs. */
static const struct named given[] = {
    {"192.0.2.1", "mail.example.org"},
    {"192.0.2.1", "mx1.example.org"},
    {"192.0.2.1", "mx-1.example.org"},
    {"192.0.2.1", "smtp01.example.org"},
    {"192.0.2.1", "example.org"},
    {"192.0.2.1", "www.example.org"},
    {"192.0.2.1", "server1.example.org"},
    {"192.0.2.1", "vps.example.org"},
    {"192.0.2.1", "vps-5b0e1a2c.vps.hoster.example"},
    {"192.0.2.1", "vmi123456.hoster.example"},
    {"192.0.2.1", "ns3012345.example.org"},
    {"192.0.2.1", "host.example.org"},
    {"192.0.2.17", "host1.example.org"},
    {"192.0.2.1", "home.example.org"},
    {"192.0.2.1", "client.example.org"},
    {"192.0.2.1", "pool.example.org"},
    {"192.0.2.1", "cable.example"},
    {"192.0.2.1", "mail.cable.example"},
    {"192.0.2.1", "mail.dyn.example"},
    {"192.0.2.1", "smtp.dsl.example"},
    {"192.0.2.1", "mail.dynamic-isp.example"},
    {"192.0.2.1", "dynamo.example.org"},
    {"192.0.2.1", "research.example.org"},
    {"192.0.2.1", "customs.example.org"},
    {"192.0.2.1", "pooldoctor.example.org"},
    {"192.0.2.1", "rescue.example.org"},
    {"192.0.2.1", "dslr.example.org"},
    {"192.0.2.1", "homer.example.org"},
    {"192.0.2.1", "gateway.example.org"},
    {"192.0.2.1", "lists.example.org"},
    {"192.0.2.1", "relay3.isp.example"},
    {"192.0.2.1", "out-1.smtp.host.example"},
    {"192.0.2.1", "mout.kundenserver.example"},
    {"192.0.2.9", "mout-xforward.isp.example"},
    {"192.0.2.1", "smtp-out-2-1.example.org"},
    {"198.51.100.77", "a100-77.smtp-out.eu-west-1.sender.example"},
    {"198.51.100.77", "mail100-77.atl1.sender.example"},
    {"198.51.100.77", "m100-77.mailgun.example"},
    {"198.51.100.77", "o77.ptr1234.sender.example"},
    {"198.51.100.77", "mail-198-51-100-77.example.org"},
    {"198.51.100.77", "mta-198-51-100-77.sender.example"},
    {"198.51.100.77", "outbound-198-51-100-77.sender.example"},
    {"198.51.100.77", "198-51-100-77.mail.sender.example"},
    {"209.85.128.169", "mail-yw1-f169.search.example"},
    {"209.85.167.54", "mail-lf1-f54.search.example"},
    {"40.107.8.53", "mail-eopbgr80053.outbound.protection.cloud.example"},
    {"40.107.22.41", "mail-am6eur05on2041.outbound.protection.cloud.example"},
    {"192.0.2.1", "mail-ed1-x52a.search.example"},
    {"192.0.2.1", "sonic303-20.consmr.mail.portal.example"},
    {"66.163.188.147", "sonic316-21.consmr.mail.portal.example"},
    {"17.58.23.1", "qs51p00im-qukt01072102.me.example"},
    {"192.0.2.1", "ms-10.1blu.example"},
    {"192.0.2.1", "dd12345.hoster.example"},
    {"192.0.2.1", "w0123456.kasserver.example"},
    {"192.0.2.1", "srv12.hoster.example"},
    {"192.0.2.1", "web-7.hoster.example"},
    {"192.0.2.1", "node-2-1.example.org"},
    {"192.0.2.1", "mx.2-1.example.org"},
    {"192.0.2.1", "zimbra.example.org"},
    {"192.0.2.1", "exchange2019.corp.example"},
    {"192.0.2.1", "filter20.antispam.example"},
    {"192.0.2.1", "mx0a-00123456.pphosted.example"},
    {"192.0.2.1", "de-smtp-delivery-1.mimecast.example"},
    {"192.0.2.1", "us-smtp-1.mimecast.example"},
    {"192.0.2.1", "esa1.hc1234-56.iphmx.example"},
    {"192.0.2.1", "mail1.static.isp.example"},
    {"192.0.2.1", "static.example.org"},
    {"192.0.2.1", "bounce.em1234.shop.example"},
    {"192.0.2.1", "wfbtzhfv.outbound-mail.sender.example"},
    {"192.0.2.1", "xtrwkhdm.outbound-mail.sender.example"},
    {"192.0.2.1", "mta5.e.news.example"},
    {"192.0.2.1", "r12.mta.crm.example"},
    {"192.0.2.1", "s2.csa1-c3.newsletter.example"},
    {"192.0.2.1", "lnx-mail.uni.example"},
    {"192.0.2.1", "mailhub.rz.uni.example"},
    {"192.0.2.1", "faun.rz.uni.example"},
    {"192.0.2.1", "debian.example"},
    {"192.0.2.1", "fencepost.gnu.example"},
    {"192.0.2.1", "vger.kernel.example"},
    {"192.0.2.1", "muffat.debian.example"},
    {"192.0.2.1", "mail-out-2.isp.example"},
    {"192.0.2.1", "mxout5.telecom.example"},
    {"192.0.2.1", "snd00001.auone.example"},
    {"192.0.2.1", "e2i123.smtp2go.example"},
    {"10.20.30.40", "a40.example.org"},
    {"198.51.100.1", "hetzner1.example.org"},
    {"198.51.100.2", "mx02.host2.example.org"},
    {"2001:db8::1", "mx.example.org"},
    {"2001:db8::25", "mail-v6-25.example.org"},
    {"2001:db8:1:2:3:4:567:89ab", "s1-2-3.example.org"},
    {"2001:db8:0:0:0:0:0:1", "node-0-0-0-0-0-1.example.org"},
    {"2a00:1450:4864:20::52a", "mail-ed1-x52a.search.example"},
};

static bool is_generic(const struct named *named, char why[RDNS_WHY_SIZE])
{
    struct ip ip;
    assert_true(ip_parse(bytes_of(named->ip), &ip));
    return rdns_is_generic(&ip, bytes_of(named->name), why);
}

static void names_of_lines_are_generic(void **state)
{
    char why[RDNS_WHY_SIZE];
    for (size_t i = 0; i < countof(generic); i++) {
        if (!is_generic(&generic[i], why))
            fail_msg("%s %s", generic[i].ip, generic[i].name);
        assert_true(why[0] != 0);
    }
}

static void names_of_servers_are_not(void **state)
{
    char why[RDNS_WHY_SIZE];
    assert_true(countof(given) >= 80);
    for (size_t i = 0; i < countof(given); i++) {
        if (is_generic(&given[i], why))
            fail_msg("%s %s: %s", given[i].ip, given[i].name, why);
        assert_int_equal(why[0], 0);
    }
}

static void the_reason_names_what_was_found(void **state)
{
    static const struct {
        struct named named;
        const char *why;
    } cases[] = {
        {{"198.51.100.77", "c-198-51-100-77.hsd1.isp.example"}, "the address 198-51-100-77"},
        {{"198.51.100.77", "x77.100.51.198.isp.example"}, "the address 77.100.51.198"},
        {{"198.51.100.77", "xdsl-c633644d.isp.example"}, "the address c633644d"},
        {{"198.51.100.77", "foo.DSL.isp.example"}, "the word dsl"},
        {{"198.51.100.77", "100-77.isp.example"}, "the address 100-77"},
        {{"198.51.100.77", "client77.isp.example"}, "the word client"},
    };
    char why[RDNS_WHY_SIZE];
    for (size_t i = 0; i < countof(cases); i++) {
        assert_true(is_generic(&cases[i].named, why));
        assert_string_equal(why, cases[i].why);
    }
}

static enum rdns_class class_of(enum auth_result iprev, const char *name)
{
    struct rdns_result result;
    struct ip ip;
    assert_true(ip_parse(BYTES("192.0.2.1"), &ip));
    rdns_classify(&ip, iprev, bytes_of(name), &result);
    assert_int_equal(result.class == RDNS_GENERIC, result.why[0] != 0);
    return result.class;
}

static void classes_follow_the_name_and_what_iprev_found_rfc8601_3(void **state)
{
    assert_int_equal(class_of(AUTH_PASS, "mail.example.org"), RDNS_CONFIRMED);
    assert_int_equal(class_of(AUTH_FAIL, "mail.example.org"), RDNS_UNCONFIRMED);
    assert_int_equal(class_of(AUTH_PERMERROR, ""), RDNS_NONE);
    assert_int_equal(class_of(AUTH_TEMPERROR, ""), RDNS_UNKNOWN);
    assert_int_equal(class_of(AUTH_TEMPERROR, "mail.example.org"), RDNS_UNKNOWN);
    /* However it is confirmed: nobody gives himself such a name. */
    assert_int_equal(class_of(AUTH_PASS, "192-0-2-1.isp.example"), RDNS_GENERIC);
    assert_int_equal(class_of(AUTH_FAIL, "192-0-2-1.isp.example"), RDNS_GENERIC);
    assert_int_equal(class_of(AUTH_TEMPERROR, "192-0-2-1.isp.example"), RDNS_GENERIC);
}

static void what_is_no_name_is_not_generic(void **state)
{
    static const char *const names[] = {"", ".", "192.0.2.1..example", "dsl isp.example", "-dsl.example"};
    struct ip ip;
    assert_true(ip_parse(BYTES("192.0.2.1"), &ip));
    for (size_t i = 0; i < countof(names); i++)
        assert_false(rdns_is_generic(&ip, bytes_of(names[i]), NULL));
    assert_false(rdns_is_generic(&(struct ip){0}, BYTES("mail.example"), NULL));
    assert_true(rdns_is_generic(&(struct ip){0}, BYTES("dsl.isp.example"), NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_lines_are_generic),
        cmocka_unit_test(names_of_servers_are_not),
        cmocka_unit_test(the_reason_names_what_was_found),
        cmocka_unit_test(classes_follow_the_name_and_what_iprev_found_rfc8601_3),
        cmocka_unit_test(what_is_no_name_is_not_generic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
