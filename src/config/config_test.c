/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "config/config.h"
#include "config/describe.h"
#include "config/schema.h"
#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST "hostname = mx.example.org\n"

static struct arena *arena;
static struct config config;
static struct buf errors;
static char folder[64];

static int set_up(void **state)
{
    arena = arena_create(16 << 20);
    buf_init(&errors, 1 << 20);
    memset(&config, 0, sizeof(config));
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    arena_destroy(arena);
    buf_free(&errors);
    return 0;
}

static void accept(const char *text)
{
    buf_clear(&errors);
    enum result result = config_parse(arena, bytes_of(text), NULL, &config, &errors);
    if (result != OK)
        print_error("%.*s", (int)errors.len, (const char *)errors.ptr);
    assert_int_equal(result, OK);
    assert_int_equal(errors.len, 0);
}

/* The text is refused with exactly these lines; `file` is taken off the front of each. */
static void refuse_from(const char *text, const char *file, const char *expected)
{
    buf_clear(&errors);
    enum result result = config_parse(arena, bytes_of(text), file, &config, &errors);
    assert_int_equal(result, PERM);
    buf_add_byte(&errors, 0);
    assert_string_equal((const char *)errors.ptr, expected);
}

static void refuse(const char *text, const char *expected)
{
    refuse_from(text, NULL, expected);
}

/* What a text without a file is called. */
#define C "configuration:"

static void a_host_name_is_all_that_must_be_set(void **state)
{
    accept(HOST);
    assert_string_equal(config.hostname, "mx.example.org");
    assert_string_equal(config.authserv_id, "mx.example.org");
    assert_string_equal(config.data_directory, "/var/lib/vouch");
    assert_string_equal(config.file, "");
    assert_int_equal(config.limits.message_size, 50 << 20);
    assert_int_equal(config.limits.recipients, 1000);
    assert_int_equal(config.limits.text_line, 65536);
    assert_int_equal(config.limits.command_timeout, 5 * MINUTE);
    assert_int_equal(config.limits.finish_timeout, 60 * SECOND);
    assert_int_equal(config.ledger.keep, 30 * DAY);
    assert_string_equal(config.tls.minimum_version, "1.2");
    assert_string_equal(config.log.level, "info");
    assert_string_equal(config.log.file, "");
    assert_true(config.authentication.spf && config.authentication.dkim);
    assert_true(config.authentication.dmarc && config.authentication.iprev);
    assert_int_equal(config.own_networks.count, 0);
    assert_int_equal(config.listener_count, 0);
    assert_int_equal(config.policy_count, 1);
    assert_string_equal(config.policies[0].name, "default");
    assert_int_equal(config.policies[0].dmarc, CONFIG_DMARC_ON);
    assert_int_equal(config.policies[0].spf_fail, CONFIG_SPF_MARK);
    assert_true(config.policies[0].reject_bad_from);
    assert_int_equal(config.policies[0].temporary_window, 4 * HOUR);
}

