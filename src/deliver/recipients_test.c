/* SPDX-License-Identifier: BSD-2-Clause */
#include "deliver/recipients.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static struct arena *arena;
static struct recipients *recipients;
static struct buf errors;

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/vouch-recipients-XXXXXX");
    assert_non_null(mkdtemp(folder));
    arena = arena_create(16 << 20);
    buf_init(&errors, 64 * 1024);
    recipients = NULL;
    write_file("empty", "");
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"empty", "users", "aliases", "members"};
    char path[128];
    (void)state;
    recipients_free(recipients);
    buf_free(&errors);
    arena_destroy(arena);
    for (size_t i = 0; i < countof(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

/* Loads a configuration whose only domain section has these further lines. */
static enum result load_with(const char *users, const char *aliases, const char *lines,
                             const char *top)
{
    struct config config;
    write_file("users", users);
    write_file("aliases", aliases);
    struct bytes text = arena_printf(
        arena,
        "hostname = mx.example.org\n%s\npolicy strict { dmarc = strict }\n"
        "domain example.org other.example {\n recipients = \"%s/users\"\n aliases = \"%s/aliases\"\n"
        " deliver = \"maildir:/mail/{domain}/{user}\"\n%s\n}\n",
        top, folder, folder, lines);
    enum result result = config_parse(arena, text, NULL, &config, &errors);
    if (result != OK)
        print_error(BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    assert_int_equal(result, OK);
    return recipients_load(&config, &recipients, &errors);
}

static void load(const char *users, const char *aliases, const char *lines)
{
    enum result result = load_with(users, aliases, lines, "");
    if (result != OK)
        print_error(BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    assert_int_equal(result, OK);
}

static struct recipient_lookup look_up(const char *local, const char *domain)
{
    struct recipient_lookup found;
    assert_int_equal(
        recipients_lookup(recipients, arena, bytes_of(local), bytes_of(domain), &found), OK);
    return found;
}

static void leads_to(const char *local, const char *domain, const char *maildir)
{
    struct recipient_lookup found = look_up(local, domain);
    assert_int_equal(found.status, RECIPIENT_HERE);
    assert_int_equal(found.destination_count, 1);
    assert_string_equal(found.destinations[0].maildir, maildir);
}

static void users_are_found_without_regard_to_case(void **state)
{
    (void)state;
    load("alice\nBob\n", "", "");
    leads_to("alice", "example.org", "/mail/example.org/alice");
    leads_to("ALICE", "Example.ORG", "/mail/example.org/alice");
    leads_to("bob", "other.example", "/mail/other.example/Bob");
    assert_int_equal(look_up("carol", "example.org").status, RECIPIENT_UNKNOWN);
    assert_int_equal(look_up("alice", "elsewhere.example").status, RECIPIENT_FOREIGN);
    assert_int_equal(look_up("alice", "sub.example.org").status, RECIPIENT_FOREIGN);
    assert_int_equal(look_up("alice", "[192.0.2.1]").status, RECIPIENT_FOREIGN);
}

static void detail_is_taken_off(void **state)
{
    (void)state;
    load("alice\nbob+real\n", "", "");
    leads_to("alice+lists", "example.org", "/mail/example.org/alice");
    leads_to("bob+real", "example.org", "/mail/example.org/bob+real");
    assert_int_equal(look_up("+alice", "example.org").status, RECIPIENT_UNKNOWN);
}

static void any_of_the_delimiters_begins_the_detail(void **state)
{
    (void)state;
    load("alice\n", "", "recipient-delimiter = \"+-\"");
    leads_to("alice-lists+x", "example.org", "/mail/example.org/alice");
    leads_to("alice+x-y", "example.org", "/mail/example.org/alice");
}

static void aliases_expand_and_each_mailbox_comes_once(void **state)
{
    (void)state;
    load("alice\nbob\n", "team: alice, bob, all\nall: bob, alice@other.example\n", "");
    struct recipient_lookup found = look_up("team", "example.org");
    assert_int_equal(found.destination_count, 3);
    assert_true(bytes_is(found.destinations[0].address, "alice@example.org"));
    assert_true(bytes_is(found.destinations[1].address, "bob@example.org"));
    assert_true(bytes_is(found.destinations[2].address, "alice@other.example"));
}

static void an_alias_that_names_itself_means_the_user(void **state)
{
    (void)state;
    load("alice\narchive\n", "alice: alice, archive\n", "");
    assert_int_equal(look_up("alice", "example.org").destination_count, 2);
}

static void alias_loops_end(void **state)
{
    (void)state;
    assert_int_equal(load_with("alice\n", "a: b\nb: a\n", "", ""), PERM);
    assert_true(bytes_find(buf_bytes(&errors), BYTES("leads nowhere")) != BYTES_NOT_FOUND);
}

/* Without a memory of what was followed these take 3^20 steps, at load and at RCPT. */
static void aliases_that_name_each_other_end_at_once(void **state)
{
    static const char *const names[] = {"a1", "a2", "a3", "a4", "A4+detail"};
    (void)state;
    load("anna\nbert\n",
         "a1: a2, a3, a4, anna\na2: a1, a3, a4, anna\na3: a4@other.example, a1, bert, a2\n"
         "a4: a1, a2@example.org, a3, anna, friend@else.example, FRIEND@else.example\n", "");
    for (size_t i = 0; i < countof(names); i++) {
        struct recipient_lookup found = look_up(names[i], "example.org");
        size_t here = 0, elsewhere = 0;
        assert_int_equal(found.status, RECIPIENT_HERE);
        for (size_t d = 0; d < found.destination_count; d++) {
            elsewhere += found.destinations[d].kind == CONFIG_DELIVER_REMOTE;
            here += bytes_ends_with(found.destinations[d].address, BYTES("@example.org"));
        }
        assert_int_equal(elsewhere, 1);
        assert_int_equal(here, 2); /* anna and bert; and the same of the other domain */
        assert_int_equal(found.destination_count, 5);
    }
}

static void an_alias_loop_through_a_users_name_reaches_the_user(void **state)
{
    (void)state;
    load("alice\nbob\n", "alice: team, alice@example.org\nteam: alice, bob\n", "");
    assert_int_equal(look_up("alice", "example.org").destination_count, 2);
    assert_int_equal(look_up("team", "example.org").destination_count, 2);
}

static void aliases_that_only_name_each_other_are_found_at_load(void **state)
{
    (void)state;
    assert_int_equal(load_with("alice\n", "a: b\nb: c, a\nc: a\ngood: alice, b\n", "", ""), PERM);
    static const char *const faults[] = {"aliases:1: 'a' leads nowhere: 'b'",
                                         "aliases:2: 'b' leads nowhere: 'c'",
                                         "aliases:2: 'b' leads nowhere: 'a'",
                                         "aliases:4: 'good' leads nowhere: 'b'"};
    for (size_t i = 0; i < countof(faults); i++)
        assert_true(bytes_find(buf_bytes(&errors), bytes_of(faults[i])) != BYTES_NOT_FOUND);
    assert_true(bytes_find(buf_bytes(&errors), BYTES("'alice'")) == BYTES_NOT_FOUND);
}

/* Each of 50,000 aliases leads to the next one: a walk for each would take a thousand million steps. */
static void a_long_chain_of_aliases_is_no_deeper_than_memory(void **state)
{
    enum { LENGTH = 50000 };
    struct buf text;
    (void)state;
    buf_init(&text, 4 << 20);
    for (unsigned i = 0; i < LENGTH; i++)
        buf_printf(&text, "a%u: a%u\n", i, i + 1);
    buf_printf(&text, "a%u: alice\n", LENGTH);
    buf_add_byte(&text, '\0');
    assert_false(text.failed);
    load("alice\n", (const char *)text.ptr, "");
    leads_to("a0", "example.org", "/mail/example.org/alice");
    buf_free(&text);
}

static enum result load_list(const char *members)
{
    write_file("members", members);
    struct bytes lists = arena_printf(arena,
                                      "list talk { address = talk@example.org members = \"%s/members\"\n"
                                      " owner = alice }\nlist other { address = other@example.org\n"
                                      " members = \"%s/empty\" owner = alice }",
                                      folder, folder);
    return load_with("alice\n", "team: alice\n", "", arena_string(arena, lists));
}

/* rfc5321:3.9.2. Who leads nowhere would miss everything, and nobody would know. */
static void members_of_a_list_lead_somewhere_and_are_no_lists(void **state)
{
    (void)state;
    assert_int_equal(load_list("alice@example.org\nteam@OTHER.example\nx@far.example\n"
                               "other-owner@example.org\n"),
                     OK);
    recipients_free(recipients);
    recipients = NULL;
    assert_int_equal(load_list("alice@example.org\nbob@example.org\n"), PERM);
    assert_non_null(strstr(arena_string(arena, buf_bytes(&errors)),
                           "'bob@example.org' is no user or alias of ours"));
    buf_clear(&errors);
    assert_int_equal(load_list("other@example.org\n"), PERM);
    assert_non_null(strstr(arena_string(arena, buf_bytes(&errors)), "is a list itself"));
}

static void postmaster_and_abuse_always_work(void **state)
{
    (void)state;
    load("alice\n", "", "");
    struct recipient_lookup found = look_up("Postmaster", "");
    assert_int_equal(found.status, RECIPIENT_HERE);
    assert_true(found.exempt);
    leads_to("postmaster", "example.org", "/mail/example.org/postmaster");
    leads_to("abuse", "other.example", "/mail/other.example/postmaster");
    assert_true(look_up("abuse", "example.org").exempt);
    assert_false(look_up("alice", "example.org").exempt);
}

static void postmaster_goes_where_the_configuration_says(void **state)
{
    (void)state;
    assert_int_equal(load_with("alice\n", "", "", "postmaster = alice@example.org"), OK);
    leads_to("postmaster", "", "/mail/example.org/alice");
    leads_to("abuse", "other.example", "/mail/example.org/alice");
}

static void catch_all_takes_the_rest(void **state)
{
    (void)state;
    load("alice\n", "", "catch-all = alice");
    leads_to("whoever", "example.org", "/mail/example.org/alice");
}

static void options_of_users_count(void **state)
{
    (void)state;
    load("alice quota=1G policy=strict maildir=/mail/special/alice\nbob\n", "", "quota = 5M");
    struct recipient_lookup found = look_up("alice", "example.org");
    assert_int_equal(found.destinations[0].quota, UINT64_C(1) << 30);
    assert_string_equal(found.destinations[0].maildir, "/mail/special/alice");
    assert_true(bytes_is(found.policy, "strict"));
    found = look_up("bob", "example.org");
    assert_int_equal(found.destinations[0].quota, 5 << 20);
    assert_true(bytes_is(found.policy, "default"));
}

/* What is wrong is told with file and line, all at once; nothing half-read takes effect. */
static void errors_name_file_and_line(void **state)
{
    static const char *const expected[] = {
        "users:2: '../x' cannot be a user's name", "users:3: unknown key 'quotas'",
        "users:4: 'alice' stands here twice", "users:5: there is no policy 'nice'",
        "users:6: maildir '/home/dave' lies outside of /mail",
        "users:7: maildir '/mail/../etc' lies outside of /mail",
        "aliases:1: expected 'alias: target, target'", "aliases:2: an empty target"};
    (void)state;
    assert_int_equal(load_with("alice\n../x\nbob quotas=1\nalice\ncarol policy=nice\n"
                               "dave maildir=/home/dave\neve maildir=/mail/../etc\n",
                               "nocolon\nx: alice,,bob\n", "", ""),
                     PERM);
    for (size_t i = 0; i < countof(expected); i++) {
        if (bytes_find(buf_bytes(&errors), bytes_of(expected[i])) == BYTES_NOT_FOUND)
            fail_msg("'%s' is missing in:\n" BYTES_FMT, expected[i], BYTES_ARG(buf_bytes(&errors)));
    }
}

static void a_dangling_alias_is_found_at_load(void **state)
{
    (void)state;
    assert_int_equal(load_with("alice\n", "\n\nhelp: alicia\n", "", ""), PERM);
    assert_true(bytes_find(buf_bytes(&errors), BYTES("aliases:3: 'help' leads nowhere")) !=
                BYTES_NOT_FOUND);
}

/* Without a recipients file an LMTP domain asks its server, and only for its own domains. */
static void lmtp_domains_ask(void **state)
{
    struct config config;
    (void)state;
    assert_int_equal(config_parse(arena,
                                  BYTES("hostname = mx.example.org\n"
                                        "domain example.org { deliver = \"lmtp:127.0.0.1:24\" }\n"),
                                  NULL, &config, &errors),
                     OK);
    assert_int_equal(recipients_load(&config, &recipients, &errors), OK);
    struct recipient_lookup found = look_up("Who.Ever", "example.org");
    assert_int_equal(found.status, RECIPIENT_ASK);
    assert_true(bytes_is(found.destinations[0].address, "Who.Ever@example.org"));
    assert_int_equal(found.destinations[0].lmtp.port, 24);
    assert_int_equal(look_up("x", "example.net").status, RECIPIENT_FOREIGN);
}

/* A trap is welcome at RCPT and leads nowhere. */
static void a_trap_is_here_and_leads_nowhere(void **state)
{
    (void)state;
    load("alice\nold-list trap\n", "gone: old-list\nboth: alice, old-list\n", "catch-all = old-list");
    static const char *const traps[] = {"old-list", "OLD-LIST", "old-list+x", "gone", "nobody-at-all"};
    for (size_t i = 0; i < countof(traps); i++) {
        struct recipient_lookup found = look_up(traps[i], "example.org");
        assert_int_equal(found.status, RECIPIENT_HERE);
        assert_true(found.trap);
        assert_int_equal(found.destination_count, 0);
    }
    /* Who stands beside it gets his mail. */
    struct recipient_lookup found = look_up("both", "example.org");
    assert_false(found.trap);
    assert_int_equal(found.destination_count, 1);
    assert_false(look_up("alice", "example.org").trap);
}

/* rfc5321:4.5.1, rfc2142:4 */
static void postmaster_and_abuse_are_no_traps(void **state)
{
    (void)state;
    assert_int_equal(load_with("alice\nPostmaster trap\n", "", "", ""), PERM);
    buf_clear(&errors);
    assert_int_equal(load_with("alice\nabuse trap\n", "", "", ""), PERM);
    buf_clear(&errors);
    load("alice\nold-list trap\n", "", "catch-all = old-list");
    static const char *const roles[] = {"postmaster", "abuse"};
    for (size_t i = 0; i < countof(roles); i++) {
        struct recipient_lookup found = look_up(roles[i], "example.org");
        assert_false(found.trap);
        assert_int_equal(found.destination_count, 1);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_trap_is_here_and_leads_nowhere), CASE(postmaster_and_abuse_are_no_traps),
        CASE(users_are_found_without_regard_to_case),
        CASE(detail_is_taken_off),
        CASE(any_of_the_delimiters_begins_the_detail),
        CASE(aliases_expand_and_each_mailbox_comes_once),
        CASE(an_alias_that_names_itself_means_the_user),
        CASE(alias_loops_end),
        CASE(aliases_that_name_each_other_end_at_once),
        CASE(an_alias_loop_through_a_users_name_reaches_the_user),
        CASE(aliases_that_only_name_each_other_are_found_at_load),
        CASE(a_long_chain_of_aliases_is_no_deeper_than_memory),
        CASE(members_of_a_list_lead_somewhere_and_are_no_lists),
        CASE(postmaster_and_abuse_always_work),
        CASE(postmaster_goes_where_the_configuration_says),
        CASE(catch_all_takes_the_rest),
        CASE(options_of_users_count),
        CASE(errors_name_file_and_line),
        CASE(a_dangling_alias_is_found_at_load),
        CASE(lmtp_domains_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
