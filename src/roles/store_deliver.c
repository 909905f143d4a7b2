/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One message to its recipients, before the reply to the end of DATA.
 *
 * All destinations are tried at once. If all fail, the reply says so and nothing was kept. If some
 * succeed, the message is answered 250 and is ours: what failed for now goes to the spool. Of what failed for
 * good the sender is told, where the return path is his own (store_tell.h); he has the message, so no copy of it
 * is kept. Where nobody vouches for the return path it goes to quarantine, and postmaster is told. A reply that
 * came too late for the peer is remembered by the fingerprint of the message and the mailbox, so that the retry
 * is not delivered twice.
 */
#include "roles/store_deliver.h"

#include "base/log.h"
#include "fiber/offload.h"
#include "message/mailbox.h"
#include "os/files.h"
#include "roles/digest.h"
#include "roles/parcel.h"
#include "roles/store_quarantine.h"
#include "roles/store_tell.h"
#include "roles/store_train.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define REMEMBER_SECONDS (7 * 86400)
#define ANSWER_MARGIN (2 * SECOND)
enum {
    LMTP_RECIPIENTS_MAX = 50, /* of one transaction */
    REASON_MAX = 4096,
    CONTENT_OCTETS_MAX = 512 << 20, /* of all messages under way; one alone may be larger */
    COPIES = 3 /* of a message in memory, at most */
};

static struct bytes memory_key(const struct delivering *delivering, size_t index)
{
    const struct bytes parts[] = {delivering->request->fingerprint,
                                  delivering->destinations[index].address};
    struct bytes digest;
    if (!digest_parts(delivering->arena, parts, countof(parts), &digest))
        return BYTES("");
    struct buf key;
    buf_init(&key, COUNTER_KEY_MAX);
    buf_add_string(&key, "delivered:");
    buf_add(&key, digest);
    struct bytes copy = arena_copy(delivering->arena, buf_bytes(&key));
    buf_free(&key);
    return copy;
}

/* GET or ADD of the memory of each, whose outcome is OK for ADD; waits. */
static void ask_memory(const struct delivering *delivering, enum counter_operation_kind kind, bool *found)
{
    struct counter_operation operations[COUNTER_OPERATIONS_MAX];
    size_t indices[COUNTER_OPERATIONS_MAX], count = 0;
    int64_t now = loop_epoch();
    struct error error;
    for (size_t i = 0; i < delivering->count; i++) {
        struct bytes key = memory_key(delivering, i);
        if (found)
            found[i] = false;
        if (key.len && (kind == COUNTER_GET || delivering->outcomes[i].result == OK)) {
            indices[count] = i;
            operations[count++] = (struct counter_operation){
                .kind = kind, .key = key, .delta = 1, .expires_at = now + REMEMBER_SECONDS};
        }
        if (!count || (count < COUNTER_OPERATIONS_MAX && i + 1 < delivering->count))
            continue;
        bool asked = counters_run(delivering->store->counters, operations, count, now, &error) == OK;
        if (!asked)
            log_error("deliver", "%s", error.text);
        for (size_t k = 0; found && k < count; k++)
            found[indices[k]] = asked && operations[k].found;
        count = 0;
    }
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
    ask_memory(delivering, COUNTER_ADD, NULL);
    offload(sync_counters, delivering->store);
}

/* Destinations that are delivered to together: one mailbox, or recipients of one LMTP server. */
struct share {
    struct delivering *delivering;
    const struct destination **destinations;
    const struct delivery_recipient **given;
    struct store_outcome **outcomes;
    size_t count;
    bool relay;
};

