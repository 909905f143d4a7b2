/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Quarantine on a disk that forgets: an entry for each recipient, release of one of them, crashes in the middle of
 * it, what is thrown away and when. Nobody outside ever hears of any of it.
 */
#include "store_world.h"

#include "roles/store_quarantine.h"

static const char alice[] = "alice@vouch.example", bob[] = "bob@vouch.example", carol[] = "carol@vouch.example";
static const char there[] = "/data/quarantine/";

static void begin(void)
{
    world_create();
    write_file("aliases", BYTES("team: alice, bob\naway: far@else.example\nboth: carol, far@else.example\n"));
    store_start();
}

static void end(void)
{
    store_stop();
    world_destroy();
}

static unsigned quarantine(const char *id, const char *recipients)
{
    return deliver_code(&(struct mail){.id = id,
                                       .recipients = recipients,
                                       .place = DELIVER_QUARANTINE,
                                       .remote_sender = "srs=sender@vouch.example"});
}

static struct control_answer order_with(enum control_verb verb, const char *text, struct control_filter filter)
{
    struct control_call_state call = {.arena = world.arena};
    struct control_command command = {.verb = verb, .text = bytes_of(text), .filter = filter};
    struct control_answer answer = {.result = OK};
    int fd = -1;
    buf_init(&call.page, CONTROL_ANSWER_MAX);
    store_control_answer(the_store(), &call, &command, &answer, &fd);
    buf_free(&call.page);
    if (fd >= 0)
        check(files_read_descriptor(world.arena, fd, 1 << 20, &answer.content, NULL) == OK && close(fd) == 0);
    return answer;
}

static struct control_filter of(const char *id, const char *recipient)
{
    static struct bytes ids[1];
    ids[0] = bytes_of(id);
    return (struct control_filter){.ids = ids, .id_count = *id != '\0', .recipient = bytes_of(recipient)};
}

static struct control_answer release(const char *id, const char *recipient)
{
    return order_with(CONTROL_QUARANTINE_RELEASE, "none", of(id, recipient));
}

/* Waiting to be sent, or told to anybody. */
static size_t told(void)
{
    return world.sent_count + files_in("/data/spool/");
}

static bool mailbox_holds(const char *mailbox, const char *text)
{
    struct durable_fake_file *files;
    struct arena *arena = arena_create(64 << 20);
    size_t count = durable_fake_list(world.fake, arena, &files);
    bool found = false;
    for (size_t i = 0; i < count; i++)
        found |= strstr(files[i].path, mailbox) && strstr(files[i].path, "/new/") && holds(files[i].content, text);
    arena_destroy(arena);
    return found;
}

STORY(each_recipient_has_an_entry_of_its_own)
{
    begin();
    check(quarantine("m1", "team@vouch.example carol@vouch.example alice@vouch.example") == 250);
    check(files_in(there) == 3);
    check(in_quarantine("m1", alice) == 1 && in_quarantine("m1", bob) == 1 && in_quarantine("m1", carol) == 1);
    check(order_with(CONTROL_QUARANTINE_LIST, "", of("m1", "")).count == 3);
    check(order_with(CONTROL_QUARANTINE_LIST, "", of("m1", bob)).count == 1);
    check(order_with(CONTROL_QUARANTINE_LIST, "", of("m1", "team@vouch.example")).count == 2);
    check(order_with(CONTROL_QUARANTINE_LIST, "", of("m2", "")).count == 0);
    check(files_in("/mail/") == 0 && told() == 0);
    end();
}

STORY(one_recipient_is_released_alone_into_the_inbox)
{
    begin();
    check(quarantine("m1", "alice@vouch.example bob@vouch.example") == 250);
    struct control_answer answer = release("m1", bob);
    check(answer.result == OK && answer.count == 1 && answer.name_count == 0);
    check(in_mailbox("m1", bob) == 1 && in_quarantine("m1", bob) == 0);
    check(in_mailbox("m1", alice) == 0 && in_quarantine("m1", alice) == 1);
    check(mailbox_holds("/mail/bob/new/", "\nX-Vouch-Released: 2026-11-21T"));
    check(!mailbox_holds("/mail/bob/", "vouch-spool"));
    check(release("m1", bob).count == 0);
    check(release("m1", "").count == 1);
    check(in_mailbox("m1", alice) == 1 && files_in(there) == 0);
    end();
}

