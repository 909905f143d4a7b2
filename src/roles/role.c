/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/role.h"

#include "base/log.h"
#include "os/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CONTROL_FD = 3, EXIT_CONFIGURATION = 2 };

static const struct role_definition *const definitions[ROLE_KINDS] = {
    [ROLE_EDGE] = &edge_role,
    [ROLE_STORE] = &store_role,
    [ROLE_COURIER] = &courier_role,
    [ROLE_KEYS] = &keys_role,
    [ROLE_AUTH] = &auth_role,
};

static char log_name[64], log_filter[1024];
static bool log_stamped;

static void write_log(void *context, enum log_level level, struct bytes line)
{
    char text[LOG_LINE_MAX + 160];
    size_t length = 0;
    (void)context;
    (void)level;
    bool json = line.len && line.ptr[0] == '{';
    if (log_stamped || json) {
        struct timespec now;
        struct tm local;
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &local);
        if (json)
            length = (size_t)snprintf(text, sizeof(text), "{\"time\":\"");
        length += strftime(text + length, sizeof(text) - length, "%Y-%m-%dT%H:%M:%S", &local);
        length += (size_t)snprintf(text + length, sizeof(text) - length, ".%03ldZ%s",
                                   now.tv_nsec / 1000000, json ? "\"," : " ");
    }
    if (json) {
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   "\"process\":\"%s\",\"pid\":%d,", log_name, (int)getpid());
        line = bytes_skip(line, 1);
    } else {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "vouch/%s[%d]: ", log_name,
                                   (int)getpid());
    }
    if (line.len > sizeof(text) - length - 1)
        line.len = sizeof(text) - length - 1;
    memcpy(text + length, line.ptr, line.len);
    length += line.len;
    text[length++] = '\n';
    /* One write a line, so that lines of several roles do not mix. */
    if (write(STDERR_FILENO, text, length) < 0)
        return;
}

/* systemd.exec(5): JOURNAL_STREAM names device and inode of the journal's socket. */
static bool stderr_is_journal(void)
{
    struct bytes rest = bytes_of(getenv("JOURNAL_STREAM")), device, inode;
    struct stat status;
    uint64_t numbers[2];
    return rest.len && bytes_split(&rest, ':', &device) && bytes_split(&rest, ':', &inode) &&
           bytes_to_uint(device, UINT64_MAX, &numbers[0]) &&
           bytes_to_uint(inode, UINT64_MAX, &numbers[1]) && fstat(STDERR_FILENO, &status) == 0 &&
           status.st_dev == numbers[0] && status.st_ino == numbers[1];
}

void role_log_to_stderr(const struct config *config, const char *name)
{
    enum log_level least = LOG_LEVEL_INFO;
    if (strcmp(config->log.level, "debug") == 0)
        least = LOG_LEVEL_DEBUG;
    else if (strcmp(config->log.level, "warning") == 0)
        least = LOG_LEVEL_WARNING;
    else if (strcmp(config->log.level, "error") == 0)
        least = LOG_LEVEL_ERROR;
    snprintf(log_name, sizeof(log_name), "%s", name);
    log_stamped = !stderr_is_journal();
    /* The first call reads the time zone's file; later ones may not. */
    tzset();
    log_set_sink(write_log, NULL, config->log.json ? LOG_FORMAT_JSON : LOG_FORMAT_PLAIN, least);
    /* A copy: the master's configuration goes at a reload. */
    snprintf(log_filter, sizeof(log_filter), "%s", config->log.filter);
    log_set_filter(log_filter);
}

static void wake_all(struct role *role)
{
    fiber_signal_all(&role->changed);
}

static int take_descriptor(struct ipc_request *request)
{
    int fd = request->message.descriptors[0];
    request->message.descriptors[0] = -1;
    return fd;
}

static void take_listener(struct role *role, struct ipc_request *request)
{
    struct cursor cursor = cursor_over(request->message.payload);
    uint32_t index = cursor_u32(&cursor);
    int fd = take_descriptor(request);
    if (!cursor.failed && fd >= 0 && role->definition->listener)
        role->definition->listener(role, index, fd);
    else if (fd >= 0)
        close(fd);
}

static void take_peer(struct role *role, struct ipc_request *request)
{
    struct cursor cursor = cursor_over(request->message.payload);
    uint8_t kind = cursor_u8(&cursor);
    uint32_t index = cursor_u32(&cursor);
    int fd = take_descriptor(request);
    if (!cursor.failed && fd >= 0 && kind < ROLE_KINDS && role->definition->peer)
        role->definition->peer(role, kind, index, fd);
    else if (fd >= 0)
        close(fd);
}

