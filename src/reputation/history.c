/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/history.h"

#include "base/ascii.h"

#include <string.h>

enum {
    ASKED_FIRST,
    ASKED_LAST,
    ASKED_RESET,
    ASKED_SERVERS,           /* two values of three hashes each */
    ASKED_COUNTS = ASKED_SERVERS + 2,
    HASHES_IN_A_VALUE = 3
};

#define DAY_SECONDS INT64_C(86400)
#define RESET_REMEMBERED (90 * DAY_SECONDS)
#define LONG_TIME (3650 * DAY_SECONDS)
/* Who came once and never again is forgotten sooner: most of those who send junk. */
#define ONCE_KEPT (60 * DAY_SECONDS)

static const char *const kind_names[HISTORY_KINDS] = {"dkim", "spf", "network"};
static const char *const count_names[HISTORY_COUNTS] = {
    "messages", "ham", "spam", "junk", "notjunk", "junk-reporters", "notjunk-reporters", "complaints", "traps",
    "unknown"};

const char *history_kind_name(enum history_kind kind)
{
    return kind < HISTORY_KINDS ? kind_names[kind] : "";
}

bool history_kind_parse(struct bytes name, enum history_kind *out)
{
    for (unsigned i = 0; i < HISTORY_KINDS; i++) {
        if (bytes_is(name, kind_names[i])) {
            *out = (enum history_kind)i;
            return true;
        }
    }
    return false;
}

const char *history_count_name(enum history_count count)
{
    return count < HISTORY_COUNTS ? count_names[count] : "";
}

struct bytes history_network(struct arena *arena, const struct ip *client, unsigned prefix_v4, unsigned prefix_v6)
{
    char text[IP_TEXT_SIZE];
    unsigned prefix = client->family == 4 ? prefix_v4 : prefix_v6;
    if (!client->family)
        return BYTES("");
    struct ip network = ip_masked(client, prefix);
    return arena_printf(arena, "%s/%u", ip_format(&network, text), prefix);
}

/* Time */

static int64_t half_life(const struct history_rules *rules)
{
    int64_t value = rules->half_life > 0 ? rules->half_life : 1;
    return value < LONG_TIME ? value : LONG_TIME;
}

static int64_t silence(const struct history_rules *rules)
{
    return rules->silence > 0 && rules->silence < LONG_TIME ? rules->silence : LONG_TIME;
}

int64_t history_stretch(const struct history_rules *rules, int64_t t)
{
    return t < 0 ? 0 : t / (half_life(rules) * HISTORY_STRETCH);
}

/* 2^(part/256) in units of 2^-30, by its bits. */
static uint64_t power(unsigned part)
{
    static const uint64_t roots[8] = {1518500250, 1276901417, 1170923762, 1121280436,
                                      1097253708, 1085434106, 1079572136, 1076653033};
    uint64_t value = (uint64_t)1 << 30;
    for (unsigned i = 0; i < 8; i++)
        if (part & (128u >> i))
            value = (value * roots[i] + (1u << 29)) >> 30;
    return value;
}

uint64_t history_weight(const struct history_rules *rules, int64_t t, int64_t stretch)
{
    int64_t begin = stretch * half_life(rules) * HISTORY_STRETCH;
    int64_t since = t > begin ? t - begin : 0;
    int64_t whole = since / half_life(rules), rest = since % half_life(rules);
    if (whole > 2 * HISTORY_STRETCH) {
        whole = 2 * HISTORY_STRETCH;
        rest = 0;
    }
    unsigned part = (unsigned)((rest * 256) / half_life(rules));
    return (power(part) << whole) / (((uint64_t)1 << 30) / HISTORY_UNIT);
}

int64_t history_scaled(const struct history_rules *rules, uint64_t hundredths, int64_t t)
{
    uint64_t weight = history_weight(rules, t, history_stretch(rules, t));
    return (int64_t)((hundredths * weight + HISTORY_ONE / 2) / HISTORY_ONE);
}

/* What is left now of a counter's value. */
static uint64_t faded(const struct history_rules *rules, uint64_t value, int64_t now, int64_t stretch)
{
    uint64_t weight = history_weight(rules, now, stretch);
    return (value * HISTORY_ONE + weight / 2) / weight;
}

int64_t history_expiry(const struct history_rules *rules, int64_t stretch, int64_t now)
{
    int64_t end = (stretch + 2) * half_life(rules) * HISTORY_STRETCH;
    int64_t quiet = now + silence(rules);
    return end < quiet ? end : quiet;
}

/* Keys */

static struct bytes make_key(struct arena *arena, const struct history_identity *identity, struct bytes what)
{
    struct bytes parts[] = {BYTES("history:"), bytes_of(history_kind_name(identity->kind)), BYTES(":"),
                            identity->name, BYTES(":"), what};
    return batch_key(arena, parts, countof(parts));
}

static size_t add_number(char *out, uint64_t number)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

