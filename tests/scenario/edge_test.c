/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole SMTP conversations of strangers with the edge: verdicts, time, and a store that comes and goes. */
#include "edge_world.h"

/* ---- verdicts ---- */

STORY(genuine_mail_is_delivered_with_its_evidence)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    check(said(&client, "2.0.0 Ok"));
    const struct delivery_request *request = &world.script.request;
    check(world.script.deliveries == 1 && request->folder == FOLDER_INBOX);
    check(holds(request->prefix, "spf=pass") && holds(request->prefix, "dmarc=pass"));
    check(holds(request->prefix, "Received: from mail.good.example"));
    check(holds(request->prefix, "Received-SPF: "));
    check(holds(request->prefix, "iprev=pass") && holds(request->prefix, "rdns=pass (confirmed)"));
    check(holds(request->content, "Subject: hello\r\n"));
    check(bytes_is(request->record.client, "192.0.2.1"));
    check(bytes_is(request->record.header_from, "a@good.example"));
    check(bytes_is(request->record.action, "accept") && bytes_is(request->record.policy, "default"));
    check(request->recipient_count == 1);
    check(bytes_is(request->recipients[0].mailbox, "alice@vouch.example"));
    check(talk(&client, "QUIT\r\n") == 221);
    hang_up(&client);
    check(strstr(log_text, "dmarc=pass") && strstr(log_text, "code=250"));
    world_end();
}

STORY(forged_mail_is_refused_with_the_reason_and_only_its_story_is_kept)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@bank.example", "alice", "a@bank.example", "hi") == 550);
    check(said(&client, "5.7.26") && said(&client, "bank.example") && said(&client, "id="));
    check(world.script.deliveries == 0);
    hang_up(&client);
    check(world.script.records == 1);
    check(world.script.record.code == 550 && bytes_is(world.script.record.action, "reject"));
    check(holds(world.script.record.evidence, "v=DMARC1; p=reject"));
    check(holds(world.script.record.evidence, "alice@vouch.example"));
    world_end();
}

STORY(postmaster_gets_what_others_do_not)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@bank.example", "postmaster", "a@bank.example", "hi") == 250);
    check(world.script.deliveries == 1);
    hang_up(&client);
    world_end();
}

/* ---- DNS that fails or is slow ---- */

STORY(a_dns_failure_puts_mail_off_three_times_and_then_marks_it)
{
    world_start();
    for (int attempt = 0; attempt < 5; attempt++) {
        struct client client;
        /* A neighbour of the first client is the same. */
        greet(&client, attempt % 2 ? "192.0.2.7" : "192.0.2.1");
        unsigned code = send_mail(&client, "a@down.example", "alice", "a@down.example", "hi");
        check(code == (attempt < 3 ? 451 : 250));
        if (attempt < 3)
            check(said(&client, " 4.7."));
        hang_up(&client);
        fiber_sleep(10 * MINUTE);
    }
    check(world.script.attempts == 5);
    check(world.script.deliveries == 2);
    check(holds(world.script.request.prefix, "spf=temperror"));
    /* Another recipient begins anew. */
    struct client client;
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@down.example", "bob", "a@down.example", "hi") == 451);
    hang_up(&client);
    world_end();
}

STORY(a_store_that_cannot_count_does_not_put_mail_off_for_ever)
{
    struct client client;
    world_start();
    world.script.cannot_count = true;
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@down.example", "alice", "a@down.example", "hi") == 250);
    hang_up(&client);
    world_end();
}

STORY(an_answer_that_comes_after_seconds_still_counts)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    int64_t begun = loop_now();
    check(send_mail(&client, "a@slow.example", "alice", "a@slow.example", "hi") == 250);
    check(holds(world.script.request.prefix, "spf=pass"));
    /* It runs beside the session from MAIL on. */
    check(loop_now() - begun >= 5 * SECOND && loop_now() - begun < 12 * SECOND);
    hang_up(&client);
    world_end();
}

STORY(an_answer_past_the_deadline_is_a_failure)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    int64_t begun = loop_now();
    check(send_mail(&client, "a@slower.example", "alice", "a@slower.example", "hi") == 451);
    check(loop_now() - begun <= 41 * SECOND);
    hang_up(&client);
    world_end();
}

