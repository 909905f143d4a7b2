/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports that come back to return paths that we made. Tagged addresses (BATV, SES) take reports only; and
 * where a domain's return paths are tagged, a report to an untagged address is about mail that we never sent.
 * That can be said only when the message is there, since what comes with the null sender may be something
 * else: a disposition notification goes to the address in the header, which bears no tag (RFC 8098, 3).
 */
#include "roles/edge_mail.h"

#include "base/log.h"
#include "message/dsn.h"
#include "roles/digest.h"

/* Longer than reports are under way to mail that was sent before tagging began. */
#define UNTAGGED_SECONDS (7 * 86400)

bool edge_tagging_key(struct edge_mail *mail, struct bytes domain, struct bytes *out)
{
    struct bytes parts[] = {BYTES("batv-began"), arena_lower(mail->gather.arena, domain)};
    return digest_parts(mail->gather.arena, parts, countof(parts), out);
}

/* Also the reports of old servers, which have no form but a sender. */
static bool is_delivery_report(struct edge_mail *mail)
{
    enum message_report kind;
    struct gather *gather = &mail->gather;
    if (message_report_read(gather->arena, &gather->message, &kind, NULL) != OK)
        return false;
    return kind == REPORT_DELIVERY ||
           (kind == REPORT_NONE && bytes_is_nocase(gather->from.author.local, "mailer-daemon"));
}

static bool tagged_long_enough(struct edge_mail *mail, struct bytes domain)
{
    struct count_question question = {.count = 1};
    uint64_t began = 0;
    question.items[0].kind = COUNT_GET;
    return edge_tagging_key(mail, domain, &question.items[0].key) && edge_count(mail, &question, &began) &&
           began && (int64_t)began + UNTAGGED_SECONDS < mail->gather.now;
}

/* Recipients that were a return path of ours stand in the evidence as they were given. */
static bool was_tagged(const struct edge_mail *mail, struct bytes mailbox)
{
    const struct evidence *evidence = &mail->gather.evidence;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->check == CHECK_RETURN_PATH && bytes_equal(evidence_value(item, "vouch", "address"), mailbox))
            return true;
    }
    return false;
}

bool edge_reports_fit(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply)
{
    const struct config *config = mail->gather.config;
    const struct smtp_transaction *transaction = session->transaction;
    bool any_tagged = evidence_find(&mail->gather.evidence, CHECK_RETURN_PATH, 0) != NULL;
    if (transaction->sender.len) {
        if (any_tagged)
            smtp_reply_set(reply, mail->gather.arena, 550, "5.7.1",
                           "This return path takes reports only (with the null sender).");
        return !any_tagged;
    }
    for (size_t i = 0; i < transaction->recipient_count; i++) {
        const struct smtp_recipient *recipient = &transaction->recipients[i];
        if (!config_strings_contain(&config->batv.domains, recipient->domain) || was_tagged(mail, recipient->mailbox) ||
            !tagged_long_enough(mail, recipient->domain) || !is_delivery_report(mail))
            continue;
        smtp_reply_set(reply, mail->gather.arena, 550, "5.7.1",
                       "This report is about mail that was not sent by us: our return paths bear a tag.");
        return false;
    }
    return true;
}