/* "junk:5184000:41": the half-life and the stretch. */
static struct bytes counter_suffix(const struct history_rules *rules, enum history_count count, int64_t stretch,
                                   char room[80])
{
    const char *name = history_count_name(count);
    size_t length = strlen(name);
    memcpy(room, name, length);
    room[length++] = ':';
    length += add_number(room + length, (uint64_t)half_life(rules));
    room[length++] = ':';
    length += add_number(room + length, (uint64_t)stretch);
    return bytes_from(room, length);
}

struct bytes history_counter_key(struct arena *arena, const struct history_rules *rules,
                                 const struct history_identity *identity, enum history_count count,
                                 int64_t stretch)
{
    char room[80];
    return make_key(arena, identity, counter_suffix(rules, count, stretch, room));
}

/* Name servers */

/* FNV-1a: the same on all machines. Who makes names collide could as well name the old server. */
void history_add_nameserver(struct history_nameservers *servers, struct bytes name)
{
    uint32_t hash = 2166136261u;
    if (name.len && name.ptr[name.len - 1] == '.')
        name.len--;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ ascii_lower(name.ptr[i])) * 16777619u;
    uint16_t folded = (uint16_t)(hash ^ hash >> 16);
    if (!folded)
        folded = 1;
    for (size_t i = 0; i < servers->count; i++)
        if (servers->hashes[i] == folded)
            return;
    if (name.len && servers->count < HISTORY_NAMESERVERS_MAX)
        servers->hashes[servers->count++] = folded;
}

static bool speaks_of(const struct history_nameservers *servers, const struct history_identity *identity)
{
    return servers && servers->count && identity->kind != HISTORY_NETWORK &&
           bytes_equal_nocase(servers->domain, identity->name);
}

/* Some are remembered, and none of them is there any more. */
static bool all_changed(const struct history_nameservers *servers, const uint16_t *kept)
{
    bool remembered = false;
    for (size_t k = 0; k < HISTORY_NAMESERVERS_KEPT; k++) {
        remembered |= kept[k] != 0;
        for (size_t i = 0; i < servers->count && kept[k]; i++)
            if (servers->hashes[i] == kept[k])
                return false;
    }
    return remembered;
}

