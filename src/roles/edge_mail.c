/* SPDX-License-Identifier: BSD-2-Clause */
/* One mail transaction at the edge: gather evidence, judge, hand over to the store, answer. */
#include "roles/edge.h"

#include "base/log.h"
#include "roles/digest.h"
#include "roles/gather.h"
#include "roles/memfd.h"
#include "roles/parcel.h"
#include "roles/policy.h"
#include "roles/trace.h"

#include <string.h>
#include <unistd.h>

enum { RECIPIENT_TIMEOUT_SECONDS = 30, PREFIX_MAX = 256 * 1024, EVIDENCE_MAX = 1 << 20, VERDICT_MAX = 64 * 1024 };

struct edge_mail {
    struct edge *edge;
    struct gather gather;
    struct bytes policy;       /* of the first recipient: one policy class a transaction */
    bool exempt;
    int64_t started;           /* MAIL */
    int64_t received;          /* the end of the data */
};

/* Unique among our edges and over time: microseconds, edge, counter, in base 32. The digits ascend in
 * ASCII, so that ids sort by time, and lack vowels that would make words of them. */
static struct bytes make_id(struct edge *edge, struct arena *arena)
{
    static const char digits[] = "0123456789abcdfghjklmnpqrstvwxyz";
    uint64_t value = ((uint64_t)loop_epoch_microseconds() << 10) |
                     ((edge->role->index & 31) << 5) | (edge->ids++ & 31);
    char text[13];
    for (int i = 12; i >= 0; i--, value >>= 5)
        text[i] = digits[value & 31];
    return arena_copy(arena, bytes_from(text, sizeof(text)));
}

static void out_of_memory(struct smtp_session *session, struct smtp_reply *reply)
{
    smtp_reply_set(reply, session->arena, 452, "4.3.1", "Out of memory. Please try again later.");
}

void edge_mail(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    struct edge *edge = context;
    struct smtp_transaction *transaction = session->transaction;
    struct edge_mail *mail = arena_new(transaction->arena, struct edge_mail);
    if (!mail) {
        out_of_memory(session, reply);
        return;
    }
    transaction->context = mail;
    mail->edge = edge;
    mail->started = loop_now();
    struct gather_envelope envelope = {.client = session->client,
                                       .helo = session->helo,
                                       .sender = transaction->sender,
                                       .now = loop_epoch()};
    gather_begin(&mail->gather, &edge->role->config, edge->dns, transaction->arena, &envelope);
    mail->gather.evidence.id = make_id(edge, transaction->arena);
}

void edge_reset(void *context, struct smtp_session *session)
{
    (void)context;
    struct edge_mail *mail = session->transaction ? session->transaction->context : NULL;
    if (mail)
        gather_end(&mail->gather);
}

static void set_reply(struct smtp_reply *reply, struct arena *arena, const struct protocol_reply *from)
{
    char enhanced[12];
    if (!bytes_to_cstring(from->enhanced, enhanced, sizeof(enhanced)))
        enhanced[0] = '\0';
    smtp_reply_set(reply, arena, from->code, enhanced, BYTES_FMT, BYTES_ARG(from->text));
}

/* Asks the store; false (and a 451) when it does not answer. */
static bool ask_store(struct edge *edge, struct arena *arena, const struct ipc_message *request,
                      struct ipc_message *answer, int64_t deadline, struct smtp_reply *reply)
{
    struct error error;
    struct ipc_channel *store = edge_store(edge, deadline);
    if (store && role_call(store, arena, request, answer, deadline, &error) == OK)
        return true;
    log_warning("edge", "the store does not answer%s%s", store ? ": " : "", store ? error.text : "");
    smtp_reply_set(reply, arena, 451, "4.3.0", "Temporarily unable to handle mail. Please try again.");
    return false;
}

