/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * role: what all roles but the master have in common: start, control channel, peers, sandbox, end.
 *
 * A role is this binary re-executed as `vouch role NAME …` with the control channel as descriptor 3.
 * It reads the configuration, opens what it needs (prepare), receives listeners and channels from
 * the master until CONTROL_START, closes the sandbox, and works (run) until CONTROL_STOP or until
 * the master is gone.
 */
#ifndef VOUCH_ROLES_ROLE_H
#define VOUCH_ROLES_ROLE_H

#include "config/config.h"
#include "fiber/sync.h"
#include "os/ipc.h"
#include "os/sandbox.h"
#include "roles/protocol.h"

struct role;

/* One file in src/roles defines one of these: what this process does. */
struct role_definition {
    enum role_kind kind;
    unsigned workers;
    /* On the main fiber, before the sandbox: open files, keys, databases. */
    enum result (*prepare)(struct role *role, struct error *error);
    /* Fills in what the role may still do afterwards (user and role name are set). */
    void (*sandbox)(struct role *role, struct sandbox *sandbox);
    /* A listener or a channel arrived (before and after the start). */
    void (*listener)(struct role *role, unsigned index, int fd);
    void (*peer)(struct role *role, enum role_kind kind, unsigned index, int fd);
    /* On the main fiber, in the sandbox; returns when role->stopping and all is finished. */
    void (*run)(struct role *role);
    void (*reload)(struct role *role);
};

extern const struct role_definition edge_role, store_role, courier_role, keys_role, auth_role;

struct role {
    const struct role_definition *definition;
    unsigned index;
    struct arena *arena;          /* lives as long as the process */
    struct config config;
    const char *config_file;
    bool unprivileged;
    struct ipc_channel *control;
    struct fiber_group fibers;    /* channels and whatever the role adds; closed at the end */
    bool started;
    bool stopping;                /* CONTROL_STOP came, or the master is gone */
    struct fiber_signal changed;  /* started or stopping */
    void *state;                  /* the role's own */
};

/* `vouch role NAME --index N --config FILE [--unprivileged]`. The exit status. */
int role_main(int argc, char **argv);

/* Serves a channel to a peer on its own fiber until the peer is gone. `serve` may be NULL. */
void role_serve(struct role *role, struct ipc_channel *channel,
                void (*serve)(void *context, struct ipc_request *request), void *context);
/* Takes over `fd` as the channel for calls to the peer and keeps it in *place, which becomes NULL when
 * the peer is gone. A channel that was there before is closed: it was that of a peer that died. */
void role_hold(struct role *role, struct ipc_channel **place, int fd, const char *name);

/* The same for a peer that is followed by another of its kind while it still works: the old channel is not
 * closed, and what was asked there is still answered. */
void role_hold_newest(struct role *role, struct ipc_channel **place, int fd, const char *name);

/* The channel in *place, which a role_hold() fills: waits for `changed` while there is none, or a closed one.
 * NULL past the deadline. */
struct ipc_channel *role_await(struct ipc_channel *const *place, struct fiber_signal *changed,
                               int64_t deadline);

/* ipc_call() to a peer that has no descriptors to give: those that it sends all the same are closed. */
enum result role_call(struct ipc_channel *channel, struct arena *arena,
                      const struct ipc_message *request, struct ipc_message *answer,
                      int64_t deadline, struct error *error) must_check;

/* Answers with the payload, and frees it. One that failed is not sent: the request is freed without a reply,
 * and the peer may try again. */
void role_reply(struct ipc_request *request, struct buf *payload);

/* Closes the descriptors that came with a message, all but those of files. No peer that is what it should
 * be sends others, and closing them can take hours if done carelessly (a socket that lingers). */
void role_close_descriptors(int descriptors[IPC_DESCRIPTORS_MAX], bool files_too);

/* True where the sandbox will change to the account of the configuration. */
bool role_drops_user(const struct role *role);
/* Closes the sandbox of this role, for good; after prepare(). */
enum result role_enter_sandbox(struct role *role, struct sandbox_report *report,
                               struct error *error) must_check;

/* Logs to standard error, with a time stamp unless the journal adds its own. `name` is "edge 1". */
void role_log_to_stderr(const struct config *config, const char *name);

#endif
