/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the store does with mail that leaves us: forwards, relayed domains and lists, and what it keeps of
 * accounts: counters, whether they are held, and what is theirs.
 */
#include "store_world.h"

static const char alice[] = "alice@vouch.example", bob[] = "bob@vouch.example";

static void begin(void)
{
    more_config = "relay backup.example { primary = [\"192.0.2.200:25\"] }\n"
                  "relay listed.example { primary = [\"192.0.2.200:25\"] recipients = relay-users }\n"
                  "list announce { address = announce@vouch.example members = members\n"
                  "                owner = bob@vouch.example }\n"
                  "list open { address = open@vouch.example members = members\n"
                  "            owner = bob@vouch.example post = anyone }\n"
                  "list board { address = board@vouch.example members = members\n"
                  "             owner = bob@vouch.example post = owner }\n";
    world_create();
    write_file("aliases", BYTES("team: alice, bob, carol\nmine: alice\nfwd: x@far.example\n"
                                "mix: alice, x@far.example\nboth: x@far.example, y@remote.example\n"));
    write_file("relay-users", BYTES("one\n"));
    write_file("members", BYTES("alice@vouch.example\nx@far.example\n"));
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

/* What the courier was last asked. */
static const struct sent *last(void)
{
    check(world.sent_count > 0);
    return &world.sent[world.sent_count - 1];
}

static struct bytes ask(enum protocol_type type, struct buf *payload)
{
    struct ipc_message message = {(uint16_t)type, buf_bytes(payload), {-1, -1, -1, -1}}, reply;
    struct error error;
    check(role_call(world.edge, world.arena, &message, &reply, loop_deadline(MINUTE), &error) == OK);
    buf_free(payload);
    return reply.payload;
}

static struct recipient_answer recipient(const char *address, bool submitted)
{
    struct bytes whole = bytes_of(address);
    size_t at = bytes_rfind_byte(whole, '@');
    struct recipient_question question = {.sender = BYTES("sender@example.org"),
                                          .local = bytes_first(whole, at),
                                          .domain = bytes_skip(whole, at + 1),
                                          .submitted = submitted};
    struct recipient_answer answer;
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    recipient_question_write(&payload, &question);
    check(recipient_answer_read(ask(STORE_RECIPIENT, &payload), &answer));
    return answer;
}

/* ---- forwards ---- */

/* Section 3: third-party mail is not answered 250 until the next hop has taken it (else 451). */
STORY(a_strangers_mail_is_passed_on_while_he_waits)
{
    struct delivery_answer answer;
    begin();
    struct mail mail = {.id = "m1", .recipients = "fwd@vouch.example", .remote_sender = "SRS0=x@us.example",
                        .submitter = "sender@example.org"};
    check(deliver_code(&mail) == 250);
    check(world.sent_count == 1 && bytes_is(last()->domain, "far.example"));
    check(bytes_is(last()->sender, "SRS0=x@us.example") && !last()->verify_only);
    check(bytes_is(last()->recipients[0], "x@far.example"));
    check(bytes_is(last()->submitter, "sender@example.org"));
    check(bytes_starts_with(last()->content, BYTES("X-Remote: yes\r\nSubject: m1\r\n")));
    servers_say("far.example", 550, SEND_ANSWERED);
    check(deliver(&mail, &answer) == OK && answer.reply.code == 550);
    check(holds(answer.reply.text, "Nobody of that name") && bytes_is(answer.reply.enhanced, "5.1.1"));
    servers_say("far.example", 450, SEND_ANSWERED);
    check(deliver(&mail, &answer) == OK && answer.reply.code / 100 == 4);
    servers_say("far.example", 450, SEND_BUSY);
    check(deliver_code(&mail) / 100 == 4);
    servers_say("far.example", 451, SEND_UNREACHABLE);
    check(deliver_code(&mail) == 451);
    servers_say("far.example", 451, SEND_INSECURE);
    check(deliver_code(&mail) == 451);
    /* Nothing is kept, nobody is told. */
    check(waiting() == 0 && files_in("/") == 0);
    size_t before = world.sent_count;
    fiber_sleep(DAY);
    check(world.sent_count == before);
    end();
}

STORY(a_policy_that_a_courier_has_fetched_is_told_to_the_next)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "fwd@vouch.example"};
    world.policy = (struct send_policy){BYTES("1"), BYTES("version: STSv1"), loop_epoch() + 86400};
    check(deliver_code(&mail) == 250);
    check(!last()->policy.len);
    world.policy = (struct send_policy){.expires_at = 0};
    check(deliver_code(&mail) == 250);
    check(bytes_is(last()->policy, "version: STSv1"));
    check(deliver_code(&mail) == 250);
    check(bytes_is(last()->policy, "version: STSv1"));
    end();
}

