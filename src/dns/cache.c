/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/cache.h"

#include "base/ascii.h"
#include "base/map.h"
#include "dns/answer.h"
#include "dns/name.h"
#include "fiber/sync.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEY_MAX = NAME_TEXT_MAX + 2,
    SCRATCH_MAX = 1 << 20, /* one answer while it is fetched */
    SWEEP_MAX = 64,        /* entries looked at to find one to drop */
};

/* One answer in one block: this, its key, its records, their octets. What a hit reads stands
 * together, for in a large cache the time goes into fetching lines of memory. */
struct entry {
    struct entry *next; /* in the bucket */
    uint64_t hash;
    int64_t expires_at;
    uint32_t references;
    uint32_t slot;     /* in the ring */
    uint32_t lifetime; /* seconds that it was given */
    uint16_t key_length;
    bool used; /* since the hand last passed */
    size_t size;
    struct dns_answer answer;
    uint8_t key[];
};

/* A question under way. Lives until the last fiber that waits for it has looked. */
struct flight {
    struct fiber_signal done;
    unsigned references;
    bool landed;
    struct entry *entry; /* NULL if the fiber that asked gave up: somebody else must ask */
};

struct key {
    uint8_t octets[KEY_MAX];
    size_t length;
    uint64_t hash;
};

struct cache {
    struct dns dns; /* first: a struct dns * of ours is a struct cache * */
    struct dns *below;
    struct dns_cache_options options;
    struct entry **buckets;
    size_t mask;
    struct entry **ring; /* entries[0 .. count), swept like a clock */
    size_t count, hand, memory;
    struct map *flights;
    struct dns_cache_counts counts;
};

static int64_t time_now(const struct cache *cache)
{
    return cache->options.now ? cache->options.now(cache->options.context) : loop_now();
}

/* --- keys --- */

/* Lower-cases eight octets at once. */
static uint64_t lower_word(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101, high = ones << 7;
    uint64_t seven = word & ~high;
    uint64_t from_a = seven + (0x80 - 'A') * ones, after_z = seven + (0x7f - 'Z') * ones;
    uint64_t upper = from_a & ~after_z & ~word & high;
    return word | upper >> 2;
}

static void key_make(struct key *key, struct bytes name, enum dns_type type)
{
    uint8_t *to = key->octets;
    size_t i = 0;
    for (; i + 8 <= name.len; i += 8) {
        uint64_t word;
        memcpy(&word, name.ptr + i, 8);
        word = lower_word(word);
        memcpy(to + i, &word, 8);
    }
    for (; i < name.len; i++)
        to[i] = ascii_lower(name.ptr[i]);
    to[i++] = (uint8_t)(type >> 8);
    to[i++] = (uint8_t)type;
    key->length = i;
    key->hash = map_hash(bytes_from(to, i));
}

/* --- entries --- */

static void entry_release(void *pointer)
{
    struct entry *entry = pointer;
    if (--entry->references == 0)
        free(entry);
}

static size_t answer_size(const struct dns_answer *answer)
{
    size_t size = answer->count * sizeof(struct dns_record) + answer->canonical.len;
    if (answer->problem)
        size += bytes_of(answer->problem).len + 1;
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *record = &answer->records[i];
        size += record->name.len + record->text.len + record->data.len;
    }
    return size;
}

static struct bytes put_bytes(uint8_t **at, struct bytes bytes)
{
    struct bytes copy = bytes_from(*at, bytes.len);
    if (bytes.len)
        memcpy(*at, bytes.ptr, bytes.len);
    *at += bytes.len;
    return copy;
}

/* With one reference, the caller's. NULL when memory is out. */
static struct entry *entry_create(const struct key *key, const struct dns_answer *answer)
{
    const size_t aligned = _Alignof(struct dns_record);
    size_t head = (sizeof(struct entry) + key->length + aligned - 1) / aligned * aligned;
    size_t size = head + answer_size(answer);
    struct entry *entry = malloc(size);
    if (!entry)
        return NULL;
    *entry = (struct entry){.hash = key->hash,
                            .references = 1,
                            .key_length = (uint16_t)key->length,
                            .size = size,
                            .answer = *answer};
    memcpy(entry->key, key->octets, key->length);
    struct dns_record *records = (struct dns_record *)((uint8_t *)entry + head);
    uint8_t *at = (uint8_t *)(records + answer->count);
    for (size_t i = 0; i < answer->count; i++) {
        records[i] = answer->records[i];
        records[i].name = put_bytes(&at, records[i].name);
        records[i].text = put_bytes(&at, records[i].text);
        records[i].data = put_bytes(&at, records[i].data);
    }
    entry->answer.records = answer->count ? records : NULL;
    entry->answer.canonical = put_bytes(&at, answer->canonical);
    if (answer->problem) {
        struct bytes problem = bytes_of(answer->problem);
        problem.len++;
        entry->answer.problem = (const char *)put_bytes(&at, problem).ptr;
    }
    return entry;
}

