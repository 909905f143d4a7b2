/* SPDX-License-Identifier: BSD-2-Clause */
/* One mail transaction at the edge: gather evidence, judge, hand over to the store, answer. */
#include "roles/edge_known.h"
#include "roles/edge_rates.h"

#include "base/log.h"
#include "roles/parcel.h"
#include "roles/policy.h"

#include <string.h>
#include <unistd.h>

enum { EVIDENCE_MAX = 1 << 20, VERDICT_MAX = 64 * 1024 };

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

void edge_out_of_memory(struct smtp_session *session, struct smtp_reply *reply)
{
    smtp_reply_set(reply, session->arena, 452, "4.3.1", "Out of memory. Please try again later.");
}

void edge_set_reply(struct smtp_reply *reply, struct arena *arena,
                    const struct protocol_reply *from)
{
    char enhanced[12];
    if (!bytes_to_cstring(from->enhanced, enhanced, sizeof(enhanced)))
        enhanced[0] = '\0';
    smtp_reply_set(reply, arena, from->code, enhanced, BYTES_FMT, BYTES_ARG(from->text));
}

bool edge_ask_store(struct edge *edge, struct arena *arena, const struct ipc_message *request,
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

void edge_mail(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    struct edge *edge = context;
    struct smtp_transaction *transaction = session->transaction;
    if (edge_rates_mail(edge, session, reply))
        return;
    struct edge_mail *mail = arena_new(transaction->arena, struct edge_mail);
    if (!mail) {
        edge_out_of_memory(session, reply);
        return;
    }
    const struct edge_session *kept = session->context;
    transaction->context = mail;
    mail->edge = edge;
    mail->started = loop_now();
    mail->account = kept ? kept->account : NULL;
    buf_init(&mail->mended, 0);
    struct gather_envelope envelope = {.client = session->client,
                                       .local = session->local,
                                       .helo = session->helo,
                                       .sender = transaction->sender,
                                       .submitter_given = transaction->submitter_given,
                                       .submitter = transaction->submitter,
                                       .submitter_local = transaction->submitter_local,
                                       .submitter_domain = transaction->submitter_domain,
                                       .account = mail->account ? mail->account->name : BYTES(""),
                                       .now = loop_epoch(),
                                       .lists = edge->lists,
                                       .authorities = edge->authorities};
    gather_begin(&mail->gather, &edge->role->config, edge->dns, transaction->arena, &envelope);
    mail->gather.evidence.id = make_id(edge, transaction->arena);
    if (mail->account && !edge_submit_mail(mail, session, reply))
        log_info("submission", "id=" BYTES_FMT ", account=" BYTES_FMT ", from=" BYTES_FMT ", refused: " BYTES_FMT,
                 BYTES_ARG(mail->gather.evidence.id), BYTES_ARG(mail->account->name),
                 BYTES_ARG(transaction->sender), BYTES_ARG(reply->text));
}

void edge_reset(void *context, struct smtp_session *session)
{
    (void)context;
    struct edge_mail *mail = session->transaction ? session->transaction->context : NULL;
    if (!mail)
        return;
    gather_end(&mail->gather);
    buf_free(&mail->mended);
}

bool edge_list_recipients(struct edge_mail *mail, const struct smtp_transaction *transaction)
{
    struct gather *gather = &mail->gather;
    struct evidence *evidence = &gather->evidence;
    evidence->recipient_count = 0;
    evidence->recipients = arena_alloc_array(gather->arena, transaction->recipient_count,
                                             sizeof(*evidence->recipients));
    mail->trap_count = 0;
    mail->traps = arena_alloc_array(gather->arena, transaction->recipient_count, sizeof(*mail->traps));
    if (!evidence->recipients || !mail->traps)
        return false;
    for (size_t i = 0; i < transaction->recipient_count; i++) {
        const struct smtp_recipient *recipient = &transaction->recipients[i];
        const struct edge_recipient *found = recipient->context;
        evidence->recipients[evidence->recipient_count++] = recipient->mailbox;
        if (found && found->trap)
            mail->traps[mail->trap_count++] = recipient->mailbox;
    }
    return true;
}

const struct config_policy *edge_policy(const struct edge_mail *mail)
{
    char section[256];
    if (!bytes_to_cstring(mail->policy, section, sizeof(section)))
        section[0] = '\0';
    return config_policy_find(&mail->edge->role->config, section);
}

/* NULL: none. */
static const struct config_policy *shadow_of(const struct edge_mail *mail, const struct config_policy *policy)
{
    const struct config_policy *shadow =
        policy->shadow[0] ? config_policy_find(&mail->edge->role->config, policy->shadow) : NULL;
    return shadow && strcmp(shadow->name, policy->shadow) == 0 ? shadow : NULL;
}

static struct edge_known known_of(const struct edge_mail *mail)
{
    const struct config_policy *policy = edge_policy(mail), *shadow = shadow_of(mail, policy);
    bool counts = !mail->account && policy->greylist != CONFIG_GREYLIST_OFF;
    bool asks = !mail->account && shadow && shadow->greylist != CONFIG_GREYLIST_OFF;
    return (struct edge_known){.greylist = counts || asks,
                               .greylist_counts = counts,
                               .greylist_delay = (counts || !asks ? policy : shadow)->greylist_delay,
                               .traps = mail->traps,
                               .trap_count = mail->trap_count,
                               .unknown = mail->unknown};
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
    const struct config_policy *chosen = edge_policy(mail);
    evidence->exempt = mail->exempt;
    evidence->tls = session->tls ? session->tls_version : BYTES("");
    if (!edge_list_recipients(mail, transaction)) {
        edge_out_of_memory(session, reply);
        return TEMP;
    }
    enum result result = gather_message(gather, transaction->content, &error);
    if (result == PERM) {
        smtp_reply_set(reply, transaction->arena, 552, "5.3.4", "%s", error.text);
        return TEMP;
    }
    /* Behind a relay of ours that is whom the relay had it from. */
    evidence->own_network = config_networks_contain(&config->own_networks, &evidence->client);
    if (result == OK && !edge_rates_message(mail, session, reply))
        return TEMP;
    struct edge_known known = known_of(mail);
    /* Twice: whom nobody needs to read, or who is refused already, is not read. */
    bool fine = result == OK && edge_add_session(mail, session) && edge_add_spent(mail, session) &&
                edge_add_replays(mail) && edge_add_attempts(mail, session, chosen) &&
                edge_known(mail, &known) == OK &&
                policy_judge(transaction->arena, config, chosen, evidence, verdict) == OK &&
                edge_examine_content(mail, chosen, verdict) &&
                policy_judge(transaction->arena, config, chosen, evidence, verdict) == OK;
    if (!fine)
        edge_out_of_memory(session, reply);
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
    struct bytes outcome = BYTES("");
    struct edge_known known = known_of(mail);
    if (!edge_known_outcome(mail, &known, verdict, &outcome))
        return false;
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
        .counted = mail->counted,
        .outcome = outcome,
        .counted_count = verdict->action == ACTION_TEMPFAIL ? 0 : mail->counted_count,
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

/* For traps alone, and nothing is learned of it: only its story is kept. */
static bool is_for_nothing(const struct edge_mail *mail)
{
    return mail->trap_count && mail->trap_count == mail->gather.evidence.recipient_count &&
           !edge_known_trap_teaches(mail);
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
        edge_out_of_memory(session, reply);
    } else if (verdict->action == ACTION_REJECT || verdict->action == ACTION_TEMPFAIL) {
        smtp_reply_set(reply, arena, verdict->code, verdict->enhanced, BYTES_FMT " id=" BYTES_FMT,
                       BYTES_ARG(verdict->text), BYTES_ARG(id));
        record_refusal(mail, &record);
    } else if (verdict->action == ACTION_DISCARD || is_for_nothing(mail)) {
        smtp_reply_set(reply, arena, 250, "2.0.0", "Ok: id=" BYTES_FMT, BYTES_ARG(id));
        summary = is_for_nothing(mail) ? BYTES("trap") : BYTES("");
        record_refusal(mail, &record);
    } else if (edge_reports_fit(mail, session, reply)) {
        edge_deliver_copies(mail, session, verdict, &record, reply, &summary);
    } else {
        record.code = reply->code;
        record.action = bytes_of(action_name(ACTION_REJECT));
        record_refusal(mail, &record);
    }
    edge_log_message(mail, session, verdict, reply, summary);
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
    if (!edge_list_recipients(mail, session->transaction) || !edge_add_session(mail, session))
        return;
    buf_init(&evidence, EVIDENCE_MAX);
    buf_init(&text, VERDICT_MAX);
    if (make_record(mail, &verdict, &record, &evidence, &text))
        record_refusal(mail, &record);
    edge_log_message(mail, session, &verdict, reply, BYTES(""));
    buf_free(&text);
    buf_free(&evidence);
}

void edge_message(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    (void)context;
    struct edge_mail *mail = session->transaction->context;
    struct verdict verdict;
    mail->received = loop_now();
    enum result result = mail->account ? edge_submit_message(mail, session, &verdict, reply)
                                       : examine(mail, session, &verdict, reply);
    if (result == OK)
        carry_out(mail, session, &verdict, reply);
    if (result == OK)
        edge_rates_judged(mail, session, &verdict, reply);
    else if (mail->account)
        log_info("submission", "id=" BYTES_FMT ", account=" BYTES_FMT ", refused: %u %s " BYTES_FMT,
                 BYTES_ARG(mail->gather.evidence.id), BYTES_ARG(mail->account->name), reply->code,
                 reply->enhanced, BYTES_ARG(reply->text));
}