/* ---- the end of the data has a deadline ---- */

STORY(a_store_that_is_too_slow_gives_451_and_knows_the_retry)
{
    struct client client;
    world_start();
    world.script.takes = 100 * SECOND;
    greet(&client, "192.0.2.1");
    int64_t begun = loop_now();
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 451);
    check(loop_now() - begun == 60 * SECOND);
    check(world.script.request.patience <= 60 * SECOND && world.script.request.patience > 50 * SECOND);
    struct bytes first = world.script.request.fingerprint;
    hang_up(&client);
    fiber_sleep(5 * MINUTE);
    /* The store answered meanwhile; nobody listened, and it knows that. */
    world.script.takes = 0;
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    check(bytes_equal(world.script.request.fingerprint, first));
    /* Another body, sender, recipient or client is another mail. */
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "ho") == 250);
    check(!bytes_equal(world.script.request.fingerprint, first));
    check(send_mail(&client, "b@good.example", "alice", "a@good.example", "hi") == 250);
    check(!bytes_equal(world.script.request.fingerprint, first));
    check(send_mail(&client, "a@good.example", "bob", "a@good.example", "hi") == 250);
    check(!bytes_equal(world.script.request.fingerprint, first));
    hang_up(&client);
    greet(&client, "192.0.2.99");
    (void)send_mail(&client, "a@down.example", "alice", "a@good.example", "hi");
    check(!bytes_equal(world.script.request.fingerprint, first));
    hang_up(&client);
    world_end();
}

/* ---- the store comes and goes ---- */

STORY(a_store_that_restarts_is_waited_for)
{
    struct client client;
    world_start();
    lose_store();
    check(the_edge()->store == NULL);
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    put(&client, "RCPT TO:<alice@vouch.example>\r\n");
    fiber_sleep(5 * SECOND);
    bring_store();
    check(reply(&client) == 250);
    lose_store();
    bring_store();
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    hang_up(&client);
    world_end();
}

STORY(a_store_that_stays_away_is_a_temporary_failure)
{
    struct client client;
    world_start();
    lose_store();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    int64_t begun = loop_now();
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 451);
    check(said(&client, "4.3.0") && loop_now() - begun == 30 * SECOND);
    hang_up(&client);
    world_end();
}

STORY(a_store_that_dies_with_the_message_in_its_hands_is_a_temporary_failure)
{
    struct client client;
    world_start();
    world.script.takes = 10 * SECOND;
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    put(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n");
    fiber_sleep(2 * SECOND);
    lose_store();
    check(reply(&client) == 451);
    /* The session goes on. */
    bring_store();
    world.script.takes = 0;
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    hang_up(&client);
    world_end();
}

STORY(a_store_that_says_nothing_is_not_waited_for_for_ever)
{
    struct client client;
    world_start();
    world.script.silent = true;
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 451);
    hang_up(&client);
    world_end();
}

/* A store that was taken over speaks to the client through us, but only in replies. */
STORY(a_hostile_store_cannot_break_the_protocol)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    world.script.code = 451;
    world.script.enhanced = "4.3.0";
    world.script.text = "No\r\n250 2.0.0 Yes\r\n354 more\r\n";
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 451);
    check(!strstr(client.last, "\r\n250") && !strstr(client.last, "\r\n354"));
    check(talk(&client, "NOOP\r\n") == 250);
    /* A class that belies the code, codes that are none, no answer at all. */
    world.script.code = 999;
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 451);
    world.script.babbles = true;
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 451);
    check(talk(&client, "RSET\r\n") == 250);
    hang_up(&client);
    world_end();
}

/* ---- recipients ---- */

