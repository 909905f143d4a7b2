/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helo: what the name in HELO or EHLO is worth, in the manner of CSV: does it resolve to the client?
 *
 * Everything returned lives in the arena. Waits for DNS. rfc5321:4.1.4 forbids to refuse mail merely
 * because the name does not resolve to the client; this is evidence.
 */
#ifndef VOUCH_AUTH_HELO_H
#define VOUCH_AUTH_HELO_H

#include "dns/dns.h"
#include "message/auth_results.h"

enum helo_kind {
    HELO_NAME,        /* a fully qualified name */
    HELO_LITERAL,     /* [192.0.2.1], [IPv6:2001:db8::1] */
    HELO_UNQUALIFIED, /* one label, "localhost" and the like */
    HELO_MALFORMED    /* neither name nor literal; a bare address, too */
};
const char *helo_kind_name(enum helo_kind kind); /* "name", "literal", "unqualified", "malformed" */

/* What kind of argument it is, without asking anybody. *literal becomes the address for HELO_LITERAL,
 * else it has family 0. Underscores pass in names, and one dot at the end: real clients have them. */
enum helo_kind helo_kind_of(struct bytes helo, struct ip *literal);

struct helo_request {
    struct ip client;
    struct bytes helo;
    const struct bytes *own_names; /* ours: nobody else may use them, nor a literal of own_address */
    size_t own_name_count;
    struct ip own_address;         /* of the listener; family 0: unknown */
    int64_t deadline;
};

struct helo_result {
    /* pass       the name resolves to the client, or the literal is its address
     * fail       it resolves elsewhere, is our own name or address, or another's literal
     * none       the name does not exist or has no addresses
     * neutral    unqualified: says nothing
     * permerror  malformed
     * temperror  DNS failed */
    enum auth_result result;
    enum helo_kind kind;
    bool own;             /* it claims to be us, and is not: loopback, own_address and an own name that
                             resolves to the client are no strangers */
    bool ourselves;       /* pass for that reason: our own name, and the client is this host */
    struct bytes problem; /* a sentence; empty for pass */
};

/* Asks one question of the DNS at most: A or AAAA, as the client's family is. */
void helo_check(struct dns *dns, struct arena *arena, const struct helo_request *request,
                struct helo_result *result);

#endif
