/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address: the addresses of header fields (rfc5322:3.4).
 *
 * Reads mailboxes and groups with comments, quoted strings, domain literals, UTF-8 (rfc6532:3.2)
 * and the obsolete forms that still occur (routes, white space around dots, empty list elements:
 * rfc5322:4.4). Not read: control characters, quoted or not. What is returned lives in the arena.
 * One form outside the grammar is read because genuine mail has it, and marked as `irregular`: a
 * display name with characters that had to be quoted ("user@example.org <user@example.org>"); the
 * address is always the one in angle brackets.
 * The addresses of SMTP commands have another grammar: message/mailbox.h.
 */
#ifndef VOUCH_MESSAGE_ADDRESS_H
#define VOUCH_MESSAGE_ADDRESS_H

#include "message/mailbox.h"

struct address_list {
    struct mailbox *mailboxes; /* those in groups included */
    size_t count;
    size_t group_count;
};

enum { ADDRESS_LIST_MAX = 2000 }; /* mailboxes or groups; more is PERM */

/* A field's value, folded or not. PERM where it is no address list, or an empty one, with the
 * position in the error; TEMP at the arena's cap. */
enum result address_list_parse(struct arena *arena, struct bytes value, struct address_list *out,
                               struct error *error) must_check;

#endif
