/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keys_client: what an edge asks the keys role for: signatures, and return paths made with secrets.
 *
 * Waits (fiber) for the other process. Results live in the arena. TEMP: the keys role is away or did not
 * answer in time; what must be signed is to be put off then (451), never sent unsigned.
 */
#ifndef VOUCH_ROLES_KEYS_CLIENT_H
#define VOUCH_ROLES_KEYS_CLIENT_H

#include "auth/dkim_sign.h"
#include "roles/keys_protocol.h"

/* Remembers which keys sign for a domain, so that a message costs one question and not two. For the
 * life of an edge: other keys mean another keys process and other edges. */
struct keys_cache;
struct keys_cache *keys_cache_create(void); /* NULL: out of memory */
void keys_cache_destroy(struct keys_cache *cache); /* NULL is fine */

struct keys_signing {
    struct bytes domain;             /* d=, A-labels */
    struct bytes identity;           /* i=; empty: not written */
    int64_t now;                     /* t=, epoch seconds */
    int64_t expire;                  /* seconds that the signature holds: x=; 0: for ever */
    const char *const *extra_headers; /* ends with NULL; NULL: none */
    struct keys_cache *cache;        /* NULL: asks each time */
    int64_t deadline;                /* loop time */
};

/* The section that signs for mail of this author domain, and in *domain its listed domain (d=): the one
 * that is the author domain or the nearest above it. NULL: none. With a domain above, mail aligns with
 * DMARC in relaxed mode only (rfc9989:4.4). */
const struct config_signing *keys_signing_find(const struct config *config, struct bytes author_domain,
                                               struct bytes *domain);
/* From a section: the time it holds and its further fields. TEMP: out of memory. */
enum result keys_signing_from(struct arena *arena, const struct config_signing *section,
                              struct bytes domain, int64_t now, struct keys_signing *out,
                              struct error *error) must_check;

/* The active keys of a domain. NONE: it has none. */
enum result keys_ask_selectors(struct ipc_channel *keys, struct arena *arena, struct keys_cache *cache,
                               struct bytes domain, int64_t deadline, struct keys_selectors *out,
                               struct error *error) must_check;

/* Appends a DKIM-Signature field for each active key of the domain; they go before the whole header.
 * NONE: the domain has no active key; PERM: the message cannot be signed (dkim_sign_prepare()). */
enum result keys_sign_message(struct ipc_channel *keys, struct arena *arena,
                              const struct message *message, const struct keys_signing *signing,
                              struct buf *out, struct error *error) must_check;

/* A dkim_signer: its context is one of these. For arc_seal(): ask for the selectors first. */
struct keys_signer {
    struct ipc_channel *keys;
    struct bytes domain, selector;
    int64_t deadline;
};
enum result keys_signer_sign(void *context, struct arena *arena, enum dkim_algorithm algorithm,
                             struct bytes hash, struct bytes *signature, struct error *error);

/* A return path made or taken apart. OK: *out is the address; NONE: it is none of that kind, or the codec
 * is not switched on; PERM: it is forged, too old or cannot be made, and `error` says why. */
enum result keys_address(struct ipc_channel *keys, struct arena *arena,
                         const struct keys_address_request *request, int64_t deadline,
                         struct bytes *out, struct error *error) must_check;

/* One step of a SASL exchange; `verifier` is the keys role or the auth role. OK: *answer says the rest; its
 * slices live in the arena. What the question held is not kept. TEMP: the role is away or too busy. */
enum result keys_sasl(struct ipc_channel *verifier, struct arena *arena,
                      const struct keys_sasl_question *question, int64_t deadline,
                      struct keys_sasl_answer *answer, struct error *error) must_check;

/* For the courier: user and password of a route section, in the arena. NONE: it has none. */
enum result keys_credentials(struct ipc_channel *keys, struct arena *arena, struct bytes route,
                             int64_t deadline, struct keys_credentials *out,
                             struct error *error) must_check;

#endif
