/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's delivery: several recipients with one answer, spool and quarantine, crashes at every
 * operation, full disks, late answers, and a clock that jumps.
 */
#include "store_world.h"

/* Counts what LMDB syncs: nothing else of this program syncs that file. */
static size_t counter_syncs;

static int count_sync(int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    if (length > 0) {
        path[length] = '\0';
        counter_syncs += strstr(path, "/counters/data.mdb") != NULL;
    }
    return 0;
}

int fdatasync(int fd)
{
    return count_sync(fd);
}

static const char alice[] = "alice@vouch.example", bob[] = "bob@vouch.example";

/* ---- several recipients, one answer ---- */

STORY(what_failed_for_now_is_spooled_and_what_failed_for_good_is_quarantined)
{
    struct delivery_answer answer;
    world_create();
    store_start();
    lmtp("later@lmtp.example")->code = 451;
    lmtp("never@lmtp.example")->code = 550;
    const struct mail mail = {
        .id = "m1",
        .recipients = "alice@vouch.example later@lmtp.example never@lmtp.example well@lmtp.example"};
    check(deliver(&mail, &answer) == OK);
    check(answer.reply.code == 250);
    check(holds(answer.reply.text, "id=m1"));
    check(holds(answer.summary, "alice@vouch.example=delivered"));
    check(holds(answer.summary, "later@lmtp.example=spooled"));
    check(holds(answer.summary, "never@lmtp.example=quarantined"));
    /* One server, one transaction. */
    check(world.transactions == 1);
    check(lmtp("well@lmtp.example")->taken == 1);
    check(in_mailbox("m1", alice) == 1);
    check(in_spool("m1", "later@lmtp.example") == 1);
    check(in_quarantine("m1", "never@lmtp.example") == 1);
    check(files_in("/data/quarantine/") == 1);
    /* The next try delivers what was spooled; postmaster hears of the other one. */
    lmtp("later@lmtp.example")->code = 250;
    fiber_sleep(3 * MINUTE);
    check(lmtp("later@lmtp.example")->taken == 1);
    check(files_in("/data/spool/") == 0);
    check(files_in("/mail/postmaster/") == 1);
    store_stop();
    world_destroy();
}

STORY(where_all_fail_the_answer_says_so_and_nothing_is_kept)
{
    struct delivery_answer answer;
    world_create();
    store_start();
    lmtp("later@lmtp.example")->code = 451;
    lmtp("never@lmtp.example")->code = 550;
    lmtp("nomore@lmtp.example")->code = 550;
    const struct mail later = {.id = "m1", .recipients = "later@lmtp.example"};
    const struct mail never = {.id = "m2", .recipients = "never@lmtp.example nomore@lmtp.example"};
    const struct mail both = {.id = "m3", .recipients = "never@lmtp.example later@lmtp.example"};
    check(deliver_code(&later) == 451);
    check(deliver(&never, &answer) == OK && answer.reply.code == 550);
    check(bytes_is(answer.reply.text, "Never"));
    /* The peer comes again, and then the lasting failure shows. */
    check(deliver_code(&both) == 451);
    world.courier_fails = true;
    check(deliver_code(&later) == 451);
    check(files_in("/data/") == 0);
    check(files_in("/mail/") == 0);
    fiber_sleep(HOUR);
    check(files_in("/") == 0);
    store_stop();
    world_destroy();
}

STORY(a_mailbox_gets_one_copy_however_many_recipients_lead_there)
{
    world_create();
    store_start();
    const struct mail mail = {.id = "m1",
                              .recipients = "team@vouch.example alice@vouch.example "
                                            "ALICE+x@vouch.example bob@vouch.example"};
    check(deliver_code(&mail) == 250);
    check(in_mailbox("m1", alice) == 1);
    check(in_mailbox("m1", bob) == 1);
    check(files_in("/mail/") == 3);
    store_stop();
    world_destroy();
}