static struct entry *find(const struct cache *cache, const struct key *key)
{
    struct entry *entry = cache->buckets[key->hash & cache->mask];
    while (entry && (entry->hash != key->hash || entry->key_length != key->length ||
                     memcmp(entry->key, key->octets, key->length) != 0))
        entry = entry->next;
    return entry;
}

static void drop(struct cache *cache, struct entry *entry)
{
    struct entry **link = &cache->buckets[entry->hash & cache->mask];
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    struct entry *last = cache->ring[--cache->count];
    cache->ring[entry->slot] = last;
    last->slot = entry->slot;
    cache->memory -= entry->size;
    entry_release(entry);
}

/* The clock's hand moves on to an entry that was not used since it last passed, or has expired. */
static struct entry *victim(struct cache *cache, int64_t now)
{
    for (int looked = 0;; looked++) {
        if (cache->hand >= cache->count)
            cache->hand = 0;
        struct entry *entry = cache->ring[cache->hand++];
        if (!entry->used || entry->expires_at <= now || looked == SWEEP_MAX)
            return entry;
        entry->used = false;
    }
}

static void insert(struct cache *cache, struct entry *entry, int64_t now)
{
    /* One answer must not empty the cache. */
    if (entry->size > cache->options.memory / 8)
        return;
    while (cache->count && (cache->count >= cache->options.entries ||
                            cache->memory + entry->size > cache->options.memory)) {
        drop(cache, victim(cache, now));
        cache->counts.evicted++;
    }
    struct entry **bucket = &cache->buckets[entry->hash & cache->mask];
    entry->next = *bucket;
    *bucket = entry;
    entry->slot = (uint32_t)cache->count;
    cache->ring[cache->count++] = entry;
    cache->memory += entry->size;
    entry->references++;
}

/* --- questions --- */

static const struct dns_answer *hand_out(struct arena *arena, struct entry *entry, int64_t now)
{
    struct dns_answer *answer = arena_new(arena, struct dns_answer);
    if (!answer || !arena_defer(arena, entry_release, entry))
        return answer_out_of_memory();
    entry->references++;
    entry->used = true;
    *answer = entry->answer;
    int64_t left = entry->expires_at - now;
    answer->ttl = left > 0 ? (uint32_t)(left / SECOND) : 0;
    return answer;
}

static uint32_t clamp(uint32_t value, uint32_t least, uint32_t most)
{
    return value > most ? most : value < least ? least : value;
}

/* How long to keep it; `before` is how long the failure before it was kept, 0 if it was none. */
static uint32_t lifetime(const struct cache *cache, const struct dns_answer *answer,
                         uint32_t before)
{
    const struct dns_cache_options *o = &cache->options;
    if (answer->status == DNS_FOUND)
        return clamp(answer->ttl, o->ttl_min, o->ttl_max);
    if (answer->status == DNS_FAILED)
        return clamp(before * 2, o->failure_min, o->failure_max);
    return clamp(answer->ttl, o->ttl_min, o->negative_max);
}

/* The failure may be the asker's own: cancelled, or in too much of a hurry. It says nothing about
 * the name then, and must not be held against others. */
static bool is_askers_fault(const struct dns_answer *answer, int64_t deadline, int64_t began,
                            int64_t now)
{
    if (answer->status != DNS_FAILED)
        return false;
    if (fiber_current() && fiber_is_cancelled())
        return true;
    return now >= deadline && now - began < SECOND;
}

/* Asks below. The entry has a reference for the caller; NULL: it gave up or memory is out. */
static struct entry *fetch(struct cache *cache, const struct key *key, struct bytes name,
                           enum dns_type type, int64_t deadline, uint32_t before)
{
    struct arena *scratch = arena_create(SCRATCH_MAX);
    if (!scratch)
        return NULL;
    int64_t began = time_now(cache);
    const struct dns_answer *answer =
        cache->below->query(cache->below, scratch, name, type, deadline);
    int64_t now = time_now(cache);
    struct entry *entry = NULL;
    if (!is_askers_fault(answer, deadline, began, now))
        entry = entry_create(key, answer);
    if (entry) {
        entry->lifetime = lifetime(cache, answer, before);
        entry->expires_at = now + entry->lifetime * SECOND;
        insert(cache, entry, now);
    }
    arena_destroy(scratch);
    return entry;
}

static void flight_release(struct flight *flight)
{
    if (--flight->references)
        return;
    if (flight->entry)
        entry_release(flight->entry);
    free(flight);
}

