/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What senders are told of mail that came to rest here, or failed here after it was answered 250; and what a list
 * and the next host's words do to a message's envelope.
 */
#include "store_world.h"

#include "roles/keys_protocol.h"
#include "smtp/server.h"

static const char alice[] = "alice@vouch.example", bob[] = "bob@vouch.example";

/* Of the next request. */
static struct asked {
    const char *sender, *envelope_id, *original;
    unsigned notify;
    bool return_headers, require_tls;
} asked;

static void edit(struct delivery_request *request)
{
    if (asked.sender)
        request->sender = bytes_of(asked.sender);
    request->envelope_id = bytes_of(asked.envelope_id ? asked.envelope_id : "");
    request->return_headers = asked.return_headers;
    request->require_tls = asked.require_tls;
    for (size_t i = 0; i < request->recipient_count; i++) {
        request->recipients[i].notify = asked.notify;
        request->recipients[i].original = bytes_of(asked.original ? asked.original : "");
    }
}

static void begin(void)
{
    more_config = "relay backup.example { primary = [\"192.0.2.200:25\"] }\n"
                  "list open { address = open@vouch.example members = members\n"
                  "            owner = bob@vouch.example post = anyone }\n";
    world_create();
    write_file("aliases", BYTES("team: alice, bob\nmine: alice\nfwd: x@far.example\nmix: alice, x@far.example\n"));
    write_file("members", BYTES("alice@vouch.example\nx@far.example\n"));
    asked = (struct asked){.sender = bob};
    edit_request = edit;
    store_start();
}

static void end(void)
{
    store_stop();
    world_destroy();
}

static size_t waiting(void)
{
    return queue_count(the_store()->queue->queue);
}

/* Files whose path and content hold these. */
static size_t files_with(const char *where, const char *text)
{
    struct durable_fake_file *files;
    struct arena *arena = arena_create(64 << 20);
    size_t count = durable_fake_list(world.fake, arena, &files), found = 0;
    for (size_t i = 0; i < count; i++)
        found += strstr(files[i].path, where) && strstr(files[i].path, "/new/") && holds(files[i].content, text);
    arena_destroy(arena);
    return found;
}

static const struct sent *last(void)
{
    check(world.sent_count > 0);
    return &world.sent[world.sent_count - 1];
}

/* ---- failures ---- */

/* rfc5321:4.2.5: the 250 was given, so it is ours to tell. */
STORY(a_mailbox_that_fails_for_good_after_another_succeeded_is_told_to_our_sender)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "alice@vouch.example box@lmtp.example", .origin = ORIGIN_OURS};
    lmtp("box@lmtp.example")->code = 550;
    asked.original = "rfc822;box@old.example";
    asked.envelope_id = "E42";
    asked.require_tls = true;
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(in_mailbox("m1", alice) == 1 && waiting() == 0);
    check(files_with("/mail/bob/", "Action: failed") == 1 && files_with("/mail/bob/", "Status: 5.2.0") == 1);
    check(files_with("/mail/bob/", "Final-Recipient: rfc822; box@lmtp.example") == 1);
    check(files_with("/mail/bob/", "Original-Recipient: rfc822; box@old.example") == 1);
    check(files_with("/mail/bob/", "Original-Envelope-Id: E42") == 1);
    check(files_with("/mail/bob/", "Subject: m1") == 1 && files_with("/mail/bob/", "\nbody") == 0);
    /* He has the message, so nobody else keeps it. */
    check(files_in("/data/quarantine/") == 0 && files_in("/mail/postmaster/") == 0);
    end();
}

STORY(a_verified_sender_elsewhere_is_told_of_it_by_the_queue)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "alice@vouch.example box@lmtp.example", .origin = ORIGIN_VERIFIED,
                        .remote_sender = "SRS0=rewritten@vouch.example"};
    asked.sender = "eve@else.example";
    asked.require_tls = true;
    lmtp("box@lmtp.example")->code = 550;
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(world.sent_count == 1 && bytes_is(last()->recipients[0], "eve@else.example"));
    check(last()->sender.len == 0 && holds(last()->content, "Action: failed"));
    check(holds(last()->content, "To: <eve@else.example>"));
    /* rfc8689:5 */
    check(last()->require_tls);
    check(files_in("/data/quarantine/") == 0);
    end();
}

