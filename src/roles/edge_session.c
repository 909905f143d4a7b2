/* SPDX-License-Identifier: BSD-2-Clause */
/* How a client behaved in its session, as evidence. */
#include "roles/edge_nolist.h"

enum { MANY_ERRORS = 5 };

static bool add(struct edge_mail *mail, bool holds, const char *kind, struct bytes reason)
{
    struct arena *arena = mail->gather.arena;
    if (!holds)
        return true;
    struct evidence_item *item = evidence_add(arena, &mail->gather.evidence, CHECK_SESSION, AUTH_NEUTRAL);
    if (!item)
        return false;
    item->reason = reason;
    return evidence_property(arena, item, "vouch", "kind", bytes_of(kind));
}

bool edge_add_session(struct edge_mail *mail, const struct smtp_session *session)
{
    const struct edge_session *kept = session->context;
    bool many = session->errors >= MANY_ERRORS;
    struct bytes errors = many ? arena_printf(mail->gather.arena, "%u commands or messages of the client were refused",
                                              session->errors)
                               : BYTES("");
    return add(mail, session->early_talker, "early-talker", BYTES("the client spoke before the greeting")) &&
           add(mail, session->illegal_pipelining, "pipelining", BYTES("the client did not wait for replies")) &&
           add(mail, session->lenient_syntax, "lenient-syntax", BYTES("the client used loose syntax")) &&
           add(mail, session->transaction->bare_line_ends, "bare-line-ends",
               BYTES("the message held bare line ends")) &&
           add(mail, session->helo_changed, "helo-changed", BYTES("the client gave another name in a later HELO")) &&
           add(mail, many, "errors", errors) && edge_nolist_add(mail, kept ? kept->rates : NULL);
}
