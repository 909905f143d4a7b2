/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/role.h"

#include "base/log.h"
#include "os/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CONTROL_FD = 3, EXIT_CONFIGURATION = 2 };

static const struct role_definition *const definitions[ROLE_KINDS] = {
    [ROLE_EDGE] = &edge_role,
    [ROLE_STORE] = &store_role,
    [ROLE_COURIER] = &courier_role,
    [ROLE_KEYS] = &keys_role,
};

static char log_name[64];
static bool log_stamped;

static void write_log(void *context, enum log_level level, struct bytes line)
{
    char text[LOG_LINE_MAX + 160];
    size_t length = 0;
    (void)context;
    (void)level;
    bool json = line.len && line.ptr[0] == '{';
    if (log_stamped && !json) {
        struct timespec now;
        struct tm local;
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &local);
        length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &local);
        length += (size_t)snprintf(text + length, sizeof(text) - length, ".%03ldZ ",
                                   now.tv_nsec / 1000000);
    }
    if (!json)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "vouch/%s[%d]: ", log_name,
                                   (int)getpid());
    if (line.len > sizeof(text) - length - 1)
        line.len = sizeof(text) - length - 1;
    memcpy(text + length, line.ptr, line.len);
    length += line.len;
    text[length++] = '\n';
    /* One write a line, so that lines of several roles do not mix. */
    if (write(STDERR_FILENO, text, length) < 0)
        return;
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
    log_stamped = getenv("JOURNAL_STREAM") == NULL;
    /* The first call reads the time zone's file; later ones may not. */
    tzset();
    log_set_sink(write_log, NULL, config->log.json ? LOG_FORMAT_JSON : LOG_FORMAT_PLAIN, least);
    log_set_filter(config->log.filter);
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
};

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
    enum result result = ipc_run(serving->channel, &requests,
                                 serving->serve ? serving->serve : refuse, serving->context, &error);
    if (result == PERM)
        log_warning("ipc", "%s", error.text);
    fiber_group_close(&requests);
    if (serving->is_control) {
        /* The master is gone: nobody would restart or stop us. */
        serving->role->stopping = true;
        wake_all(serving->role);
    }
    ipc_channel_close(serving->channel);
    free(serving);
}

static void start_serving(struct role *role, struct ipc_channel *channel,
                          void (*serve)(void *, struct ipc_request *), void *context,
                          bool is_control)
{
    struct serving *serving = malloc(sizeof(*serving));
    if (serving) {
        *serving = (struct serving){role, channel, serve, context, is_control};
        if (fiber_group_start(&role->fibers, "channel", serve_channel, serving))
            return;
        free(serving);
    }
    panic("cannot serve a channel");
}

void role_serve(struct role *role, struct ipc_channel *channel,
                void (*serve)(void *context, struct ipc_request *request), void *context)
{
    start_serving(role, channel, serve, context, false);
}

static enum result enter_sandbox(struct role *role, struct error *error)
{
    struct sandbox sandbox = {.role = role_kind_name(role->definition->kind)};
    struct sandbox_report report;
    if (process_is_root() && !role->unprivileged) {
        sandbox.user = role->config.user;
        sandbox.chroot_to = role->config.run_directory;
    }
    role->definition->sandbox(role, &sandbox);
    enum result result = sandbox_enter(&sandbox, &report, error);
    if (result == OK)
        log_debug("sandbox", "user dropped: %d, chroot: %d, landlock ABI: %d, seccomp: %d",
                  report.user_dropped, report.chrooted, report.landlock_abi, report.seccomp);
    if (result == OK && (!report.landlock_abi || !report.seccomp))
        log_warning("sandbox", "not complete on this system: landlock ABI %d, seccomp %s",
                    report.landlock_abi, report.seccomp ? "on" : "off");
    return result;
}

static int exit_status;

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
        start_serving(role, role->control, serve_control, role, true);
        while (!role->started && !role->stopping)
            fiber_signal_wait(&role->changed, NO_DEADLINE);
        if (!role->stopping)
            result = enter_sandbox(role, &error);
    }
    if (result != OK) {
        log_error("start", "%s", error.text);
        exit_status = EXIT_CONFIGURATION;
    } else if (!role->stopping) {
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
    if (!role.arena || load_config(&role) != OK)
        return EXIT_CONFIGURATION;
    snprintf(name, sizeof(name), "%s", role_kind_name(role.definition->kind));
    role_log_to_stderr(&role.config, name);
    snprintf(name, sizeof(name), "vouch: %s %u", role_kind_name(role.definition->kind), role.index);
    process_set_title(name);
    struct loop_options options = {.workers = role.definition->workers,
                                   .fiber_max = role.config.limits.sessions * 4 + 1024};
    struct loop *loop = loop_create(&options);
    if (!loop)
        panic("cannot create the event loop");
    loop_run(loop, role_fiber, &role);
    loop_destroy(loop);
    arena_destroy(role.arena);
    return exit_status;
}
