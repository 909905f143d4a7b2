/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_uri: the lists of report addresses in rua= and ruf= (rfc9989:4.6, 4.8; rfc7489:6.2).
 *
 * Slices point into the text where nothing had to be decoded, else into the arena. What is no valid
 * URI is left out and counted, so that one typing error does not cost the others.
 */
#ifndef VOUCH_AUTH_DMARC_URI_H
#define VOUCH_AUTH_DMARC_URI_H

#include "base/arena.h"

enum { DMARC_URIS_MAX = 32 };

struct dmarc_uri {
    struct bytes text;    /* without the size limit */
    bool mailto;          /* the one scheme that reports can go to; others are to be ignored */
    struct bytes mailbox; /* of a mailto: that names one mailbox: local@domain, decoded; else empty */
    struct bytes host;    /* its domain, or the host of another scheme: A-labels, lower case; or empty */
    bool limited;         /* "!50m" stood there: obsolete, for RFC 7489 */
    uint64_t size_max;    /* octets */
};

struct dmarc_uri_list {
    struct dmarc_uri *items;
    size_t count;
    size_t invalid; /* entries that are no valid URI, or have no valid size limit */
    size_t ignored; /* valid ones beyond DMARC_URIS_MAX */
};

/* OK; NONE: no valid URI in it; TEMP: the arena's cap. */
enum result dmarc_uri_list_parse(struct arena *arena, struct bytes text, struct dmarc_uri_list *out)
    must_check;

/* Whether one entry, with or without a size limit, is a valid URI. Allocates nothing. */
bool dmarc_uri_is_valid(struct bytes entry);

#endif