static void what_the_file_says_reaches_the_structs(void **state)
{
    accept("# comment\r\n"
           "hostname = \"mx.example.org\"   authserv-id=id.example.org # behind\n"
           "own-networks = [192.0.2.0/24,\n  2001:db8::/32, # inside\n\n 10.0.0.0/8,\n]\n"
           "listener smtp { address = [0.0.0.0:25, \"[::]:25\"] }\n"
           "listener smtps {\n address = 192.0.2.1:465 tls = implicit\n greeting = \"a \\\"b\\\" "
           "\\\\\"\n}\n"
           "certificate mx { chain = /c.pem key = /k.pem }\n"
           "domain Example.org example.net { recipients = users.txt   deliver = "
           "maildir:/var/mail/{domain}/{user} }\n"
           "domain b.example {deliver=lmtp:unix:/run/lmtp quota=1G policy=strict}\n"
           "domain c.example { deliver = lmtp:[2001:db8::1]:24 catch-all = info }\n"
           "policy strict { dmarc = strict spf-fail = reject trusted-lists = Lists.Example }\n"
           "policy default { temporary-attempts = 7 }\n"
           "limits { message-size = 25M session-timeout = 1h30m }\n"
           "dns { servers = [127.0.0.1, \"[::1]:5353\", ::1] trust-ad = yes }\n"
           "authentication { dmarc-discovery = suffix-list iprev = off }\n"
           "log { format = json level = debug }\n"
           "ledger { keep = 2w }\n"
           "tls { minimum-version = 1.3 }\n");
    assert_string_equal(config.authserv_id, "id.example.org");
    assert_int_equal(config.own_networks.count, 3);
    assert_int_equal(config.own_networks.items[1].prefix, 32);
    assert_int_equal(config.listener_count, 2);
    assert_int_equal(config.listeners[0].tls, CONFIG_TLS_STARTTLS);
    assert_int_equal(config.listeners[0].addresses.count, 2);
    assert_int_equal(config.listeners[0].addresses.items[1].ip.family, 6);
    assert_int_equal(config.listeners[0].addresses.items[1].port, 25);
    assert_null(config.listeners[0].addresses.items[0].path);
    assert_string_equal(config.listeners[1].name, "smtps");
    assert_int_equal(config.listeners[1].tls, CONFIG_TLS_IMPLICIT);
    assert_string_equal(config.listeners[1].greeting, "a \"b\" \\");
    assert_string_equal(config.tls.certificates[0].key, "/k.pem");
    assert_int_equal(config.domain_count, 3);
    assert_int_equal(config.domains[0].names.count, 2);
    assert_string_equal(config.domains[0].names.items[0], "example.org");
    assert_string_equal(config.domains[0].recipients, "users.txt");
    assert_int_equal(config.domains[0].method, CONFIG_DELIVER_MAILDIR);
    assert_string_equal(config.domains[0].maildir, "/var/mail/{domain}/{user}");
    assert_string_equal(config.domains[0].delimiter, "+");
    assert_int_equal(config.domains[1].method, CONFIG_DELIVER_LMTP);
    assert_string_equal(config.domains[1].lmtp.path, "/run/lmtp");
    assert_int_equal(config.domains[1].quota, 1 << 30);
    assert_int_equal(config.domains[2].lmtp.port, 24);
    assert_int_equal(config.domains[2].lmtp.ip.family, 6);
    assert_string_equal(config.domains[2].catch_all, "info");
    assert_int_equal(config.policy_count, 2);
    assert_string_equal(config.policies[0].name, "default");
    assert_int_equal(config.policies[0].temporary_attempts, 7);
    assert_string_equal(config.policies[1].trusted_lists.items[0], "lists.example");
    assert_ptr_equal(config_policy_find(&config, "strict"), &config.policies[1]);
    assert_ptr_equal(config_policy_find(&config, "none"), &config.policies[0]);
    assert_ptr_equal(config_policy_find(&config, NULL), &config.policies[0]);
    assert_int_equal(config.policies[1].dmarc, CONFIG_DMARC_STRICT);
    assert_int_equal(config.policies[1].spf_fail, CONFIG_SPF_REJECT);
    assert_int_equal(config.limits.message_size, 25 << 20);
    assert_int_equal(config.limits.session_timeout, 90 * MINUTE);
    assert_int_equal(config.dns.servers.count, 3);
    assert_int_equal(config.dns.servers.items[0].port, 53);
    assert_int_equal(config.dns.servers.items[1].port, 5353);
    assert_true(config.dns.trust_ad);
    assert_int_equal(config.authentication.dmarc_discovery, CONFIG_DMARC_SUFFIX_LIST);
    assert_false(config.authentication.iprev);
    assert_true(config.log.json);
    assert_int_equal(config.ledger.keep, 14 * DAY);
    assert_string_equal(config.tls.minimum_version, "1.3");
}

static void an_unknown_name_brings_the_nearest_known_one(void **state)
{
    refuse(HOST "domain a.example { recipeints = x }\n",
           C "2:20: unknown key 'recipeints' (did you mean 'recipients'?)\n");
    refuse(HOST "limits {\n  message_size = 25M\n}\n",
           C "3:3: unknown key 'message_size' (did you mean 'message-size'?)\n");
    refuse(HOST "lisstener x { }\n",
           C "2:1: unknown section 'lisstener' (did you mean 'listener'?)\n");
    refuse(HOST "zzzzzzzz = 1\n", C "2:1: unknown key 'zzzzzzzz'\n");
    refuse(HOST "zzzzzzzz { }\n", C "2:1: unknown section 'zzzzzzzz'\n");
    refuse(HOST "log { format = jason }\n",
           C "2:16: format must be one of plain, json: 'jason' (did you mean 'json'?)\n");
    refuse(HOST "domain a.example { policy = strickt }\npolicy strict { }\n",
           C "2:29: there is no policy 'strickt' (did you mean 'strict'?)\n");
}

