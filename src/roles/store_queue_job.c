/* SPDX-License-Identifier: BSD-2-Clause */
/* One attempt: a message to its recipients at one destination. */
#include "roles/store_report.h"

#include "base/log.h"
#include "message/message.h"
#include "message/verp.h"
#include "outbound/route.h"
#include "roles/store_tls_report.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define UNREADABLE_PAUSE HOUR
#define REPORT_PAUSE MINUTE
#define WRITE_PAUSE (2 * SECOND)
enum {
    JOB_ARENA = 16 << 20,
    REQUEST_OCTETS = 64 * 1024 /* of recipients in one job: a frame has to hold them */
};

struct attempt {
    struct store_queue *queue;
    struct schedule_job *job;
    struct live *live;
    struct arena *arena;
    size_t *indices;
    size_t count, sent; /* recipients at this destination, and those that an attempt was made for */
    bool counted;       /* it was an attempt */
    int64_t delay;
};

static bool is_reports(const struct store_queue *queue, uint32_t destination)
{
    struct schedule_status status;
    return schedule_status(queue->schedule, destination, &status) &&
           bytes_is(status.name, QUEUE_REPORTS);
}

/* Recipients that this task is for. */
static bool gather(struct attempt *attempt)
{
    struct live *live = attempt->live;
    size_t most = live->envelope.recipient_count;
    attempt->indices = arena_alloc_array(attempt->arena, most, sizeof(*attempt->indices));
    if (!attempt->indices)
        return false;
    for (size_t i = 0; i < most; i++) {
        const struct queue_recipient *recipient = &live->envelope.recipients[i];
        if (!live->done[i] && live->where[i] == attempt->job->destination && !recipient->bounce_wanted &&
            !recipient->relayed)
            attempt->indices[attempt->count++] = i;
    }
    return true;
}

/* As many of them as fit into a request, from `from` on. */
static size_t fill_recipients(const struct attempt *attempt, size_t from, struct send_request *request)
{
    size_t octets = 0, count = 0;
    size_t most = attempt->live->envelope.verp ? 1 : SEND_RECIPIENTS_MAX;
    for (size_t i = from; i < attempt->count && count < most; i++) {
        const struct queue_recipient *recipient =
            &attempt->live->envelope.recipients[attempt->indices[i]];
        octets += recipient->address.len + recipient->original.len + 16;
        if (count && octets > REQUEST_OCTETS)
            break;
        request->recipients[count++] = (struct send_recipient){
            .address = recipient->address, .notify = recipient->notify, .original = recipient->original};
    }
    return count;
}

/* A list's return path names the member, so that a report says whose address is dead. Where that is
 * impossible the plain one must serve. */
static struct bytes sender_for(const struct attempt *attempt, const struct send_request *request)
{
    struct bytes sender = attempt->live->envelope.sender, named;
    size_t at = bytes_rfind_byte(sender, '@');
    if (!attempt->live->envelope.verp || at == BYTES_NOT_FOUND)
        return sender;
    struct verp verp = {bytes_first(sender, at), bytes_skip(sender, at + 1), '+'};
    return verp_encode(attempt->arena, &verp, request->recipients[0].address, &named, NULL) == OK ? named
                                                                                                  : sender;
}

static enum result load_content(const struct attempt *attempt, struct send_request *request, int *fd,
                                struct error *error)
{
    *fd = -1;
    if (attempt->live->envelope.size <= PROTOCOL_INLINE_MAX / 2)
        return live_content(attempt->queue, attempt->live, attempt->arena, &request->content, error);
    return live_content_fd(attempt->queue, attempt->live, fd, error);
}

static enum result send_some(struct attempt *attempt, size_t from, size_t *count,
                             struct send_answer *answer, bool *sent, struct error *error)
{
    const struct queue_envelope *envelope = &attempt->live->envelope;
    struct store_queue *queue = attempt->queue;
    struct send_request request = {
        .envelope_id = envelope->envelope_id,
        .return_full = envelope->return_full,
        .return_headers = envelope->return_headers,
        .smtputf8 = envelope->smtputf8,
        .require_tls = envelope->require_tls,
        .tls_optional = envelope->tls_optional,
        .submitter = envelope->submitter,
        .fallback = attempt->job->fallback,
        .patience = QUEUE_PATIENCE,
        .recipients = arena_alloc_array(attempt->arena, attempt->count - from, sizeof(*request.recipients)),
    };
    int fd;
    *sent = false;
    if (!request.recipients)
        return error_set(error, TEMP, "out of memory");
    *count = request.recipient_count = fill_recipients(attempt, from, &request);
    request.sender = sender_for(attempt, &request);
    request.domain = queue_domain(attempt->arena, request.recipients[0].address);
    if (!request.domain.len)
        return error_set(error, TEMP, "out of memory");
    enum result result = load_content(attempt, &request, &fd, error);
    if (result != OK)
        return result;
    result = queue->send(queue->send_context, attempt->arena, &request, fd, answer,
                         loop_deadline(QUEUE_PATIENCE + MINUTE), sent, error);
    if (fd >= 0)
        close(fd);
    return result;
}

