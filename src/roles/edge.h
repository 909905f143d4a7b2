/* SPDX-License-Identifier: BSD-2-Clause */
/* edge: private to the edge role's files: sessions (edge.c) and mail transactions (edge_mail.c). */
#ifndef VOUCH_ROLES_EDGE_H
#define VOUCH_ROLES_EDGE_H

#include "base/map.h"
#include "roles/role.h"
#include "smtp/server.h"

struct edge {
    struct role *role;
    struct dns *transport, *dns;   /* dns: the cache over the transport */
    struct tls_server *tls;
    struct smtp_server *servers;   /* one for each listener of the configuration */
    struct ipc_channel *store;     /* NULL while there is none */
    struct fiber_signal store_changed;
    struct fiber_group listeners, sessions;
    size_t session_count;
    struct smtp_content_room content_room; /* of the messages of all sessions */
    struct map *clients;           /* address -> number of sessions */
    volatile bool stopping;        /* as smtp_server.stopping */
    uint64_t ids;
};

/* The channel to the store, waiting for it while it is being restarted. NULL past the deadline. */
struct ipc_channel *edge_store(struct edge *edge, int64_t deadline);

/* SMTP handler functions for mail transactions (smtp/server.h). The context is the edge. */
void edge_mail(void *context, struct smtp_session *session, struct smtp_reply *reply);
void edge_recipient(void *context, struct smtp_session *session, struct smtp_recipient *recipient,
                    struct smtp_reply *reply);
void edge_message(void *context, struct smtp_session *session, struct smtp_reply *reply);
void edge_refused(void *context, struct smtp_session *session, const struct smtp_reply *reply);
void edge_reset(void *context, struct smtp_session *session);

/* Sends the finished message to the store and takes its answer. */
struct edge_mail;

#endif
