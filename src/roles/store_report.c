/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/store_report.h"

#include "base/log.h"
#include "message/dsn.h"
#include "roles/store_report_send.h"
#include "smtp/server.h"


#define ASKED_DELAY_SECONDS (4 * 3600)
enum {
    REPORT_ARENA = 16 << 20,
    QUARANTINE_MARGIN = 4 << 20
};

bool report_is_allowed(const struct queue_envelope *envelope)
{
    return envelope->sender.len > 0 && (envelope->origin == QUEUE_ORIGIN_OURS ||
                                        envelope->origin == QUEUE_ORIGIN_VERIFIED);
}

bool report_wants_failure(const struct queue_envelope *envelope, const struct queue_recipient *recipient)
{
    return report_is_allowed(envelope) && (!recipient->notify || recipient->notify & SMTP_NOTIFY_FAILURE);
}

bool report_wants_success(const struct queue_envelope *envelope, const struct queue_recipient *recipient)
{
    return report_is_allowed(envelope) && recipient->notify & SMTP_NOTIFY_SUCCESS;
}

/* Who asked for notices gets those that he asked for; of the others a site decides. */
bool report_wants_delay(const struct store *store, const struct queue_envelope *envelope,
                        const struct queue_recipient *recipient)
{
    if (!report_is_allowed(envelope) || recipient->delay_told || recipient->bounce_wanted ||
        recipient->relayed)
        return false;
    return recipient->notify ? recipient->notify & SMTP_NOTIFY_DELAY
                             : store->role->config.queue.delay_warning > 0;
}

int64_t report_delay_after(const struct store *store, const struct queue_envelope *envelope)
{
    int64_t after = store->role->config.queue.delay_warning / SECOND;
    (void)envelope;
    return after ? after : ASKED_DELAY_SECONDS;
}

struct report {
    struct store_queue *queue;
    struct live *live;
    struct arena *arena;
    struct dsn dsn;
    size_t *told;          /* recipients of the notification */
    size_t *undeliverable; /* those that nobody may be told of: quarantine */
    size_t *silent;        /* those that nobody wants to hear of */
    size_t told_count, undeliverable_count, silent_count;
};

static bool is_late(const struct report *report)
{
    const struct queue_envelope *envelope = &report->live->envelope;
    return loop_epoch() - envelope->queued_at >= report_delay_after(report->queue->store, envelope);
}

static struct bytes reply_text(struct report *report, const struct queue_recipient *recipient)
{
    if (!recipient->host.len || !recipient->code)
        return recipient->text;
    return arena_printf(report->arena, "%u%s" BYTES_FMT " " BYTES_FMT, recipient->code,
                        recipient->enhanced.len ? " " : "", BYTES_ARG(recipient->enhanced),
                        BYTES_ARG(recipient->text));
}

static void tell(struct report *report, size_t index, enum dsn_action action)
{
    const struct queue_envelope *envelope = &report->live->envelope;
    const struct queue_recipient *recipient = &envelope->recipients[index];
    report->told[report->told_count] = index;
    report->dsn.recipients[report->told_count++] = (struct dsn_recipient){
        .final = recipient->address,
        .original = recipient->original,
        .action = action,
        .status = recipient->expired && action == DSN_FAILED ? BYTES(QUEUE_EXPIRED_STATUS) : recipient->enhanced,
        .diagnostic = reply_text(report, recipient),
        .smtp = recipient->host.len > 0,
        .remote_mta = recipient->host,
        .last_attempt = recipient->tried_at,
        .retry_until = action == DSN_DELAYED ? envelope->expires_at : 0,
    };
}

static enum dsn_action success_action(const struct queue_recipient *recipient)
{
    return recipient->success == QUEUE_DELIVERED  ? DSN_DELIVERED
           : recipient->success == QUEUE_EXPANDED ? DSN_EXPANDED
                                                  : DSN_RELAYED;
}

static void sort_recipient(struct report *report, size_t index, bool delays)
{
    const struct live *live = report->live;
    const struct queue_envelope *envelope = &live->envelope;
    const struct queue_recipient *recipient = &envelope->recipients[index];
    if (live->done[index])
        return;
    if (recipient->bounce_wanted && !report_is_allowed(envelope))
        report->undeliverable[report->undeliverable_count++] = index;
    else if (recipient->bounce_wanted && report_wants_failure(envelope, recipient))
        tell(report, index, DSN_FAILED);
    else if (recipient->relayed && report_wants_success(envelope, recipient))
        tell(report, index, success_action(recipient));
    else if (recipient->bounce_wanted || recipient->relayed)
        report->silent[report->silent_count++] = index;
    else if (delays && report_wants_delay(report->queue->store, envelope, recipient) && is_late(report))
        tell(report, index, DSN_DELAYED);
}

