/* SPDX-License-Identifier: BSD-2-Clause */
/* A judged message goes to the store. */
#include "roles/edge_known.h"

#include "message/pra.h"
#include "message/resent.h"
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

struct parts {
    struct buf prefix, remote_prefix, content;
    struct bytes resent; /* who resends it, if fields say so */
};

static const struct edge_recipient *recipient_of(const struct smtp_recipient *recipient)
{
    return recipient->context;
}

static struct bytes original_of(const struct smtp_session *session, const struct smtp_recipient *recipient)
{
    if (!recipient->original.len)
        return BYTES("");
    return arena_printf(session->transaction->arena, BYTES_FMT ";" BYTES_FMT,
                        BYTES_ARG(recipient->original_type), BYTES_ARG(recipient->original));
}

/* Asked for by the author, where the way matters less than the arrival (rfc8689:5); if it is he. */
static bool is_tls_optional(const struct edge_mail *mail)
{
    if (!edge_author(mail).len)
        return false;
    const struct header_field *field = message_field(&mail->gather.message, "TLS-Required", 0);
    return field && bytes_is_nocase(bytes_trim(field->value), "no");
}

/* rfc4405:4.1: whoever is responsible for the message, where that is not its return path. What an account
 * put there that is not its own is not repeated. */
static struct bytes submitter_of(const struct edge_mail *mail, struct bytes sender, struct bytes resent)
{
    const struct gather *gather = &mail->gather;
    struct pra pra;
    if (!gather->config->authentication.sender_id || !mail->leaves)
        return BYTES("");
    if (resent.len)
        return resent;
    if (pra_find(gather->arena, &gather->message, &pra) != OK || bytes_equal(pra.mailbox, sender))
        return BYTES("");
    if (mail->account && !identity_owns(&mail->identity, pra.local, pra.domain))
        return BYTES("");
    return pra.mailbox;
}

static void add_recipients(const struct smtp_session *session, struct delivery_request *request)
{
    const struct smtp_transaction *transaction = session->transaction;
    for (size_t i = 0; i < transaction->recipient_count; i++) {
        const struct smtp_recipient *from = &transaction->recipients[i];
        request->recipients[i] = (struct delivery_recipient){.mailbox = from->mailbox,
                                                             .local = from->local,
                                                             .domain = from->domain,
                                                             .elsewhere = recipient_of(from)->elsewhere,
                                                             .notify = from->notify,
                                                             .original = original_of(session, from)};
    }
}

/* What own users send to each other, and what is not looked at, has no class of its own. */
static enum mail_folder folder_for(const struct edge_mail *mail, const struct verdict *verdict)
{
    static const enum mail_folder folders[] = {
        [TRUST_FIRST] = FOLDER_FIRST, [TRUST_BUSINESS] = FOLDER_BUSINESS, [TRUST_THIRD] = FOLDER_THIRD,
        [TRUST_FORGED] = FOLDER_THIRD};
    if (verdict->action == ACTION_JUNK)
        return FOLDER_JUNK;
    const struct config_policy *policy = edge_policy(mail);
    if (!verdict->scored || mail->account || policy->class_folders == CONFIG_FOLDERS_NONE)
        return FOLDER_INBOX;
    if (policy->class_folders == CONFIG_FOLDERS_EACH)
        return folders[verdict->trust];
    return verdict->trust == TRUST_FIRST ? FOLDER_NOT_JUNK : FOLDER_INBOX;
}