STORY(without_a_courier_a_strangers_mail_is_put_off)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "fwd@vouch.example"};
    world.courier_delay = 10 * MINUTE;
    int64_t begun = loop_now();
    check(deliver_code(&mail) == 451);
    check(loop_now() - begun < MINUTE);
    check(waiting() == 0);
    end();
}

STORY(a_verified_return_path_lets_mail_wait_for_the_next_host)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "fwd@vouch.example", .origin = ORIGIN_VERIFIED};
    check(deliver_code(&mail) == 250);
    check(waiting() == 0 && world.sent_count == 1);
    servers_say("far.example", 451, SEND_UNREACHABLE);
    mail.id = "m2";
    check(deliver_code(&mail) == 250);
    check(waiting() == 1);
    servers_say("far.example", 250, SEND_ANSWERED);
    fiber_sleep(HOUR);
    check(waiting() == 0 && holds(last()->content, "Subject: m2"));
    /* A refusal is told at once, and the null sender cannot be told later. */
    servers_say("far.example", 550, SEND_ANSWERED);
    mail.id = "m3";
    check(deliver_code(&mail) == 550);
    servers_say("far.example", 451, SEND_UNREACHABLE);
    mail.remote_sender = "";
    mail.id = "m4";
    check(deliver_code(&mail) == 451);
    check(waiting() == 0);
    end();
}

STORY(junk_is_not_forwarded)
{
    struct delivery_answer answer;
    begin();
    struct mail mail = {.id = "m1", .recipients = "fwd@vouch.example", .folder = FOLDER_JUNK,
                        .origin = ORIGIN_VERIFIED};
    check(deliver(&mail, &answer) == OK && answer.reply.code == 550);
    check(bytes_is(answer.reply.enhanced, "5.7.1"));
    check(world.sent_count == 0 && waiting() == 0);
    end();
}

STORY(an_alias_may_lead_here_and_elsewhere)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "mix@vouch.example"};
    check(deliver_code(&mail) == 250);
    check(in_mailbox("m1", alice) == 1 && world.sent_count == 1);
    /* What is for elsewhere comes again with its client; alice has it already. */
    mail.id = "m2";
    servers_say("far.example", 451, SEND_UNREACHABLE);
    check(deliver_code(&mail) == 451);
    check(in_mailbox("m2", alice) == 1 && waiting() == 0);
    servers_say("far.example", 250, SEND_ANSWERED);
    check(deliver_code(&mail) == 250);
    check(in_mailbox("m2", alice) == 1 && holds(last()->content, "Subject: m2"));
    /* What is refused for good is kept for postmaster: alice's copy cannot be taken back. */
    mail.id = "m3";
    servers_say("far.example", 550, SEND_ANSWERED);
    check(deliver_code(&mail) == 250);
    check(in_mailbox("m3", alice) == 1 && files_in("/data/quarantine/") == 1);
    end();
}

STORY(two_next_hosts_answer_for_themselves)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "both@vouch.example"};
    servers_say("remote.example", 451, SEND_UNREACHABLE);
    check(deliver_code(&mail) == 451);
    size_t before = world.sent_count;
    check(before == 2);
    servers_say("remote.example", 250, SEND_ANSWERED);
    check(deliver_code(&mail) == 250);
    /* Only to whom did not have it. */
    check(world.sent_count == before + 1 && bytes_is(last()->domain, "remote.example"));
    end();
}

STORY(own_mail_is_queued_whatever_the_next_host_does)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "x@far.example y@remote.example alice@vouch.example",
                        .origin = ORIGIN_OURS, .account = "anna@vouch.example", .elsewhere = true};
    servers_say("far.example", 451, SEND_UNREACHABLE);
    check(deliver_code(&mail) == 250);
    check(in_mailbox("m1", alice) == 1 && waiting() == 1);
    fiber_sleep(SECOND);
    check(world.sent_count == 2);
    servers_say("far.example", 250, SEND_ANSWERED);
    fiber_sleep(HOUR);
    check(waiting() == 0 && bytes_is(last()->domain, "far.example"));
    /* Without the edge's word nothing is relayed. */
    struct mail open = {.id = "m2", .recipients = "x@far.example", .origin = ORIGIN_VERIFIED};
    size_t before = world.sent_count;
    check(deliver_code(&open) / 100 != 2);
    check(world.sent_count == before && waiting() == 0);
    end();
}

