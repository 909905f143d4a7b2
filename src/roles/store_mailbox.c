/* SPDX-License-Identifier: BSD-2-Clause */
/* One message to one mailbox, or to several that one LMTP server has. */
#include "roles/store.h"

#include "base/log.h"

#include <string.h>

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

void store_set_outcome(struct store_outcome *outcome, enum result result, unsigned code,
                       const char *enhanced, struct bytes text)
{
    *outcome = (struct store_outcome){
        .result = result, .code = code, .enhanced = bytes_of(enhanced), .text = text};
}

struct protocol_reply store_reply_for_client(const struct protocol_reply *said)
{
    static const unsigned fit[] = {250, 450, 451, 452, 550, 552, 553, 554, 556};
    static const struct bytes classes[] = {
        [2] = BYTES_INIT("2.0.0"), [4] = BYTES_INIT("4.0.0"), [5] = BYTES_INIT("5.0.0")};
    unsigned class = said->code / 100;
    struct protocol_reply reply = {class == 2 ? 250 : class == 5 ? 550 : 451, said->enhanced, said->text};
    for (size_t i = 0; i < countof(fit); i++)
        if (said->code == fit[i])
            reply.code = said->code;
    class = reply.code / 100;
    if (said->enhanced.len < 5 || said->enhanced.ptr[0] != '0' + class || said->enhanced.ptr[1] != '.')
        reply.enhanced = classes[class];
    return reply;
}

static void deliver_maildir(struct store *store, struct arena *arena, struct store_message *message,
                            const struct destination *destination, struct store_outcome *outcome)
{
    struct bytes head =
        arena_printf(arena, "Return-Path: <" BYTES_FMT ">\nDelivered-To: " BYTES_FMT "\n",
                     BYTES_ARG(message->sender), BYTES_ARG(destination->address));
    if (!head.ptr || (!message->local_form.ptr && !make_local_form(arena, message))) {
        store_set_outcome(outcome, TEMP, 451, "4.3.1", BYTES("Out of memory. Please try again later."));
        return;
    }
    struct maildir_job job = {.maildir = destination->maildir,
                              .folder = mail_folder_path(message->folder),
                              .pieces = {head, message->local_form}};
    uint64_t size = head.len + message->local_form.len;
    if (message->name)
        maildir_name_again(job.name, message->name, size);
    else
        maildir_unique_name(job.name, loop_epoch_microseconds(), store->names++,
                            store->role->config.hostname, size);
    store_commit(store, &job);
    if (job.result == OK) {
        quota_add(store->quota, destination->maildir, size);
        store_set_outcome(outcome, OK, 250, "2.0.0", BYTES("delivered"));
        return;
    }
    log_error("deliver", "%s", job.error.text);
    store_set_outcome(outcome, job.result, job.result == PERM ? 550 : 451,
                job.result == PERM ? "5.2.0" : "4.2.0",
                BYTES("The mailbox cannot be written now. Please try again later."));
}

/* As LMTP sends it. Made once for all servers. */
static bool make_whole(struct arena *arena, struct store_message *message)
{
    if (message->whole.ptr)
        return true;
    message->whole = message->content;
    if (!message->prefix.len)
        return true;
    uint8_t *to = arena_alloc(arena, message->prefix.len + message->content.len);
    message->whole = bytes_from(to, to ? message->prefix.len + message->content.len : 0);
    if (!to)
        return false;
    memcpy(to, message->prefix.ptr, message->prefix.len);
    if (message->content.len)
        memcpy(to + message->prefix.len, message->content.ptr, message->content.len);
    return true;
}

/* One LMTP transaction for all these, which have the same server. False: it never came to that. */
static bool transact(struct store *store, struct arena *arena, struct store_message *message,
                     const struct destination *const *destinations, size_t count,
                     struct protocol_reply *replies)
{
    struct error error;
    struct bytes *recipients = arena_alloc_array(arena, count, sizeof(*recipients));
    if (!recipients || !make_whole(arena, message))
        return false;
    for (size_t i = 0; i < count; i++)
        recipients[i] = destinations[i]->address;
    if (store_lmtp(store, arena, &destinations[0]->lmtp, message->sender, message->smtputf8,
                   recipients, count, message->whole, replies, &error) == OK)
        return true;
    log_warning("deliver", "LMTP for " BYTES_FMT "%s: %s", BYTES_ARG(recipients[0]),
                count > 1 ? " and others" : "", error.text);
    return false;
}

void store_deliver_lmtp(struct store *store, struct arena *arena, struct store_message *message,
                        const struct destination *const *destinations,
                        struct store_outcome *const *outcomes, size_t count)
{
    struct protocol_reply *replies = arena_alloc_array(arena, count, sizeof(*replies));
    bool done = replies && transact(store, arena, message, destinations, count, replies);
    for (size_t i = 0; i < count; i++) {
        if (!done) {
            store_set_outcome(outcomes[i], TEMP, 451, "4.4.1",
                        BYTES("The mailbox server cannot be reached. Please try again later."));
            continue;
        }
        struct protocol_reply reply = store_reply_for_client(&replies[i]);
        unsigned class = reply.code / 100;
        *outcomes[i] = (struct store_outcome){.result = class == 2 ? OK : class == 5 ? PERM : TEMP,
                                              .code = reply.code, .enhanced = reply.enhanced, .text = reply.text};
        if (outcomes[i]->result != PERM || !destinations[i]->role)
            continue;
        struct destination own = *destinations[i];
        own.maildir = store->postmaster;
        deliver_maildir(store, arena, message, &own, outcomes[i]);
    }
}

void store_deliver_to(struct store *store, struct arena *arena, struct store_message *message,
                      const struct destination *destination, struct store_outcome *outcome)
{
    if (destination->kind == CONFIG_DELIVER_MAILDIR)
        deliver_maildir(store, arena, message, destination, outcome);
    else
        store_deliver_lmtp(store, arena, message, &destination, &outcome, 1);
}
