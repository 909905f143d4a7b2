/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue_world: the store's queue, scheduler and reports on a fake clock and a disk that forgets, with a
 * courier that does what a test says. Everything is static. A failed check ends the program: cmocka's jumps do
 * not survive a fiber.
 */
#ifndef VOUCH_TESTS_QUEUE_WORLD_H
#define VOUCH_TESTS_QUEUE_WORLD_H

#include "base/log.h"
#include "os/durable_fake.h"
#include "os/files.h"
#include "roles/store_policies.h"
#include "roles/store_queue_private.h"
#include "roles/store_tls_report.h"
#include "smtp/server.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    bool real_disk;
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
            .text = code == 250  ? BYTES("Taken")
                    : code < 500 ? BYTES("Not now")
                                 : BYTES("Nobody of that name"),
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
    *store = (struct store){.role = &world.role, .durable = world.real_disk
                                                         ? durable_kernel()
                                                         : durable_fake_table(world.fake)};
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
    bool real_disk = world.real_disk;
    memset(&world, 0, sizeof(world));
    world.real_disk = real_disk;
    world.settings = settings;
    world.fake = durable_fake_create();
    log_set_sink(keep_log, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
    snprintf(world.folder, sizeof(world.folder), "/tmp/vouch-queue-XXXXXX");
    check(mkdtemp(world.folder) != NULL);
    char path[128];
    snprintf(path, sizeof(path), "%s/data", world.folder);
    durable_fake_add_directory(world.fake, path);
    check(!world.real_disk || mkdir(path, 0700) == 0);
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
    bool require_tls, tls_optional, verp;
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
                                      .tls_optional = letter->tls_optional,
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

#endif
