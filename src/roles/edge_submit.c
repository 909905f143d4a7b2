/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mail of our own accounts and hosts: it may only go out in their own name, and what is missing in it is
 * mended before it is signed (rfc6409:6, 8).
 */
#include "roles/edge_mail.h"

#include "message/seven_bit.h"
#include "message/submission.h"
#include "roles/policy.h"

enum { OWNER_TIMEOUT_SECONDS = 10, ALIASES_MAX = 20, MENDED_ROOM = 64 * 1024 };

enum result edge_ask_owner(struct edge_mail *mail, const struct owner_question *question,
                           struct smtp_reply *reply)
{
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    owner_question_write(&payload, question);
    struct ipc_message request = {STORE_OWNER, buf_bytes(&payload), {-1, -1, -1, -1}}, answer;
    bool asked = edge_ask_store(mail->edge, mail->gather.arena, &request, &answer,
                                loop_deadline(OWNER_TIMEOUT_SECONDS * SECOND), reply);
    buf_free(&payload);
    if (!asked)
        return TEMP;
    return answer.payload.len == 1 && answer.payload.ptr[0] == 1 ? OK : NONE;
}

static bool add_entry(struct edge_mail *mail, struct bytes address)
{
    struct identity *identity = &mail->identity;
    struct bytes *entries =
        arena_alloc_array(mail->gather.arena, identity->entry_count + 1, sizeof(*entries));
    if (!entries)
        return false;
    for (size_t i = 0; i < identity->entry_count; i++)
        entries[i] = identity->entries[i];
    entries[identity->entry_count++] = address;
    identity->entries = entries;
    return true;
}

/* What is asked of the store for one message. */
struct learning {
    unsigned asked;
    struct smtp_reply *reply;
};

/* Adds an address to what the account owns, if an alias makes it so. The store is asked only for what is in
 * no entry, and not often: a message with many authors is not worth it. False: it does not answer, and then
 * nobody is told that an address of his is not his. */
static bool learn(struct edge_mail *mail, struct bytes local, struct bytes domain, struct bytes address,
                  struct learning *learning)
{
    struct owner_question question = {.account = mail->account->name, .address = address};
    if (mail->account->machine || !domain.len || identity_owns(&mail->identity, local, domain) ||
        learning->asked >= ALIASES_MAX)
        return true;
    learning->asked++;
    enum result result = edge_ask_owner(mail, &question, learning->reply);
    /* Without memory it is not learnt, and refused. */
    if (result == OK)
        (void)!add_entry(mail, address);
    return result != TEMP;
}

static bool learn_mailbox(struct edge_mail *mail, const struct mailbox *mailbox, struct learning *learning)
{
    struct buf text;
    bool fine = true;
    buf_init(&text, PATH_MAX_OCTETS * 2);
    mailbox_write(&text, mailbox->local, mailbox->domain);
    struct bytes address = arena_copy(mail->gather.arena, buf_bytes(&text));
    if (address.ptr && !text.failed)
        fine = learn(mail, mailbox->local, mailbox->domain, address, learning);
    buf_free(&text);
    return fine;
}

static void refuse(struct edge_mail *mail, struct smtp_reply *reply,
                   const struct identity_decision *decision)
{
    smtp_reply_set(reply, mail->gather.arena, decision->code, decision->enhanced, BYTES_FMT,
                   BYTES_ARG(decision->text));
}

bool edge_submit_mail(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply)
{
    const struct smtp_transaction *transaction = session->transaction;
    struct identity_decision decision;
    struct learning learning = {.reply = reply};
    mail->identity = mail->account->identity;
    if (transaction->sender.len && !learn(mail, transaction->sender_local, transaction->sender_domain,
                                          transaction->sender, &learning))
        return false;
    if (identity_check_sender(mail->gather.arena, &mail->identity, transaction->sender, &decision, NULL) !=
        OK) {
        edge_out_of_memory(session, reply);
        return false;
    }
    if (decision.refused) {
        refuse(mail, reply, &decision);
        return false;
    }
    return edge_account_mail(mail, session, reply);
}

/* All who stand in From and Sender. False: *reply is set. */
static bool learn_authors(struct edge_mail *mail, struct smtp_reply *reply)
{
    struct learning learning = {.reply = reply};
    const struct gather *gather = &mail->gather;
    struct address_list senders;
    const struct header_field *sender = message_field(&gather->message, "Sender", 0);
    for (size_t i = 0; i < gather->from.mailboxes.count; i++)
        if (!learn_mailbox(mail, &gather->from.mailboxes.mailboxes[i], &learning))
            return false;
    if (sender && address_list_parse(gather->arena, sender->value, &senders, NULL) == OK && senders.count)
        return learn_mailbox(mail, &senders.mailboxes[0], &learning);
    return true;
}

bool edge_read_mended(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply)
{
    struct error error;
    if (!mail->mended.failed) {
        session->transaction->content = buf_bytes(&mail->mended);
        enum result result = gather_read(&mail->gather, session->transaction->content, &error);
        if (result == OK) {
            /* What was read before may have pointed into the text that is gone. */
            mail->gather.evidence.header_from = mail->gather.from.address;
            return true;
        }
        if (result == PERM) {
            smtp_reply_set(reply, mail->gather.arena, 552, "5.3.4", "%s", error.text);
            return false;
        }
    }
    edge_out_of_memory(session, reply);
    return false;
}

