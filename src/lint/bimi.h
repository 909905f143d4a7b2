/* SPDX-License-Identifier: BSD-2-Clause */
/* bimi: BIMI assertion records ("v=BIMI1; l=…; a=…"). What it gives points into the text. */
#ifndef VOUCH_LINT_BIMI_H
#define VOUCH_LINT_BIMI_H

#include "base/bytes.h"
#include "base/result.h"

struct bimi_record {
    struct bytes location; /* l=: an https URI of an SVG file; empty: no logo, on purpose */
    struct bytes evidence; /* a=: an https URI of a certificate; may be empty */
};

/* NONE: not a BIMI record. PERM with the reason for a malformed one. */
enum result bimi_record_parse(struct bytes text, struct bimi_record *out,
                              struct error *error) must_check;

#endif
