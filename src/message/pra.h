/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pra: the Purported Responsible Address of a message (RFC 4407, section 2).
 *
 * Slices point into the message or the arena. No DNS: a pure function of the header, and linear in
 * its length. "Malformed" (step 5) is what the parser of address fields refuses; also a group, and
 * a domain that is an address literal or no domain name.
 */
#ifndef VOUCH_MESSAGE_PRA_H
#define VOUCH_MESSAGE_PRA_H

#include "base/arena.h"
#include "message/message.h"

struct pra {
    struct bytes field;   /* name of the field it was taken from, as RFC 4407 spells it */
    struct bytes mailbox; /* local@domain, unquoted local part quoted again where it must be */
    struct bytes local, domain;
    struct bytes reason;  /* with a PRA: why this field, a sentence that names the step */
    struct bytes problem; /* without a PRA: why, a sentence that names the step */
};

/* OK; NONE: the message has no PRA (out->problem says why; out->field is set if one field was
 * selected and is malformed); TEMP: the arena's cap. */
enum result pra_find(struct arena *arena, const struct message *message,
                     struct pra *out) must_check;

#endif
