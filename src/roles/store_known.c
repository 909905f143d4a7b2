/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/store_known.h"

#include "base/log.h"
#include "message/mailbox.h"
#include "reputation/trap.h"

enum { EXPANDED_MOST = 100, ANSWER_MEMORY = 8 << 20 };

struct known_rules known_rules_from(const struct config *config)
{
    return (struct known_rules){
        .history = config->reputation.history,
        .contacts = config->reputation.contacts,
        .traps = config->reputation.traps_list,
        .of_history = {.half_life = config->reputation.half_life / SECOND,
                       .silence = config->reputation.silence / SECOND},
        .of_greylist = {.window = config->greylist.window / SECOND,
                        .keep = config->greylist.keep / SECOND,
                        .pass = config->greylist.pass},
        .contacts_keep = config->reputation.contacts_keep / SECOND,
    };
}

struct bytes known_owner(const struct recipients *recipients, struct arena *arena, struct bytes address)
{
    struct mailbox mailbox;
    struct recipient_lookup found;
    struct bytes owner;
    if (recipients && mailbox_parse(arena, address, MAILBOX_UTF8 | MAILBOX_LENIENT, &mailbox, NULL) == OK &&
        recipients_lookup(recipients, arena, mailbox.local, mailbox.domain, &found) == OK &&
        found.destination_count == 1 && found.destinations[0].kind != CONFIG_DELIVER_REMOTE)
        address = found.destinations[0].address;
    return contact_address(arena, address, &owner) == OK ? owner : BYTES("");
}

/* Where the questions about each thing begin. */
struct asked {
    size_t history[KNOWN_IDENTITIES_MAX], trap[KNOWN_IDENTITIES_MAX];
    size_t site, greylist;
    size_t *contacts;   /* of each recipient; SIZE_MAX: not asked */
};

static bool ask_contacts(struct batch *batch, const struct recipients *recipients,
                         const struct known_question *question, struct asked *asked)
{
    struct arena *arena = batch->arena;
    struct bytes author;
    asked->site = SIZE_MAX;
    asked->contacts = arena_alloc_array(arena, question->recipient_count, sizeof(*asked->contacts));
    if (!asked->contacts)
        return false;
    enum result result = contact_address(arena, question->author, &author);
    if (result == OK)
        asked->site = contact_ask(batch, CONTACT_SITE, author);
    for (size_t i = 0; i < question->recipient_count; i++) {
        /* Which aliases lead where is looked up for as many as one usually writes to. */
        struct bytes owner = result == OK ? known_owner(i < EXPANDED_MOST ? recipients : NULL, arena,
                                                        question->recipients[i])
                                          : BYTES("");
        asked->contacts[i] = owner.len ? contact_ask(batch, owner, author) : SIZE_MAX;
    }
    return result != TEMP;
}

static struct greylist_try try_of(const struct known_question *question)
{
    struct greylist_try attempt = {.client = question->client, .sender = question->mail_from};
    for (size_t i = 0; i < question->identity_count && !attempt.domain.len; i++)
        if (question->identities[i].kind != HISTORY_NETWORK)
            attempt.domain = question->identities[i].name;
    if (question->recipient_count)
        attempt.recipient = question->recipients[0];
    return attempt;
}

static void read_contacts(const struct batch *batch, const struct asked *asked,
                          const struct known_question *question, struct known_answer *answer)
{
    struct contact found;
    if (asked->site != SIZE_MAX && contact_read(batch, asked->site, &found))
        answer->contacts[answer->contact_count++] =
            (struct known_contact){.site = true, .manual = found.manual, .answers = found.answers};
    for (size_t i = 0; i < question->recipient_count && answer->contact_count < KNOWN_CONTACTS_MAX; i++)
        if (asked->contacts[i] != SIZE_MAX && contact_read(batch, asked->contacts[i], &found))
            answer->contacts[answer->contact_count++] = (struct known_contact){
                .recipient = (uint32_t)i, .manual = found.manual, .answers = found.answers};
}

enum result known_ask(struct counters *counters, const struct known_rules *rules, const struct recipients *recipients,
                      struct arena *arena, const struct known_question *question, int64_t now,
                      struct known_answer *answer, struct error *error)
{
    struct batch batch = batch_in(arena);
    struct asked asked = {.greylist = SIZE_MAX};
    bool contacts = question->contacts && rules->contacts;
    struct greylist_try attempt = try_of(question);
    *answer = (struct known_answer){.identity_count = question->history ? question->identity_count : 0};
    for (size_t i = 0; i < answer->identity_count; i++) {
        asked.history[i] = history_ask(&batch, &rules->of_history, &question->identities[i], now);
        asked.trap[i] = trap_ask(&batch, &question->identities[i]);
    }
    if (contacts && !ask_contacts(&batch, recipients, question, &asked))
        return error_set(error, TEMP, "out of memory");
    if (question->greylist)
        asked.greylist = greylist_ask(&batch, &attempt);
    enum result result = batch_run(&batch, counters, now, error);
    if (result != OK)
        return result;
    for (size_t i = 0; i < answer->identity_count; i++) {
        history_read(&batch, asked.history[i], &rules->of_history, &question->identities[i], &question->nameservers,
                     now, &answer->history[i]);
        answer->trapped[i] = rules->traps && trap_read(&batch, asked.trap[i], &answer->history[i]);
    }
    if (contacts)
        read_contacts(&batch, &asked, question, answer);
    if (question->greylist)
        answer->greylist =
            greylist_read(&batch, asked.greylist, &rules->of_greylist, question->delay, now, &answer->age);
    /* His try could not be remembered, and he would be put off for ever. */
    if (question->greylist && answer->greylist == GREYLIST_NEW && rules->crowded)
        answer->greylist = GREYLIST_PASSED;
    return OK;
}

void store_answer_known(struct store *store, struct ipc_request *request)
{
    struct known_rules rules = store_known_rules(store);
    struct arena *arena = arena_create(ANSWER_MEMORY);
    struct known_question question;
    struct known_answer answer;
    struct error error;
    struct buf payload;
    if (!arena || !known_question_read(request->message.payload, arena, &question)) {
        arena_destroy(arena);
        return;
    }
    question.history = question.history && rules.history;
    struct recipients *recipients = recipients_hold(store->recipients);
    enum result result =
        known_ask(store->counters, &rules, recipients, arena, &question, loop_epoch(), &answer, &error);
    recipients_free(recipients);
    /* No answer says that nobody knows. */
    if (result == OK) {
        buf_init(&payload, IPC_PAYLOAD_MAX);
        known_answer_write(&payload, &answer);
        role_reply(request, &payload);
    } else {
        log_error("counters", "%s", error.text);
    }
    arena_destroy(arena);
}
