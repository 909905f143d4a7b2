/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/trace.h"

#include "base/ascii.h"
#include "message/header.h"
#include "message/look_alike.h"
#include "message/received.h"
#include "verdict/explain.h"
#include "verdict/points.h"

#include <string.h>

/* "FILTER,DNSBL_ZEN": the names of what contributed; in pieces that a header line can be broken between. */
static void add_tests(struct buf *out, const struct verdict *verdict)
{
    enum { TESTS_MOST = 2000 };
    size_t begin = out->len;
    for (size_t i = 0; i < verdict->contribution_count && out->len - begin < TESTS_MOST; i++) {
        buf_add_string(out, i ? ", " : "");
        buf_add(out, verdict->contributions[i].name);
    }
    if (out->len == begin)
        buf_add_string(out, "NONE");
}

/* The fields that filters of users know from elsewhere. */
static void write_spam(struct buf *out, struct arena *arena, const struct verdict *verdict)
{
    enum { STARS_MOST = 50 };
    char score[POINTS_TEXT_SIZE], required[POINTS_TEXT_SIZE], stars[STARS_MOST + 1];
    bool junk = verdict_is_junk(verdict);
    int count = points_within(verdict->score / 100, 0, STARS_MOST);
    struct buf status;
    buf_init(&status, 4096);
    buf_printf(&status, "%s, score=%s required=%s tests=", junk ? "Yes" : "No", points_plain(verdict->score, score),
               points_plain(verdict->junk_score, required));
    add_tests(&status, verdict);
    struct bytes copy = arena_copy(arena, buf_bytes(&status));
    buf_free(&status);
    if (junk)
        header_write(out, "X-Spam-Flag", BYTES("YES"));
    header_write(out, "X-Spam-Status", copy);
    header_write(out, "X-Spam-Score", bytes_of(score));
    memset(stars, '*', sizeof(stars));
    if (count)
        header_write(out, "X-Spam-Level", bytes_from(stars, (size_t)count));
}

/* "junk with 91.00 per cent; score 5: +4.37 FILTER, ..." */
static void write_score(struct buf *out, struct arena *arena, const struct verdict *verdict)
{
    enum { SHOWN = 40 };
    char score[POINTS_TEXT_SIZE], chance[POINTS_TEXT_SIZE];
    struct buf text;
    buf_init(&text, 8192);
    buf_printf(&text, "%s; junk=%s%%; class=%s", points_plain(verdict->score, score),
               points_percent(verdict->probability, chance), trust_class_name(verdict->trust));
    for (size_t i = 0; i < verdict->contribution_count && i < SHOWN; i++) {
        buf_printf(&text, "; %s ", points_format(verdict->contributions[i].points, score));
        buf_add(&text, verdict->contributions[i].name);
    }
    struct bytes copy = arena_copy(arena, buf_bytes(&text));
    header_write(out, "X-Vouch-Score", copy);
    buf_free(&text);
}

static void write_verdict(struct buf *out, struct arena *arena, const struct gather *gather,
                          const struct verdict *verdict)
{
    struct bytes text =
        arena_printf(arena, "%s; class=%s; id=" BYTES_FMT, action_name(verdict->action),
                     trust_class_name(verdict->trust), BYTES_ARG(gather->evidence.id));
    header_write(out, "X-Vouch-Verdict", text);
    if (verdict->reason_count)
        header_write(out, "X-Vouch-Reason", verdict->reasons[0].text);
    if (verdict->scored) {
        write_score(out, arena, verdict);
        write_spam(out, arena, verdict);
    }
}

/* In parentheses. Nothing of a stranger's may look as if it stood outside of them: filters of users look
 * for "hashcash=pass" and the like. */
static void add_remark(struct buf *out, struct bytes text)
{
    buf_add_string(out, " (");
    for (size_t i = 0; i < text.len; i++)
        buf_add_byte(out, text.ptr[i] && strchr("();=\\", text.ptr[i]) ? '?' : text.ptr[i]);
    buf_add_byte(out, ')');
}