STORY(recipients_of_another_policy_come_in_a_transaction_of_their_own)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<unknown@vouch.example>\r\n") == 550);
    check(talk(&client, "RCPT TO:<full@vouch.example>\r\n") == 452);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<strict@vouch.example>\r\n") == 452);
    check(said(&client, "4.5.3"));
    check(talk(&client, "RCPT TO:<postmaster@vouch.example>\r\n") == 452);
    check(talk(&client, "RCPT TO:<bob@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    check(world.script.request.recipient_count == 2);
    check(bytes_is(world.script.request.recipients[1].mailbox, "bob@vouch.example"));
    /* Refused ones do not decide which policy it is: the first that is taken does. */
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<unknown@vouch.example>\r\n") == 550);
    check(talk(&client, "RCPT TO:<strict@vouch.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 452);
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    check(bytes_is(world.script.request.record.policy, "strict"));
    hang_up(&client);
    world_end();
}

STORY(a_thousand_recipients_fit)
{
    struct client client;
    char line[512];
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof(line), "RCPT TO:<%0150d@vouch.example>\r\n", i);
        check(talk(&client, line) == 250);
    }
    check(talk(&client, "RCPT TO:<one-more@vouch.example>\r\n") == 452);
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    check(world.script.request.recipient_count == 1000);
    hang_up(&client);
    world_end();
}

/* ---- traps ---- */

/* To several; `fields` stand above From. */
static unsigned send_to(struct client *client, const char *sender, const char *const *recipients, const char *fields)
{
    char line[512];
    snprintf(line, sizeof(line), "MAIL FROM:<%s>\r\n", sender);
    check(talk(client, line) == 250);
    for (size_t i = 0; recipients[i]; i++) {
        snprintf(line, sizeof(line), "RCPT TO:<%s@vouch.example>\r\n", recipients[i]);
        check(talk(client, line) == 250);
    }
    check(talk(client, "DATA\r\n") == 354);
    snprintf(line, sizeof(line), "%sFrom: %s\r\nMessage-ID: <1@x>\r\n\r\nhi\r\n.\r\n", fields,
             sender[0] ? sender : "daemon@soft.example");
    return talk(client, line);
}

static bool remembers_trap(const struct ledger_record *record)
{
    static struct known_outcome outcome;
    check(known_outcome_read(record->outcome, &outcome));
    check(outcome.trap == (outcome.class == KNOWN_SPAM) && outcome.identity_count > 0);
    return outcome.trap;
}

static const char *const two_traps[] = {"trap-one", "trap-two", NULL};
static const char *const traps_and_alice[] = {"trap-one", "alice", "trap-two", NULL};

STORY(mail_for_several_traps_is_learned_and_a_persons_copy_is_delivered)
{
    struct client client;
    const struct delivery_request *requests = world.script.requests;
    world_start();
    greet(&client, "192.0.2.1");
    check(send_to(&client, "a@good.example", two_traps, "") == 250);
    check(world.script.deliveries == 1 && requests[0].place == DELIVER_NOWHERE && requests[0].recipient_count == 2);
    check(bytes_is(requests[0].record.action, "accept") && remembers_trap(&requests[0].record));
    check(holds(requests[0].record.verdict, "The recipient is a trap"));
    check(holds(requests[0].record.evidence, "trap-one@") && holds(requests[0].record.evidence, "trap-two@"));
    check(send_to(&client, "a@good.example", traps_and_alice, "") == 250);
    check(world.script.deliveries == 3 && requests[1].place == DELIVER_MAILBOX && requests[2].place == DELIVER_NOWHERE);
    check(requests[1].recipient_count == 1 && bytes_is(requests[1].recipients[0].mailbox, "alice@vouch.example"));
    check(requests[1].folder == FOLDER_JUNK && requests[2].recipient_count == 2);
    /* She is told that there was one, not which. */
    check(holds(requests[1].prefix, "trap=fail") && !holds(requests[1].prefix, "trap-"));
    hang_up(&client);
    world_end();
}

STORY(reports_and_answers_of_machines_to_a_trap_teach_nothing)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(send_to(&client, "", two_traps, "") == 250);
    fiber_sleep(MILLISECOND); /* the story goes by itself */
    check(world.script.deliveries == 0 && world.script.records == 1);
    check(!remembers_trap(&world.script.record));
    check(send_to(&client, "a@good.example", two_traps, "Auto-Submitted: auto-replied\r\n") == 250);
    fiber_sleep(MILLISECOND); /* the story goes by itself */
    check(world.script.deliveries == 0 && world.script.records == 2 && strstr(log_text, "delivery=trap"));
    check(!remembers_trap(&world.script.record));
    check(send_to(&client, "a@good.example", traps_and_alice, "Auto-Submitted: auto-replied\r\n") == 250);
    check(world.script.deliveries == 1 && world.script.request.place == DELIVER_MAILBOX);
    check(!remembers_trap(&world.script.record));
    hang_up(&client);
    world_end();
}