static void a_name_in_the_wrong_place_is_told_where_it_belongs(void **state)
{
    refuse(HOST "message-size = 25M\n",
           C "2:1: unknown key 'message-size' here: it belongs in section limits\n");
    refuse(HOST "log { own-networks = 10.0.0.0/8 }\n",
           C "2:7: unknown key 'own-networks' here: it belongs at the top level\n");
    refuse(HOST "limits = 5\n",
           C "2:1: unknown key 'limits': it is a section, written limits { ... }\n");
    refuse("hostname { }\n",
           C "1:1: hostname is not set\n" C "1:1: 'hostname' is a key, written hostname = VALUE\n");
    refuse(HOST "tls {\n  certificate mx { chain = a key = b }\n}\n",
           C "3:3: section 'certificate' cannot stand inside 'tls', opened at line 2: is a '}' "
             "missing?\n");
}

static void all_faults_come_in_one_pass_and_in_the_order_of_the_text(void **state)
{
    refuse("edges = x\nlimits {\n  sessions = 0\n  bogus-thing = 1\n}\nlistener a { }\nuser\n",
           C "1:1: hostname is not set\n" C "1:9: edges must be a number: 'x'\n" C
             "3:14: sessions must be between 1 and 16000: '0'\n" C
             "4:3: unknown key 'bogus-thing'\n" C "6:1: listener 'a' has no address\n" C
             "7:1: expected '=' or '{' after 'user'\n");
}

static void a_file_cut_off_anywhere_is_refused(void **state)
{
    refuse(HOST "limits {\n  sessions = 5\n",
           C "2:1: section 'limits' is opened here and never closed: the file ends in it\n");
    refuse(HOST "own-networks = [10.0.0.0/8,\n", C "2:16: this list is not closed with ']'\n");
    refuse(HOST "user = \"vou", C "2:8: this string is not closed on its line\n");
    refuse(HOST "user =", C "2:7: expected a value for 'user'\n");
    refuse(HOST "user", C "2:1: expected '=' or '{' after 'user'\n");
    refuse(HOST "limits {\n listener a {\n",
           C "2:1: section 'limits' is opened here and never closed: the file ends in it\n" C
             "3:2: section 'listener' is opened here and never closed: the file ends in it\n" C
             "3:2: section 'listener' cannot stand inside 'limits', opened at line 2: is a '}' "
             "missing?\n");
}

static void faults_of_notation_say_what_was_expected(void **state)
{
    refuse(HOST "}\n", C "2:1: this '}' closes nothing\n");
    refuse(HOST "= 5\n", C "2:1: expected a key or a section, not '='\n");
    refuse(HOST "user = = x\n", C "2:8: expected a value for 'user'; put quotes around it\n");
    refuse(HOST "limits = {\n sessions = 5\n}\n",
           C "2:10: section 'limits' is written without '='\n");
    refuse(HOST "user = a#b\n",
           C "2:9: put a blank before a comment, or quotes around a value that has a '#' in it\n");
    refuse(HOST "user = \"a\"b\n", C "2:11: a blank or comma is missing here\n");
    refuse(HOST "user = \"a\\n\"\n", C "2:10: unknown escape: a string knows \\\" and \\\\ only\n");
    refuse(HOST "user = a\x01\n", C "2:9: control character 0x01\n");
    refuse(HOST "user = \xff\n", C "2:8: this is not UTF-8; nothing behind it was read\n" C
                                   "2:8: expected a value for 'user'\n");
    refuse(HOST "own-networks = [a b]\n",
           C "2:17: own-networks must be networks such as 192.0.2.0/24 or 2001:db8::/32: 'a'\n" C
             "2:19: expected ',' or ']' before 'b'\n" C
             "2:19: own-networks must be networks such as 192.0.2.0/24 or 2001:db8::/32: 'b'\n");
    refuse(HOST "own-networks = [10.0.0.0/8\nuser = x\n",
           C "2:16: this list is not closed with ']'\n");
    refuse(HOST "own-networks = [,]\n", C "2:17: a value is missing before ','\n");
    refuse(HOST "listener a { address = [[::]:25] }\n", C
           "2:1: listener 'a' has no address\n" C
           "2:25: a list inside a list; an IPv6 address with a port needs quotes: \"[::1]:25\"\n");
    refuse(HOST "\"user\" = x\n", C "2:1: names are written without quotes\n");
    refuse(HOST "user = [a]\n", C "2:8: user takes one value, not a list\n");
    refuse("# \xc3\xa4\xc3\xb6\nhostname = \"\xc3\xa4\" ?\n",
           C "2:12: hostname must be a full host name such as mx.example.org: '\xc3\xa4'\n" C
             "2:16: expected '=' or '{' after '?'\n");
}

