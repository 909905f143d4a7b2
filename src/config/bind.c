/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/bind.h"

#include "base/ascii.h"
#include "base/map.h"
#include "config/schema.h"
#include "config/store.h"
#include "config/value.h"

#include <string.h>

struct binder {
    struct arena *arena;
    struct config_faults *faults;
    struct config *out;
    struct map *names; /* "section name" -> the word that took it */
    bool out_of_memory;
};

static const char *quote(struct binder *b, struct bytes word)
{
    return config_quote(b->arena, word);
}

/* "listener 'smtp'", "limits": what a sentence calls the section. */
static const char *block_title(struct binder *b, const struct config_block *block)
{
    if (!block->arguments)
        return quote(b, block->name.text);
    struct bytes title =
        arena_printf(b->arena, BYTES_FMT " %s", BYTES_ARG(bytes_first(block->name.text, 64)),
                     quote(b, block->arguments->text));
    const char *string = arena_string(b->arena, title);
    return string ? string : "";
}

/* False, and a fault, when the name is taken. */
static bool take_name(struct binder *b, const struct config_section *section,
                      struct config_word *word)
{
    struct bytes key =
        arena_printf(b->arena, "%s " BYTES_FMT, section->name, BYTES_ARG(word->text));
    const struct config_word *other = map_get(b->names, key);
    if (other) {
        config_fault_add(b->faults, word->at, "%s %s stands already at %s:%u:%u",
                         section->arguments ? section->name : "section", quote(b, word->text),
                         other->at.source->name, other->at.line, other->at.column);
        return false;
    }
    if (!map_put(b->names, key, word, NULL))
        b->out_of_memory = true;
    return true;
}

static void complain_key(struct binder *b, const struct config_section *section,
                         const struct config_word *key)
{
    if (config_faults_full(b->faults)) {
        config_fault_add(b->faults, key->at, "unknown key");
        return;
    }
    const char *nearest = config_key_nearest(section, key->text);
    const char *elsewhere = NULL;
    for (size_t i = 0; !nearest && !elsewhere && i < config_section_count; i++)
        if (config_key_find(&config_sections[i], key->text))
            elsewhere = config_sections[i].name;
    if (config_section_find(key->text))
        config_fault_add(b->faults, key->at, "unknown key %s: it is a section, written %s { ... }",
                         quote(b, key->text), config_section_find(key->text)->name);
    else if (nearest)
        config_fault_add(b->faults, key->at, "unknown key %s (did you mean '%s'?)",
                         quote(b, key->text), nearest);
    else if (elsewhere)
        config_fault_add(b->faults, key->at, "unknown key %s here: it belongs %s%s",
                         quote(b, key->text), *elsewhere ? "in section " : "at the top level",
                         elsewhere);
    else
        config_fault_add(b->faults, key->at, "unknown key %s", quote(b, key->text));
}

static void complain_section(struct binder *b, const struct config_word *name)
{
    if (config_faults_full(b->faults)) {
        config_fault_add(b->faults, name->at, "unknown section");
        return;
    }
    const char *nearest = config_section_nearest(name->text);
    if (config_key_find(&config_sections[0], name->text))
        config_fault_add(b->faults, name->at, "%s is a key, written %s = VALUE",
                         quote(b, name->text),
                         config_key_find(&config_sections[0], name->text)->name);
    else if (nearest)
        config_fault_add(b->faults, name->at, "unknown section %s (did you mean '%s'?)",
                         quote(b, name->text), nearest);
    else
        config_fault_add(b->faults, name->at, "unknown section %s", quote(b, name->text));
}

/* A section inside another: seldom meant, mostly a '}' is missing. */
static void complain_nested(struct binder *b, const struct config_block *block)
{
    for (const struct config_block *inner = block->blocks; inner; inner = inner->next)
        if (inner->name.text.len)
            config_fault_add(
                b->faults, inner->name.at,
                "section %s cannot stand inside %s, opened at line %u: is a '}' missing?",
                quote(b, inner->name.text), block_title(b, block), block->name.at.line);
}

static void bind_keys(struct binder *b, const struct config_section *section,
                      const struct config_block *block, void *element)
{
    const struct config_entry *seen[CONFIG_KEYS] = {NULL};
    for (const struct config_entry *entry = block->entries; entry; entry = entry->next) {
        const struct config_key *key = config_key_find(section, entry->key.text);
        if (!key) {
            complain_key(b, section, &entry->key);
            continue;
        }
        const struct config_entry **before = &seen[key - section->keys];
        if (*before) {
            config_fault_add(b->faults, entry->key.at, "%s is already set at %s:%u:%u", key->name,
                             (*before)->key.at.source->name, (*before)->key.at.line,
                             (*before)->key.at.column);
            continue;
        }
        *before = entry;
        config_store_default(b->arena, key, element);
        config_store(b->arena, b->faults, key, &entry->value, element);
    }
    for (size_t i = 0; i < section->key_count; i++) {
        if (seen[i])
            continue;
        config_store_default(b->arena, &section->keys[i], element);
        if (section->keys[i].required && !block->parent)
            config_fault_add(b->faults, block->name.at, "%s is not set", section->keys[i].name);
        else if (section->keys[i].required)
            config_fault_add(b->faults, block->name.at, "%s has no %s", block_title(b, block),
                             section->keys[i].name);
    }
}

static bool is_name(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_alnum(text.ptr[i]) &&
            bytes_find_byte(BYTES("-_."), text.ptr[i]) == BYTES_NOT_FOUND)
            return false;
    return text.len && text.len <= 64;
}

