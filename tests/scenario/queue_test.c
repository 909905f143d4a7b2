/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue at work: the store's queue, scheduler and reports on a fake clock and a disk that forgets, with a
 * courier that does what a test says.
 */
#include "base/log.h"
#include "os/durable_fake.h"
#include "os/files.h"
#include "roles/store_queue_private.h"
#include "smtp/server.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: failed: %s\n%.*s", __FILE__, __LINE__, #condition,            \
                    (int)world.log_length, world.log);                                             \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

enum { START_EPOCH = 1795297381, SENT_MAX = 4000 };

/* What the servers for a domain, or one recipient, say. */
struct script {
    char name[64];
    unsigned code;            /* 250 … */
    enum send_status status;
    bool without_dsn;
};

struct sent {
    int64_t at;
    char domain[64], sender[128], first[128];
    size_t recipients;
    bool fallback;
    unsigned notify;
};

static struct world {
    char folder[64];
    struct durable_fake *fake;
    struct store store;
    struct role role;
    struct script scripts[32];
    size_t script_count;
    struct sent sent[SENT_MAX];
    size_t sent_count;
    bool no_courier;          /* TEMP, nothing was sent */
    bool courier_dies;        /* TEMP, in the midst of it */
    int64_t takes;            /* how long an attempt takes */
    size_t under_way, most_under_way;
    char last_content[8192];
    char log[1 << 20];
    size_t log_length;
    const char *settings;
} world;

static void keep_log(void *context, enum log_level level, struct bytes line)
{
    (void)context;
    (void)level;
    if (world.log_length + line.len + 1 > sizeof(world.log))
        world.log_length = 0;
    memcpy(world.log + world.log_length, line.ptr, line.len);
    world.log_length += line.len;
    world.log[world.log_length++] = '\n';
}

static bool logged(const char *what)
{
    return bytes_find(bytes_from(world.log, world.log_length), bytes_of(what)) != BYTES_NOT_FOUND;
}

static struct script *say(const char *name, unsigned code, enum send_status status)
{
    for (size_t i = 0; i < world.script_count; i++)
        if (strcmp(world.scripts[i].name, name) == 0) {
            world.scripts[i].code = code;
            world.scripts[i].status = status;
            return &world.scripts[i];
        }
    struct script *script = &world.scripts[world.script_count++];
    check(world.script_count <= countof(world.scripts));
    *script = (struct script){.code = code, .status = status};
    snprintf(script->name, sizeof(script->name), "%s", name);
    return script;
}

static const struct script *script_of(struct bytes name)
{
    for (size_t i = 0; i < world.script_count; i++)
        if (bytes_is(name, world.scripts[i].name))
            return &world.scripts[i];
    return NULL;
}

static void note_sent(const struct send_request *request)
{
    check(world.sent_count < SENT_MAX);
    struct sent *sent = &world.sent[world.sent_count++];
    *sent = (struct sent){.at = loop_now(), .recipients = request->recipient_count,
                          .fallback = request->fallback, .notify = request->recipients[0].notify};
    check(bytes_to_cstring(request->domain, sent->domain, sizeof(sent->domain)));
    check(bytes_to_cstring(request->sender, sent->sender, sizeof(sent->sender)));
    check(bytes_to_cstring(request->recipients[0].address, sent->first, sizeof(sent->first)));
}

