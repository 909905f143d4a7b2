/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One fiber takes signals, one a child serves its control channel. Edges come in generations, each with
 * processes of its own for keys, passwords and sending: a reload starts new ones with the new configuration
 * and ends the old ones when the new ones are ready, so a configuration that does not work never replaces one
 * that does.
 */
#include "roles/master.h"

#include "base/log.h"
#include "deliver/recipients.h"
#include "os/files.h"
#include "os/process.h"
#include "roles/children.h"
#include "roles/control.h"
#include "roles/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_CONFIGURATION = 2 };
#define START_TIMEOUT (30 * SECOND)
#define FAST_DEATH (10 * SECOND)
#define RESTART_PAUSE_MAX (10 * SECOND)

static enum result load(const struct master_options *options, struct arena *arena,
                        struct config *config)
{
    struct buf errors;
    struct recipients *recipients = NULL;
    buf_init(&errors, 64 * 1024);
    enum result result = config_load(arena, options->config_file, config, &errors);
    if (result == OK)
        result = recipients_load(config, &recipients, &errors);
    recipients_free(recipients);
    struct bytes rest = buf_bytes(&errors), line;
    while (rest.len && bytes_split(&rest, '\n', &line))
        if (line.len)
            fprintf(stderr, BYTES_FMT "\n", BYTES_ARG(line));
    buf_free(&errors);
    return result;
}

static void start_generation(struct master *master)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned edges = master->config.edges ? master->config.edges : cores > 0 ? (unsigned)cores : 1;
    /* No number is given twice: children of a generation that failed may still be ending. */
    master->generation = ++master->generations;
    master->upper = !master->upper;
    /* Keys and routes are read when a process starts and never again, so new ones need a new process. */
    children_add(master, ROLE_KEYS, master->upper ? 1 : 0);
    if (!master->config.accounts.file[0] && (master->config.accounts.dovecot[0] || master->config.accounts.pam[0]))
        children_add(master, ROLE_AUTH, master->upper ? 1 : 0);
    children_add(master, ROLE_COURIER, master->upper ? 1 : 0);
    for (unsigned i = 0; i < edges; i++)
        children_add(master, ROLE_EDGE, i + (master->upper ? 16 : 0));
}

static bool all_ready(const struct master *master)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        const struct child *child = &master->children[i];
        if (child->used && !child->stopping && !child->ready)
            return false;
    }
    return true;
}

static const char *describe_end(int status, char out[64])
{
    if (WIFSIGNALED(status))
        snprintf(out, 64, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(out, 64, "exit status %d", WEXITSTATUS(status));
    return out;
}

static void child_ended(struct master *master, struct child *child, int status)
{
    char how[64];
    bool at_start = !child->ready;
    child->pid = 0;
    child->control = NULL;
    if (child->stopping || master->stopping) {
        child->used = false;
        return;
    }
    log_error("master", "%s %u ended: %s", role_kind_name(child->kind), child->index,
              describe_end(status, how));
    if (at_start && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIGURATION &&
        (!master->serving || (master->replacing && child->generation == master->generation))) {
        /* It said why; starting it again would say it again. */
        child->used = false;
        master->unusable = true;
        return;
    }
    /* One that dies young is started ever more slowly, so that a crash cannot become a fork bomb. */
    bool young = loop_now() - child->started_at < FAST_DEATH;
    child->pause = young ? (child->pause ? child->pause * 2 : 100 * MILLISECOND) : 0;
    if (child->pause > RESTART_PAUSE_MAX)
        child->pause = RESTART_PAUSE_MAX;
    child->restart_at = loop_deadline(child->pause);
}

static void reap(struct master *master)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (size_t i = 0; i < CHILDREN_MAX; i++)
            if (master->children[i].used && master->children[i].pid == pid)
                child_ended(master, &master->children[i], status);
    fiber_signal_all(&master->changed);
}

static void take_signals(void *argument)
{
    struct master *master = argument;
    struct signalfd_siginfo info;
    while (descriptor_wait_readable(master->signals, NO_DEADLINE) == 0) {
        while (read(descriptor_fd(master->signals), &info, sizeof(info)) == sizeof(info)) {
            if (info.ssi_signo == SIGCHLD)
                reap(master);
            else if (info.ssi_signo == SIGHUP)
                master->reload_wanted = true;
            else
                master->stopping = true;
        }
        fiber_signal_all(&master->changed);
    }
}

static int64_t restart_due(struct master *master)
{
    int64_t next = NO_DEADLINE;
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        struct child *child = &master->children[i];
        if (!child->used || child->pid || child->stopping)
            continue;
        if (child->restart_at <= loop_now())
            children_start(master, child);
        else if (child->restart_at < next)
            next = child->restart_at;
    }
    return next;
}

/* False when not all are ready in time, or one gave up. Restarts those that died. */
static bool wait_ready(struct master *master, int64_t timeout)
{
    int64_t deadline = loop_deadline(timeout);
    while (!all_ready(master) && !master->stopping && !master->unusable) {
        int64_t next = restart_due(master);
        if (loop_now() >= deadline)
            return false;
        fiber_signal_wait(&master->changed, next < deadline ? next : deadline);
    }
    return !master->stopping && !master->unusable;
}

