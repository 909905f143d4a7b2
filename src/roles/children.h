/* SPDX-License-Identifier: BSD-2-Clause */
/* children: the master's state, and how it starts its children and joins them. Private to the master. */
#ifndef VOUCH_ROLES_CHILDREN_H
#define VOUCH_ROLES_CHILDREN_H

#include "roles/listeners.h"
#include "roles/master.h"
#include "roles/role.h"

#include <sys/types.h>

enum { CHILDREN_MAX = 512 };

struct child {
    bool used;
    enum role_kind kind;
    unsigned index, generation;
    pid_t pid;                   /* 0: dead, to be started at restart_at */
    struct ipc_channel *control;
    bool ready, stopping;
    int64_t started_at, restart_at, pause;
};

struct master {
    const struct master_options *options;
    struct arena *arena;         /* of the current configuration */
    struct config config;
    struct listeners listeners;
    int control_socket;          /* -1: there is none */
    struct child children[CHILDREN_MAX];
    struct fiber_group fibers;
    struct fiber_signal changed;
    struct descriptor *signals;
    unsigned generation, generations; /* that serves; how many there ever were */
    bool upper;                  /* its edges have the upper indices: those of two never meet */
    bool stopping, reload_wanted;
    bool serving;                /* all were ready once */
    bool replacing;              /* the edges of the newest generation are being tried */
    bool unusable;               /* one of those that are started cannot use the configuration */
    int exit_status;
};

/* One message on the child's control channel; `fd` stays the caller's (-1: none). */
void children_send(struct child *child, uint16_t type, struct buf *payload, int fd);
/* Starts the process, gives it its listeners and its channels to the others, and says go. If it cannot be
 * started it is due again at child->restart_at. */
void children_start(struct master *master, struct child *child);
/* A new one of that kind, started. NULL when there are too many. */
struct child *children_add(struct master *master, enum role_kind kind, unsigned index);

#endif
