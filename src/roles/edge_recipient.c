/* SPDX-License-Identifier: BSD-2-Clause */
/* RCPT at the edge: the store says who may get mail. */
#include "base/log.h"
#include "message/mailbox.h"
#include "roles/edge_rates.h"
#include "roles/gather_reputation.h"
#include "roles/keys_client.h"

#include <string.h>

enum { RECIPIENT_TIMEOUT_SECONDS = 30 };

static struct bytes tagged(struct edge_mail *mail, const struct smtp_recipient *recipient)
{
    struct buf text;
    buf_init(&text, KEYS_ADDRESS_MAX);
    mailbox_write(&text, recipient->local, recipient->domain);
    struct bytes copy = text.failed ? BYTES("") : arena_copy(mail->gather.arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

/* The address that stands behind a return path of ours takes its place. */
static bool replace(struct edge_mail *mail, struct smtp_recipient *recipient, struct bytes given,
                    const char *kind, struct bytes original)
{
    struct arena *arena = mail->gather.arena;
    struct mailbox mailbox;
    struct evidence_item *item =
        evidence_add(arena, &mail->gather.evidence, CHECK_RETURN_PATH, AUTH_PASS);
    if (!item || mailbox_parse(arena, original, MAILBOX_UTF8 | MAILBOX_LENIENT, &mailbox, NULL) != OK)
        return false;
    /* An SRS address has a sender elsewhere behind it, to whom the report goes on. */
    mail->report_elsewhere = !strcmp(kind, "SRS");
    recipient->mailbox = original;
    recipient->local = mailbox.local;
    recipient->domain = mailbox.domain;
    return evidence_property(arena, item, "smtp", "rcptto", given) &&
           evidence_property(arena, item, "vouch", "address", original) &&
           evidence_property(arena, item, "vouch", "kind", bytes_of(kind));
}

/*
 * Whether the recipient is a return path that we made: a tag of BATV, an address of SES or SRS. Only
 * the keys role can tell. False: *reply says why not.
 */
static bool resolve_return_path(struct edge_mail *mail, struct smtp_recipient *recipient,
                                struct smtp_reply *reply)
{
    static const char *const names[KEYS_CODECS] = {"SRS", "BATV", "SES"};
    const struct config *config = mail->gather.config;
    struct arena *arena = mail->gather.arena;
    bool is_srs = config->srs.domain[0] &&
                  bytes_equal_nocase(recipient->domain, bytes_of(config->srs.domain));
    enum keys_codec codec;
    if (is_srs)
        codec = KEYS_SRS;
    else if (bytes_starts_with_nocase(recipient->local, BYTES("prvs=")) &&
             config_strings_contain(&config->batv.domains, recipient->domain))
        codec = KEYS_BATV;
    else if (bytes_starts_with_nocase(recipient->local, BYTES("SES=")) &&
             config_strings_contain(&config->ses.domains, recipient->domain))
        codec = KEYS_SES;
    else
        return true;
    struct bytes given = tagged(mail, recipient), original;
    struct keys_address_request request = {codec, true, given, mail->gather.now};
    int64_t deadline = loop_deadline(RECIPIENT_TIMEOUT_SECONDS * SECOND);
    struct ipc_channel *keys = edge_keys(mail->edge, deadline);
    struct error error = {{0}};
    enum result result = keys && given.len
                             ? keys_address(keys, arena, &request, deadline, &original, &error)
                             : TEMP;
    if (result == TEMP)
        smtp_reply_set(reply, arena, 451, "4.3.0", "Temporarily unable to check this address.");
    else if (result == PERM)
        smtp_reply_set(reply, arena, 550, "5.1.1", "No return path of ours (%s): %s", names[codec],
                       error.text);
    else if (is_srs && result == NONE)
        smtp_reply_set(reply, arena, 550, "5.1.1", "Only return paths (SRS) are in this domain.");
    else if (is_srs && mail->gather.evidence.mail_from.len)
        smtp_reply_set(reply, arena, 550, "5.7.1",
                       "This return path takes reports only (with the null sender).");
    else if (result == OK && !replace(mail, recipient, given, names[codec], original))
        smtp_reply_set(reply, arena, 452, "4.3.1", "Out of memory. Please try again later.");
    return reply->code / 100 == 2;
}

/* Who seals this recipient's mail, or NULL: as its domain has it; what goes on elsewhere always, where
 * there is a key. */
static const struct config_signing *find_seal(const struct edge_mail *mail,
                                              const struct smtp_recipient *recipient,
                                              enum recipient_kind kind, struct bytes *domain)
{
    const struct config *config = mail->gather.config;
    if (mail->account)
        return NULL;
    for (size_t i = 0; mail->edge->seals && i < config->domain_count; i++)
        if (config->domains[i].arc_seal[0] && config_strings_contain(&config->domains[i].names, recipient->domain))
            return keys_signing_find(config, bytes_of(config->domains[i].arc_seal), domain);
    return kind == RECIPIENT_KIND_FORWARD || kind == RECIPIENT_KIND_LIST
               ? keys_signing_find(config, recipient->domain, domain)
               : NULL;
}

static const struct config_list *find_list(const struct config *config, struct bytes name)
{
    for (size_t i = 0; i < config->list_count; i++)
        if (bytes_is(name, config->lists[i].name))
            return &config->lists[i];
    return NULL;
}

/* Lists and relayed domains have rules of their own. */
static bool goes_alone(enum recipient_kind kind)
{
    return kind == RECIPIENT_KIND_LIST || kind == RECIPIENT_KIND_RELAY;
}

/* One reply has to be true for all recipients; those of another policy come in a transaction of their own,
 * which clients start by themselves (rfc5321:4.5.3.1.10). Own users' mail has one policy, and their clients
 * would not start another. */
static bool fits(const struct edge_mail *mail, const struct smtp_recipient *recipient,
                 const struct recipient_answer *found)
{
    struct bytes domain;
    if (mail->account)
        return true;
    /* Who takes known senders only must not decide for others. */
    if (edge_policy(mail)->default_reject)
        return false;
    return !goes_alone(mail->kind) && !goes_alone(found->kind) && bytes_equal(mail->policy, found->policy) &&
           mail->exempt == found->exempt && mail->seal == find_seal(mail, recipient, found->kind, &domain);
}

static void keep(struct edge_mail *mail, struct smtp_recipient *recipient, const struct recipient_answer *found,
                 struct smtp_reply *reply)
{
    struct edge_recipient *kept = arena_new(mail->gather.arena, struct edge_recipient);
    if (!kept) {
        smtp_reply_set(reply, mail->gather.arena, 452, "4.3.1", "Out of memory. Please try again later.");
        return;
    }
    *kept = (struct edge_recipient){.elsewhere = found->kind == RECIPIENT_KIND_REMOTE,
                                    .trap = found->trap,
                                    .list = find_list(mail->gather.config, found->list)};
    recipient->context = kept;
    mail->leaves |= found->kind != RECIPIENT_KIND_LOCAL;
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

/* rfc6409:4.2. What "sales" means here nobody knows elsewhere. */
static bool is_unqualified(const struct smtp_recipient *recipient)
{
    return recipient->domain.len && recipient->domain.ptr[0] != '[' &&
           bytes_find_byte(recipient->domain, '.') == BYTES_NOT_FOUND;
}

/* People and hosts of ours, and who forwards mail to us: lists in DNS say nothing of them, and what they send to a
 * trap is a mistake, of which they are told. */
static bool is_trusted(const struct edge_mail *mail, const struct smtp_session *session)
{
    return mail->account || rates_is_trusted(mail->gather.config, &session->client);
}

static struct protocol_reply no_mailbox(struct arena *arena, const struct smtp_recipient *recipient)
{
    return (struct protocol_reply){550, BYTES("5.1.1"),
                                   arena_printf(arena, "There is no mailbox " BYTES_FMT "@" BYTES_FMT " here.",
                                                BYTES_ARG(recipient->local), BYTES_ARG(recipient->domain))};
}

static void decide_recipient(struct edge_mail *mail, struct smtp_session *session,
                             struct smtp_recipient *recipient, struct smtp_reply *reply)
{
    struct smtp_transaction *transaction = session->transaction;
    struct recipient_question question = {.sender = transaction->sender,
                                          .local = recipient->local,
                                          .domain = recipient->domain,
                                          .size = transaction->declared_size,
                                          .submitted = mail->account || mail->report_elsewhere};
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    recipient_question_write(&payload, &question);
    struct ipc_message request = {STORE_RECIPIENT, buf_bytes(&payload), {-1, -1, -1, -1}}, answer;
    bool asked = edge_ask_store(mail->edge, transaction->arena, &request, &answer,
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
    bool trusted = is_trusted(mail, session);
    const struct gather_early *early = found.exempt || trusted ? NULL : gather_early_listed(&mail->gather);
    if (found.trap && trusted && found.reply.code / 100 == 2)
        found.reply = no_mailbox(transaction->arena, recipient);
    if (found.reply.code / 100 == 2 && early) {
        smtp_reply_set(reply, transaction->arena, 550, "5.7.1", BYTES_FMT, BYTES_ARG(early->reply));
        return;
    }
    if (found.reply.code / 100 != 2) {
        mail->unknown += bytes_is(found.reply.enhanced, "5.1.1");
        edge_set_reply(reply, transaction->arena, &found.reply);
    } else if (found.kind == RECIPIENT_KIND_LIST && !transaction->sender.len) {
        smtp_reply_set(reply, transaction->arena, 550, "5.7.1",
                       "This is a mailing list, which takes no reports (with the null sender).");
    } else if (found.kind == RECIPIENT_KIND_REMOTE && is_unqualified(recipient)) {
        smtp_reply_set(reply, transaction->arena, 554, "5.1.2",
                       "The domain " BYTES_FMT " is not a full one. Please write the whole address.",
                       BYTES_ARG(recipient->domain));
    } else if (!first && !fits(mail, recipient, &found)) {
        smtp_reply_set(reply, transaction->arena, 452, "4.5.3",
                       "This recipient has rules of its own. Please send it a separate copy.");
    } else if (first) {
        mail->policy = found.policy;
        mail->exempt = found.exempt;
        mail->kind = found.kind;
        mail->seal = find_seal(mail, recipient, found.kind, &mail->seal_domain);
    }
    if (reply->code / 100 == 2)
        keep(mail, recipient, &found, reply);
}

void edge_recipient(void *context, struct smtp_session *session, struct smtp_recipient *recipient,
                    struct smtp_reply *reply)
{
    struct edge *edge = context;
    if (!edge_rates_recipient(edge, session, recipient, reply))
        return;
    struct edge_mail *mail = session->transaction->context;
    size_t known = mail->gather.evidence.item_count;
    mail->report_elsewhere = false;
    if (resolve_return_path(mail, recipient, reply))
        decide_recipient(mail, session, recipient, reply);
    edge_rates_answered(edge, session, recipient, reply);
    if (reply->code / 100 == 2)
        return;
    /* What was found out about a recipient that the message does not have is no evidence of it. */
    mail->gather.evidence.item_count = known;
    if (mail->account && reply->code == 550)
        edge_account_refused(mail, recipient);
    log_refused_recipient(mail, session, recipient, reply);
}