STORY(what_an_alias_leads_to_elsewhere_and_is_refused_there_is_told_to_a_verified_sender)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "mix@vouch.example", .origin = ORIGIN_VERIFIED};
    asked.sender = "eve@else.example";
    servers_say("far.example", 550, SEND_ANSWERED);
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(in_mailbox("m1", alice) == 1 && files_in("/data/quarantine/") == 0);
    check(world.sent_count == 2 && bytes_is(last()->recipients[0], "eve@else.example"));
    check(holds(last()->content, "Diagnostic-Code: smtp; 550 5.1.1 Nobody of that name"));
    check(holds(last()->content, "Remote-MTA: dns; mx.far.example"));
    end();
}

STORY(strangers_and_the_null_sender_are_not_told_and_postmaster_is)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "alice@vouch.example box@lmtp.example"};
    asked.sender = "forged@victim.example";
    lmtp("box@lmtp.example")->code = 550;
    check(deliver_code(&mail) == 250);
    mail.id = "m2";
    mail.origin = ORIGIN_OURS;
    asked.sender = "";
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(world.sent_count == 0 && waiting() == 0);
    check(files_in("/data/quarantine/") == 2);
    /* rfc5322:3.6: a date is a must, and an identifier of its own. */
    check(files_with("/mail/postmaster/", "is in quarantine") == 2);
    check(files_with("/mail/postmaster/", "\nDate: ") == 2 && files_with("/mail/postmaster/", "Message-ID: <") == 2);
    check(files_with("/mail/postmaster/", "Message-ID: <m1.") == 1);
    check(files_with("/mail/postmaster/", "no bounces") == 0);
    end();
}

STORY(who_wants_to_hear_nothing_is_not_told_of_a_mailbox_that_failed)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "alice@vouch.example box@lmtp.example", .origin = ORIGIN_OURS};
    asked.notify = SMTP_NOTIFY_NEVER;
    lmtp("box@lmtp.example")->code = 550;
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(files_with("/mail/bob/", "Action:") == 0 && waiting() == 0 && files_in("/data/quarantine/") == 0);
    end();
}

/* A member's failure is the list's owner's to know. */
STORY(a_members_mailbox_that_fails_is_told_to_the_owner_of_the_list)
{
    begin();
    write_file("members", BYTES("alice@vouch.example\nbox@lmtp.example\n"));
    store_reload(&world.role);
    struct mail mail = {.id = "m1", .recipients = "open@vouch.example", .list = "open",
                        .remote_sender = "open-bounces@vouch.example"};
    asked.sender = "eve@else.example";
    lmtp("box@lmtp.example")->code = 550;
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(in_mailbox("m1", alice) == 1);
    check(files_with("/mail/bob/", "Final-Recipient: rfc822; box@lmtp.example") == 1);
    check(world.sent_count == 0);
    end();
}

STORY(what_waits_in_the_spool_is_told_when_it_is_given_up_also_after_a_restart)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "alice@vouch.example box@lmtp.example", .origin = ORIGIN_OURS};
    asked.envelope_id = "E42";
    asked.original = "rfc822;box@old.example";
    lmtp("box@lmtp.example")->code = 451;
    check(deliver_code(&mail) == 250);
    check(in_spool("m1", "box@lmtp.example") == 1);
    fiber_sleep(DAY);
    crash_and_restart(0);
    check(files_with("/mail/bob/", "Action:") == 0);
    fiber_sleep(5 * DAY);
    check(in_spool("m1", "box@lmtp.example") == 0 && waiting() == 0);
    check(files_with("/mail/bob/", "Action: failed") == 1 && files_with("/mail/bob/", "Status: 4.4.7") == 1);
    check(files_with("/mail/bob/", "Not now") == 1 && files_with("/mail/bob/", "Original-Envelope-Id: E42") == 1);
    check(files_with("/mail/bob/", "Original-Recipient: rfc822; box@old.example") == 1);
    check(files_in("/data/quarantine/") == 0);
    end();
}

