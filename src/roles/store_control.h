/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_control: what the store answers on the control socket. The socket and its clients are
 * roles/control_server.h's, what is said roles/control.h's.
 */
#ifndef VOUCH_ROLES_STORE_CONTROL_H
#define VOUCH_ROLES_STORE_CONTROL_H

#include "roles/control_server.h"
#include "roles/store.h"

/*
 * The listening socket came from the master (CONTROL_LISTENER with CONTROL_SOCKET_INDEX): takes it over
 * and serves it in role->fibers until those end. Before the sandbox closes, because it looks the account
 * up; `server` lives as long as the store.
 */
void store_control_start(struct store *store, struct control_server *server, int fd);

/* The answers alone: for tests, as struct control_server has it; `context` is the store. */
/* store_train_control.c */
void store_control_train(struct store *store, struct control_call_state *call,
                         const struct control_command *command, struct control_answer *answer);
void store_control_answer(void *context, struct control_call_state *call,
                          const struct control_command *command, struct control_answer *answer,
                          int *content_fd);

#endif