static const char lists_and_forwarders[] =
    "policy default { trusted-forwarders = [198.51.100.7] greylist = on class-folders = each }\n"
    "forwarder school { networks = [198.51.100.9] }\nupstream relay { networks = [198.51.100.10] }\n"
    "dnslist l { zone = l.example use = [client] weight = 1 early = reject self-test = no }\n";

static void begin_listed(void)
{
    static const char *const listed[] = {"7", "8", "9"};
    char name[64];
    world.more = lists_and_forwarders;
    world_start();
    for (size_t i = 0; i < countof(listed); i++) {
        snprintf(name, sizeof(name), "%s.100.51.198.l.example", listed[i]);
        check(zone_add(world.zone, bytes_of(name), DNS_A, 60, BYTES("127.0.0.2")));
    }
}

static unsigned recipient_from(const char *ip, const char *recipient)
{
    struct client client;
    char line[128];
    greet(&client, ip);
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    snprintf(line, sizeof(line), "RCPT TO:<%s@vouch.example>\r\n", recipient);
    unsigned code = talk(&client, line);
    check(code != 550 || said(&client, "5.7.1 Client host [198.51.100.8] is listed in l.example") ||
          said(&client, "5.1.1 There is no mailbox trap-one@vouch.example here"));
    hang_up(&client);
    return code;
}

STORY(own_networks_and_forwarders_are_told_that_a_trap_is_nobody)
{
    begin_listed();
    check(recipient_from("10.0.0.5", "trap-one") == 550);
    check(recipient_from("198.51.100.7", "trap-one") == 550);
    check(recipient_from("198.51.100.9", "trap-one") == 550);
    check(recipient_from("192.0.2.1", "trap-one") == 250);
    world_end();
}

STORY(a_list_that_decides_early_does_not_hit_forwarders)
{
    begin_listed();
    check(recipient_from("198.51.100.8", "alice") == 550);
    check(recipient_from("198.51.100.7", "alice") == 250);
    check(recipient_from("198.51.100.9", "alice") == 250);
    check(recipient_from("10.0.0.5", "alice") == 250);
    world_end();
}

/* ---- greylisting ---- */

static unsigned mail_from_there(const char *ip, const char *recipient)
{
    struct client client;
    greet(&client, ip);
    unsigned code = send_mail(&client, "a@soft.example", recipient, "a@soft.example", "hi");
    check(code == 250 || said(&client, "450 4.7.1 We do not know this sender yet."));
    hang_up(&client);
    return code;
}

STORY(strangers_are_put_off_but_neither_ours_nor_forwarders)
{
    begin_listed();
    check(mail_from_there("192.0.2.1", "alice") == 450);
    check(mail_from_there("10.0.0.5", "alice") == 250);
    check(world.script.request.folder == FOLDER_INBOX); /* no class, no folder of a class */
    check(mail_from_there("192.0.2.1", "postmaster") == 250);
    check(world.script.request.folder == FOLDER_INBOX);
    check(mail_from_there("198.51.100.7", "alice") == 250);
    check(world.script.request.folder == FOLDER_THIRD);
    check(mail_from_there("198.51.100.9", "alice") == 250);
    check(mail_from_there("198.51.100.10", "alice") == 250);
    check(!holds(world.script.record.evidence, "greylist"));
    world_end();
}

