/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domainkeys_signature: what a DomainKey-Signature field says (rfc4870:3.3, appendix A).
 *
 * Decoded values live in the arena, the others point into the field. When the parse fails, domain,
 * selector and signature_text are set as far as they could be read, for reports.
 */
#ifndef VOUCH_AUTH_DOMAINKEYS_SIGNATURE_H
#define VOUCH_AUTH_DOMAINKEYS_SIGNATURE_H

#include "base/arena.h"

enum domainkeys_canonicalization { DOMAINKEYS_SIMPLE, DOMAINKEYS_NOFWS };

struct domainkeys_signature {
    enum domainkeys_canonicalization canonicalization; /* c= */
    struct bytes domain;         /* d=, lower-cased */
    struct bytes selector;       /* s= */
    struct bytes signature_text; /* b= as written */
    struct bytes signature;      /* b=, decoded */
    bool lists_fields;           /* h= is there */
    struct bytes *field_names;   /* the names in h=, lower-cased */
    size_t field_name_count;
};

/*
 * OK; PERM: it breaks the rules; NONE: it may be fine but asks for an algorithm, canonicalization
 * or query method that is not known here, and is to be passed over (rfc4870:3.7.3); TEMP: the
 * arena's cap.
 *
 * q= must be there. A signature that has neither a= nor q=, so that all is left to the defaults, is
 * read nevertheless: such mail was sent, and the corpus of Mail::DKIM has a sample of it.
 */
enum result domainkeys_signature_parse(struct arena *arena, struct bytes value,
                                       struct domainkeys_signature *out, struct error *error)
    must_check;

/* Whether h= names the field (lower-cased); true where there is no h=, which means all fields. */
bool domainkeys_signature_covers(const struct domainkeys_signature *signature, const char *name);

#endif
