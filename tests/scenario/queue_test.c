/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue at work: retries, back-off, reports, holds, restarts and crashes. */
#include "queue_world.h"

STORY(what_is_taken_at_once_is_gone_at_once)
{
    begin("");
    add_ours("m1", "one@far.example");
    fiber_sleep(SECOND);
    check(world.sent_count == 1 && strcmp(world.sent[0].domain, "far.example") == 0);
    check(strstr(world.last_content, "Subject: The matter\r\n\r\nThe secret body\r\n"));
    check(waiting() == 0);
    check(logged("delivery: id=m1, to=one@far.example, relay=mx.example[192.0.2.1:25], tls=TLSv1.3, "
                 "security=opportunistic, delay=0, attempts=1, dsn=2.0.0, status=sent"));
    restart();
    fiber_sleep(HOUR);
    check(world.sent_count == 1);
    end();
}

STORY(recipients_of_one_domain_are_one_job_and_domains_are_apart)
{
    begin("");
    struct letter letter = {.id = "m1", .sender = "alice@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"a@one.example", "b@two.example", "c@ONE.example", "d@one.example"}};
    add_letter(&letter);
    fiber_sleep(SECOND);
    check(world.sent_count == 2);
    check(world.sent[0].recipients + world.sent[1].recipients == 4);
    check(waiting() == 0);
    end();
}

STORY(domains_of_one_route_are_one_destination)
{
    begin("route hub { hosts = [\"192.0.2.7\"] }\n");
    struct letter letter = {.id = "m1", .sender = "alice@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"a@one.example", "b@two.example"}};
    add_letter(&letter);
    fiber_sleep(SECOND);
    check(world.sent_count == 1 && world.sent[0].recipients == 2);
    end();
}

STORY(a_members_copy_of_a_list_has_a_return_path_of_its_own)
{
    begin("");
    struct letter letter = {.id = "m1", .sender = "bounces@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"a@one.example", "b@one.example"}, .verp = true};
    add_letter(&letter);
    fiber_sleep(SECOND);
    check(world.sent_count == 2);
    check(strcmp(world.sent[0].sender, "bounces+a=one.example@vouch.example") == 0);
    check(strcmp(world.sent[1].sender, "bounces+b=one.example@vouch.example") == 0);
    end();
}

STORY(what_a_list_has_delivered_is_kept_when_the_store_ends_in_its_midst)
{
    begin("");
    struct letter letter = {.id = "m1", .sender = "bounces@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"a@one.example", "b@one.example", "c@one.example"}, .verp = true};
    world.takes = MINUTE;
    add_letter(&letter);
    fiber_sleep(90 * SECOND);
    check(world.sent_count == 2);
    restart();
    fiber_sleep(HOUR);
    /* The one that was under way once more, the first not. */
    check(world.sent_count == 4 && waiting() == 0);
    end();
}

STORY(a_4xx_is_tried_again_later_and_later_until_it_is_taken)
{
    begin("");
    say("one@far.example", 451, SEND_ANSWERED);
    add_ours("m1", "one@far.example");
    fiber_sleep(SECOND);
    check(world.sent_count == 1);
    /* Others of that domain are not concerned. */
    add_ours("m2", "two@far.example");
    fiber_sleep(SECOND);
    check(world.sent_count == 2 && waiting() == 1);
    fiber_sleep(30 * MINUTE);
    check(world.sent_count == 4);
    check(is_about(world.sent[2].at - world.sent[0].at, 5 * MINUTE));
    check(is_about(world.sent[3].at - world.sent[2].at, 9 * MINUTE));
    check(logged("attempts=2, dsn=4.2.0, status=deferred, reply=\"451 Not now\""));
    say("one@far.example", 250, SEND_ANSWERED);
    fiber_sleep(HOUR);
    check(world.sent_count == 5 && waiting() == 0);
    end();
}

STORY(a_restart_does_not_hurry_what_was_put_off)
{
    begin("");
    say("one@far.example", 451, SEND_ANSWERED);
    add_ours("m1", "one@far.example");
    fiber_sleep(MINUTE);
    restart();
    fiber_sleep(2 * MINUTE);
    check(world.sent_count == 1);
    fiber_sleep(5 * MINUTE);
    check(world.sent_count == 2);
    check(is_about(world.sent[1].at - world.sent[0].at, 5 * MINUTE));
    end();
}

STORY(of_several_recipients_only_those_put_off_are_tried_again)
{
    begin("");
    say("b@far.example", 451, SEND_ANSWERED);
    say("c@far.example", 550, SEND_ANSWERED);
    struct letter letter = {.id = "m1", .sender = "alice@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"a@far.example", "b@far.example", "c@far.example"}};
    add_letter(&letter);
    fiber_sleep(SECOND);
    check(world.sent_count == 1 && waiting() == 1);
    check(files_with("/mail/alice/", "c@far.example") == 1);
    check(files_with("/mail/alice/", "b@far.example") == 0);
    restart();
    fiber_sleep(10 * MINUTE);
    check(world.sent_count == 2 && world.sent[1].recipients == 1);
    check(strcmp(world.sent[1].first, "b@far.example") == 0);
    end();
}

STORY(a_refusal_is_told_to_the_sender_once_and_without_the_body)
{
    begin("");
    say("gone@far.example", 550, SEND_ANSWERED);
    say("lost@far.example", 550, SEND_ANSWERED);
    struct letter letter = {.id = "m1", .sender = "alice@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"gone@far.example", "lost@far.example"}};
    add_letter(&letter);
    fiber_sleep(SECOND);
    check(waiting() == 0);
    check(files_with("/mail/alice/", "Action: failed") == 1);
    check(files_with("/mail/alice/", "Status: 5.1.1") == 1);
    check(files_with("/mail/alice/", "Return-Path: <>") == 1);
    check(files_with("/mail/alice/", "Subject: The matter") == 1);
    check(files_with("/mail/alice/", "The secret body") == 0);
    check(files_with("/mail/alice/", "lost@far.example") == 1);
    end();
}

STORY(a_sender_elsewhere_gets_the_notification_by_the_queue_with_a_null_return_path)
{
    begin("");
    say("gone@far.example", 550, SEND_ANSWERED);
    struct letter letter = {.id = "m1", .sender = "eve@else.example", .origin = QUEUE_ORIGIN_VERIFIED,
                            .to = {"gone@far.example"}};
    add_letter(&letter);
    fiber_sleep(SECOND);
    check(world.sent_count == 2);
    check(strcmp(world.sent[1].domain, "else.example") == 0 && world.sent[1].sender[0] == '\0');
    check(world.sent[1].notify == SMTP_NOTIFY_NEVER);
    check(strstr(world.last_content, "Action: failed"));
    check(waiting() == 0);
    end();
}

STORY(a_notification_that_fails_makes_no_other)
{
    begin("");
    say("gone@far.example", 550, SEND_ANSWERED);
    say("eve@else.example", 550, SEND_ANSWERED);
    struct letter letter = {.id = "m1", .sender = "eve@else.example", .origin = QUEUE_ORIGIN_VERIFIED,
                            .to = {"gone@far.example"}};
    add_letter(&letter);
    fiber_sleep(MINUTE);
    check(world.sent_count == 2 && waiting() == 0);
    check(files_with("/data/quarantine/", "Action: failed") == 1);
    check(files_with("/data/spool/", "is in quarantine") == 1);
    end();
}

STORY(strangers_are_never_written_to)
{
    begin("");
    say("gone@far.example", 550, SEND_ANSWERED);
    struct letter letter = {.id = "m1", .sender = "forged@victim.example", .origin = QUEUE_ORIGIN_STRANGER,
                            .to = {"gone@far.example"}, .notify = SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY};
    add_letter(&letter);
    fiber_sleep(MINUTE);
    check(world.sent_count == 1 && waiting() == 0);
    check(files_with("/data/quarantine/", "The secret body") == 1);
    check(files_with("/data/spool/", "is in quarantine") == 1);
    end();
}

STORY(who_does_not_want_to_know_is_not_told)
{
    begin("");
    say("gone@far.example", 550, SEND_ANSWERED);
    struct letter letter = {.id = "m1", .sender = "alice@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"gone@far.example"}, .notify = SMTP_NOTIFY_NEVER};
    add_letter(&letter);
    letter.id = "m2";
    letter.notify = SMTP_NOTIFY_SUCCESS;
    add_letter(&letter);
    fiber_sleep(MINUTE);
    check(waiting() == 0);
    check(files_with("/mail/", "Action:") == 0 && files_with("/data/", "Subject") == 0);
    end();
}

STORY(success_is_told_where_the_next_server_cannot)
{
    begin("");
    say("old.example", 250, SEND_ANSWERED)->without_dsn = true;
    struct letter letter = {.id = "m1", .sender = "alice@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"a@old.example"}, .notify = SMTP_NOTIFY_SUCCESS};
    add_letter(&letter);
    letter.id = "m2";
    letter.to[0] = "a@new.example";
    add_letter(&letter);
    add_ours("m3", "a@old.example");
    fiber_sleep(MINUTE);
    check(waiting() == 0);
    check(files_with("/mail/alice/", "Action: relayed") == 1);
    end();
}

STORY(what_waits_too_long_is_given_up_with_the_last_words_of_the_server)
{
    begin("");
    say("one@far.example", 451, SEND_ANSWERED);
    add_ours("m1", "one@far.example");
    fiber_sleep(5 * DAY - HOUR);
    check(waiting() == 1);
    fiber_sleep(6 * HOUR);
    check(waiting() == 0);
    check(files_with("/mail/alice/", "Action: failed") == 1);
    /* rfc3464:2.3.6: the server's words are not ours to change. */
    check(files_with("/mail/alice/", "Status: 4.4.7") == 1);
    check(files_with("/mail/alice/", "Diagnostic-Code: smtp; 451 4.2.0 Not now") == 1);
    check(logged("status=expired"));
    end();
}

STORY(what_waits_behind_a_dead_destination_expires_too)
{
    begin("");
    say("dead.example", 451, SEND_UNREACHABLE);
    char id[8];
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof(id), "m%d", i);
        add_ours(id, "one@dead.example");
    }
    fiber_sleep(5 * DAY + 10 * MINUTE);
    check(waiting() == 0);
    check(files_with("/mail/alice/", "Action: failed") == 30);
    /* Nobody was bothered more than a destination is. */
    check(world.sent_count < 60);
    end();
}

STORY(a_delay_is_told_once)
{
    begin("queue { delay-warning = 4h }\n");
    say("one@far.example", 451, SEND_ANSWERED);
    add_ours("m1", "one@far.example");
    struct letter letter = {.id = "m2", .sender = "alice@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"one@far.example"}, .notify = SMTP_NOTIFY_FAILURE};
    add_letter(&letter);
    fiber_sleep(4 * HOUR - 2 * MINUTE);
    check(files_with("/mail/alice/", "Action: delayed") == 0);
    fiber_sleep(5 * MINUTE);
    check(files_with("/mail/alice/", "Action: delayed") == 1);
    restart();
    fiber_sleep(DAY);
    check(files_with("/mail/alice/", "Action: delayed") == 1);
    check(waiting() == 2);
    end();
}

STORY(a_delay_is_told_to_who_asked)
{
    begin("queue { delay-warning = 0s }\n");
    say("one@far.example", 451, SEND_ANSWERED);
    add_ours("m1", "one@far.example");
    struct letter letter = {.id = "m2", .sender = "alice@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"one@far.example"}, .notify = SMTP_NOTIFY_DELAY};
    add_letter(&letter);
    fiber_sleep(5 * HOUR);
    check(files_with("/mail/alice/", "Action: delayed") == 1);
    end();
}

STORY(a_dead_destination_is_probed_with_one_message_however_many_wait)
{
    begin("");
    char id[8];
    say("dead.example", 451, SEND_UNREACHABLE);
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "m%d", i);
        add_ours(id, "one@dead.example");
    }
    fiber_sleep(MINUTE);
    size_t first = world.sent_count;
    check(first <= 5);
    fiber_sleep(2 * HOUR);
    size_t probes = world.sent_count - first;
    check(probes >= 3 && probes <= 8);
    /* A restart does not hammer it. */
    restart();
    fiber_sleep(MINUTE);
    check(world.sent_count - first <= probes + 1);
    say("dead.example", 250, SEND_ANSWERED);
    fiber_sleep(5 * HOUR);
    check(waiting() == 0);
    end();
}

STORY(a_busy_destination_gets_fewer_sessions)
{
    begin("");
    char id[8];
    world.takes = SECOND;
    say("busy.example", 421, SEND_BUSY);
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "m%d", i);
        add_ours(id, "one@busy.example");
    }
    fiber_sleep(10 * MINUTE);
    check(world.sent_count < 20);
    world.most_under_way = 0;
    say("busy.example", 250, SEND_ANSWERED);
    fiber_sleep(2 * HOUR);
    check(waiting() == 0);
    end();
}

STORY(what_a_message_demands_says_nothing_of_the_destination)
{
    begin("");
    say("plain.example", 451, SEND_INSECURE);
    struct letter letter = {.id = "m1", .sender = "alice@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"one@plain.example"}, .require_tls = true};
    add_letter(&letter);
    fiber_sleep(SECOND);
    say("plain.example", 250, SEND_ANSWERED);
    add_ours("m2", "one@plain.example");
    fiber_sleep(SECOND);
    check(world.sent_count == 2 && waiting() == 1);
    end();
}

STORY(a_fallback_relay_takes_what_failed_once)
{
    begin("queue { fallback-relay = [\"192.0.2.9\"] }\n");
    say("dead.example", 451, SEND_UNREACHABLE);
    add_ours("m1", "one@dead.example");
    fiber_sleep(SECOND);
    check(world.sent_count == 2);
    check(!world.sent[0].fallback && world.sent[1].fallback);
    check(waiting() == 0);
    end();
}

STORY(what_no_server_was_secure_enough_for_does_not_go_to_the_fallback_relay)
{
    begin("queue { fallback-relay = [\"192.0.2.9\"] }\n");
    say("false.example", 451, SEND_INSECURE);
    add_ours("m1", "one@false.example");
    fiber_sleep(HOUR);
    check(world.sent_count >= 2 && waiting() == 1);
    /* Nor after a restart, or when the server is not even there. */
    restart();
    say("false.example", 451, SEND_UNREACHABLE);
    fiber_sleep(6 * HOUR);
    check(world.sent_count >= 4 && waiting() == 1);
    say("false.example", 250, SEND_ANSWERED);
    fiber_sleep(6 * HOUR);
    check(waiting() == 0);
    for (size_t i = 0; i < world.sent_count; i++)
        check(!world.sent[i].fallback);
    end();
}

/* The fallback relay is then verified, too (outbound/route.h). */
STORY(a_fallback_relay_that_the_route_has_verified_takes_what_was_not_secure_enough)
{
    begin("queue { fallback-relay = [\"192.0.2.9\"] }\nroute false.example { tls = verify }\n");
    say("false.example", 451, SEND_INSECURE);
    add_ours("m1", "one@false.example");
    fiber_sleep(SECOND);
    check(world.sent_count == 2 && world.sent[1].fallback && waiting() == 0);
    end();
}

/* rfc8689:5 */
STORY(mail_that_may_go_unprotected_does_not_wait_with_what_may_not)
{
    begin("");
    say("false.example", 451, SEND_INSECURE);
    add_ours("m1", "one@false.example");
    fiber_sleep(SECOND);
    say("false.example", 250, SEND_ANSWERED);
    struct letter letter = {.id = "m2", .sender = "alice@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                            .to = {"two@false.example"}, .tls_optional = true};
    add_letter(&letter);
    fiber_sleep(SECOND);
    check(world.sent_count == 2 && waiting() == 1);
    check(strcmp(world.sent[1].first, "two@false.example") == 0);
    check(strcmp(world.sent[1].domain, "false.example") == 0);
    end();
}

/* As many as there may be recipients, each with a next host of its own. */
STORY(a_thousand_copies_of_a_message_have_ids_of_their_own)
{
    enum { COPIES = 1000 };
    struct error error;
    struct queue_recipient to = {.address = BYTES("one@far.example")};
    struct queue_envelope envelope = {.id = BYTES("m1"), .sender = BYTES("eve@else.example"),
                                      .origin = QUEUE_ORIGIN_VERIFIED, .recipients = &to,
                                      .recipient_count = 1};
    const struct bytes parts[] = {BYTES("Subject: x\r\n\r\n")};
    begin("");
    world.no_courier = true;
    for (int i = 0; i < COPIES; i++)
        check(store_queue_add_copy(&world.store, world.role.arena, &envelope, parts, 1, &error) == OK);
    check(waiting() == COPIES);
    static const char *const ids[] = {"m1", "m1a", "m1z", "m1aa", "m1zz", "m1aaa"};
    for (size_t i = 0; i < countof(ids); i++)
        check(queue_find(world.store.queue->queue, bytes_of(ids[i])) != QUEUE_NO_ITEM);
    end();
}

STORY(without_a_courier_nothing_is_lost_and_nothing_counted)
{
    begin("");
    world.no_courier = true;
    add_ours("m1", "one@far.example");
    fiber_sleep(MINUTE);
    check(world.sent_count == 0 && waiting() == 1);
    world.no_courier = false;
    fiber_sleep(MINUTE);
    check(world.sent_count == 1 && waiting() == 0);
    end();
}

STORY(a_courier_that_dies_in_the_midst_of_it_is_not_given_the_same_again_at_once)
{
    begin("");
    world.courier_dies = true;
    add_ours("m1", "one@far.example");
    fiber_sleep(2 * MINUTE);
    check(world.sent_count == 1 && waiting() == 1);
    world.courier_dies = false;
    add_ours("m2", "two@far.example");
    fiber_sleep(MINUTE);
    check(world.sent_count == 2);
    fiber_sleep(10 * MINUTE);
    check(world.sent_count == 3 && waiting() == 0);
    end();
}

STORY(what_is_under_way_at_the_end_is_tried_again_after_the_next_start)
{
    begin("");
    world.takes = 10 * MINUTE;
    add_ours("m1", "one@far.example");
    fiber_sleep(SECOND);
    int64_t before = loop_now();
    restart();
    check(loop_now() - before < 10 * SECOND);
    world.takes = SECOND;
    check(waiting() == 1);
    fiber_sleep(MINUTE);
    check(world.sent_count >= 2 && waiting() == 0);
    end();
}

STORY(a_clock_that_jumps_gives_up_nothing_that_was_hardly_tried)
{
    begin("queue { delay-warning = 4h }\n");
    say("one@far.example", 451, SEND_ANSWERED);
    add_ours("m1", "one@far.example");
    fiber_sleep(SECOND);
    loop_fake_epoch_jump(30 * 86400);
    fiber_sleep(3 * MINUTE);
    check(waiting() == 1 && world.sent_count == 1);
    /* Waits go on by the other clock. */
    fiber_sleep(4 * MINUTE);
    check(world.sent_count == 2);
    loop_fake_epoch_jump(-60 * 86400);
    fiber_sleep(HOUR);
    check(world.sent_count >= 4 && waiting() == 1);
    restart();
    /* From a future that is no more: the longest wait is the most. */
    fiber_sleep(6 * HOUR);
    check(world.sent_count >= 5);
    end();
}

static size_t act(const struct store_queue_filter *filter, enum store_queue_action action)
{
    struct error error;
    size_t count = 0;
    check(store_queue_act(&world.store, filter, action, BYTES("because"), &count, &error) == OK);
    return count;
}

STORY(held_mail_waits_also_after_a_restart_and_goes_when_released)
{
    begin("");
    struct store_queue_filter filter = {.id = BYTES("m1")};
    say("far.example", 451, SEND_UNREACHABLE);
    add_ours("m1", "one@far.example");
    fiber_sleep(SECOND);
    check(act(&filter, STORE_QUEUE_HOLD) == 1);
    say("far.example", 250, SEND_ANSWERED);
    fiber_sleep(20 * DAY);
    restart();
    fiber_sleep(DAY);
    check(world.sent_count == 1 && waiting() == 1);
    check(act(&(struct store_queue_filter){.held_only = true, .reason = BYTES("BECAUSE")},
              STORE_QUEUE_RELEASE) == 1);
    fiber_sleep(SECOND);
    check(world.sent_count == 2 && waiting() == 0);
    end();
}

STORY(mail_of_a_held_account_waits)
{
    begin("");
    struct error error;
    struct bytes reason;
    struct letter letter = {.id = "m1", .sender = "bob@vouch.example", .account = "bob",
                            .origin = QUEUE_ORIGIN_OURS, .to = {"one@far.example"}};
    check(store_queue_hold_account(&world.store, BYTES("bob"), true, BYTES("stolen"), &error) == OK);
    add_letter(&letter);
    add_ours("m2", "one@far.example");
    fiber_sleep(HOUR);
    check(world.sent_count == 1 && waiting() == 1);
    restart();
    fiber_sleep(HOUR);
    check(world.sent_count == 1);
    check(store_queue_account_is_held(&world.store, BYTES("bob"), &reason) && bytes_is(reason, "stolen"));
    check(store_queue_hold_account(&world.store, BYTES("bob"), false, BYTES(""), &error) == OK);
    fiber_sleep(SECOND);
    check(world.sent_count == 2 && waiting() == 0);
    check(!store_queue_account_is_held(&world.store, BYTES("bob"), NULL));
    end();
}

STORY(what_is_released_is_tried_at_once_although_its_destination_is_put_off)
{
    begin("");
    say("far.example", 451, SEND_UNREACHABLE);
    add_ours("m1", "one@far.example");
    fiber_sleep(MINUTE);
    check(act(&(struct store_queue_filter){.id = BYTES("m1")}, STORE_QUEUE_HOLD) == 1);
    size_t before = world.sent_count;
    say("far.example", 250, SEND_ANSWERED);
    check(act(&(struct store_queue_filter){.id = BYTES("m1")}, STORE_QUEUE_RELEASE) == 1);
    fiber_sleep(SECOND);
    check(world.sent_count == before + 1 && waiting() == 0);
    end();
}

STORY(dropped_mail_is_gone_and_bounced_mail_is_told)
{
    begin("");
    say("far.example", 451, SEND_UNREACHABLE);
    add_ours("m1", "one@far.example");
    add_ours("m2", "two@far.example");
    add_ours("m3", "three@far.example");
    fiber_sleep(MINUTE);
    check(act(&(struct store_queue_filter){.recipient = BYTES("one@far.example")}, STORE_QUEUE_DROP) == 1);
    check(act(&(struct store_queue_filter){.recipient = BYTES("two@far.example")}, STORE_QUEUE_BOUNCE) == 1);
    check(waiting() == 1);
    check(files_with("/mail/alice/", "Action: failed") == 1);
    check(files_with("/mail/alice/", "two@far.example") == 1);
    check(files_with("/mail/alice/", "The last answer was: 451") == 1);
    say("far.example", 250, SEND_ANSWERED);
    size_t before = world.sent_count;
    check(act(&(struct store_queue_filter){.sender = BYTES("alice@vouch.example")}, STORE_QUEUE_RETRY) == 1);
    fiber_sleep(SECOND);
    check(world.sent_count == before + 1 && waiting() == 0);
    end();
}

STORY(what_is_being_sent_is_dropped_when_that_has_ended)
{
    begin("");
    say("far.example", 451, SEND_ANSWERED);
    world.takes = MINUTE;
    add_ours("m1", "one@far.example");
    fiber_sleep(SECOND);
    check(act(&(struct store_queue_filter){.id = BYTES("m1")}, STORE_QUEUE_DROP) == 1);
    check(waiting() == 1);
    fiber_sleep(2 * MINUTE);
    check(waiting() == 0);
    end();
}

STORY(figures_say_what_waits_and_why)
{
    begin("");
    struct store_queue_stats stats;
    struct error error;
    say("dead.example", 451, SEND_UNREACHABLE);
    say("one@far.example", 451, SEND_ANSWERED);
    add_ours("m1", "one@dead.example");
    add_ours("m2", "two@dead.example");
    add_ours("m3", "one@far.example");
    fiber_sleep(MINUTE);
    struct arena *arena = arena_create(1 << 20);
    check(store_queue_stats(&world.store, arena, 10, &stats, &error) == OK);
    check(stats.messages == 3 && stats.tasks == 3 && stats.destination_count == 2 && stats.listed == 2);
    check(bytes_is(stats.destinations[0].name, "dead.example") && stats.destinations[0].messages == 2);
    check(stats.destinations[0].failures == 1 && stats.destinations[0].next_try > loop_epoch());
    check(bytes_is(stats.destinations[0].reason, "Not now"));
    check(stats.oldest == START_EPOCH);
    arena_destroy(arena);
    end();
}

STORY(a_full_disk_refuses_new_mail_and_forgets_nothing)
{
    begin("");
    struct error error;
    world.takes = MINUTE;
    add_ours("m1", "one@far.example");
    fiber_sleep(SECOND);
    durable_fake_fill_after(world.fake, 0);
    static uint8_t big[200000];
    struct queue_recipient recipient = {.address = BYTES("two@far.example")};
    struct queue_envelope envelope = {.id = BYTES("m2"), .sender = BYTES(""), .recipients = &recipient,
                                      .recipient_count = 1, .origin = QUEUE_ORIGIN_OURS};
    memset(big, 'x', sizeof(big));
    const struct bytes part = bytes_from(big, sizeof(big));
    bool refused = store_queue_add(&world.store, NULL, &envelope, &part, 1, &error) == TEMP;
    fiber_sleep(5 * MINUTE);
    durable_fake_fill_after(world.fake, SIZE_MAX);
    fiber_sleep(5 * MINUTE);
    check(waiting() == 0);
    check(world.sent_count == (refused ? 1 : 2));
    end();
}

static bool sum_rows(void *context, const struct tls_row *row)
{
    uint64_t *sums = context;
    sums[0]++;
    sums[row->result.len ? 2 : 1] += row->count;
    return bytes_is(row->policy_domain, "far.example");
}

STORY(sessions_are_counted_by_policy_host_and_result_and_outlive_a_restart)
{
    world.real_disk = true;
    begin("");
    uint64_t sums[3] = {0};
    struct error error;
    struct send_event event = {.policy_type = BYTES("sts"), .policy_domain = BYTES("far.example"),
                               .policy_text = BYTES("version: STSv1\nmx: a"), .host = BYTES("a")};
    for (int i = 0; i < 3; i++)
        store_tls_count(&world.store, &event, 1);
    event.result = BYTES("certificate-expired");
    store_tls_count(&world.store, &event, 1);
    restart();
    store_tls_count(&world.store, &event, 1);
    check(store_tls_read(&world.store, "2026-11-21", sum_rows, sums, &error) == OK);
    check(sums[0] == 2 && sums[1] == 3 && sums[2] == 2);
    /* More hosts than anybody has: the day stays bounded, and nothing is uncounted. */
    char name[32];
    for (int i = 0; i < 15000; i++) {
        snprintf(name, sizeof(name), "host%d", i);
        event.host = bytes_of(name);
        store_tls_count(&world.store, &event, 1);
    }
    memset(sums, 0, sizeof(sums));
    check(store_tls_read(&world.store, "2026-11-21", sum_rows, sums, &error) == OK);
    check(sums[0] <= 10001);
    check(store_tls_read(&world.store, "2026-11-19", sum_rows, sums, &error) == NONE);
    end();
    world.real_disk = false;
}

static bool knows(const char *domain, const char *text)
{
    struct send_policy policy = store_policy_find(&world.store, world.role.arena, bytes_of(domain));
    return policy.text.len && bytes_is(policy.text, text) && bytes_is(policy.id, "20260101");
}

/* rfc8461:10.2 */
STORY(policies_outlive_a_restart_until_they_expire)
{
    world.real_disk = true;
    begin("");
    struct send_policy policy = {BYTES("20260101"), BYTES("version: STSv1\nmode: enforce\n"), 0};
    policy.expires_at = loop_epoch() + 2 * 86400;
    store_policy_keep(&world.store, BYTES("far.example"), &policy);
    policy.text = BYTES("version: STSv1\nmode: none\n");
    store_policy_keep(&world.store, BYTES("other.example"), &policy);
    /* For ever, or never: it is not believed. */
    policy.expires_at = INT64_MAX;
    store_policy_keep(&world.store, BYTES("odd.example"), &policy);
    policy.expires_at = loop_epoch();
    store_policy_keep(&world.store, BYTES("odd.example"), &policy);
    restart();
    check(knows("far.example", "version: STSv1\nmode: enforce\n"));
    check(knows("other.example", "version: STSv1\nmode: none\n"));
    check(!store_policy_find(&world.store, world.role.arena, BYTES("odd.example")).text.len);
    fiber_sleep(2 * DAY);
    check(!knows("far.example", "version: STSv1\nmode: enforce\n"));
    end();
    world.real_disk = false;
}

STORY(policies_are_bounded_and_those_in_use_stay)
{
    begin("");
    struct send_policy policy = {BYTES("20260101"), BYTES("version: STSv1"), loop_epoch() + DAY / SECOND};
    char name[32];
    size_t known = 0;
    for (int i = 0; i < 10100; i++) {
        snprintf(name, sizeof(name), "d%d.example", i);
        store_policy_keep(&world.store, bytes_of(name), &policy);
        check(knows("d0.example", "version: STSv1"));
    }
    for (int i = 0; i < 10100; i++) {
        snprintf(name, sizeof(name), "d%d.example", i);
        known += knows(name, "version: STSv1");
    }
    check(known == 10000);
    end();
}

/* The plug is pulled at every operation of a life with a delivery, a failure and a deferral. */
STORY(a_power_cut_at_any_point_loses_nothing)
{
    for (size_t at = 0; at < 200; at++) {
        begin("");
        say("gone@far.example", 550, SEND_ANSWERED);
        say("later@far.example", 451, SEND_ANSWERED);
        struct letter letter = {.id = "m1", .sender = "alice@vouch.example", .origin = QUEUE_ORIGIN_OURS,
                                .to = {"well@far.example", "gone@far.example", "later@far.example"}};
        add_letter(&letter);
        durable_fake_crash_after(world.fake, at);
        fiber_sleep(MINUTE);
        size_t operations = durable_fake_count(world.fake).operations;
        bool cut = waiting() != 1 || files_with("/mail/alice/", "Action") != 1;
        stop();
        durable_fake_crash(world.fake);
        start();
        say("later@far.example", 250, SEND_ANSWERED);
        fiber_sleep(HOUR);
        check(waiting() == 0);
        /* Told at least once, and twice only where the first was not known to be told. */
        size_t told = files_with("/mail/alice/", "Action: failed");
        check(told >= 1 && told <= 2);
        end();
        if (!cut && at > operations)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_at_once_is_gone_at_once),
        cmocka_unit_test(recipients_of_one_domain_are_one_job_and_domains_are_apart),
        cmocka_unit_test(domains_of_one_route_are_one_destination),
        cmocka_unit_test(a_members_copy_of_a_list_has_a_return_path_of_its_own),
        cmocka_unit_test(what_a_list_has_delivered_is_kept_when_the_store_ends_in_its_midst),
        cmocka_unit_test(a_4xx_is_tried_again_later_and_later_until_it_is_taken),
        cmocka_unit_test(a_restart_does_not_hurry_what_was_put_off),
        cmocka_unit_test(of_several_recipients_only_those_put_off_are_tried_again),
        cmocka_unit_test(a_refusal_is_told_to_the_sender_once_and_without_the_body),
        cmocka_unit_test(a_sender_elsewhere_gets_the_notification_by_the_queue_with_a_null_return_path),
        cmocka_unit_test(a_notification_that_fails_makes_no_other),
        cmocka_unit_test(strangers_are_never_written_to),
        cmocka_unit_test(who_does_not_want_to_know_is_not_told),
        cmocka_unit_test(success_is_told_where_the_next_server_cannot),
        cmocka_unit_test(what_waits_too_long_is_given_up_with_the_last_words_of_the_server),
        cmocka_unit_test(what_waits_behind_a_dead_destination_expires_too),
        cmocka_unit_test(a_delay_is_told_once),
        cmocka_unit_test(a_delay_is_told_to_who_asked),
        cmocka_unit_test(a_dead_destination_is_probed_with_one_message_however_many_wait),
        cmocka_unit_test(a_busy_destination_gets_fewer_sessions),
        cmocka_unit_test(what_a_message_demands_says_nothing_of_the_destination),
        cmocka_unit_test(a_fallback_relay_takes_what_failed_once),
        cmocka_unit_test(what_no_server_was_secure_enough_for_does_not_go_to_the_fallback_relay),
        cmocka_unit_test(a_fallback_relay_that_the_route_has_verified_takes_what_was_not_secure_enough),
        cmocka_unit_test(mail_that_may_go_unprotected_does_not_wait_with_what_may_not),
        cmocka_unit_test(a_thousand_copies_of_a_message_have_ids_of_their_own),
        cmocka_unit_test(without_a_courier_nothing_is_lost_and_nothing_counted),
        cmocka_unit_test(a_courier_that_dies_in_the_midst_of_it_is_not_given_the_same_again_at_once),
        cmocka_unit_test(what_is_under_way_at_the_end_is_tried_again_after_the_next_start),
        cmocka_unit_test(a_clock_that_jumps_gives_up_nothing_that_was_hardly_tried),
        cmocka_unit_test(held_mail_waits_also_after_a_restart_and_goes_when_released),
        cmocka_unit_test(mail_of_a_held_account_waits),
        cmocka_unit_test(what_is_released_is_tried_at_once_although_its_destination_is_put_off),
        cmocka_unit_test(dropped_mail_is_gone_and_bounced_mail_is_told),
        cmocka_unit_test(what_is_being_sent_is_dropped_when_that_has_ended),
        cmocka_unit_test(figures_say_what_waits_and_why),
        cmocka_unit_test(a_full_disk_refuses_new_mail_and_forgets_nothing),
        cmocka_unit_test(sessions_are_counted_by_policy_host_and_result_and_outlive_a_restart),
        cmocka_unit_test(policies_outlive_a_restart_until_they_expire),
        cmocka_unit_test(policies_are_bounded_and_those_in_use_stay),
        cmocka_unit_test(a_power_cut_at_any_point_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
