/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verp: variable envelope return paths: a list's return path that names the subscriber it was sent
 * to, so that a bounce says whose address is dead, whatever is in it.
 *
 *     bounces+user=example.net@lists.example.org        stands for user@example.net
 *
 * Nothing is signed: who knows a subscriber can make such an address. So a bounce to it is a hint
 * to be counted (and SRS or BATV may sign it), never an order to unsubscribe. Memory is the
 * arena's.
 */
#ifndef VOUCH_MESSAGE_VERP_H
#define VOUCH_MESSAGE_VERP_H

#include "base/arena.h"

struct verp {
    struct bytes local;  /* "bounces" */
    struct bytes domain; /* "lists.example.org" */
    uint8_t delimiter;   /* '+'; not '@' or '=' */
};

enum { VERP_LOCAL_MAX = 64 }; /* rfc5321:4.5.3.1.1, for what we make */

/* PERM: the recipient is no address, has an address literal, or the local part would be too long:
 * then the plain return path must serve. */
enum result verp_encode(struct arena *arena, const struct verp *verp, struct bytes recipient,
                        struct bytes *out, struct error *error) must_check;

/* The recipient that a return path names. *out is empty for the plain return path. NONE: it is not
 * of this list. PERM: it names nobody. Cases of "bounces" and of domains do not matter. */
enum result verp_decode(struct arena *arena, const struct verp *verp, struct bytes address,
                        struct bytes *out, struct error *error) must_check;

#endif