STORY(a_strangers_copy_that_is_given_up_goes_from_the_spool_to_quarantine)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "alice@vouch.example box@lmtp.example"};
    lmtp("box@lmtp.example")->code = 451;
    check(deliver_code(&mail) == 250);
    fiber_sleep(6 * DAY);
    check(files_with("/mail/bob/", "Action:") == 0 && world.sent_count == 0);
    check(in_quarantine("m1", "box@lmtp.example") == 1);
    end();
}

/* Files of an earlier version have five words, and say nothing of who may be told. */
STORY(what_an_earlier_version_spooled_is_still_read_and_nobody_is_told_of_it)
{
    static const char line[] = "vouch-spool 1 1795297381 junk+utf8 =m1 =eve@else.example =a@vouch.example "
                               "=alice@vouch.example =Not+20now\nSubject: m1\n";
    struct spool_entry entry;
    struct bytes message;
    struct arena *arena = arena_create(1 << 20);
    check(spool_parse(arena, bytes_of(line), &entry, &message, NULL) == OK);
    check(entry.folder == FOLDER_JUNK && entry.smtputf8 && !entry.tell && !entry.notify && !entry.require_tls);
    check(bytes_is(entry.reason, "Not now") && !entry.original.len && !entry.envelope_id.len);
    check(bytes_is(message, "Subject: m1\n"));
    arena_destroy(arena);
}

/* ---- success ---- */

/* rfc3461:5.2.3 (a). */
STORY(success_in_a_mailbox_is_told_to_who_asked)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "alice@vouch.example", .origin = ORIGIN_OURS};
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(files_with("/mail/bob/", "Action:") == 0);
    asked.notify = SMTP_NOTIFY_SUCCESS;
    mail.id = "m2";
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(files_with("/mail/bob/", "Action: delivered") == 1 && waiting() == 0);
    /* DSN was not offered to others. */
    mail.id = "m3";
    mail.origin = ORIGIN_VERIFIED;
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(files_with("/mail/bob/", "Action:") == 1);
    /* Our LMTP client asks no server to notify. */
    mail.id = "m4";
    mail.origin = ORIGIN_OURS;
    mail.recipients = "box@lmtp.example";
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(files_with("/mail/bob/", "Action: relayed") == 1);
    end();
}

STORY(success_that_comes_late_is_told_when_it_comes)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "alice@vouch.example box@lmtp.example", .origin = ORIGIN_OURS};
    asked.notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE;
    lmtp("box@lmtp.example")->code = 451;
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(files_with("/mail/bob/", "Final-Recipient: rfc822; alice@vouch.example") == 1);
    check(files_with("/mail/bob/", "Final-Recipient: rfc822; box@lmtp.example") == 0);
    lmtp("box@lmtp.example")->code = 250;
    fiber_sleep(HOUR);
    check(files_with("/mail/bob/", "Final-Recipient: rfc822; box@lmtp.example") == 1);
    check(files_with("/mail/bob/", "Action: relayed") == 1);
    end();
}

/* rfc3461:5.2.7.3 (c). */
STORY(an_address_that_leads_to_several_is_told_as_expanded_and_its_copies_do_not_tell_of_success)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "mix@vouch.example", .origin = ORIGIN_OURS};
    asked.notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE;
    asked.envelope_id = "E42";
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(files_with("/mail/bob/", "Action: expanded") == 1 && files_with("/mail/bob/", "Action: delivered") == 0);
    check(files_with("/mail/bob/", "Final-Recipient: rfc822; mix@vouch.example") == 1);
    check(world.sent_count == 1 && last()->notify[0] == SMTP_NOTIFY_FAILURE);
    check(bytes_is(last()->envelope_id, "E42"));
    /* Who asked for success alone does not hear of failure. */
    mail.id = "m2";
    asked.notify = SMTP_NOTIFY_SUCCESS;
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(last()->notify[0] == SMTP_NOTIFY_NEVER);
    /* One target: the next server tells (5.2.7.2). */
    mail.id = "m3";
    mail.recipients = "fwd@vouch.example";
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(last()->notify[0] == SMTP_NOTIFY_SUCCESS && files_with("/mail/bob/", "Action: expanded") == 2);
    check(files_with("/mail/bob/", "Action:") == 2);
    end();
}