static void stop_child(struct child *child)
{
    child->stopping = true;
    if (child->pid && child->control)
        children_send(child, CONTROL_STOP, NULL, -1);
    else if (!child->pid)
        child->used = false;
}

static void stop_children(struct master *master, enum role_kind kind)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        if (master->children[i].used && master->children[i].kind == kind)
            stop_child(&master->children[i]);
}

/* Those that edges ask; they end after them. */
static bool serves_edges(const struct child *child)
{
    return child->kind == ROLE_KEYS || child->kind == ROLE_AUTH;
}

/* Those of the newest generation, or all others. A courier finishes what it is sending. */
static void stop_generation(struct master *master, bool newest)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        struct child *child = &master->children[i];
        bool kind = child->kind == ROLE_EDGE || child->kind == ROLE_COURIER || (newest && serves_edges(child));
        if (child->used && kind && (child->generation == master->generation) == newest)
            stop_child(child);
    }
}

static bool any_left(const struct master *master, enum role_kind kind)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        if (master->children[i].used && master->children[i].kind == kind)
            return true;
    return false;
}

/* Waits for all of a kind to end; kills what does not. */
static void await_end(struct master *master, enum role_kind kind, int64_t timeout)
{
    int64_t deadline = loop_deadline(timeout);
    while (any_left(master, kind))
        if (fiber_signal_wait(&master->changed, deadline) != 0)
            break;
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        struct child *child = &master->children[i];
        if (!child->used || child->kind != kind || !child->pid)
            continue;
        log_warning("master", "%s %u does not end; killed", role_kind_name(kind), child->index);
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        child->used = false;
    }
}

/* The time lets systemd tell this reload from one before (Type=notify-reload). */
static void notify_reloading(void)
{
    struct timespec now;
    char text[64];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    process_notify(text);
}

/* Edges, or a courier that is still sending. */
static bool has_askers(const struct master *master, unsigned generation)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        const struct child *child = &master->children[i];
        if (child->used && (child->kind == ROLE_EDGE || child->kind == ROLE_COURIER) &&
            child->generation == generation)
            return true;
    }
    return false;
}

/* Ends the processes of older generations that nobody is left to ask. */
static void retire_asked(struct master *master)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        struct child *child = &master->children[i];
        if (child->used && serves_edges(child) && !child->stopping &&
            child->generation != master->generation && !has_askers(master, child->generation))
            stop_child(child);
    }
}

/* The old edges serve until all new ones do; if those never do, they are gone again. */
static bool replace_edges(struct master *master)
{
    unsigned serving = master->generation;
    master->replacing = true;
    start_generation(master);
    bool ready = wait_ready(master, START_TIMEOUT);
    master->replacing = false;
    if (ready) {
        stop_generation(master, false);
        return true;
    }
    stop_generation(master, true);
    master->generation = serving;
    master->upper = !master->upper;
    master->unusable = false;
    return false;
}

static enum result try_reload(struct master *master, struct arena *arena, struct error *error)
{
    struct config config, old = master->config;
    struct error ignored;
    if (!arena || load(master->options, arena, &config) != OK)
        return error_set(error, PERM, "the configuration has errors");
    enum result result = listeners_bind(&master->listeners, &config, error);
    if (result != OK)
        return result;
    master->config = config;
    if (replace_edges(master)) {
        listeners_trim(&master->listeners);
        return OK;
    }
    /* What the old configuration names is bound still, so this only marks the others. */
    master->config = old;
    if (listeners_bind(&master->listeners, &old, &ignored) == OK)
        listeners_trim(&master->listeners);
    return error_set(error, PERM, "the new processes cannot work with the configuration");
}

/* Opened anew at each reload, for log rotation: the new edges inherit it. The store and the courier keep
 * the old file until they are restarted, so rotate with copytruncate or log to the journal. */
