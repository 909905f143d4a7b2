/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/store.h"

#include "config/value.h"

#include <string.h>

struct store {
    struct arena *arena;
    struct config_faults *faults;
    const struct config_key *key;
    void *target;
};

static void complain(struct store *s, const struct config_word *word, const char *fault)
{
    config_fault_add(s->faults, word->at, "%s %s: %s", s->key->name, fault,
                     config_quote(s->arena, word->text));
}

static bool within_bounds(struct store *s, const struct config_word *word, uint64_t value)
{
    uint64_t least = (uint64_t)s->key->least, most = (uint64_t)s->key->most;
    if (value >= least && value <= most)
        return true;
    struct buf bounds;
    buf_init(&bounds, 256);
    enum config_type type = s->key->type;
    for (int i = 0; i < 2; i++) {
        uint64_t bound = i ? most : least;
        buf_add_string(&bounds, i ? " and " : "");
        if (type == CONFIG_SIZE)
            config_write_size(&bounds, bound);
        else if (type == CONFIG_DURATION)
            config_write_duration(&bounds, (int64_t)bound);
        else
            buf_printf(&bounds, "%llu", (unsigned long long)bound);
    }
    config_fault_add(s->faults, word->at, "%s must be between " BYTES_FMT ": %s", s->key->name,
                     BYTES_ARG(buf_bytes(&bounds)), config_quote(s->arena, word->text));
    buf_free(&bounds);
    return false;
}

static void store_bool(struct store *s, const struct config_word *word)
{
    const char *fault = config_read_bool(word->text, s->target);
    if (fault)
        complain(s, word, fault);
}

static void store_quantity(struct store *s, const struct config_word *word)
{
    uint64_t value = 0;
    int64_t duration = 0;
    const char *fault;
    if (s->key->type == CONFIG_SIZE) {
        fault = config_read_size(word->text, &value);
    } else if (s->key->type == CONFIG_DURATION) {
        fault = config_read_duration(word->text, &duration);
        value = (uint64_t)duration;
    } else {
        fault = config_read_number(word->text, &value);
    }
    if (fault) {
        complain(s, word, fault);
        return;
    }
    if (!within_bounds(s, word, value))
        return;
    if (s->key->type == CONFIG_NUMBER)
        *(unsigned *)s->target = (unsigned)value;
    else if (s->key->type == CONFIG_DURATION)
        *(int64_t *)s->target = duration;
    else
        *(uint64_t *)s->target = value;
}

static void store_points(struct store *s, const struct config_word *word)
{
    int points = 0;
    const char *fault = config_read_points(word->text, &points);
    if (fault) {
        complain(s, word, fault);
    } else if (points < s->key->least || points > s->key->most) {
        struct buf bounds;
        buf_init(&bounds, 256);
        config_write_points(&bounds, (int)s->key->least);
        buf_add_string(&bounds, " and ");
        config_write_points(&bounds, (int)s->key->most);
        config_fault_add(s->faults, word->at, "%s must be between " BYTES_FMT ": %s", s->key->name,
                         BYTES_ARG(buf_bytes(&bounds)), config_quote(s->arena, word->text));
        buf_free(&bounds);
    } else {
        *(int *)s->target = points;
    }
}

static void complain_choice(struct store *s, const struct config_word *word)
{
    struct buf list;
    buf_init(&list, 256);
    size_t count = 0;
    for (; count < CONFIG_CHOICES && s->key->choices[count]; count++)
        buf_printf(&list, "%s%s", count ? ", " : "", s->key->choices[count]);
    const char *nearest = config_word_nearest(word->text, s->key->choices, count);
    config_fault_add(s->faults, word->at, "%s must be one of " BYTES_FMT ": %s%s%s%s", s->key->name,
                     BYTES_ARG(buf_bytes(&list)), config_quote(s->arena, word->text),
                     nearest ? " (did you mean '" : "", nearest ? nearest : "",
                     nearest ? "'?)" : "");
    buf_free(&list);
}

static void store_choice(struct store *s, const struct config_word *word)
{
    int choice = 0;
    while (choice < CONFIG_CHOICES && s->key->choices[choice] &&
           !bytes_is(word->text, s->key->choices[choice]))
        choice++;
    if (choice == CONFIG_CHOICES || !s->key->choices[choice]) {
        complain_choice(s, word);
        return;
    }
    if (s->key->type == CONFIG_CHOICE)
        *(int *)s->target = choice;
    else if (s->key->type == CONFIG_CHOICE_BOOL)
        *(bool *)s->target = choice == 1;
    else
        *(char **)s->target = arena_string(s->arena, word->text);
}