/* ---- lists ---- */

/* rfc5321:3.9.2, rfc3461:5.2.7.1. */
STORY(a_lists_copies_bear_its_return_path_and_nothing_that_was_asked_for_the_message_to_it)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "open@vouch.example", .list = "open", .origin = ORIGIN_OURS,
                        .remote_sender = "open-bounces@vouch.example"};
    asked.notify = SMTP_NOTIFY_SUCCESS;
    asked.envelope_id = "E42";
    asked.return_headers = true;
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(files_with("/mail/alice/", "Return-Path: <open-bounces@vouch.example>") == 1);
    check(bytes_is(last()->domain, "far.example") && last()->envelope_id.len == 0 && !last()->return_headers);
    check(last()->notify[0] == 0);
    /* … but its sender asked for it, and with the list it is delivered. */
    check(files_with("/mail/bob/", "Action: delivered") == 1);
    check(files_with("/mail/bob/", "Original-Envelope-Id: E42") == 1);
    check(files_with("/mail/bob/", "Final-Recipient: rfc822; open@vouch.example") == 1);
    end();
}

STORY(a_list_without_members_refuses_for_good)
{
    struct delivery_answer answer;
    begin();
    write_file("members", BYTES("# nobody\n"));
    store_reload(&world.role);
    struct mail mail = {.id = "m1", .recipients = "open@vouch.example", .list = "open",
                        .remote_sender = "open-bounces@vouch.example"};
    check(deliver(&mail, &answer) == OK && answer.reply.code == 550);
    check(bytes_is(answer.reply.enhanced, "5.1.1"));
    end();
}

/* ---- recipients that are gone ---- */

STORY(a_recipient_that_was_deleted_since_rcpt_is_refused_or_told)
{
    struct delivery_answer answer;
    begin();
    write_file("users", BYTES("bob\n"));
    write_file("aliases", BYTES("\n"));
    write_file("members", BYTES("bob@vouch.example\n"));
    store_reload(&world.role);
    struct mail mail = {.id = "m1", .recipients = alice, .origin = ORIGIN_OURS};
    check(deliver(&mail, &answer) == OK && answer.reply.code == 550);
    check(bytes_is(answer.reply.enhanced, "5.1.1"));
    mail.id = "m2";
    mail.recipients = "alice@vouch.example box@lmtp.example";
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(files_with("/mail/bob/", "Status: 5.1.1") == 1);
    end();
}

/* ---- what the next host says ---- */

/* rfc5321:3.8: a 421 would end our client's session. */
STORY(what_the_next_host_says_of_its_session_is_not_said_to_our_client)
{
    static const struct {
        unsigned said, code;
        const char *enhanced, *ours;
    } cases[] = {{421, 451, "4.3.2", "4.3.2"}, {530, 550, "5.7.0", "5.7.0"}, {535, 550, "5.7.8", "5.7.8"},
                 {454, 451, "4.7.0", "4.7.0"}, {552, 552, "5.3.4", "5.3.4"}, {550, 550, "4.1.1", "5.0.0"},
                 {450, 450, "", "4.0.0"},      {554, 554, "x", "5.0.0"}};
    begin();
    struct mail mail = {.id = "m1", .recipients = "fwd@vouch.example"};
    for (size_t i = 0; i < countof(cases); i++) {
        struct delivery_answer answer;
        servers_say("far.example", cases[i].said, SEND_ANSWERED);
        send_script_of(BYTES("far.example"))->enhanced = cases[i].enhanced;
        check(deliver(&mail, &answer) == OK);
        check(answer.reply.code == cases[i].code && bytes_is(answer.reply.enhanced, cases[i].ours));
    }
    end();
}

