/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uribl: which hosts of a message's body lists in DNS should be asked about.
 *
 * Of each registrable domain one host. What redirectors carry in their URLs is looked at as well as the redirector;
 * nothing is fetched, so where a shortener leads is not known. Names that stand in everybody's mail are passed over.
 * Where there are more than may be asked about, the suspicious ones come first: links that show another domain than
 * they lead to, hosts that are hidden or addresses, forms, targets of redirectors, what stands once among many,
 * what stands last. Linear in the links (whose number readable.h bounds).
 */
#ifndef VOUCH_REPUTATION_URIBL_H
#define VOUCH_REPUTATION_URIBL_H

#include "base/ip.h"
#include "message/readable.h"

enum uribl_why {
    URIBL_MISMATCH = 1 << 0,   /* the link shows another domain */
    URIBL_OBFUSCATED = 1 << 1, /* the host is written to hide it */
    URIBL_ADDRESS = 1 << 2,    /* an address instead of a name */
    URIBL_FORM = 1 << 3,
    URIBL_REDIRECTED = 1 << 4, /* stood in the URL of another host */
    URIBL_SHORTENER = 1 << 5,
    URIBL_LINK = 1 << 6,       /* of HTML, and no image */
    URIBL_TEXT = 1 << 7        /* in visible text */
};

struct uribl_host {
    struct bytes host;         /* as struct readable_link has it */
    struct bytes name;         /* its registrable part, or all of it if it has none; empty for an address */
    struct ip ip;              /* family 0: a name */
    unsigned why;              /* of enum uribl_why */
    unsigned links;            /* that lead to this domain */
    unsigned last;             /* the number of the last of them */
};

enum { URIBL_SHORTENERS_MAX = 4, URIBL_SEEN_MAX = 1000 };

struct uribl_hosts {
    struct uribl_host *hosts;  /* the most suspicious first */
    size_t count;
    size_t left_out;           /* domains beyond `most` */
    struct bytes shorteners[URIBL_SHORTENERS_MAX]; /* different ones */
    size_t shortener_count;
};

/* All in the arena or in what `readable` points to. OK, or TEMP at the arena's cap. */
enum result uribl_collect(struct arena *arena, const struct readable *readable, size_t most,
                          struct uribl_hosts *out) must_check;

#endif
