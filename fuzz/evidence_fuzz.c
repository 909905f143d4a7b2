/* SPDX-License-Identifier: BSD-2-Clause */
/* Evidence out of the ledger: read, judged, explained, changed and written again. */
#include "verdict/explain.h"
#include "verdict/points.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHANGES = 3, CHANGED_ITEMS_MOST = 40 };

static struct bytes attachments[] = {BYTES_INIT("exe"), BYTES_INIT("macro")};
static const struct policy_list lists[] = {{.name = BYTES_INIT("zen"), .points = 400},
                                           {.name = BYTES_INIT("wl"), .points = -400}};
static const struct policy_rating ratings[] = {{.name = BYTES_INIT("rate"), .good = -300, .bad = 400}};

/* One of many policies, by the length of the input. */
static struct policy choose_policy(size_t size, struct policy_rule *rule)
{
    *rule = (struct policy_rule){
        .name = BYTES("rule"), .points = 250, .action = (enum action)(size % (ACTION_REJECT + 1))};
    return (struct policy){.name = BYTES("fuzz"),
                           .dmarc = (enum judge_dmarc)(size % 4),
                           .spf_fail_rejects = size % 3 == 0,
                           .reject_bad_from = size % 5 != 0,
                           .junk_folder = size % 7 != 0,
                           .temporary_attempts = 3,
                           .junk_score = 500,
                           .quarantine_score = size % 2 ? 900 : 0,
                           .reject_score = size % 11 ? 1500 : 0,
                           .generic_name_rejects = size % 6 == 0,
                           .greylist = (enum judge_greylist)(size % 3),
                           .greylist_delay = 300,
                           .default_reject = size % 13 == 0,
                           .skip_filter = true,
                           .virus = (enum action)(size % 3),
                           .attachment = (enum action)(size % 3),
                           .attachments = attachments,
                           .attachment_count = countof(attachments),
                           .message_size = size % 17 ? 0 : 1000,
                           .unscanned_tempfails = size % 2,
                           .phishing = 300,
                           .probation = 86400,
                           .least = 10,
                           .lists = lists,
                           .list_count = countof(lists),
                           .ratings = ratings,
                           .rating_count = countof(ratings),
                           .rules = rule,
                           .rule_count = 1};
}

static void check_score(const struct verdict *verdict)
{
    int sum = 0;
    for (size_t i = 0; i < verdict->contribution_count; i++) {
        require(verdict->contributions[i].points != 0 && verdict->contributions[i].name.len > 0);
        sum += verdict->contributions[i].points;
    }
    require(sum == verdict->score);
    require(!verdict->scored || verdict->probability == points_probability(sum));
    require(verdict->judged && verdict->reason_count > 0 && verdict->reasons[0].effect == REASON_DECIDES);
}

/* Whoever is exempt or of our own is never filtered; nothing but a rule discards. */
static void check_actions(const struct policy *policy, const struct evidence *evidence, const struct verdict *verdict)
{
    bool unfiltered = evidence->exempt || evidence->own_network || evidence->account.len;
    require(!unfiltered || (verdict->action == ACTION_ACCEPT && !verdict->scored));
    require(verdict->action != ACTION_DISCARD || policy->rules[0].action == ACTION_DISCARD);
    unsigned class = verdict->action == ACTION_REJECT ? 5 : verdict->action == ACTION_TEMPFAIL ? 4 : 2;
    require(verdict->code / 100 == class && verdict->enhanced[0] == (char)('0' + class));
}

/* First-class mail is never touched by the content filter alone: without it the same is done. */
static void check_filter(struct arena *arena, const struct policy *policy, const struct evidence *evidence,
                         const struct verdict *verdict)
{
    struct evidence without = *evidence;
    struct verdict other;
    if (verdict->trust != TRUST_FIRST || !verdict->scored)
        return;
    without.items = arena_alloc_array(arena, evidence->item_count, sizeof(*without.items));
    without.item_count = 0;
    for (size_t i = 0; without.items && i < evidence->item_count; i++)
        if (evidence->items[i].check != CHECK_FILTER)
            without.items[without.item_count++] = evidence->items[i];
    if (without.items && judge(arena, policy, &without, &other) == OK)
        require(other.action == verdict->action && other.score == verdict->score);
}

static void check_changes(struct arena *arena, const struct policy *policy, const struct evidence *evidence,
                          const struct verdict *verdict)
{
    struct counterfactual changes[CHANGES];
    struct verdict other;
    size_t count = 0;
    if (evidence->item_count > CHANGED_ITEMS_MOST ||
        counterfactual_find(arena, policy, evidence, verdict, changes, CHANGES, &count) != OK)
        return;
    require(count > 0 || verdict->action == ACTION_ACCEPT);
    for (size_t i = 0; i < count; i++)
        if (judge(arena, policy, &changes[i].evidence, &other) == OK)
            require(other.action != verdict->action && other.action == changes[i].action);
}

static void write(struct buf *out, const struct verdict *verdict)
{
    buf_clear(out);
    struct json json = json_into(out);
    verdict_write(&json, verdict);
}

/* What is remembered gives the same verdict, to the octet. */
static void check_replay(struct arena *arena, const struct policy *policy, const struct evidence *evidence,
                         const struct verdict *verdict)
{
    struct evidence again;
    struct verdict second;
    struct buf text, first, other;
    buf_init(&text, 8 << 20);
    buf_init(&first, 8 << 20);
    buf_init(&other, 8 << 20);
    struct json json = json_into(&text);
    evidence_write(&json, evidence);
    write(&first, verdict);
    if (!text.failed && !first.failed) {
        enum result result = evidence_read(arena, buf_bytes(&text), &again, NULL);
        require(result != PERM);
        if (result == OK && judge(arena, policy, &again, &second) == OK) {
            write(&other, &second);
            require(other.failed || bytes_equal(buf_bytes(&first), buf_bytes(&other)));
        }
        result = verdict_read(arena, buf_bytes(&first), &second, NULL);
        require(result != PERM);
        write(&other, &second);
        require(result != OK || other.failed || bytes_equal(buf_bytes(&first), buf_bytes(&other)));
    }
    buf_free(&other);
    buf_free(&first);
    buf_free(&text);
}

static void check_text(struct arena *arena, const struct evidence *evidence, const struct verdict *verdict)
{
    struct auth_results results;
    struct buf out;
    buf_init(&out, 8 << 20);
    explain_write(&out, evidence, verdict, false);
    for (size_t i = 0; i < out.len; i++)
        require(out.ptr[i] == '\n' || out.ptr[i] >= 0x20);
    buf_clear(&out);
    if (explain_auth_results(arena, evidence, BYTES("mx.example"), &results) == OK)
        auth_results_write(&out, &results);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(32 << 20);
    struct policy_rule rule;
    struct policy policy = choose_policy(size, &rule), shadow = choose_policy(size / 2, &rule);
    struct evidence evidence;
    struct verdict verdict;
    policy.rules = &rule;
    if (evidence_read(arena, bytes_from(data, size), &evidence, NULL) == OK &&
        judge_live(arena, &policy, size % 4 ? NULL : &shadow, &evidence, &verdict) == OK) {
        check_score(&verdict);
        check_actions(&policy, &evidence, &verdict);
        check_filter(arena, &policy, &evidence, &verdict);
        check_text(arena, &evidence, &verdict);
        if (!verdict.shadow.policy.len) {
            check_replay(arena, &policy, &evidence, &verdict);
            check_changes(arena, &policy, &evidence, &verdict);
        }
    }
    arena_destroy(arena);
    return 0;
}