static enum result courier(void *context, struct arena *arena, const struct send_request *request,
                           int content_fd, struct send_answer *answer, int64_t deadline, bool *sent,
                           struct error *error)
{
    (void)context;
    (void)deadline;
    *sent = false;
    if (world.no_courier)
        return error_set(error, TEMP, "the courier does not answer");
    *sent = true;
    note_sent(request);
    struct bytes content = request->content;
    if (content_fd >= 0)
        check(files_read_descriptor(arena, content_fd, 1 << 20, &content, error) == OK);
    snprintf(world.last_content, sizeof(world.last_content), BYTES_FMT, BYTES_ARG(content));
    if (++world.under_way > world.most_under_way)
        world.most_under_way = world.under_way;
    int slept = fiber_sleep(world.takes ? world.takes : 10 * MILLISECOND);
    world.under_way--;
    if (slept == ECANCELED || world.courier_dies)
        return error_set(error, TEMP, "the courier died");
    const struct script *domain = script_of(request->fallback ? BYTES("fallback") : request->domain);
    *answer = (struct send_answer){.status = domain ? domain->status : SEND_ANSWERED,
                                   .host = BYTES("mx.example"), .address = BYTES("192.0.2.1:25"),
                                   .tls = BYTES("TLSv1.3"), .security = BYTES("opportunistic")};
    answer->replies = arena_alloc_array(arena, request->recipient_count, sizeof(*answer->replies));
    for (size_t i = 0; i < request->recipient_count; i++) {
        const struct script *own = script_of(request->recipients[i].address);
        const struct script *script = own && !(domain && domain->status) ? own : domain;
        unsigned code = script ? script->code : 250;
        answer->replies[i] = (struct send_reply){
            .code = code,
            .enhanced = code == 250 ? BYTES("2.0.0") : code < 500 ? BYTES("4.2.0") : BYTES("5.1.1"),
            .text = code == 250 ? BYTES("Taken") : code < 500 ? BYTES("Not now") : BYTES("Nobody of that name"),
            .local = answer->status != SEND_ANSWERED,
            .relayed_without_dsn = script && script->without_dsn};
    }
    return OK;
}

static char *path_in(const char *name)
{
    struct bytes text = arena_printf(world.role.arena, "%s/%s", world.folder, name);
    return arena_string(world.role.arena, text);
}

static void put_file(const char *name, const char *text)
{
    struct error error;
    check(files_replace(durable_kernel(), path_in(name), bytes_of(text), 0644, &error) == OK);
}