STORY(what_a_full_disk_leaves_out_is_asked_for_again_and_nobody_has_it_twice)
{
    begin();
    durable_fake_fill_after(world.fake, 400);
    check(quarantine("m1", "alice@vouch.example bob@vouch.example carol@vouch.example") == 451);
    durable_fake_fill_after(world.fake, SIZE_MAX);
    check(quarantine("m1", "alice@vouch.example bob@vouch.example carol@vouch.example") == 250);
    check(files_in(there) == 3);
    check(in_quarantine("m1", alice) == 1 && in_quarantine("m1", bob) == 1 && in_quarantine("m1", carol) == 1);
    end();
}

STORY(what_is_for_another_site_goes_on_with_its_own_return_path_and_is_reported_to_nobody)
{
    begin();
    check(quarantine("m1", "both@vouch.example") == 250);
    check(files_in(there) == 2 && world.sent_count == 0);
    servers_say("else.example", 550, SEND_ANSWERED);
    check(release("m1", "").count == 2);
    fiber_sleep(MINUTE);
    check(in_mailbox("m1", carol) == 1);
    check(world.sent_count == 1);
    check(bytes_is(world.sent[0].recipients[0], "far@else.example"));
    check(bytes_is(world.sent[0].sender, "srs=sender@vouch.example"));
    check(holds(world.sent[0].content, "X-Vouch-Released: "));
    /* It failed there; the sender hears nothing. */
    fiber_sleep(10 * MINUTE);
    check(world.sent_count == 1);
    end();
}

STORY(what_cannot_be_delivered_stays_and_it_is_said_why)
{
    begin();
    check(quarantine("m1", "box@lmtp.example bob@vouch.example") == 250);
    lmtp("box@lmtp.example")->code = 550;
    write_file("users", BYTES("alice\ncarol\n"));
    write_file("aliases", BYTES(""));
    store_stop();
    store_start();
    struct control_answer answer = release("m1", "");
    check(answer.result == OK && answer.count == 0 && answer.name_count == 2);
    check(holds(answer.names[0], "Never") || holds(answer.names[1], "Never"));
    check(holds(answer.names[0], "is gone") || holds(answer.names[1], "is gone"));
    check(files_in(there) == 2);
    lmtp("box@lmtp.example")->code = 250;
    check(release("m1", "box@lmtp.example").count == 1);
    check(files_in(there) == 1 && told() == 0);
    end();
}

/* ---- crashes ---- */

/* A mailbox that is there already: what makes it is the business of another test. */
static void prepare(void)
{
    begin();
    check(deliver_code(&(struct mail){.id = "m0", .recipients = alice}) == 250);
    check(quarantine("m1", alice) == 250);
    fiber_sleep(MINUTE);
}

static bool survives(size_t operations, uint64_t seed)
{
    prepare();
    durable_fake_crash_after(world.fake, operations);
    (void)release("m1", alice);
    crash_and_restart(seed);
    size_t in_box = in_mailbox("m1", alice), held = in_quarantine("m1", alice);
    bool right = in_box + held >= 1;
    /* A day of one digit: the field that tells of the release must not change its length. */
    fiber_sleep(9 * DAY);
    right &= held ? release("m1", alice).count == 1 : true;
    right &= in_mailbox("m1", alice) == 1 && files_in(there) == 0;
    if (!right) {
        fprintf(stderr, "crash after %zu, seed %d: %zu delivered, %zu held\n", operations, (int)seed, in_box, held);
        world_complain();
    }
    end();
    return right;
}

STORY(a_crash_at_any_operation_of_a_release_loses_nothing_and_doubles_nothing)
{
    prepare();
    size_t before = durable_fake_count(world.fake).operations;
    check(release("m1", alice).count == 1);
    size_t operations = durable_fake_count(world.fake).operations - before;
    end();
    check(operations > 5);
    size_t wrong = 0;
    for (size_t after = 0; after <= operations; after++)
        for (uint64_t seed = 0; seed < 4; seed++)
            wrong += !survives(after, seed);
    check(wrong == 0);
}