static void serve_control(void *context, struct ipc_request *request)
{
    struct role *role = context;
    switch (request->message.type) {
    case CONTROL_LISTENER:
        take_listener(role, request);
        break;
    case CONTROL_PEER:
        take_peer(role, request);
        break;
    case CONTROL_START:
        role->started = true;
        break;
    case CONTROL_STOP:
        role->stopping = true;
        break;
    case CONTROL_RELOAD:
        if (role->definition->reload)
            role->definition->reload(role);
        break;
    default:
        log_warning("control", "unknown message %u", request->message.type);
    }
    ipc_request_free(request);
    wake_all(role);
}

struct serving {
    struct role *role;
    struct ipc_channel *channel;
    void (*serve)(void *context, struct ipc_request *request);
    void *context;
    bool is_control;
    struct ipc_channel **place; /* NULL, or where the channel is kept while it lives */
};

/*
 * Roles send each other nothing but files in memory. Anything else is a peer that was taken over, and
 * can do harm by being closed: a TCP socket that lingers would hold this thread for hours.
 */
void role_close_descriptors(int descriptors[IPC_DESCRIPTORS_MAX], bool files_too)
{
    for (size_t i = 0; i < IPC_DESCRIPTORS_MAX; i++) {
        struct stat status;
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        int fd = descriptors[i];
        if (fd < 0 || (!files_too && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)))
            continue;
        if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0)
            log_warning("ipc", "a peer sent a socket");
        close(fd);
        descriptors[i] = -1;
    }
}

enum result role_call(struct ipc_channel *channel, struct arena *arena,
                      const struct ipc_message *request, struct ipc_message *answer,
                      int64_t deadline, struct error *error)
{
    enum result result = ipc_call(channel, arena, request, answer, deadline, error);
    if (result == OK)
        role_close_descriptors(answer->descriptors, true);
    return result;
}

static void serve_request(void *context, struct ipc_request *request)
{
    const struct serving *serving = context;
    if (!serving->is_control)
        role_close_descriptors(request->message.descriptors, false);
    serving->serve(serving->context, request);
}

static void refuse(void *context, struct ipc_request *request)
{
    (void)context;
    log_warning("ipc", "unexpected message %u", request->message.type);
    ipc_request_free(request);
}

static void serve_channel(void *argument)
{
    struct serving *serving = argument;
    struct fiber_group requests;
    struct error error = {{0}};
    fiber_group_open(&requests);
    enum result result = ipc_run(serving->channel, &requests, serve_request, serving, &error);
    if (result == PERM)
        log_warning("ipc", "%s", error.text);
    if (serving->place && *serving->place == serving->channel)
        *serving->place = NULL;
    fiber_group_close(&requests);
    if (serving->is_control) {
        /* The master is gone: nobody would restart or stop us. */
        serving->role->stopping = true;
        wake_all(serving->role);
    }
    ipc_channel_close(serving->channel);
    free(serving);
}

static void start_serving(const struct serving *template)
{
    struct serving *serving = malloc(sizeof(*serving));
    if (serving) {
        *serving = *template;
        if (!serving->serve)
            serving->serve = refuse;
        if (fiber_group_start(&serving->role->fibers, "channel", serve_channel, serving))
            return;
        free(serving);
    }
    panic("cannot serve a channel");
}

void role_serve(struct role *role, struct ipc_channel *channel,
                void (*serve)(void *context, struct ipc_request *request), void *context)
{
    start_serving(
        &(struct serving){.role = role, .channel = channel, .serve = serve, .context = context});
}

static void hold(struct role *role, struct ipc_channel **place, int fd, const char *name, bool replaces)
{
    struct ipc_channel *channel = ipc_channel_open(fd, name);
    if (!channel) {
        log_warning("ipc", "no channel to %s", name);
        close(fd);
        return;
    }
    /* Its own fiber closes it; whoever waits for an answer from there gets none any more. */
    if (*place && replaces)
        ipc_channel_break(*place, "replaced");
    *place = channel;
    start_serving(&(struct serving){.role = role, .channel = channel, .place = place});
}

void role_hold(struct role *role, struct ipc_channel **place, int fd, const char *name)
{
    hold(role, place, fd, name, true);
}

void role_hold_newest(struct role *role, struct ipc_channel **place, int fd, const char *name)
{
    hold(role, place, fd, name, false);
}

struct ipc_channel *role_await(struct ipc_channel *const *place, struct fiber_signal *changed,
                               int64_t deadline)
{
    while (!*place || !ipc_channel_is_open(*place))
        if (fiber_signal_wait(changed, deadline) != 0)
            return NULL;
    return *place;
}

void role_reply(struct ipc_request *request, struct buf *payload)
{
    struct ipc_message message = {request->message.type, buf_bytes(payload), {-1, -1, -1, -1}};
    if (!payload->failed)
        ipc_reply(request, &message);
    buf_free(payload);
}

bool role_drops_user(const struct role *role)
{
    return process_is_root() && !role->unprivileged;
}

