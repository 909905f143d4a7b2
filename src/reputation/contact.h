/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contact: whom our users write to, and who answers them.
 *
 * A contact belongs to an owner: an account of ours, as a mailbox in lower case; or CONTACT_SITE, for all of us, as
 * whose contact each counts that some account here has. It is learned from what accounts send, or written by hand,
 * and forgotten when nobody writes for long; what was written by hand stays.
 *
 * An account that was stolen must not make the world known here: it learns at most CONTACT_DAY_MOST new ones a day.
 * That an address is a contact says nothing of who wrote it into a message: only with authentication it does.
 *
 * Pure but for the arena.
 */
#ifndef VOUCH_REPUTATION_CONTACT_H
#define VOUCH_REPUTATION_CONTACT_H

#include "reputation/batch.h"

#define CONTACT_SITE BYTES("*")
enum { CONTACT_DAY_MOST = 100, CONTACT_ADDRESS_MAX = 600 };

struct contact {
    bool written;             /* somebody wrote to it: `count` times; of the site: so many accounts know it */
    bool manual;
    uint64_t count, answers;  /* messages to it, and from it */
    int64_t until;            /* epoch seconds: when it is forgotten, of what was learned */
};

/* How addresses are compared: the local part in lower case, the domain as lower-case A-labels; in the arena.
 * NONE: it is no address with a domain. TEMP: no memory. */
enum result contact_address(struct arena *arena, struct bytes address, struct bytes *out) must_check;

/* Owner and address as contact_address() gave them. The index of the first of the questions. */
size_t contact_ask(struct batch *batch, struct bytes owner, struct bytes address);
/* False: it is none. */
bool contact_read(const struct batch *batch, size_t asked, struct contact *out);

/* What is to be known before an account learns: how many it learned today. */
size_t contact_learn_ask(struct batch *batch, struct bytes owner, int64_t now);
uint64_t contact_learn_room(const struct batch *batch, size_t asked);
/* The account wrote to the address, which it did not know before if `is_new` (then it takes of the room). */
void contact_learn(struct batch *batch, struct bytes owner, struct bytes address, bool is_new, int64_t now,
                   int64_t keep);
/* It wrote back. Only for a contact that was learned. */
void contact_answer(struct batch *batch, struct bytes owner, struct bytes address, int64_t now, int64_t keep);

/* By hand. */
void contact_add(struct batch *batch, struct bytes owner, struct bytes address, int64_t now);
/* `known`: what contact_read() said. */
void contact_remove(struct batch *batch, struct bytes owner, struct bytes address, const struct contact *known);

/* For listing (counters_scan): the prefix of all contacts of an owner (empty: of everybody), and what a key and its
 * value say. False: it is no contact. Slices point into the key. */
struct bytes contact_prefix(struct arena *arena, struct bytes owner);
bool contact_read_key(struct bytes key, uint64_t value, int64_t expires_at, struct bytes *owner,
                      struct bytes *address, struct contact *out);

#endif