static void store_text(struct store *s, const struct config_word *word)
{
    const char *fault = NULL;
    if (word->text.len == 0 && s->key->required)
        fault = "must not be empty";
    else if (word->text.len && s->key->check)
        fault = s->key->check(word->text);
    if (fault)
        complain(s, word, fault);
    else if (s->key->type == CONFIG_PATH)
        *(char **)s->target = config_source_path(s->arena, word->at.source, word->text);
    else
        *(char **)s->target = arena_string(s->arena, word->text);
}

/* Room for a list, or NULL (too long, or the arena is full). */
static void *list_room(struct store *s, const struct config_value *value, size_t item)
{
    if (s->key->most && value->count > (uint64_t)s->key->most) {
        config_fault_add(s->faults, value->at, "%s holds more than %lld values", s->key->name,
                         (long long)s->key->most);
        return NULL;
    }
    return arena_alloc_array(s->arena, value->count, item);
}

static bool read_domain(struct arena *arena, struct bytes text, struct bytes *name)
{
    return config_read_domain(arena, text, name);
}

/* ".example.org": what follows the dot is the domain. */
static bool read_name(struct arena *arena, struct bytes text, struct bytes *name)
{
    bool below = bytes_starts_with(text, BYTES("."));
    if (!config_read_domain(arena, below ? bytes_skip(text, 1) : text, name))
        return false;
    if (below)
        *name = arena_printf(arena, "." BYTES_FMT, BYTES_ARG(*name));
    return true;
}

static bool read_token(struct arena *arena, struct bytes text, struct bytes *name)
{
    (void)arena;
    *name = text;
    return text.len && !config_check_token(text);
}

/* "user@domain" or "@domain". */
static bool read_address(struct arena *arena, struct bytes text, struct bytes *name)
{
    size_t at = text.len;
    struct bytes domain;
    while (at > 0 && text.ptr[at - 1] != '@')
        at--;
    if (at == 0 || (at > 1 && config_check_mailbox(text)) ||
        !config_read_domain(arena, bytes_skip(text, at), &domain))
        return false;
    *name = arena_printf(arena, BYTES_FMT "@" BYTES_FMT, BYTES_ARG(bytes_first(text, at - 1)),
                         BYTES_ARG(domain));
    return true;
}

static void store_strings(struct store *s, const struct config_value *value,
                          bool (*read)(struct arena *, struct bytes, struct bytes *),
                          const char *fault)
{
    struct config_strings *list = s->target;
    char **items = list_room(s, value, sizeof(*items));
    size_t count = 0;
    for (const struct config_word *word = value->words; items && word; word = word->next) {
        struct bytes name;
        if (!read(s->arena, word->text, &name))
            complain(s, word, fault);
        else
            items[count++] = arena_string(s->arena, name);
    }
    *list = (struct config_strings){items, count};
}

/* Each text as the key's own check wants it. */
static void store_texts(struct store *s, const struct config_value *value)
{
    struct config_strings *list = s->target;
    char **items = list_room(s, value, sizeof(*items));
    size_t count = 0;
    for (const struct config_word *word = value->words; items && word; word = word->next) {
        const char *fault = word->text.len ? s->key->check(word->text) : "must not be empty";
        if (fault)
            complain(s, word, fault);
        else
            items[count++] = arena_string(s->arena, word->text);
    }
    *list = (struct config_strings){items, count};
}

/* Every list of networks grants trust, so a network that holds most of the Internet is a mistake,
 * and in own-networks an open relay. */
static bool is_too_wide(const struct ip_network *network)
{
    if (network->ip.family == 4)
        return network->prefix < 8;
    if ((network->ip.octets[0] & 0xfe) == 0xfc) /* rfc4193:3.1: private */
        return network->prefix < 7;
    if (network->ip.octets[0] == 0xfe && (network->ip.octets[1] & 0xc0) == 0x80) /* link-local */
        return network->prefix < 10;
    return network->prefix < 16;
}

/* Which of the two was meant, the address or the network, only the author knows. */
static void complain_host_bits(struct store *s, const struct config_word *word,
                               const struct ip_network *network)
{
    struct ip masked = ip_masked(&network->ip, network->prefix);
    char text[IP_TEXT_SIZE], alone[IP_TEXT_SIZE];
    config_fault_add(s->faults, word->at,
                     "%s: %s is a network with an address in it; write %s/%u for the network, or %s for "
                     "the address",
                     s->key->name, config_quote(s->arena, word->text), ip_format(&masked, text),
                     network->prefix, ip_format(&network->ip, alone));
}