static enum result build_delivery(struct edge_mail *mail, struct smtp_session *session,
                                  const struct verdict *verdict, const struct ledger_record *record,
                                  struct delivery_request *request, struct parts *parts,
                                  struct smtp_reply *reply)
{
    struct smtp_transaction *transaction = session->transaction;
    const struct config *config = &mail->edge->role->config;
    struct arena *arena = transaction->arena;
    struct edge_remote remote;
    int64_t patience = mail->received + config->limits.finish_timeout - loop_now();
    if (edge_remote(mail, session, &remote, reply) != OK)
        return TEMP;
    *request = (struct delivery_request){
        .sender = transaction->sender,
        .smtputf8 = transaction->smtputf8,
        .place = verdict->action == ACTION_QUARANTINE ? DELIVER_QUARANTINE : DELIVER_MAILBOX,
        .folder = folder_for(mail, verdict),
        .patience = patience > 0 ? patience : 0,
        .recipient_count = transaction->recipient_count,
        .origin = remote.origin,
        .account = mail->account ? mail->account->name : BYTES(""),
        .remote_sender = remote.sender,
        .list = mail->list ? bytes_of(mail->list->name) : BYTES(""),
        .author = remote.author,
        .envelope_id = transaction->envelope_id,
        .return_full = transaction->return_full,
        .return_headers = transaction->return_headers,
        .require_tls = transaction->require_tls,
        .tls_optional = !transaction->require_tls && is_tls_optional(mail),
        .submitter = submitter_of(mail, remote.sender, parts->resent),
        .record = *record,
    };
    request->recipients =
        arena_alloc_array(arena, request->recipient_count, sizeof(*request->recipients));
    if (!request->recipients || !edge_fingerprint(mail, session, &request->fingerprint))
        return NONE;
    add_recipients(session, request);
    if (trace_write(&parts->prefix, arena, config, session, &mail->gather, verdict) != OK ||
        trace_write_message(&parts->content, arena, config, &mail->gather.message) != OK ||
        (mail->leaves &&
         trace_write_remote(&parts->remote_prefix, arena, config, session, &mail->gather) != OK))
        return NONE;
    request->prefix = buf_bytes(&parts->prefix);
    request->remote_prefix = buf_bytes(&parts->remote_prefix);
    request->content = buf_bytes(&parts->content);
    return OK;
}

