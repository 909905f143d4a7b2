/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/store_tell.h"

#include "base/log.h"
#include "roles/store_queue.h"
#include "smtp/server.h"

enum { HEADER_MAX = 256 * 1024 };

bool store_may_tell(const struct delivery_request *request)
{
    if (request->list.len)
        return request->remote_sender.len > 0;
    return request->sender.len > 0 && request->origin != ORIGIN_STRANGER;
}

enum queue_origin store_queue_origin(const struct delivery_request *request)
{
    /* A list's failures go to its own return path. */
    if (request->list.len || request->origin == ORIGIN_OURS)
        return QUEUE_ORIGIN_OURS;
    return request->origin == ORIGIN_VERIFIED ? QUEUE_ORIGIN_VERIFIED : QUEUE_ORIGIN_STRANGER;
}

/* A report holds nothing of the body, so the queue need not either. */
static struct bytes header_of(struct bytes content)
{
    size_t end = bytes_find(bytes_first(content, HEADER_MAX), BYTES("\r\n\r\n"));
    return end == BYTES_NOT_FOUND ? bytes_first(content, HEADER_MAX) : bytes_first(content, end + 4);
}

static enum result enqueue(struct store *store, struct arena *arena, const struct queue_envelope *envelope,
                           const struct store_message *message, struct error *error)
{
    const struct bytes parts[] = {message->prefix, header_of(message->content)};
    return store_queue_add_copy(store, arena, envelope, parts, countof(parts), error);
}

/* The server's own words, where it was one elsewhere. */
static struct queue_recipient failure_of(const struct store_outcome *outcome)
{
    bool said = outcome->said.code > 0;
    return (struct queue_recipient){.code = said ? outcome->said.code : outcome->code,
                                    .enhanced = said ? outcome->said.enhanced : outcome->enhanced,
                                    .text = said ? outcome->said.text : outcome->text,
                                    .host = said ? outcome->host : BYTES(""),
                                    .attempts = 1,
                                    .tried_at = loop_epoch(),
                                    .bounce_wanted = true};
}

static struct queue_recipient success_of(enum queue_success success)
{
    static const struct bytes texts[QUEUE_SUCCESSES] = {
        [QUEUE_RELAYED] = BYTES_INIT("Handed over to a server that sends no notifications."),
        [QUEUE_DELIVERED] = BYTES_INIT("Delivered."),
        [QUEUE_EXPANDED] = BYTES_INIT("The address stands for several, to which the message went on.")};
    return (struct queue_recipient){.code = 250,
                                    .enhanced = BYTES("2.0.0"),
                                    .text = texts[success],
                                    .attempts = 1,
                                    .tried_at = loop_epoch(),
                                    .relayed = true,
                                    .success = success};
}

static void name_recipient(struct queue_recipient *recipient, const struct delivery_recipient *given)
{
    recipient->address = given->mailbox;
    recipient->notify = given->notify;
    recipient->original = given->original;
}

static struct queue_envelope envelope_of(const struct delivering *delivering, size_t most)
{
    const struct delivery_request *request = delivering->request;
    return (struct queue_envelope){
        .id = delivering->message.id,
        .smtputf8 = request->smtputf8,
        .require_tls = request->require_tls,
        .recipients = arena_alloc_array(delivering->arena, most, sizeof(struct queue_recipient)),
    };
}

/* What an alias of ours leads to here is its own affair: the sender hears of the address that he used. Its
 * destinations lie one behind the other. */
static void add_failure(const struct delivering *delivering, size_t index, struct queue_envelope *envelope,
                        const struct delivery_recipient **before)
{
    const struct delivery_recipient *given = delivering->given[index];
    bool remote = delivering->destinations[index].kind == CONFIG_DELIVER_REMOTE;
    if (given && given == *before && !remote)
        return;
    struct queue_recipient *recipient = &envelope->recipients[envelope->recipient_count++];
    *recipient = failure_of(&delivering->outcomes[index]);
    if (given)
        name_recipient(recipient, given);
    if (!given || remote)
        recipient->address = delivering->destinations[index].address;
    if (!remote)
        *before = given;
}

