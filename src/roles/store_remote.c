/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of a message that leave us.
 *
 * What our own accounts send, and what goes to the members of a list of ours, is queued: who can be told of
 * a failure is known. What a stranger sends on through us (an alias that leads elsewhere, a domain that we
 * are backup MX for) is handed to the next host while the stranger's client waits, and its answer is ours: so
 * that nobody has to be told anything later. Only a return path that was verified lets it be queued when the
 * next host cannot take it now; and what is for a domain whose primary is down, which is what a backup MX is
 * there for.
 */
#include "roles/store.h"

#include "base/ascii.h"
#include "base/log.h"
#include "base/utf8.h"
#include "message/idn.h"
#include "message/mailbox.h"
#include "roles/digest.h"
#include "roles/store_queue.h"
#include "roles/store_tell.h"

#define ANSWER_MARGIN (3 * SECOND)
#define ASK_TIMEOUT (25 * SECOND)
enum { ENHANCED_MAX = 11 }; /* "5.123.123" */

static struct bytes route_domain(struct arena *arena, struct bytes address)
{
    struct bytes domain = mailbox_domain(address), name;
    if (idn_to_ascii(arena, domain, &name, NULL) == OK)
        return name;
    return arena_lower(arena, domain);
}

static void set_all(const struct store_remote *remote, enum result result, unsigned code,
                    const char *enhanced, struct bytes text)
{
    for (size_t i = 0; i < remote->count; i++)
        store_set_outcome(remote->outcomes[i], result, code, enhanced, text);
}

/* Into the queue, all of them together. */
static void enqueue(struct store *store, struct arena *arena, const struct store_remote *remote)
{
    const struct delivery_request *request = remote->request;
    const struct bytes parts[] = {request->remote_prefix, remote->message->content};
    bool list = request->list.len > 0;
    struct error error;
    struct queue_envelope envelope = {
        .id = remote->message->id,
        .sender = request->remote_sender,
        .account = request->account,
        .origin = store_queue_origin(request),
        /* What was asked for of the message to the list is not asked for of its copies (rfc3461:5.2.7.1). */
        .envelope_id = list ? BYTES("") : request->envelope_id,
        .return_full = !list && request->return_full,
        .return_headers = !list && request->return_headers,
        .smtputf8 = request->smtputf8,
        .eight_bit = !utf8_is_ascii(remote->message->content),
        .require_tls = request->require_tls,
        .tls_optional = request->tls_optional,
        .verp = list,
        .submitter = request->submitter,
        .recipients = arena_alloc_array(arena, remote->count, sizeof(*envelope.recipients)),
    };
    if (!envelope.recipients) {
        set_all(remote, TEMP, 452, "4.3.1", BYTES("Out of memory. Please try again later."));
        return;
    }
    for (size_t i = 0; i < remote->count; i++) {
        const struct delivery_recipient *given = remote->given[i];
        envelope.recipients[envelope.recipient_count++] =
            (struct queue_recipient){.address = remote->destinations[i]->address,
                                     .notify = given ? given->notify : 0,
                                     .original = given ? given->original : BYTES("")};
    }
    enum result result = store_queue_add_copy(store, arena, &envelope, parts, countof(parts), &error);
    if (result == OK) {
        set_all(remote, OK, 250, "2.0.0", BYTES("queued"));
    } else {
        log_error("queue", BYTES_FMT ": %s", BYTES_ARG(envelope.id), error.text);
        set_all(remote, TEMP, 452, "4.3.1", BYTES("The queue cannot take it now. Please try again later."));
    }
}

static bool may_queue(const struct store_remote *remote, enum send_status status)
{
    if (remote->request->origin != ORIGIN_STRANGER)
        return remote->request->remote_sender.len > 0;
    return remote->relay && status == SEND_UNREACHABLE;
}

static void take_reply(struct arena *arena, const struct send_reply *reply, const struct send_answer *answer,
                       struct store_outcome *outcome)
{
    struct protocol_reply said = {reply->code, arena_copy(arena, bytes_first(reply->enhanced, ENHANCED_MAX)),
                                  arena_copy(arena, reply->text)};
    struct protocol_reply ours = store_reply_for_client(&said);
    unsigned class = ours.code / 100;
    bool foreign = answer->host.len && !reply->local;
    *outcome = (struct store_outcome){.result = class == 2 ? OK : class == 5 ? PERM : TEMP,
                                      .code = ours.code,
                                      .enhanced = ours.enhanced,
                                      .text = said.text};
    if (!foreign)
        return;
    outcome->said = said;
    outcome->host = answer->host;
    outcome->text = arena_printf(arena, "%s by " BYTES_FMT ": " BYTES_FMT, class == 2 ? "taken" : "not taken",
                                 BYTES_ARG(answer->host), BYTES_ARG(reply->text));
}

/* Those of the share that are not done, as a share of their own that goes into the queue. */
static void enqueue_rest(struct store *store, struct arena *arena, const struct store_remote *remote)
{
    const struct destination **destinations =
        arena_alloc_array(arena, remote->count, sizeof(*destinations));
    const struct delivery_recipient **given = arena_alloc_array(arena, remote->count, sizeof(*given));
    struct store_outcome **outcomes = arena_alloc_array(arena, remote->count, sizeof(*outcomes));
    if (!destinations || !given || !outcomes)
        return;
    struct store_remote rest = *remote;
    rest.count = 0;
    for (size_t i = 0; i < remote->count; i++) {
        if (remote->outcomes[i]->result != TEMP)
            continue;
        destinations[rest.count] = remote->destinations[i];
        given[rest.count] = remote->given[i];
        outcomes[rest.count++] = remote->outcomes[i];
    }
    rest.destinations = destinations;
    rest.given = given;
    rest.outcomes = outcomes;
    if (rest.count)
        enqueue(store, arena, &rest);
}

