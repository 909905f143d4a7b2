/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arc_chain: the ARC Sets of a message in order, and whether they have the structure of a chain
 * (rfc8617:5.2, steps 1 to 3). No DNS, no cryptography but the hashes.
 *
 * All fields are looked at once, however many there are; everything lives in the arena or points
 * into the message.
 */
#ifndef VOUCH_AUTH_ARC_CHAIN_H
#define VOUCH_AUTH_ARC_CHAIN_H

#include "auth/arc.h"
#include "auth/arc_field.h"
#include "auth/dkim_hash.h"

/* What was found of one set. */
struct arc_link {
    const struct header_field
        *fields[ARC_KINDS]; /* NULL: missing; the first if there are several */
    struct bytes payload;   /* of ARC-Authentication-Results */
    struct arc_signature message_signature, seal;
    struct bytes message_problem, seal_problem; /* which rule they break by themselves; or empty */
};

struct arc_chain {
    struct arc_link *links; /* instance i is links[i - 1] */
    size_t count;           /* the highest instance found, ARC_SETS_MAX at most */
    bool overfull;          /* an instance beyond ARC_SETS_MAX was found */
    bool exhausted;         /* the newest seal says cv=fail */
    struct bytes problem;   /* which rule of the structure is broken first; empty: none */
};

/* OK; NONE: the message has no field of ARC; TEMP: the arena's cap. */
enum result arc_chain_collect(struct arena *arena, const struct message *message,
                              struct arc_chain *out) must_check;

/*
 * The hashes of seals, whose scopes are each the beginning of the next (rfc8617:5.1.1): each field
 * is hashed once for all of them. After arc_scope_open(), for each set: two fields, the hash of its
 * seal, the seal itself. A failure of the library sticks, and shows in arc_scope_hash().
 */
struct arc_scope {
    EVP_MD_CTX *running, *copy;
    bool failed;
};

void arc_scope_open(struct arc_scope *scope);
void arc_scope_add(struct arc_scope *scope, const struct header_field *field);
/* What `seal` signs; `omitted` is the value of its b=. */
bool arc_scope_hash(struct arc_scope *scope, const struct header_field *seal, struct bytes omitted,
                    struct dkim_hash *out) must_check;
void arc_scope_close(struct arc_scope *scope);

/* Hashes of the whole body, by canonicalization, where they are wanted. SHA-256 is what both
 * algorithms of ARC use. Waits (worker thread) where the body is large. */
struct arc_body_hashes {
    bool wanted[2];
    struct dkim_body_hash hashes[2];
};
void arc_hash_body(struct bytes body, struct arc_body_hashes *hashes);

#endif