static void log_refused_recipient(const struct edge_mail *mail, const struct smtp_session *session,
                                  const struct smtp_recipient *recipient,
                                  const struct smtp_reply *reply)
{
    struct log_line line;
    char client[IP_TEXT_SIZE];
    log_begin(&line, LOG_LEVEL_INFO, "recipient");
    log_bytes(&line, "id", mail->gather.evidence.id);
    log_string(&line, "client", ip_format(&session->client, client));
    log_bytes(&line, "helo", session->helo);
    log_bytes(&line, "from", session->transaction->sender);
    log_bytes(&line, "to", recipient->mailbox);
    log_integer(&line, "code", reply->code);
    log_string(&line, "enhanced", reply->enhanced);
    log_bytes(&line, "reply", reply->text);
    log_end(&line);
}

static void decide_recipient(struct edge_mail *mail, struct smtp_session *session,
                             struct smtp_recipient *recipient, struct smtp_reply *reply)
{
    struct smtp_transaction *transaction = session->transaction;
    struct recipient_question question = {.sender = transaction->sender,
                                          .local = recipient->local,
                                          .domain = recipient->domain,
                                          .size = transaction->declared_size};
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    recipient_question_write(&payload, &question);
    struct ipc_message request = {STORE_RECIPIENT, buf_bytes(&payload), {-1, -1, -1, -1}}, answer;
    bool asked = ask_store(mail->edge, transaction->arena, &request, &answer,
                           loop_deadline(RECIPIENT_TIMEOUT_SECONDS * SECOND), reply);
    buf_free(&payload);
    struct recipient_answer found;
    if (!asked)
        return;
    if (!recipient_answer_read(answer.payload, &found)) {
        smtp_reply_set(reply, transaction->arena, 451, "4.3.0", "Internal error. Please try again.");
        return;
    }
    bool first = transaction->recipient_count <= 1;
    if (found.reply.code / 100 != 2) {
        set_reply(reply, transaction->arena, &found.reply);
    } else if (first) {
        mail->policy = found.policy;
        mail->exempt = found.exempt;
    } else if (!bytes_equal(mail->policy, found.policy) || mail->exempt != found.exempt) {
        /* One reply has to be true for all recipients; those of another policy come in a
         * transaction of their own, which clients start by themselves (rfc5321:4.5.3.1.10). */
        smtp_reply_set(reply, transaction->arena, 452, "4.5.3",
                       "This recipient has rules of its own. Please send it a separate copy.");
    }
}

void edge_recipient(void *context, struct smtp_session *session, struct smtp_recipient *recipient,
                    struct smtp_reply *reply)
{
    (void)context;
    struct edge_mail *mail = session->transaction->context;
    decide_recipient(mail, session, recipient, reply);
    if (reply->code / 100 != 2)
        log_refused_recipient(mail, session, recipient, reply);
}

/* Behaviour of the session as evidence. */
static bool add_session(struct edge_mail *mail, const struct smtp_session *session)
{
    const char *what = session->early_talker          ? "the client spoke before the greeting"
                       : session->illegal_pipelining  ? "the client did not wait for replies"
                       : session->lenient_syntax      ? "the client used loose syntax"
                       : session->transaction->bare_line_ends ? "the message held bare line ends"
                                                              : NULL;
    if (!what)
        return true;
    struct evidence_item *item = evidence_add(mail->gather.arena, &mail->gather.evidence,
                                              CHECK_SESSION, AUTH_NEUTRAL);
    if (item)
        item->reason = bytes_of(what);
    return item != NULL;
}

/*
 * Only where DNS failed: how often this mail was put off already, counted by network, sender and
 * first recipient, as a retry may come from a neighbour of the client.
 */