/* *long_lines: the body has lines that no server need take (rfc5321:4.5.3.1.6). */
static bool mend(struct edge_mail *mail, struct smtp_session *session, bool set_sender, bool *long_lines,
                 struct smtp_reply *reply)
{
    struct gather *gather = &mail->gather;
    struct error error;
    struct submission submission;
    struct submission_options options = {
        .id = gather->evidence.id,
        .host = bytes_of(gather->config->hostname),
        .date = gather->now,
        .sender = mail->identity.account,
        .set_sender = set_sender,
        .look_alikes = {.authserv_id = bytes_of(gather->config->authserv_id)},
    };
    enum result result =
        submission_check(gather->arena, &gather->message, &options, &submission, &error);
    if (result == PERM) {
        smtp_reply_set(reply, gather->arena, 550, submission.enhanced, "%s", error.text);
        return false;
    }
    if (result != OK) {
        edge_out_of_memory(session, reply);
        return false;
    }
    *long_lines = submission.notes & SUBMISSION_LONG_LINES;
    if (!submission.changes)
        return true;
    buf_init(&mail->mended, session->transaction->content.len + MENDED_ROOM);
    submission_write(&mail->mended, &gather->message, &options, &submission);
    return edge_read_mended(mail, session, reply);
}

/* Before signing, since a server on the way may have to convert it otherwise (rfc6376:5.3). What somebody
 * else signed stays as it is. */
static bool make_seven_bit(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply)
{
    struct buf converted;
    struct error error;
    size_t size = session->transaction->content.len;
    buf_init(&converted, size * 3 + 4096);
    enum result result = seven_bit_convert(mail->gather.arena, &mail->gather.message, &converted, &error);
    if (result != OK) {
        buf_free(&converted);
        if (result == TEMP)
            edge_out_of_memory(session, reply);
        return result != TEMP;
    }
    buf_free(&mail->mended);
    mail->mended = converted;
    return edge_read_mended(mail, session, reply);
}

/* A Sender field tells people who sent it, but DMARC would take our own return path for the author's: a
 * colleague cannot be written for. */
static bool borrows_a_colleague(struct edge_mail *mail, struct smtp_reply *reply)
{
    const struct from_field *from = &mail->gather.from;
    for (size_t i = 0; i < from->mailboxes.count; i++) {
        const struct mailbox *mailbox = &from->mailboxes.mailboxes[i];
        if (identity_owns(&mail->identity, mailbox->local, mailbox->domain) ||
            !config_is_our_domain(mail->gather.config, mailbox->domain))
            continue;
        smtp_reply_set(reply, mail->gather.arena, 550, "5.7.1",
                       "The From address " BYTES_FMT "@" BYTES_FMT " is somebody else's here.",
                       BYTES_ARG(mailbox->local), BYTES_ARG(mailbox->domain));
        return true;
    }
    return false;
}

/* Who resends a message says so of himself only (rfc5322:3.6.6). */
static bool resends_as_another(struct edge_mail *mail, struct smtp_reply *reply)
{
    static const char *const names[] = {"Resent-From", "Resent-Sender"};
    const struct message *message = &mail->gather.message;
    struct arena *arena = mail->gather.arena;
    for (size_t n = 0; n < countof(names); n++) {
        const struct header_field *field = message_field(message, names[n], 0);
        for (; field; field = message_field(message, names[n], (size_t)(field - message->fields) + 1)) {
            struct address_list list;
            bool fine = address_list_parse(arena, field->value, &list, NULL) == OK;
            for (size_t i = 0; fine && i < list.count; i++)
                fine = identity_owns(&mail->identity, list.mailboxes[i].local, list.mailboxes[i].domain);
            if (fine)
                continue;
            smtp_reply_set(reply, arena, 550, "5.7.1", "The %s field names somebody else than this account.",
                           names[n]);
            return true;
        }
    }
    return false;
}

static bool judge_submission(struct edge_mail *mail, const struct smtp_session *session,
                             struct verdict *verdict)
{
    struct gather *gather = &mail->gather;
    gather->evidence.header_from = gather->from.address;
    gather->evidence.exempt = false;
    gather->evidence.tls = session->tls ? session->tls_version : BYTES("");
    return edge_list_recipients(mail, session->transaction) &&
           policy_judge(gather->arena, gather->config, &gather->config->policies[0], &gather->evidence, verdict) == OK;
}

enum result edge_submit_message(struct edge_mail *mail, struct smtp_session *session,
                                struct verdict *verdict, struct smtp_reply *reply)
{
    struct gather *gather = &mail->gather;
    struct smtp_transaction *transaction = session->transaction;
    const struct config *config = gather->config;
    struct identity_decision decision;
    struct error error;
    bool long_lines = false;
    enum result result = gather_read(gather, transaction->content, &error);
    if (result == PERM)
        smtp_reply_set(reply, gather->arena, 552, "5.3.4", "%s", error.text);
    if (result != OK)
        goto out;
    if (!learn_authors(mail, reply))
        return TEMP;
    result = identity_check(gather->arena, &mail->identity, transaction->sender, &gather->message,
                            config->submission.foreign_from == CONFIG_FROM_ADD_SENDER ? IDENTITY_ADD_SENDER
                                                                                      : IDENTITY_REFUSE,
                            &decision, &error);
    if (result != OK)
        goto out;
    if (decision.refused) {
        refuse(mail, reply, &decision);
        return TEMP;
    }
    if ((decision.set_sender && borrows_a_colleague(mail, reply)) || resends_as_another(mail, reply))
        return TEMP;
    if (!mend(mail, session, decision.set_sender, &long_lines, reply) ||
        ((config->submission.seven_bit || long_lines) && !make_seven_bit(mail, session, reply)) ||
        !edge_account_message(mail, session, reply))
        return TEMP;
    if (judge_submission(mail, session, verdict))
        return OK;
    result = TEMP;
out:
    if (result == TEMP)
        edge_out_of_memory(session, reply);
    return TEMP;
}