static void send_delivery(struct edge_mail *mail, struct smtp_session *session,
                          struct delivery_request *request, struct smtp_reply *reply,
                          struct bytes *summary)
{
    struct arena *arena = session->transaction->arena;
    struct buf payload;
    buf_init(&payload, PARCEL_MAX);
    int fd = -1;
    size_t octets = request->content.len + request->prefix.len + request->remote_prefix.len +
                    request->record.evidence.len;
    if (octets > PROTOCOL_INLINE_MAX) {
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

/* In the name of the address here that the mail was sent to (rfc5322:3.6.6). */
static void add_resent(struct edge_mail *mail, const struct smtp_session *session, struct parts *parts)
{
    const struct gather *gather = &mail->gather;
    struct resent resent = {.from = session->transaction->recipients[0].mailbox,
                            .date = gather->now,
                            .id = gather->evidence.id,
                            .host = bytes_of(gather->config->hostname)};
    if (resent_breaks_signature(&gather->message))
        return;
    resent_write(&parts->remote_prefix, &resent);
    parts->resent = resent.from;
}

void edge_deliver(struct edge_mail *mail, struct smtp_session *session,
                    const struct verdict *verdict, const struct ledger_record *record,
                    struct smtp_reply *reply, struct bytes *summary)
{
    struct parts parts = {.resent = BYTES("")};
    buf_init(&parts.prefix, PREFIX_MAX);
    buf_init(&parts.remote_prefix, PREFIX_MAX);
    buf_init(&parts.content, session->transaction->content.len + 1024);
    struct delivery_request request;
    enum result result = edge_sign(mail, &parts.prefix, reply);
    if (result == OK && mail->leaves) {
        if (mail->gather.config->forwarding.resent && mail->kind == RECIPIENT_KIND_FORWARD)
            add_resent(mail, session, &parts);
        buf_add(&parts.remote_prefix, buf_bytes(&parts.prefix));
    }
    if (result == OK)
        result = build_delivery(mail, session, verdict, record, &request, &parts, reply);
    else
        *summary = BYTES("put off: not signed");
    if (result == OK)
        send_delivery(mail, session, &request, reply, summary);
    else if (result == NONE)
        edge_out_of_memory(session, reply);
    buf_free(&parts.content);
    buf_free(&parts.remote_prefix);
    buf_free(&parts.prefix);
}

/* One copy for a list. The message is left as it was before. */
static void deliver_to_list(struct edge_mail *mail, struct smtp_session *session,
                            const struct verdict *verdict, const struct ledger_record *record,
                            struct smtp_reply *reply, struct bytes *summary)
{
    struct bytes content = session->transaction->content;
    struct buf before = mail->mended;
    buf_init(&mail->mended, 0);
    mail->list = recipient_of(session->transaction->recipients)->list;
    if (edge_list_message(mail, session, reply))
        edge_deliver(mail, session, verdict, record, reply, summary);
    buf_free(&mail->mended);
    mail->mended = before;
    mail->list = NULL;
    session->transaction->content = content;
    if (gather_read(&mail->gather, content, NULL) == OK)
        mail->gather.evidence.header_from = mail->gather.from.address;
    else
        mail->gather.evidence.header_from = mail->gather.evidence.subject =
            mail->gather.evidence.message_id = BYTES("");
}

/* For nobody: the store learns from it. Its answer is the client's only where nobody else gets the message. */
static void deliver_nowhere(struct edge_mail *mail, struct smtp_session *session, const struct ledger_record *record,
                            struct smtp_reply *reply, struct bytes *summary)
{
    struct smtp_transaction *transaction = session->transaction;
    struct delivery_request request = {.sender = transaction->sender,
                                       .place = DELIVER_NOWHERE,
                                       .recipient_count = transaction->recipient_count,
                                       .content = transaction->content,
                                       .record = *record};
    request.recipients =
        arena_alloc_array(transaction->arena, request.recipient_count, sizeof(*request.recipients));
    if (!request.recipients || !edge_fingerprint(mail, session, &request.fingerprint)) {
        edge_out_of_memory(session, reply);
        return;
    }
    add_recipients(session, &request);
    send_delivery(mail, session, &request, reply, summary);
}

static bool is_list(const struct edge_recipient *recipient)
{
    return recipient->list != NULL;
}

static bool is_trap(const struct edge_recipient *recipient)
{
    return recipient->trap;
}

/* Moves those that are something to the end; how many others there are. */
static size_t sort_recipients(struct smtp_transaction *transaction, bool (*is)(const struct edge_recipient *))
{
    size_t others = 0;
    for (size_t i = 0; i < transaction->recipient_count; i++) {
        struct smtp_recipient recipient = transaction->recipients[i];
        if (is(recipient_of(&recipient)))
            continue;
        transaction->recipients[i] = transaction->recipients[others];
        transaction->recipients[others++] = recipient;
    }
    return others;
}

/* All or none: once a copy is on its way a refusal would not be true any more (rfc5321:4.2.5). */
static bool all_admit(struct edge_mail *mail, const struct smtp_recipient *lists, size_t count,
                      struct smtp_reply *reply)
{
    for (size_t i = 0; i < count; i++)
        if (!edge_list_admits(mail, recipient_of(&lists[i])->list, reply))
            return false;
    return true;
}

static void deliver_to_people(struct edge_mail *mail, struct smtp_session *session,
                              const struct verdict *verdict, const struct ledger_record *record,
                              struct smtp_reply *reply, struct bytes *summary)
{
    struct smtp_transaction *transaction = session->transaction;
    struct smtp_recipient *all = transaction->recipients;
    size_t count = transaction->recipient_count, others = sort_recipients(transaction, is_list);
    if (count > 1 && others < count && !all_admit(mail, &all[others], count - others, reply))
        return;
    transaction->recipient_count = others;
    if (others)
        edge_deliver(mail, session, verdict, record, reply, summary);
    for (size_t i = others; i < count && reply->code / 100 == 2; i++) {
        transaction->recipients = &all[i];
        transaction->recipient_count = 1;
        deliver_to_list(mail, session, verdict, record, reply, summary);
    }
    transaction->recipients = all;
    transaction->recipient_count = count;
}

/* With others who get the message, the story of it is theirs. */
void edge_deliver_copies(struct edge_mail *mail, struct smtp_session *session,
                         const struct verdict *verdict, const struct ledger_record *record,
                         struct smtp_reply *reply, struct bytes *summary)
{
    struct smtp_transaction *transaction = session->transaction;
    struct smtp_recipient *all = transaction->recipients;
    struct ledger_record untold = {.counted_count = 0};
    struct smtp_reply ignored = *reply;
    struct bytes unsaid = BYTES("");
    size_t count = transaction->recipient_count, others = sort_recipients(transaction, is_trap);
    transaction->recipient_count = others;
    if (others)
        deliver_to_people(mail, session, verdict, record, reply, summary);
    if (others < count && edge_known_trap_teaches(mail) && reply->code / 100 == 2) {
        transaction->recipients = &all[others];
        transaction->recipient_count = count - others;
        deliver_nowhere(mail, session, others ? &untold : record, others ? &ignored : reply,
                        others ? &unsaid : summary);
    }
    transaction->recipients = all;
    transaction->recipient_count = count;
}