STORY(a_shadow_greylists_without_being_remembered)
{
    static struct known_outcome outcome;
    world.more = "policy default { shadow = grey }\npolicy grey { greylist = on }\n";
    world_start();
    check(mail_from_there("192.0.2.1", "alice") == 250);
    check(holds(world.script.record.evidence, "greylist") && holds(world.script.record.verdict, "grey"));
    check(known_outcome_read(world.script.record.outcome, &outcome));
    check(outcome.greylist == KNOWN_GREYLIST_NONE);
    world_end();
}

/* ---- content ---- */

STORY(rules_act_on_whomever_we_know_and_nobody_reads_what_is_put_off)
{
    static const char rules[] = "rule never { where = body pattern = \"forbidden\" action = reject }\n"
                                "rule dear { where = body pattern = \"offer\" weight = 9 }\n";
    struct client client;
    world.more = rules;
    world_start();
    world.script.contact = true;
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "an offer") == 250);
    check(world.script.request.folder != FOLDER_JUNK && holds(world.script.record.verdict, "first-class"));
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "forbidden") == 550);
    hang_up(&client);
    check(holds(world.script.record.verdict, "first-class"));
    world_end();
    world.more = "policy default { greylist = on }\n"
                 "rule never { where = body pattern = \"forbidden\" action = reject }\n";
    world_start();
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "forbidden") == 450);
    hang_up(&client);
    check(!holds(world.script.record.evidence, "never"));
    world_end();
}

/* ---- what the session itself shows ---- */

STORY(who_speaks_before_the_greeting_leaves_evidence)
{
    struct client client;
    world.limits = "greeting-delay = 2s";
    world_start();
    connect_from(&client, "192.0.2.1");
    put(&client, "EHLO mail.good.example\r\n");
    check(reply(&client) == 220);
    check(reply(&client) == 250);
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    check(holds(world.script.request.record.evidence, "before the greeting"));
    hang_up(&client);
    world_end();
}

STORY(who_does_not_wait_for_replies_leaves_evidence)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    /* Behind DATA nothing may follow before its reply (rfc2920:3.1). */
    put(&client, "DATA\r\nFrom: a@good.example\r\n\r\nhi\r\n.\r\n");
    check(reply(&client) == 354);
    unsigned code = reply(&client);
    check(code == 250);
    check(holds(world.script.request.record.evidence, "did not wait"));
    hang_up(&client);
    world_end();
}

STORY(own_networks_are_treated_as_such)
{
    struct client client;
    world.limits = "greeting-delay = 2s";
    world_start();
    int64_t begun = loop_now();
    greet(&client, "10.0.0.5");
    check(loop_now() - begun < SECOND);
    check(!said(&client, "DSN")); /* nothing makes any */
    check(talk(&client, "MAIL FROM: <a@good.example>\r\n") == 250); /* lenient */
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\nSubject: bare\n\nhi\r\n.\r\n") == 250);
    check(holds(world.script.request.content, "Subject: bare\r\n"));
    hang_up(&client);
    greet(&client, "192.0.2.1");
    check(!said(&client, "DSN"));
    check(talk(&client, "MAIL FROM: <a@good.example>\r\n") == 501);
    hang_up(&client);
    world_end();
}

STORY(large_messages_come_whole)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    put(&client, "From: a@good.example\r\n\r\n");
    for (int i = 0; i < 20000; i++)
        put(&client, "0123456789012345678901234567890123456789012345678901234567\r\n");
    check(talk(&client, "the end\r\n.\r\n") == 250);
    check(world.script.request.content.len > 20000 * 60);
    check(bytes_ends_with(world.script.request.content, BYTES("the end\r\n")));
    hang_up(&client);
    world_end();
}

STORY(a_header_beyond_its_limits_is_refused)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    put(&client, "From: a@good.example\r\n");
    for (int i = 0; i < 1100; i++)
        put(&client, "X-Field: x\r\n");
    check(talk(&client, "\r\nhi\r\n.\r\n") == 552);
    check(world.script.deliveries == 0);
    hang_up(&client);
    world_end();
}

/* ---- connections ---- */

