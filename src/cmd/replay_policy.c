/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/replay_policy.h"

#include "roles/policy.h"

#include <string.h>

enum { MESSAGE_MEMORY = 64 << 20, VERDICT_TEXT = 1 << 20 };

struct scan {
    struct replay_policies *replay;
    struct arena *scratch;
    struct buf text;
    bool exhausted;
};

/* The index of a policy of that name; empty is "default". */
static bool find_policy(struct replay_policies *replay, struct bytes name, size_t *index)
{
    for (size_t i = 0; i < replay->config->policy_count; i++) {
        if (!(name.len ? bytes_is(name, replay->config->policies[i].name) : i == 0))
            continue;
        *index = i;
        return true;
    }
    return false;
}

static bool make_policy(struct replay_policies *replay, size_t index)
{
    const struct config_policy *section = &replay->config->policies[index];
    if (replay->made[index])
        return true;
    replay->made[index] =
        policy_from_config(replay->arena, replay->config, section, &replay->policies[index]) == OK &&
        policy_shadow(replay->arena, replay->config, section, &replay->shadows[index]) == OK;
    return replay->made[index];
}

/* What was refused before anything was checked has no evidence but of the session. */
static bool has_evidence(const struct evidence *evidence)
{
    for (size_t i = 0; i < evidence->item_count; i++)
        if (evidence->items[i].check != CHECK_SESSION)
            return true;
    return evidence->exempt || evidence->own_network || evidence->account.len;
}

static void tally(struct replay_tally *tally, const struct verdict *verdict, bool junk)
{
    bool taken = verdict->action == ACTION_ACCEPT && !verdict_is_junk(verdict);
    if (verdict->scored)
        calibration_add(&tally->calibration, verdict->probability / 10000.0, junk);
    tally->junk_taken += junk && taken;
    tally->ham_lost += !junk && !taken;
}

static bool keep(struct replay_policies *replay, const struct ledger_entry *entry, const struct verdict *before,
                 const struct verdict *after)
{
    struct arena *arena = replay->arena;
    if (replay->limit && replay->difference_count >= replay->limit)
        return true;
    struct replay_difference *kept = arena_new(arena, struct replay_difference);
    if (!kept)
        return false;
    *kept = (struct replay_difference){.id = arena_copy(arena, entry->id),
                                       .sender = arena_copy(arena, entry->sender),
                                       .header_from = arena_copy(arena, entry->header_from),
                                       .reason = arena_copy(arena, after->text),
                                       .received_at = entry->received_at,
                                       .before = before->action,
                                       .after = after->action,
                                       .trust_before = before->trust,
                                       .trust_after = after->trust,
                                       .scored_before = before->scored,
                                       .score_before = before->score,
                                       .score_after = after->score};
    *replay->last = kept;
    replay->last = &kept->next;
    replay->difference_count++;
    return true;
}

static bool count(struct scan *scan, const struct ledger_entry *entry, const struct verdict *before,
                  const struct verdict *after)
{
    struct replay_policies *replay = scan->replay;
    const char *label = replay->labels ? map_get(replay->labels, entry->id) : NULL;
    buf_clear(&scan->text);
    struct json json = json_into(&scan->text);
    verdict_write(&json, after);
    replay->judged++;
    replay->older += !before->judged;
    replay->identical += !scan->text.failed && bytes_equal(buf_bytes(&scan->text), entry->verdict);
    replay->transitions[before->action][after->action]++;
    if (label) {
        tally(&replay->before, before, strcmp(label, "junk") == 0);
        tally(&replay->after, after, strcmp(label, "junk") == 0);
    }
    if (before->action != after->action)
        replay->changed++;
    else if (before->trust != after->trust)
        replay->reclassed++;
    else
        return true;
    return keep(replay, entry, before, after);
}

static bool look_at(struct scan *scan, const struct ledger_entry *entry)
{
    struct replay_policies *replay = scan->replay;
    struct evidence evidence;
    struct verdict before, after;
    struct error error;
    size_t index;
    replay->remembered++;
    if (evidence_read(scan->scratch, entry->evidence, &evidence, &error) != OK ||
        verdict_read(scan->scratch, entry->verdict, &before, &error) != OK) {
        replay->unreadable++;
        return true;
    }
    if (!before.judged && !has_evidence(&evidence)) {
        replay->unjudged++;
        return true;
    }
    if (!find_policy(replay, entry->policy, &index)) {
        replay->without_policy++;
        return true;
    }
    return make_policy(replay, index) &&
           judge_live(scan->scratch, &replay->policies[index], replay->shadows[index], &evidence, &after) == OK &&
           count(scan, entry, &before, &after);
}

static bool scan_entry(void *context, const struct ledger_entry *entry)
{
    struct scan *scan = context;
    scan->exhausted = !look_at(scan, entry);
    arena_reset(scan->scratch);
    return !scan->exhausted;
}

enum result replay_policies_run(struct replay_policies *replay, struct ledger *ledger,
                                const struct ledger_filter *filter, struct error *error)
{
    size_t policies = replay->config->policy_count;
    struct scan scan = {.replay = replay, .scratch = arena_create(MESSAGE_MEMORY)};
    replay->last = &replay->differences;
    replay->policies = arena_alloc_array(replay->arena, policies, sizeof(*replay->policies));
    replay->shadows = arena_alloc_array(replay->arena, policies, sizeof(*replay->shadows));
    replay->made = arena_alloc_array(replay->arena, policies, sizeof(*replay->made));
    if (!scan.scratch || !replay->policies || !replay->shadows || !replay->made) {
        arena_destroy(scan.scratch);
        return error_set(error, TEMP, "out of memory");
    }
    buf_init(&scan.text, VERDICT_TEXT);
    enum result result = ledger_select(ledger, filter, scan_entry, &scan, error);
    buf_free(&scan.text);
    arena_destroy(scan.scratch);
    return result == OK && scan.exhausted ? error_set(error, TEMP, "out of memory") : result;
}