static void after_a_fault_the_braces_are_still_followed(void **state)
{
    refuse(HOST "listener \"smtp {\n address = 192.0.2.1:25\n}\nuser = [\n]\n",
           C "2:10: this string is not closed on its line\n" C
             "5:8: user takes one value, not a list\n");
    refuse(HOST "limits { sessions = \"5 }\nedges = x\n", C
           "2:21: this string is not closed on its line\n" C "3:9: edges must be a number: 'x'\n");
}

static void nothing_may_be_set_twice(void **state)
{
    refuse(HOST HOST, C "2:1: hostname is already set at configuration:1:1\n");
    refuse(HOST "log { }\nlog { }\n", C "3:1: section 'log' stands already at configuration:2:1\n");
    refuse(HOST "policy a { }\npolicy a { }\n",
           C "3:8: policy 'a' stands already at configuration:2:8\n");
    refuse(HOST "policy default { }\npolicy default { }\n",
           C "3:8: policy 'default' stands already at configuration:2:8\n");
    refuse(HOST "domain a.example b.example { }\ndomain A.EXAMPLE { }\n",
           C "3:8: domain 'a.example' stands already at configuration:2:8\n");
}

static void numbers_are_decimal_and_within_bounds(void **state)
{
    refuse(HOST "edges = 010\n",
           C "2:9: edges must not begin with a zero: numbers are decimal: '010'\n");
    refuse(HOST "edges = 0x10\n", C "2:9: edges must be a decimal number: '0x10'\n");
    refuse(HOST "edges = -1\n", C "2:9: edges must be a number: '-1'\n");
    refuse(HOST "edges = 99999999999999999999\n",
           C "2:9: edges is too large: '99999999999999999999'\n");
    refuse(HOST "edges = 65\n", C "2:9: edges must be between 0 and 64: '65'\n");
    refuse(HOST "limits { message-size = 25Q }\n",
           C "2:25: message-size must be a size such as 64K, 25M or 1G: '25Q'\n");
    refuse(HOST "limits { message-size = 1T }\n",
           C "2:25: message-size must be between 64K and 2147483647: '1T'\n");
    refuse(HOST "limits { finish-timeout = 90 }\n",
           C "2:27: finish-timeout needs a unit: ms, s, m, h, d or w: '90'\n");
    refuse(HOST "limits { finish-timeout = 5s1m }\n",
           C "2:27: finish-timeout must be a duration such as 90s, 1h30m or 5d: '5s1m'\n");
    refuse(HOST "limits { finish-timeout = 1h }\n",
           C "2:27: finish-timeout must be between 1s and 10m: '1h'\n");
    refuse(HOST "authentication { spf = maybe }\n", C "2:24: spf must be yes or no: 'maybe'\n");
}

static void sizes_and_durations_read_back_as_written(void **state)
{
    static const char *const sizes[] = {"0", "1", "1023", "1K", "1025", "25M", "1G", "3T"};
    static const char *const durations[] = {"0",     "250ms", "1s",         "90s",
                                            "1h30m", "5d",    "1d1h1m1s1ms"};
    for (size_t i = 0; i < countof(sizes); i++) {
        uint64_t size, again = 0;
        struct buf text;
        buf_init(&text, 100);
        assert_null(config_read_size(bytes_of(sizes[i]), &size));
        config_write_size(&text, size);
        assert_null(config_read_size(buf_bytes(&text), &again));
        assert_true(size == again);
        buf_free(&text);
    }
    for (size_t i = 0; i < countof(durations); i++) {
        int64_t duration, again = 0;
        struct buf text;
        buf_init(&text, 100);
        assert_null(config_read_duration(bytes_of(durations[i]), &duration));
        config_write_duration(&text, duration);
        assert_null(config_read_duration(buf_bytes(&text), &again));
        assert_true(duration == again);
        buf_free(&text);
    }
    uint64_t size;
    int64_t duration;
    assert_null(config_read_size(BYTES("25m"), &size));
    assert_true(size == 25 << 20);
    assert_non_null(config_read_size(BYTES("8388608T"), &size));
    assert_null(config_read_duration(BYTES("1h30m"), &duration));
    assert_true(duration == 90 * MINUTE);
    assert_non_null(config_read_duration(BYTES(""), &duration));
    assert_non_null(config_read_duration(BYTES("9999999999d"), &duration));
    assert_non_null(config_read_duration(BYTES("1h1h"), &duration));
}

