/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_world: the whole store role on a fake clock, with a test as its edge and as its courier, and a file
 * layer that forgets what was not synced (os/durable_fake.h).
 *
 * What the store writes through its file layer is done in the fake and, where that succeeds, in a folder
 * of the real file system as well, because spool and quota read that one. A crash empties the real folder
 * and fills it from what the fake has kept. The ledger (SQLite) and the counters (LMDB) are real.
 *
 * Everything is static. A failed check ends the program: cmocka's jumps do not survive a fiber.
 */
#ifndef VOUCH_TESTS_STORE_WORLD_H
#define VOUCH_TESTS_STORE_WORLD_H

#include "base/encode.h"
#include "base/log.h"
#include "os/durable_fake.h"
#include "os/files.h"
#include "roles/memfd.h"
#include "roles/parcel.h"
#include "roles/store.h"
#include "roles/store_queue_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define maybe_unused __attribute__((unused))

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);               \
            world_complain();                                                                      \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

enum { SCRIPTS_MAX = 16, TAKEN_MAX = 64, SENT_MAX = 256, DESCRIPTORS = 64, START_EPOCH = 1795297381 };

/* How the LMTP server behind the courier treats one recipient. */
struct lmtp_script {
    char recipient[64];
    unsigned code;       /* for its copy, after the data */
    unsigned taken;      /* copies it has said 250 to */
    unsigned asked;      /* times that it was tried */
    int64_t times[512];  /* when */
};

/* What the servers for a domain, or for one recipient, say; or that they cannot be reached. */
struct send_script {
    char name[64];
    unsigned code;
    enum send_status status;
    const char *enhanced; /* NULL: one that goes with the code */
};

/* What the courier was asked to send. */
struct sent {
    struct bytes domain, sender, submitter, content, envelope_id, policy;
    struct bytes recipients[8];
    unsigned notify[8];
    size_t count;
    bool verify_only, require_tls, return_headers;
};

/* What a test's requests have that struct mail has not. */
static void (*edit_request)(struct delivery_request *request);

/* More sections of the configuration, for the worlds to come. */
static const char *more_config = "";

static struct world {
    char folder[64];
    struct durable_fake *fake;
    struct durable table; /* first the fake, then the kernel */
    int real[DESCRIPTORS];
    struct bytes config;  /* the text */
    const char *broken;   /* paths that contain this cannot be created: EACCES */
    struct sync_point {
        size_t index, at; /* among the fake's syncs, and among its operations */
    } sync_points[1024];
    size_t syncs;         /* of the store */
    bool users_take_mail; /* what appears in a mailbox is fetched and deleted at once */
    char taken[TAKEN_MAX][4096];
    size_t taken_count;

    struct role role;
    struct fiber_group group; /* of the running role and its peers */
    struct ipc_channel *edge, *courier;
    int64_t courier_delay;
    bool courier_fails;   /* says nothing of any recipient */
    struct lmtp_script scripts[SCRIPTS_MAX];
    size_t script_count;
    size_t transactions;  /* that the courier was asked for */
    struct send_script send_scripts[SCRIPTS_MAX];
    size_t send_script_count;
    struct sent sent[SENT_MAX];
    size_t sent_count;
    struct send_policy policy; /* what the courier has fetched */
    struct arena *arena;  /* of the test */
    char log[65536];
    size_t log_length;
} world;

static maybe_unused void world_complain(void)
{
    struct durable_fake_file *files;
    fprintf(stderr, "%.*s", (int)world.log_length, world.log);
    if (!world.fake)
        return;
    struct arena *arena = arena_create(64 << 20);
    size_t count = durable_fake_list(world.fake, arena, &files);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "  %s (%zu)\n", files[i].path, files[i].content.len);
}

static void world_log(void *context, enum log_level level, struct bytes line)
{
    (void)context;
    (void)level;
    if (world.log_length + line.len + 1 > sizeof(world.log))
        world.log_length = 0;
    memcpy(world.log + world.log_length, line.ptr, line.len);
    world.log_length += line.len;
    world.log[world.log_length++] = '\n';
}

