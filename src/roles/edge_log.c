/* SPDX-License-Identifier: BSD-2-Clause */
/* The log line of a message. */
#include "base/log.h"
#include "roles/edge_mail.h"
#include "verdict/points.h"

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

void edge_log_message(const struct edge_mail *mail, const struct smtp_session *session,
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
    if (evidence->account.len)
        log_bytes(&line, "account", evidence->account);
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
    if (verdict->scored) {
        char text[POINTS_TEXT_SIZE];
        log_string(&line, "score", points_plain(verdict->score, text));
        log_string(&line, "probability", points_percent(verdict->probability, text));
    }
    if (verdict->shadow.policy.len) {
        log_bytes(&line, "shadow", verdict->shadow.policy);
        log_string(&line, "shadow_action", action_name(verdict->shadow.action));
    }
    log_integer(&line, "code", reply->code);
    log_string(&line, "enhanced", reply->enhanced);
    if (verdict->reason_count)
        log_bytes(&line, "reason", verdict->reasons[0].text);
    if (summary.len)
        log_bytes(&line, "delivery", summary);
    log_integer(&line, "ms", (loop_now_fresh() - mail->started) / 1000);
    log_end(&line);
}