static void deliver_share(void *argument)
{
    struct share *share = argument;
    struct delivering *delivering = share->delivering;
    if (share->destinations[0]->kind == CONFIG_DELIVER_REMOTE) {
        struct store_remote remote = {.request = delivering->request,
                                      .message = &delivering->message,
                                      .destinations = share->destinations,
                                      .given = share->given,
                                      .outcomes = share->outcomes,
                                      .count = share->count,
                                      .relay = share->relay,
                                      .deadline = delivering->answer_by};
        store_deliver_remote(delivering->store, delivering->arena, &remote);
        return;
    }
    if (share->destinations[0]->kind == CONFIG_DELIVER_MAILDIR)
        store_deliver_to(delivering->store, delivering->arena, &delivering->message,
                         share->destinations[0], share->outcomes[0]);
    else
        store_deliver_lmtp(delivering->store, delivering->arena, &delivering->message,
                           share->destinations, share->outcomes, share->count);
}

/* What is queued is queued together, what is passed on goes to one next host. */
static bool may_share(const struct delivering *delivering, const struct destination *a,
                      const struct destination *b)
{
    bool queued = delivering->request->origin == ORIGIN_OURS || delivering->request->list.len;
    if (a->kind == CONFIG_DELIVER_REMOTE && b->kind == CONFIG_DELIVER_REMOTE)
        return queued || bytes_equal_nocase(mailbox_domain_or_all(a->address),
                                            mailbox_domain_or_all(b->address));
    return a->kind == CONFIG_DELIVER_LMTP && b->kind == CONFIG_DELIVER_LMTP &&
           endpoint_equal(&a->lmtp, &b->lmtp);
}

/* The share of the destination `first`: marks all of it as taken. NULL: out of memory. */
static struct share *make_share(struct delivering *delivering, size_t first)
{
    struct arena *arena = delivering->arena;
    const struct destination *leader = &delivering->destinations[first];
    size_t most = leader->kind == CONFIG_DELIVER_LMTP     ? LMTP_RECIPIENTS_MAX
                  : leader->kind == CONFIG_DELIVER_REMOTE ? delivering->count - first
                                                          : 1;
    struct share *share = arena_new(arena, struct share);
    if (!share)
        return NULL;
    *share = (struct share){
        .delivering = delivering,
        .destinations = arena_alloc_array(arena, most, sizeof(*share->destinations)),
        .given = arena_alloc_array(arena, most, sizeof(*share->given)),
        .relay = delivering->relayed[first],
        .outcomes = arena_alloc_array(arena, most, sizeof(*share->outcomes)),
    };
    if (!share->destinations || !share->outcomes || !share->given)
        return NULL;
    for (size_t i = first; i < delivering->count && share->count < most; i++) {
        if (delivering->taken[i] || (i > first && !may_share(delivering, leader, &delivering->destinations[i])))
            continue;
        delivering->taken[i] = true;
        share->destinations[share->count] = &delivering->destinations[i];
        share->given[share->count] = delivering->given[i];
        share->outcomes[share->count++] = &delivering->outcomes[i];
    }
    return share;
}

/* Takes out what an earlier attempt of the same mail delivered already. */
static void take_delivered(struct delivering *delivering)
{
    ask_memory(delivering, COUNTER_GET, delivering->taken);
    for (size_t i = 0; i < delivering->count; i++) {
        store_set_outcome(&delivering->outcomes[i], TEMP, 451, "4.3.1", BYTES("Out of memory."));
        if (delivering->taken[i])
            store_set_outcome(&delivering->outcomes[i], OK, 250, "2.0.0", BYTES("delivered before"));
        delivering->before += delivering->taken[i];
        if (delivering->taken[i] || delivering->gone[i] == OK)
            continue;
        bool temporary = delivering->gone[i] == TEMP;
        delivering->taken[i] = true;
        store_set_outcome(&delivering->outcomes[i], delivering->gone[i], temporary ? 451 : 550,
                          temporary ? "4.2.4" : "5.1.1", BYTES("There is no such mailbox here any more."));
    }
}

