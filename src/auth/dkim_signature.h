/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_signature: what a DKIM-Signature field says (rfc6376:3.5), parsed and checked for sense.
 *
 * Decoded values live in the arena, the others point into the field. When the parse fails, the
 * texts that could be read (domain, selector, ...) are set nevertheless, for reports; those that
 * are no valid names stay empty.
 */
#ifndef VOUCH_AUTH_DKIM_SIGNATURE_H
#define VOUCH_AUTH_DKIM_SIGNATURE_H

#include "auth/dkim_canonical.h"

enum dkim_algorithm {
    DKIM_RSA_SHA256,
    DKIM_ED25519_SHA256, /* rfc8463:3 */
    DKIM_RSA_SHA1        /* historic, never acceptable (rfc8301:3.1) */
};
const char *dkim_algorithm_name(enum dkim_algorithm algorithm);

struct dkim_signature {
    struct bytes algorithm_text; /* a= */
    struct bytes domain;         /* d=, lower-cased */
    struct bytes selector;       /* s= */
    struct bytes identity;       /* i=, decoded; "@" and d= when it is not given */
    struct bytes signature_text; /* b= as written */
    struct bytes header_list;    /* h= as written */
    struct bytes *header_names;  /* the names in h=, lower-cased */
    size_t header_name_count;
    struct bytes signature_span; /* behind "b=" with its white space: left out of the hash */
    enum dkim_algorithm algorithm;
    enum dkim_canonicalization header_canonicalization, body_canonicalization;
    struct bytes signature, body_hash; /* b= and bh=, decoded */
    bool has_length;
    uint64_t length;              /* l= */
    bool has_time, has_expiration;
    int64_t time, expiration;     /* t=, x= */
    bool identity_is_subdomain;   /* i= is given and its domain is below d= */
};

/*
 * OK; PERM: it breaks the rules (rfc6376:6.1.1); NONE: it may be fine but asks for an algorithm,
 * canonicalization or query method that is not known here (rfc6376:3.3.4); TEMP: the arena's cap.
 * `historic` lets v=0.5 of the drafts through too.
 */
enum result dkim_signature_parse(struct arena *arena, struct bytes value, bool historic,
                                 struct dkim_signature *out, struct error *error) must_check;

struct dkim_tags;

/*
 * The same for the signatures of ARC, from a tag list that was read (rfc8617:4.1.2, 4.1.3): v= and i=
 * are not DKIM's there, and h= need not name From; it may be empty, and so may words of it. A `seal`
 * has no h=, bh= and c=: its header is relaxed. Where a message signature has no c= it is
 * relaxed/relaxed, as the common test suite has it, not simple/simple. rsa-sha1 is PERM.
 */
enum result dkim_signature_parse_arc(struct arena *arena, const struct dkim_tags *tags, bool seal,
                                     struct dkim_signature *out, struct error *error) must_check;

/* Whether x= lies before `now`. */
bool dkim_signature_is_expired(const struct dkim_signature *signature, int64_t now);

/* The domain of i=: what stands behind its last "@". */
struct bytes dkim_signature_identity_domain(const struct dkim_signature *signature);

#endif
