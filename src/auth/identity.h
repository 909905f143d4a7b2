/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * identity: in whose name an account, or a host of ours that sends without one, may send mail.
 *
 * An identity is a list of entries:
 *
 *     user@example.org     that address, and with a detail: user+anything@example.org
 *     @example.org         all addresses in that domain (not below it)
 *     *                    all addresses
 *
 * Local parts compare without ASCII case, which is this site's right for its own addresses
 * (rfc5321:2.4); domains in A-label form. MAIL FROM, every mailbox of From, and Sender must belong
 * to the identity. Pure functions; what is returned lives in the arena or is constant.
 */
#ifndef VOUCH_AUTH_IDENTITY_H
#define VOUCH_AUTH_IDENTITY_H

#include "message/from_field.h"

struct identity {
    struct bytes account; /* its main address, for Sender; empty or no address: it has none
                             (a host), and Sender is never added */
    const struct bytes
        *entries; /* the account's own addresses are among them, or are the account */
    size_t entry_count;
    uint8_t delimiter; /* before a detail: '+'; 0: there are no details */
};

/* Of From, more are refused. */
enum { IDENTITY_AUTHORS_MAX = 100 };

enum identity_policy {
    IDENTITY_REFUSE,
    IDENTITY_ADD_SENDER /* a From of others is let through with "Sender: account" (rfc6409:8.1) */
};

struct identity_decision {
    bool refused;
    bool set_sender;      /* Sender must be set to the account, replacing the one that is there */
    bool owns_authors;    /* all mailboxes of From belong to it */
    unsigned code;        /* refused: 550 or 553 … */
    const char *enhanced; /* … "5.7.1" … */
    struct bytes text;    /* … and the sentence behind it, which names the address */
};

/* Whether an entry, or the account itself, covers the address. */
bool identity_owns(const struct identity *identity, struct bytes local, struct bytes domain);
/* An entry that is none of the three forms (for the configuration). PERM with the reason. */
enum result identity_check_entry(struct bytes entry, struct error *error) must_check;

/* At MAIL FROM. `sender` is local@domain without brackets; empty is <>, which every account may
 * use: notifications about reading need it (rfc8098:3). 553. TEMP: the arena's cap. */
enum result identity_check_sender(struct arena *arena, const struct identity *identity,
                                  struct bytes sender, struct identity_decision *out,
                                  struct error *error) must_check;

/* At the end of the message: all three. TEMP: the arena's cap. */
enum result identity_check(struct arena *arena, const struct identity *identity,
                           struct bytes sender, const struct message *message,
                           enum identity_policy policy, struct identity_decision *out,
                           struct error *error) must_check;

/* Whether mail with that From may be signed with d=domain: not if one of its mailboxes does not
 * belong to the identity and is aligned with the domain, in the sense of the same organizational
 * domain. Also not without an author that can be read. */
bool identity_may_sign(const struct identity *identity, const struct from_field *from,
                       struct bytes domain);

#endif
