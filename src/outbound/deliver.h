/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliver: sends one message to one destination (send.h), by whatever servers it has.
 *
 * The next server is tried as soon as one does not answer, is too busy (421), says 4xx to anything but a
 * recipient (rfc5321:5.1) or in its greeting that it serves nobody, or is not as secure as must be. What a
 * server says of a recipient, good or bad, is final for this attempt, and so is the loss of a connection
 * behind the content. A connection is kept a while and used again.
 * Security: outbound/tls_policy.h. Never to ourselves: a server that greets with our name is a loop.
 *
 * All waits (fibers). Any number of messages may be under way at once.
 */
#ifndef VOUCH_OUTBOUND_DELIVER_H
#define VOUCH_OUTBOUND_DELIVER_H

#include "outbound/connection.h"
#include "outbound/send.h"

/* All must outlive the struct outbound made of it. */
struct outbound_options {
    const struct config *config;
    struct dns *dns;
    struct tls_client *tls;       /* with the authorities for mail and web servers */
    const struct ip *own;         /* addresses at which this very server takes mail */
    size_t own_count;
    void *context;                /* of the functions below */
    /* User and password of a route (config_route.name), in the arena. NULL: there are none. */
    enum result (*credentials)(void *context, const char *route, struct arena *arena,
                               struct bytes *user, struct bytes *password);
    /* For tests; NULL: the network. */
    connection_connect *connect;
    mta_sts_fetch *fetch;
    uint32_t (*random)(void *context, uint32_t below);
};

struct outbound;

/* Options are copied, not what they point to. NULL when memory is out. */
struct outbound *outbound_create(const struct outbound_options *options);
/* Nothing may be under way. Closes idle connections. NULL is fine. */
void outbound_destroy(struct outbound *outbound);

/*
 * OK: *answer has a reply for each recipient, and lives in the arena. TEMP: out of memory, *answer has
 * none. Findings that are permanent without any server's words (no such domain, null MX, a loop) are
 * SEND_ANSWERED with `local` replies.
 */
enum result outbound_send(struct outbound *outbound, const struct send_request *request,
                          struct arena *arena, struct send_answer *answer) must_check;

/* Closes connections that nobody wanted for a while: to be called every few seconds while
 * outbound_idle_count() is not 0. */
void outbound_sweep(struct outbound *outbound);
size_t outbound_idle_count(const struct outbound *outbound);

#endif