static void a_network_that_trusts_the_internet_is_refused(void **state)
{
    refuse(HOST "own-networks = 0.0.0.0/0\n",
           C "2:16: own-networks would trust most of the Internet: '0.0.0.0/0'\n");
    refuse(HOST "own-networks = [10.1.2.3/8]\n",
           C "2:17: own-networks: '10.1.2.3/8' is a network with an address in it; write 10.0.0.0/8 for the "
             "network, or 10.1.2.3 for the address\n");
    refuse(HOST "signing example.org { headers = [X-Ticket, Received-SPF] }\n",
           C "2:33: headers: 'Received-SPF' is removed or changed on the way and cannot be signed\n");
    refuse(HOST "own-networks = [10.0.0.0/8, ::/0]\n",
           C "2:29: own-networks would trust most of the Internet: '::/0'\n");
    refuse(HOST "own-networks = 128.0.0.0/1\n",
           C "2:16: own-networks would trust most of the Internet: '128.0.0.0/1'\n");
    refuse(HOST "own-networks = 2000::/3\n",
           C "2:16: own-networks would trust most of the Internet: '2000::/3'\n");
    refuse(HOST "own-networks = ::ffff:0:0/96\n",
           C "2:16: own-networks would trust most of the Internet: '::ffff:0:0/96'\n");
    refuse(HOST
           "listener a { address = 192.0.2.1:25 proxy-protocol = yes proxy-from = 0.0.0.0/0 }\n",
           C "2:71: proxy-from would trust most of the Internet: '0.0.0.0/0'\n");
    accept(HOST "own-networks = [10.0.0.0/8, fc00::/7, fe80::/10, 2001:db8::/32]\n");
}

static void listeners_need_addresses_of_their_own(void **state)
{
    refuse(HOST "listener a { }\n", C "2:1: listener 'a' has no address\n");
    refuse(HOST "listener a { address = [] }\n", C "2:24: address must not be empty\n");
    refuse(HOST "listener { address = 192.0.2.1:25 }\n",
           C "2:1: section listener needs one name: listener NAME {\n");
    refuse(HOST "listener a { address = 192.0.2.1 }\n", C
           "2:24: address needs a port, as in 192.0.2.1:25 or \"[2001:db8::1]:25\": '192.0.2.1'\n");
    refuse(HOST "listener a { address = 192.0.2.1:0 }\n",
           C "2:24: address has a port that is not 1 to 65535: '192.0.2.1:0'\n");
    refuse(HOST "listener a { address = mx.example.org:25 }\n",
           C "2:24: address must be an address and a port such as 192.0.2.1:25 or "
             "\"[2001:db8::1]:25\": 'mx.example.org:25'\n");
    refuse(HOST "listener a { address = 192.0.2.1:25 }\nlistener b { address = 192.0.2.1:25 }\n",
           C "3:24: address 192.0.2.1:25 overlaps with another of listener 'a'\n");
    refuse(HOST "listener a { address = 0.0.0.0:25 }\nlistener b { address = 192.0.2.1:25 }\n",
           C "3:24: address 192.0.2.1:25 overlaps with another of listener 'a'\n");
    refuse(HOST "listener a { address = [\"[::]:25\", \"[2001:db8::1]:25\"] }\n",
           C "2:24: address [2001:db8::1]:25 overlaps with another of listener 'a'\n");
    accept(HOST "listener a { address = [0.0.0.0:25, \"[::]:25\"] }\n"
                "listener b { address = [0.0.0.0:26] }\n");
}