static void deliver_all(struct delivering *delivering)
{
    struct fiber_group group;
    fiber_group_open(&group);
    take_delivered(delivering);
    /* Also when the edge dies: what is half delivered is finished, so that its outcome is known. */
    fiber_shield();
    for (size_t i = 0; i < delivering->count; i++) {
        struct share *share = delivering->taken[i] ? NULL : make_share(delivering, i);
        if (!share)
            continue;
        /* The usual message has one recipient and needs no fiber of its own. */
        if (delivering->count == 1 || !fiber_group_start(&group, "delivery", deliver_share, share))
            deliver_share(share);
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

/* Who is to be told if it cannot be delivered in the end, and how. */
static void note_sender(const struct delivering *delivering, size_t index, struct spool_entry *entry)
{
    const struct delivery_request *request = delivering->request;
    const struct delivery_recipient *given = delivering->given[index];
    entry->tell = store_may_tell(request);
    entry->require_tls = request->require_tls;
    if (request->origin != ORIGIN_OURS || !given)
        return;
    entry->notify = given->notify;
    entry->original = given->original;
    entry->envelope_id = request->envelope_id;
}

/* Into the spool or quarantine. False: it is not safe even there. */
static bool keep_one(struct delivering *delivering, size_t index, struct spool_entry *entry)
{
    struct store_outcome *outcome = &delivering->outcomes[index];
    bool quarantine = outcome->result == PERM;
    struct error error;
    *entry = (struct spool_entry){.id = delivering->message.id,
                                  .sender = delivering->message.sender,
                                  .recipient = delivering->given[index]
                                                   ? delivering->given[index]->mailbox
                                                   : delivering->destinations[index].address,
                                  .mailbox = delivering->destinations[index].address,
                                  .folder = delivering->message.folder,
                                  .smtputf8 = delivering->message.smtputf8,
                                  .spooled_at = loop_epoch(),
                                  .reason = bytes_first(outcome->text, REASON_MAX)};
    if (!quarantine)
        note_sender(delivering, index, entry);
    if (store_spool(delivering->store, delivering->arena, &delivering->message, entry, quarantine,
                    &error) != OK) {
        log_error("deliver", "%s", error.text);
        return false;
    }
    outcome->text = quarantine ? BYTES("quarantined") : BYTES("spooled");
    /* This copy is safe with us: a retry of the mail must not make another. */
    outcome->result = OK;
    outcome->aside = true;
    return true;
}

/* Some were delivered, so the message is ours: keep what failed. False if even that fails. */
static bool keep_failed(struct delivering *delivering)
{
    struct error error;
    if (count_outcomes(delivering, PERM) && store_may_tell(delivering->request) &&
        store_tell_failures(delivering, &error) != OK)
        log_warning("deliver", BYTES_FMT ": the sender cannot be told of a failure: %s",
                    BYTES_ARG(delivering->message.id), error.text);
    struct spool_entry *quarantined =
        arena_alloc_array(delivering->arena, delivering->count, sizeof(*quarantined));
    size_t count = 0;
    bool all = quarantined != NULL;
    for (size_t i = 0; quarantined && i < delivering->count; i++) {
        enum result result = delivering->outcomes[i].result;
        if (result == OK)
            continue;
        /* A stranger's mail that cannot go on now: his client comes again with it. */
        if (result == TEMP && delivering->destinations[i].kind == CONFIG_DELIVER_REMOTE) {
            all = false;
            continue;
        }
        bool kept = keep_one(delivering, i, &quarantined[count]);
        count += kept && result == PERM;
        all &= kept;
    }
    if (count)
        store_notify(delivering->store, delivering->arena, quarantined, count);
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

/* The line of one copy in quarantine. Whoever releases it may send it on as it would have gone. */
static struct spool_entry quarantine_entry(const struct delivering *delivering, size_t index, struct bytes reason)
{
    const struct delivery_request *request = delivering->request;
    const struct delivery_recipient *given = delivering->given[index];
    /* Of a list there is one copy, for all its members. */
    struct bytes address = request->list.len ? request->recipients[0].mailbox : delivering->destinations[index].address;
    return (struct spool_entry){.id = delivering->message.id,
                                .sender = request->sender,
                                .recipient = given ? given->mailbox : address,
                                .mailbox = address,
                                .smtputf8 = delivering->message.smtputf8,
                                .require_tls = request->require_tls,
                                .spooled_at = loop_epoch(),
                                .reason = reason,
                                .forward_sender = request->remote_sender,
                                .prefix_octets = delivering->message.prefix.len};
}

static void quarantine_copies(struct delivering *delivering, size_t *indices, struct spool_entry *entries,
                              enum result *results)
{
    struct bytes reason = store_quarantine_reason(delivering->arena, delivering->message.prefix);
    size_t count = 0;
    if (!reason.len)
        reason = BYTES("judged so");
    for (size_t i = 0; i < delivering->count; i++)
        if (!delivering->taken[i]) {
            indices[count] = i;
            entries[count++] = quarantine_entry(delivering, i, reason);
        }
    size_t files = delivering->request->list.len && count ? 1 : count;
    store_quarantine_keep(delivering->store, delivering->arena, &delivering->message, entries, files, results);
    for (size_t i = 0; i < count; i++)
        if (results[i < files ? i : 0] == OK)
            store_set_outcome(&delivering->outcomes[indices[i]], OK, 250, "2.0.0", BYTES("quarantined"));
}

/* A copy for each, which can be released alone. Nobody is ever told. */
static void quarantine_message(struct delivering *delivering, struct protocol_reply *reply)
{
    size_t *indices = arena_alloc_array(delivering->arena, delivering->count, sizeof(*indices));
    struct spool_entry *entries = arena_alloc_array(delivering->arena, delivering->count, sizeof(*entries));
    enum result *results = arena_alloc_array(delivering->arena, delivering->count, sizeof(*results));
    take_delivered(delivering);
    if (indices && entries && results)
        quarantine_copies(delivering, indices, entries, results);
    /* A mailbox that has gone meanwhile is no reason to ask for the message again. */
    if (!count_outcomes(delivering, TEMP)) {
        if (!count_outcomes(delivering, OK))
            answer_failure(delivering, reply);
        return;
    }
    *reply = (struct protocol_reply){451, BYTES("4.3.0"), BYTES("Cannot be stored now. Please try again.")};
    /* The peer sends again, and who has a copy is remembered. */
    if (count_outcomes(delivering, OK))
        remember_delivered(delivering);
}

static void run_delivery(struct delivering *delivering, struct protocol_reply *reply)
{
    if (delivering->request->place == DELIVER_QUARANTINE) {
        quarantine_message(delivering, reply);
        return;
    }
    deliver_all(delivering);
    bool all = count_outcomes(delivering, OK) == delivering->count;
    if (!all && count_outcomes(delivering, OK) == 0) {
        answer_failure(delivering, reply);
    } else if (!all && !keep_failed(delivering)) {
        /* Not everybody's copy is safe: the peer has to send again, and who has it is remembered. */
        *reply = (struct protocol_reply){451, BYTES("4.3.0"),
                                         BYTES("Not all copies could be stored. Please try again.")};
        remember_delivered(delivering);
    } else if (delivering->before < delivering->count) {
        /* Else an earlier attempt has told, whose reply came too late. */
        store_tell_success(delivering);
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
                              .max = delivering->octets / COPIES};
    if (reading.fd < 0)
        return false;
    offload(read_content, &reading);
    if (reading.result != OK)
        log_warning("deliver", "%s", reading.error.text);
    delivering->message.content = reading.content;
    return reading.result == OK;
}

/* An edge can send more at a time than fits into memory: it waits here, where it costs the edge. */
static bool take_room(struct delivering *delivering, const struct ipc_request *request)
{
    struct store *store = delivering->store;
    const struct config *config = &store->role->config;
    size_t most = config->limits.message_size + (1 << 20);
    struct stat status;
    int fd = request->message.descriptors[0];
    size_t octets = parcel_size(&request->message);
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0)
        octets += (uint64_t)status.st_size < most ? (size_t)status.st_size : most;
    octets *= COPIES;
    int64_t deadline = loop_deadline(config->limits.finish_timeout);
    while (octets && store->content_octets && store->content_octets + octets > CONTENT_OCTETS_MAX)
        if (fiber_signal_wait(&store->content_changed, deadline) != 0)
            return false;
    store->content_octets += octets;
    delivering->octets = octets;
    return true;
}

static void give_room(struct delivering *delivering)
{
    delivering->store->content_octets -= delivering->octets;
    if (delivering->octets)
        fiber_signal_all(&delivering->store->content_changed);
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

/* What comes to traps is spam whoever sends it. */
static void learn_and_forget(struct delivering *delivering, struct delivery_answer *answer)
{
    store_train_trap(delivering->store, delivering->message.content, delivering->request->record.client);
    answer->reply = (struct protocol_reply){250, BYTES("2.0.0"),
                                            arena_printf(delivering->arena, "Ok: id=" BYTES_FMT,
                                                         BYTES_ARG(delivering->message.id))};
    answer->summary = BYTES("trap");
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

/* False if it is not what an honest edge sends. */
static bool take_request(struct delivering *delivering, struct ipc_request *request)
{
    struct delivery_request *asked = delivering->request;
    struct bytes payload;
    if (!parcel_unpack(&request->message, delivering->arena, &payload) ||
        !delivery_request_read(payload, delivering->arena, asked) ||
        !take_content(delivering, request))
        return false;
    delivering->message = (struct store_message){.id = asked->record.id,
                                                 /* A list's copies bear its own (rfc5321:3.9.2). */
                                                 .sender = asked->list.len ? asked->remote_sender
                                                                           : asked->sender,
                                                 .prefix = asked->list.len ? asked->remote_prefix
                                                                           : asked->prefix,
                                                 .content = delivering->message.content,
                                                 .folder = asked->folder,
                                                 .smtputf8 = asked->smtputf8};
    delivering->channel = request->channel;
    /* The peer waits since the request came, also while that waited for room. */
    delivering->answer_by =
        loop_deadline(asked->patience - ANSWER_MARGIN - (loop_now() - delivering->begun));
    return true;
}

void store_deliver(struct store *store, struct ipc_request *request)
{
    struct delivery_request asked;
    struct delivering delivering = {.store = store,
                                    .request = &asked,
                                    .begun = loop_now(),
                                    .recipients = recipients_hold(store->recipients)};
    struct delivery_answer answer = {
        .reply = {451, BYTES("4.3.0"), BYTES("Cannot be delivered now. Please try again.")}};
    bool room = take_room(&delivering, request);
    struct protocol_reply refusal;
    if (room)
        delivering.arena = arena_create(store->role->config.limits.message_size * COPIES + (16 << 20));
    bool understood = delivering.arena && take_request(&delivering, request);
    if (understood) {
        if (asked.place == DELIVER_NOWHERE)
            learn_and_forget(&delivering, &answer);
        else if (!store_may_post(&delivering, &refusal))
            answer = (struct delivery_answer){.reply = refusal};
        else if (!store_find_destinations(&delivering))
            answer.reply =
                (struct protocol_reply){452, BYTES("4.3.1"), BYTES("Out of memory. Please try again later.")};
        else if (!delivering.count)
            answer.reply = (struct protocol_reply){550, BYTES("5.1.1"), BYTES("This list has no members.")};
        else if (await_earlier(&delivering))
            deliver_message(&delivering, &answer);
        asked.record.code = answer.reply.code;
    }
    /* At once: whether it is in time was looked at, and the record may wait for the counters. */
    send_answer(request, &answer);
    if (understood && asked.record.id.len)
        store_record(store, &asked.record, answer.summary);
    arena_destroy(delivering.arena);
    give_room(&delivering);
    recipients_free(delivering.recipients);
}
