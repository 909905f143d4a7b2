/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/mta_sts_cache.h"

#include "base/log.h"
#include "base/map.h"
#include "fiber/sync.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES_DEFAULT = 10000, MEMORY_DEFAULT = 16 << 20, TEXT_MAX = 64 * 1024, WORK_MAX = 1 << 20 };
#define FETCH_TIME (20 * SECOND)
#define REFRESH_TIME (5 * SECOND) /* while an older policy is at hand */
#define REFRESH_AFTER DAY         /* rfc8461:3.3 */
#define RETRY_AFTER (5 * MINUTE)  /* rfc8461:3.3 */
#define REFRESH_RETRY_AFTER HOUR

struct entry {
    struct entry *newer, *older; /* by use */
    struct bytes domain;
    struct buf text;             /* the policy in our spelling; empty: there is none */
    char id[MTA_STS_ID_MAX + 1]; /* of the record under which it was fetched */
    char failed_id[MTA_STS_ID_MAX + 1];
    int64_t expires_at, refresh_at, retry_at;
    unsigned users;              /* fibers that look at it: it may not go */
    bool fetching;
    struct fiber_signal fetched;
};

struct mta_sts_cache {
    struct mta_sts_cache_options options;
    struct map *entries;
    struct entry *newest, *oldest;
    size_t memory;
};

struct mta_sts_cache *mta_sts_cache_create(const struct mta_sts_cache_options *options)
{
    struct mta_sts_cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return NULL;
    cache->options = *options;
    if (!cache->options.entries)
        cache->options.entries = ENTRIES_DEFAULT;
    if (!cache->options.memory)
        cache->options.memory = MEMORY_DEFAULT;
    cache->entries = map_create();
    if (!cache->entries) {
        free(cache);
        return NULL;
    }
    return cache;
}

static size_t size_of(const struct entry *entry)
{
    return sizeof(*entry) + 2 * entry->domain.len + entry->text.capacity + 64;
}

static void free_entry(struct entry *entry)
{
    buf_free(&entry->text);
    free((void *)entry->domain.ptr);
    free(entry);
}

void mta_sts_cache_destroy(struct mta_sts_cache *cache)
{
    if (!cache)
        return;
    while (cache->oldest) {
        struct entry *entry = cache->oldest;
        cache->oldest = entry->newer;
        require(!entry->users);
        free_entry(entry);
    }
    map_destroy(cache->entries, NULL);
    free(cache);
}

size_t mta_sts_cache_count(const struct mta_sts_cache *cache)
{
    return map_count(cache->entries);
}

/* ---- entries ---- */