static void domains_must_be_domains_and_deliver_somewhere(void **state)
{
    refuse(HOST "domain { }\n", C "2:1: section domain needs a name: domain NAME ... {\n");
    refuse(HOST "domain exa_mple.org { }\n", C "2:8: 'exa_mple.org' is not a domain name\n");
    refuse(HOST "domain example.org. { }\n",
           C "2:8: 'example.org.' is not a domain name: leave out the last dot\n");
    refuse(HOST "domain a.example { deliver = mbox:/x }\n",
           C "2:30: deliver must begin with 'maildir:' or 'lmtp:': 'mbox:/x'\n");
    refuse(HOST "domain a.example { deliver = maildir:/var/mail }\n",
           C "2:30: deliver must have {user} in its path, else all mail lies in one box: "
             "'maildir:/var/mail'\n");
    refuse(HOST "domain a.example { deliver = maildir:/var/{usr} }\n", C
           "2:30: deliver knows only the placeholders {domain} and {user}: 'maildir:/var/{usr}'\n");
    refuse(HOST "domain a.example { deliver = maildir:/var/../{user} }\n",
           C "2:30: deliver must not hold '..' in its path: 'maildir:/var/../{user}'\n");
    refuse(HOST "domain a.example { deliver = lmtp:localhost:24 }\n",
           C "2:30: deliver must be lmtp:unix:PATH, lmtp:192.0.2.1:24 or lmtp:[2001:db8::1]:24: "
             "'lmtp:localhost:24'\n");
    refuse(HOST "domain a.example { deliver = lmtp:192.0.2.1:25 }\n",
           C "2:30: deliver must not use port 25, which is that of SMTP (RFC 2033): "
             "'lmtp:192.0.2.1:25'\n");
    refuse(HOST "domain a.example { deliver = lmtp:unix: }\n",
           C "2:30: deliver must name a socket: lmtp:unix:PATH: 'lmtp:unix:'\n");
    refuse(HOST "domain a.example { recipient-delimiter = @ }\n", C
           "2:42: recipient-delimiter must be punctuation that may stand in an address, such as +: "
           "'@'\n");
    refuse(HOST "domain a.example { catch-all = x@ }\n",
           C "2:32: catch-all must be a user or an address, such as admin@example.org: 'x@'\n");
}

static void internationalized_domains_become_a_labels(void **state)
{
    accept(HOST "domain B\xc3\xbc"
                "cher.example { }\npolicy p { trusted-lists = b\xc3\xbc"
                "cher.example }\n");
    assert_string_equal(config.domains[0].names.items[0], "xn--bcher-kva.example");
    assert_string_equal(config.policies[1].trusted_lists.items[0], "xn--bcher-kva.example");
    refuse(HOST "domain b\xc3\xbc"
                "cher.example { }\ndomain xn--bcher-kva.example { }\n",
           C "3:8: domain 'xn--bcher-kva.example' stands already at configuration:2:8\n");
    refuse(HOST "domain \xe2\x82\xac\xe2\x80\x8b..x { }\n",
           C "2:8: '\xe2\x82\xac\xe2\x80\x8b..x' is not a domain name\n");
    refuse(HOST "policy p { trusted-sealers = a_b }\n",
           C "2:30: trusted-sealers must be domain names: 'a_b'\n");
}

static void what_cannot_work_is_refused(void **state)
{
    refuse("hostname = mx\n",
           C "1:12: hostname must be a full host name such as mx.example.org: 'mx'\n");
    refuse("hostname = \"\"\n", C "1:12: hostname must not be empty: ''\n");
    refuse(HOST "certificate a { chain = /c.pem }\n", C "2:1: certificate 'a' has no key\n");
    refuse(HOST "certificate a { key = /c.pem }\n", C "2:1: certificate 'a' has no chain\n");
    refuse(HOST "listener a { address = 192.0.2.1:25 tls = implicit }\n",
           C "2:43: tls = implicit needs a certificate section\n");
    refuse(HOST "listener a { address = 192.0.2.1:25 proxy-from = 192.0.2.2 }\n",
           C "2:50: proxy-from means nothing without proxy-protocol = yes\n");
    refuse(HOST "limits a { }\n", C "2:8: section limits takes no name\n");
    refuse(HOST "user = \"a b\"\n", C "2:8: user must be the name of a system account: 'a b'\n");
    refuse(HOST "include \"other.conf\"\n", C "2:9: include works only in a file\n");
    refuse(HOST "include = x\n", C "2:9: expected a file name: include \"file\"\n");
}

static void many_faults_are_counted_rather_than_shown(void **state)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 250; i++)
        buf_printf(&text, "bogus-%d = 1\n", i);
    assert_int_equal(config_parse(arena, buf_bytes(&text), NULL, &config, &errors), PERM);
    buf_free(&text);
    size_t lines = 0;
    for (size_t i = 0; i < errors.len; i++)
        lines += errors.ptr[i] == '\n';
    assert_int_equal(lines, 101);
    assert_true(bytes_ends_with(buf_bytes(&errors), BYTES("and 151 faults more\n")));
}

static void a_full_arena_is_temporary_and_says_nothing(void **state)
{
    struct config untouched = {.edges = 77};
    size_t ok = 0;
    for (size_t cap = 0; cap < 400000; cap += 4099) {
        struct arena *small = arena_create(cap);
        if (!small)
            continue;
        struct config out = untouched;
        enum result result = config_parse(
            small, BYTES(HOST "domain a.example { }\nlistener a { address = 192.0.2.1:25 }\n"),
            NULL, &out, &errors);
        assert_true(result == OK || result == TEMP);
        assert_int_equal(errors.len, 0);
        assert_true(result == OK || out.edges == 77);
        ok += result == OK;
        arena_destroy(small);
    }
    assert_true(ok > 0);
}

