/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control_server: the answering end of the control socket, without what is answered.
 *
 * A bounded number of clients, one command of each at a time, and only root's and our own account's.
 * A client that does not read its answer holds up its own fiber and nothing else; where there are too
 * many, the oldest is ended. All of it belongs to fibers of the group given.
 */
#ifndef VOUCH_ROLES_CONTROL_SERVER_H
#define VOUCH_ROLES_CONTROL_SERVER_H

#include "roles/control.h"

/* Of them so many may be members of the control-group; these push out nobody else. */
enum { CONTROL_LIMITED_MAX = 8 };
enum { CONTROL_CLIENTS_MAX = 16, CONTROL_ANSWER_MEMORY = 192 << 20 };

struct control_client;

/* A command under way. */
struct control_call_state {
    struct arena *arena;
    struct ipc_channel *channel;  /* private from here on */
    struct buf page;              /* entries that wait to be sent */
    size_t page_count;
};
/* Adds an entry to the pages of the answer, and sends a page when it is full: waits for a client that is
 * slow, but not for ever. False: nobody wants more, end it. */
bool control_emit(struct control_call_state *call, const struct control_entry *entry) must_check;

struct control_server {
    struct fiber_group *group;
    uid_t account;   /* whom to answer besides root */
    bool for_group;  /* the socket is open to a group, whose members may train */
    void *context;
    /* Fills in *answer, preset to OK and empty, from memory of the arena. May wait. `content_fd`,
     * preset to -1: a descriptor to hand out; it is closed here. */
    void (*answer)(void *context, struct control_call_state *call, const struct control_command *command,
                   struct control_answer *answer, int *content_fd);
    struct control_client *clients; /* private: newest first */
    size_t client_count;
};

/* Accepts on `fd`, which it takes over, from a fiber of the group. False: no memory (fd is closed). */
bool control_server_start(struct control_server *server, int fd) must_check;
/* Serves one connection, which it takes over; closes it where the peer may not ask. */
void control_server_take(struct control_server *server, int fd);

#endif