/* "listener NAME": exactly one. */
static void bind_name(struct binder *b, const struct config_section *section,
                      const struct config_block *block, char **target)
{
    *target = arena_string(b->arena, BYTES(""));
    if (block->argument_count != 1) {
        config_fault_add(b->faults, block->name.at, "section %s needs one name: %s %s {",
                         section->name, section->name, section->arguments);
        return;
    }
    struct config_word *word = block->arguments;
    if (!is_name(word->text))
        config_fault_add(b->faults, word->at, "%s is not a name of letters, digits and hyphens",
                         quote(b, word->text));
    else if (take_name(b, section, word))
        *target = arena_string(b->arena, word->text);
}

/* "domain NAME ...": at least one, none twice in the whole file. */
static void bind_names(struct binder *b, const struct config_section *section,
                       const struct config_block *block, struct config_strings *target)
{
    if (block->argument_count == 0)
        config_fault_add(b->faults, block->name.at, "section %s needs a name: %s %s {",
                         section->name, section->name, section->arguments);
    target->items = arena_alloc_array(b->arena, block->argument_count, sizeof(*target->items));
    for (struct config_word *word = block->arguments; target->items && word; word = word->next) {
        if (!config_read_domain(b->arena, word->text, &word->text))
            config_fault_add(b->faults, word->at, "%s is not a domain name%s", quote(b, word->text),
                             bytes_ends_with(word->text, BYTES(".")) ? ": leave out the last dot"
                                                                     : "");
        else if (take_name(b, section, word))
            target->items[target->count++] = arena_string(b->arena, word->text);
    }
}

static void bind_block(struct binder *b, const struct config_section *section,
                       struct config_block *block)
{
    char *root = (char *)b->out;
    void *element = root;
    complain_nested(b, block);
    if (!section->arguments) {
        if (block->arguments)
            config_fault_add(b->faults, block->arguments->at, "section %s takes no name",
                             section->name);
        if (!take_name(b, section, &block->name))
            return;
    } else {
        size_t *count = (size_t *)(root + section->count);
        char *items = *(char **)(root + section->array);
        bool is_default_policy = bytes_is(block->name.text, "policy") && block->arguments &&
                                 bytes_is(block->arguments->text, "default");
        element = is_default_policy ? items : items + (*count)++ * section->size;
        char *argument = (char *)element + section->argument;
        if (section->many_arguments)
            bind_names(b, section, block, (struct config_strings *)argument);
        else
            bind_name(b, section, block, (char **)argument);
    }
    block->element = element;
    bind_keys(b, section, block, element);
}

/* The arrays of the named sections, at their final length. Policies have "default" in front. */
static bool make_arrays(struct binder *b, const struct config_block *root)
{
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *section = &config_sections[i];
        if (!section->arguments)
            continue;
        size_t count = 1;
        for (const struct config_block *block = root->blocks; block; block = block->next)
            count += bytes_is(block->name.text, section->name);
        void *array = arena_alloc_array(b->arena, count, section->size);
        if (!array)
            return false;
        memcpy((char *)b->out + section->array, &array, sizeof(array));
    }
    b->out->policy_count = 1;
    return true;
}

/* Defaults for what the file does not open: the sections in struct config, and the default policy.
 */
static void bind_absent(struct binder *b)
{
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *section = &config_sections[i];
        for (size_t k = 0; !section->arguments && k < section->key_count; k++)
            config_store_default(b->arena, &section->keys[k], b->out);
    }
    const struct config_section *policy = config_section_find(BYTES("policy"));
    for (size_t k = 0; k < policy->key_count; k++)
        config_store_default(b->arena, &policy->keys[k], &b->out->policies[0]);
    b->out->policies[0].name = arena_string(b->arena, BYTES("default"));
}

/* Takes `deliver` apart; its form has been checked. */
static void finish_domain(struct binder *b, const struct config_block *block)
{
    struct config_domain *domain = block->element;
    const struct config_entry *entry = config_block_find(block, "deliver");
    const struct config_source *source = entry ? entry->value.at.source : block->name.at.source;
    struct bytes deliver = bytes_of(domain->deliver);
    domain->maildir = arena_string(b->arena, BYTES(""));
    if (bytes_starts_with(deliver, BYTES("maildir:"))) {
        domain->method = CONFIG_DELIVER_MAILDIR;
        domain->maildir = config_source_path(b->arena, source, bytes_skip(deliver, 8));
        return;
    }
    domain->method = CONFIG_DELIVER_LMTP;
    if (bytes_starts_with(deliver, BYTES("lmtp:unix:")))
        domain->lmtp.path = config_source_path(b->arena, source, bytes_skip(deliver, 10));
    else
        require(!config_read_endpoint(bytes_skip(deliver, 5), 0, &domain->lmtp));
}

static void bind_all(struct binder *b, struct config_block *root)
{
    bind_absent(b);
    bind_keys(b, &config_sections[0], root, b->out);
    for (struct config_block *block = root->blocks; block; block = block->next) {
        const struct config_section *section = config_section_find(block->name.text);
        if (section)
            bind_block(b, section, block);
        else if (block->name.text.len)
            complain_section(b, &block->name);
        if (arena_exhausted(b->arena))
            return;
        if (section && bytes_is(block->name.text, "domain"))
            finish_domain(b, block);
    }
    if (!arena_exhausted(b->arena) && b->out->authserv_id[0] == '\0')
        b->out->authserv_id = b->out->hostname;
}

enum result config_bind(struct arena *arena, struct config_block *root,
                        struct config_faults *faults, struct config *out)
{
    struct binder b = {.arena = arena, .faults = faults, .out = out, .names = map_create()};
    if (!b.names)
        return TEMP;
    if (make_arrays(&b, root))
        bind_all(&b, root);
    map_destroy(b.names, NULL);
    return b.out_of_memory || arena_exhausted(arena) ? TEMP : OK;
}