STORY(who_may_submit_decides_about_other_sites)
{
    begin();
    check(recipient("x@far.example", false).reply.code == 550);
    check(recipient("x@far.example", true).reply.code == 250);
    check(recipient("x@far.example", true).kind == RECIPIENT_KIND_REMOTE);
    check(recipient("fwd@vouch.example", false).kind == RECIPIENT_KIND_FORWARD);
    check(recipient("mix@vouch.example", false).kind == RECIPIENT_KIND_FORWARD);
    check(recipient("team@vouch.example", false).kind == RECIPIENT_KIND_LOCAL);
    struct recipient_answer list = recipient("announce@vouch.example", false);
    check(list.kind == RECIPIENT_KIND_LIST && bytes_is(list.list, "announce"));
    end();
}

/* ---- backup MX ---- */

/* Section 2: unknown while it is down: 450. */
STORY(recipients_of_a_relayed_domain_are_known_from_its_primary)
{
    struct recipient_answer answer;
    begin();
    servers_say("no@backup.example", 550, SEND_ANSWERED);
    answer = recipient("yes@backup.example", false);
    check(answer.reply.code == 250 && answer.kind == RECIPIENT_KIND_RELAY);
    check(world.sent_count == 1 && last()->verify_only && !last()->content.len);
    check(recipient("YES@backup.example", false).reply.code == 250 && world.sent_count == 1);
    answer = recipient("no@backup.example", false);
    check(answer.reply.code == 550 && holds(answer.reply.text, "Nobody of that name"));
    servers_say("backup.example", 451, SEND_UNREACHABLE);
    check(recipient("new@backup.example", false).reply.code == 450);
    size_t before = world.sent_count;
    check(recipient("yes@backup.example", false).reply.code == 250 && world.sent_count == before);
    fiber_sleep(7 * DAY + HOUR);
    check(recipient("yes@backup.example", false).reply.code == 450);
    /* A list of recipients needs no primary. */
    before = world.sent_count;
    check(recipient("one@listed.example", false).reply.code == 250);
    check(recipient("two@listed.example", false).reply.code == 550);
    check(world.sent_count == before);
    end();
}

STORY(mail_for_a_primary_that_is_down_is_held)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "one@listed.example"};
    check(deliver_code(&mail) == 250);
    check(world.sent_count == 1 && bytes_is(last()->domain, "listed.example") && waiting() == 0);
    /* While it is up its answer is ours. */
    servers_say("listed.example", 550, SEND_ANSWERED);
    mail.id = "m2";
    check(deliver_code(&mail) == 550);
    servers_say("listed.example", 450, SEND_ANSWERED);
    mail.id = "m3";
    check(deliver_code(&mail) / 100 == 4);
    check(waiting() == 0);
    servers_say("listed.example", 451, SEND_UNREACHABLE);
    mail.id = "m4";
    check(deliver_code(&mail) == 250 && waiting() == 1);
    mail.id = "m5";
    mail.remote_sender = "";
    check(deliver_code(&mail) == 250 && waiting() == 2);
    servers_say("listed.example", 250, SEND_ANSWERED);
    fiber_sleep(5 * HOUR);
    check(waiting() == 0 && last()->count == 1);
    /* Its later refusal goes to nobody outside. */
    servers_say("listed.example", 451, SEND_UNREACHABLE);
    mail.id = "m6";
    mail.remote_sender = NULL;
    check(deliver_code(&mail) == 250 && waiting() == 1);
    servers_say("listed.example", 550, SEND_ANSWERED);
    size_t before = world.sent_count;
    fiber_sleep(5 * HOUR);
    check(waiting() == 0);
    for (size_t i = before; i < world.sent_count; i++)
        check(bytes_is(world.sent[i].domain, "listed.example"));
    end();
}

/* ---- lists ---- */

STORY(a_lists_mail_goes_to_members_here_and_elsewhere)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "announce@vouch.example", .list = "announce",
                        .author = "X@far.example", .origin = ORIGIN_STRANGER,
                        .remote_sender = "announce-bounces@vouch.example"};
    servers_say("far.example", 451, SEND_UNREACHABLE);
    check(deliver_code(&mail) == 250);
    check(in_mailbox("m1", alice) == 1 && in_mailbox("m1", bob) == 0);
    check(waiting() == 1);
    servers_say("far.example", 250, SEND_ANSWERED);
    fiber_sleep(HOUR);
    check(waiting() == 0);
    /* Each member has a return path of its own. */
    check(bytes_is(last()->sender, "announce-bounces+x=far.example@vouch.example"));
    end();
}

