/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adsp: Author Domain Signing Practices (RFC 5617, historic): reported, never a reason to refuse.
 *
 * Everything returned lives in the arena. Waits for DNS.
 */
#ifndef VOUCH_AUTH_ADSP_H
#define VOUCH_AUTH_ADSP_H

#include "auth/dkim.h"

enum adsp_practice { ADSP_UNKNOWN, ADSP_ALL, ADSP_DISCARDABLE };
const char *adsp_practice_name(enum adsp_practice practice); /* "unknown", "all", "discardable" */

/* The text of a record (rfc5617:4.2.1). NONE, with the reason: it is none, and must be ignored as if it
 * were not there (rfc5617:4.1). A practice that is not known is ADSP_UNKNOWN. */
enum result adsp_record_parse(struct bytes text, enum adsp_practice *practice, struct error *error)
    must_check;

struct adsp_result {
    /* rfc5617:5.4: none pass unknown fail (all, unsigned) discard nxdomain temperror permerror */
    enum auth_result result;
    enum adsp_practice practice;
    bool found;          /* there is a record */
    struct bytes record;
    struct bytes problem; /* why not pass: a sentence; empty for pass */
};

/* `author_domain` in A-labels. Only a passing signature whose d= is exactly it counts, and not one of
 * a key in testing, which is as good as none (rfc6376:3.6.1). With one the DNS is not asked. `dkim` may
 * be NULL: what would be said of a message without signatures. */
void adsp_check(struct dns *dns, struct arena *arena, struct bytes author_domain,
                const struct dkim_results *dkim, int64_t deadline, struct adsp_result *result);

#endif
