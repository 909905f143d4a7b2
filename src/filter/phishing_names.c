/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protected names by hashes of what may be asked of them: the domain, how its first label looks, and how that
 * looks with one character left out. Two texts that are one change apart have such a rest in common, so that a
 * question costs as many look-ups as the name has characters, however many names are protected.
 */
#include "base/ascii.h"
#include "base/domain.h"
#include "base/utf8.h"
#include "filter/phishing_private.h"

#include <stdlib.h>
#include <string.h>

enum {
    NEAR_MIN = 6,        /* characters of a name of which others may be one change away, under the same suffix */
    NEAR_MIN_OTHER = 8,  /* under another suffix */
    PART_MIN = 5,        /* of one that is looked for between hyphens */
    AFFIX_MIN = 6,       /* of one that is looked for without them */
    CANDIDATES_MAX = 16  /* names that share a hash: one, but for names that are alike themselves */
};

enum index_kind { INDEX_DOMAIN = 'd', INDEX_LOOKS = 'l', INDEX_NEAR = 'n' };

struct index_entry {
    uint64_t hash;
    uint32_t name;
};

struct phishing_names {
    struct arena *arena;
    struct phishing_name *list;
    size_t count;
    struct index_entry *index; /* sorted by hash */
    size_t index_count, index_capacity;
};

/* A polynomial, so that the hash of a text without one of its characters is had from those of its parts. Names are
 * the administrator's, and a stranger who makes others meet their hashes gains a comparison. */
#define HASH_BASE UINT64_C(0x9e3779b97f4a7c15)

static uint64_t hash_end(enum index_kind kind, uint64_t sum, size_t length)
{
    uint64_t hash = (sum ^ (uint64_t)kind << 56 ^ (uint64_t)length << 48) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ hash >> 32;
}

/* The sums of all beginnings of a text, and the powers of the base. */
struct sums {
    uint64_t head[CONFUSABLE_MAX + 1], power[CONFUSABLE_MAX + 1];
    size_t len;
};

static void sums_make(struct bytes text, struct sums *out)
{
    out->len = text.len < CONFUSABLE_MAX ? text.len : CONFUSABLE_MAX;
    out->head[0] = 0;
    out->power[0] = 1;
    for (size_t i = 0; i < out->len; i++) {
        out->head[i + 1] = out->head[i] * HASH_BASE + text.ptr[i] + 1;
        out->power[i + 1] = out->power[i] * HASH_BASE;
    }
}

static uint64_t hash_part(enum index_kind kind, const struct sums *sums, size_t from, size_t to)
{
    return hash_end(kind, sums->head[to] - sums->head[from] * sums->power[to - from], to - from);
}

static uint64_t hash_without(enum index_kind kind, const struct sums *sums, size_t without)
{
    size_t behind = sums->len - without - 1;
    uint64_t tail = sums->head[sums->len] - sums->head[without + 1] * sums->power[behind];
    return hash_end(kind, sums->head[without] * sums->power[behind] + tail, sums->len - 1);
}

static uint64_t hash_of(enum index_kind kind, struct bytes text)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.len; i++)
        sum = sum * HASH_BASE + text.ptr[i] + 1;
    return hash_end(kind, sum, text.len);
}

/* ---- taking apart ---- */

bool phishing_name_take_apart(struct arena *arena, struct bytes organization, struct phishing_name *out)
{
    struct skeleton looks;
    struct bytes shown;
    *out = (struct phishing_name){.domain = organization};
    if (!organization.len)
        return true;
    size_t dot = bytes_find_byte(organization, '.');
    if (!confusable_to_unicode(arena, bytes_first(organization, dot), &shown))
        return false;
    out->label = shown;
    out->suffix = dot == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(organization, dot + 1);
    confusable_skeleton(shown, &looks);
    out->looks = arena_copy(arena, skeleton_bytes(&looks));
    return !looks.len || out->looks.ptr;
}

bool phishing_name_read(struct arena *arena, struct bytes domain, phishing_organization *organization,
                        struct phishing_name *out)
{
    return phishing_name_take_apart(arena, organization(domain), out);
}

/* ---- compiling ---- */

static void add_entry(struct phishing_names *names, uint64_t hash)
{
    names->index[names->index_count++] = (struct index_entry){.hash = hash, .name = (uint32_t)names->count};
}

static int compare_entries(const void *a, const void *b)
{
    const struct index_entry *left = a, *right = b;
    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return (left->name > right->name) - (left->name < right->name);
}

static bool make_room(struct phishing_names *names, size_t more)
{
    if (names->index_capacity - names->index_count >= more)
        return true;
    size_t capacity = 2 * names->index_capacity + more + 64;
    struct index_entry *index = realloc(names->index, capacity * sizeof(*index));
    if (!index)
        return false;
    names->index = index;
    names->index_capacity = capacity;
    return true;
}

