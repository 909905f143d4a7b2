/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rules, built-in tests, the look for phishing and clamd say of a message, as evidence.
 *
 * clamd is asked while the rest is looked at: a connection of its own, a fiber of its own. The rest only computes,
 * on a thread of the pool where there is much, in memory of its own, since much can be found in a message that was
 * made for the purpose.
 */
#include "roles/gather_judge_content.h"

#include "base/log.h"
#include "fiber/fiber.h"
#include "fiber/offload.h"
#include "message/attachment.h"
#include "message/received.h"
#include "roles/clamd.h"
#include "roles/gather_parts.h"
#include "roles/items.h"

enum {
    EXAMINE_MEMORY = 16 * 1024 * 1024,
    CLAMD_MEMORY = 64 * 1024,
    OFFLOAD_MIN = 32 * 1024,
    OFFLOAD_RULES = 20,     /* with so many patterns even short mail is worth a thread */
    ATTACHMENTS_MAX = 50,   /* that become items */
    ATTACHMENTS_KINDS = 20, /* of them for kinds that are not there yet */
    NAME_MAX = 200
};

struct examination {
    struct gather *gather;
    struct arena *arena;
    struct content_request request;
    struct content_findings found;
    /* clamd */
    struct fiber_group group;
    struct arena *clamd_arena;
    struct clamd_request clamd_request;
    struct clamd_result clamd;
    int64_t clamd_elapsed;
    bool scans;
};

/* ---- clamd ---- */

static void scan(void *argument)
{
    struct examination *examination = argument;
    int64_t began = loop_now();
    clamd_scan(examination->clamd_arena, &examination->clamd_request, &examination->clamd);
    examination->clamd_elapsed = loop_now_fresh() - began;
}

static void begin_scan(struct examination *examination)
{
    const struct config *config = examination->gather->config;
    fiber_group_open(&examination->group);
    if (!config->clamd.server.count || !fiber_current())
        return;
    examination->scans = true;
    examination->clamd = (struct clamd_result){.status = CLAMD_FAILED, .problem = BYTES("no memory to ask clamd")};
    examination->clamd_request = (struct clamd_request){
        .ip = config->clamd.server.items[0].ip,
        .port = config->clamd.server.items[0].port,
        .content = examination->gather->message.raw,
        .most = config->clamd.size,
        .deadline = loop_deadline(config->clamd.timeout),
    };
    examination->clamd_arena = arena_create(CLAMD_MEMORY);
    /* It begins at once, so that its answer is on the way while the rest computes. */
    if (examination->clamd_arena && fiber_group_start(&examination->group, "clamd", scan, examination))
        fiber_yield();
}

static bool add_scan(struct examination *examination)
{
    static const enum auth_result results[] = {[CLAMD_CLEAN] = AUTH_PASS, [CLAMD_FOUND] = AUTH_FAIL,
                                               [CLAMD_PARTLY] = AUTH_NEUTRAL, [CLAMD_FAILED] = AUTH_TEMPERROR};
    struct gather *gather = examination->gather;
    const struct clamd_result *clamd = &examination->clamd;
    if (!examination->scans)
        return true;
    struct evidence_item *item =
        evidence_add(gather->arena, &gather->evidence, CHECK_VIRUS, results[clamd->status]);
    if (!item)
        return false;
    item->elapsed = examination->clamd_elapsed;
    item->reason = clamd->status == CLAMD_FOUND
                       ? arena_printf(gather->arena, "clamd found " BYTES_FMT, BYTES_ARG(clamd->name))
                       : arena_copy(gather->arena, clamd->problem);
    return item_add(gather->arena, item, "vouch", "name", clamd->name);
}

/* ---- what is known of the author ---- */

static bool is_authors(const struct gather *gather, struct bytes domain)
{
    struct bytes author = content_rules_organization(gather->from.domain);
    return author.len && bytes_equal_nocase(content_rules_organization(domain), author);
}

static bool is_authenticated(const struct gather *gather)
{
    if (gather->envelope.account.len || gather->dmarc.result == AUTH_PASS)
        return true;
    if (!gather->from.domain.len)
        return false;
    for (size_t i = 0; i < gather->dkim.count; i++)
        if (gather->dkim.signatures[i].result == AUTH_PASS && is_authors(gather, gather->dkim.signatures[i].domain))
            return true;
    return gather->spf.result == AUTH_PASS && gather->evidence.mail_from.len && is_authors(gather, gather->spf.domain);
}

/* Whether the topmost Received field tells from whom we have the message, as one of ours does: that of a relay, or of
 * ourselves where the message lay in a mailbox. */
static bool has_own_trace(const struct gather *gather)
{
    const struct header_field *field = message_field(&gather->message, "Received", 0);
    struct received_trace trace;
    if (gather->upstream)
        return true;
    return field && gather->envelope.client.family && received_parse(field->value, &trace, NULL) == OK &&
           ip_equal(&trace.client, &gather->envelope.client);
}

