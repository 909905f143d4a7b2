/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/store_report_send.h"

#include "base/log.h"
#include "fiber/offload.h"
#include "message/mailbox.h"
#include "roles/keys_client.h"
#include "smtp/server.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define KEYS_TIMEOUT (10 * SECOND)
enum { NOTIFICATION_MAX = 4 << 20, REASON_MAX = 1000 };

struct notification {
    struct store_queue *queue;
    struct arena *arena;
    const struct queue_envelope *about; /* the message that it is about */
    struct bytes id;                    /* its own in the queue */
    struct bytes to;                    /* its recipient */
    struct bytes text;                  /* with signatures */
};

/* The header of the message */

struct head {
    struct buf text;
    const struct queue *queue;
    struct queue_hold hold;
    struct error error;
};

static bool take_piece(void *context, struct bytes piece)
{
    struct head *head = context;
    buf_add(&head->text, bytes_first(piece, DSN_HEADER_MAX - head->text.len));
    return head->text.len < DSN_HEADER_MAX &&
           bytes_find(buf_bytes(&head->text), BYTES("\r\n\r\n")) == BYTES_NOT_FOUND;
}

static void read_head(void *argument)
{
    struct head *head = argument;
    /* That the rest was not wanted is no fault, and a header that was damaged is better than none. */
    if (queue_stream_content(head->queue, &head->hold, take_piece, head, &head->error) == PERM)
        head->text.failed = true;
}

static struct bytes header_of(struct store_queue *queue, const struct live *live, struct arena *arena)
{
    struct head head = {.queue = queue->queue};
    buf_init(&head.text, DSN_HEADER_MAX);
    if (queue_hold(queue->queue, live->number, &head.hold, &head.error) == OK) {
        offload(read_head, &head);
        queue_release(queue->queue, &head.hold);
    }
    struct bytes text = buf_bytes(&head.text);
    size_t end = bytes_find(text, BYTES("\r\n\r\n"));
    text = end == BYTES_NOT_FOUND ? text : bytes_first(text, end + 2);
    struct bytes copy = arena_copy(arena, text);
    buf_free(&head.text);
    return copy.ptr ? copy : BYTES("");
}

/* Writing */

/* A domain that mail comes to, so that a person can answer. */
static struct bytes own_domain(const struct config *config)
{
    struct bytes hostname = bytes_of(config->hostname);
    if (config_is_our_domain(config, hostname))
        return hostname;
    return config->domain_count && config->domains[0].names.count
               ? bytes_of(config->domains[0].names.items[0])
               : hostname;
}

static struct bytes make_id(struct arena *arena)
{
    static const char digits[] = "0123456789abcdfghjklmnpqrstvwxyz";
    uint64_t random;
    char id[13];
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        panic("no random numbers");
    for (size_t i = 0; i < sizeof(id); i++, random >>= 5)
        id[sizeof(id) - 1 - i] = digits[random & 31];
    return arena_copy(arena, bytes_from(id, sizeof(id)));
}

static enum result sign(struct notification *notification, struct bytes from, struct buf *out,
                        struct error *error)
{
    struct store *store = notification->queue->store;
    struct bytes domain;
    struct message message;
    struct keys_signing signing;
    const struct config_signing *section =
        keys_signing_find(&store->role->config, mailbox_domain(from), &domain);
    if (!section)
        return OK;
    int64_t deadline = loop_deadline(KEYS_TIMEOUT);
    struct ipc_channel *keys = store_keys(store, deadline);
    if (!keys)
        return error_set(error, TEMP, "the keys role does not answer");
    enum result result = message_parse(notification->arena, notification->text, &message, error);
    if (result == OK)
        result = keys_signing_from(notification->arena, section, domain, loop_epoch(), &signing, error);
    signing.deadline = deadline;
    if (result == OK)
        result = keys_sign_message(keys, notification->arena, &message, &signing, out, error);
    if (result == TEMP)
        return TEMP;
    if (result != OK)
        log_warning("queue", "a notification goes without signature of " BYTES_FMT, BYTES_ARG(domain));
    return OK;
}

/* A return path of ours may be a tagged form of a mailbox's address, or stand for one elsewhere. */
static bool find_codec(const struct config *config, struct bytes address, enum keys_codec *codec)
{
    struct bytes domain = mailbox_domain(address);
    if (config->srs.domain[0] && bytes_equal_nocase(domain, bytes_of(config->srs.domain)))
        *codec = KEYS_SRS;
    else if (config_strings_contain(&config->batv.domains, domain) && bytes_starts_with_nocase(address, BYTES("prvs=")))
        *codec = KEYS_BATV;
    else if (config_strings_contain(&config->ses.domains, domain) && bytes_starts_with_nocase(address, BYTES("SES=")))
        *codec = KEYS_SES;
    else
        return false;
    return true;
}