static bool sort_all(struct report *report, bool delays)
{
    size_t count = report->live->envelope.recipient_count;
    report->told = arena_alloc_array(report->arena, count, sizeof(size_t));
    report->undeliverable = arena_alloc_array(report->arena, count, sizeof(size_t));
    report->silent = arena_alloc_array(report->arena, count, sizeof(size_t));
    report->dsn.recipients = arena_alloc_array(report->arena, count, sizeof(struct dsn_recipient));
    if (!report->told || !report->undeliverable || !report->silent || !report->dsn.recipients)
        return false;
    for (size_t i = 0; i < count; i++)
        sort_recipient(report, i, delays);
    return !arena_exhausted(report->arena);
}

static void mark_told(struct report *report)
{
    struct live *live = report->live;
    for (size_t i = 0; i < report->told_count; i++) {
        struct queue_recipient *recipient = &live->envelope.recipients[report->told[i]];
        if (report->dsn.recipients[i].action == DSN_DELAYED)
            recipient->delay_told = true;
        else
            live_done(live, report->told[i]);
    }
}

/* What cannot be told to anybody outside is kept, and postmaster knows. */
static enum result put_aside(struct report *report, struct error *error)
{
    struct store *store = report->queue->store;
    struct live *live = report->live;
    const struct queue_envelope *envelope = &live->envelope;
    struct arena *arena = arena_create(envelope->size * 2 + QUARANTINE_MARGIN);
    struct spool_entry *entries =
        arena ? arena_alloc_array(arena, report->undeliverable_count, sizeof(*entries)) : NULL;
    struct store_message message = {
        .id = envelope->id, .sender = envelope->sender, .prefix = BYTES(""), .smtputf8 = envelope->smtputf8};
    enum result result = entries ? live_content(report->queue, live, arena, &message.content, error)
                                 : error_set(error, TEMP, "out of memory");
    size_t count = 0;
    for (size_t i = 0; i < report->undeliverable_count && result == OK; i++) {
        size_t index = report->undeliverable[i];
        const struct queue_recipient *recipient = &envelope->recipients[index];
        entries[i] = (struct spool_entry){
            .id = envelope->id,
            .sender = envelope->sender,
            .recipient = recipient->address,
            .mailbox = recipient->address,
            .smtputf8 = envelope->smtputf8,
            .spooled_at = loop_epoch(),
            .reason = reply_text(report, recipient),
        };
        result = store_spool(store, arena, &message, &entries[i], true, error);
        if (result == OK) {
            live_done(live, index);
            count++;
        }
    }
    if (count)
        store_notify(store, arena, entries, count);
    arena_destroy(arena);
    return result == OK ? OK : TEMP;
}

static enum result run(struct report *report, bool delays, struct error *error)
{
    enum result result = sort_all(report, delays) ? OK : error_set(error, TEMP, "out of memory");
    if (result == OK && report->undeliverable_count)
        result = put_aside(report, error);
    if (result == OK && report->told_count) {
        report->dsn.recipient_count = report->told_count;
        result = report_send(report->queue, report->live, report->arena, &report->dsn, error);
        if (result == OK)
            mark_told(report);
    }
    for (size_t i = 0; i < report->silent_count && result == OK; i++)
        live_done(report->live, report->silent[i]);
    return result;
}

static bool has_something(const struct store *store, const struct live *live, bool delays)
{
    for (size_t i = 0; i < live->envelope.recipient_count; i++) {
        const struct queue_recipient *recipient = &live->envelope.recipients[i];
        if (!live->done[i] && (recipient->bounce_wanted || recipient->relayed ||
                               (delays && report_wants_delay(store, &live->envelope, recipient))))
            return true;
    }
    return false;
}

enum result store_report(struct store_queue *queue, struct live *live, bool delays, struct error *error)
{
    if (!has_something(queue->store, live, delays))
        return OK;
    fiber_shield();
    while (live->reporting)
        fiber_signal_wait(&live->progress, NO_DEADLINE);
    fiber_unshield();
    if (live->removed)
        return OK;
    struct report report = {.queue = queue, .live = live, .arena = arena_create(REPORT_ARENA)};
    if (!report.arena)
        return error_set(error, TEMP, "out of memory");
    live->reporting = true;
    enum result result = run(&report, delays, error);
    live->reporting = false;
    fiber_signal_all(&live->progress);
    arena_destroy(report.arena);
    return result;
}