static bool add_attempts(struct edge_mail *mail, const struct smtp_session *session,
                         const struct config_policy *policy)
{
    struct gather *gather = &mail->gather;
    bool failed = false;
    for (size_t i = 0; i < gather->evidence.item_count; i++)
        failed |= gather->evidence.items[i].result == AUTH_TEMPERROR &&
                  gather->evidence.items[i].check != CHECK_IPREV;
    if (!failed)
        return true;
    struct ip network = ip_masked(&session->client, session->client.family == 4 ? 24 : 64);
    struct bytes parts[] = {bytes_from(network.octets, 16), gather->evidence.mail_from,
                            session->transaction->recipients[0].mailbox};
    struct attempt_question question = {.window = policy->temporary_window};
    if (!digest_parts(gather->arena, parts, countof(parts), &question.key))
        return false;
    struct buf payload;
    buf_init(&payload, 256);
    attempt_question_write(&payload, &question);
    struct ipc_message request = {STORE_ATTEMPT, buf_bytes(&payload), {-1, -1, -1, -1}}, answer;
    int64_t deadline = loop_deadline(5 * SECOND);
    struct ipc_channel *store = edge_store(mail->edge, deadline);
    bool asked =
        store && role_call(store, gather->arena, &request, &answer, deadline, NULL) == OK;
    buf_free(&payload);
    struct cursor cursor = cursor_over(asked ? answer.payload : BYTES(""));
    uint64_t count = cursor_u64(&cursor);
    /* A store that cannot count must not put mail off for ever. */
    if (cursor.failed)
        count = policy->temporary_attempts;
    struct evidence_item *item =
        evidence_add(gather->arena, &gather->evidence, CHECK_ATTEMPT, AUTH_NONE);
    return item && evidence_property(gather->arena, item, "vouch", "count",
                                     arena_printf(gather->arena, "%llu", (unsigned long long)count));
}

static bool list_recipients(struct gather *gather, const struct smtp_transaction *transaction)
{
    struct evidence *evidence = &gather->evidence;
    evidence->recipients = arena_alloc_array(gather->arena, transaction->recipient_count,
                                             sizeof(*evidence->recipients));
    if (!evidence->recipients)
        return false;
    for (size_t i = 0; i < transaction->recipient_count; i++)
        evidence->recipients[evidence->recipient_count++] = transaction->recipients[i].mailbox;
    return true;
}

/* Evidence and verdict. TEMP: the reply is already set. */
static enum result examine(struct edge_mail *mail, struct smtp_session *session,
                           struct verdict *verdict, struct smtp_reply *reply)
{
    struct smtp_transaction *transaction = session->transaction;
    const struct config *config = &mail->edge->role->config;
    struct gather *gather = &mail->gather;
    struct evidence *evidence = &gather->evidence;
    struct error error = {{0}};
    char section[256];
    if (!bytes_to_cstring(mail->policy, section, sizeof(section)))
        section[0] = '\0';
    const struct config_policy *chosen = config_policy_find(config, section);
    evidence->own_network = config_networks_contain(&config->own_networks, &session->client);
    evidence->exempt = mail->exempt;
    evidence->tls = session->tls ? session->tls_version : BYTES("");
    enum result result = gather_message(gather, transaction->content, &error);
    if (result == PERM) {
        smtp_reply_set(reply, transaction->arena, 552, "5.3.4", "%s", error.text);
        return TEMP;
    }
    struct policy policy;
    bool fine = result == OK && list_recipients(gather, transaction) && add_session(mail, session) &&
                add_attempts(mail, session, chosen) &&
                policy_from_config(transaction->arena, chosen, &policy) == OK &&
                judge(transaction->arena, &policy, evidence, verdict) == OK;
    if (!fine)
        out_of_memory(session, reply);
    return fine ? OK : TEMP;
}

static bool make_record(struct edge_mail *mail, const struct verdict *verdict,
                        struct ledger_record *record, struct buf *evidence, struct buf *text)
{
    const struct evidence *from = &mail->gather.evidence;
    char client[IP_TEXT_SIZE];
    struct json json = json_into(evidence);
    evidence_write(&json, from);
    json = json_into(text);
    verdict_write(&json, verdict);
    *record = (struct ledger_record){
        .id = from->id,
        .received_at = from->received_at,
        .client = arena_copy(mail->gather.arena, bytes_of(ip_format(&from->client, client))),
        .sender = from->mail_from,
        .header_from = from->header_from,
        .action = bytes_of(action_name(verdict->action)),
        .trust = bytes_of(trust_class_name(verdict->trust)),
        .code = verdict->code,
        .policy = mail->policy,
        .evidence = buf_bytes(evidence),
        .verdict = buf_bytes(text),
        .recipients = from->recipients,
        .recipient_count = from->recipient_count,
    };
    return !evidence->failed && !text->failed && record->client.ptr;
}

