/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submit: a connection to the server that takes our mail: which port, TLS, AUTH.
 *
 * The ports of the configuration are tried in turn (rfc8314:3.3: 587 with STARTTLS, 465, then 25), the one
 * that worked last first; for each all addresses of the host. Credentials go over verified TLS only, or, where
 * the configuration says `tls = none` in so many words, to this very host. Runs as a fiber.
 */
#ifndef VOUCH_CMD_SUBMIT_H
#define VOUCH_CMD_SUBMIT_H

#include "cmd/submit_config.h"
#include "dns/dns.h"
#include "smtp/client.h"

#include <sysexits.h>

struct submit {
    struct arena *arena;
    const struct submit_config *config;
    const char *resolver;   /* HOST[:PORT]; NULL: as the system says */
    const char *memory;     /* of submit_memory_path(); NULL: nothing is remembered */
    const char *helo;
    bool verbose;           /* tells on standard error what happens */
};

enum { SUBMIT_NEXT = -1 };

struct submit_connection {
    struct client *client;
    struct transport *transport; /* under the client: for submit_take_transport() */
};
/* What is done with a connection: a status of sysexits.h; or SUBMIT_NEXT with *error: this port is not the
 * right one, try the next. */
typedef int submit_use(void *context, struct submit_connection *connection, struct error *error);

/* EX_OK …, or why nothing came of it: EX_NOHOST, EX_TEMPFAIL (not reachable), EX_PROTOCOL (not secure
 * enough), EX_NOPERM (wrong password), EX_CONFIG. `error` holds the sentence unless it is EX_OK. */
int submit_run(const struct submit *submit, submit_use *use, void *context, struct error *error);

/* Takes the transport away from the client, which can only be closed then. NULL if it is gone. */
struct transport *submit_take_transport(struct submit_connection *connection);

#endif
