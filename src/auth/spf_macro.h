/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_macro: the macro language of SPF (rfc7208:7), syntax and expansion.
 *
 * Pure functions, but for %{p}, which is asked of the caller. Nothing is allocated; the output is
 * bounded by what the caller gives. Expansion expects text whose syntax was found valid; on other
 * text it stops early, safely.
 */
#ifndef VOUCH_AUTH_SPF_MACRO_H
#define VOUCH_AUTH_SPF_MACRO_H

#include "base/bytes.h"
#include "base/ip.h"

enum spf_macro_syntax {
    SPF_MACRO_STRING,  /* macro-string: visible characters and macros */
    SPF_EXPLAIN_STRING /* explain-string: also SP, and the letters c, r and t (rfc7208:7.2) */
};
bool spf_macro_is_valid(struct bytes text, enum spf_macro_syntax syntax);
/* domain-spec: a macro-string that ends in ".toplabel", ".toplabel." or a macro (rfc7208:7.1). The
 * letters c, r and t are refused. */
bool spf_domain_spec_is_valid(struct bytes text);

struct spf_macro_values {
    struct ip ip;
    struct bytes sender;        /* s */
    struct bytes local_part;    /* l */
    struct bytes sender_domain; /* o */
    struct bytes domain;        /* d */
    struct bytes helo;          /* h */
    struct bytes receiver;      /* r; empty: "unknown" */
    int64_t now;                /* t */
    /* The validated name of the client for p; "unknown" if there is none (rfc7208:7.3). */
    struct bytes (*validated_name)(void *context);
    void *context;
};

enum { SPF_NAME_MAX = 253 };
/*
 * Expands a domain-spec to a name without trailing dot. A name over 253 octets loses labels on the
 * left (rfc7208:7.3). The empty slice comes back when not even the last label fits. Returned is
 * either a part of `spec` (no macro in it) or of `out`.
 */
struct bytes spf_macro_expand_name(const struct spf_macro_values *values, struct bytes spec,
                                   uint8_t out[SPF_NAME_MAX]);
/*
 * Expands an explain-string into `out`, cut off at `size`. Only printable ASCII is written; other
 * octets (of a peer's HELO or local part) become '?'. Returns the length.
 */
size_t spf_macro_expand_text(const struct spf_macro_values *values, struct bytes text, uint8_t *out,
                             size_t size);

#endif
