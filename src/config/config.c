/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config.h"

#include "config/bind.h"
#include "config/syntax.h"

#include <string.h>

static enum result finish(struct config_faults *faults, struct buf *errors)
{
    if (faults->count == 0)
        return OK;
    if (errors)
        config_faults_write(faults, errors);
    return PERM;
}

enum result config_parse(struct arena *arena, struct bytes text, const char *file,
                         struct config *out, struct buf *errors)
{
    struct config_source source = {
        .name = file ? file : "configuration",
        .nameless = !file,
        .text = text,
    };
    struct config_faults faults;
    struct config config = {0};
    if (!config_faults_init(&faults, arena))
        return TEMP;
    struct config_block *root = config_read_tree(arena, &source, &faults);
    if (!root || arena_exhausted(arena) || config_bind(arena, root, &faults, &config) != OK)
        return TEMP;
    config_check(arena, root, &faults, &config);
    config.file = arena_string(arena, bytes_of(file));
    if (arena_exhausted(arena))
        return TEMP;
    enum result result = finish(&faults, errors);
    if (result == OK)
        *out = config;
    return result;
}

enum result config_load(struct arena *arena, const char *file, struct config *out,
                        struct buf *errors)
{
    struct bytes text;
    struct error error;
    enum result result = config_source_read(arena, file, &text, &error);
    if (result == OK)
        return config_parse(arena, text, file, out, errors);
    struct config_source source = {.name = file};
    struct config_faults faults;
    if (result == TEMP || !config_faults_init(&faults, arena))
        return TEMP;
    config_fault_add(&faults, (struct config_place){&source, 1, 1}, "%s", error.text);
    return finish(&faults, errors);
}

bool config_networks_contain(const struct config_networks *networks, const struct ip *ip)
{
    for (size_t i = 0; i < networks->count; i++)
        if (ip_in_network(ip, &networks->items[i]))
            return true;
    return false;
}

bool config_strings_contain(const struct config_strings *strings, struct bytes name)
{
    for (size_t i = 0; i < strings->count; i++)
        if (bytes_equal_nocase(bytes_of(strings->items[i]), name))
            return true;
    return false;
}

bool config_is_our_domain(const struct config *config, struct bytes domain)
{
    for (size_t i = 0; i < config->domain_count; i++)
        if (config_strings_contain(&config->domains[i].names, domain))
            return true;
    return false;
}

const struct config_relay *config_relay_find(const struct config *config, struct bytes domain)
{
    for (size_t i = 0; i < config->relay_count; i++)
        if (config_strings_contain(&config->relays[i].domains, domain))
            return &config->relays[i];
    return NULL;
}

const struct config_policy *config_policy_find(const struct config *config, const char *name)
{
    for (size_t i = 1; i < config->policy_count; i++)
        if (name && strcmp(config->policies[i].name, name) == 0)
            return &config->policies[i];
    return &config->policies[0];
}