/* A fallback relay gets TLS as good as may be (route.h): that is no way for mail which must not go like that. */
static bool is_fallback_verified(const struct attempt *attempt)
{
    const struct config *config = &attempt->queue->store->role->config;
    struct bytes domain = queue_domain(
        attempt->arena, attempt->live->envelope.recipients[attempt->indices[0]].address);
    return route_find(config, domain, true).tls == CONFIG_ROUTE_VERIFY;
}

static enum schedule_outcome meaning(const struct attempt *attempt, const struct send_answer *answer)
{
    switch (answer->status) {
    case SEND_BUSY:
        return SCHEDULE_BUSY;
    case SEND_UNREACHABLE:
        return SCHEDULE_UNREACHABLE;
    case SEND_INSECURE:
        /* What only this message demands says nothing of the destination; the fallback relay is asked for it,
         * too. */
        if (attempt->live->envelope.require_tls)
            return SCHEDULE_LOST;
        return attempt->job->fallback || is_fallback_verified(attempt) ? SCHEDULE_UNREACHABLE
                                                                      : SCHEDULE_INSECURE;
    default:
        return SCHEDULE_ANSWERED;
    }
}

/* What is noted of a destination, as one number. */
static unsigned failures_of(const struct store_queue *queue, uint32_t destination)
{
    struct schedule_status status;
    return schedule_status(queue->schedule, destination, &status) ? status.failures * 2 + status.insecure : 0;
}

/* The session is free again; what is known of the destination outlives a restart where it matters. */
static void judge(struct attempt *attempt, enum schedule_outcome outcome)
{
    struct store_queue *queue = attempt->queue;
    unsigned before = failures_of(queue, attempt->job->destination);
    attempt->counted = outcome != SCHEDULE_UNTRIED;
    attempt->delay = schedule_judge(queue->schedule, attempt->job, outcome, loop_now());
    if (failures_of(queue, attempt->job->destination) != before)
        queue_note_destination(queue, attempt->job->destination);
    queue_wake(queue);
}

static void conclude(struct attempt *attempt, size_t from, size_t count, const struct send_answer *answer,
                     const struct error *error, size_t *delivered)
{
    struct schedule_task task = schedule_task(attempt->queue->schedule, attempt->job->task);
    struct queue_attempt outcome = {
        .answer = answer,
        .error = error,
        .indices = attempt->indices + from,
        .count = count,
        .delay = attempt->delay,
        .counts = attempt->counted,
        .tries = task.attempts + attempt->counted > task.tries ? task.attempts + attempt->counted : task.tries,
    };
    *delivered += queue_outcome(attempt->queue, attempt->live, &outcome);
    attempt->sent = from + count;
}

/* Sends until all recipients had their attempt, or until no server listens any more. False: nothing has
 * changed, as the store ends or nothing could be sent. */
static bool try_all(struct attempt *attempt, size_t *delivered)
{
    struct error error;
    size_t count = 0;
    int64_t written_at = loop_now();
    for (size_t from = 0; from < attempt->count; from += count) {
        struct send_answer answer;
        bool sent, last;
        enum result result = send_some(attempt, from, &count, &answer, &sent, &error);
        if (result != OK && fiber_is_cancelled()) {
            judge(attempt, SCHEDULE_UNTRIED);
            return attempt->sent > 0;
        }
        if (result == OK)
            store_tls_count(attempt->queue->store, answer.events, answer.event_count);
        else
            log_warning("delivery", "id=" BYTES_FMT ": %s", BYTES_ARG(attempt->live->envelope.id),
                        error.text);
        enum schedule_outcome outcome = result == OK ? meaning(attempt, &answer)
                                        : sent       ? SCHEDULE_LOST
                                                     : SCHEDULE_UNTRIED;
        last = outcome != SCHEDULE_ANSWERED || from + count == attempt->count;
        if (last)
            judge(attempt, outcome);
        if (outcome == SCHEDULE_UNTRIED)
            return attempt->sent > 0;
        if (!last)
            attempt->counted = true;
        conclude(attempt, from, count, result == OK ? &answer : NULL, &error, delivered);
        if (last)
            break;
        /* A list is long: a crash must not send all of it again. */
        if (loop_now() - written_at > WRITE_PAUSE) {
            if (live_commit(attempt->queue, attempt->live) != OK)
                log_warning("queue", "what was delivered cannot be written down");
            written_at = loop_now();
        }
    }
    return true;
}