/* ---- rules and tests ---- */

static struct evidence_item *add_rule(struct examination *examination, struct bytes name, int points,
                                      struct bytes reason)
{
    struct gather *gather = examination->gather;
    struct evidence_item *item =
        evidence_add(gather->arena, &gather->evidence, CHECK_RULE, points < 0 ? AUTH_PASS : AUTH_FAIL);
    if (!item || !item_add(gather->arena, item, "vouch", "rule", name))
        return NULL;
    item->reason = reason;
    return item;
}

static bool add_rules(struct examination *examination)
{
    struct gather *gather = examination->gather;
    const struct rule_matches *found = &examination->found.rules;
    for (size_t i = 0; i < found->count; i++) {
        const struct rule_match *match = &found->list[i];
        const struct config_rule *rule = &gather->config->rules[match->rule];
        const char *text = rule->text[0] ? rule->text : NULL;
        struct bytes reason =
            rule->negate ? arena_printf(gather->arena, "%s%snot in " BYTES_FMT, text ? text : "", text ? " - " : "",
                                        BYTES_ARG(match->place))
                         : arena_printf(gather->arena, "%s%s\"" BYTES_FMT "\" in " BYTES_FMT, text ? text : "",
                                        text ? " - " : "", BYTES_ARG(match->seen), BYTES_ARG(match->place));
        if (!add_rule(examination, match->name, rule->weight, reason))
            return false;
    }
    for (size_t i = 0; i < found->reported_count; i++)
        log_warning("rules", "rule " BYTES_FMT " met its limit of work in a message: there it does not count",
                    BYTES_ARG(found->reported[i]));
    return true;
}

static bool add_builtin(struct examination *examination)
{
    struct gather *gather = examination->gather;
    const struct builtin_findings *found = &examination->found.builtin;
    for (size_t i = 0; i < found->count; i++) {
        const struct builtin_finding *finding = &found->list[i];
        int points = content_rules_points(gather->config, finding->test);
        struct bytes reason = finding->seen.len
                                  ? arena_printf(gather->arena, "%s: " BYTES_FMT, finding->test->meaning,
                                                 BYTES_ARG(finding->seen))
                                  : bytes_of(finding->test->meaning);
        /* Weight 0 switches a test off. */
        if (points && !add_rule(examination, bytes_of(finding->test->name), points, reason))
            return false;
    }
    return true;
}

static bool add_phishing(struct examination *examination)
{
    struct gather *gather = examination->gather;
    struct arena *arena = gather->arena;
    for (size_t i = 0; i < examination->found.phishing.count; i++) {
        const struct phishing_finding *finding = &examination->found.phishing.list[i];
        /* Counters of clicks are in most newsletters: told, but nothing against anybody. */
        enum auth_result result = finding->kind == PHISHING_LINK_TRACKER ? AUTH_NEUTRAL : AUTH_FAIL;
        struct evidence_item *item = evidence_add(arena, &gather->evidence, CHECK_PHISHING, result);
        if (!item)
            return false;
        item->reason = arena_copy(arena, finding->reason);
        if (!item_add(arena, item, "vouch", "kind", bytes_of(phishing_kind_name(finding->kind))) ||
            !item_add(arena, item, "vouch", "claimed", finding->claimed) ||
            !item_add(arena, item, "vouch", "real", finding->real))
            return false;
    }
    return true;
}

/* ---- attachments ---- */

static bool is_archive(struct bytes extension)
{
    static const char *const archives[] = {"zip", "rar", "7z", "ace", "arj", "cab", "lzh", "zipx", "docx", "xlsx",
                                           "pptx", "doc", "xls", "ppt", "pdf"};
    for (size_t i = 0; i < countof(archives); i++)
        if (bytes_is(extension, archives[i]))
            return true;
    return false;
}

static struct bytes extension_of(struct arena *arena, struct bytes name)
{
    enum { EXTENSION_MAX = 20 };
    struct bytes extension = attachment_extension(name);
    return extension.len > EXTENSION_MAX ? BYTES("") : rules_shown(arena, arena_lower(arena, extension), EXTENSION_MAX);
}

static struct bytes words_of(struct arena *arena, const struct readable_attachment *attachment, bool encrypted)
{
    struct bytes words = arena_printf(arena, "%s%s%s%s", attachment->executable ? " executable" : "",
                                      attachment->disguised ? " disguised" : "", attachment->macros ? " macro" : "",
                                      encrypted ? " encrypted" : "");
    return bytes_trim(words);
}

/* Whether one before it has its extension, and so says as much of it. */
static bool is_repeated(const struct readable *readable, size_t index)
{
    struct bytes extension = attachment_extension(readable->attachments[index].name);
    for (size_t i = 0; i < index; i++)
        if (bytes_equal_nocase(attachment_extension(readable->attachments[i].name), extension))
            return true;
    return false;
}

