/* SPDX-License-Identifier: BSD-2-Clause */
/* What came of messages, added to what is known: many messages at once, after their replies. */
#include "roles/store_known.h"

#include "base/log.h"
#include "reputation/trap.h"

enum { AT_ONCE = 32, OUTCOME_MEMORY = 16 << 20 };
/* As in store.c: what is kept for long leaves room for what decides about retries. */
#define CROWDED ((size_t)4000000)
/* Recipients of one message that do not exist and count. */
enum { UNKNOWN_MOST = 5 };

/* One message with the places of its questions. */
struct applying {
    struct known_outcome outcome;
    bool readable;
    size_t history[KNOWN_IDENTITIES_MAX];
    struct bytes author, owner;
    struct bytes answered[KNOWN_CONTACTS_MAX], learned[KNOWN_LEARNED_MAX];
    size_t answered_asked[KNOWN_CONTACTS_MAX], learned_asked[KNOWN_LEARNED_MAX], room;
};

static struct bytes address_of(struct arena *arena, struct bytes text)
{
    struct bytes address;
    return contact_address(arena, text, &address) == OK ? address : BYTES("");
}

static void ask_answered(struct batch *batch, const struct recipients *recipients, struct applying *applying)
{
    const struct known_outcome *outcome = &applying->outcome;
    applying->author = outcome->answered_count ? address_of(batch->arena, outcome->author) : BYTES("");
    for (size_t i = 0; i < outcome->answered_count && applying->author.len; i++) {
        applying->answered[i] = known_owner(recipients, batch->arena, outcome->answered[i]);
        if (applying->answered[i].len)
            applying->answered_asked[i] = contact_ask(batch, applying->answered[i], applying->author);
    }
}

static void ask_learned(struct batch *batch, const struct recipients *recipients, struct applying *applying,
                        int64_t now)
{
    const struct known_outcome *outcome = &applying->outcome;
    applying->owner = outcome->learned_count ? known_owner(recipients, batch->arena, outcome->owner) : BYTES("");
    if (!applying->owner.len)
        return;
    applying->room = contact_learn_ask(batch, applying->owner, now);
    for (size_t i = 0; i < outcome->learned_count; i++) {
        applying->learned[i] = address_of(batch->arena, outcome->learned[i]);
        if (applying->learned[i].len)
            applying->learned_asked[i] = contact_ask(batch, applying->owner, applying->learned[i]);
    }
}

static void ask(struct batch *batch, const struct known_rules *rules, const struct recipients *recipients,
                struct applying *applying, int64_t now)
{
    const struct known_outcome *outcome = &applying->outcome;
    for (size_t i = 0; i < outcome->identity_count && rules->history; i++)
        applying->history[i] = history_ask_standing(batch, &outcome->identities[i]);
    if (!rules->contacts)
        return;
    ask_answered(batch, recipients, applying);
    ask_learned(batch, recipients, applying, now);
}

/* Anybody can send again what somebody else signed, to whomever he likes. */
static bool chose_recipients(const struct history_identity *identity)
{
    return identity->kind != HISTORY_DKIM;
}

static void write_history(struct batch *out, const struct batch *asked, const struct known_rules *rules,
                          const struct applying *applying, int64_t now)
{
    const struct known_outcome *outcome = &applying->outcome;
    uint64_t unknown = outcome->unknown < UNKNOWN_MOST ? outcome->unknown : UNKNOWN_MOST;
    for (size_t i = 0; i < outcome->identity_count; i++) {
        const struct history_identity *identity = &outcome->identities[i];
        bool sent = chose_recipients(identity);
        uint64_t amounts[HISTORY_COUNTS] = {
            [HISTORY_MESSAGES] = HISTORY_ONE,
            [HISTORY_HAM] = outcome->class == KNOWN_HAM ? HISTORY_ONE : 0,
            /* What went to a trap is spam for that alone: whoever only signed it did not send it there. */
            [HISTORY_SPAM] = outcome->class == KNOWN_SPAM && (sent || !outcome->trap) ? HISTORY_ONE : 0,
            [HISTORY_TRAPS] = sent && outcome->trap ? HISTORY_ONE : 0,
            [HISTORY_UNKNOWN] = sent ? unknown * HISTORY_ONE : 0,
        };
        struct history before;
        history_read_standing(asked, applying->history[i], &rules->of_history, identity, &outcome->nameservers, now,
                              &before);
        if (rules->crowded && !before.last)
            continue;
        history_write(out, &rules->of_history, identity, &outcome->nameservers, &before, amounts, now);
    }
}