STORY(who_may_post_is_who_was_authenticated)
{
    struct delivery_answer answer;
    begin();
    struct mail mail = {.id = "m1", .recipients = "announce@vouch.example", .list = "announce",
                        .remote_sender = "announce-bounces@vouch.example"};
    check(deliver(&mail, &answer) == OK && answer.reply.code == 550);
    check(bytes_is(answer.reply.enhanced, "5.7.2"));
    mail.author = "z@far.example";
    check(deliver_code(&mail) == 550);
    mail.author = "alice@vouch.example";
    check(deliver_code(&mail) == 250);
    mail.id = "m2";
    mail.author = "bob@vouch.example";
    check(deliver_code(&mail) == 250);
    mail.list = "board";
    mail.id = "m3";
    check(deliver_code(&mail) == 250);
    mail.id = "m4";
    mail.author = "alice@vouch.example";
    check(deliver_code(&mail) == 550);
    mail.list = "open";
    mail.id = "m5";
    mail.author = "";
    check(deliver_code(&mail) == 250);
    mail.list = "gone";
    mail.id = "m6";
    check(deliver_code(&mail) == 451);
    end();
}

/* Section 3: junk is not forwarded. */
STORY(junk_does_not_go_to_a_lists_members)
{
    begin();
    struct mail mail = {.id = "m1", .recipients = "open@vouch.example", .list = "open", .folder = FOLDER_JUNK,
                        .remote_sender = "open-bounces@vouch.example"};
    check(deliver_code(&mail) == 550);
    check(waiting() == 0 && in_mailbox("m1", alice) == 0);
    fiber_sleep(MINUTE);
    check(world.sent_count == 0);
    end();
}

/* ---- accounts ---- */

static bool hold(const char *account, const char *reason, bool tell_only)
{
    struct hold_question question = {bytes_of(account), bytes_of(reason), tell_only};
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    hold_question_write(&payload, &question);
    struct bytes answer = ask(STORE_HOLD, &payload);
    check(answer.len == 9);
    return answer.ptr[0];
}

STORY(a_held_account_and_its_queue_wait_until_it_is_released)
{
    static const char anna[] = "anna@vouch.example";
    struct error error;
    begin();
    struct mail mail = {.id = "m1", .recipients = "x@far.example", .origin = ORIGIN_OURS, .account = anna,
                        .elsewhere = true};
    check(!hold(anna, "", false));
    servers_say("far.example", 451, SEND_UNREACHABLE);
    check(deliver_code(&mail) == 250 && waiting() == 1);
    check(hold(anna, "networks a day: 21, with a limit of 20", false));
    check(hold(anna, "", false) && !hold("bob@vouch.example", "", false));
    /* Postmaster hears of it once. */
    fiber_sleep(SECOND);
    check(files_in("/mail/postmaster/") + files_in("/data/postmaster/") == 1);
    check(hold(anna, "again", false));
    fiber_sleep(SECOND);
    check(files_in("/mail/postmaster/") + files_in("/data/postmaster/") == 1);
    servers_say("far.example", 250, SEND_ANSWERED);
    size_t before = world.sent_count;
    fiber_sleep(DAY);
    check(world.sent_count == before && waiting() == 1);
    /* It stays so over a crash. */
    crash_and_restart(0);
    check(hold(anna, "", false));
    fiber_sleep(HOUR);
    check(world.sent_count == before && waiting() == 1);
    check(store_account_release(the_store(), bytes_of(anna), &error) == OK);
    check(store_account_release(the_store(), bytes_of(anna), &error) == NONE);
    check(!hold(anna, "", false));
    fiber_sleep(5 * HOUR);
    check(world.sent_count == before + 1 && waiting() == 0);
    end();
}

STORY(postmaster_is_told_of_a_limit_once_a_day)
{
    begin();
    for (int i = 0; i < 3; i++)
        check(!hold("anna@vouch.example", "messages an hour: 301, with a limit of 300", true));
    fiber_sleep(SECOND);
    check(files_in("/mail/postmaster/") + files_in("/data/postmaster/") == 1);
    fiber_sleep(DAY);
    check(!hold("anna@vouch.example", "messages an hour: 301, with a limit of 300", true));
    fiber_sleep(SECOND);
    check(files_in("/mail/postmaster/") + files_in("/data/postmaster/") == 2);
    end();
}

static bool owns(const char *account, const char *address)
{
    struct owner_question question = {.account = bytes_of(account), .address = bytes_of(address)};
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    owner_question_write(&payload, &question);
    struct bytes answer = ask(STORE_OWNER, &payload);
    check(answer.len == 1);
    return answer.ptr[0];
}