STORY(one_address_gets_so_many_sessions)
{
    struct client clients[3], other;
    world.limits = "greeting-delay = 0 sessions-per-client = 2";
    world_start();
    greet(&clients[0], "192.0.2.1");
    greet(&clients[1], "192.0.2.1");
    connect_from(&clients[2], "192.0.2.1");
    check(reply(&clients[2]) == 421);
    check(reply(&clients[2]) == 0);
    hang_up(&clients[2]);
    greet(&other, "192.0.2.2");
    hang_up(&other);
    hang_up(&clients[0]);
    greet(&clients[0], "192.0.2.1");
    hang_up(&clients[0]);
    hang_up(&clients[1]);
    /* IPv6 by /64. */
    greet(&clients[0], "2001:db8::1");
    greet(&clients[1], "2001:db8::2");
    connect_from(&clients[2], "2001:db8::ffff");
    check(reply(&clients[2]) == 421);
    hang_up(&clients[2]);
    greet(&other, "2001:db8:0:1::1");
    hang_up(&other);
    hang_up(&clients[0]);
    hang_up(&clients[1]);
    world_end();
}

STORY(at_a_stop_the_message_under_way_is_finished)
{
    struct client busy, idle;
    world_start();
    greet(&idle, "192.0.2.1");
    greet(&busy, "192.0.2.1");
    check(talk(&busy, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&busy, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&busy, "DATA\r\n") == 354);
    the_edge()->stopping = true;
    check(talk(&idle, "NOOP\r\n") == 421);
    check(talk(&busy, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    check(world.script.deliveries == 1);
    check(talk(&busy, "NOOP\r\n") == 421);
    hang_up(&busy);
    hang_up(&idle);
    the_edge()->stopping = false;
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine_mail_is_delivered_with_its_evidence),
        cmocka_unit_test(forged_mail_is_refused_with_the_reason_and_only_its_story_is_kept),
        cmocka_unit_test(postmaster_gets_what_others_do_not),
        cmocka_unit_test(a_dns_failure_puts_mail_off_three_times_and_then_marks_it),
        cmocka_unit_test(a_store_that_cannot_count_does_not_put_mail_off_for_ever),
        cmocka_unit_test(an_answer_that_comes_after_seconds_still_counts),
        cmocka_unit_test(an_answer_past_the_deadline_is_a_failure),
        cmocka_unit_test(a_store_that_is_too_slow_gives_451_and_knows_the_retry),
        cmocka_unit_test(a_store_that_restarts_is_waited_for),
        cmocka_unit_test(a_store_that_stays_away_is_a_temporary_failure),
        cmocka_unit_test(a_store_that_dies_with_the_message_in_its_hands_is_a_temporary_failure),
        cmocka_unit_test(a_store_that_says_nothing_is_not_waited_for_for_ever),
        cmocka_unit_test(a_hostile_store_cannot_break_the_protocol),
        cmocka_unit_test(recipients_of_another_policy_come_in_a_transaction_of_their_own),
        cmocka_unit_test(a_thousand_recipients_fit),
        cmocka_unit_test(mail_for_several_traps_is_learned_and_a_persons_copy_is_delivered),
        cmocka_unit_test(reports_and_answers_of_machines_to_a_trap_teach_nothing),
        cmocka_unit_test(own_networks_and_forwarders_are_told_that_a_trap_is_nobody),
        cmocka_unit_test(a_list_that_decides_early_does_not_hit_forwarders),
        cmocka_unit_test(strangers_are_put_off_but_neither_ours_nor_forwarders),
        cmocka_unit_test(a_shadow_greylists_without_being_remembered),
        cmocka_unit_test(rules_act_on_whomever_we_know_and_nobody_reads_what_is_put_off),
        cmocka_unit_test(who_speaks_before_the_greeting_leaves_evidence),
        cmocka_unit_test(who_does_not_wait_for_replies_leaves_evidence),
        cmocka_unit_test(own_networks_are_treated_as_such),
        cmocka_unit_test(large_messages_come_whole),
        cmocka_unit_test(a_header_beyond_its_limits_is_refused),
        cmocka_unit_test(one_address_gets_so_many_sessions),
        cmocka_unit_test(at_a_stop_the_message_under_way_is_finished),
    };
    signal(SIGPIPE, SIG_IGN);
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