STORY(a_hundred_recipients_of_one_server_share_transactions)
{
    struct buf names;
    world_create();
    store_start();
    buf_init(&names, 65536);
    /* Short of the scripts' table: all behave alike. */
    for (int i = 0; i < 12; i++)
        buf_printf(&names, "%suser%d@lmtp.example", i ? " " : "", i);
    buf_printf(&names, " one@other.example two@other.example");
    const struct mail mail = {.id = "m1", .recipients = arena_string(world.arena, buf_bytes(&names))};
    check(deliver_code(&mail) == 250);
    check(world.transactions == 2);
    for (size_t i = 0; i < world.script_count; i++)
        check(world.scripts[i].taken == 1);
    buf_free(&names);
    store_stop();
    world_destroy();
}

/* More than fits into one frame between the roles. */
STORY(a_thousand_recipients_with_long_names_are_delivered)
{
    struct buf names;
    world_create();
    store_start();
    buf_init(&names, 1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_printf(&names, "%salice+%0100d@vouch.example", i ? " " : "", i);
    const struct mail mail = {.id = "m1", .recipients = arena_string(world.arena, buf_bytes(&names))};
    check(deliver_code(&mail) == 250);
    check(in_mailbox("m1", alice) == 1);
    buf_free(&names);
    store_stop();
    world_destroy();
}

STORY(a_large_message_comes_in_a_descriptor)
{
    world_create();
    store_start();
    char *body = arena_alloc(world.arena, 300001);
    memset(body, 'x', 300000);
    const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example", .body = body};
    check(deliver_code(&mail) == 250);
    check(in_mailbox("m1", alice) == 1);
    check(durable_fake_count(world.fake).octets > 300000);
    store_stop();
    world_destroy();
}

/* Once for each recipient, so that each can be released alone. */
STORY(quarantine_takes_the_message_for_each_recipient_and_junk_goes_to_its_folder)
{
    world_create();
    store_start();
    const struct mail odd = {.id = "m1",
                             .recipients = "alice@vouch.example bob@vouch.example",
                             .place = DELIVER_QUARANTINE};
    const struct mail junk = {.id = "m2", .recipients = "alice@vouch.example", .folder = FOLDER_JUNK};
    check(deliver_code(&odd) == 250);
    check(files_in("/data/quarantine/") == 2);
    check(files_in("/mail/") == 0);
    check(deliver_code(&junk) == 250);
    check(files_in("/mail/alice/.Junk/new/") == 1);
    store_stop();
    world_destroy();
}

/* ---- spool ---- */

STORY(the_spool_tries_for_five_days_and_then_gives_up)
{
    world_create();
    store_start();
    struct lmtp_script *later = lmtp("later@lmtp.example");
    later->code = 451;
    const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example later@lmtp.example"};
    check(deliver_code(&mail) == 250);
    int64_t begun = loop_now();
    fiber_sleep(5 * 24 * HOUR - 2 * HOUR);
    check(in_spool("m1", "later@lmtp.example") == 1);
    /* 1, 2, 4, … minutes, then each hour; a retry takes no time here. */
    static const int64_t minutes[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    int64_t at = begun;
    for (size_t i = 0; i < countof(minutes); i++) {
        at += minutes[i] * MINUTE;
        check(later->times[i + 1] == at);
    }
    check(later->asked > 5 * 24 - 2 && later->asked < 5 * 24 + 12);
    fiber_sleep(5 * HOUR);
    check(files_in("/data/spool/") == 0);
    check(in_quarantine("m1", "later@lmtp.example") == 1);
    check(files_in("/mail/postmaster/") == 1);
    unsigned asked = later->asked;
    fiber_sleep(3 * 24 * HOUR);
    check(later->asked == asked);
    check(files_in("/mail/postmaster/") == 1);
    store_stop();
    world_destroy();
}

STORY(what_is_spooled_survives_a_stop_and_is_tried_at_the_start)
{
    world_create();
    store_start();
    lmtp("later@lmtp.example")->code = 451;
    const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example later@lmtp.example"};
    check(deliver_code(&mail) == 250);
    store_stop();
    lmtp("later@lmtp.example")->code = 250;
    store_start();
    fiber_sleep(SECOND);
    check(lmtp("later@lmtp.example")->taken == 1);
    check(files_in("/data/spool/") == 0);
    store_stop();
    world_destroy();
}

STORY(a_mailbox_that_is_gone_meanwhile_means_quarantine)
{
    world_create();
    store_start();
    world.broken = "/mail/bob/";
    const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example bob@vouch.example"};
    check(deliver_code(&mail) == 250);
    check(in_spool("m1", bob) == 1);
    write_file("users", BYTES("alice\n"));
    write_file("aliases", BYTES(""));
    world.role.definition->reload(&world.role);
    fiber_sleep(2 * MINUTE);
    check(in_quarantine("m1", bob) == 1);
    check(files_in("/data/spool/") <= 1); /* the notice */
    fiber_sleep(2 * MINUTE);
    check(files_in("/mail/postmaster/") == 1);
    store_stop();
    world_destroy();
}

STORY(there_is_no_notice_about_a_notice)
{
    world_create();
    store_start();
    world.broken = "/mail/postmaster/";
    lmtp("never@lmtp.example")->code = 550;
    const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example never@lmtp.example"};
    check(deliver_code(&mail) == 250);
    fiber_sleep(6 * 24 * HOUR);
    check(files_in("/data/quarantine/") == 2);
    check(files_in("/data/spool/") == 0);
    check(files_in("/mail/postmaster/") == 0);
    store_stop();
    world_destroy();
}

STORY(one_notice_tells_of_all_copies_of_a_message)
{
    world_create();
    store_start();
    struct buf names;
    buf_init(&names, 65536);
    buf_add_string(&names, "alice@vouch.example");
    for (int i = 0; i < 12; i++) {
        char name[64];
        snprintf(name, sizeof(name), "never%d@lmtp.example", i);
        lmtp(name)->code = 550;
        buf_printf(&names, " %s", name);
    }
    const struct mail mail = {.id = "m1", .recipients = arena_string(world.arena, buf_bytes(&names))};
    check(deliver_code(&mail) == 250);
    fiber_sleep(10 * MINUTE);
    check(files_in("/data/quarantine/") == 12);
    check(files_in("/mail/postmaster/") == 1);
    buf_free(&names);
    store_stop();
    world_destroy();
}

/* ---- late answers ---- */

STORY(an_answer_that_comes_too_late_is_remembered)
{
    struct delivery_answer answer;
    world_create();
    store_start();
    lmtp("later@lmtp.example")->code = 451;
    lmtp("never@lmtp.example")->code = 550;
    const struct mail first = {
        .id = "m1",
        .fingerprint = "same",
        .recipients = "alice@vouch.example one@lmtp.example later@lmtp.example never@lmtp.example",
        .patience = 30 * SECOND};
    struct mail retry = first;
    retry.id = "m2";
    world.courier_delay = 40 * SECOND;
    size_t syncs = counter_syncs;
    check(deliver_code(&first) == 0);
    fiber_sleep(20 * SECOND);
    check(counter_syncs > syncs);
    world.courier_delay = 0;
    check(deliver(&retry, &answer) == OK);
    check(answer.reply.code == 250);
    check(holds(answer.summary, "one@lmtp.example=delivered before"));
    check(lmtp("one@lmtp.example")->taken == 1);
    check(in_mailbox("m1", alice) == 1 && in_mailbox("m2", alice) == 0);
    check(in_spool("m1", "later@lmtp.example") == 1 && in_spool("m2", "later@lmtp.example") == 0);
    check(in_quarantine("m1", "never@lmtp.example") == 1);
    check(in_quarantine("m2", "never@lmtp.example") == 0);
    /* Not for ever: what looks the same in a week is another mail. */
    fiber_sleep(8 * 24 * HOUR);
    retry.id = "m3";
    check(deliver_code(&retry) == 250);
    check(lmtp("one@lmtp.example")->taken == 2);
    store_stop();
    world_destroy();
}

STORY(a_retry_while_the_first_attempt_still_runs_waits_for_it)
{
    world_create();
    store_start();
    const struct mail first = {.id = "m1",
                               .fingerprint = "same",
                               .recipients = "one@lmtp.example",
                               .patience = 20 * SECOND};
    struct mail retry = first;
    retry.id = "m2";
    retry.patience = MINUTE;
    world.courier_delay = 40 * SECOND;
    check(deliver_code(&first) == 0);
    check(deliver_code(&retry) == 250);
    check(lmtp("one@lmtp.example")->taken == 1);
    store_stop();
    world_destroy();
}

STORY(a_message_that_an_edge_did_not_live_to_answer_is_remembered)
{
    world_create();
    store_start();
    const struct mail mail = {.id = "m1",
                              .fingerprint = "same",
                              .recipients = "one@lmtp.example alice@vouch.example",
                              .patience = 5 * SECOND};
    struct mail retry = mail;
    retry.id = "m2";
    retry.patience = MINUTE;
    world.courier_delay = 20 * SECOND;
    check(deliver_code(&mail) == 0);
    lose(&world.edge);
    fiber_sleep(MINUTE);
    world.courier_delay = 0;
    world.edge = join(ROLE_EDGE);
    check(deliver_code(&retry) == 250);
    check(lmtp("one@lmtp.example")->taken == 1);
    check(in_mailbox("m1", alice) + in_mailbox("m2", alice) == 1);
    store_stop();
    world_destroy();
}

STORY(late_quarantine_is_remembered_too)
{
    world_create();
    store_start();
    const struct mail first = {.id = "m1",
                               .fingerprint = "same",
                               .recipients = "alice@vouch.example",
                               .place = DELIVER_QUARANTINE,
                               .patience = 1};
    struct mail retry = first;
    retry.id = "m2";
    retry.patience = MINUTE;
    (void)deliver_code(&first);
    fiber_sleep(SECOND);
    check(files_in("/data/quarantine/") == 1);
    check(deliver_code(&retry) == 250);
    check(files_in("/data/quarantine/") == 1);
    store_stop();
    world_destroy();
}

/* A LMTP server that is gone for a while is not known to have failed anybody. */
STORY(a_courier_that_dies_and_comes_back_costs_nothing)
{
    world_create();
    store_start();
    const struct mail mail = {.id = "m1", .recipients = "one@lmtp.example"};
    lose(&world.courier);
    check(deliver_code(&mail) == 451);
    world.courier = join(ROLE_COURIER);
    check(deliver_code(&mail) == 250);
    check(lmtp("one@lmtp.example")->taken == 1);
    store_stop();
    world_destroy();
}

/* ---- the ledger ---- */

STORY(every_delivery_is_in_the_ledger_soon)
{
    struct ledger *ledger;
    struct ledger_entry entry;
    struct error error;
    world_create();
    store_start();
    const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example bob@vouch.example"};
    check(deliver_code(&mail) == 250);
    fiber_sleep(SECOND);
    check(ledger_open(world_path("data/ledger.sqlite"), LEDGER_READ, &ledger, &error) == OK);
    check(ledger_find(ledger, world.arena, BYTES("m1"), &entry, &error) == OK);
    check(entry.code == 250 && entry.recipient_count == 2);
    check(holds(entry.delivery, "bob@vouch.example=delivered"));
    ledger_close(ledger);
    store_stop();
    world_destroy();
}

/* ---- crashes ---- */

/*
 * A message to alice, to bob whose mailbox cannot be written, and to one whom LMTP refuses for good; ten
 * minutes later bob's can. So it goes through every sync of the store: mailbox, spool, quarantine, the
 * notice, both removals from the spool.
 */
static unsigned play(void)
{
    const struct mail mail = {
        .id = "m1", .recipients = "alice@vouch.example bob@vouch.example never@lmtp.example"};
    lmtp("never@lmtp.example")->code = 550;
    world.broken = "/mail/bob/";
    unsigned code = deliver_code(&mail);
    world.broken = NULL;
    fiber_sleep(10 * MINUTE);
    return code;
}

static size_t copies(const char *mailbox)
{
    return in_mailbox("m1", mailbox) + in_spool("m1", mailbox) + in_quarantine("m1", mailbox) +
           count_taken("m1", mailbox);
}

/* What was answered 250 is there, once. */
static bool is_right(void)
{
    return copies(alice) == 1 && copies(bob) == 1 && copies("never@lmtp.example") == 1;
}

STORY(the_play_ends_well)
{
    world_create();
    store_start();
    check(play() == 250);
    check(is_right());
    check(in_mailbox("m1", bob) == 1);
    check(files_in("/mail/postmaster/") == 1);
    check(files_in("/data/spool/") == 0);
    store_stop();
    world_destroy();
}

/* Plays with a crash after so many operations; true if all is right afterwards, or was not promised. */
static bool survives(size_t operations, uint64_t seed, bool users_take_mail, size_t ignored_sync)
{
    world_create();
    store_start();
    world.users_take_mail = users_take_mail;
    if (ignored_sync != SIZE_MAX)
        durable_fake_ignore_sync(world.fake, ignored_sync);
    durable_fake_crash_after(world.fake, operations);
    unsigned code = play();
    world.users_take_mail = false;
    crash_and_restart(seed);
    world.users_take_mail = users_take_mail;
    /* At this moment a copy may lie in the mailbox and still in the spool; not for long. */
    bool right = code != 250 || (copies(alice) && copies(bob) && copies("never@lmtp.example"));
    fiber_sleep(2 * HOUR);
    right &= code != 250 || (is_right() && files_in("/data/spool/") == 0);
    if (!right && ignored_sync == SIZE_MAX) {
        fprintf(stderr, "crash after operation %zu, seed %d: %zu copies for alice, %zu for bob, %zu\n",
                operations, (int)seed, copies(alice), copies(bob), copies("never@lmtp.example"));
        world_complain();
    }
    store_stop();
    world_destroy();
    return right;
}

STORY(a_crash_at_any_operation_loses_nothing_and_doubles_nothing)
{
    world_create();
    store_start();
    check(play() == 250);
    size_t operations = durable_fake_count(world.fake).operations;
    store_stop();
    world_destroy();
    check(operations > 50);
    size_t wrong = 0;
    for (size_t after = 0; after <= operations; after++) {
        wrong += !survives(after, 0, true, SIZE_MAX);
        for (uint64_t seed = 0; seed < 3; seed++)
            wrong += !survives(after, seed, false, SIZE_MAX);
    }
    check(wrong == 0);
}

/* What is synced, and when, if nothing goes wrong. */
static size_t list_syncs(bool users_take_mail, struct sync_point *points, size_t *operations)
{
    world_create();
    store_start();
    world.users_take_mail = users_take_mail;
    check(play() == 250);
    size_t syncs = world.syncs;
    memcpy(points, world.sync_points, sizeof(world.sync_points));
    *operations = durable_fake_count(world.fake).operations;
    store_stop();
    world_destroy();
    return syncs;
}

/* True if some crash after the sync that was left out shows it. */
static bool is_missed(struct sync_point point, bool users_take_mail, size_t operations)
{
    for (size_t after = point.at; after <= operations + 1; after++)
        if (!survives(after, 0, users_take_mail, point.index))
            return true;
    return false;
}

STORY(no_sync_can_be_left_out)
{
    struct sync_point points[2][countof(world.sync_points)];
    size_t operations[2], needless = 0;
    size_t syncs = list_syncs(false, points[0], &operations[0]);
    check(syncs > 15);
    check(list_syncs(true, points[1], &operations[1]) == syncs);
    for (size_t i = 0; i < syncs; i++) {
        /* What comes back is seen where it was taken, what is lost where it was not. */
        if (is_missed(points[0][i], false, operations[0]) ||
            is_missed(points[1][i], true, operations[1]))
            continue;
        fprintf(stderr, "sync %zu (operation %zu of %zu) can be left out\n", i, points[0][i].at,
                operations[0]);
        needless++;
    }
    check(needless == 0);
}

/* ---- full disks ---- */

static void retry_until_there(size_t room)
{
    const struct mail mail = {.id = "m1",
                              .recipients = "alice@vouch.example bob@vouch.example carol@vouch.example"};
    world_create();
    store_start();
    durable_fake_fill_after(world.fake, room);
    unsigned code = deliver_code(&mail);
    check(code == 250 || code == 451 || code == 452);
    /* Whole or not at all, wherever it came to lie. */
    struct durable_fake_file *files;
    size_t count = durable_fake_list(world.fake, world.arena, &files);
    for (size_t i = 0; i < count; i++)
        check(!strstr(files[i].path, "/new/") || holds(files[i].content, "\nbody"));
    check(code != 250 || copies(alice) + copies(bob) + copies("carol@vouch.example") == 3);
    durable_fake_fill_after(world.fake, SIZE_MAX);
    check(deliver_code(&mail) == 250);
    fiber_sleep(HOUR);
    /* Where the first answer was 250 the second mail is another one; else it is the retry. */
    size_t each = code == 250 ? 2 : 1;
    check(in_mailbox("m1", alice) == each);
    check(in_mailbox("m1", bob) == each);
    check(in_mailbox("m1", "carol@vouch.example") == each);
    check(files_in("/data/spool/") == 0);
    store_stop();
    world_destroy();
}

STORY(a_full_disk_gives_a_temporary_answer_and_nothing_is_half_delivered)
{
    for (size_t room = 0; room < 700; room += 13)
        retry_until_there(room);
}

/* ---- clocks ---- */

STORY(a_clock_set_forward_does_not_give_up_mail)
{
    world_create();
    store_start();
    lmtp("later@lmtp.example")->code = 451;
    const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example later@lmtp.example"};
    check(deliver_code(&mail) == 250);
    loop_fake_epoch_jump(30 * 365 * 86400);
    fiber_sleep(10 * MINUTE);
    check(in_spool("m1", "later@lmtp.example") == 1);
    check(files_in("/data/quarantine/") == 0);
    lmtp("later@lmtp.example")->code = 250;
    fiber_sleep(HOUR);
    check(lmtp("later@lmtp.example")->taken == 1);
    check(files_in("/data/spool/") == 0);
    store_stop();
    world_destroy();
}

STORY(a_clock_set_back_does_not_stop_the_spool)
{
    world_create();
    store_start();
    lmtp("later@lmtp.example")->code = 451;
    const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example later@lmtp.example"};
    check(deliver_code(&mail) == 250);
    loop_fake_epoch_jump(-10 * 365 * 86400);
    fiber_sleep(2 * MINUTE);
    check(lmtp("later@lmtp.example")->asked == 2);
    lmtp("later@lmtp.example")->code = 250;
    fiber_sleep(HOUR);
    check(lmtp("later@lmtp.example")->taken == 1);
    /* Names stay unique. */
    const struct mail other = {.id = "m2", .recipients = "alice@vouch.example"};
    check(deliver_code(&other) == 250);
    check(files_in("/mail/alice/") == 2);
    store_stop();
    world_destroy();
}

/* Records for what an honest edge asks while the recipients are read anew. */
STORY(a_reload_while_a_delivery_waits_is_harmless)
{
    world_create();
    store_start();
    world.courier_delay = 20 * SECOND;
    const struct mail mail = {.id = "m1", .recipients = "one@lmtp.example two@lmtp.example",
                              .patience = 10 * SECOND};
    check(deliver_code(&mail) == 0); /* it still waits for the server */
    world.role.definition->reload(&world.role);
    fiber_sleep(MINUTE);
    check(lmtp("one@lmtp.example")->taken == 1);
    store_stop();
    world_destroy();
}

/* ---- start, reload, upkeep ---- */

static bool ends_at_reload(const char *addition)
{
    struct sandbox sandbox = {0};
    world_create();
    store_start();
    store_role.sandbox(&world.role, &sandbox); /* what it may reach; not entered here */
    write_file("vouch.conf", arena_printf(world.arena, BYTES_FMT "%s\n", BYTES_ARG(world.config),
                                          addition));
    world.role.definition->reload(&world.role);
    bool ends = world.role.stopping;
    if (!ends) {
        const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example"};
        check(deliver_code(&mail) == 250);
    }
    store_stop();
    world_destroy();
    return ends;
}

/* The sandbox cannot grow, so the master starts another store; else it goes on. */
STORY(a_configuration_that_the_store_cannot_follow_ends_it)
{
    check(!ends_at_reload(""));
    check(!ends_at_reload("policy other { dmarc = off }"));
    check(!ends_at_reload("domain more.example { recipients = users deliver = \"lmtp:unix:/x\" }"));
    check(ends_at_reload("domain more.example { recipients = users deliver = \"maildir:/var/x/{user}\" }"));
    check(ends_at_reload("limits { message-size = 10M }"));
    check(ends_at_reload("ledger { keep = 1d }"));
    /* Not for a configuration with errors. */
    check(!ends_at_reload("nonsense"));
}

static bool count_entry(void *context, const struct ledger_entry *entry)
{
    check(entry->id.len > 0);
    ++*(size_t *)context;
    return true;
}

STORY(the_ledger_gets_rid_of_all_that_is_old_however_much_it_is)
{
    struct ledger *ledger;
    struct error error;
    struct bytes to = BYTES("alice@vouch.example");
    world_create();
    check(files_make_directories(world_path("data"), 0700) == 0);
    check(ledger_open(world_path("data/ledger.sqlite"), LEDGER_WRITE, &ledger, &error) == OK);
    struct ledger_entry *entries = arena_alloc_array(world.arena, 5001, sizeof(*entries));
    for (size_t i = 0; i < 5001; i++)
        entries[i] = (struct ledger_entry){
            .id = arena_printf(world.arena, "old%zu", i),
            .received_at = i < 5000 ? START_EPOCH - 31 * 86400 : START_EPOCH,
            .client = BYTES("192.0.2.1"), .recipients = &to, .recipient_count = 1,
            .action = BYTES("accept"), .evidence = BYTES("{}"), .verdict = BYTES("{}")};
    check(ledger_append(ledger, entries, 5001, &error) == OK);
    store_start();
    fiber_sleep(30 * SECOND);
    size_t left = 0;
    const struct ledger_filter all = {.most = 0};
    check(ledger_select(ledger, &all, count_entry, &left, &error) == OK);
    check(left == 1);
    ledger_close(ledger);
    store_stop();
    world_destroy();
}

STORY(damaged_counters_are_put_aside)
{
    char garbage[8192];
    memset(garbage, 'x', sizeof(garbage));
    world_create();
    check(files_make_directories(world_path("data/counters"), 0700) == 0);
    write_file("data/counters/data.mdb", bytes_from(garbage, sizeof(garbage)));
    store_start();
    const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example", .patience = 1};
    (void)deliver_code(&mail);
    fiber_sleep(SECOND);
    check(in_mailbox("m1", alice) == 1);
    check(access(world_path("data/counters.damaged"), F_OK) == 0);
    store_stop();
    world_destroy();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_failed_for_now_is_spooled_and_what_failed_for_good_is_quarantined),
        cmocka_unit_test(where_all_fail_the_answer_says_so_and_nothing_is_kept),
        cmocka_unit_test(a_mailbox_gets_one_copy_however_many_recipients_lead_there),
        cmocka_unit_test(a_hundred_recipients_of_one_server_share_transactions),
        cmocka_unit_test(a_thousand_recipients_with_long_names_are_delivered),
        cmocka_unit_test(a_large_message_comes_in_a_descriptor),
        cmocka_unit_test(quarantine_takes_the_message_for_each_recipient_and_junk_goes_to_its_folder),
        cmocka_unit_test(the_spool_tries_for_five_days_and_then_gives_up),
        cmocka_unit_test(what_is_spooled_survives_a_stop_and_is_tried_at_the_start),
        cmocka_unit_test(a_mailbox_that_is_gone_meanwhile_means_quarantine),
        cmocka_unit_test(there_is_no_notice_about_a_notice),
        cmocka_unit_test(one_notice_tells_of_all_copies_of_a_message),
        cmocka_unit_test(an_answer_that_comes_too_late_is_remembered),
        cmocka_unit_test(a_retry_while_the_first_attempt_still_runs_waits_for_it),
        cmocka_unit_test(a_message_that_an_edge_did_not_live_to_answer_is_remembered),
        cmocka_unit_test(late_quarantine_is_remembered_too),
        cmocka_unit_test(a_courier_that_dies_and_comes_back_costs_nothing),
        cmocka_unit_test(every_delivery_is_in_the_ledger_soon),
        cmocka_unit_test(the_play_ends_well),
        cmocka_unit_test(a_crash_at_any_operation_loses_nothing_and_doubles_nothing),
        cmocka_unit_test(no_sync_can_be_left_out),
        cmocka_unit_test(a_full_disk_gives_a_temporary_answer_and_nothing_is_half_delivered),
        cmocka_unit_test(a_clock_set_forward_does_not_give_up_mail),
        cmocka_unit_test(a_clock_set_back_does_not_stop_the_spool),
        cmocka_unit_test(a_reload_while_a_delivery_waits_is_harmless),
        cmocka_unit_test(a_configuration_that_the_store_cannot_follow_ends_it),
        cmocka_unit_test(the_ledger_gets_rid_of_all_that_is_old_however_much_it_is),
        cmocka_unit_test(damaged_counters_are_put_aside),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
