/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list_fields: the header fields of a mailing list (RFC 2369, 2919, 8058), and what must not be
 * posted to one: its own mail that comes back.
 *
 * Fields of the kind that a message brings are removed, since a reader would take them for ours
 * (rfc2919:8, rfc2369:3: at most one of each). List-Archive stays if we set none (rfc2369:4). From,
 * Subject and the body are never touched (rfc5321:3.9).
 */
#ifndef VOUCH_MESSAGE_LIST_FIELDS_H
#define VOUCH_MESSAGE_LIST_FIELDS_H

#include "base/buf.h"
#include "message/look_alike.h"

/* Each command is a URI without angle brackets, or an address, which becomes a mailto: URI. Empty
 * ones are left out. */
struct list_fields {
    struct bytes address; /* of the list */
    struct bytes id;      /* "users.lists.example.org"; empty: made of the address */
    struct bytes name;    /* "Users of Example"; may be empty */
    struct bytes post;    /* empty: the address; "NO": posting is not allowed */
    struct bytes help, subscribe, unsubscribe, owner, archive;
    struct bytes one_click; /* an https URI for List-Unsubscribe-Post, of this recipient; the
                               signature must cover both fields (rfc8058:4) */
};

/* PERM: an address, identifier or URI is not fit for a field. The others require that this was OK.
 */
enum result list_fields_check(const struct list_fields *list, struct error *error) must_check;

enum list_refusal {
    LIST_FINE,
    LIST_LOOP,     /* it has been here: List-Id, X-Loop or Delivered-To is this list's */
    LIST_AUTOMATIC /* an automatic answer (rfc3834:2): Auto-Submitted: auto-replied */
};
const char *list_refusal_text(enum list_refusal refusal); /* a sentence for the reply */
enum list_refusal list_fields_refuse(const struct list_fields *list, const struct message *message);

/* The fields that must not stay; look_alike_write_kept() writes the others. TEMP at the arena's
 * cap. */
enum result list_fields_find(struct arena *arena, const struct list_fields *list,
                             const struct message *message, struct look_alikes *out,
                             struct error *error) must_check;
/* Appends our fields, to be put above the rest. */
void list_fields_write(struct buf *out, const struct list_fields *list);

#endif