static enum result untag(struct notification *notification, struct error *error)
{
    struct store *store = notification->queue->store;
    struct keys_address_request request = {
        .decode = true, .address = notification->to, .now = loop_epoch()};
    struct bytes plain;
    if (!find_codec(&store->role->config, notification->to, &request.codec))
        return OK;
    int64_t deadline = loop_deadline(KEYS_TIMEOUT);
    struct ipc_channel *keys = store_keys(store, deadline);
    if (!keys)
        return error_set(error, TEMP, "the keys role does not answer");
    enum result result = keys_address(keys, notification->arena, &request, deadline, &plain, error);
    if (result == OK)
        notification->to = plain;
    /* Not tagged, or too long ago: then it is looked up as it is. */
    return result == TEMP ? TEMP : OK;
}

static enum result write_text(struct notification *notification, struct live *live, struct dsn *dsn,
                              struct error *error)
{
    struct store *store = notification->queue->store;
    struct arena *arena = notification->arena;
    const struct config *config = &store->role->config;
    const struct queue_envelope *about = notification->about;
    dsn->reporting_mta = bytes_of(config->hostname);
    dsn->from_name = BYTES("Mail Delivery System");
    dsn->from = arena_printf(arena, "postmaster@" BYTES_FMT, BYTES_ARG(own_domain(config)));
    dsn->to = notification->to;
    dsn->id = notification->id;
    dsn->date = loop_epoch();
    dsn->arrival = about->queued_at;
    dsn->envelope_id = about->envelope_id;
    dsn->smtputf8 = about->smtputf8;
    dsn->header = header_of(notification->queue, live, arena);
    struct buf text, signatures;
    buf_init(&text, NOTIFICATION_MAX);
    buf_init(&signatures, 64 * 1024);
    enum result result = dsn_write(arena, dsn, &text, error);
    notification->text = buf_bytes(&text);
    if (result == OK)
        result = sign(notification, dsn->from, &signatures, error);
    if (result == OK) {
        uint8_t *to = arena_alloc(arena, signatures.len + text.len);
        if (to && signatures.len)
            memcpy(to, signatures.ptr, signatures.len);
        if (to)
            memcpy(to + signatures.len, text.ptr, text.len);
        notification->text = bytes_from(to, to ? signatures.len + text.len : 0);
        if (!to)
            result = error_set(error, TEMP, "out of memory");
    }
    buf_free(&signatures);
    buf_free(&text);
    return result;
}

/* Sending */

static struct store_message message_of(const struct notification *notification)
{
    return (struct store_message){.id = notification->id,
                                  .sender = BYTES(""),
                                  .prefix = BYTES(""),
                                  .content = notification->text,
                                  .smtputf8 = notification->about->smtputf8};
}

static struct spool_entry entry_for(const struct notification *notification, struct bytes mailbox,
                                    struct bytes reason)
{
    return (struct spool_entry){.id = notification->id,
                                .sender = BYTES(""),
                                .recipient = notification->to,
                                .mailbox = mailbox,
                                .smtputf8 = notification->about->smtputf8,
                                .spooled_at = loop_epoch(),
                                .reason = bytes_first(reason, REASON_MAX)};
}

/* A notification that cannot be delivered makes no further notification (rfc5321:6.1). */
static enum result put_aside(struct notification *notification, struct bytes mailbox, struct bytes reason,
                             struct error *error)
{
    struct store *store = notification->queue->store;
    struct store_message message = message_of(notification);
    struct spool_entry entry = entry_for(notification, mailbox, reason);
    enum result result = store_spool(store, notification->arena, &message, &entry, true, error);
    if (result == OK)
        store_notify(store, notification->arena, &entry, 1);
    return result == OK ? OK : TEMP;
}

static enum result enqueue(struct notification *notification, struct bytes address, struct error *error)
{
    struct queue_recipient recipient = {.address = address, .notify = SMTP_NOTIFY_NEVER};
    struct queue_envelope envelope = {
        .id = make_id(notification->arena),
        .origin = QUEUE_ORIGIN_OURS,
        .smtputf8 = notification->about->smtputf8,
        /* rfc8689:5: the header in it is to be protected as the message was. */
        .require_tls = notification->about->require_tls,
        .recipients = &recipient,
        .recipient_count = 1,
    };
    return store_queue_add(notification->queue->store, notification->arena, &envelope,
                           &notification->text, 1, error);
}