void queue_report_later(struct store_queue *queue, const struct live *live)
{
    int64_t now = loop_now();
    uint32_t reports = schedule_destination(queue->schedule, BYTES(QUEUE_REPORTS), 0, 0, now);
    for (uint32_t t = schedule_first(queue->schedule, live->number); t != SCHEDULE_NONE;
         t = schedule_following(queue->schedule, t))
        if (schedule_task(queue->schedule, t).destination == reports)
            return;
    struct schedule_adding adding = {.message = live->number,
                                     .destination = reports,
                                     .attempts = 1,
                                     .due = now + REPORT_PAUSE};
    if (reports == SCHEDULE_NONE || !schedule_add(queue->schedule, &adding, now))
        log_warning("queue", "a report on " BYTES_FMT " waits for a restart: out of memory",
                    BYTES_ARG(live->envelope.id));
}

static bool wants_report(const struct live *live)
{
    for (size_t i = 0; i < live->envelope.recipient_count; i++)
        if (!live->done[i] &&
            (live->envelope.recipients[i].bounce_wanted || live->envelope.recipients[i].relayed))
            return true;
    return false;
}

/* True: all that is wanted was told. */
static bool report(struct store_queue *queue, struct live *live, bool delays)
{
    struct error error;
    if (store_report(queue, live, delays, &error) == OK)
        return true;
    log_warning("queue", "id=" BYTES_FMT ": nobody can be told now: %s", BYTES_ARG(live->envelope.id),
                error.text);
    return false;
}

/* What was delivered is not sent again, whatever becomes of the reports: it is written down first. */
static void finish(struct store_queue *queue, struct live *live, size_t delivered)
{
    if (wants_report(live)) {
        if (delivered && live_commit(queue, live) != OK)
            return;
        if (!report(queue, live, false))
            queue_report_later(queue, live);
    }
    if (live_commit(queue, live) != OK)
        log_warning("queue", "id=" BYTES_FMT " stays as it was", BYTES_ARG(live->envelope.id));
}

/* Routes have changed since it was scheduled: tasks for destinations that have none. */
static void schedule_anew(struct store_queue *queue, const struct live *live)
{
    for (size_t i = 0; i < live->envelope.recipient_count; i++) {
        bool has = live->done[i];
        for (uint32_t t = schedule_first(queue->schedule, live->number); t != SCHEDULE_NONE && !has;
             t = schedule_following(queue->schedule, t))
            has = schedule_task(queue->schedule, t).destination == live->where[i];
        struct schedule_adding adding = {.message = live->number,
                                         .destination = live->where[i],
                                         .attempts = live->envelope.recipients[i].attempts,
                                         .due = loop_now()};
        if (!has && !schedule_add(queue->schedule, &adding, loop_now()))
            log_warning("queue", "id=" BYTES_FMT " waits for a restart: out of memory",
                        BYTES_ARG(live->envelope.id));
    }
}

static bool has_left(const struct attempt *attempt)
{
    const struct live *live = attempt->live;
    for (size_t i = 0; i < attempt->count; i++)
        if (!live->done[attempt->indices[i]] &&
            !live->envelope.recipients[attempt->indices[i]].bounce_wanted &&
            !live->envelope.recipients[attempt->indices[i]].relayed)
            return true;
    return false;
}

static void give_back(struct attempt *attempt, bool keep)
{
    struct store_queue *queue = attempt->queue;
    const struct schedule_job *job = attempt->job;
    int64_t now = loop_now();
    if (keep)
        schedule_keep(queue->schedule, job->task, job->attempts + attempt->counted, now + attempt->delay,
                      now);
    else
        schedule_remove(queue->schedule, job->task, now);
    queue_wake(queue);
}

/* Somebody wished something while it was under way: who is the last to work on it does it. */
static bool grant_wish(struct store_queue *queue, struct live *live)
{
    if (live->wish == LIVE_GO_ON || live->removed || live->users > 1 ||
        !queue_take_all(queue, live->number))
        return false;
    queue_settle(queue, live);
    return true;
}

