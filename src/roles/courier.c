/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/role.h"

#include <unistd.h>

static enum result courier_prepare(struct role *role, struct error *error)
{
    (void)role;
    (void)error;
    return OK;
}

static void courier_sandbox(struct role *role, struct sandbox *sandbox)
{
    (void)role;
    sandbox->may_connect_network = true;
    sandbox->may_connect_unix = true;
}

static void courier_peer(struct role *role, enum role_kind kind, unsigned index, int fd)
{
    (void)index;
    struct ipc_channel *channel = ipc_channel_open(fd, role_kind_name(kind));
    if (channel)
        role_serve(role, channel, NULL, NULL);
    else
        close(fd);
}

static void courier_run(struct role *role)
{
    while (!role->stopping)
        fiber_signal_wait(&role->changed, NO_DEADLINE);
}

const struct role_definition courier_role = {
    .kind = ROLE_COURIER,
    .prepare = courier_prepare,
    .sandbox = courier_sandbox,
    .peer = courier_peer,
    .run = courier_run,
};