/* Whether the release of m1 is as it was promised after the plug was pulled, with one sync left out. */
static bool is_kept_without(size_t sync)
{
    prepare();
    if (sync != SIZE_MAX)
        durable_fake_ignore_sync(world.fake, sync);
    check(release("m1", alice).count == 1);
    crash_and_restart(0);
    bool kept = in_mailbox("m1", alice) == 1 && mailbox_holds("/mail/alice/", "Subject: m1") && files_in(there) == 0;
    end();
    return kept;
}

STORY(no_sync_of_a_release_can_be_left_out)
{
    prepare();
    size_t before = world.syncs;
    check(release("m1", alice).count == 1);
    size_t syncs = world.syncs - before;
    end();
    check(syncs == 3); /* the file, the mailbox, the quarantine */
    check(is_kept_without(SIZE_MAX));
    for (size_t i = 0; i < syncs; i++)
        check(!is_kept_without(i));
}

/* ---- time ---- */

STORY(what_has_lain_long_enough_is_thrown_away_and_nobody_is_told)
{
    begin();
    check(quarantine("m1", "alice@vouch.example bob@vouch.example") == 250);
    fiber_sleep(29 * DAY);
    check(quarantine("m2", alice) == 250);
    check(store_quarantine_sweep(the_store()) == 0);
    check(files_in(there) == 3);
    fiber_sleep(DAY + MINUTE);
    check(store_quarantine_sweep(the_store()) == 2);
    check(in_quarantine("m1", alice) + in_quarantine("m1", bob) == 0 && in_quarantine("m2", alice) == 1);
    check(bytes_find(bytes_from(world.log, world.log_length), BYTES("2 messages thrown away")) != BYTES_NOT_FOUND);
    crash_and_restart(0);
    check(files_in(there) == 1);
    check(told() == 0 && files_in("/mail/") == 0);
    end();
}

STORY(it_is_done_now_and_then_without_being_asked_for)
{
    begin();
    check(quarantine("m1", alice) == 250);
    check(fiber_group_start(&the_store()->work, "quarantine", store_quarantine_fiber, the_store()));
    fiber_sleep(30 * DAY - HOUR);
    check(files_in(there) == 1);
    fiber_sleep(3 * HOUR);
    check(files_in(there) == 0 && told() == 0);
    end();
}

STORY(purge_never_touches_what_is_younger_and_leaves_foreign_files)
{
    begin();
    durable_fake_add_file(world.fake, world_path("data/quarantine/new/stranger"), BYTES("Subject: none of ours\n\n"));
    check(quarantine("m1", alice) == 250);
    fiber_sleep(2 * HOUR);
    check(quarantine("m2", alice) == 250);
    show_what_is_left();
    struct control_answer answer =
        order_with(CONTROL_QUARANTINE_PURGE, "none", (struct control_filter){.older_than = 3600});
    check(answer.result == OK && answer.count == 1);
    check(in_quarantine("m1", alice) == 0 && in_quarantine("m2", alice) == 1);
    check(order_with(CONTROL_QUARANTINE_PURGE, "nonsense", (struct control_filter){0}).result == PERM);
    check(order_with(CONTROL_QUARANTINE_PURGE, "none", (struct control_filter){0}).count == 1);
    check(files_in(there) == 1);
    fiber_sleep(40 * DAY);
    check(store_quarantine_sweep(the_store()) == 0);
    check(files_in(there) == 1 && told() == 0);
    end();
}

/* ---- what else there is ---- */

