/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/trace.h"

#include "message/header.h"
#include "message/look_alike.h"
#include "message/received.h"
#include "verdict/explain.h"

static void write_verdict(struct buf *out, struct arena *arena, const struct gather *gather,
                          const struct verdict *verdict)
{
    struct bytes text =
        arena_printf(arena, "%s; class=%s; id=" BYTES_FMT, action_name(verdict->action),
                     trust_class_name(verdict->trust), BYTES_ARG(gather->evidence.id));
    header_write(out, "X-Vouch-Verdict", text);
    if (verdict->reason_count)
        header_write(out, "X-Vouch-Reason", verdict->reasons[0].text);
    if (verdict->action == ACTION_JUNK)
        header_write(out, "X-Spam-Flag", BYTES("YES"));
}

static void write_received(struct buf *out, const struct config *config,
                           const struct smtp_session *session, const struct gather *gather)
{
    const struct smtp_transaction *transaction = session->transaction;
    struct received received = {
        .helo = session->helo,
        .client_name = gather->evidence.client_name,
        .client = session->client,
        .by = bytes_of(config->hostname),
        .extended = session->esmtp,
        .tls = session->tls,
        .smtputf8 = transaction->smtputf8,
        .tls_version = session->tls_version,
        .tls_cipher = session->tls_cipher,
        .id = gather->evidence.id,
        .recipient =
            transaction->recipient_count == 1 ? transaction->recipients[0].mailbox : BYTES(""),
        .epoch = gather->now,
    };
    received_write(out, &received);
}

enum result trace_write(struct buf *out, struct arena *arena, const struct config *config,
                        const struct smtp_session *session, const struct gather *gather,
                        const struct verdict *verdict)
{
    struct auth_results results;
    if (explain_auth_results(arena, &gather->evidence, bytes_of(config->authserv_id), &results) != OK)
        return TEMP;
    auth_results_write(out, &results);
    write_verdict(out, arena, gather, verdict);
    if (config->authentication.spf)
        spf_write_received(out, &gather->spf_request, &gather->spf, "mailfrom");
    write_received(out, config, session, gather);
    return out->failed || arena_exhausted(arena) ? TEMP : OK;
}

enum result trace_write_message(struct buf *out, struct arena *arena, const struct config *config,
                                const struct message *message)
{
    struct look_alike_rules rules = {.authserv_id = bytes_of(config->authserv_id),
                                     .final_delivery = true};
    struct look_alikes found;
    if (look_alike_find(arena, message, &rules, &found, NULL) != OK)
        return TEMP;
    look_alike_write_kept(out, message, &found);
    buf_add(out, message->body);
    return out->failed ? TEMP : OK;
}
