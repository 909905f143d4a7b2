/* SPDX-License-Identifier: BSD-2-Clause */
/* What users and other operators say about mail that came, found by its story in the ledger. */
#include "roles/store_known.h"

#include "base/log.h"
#include "fiber/offload.h"

#include <stdlib.h>

enum { REPORT_MEMORY = 8 << 20, RECIPIENTS_LOOKED_AT = 100 };

static bool is_there(const struct history_identity *identities, size_t count, const struct history_identity *one)
{
    for (size_t i = 0; i < count; i++)
        if (identities[i].kind == one->kind && bytes_equal(identities[i].name, one->name))
            return true;
    return false;
}

size_t known_identities(const struct evidence *evidence, struct history_identity *out)
{
    size_t count = 0;
    for (size_t i = 0; i < evidence->item_count && count < KNOWN_IDENTITIES_MAX; i++) {
        const struct evidence_item *item = &evidence->items[i];
        struct history_identity one = {.name = evidence_value(item, "vouch", "identity")};
        if (item->check != CHECK_HISTORY || !one.name.len || one.name.len > HISTORY_NAME_MAX ||
            !history_kind_parse(evidence_value(item, "vouch", "kind"), &one.kind))
            continue;
        one.aligned = bytes_is(evidence_value(item, "vouch", "aligned"), "yes");
        if (!is_there(out, count, &one))
            out[count++] = one;
    }
    return count;
}

/* Once for each direction where it is taken back: which of them it was is not known. */
static enum result report_once(struct counters *counters, const struct known_rules *rules, struct arena *arena,
                               const struct history_report *report, int64_t now, struct error *error)
{
    struct batch asked = batch_in(arena), out = batch_in(arena);
    size_t index = history_report_ask(&asked, &rules->of_history, report, now);
    enum result result = batch_run(&asked, counters, now, error);
    if (result != OK)
        return result;
    history_report_write(&asked, index, &out, &rules->of_history, report, now);
    return batch_run(&out, counters, now, error);
}

enum result known_report(struct counters *counters, const struct known_rules *rules, struct arena *arena,
                         struct bytes reporter, struct bytes id, const struct history_identity *identities,
                         size_t count, enum train_class class, int64_t now, struct error *error)
{
    enum result result = OK;
    struct history_report report = {.reporter = arena_lower(arena, reporter),
                                    .message = id,
                                    .junk = class == TRAIN_SPAM,
                                    .forget = class == TRAIN_FORGET};
    if (!reporter.len)
        return error_set(error, PERM, "nobody reports");
    if (!rules->history)
        return OK;
    for (size_t i = 0; i < count && result == OK; i++) {
        report.identity = identities[i];
        result = report_once(counters, rules, arena, &report, now, error);
        if (result == OK && report.forget) {
            struct history_report other = report;
            other.junk = true;
            result = report_once(counters, rules, arena, &other, now, error);
        }
    }
    return result;
}

enum result known_complain(struct counters *counters, const struct known_rules *rules, struct arena *arena,
                           const struct history_identity *identity, struct bytes source, int64_t now,
                           struct error *error)
{
    struct batch asked = batch_in(arena), out = batch_in(arena);
    size_t index = history_complaint_ask(&asked, identity, source);
    enum result result = batch_run(&asked, counters, now, error);
    if (result != OK)
        return result;
    if (!history_complaint_write(&asked, index, &out, &rules->of_history, identity, source, now))
        return error_set(error, NONE, "it has complained often enough about this");
    return batch_run(&out, counters, now, error);
}

/* By the ledger */

struct reporting {
    struct store *store;
    struct arena *arena;
    struct bytes reporter, id;
    enum train_class class;
    const char *file;
    struct ledger_entry entry;
    struct evidence evidence;
    enum result result;
    struct error error;
};

/* With a handle of its own: that of the writer is used by one at a time. */
static void read_story(void *argument)
{
    struct reporting *reporting = argument;
    struct ledger *ledger;
    reporting->result = ledger_open(reporting->file, LEDGER_READ, &ledger, &reporting->error);
    if (reporting->result != OK)
        return;
    reporting->result =
        ledger_find(ledger, reporting->arena, reporting->id, &reporting->entry, &reporting->error);
    ledger_close(ledger);
    if (reporting->result == OK)
        reporting->result = evidence_read(reporting->arena, reporting->entry.evidence, &reporting->evidence,
                                          &reporting->error);
}

/* Ids can be guessed: who did not get the message has nothing to say about it. */
static bool got_it(const struct reporting *reporting, const struct recipients *recipients)
{
    const struct ledger_entry *entry = &reporting->entry;
    struct bytes reporter = known_owner(recipients, reporting->arena, reporting->reporter);
    for (size_t i = 0; i < entry->recipient_count && i < RECIPIENTS_LOOKED_AT && reporter.len; i++) {
        struct recipient_lookup found;
        size_t at = bytes_rfind_byte(entry->recipients[i], '@');
        struct bytes local = bytes_first(entry->recipients[i], at), domain = bytes_skip(entry->recipients[i], at + 1);
        if (bytes_equal(known_owner(recipients, reporting->arena, entry->recipients[i]), reporter))
            return true;
        /* An alias of several. */
        if (at == BYTES_NOT_FOUND || recipients_lookup(recipients, reporting->arena, local, domain, &found) != OK)
            continue;
        for (size_t k = 0; k < found.destination_count; k++)
            if (bytes_equal_nocase(found.destinations[k].address, reporting->reporter))
                return true;
    }
    return false;
}

static void report_fiber(void *argument)
{
    struct reporting *reporting = argument;
    struct store *store = reporting->store;
    struct history_identity identities[KNOWN_IDENTITIES_MAX];
    struct known_rules rules = known_rules_from(&store->role->config);
    offload(read_story, reporting);
    enum result result = reporting->result;
    struct recipients *recipients = recipients_hold(store->recipients);
    if (result == OK && !got_it(reporting, recipients))
        result = error_set(&reporting->error, NONE, "he was not among its recipients");
    recipients_free(recipients);
    if (result == OK) {
        size_t count = known_identities(&reporting->evidence, identities);
        result = known_report(store->counters, &rules, reporting->arena, reporting->reporter, reporting->id,
                              identities, count, reporting->class, loop_epoch(), &reporting->error);
    }
    if (result != OK)
        log_info("known", "a report of " BYTES_FMT " on " BYTES_FMT " does not count: %s",
                 BYTES_ARG(reporting->reporter), BYTES_ARG(reporting->id),
                 reporting->error.text[0] ? reporting->error.text : "there is no such message");
    arena_destroy(reporting->arena);
}

void store_known_report(struct store *store, struct bytes reporter, struct bytes id, enum train_class class)
{
    struct arena *arena = arena_create(REPORT_MEMORY);
    struct reporting *reporting = arena ? arena_new(arena, struct reporting) : NULL;
    if (reporting) {
        *reporting = (struct reporting){.store = store, .arena = arena, .class = class};
        reporting->reporter = arena_copy(arena, reporter);
        reporting->id = arena_copy(arena, id);
        reporting->file = arena_string(
            arena, arena_printf(arena, "%s/ledger.sqlite", store->role->config.data_directory));
    }
    if (!reporting || !id.len || !reporter.len || !reporting->file || !store->role->config.reputation.history ||
        !fiber_group_start(&store->work, "report", report_fiber, reporting))
        arena_destroy(arena);
}
