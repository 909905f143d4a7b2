/* SPDX-License-Identifier: BSD-2-Clause */
/* What an attempt means for each recipient, and the line that says so. */
#include "roles/store_report.h"

#include "base/log.h"

#include <stdio.h>

static struct bytes status_of(struct live *live, const struct queue_recipient *recipient)
{
    if (recipient->expired)
        return BYTES(QUEUE_EXPIRED_STATUS);
    if (recipient->enhanced.len)
        return recipient->enhanced;
    return arena_printf(live->arena, "%u.0.0", recipient->code / 100);
}

static void log_recipient(struct live *live, size_t index, const struct send_answer *answer,
                          const char *status)
{
    const struct queue_envelope *envelope = &live->envelope;
    const struct queue_recipient *recipient = &envelope->recipients[index];
    struct log_line line;
    char reply[64];
    log_begin(&line, LOG_LEVEL_INFO, "delivery");
    log_bytes(&line, "id", envelope->id);
    log_bytes(&line, "to", recipient->address);
    if (answer && answer->host.len) {
        struct bytes relay = answer->address.len
                                 ? arena_printf(live->arena, BYTES_FMT "[" BYTES_FMT "]",
                                                BYTES_ARG(answer->host), BYTES_ARG(answer->address))
                                 : answer->host;
        log_bytes(&line, "relay", relay);
    } else {
        log_string(&line, "relay", "none");
    }
    if (answer && answer->tls.len)
        log_bytes(&line, "tls", answer->tls);
    if (answer && answer->security.len)
        log_bytes(&line, "security", answer->security);
    log_integer(&line, "delay", loop_epoch() - envelope->queued_at);
    log_integer(&line, "attempts", recipient->attempts);
    log_bytes(&line, "dsn", status_of(live, recipient));
    log_string(&line, "status", status);
    snprintf(reply, sizeof(reply), "%u ", recipient->code);
    log_bytes(&line, "reply", arena_printf(live->arena, "%s" BYTES_FMT, reply, BYTES_ARG(recipient->text)));
    log_end(&line);
}

bool queue_expired(const struct live *live, unsigned tries)
{
    return loop_epoch() >= live->envelope.expires_at && tries >= QUEUE_TRIES_LEAST;
}

static void settle_failure(struct queue_recipient *recipient)
{
    recipient->bounce_wanted = true;
    recipient->next_try = 0;
}

void queue_fail(struct store_queue *queue, struct live *live, size_t index, const char *enhanced,
                struct bytes text, const char *status)
{
    struct queue_recipient *recipient = &live->envelope.recipients[index];
    (void)queue;
    recipient->enhanced = bytes_of(enhanced);
    recipient->code = 550;
    recipient->text = live_keep(live, text);
    recipient->host = BYTES("");
    settle_failure(recipient);
    log_recipient(live, index, NULL, status);
}

/* The words of the last attempt stay as they were said: they are the reason (rfc3464:2.3.6). */
static void expire(struct live *live, size_t index, const struct send_answer *answer)
{
    struct queue_recipient *recipient = &live->envelope.recipients[index];
    recipient->expired = true;
    settle_failure(recipient);
    log_recipient(live, index, answer, "expired");
}

void queue_expire(struct store_queue *queue, struct live *live, size_t index)
{
    if (live->envelope.recipients[index].code)
        expire(live, index, NULL);
    else
        queue_fail(queue, live, index, QUEUE_EXPIRED_STATUS,
                   BYTES("No server for this domain could be reached in time."), "expired");
}

static void take_reply(struct live *live, struct queue_recipient *recipient,
                       const struct queue_attempt *attempt, size_t number)
{
    const struct send_answer *answer = attempt->answer;
    if (!answer) {
        recipient->code = 451;
        recipient->enhanced = BYTES("4.3.0");
        recipient->text = live_keep(live, bytes_of(attempt->error->text));
        recipient->host = BYTES("");
        return;
    }
    const struct send_reply *reply = &answer->replies[number];
    unsigned class = reply->code / 100;
    recipient->code = class == 2 || class == 4 || class == 5 ? reply->code : 451;
    recipient->enhanced = live_keep(live, reply->enhanced);
    recipient->text = live_keep(live, reply->text);
    recipient->host = reply->local ? BYTES("") : live_keep(live, answer->host);
}

size_t queue_outcome(struct store_queue *queue, struct live *live, const struct queue_attempt *attempt)
{
    const struct queue_envelope *envelope = &live->envelope;
    size_t delivered = 0;
    (void)queue;
    for (size_t i = 0; i < attempt->count; i++) {
        size_t index = attempt->indices[i];
        struct queue_recipient *recipient = &envelope->recipients[index];
        if (live->done[index] || recipient->bounce_wanted)
            continue;
        take_reply(live, recipient, attempt, i);
        recipient->attempts += attempt->counts;
        recipient->tried_at = loop_epoch();
        if (recipient->code / 100 == 2) {
            delivered++;
            log_recipient(live, index, attempt->answer, "sent");
            if (attempt->answer->replies[i].relayed_without_dsn && report_wants_success(envelope, recipient))
                recipient->relayed = true;
            else
                live_done(live, index);
        } else if (recipient->code / 100 == 5) {
            settle_failure(recipient);
            log_recipient(live, index, attempt->answer, "bounced");
        } else if (queue_expired(live, attempt->tries)) {
            expire(live, index, attempt->answer);
        } else {
            recipient->next_try = loop_epoch() + (attempt->delay + SECOND - 1) / SECOND;
            log_recipient(live, index, attempt->answer, "deferred");
        }
    }
    return delivered;
}
