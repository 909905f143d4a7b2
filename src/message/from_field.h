/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * from_field: who a message says it is from: its From field as DMARC needs it (rfc9989:5.3.1).
 *
 * Only FROM_OK has an author that may be checked. Several mailboxes of one domain are legal and are
 * FROM_OK; what stands in several domains has no one author domain. The domains compare in A-label
 * form. Slices live in the arena or in the message.
 */
#ifndef VOUCH_MESSAGE_FROM_FIELD_H
#define VOUCH_MESSAGE_FROM_FIELD_H

#include "message/address.h"
#include "message/message.h"

enum from_status {
    FROM_OK,
    FROM_ABSENT, /* no From field (rfc5322:3.6 demands one) */
    FROM_SEVERAL_FIELDS,
    FROM_MALFORMED, /* not an address list, or its domain is no domain name */
    FROM_SEVERAL_DOMAINS,
    FROM_NO_DOMAIN /* legal, but without a domain name: only empty groups (RFC 6854), or an
                      address literal */
};
const char *from_status_name(enum from_status status); /* "ok", "absent", "several fields", … */

enum { FROM_DOMAINS_MAX = 10 };

struct from_field {
    enum from_status status;
    struct bytes problem; /* a sentence; empty for FROM_OK */
    /* The rest is set where the field could be read (OK, SEVERAL_DOMAINS, NO_DOMAIN). */
    struct mailbox author;     /* the first mailbox; zeroed if there is none */
    struct bytes address;      /* its local@domain, quoted where needed, domain as written */
    struct bytes display_name; /* its display name, else the comment at it; may be empty */
    struct bytes domain;       /* the author domain as A-labels, lower case; empty unless FROM_OK */
    struct bytes domains[FROM_DOMAINS_MAX]; /* the different domains in order, A-labels */
    size_t domain_count; /* at most FROM_DOMAINS_MAX; further ones are not listed */
    struct address_list mailboxes;
};

/* OK whatever the field is like, or TEMP at the arena's cap. */
enum result from_field_read(struct arena *arena, const struct message *message,
                            struct from_field *out, struct error *error) must_check;

#endif