static enum result deliver(struct notification *notification, const struct destination *destination,
                           struct error *error)
{
    struct store *store = notification->queue->store;
    struct store_message message = message_of(notification);
    struct store_outcome outcome;
    if (destination->kind == CONFIG_DELIVER_REMOTE)
        return enqueue(notification, destination->address, error);
    store_deliver_to(store, notification->arena, &message, destination, &outcome);
    if (outcome.result == OK)
        return OK;
    if (outcome.result == PERM)
        return put_aside(notification, destination->address, outcome.text, error);
    struct spool_entry entry = entry_for(notification, destination->address, outcome.text);
    return store_spool(store, notification->arena, &message, &entry, false, error) == OK ? OK : TEMP;
}

static enum result find_owner(const struct recipients *recipients, struct arena *arena,
                              struct bytes address, struct recipient_lookup *found)
{
    struct mailbox mailbox;
    enum result result = mailbox_parse(arena, address, MAILBOX_UTF8 | MAILBOX_LENIENT, &mailbox, NULL);
    return result == OK ? recipients_lookup(recipients, arena, mailbox.local, mailbox.domain, found)
                        : result;
}

static enum result deliver_all(struct notification *notification, const struct recipient_lookup *found,
                               struct error *error)
{
    enum result result = OK;
    if (!found->destination_count)
        return put_aside(notification, notification->to, BYTES("The return path leads nowhere."), error);
    for (size_t i = 0; i < found->destination_count && result == OK; i++)
        result = deliver(notification, &found->destinations[i], error);
    return result;
}

static enum result dispatch(struct notification *notification, struct error *error)
{
    struct recipients *recipients = recipients_hold(notification->queue->store->recipients);
    struct recipient_lookup found = {.status = RECIPIENT_FOREIGN};
    enum result result = find_owner(recipients, notification->arena, notification->to, &found);
    const struct mailing_list *list =
        result == OK && found.status == RECIPIENT_LIST ? recipients_list(recipients, found.list) : NULL;
    if (list) {
        notification->to = list->owner;
        result = find_owner(recipients, notification->arena, list->owner, &found);
    }
    if (result == TEMP)
        error_set(error, TEMP, "out of memory");
    else if (result == OK && found.status == RECIPIENT_FOREIGN)
        result = enqueue(notification, notification->to, error);
    else if (result == OK && found.status != RECIPIENT_UNKNOWN && found.status != RECIPIENT_LIST)
        result = deliver_all(notification, &found, error);
    else
        result = put_aside(notification, notification->to, BYTES("There is no such return path here."), error);
    recipients_free(recipients);
    return result == OK ? OK : TEMP;
}

static void copy_to_postmaster(struct notification *notification)
{
    struct store *store = notification->queue->store;
    struct recipient_lookup found;
    struct error error;
    struct store_message message = message_of(notification);
    if (!store->role->config.queue.copy_postmaster ||
        recipients_postmaster(store->recipients, notification->arena, &found) != OK ||
        !found.destination_count)
        return;
    struct spool_entry entry = entry_for(notification, found.destinations[0].address, BYTES("notice"));
    entry.recipient = BYTES("postmaster");
    if (store_spool(store, notification->arena, &message, &entry, false, &error) != OK)
        log_warning("queue", "postmaster gets no copy of a notification: %s", error.text);
}

enum result report_send(struct store_queue *queue, struct live *live, struct arena *arena,
                        struct dsn *dsn, struct error *error)
{
    struct notification notification = {.queue = queue,
                                        .arena = arena,
                                        .about = &live->envelope,
                                        .id = make_id(arena),
                                        .to = live->envelope.sender};
    if (!notification.id.len)
        return error_set(error, TEMP, "out of memory");
    enum result result = untag(&notification, error);
    if (result == OK)
        result = write_text(&notification, live, dsn, error);
    if (result == OK)
        result = dispatch(&notification, error);
    if (result != OK)
        return TEMP;
    log_info("queue", "id=" BYTES_FMT ", notification=" BYTES_FMT ", to=" BYTES_FMT ", recipients=%zu",
             BYTES_ARG(live->envelope.id), BYTES_ARG(notification.id), BYTES_ARG(notification.to),
             dsn->recipient_count);
    copy_to_postmaster(&notification);
    return OK;
}
