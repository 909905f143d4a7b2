/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_await: waits until every name server of a domain answers the records of its keys as they shall be.
 *
 * All records are awaited together: whoever publishes them wants to edit the zone once. What is found is
 * told on standard error, once on a log, over and over on the same line of a terminal. For fibers. The
 * caller owns all memory and the keys.
 */
#ifndef VOUCH_CMD_DKIM_AWAIT_H
#define VOUCH_CMD_DKIM_AWAIT_H

#include "auth/dkim_private_key.h"
#include "cmd/world.h"

struct dkim_awaited {
    struct bytes selector;
    EVP_PKEY *key;   /* whose public half shall be there; NULL: the record is revoked, or gone */
    bool answered;   /* out: by every server */
    char found[400]; /* out: what the servers say */
    char told[400];  /* of that on standard error */
};

struct dkim_await {
    struct world *world;
    struct bytes domain;
    const char *servers; /* as authority_find() takes them */
    uint16_t port;
    struct dkim_awaited *records;
    size_t count;
};

/* One look at the records that are not answered yet. OK: all are now; NONE: not all; TEMP: not all, and
 * DNS failed for one; PERM: `servers` is wrong. Tells of those that are answered only. */
enum result dkim_await_look(struct dkim_await *await, struct error *error) must_check;

/* Looks again and again for `wait` microseconds, once at least. OK: all are answered; else as
 * dkim_await_look(), with a message on standard error. */
enum result dkim_await_all(struct dkim_await *await, int64_t wait) must_check;

#endif