STORY(a_file_of_an_earlier_version_is_listed_shown_and_released)
{
    begin();
    durable_fake_add_file(world.fake, world_path("data/quarantine/new/1795297381.M1P1Q1.mx,S=100"),
                          BYTES("vouch-spool 1 1795297381 inbox =old1 =eve@else.example =team@vouch.example "
                                "=alice@vouch.example ={\"verdict\":1}\nReceived: by mx\r\n"
                                "X-Vouch-Reason: It is junk.\r\nSubject: old1\r\n\r\nbody\r\n"));
    show_what_is_left();
    struct control_filter junk = {.reason = BYTES("is junk")};
    check(order_with(CONTROL_QUARANTINE_LIST, "", junk).count == 1);
    struct control_answer answer = order_with(CONTROL_QUARANTINE_SHOW, "raw", of("old1", ""));
    check(answer.result == OK && answer.entry_count == 1);
    check(bytes_is(answer.entries[0].subject, "old1") && bytes_is(answer.entries[0].envelope.id, "old1"));
    check(bytes_starts_with(answer.content, BYTES("Received: by mx\r\n")));
    check(order_with(CONTROL_QUARANTINE_SHOW, "", of("old2", "")).result == NONE);
    check(release("old1", "").count == 1);
    check(in_mailbox("old1", alice) == 1 && files_in(there) == 0);
    end();
}

STORY(raw_is_the_message_as_it_came)
{
    begin();
    check(quarantine("m1", alice) == 250);
    struct control_answer answer = order_with(CONTROL_QUARANTINE_SHOW, "raw", of("m1", ""));
    check(bytes_is(answer.content, "Subject: m1\r\n\r\nbody\r\n"));
    answer = order_with(CONTROL_QUARANTINE_SHOW, "", of("m1", ""));
    check(bytes_is(answer.content, "Received: by mx\r\nSubject: m1\r\n\r\nbody\r\n"));
    check(bytes_is(answer.entries[0].envelope.recipients[0].text, "judged so"));
    end();
}

/* More than one page of names (16384), in an order that the folder does not have. */
STORY(all_of_many_are_seen_once_and_in_their_order)
{
    enum { MANY = 20000 };
    char name[QUARANTINE_NAME_SIZE] = "", path[PATH_MAX];
    struct quarantine_scan scan;
    begin();
    check(files_make_directories(world_path("data/quarantine/new"), 0700) == 0);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "%s/data/quarantine/new/%u.M0P1Q1.mx,S=1,V=m%u", world.folder,
                 1795000000 + i * 7919 % MANY, i);
        FILE *file = fopen(path, "w");
        check(file && fprintf(file, "vouch-spool 1 1795000000 inbox =m%u = =a@b.example =a@b.example =x\n\n", i) > 0);
        fclose(file);
    }
    struct control_filter filter = of("m77", "");
    size_t seen = 0;
    check(quarantine_scan_open(&scan, world_path("data/quarantine"), NULL, START_EPOCH) == OK);
    while (quarantine_scan_next(&scan))
        for (size_t i = 0; i < scan.count; i++) {
            check(strcmp(name, scan.items[i].name) < 0);
            snprintf(name, sizeof(name), "%s", scan.items[i].name);
            seen++;
        }
    check(seen == MANY && scan.result == OK && !scan.damaged);
    quarantine_scan_close(&scan);
    check(quarantine_scan_open(&scan, world_path("data/quarantine"), &filter, START_EPOCH) == OK);
    check(quarantine_scan_next(&scan) && scan.count == 1);
    check(bytes_is(scan.items[0].entry.id, "m77") && !quarantine_scan_next(&scan));
    quarantine_scan_close(&scan);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_recipient_has_an_entry_of_its_own),
        cmocka_unit_test(one_recipient_is_released_alone_into_the_inbox),
        cmocka_unit_test(what_a_full_disk_leaves_out_is_asked_for_again_and_nobody_has_it_twice),
        cmocka_unit_test(what_is_for_another_site_goes_on_with_its_own_return_path_and_is_reported_to_nobody),
        cmocka_unit_test(what_cannot_be_delivered_stays_and_it_is_said_why),
        cmocka_unit_test(a_crash_at_any_operation_of_a_release_loses_nothing_and_doubles_nothing),
        cmocka_unit_test(no_sync_of_a_release_can_be_left_out),
        cmocka_unit_test(what_has_lain_long_enough_is_thrown_away_and_nobody_is_told),
        cmocka_unit_test(it_is_done_now_and_then_without_being_asked_for),
        cmocka_unit_test(purge_never_touches_what_is_younger_and_leaves_foreign_files),
        cmocka_unit_test(a_file_of_an_earlier_version_is_listed_shown_and_released),
        cmocka_unit_test(raw_is_the_message_as_it_came),
        cmocka_unit_test(all_of_many_are_seen_once_and_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
