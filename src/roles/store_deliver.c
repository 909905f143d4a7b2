/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One message to its recipients, before the reply to the end of DATA.
 *
 * All destinations are tried at once. If all fail, the reply says so and nothing was kept. If some
 * succeed, the message is answered 250 and is ours: what failed for now goes to the spool, what failed for
 * good to quarantine, and postmaster is told. A reply that came too late for the peer is remembered by the
 * fingerprint of the message and the mailbox, so that the retry is not delivered twice.
 */
#include "roles/store.h"

#include "base/log.h"
#include "fiber/offload.h"
#include "os/files.h"

#include <stdio.h>
#include <string.h>

#define REMEMBER_SECONDS (7 * 86400)
#define ANSWER_MARGIN (2 * SECOND)

struct delivering {
    struct delivering *next; /* in store->under_way */
    struct ipc_channel *channel;
    int64_t answer_by;       /* loop time; later the peer has given up on us */
    struct store *store;
    struct arena *arena;
    struct delivery_request *request;
    struct store_message message;
    struct destination *destinations;
    struct bytes *given; /* for each destination: the recipient as the client wrote it */
    struct store_outcome *outcomes;
    bool *already;       /* delivered by an earlier attempt of the same mail */
    size_t count;
    bool kept;           /* some failed recipients went to spool or quarantine */
};

/* Maildirs hold LF. Made once for all mailboxes. */
static bool make_local_form(struct arena *arena, struct store_message *message)
{
    const struct bytes parts[] = {message->prefix, message->content};
    uint8_t *to = arena_alloc(arena, message->prefix.len + message->content.len);
    if (!to)
        return false;
    size_t length = 0;
    for (size_t p = 0; p < countof(parts); p++) {
        struct bytes rest = parts[p];
        while (rest.len) {
            size_t end = bytes_find_byte(rest, '\r');
            struct bytes run = bytes_first(rest, end);
            if (run.len)
                memcpy(to + length, run.ptr, run.len);
            length += run.len;
            rest = bytes_skip(rest, run.len);
            if (rest.len > 1 && rest.ptr[1] == '\n')
                rest = bytes_skip(rest, 1);
            /* What remains is an LF, or a CR that stands alone: kept as it is. */
            if (rest.len)
                to[length++] = rest.ptr[0];
            rest = bytes_skip(rest, 1);
        }
    }
    message->local_form = bytes_from(to, length);
    return true;
}

static void set_outcome(struct store_outcome *outcome, enum result result, unsigned code,
                        const char *enhanced, struct bytes text)
{
    *outcome = (struct store_outcome){result, code, bytes_of(enhanced), text};
}

static void deliver_maildir(struct store *store, struct arena *arena, struct store_message *message,
                            const struct destination *destination, struct store_outcome *outcome)
{
    struct bytes head =
        arena_printf(arena, "Return-Path: <" BYTES_FMT ">\nDelivered-To: " BYTES_FMT "\n",
                     BYTES_ARG(message->sender), BYTES_ARG(destination->address));
    if (!head.ptr || (!message->local_form.ptr && !make_local_form(arena, message))) {
        set_outcome(outcome, TEMP, 451, "4.3.1", BYTES("Out of memory. Please try again later."));
        return;
    }
    struct maildir_job job = {.maildir = destination->maildir,
                              .folder = message->junk ? ".Junk" : NULL,
                              .pieces = {head, message->local_form}};
    uint64_t size = head.len + message->local_form.len;
    maildir_unique_name(job.name, loop_epoch_microseconds(), store->names++,
                        store->role->config.hostname, size);
    store_commit(store, &job);
    if (job.result == OK) {
        quota_add(store->quota, destination->maildir, size);
        set_outcome(outcome, OK, 250, "2.0.0", BYTES("delivered"));
        return;
    }
    log_error("deliver", "%s", job.error.text);
    set_outcome(outcome, job.result, job.result == PERM ? 550 : 451,
                job.result == PERM ? "5.2.0" : "4.2.0",
                BYTES("The mailbox cannot be written now. Please try again later."));
}

static void deliver_lmtp(struct store *store, struct arena *arena, struct store_message *message,
                         const struct destination *destination, struct store_outcome *outcome)
{
    struct protocol_reply reply;
    struct error error;
    struct bytes recipient = destination->address;
    struct buf whole;
    buf_init(&whole, message->prefix.len + message->content.len);
    buf_add(&whole, message->prefix);
    buf_add(&whole, message->content);
    enum result result =
        whole.failed ? error_set(&error, TEMP, "out of memory")
                     : store_lmtp(store, arena, &destination->lmtp, message->sender, &recipient, 1,
                                  buf_bytes(&whole), &reply, &error);
    buf_free(&whole);
    if (result != OK) {
        log_warning("deliver", "LMTP for " BYTES_FMT ": %s", BYTES_ARG(recipient), error.text);
        set_outcome(outcome, TEMP, 451, "4.4.1",
                    BYTES("The mailbox server cannot be reached. Please try again later."));
        return;
    }
    *outcome = (struct store_outcome){reply.code / 100 == 2   ? OK
                                      : reply.code / 100 == 5 ? PERM
                                                              : TEMP,
                                      reply.code, reply.enhanced, reply.text};
}