/* A refused message: only its story is kept. */
static void record_refusal(struct edge_mail *mail, const struct ledger_record *record)
{
    struct buf payload;
    buf_init(&payload, PARCEL_MAX);
    ledger_record_write(&payload, record);
    struct ipc_message message = {.type = STORE_RECORD};
    int64_t deadline = loop_deadline(5 * SECOND);
    struct ipc_channel *store = edge_store(mail->edge, deadline);
    struct error error = {{0}};
    if (payload.failed || !store || !parcel_pack(&message, buf_bytes(&payload)) ||
        ipc_send(store, &message, deadline, &error) != OK)
        log_warning("ledger", "the record of " BYTES_FMT " is lost", BYTES_ARG(record->id));
    parcel_release(&message);
    buf_free(&payload);
}

/* The same mail from the same client: what a peer sends again when our answer did not reach it. */
static bool make_fingerprint(struct edge_mail *mail, const struct smtp_session *session,
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
    if (!request->recipients || !make_fingerprint(mail, session, &request->fingerprint))
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
        out_of_memory(session, reply);
    } else if (ask_store(mail->edge, arena, &message, &answer, NO_DEADLINE, reply)) {
        if (delivery_answer_read(answer.payload, &delivered)) {
            set_reply(reply, arena, &delivered.reply);
            *summary = delivered.summary;
        } else {
            smtp_reply_set(reply, arena, 451, "4.3.0", "Internal error. Please try again.");
        }
    }
    if (fd >= 0)
        close(fd);
    buf_free(&payload);
}

static void deliver(struct edge_mail *mail, struct smtp_session *session,
                    const struct verdict *verdict, const struct ledger_record *record,
                    struct smtp_reply *reply, struct bytes *summary)
{
    struct buf prefix, content;
    buf_init(&prefix, PREFIX_MAX);
    buf_init(&content, session->transaction->content.len + 1024);
    struct delivery_request request;
    if (build_delivery(mail, session, verdict, record, &request, &prefix, &content))
        send_delivery(mail, session, &request, reply, summary);
    else
        out_of_memory(session, reply);
    buf_free(&content);
    buf_free(&prefix);
}

static const char *result_of(const struct gather *gather, enum check check)
{
    const struct evidence_item *item = evidence_find(&gather->evidence, check, 0);
    return item ? auth_result_name(item->result) : NULL;
}

/* The best of all signatures: one that passed says more than the first. */
static const char *dkim_of(const struct gather *gather)
{
    for (size_t i = 0; i < gather->dkim.count; i++)
        if (gather->dkim.signatures[i].result == AUTH_PASS)
            return auth_result_name(AUTH_PASS);
    return result_of(gather, CHECK_DKIM);
}

/* "a@b c@d", bounded as the log line is. */
static struct bytes join_recipients(const struct edge_mail *mail)
{
    const struct evidence *evidence = &mail->gather.evidence;
    struct buf list;
    buf_init(&list, 4096);
    for (size_t i = 0; i < evidence->recipient_count; i++) {
        if (list.len + evidence->recipients[i].len + 8 > 1000) {
            buf_add_string(&list, " …");
            break;
        }
        if (i)
            buf_add_byte(&list, ' ');
        buf_add(&list, evidence->recipients[i]);
    }
    struct bytes copy = arena_copy(mail->gather.arena, buf_bytes(&list));
    buf_free(&list);
    return copy;
}