/* What an LMTP server says of its session is not ours either. */
STORY(a_mailbox_servers_421_becomes_our_451)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "box@lmtp.example"};
    lmtp("box@lmtp.example")->code = 421;
    check(deliver_code(&mail) == 451);
    end();
}

STORY(what_the_primary_says_of_a_recipient_is_passed_on_as_it_meant_it)
{
    struct recipient_question question = {.sender = BYTES("eve@else.example"), .local = BYTES("one"),
                                          .domain = BYTES("backup.example")};
    begin();
    servers_say("backup.example", 550, SEND_ANSWERED);
    struct protocol_reply reply = store_ask_primary(the_store(), world.arena, &question);
    check(reply.code == 550 && bytes_is(reply.enhanced, "5.1.1") && holds(reply.text, "Nobody of that name"));
    /* The sender's domain, not the recipient. */
    servers_say("backup.example", 553, SEND_ANSWERED);
    send_script_of(BYTES("backup.example"))->enhanced = "5.1.8";
    reply = store_ask_primary(the_store(), world.arena, &question);
    check(reply.code == 553 && bytes_is(reply.enhanced, "5.1.8"));
    send_script_of(BYTES("backup.example"))->enhanced = "5.7.1";
    reply = store_ask_primary(the_store(), world.arena, &question);
    check(bytes_is(reply.enhanced, "5.7.1"));
    servers_say("backup.example", 452, SEND_ANSWERED);
    send_script_of(BYTES("backup.example"))->enhanced = "4.2.2";
    reply = store_ask_primary(the_store(), world.arena, &question);
    check(reply.code == 452 && bytes_is(reply.enhanced, "4.2.2"));
    end();
}

/* ---- return paths with secrets ---- */

static enum keys_codec codec_asked;

/* The keys role: whatever it is asked to take apart was made of one address. */
static void serve_keys(void *context, struct ipc_request *request)
{
    struct keys_address_request question;
    struct keys_address_answer answer = {OK, bytes_of(context)};
    struct buf payload;
    if (request->message.type == KEYS_ADDRESS) {
        check(keys_address_request_read(request->message.payload, &question) && question.decode);
        codec_asked = question.codec;
        buf_init(&payload, IPC_PAYLOAD_MAX);
        keys_address_answer_write(&payload, &answer);
        struct ipc_message message = {KEYS_ADDRESS, buf_bytes(&payload), {-1, -1, -1, -1}};
        ipc_reply(request, &message);
        buf_free(&payload);
    }
    ipc_request_free(request);
}

static void run_keys(void *argument)
{
    static char plain[] = "bob@vouch.example", elsewhere[] = "eve@else.example";
    struct fiber_group requests;
    fiber_group_open(&requests);
    enum result ignored = ipc_run(argument, &requests, serve_keys, asked.envelope_id ? elsewhere : plain, NULL);
    (void)ignored;
    fiber_group_close(&requests);
}

static struct ipc_channel *begin_with_keys(const char *envelope_id)
{
    int pair[2];
    more_config = "srs { domain = srs.vouch.example secrets = secrets }\n"
                  "batv { domains = [vouch.example] secrets = secrets }\n"
                  "ses { domains = [vouch.example] secrets = secrets }\n";
    world_create();
    write_file("secrets", BYTES("12345678\n"));
    write_file("aliases", BYTES("fwd: x@far.example\n"));
    asked = (struct asked){.sender = bob, .envelope_id = envelope_id};
    edit_request = edit;
    store_start();
    check(ipc_pair(pair) == 0);
    store_role.peer(&world.role, ROLE_KEYS, 0, pair[0]);
    struct ipc_channel *channel = ipc_channel_open(pair[1], "store");
    check(channel != NULL && fiber_group_start(&world.group, "keys", run_keys, channel));
    return channel;
}

