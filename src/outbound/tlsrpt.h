/* SPDX-License-Identifier: BSD-2-Clause */
/* tlsrpt: TLSRPT records (rfc8460:3). A pure function; what it gives points into the text. */
#ifndef VOUCH_OUTBOUND_TLSRPT_H
#define VOUCH_OUTBOUND_TLSRPT_H

#include "base/bytes.h"
#include "base/result.h"

enum { TLSRPT_DESTINATIONS_MAX = 20 };

struct tlsrpt_record {
    struct bytes destinations[TLSRPT_DESTINATIONS_MAX]; /* "mailto:…", "https://…" */
    size_t destination_count;
};

/* NONE: not a TLSRPT record, to be passed over. PERM with the reason for a malformed one. */
enum result tlsrpt_record_parse(struct bytes text, struct tlsrpt_record *out,
                                struct error *error) must_check;

#endif
