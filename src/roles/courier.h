/* SPDX-License-Identifier: BSD-2-Clause */
/* courier: what the files of the courier role share. */
#ifndef VOUCH_ROLES_COURIER_H
#define VOUCH_ROLES_COURIER_H

#include "roles/role.h"

struct mailbox_connection;

struct courier {
    struct role *role;
    struct mailbox_connection *idle; /* LMTP; newest first */
    struct ipc_channel *keys;             /* NULL while there is none */
    struct fiber_signal keys_changed;
    struct dns *transport, *dns;
    struct tls_client *tls;
    struct outbound *outbound;
    size_t jobs;                          /* under way */
    struct fiber_signal job_ended;
};

/* Opens the DNS and the authorities, before the sandbox. */
enum result courier_open_outbound(struct courier *courier, struct error *error) must_check;
void courier_close_outbound(struct courier *courier);

/* COURIER_SEND; frees the request. */
void courier_send(struct courier *courier, struct ipc_request *request);

#endif