static bool add_name(struct phishing_names *names, struct bytes domain, bool own, phishing_organization *organization)
{
    struct phishing_name *name = &names->list[names->count];
    struct bytes lower = arena_lower(names->arena, domain_strip_dot(domain));
    if ((domain.len && !lower.ptr) || !phishing_name_read(names->arena, lower, organization, name) ||
        !make_room(names, name->looks.len + 2))
        return false;
    if (!name->domain.len || !name->looks.len)
        return true;
    name->own = own;
    struct sums sums;
    sums_make(name->looks, &sums);
    add_entry(names, hash_of(INDEX_DOMAIN, name->domain));
    add_entry(names, hash_of(INDEX_LOOKS, name->looks));
    if (name->looks.len >= NEAR_MIN)
        for (size_t i = 0; i < sums.len; i++)
            add_entry(names, hash_without(INDEX_NEAR, &sums, i));
    names->count++;
    return true;
}

enum result phishing_names_compile(const struct bytes *domains, size_t count, size_t own,
                                   phishing_organization *organization, struct phishing_names **out,
                                   struct error *error)
{
    if (count > PHISHING_NAMES_MAX)
        return error_set(error, PERM, "more than %d protected names", PHISHING_NAMES_MAX);
    struct phishing_names *names = calloc(1, sizeof(*names));
    if (names)
        names->arena = arena_create(64 << 20);
    if (names && names->arena)
        names->list = arena_alloc_array(names->arena, count, sizeof(*names->list));
    bool fine = names && names->list;
    for (size_t i = 0; i < count && fine; i++)
        fine = add_name(names, domains[i], i < own, organization);
    if (!fine) {
        phishing_names_free(names);
        return error_set(error, TEMP, "no memory for protected names");
    }
    if (names->index_count)
        qsort(names->index, names->index_count, sizeof(*names->index), compare_entries);
    *out = names;
    return OK;
}

void phishing_names_free(struct phishing_names *names)
{
    if (!names)
        return;
    free(names->index);
    arena_destroy(names->arena);
    free(names);
}

/* ---- asking ---- */

