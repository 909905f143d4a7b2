/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/edge_known.h"

#include "base/log.h"
#include "reputation/contact.h"
#include "roles/edge_rates.h"
#include "roles/items.h"

enum { STORE_SECONDS = 2 };

static struct evidence_item *add_item(struct edge_mail *mail, enum check check, enum auth_result result,
                                      int64_t elapsed)
{
    struct evidence_item *item = evidence_add(mail->gather.arena, &mail->gather.evidence, check, result);
    if (item)
        item->elapsed = elapsed;
    return item;
}

static bool set(struct edge_mail *mail, struct evidence_item *item, const char *name, struct bytes value)
{
    return item_add(mail->gather.arena, item, "vouch", name, value);
}

static bool set_number(struct edge_mail *mail, struct evidence_item *item, const char *name, uint64_t number)
{
    return set(mail, item, name, arena_printf(mail->gather.arena, "%llu", (unsigned long long)number));
}

static bool set_hundredths(struct edge_mail *mail, struct evidence_item *item, const char *name, uint64_t number)
{
    return set(mail, item, name, history_number(mail->gather.arena, number));
}

/* Asking */

static void choose_recipients(const struct edge_mail *mail, struct known_question *question)
{
    const struct evidence *evidence = &mail->gather.evidence;
    size_t octets = 0;
    question->recipients = evidence->recipients;
    while (question->recipient_count < evidence->recipient_count &&
           question->recipient_count < KNOWN_RECIPIENTS_MAX &&
           evidence->recipients[question->recipient_count].len <= KNOWN_ADDRESS_MAX &&
           octets <= KNOWN_RECIPIENTS_OCTETS)
        octets += evidence->recipients[question->recipient_count++].len;
}

static struct bytes bounded(struct bytes address)
{
    return address.len <= KNOWN_ADDRESS_MAX && bytes_find_byte(address, 0) == BYTES_NOT_FOUND ? address : BYTES("");
}

static bool ask(struct edge_mail *mail, const struct known_question *question, struct known_answer *answer)
{
    struct arena *arena = mail->gather.arena;
    struct ipc_message reply;
    struct buf payload;
    struct error error = {.text = "it cannot be reached"};
    int64_t deadline = loop_deadline(STORE_SECONDS * SECOND);
    buf_init(&payload, IPC_PAYLOAD_MAX);
    known_question_write(&payload, question);
    struct ipc_message request = {KNOWN_ASK, buf_bytes(&payload), {-1, -1, -1, -1}};
    struct ipc_channel *store = payload.failed ? NULL : edge_store(mail->edge, deadline);
    bool fine = store && role_call(store, arena, &request, &reply, deadline, &error) == OK &&
                known_answer_read(reply.payload, answer) &&
                (!question->history || answer->identity_count <= question->identity_count);
    buf_free(&payload);
    for (size_t i = 0; i < answer->contact_count && fine; i++)
        fine = answer->contacts[i].site || answer->contacts[i].recipient < question->recipient_count;
    if (!fine)
        log_warning("known", "the store does not say what is known of the sender of " BYTES_FMT ": %s",
                    BYTES_ARG(mail->gather.evidence.id), error.text);
    return fine;
}

/* Evidence */

static bool add_history(struct edge_mail *mail, const struct history_identity *identity,
                        const struct history *history, int64_t elapsed)
{
    struct evidence_item *item = add_item(mail, CHECK_HISTORY, AUTH_NEUTRAL, elapsed);
    uint64_t ham, spam;
    history_verdicts(history, &ham, &spam);
    return item && set(mail, item, "kind", bytes_of(history_kind_name(identity->kind))) &&
           set(mail, item, "identity", identity->name) &&
           set(mail, item, "aligned", bytes_of(identity->aligned ? "yes" : "")) &&
           set_number(mail, item, "first", (uint64_t)history->first) &&
           set_number(mail, item, "last", (uint64_t)history->last) &&
           set_hundredths(mail, item, "messages", history->counts[HISTORY_MESSAGES]) &&
           set_hundredths(mail, item, "ham", ham) && set_hundredths(mail, item, "spam", spam) &&
           set_hundredths(mail, item, "junk", history_reports(history, HISTORY_JUNK)) &&
           set_hundredths(mail, item, "notjunk", history_reports(history, HISTORY_NOTJUNK)) &&
           set_hundredths(mail, item, "complaints", history->counts[HISTORY_COMPLAINTS]) &&
           set_hundredths(mail, item, "traps", history->counts[HISTORY_TRAPS]) &&
           set_hundredths(mail, item, "unknown", history->counts[HISTORY_UNKNOWN]) &&
           set(mail, item, "reset", bytes_of(history->reset ? "yes" : ""));
}

static bool add_recent_trap(struct edge_mail *mail, const struct history_identity *identity)
{
    struct evidence_item *item = add_item(mail, CHECK_TRAP, AUTH_FAIL, 0);
    if (item)
        item->reason = BYTES("it wrote to an address lately that nobody has");
    return item && set(mail, item, "recent", BYTES("yes")) && set(mail, item, "identity", identity->name) &&
           set(mail, item, "kind", bytes_of(history_kind_name(identity->kind)));
}