void store_deliver_to(struct store *store, struct arena *arena, struct store_message *message,
                      const struct destination *destination, struct store_outcome *outcome)
{
    if (destination->kind == CONFIG_DELIVER_MAILDIR) {
        deliver_maildir(store, arena, message, destination, outcome);
        return;
    }
    deliver_lmtp(store, arena, message, destination, outcome);
    if (outcome->result == PERM && destination->role) {
        struct destination own = *destination;
        own.maildir = store->postmaster;
        deliver_maildir(store, arena, message, &own, outcome);
    }
}

/* Finds all destinations, each mailbox once however many recipients lead there. */
static bool find_destinations(struct delivering *delivering)
{
    struct arena *arena = delivering->arena;
    size_t capacity = 0;
    for (size_t i = 0; i < delivering->request->recipient_count; i++) {
        const struct delivery_recipient *recipient = &delivering->request->recipients[i];
        struct recipient_lookup found;
        if (recipients_lookup(delivering->store->recipients, arena, recipient->local,
                              recipient->domain, &found) != OK)
            return false;
        for (size_t d = 0; d < found.destination_count; d++) {
            bool twice = false;
            for (size_t k = 0; k < delivering->count && !twice; k++)
                twice = bytes_equal(delivering->destinations[k].address, found.destinations[d].address);
            if (twice)
                continue;
            if (delivering->count == capacity) {
                size_t more = capacity ? capacity * 2 : 4;
                struct destination *destinations = arena_alloc_array(arena, more, sizeof(*destinations));
                struct bytes *given = arena_alloc_array(arena, more, sizeof(*given));
                if (!destinations || !given)
                    return false;
                for (size_t k = 0; k < delivering->count; k++) {
                    destinations[k] = delivering->destinations[k];
                    given[k] = delivering->given[k];
                }
                delivering->destinations = destinations;
                delivering->given = given;
                capacity = more;
            }
            delivering->given[delivering->count] = recipient->mailbox;
            delivering->destinations[delivering->count++] = found.destinations[d];
        }
    }
    delivering->outcomes = arena_alloc_array(arena, delivering->count, sizeof(struct store_outcome));
    delivering->already = arena_alloc_array(arena, delivering->count, sizeof(bool));
    return delivering->outcomes && delivering->already;
}

static struct bytes memory_key(const struct delivering *delivering, size_t index)
{
    struct buf key;
    buf_init(&key, COUNTER_KEY_MAX);
    buf_add_string(&key, "delivered:");
    buf_add(&key, bytes_first(delivering->request->fingerprint, 32));
    buf_add(&key, bytes_first(delivering->destinations[index].address, 400));
    struct bytes copy = arena_copy(delivering->arena, buf_bytes(&key));
    buf_free(&key);
    return copy;
}

static bool was_delivered(const struct delivering *delivering, size_t index)
{
    uint64_t value;
    struct bytes key = memory_key(delivering, index);
    return key.len && counters_get(delivering->store->counters, key, loop_epoch(), &value, NULL) == OK;
}

static void sync_counters(void *argument)
{
    struct store *store = argument;
    struct error error;
    if (counters_sync(store->counters, &error) != OK)
        log_error("deliver", "%s", error.text);
}

/* What the peer does not know to be delivered it will send again. */
static void remember_delivered(const struct delivering *delivering)
{
    struct error error;
    uint64_t value;
    int64_t now = loop_epoch();
    for (size_t i = 0; i < delivering->count; i++) {
        struct bytes key = memory_key(delivering, i);
        if (delivering->outcomes[i].result == OK && key.len &&
            counters_add(delivering->store->counters, key, 1, now, now + REMEMBER_SECONDS, &value,
                         &error) != OK)
            log_error("deliver", "%s", error.text);
    }
    offload(sync_counters, delivering->store);
}

struct one_delivery {
    struct delivering *delivering;
    size_t index;
};

static void deliver_one(void *argument)
{
    struct one_delivery *one = argument;
    struct delivering *delivering = one->delivering;
    store_deliver_to(delivering->store, delivering->arena, &delivering->message,
                     &delivering->destinations[one->index], &delivering->outcomes[one->index]);
}