STORY(an_address_is_the_accounts_if_it_leads_to_its_mailbox_alone)
{
    begin();
    check(owns(alice, "mine@vouch.example") && owns(alice, "MINE+x@vouch.example") && owns(alice, alice));
    check(!owns(bob, "mine@vouch.example") && !owns(alice, "team@vouch.example"));
    check(!owns(alice, "mix@vouch.example") && !owns(alice, "fwd@vouch.example"));
    check(!owns(alice, "nobody@vouch.example") && !owns(alice, "x@far.example"));
    check(!owns(alice, "announce@vouch.example") && !owns(bob, "announce-bounces@vouch.example"));
    check(!owns(alice, "one@listed.example") && !owns(alice, "") && !owns(alice, "@") && !owns(alice, "mine"));
    end();
}

static uint64_t count(enum count_kind kind, const char *key, const char *member, uint64_t delta)
{
    uint8_t octets[2][PROTOCOL_FINGERPRINT_SIZE] = {{0}};
    struct count_question question = {.count = 1};
    uint64_t value;
    struct buf payload;
    memcpy(octets[0], key, strnlen(key, sizeof(octets[0])));
    memcpy(octets[1], member, strnlen(member, sizeof(octets[1])));
    question.items[0] = (struct count_item){.kind = kind,
                                            .key = bytes_from(octets[0], sizeof(octets[0])),
                                            .delta = delta,
                                            .window = HOUR};
    if (kind == COUNT_DISTINCT)
        question.items[0].member = bytes_from(octets[1], sizeof(octets[1]));
    buf_init(&payload, IPC_PAYLOAD_MAX);
    count_question_write(&payload, &question);
    check(count_answer_read(ask(STORE_COUNT, &payload), &value, 1));
    return value;
}

STORY(counters_count_within_their_window)
{
    begin();
    check(count(COUNT_GET, "a", "", 0) == 0);
    check(count(COUNT_ADD, "a", "", 3) == 3 && count(COUNT_ADD, "a", "", 4) == 7);
    check(count(COUNT_GET, "a", "", 0) == 7 && count(COUNT_GET, "b", "", 0) == 0);
    check(count(COUNT_FIRST, "f", "", 42) == 42 && count(COUNT_FIRST, "f", "", 43) == 42);
    check(count(COUNT_DISTINCT, "d", "x", 1) == 1 && count(COUNT_DISTINCT, "d", "x", 1) == 1);
    check(count(COUNT_DISTINCT, "d", "y", 1) == 2 && count(COUNT_DISTINCT, "e", "x", 1) == 1);
    check(count(COUNT_GET, "d", "", 0) == 2);
    /* From the first on, not from the last. */
    fiber_sleep(40 * MINUTE);
    check(count(COUNT_ADD, "a", "", 1) == 8);
    fiber_sleep(21 * MINUTE);
    check(count(COUNT_ADD, "a", "", 1) == 1);
    check(count(COUNT_GET, "d", "", 0) == 0 && count(COUNT_DISTINCT, "d", "y", 1) == 1);
    check(count(COUNT_FIRST, "f", "", 43) == 43);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_strangers_mail_is_passed_on_while_he_waits),
        cmocka_unit_test(a_policy_that_a_courier_has_fetched_is_told_to_the_next),
        cmocka_unit_test(without_a_courier_a_strangers_mail_is_put_off),
        cmocka_unit_test(a_verified_return_path_lets_mail_wait_for_the_next_host),
        cmocka_unit_test(junk_is_not_forwarded),
        cmocka_unit_test(an_alias_may_lead_here_and_elsewhere),
        cmocka_unit_test(two_next_hosts_answer_for_themselves),
        cmocka_unit_test(own_mail_is_queued_whatever_the_next_host_does),
        cmocka_unit_test(who_may_submit_decides_about_other_sites),
        cmocka_unit_test(recipients_of_a_relayed_domain_are_known_from_its_primary),
        cmocka_unit_test(mail_for_a_primary_that_is_down_is_held),
        cmocka_unit_test(a_lists_mail_goes_to_members_here_and_elsewhere),
        cmocka_unit_test(who_may_post_is_who_was_authenticated),
        cmocka_unit_test(junk_does_not_go_to_a_lists_members),
        cmocka_unit_test(a_held_account_and_its_queue_wait_until_it_is_released),
        cmocka_unit_test(postmaster_is_told_of_a_limit_once_a_day),
        cmocka_unit_test(an_address_is_the_accounts_if_it_leads_to_its_mailbox_alone),
        cmocka_unit_test(counters_count_within_their_window),
    };
    signal(SIGPIPE, SIG_IGN);
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
