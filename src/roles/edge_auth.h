/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edge_auth: clients that authenticate themselves: who verifies them, and what becomes of those who guess.
 *
 * Failures are counted by the store over all edges, by the client's network (/24, /64) and by account.
 *
 *   - A network with too many failures is refused before anything is verified.
 *   - The reply to each failure is delayed, twice as long each time.
 *   - An account that many try is slow, and then closed, for networks that it has not been used from. Those
 *     from which its user has logged in within a month are served as ever: nobody locks him out. Even a
 *     success clears no counter, so that an attacker with an account of his own gains nothing by it.
 *
 * Whether an account exists makes no difference to any of this.
 */
#ifndef VOUCH_ROLES_EDGE_AUTH_H
#define VOUCH_ROLES_EDGE_AUTH_H

#include "roles/edge.h"

/* SMTP handler functions (smtp/server.h: auth, forget); the context is the edge. A success leaves the
 * account in the session's struct edge_session. */
void edge_auth(void *context, struct smtp_session *session, struct smtp_auth *auth,
               struct smtp_reply *reply);
void edge_auth_forget(void *context, struct smtp_session *session);

/* For smtp_server.auth_mechanisms: what the configuration allows and its verifier can do. NULL: there are no
 * accounts, or memory is out. */
const char *edge_auth_mechanisms(struct arena *arena, const struct config *config);

#endif