/* --- files --- */

static char *in_folder(const char *name)
{
    return arena_string(arena, arena_printf(arena, "%s/%s", folder, name));
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_folder(void **state)
{
    const char *temporary = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/vouch-config-XXXXXX", temporary ? temporary : "/tmp");
    if (set_up(state) != 0 || !mkdtemp(folder))
        return -1;
    return mkdir(in_folder("sub"), 0700);
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"main.conf",  "a.conf", "sub/b.conf",
                                        "sub/c.conf", "sub",    ""};
    for (size_t i = 0; i < countof(names); i++)
        if (remove(in_folder(names[i])) != 0 && names[i][0] == '\0')
            return -1;
    return tear_down(state);
}

static void includes_and_paths_are_relative_to_the_file_that_names_them(void **state)
{
    write_file("main.conf",
               HOST "include \"sub/b.conf\"\ndomain a.example { recipients = users }\n");
    write_file("sub/b.conf", "include c.conf\npolicy p { dmarc = off }\n");
    write_file("sub/c.conf", "domain c.example { recipients = users deliver = maildir:mail/{user}\n"
                             "  aliases = /etc/aliases }\n"
                             "domain d.example { deliver = lmtp:unix:lmtp.sock }\n");
    assert_int_equal(config_load(arena, in_folder("main.conf"), &config, &errors), OK);
    assert_string_equal(config.file, in_folder("main.conf"));
    assert_int_equal(config.policy_count, 2);
    assert_string_equal(config.domains[0].recipients, in_folder("sub/users"));
    assert_string_equal(config.domains[0].aliases, "/etc/aliases");
    assert_string_equal(config.domains[0].maildir, in_folder("sub/mail/{user}"));
    assert_string_equal(config.domains[1].lmtp.path, in_folder("sub/lmtp.sock"));
    assert_string_equal(config.domains[2].recipients, in_folder("users"));
}

static void load_is_refused_with(const char *format)
{
    buf_clear(&errors);
    assert_int_equal(config_load(arena, in_folder("main.conf"), &config, &errors), PERM);
    struct buf expected;
    buf_init(&expected, 4096);
    for (const char *c = format; *c; c++) {
        if (*c == '@')
            buf_add_string(&expected, folder);
        else
            buf_add_byte(&expected, (uint8_t)*c);
    }
    buf_add_byte(&expected, 0);
    buf_add_byte(&errors, 0);
    assert_string_equal((const char *)errors.ptr, (const char *)expected.ptr);
    buf_free(&expected);
}

static void faults_in_an_included_file_name_that_file(void **state)
{
    write_file("main.conf", HOST "include \"sub/b.conf\"\nedges = y\n");
    write_file("sub/b.conf", "user = x\nedges = x\nlimits {\n");
    load_is_refused_with(
        "@/main.conf:3:1: edges is already set at @/sub/b.conf:2:1\n"
        "@/sub/b.conf:2:9: edges must be a number: 'x'\n"
        "@/sub/b.conf:3:1: section 'limits' is opened here and never closed: the file "
        "ends in it\n");
}

static void a_file_that_includes_itself_is_refused(void **state)
{
    write_file("main.conf", HOST "include a.conf\n");
    write_file("a.conf", "include \"sub/../main.conf\"\n");
    load_is_refused_with("@/a.conf:1:9: 'sub/../main.conf' includes itself\n");
}

static void a_missing_file_is_told_apart(void **state)
{
    write_file("main.conf", HOST "include \"sub/none.conf\"\n");
    load_is_refused_with(
        "@/main.conf:2:9: cannot read @/sub/none.conf: No such file or directory\n");
    write_file("main.conf", HOST "include sub\n");
    load_is_refused_with("@/main.conf:2:9: cannot read @/sub: Is a directory\n");
    remove(in_folder("main.conf"));
    load_is_refused_with("@/main.conf:1:1: cannot read @/main.conf: No such file or directory\n");
}

/* --- describe --- */

/* Takes the '#' off what is not prose ("# ..."), as the head of the file tells people to. */
static void uncomment(struct buf *out, struct bytes text)
{
    struct bytes line;
    while (bytes_split(&text, '\n', &line)) {
        bool prose = bytes_starts_with(line, BYTES("# ")) && !bytes_starts_with(line, BYTES("#  "));
        if (!prose && bytes_starts_with(line, BYTES("#")))
            line = bytes_skip(line, 1);
        if (bytes_is(bytes_trim(line), "proxy-protocol = no"))
            line = BYTES("proxy-protocol = yes");
        buf_add(out, line);
        buf_add_byte(out, '\n');
    }
}