static char *world_path(const char *name)
{
    struct bytes text = arena_printf(world.arena, "%s/%s", world.folder, name);
    return arena_string(world.arena, text);
}

/* ---- the file layer ---- */

static void make_parents(const char *path)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof(parent), "%s", path);
    *strrchr(parent, '/') = '\0';
    check(files_make_directories(parent, 0700) == 0);
}

/* The kernel's descriptor for one of the fake. */
static int *real_of(int fd)
{
    check(fd >= 0);
    return &world.real[fd % DESCRIPTORS];
}

static int mirror_create(struct durable *durable, const char *path, mode_t mode)
{
    (void)durable;
    struct durable *fake = durable_fake_table(world.fake);
    if (world.broken && strstr(path, world.broken))
        return -EACCES;
    int fd = fake->create(fake, path, mode);
    if (fd < 0)
        return fd;
    make_parents(path);
    *real_of(fd) = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(*real_of(fd) >= 0);
    return fd;
}

static int mirror_write(struct durable *durable, int fd, struct bytes bytes)
{
    (void)durable;
    struct durable *fake = durable_fake_table(world.fake);
    int failed = fake->write(fake, fd, bytes);
    return failed ? failed : durable_kernel()->write(durable_kernel(), *real_of(fd), bytes);
}

static int mirror_start_sync(struct durable *durable, int fd)
{
    (void)durable;
    return durable_fake_table(world.fake)->start_sync(durable_fake_table(world.fake), fd);
}

static void note_sync(void)
{
    struct durable_fake_counts counts = durable_fake_count(world.fake);
    check(world.syncs < countof(world.sync_points));
    world.sync_points[world.syncs++] = (struct sync_point){
        counts.file_syncs + counts.directory_syncs, counts.operations};
}

static int mirror_sync(struct durable *durable, int fd)
{
    (void)durable;
    note_sync();
    return durable_fake_table(world.fake)->sync(durable_fake_table(world.fake), fd);
}

static int mirror_close(struct durable *durable, int fd)
{
    (void)durable;
    int failed = durable_fake_table(world.fake)->close(durable_fake_table(world.fake), fd);
    if (*real_of(fd) >= 0)
        close(*real_of(fd));
    *real_of(fd) = -1;
    return failed;
}

static int mirror_rename(struct durable *durable, const char *from, const char *to)
{
    (void)durable;
    int failed = durable_fake_table(world.fake)->rename(durable_fake_table(world.fake), from, to);
    if (failed)
        return failed;
    make_parents(to);
    return durable_kernel()->rename(durable_kernel(), from, to);
}

static int mirror_unlink(struct durable *durable, const char *path)
{
    (void)durable;
    int failed = durable_fake_table(world.fake)->unlink(durable_fake_table(world.fake), path);
    return failed ? failed : durable_kernel()->unlink(durable_kernel(), path);
}

static int mirror_make_directory(struct durable *durable, const char *path, mode_t mode)
{
    (void)durable;
    return durable_fake_table(world.fake)->make_directory(durable_fake_table(world.fake), path, mode);
}

static bool is_mailbox(const char *path)
{
    return strstr(path, "/mail/") && strstr(path, "/new");
}

/* Users fetch what has come and delete it; that much is durable at once. */
static void take_mail(const char *directory)
{
    struct durable_fake_file *files;
    struct durable *fake = durable_fake_table(world.fake);
    struct arena *arena = arena_create(64 << 20);
    size_t count = durable_fake_list(world.fake, arena, &files);
    for (size_t i = 0; i < count; i++) {
        struct bytes path = bytes_of(files[i].path);
        if (!bytes_starts_with(path, bytes_of(directory)) || fake->unlink(fake, files[i].path) != 0)
            continue;
        check(world.taken_count < TAKEN_MAX);
        snprintf(world.taken[world.taken_count++], sizeof(world.taken[0]), "%s\n" BYTES_FMT,
                 files[i].path, BYTES_ARG(files[i].content));
        check(unlink(files[i].path) == 0);
        /* Where the plug is pulled now the user has it, and it is there once more. */
        if (fake->sync_directory(fake, directory) != 0)
            world.taken_count--;
    }
    arena_destroy(arena);
}

