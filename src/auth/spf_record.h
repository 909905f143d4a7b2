/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_record: the text of an SPF record (rfc7208:4.5, 4.6.1, 12), parsed whole before use.
 *
 * A pure function: no DNS, no clock. The slices of the result point into the text; the array of
 * directives lives in the arena. PERM for a syntax error, TEMP at the arena's cap.
 */
#ifndef VOUCH_AUTH_SPF_RECORD_H
#define VOUCH_AUTH_SPF_RECORD_H

#include "base/arena.h"

enum spf_mechanism {
    SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS
};

struct spf_directive {
    struct bytes text;        /* as written, qualifier included */
    struct bytes domain_spec; /* empty if none was given */
    uint8_t network[16];      /* ip4 (4 octets), ip6 */
    uint8_t mechanism;        /* enum spf_mechanism */
    uint8_t qualifier;        /* '+', '-', '~' or '?' */
    uint8_t prefix4, prefix6; /* bits; 32 and 128 where none was given */
};

struct spf_record {
    struct bytes text;
    struct spf_directive *directives;
    size_t directive_count;
    struct bytes redirect, redirect_text; /* domain-spec and whole term; empty if none */
    struct bytes explanation, explanation_text;
};

/* A bound on work and memory, far above what fits in a DNS answer of 512 octets. */
enum { SPF_RECORD_TERMS_MAX = 1000 };

/* "v=spf1" in any case, followed by SP or the end (rfc7208:4.5). */
bool spf_record_has_version(struct bytes text);

/* Of a text that has the version. On PERM *where (may be NULL) is the term at fault. */
enum result spf_record_parse(struct arena *arena, struct bytes text, struct spf_record *out,
                             struct bytes *where, struct error *error) must_check;

/* The same for a text of any version, whose terms begin at octet `start`. */
enum result spf_record_parse_terms(struct arena *arena, struct bytes text, size_t start,
                                   struct spf_record *out, struct bytes *where,
                                   struct error *error) must_check;

#endif
