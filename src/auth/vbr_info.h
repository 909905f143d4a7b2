/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vbr_info: the VBR-Info field (rfc5518:4) and the records of certifiers (rfc5518:5), as text.
 *
 * Pure functions. Everything points into the text; nothing is allocated.
 */
#ifndef VOUCH_AUTH_VBR_INFO_H
#define VOUCH_AUTH_VBR_INFO_H

#include "base/bytes.h"
#include "base/result.h"

enum vbr_content { VBR_ALL, VBR_LIST, VBR_TRANSACTION };
const char *vbr_content_name(enum vbr_content content); /* "all", "list", "transaction" */

struct vbr_info {
    struct bytes domain;      /* md=, a valid name */
    enum vbr_content content; /* mc= */
    struct bytes certifiers;  /* mv=, valid names with ":" between them */
};

/*
 * A field's value, folded or not. Elements come in any order and unknown ones are skipped (rfc5518:4);
 * the last ";" may be missing, and comments pass where folding does. PERM, with the reason: an
 * element is missing, stands twice, or is not what rfc5518:4.1 says.
 */
enum result vbr_info_parse(struct bytes value, struct vbr_info *out, struct error *error)
    must_check;

/* Whether mv= names this certifier. */
bool vbr_info_names(const struct vbr_info *info, struct bytes certifier);

/* Lower-case words with spaces between them: anything else is to be discarded (rfc5518:5). */
bool vbr_record_is_valid(struct bytes text);
/* Whether a valid record has the word for this kind of mail, or "all". */
bool vbr_record_vouches(struct bytes text, enum vbr_content content);

#endif