static int mirror_sync_directory(struct durable *durable, const char *path)
{
    (void)durable;
    note_sync();
    struct durable *fake = durable_fake_table(world.fake);
    int failed = fake->sync_directory(fake, path);
    if (!failed && world.users_take_mail && is_mailbox(path))
        take_mail(path);
    return failed;
}

static const struct durable mirror = {
    .create = mirror_create,
    .write = mirror_write,
    .start_sync = mirror_start_sync,
    .sync = mirror_sync,
    .close = mirror_close,
    .rename = mirror_rename,
    .unlink = mirror_unlink,
    .make_directory = mirror_make_directory,
    .sync_directory = mirror_sync_directory,
};

/* ---- the world ---- */

static int remove_entry(const char *name, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(name);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *name, struct bytes content)
{
    struct error error;
    check(files_replace(durable_kernel(), world_path(name), content, 0644, &error) == OK);
}

static void world_create(void)
{
    world = (struct world){.fake = durable_fake_create(), .table = mirror};
    world.arena = arena_create(256 << 20);
    log_set_sink(world_log, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_DEBUG);
    for (size_t i = 0; i < DESCRIPTORS; i++)
        world.real[i] = -1;
    snprintf(world.folder, sizeof(world.folder), "/tmp/vouch-store-XXXXXX");
    check(mkdtemp(world.folder) != NULL);
    world.config = arena_printf(
        world.arena,
        "hostname = mx.vouch.example\ndata-directory = \"%s/data\"\nrun-directory = \"%s/run\"\n"
        "listener smtp { address = [127.0.0.1:25] }\n"
        "domain vouch.example { recipients = users aliases = aliases deliver = \"maildir:%s/mail/{user}\" }\n"
        "domain lmtp.example { deliver = \"lmtp:unix:%s/lmtp\" }\n"
        "domain other.example { deliver = \"lmtp:127.0.0.1:24\" }\n%s",
        world.folder, world.folder, world.folder, world.folder, more_config);
    write_file("vouch.conf", world.config);
    write_file("users", BYTES("alice\nbob\ncarol quota=1M\n"));
    write_file("aliases", BYTES("team: alice, bob, carol\n"));
    durable_fake_add_directory(world.fake, world_path("data"));
    durable_fake_add_directory(world.fake, world_path("mail"));
}

