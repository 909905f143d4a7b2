/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/zone.h"

#include "base/encode.h"
#include "base/map.h"
#include "dns/answer.h"
#include "dns/name.h"
#include "fiber/fiber.h"

#include <stdlib.h>

enum {
    ZONE_MEMORY_MAX = 1 << 30,
    ALIASES_MAX = 16,
    NEGATIVE_TTL = 60,
};

struct zone_record {
    struct zone_record *next;
    enum dns_type type;
    uint32_t ttl;
    struct dns_record record;
};

struct zone_failure {
    struct zone_failure *next;
    int type;
};

struct zone_name {
    struct zone_record *records, *last;
    struct zone_failure *failures;
    bool exists;
    int64_t delay;
};

struct zone {
    struct dns dns; /* first: a struct dns * of ours is a struct zone * */
    struct arena *arena;
    struct map *names;
    size_t question_count;
    bool authenticated;
};

static const struct dns_answer *query(struct dns *dns, struct arena *arena, struct bytes name,
                                      enum dns_type type, int64_t deadline);

struct zone *zone_create(void)
{
    struct zone *zone = calloc(1, sizeof(*zone));
    if (!zone)
        panic("out of memory");
    zone->dns.query = query;
    zone->arena = arena_create(ZONE_MEMORY_MAX);
    zone->names = map_create();
    if (!zone->arena || !zone->names)
        panic("out of memory");
    return zone;
}

void zone_destroy(struct zone *zone)
{
    if (!zone)
        return;
    map_destroy(zone->names, NULL);
    arena_destroy(zone->arena);
    free(zone);
}

struct dns *zone_dns(struct zone *zone)
{
    return &zone->dns;
}

static struct zone_name *find(struct zone *zone, struct bytes name)
{
    char text[NAME_TEXT_MAX];
    size_t length;
    if (!name_normalize(name, text, &length))
        return NULL;
    return map_get(zone->names, bytes_from(text, length));
}

/* The entry of this name, made if needed; NULL if the name is not valid or memory is out. */
static struct zone_name *entry(struct zone *zone, struct bytes name)
{
    char text[NAME_TEXT_MAX];
    size_t length;
    if (!name_normalize(name, text, &length))
        return NULL;
    struct zone_name *found = map_get(zone->names, bytes_from(text, length));
    if (found)
        return found;
    found = arena_new(zone->arena, struct zone_name);
    if (!found || !map_put(zone->names, bytes_from(text, length), found, NULL))
        return NULL;
    return found;
}

static bool parse_name(struct zone *zone, struct bytes value, struct bytes *out)
{
    char text[NAME_TEXT_MAX];
    size_t length;
    if (!name_normalize(value, text, &length))
        return false;
    *out = arena_copy(zone->arena, bytes_from(text, length));
    return out->ptr != NULL;
}

static bool parse_mx(struct zone *zone, struct bytes value, struct dns_record *record)
{
    struct bytes rest = bytes_trim(value), preference;
    uint64_t number;
    if (!bytes_split(&rest, ' ', &preference) || !rest.ptr ||
        !bytes_to_uint(preference, 65535, &number))
        return false;
    record->preference = (uint16_t)number;
    return parse_name(zone, bytes_trim(rest), &record->name);
}

static bool parse_value(struct zone *zone, enum dns_type type, struct bytes value,
                        struct dns_record *record)
{
    switch (type) {
    case DNS_A:
        return ip_parse_v4(value, &record->ip);
    case DNS_AAAA:
        return ip_parse_v6(value, &record->ip);
    case DNS_MX:
        return parse_mx(zone, value, record);
    case DNS_PTR:
    case DNS_NS:
    case DNS_CNAME:
        return parse_name(zone, value, &record->name);
    case DNS_TXT:
    case DNS_SPF:
        record->text = arena_copy(zone->arena, value);
        return record->text.ptr != NULL;
    default:
        return hex_decode(zone->arena, value, &record->data);
    }
}

bool zone_add(struct zone *zone, struct bytes name, enum dns_type type, uint32_t ttl,
              struct bytes value)
{
    struct zone_record *record = arena_new(zone->arena, struct zone_record);
    if (!record || !parse_value(zone, type, value, &record->record))
        return false;
    struct zone_name *owner = entry(zone, name);
    if (!owner)
        return false;
    record->type = type;
    record->ttl = ttl;
    if (owner->last)
        owner->last->next = record;
    else
        owner->records = record;
    owner->last = record;
    owner->exists = true;
    return true;
}