static void read_config(void)
{
    struct buf errors;
    struct bytes text = arena_printf(
        world.role.arena,
        "hostname = mx.vouch.example\ndata-directory = \"%s/data\"\n"
        "listener smtp { address = [127.0.0.1:25] }\n"
        "domain vouch.example { recipients = users deliver = \"maildir:%s/mail/{user}\" }\n%s",
        world.folder, world.folder, world.settings);
    buf_init(&errors, 4096);
    if (config_parse(world.role.arena, text, path_in("vouch.conf"), &world.role.config, &errors) != OK) {
        fprintf(stderr, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
        _exit(1);
    }
    buf_free(&errors);
}

/* A store with a queue and nothing else. */
static void start(void)
{
    struct store *store = &world.store;
    struct error error = {""};
    struct buf errors;
    world.role = (struct role){.arena = arena_create(1 << 30), .unprivileged = true};
    put_file("users", "alice\nbob\n");
    read_config();
    *store = (struct store){.role = &world.role, .durable = durable_fake_table(world.fake)};
    store->commit_last = &store->commit_first;
    store->quota = quota_create();
    store->spool = path_in("data/spool");
    store->quarantine = path_in("data/quarantine");
    store->postmaster = path_in("data/postmaster");
    fiber_group_open(&store->work);
    fiber_group_open(&store->committer);
    buf_init(&errors, 4096);
    check(recipients_load(&world.role.config, &store->recipients, &errors) == OK);
    buf_free(&errors);
    check(fiber_group_start(&store->committer, "commit", store_commit_fiber, store));
    if (store_queue_open(store, &error) != OK) {
        fprintf(stderr, "%s\n", error.text);
        _exit(1);
    }
    store->queue->send = courier;
    store_queue_start(store);
}

static void stop(void)
{
    struct store *store = &world.store;
    store_queue_stop(store);
    fiber_group_close(&store->work);
    fiber_group_close(&store->committer);
    store_queue_close(store);
    store_spool_close(store);
    quota_free(store->quota);
    recipients_free(store->recipients);
    arena_destroy(world.role.arena);
}

/* As if killed and started again at once. */
static void restart(void)
{
    stop();
    start();
}

static void begin(const char *settings)
{
    memset(&world, 0, sizeof(world));
    world.settings = settings;
    world.fake = durable_fake_create();
    log_set_sink(keep_log, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
    snprintf(world.folder, sizeof(world.folder), "/tmp/vouch-queue-XXXXXX");
    check(mkdtemp(world.folder) != NULL);
    char path[128];
    snprintf(path, sizeof(path), "%s/data", world.folder);
    durable_fake_add_directory(world.fake, path);
    snprintf(path, sizeof(path), "%s/mail", world.folder);
    durable_fake_add_directory(world.fake, path);
    start();
}

static int remove_entry(const char *name, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(name);
}

static void end(void)
{
    stop();
    check(durable_fake_count(world.fake).open == 0);
    durable_fake_destroy(world.fake);
    nftw(world.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    log_set_sink(NULL, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
}

struct letter {
    const char *id, *sender, *to[4], *account;
    enum queue_origin origin;
    unsigned notify;
    bool require_tls, verp;
};

static void add_letter(const struct letter *letter)
{
    struct error error;
    struct queue_recipient recipients[4] = {{.address = BYTES("")}};
    struct queue_envelope envelope = {.id = bytes_of(letter->id),
                                      .sender = bytes_of(letter->sender),
                                      .account = bytes_of(letter->account),
                                      .origin = letter->origin,
                                      .require_tls = letter->require_tls,
                                      .verp = letter->verp,
                                      .recipients = recipients};
    while (envelope.recipient_count < 4 && letter->to[envelope.recipient_count]) {
        size_t i = envelope.recipient_count++;
        recipients[i] = (struct queue_recipient){.address = bytes_of(letter->to[i]), .notify = letter->notify};
    }
    const struct bytes parts[] = {BYTES("Subject: The matter\r\n"), BYTES("\r\nThe secret body\r\n")};
    check(store_queue_add(&world.store, NULL, &envelope, parts, 2, &error) == OK);
}

/* From alice, who is one of ours. */
static void add_ours(const char *id, const char *to)
{
    struct letter letter = {.id = id, .sender = "alice@vouch.example", .to = {to}, .origin = QUEUE_ORIGIN_OURS};
    add_letter(&letter);
}

static size_t waiting(void)
{
    return queue_count(world.store.queue->queue);
}

static size_t files_with(const char *where, const char *text)
{
    struct durable_fake_file *files;
    struct arena *arena = arena_create(64 << 20);
    size_t count = durable_fake_list(world.fake, arena, &files), found = 0;
    for (size_t i = 0; i < count; i++)
        found += strstr(files[i].path, where) && strstr(files[i].path, "/new/") &&
                 bytes_find(files[i].content, bytes_of(text)) != BYTES_NOT_FOUND;
    arena_destroy(arena);
    return found;
}

static bool is_about(int64_t value, int64_t wanted)
{
    return value >= wanted * 78 / 100 && value <= wanted * 122 / 100 + 2 * SECOND;
}

static void run_story(void (*story)(void *))
{
    struct loop_options options = {.fake_clock = true, .fake_epoch = START_EPOCH};
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    loop_run(loop, story, NULL);
    loop_destroy(loop);
}

#define STORY(name)                                                                                \
    static void name##_story(void *argument);                                                      \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        run_story(name##_story);                                                                   \
    }                                                                                              \
    static void name##_story(__attribute__((unused)) void *argument)

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
    check(files_with("/mail/alice/", "4.4.7") == 1);
    check(files_with("/mail/alice/", "Not now") == 1);
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
        cmocka_unit_test(without_a_courier_nothing_is_lost_and_nothing_counted),
        cmocka_unit_test(a_courier_that_dies_in_the_midst_of_it_is_not_given_the_same_again_at_once),
        cmocka_unit_test(what_is_under_way_at_the_end_is_tried_again_after_the_next_start),
        cmocka_unit_test(a_clock_that_jumps_gives_up_nothing_that_was_hardly_tried),
        cmocka_unit_test(held_mail_waits_also_after_a_restart_and_goes_when_released),
        cmocka_unit_test(mail_of_a_held_account_waits),
        cmocka_unit_test(dropped_mail_is_gone_and_bounced_mail_is_told),
        cmocka_unit_test(what_is_being_sent_is_dropped_when_that_has_ended),
        cmocka_unit_test(figures_say_what_waits_and_why),
        cmocka_unit_test(a_full_disk_refuses_new_mail_and_forgets_nothing),
        cmocka_unit_test(a_power_cut_at_any_point_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