static void run_reports(struct attempt *attempt)
{
    struct live *live = attempt->live;
    judge(attempt, SCHEDULE_UNTRIED);
    bool told = report(attempt->queue, live, false);
    if (live_commit(attempt->queue, live) != OK)
        told = false;
    attempt->delay = REPORT_PAUSE * (1 + (attempt->job->attempts < 30 ? attempt->job->attempts : 30));
    attempt->counted = true;
    give_back(attempt, !told && !live->removed);
}

/* rfc3463:3.2, rfc7505:4.2: no such mailbox or system, moved, takes no mail; the others of 5.1 speak of syntax or
 * of the sender. Old servers say it by the code alone. */
static bool is_unknown(const struct queue_recipient *recipient)
{
    static const char *const codes[] = {"5.1.1", "5.1.2", "5.1.6", "5.1.10"};
    if (!recipient->bounce_wanted || !recipient->host.len || recipient->code / 100 != 5)
        return false;
    for (size_t i = 0; i < countof(codes); i++)
        if (bytes_is(recipient->enhanced, codes[i]))
            return true;
    return !recipient->enhanced.len && recipient->code == 550;
}

static bool some_are_unknown(const struct attempt *attempt)
{
    for (size_t i = 0; i < attempt->sent; i++)
        if (is_unknown(&attempt->live->envelope.recipients[attempt->indices[i]]))
            return true;
    return false;
}

/* An answer goes where a stranger wanted it to go: that nobody is there says nothing of the account
 * (rfc3834:2). What cannot be read any more is taken for one. */
static bool is_answer(const struct attempt *attempt)
{
    struct bytes start;
    struct message message;
    if (!attempt->live->envelope.sender.len ||
        live_start(attempt->queue, attempt->live, attempt->arena, &start, NULL) != OK ||
        message_parse(attempt->arena, start, &message, NULL) != OK)
        return true;
    const struct header_field *field = message_field(&message, "Auto-Submitted", 0);
    return field && !bytes_is_nocase(bytes_trim(field->value), "no");
}

/* Whoever has an old list of addresses, or guesses, is known by what other servers say of it. */
static void count_unknown(const struct attempt *attempt)
{
    const struct queue_envelope *envelope = &attempt->live->envelope;
    for (size_t i = 0; i < attempt->sent; i++) {
        const struct queue_recipient *recipient = &envelope->recipients[attempt->indices[i]];
        if (is_unknown(recipient))
            store_account_unknown(attempt->queue->store, envelope->account,
                                  queue_domain(attempt->arena, recipient->address));
    }
}

/* Its account was held while this began, or the schedule took it for another one's. */
static bool must_wait(const struct attempt *attempt)
{
    unsigned held = queue_holds(attempt->queue, &attempt->live->envelope);
    if (held & SCHEDULE_HOLD_ACCOUNT)
        schedule_hold(attempt->queue->schedule, attempt->job->message, SCHEDULE_HOLD_ACCOUNT, true, loop_now());
    return held != 0;
}

static void run_attempt(struct attempt *attempt)
{
    struct store_queue *queue = attempt->queue;
    struct live *live = attempt->live;
    size_t delivered = 0;
    if (is_reports(queue, attempt->job->destination)) {
        run_reports(attempt);
        return;
    }
    if (!gather(attempt) || live->removed || live->wish != LIVE_GO_ON || must_wait(attempt)) {
        judge(attempt, SCHEDULE_UNTRIED);
        give_back(attempt, !live->removed);
        return;
    }
    if (!attempt->count) {
        judge(attempt, SCHEDULE_UNTRIED);
        give_back(attempt, false);
        schedule_anew(queue, live);
        return;
    }
    bool tried = try_all(attempt, &delivered);
    /* Before it is over: then the message is gone. */
    bool counts = live->envelope.account.len && some_are_unknown(attempt) && !is_answer(attempt);
    if (tried)
        finish(queue, live, delivered);
    give_back(attempt, has_left(attempt) && !live->removed);
    if (counts)
        count_unknown(attempt);
}