static void unlink_entry(struct mta_sts_cache *cache, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void link_newest(struct mta_sts_cache *cache, struct entry *entry)
{
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void drop(struct mta_sts_cache *cache, struct entry *entry)
{
    cache->memory -= size_of(entry);
    map_remove(cache->entries, entry->domain);
    unlink_entry(cache, entry);
    free_entry(entry);
}

/* Entries in use are passed over: as many as fibers wait for a fetch. */
static void make_room(struct mta_sts_cache *cache)
{
    struct entry *entry = cache->oldest;
    while (entry && (map_count(cache->entries) > cache->options.entries ||
                     cache->memory > cache->options.memory)) {
        struct entry *next = entry->newer;
        if (!entry->users)
            drop(cache, entry);
        entry = next;
    }
}

static struct entry *add_entry(struct mta_sts_cache *cache, struct bytes domain)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    uint8_t *name = entry ? malloc(domain.len + 1) : NULL;
    if (!name) {
        free(entry);
        return NULL;
    }
    memcpy(name, domain.ptr, domain.len);
    entry->domain = bytes_from(name, domain.len);
    buf_init(&entry->text, TEXT_MAX);
    if (!map_put(cache->entries, entry->domain, entry, NULL)) {
        free_entry(entry);
        return NULL;
    }
    link_newest(cache, entry);
    cache->memory += size_of(entry);
    return entry;
}

static struct entry *use_entry(struct mta_sts_cache *cache, struct bytes domain, bool make)
{
    struct entry *entry = map_get(cache->entries, domain);
    if (!entry)
        return make ? add_entry(cache, domain) : NULL;
    unlink_entry(cache, entry);
    link_newest(cache, entry);
    return entry;
}

static bool is_live(const struct entry *entry)
{
    return entry->text.len && loop_now() < entry->expires_at;
}

/* ---- the record ---- */

/* Several records, or one that is malformed, count as none (rfc8461:3.1). */
static bool find_record(struct mta_sts_cache *cache, struct arena *arena, struct bytes domain,
                        int64_t deadline, char id[MTA_STS_ID_MAX + 1])
{
    struct bytes name = arena_printf(arena, "_mta-sts." BYTES_FMT, BYTES_ARG(domain));
    size_t found = 0;
    id[0] = '\0';
    if (!name.ptr)
        return false;
    const struct dns_answer *answer =
        dns_query(cache->options.dns, arena, name, DNS_TXT, deadline);
    for (size_t i = 0; i < answer->count && answer->status == DNS_FOUND; i++) {
        struct mta_sts_record record;
        enum result result = mta_sts_record_parse(answer->records[i].text, &record, NULL);
        if (result == NONE)
            continue;
        if (++found > 1 || result != OK ||
            !bytes_to_cstring(record.id, id, MTA_STS_ID_MAX + 1))
            return false;
    }
    return found == 1;
}

/* ---- fetching ---- */

static const char *problem_of(enum tls_failure failure)
{
    return failure == TLS_FAILURE_EXPIRED || failure == TLS_FAILURE_NAME ||
                   failure == TLS_FAILURE_UNTRUSTED
               ? "sts-webpki-invalid"
               : "sts-policy-fetch-error";
}

static const char *fetch(struct mta_sts_cache *cache, struct arena *arena, struct bytes domain,
                         int64_t deadline, struct mta_sts_policy *policy, struct error *error)
{
    struct https_response response = {0};
    enum tls_failure failure = TLS_FAILURE_NONE;
    if (cache->options.fetch(cache->options.context, arena, domain, deadline, &response, &failure,
                             error) != OK)
        return problem_of(failure);
    if (response.status != 200) {
        error_set(error, PERM, "the web server answers with status %u", response.status);
        return "sts-policy-fetch-error";
    }
    if (!bytes_is_nocase(response.type, "text/plain")) {
        error_set(error, PERM, "the policy is not text/plain"); /* rfc8461:3.2 */
        return "sts-policy-invalid";
    }
    return mta_sts_policy_parse(response.body, policy, error) == OK ? NULL : "sts-policy-invalid";
}

/* In our own spelling: what is kept is bounded by what counts, and reports can show it. */
static void write_policy(struct buf *out, const struct mta_sts_policy *policy)
{
    buf_printf(out, "version: STSv1\nmode: %s", mta_sts_mode_name(policy->mode));
    for (size_t i = 0; i < policy->pattern_count; i++)
        buf_printf(out, "\nmx: " BYTES_FMT, BYTES_ARG(policy->patterns[i]));
    buf_printf(out, "\nmax_age: %llu", (unsigned long long)policy->max_age);
}

/* `left`: of its life, which began when it was fetched. */
static void keep(struct mta_sts_cache *cache, struct entry *entry, const char *id,
                 const struct mta_sts_policy *policy, int64_t left)
{
    int64_t age = (int64_t)policy->max_age * SECOND;
    int64_t fetched_at = loop_now() - (age - left);
    cache->memory -= size_of(entry);
    buf_free(&entry->text);
    buf_init(&entry->text, TEXT_MAX);
    write_policy(&entry->text, policy);
    if (entry->text.failed)
        buf_clear(&entry->text);
    cache->memory += size_of(entry);
    if (id[0])
        memcpy(entry->id, id, sizeof(entry->id));
    entry->failed_id[0] = '\0';
    entry->expires_at = loop_deadline(left);
    entry->refresh_at = fetched_at + (age / 2 < REFRESH_AFTER ? age / 2 : REFRESH_AFTER);
    entry->retry_at = 0;
}

void mta_sts_cache_learn(struct mta_sts_cache *cache, struct bytes domain, const struct send_policy *policy)
{
    struct mta_sts_policy parsed;
    struct entry *entry = map_get(cache->entries, domain);
    int64_t left = policy->expires_at - loop_epoch();
    char id[MTA_STS_ID_MAX + 1];
    if (left <= 0 || !policy->text.len || (entry && (entry->fetching || is_live(entry))) ||
        mta_sts_policy_parse(policy->text, &parsed, NULL) != OK ||
        !bytes_to_cstring(policy->id, id, sizeof(id)))
        return;
    entry = use_entry(cache, domain, true);
    if (!entry)
        return;
    /* Never longer than it said: clocks are set. */
    keep(cache, entry, id, &parsed, (left < (int64_t)parsed.max_age ? left : (int64_t)parsed.max_age) * SECOND);
    make_room(cache);
}

static void tell(struct arena *arena, const struct entry *entry, const struct mta_sts_policy *policy,
                 struct mta_sts_found *out)
{
    out->fresh = (struct send_policy){.id = arena_copy(arena, bytes_of(entry->id)),
                                      .text = arena_copy(arena, buf_bytes(&entry->text)),
                                      .expires_at = loop_epoch() + (int64_t)policy->max_age};
}

static void refetch(struct mta_sts_cache *cache, struct entry *entry, struct arena *arena,
                    const char *id, int64_t deadline, struct mta_sts_found *out)
{
    struct mta_sts_policy *policy = arena_new(arena, struct mta_sts_policy);
    bool live = is_live(entry);
    int64_t own = loop_deadline(live ? REFRESH_TIME : FETCH_TIME);
    if (!policy)
        return;
    entry->fetching = true;
    out->problem =
        fetch(cache, arena, entry->domain, own < deadline ? own : deadline, policy, &out->error);
    entry->fetching = false;
    if (!out->problem) {
        keep(cache, entry, id, policy, (int64_t)policy->max_age * SECOND);
        tell(arena, entry, policy, out);
    } else {
        entry->retry_at = loop_deadline(live && strcmp(id, entry->id) == 0 ? REFRESH_RETRY_AFTER
                                                                         : RETRY_AFTER);
        memcpy(entry->failed_id, id, sizeof(entry->failed_id));
        log_info("mta-sts", "the policy of " BYTES_FMT " cannot be had: %s%s",
                 BYTES_ARG(entry->domain), out->error.text,
                 live ? "; the one that is known stays in force" : "");
    }
    fiber_signal_all(&entry->fetched);
}

/* Whether now is the time to ask the web server. */
static bool is_due(const struct entry *entry, bool has_record, const char *id)
{
    /* After a failure nobody asks again for a while, unless there is something new. */
    if (loop_now() < entry->retry_at && (!has_record || strcmp(id, entry->failed_id) == 0))
        return false;
    if (!is_live(entry))
        return has_record;
    return (has_record && strcmp(id, entry->id) != 0) || loop_now() >= entry->refresh_at;
}

/* ---- asking ---- */

static enum result give(struct arena *arena, const struct entry *entry, struct mta_sts_found *out)
{
    struct mta_sts_policy *policy = arena_new(arena, struct mta_sts_policy);
    if (!is_live(entry) || !policy)
        return NONE;
    out->text = arena_copy(arena, buf_bytes(&entry->text));
    if (!out->text.ptr || mta_sts_policy_parse(out->text, policy, NULL) != OK ||
        policy->mode == MTA_STS_NONE)
        return NONE;
    out->policy = policy;
    return OK;
}

static enum result find(struct mta_sts_cache *cache, struct entry *entry, struct arena *arena,
                        bool has_record, const char *id, int64_t deadline, struct mta_sts_found *out)
{
    while (entry->fetching)
        if (fiber_signal_wait(&entry->fetched, deadline) != 0)
            return give(arena, entry, out);
    if (is_due(entry, has_record, id))
        refetch(cache, entry, arena, id, deadline, out);
    return give(arena, entry, out);
}

enum result mta_sts_cache_find(struct mta_sts_cache *cache, struct arena *arena, struct bytes domain,
                               int64_t deadline, struct mta_sts_found *out)
{
    char id[MTA_STS_ID_MAX + 1];
    *out = (struct mta_sts_found){.policy = NULL};
    bool has_record = find_record(cache, arena, domain, deadline, id);
    struct entry *entry = use_entry(cache, domain, has_record);
    if (!entry)
        return NONE;
    entry->users++;
    enum result result = find(cache, entry, arena, has_record, id, deadline, out);
    entry->users--;
    make_room(cache);
    return result;
}