/* Which list, which kind: "zen 127.0.0.2". Neither whose contact nor which trap: others read it, too. */
static struct bytes remark_of(struct arena *arena, const struct evidence_item *item)
{
    static const char *const names[] = {"list",  "code",     "status", "class",  "kind", "identity",
                                        "state", "source",   "recent", "name",   "is"};
    enum { REMARK_MOST = 100 };
    struct buf text;
    buf_init(&text, 1024);
    for (size_t i = 0; i < countof(names); i++) {
        struct bytes value = evidence_value(item, "vouch", names[i]);
        /* The client's name stands in Received already, those of attachments in the message. */
        if (!value.len || (item->check != CHECK_VIRUS && !strcmp(names[i], "name")))
            continue;
        if (item->check == CHECK_TRAP && !strcmp(names[i], "recent"))
            value = BYTES("recent");
        buf_add_string(&text, text.len ? " " : "");
        for (size_t k = 0; k < value.len && k < REMARK_MOST; k++)
            buf_add_byte(&text, ascii_is_print(value.ptr[k]) ? value.ptr[k] : '?');
    }
    struct bytes copy = arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

/* Of the checks of reputation and content, the first items each; filter and rules stand in X-Spam-Status. */
static void add_short(struct buf *out, struct arena *arena, const struct evidence *evidence)
{
    static const enum check checks[] = {CHECK_DNSBL,    CHECK_RHSBL, CHECK_URIBL,    CHECK_RATING, CHECK_RDNS,
                                        CHECK_HISTORY,  CHECK_CONTACT, CHECK_GREYLIST, CHECK_NOLIST, CHECK_TRAP,
                                        CHECK_VIRUS,    CHECK_PHISHING, CHECK_ATTACHMENT};
    enum { ITEMS_MOST = 3, OCTETS_MOST = 3000 };
    for (size_t i = 0; i < countof(checks); i++) {
        size_t count = 0;
        for (size_t k = 0; k < evidence->item_count && count < ITEMS_MOST && out->len < OCTETS_MOST; k++) {
            const struct evidence_item *item = &evidence->items[k];
            if (item->check != checks[i])
                continue;
            struct bytes remark = remark_of(arena, item);
            buf_printf(out, "%s%s=%s", out->len ? "; " : "", check_name(item->check),
                       auth_result_name(item->result));
            if (remark.len)
                add_remark(out, remark);
            count++;
        }
    }
}

/*
 * What the checks found that have no registered method: in a field of our own, as readers may ignore an
 * Authentication-Results that holds others (rfc8601:2.7.6).
 */
static void write_evidence(struct buf *out, struct arena *arena, const struct evidence *evidence)
{
    static const enum check checks[] = {CHECK_HELO,      CHECK_SPF_GUESS, CHECK_FORWARDER,
                                        CHECK_SUBMITTER, CHECK_HASHCASH,  CHECK_OPENPGP,
                                        CHECK_RETURN_PATH};
    struct buf text;
    buf_init(&text, 4096);
    for (size_t i = 0; i < countof(checks); i++) {
        const struct evidence_item *item = evidence_find(evidence, checks[i], 0);
        if (!item)
            continue;
        buf_printf(&text, "%s%s=%s", text.len ? "; " : "", check_name(item->check),
                   auth_result_name(item->result));
        if (item->reason.len)
            add_remark(&text, bytes_first(item->reason, 200));
    }
    add_short(&text, arena, evidence);
    struct bytes copy = arena_copy(arena, buf_bytes(&text));
    if (copy.len)
        header_write(out, "X-Vouch-Evidence", copy);
    buf_free(&text);
}

static void write_received(struct buf *out, const struct config *config,
                           const struct smtp_session *session, const struct gather *gather)
{
    const struct smtp_transaction *transaction = session->transaction;
    bool submitted = gather->evidence.account.len > 0;
    struct received received = {
        .helo = session->helo,
        .client_name = gather->evidence.client_name,
        .client = session->client,
        .by = bytes_of(config->hostname),
        .extended = session->esmtp,
        .tls = session->tls,
        .authenticated = session->account.len > 0,
        .smtputf8 = transaction->smtputf8,
        .tls_version = session->tls_version,
        .tls_cipher = session->tls_cipher,
        .id = gather->evidence.id,
        .recipient =
            transaction->recipient_count == 1 ? transaction->recipients[0].mailbox : BYTES(""),
        .epoch = gather->now,
    };
    /* rfc5321:4.4 wants a `from`; where the user is, is nobody's business. */
    if (submitted && config->submission.hide_client) {
        received.helo = BYTES("localhost");
        received.client_name = BYTES("");
        received.client = (struct ip){.family = 0};
    }
    received_write(out, &received);
}

enum result trace_write(struct buf *out, struct arena *arena, const struct config *config,
                        const struct smtp_session *session, const struct gather *gather,
                        const struct verdict *verdict)
{
    struct auth_results results;
    /* What own hosts send is not judged: results that nobody acts on would only mislead readers. */
    struct evidence unjudged = {.items = NULL};
    const struct evidence *evidence =
        gather->evidence.own_network || gather->evidence.account.len ? &unjudged : &gather->evidence;
    if (explain_auth_results(arena, evidence, bytes_of(config->authserv_id), &results) != OK)
        return TEMP;
    auth_results_write(out, &results);
    write_verdict(out, arena, gather, verdict);
    write_evidence(out, arena, evidence);
    if (config->authentication.spf && evidence->client.family)
        spf_write_received(out, &gather->spf_request, &gather->spf, "mailfrom");
    write_received(out, config, session, gather);
    return out->failed || arena_exhausted(arena) ? TEMP : OK;
}

enum result trace_write_remote(struct buf *out, struct arena *arena, const struct config *config,
                               const struct smtp_session *session, const struct gather *gather)
{
    struct auth_results results;
    if (!gather->evidence.account.len && !gather->evidence.own_network) {
        if (explain_auth_results(arena, &gather->evidence, bytes_of(config->authserv_id), &results) != OK)
            return TEMP;
        auth_results_write(out, &results);
    }
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