void zone_add_name(struct zone *zone, struct bytes name)
{
    struct zone_name *owner = entry(zone, name);
    if (owner)
        owner->exists = true;
}

void zone_add_failure(struct zone *zone, struct bytes name, int type)
{
    struct zone_name *owner = entry(zone, name);
    struct zone_failure *failure = arena_new(zone->arena, struct zone_failure);
    if (!owner || !failure)
        return;
    *failure = (struct zone_failure){owner->failures, type};
    owner->failures = failure;
}

void zone_add_delay(struct zone *zone, struct bytes name, int64_t microseconds)
{
    struct zone_name *owner = entry(zone, name);
    if (owner)
        owner->delay = microseconds;
}

void zone_set_authenticated(struct zone *zone, bool authenticated)
{
    zone->authenticated = authenticated;
}

size_t zone_question_count(const struct zone *zone)
{
    return zone->question_count;
}

static bool fails(const struct zone_name *owner, enum dns_type type)
{
    for (const struct zone_failure *f = owner->failures; f; f = f->next)
        if (f->type == 0 || f->type == (int)type)
            return true;
    return false;
}

static const struct zone_record *first_of(const struct zone_name *owner, enum dns_type type)
{
    const struct zone_record *record = owner->records;
    while (record && record->type != type)
        record = record->next;
    return record;
}

/* NULL, or why there is no answer in time. */
static const char *wait_for(int64_t delay, int64_t deadline)
{
    if (delay <= 0)
        return NULL;
    bool late = deadline != NO_DEADLINE && delay > deadline - loop_now();
    int error = late ? fiber_sleep_until(deadline) : fiber_sleep(delay);
    return error ? "cancelled" : late ? "timed out" : NULL;
}

static const struct dns_answer *records_of(struct arena *arena, const struct zone_name *owner,
                                           enum dns_type type, struct bytes name, uint32_t ttl)
{
    size_t count = 0;
    for (const struct zone_record *r = owner->records; r; r = r->next)
        count += r->type == type;
    struct dns_record *records = malloc(count * sizeof(*records));
    if (!records)
        return answer_out_of_memory();
    struct dns_answer answer = {
        .status = DNS_FOUND, .ttl = ttl, .canonical = name, .records = records};
    for (const struct zone_record *r = owner->records; r; r = r->next) {
        if (r->type != type)
            continue;
        records[answer.count++] = r->record;
        if (r->ttl < answer.ttl)
            answer.ttl = r->ttl;
    }
    const struct dns_answer *copy = answer_copy(arena, &answer);
    free(records);
    return copy;
}

static const struct dns_answer *resolve(struct zone *zone, struct arena *arena, struct bytes name,
                                        enum dns_type type, int64_t deadline)
{
    uint32_t ttl = UINT32_MAX;
    for (int aliases = 0; aliases <= ALIASES_MAX; aliases++) {
        const struct zone_name *owner = find(zone, name);
        if (!owner)
            return answer_empty(arena, DNS_NO_NAME, name, NEGATIVE_TTL);
        const char *problem = wait_for(owner->delay, deadline);
        if (problem)
            return answer_failed(arena, problem);
        if (fails(owner, type))
            return answer_failed(arena, "timed out");
        if (first_of(owner, type))
            return records_of(arena, owner, type, name, ttl);
        const struct zone_record *alias = first_of(owner, DNS_CNAME);
        if (!alias)
            return answer_empty(arena, owner->exists ? DNS_NO_DATA : DNS_NO_NAME, name,
                                NEGATIVE_TTL);
        name = alias->record.name;
        if (alias->ttl < ttl)
            ttl = alias->ttl;
    }
    return answer_failed(arena, "too many CNAME records");
}

static const struct dns_answer *query(struct dns *dns, struct arena *arena, struct bytes name,
                                      enum dns_type type, int64_t deadline)
{
    struct zone *zone = (struct zone *)dns;
    zone->question_count++;
    struct bytes lower = arena_lower(arena, name);
    if (!lower.ptr)
        return answer_out_of_memory();
    const struct dns_answer *answer = resolve(zone, arena, lower, type, deadline);
    if (!zone->authenticated || answer->status == DNS_FAILED)
        return answer;
    struct dns_answer *marked = arena_new(arena, struct dns_answer);
    if (!marked)
        return answer_out_of_memory();
    *marked = *answer;
    marked->authenticated = true;
    return marked;
}
