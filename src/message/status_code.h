/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status_code: enhanced mail system status codes (RFC 3463, 5248, 7372 and the registry), and what
 * they mean in the words of a person who writes mail and has never heard of them.
 */
#ifndef VOUCH_MESSAGE_STATUS_CODE_H
#define VOUCH_MESSAGE_STATUS_CODE_H

#include "base/bytes.h"
#include "base/result.h"

struct status_code {
    unsigned class;   /* 2, 4 or 5 */
    unsigned subject; /* both at most 999 */
    unsigned detail;
};

/* The whole of `text` is a code without leading zeros (rfc3464:2.3.4). NONE if it is not. */
enum result status_code_parse(struct bytes text, struct status_code *out) must_check;
/* The code at the start of a reply's text or behind its reply code: "550 5.1.1 No such user". */
enum result status_code_find(struct bytes reply, struct status_code *out) must_check;

struct status_meaning {
    const char *sentence; /* "The address does not exist there." */
    const char *advice;   /* what the sender can do, in a sentence; may be "" */
};

/* Never empty: of an unknown code what its subject means, of an unknown subject that it failed. */
struct status_meaning status_code_meaning(struct status_code code);

#endif