/* The smallest ones, so that it is the same few whatever the order of the answer. */
static void choose(const struct history_nameservers *servers, uint16_t *kept)
{
    uint16_t sorted[HISTORY_NAMESERVERS_MAX];
    for (size_t i = 0; i < servers->count; i++) {
        size_t at = i;
        for (; at > 0 && sorted[at - 1] > servers->hashes[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = servers->hashes[i];
    }
    for (size_t i = 0; i < HISTORY_NAMESERVERS_KEPT; i++)
        kept[i] = i < servers->count ? sorted[i] : 0;
}

/* Reading */

size_t history_ask_standing(struct batch *batch, const struct history_identity *identity)
{
    static const char *const names[] = {"first", "last", "reset", "servers0", "servers1"};
    size_t index = batch->count;
    _Static_assert(countof(names) == ASKED_COUNTS, "a question each");
    for (size_t i = 0; i < countof(names); i++)
        batch_get(batch, make_key(batch->arena, identity, bytes_of(names[i])));
    return index;
}

size_t history_ask(struct batch *batch, const struct history_rules *rules, const struct history_identity *identity,
                   int64_t now)
{
    int64_t stretch = history_stretch(rules, now);
    size_t index = history_ask_standing(batch, identity);
    for (unsigned i = 0; i < HISTORY_COUNTS; i++) {
        for (int64_t back = 0; back < 2; back++) {
            int64_t of = stretch - back > 0 ? stretch - back : 0;
            batch_get(batch, history_counter_key(batch->arena, rules, identity, (enum history_count)i, of));
        }
    }
    return index;
}

static void read_counts(const struct batch *batch, size_t asked, const struct history_rules *rules, int64_t now,
                        struct history *out)
{
    int64_t stretch = history_stretch(rules, now);
    for (size_t i = 0; i < HISTORY_COUNTS; i++) {
        const struct counter_operation *at = batch_at(batch, asked + ASKED_COUNTS + i * 2);
        const struct counter_operation *before = batch_at(batch, asked + ASKED_COUNTS + i * 2 + 1);
        out->counts[i] = faded(rules, at->value, now, stretch);
        if (stretch > 0)
            out->counts[i] += faded(rules, before->value, now, stretch - 1);
    }
}

void history_read_standing(const struct batch *batch, size_t asked, const struct history_rules *rules,
                           const struct history_identity *identity, const struct history_nameservers *servers,
                           int64_t now, struct history *out)
{
    *out = (struct history){0};
    for (size_t i = 0; i < HISTORY_NAMESERVERS_KEPT; i++) {
        uint64_t value = batch_at(batch, asked + ASKED_SERVERS + i / HASHES_IN_A_VALUE)->value;
        out->nameservers[i] = (uint16_t)(value >> (i % HASHES_IN_A_VALUE * 16));
    }
    out->first = (int64_t)batch_at(batch, asked + ASKED_FIRST)->value;
    out->last = (int64_t)batch_at(batch, asked + ASKED_LAST)->value;
    out->reset = batch_at(batch, asked + ASKED_RESET)->found;
    if ((out->last && now - out->last > silence(rules)) ||
        (speaks_of(servers, identity) && all_changed(servers, out->nameservers))) {
        out->reset = out->resets = true;
        out->first = 0;
    }
}

void history_read(const struct batch *batch, size_t asked, const struct history_rules *rules,
                  const struct history_identity *identity, const struct history_nameservers *servers, int64_t now,
                  struct history *out)
{
    history_read_standing(batch, asked, rules, identity, servers, now, out);
    if (!out->resets)
        read_counts(batch, asked, rules, now, out);
}

/* Writing */

static void remove_counts(struct batch *batch, const struct history_rules *rules,
                          const struct history_identity *identity, int64_t now)
{
    int64_t stretch = history_stretch(rules, now);
    batch_remove(batch, make_key(batch->arena, identity, BYTES("first")));
    for (unsigned i = 0; i < HISTORY_COUNTS; i++)
        for (int64_t of = stretch; of >= 0 && of > stretch - 2; of--)
            batch_remove(batch, history_counter_key(batch->arena, rules, identity, (enum history_count)i, of));
}

static void write_nameservers(struct batch *batch, const struct history_identity *identity,
                              const struct history_nameservers *servers, const struct history *before,
                              int64_t expires_at)
{
    static const char *const names[] = {"servers0", "servers1"};
    uint16_t kept[HISTORY_NAMESERVERS_KEPT];
    choose(servers, kept);
    for (size_t i = 0; i < countof(names); i++) {
        int64_t value = 0;
        for (size_t k = 0; k < HASHES_IN_A_VALUE; k++)
            value |= (int64_t)kept[i * HASHES_IN_A_VALUE + k] << (k * 16);
        if (value || before->nameservers[i * HASHES_IN_A_VALUE])
            batch_set(batch, make_key(batch->arena, identity, bytes_of(names[i])), value, expires_at);
    }
}

void history_write(struct batch *batch, const struct history_rules *rules, const struct history_identity *identity,
                   const struct history_nameservers *servers, const struct history *before,
                   const uint64_t amounts[HISTORY_COUNTS], int64_t now)
{
    struct arena *arena = batch->arena;
    int64_t stretch = history_stretch(rules, now);
    if (before->resets) {
        remove_counts(batch, rules, identity, now);
        batch_set(batch, make_key(arena, identity, BYTES("reset")), now, now + RESET_REMEMBERED);
    }
    int64_t kept = now + 2 * silence(rules), counted = history_expiry(rules, stretch, now);
    if (!before->first && kept > now + ONCE_KEPT)
        kept = now + ONCE_KEPT;
    if (counted > kept)
        counted = kept;
    batch_set(batch, make_key(arena, identity, BYTES("first")), before->first ? before->first : now, kept);
    batch_set(batch, make_key(arena, identity, BYTES("last")), now, kept);
    for (unsigned i = 0; i < HISTORY_COUNTS; i++)
        if (amounts[i])
            batch_add(batch, history_counter_key(arena, rules, identity, (enum history_count)i, stretch),
                      history_scaled(rules, amounts[i], now), counted);
    if (speaks_of(servers, identity))
        write_nameservers(batch, identity, servers, before, kept);
}

void history_forget(struct batch *batch, const struct history_rules *rules, const struct history_identity *identity,
                    int64_t now)
{
    static const char *const names[] = {"last", "reset", "servers0", "servers1"};
    remove_counts(batch, rules, identity, now);
    for (size_t i = 0; i < countof(names); i++)
        batch_remove(batch, make_key(batch->arena, identity, bytes_of(names[i])));
}

/* Weighing */

void history_verdicts(const struct history *history, uint64_t *ham, uint64_t *spam)
{
    uint64_t all = history->counts[HISTORY_HAM] + history->counts[HISTORY_SPAM];
    *ham = history->counts[HISTORY_HAM];
    *spam = history->counts[HISTORY_SPAM];
    if (all <= HISTORY_VERDICTS_MOST)
        return;
    *ham = (*ham * HISTORY_VERDICTS_MOST + all / 2) / all;
    *spam = HISTORY_VERDICTS_MOST - *ham;
}

uint64_t history_reports(const struct history *history, enum history_count which)
{
    uint64_t all = history->counts[which];
    uint64_t reporters = history->counts[which == HISTORY_JUNK ? HISTORY_JUNK_REPORTERS : HISTORY_NOTJUNK_REPORTERS];
    /* Each counts 1 when he speaks, and fades with what he said; a little is for rounding. */
    bool alone = reporters <= HISTORY_ONE + 2;
    return alone && all > HISTORY_ALONE_MOST ? HISTORY_ALONE_MOST : all;
}

struct bytes history_number(struct arena *arena, uint64_t hundredths)
{
    unsigned long long whole = hundredths / HISTORY_ONE;
    unsigned rest = (unsigned)(hundredths % HISTORY_ONE);
    if (!rest)
        return arena_printf(arena, "%llu", whole);
    return rest % 10 ? arena_printf(arena, "%llu.%02u", whole, rest) : arena_printf(arena, "%llu.%u", whole, rest / 10);
}