static void deliver_all(struct delivering *delivering)
{
    struct fiber_group group;
    struct one_delivery *ones =
        arena_alloc_array(delivering->arena, delivering->count, sizeof(*ones));
    fiber_group_open(&group);
    /* Also when the edge dies: what is half delivered is finished, so that its outcome is known. */
    fiber_shield();
    for (size_t i = 0; i < delivering->count; i++) {
        set_outcome(&delivering->outcomes[i], TEMP, 451, "4.3.1", BYTES("Out of memory."));
        if (!ones)
            continue;
        ones[i] = (struct one_delivery){delivering, i};
        delivering->already[i] = was_delivered(delivering, i);
        if (delivering->already[i])
            set_outcome(&delivering->outcomes[i], OK, 250, "2.0.0", BYTES("delivered before"));
        /* The usual message has one recipient and needs no fiber of its own. */
        else if (delivering->count == 1 ||
                 !fiber_group_start(&group, "delivery", deliver_one, &ones[i]))
            deliver_one(&ones[i]);
    }
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_unshield();
    fiber_group_close(&group);
}

static size_t count_outcomes(const struct delivering *delivering, enum result result)
{
    size_t count = 0;
    for (size_t i = 0; i < delivering->count; i++)
        count += delivering->outcomes[i].result == result;
    return count;
}

/* Some were delivered, so the message is ours: keep what failed. False if even that fails. */
static bool keep_failed(struct delivering *delivering)
{
    bool all = true;
    for (size_t i = 0; i < delivering->count; i++) {
        struct store_outcome *outcome = &delivering->outcomes[i];
        if (outcome->result == OK)
            continue;
        struct spool_entry entry = {.id = delivering->message.id,
                                    .sender = delivering->message.sender,
                                    .recipient = delivering->given[i],
                                    .mailbox = delivering->destinations[i].address,
                                    .junk = delivering->message.junk,
                                    .spooled_at = loop_epoch(),
                                    .reason = outcome->text};
        struct error error;
        bool quarantine = outcome->result == PERM;
        if (store_spool(delivering->store, delivering->arena, &delivering->message, &entry,
                        quarantine, &error) != OK) {
            log_error("deliver", "%s", error.text);
            all = false;
            continue;
        }
        delivering->kept = true;
        outcome->text = quarantine ? BYTES("quarantined") : BYTES("spooled");
        if (quarantine)
            store_notify(delivering->store, delivering->arena, &entry);
        /* This copy is safe with us: a retry of the mail must not make another. */
        outcome->result = OK;
    }
    return all;
}

static void answer_failure(const struct delivering *delivering, struct protocol_reply *reply)
{
    /* A temporary failure outranks: the peer comes again, and then the lasting ones show. */
    enum result worst = count_outcomes(delivering, TEMP) ? TEMP : PERM;
    for (size_t i = 0; i < delivering->count; i++) {
        const struct store_outcome *outcome = &delivering->outcomes[i];
        if (outcome->result == worst) {
            *reply = (struct protocol_reply){outcome->code, outcome->enhanced, outcome->text};
            return;
        }
    }
}

static struct bytes summarize(const struct delivering *delivering)
{
    struct buf summary;
    buf_init(&summary, 64 * 1024);
    for (size_t i = 0; i < delivering->count; i++)
        buf_printf(&summary, "%s" BYTES_FMT "=" BYTES_FMT, i ? " " : "",
                   BYTES_ARG(delivering->destinations[i].address),
                   BYTES_ARG(delivering->outcomes[i].text));
    struct bytes text = arena_copy(delivering->arena, buf_bytes(&summary));
    buf_free(&summary);
    return text;
}

/* Quarantine takes the whole message once, for all its recipients. */
static void quarantine_message(struct delivering *delivering, struct protocol_reply *reply)
{
    struct spool_entry entry = {.id = delivering->message.id,
                                .sender = delivering->message.sender,
                                .recipient = delivering->request->recipients[0].mailbox,
                                .mailbox = delivering->count ? delivering->destinations[0].address
                                                             : BYTES(""),
                                .spooled_at = loop_epoch(),
                                .reason = delivering->request->record.verdict};
    struct error error;
    if (store_spool(delivering->store, delivering->arena, &delivering->message, &entry, true,
                    &error) == OK)
        return;
    log_error("deliver", "%s", error.text);
    *reply = (struct protocol_reply){451, BYTES("4.3.0"), BYTES("Cannot be stored now. Please try again.")};
}