enum result store_tell_failures(struct delivering *delivering, struct error *error)
{
    const struct delivery_request *request = delivering->request;
    const struct delivery_recipient *before = NULL;
    struct queue_envelope envelope = envelope_of(delivering, delivering->count);
    if (!envelope.recipients)
        return error_set(error, TEMP, "out of memory");
    envelope.sender = delivering->message.sender;
    envelope.origin = store_queue_origin(request);
    if (!request->list.len)
        envelope.envelope_id = request->envelope_id;
    for (size_t i = 0; i < delivering->count; i++)
        if (delivering->outcomes[i].result == PERM)
            add_failure(delivering, i, &envelope, &before);
    enum result result = enqueue(delivering->store, delivering->arena, &envelope, &delivering->message, error);
    if (result != OK)
        return TEMP;
    for (size_t i = 0; i < delivering->count; i++) {
        struct store_outcome *outcome = &delivering->outcomes[i];
        if (outcome->result == PERM)
            *outcome = (struct store_outcome){
                .result = OK, .code = 250, .enhanced = BYTES("2.0.0"), .text = BYTES("bounced"), .aside = true};
    }
    return OK;
}

/* Success */

/* False: it is another's to tell, now or later. */
static bool find_success(const struct delivering *delivering, const struct lead *lead,
                         enum queue_success *success)
{
    if (delivering->request->list.len || lead->targets == 0) {
        /* rfc3461:5.2.7.1: with the list it is delivered. */
        *success = QUEUE_DELIVERED;
        return delivering->request->list.len > 0;
    }
    *success = QUEUE_EXPANDED;
    if (lead->targets > 1)
        return true;
    const struct destination *destination = &delivering->destinations[lead->first];
    const struct store_outcome *outcome = &delivering->outcomes[lead->first];
    *success = destination->kind == CONFIG_DELIVER_MAILDIR ? QUEUE_DELIVERED : QUEUE_RELAYED;
    /* The queue tells of it, unless it asks for another recipient that leads to the same address. */
    if (destination->kind == CONFIG_DELIVER_REMOTE)
        return delivering->given[lead->first] != lead->given;
    return outcome->result == OK && !outcome->aside;
}

void store_tell_success(struct delivering *delivering)
{
    const struct delivery_request *request = delivering->request;
    struct error error;
    if (request->origin != ORIGIN_OURS || !request->sender.len)
        return;
    struct queue_envelope envelope = envelope_of(delivering, request->recipient_count);
    envelope.sender = request->sender;
    envelope.origin = QUEUE_ORIGIN_OURS;
    envelope.envelope_id = request->envelope_id;
    for (size_t i = 0; i < request->recipient_count && envelope.recipients; i++) {
        enum queue_success success;
        if (!(request->recipients[i].notify & SMTP_NOTIFY_SUCCESS) ||
            !find_success(delivering, &delivering->leads[i], &success))
            continue;
        struct queue_recipient *recipient = &envelope.recipients[envelope.recipient_count++];
        *recipient = success_of(success);
        name_recipient(recipient, &request->recipients[i]);
    }
    if (envelope.recipient_count &&
        enqueue(delivering->store, delivering->arena, &envelope, &delivering->message, &error) != OK)
        log_warning("deliver", BYTES_FMT ": its sender is not told of success: %s",
                    BYTES_ARG(delivering->message.id), error.text);
}

/* The spool */

bool store_spooled_wants(const struct spool_entry *entry, const struct store_outcome *outcome)
{
    return entry->tell && entry->sender.len &&
           (outcome->result != OK || (entry->notify & SMTP_NOTIFY_SUCCESS));
}

enum result store_tell_spooled(struct store *store, struct arena *arena, const struct spool_entry *entry,
                               const struct store_message *message, const struct store_outcome *outcome,
                               bool relayed, struct error *error)
{
    struct queue_recipient recipient = outcome->result == OK
                                           ? success_of(relayed ? QUEUE_RELAYED : QUEUE_DELIVERED)
                                           : failure_of(outcome);
    recipient.address = entry->recipient;
    recipient.notify = entry->notify;
    recipient.original = entry->original;
    recipient.expired = outcome->result == TEMP;
    struct queue_envelope envelope = {
        .id = entry->id,
        .sender = entry->sender,
        /* Both may be told, and there is no other difference any more. */
        .origin = QUEUE_ORIGIN_VERIFIED,
        .envelope_id = entry->envelope_id,
        .smtputf8 = entry->smtputf8,
        .require_tls = entry->require_tls,
        .recipients = &recipient,
        .recipient_count = 1,
    };
    return enqueue(store, arena, &envelope, message, error) == OK ? OK : TEMP;
}