static void log_message(const struct edge_mail *mail, const struct smtp_session *session,
                        const struct verdict *verdict, const struct smtp_reply *reply,
                        struct bytes summary)
{
    const struct gather *gather = &mail->gather;
    const struct evidence *evidence = &gather->evidence;
    struct log_line line;
    char client[IP_TEXT_SIZE];
    log_begin(&line, LOG_LEVEL_INFO, "message");
    log_bytes(&line, "id", evidence->id);
    log_string(&line, "client", ip_format(&session->client, client));
    log_bytes(&line, "helo", session->helo);
    log_bytes(&line, "from", evidence->mail_from);
    log_bytes(&line, "to", join_recipients(mail));
    log_integer(&line, "nrcpt", (int64_t)session->transaction->recipient_count);
    log_bytes(&line, "header_from", evidence->header_from);
    log_bytes(&line, "message_id", evidence->message_id);
    log_integer(&line, "size", (int64_t)session->transaction->content.len);
    log_bytes(&line, "tls", evidence->tls);
    log_string(&line, "iprev", result_of(gather, CHECK_IPREV));
    log_string(&line, "spf", result_of(gather, CHECK_SPF));
    log_string(&line, "dkim", dkim_of(gather));
    log_string(&line, "dmarc", result_of(gather, CHECK_DMARC));
    log_string(&line, "action", action_name(verdict->action));
    log_string(&line, "class", trust_class_name(verdict->trust));
    log_integer(&line, "code", reply->code);
    log_string(&line, "enhanced", reply->enhanced);
    if (verdict->reason_count)
        log_bytes(&line, "reason", verdict->reasons[0].text);
    if (summary.len)
        log_bytes(&line, "delivery", summary);
    log_integer(&line, "ms", (loop_now_fresh() - mail->started) / 1000);
    log_end(&line);
}

static void carry_out(struct edge_mail *mail, struct smtp_session *session,
                      const struct verdict *verdict, struct smtp_reply *reply)
{
    struct arena *arena = session->transaction->arena;
    struct bytes id = mail->gather.evidence.id, summary = BYTES("");
    struct buf evidence, text;
    struct ledger_record record;
    buf_init(&evidence, EVIDENCE_MAX);
    buf_init(&text, VERDICT_MAX);
    if (!make_record(mail, verdict, &record, &evidence, &text)) {
        out_of_memory(session, reply);
    } else if (verdict->action == ACTION_REJECT || verdict->action == ACTION_TEMPFAIL) {
        smtp_reply_set(reply, arena, verdict->code, verdict->enhanced, BYTES_FMT " id=" BYTES_FMT,
                       BYTES_ARG(verdict->text), BYTES_ARG(id));
        record_refusal(mail, &record);
    } else if (verdict->action == ACTION_DISCARD) {
        smtp_reply_set(reply, arena, 250, "2.0.0", "Ok: id=" BYTES_FMT, BYTES_ARG(id));
        record_refusal(mail, &record);
    } else {
        deliver(mail, session, verdict, &record, reply, &summary);
    }
    log_message(mail, session, verdict, reply, summary);
    buf_free(&text);
    buf_free(&evidence);
}

/* Refused by the protocol before anything was checked: that belongs to the story, too. */
void edge_refused(void *context, struct smtp_session *session, const struct smtp_reply *reply)
{
    struct edge_mail *mail = session->transaction->context;
    struct ledger_record record;
    struct buf evidence, text;
    (void)context;
    struct verdict verdict = {.action = reply->code / 100 == 4 ? ACTION_TEMPFAIL : ACTION_REJECT,
                              .trust = TRUST_THIRD,
                              .code = reply->code,
                              .text = reply->text};
    struct reason reason = {CHECK_SESSION, REASON_DECIDES, reply->text};
    memcpy(verdict.enhanced, reply->enhanced, sizeof(verdict.enhanced));
    verdict.reasons = &reason;
    verdict.reason_count = 1;
    if (!list_recipients(&mail->gather, session->transaction) || !add_session(mail, session))
        return;
    buf_init(&evidence, EVIDENCE_MAX);
    buf_init(&text, VERDICT_MAX);
    if (make_record(mail, &verdict, &record, &evidence, &text))
        record_refusal(mail, &record);
    log_message(mail, session, &verdict, reply, BYTES(""));
    buf_free(&text);
    buf_free(&evidence);
}

void edge_message(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    (void)context;
    struct edge_mail *mail = session->transaction->context;
    struct verdict verdict;
    mail->received = loop_now();
    if (examine(mail, session, &verdict, reply) == OK)
        carry_out(mail, session, &verdict, reply);
}