/* The first entry of that hash; index_count if there is none. */
static size_t find_hash(const struct phishing_names *names, uint64_t hash)
{
    size_t low = 0, high = names->index_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (names->index[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low < names->index_count && names->index[low].hash == hash ? low : names->index_count;
}

const struct phishing_name *phishing_names_find(const struct phishing_names *names, struct bytes domain)
{
    uint64_t hash = hash_of(INDEX_DOMAIN, domain);
    for (size_t i = find_hash(names, hash); i < names->index_count && names->index[i].hash == hash; i++)
        if (bytes_equal(names->list[names->index[i].name].domain, domain))
            return &names->list[names->index[i].name];
    return NULL;
}

const struct phishing_name *phishing_names_find_looks(const struct phishing_names *names, struct bytes looks)
{
    uint64_t hash = hash_of(INDEX_LOOKS, looks);
    for (size_t i = find_hash(names, hash); i < names->index_count && names->index[i].hash == hash; i++)
        if (bytes_equal(names->list[names->index[i].name].looks, looks))
            return &names->list[names->index[i].name];
    return NULL;
}

/* ---- likeness ---- */

/* Names in series differ in a digit and are nobody's look-alikes: shop24, shop25. */
static bool differs_in_digit(struct bytes a, struct bytes b)
{
    size_t i = 0;
    while (i < a.len && i < b.len && a.ptr[i] == b.ptr[i])
        i++;
    return (i < a.len && ascii_is_digit(a.ptr[i])) || (i < b.len && ascii_is_digit(b.ptr[i]));
}

/* What is put before or behind a name by those who borrow it. */
static bool is_lure(struct bytes word)
{
    static const char *const lures[] = {
        "account", "accounts", "admin", "alert", "alerts", "auth", "bank", "banking", "billing", "care", "center",
        "client", "com", "confirm", "customer", "help", "helpdesk", "id", "info", "invoice", "login", "logon", "mail",
        "my", "notice", "notification", "official", "online", "pay", "payment", "payments", "portal", "recovery",
        "secure", "security", "service", "services", "signin", "sso", "support", "team", "the", "update", "updates",
        "upgrade", "verification", "verify", "web", "webmail", "www",
    };
    for (size_t i = 0; i < countof(lures); i++) {
        struct skeleton looks;
        confusable_skeleton(bytes_of(lures[i]), &looks);
        if (bytes_equal(skeleton_bytes(&looks), word))
            return true;
    }
    return false;
}

static bool is_affixed(struct bytes looks, struct bytes of)
{
    if (of.len < AFFIX_MIN || looks.len <= of.len)
        return false;
    return (bytes_starts_with(looks, of) && is_lure(bytes_skip(looks, of.len))) ||
           (bytes_ends_with(looks, of) && is_lure(bytes_first(looks, looks.len - of.len)));
}

static bool is_between_hyphens(struct bytes looks, struct bytes of)
{
    struct bytes part;
    if (of.len < PART_MIN || looks.len <= of.len)
        return false;
    while (bytes_split(&looks, '-', &part))
        if (bytes_equal(part, of))
            return true;
    return false;
}

bool phishing_name_resembles(const struct phishing_name *name, const struct phishing_name *of,
                             enum phishing_kind *kind)
{
    if (bytes_equal(name->domain, of->domain) || bytes_equal_nocase(name->label, of->label))
        return false; /* itself; or under another suffix, as organizations have them in every country */
    bool same_suffix = bytes_equal(name->suffix, of->suffix);
    /* Three letters look like three others by chance; under the same suffix, or in another script, they do not. */
    bool by_chance = !same_suffix && of->looks.len < PART_MIN && utf8_is_ascii(name->label);
    if (bytes_equal(name->looks, of->looks) && !by_chance)
        *kind = PHISHING_HOMOGRAPH;
    else if (of->looks.len >= (same_suffix ? NEAR_MIN : NEAR_MIN_OTHER) &&
             confusable_within_one(name->looks, of->looks) && !differs_in_digit(name->label, of->label))
        *kind = PHISHING_LOOK_ALIKE;
    else if (is_between_hyphens(name->looks, of->looks) || is_affixed(name->looks, of->looks))
        *kind = PHISHING_NAME_PART;
    else
        return false;
    return true;
}

struct best {
    const struct phishing_name *name;
    enum phishing_kind kind;
};

static void try_hash(const struct phishing_names *names, const struct phishing_name *name, uint64_t hash,
                     struct best *best)
{
    size_t i = find_hash(names, hash);
    for (size_t tried = 0; tried < CANDIDATES_MAX && i < names->index_count && names->index[i].hash == hash; tried++) {
        const struct phishing_name *of = &names->list[names->index[i++].name];
        enum phishing_kind kind;
        /* The kinds stand in the order of their strength. */
        if (phishing_name_resembles(name, of, &kind) && (!best->name || kind < best->kind))
            *best = (struct best){.name = of, .kind = kind};
    }
}

const struct phishing_name *phishing_names_resembled(const struct phishing_names *names,
                                                     const struct phishing_name *name, enum phishing_kind *kind)
{
    struct best best = {.name = NULL};
    struct sums sums;
    struct bytes looks = name->looks, rest = looks, part;
    if (!looks.len || phishing_names_find(names, name->domain))
        return NULL;
    sums_make(looks, &sums);
    try_hash(names, name, hash_of(INDEX_LOOKS, looks), &best);
    try_hash(names, name, hash_of(INDEX_NEAR, looks), &best); /* one that is longer by a character */
    for (size_t i = 0; i < sums.len && !best.name; i++) {
        try_hash(names, name, hash_without(INDEX_LOOKS, &sums, i), &best);
        try_hash(names, name, hash_without(INDEX_NEAR, &sums, i), &best);
    }
    while (!best.name && bytes_split(&rest, '-', &part))
        if (part.len >= PART_MIN && part.len < looks.len)
            try_hash(names, name, hash_of(INDEX_LOOKS, part), &best);
    for (size_t cut = AFFIX_MIN; cut < sums.len && !best.name; cut++) {
        try_hash(names, name, hash_part(INDEX_LOOKS, &sums, 0, cut), &best);
        try_hash(names, name, hash_part(INDEX_LOOKS, &sums, sums.len - cut, sums.len), &best);
    }
    if (best.name)
        *kind = best.kind;
    return best.name;
}

const struct phishing_name *phishing_names_within(const struct phishing_names *names, struct bytes host,
                                                  struct bytes organization)
{
    struct bytes front = bytes_first(host, host.len - organization.len);
    while (front.len) {
        size_t end = 0;
        /* A protected domain has a public suffix, of at most three labels. */
        for (unsigned labels = 1; labels <= 4 && end < front.len; labels++) {
            struct bytes rest = bytes_skip(front, end);
            size_t dot = bytes_find_byte(rest, '.');
            end += dot == BYTES_NOT_FOUND ? rest.len : dot;
            const struct phishing_name *name = labels > 1 ? phishing_names_find(names, bytes_first(front, end)) : NULL;
            if (name)
                return name;
            end++;
        }
        size_t dot = bytes_find_byte(front, '.');
        front = dot == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(front, dot + 1);
    }
    return NULL;
}