static void open_log_file(const struct config *config)
{
    if (!config->log.file || !*config->log.file)
        return;
    int fd = open(config->log.file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
        fprintf(stderr, "vouch: cannot write %s: %s\n", config->log.file, strerror(errno));
    if (fd >= 0)
        close(fd);
}

static void reload(struct master *master)
{
    struct arena *arena = arena_create(SIZE_MAX / 2);
    struct error error = {{0}};
    notify_reloading();
    open_log_file(&master->config);
    if (try_reload(master, arena, &error) == OK) {
        arena_destroy(master->arena);
        master->arena = arena;
        role_log_to_stderr(&master->config, "master");
        for (size_t i = 0; i < CHILDREN_MAX; i++) {
            struct child *child = &master->children[i];
            if (child->used && child->pid && child->kind == ROLE_STORE)
                children_send(child, CONTROL_RELOAD, NULL, -1);
        }
        log_info("reload", "configuration reloaded");
    } else {
        arena_destroy(arena);
        if (!master->stopping)
            log_error("reload", "%s; the old configuration stays in force", error.text);
    }
    process_notify("READY=1");
}

static bool pid_file(const struct master *master, char path[4096])
{
    int length = snprintf(path, 4096, "%s/vouch.pid", master->config.run_directory);
    return length > 0 && length < 4096;
}

/* By it `vouch user` and scripts find whom to send SIGHUP. */
static void write_pid_file(const struct master *master)
{
    char path[4096], text[32];
    struct error error;
    snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (!pid_file(master, path) || files_replace(durable_kernel(), path, bytes_of(text), 0644, &error) != OK)
        log_warning("master", "no pid file in %s", master->config.run_directory);
}

static void remove_pid_file(const struct master *master)
{
    char path[4096];
    if (pid_file(master, path) && unlink(path) != 0 && errno != ENOENT)
        log_warning("master", "cannot remove %s", path);
}

static void stop_all(struct master *master)
{
    remove_pid_file(master);
    control_unlink(&master->config);
    process_notify("STOPPING=1");
    log_info("master", "stopping");
    stop_children(master, ROLE_EDGE);
    listeners_close(&master->listeners);
    await_end(master, ROLE_EDGE, master->config.limits.finish_timeout + 10 * SECOND);
    stop_children(master, ROLE_STORE);
    await_end(master, ROLE_STORE, 30 * SECOND);
    for (enum role_kind kind = ROLE_COURIER; kind < ROLE_KINDS; kind++)
        stop_children(master, kind);
    for (enum role_kind kind = ROLE_COURIER; kind < ROLE_KINDS; kind++)
        await_end(master, kind, 10 * SECOND);
}

static void master_fiber(void *argument)
{
    struct master *master = argument;
    fiber_group_open(&master->fibers);
    if (!fiber_group_start(&master->fibers, "signals", take_signals, master))
        panic("cannot take signals");
    children_add(master, ROLE_STORE, 0);
    start_generation(master);
    if (wait_ready(master, START_TIMEOUT)) {
        master->serving = true;
        write_pid_file(master);
        log_info("master", "ready");
        process_notify("READY=1");
    } else if (!master->stopping) {
        log_error("master", "not all processes are ready");
        master->exit_status = master->unusable ? EXIT_CONFIGURATION : 1;
        master->stopping = true;
    }
    while (!master->stopping) {
        retire_asked(master);
        int64_t next = restart_due(master);
        fiber_signal_wait(&master->changed, next);
        if (master->reload_wanted && !master->stopping) {
            master->reload_wanted = false;
            reload(master);
        }
    }
    stop_all(master);
    fiber_group_close(&master->fibers);
}

/* The store's folder, owned by its account; an empty folder to chroot to. */
static enum result prepare_folders(const struct master *master, struct error *error)
{
    const struct config *config = &master->config;
    char empty[4096];
    int length = snprintf(empty, sizeof(empty), "%s/empty", config->run_directory);
    if (length < 0 || (size_t)length >= sizeof(empty))
        return error_set(error, PERM, "run-directory: the path is too long");
    int code = files_make_directories(empty, 0755);
    if (code)
        return error_set(error, PERM, "cannot make %s: %s", empty, strerror(-code));
    uid_t uid;
    gid_t gid;
    enum result result = folder_account(config->user, &uid, &gid, error);
    if (result == OK)
        result = folder_make(config->data_directory, config->user, error);
    /* Packages and systemd make the folder, but for root. */
    if (result == OK && chown(config->data_directory, uid, gid) != 0)
        result = error_set(error, PERM, "cannot give %s to %s: %s", config->data_directory,
                           config->user, strerror(errno));
    return result;
}

static bool open_signals(struct master *master)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    master->signals = fd < 0 ? NULL : descriptor_open(fd);
    return master->signals != NULL;
}

int master_main(const struct master_options *options)
{
    static struct master master;
    struct error error = {{0}};
    struct loop_options loop_options = {0};
    signal(SIGPIPE, SIG_IGN);
    master.options = options;
    master.arena = arena_create(SIZE_MAX / 2);
    if (!master.arena || load(options, master.arena, &master.config) != OK)
        return EXIT_CONFIGURATION;
    listeners_inherit(&master.listeners);
    open_log_file(&master.config);
    role_log_to_stderr(&master.config, "master");
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (process_is_root() && !options->unprivileged && prepare_folders(&master, &error) != OK) {
        log_error("start", "%s", error.text);
        return EXIT_CONFIGURATION;
    }
    if (listeners_bind(&master.listeners, &master.config, &error) != OK) {
        log_error("start", "%s", error.text);
        return 1;
    }
    listeners_trim(&master.listeners);
    master.control_socket = control_listen(&master.config, &error);
    if (master.control_socket < 0)
        log_warning("start", "no commands can be given: %s", error.text);
    struct loop *loop = loop_create(&loop_options);
    if (!loop || !open_signals(&master)) {
        log_error("start", "cannot create the event loop: %s", strerror(errno));
        return 1;
    }
    loop_run(loop, master_fiber, &master);
    descriptor_close(master.signals);
    loop_destroy(loop);
    arena_destroy(master.arena);
    return master.exit_status;
}