static void world_destroy(void)
{
    check(durable_fake_count(world.fake).open == 0);
    durable_fake_destroy(world.fake);
    world.fake = NULL;
    remove_tree(world.folder);
    arena_destroy(world.arena);
    log_set_sink(NULL, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
}

/* ---- the courier's end ---- */

static struct lmtp_script *script_of(struct bytes recipient)
{
    for (size_t i = 0; i < world.script_count; i++)
        if (bytes_is(recipient, world.scripts[i].recipient))
            return &world.scripts[i];
    check(world.script_count < SCRIPTS_MAX);
    struct lmtp_script *script = &world.scripts[world.script_count++];
    check(bytes_to_cstring(recipient, script->recipient, sizeof(script->recipient)));
    script->code = 250;
    return script;
}

static maybe_unused struct lmtp_script *lmtp(const char *recipient)
{
    return script_of(bytes_of(recipient));
}

static struct protocol_reply reply_of(unsigned code)
{
    return (struct protocol_reply){code,
                                   code == 250   ? BYTES("2.0.0")
                                   : code == 451 ? BYTES("4.2.0")
                                                 : BYTES("5.2.0"),
                                   code == 250   ? BYTES("Taken")
                                   : code == 451 ? BYTES("Not now")
                                                 : BYTES("Never")};
}

static struct send_script *send_script_of(struct bytes name)
{
    for (size_t i = 0; i < world.send_script_count; i++)
        if (bytes_is(name, world.send_scripts[i].name))
            return &world.send_scripts[i];
    return NULL;
}

/* What the servers say from now on; a recipient's words go before its domain's. */
static maybe_unused void servers_say(const char *name, unsigned code, enum send_status status)
{
    struct send_script *script = send_script_of(bytes_of(name));
    if (!script) {
        check(world.send_script_count < SCRIPTS_MAX);
        script = &world.send_scripts[world.send_script_count++];
        snprintf(script->name, sizeof(script->name), "%s", name);
    }
    script->code = code;
    script->status = status;
}

static void note_sent(const struct send_request *asked)
{
    check(world.sent_count < SENT_MAX && asked->recipient_count <= countof(world.sent[0].recipients));
    struct sent *sent = &world.sent[world.sent_count++];
    *sent = (struct sent){.domain = arena_copy(world.arena, asked->domain),
                          .sender = arena_copy(world.arena, asked->sender),
                          .submitter = arena_copy(world.arena, asked->submitter),
                          .content = arena_copy(world.arena, asked->content),
                          .envelope_id = arena_copy(world.arena, asked->envelope_id),
                          .policy = arena_copy(world.arena, asked->policy.text),
                          .count = asked->recipient_count,
                          .verify_only = asked->verify_only,
                          .require_tls = asked->require_tls,
                          .return_headers = asked->return_headers};
    for (size_t i = 0; i < sent->count; i++) {
        sent->recipients[i] = arena_copy(world.arena, asked->recipients[i].address);
        sent->notify[i] = asked->recipients[i].notify;
    }
}

static struct send_reply send_reply_of(const struct send_request *asked, struct bytes recipient,
                                       enum send_status status)
{
    const struct send_script *own = send_script_of(recipient), *all = send_script_of(asked->domain);
    unsigned code = own ? own->code : all ? all->code : 250;
    const char *enhanced = own ? own->enhanced : all ? all->enhanced : NULL;
    return (struct send_reply){.code = code,
                               .enhanced = enhanced      ? bytes_of(enhanced)
                                           : code == 250 ? BYTES("2.0.0")
                                           : code < 500  ? BYTES("4.2.0")
                                                         : BYTES("5.1.1"),
                               .text = code == 250  ? BYTES("Taken")
                                       : code < 500 ? BYTES("Not now")
                                                    : BYTES("Nobody of that name"),
                               .local = status != SEND_ANSWERED};
}

static void send_for_store(struct ipc_request *request)
{
    struct send_request asked;
    struct error error;
    struct buf payload;
    bool in_descriptor;
    check(send_request_read(request->message.payload, request->arena, &asked, &in_descriptor));
    if (in_descriptor)
        check(files_read_descriptor(request->arena, request->message.descriptors[0], 64 << 20, &asked.content,
                                    &error) == OK);
    note_sent(&asked);
    if (world.courier_delay)
        fiber_sleep(world.courier_delay);
    const struct send_script *domain = send_script_of(asked.domain);
    struct send_answer answer = {.status = domain ? domain->status : SEND_ANSWERED,
                                 .host = BYTES("mx.far.example"),
                                 .address = BYTES("192.0.2.1:25"),
                                 .security = BYTES("none"),
                                 .policy = world.policy};
    answer.replies = arena_alloc_array(request->arena, asked.recipient_count, sizeof(*answer.replies));
    for (size_t i = 0; i < asked.recipient_count; i++)
        answer.replies[i] = send_reply_of(&asked, asked.recipients[i].address, answer.status);
    buf_init(&payload, IPC_PAYLOAD_MAX);
    send_answer_write(&payload, &answer, asked.recipient_count);
    struct ipc_message message = {request->message.type, buf_bytes(&payload), {-1, -1, -1, -1}};
    ipc_reply(request, &message);
    buf_free(&payload);
    ipc_request_free(request);
}

static void serve_store(void *context, struct ipc_request *request)
{
    if (request->message.type == COURIER_SEND) {
        send_for_store(request);
        return;
    }
    struct courier_request asked;
    struct protocol_reply replies[PROTOCOL_RECIPIENTS_MAX];
    struct buf payload;
    (void)context;
    check(courier_request_read(request->message.payload, request->arena, &asked));
    check(asked.recipient_count <= countof(replies));
    world.transactions++;
    bool deliver = request->message.type == COURIER_DELIVER;
    for (size_t i = 0; deliver && i < asked.recipient_count; i++) {
        struct lmtp_script *script = script_of(asked.recipients[i]);
        check(script->asked < countof(script->times));
        script->times[script->asked++] = loop_now();
    }
    if (world.courier_delay)
        fiber_sleep(world.courier_delay);
    for (size_t i = 0; i < asked.recipient_count; i++) {
        struct lmtp_script *script = script_of(asked.recipients[i]);
        replies[i] = reply_of(deliver ? script->code : 250);
        script->taken += deliver && script->code == 250;
    }
    buf_init(&payload, IPC_PAYLOAD_MAX);
    courier_answer_write(&payload, replies, world.courier_fails ? 0 : asked.recipient_count);
    struct ipc_message message = {request->message.type, buf_bytes(&payload), {-1, -1, -1, -1}};
    ipc_reply(request, &message);
    buf_free(&payload);
    ipc_request_free(request);
}

/* ---- running ---- */

static void run_channel(void *argument)
{
    struct ipc_channel *channel = argument;
    struct fiber_group requests;
    fiber_group_open(&requests);
    enum result ignored = ipc_run(channel, &requests, serve_store, NULL, NULL);
    (void)ignored;
    fiber_group_close(&requests);
}

static void run_role(void *argument)
{
    (void)argument;
    world.role.definition->run(&world.role);
}

static struct store *the_store(void)
{
    return world.role.state;
}

static struct ipc_channel *join(enum role_kind kind)
{
    int pair[2];
    check(ipc_pair(pair) == 0);
    store_role.peer(&world.role, kind, 0, pair[0]);
    struct ipc_channel *channel = ipc_channel_open(pair[1], "store");
    check(channel != NULL);
    check(fiber_group_start(&world.group, "peer", run_channel, channel));
    return channel;
}

static maybe_unused void lose(struct ipc_channel **channel)
{
    ipc_channel_break(*channel, "the test ends it");
    fiber_yield();
    ipc_channel_close(*channel);
    *channel = NULL;
}

static void store_start(void)
{
    struct error error = {{0}};
    struct buf errors;
    world.role = (struct role){.definition = &store_role,
                               .config_file = world_path("vouch.conf"),
                               .unprivileged = true,
                               .arena = arena_create(SIZE_MAX / 2)};
    buf_init(&errors, 4096);
    if (config_load(world.role.arena, world.role.config_file, &world.role.config, &errors) != OK)
        fprintf(stderr, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    check(errors.len == 0);
    buf_free(&errors);
    fiber_group_open(&world.role.fibers);
    fiber_group_open(&world.group);
    enum result prepared = store_role.prepare(&world.role, &error);
    if (prepared != OK)
        fprintf(stderr, "%s\n", error.text);
    check(prepared == OK);
    the_store()->durable = &world.table;
    check(fiber_group_start(&world.group, "store", run_role, NULL));
    world.edge = join(ROLE_EDGE);
    world.courier = join(ROLE_COURIER);
    fiber_yield();
}

/* As the master stops it: the edges are gone first. */
static void store_stop(void)
{
    if (world.edge)
        lose(&world.edge);
    world.role.stopping = true;
    fiber_signal_all(&world.role.changed);
    for (int i = 0; i < 100; i++)
        fiber_yield();
    if (world.courier)
        lose(&world.courier);
    check(fiber_group_wait(&world.group, loop_deadline(2 * MINUTE)) == 0);
    fiber_group_close(&world.group);
    arena_destroy(world.role.arena);
}

/* The real folders become what the fake has kept. */
static void show_what_is_left(void)
{
    static const char *const folders[] = {"mail", "data/spool", "data/quarantine", "data/postmaster"};
    struct durable_fake_file *files;
    struct arena *arena = arena_create(64 << 20);
    for (size_t i = 0; i < countof(folders); i++)
        remove_tree(world_path(folders[i]));
    size_t count = durable_fake_list(world.fake, arena, &files);
    for (size_t i = 0; i < count; i++) {
        make_parents(files[i].path);
        int fd = open(files[i].path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        check(fd >= 0);
        check(durable_kernel()->write(durable_kernel(), fd, files[i].content) == 0);
        close(fd);
    }
    arena_destroy(arena);
    for (size_t i = 0; i < DESCRIPTORS; i++) {
        if (world.real[i] >= 0)
            close(world.real[i]);
        world.real[i] = -1;
    }
}

/* The plug is pulled and the machine starts again. `seed` 0: nothing unsynced survives. */
static maybe_unused void crash_and_restart(uint64_t seed)
{
    bool take = world.users_take_mail;
    world.users_take_mail = false;
    store_stop();
    if (seed)
        durable_fake_crash_partly(world.fake, seed);
    else
        durable_fake_crash(world.fake);
    show_what_is_left();
    world.users_take_mail = take;
    store_start();
}

/* ---- the edge's end ---- */

struct mail {
    const char *id, *fingerprint; /* of the fingerprint: any text */
    const char *recipients;       /* "alice@vouch.example bob@vouch.example" */
    const char *body;
    enum delivery_place place;
    enum mail_folder folder;
    int64_t patience;             /* 0: a minute */
    enum delivery_origin origin;
    const char *remote_sender;    /* NULL: as the sender; for others than strangers, or lists */
    const char *account, *list, *author, *submitter;
    bool elsewhere;               /* its recipients may be relayed to */
};

static maybe_unused unsigned world_code(const struct delivery_answer *answer)
{
    return answer->reply.code;
}

static void fill_request(const struct mail *mail, struct delivery_request *request)
{
    struct delivery_recipient *recipients =
        arena_alloc_array(world.arena, PROTOCOL_RECIPIENTS_MAX, sizeof(*recipients));
    struct bytes *names = arena_alloc_array(world.arena, PROTOCOL_RECIPIENTS_MAX, sizeof(*names));
    uint8_t *fingerprint = arena_alloc(world.arena, PROTOCOL_FINGERPRINT_SIZE);
    struct bytes rest = bytes_of(mail->recipients), word;
    size_t count = 0;
    check(recipients && names && fingerprint);
    const char *print = mail->fingerprint ? mail->fingerprint : mail->id;
    memcpy(fingerprint, print, strnlen(print, PROTOCOL_FINGERPRINT_SIZE));
    while (rest.len && bytes_split(&rest, ' ', &word)) {
        size_t at = bytes_rfind_byte(word, '@');
        names[count] = word;
        recipients[count++] =
            (struct delivery_recipient){word, bytes_first(word, at), bytes_skip(word, at + 1),
                                        .elsewhere = mail->elsewhere};
    }
    *request = (struct delivery_request){
        .sender = BYTES("sender@example.org"),
        .place = mail->place,
        .folder = mail->folder,
        .fingerprint = bytes_from(fingerprint, PROTOCOL_FINGERPRINT_SIZE),
        .patience = mail->patience ? mail->patience : MINUTE,
        .recipients = recipients,
        .recipient_count = count,
        .prefix = BYTES("Received: by mx\r\n"),
        .origin = mail->origin,
        .account = bytes_of(mail->account ? mail->account : ""),
        .remote_sender = bytes_of(mail->remote_sender ? mail->remote_sender : "sender@example.org"),
        .remote_prefix = BYTES("X-Remote: yes\r\n"),
        .list = bytes_of(mail->list ? mail->list : ""),
        .author = bytes_of(mail->author ? mail->author : ""),
        .submitter = bytes_of(mail->submitter ? mail->submitter : ""),
        .content = arena_printf(world.arena, "Subject: %s\r\n\r\n%s\r\n", mail->id,
                                mail->body ? mail->body : "body"),
        .record = {.id = bytes_of(mail->id),
                   .received_at = loop_epoch(),
                   .client = BYTES("192.0.2.1"),
                   .sender = BYTES("sender@example.org"),
                   .action = BYTES("accept"),
                   .trust = BYTES("third-class"),
                   .policy = BYTES("default"),
                   .evidence = BYTES("{}"),
                   .verdict = BYTES("{}"),
                   .recipients = names,
                   .recipient_count = count},
    };
}

/* As the edge does it. TEMP: there was no answer in time. */
static enum result deliver(const struct mail *mail, struct delivery_answer *answer)
{
    struct delivery_request request;
    struct ipc_message reply;
    struct error error;
    struct buf payload;
    int fd = -1;
    fill_request(mail, &request);
    if (edit_request)
        edit_request(&request);
    if (request.content.len > PROTOCOL_INLINE_MAX) {
        fd = memfd_of(request.content);
        request.in_descriptor = true;
    }
    buf_init(&payload, PARCEL_MAX);
    delivery_request_write(&payload, &request);
    struct ipc_message message = {.type = STORE_DELIVER, .descriptors = {fd}};
    check(parcel_pack(&message, buf_bytes(&payload)));
    enum result result = role_call(world.edge, world.arena, &message, &reply,
                                   loop_deadline(request.patience), &error);
    parcel_release(&message);
    if (fd >= 0)
        close(fd);
    buf_free(&payload);
    check(result != PERM);
    if (result == OK)
        check(delivery_answer_read(reply.payload, answer));
    return result;
}

/* The code; 0 if none came. */
static maybe_unused unsigned deliver_code(const struct mail *mail)
{
    struct delivery_answer answer;
    return deliver(mail, &answer) == OK ? answer.reply.code : 0;
}

/* ---- what is where ---- */

static bool holds(struct bytes text, const char *what)
{
    return bytes_find(text, bytes_of(what)) != BYTES_NOT_FOUND;
}

/* Copies of a message (by its id) for one mailbox in files whose path holds `where`. */
static size_t count_in(const char *where, const char *id, const char *mailbox)
{
    struct durable_fake_file *files;
    char subject[128], line[128], to[128];
    struct arena *arena = arena_create(64 << 20);
    size_t count = durable_fake_list(world.fake, arena, &files), found = 0;
    snprintf(subject, sizeof(subject), "Subject: %s", id);
    snprintf(line, sizeof(line), " =%s =", mailbox);
    snprintf(to, sizeof(to), "Delivered-To: %s\n", mailbox);
    for (size_t i = 0; i < count; i++)
        if (strstr(files[i].path, where) && strstr(files[i].path, "/new/") &&
            holds(files[i].content, subject) &&
            (!*mailbox || holds(files[i].content, strstr(where, "mail/") ? to : line)))
            found++;
    arena_destroy(arena);
    return found;
}

static maybe_unused size_t count_taken(const char *id, const char *mailbox)
{
    char subject[128], to[128];
    size_t found = 0;
    snprintf(subject, sizeof(subject), "\nSubject: %s\n", id);
    snprintf(to, sizeof(to), "\nDelivered-To: %s\n", mailbox);
    for (size_t i = 0; i < world.taken_count; i++)
        found += strstr(world.taken[i], subject) && strstr(world.taken[i], to);
    return found;
}

static maybe_unused size_t in_mailbox(const char *id, const char *mailbox)
{
    return count_in("/mail/", id, mailbox);
}

static maybe_unused size_t in_spool(const char *id, const char *mailbox)
{
    return count_in("/data/spool/", id, mailbox);
}

static maybe_unused size_t in_quarantine(const char *id, const char *mailbox)
{
    return count_in("/data/quarantine/", id, mailbox);
}

static maybe_unused size_t files_in(const char *where)
{
    struct durable_fake_file *files;
    struct arena *arena = arena_create(64 << 20);
    size_t count = durable_fake_list(world.fake, arena, &files), found = 0;
    for (size_t i = 0; i < count; i++)
        found += strstr(files[i].path, where) && strstr(files[i].path, "/new/");
    arena_destroy(arena);
    return found;
}

/* Runs a test as the main fiber of a loop with a fake clock. */
static void run_story(void (*story)(void *))
{
    struct loop_options options = {.fake_clock = true, .fake_epoch = START_EPOCH};
    struct loop *loop = loop_create(&options);
    check(loop != NULL);
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
    static void name##_story(maybe_unused void *argument)

#endif
