/* SPDX-License-Identifier: BSD-2-Clause */
/* edge: private to the edge role's files: sessions (edge.c) and mail transactions (edge_mail.c). */
#ifndef VOUCH_ROLES_EDGE_H
#define VOUCH_ROLES_EDGE_H

#include "auth/identity.h"
#include "auth/smime.h"
#include "base/map.h"
#include "roles/role.h"
#include "smtp/server.h"

struct edge {
    struct role *role;
    struct dns *transport, *dns;   /* dns: the cache over the transport */
    struct tls_server *tls;
    struct tls_server *tls_submission; /* asks for client certificates; NULL: as tls */
    const char *mechanisms;        /* of SASL, with blanks between them; may be NULL */
    struct smtp_server *servers;   /* one for each listener of the configuration */
    struct ipc_channel *store;     /* NULL while there is none */
    struct fiber_signal store_changed;
    struct ipc_channel *keys;      /* NULL while there is none */
    struct fiber_signal keys_changed;
    struct ipc_channel *auth;      /* NULL while there is none, or the configuration names none */
    struct fiber_signal auth_changed;
    struct keys_cache *keys_cache; /* which keys sign for which domain */
    struct fiber_group listeners, sessions;
    size_t session_count;
    struct smtp_content_room content_room; /* of the messages of all sessions */
    struct map *clients;           /* address -> number of sessions */
    struct map *accounts;          /* lower-cased name -> number of sessions */
    struct smime_authorities *authorities; /* NULL unless S/MIME is looked at */
    struct edge_seen *seen;        /* signatures (edge_counts.c) */
    struct content_rules *content_rules;
    struct dnsl_health *lists;     /* in DNS */
    struct edge_models *models;    /* of the filter (edge_model.h) */
    struct edge_rates *rates;      /* how strangers' clients behave (edge_rates.h) */
    bool seals;                    /* some domain of the configuration has arc-seal */
    volatile bool stopping;        /* as smtp_server.stopping */
    uint64_t ids;
};

/* Who submits: an account that authenticated, or a host of ours that need not. Lives as long as the
 * session. */
struct edge_account {
    struct bytes name;             /* "anna@example.org"; of a host section "host:NAME" */
    struct identity identity;
    bool machine;                  /* of a host section */
    bool counted;                  /* in edge->accounts: edge_account_leave() takes it out */
};

/* What the edge keeps of a session: session->context. */
struct edge_session {
    bool entered;                  /* counted under `client` in edge->clients */
    struct ip client;              /* as it was then */
    struct edge_account *account;  /* NULL: a stranger */
    struct edge_rates_session *rates; /* NULL: nothing is counted of it */
};

/* The channel to the store, waiting for it while it is being restarted. NULL past the deadline. */
struct ipc_channel *edge_store(struct edge *edge, int64_t deadline);
/* The same for the keys role (roles/keys_client.h). */
struct ipc_channel *edge_keys(struct edge *edge, int64_t deadline);

/* … and for the auth role, where there is one. */
struct ipc_channel *edge_auth_role(struct edge *edge, int64_t deadline);

/* SMTP handler functions for mail transactions (smtp/server.h). The context is the edge. */
void edge_mail(void *context, struct smtp_session *session, struct smtp_reply *reply);
void edge_recipient(void *context, struct smtp_session *session, struct smtp_recipient *recipient,
                    struct smtp_reply *reply);
void edge_message(void *context, struct smtp_session *session, struct smtp_reply *reply);
void edge_refused(void *context, struct smtp_session *session, const struct smtp_reply *reply);
void edge_reset(void *context, struct smtp_session *session);

/* edge_account.c: the host section that a client belongs to, as an account; NULL: none, or out of memory. */
struct edge_account *edge_machine(struct edge *edge, struct smtp_session *session);
/* One session more of the account; false: there are too many. */
bool edge_account_enter(struct edge *edge, struct edge_account *account);
void edge_account_leave(struct edge *edge, struct edge_account *account);

/* edge_counts.c */
struct edge_seen;
struct edge_seen *edge_seen_create(void); /* NULL: out of memory */
void edge_seen_destroy(struct edge_seen *seen); /* NULL is fine */

#endif