/* To the next host, now. */
static void pass_on(struct store *store, struct arena *arena, const struct store_remote *remote)
{
    const struct delivery_request *request = remote->request;
    const struct bytes parts[] = {request->remote_prefix, remote->message->content};
    struct send_answer answer = {.status = SEND_UNREACHABLE};
    struct error error = {{0}};
    struct send_request send = {
        .domain = route_domain(arena, remote->destinations[0]->address),
        .sender = request->remote_sender,
        .recipients = arena_alloc_array(arena, remote->count, sizeof(*send.recipients)),
        .recipient_count = remote->count,
        .smtputf8 = request->smtputf8,
        .require_tls = request->require_tls,
        .tls_optional = request->tls_optional,
        .submitter = request->submitter,
        .patience = remote->deadline - ANSWER_MARGIN - loop_now(),
        .content = arena_concat(arena, parts, countof(parts)),
    };
    set_all(remote, TEMP, 451, "4.4.1", BYTES("The next server cannot be reached now. Please try again later."));
    if (!send.recipients || !send.content.ptr || send.patience <= 0)
        return;
    for (size_t i = 0; i < remote->count; i++)
        send.recipients[i] = (struct send_recipient){.address = remote->destinations[i]->address};
    enum result result = store_send_now(store, arena, &send, &answer, remote->deadline - ANSWER_MARGIN, &error);
    if (result != OK) {
        log_warning("forward", BYTES_FMT ": %s", BYTES_ARG(remote->message->id), error.text);
        answer.status = SEND_BUSY;
    }
    for (size_t i = 0; result == OK && i < remote->count; i++)
        take_reply(arena, &answer.replies[i], &answer, remote->outcomes[i]);
    if (may_queue(remote, answer.status))
        enqueue_rest(store, arena, remote);
}

void store_deliver_remote(struct store *store, struct arena *arena, const struct store_remote *remote)
{
    const struct delivery_request *request = remote->request;
    if (request->origin == ORIGIN_OURS || request->list.len)
        enqueue(store, arena, remote);
    else if (delivery_is_junk(request) && !remote->relay)
        set_all(remote, PERM, 550, "5.7.1", BYTES("This message looks like junk, which is not forwarded."));
    else
        pass_on(store, arena, remote);
}

/* Recipients of a domain that we relay for */

static struct bytes known_key(struct arena *arena, struct bytes address)
{
    struct bytes parts[] = {BYTES("relay-recipient"), arena_lower(arena, address)}, digest;
    if (!digest_parts(arena, parts, countof(parts), &digest))
        return BYTES("");
    struct bytes whole[] = {BYTES("relay:"), digest};
    return arena_concat(arena, whole, countof(whole));
}

/* In its own words. What it says may be about the sender, or about us: only its enhanced code tells. */
static struct protocol_reply refusal_of_primary(struct arena *arena, const struct send_answer *answer)
{
    const struct send_reply *reply = &answer->replies[0];
    struct protocol_reply said = {reply->code, bytes_first(reply->enhanced, ENHANCED_MAX), reply->text};
    struct protocol_reply ours = store_reply_for_client(&said);
    if (answer->host.len && !reply->local)
        ours.text = arena_printf(arena, "Not taken by " BYTES_FMT ": " BYTES_FMT, BYTES_ARG(answer->host),
                                 BYTES_ARG(reply->text));
    return ours;
}

struct protocol_reply store_ask_primary(struct store *store, struct arena *arena,
                                        const struct recipient_question *question)
{
    const struct config_relay *relay = config_relay_find(&store->role->config, question->domain);
    struct bytes address =
        arena_printf(arena, BYTES_FMT "@" BYTES_FMT, BYTES_ARG(question->local), BYTES_ARG(question->domain));
    struct bytes key = known_key(arena, address);
    uint64_t value;
    int64_t now = loop_epoch();
    struct protocol_reply fine = {250, BYTES("2.1.5"), BYTES("Ok")};
    if (relay && key.len && counters_get(store->counters, key, now, &value, NULL) == OK)
        return fine;
    struct send_recipient recipient = {.address = address};
    struct send_request send = {.domain = route_domain(arena, address),
                                .sender = question->sender,
                                .recipients = &recipient,
                                .recipient_count = 1,
                                .verify_only = true,
                                .patience = ASK_TIMEOUT};
    struct send_answer answer;
    struct error error = {{0}};
    bool asked = relay && store_send_now(store, arena, &send, &answer, loop_deadline(ASK_TIMEOUT), &error) == OK &&
                 answer.status == SEND_ANSWERED;
    if (!asked)
        return (struct protocol_reply){450, BYTES("4.4.1"),
                                       BYTES("The primary server cannot be asked about this recipient now. "
                                             "Please try again later.")};
    if (answer.replies[0].code / 100 != 2)
        return refusal_of_primary(arena, &answer);
    if (key.len && counters_add(store->counters, key, 1, now, now + relay->remember / SECOND, &value, &error) != OK)
        log_warning("relay", "%s", error.text);
    return fine;
}
