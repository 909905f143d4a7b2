/* SPDX-License-Identifier: BSD-2-Clause */
/* arc_key: the public keys of a chain, fetched all at once, and verification with them. */
#ifndef VOUCH_AUTH_ARC_KEY_H
#define VOUCH_AUTH_ARC_KEY_H

#include "auth/dkim_hash.h"
#include "dns/dns.h"
#include "message/auth_results.h"

/* The key of one signature. */
struct arc_key {
    struct bytes name; /* to be asked; empty: not wanted */
    const struct dns_answer *answer;
};

/* Where the key of the signature lies (rfc6376:3.6.2.1). Empty at the arena's cap. */
struct bytes arc_key_name(struct arena *arena, const struct dkim_signature *signature);

/* Asks each name once. Waits. False at the arena's cap. */
bool arc_keys_fetch(struct dns *dns, struct arena *arena, struct arc_key *keys, size_t count,
                    int64_t deadline) must_check;

/* pass, fail, permerror (no key that could be used), temperror; with the reason in the error. */
enum auth_result arc_key_verify(const struct arc_key *key, const struct dkim_signature *signature,
                                const struct dkim_hash *hash, struct error *error);

#endif
