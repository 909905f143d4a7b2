/* SPDX-License-Identifier: BSD-2-Clause */
/* A judged message goes to the store. */
#include "roles/edge_mail.h"

#include "roles/digest.h"
#include "roles/memfd.h"
#include "roles/parcel.h"
#include "roles/trace.h"

#include <unistd.h>

enum { PREFIX_MAX = 1 << 20 };

/* The same mail from the same client: what a peer sends again when our answer did not reach it. */
bool edge_fingerprint(struct edge_mail *mail, const struct smtp_session *session,
                             struct bytes *out)
{
    struct arena *arena = mail->gather.arena;
    const struct evidence *evidence = &mail->gather.evidence;
    const struct header_field *date = message_field(&mail->gather.message, "Date", 0);
    size_t count = 7 + evidence->recipient_count;
    struct bytes *parts = arena_alloc_array(arena, count, sizeof(*parts));
    if (!parts)
        return false;
    parts[0] = bytes_from(session->client.octets, 16);
    parts[1] = evidence->mail_from;
    parts[2] = evidence->message_id;
    parts[3] = mail->gather.message.body;
    /* Where there is no Message-ID, reports with empty bodies differ in these alone. */
    parts[4] = evidence->header_from;
    parts[5] = evidence->subject;
    parts[6] = date ? date->value : BYTES("");
    for (size_t i = 0; i < evidence->recipient_count; i++)
        parts[7 + i] = evidence->recipients[i];
    return digest_parts(arena, parts, count, out);
}

static bool build_delivery(struct edge_mail *mail, struct smtp_session *session,
                           const struct verdict *verdict, const struct ledger_record *record,
                           struct delivery_request *request, struct buf *prefix, struct buf *content)
{
    struct smtp_transaction *transaction = session->transaction;
    const struct config *config = &mail->edge->role->config;
    struct arena *arena = transaction->arena;
    int64_t patience = config->limits.finish_timeout - (loop_now() - mail->received);
    *request = (struct delivery_request){
        .sender = transaction->sender,
        .smtputf8 = transaction->smtputf8,
        .place = verdict->action == ACTION_JUNK         ? DELIVER_JUNK
                 : verdict->action == ACTION_QUARANTINE ? DELIVER_QUARANTINE
                                                        : DELIVER_INBOX,
        .patience = patience > 0 ? patience : 0,
        .recipient_count = transaction->recipient_count,
        .record = *record,
    };
    request->recipients =
        arena_alloc_array(arena, request->recipient_count, sizeof(*request->recipients));
    if (!request->recipients || !edge_fingerprint(mail, session, &request->fingerprint))
        return false;
    for (size_t i = 0; i < transaction->recipient_count; i++)
        request->recipients[i] = (struct delivery_recipient){transaction->recipients[i].mailbox,
                                                             transaction->recipients[i].local,
                                                             transaction->recipients[i].domain};
    if (trace_write(prefix, arena, config, session, &mail->gather, verdict) != OK ||
        trace_write_message(content, arena, config, &mail->gather.message) != OK)
        return false;
    request->prefix = buf_bytes(prefix);
    request->content = buf_bytes(content);
    return true;
}

static void send_delivery(struct edge_mail *mail, struct smtp_session *session,
                          struct delivery_request *request, struct smtp_reply *reply,
                          struct bytes *summary)
{
    struct arena *arena = session->transaction->arena;
    struct buf payload;
    buf_init(&payload, PARCEL_MAX);
    int fd = -1;
    if (request->content.len + request->prefix.len + request->record.evidence.len > PROTOCOL_INLINE_MAX) {
        fd = memfd_of(request->content);
        request->in_descriptor = true;
    }
    delivery_request_write(&payload, request);
    struct ipc_message message = {.type = STORE_DELIVER, .descriptors = {fd}}, answer;
    struct delivery_answer delivered;
    if (payload.failed || (request->in_descriptor && fd < 0) ||
        !parcel_pack(&message, buf_bytes(&payload))) {
        edge_out_of_memory(session, reply);
    } else if (edge_ask_store(mail->edge, arena, &message, &answer, NO_DEADLINE, reply)) {
        if (delivery_answer_read(answer.payload, &delivered)) {
            edge_set_reply(reply, arena, &delivered.reply);
            *summary = delivered.summary;
        } else {
            smtp_reply_set(reply, arena, 451, "4.3.0", "Internal error. Please try again.");
        }
    }
    if (fd >= 0)
        close(fd);
    buf_free(&payload);
}

void edge_deliver(struct edge_mail *mail, struct smtp_session *session,
                    const struct verdict *verdict, const struct ledger_record *record,
                    struct smtp_reply *reply, struct bytes *summary)
{
    struct buf prefix, content;
    buf_init(&prefix, PREFIX_MAX);
    buf_init(&content, session->transaction->content.len + 1024);
    struct delivery_request request;
    if (edge_sign(mail, &prefix, reply) != OK)
        *summary = BYTES("put off: not signed");
    else if (build_delivery(mail, session, verdict, record, &request, &prefix, &content))
        send_delivery(mail, session, &request, reply, summary);
    else
        edge_out_of_memory(session, reply);
    buf_free(&content);
    buf_free(&prefix);
}