/* Which of so many become items: programs and their like, others that are no everyday files, one of each kind, and
 * the rest as far as it goes. */
static void choose_attachments(const struct readable *readable, bool chosen[READABLE_ATTACHMENTS_MAX])
{
    size_t left = ATTACHMENTS_MAX;
    bool few = readable->attachment_count <= left;
    for (int turn = 0; turn < 4 && left; turn++)
        for (size_t i = 0; i < readable->attachment_count && left; i++) {
            int rank = attachment_rank(&readable->attachments[i]);
            bool in_turn = turn < 2 ? rank == 2 - turn : true, crowded = turn == 2 || left <= ATTACHMENTS_KINDS;
            if (chosen[i] || (!few && (!in_turn || (turn < 3 && crowded && is_repeated(readable, i)))))
                continue;
            chosen[i] = true;
            left--;
        }
}

/* Nothing is said of what was not seen: not that it is harmless. */
static bool add_unseen(struct gather *gather)
{
    struct evidence_item *item =
        evidence_add(gather->arena, &gather->evidence, CHECK_ATTACHMENT, AUTH_TEMPERROR);
    if (item)
        item->reason = BYTES("the message has more in it than is looked into");
    return item != NULL;
}

static bool add_attachments(struct examination *examination, const struct readable *readable)
{
    struct gather *gather = examination->gather;
    struct arena *arena = gather->arena;
    bool chosen[READABLE_ATTACHMENTS_MAX] = {false};
    if (!readable)
        return add_unseen(gather);
    choose_attachments(readable, chosen);
    for (size_t i = 0; i < readable->attachment_count && i < READABLE_ATTACHMENTS_MAX; i++) {
        const struct readable_attachment *attachment = &readable->attachments[i];
        if (!chosen[i])
            continue;
        struct bytes extension = extension_of(arena, attachment->name);
        /* It is not known which of several archives is the encrypted one. */
        bool encrypted = (readable->flags & READABLE_ENCRYPTED) && !attachment->member && is_archive(extension);
        struct evidence_item *item = evidence_add(arena, &gather->evidence, CHECK_ATTACHMENT, AUTH_NEUTRAL);
        if (!item || !item_add(arena, item, "vouch", "name", rules_shown(arena, attachment->name, NAME_MAX)) ||
            !item_add(arena, item, "vouch", "type", rules_shown(arena, attachment->type, NAME_MAX)) ||
            !item_add(arena, item, "vouch", "extension", extension) ||
            !item_add(arena, item, "vouch", "is", words_of(arena, attachment, encrypted)))
            return false;
    }
    return !(readable->flags & READABLE_UNSEEN) || add_unseen(gather);
}

/* ---- all of it ---- */

static void examine(void *argument)
{
    struct examination *examination = argument;
    content_rules_examine(examination->arena, &examination->request, &examination->found);
}

static void run_examination(struct examination *examination, const struct content_rules *rules)
{
    bool much = examination->gather->message.raw.len >= OFFLOAD_MIN ||
                examination->gather->config->rule_count >= OFFLOAD_RULES;
    examination->arena = arena_create(EXAMINE_MEMORY);
    if (!examination->arena)
        return;
    examination->request.rules = rules;
    if (much && fiber_current())
        offload(examine, examination);
    else
        examine(examination);
}

bool gather_examine_content(struct gather *gather, const struct content_rules *rules, const struct readable *readable)
{
    struct examination examination = {.gather = gather};
    const struct evidence *evidence = &gather->evidence;
    examination.request = (struct content_request){
        .message = &gather->message,
        .readable = readable,
        .facts = {.received_at = gather->now,
                  .author = gather->from.address,
                  .author_domain = gather->from.domain,
                  .mail_from = evidence->mail_from,
                  .recipients = evidence->recipients,
                  .recipient_count = evidence->recipient_count,
                  .authenticated = is_authenticated(gather),
                  .own_trace = has_own_trace(gather)},
    };
    begin_scan(&examination);
    if (rules && readable)
        run_examination(&examination, rules);
    bool fine = (!examination.found.rules_done || add_rules(&examination)) &&
                (!examination.found.builtin_done || add_builtin(&examination)) &&
                (!examination.found.phishing_done || add_phishing(&examination)) &&
                add_attachments(&examination, readable) &&
                (!rules || !readable || examination.found.rules_done || add_unseen(gather));
    /* Its own deadline ends it. */
    fiber_group_wait(&examination.group, NO_DEADLINE);
    fiber_group_close(&examination.group);
    fine = fine && add_scan(&examination);
    arena_destroy(examination.clamd_arena);
    arena_destroy(examination.arena);
    return fine;
}