static bool has_host_bits(const struct ip_network *network)
{
    struct ip masked = ip_masked(&network->ip, network->prefix);
    return !ip_equal(&network->ip, &masked);
}

static void store_networks(struct store *s, const struct config_value *value)
{
    struct config_networks *list = s->target;
    struct ip_network *items = list_room(s, value, sizeof(*items));
    size_t count = 0;
    for (const struct config_word *word = value->words; items && word; word = word->next) {
        struct ip_network network;
        if (!ip_network_parse(word->text, &network))
            complain(s, word, "must be networks such as 192.0.2.0/24 or 2001:db8::/32");
        else if (has_host_bits(&network))
            complain_host_bits(s, word, &network);
        else if (is_too_wide(&network))
            complain(s, word, "would trust most of the Internet");
        else
            items[count++] = network;
    }
    *list = (struct config_networks){items, count};
}

static void store_endpoints(struct store *s, const struct config_value *value)
{
    struct config_endpoints *list = s->target;
    struct config_endpoint *items = list_room(s, value, sizeof(*items));
    size_t count = 0;
    for (const struct config_word *word = value->words; items && word; word = word->next) {
        const char *fault = config_read_endpoint(word->text, s->key->port, &items[count]);
        if (fault)
            complain(s, word, fault);
        else
            count++;
    }
    if (value->count == 0 && s->key->required)
        config_fault_add(s->faults, value->at, "%s must not be empty", s->key->name);
    *list = (struct config_endpoints){items, count};
}

static void store_hosts(struct store *s, const struct config_value *value)
{
    struct config_hosts *list = s->target;
    struct config_host *items = list_room(s, value, sizeof(*items));
    size_t count = 0;
    for (const struct config_word *word = value->words; items && word; word = word->next) {
        const char *fault = config_read_host(s->arena, word->text, s->key->port, &items[count]);
        if (fault)
            complain(s, word, fault);
        else
            count++;
    }
    if (value->count == 0 && s->key->required)
        config_fault_add(s->faults, value->at, "%s must not be empty", s->key->name);
    *list = (struct config_hosts){items, count};
}

void config_store(struct arena *arena, struct config_faults *faults, const struct config_key *key,
                  const struct config_value *value, void *element)
{
    struct store s = {arena, faults, key, (char *)element + key->offset};
    switch (key->type) {
    case CONFIG_DOMAINS:
        store_strings(&s, value, read_domain, "must be domain names");
        return;
    case CONFIG_NAMES:
        store_strings(&s, value, read_name, "must be host names, or .example.org for all below it");
        return;
    case CONFIG_TOKENS:
        store_strings(&s, value, read_token, "must be words without blanks");
        return;
    case CONFIG_ADDRESSES:
        store_strings(&s, value, read_address, "must be mail addresses, or @example.org for all of a domain");
        return;
    case CONFIG_HOSTS:
        store_hosts(&s, value);
        return;
    case CONFIG_TEXTS:
        store_texts(&s, value);
        return;
    case CONFIG_NETWORKS:
        store_networks(&s, value);
        return;
    case CONFIG_ENDPOINTS:
        store_endpoints(&s, value);
        return;
    default:
        break;
    }
    if (value->list) {
        config_fault_add(faults, value->at, "%s takes one value, not a list", key->name);
        return;
    }
    switch (key->type) {
    case CONFIG_BOOL:
        store_bool(&s, value->words);
        return;
    case CONFIG_NUMBER:
    case CONFIG_COUNT:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        store_quantity(&s, value->words);
        return;
    case CONFIG_POINTS:
        store_points(&s, value->words);
        return;
    case CONFIG_CHOICE:
    case CONFIG_CHOICE_BOOL:
    case CONFIG_CHOICE_TEXT:
        store_choice(&s, value->words);
        return;
    default:
        store_text(&s, value->words);
    }
}

void config_store_default(struct arena *arena, const struct config_key *key, void *element)
{
    static const struct config_source built_in = {.name = "default", .nameless = true};
    bool is_string = key->type == CONFIG_TEXT || key->type == CONFIG_PATH ||
                     key->type == CONFIG_DOMAIN || key->type == CONFIG_CHOICE_TEXT;
    if (!key->fallback && !is_string)
        return;
    struct config_word word = {.text = bytes_of(key->fallback ? key->fallback : ""),
                               .at = {&built_in, 1, 1}};
    struct config_value value = {.at = word.at, .words = &word, .count = 1};
    struct config_fault fault;
    struct config_faults faults = {.arena = arena, .items = &fault};
    struct config_key unchecked = *key;
    unchecked.required = false;
    config_store(arena, &faults, &unchecked, &value, element);
    require(faults.count == 0);
}
