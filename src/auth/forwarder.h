/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forwarder: the administrator's list of hosts that forward mail to us, and that are therefore
 * expected to break SPF. An entry names its hosts by addresses, by HELO names (which must resolve to
 * the client), or by an SPF record to be evaluated for the client.
 *
 * Everything returned lives in the arena. May wait for DNS.
 */
#ifndef VOUCH_AUTH_FORWARDER_H
#define VOUCH_AUTH_FORWARDER_H

#include "auth/spf.h"

struct forwarder {
    struct bytes name;                 /* of the entry */
    const struct ip_network *networks;
    size_t network_count;
    const struct bytes *helo_names;    /* "example.org" or ".example.org": that and all below it */
    size_t helo_name_count;
    struct bytes include;              /* a domain whose SPF record lists them; empty: none */
    bool filters;                      /* it has filtered what it forwards */
};

enum forwarder_match { FORWARDER_ADDRESS, FORWARDER_HELO, FORWARDER_INCLUDE };
const char *forwarder_match_name(enum forwarder_match match); /* "address", "helo", "include" */

struct forwarder_result {
    const struct forwarder *forwarder;
    enum forwarder_match match;
    struct bytes problem; /* TEMP: which question failed; NONE: which include cannot be used */
};

/* OK: found; NONE; TEMP: a question failed, and no other entry matched. Addresses are compared first;
 * then, over all entries, HELO names, and after them the includes, which see the sender's macros. */
enum result forwarder_find(struct dns *dns, struct arena *arena, const struct spf_request *request,
                           const struct forwarder *forwarders, size_t count,
                           struct forwarder_result *result) must_check;

#endif
