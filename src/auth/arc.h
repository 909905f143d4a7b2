/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arc: Authenticated Received Chain (RFC 8617): verification of the chain that a message carries.
 *
 * Everything returned lives in the arena or points into the message. Waits for DNS (all keys at
 * once).
 */
#ifndef VOUCH_AUTH_ARC_H
#define VOUCH_AUTH_ARC_H

#include "dns/dns.h"
#include "message/auth_results.h"
#include "message/message.h"

enum { ARC_SETS_MAX = 50 }; /* rfc8617:4.2.1 */

/* One ARC Set. */
struct arc_set {
    unsigned instance;
    struct bytes domain, selector; /* of the ARC-Seal */
    struct bytes message_domain;   /* d= of the ARC-Message-Signature */
    enum auth_result cv;           /* none, pass or fail, as the seal says; else unknown */
    int64_t time;                  /* t= of the ARC-Seal; 0: not given */
    struct bytes authserv_id;      /* of the ARC-Authentication-Results; empty if unreadable */
    /* What that field says; statement_count 0 if it is not readable as RFC 8601. */
    struct auth_results auth_results;
    /* Of the ARC-Seal: pass fail temperror permerror; none: not looked at. */
    enum auth_result seal;
    /* Of the newest set always; of older ones for oldest_pass. policy: l= leaves the body open. */
    enum auth_result message_signature;
    struct bytes seal_problem, message_problem; /* why these are not pass; may be empty with none */
};

struct arc_results {
    /* none: no field of ARC; pass; fail (rfc8617:5.2); temperror: a key could not be fetched, or
     * memory ran out. */
    enum auth_result result;
    struct bytes problem; /* why fail or temperror: a sentence that names the instance */
    /* By instance, from 1 to the highest; where the chain has gaps with nothing but the instance.
     */
    struct arc_set *sets;
    size_t count;
    /* rfc8617:5.2 step 5: 0: all pass; else the instance; valid with pass. */
    unsigned oldest_pass;
    bool exhausted; /* the newest seal says cv=fail: nobody may seal it again (rfc8617:5.1.2) */
};

struct arc_options {
    int64_t now;      /* epoch seconds */
    int64_t deadline; /* loop time for all keys */
};

/*
 * The steps of rfc8617:5.2 in their order, each of which ends it when it fails; what can be told
 * without DNS is told first. rsa-sha256 and ed25519-sha256 (RFC 8463) are accepted. A message
 * signature with l= counts for nothing, as everywhere here, and so does one whose x= has passed.
 */
void arc_verify(struct dns *dns, struct arena *arena, const struct message *message,
                const struct arc_options *options, struct arc_results *results);

#endif
