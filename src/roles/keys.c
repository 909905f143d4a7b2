/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys role: the process that will hold signing keys and accounts. Nothing signs yet, so it holds
 * none and serves no requests; it is started, sandboxed and supervised like the others so that what
 * comes has its place. (TLS keys live in the edges for now: see ARCHITECTURE.md.)
 */
#include "roles/role.h"

#include <unistd.h>

static enum result keys_prepare(struct role *role, struct error *error)
{
    (void)role;
    (void)error;
    return OK;
}

static void keys_sandbox(struct role *role, struct sandbox *sandbox)
{
    (void)role;
    (void)sandbox; /* no files, no network: the default */
}

static void keys_peer(struct role *role, enum role_kind kind, unsigned index, int fd)
{
    (void)index;
    struct ipc_channel *channel = ipc_channel_open(fd, role_kind_name(kind));
    if (channel)
        role_serve(role, channel, NULL, NULL);
    else
        close(fd);
}

static void keys_run(struct role *role)
{
    while (!role->stopping)
        fiber_signal_wait(&role->changed, NO_DEADLINE);
}

const struct role_definition keys_role = {
    .kind = ROLE_KEYS,
    .prepare = keys_prepare,
    .sandbox = keys_sandbox,
    .peer = keys_peer,
    .run = keys_run,
};
