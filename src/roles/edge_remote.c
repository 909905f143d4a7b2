/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What copies carry that leave us: the return path (tagged where it is our own, rewritten where it is
 * another's and would fail SPF at the next hop), how far it is known, and a list's fields.
 */
#include "roles/edge_mail.h"

#include "base/domain.h"
#include "base/log.h"
#include "message/dsn.h"
#include "message/list_fields.h"
#include "message/mailbox.h"
#include "roles/keys_client.h"
#include "verdict/spf_term.h"

enum { KEYS_TIMEOUT_SECONDS = 30, LIST_ROOM = 64 * 1024 };

/* Whether error mail to the return path reaches who sent the message: SPF passed for it, or a signature of
 * its domain. */
static bool is_verified(const struct gather *gather)
{
    struct bytes domain = mailbox_domain(gather->evidence.mail_from);
    if (!domain.len)
        return false;
    if (gather->spf.result == AUTH_PASS && bytes_equal_nocase(gather->spf.domain, domain))
        return true;
    for (size_t i = 0; i < gather->dkim.count; i++)
        if (gather->dkim.signatures[i].result == AUTH_PASS &&
            domain_is_within(domain, gather->dkim.signatures[i].domain))
            return true;
    return false;
}

static enum delivery_origin origin_of(const struct edge_mail *mail)
{
    const struct gather *gather = &mail->gather;
    const struct evidence *evidence = &gather->evidence;
    if (mail->account ||
        (evidence->own_network && config_is_our_domain(gather->config, mailbox_domain(evidence->mail_from))))
        return ORIGIN_OURS;
    return !evidence->own_network && is_verified(gather) ? ORIGIN_VERIFIED : ORIGIN_STRANGER;
}

/* Whoever stands in From where that is the account's, else the account: a From of others may have been let
 * through (foreign-from), but proves nothing. */
static struct bytes author_of_account(const struct edge_mail *mail)
{
    const struct from_field *from = &mail->gather.from;
    bool owns = from->status == FROM_OK;
    for (size_t i = 0; i < from->mailboxes.count && owns; i++)
        owns = identity_owns(&mail->identity, from->mailboxes.mailboxes[i].local,
                             from->mailboxes.mailboxes[i].domain);
    return owns ? from->address : mail->identity.account;
}

/* The author, where the domain of From answers for the message: DMARC, or what would be DMARC with a record. */
struct bytes edge_author(const struct edge_mail *mail)
{
    const struct gather *gather = &mail->gather;
    struct bytes domain = gather->from.status == FROM_OK ? gather->from.domain : BYTES("");
    bool everybody = spf_term_is_everybody(gather->spf.mechanism);
    bool known = gather->dmarc.result == AUTH_PASS && (gather->dmarc.dkim_aligned || !everybody);
    if (mail->account)
        return author_of_account(mail);
    if (!domain.len)
        return BYTES("");
    known |= gather->spf.result == AUTH_PASS && !everybody && bytes_equal_nocase(gather->spf.domain, domain) &&
             gather->evidence.mail_from.len;
    for (size_t i = 0; i < gather->dkim.count; i++)
        known |= gather->dkim.signatures[i].result == AUTH_PASS &&
                 bytes_equal_nocase(gather->dkim.signatures[i].domain, domain);
    if (gather->dmarc.result == AUTH_FAIL)
        known = false;
    return known ? gather->from.address : BYTES("");
}

/* OK: *out is the new address, or the old one where it stays as it is. */
static enum result encode(struct edge_mail *mail, enum keys_codec codec, struct bytes sender,
                          struct bytes *out, struct smtp_reply *reply)
{
    struct arena *arena = mail->gather.arena;
    struct keys_address_request request = {codec, false, sender, mail->gather.now};
    int64_t deadline = loop_deadline(KEYS_TIMEOUT_SECONDS * SECOND);
    struct ipc_channel *keys = edge_keys(mail->edge, deadline);
    struct error error = {{0}};
    enum result result = keys ? keys_address(keys, arena, &request, deadline, out, &error) : TEMP;
    if (result == TEMP) {
        smtp_reply_set(reply, arena, 451, "4.3.0",
                       "The return path cannot be made now. Please try again later.");
        return TEMP;
    }
    if (result == PERM)
        log_warning("sign", BYTES_FMT ": the return path stays as it is: %s",
                    BYTES_ARG(mail->gather.evidence.id), error.text);
    if (result != OK)
        *out = sender;
    return OK;
}

/* Remembers since when a domain's return paths are tagged: reports to others are refused only when none can
 * be under way any more (edge_reports.c). */
static void note_tagging(struct edge_mail *mail, struct bytes domain)
{
    struct count_question question = {.count = 1};
    uint64_t began;
    if (edge_tagging_key(mail, domain, &question.items[0].key)) {
        question.items[0].kind = COUNT_FIRST;
        question.items[0].delta = (uint64_t)mail->gather.now;
        question.items[0].window = 3650 * DAY;
        if (!edge_count(mail, &question, &began))
            log_warning("batv", "the store did not note when tagging began");
    }
}

static enum result own_sender(struct edge_mail *mail, struct bytes sender, struct bytes *out,
                              struct smtp_reply *reply)
{
    const struct config *config = mail->gather.config;
    struct bytes domain = mailbox_domain(sender);
    *out = sender;
    if (config_strings_contain(&config->batv.domains, domain)) {
        note_tagging(mail, domain);
        return encode(mail, KEYS_BATV, sender, out, reply);
    }
    return config_strings_contain(&config->ses.domains, domain) ? encode(mail, KEYS_SES, sender, out, reply) : OK;
}

/* Only where SPF would break: the domain has a record, and it is not about us. */
static bool wants_srs(const struct edge_mail *mail)
{
    const struct config *config = mail->gather.config;
    if (!config->srs.domain[0] || mail->kind == RECIPIENT_KIND_RELAY || config->forwarding.srs == CONFIG_SRS_NEVER)
        return false;
    return config->forwarding.srs == CONFIG_SRS_ALWAYS || mail->gather.spf.result != AUTH_NONE;
}

enum result edge_remote(struct edge_mail *mail, const struct smtp_session *session, struct edge_remote *out,
                        struct smtp_reply *reply)
{
    struct bytes sender = session->transaction->sender;
    *out = (struct edge_remote){.sender = sender, .origin = origin_of(mail), .author = edge_author(mail)};
    if (mail->list) {
        struct bytes address = bytes_of(mail->list->address), domain = mailbox_domain(address);
        out->sender = arena_printf(mail->gather.arena, BYTES_FMT "-bounces@" BYTES_FMT,
                                   BYTES_ARG(bytes_first(address, address.len - domain.len - 1)),
                                   BYTES_ARG(domain));
        return OK;
    }
    if (!mail->leaves || !sender.len)
        return OK;
    if (out->origin == ORIGIN_OURS)
        return own_sender(mail, sender, &out->sender, reply);
    return wants_srs(mail) ? encode(mail, KEYS_SRS, sender, &out->sender, reply) : OK;
}

/* Lists */

static struct list_fields fields_of(const struct edge_mail *mail, const struct config_list *list)
{
    struct bytes address = bytes_of(list->address), domain = mailbox_domain(address);
    struct bytes local = bytes_first(address, address.len - domain.len - 1);
    struct bytes owner = arena_printf(mail->gather.arena, BYTES_FMT "-owner@" BYTES_FMT, BYTES_ARG(local),
                                      BYTES_ARG(domain));
    return (struct list_fields){
        .address = address,
        .name = bytes_of(list->description),
        .post = list->post == CONFIG_LIST_OWNER ? BYTES("NO") : BYTES(""),
        .unsubscribe = list->unsubscribe[0] ? bytes_of(list->unsubscribe) : owner,
        .owner = owner,
        .archive = bytes_of(list->archive),
    };
}

/* Members would believe it, and our signature would say that it is true. */
static bool pretends_to_be_ours(const struct edge_mail *mail)
{
    const struct from_field *from = &mail->gather.from;
    bool ours = from->status != FROM_OK && from->status != FROM_SEVERAL_DOMAINS;
    for (size_t i = 0; i < from->domain_count; i++)
        ours |= config_is_our_domain(mail->gather.config, from->domains[i]);
    return ours && !edge_author(mail).len;
}

static bool refuse_list(struct edge_mail *mail, const struct list_fields *fields, struct smtp_reply *reply)
{
    enum message_report report;
    if (pretends_to_be_ours(mail)) {
        smtp_reply_set(reply, mail->gather.arena, 550, "5.7.1",
                       "A message to this list in the name of our users must be submitted by them, with AUTH.");
        return true;
    }
    if (message_report_read(mail->gather.arena, &mail->gather.message, &report, NULL) != OK ||
        report != REPORT_NONE) {
        smtp_reply_set(reply, mail->gather.arena, 550, "5.7.1", "This list takes no reports.");
        return true;
    }
    enum list_refusal refusal = list_fields_check(fields, NULL) == OK
                                    ? list_fields_refuse(fields, &mail->gather.message)
                                    : LIST_FINE;
    if (refusal != LIST_FINE)
        smtp_reply_set(reply, mail->gather.arena, refusal == LIST_LOOP ? 554 : 550,
                       refusal == LIST_LOOP ? "5.4.6" : "5.7.1", "%s", list_refusal_text(refusal));
    return refusal != LIST_FINE;
}

bool edge_list_admits(struct edge_mail *mail, const struct config_list *list, struct smtp_reply *reply)
{
    struct list_fields fields = fields_of(mail, list);
    struct owner_question question = {
        .account = mail->account->name, .address = edge_author(mail), .list = bytes_of(list->name)};
    if (refuse_list(mail, &fields, reply))
        return false;
    enum result admitted = edge_ask_owner(mail, &question, reply);
    if (admitted == NONE)
        smtp_reply_set(reply, mail->gather.arena, 550, "5.7.2",
                       "You may not write to the list %s. The message was sent to nobody.", list->address);
    return admitted == OK;
}

bool edge_list_message(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply)
{
    struct gather *gather = &mail->gather;
    struct list_fields fields = fields_of(mail, mail->list);
    struct look_alikes removed;
    struct error error = {{0}};
    enum result result = list_fields_check(&fields, &error);
    if (refuse_list(mail, &fields, reply))
        return false;
    if (result == OK)
        result = list_fields_find(gather->arena, &fields, &gather->message, &removed, &error);
    if (result != OK) {
        log_error("list", "%s: %s", mail->list->name, error.text);
        smtp_reply_set(reply, gather->arena, 451, "4.3.5", "This list cannot be used now. Please try again later.");
        return false;
    }
    struct buf text;
    buf_init(&text, session->transaction->content.len + LIST_ROOM);
    list_fields_write(&text, &fields);
    look_alike_write_kept(&text, &gather->message, &removed);
    buf_add(&text, gather->message.body);
    buf_free(&mail->mended);
    mail->mended = text;
    return edge_read_mended(mail, session, reply);
}