void queue_job_run(void *argument)
{
    struct queue_job *running = argument;
    struct attempt attempt = {.queue = running->queue, .job = &running->job, .delay = UNREADABLE_PAUSE};
    struct error error;
    attempt.arena = arena_create(JOB_ARENA);
    attempt.live = attempt.arena ? live_open(running->queue, running->job.message, &error) : NULL;
    if (attempt.live) {
        run_attempt(&attempt);
        grant_wish(running->queue, attempt.live);
        live_close(running->queue, attempt.live);
    } else {
        /* Out of memory or a damaged disk: it is left where it is. */
        log_error("queue", "a message cannot be read: %s", attempt.arena ? error.text : "out of memory");
        judge(&attempt, SCHEDULE_UNTRIED);
        attempt.delay = UNREADABLE_PAUSE;
        attempt.counted = true;
        give_back(&attempt, true);
    }
    arena_destroy(attempt.arena);
    free(running);
}

/* Not by an attempt */

bool queue_take_all(struct store_queue *queue, uint32_t number)
{
    struct schedule *schedule = queue->schedule;
    for (uint32_t t = schedule_first(schedule, number); t != SCHEDULE_NONE;
         t = schedule_following(schedule, t))
        if (schedule_task(schedule, t).taken)
            return false;
    for (uint32_t t = schedule_first(schedule, number); t != SCHEDULE_NONE;
         t = schedule_following(schedule, t))
        require(schedule_take(schedule, t, loop_now()));
    return true;
}

/* The tasks that were taken, by index: after a removal the number may be another message's. */
struct taken {
    uint32_t *tasks;
    struct schedule_task *states;
    size_t count;
};

static bool list_taken(struct store_queue *queue, const struct live *live, struct taken *out)
{
    size_t count = 0;
    for (uint32_t t = schedule_first(queue->schedule, live->number); t != SCHEDULE_NONE;
         t = schedule_following(queue->schedule, t))
        count++;
    out->tasks = arena_alloc_array(live->arena, count, sizeof(*out->tasks));
    out->states = arena_alloc_array(live->arena, count, sizeof(*out->states));
    if (!out->tasks || !out->states)
        return false;
    for (uint32_t t = schedule_first(queue->schedule, live->number); t != SCHEDULE_NONE;
         t = schedule_following(queue->schedule, t)) {
        out->states[out->count] = schedule_task(queue->schedule, t);
        out->tasks[out->count++] = t;
    }
    return true;
}

static bool needs_task(const struct store_queue *queue, const struct live *live, uint32_t destination)
{
    bool reports = is_reports(queue, destination);
    if (reports)
        return wants_report(live);
    for (size_t i = 0; i < live->envelope.recipient_count; i++)
        if (!live->done[i] && live->where[i] == destination &&
            !live->envelope.recipients[i].bounce_wanted && !live->envelope.recipients[i].relayed)
            return true;
    return false;
}

/* With what the recipient's side said last: the sender may make more of it than we could. */
static struct bytes given_up(struct live *live, const struct queue_recipient *recipient)
{
    if (!recipient->code)
        return BYTES("The administrator gave up this message.");
    return arena_printf(live->arena, "The administrator gave up this message. The last answer was: %u " BYTES_FMT
                        " " BYTES_FMT, recipient->code, BYTES_ARG(recipient->enhanced),
                        BYTES_ARG(recipient->text));
}

static void fulfil(struct store_queue *queue, struct live *live)
{
    for (size_t i = 0; i < live->envelope.recipient_count; i++) {
        if (live->done[i])
            continue;
        if (live->wish == LIVE_DROP)
            live_done(live, i);
        else if (!live->envelope.recipients[i].bounce_wanted && !live->envelope.recipients[i].relayed)
            queue_fail(queue, live, i, "5.4.7", given_up(live, &live->envelope.recipients[i]), "bounced");
    }
    if (live->wish == LIVE_DROP)
        log_info("delivery", "id=" BYTES_FMT ", status=dropped", BYTES_ARG(live->envelope.id));
    live->wish = LIVE_GO_ON;
}

void queue_settle(struct store_queue *queue, struct live *live)
{
    struct taken taken = {0};
    bool listed = list_taken(queue, live, &taken);
    if (live->wish != LIVE_GO_ON)
        fulfil(queue, live);
    if (!report(queue, live, true) && wants_report(live) && listed)
        queue_report_later(queue, live);
    if (live_commit(queue, live) != OK)
        log_warning("queue", "id=" BYTES_FMT " stays as it was", BYTES_ARG(live->envelope.id));
    int64_t now = loop_now();
    for (size_t i = 0; i < taken.count; i++) {
        const struct schedule_task *state = &taken.states[i];
        if (!live->removed && needs_task(queue, live, state->destination))
            schedule_keep(queue->schedule, taken.tasks[i], state->attempts, state->due, now);
        else
            schedule_remove(queue->schedule, taken.tasks[i], now);
    }
    queue_wake(queue);
}
