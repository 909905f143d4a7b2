/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sender_id_record: the version section of "spf2.0/…" records, and which of a domain's records
 * counts for a scope (rfc4406:3.1, 4.4).
 *
 * Pure functions that allocate nothing. What stands behind the version section is SPF's:
 * spf_record_parse_terms(). Of the positional modifiers (rfc4406:3.3) none is defined, so that its
 * rules come to those of SPF: redirect and exp anywhere, once; unknown modifiers are ignored.
 */
#ifndef VOUCH_AUTH_SENDER_ID_RECORD_H
#define VOUCH_AUTH_SENDER_ID_RECORD_H

#include "base/bytes.h"

/* Whose records: SPF's own check knows no scopes and no "spf2.0" (RFC 7208). */
enum spf_scope { SPF_SCOPE_NONE, SPF_SCOPE_MFROM, SPF_SCOPE_PRA };

/* The version section of a record. "v=spf1" stands for both scopes (rfc4406:3.4). */
struct sender_id_version {
    bool spf2;
    bool mfrom, pra; /* other scope-ids may stand beside them */
    size_t len;      /* octets; a blank or the end follows */
};
/* False if the text begins with no well-formed version section. Any minor version is read: the
 * field is for extensions that older readers can bear (rfc4406:4.4, step 2). */
bool sender_id_version_read(struct bytes text, struct sender_id_version *out);

/* The record that counts, or the last of those that would. Begin with zeros. */
struct sender_id_choice {
    struct bytes record;
    size_t version_len;
    size_t count; /* 0: none; more than 1: the domain has too many */
    bool spf2;
};
/* Looks at one more TXT record of the domain. An spf2.0 record with the scope takes precedence over
 * all v=spf1 records. */
void sender_id_choose(struct sender_id_choice *choice, struct bytes text, enum spf_scope scope);

#endif
