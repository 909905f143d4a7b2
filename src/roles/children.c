/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/children.h"

#include "base/log.h"
#include "os/process.h"
#include "roles/control.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void children_send(struct child *child, uint16_t type, struct buf *payload, int fd)
{
    struct error error;
    struct ipc_message message = {type, payload ? buf_bytes(payload) : BYTES(""), {fd, -1, -1, -1}};
    if (!child->control || ipc_send(child->control, &message, loop_deadline(5 * SECOND), &error) != OK)
        log_warning("master", "%s %u does not take messages", role_kind_name(child->kind),
                    child->index);
}

static void send_peer(struct child *to, const struct child *peer, int fd)
{
    struct buf payload;
    buf_init(&payload, 64);
    ipc_add_u8(&payload, (uint8_t)peer->kind);
    ipc_add_u32(&payload, peer->index);
    children_send(to, CONTROL_PEER, &payload, fd);
    buf_free(&payload);
}

/* A channel between two roles; the master keeps neither end. */
static void join_children(struct child *a, struct child *b)
{
    int pair[2];
    if (ipc_pair(pair) != 0) {
        log_error("master", "cannot make a channel");
        return;
    }
    send_peer(a, b, pair[0]);
    send_peer(b, a, pair[1]);
    close(pair[0]);
    close(pair[1]);
}

static bool are_peers(const struct child *a, const struct child *b)
{
    /* An edge signs with the keys of its own generation: which keys there are belongs to the
     * configuration that it was started with. */
    if ((a->kind == ROLE_EDGE || a->kind == ROLE_COURIER) && (b->kind == ROLE_KEYS || b->kind == ROLE_AUTH))
        return a->generation == b->generation && !b->stopping && (a->kind == ROLE_EDGE || b->kind == ROLE_KEYS);
    if (a->kind == ROLE_STORE)
        return (b->kind == ROLE_COURIER || b->kind == ROLE_KEYS) && !b->stopping;
    return a->kind == ROLE_EDGE && b->kind == ROLE_STORE;
}

static void join_all(struct master *master, struct child *child)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        struct child *other = &master->children[i];
        /* One that is stopping, too: an old edge may still hand over a message that it is receiving. */
        if (other->used && other->pid && other->control && other != child &&
            (are_peers(child, other) || are_peers(other, child)))
            join_children(child, other);
    }
}

static void send_listeners(struct master *master, struct child *child)
{
    for (size_t i = 0; i < master->listeners.count; i++) {
        struct buf payload;
        if (master->listeners.items[i].listener == LISTENER_UNWANTED)
            continue;
        buf_init(&payload, 64);
        ipc_add_u32(&payload, master->listeners.items[i].listener);
        children_send(child, CONTROL_LISTENER, &payload, master->listeners.items[i].fd);
        buf_free(&payload);
    }
}

/* Commands of the administrator. */
static void send_control_socket(const struct master *master, struct child *child)
{
    struct buf payload;
    buf_init(&payload, 64);
    ipc_add_u32(&payload, CONTROL_SOCKET_INDEX);
    children_send(child, CONTROL_LISTENER, &payload, master->control_socket);
    buf_free(&payload);
}

static void serve_child(void *context, struct ipc_request *request)
{
    struct master *master = context;
    role_close_descriptors(request->message.descriptors, true);
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        struct child *child = &master->children[i];
        if (child->used && child->control == request->channel &&
            request->message.type == CONTROL_READY) {
            child->ready = true;
            fiber_signal_all(&master->changed);
        }
    }
    ipc_request_free(request);
}

struct control {
    struct master *master;
    struct ipc_channel *channel;
};

/* Ends when the child does; SIGCHLD tells how. */
static void serve_control(void *argument)
{
    struct control *control = argument;
    struct fiber_group requests;
    fiber_group_open(&requests);
    enum result ignored = ipc_run(control->channel, &requests, serve_child, control->master, NULL);
    (void)ignored;
    fiber_group_close(&requests);
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        if (control->master->children[i].control == control->channel)
            control->master->children[i].control = NULL;
    ipc_channel_close(control->channel);
    free(control);
}

static bool open_control(struct master *master, struct child *child, int fd)
{
    struct control *control = malloc(sizeof(*control));
    child->control = ipc_channel_open(fd, role_kind_name(child->kind));
    if (control)
        *control = (struct control){master, child->control};
    return control && child->control &&
           fiber_group_start(&master->fibers, "control", serve_control, control);
}

void children_start(struct master *master, struct child *child)
{
    char index[16];
    int pair[2];
    snprintf(index, sizeof(index), "%u", child->index);
    const char *arguments[] = {
        "vouch",  "role", role_kind_name(child->kind),   "--index",
        index,    "--config", master->options->config_file,
        master->options->unprivileged ? "--unprivileged" : NULL, NULL};
    child->ready = false;
    child->started_at = loop_now();
    child->pid = 0;
    if (ipc_pair(pair) == 0) {
        pid_t pid = process_spawn(arguments, &pair[1], 1);
        close(pair[1]);
        if (pid > 0 && open_control(master, child, pair[0])) {
            child->pid = pid;
            log_debug("master", "started %s %u as %d", role_kind_name(child->kind), child->index,
                      (int)pid);
            if (child->kind == ROLE_EDGE)
                send_listeners(master, child);
            else if (child->kind == ROLE_STORE && master->control_socket >= 0)
                send_control_socket(master, child);
            join_all(master, child);
            children_send(child, CONTROL_START, NULL, -1);
            return;
        }
        if (pid > 0)
            kill(pid, SIGKILL);
    }
    log_error("master", "cannot start %s %u", role_kind_name(child->kind), child->index);
    child->restart_at = loop_deadline(SECOND);
}

struct child *children_add(struct master *master, enum role_kind kind, unsigned index)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        struct child *child = &master->children[i];
        if (child->used)
            continue;
        *child = (struct child){.used = true,
                                .kind = kind,
                                .index = index,
                                .generation = master->generation,
                                .restart_at = NO_DEADLINE};
        children_start(master, child);
        return child;
    }
    log_error("master", "too many processes");
    return NULL;
}