static void run_delivery(struct delivering *delivering, struct protocol_reply *reply)
{
    if (delivering->request->place == DELIVER_QUARANTINE) {
        quarantine_message(delivering, reply);
        return;
    }
    deliver_all(delivering);
    if (count_outcomes(delivering, OK) == delivering->count)
        return;
    if (count_outcomes(delivering, OK) == 0) {
        answer_failure(delivering, reply);
    } else if (!keep_failed(delivering)) {
        /* Not everybody's copy is safe: the peer has to send again, and who has it is remembered. */
        *reply = (struct protocol_reply){451, BYTES("4.3.0"),
                                         BYTES("Not all copies could be stored. Please try again.")};
        remember_delivered(delivering);
    }
}

struct reading {
    struct arena *arena;
    int fd;
    size_t max;
    struct bytes content;
    enum result result;
    struct error error;
};

static void read_content(void *argument)
{
    struct reading *reading = argument;
    reading->result = files_read_descriptor(reading->arena, reading->fd, reading->max,
                                            &reading->content, &reading->error);
}

static bool take_content(struct delivering *delivering, struct ipc_request *request)
{
    if (!delivering->request->in_descriptor) {
        delivering->message.content = delivering->request->content;
        return true;
    }
    struct reading reading = {.arena = delivering->arena,
                              .fd = request->message.descriptors[0],
                              .max = delivering->store->role->config.limits.message_size + (1 << 20)};
    if (reading.fd < 0)
        return false;
    offload(read_content, &reading);
    if (reading.result != OK)
        log_warning("deliver", "%s", reading.error.text);
    delivering->message.content = reading.content;
    return reading.result == OK;
}

static bool is_late(const struct delivering *delivering)
{
    return loop_now() > delivering->answer_by || !ipc_channel_is_open(delivering->channel);
}

/* An earlier attempt of the same mail whose answer comes too late, but which may still succeed. */
static bool has_earlier(const struct delivering *delivering)
{
    for (const struct delivering *other = delivering->store->under_way; other; other = other->next)
        if (is_late(other) && bytes_equal(other->request->fingerprint, delivering->request->fingerprint))
            return true;
    return false;
}

/* False if there is still one when the peer of this attempt gives up, too. */
static bool await_earlier(struct delivering *delivering)
{
    while (has_earlier(delivering))
        if (fiber_signal_wait(&delivering->store->delivered, delivering->answer_by) != 0)
            return false;
    return true;
}

static void enter(struct delivering *delivering)
{
    delivering->next = delivering->store->under_way;
    delivering->store->under_way = delivering;
}

static void leave(struct delivering *delivering)
{
    struct delivering **link = &delivering->store->under_way;
    while (*link != delivering)
        link = &(*link)->next;
    *link = delivering->next;
    fiber_signal_all(&delivering->store->delivered);
}

/* With the delivery known to be the only one of its mail. */
static void deliver_message(struct delivering *delivering, struct delivery_answer *answer)
{
    enter(delivering);
    struct bytes text = arena_printf(delivering->arena, "Ok: id=" BYTES_FMT,
                                     BYTES_ARG(delivering->message.id));
    answer->reply = (struct protocol_reply){250, BYTES("2.0.0"), text};
    run_delivery(delivering, &answer->reply);
    answer->summary = summarize(delivering);
    if (is_late(delivering) && answer->reply.code == 250)
        remember_delivered(delivering);
    leave(delivering);
}

static void send_answer(struct ipc_request *request, const struct delivery_answer *answer)
{
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    delivery_answer_write(&payload, answer);
    struct ipc_message message = {STORE_DELIVER, buf_bytes(&payload), {-1, -1, -1, -1}};
    ipc_reply(request, &message);
    buf_free(&payload);
}

void store_deliver(struct store *store, struct ipc_request *request)
{
    struct delivery_request asked;
    struct delivering delivering = {.store = store, .request = &asked};
    struct delivery_answer answer = {
        .reply = {451, BYTES("4.3.0"), BYTES("Cannot be delivered now. Please try again.")}};
    delivering.arena = arena_create(store->role->config.limits.message_size * 3 + (8 << 20));
    if (delivering.arena && delivery_request_read(request->message.payload, delivering.arena, &asked) &&
        take_content(&delivering, request)) {
        delivering.message.id = asked.record.id;
        delivering.message.sender = asked.sender;
        delivering.message.prefix = asked.prefix;
        delivering.message.junk = asked.place == DELIVER_JUNK;
        delivering.channel = request->channel;
        delivering.answer_by = loop_deadline(asked.patience - ANSWER_MARGIN);
        if (find_destinations(&delivering) && delivering.count > 0 && await_earlier(&delivering))
            deliver_message(&delivering, &answer);
        asked.record.code = answer.reply.code;
        store_record(store, &asked.record, answer.summary);
    }
    send_answer(request, &answer);
    arena_destroy(delivering.arena);
}