static bool add_traps(struct edge_mail *mail, const struct edge_known *known)
{
    for (size_t i = 0; i < known->trap_count; i++) {
        struct evidence_item *item = add_item(mail, CHECK_TRAP, AUTH_FAIL, 0);
        if (!item || !set(mail, item, "recipient", known->traps[i]))
            return false;
        item->reason = BYTES("a recipient is an address that nobody has");
    }
    return true;
}

static bool add_contact(struct edge_mail *mail, const struct known_question *question,
                        const struct known_contact *contact)
{
    struct evidence_item *item = add_item(mail, CHECK_CONTACT, AUTH_PASS, 0);
    return item &&
           set(mail, item, "recipient", contact->site ? BYTES("*") : question->recipients[contact->recipient]) &&
           set(mail, item, "address", question->author) &&
           set(mail, item, "answered", bytes_of(contact->answers ? "yes" : "")) &&
           set(mail, item, "source", bytes_of(contact->manual ? "manual" : "written"));
}

static bool has_domain(const struct known_question *question)
{
    return question->identity_count && question->identities[0].kind != HISTORY_NETWORK;
}

static bool add_greylist(struct edge_mail *mail, const struct known_question *question,
                         const struct known_answer *answer)
{
    struct evidence_item *item = add_item(mail, CHECK_GREYLIST, AUTH_NEUTRAL, 0);
    return item && set(mail, item, "state", bytes_of(greylist_state_name(answer->greylist))) &&
           set_number(mail, item, "age", (uint64_t)answer->age) &&
           set(mail, item, "key", bytes_of(has_domain(question) ? "domain" : "triplet"));
}

static bool add_answer(struct edge_mail *mail, const struct known_question *question,
                       const struct known_answer *answer, int64_t elapsed)
{
    for (size_t i = 0; i < answer->identity_count; i++)
        if (!add_history(mail, &question->identities[i], &answer->history[i], elapsed) ||
            (answer->trapped[i] && !add_recent_trap(mail, &question->identities[i])))
            return false;
    for (size_t i = 0; i < answer->contact_count; i++)
        if (!add_contact(mail, question, &answer->contacts[i]))
            return false;
    return !question->greylist || add_greylist(mail, question, answer);
}

/* The identities stand there all the same: reports of users are about them. */
static bool add_silence(struct edge_mail *mail, const struct known_question *question, int64_t elapsed)
{
    static const struct bytes reason = BYTES_INIT("the store did not say what is known of the sender");
    for (size_t i = 0; i < question->identity_count && question->history; i++) {
        struct evidence_item *item = add_item(mail, CHECK_HISTORY, AUTH_TEMPERROR, elapsed);
        if (!item || !set(mail, item, "kind", bytes_of(history_kind_name(question->identities[i].kind))) ||
            !set(mail, item, "identity", question->identities[i].name) ||
            !set(mail, item, "aligned", bytes_of(question->identities[i].aligned ? "yes" : "")))
            return false;
        item->reason = reason;
    }
    struct evidence_item *item = question->greylist ? add_item(mail, CHECK_GREYLIST, AUTH_TEMPERROR, elapsed) : NULL;
    if (item)
        item->reason = reason;
    return item || !question->greylist;
}

/* Ours, and forwarders, come again in any case: there is nothing to find out. */
static bool may_be_put_off(const struct gather *gather)
{
    const struct evidence *evidence = &gather->evidence;
    const struct evidence_item *forwarder = evidence_find(evidence, CHECK_FORWARDER, 0);
    return !evidence->own_network && !gather->upstream && !(forwarder && forwarder->result == AUTH_PASS) &&
           !rates_is_trusted(gather->config, &evidence->client);
}

enum result edge_known(struct edge_mail *mail, const struct edge_known *known)
{
    struct gather *gather = &mail->gather;
    const struct config *config = gather->config;
    struct known_question question = {.history = config->reputation.history,
                                      .contacts = config->reputation.contacts,
                                      .greylist = known->greylist && may_be_put_off(gather),
                                      .delay = known->greylist_delay / SECOND,
                                      .client = gather->evidence.client,
                                      .author = bounded(gather->from.status == FROM_OK ? gather->from.address
                                                                                       : BYTES("")),
                                      .mail_from = bounded(gather->evidence.mail_from)};
    struct known_answer answer = {0};
    if (!add_traps(mail, known) ||
        (question.history && edge_known_ask_nameservers(gather, &question.nameservers) != OK))
        return TEMP;
    question.identity_count = edge_known_identities(gather, question.identities);
    question.contacts = question.contacts && question.author.len;
    choose_recipients(mail, &question);
    if (!question.history && !question.contacts && !question.greylist)
        return OK;
    int64_t began = loop_now();
    bool answered = ask(mail, &question, &answer);
    int64_t elapsed = loop_now() - began;
    bool fine = answered ? add_answer(mail, &question, &answer, elapsed) : add_silence(mail, &question, elapsed);
    return fine && !arena_exhausted(gather->arena) ? OK : TEMP;
}
