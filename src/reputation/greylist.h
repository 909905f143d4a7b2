/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * greylist: whether a client tries again what it was asked to (RFC 6647), in counters.
 *
 * What is remembered is the domain that was authenticated, or else the client's network with sender and first
 * recipient (rfc6647:5, recommendations 1 and 5), the sender without what changes from try to try. The first try is
 * remembered for `window`; a later one within it, but not before `delay`, passes, and what passed is not put off again
 * for `keep` after its last message. A network or domain whose messages passed `pass` times is white: nothing of it is
 * put off. The store answers with state and age; who is put off is judge()'s to say.
 *
 * Pure but for the arena.
 */
#ifndef VOUCH_REPUTATION_GREYLIST_H
#define VOUCH_REPUTATION_GREYLIST_H

#include "base/ip.h"
#include "reputation/batch.h"

enum greylist_state { GREYLIST_NEW, GREYLIST_WAITING, GREYLIST_PASSED, GREYLIST_WHITE, GREYLIST_STATES };
const char *greylist_state_name(enum greylist_state state); /* "new", "waiting", "passed", "white" */

struct greylist_rules {
    int64_t window, keep;    /* seconds */
    uint64_t pass;           /* 0: no network becomes white by itself */
};

/* One try. */
struct greylist_try {
    struct bytes domain;     /* that was authenticated; empty: none */
    struct ip client;
    struct bytes sender;     /* MAIL FROM; empty: <> */
    struct bytes recipient;  /* the first */
};
/* "domain" or "triplet": what its key is made of. */
const char *greylist_kind(const struct greylist_try *attempt);

/* The sender without tags that differ between tries of one message (rfc6647:4.2): BATV, SRS, SES, and numbers and
 * random words as VERP has them; lower case, in the arena. ptr NULL: no memory. */
struct bytes greylist_sender(struct arena *arena, struct bytes sender);

/* Adds the questions; the index of the first. */
size_t greylist_ask(struct batch *batch, const struct greylist_try *attempt);
enum greylist_state greylist_read(const struct batch *batch, size_t asked, const struct greylist_rules *rules,
                                  int64_t delay, int64_t now, int64_t *age);

/* It was put off. */
void greylist_write_try(struct batch *batch, const struct greylist_rules *rules, const struct greylist_try *attempt,
                        int64_t now);
/* It was accepted: it, or its network, came again as it should. `counts`: towards a white network; junk does not. */
void greylist_write_pass(struct batch *batch, const struct greylist_rules *rules,
                         const struct greylist_try *attempt, bool counts, int64_t now);

/* By hand: `what` is a network ("192.0.2.0/24"), or a domain that is authenticated; in lower case. */
void greylist_release(struct batch *batch, const struct greylist_rules *rules, struct bytes what, int64_t now);
void greylist_forget(struct batch *batch, struct bytes what);

/* For listing: what begins with GREYLIST_PREFIX. False: it is none. Slices point into the key. */
#define GREYLIST_PREFIX BYTES("greylist:")
struct greylist_entry {
    enum greylist_state state; /* NEW is not among them */
    struct bytes domain;       /* or network: of what it is */
    struct bytes sender, recipient; /* of a triplet */
    bool triplet;
    uint64_t passed;           /* WHITE: messages that passed */
    int64_t since, until;      /* the first try, or when it passed; epoch seconds */
};
bool greylist_read_key(struct bytes key, uint64_t value, int64_t expires_at, const struct greylist_rules *rules,
                       struct greylist_entry *out);
/* What is waiting under this key passes from now on. False: nothing is waiting there. */
bool greylist_release_key(struct batch *batch, const struct greylist_rules *rules, struct bytes key, int64_t now);

#endif