static void the_described_file_parses_as_it_is_and_uncommented(void **state)
{
    struct buf text, plain;
    buf_init(&text, 1 << 20);
    buf_init(&plain, 1 << 20);
    config_describe(&text);
    buf_add_byte(&text, 0);
    accept((const char *)text.ptr);
    assert_int_equal(config.listener_count, 0);
    uncomment(&plain, bytes_first(buf_bytes(&text), text.len - 1));
    buf_add_byte(&plain, 0);
    struct config full;
    accept((const char *)plain.ptr);
    full = config;
    assert_int_equal(full.listener_count, 1);
    assert_int_equal(full.domain_count, 1);
    assert_int_equal(full.tls.certificate_count, 1);
    assert_int_equal(full.policy_count, 1);
    /* What it shows as defaults are the defaults. */
    accept(HOST);
    assert_memory_equal(&full.limits, &config.limits, sizeof(config.limits));
    assert_int_equal(full.dns.timeout, config.dns.timeout);
    assert_int_equal(full.policies[0].temporary_window, config.policies[0].temporary_window);
    assert_int_equal(full.policies[0].dmarc, config.policies[0].dmarc);
    buf_free(&plain);
    buf_free(&text);
}

static void every_key_is_described_everywhere(void **state)
{
    struct buf file, markdown, manual, wanted;
    buf_init(&file, 1 << 20);
    buf_init(&markdown, 1 << 20);
    buf_init(&manual, 1 << 20);
    buf_init(&wanted, 1000);
    config_describe(&file);
    config_describe_markdown(&markdown);
    config_describe_manual(&manual);
    size_t keys = 0;
    for (size_t i = 0; i < config_section_count; i++) {
        for (size_t k = 0; k < config_sections[i].key_count; k++, keys++) {
            const struct config_key *key = &config_sections[i].keys[k];
            assert_non_null(key->meaning);
            assert_true(key->fallback || key->example);
            buf_clear(&wanted);
            buf_printf(&wanted, "%s = ", key->name);
            assert_true(bytes_find(buf_bytes(&file), buf_bytes(&wanted)) != BYTES_NOT_FOUND);
            buf_clear(&wanted);
            buf_printf(&wanted, "| `%s` |", key->name);
            assert_true(bytes_find(buf_bytes(&markdown), buf_bytes(&wanted)) != BYTES_NOT_FOUND);
            buf_clear(&wanted);
            buf_printf(&wanted, ".It Ic %s\n", key->name);
            assert_true(bytes_find(buf_bytes(&manual), buf_bytes(&wanted)) != BYTES_NOT_FOUND);
        }
    }
    assert_true(keys > 50);
    buf_free(&file);
    buf_free(&markdown);
    buf_free(&manual);
    buf_free(&wanted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_host_name_is_all_that_must_be_set),
        TEST(what_the_file_says_reaches_the_structs),
        TEST(an_unknown_name_brings_the_nearest_known_one),
        TEST(a_name_in_the_wrong_place_is_told_where_it_belongs),
        TEST(all_faults_come_in_one_pass_and_in_the_order_of_the_text),
        TEST(a_file_cut_off_anywhere_is_refused),
        TEST(faults_of_notation_say_what_was_expected),
        TEST(after_a_fault_the_braces_are_still_followed),
        TEST(nothing_may_be_set_twice),
        TEST(numbers_are_decimal_and_within_bounds),
        TEST(sizes_and_durations_read_back_as_written),
        TEST(a_network_that_trusts_the_internet_is_refused),
        TEST(listeners_need_addresses_of_their_own),
        TEST(domains_must_be_domains_and_deliver_somewhere),
        TEST(internationalized_domains_become_a_labels),
        TEST(what_cannot_work_is_refused),
        TEST(many_faults_are_counted_rather_than_shown),
        TEST(a_full_arena_is_temporary_and_says_nothing),
        FILE_TEST(includes_and_paths_are_relative_to_the_file_that_names_them),
        FILE_TEST(faults_in_an_included_file_name_that_file),
        FILE_TEST(a_file_that_includes_itself_is_refused),
        FILE_TEST(a_missing_file_is_told_apart),
        TEST(the_described_file_parses_as_it_is_and_uncommented),
        TEST(every_key_is_described_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