STORY(a_notification_finds_the_mailbox_behind_a_tagged_return_path)
{
    static const struct {
        const char *sender;
        enum keys_codec codec;
    } cases[] = {{"prvs=1234abcdef=bob@vouch.example", KEYS_BATV}, {"SES=ABCD=bob@vouch.example", KEYS_SES}};
    struct ipc_channel *keys = begin_with_keys(NULL);
    servers_say("far.example", 550, SEND_ANSWERED);
    for (size_t i = 0; i < countof(cases); i++) {
        char id[8];
        snprintf(id, sizeof(id), "m%zu", i);
        struct mail mail = {.id = id, .recipients = "x@far.example", .elsewhere = true, .origin = ORIGIN_OURS,
                            .remote_sender = cases[i].sender};
        codec_asked = KEYS_CODECS;
        check(deliver_code(&mail) == 250);
        fiber_sleep(SECOND);
        check(codec_asked == cases[i].codec);
        check(files_with("/mail/bob/", "Action: failed") == i + 1);
        check(files_with("/mail/bob/", "To: <bob@vouch.example>") == i + 1);
    }
    lose(&keys);
    end();
}

STORY(a_notification_of_a_forward_goes_to_the_sender_behind_the_rewritten_return_path)
{
    struct ipc_channel *keys = begin_with_keys("E42");
    struct mail mail = {.id = "m1", .recipients = "fwd@vouch.example", .origin = ORIGIN_VERIFIED,
                        .remote_sender = "SRS0=HHH=TT=else.example=eve@srs.vouch.example"};
    servers_say("far.example", 451, SEND_UNREACHABLE);
    check(deliver_code(&mail) == 250 && waiting() == 1);
    servers_say("far.example", 550, SEND_ANSWERED);
    fiber_sleep(HOUR);
    check(codec_asked == KEYS_SRS && waiting() == 0);
    check(bytes_is(last()->recipients[0], "eve@else.example") && last()->sender.len == 0);
    check(holds(last()->content, "To: <eve@else.example>") && holds(last()->content, "Action: failed"));
    check(files_in("/data/quarantine/") == 0);
    lose(&keys);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mailbox_that_fails_for_good_after_another_succeeded_is_told_to_our_sender),
        cmocka_unit_test(a_verified_sender_elsewhere_is_told_of_it_by_the_queue),
        cmocka_unit_test(what_an_alias_leads_to_elsewhere_and_is_refused_there_is_told_to_a_verified_sender),
        cmocka_unit_test(strangers_and_the_null_sender_are_not_told_and_postmaster_is),
        cmocka_unit_test(who_wants_to_hear_nothing_is_not_told_of_a_mailbox_that_failed),
        cmocka_unit_test(a_members_mailbox_that_fails_is_told_to_the_owner_of_the_list),
        cmocka_unit_test(what_waits_in_the_spool_is_told_when_it_is_given_up_also_after_a_restart),
        cmocka_unit_test(a_strangers_copy_that_is_given_up_goes_from_the_spool_to_quarantine),
        cmocka_unit_test(what_an_earlier_version_spooled_is_still_read_and_nobody_is_told_of_it),
        cmocka_unit_test(success_in_a_mailbox_is_told_to_who_asked),
        cmocka_unit_test(success_that_comes_late_is_told_when_it_comes),
        cmocka_unit_test(an_address_that_leads_to_several_is_told_as_expanded_and_its_copies_do_not_tell_of_success),
        cmocka_unit_test(a_lists_copies_bear_its_return_path_and_nothing_that_was_asked_for_the_message_to_it),
        cmocka_unit_test(a_list_without_members_refuses_for_good),
        cmocka_unit_test(a_recipient_that_was_deleted_since_rcpt_is_refused_or_told),
        cmocka_unit_test(what_the_next_host_says_of_its_session_is_not_said_to_our_client),
        cmocka_unit_test(a_mailbox_servers_421_becomes_our_451),
        cmocka_unit_test(what_the_primary_says_of_a_recipient_is_passed_on_as_it_meant_it),
        cmocka_unit_test(a_notification_finds_the_mailbox_behind_a_tagged_return_path),
        cmocka_unit_test(a_notification_of_a_forward_goes_to_the_sender_behind_the_rewritten_return_path),
    };
    signal(SIGPIPE, SIG_IGN);
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