static void write_contacts(struct batch *out, const struct batch *asked, const struct known_rules *rules,
                           const struct applying *applying, int64_t now)
{
    const struct known_outcome *outcome = &applying->outcome;
    struct contact known;
    uint64_t room = applying->owner.len ? contact_learn_room(asked, applying->room) : 0;
    for (size_t i = 0; i < outcome->answered_count && applying->author.len; i++)
        if (applying->answered[i].len && contact_read(asked, applying->answered_asked[i], &known) && known.written)
            contact_answer(out, applying->answered[i], applying->author, now, rules->contacts_keep);
    if (applying->owner.len)
        history_reporter_seen(out, applying->owner, now);
    for (size_t i = 0; i < outcome->learned_count && applying->owner.len; i++) {
        if (!applying->learned[i].len)
            continue;
        bool is_new = !contact_read(asked, applying->learned_asked[i], &known) || !known.written;
        if (is_new && !room)
            continue;
        room -= is_new;
        contact_learn(out, applying->owner, applying->learned[i], is_new, now, rules->contacts_keep);
    }
}

static void write_greylist(struct batch *out, const struct known_rules *rules, const struct known_outcome *outcome,
                           int64_t now)
{
    struct greylist_try attempt = {.domain = outcome->greylist_domain,
                                   .client = outcome->client,
                                   .sender = outcome->mail_from,
                                   .recipient = outcome->recipient};
    /* Who is not remembered is not put off either: known_ask(). */
    if (outcome->greylist == KNOWN_GREYLIST_TRY && !rules->crowded)
        greylist_write_try(out, &rules->of_greylist, &attempt, now);
    else if (outcome->greylist == KNOWN_GREYLIST_PASS || outcome->greylist == KNOWN_GREYLIST_JUNK)
        greylist_write_pass(out, &rules->of_greylist, &attempt, outcome->greylist == KNOWN_GREYLIST_PASS, now);
}

static void write_one(struct batch *out, const struct batch *asked, const struct known_rules *rules,
                      const struct applying *applying, int64_t now)
{
    const struct known_outcome *outcome = &applying->outcome;
    if (rules->history)
        write_history(out, asked, rules, applying, now);
    for (size_t i = 0; i < outcome->identity_count && outcome->trap && rules->traps; i++)
        if (chose_recipients(&outcome->identities[i]))
            trap_write(out, &outcome->identities[i], now);
    if (rules->contacts)
        write_contacts(out, asked, rules, applying, now);
    write_greylist(out, rules, outcome, now);
}

static enum result apply_some(struct counters *counters, const struct known_rules *rules,
                              const struct recipients *recipients, struct arena *arena, const struct bytes *blobs,
                              size_t count, int64_t now, struct error *error)
{
    struct batch asked = batch_in(arena), out = batch_in(arena);
    struct applying *all = arena_alloc_array(arena, count, sizeof(*all));
    if (!all)
        return error_set(error, TEMP, "out of memory");
    for (size_t i = 0; i < count; i++) {
        all[i].readable = known_outcome_read(blobs[i], &all[i].outcome);
        if (all[i].readable)
            ask(&asked, rules, recipients, &all[i], now);
        else if (blobs[i].len)
            log_warning("known", "an outcome that cannot be read");
    }
    enum result result = batch_run(&asked, counters, now, error);
    if (result != OK)
        return result;
    for (size_t i = 0; i < count; i++)
        if (all[i].readable)
            write_one(&out, &asked, rules, &all[i], now);
    return batch_run(&out, counters, now, error);
}

enum result known_apply(struct counters *counters, const struct known_rules *rules,
                        const struct recipients *recipients, struct arena *arena, const struct bytes *blobs,
                        size_t count, int64_t now, struct error *error)
{
    enum result worst = OK;
    for (size_t at = 0; at < count; at += AT_ONCE) {
        size_t some = count - at < AT_ONCE ? count - at : AT_ONCE;
        struct arena_mark mark = arena_mark(arena);
        enum result result =
            apply_some(counters, rules, recipients, arena, blobs + at, some, now, error);
        arena_rewind(arena, mark);
        if (result != OK)
            worst = result;
    }
    return worst;
}

/* Of the last time. As long as nothing can be written nobody new is put off: he would be for ever. */
static bool failing;

struct known_rules store_known_rules(const struct store *store)
{
    struct known_rules rules = known_rules_from(&store->role->config);
    rules.crowded = failing || counters_size(store->counters) >= CROWDED;
    return rules;
}

void store_known_outcomes(struct store *store, const struct bytes *blobs, size_t count)
{
    struct known_rules rules = store_known_rules(store);
    struct arena *arena = arena_create(OUTCOME_MEMORY);
    struct recipients *recipients = recipients_hold(store->recipients);
    struct error error = {.text = "out of memory"};
    failing = !arena || known_apply(store->counters, &rules, recipients, arena, blobs, count, loop_epoch(),
                                    &error) != OK;
    if (failing)
        log_error("known", "what came of %zu messages is not remembered: %s", count, error.text);
    recipients_free(recipients);
    arena_destroy(arena);
}

void store_known_outcome(struct store *store, struct bytes blob)
{
    store_known_outcomes(store, &blob, 1);
}
