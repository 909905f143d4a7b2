/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection: one connection to one mail server, made as a policy demands, and a pool of idle ones.
 *
 * A connection is on the heap until connection_close() or the pool's end. The pool is bounded; a
 * connection is used again only for the same route, address, policy and credentials (its key).
 */
#ifndef VOUCH_OUTBOUND_CONNECTION_H
#define VOUCH_OUTBOUND_CONNECTION_H

#include "outbound/tls_policy.h"
#include "smtp/client.h"

enum { CONNECTION_MESSAGES_MAX = 100, CONNECTION_POOL_MAX = 200 };
#define CONNECTION_IDLE (10 * SECOND)

/* As socket_connect(), with a context. */
typedef int connection_connect(void *context, const struct ip *ip, uint16_t port,
                               const struct ip *from, int64_t deadline, struct transport **out);

struct connection_wish {
    connection_connect *connect;
    void *context;
    struct tls_client *tls;
    const char *hostname;         /* ours */
    struct bytes host;
    struct ip ip;
    uint16_t port;                /* 465: TLS from the first octet (rfc8314:3.3) */
    const struct ip *from;        /* NULL: any of ours */
    const struct tls_policy *policy;
    const struct client_credentials *credentials; /* NULL: none */
    bool own_server;              /* named by the configuration: 8-bit mail goes as it is */
    bool others;                  /* there are other servers to try: do not wait as long */
    int64_t deadline;
    struct bytes key;
};

struct connection {
    struct connection *next; /* idle ones */
    struct client *client;
    struct arena *arena;
    struct bytes key, host;
    struct ip ip;
    uint16_t port;
    char tls_version[16];    /* "": not encrypted */
    const char *security;
    unsigned messages;
    int64_t idle_since;
};

enum connection_outcome {
    CONNECTION_OPEN,
    CONNECTION_UNREACHABLE, /* nobody answers, or what answers is lost */
    CONNECTION_BUSY,        /* 4xx to the greeting or to EHLO */
    CONNECTION_REFUSED,     /* 5xx */
    CONNECTION_LOOP,        /* the server is this one */
    CONNECTION_NO_TLS,      /* it does not offer STARTTLS, or refuses it */
    CONNECTION_TLS_FAILED,  /* the handshake */
    CONNECTION_NO_AUTH      /* our credentials were not taken */
};

struct connection_failure {
    struct client_reply reply; /* code 0: none; its text in the arena */
    enum tls_failure tls;
    struct error error;
};

/* CONNECTION_OPEN: *out. With a policy of TLS_LEVEL_MAY a server without TLS is open, too. */
enum connection_outcome connection_open(const struct connection_wish *wish, struct arena *arena,
                                        struct connection **out, struct connection_failure *failure);
void connection_close(struct connection *connection); /* NULL is fine */

/* What must be the same for a connection to be used again; in the arena. */
struct bytes connection_key(struct arena *arena, const struct connection_wish *wish,
                            const char *route);

/* A zeroed struct is valid. */
struct connection_pool {
    struct connection *idle; /* newest first */
    size_t count;
};
/* One that is still good, or NULL. */
struct connection *connection_pool_take(struct connection_pool *pool, struct bytes key);
/* Keeps it, or closes it when it is of no more use. */
void connection_pool_give(struct connection_pool *pool, struct connection *connection);
/* Closes those that have been idle for CONNECTION_IDLE; all, with `all`. */
void connection_pool_sweep(struct connection_pool *pool, bool all);

#endif