enum result role_enter_sandbox(struct role *role, struct sandbox_report *report, struct error *error)
{
    struct sandbox sandbox = {.role = role_kind_name(role->definition->kind)};
    if (role_drops_user(role)) {
        struct bytes empty = arena_printf(role->arena, "%s/empty", role->config.run_directory);
        sandbox.user = role->config.user;
        sandbox.chroot_to = arena_string(role->arena, empty);
        if (!sandbox.chroot_to)
            return error_set(error, TEMP, "out of memory");
    }
    role->definition->sandbox(role, &sandbox);
    return sandbox_enter(&sandbox, report, error);
}

static enum result enter_sandbox(struct role *role, struct error *error)
{
    struct sandbox_report report;
    enum result result = role_enter_sandbox(role, &report, error);
    if (result == OK)
        log_debug("sandbox", "user dropped: %d, chroot: %d, landlock ABI: %d, seccomp: %d",
                  report.user_dropped, report.chrooted, report.landlock_abi, report.seccomp);
    if (result == OK && report.missing[0])
        log_warning("sandbox", "not complete on this system: %s", report.missing);
    return result;
}

static void role_fiber(void *argument)
{
    struct role *role = argument;
    struct error error = {{0}};
    fiber_group_open(&role->fibers);
    role->control = ipc_channel_open(CONTROL_FD, "master");
    if (!role->control)
        panic("no control channel");
    enum result result = role->definition->prepare(role, &error);
    if (result == OK) {
        start_serving(&(struct serving){.role = role,
                                        .channel = role->control,
                                        .serve = serve_control,
                                        .context = role,
                                        .is_control = true});
        while (!role->started && !role->stopping)
            fiber_signal_wait(&role->changed, NO_DEADLINE);
        if (!role->stopping)
            result = enter_sandbox(role, &error);
    }
    if (result != OK) {
        /* Half of it is there, in no order; nothing is under way that would need an orderly end. */
        log_error("start", "%s", error.text);
        /* What may pass (a full disk) is worth another start: the master tries again. */
        _exit(result == PERM ? EXIT_CONFIGURATION : 1);
    } else if (role->stopping) {
        /* Told to stop before it began, because another role could not start: the same. */
        _exit(EXIT_SUCCESS);
    } else {
        struct ipc_message ready = {.type = CONTROL_READY, .descriptors = {-1, -1, -1, -1}};
        if (ipc_send(role->control, &ready, loop_deadline(10 * SECOND), &error) == OK)
            role->definition->run(role);
    }
    fiber_group_close(&role->fibers);
}

static bool read_arguments(struct role *role, int argc, char **argv)
{
    enum role_kind kind;
    if (argc < 1 || !role_kind_parse(argv[0], &kind) || !definitions[kind])
        return false;
    role->definition = definitions[kind];
    for (int i = 1; i < argc; i++) {
        uint64_t index;
        if (strcmp(argv[i], "--unprivileged") == 0) {
            role->unprivileged = true;
        } else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            role->config_file = argv[++i];
        } else if (strcmp(argv[i], "--index") == 0 && i + 1 < argc &&
                   bytes_to_uint(bytes_of(argv[i + 1]), 10000, &index)) {
            role->index = (unsigned)index;
            i++;
        } else {
            return false;
        }
    }
    return role->config_file && fcntl(CONTROL_FD, F_GETFD) >= 0;
}

static enum result load_config(struct role *role)
{
    struct buf errors;
    buf_init(&errors, 64 * 1024);
    enum result result = config_load(role->arena, role->config_file, &role->config, &errors);
    if (result != OK)
        fprintf(stderr, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    buf_free(&errors);
    return result;
}

/* A session is a descriptor, and the usual soft limit is for programs that use select(). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            log_warning("start", "cannot raise the limit of descriptors");
    }
}

int role_main(int argc, char **argv)
{
    struct role role = {0};
    char name[64];
    if (!read_arguments(&role, argc, argv)) {
        fprintf(stderr, "vouch role: internal command, started by `vouch serve`\n");
        return EXIT_CONFIGURATION;
    }
    signal(SIGPIPE, SIG_IGN);
    /* A terminal's Ctrl-C goes to the whole group; the master tells us when to stop. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    role.arena = arena_create(SIZE_MAX / 2);
    if (!role.arena || load_config(&role) != OK) {
        arena_destroy(role.arena);
        return EXIT_CONFIGURATION;
    }
    snprintf(name, sizeof(name), "%s", role_kind_name(role.definition->kind));
    role_log_to_stderr(&role.config, name);
    snprintf(name, sizeof(name), "vouch: %s %u", role_kind_name(role.definition->kind), role.index);
    process_set_title(name);
    raise_descriptor_limit();
    struct loop_options options = {.workers = role.definition->workers,
                                   .fiber_max = role.config.limits.sessions * 4 + 1024};
    struct loop *loop = loop_create(&options);
    if (!loop)
        panic("cannot create the event loop");
    loop_run(loop, role_fiber, &role);
    loop_destroy(loop);
    arena_destroy(role.arena);
    return 0;
}