/* Asks, for this fiber and those that come with the same question meanwhile. */
static const struct dns_answer *lead(struct cache *cache, struct arena *arena,
                                     const struct key *key, struct bytes name, enum dns_type type,
                                     int64_t deadline, uint32_t before)
{
    struct bytes octets = bytes_from(key->octets, key->length);
    struct flight *flight = calloc(1, sizeof(*flight));
    if (!flight || !map_put(cache->flights, octets, flight, NULL)) {
        free(flight);
        return answer_out_of_memory();
    }
    flight->references = 1;
    flight->entry = fetch(cache, key, name, type, deadline, before);
    flight->landed = true;
    map_remove(cache->flights, octets);
    fiber_signal_all(&flight->done);
    const struct dns_answer *answer;
    if (flight->entry)
        answer = hand_out(arena, flight->entry, time_now(cache));
    else
        answer = answer_failed(arena, "gave up waiting for an answer");
    flight_release(flight);
    return answer;
}

/* NULL: the fiber that asked gave up, so look again. */
static const struct dns_answer *follow(struct cache *cache, struct arena *arena,
                                       struct flight *flight, int64_t deadline)
{
    const struct dns_answer *answer = NULL;
    int error = 0;
    flight->references++;
    cache->counts.joined++;
    while (!flight->landed && !error)
        error = fiber_signal_wait(&flight->done, deadline);
    if (flight->entry)
        answer = hand_out(arena, flight->entry, time_now(cache));
    else if (error)
        answer = answer_failed(arena, "gave up waiting for an answer");
    flight_release(flight);
    return answer;
}

static const struct dns_answer *query(struct dns *dns, struct arena *arena, struct bytes name,
                                      enum dns_type type, int64_t deadline)
{
    struct cache *cache = (struct cache *)dns;
    if (name.len > NAME_TEXT_MAX)
        return answer_empty(arena, DNS_NO_NAME, bytes_first(name, NAME_TEXT_MAX), 0);
    struct key key;
    key_make(&key, name, type);
    for (;;) {
        uint32_t before = 0;
        struct entry *entry = find(cache, &key);
        if (entry) {
            int64_t now = time_now(cache);
            if (entry->expires_at > now) {
                cache->counts.hits++;
                return hand_out(arena, entry, now);
            }
            if (entry->answer.status == DNS_FAILED)
                before = entry->lifetime;
            drop(cache, entry);
        }
        struct flight *flight = map_get(cache->flights, bytes_from(key.octets, key.length));
        if (!flight) {
            cache->counts.misses++;
            return lead(cache, arena, &key, name, type, deadline, before);
        }
        const struct dns_answer *answer = follow(cache, arena, flight, deadline);
        if (answer)
            return answer;
    }
}

/* --- the cache --- */

static void set_defaults(struct dns_cache_options *o)
{
    o->entries = o->entries ? o->entries : 100000;
    o->memory = o->memory ? o->memory : 64u << 20;
    o->ttl_min = o->ttl_min ? o->ttl_min : 5;
    o->ttl_max = o->ttl_max ? o->ttl_max : 86400;
    o->negative_max = o->negative_max ? o->negative_max : 3600;
    o->failure_min = o->failure_min ? o->failure_min : 5;
    o->failure_max = o->failure_max ? o->failure_max : 30;
    if (o->entries > UINT32_MAX / 2)
        o->entries = UINT32_MAX / 2;
}

struct dns *dns_cache_create(struct dns *below, const struct dns_cache_options *options)
{
    struct cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return NULL;
    cache->dns.query = query;
    cache->below = below;
    if (options)
        cache->options = *options;
    set_defaults(&cache->options);
    size_t buckets = 16;
    while (buckets < cache->options.entries)
        buckets *= 2;
    cache->mask = buckets - 1;
    cache->buckets = calloc(buckets, sizeof(struct entry *));
    cache->ring = calloc(cache->options.entries, sizeof(struct entry *));
    cache->flights = map_create();
    if (!cache->buckets || !cache->ring || !cache->flights) {
        dns_cache_destroy(&cache->dns);
        return NULL;
    }
    return &cache->dns;
}

void dns_cache_destroy(struct dns *dns)
{
    struct cache *cache = (struct cache *)dns;
    if (!cache)
        return;
    require(!cache->flights || map_count(cache->flights) == 0);
    while (cache->count)
        drop(cache, cache->ring[cache->count - 1]);
    map_destroy(cache->flights, NULL);
    free(cache->ring);
    free(cache->buckets);
    free(cache);
}

struct dns_cache_counts dns_cache_counts(const struct dns *dns)
{
    const struct cache *cache = (const struct cache *)dns;
    struct dns_cache_counts counts = cache->counts;
    counts.entries = cache->count;
    counts.memory = cache->memory;
    return counts;
}
