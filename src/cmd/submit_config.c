/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/submit_config.h"

#include "base/ip.h"
#include "config/schema.h"
#include "config/syntax.h"
#include "config/value.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const char system_file[] = "/etc/vouch/sendmail.conf";

bool submit_host_is_loopback(const char *host)
{
    struct ip ip;
    return bytes_is_nocase(bytes_of(host), "localhost") ||
           (ip_parse(bytes_of(host), &ip) && ip_is_loopback(&ip));
}

/* A reader of one key: NULL, or what is wrong as the end of a sentence. */
typedef const char *key_reader(struct arena *arena, const struct config_value *value,
                               const struct config_source *source, void *field);

static const char *read_text(struct arena *arena, const struct config_value *value,
                             const struct config_source *source, void *field)
{
    (void)source;
    if (value->list)
        return "is one value, not a list";
    if (bytes_find_byte(value->words->text, 0) != BYTES_NOT_FOUND)
        return "has a NUL in it";
    *(char **)field = arena_string(arena, value->words->text);
    return NULL;
}

static const char *read_path(struct arena *arena, const struct config_value *value,
                             const struct config_source *source, void *field)
{
    const char *problem = read_text(arena, value, source, field);
    if (!problem && value->words->text.len)
        *(char **)field = config_source_path(arena, source, value->words->text);
    return problem;
}

static const char *read_host(struct arena *arena, const struct config_value *value,
                             const struct config_source *source, void *field)
{
    struct ip ip;
    struct bytes name;
    const char *problem = read_text(arena, value, source, field);
    if (problem || ip_parse(value->words->text, &ip))
        return problem;
    if (!config_read_domain(arena, value->words->text, &name))
        return "is neither the name of a host nor an address";
    *(char **)field = arena_string(arena, name);
    return NULL;
}

static const char *read_tls(struct arena *arena, const struct config_value *value,
                            const struct config_source *source, void *field)
{
    static const char *const names[] = {"verify", "may", "none"};
    struct submit_config *config = field;
    (void)arena;
    (void)source;
    for (unsigned i = 0; !value->list && i < countof(names); i++)
        if (bytes_is(value->words->text, names[i])) {
            config->tls = (enum submit_tls)i;
            config->tls_given = true;
            return NULL;
        }
    return "is one of verify, may and none";
}

static bool read_port(struct bytes text, struct submit_port *port)
{
    uint64_t number;
    bool implicit = bytes_ends_with(text, BYTES("/tls"));
    if (!bytes_to_uint(bytes_first(text, text.len - (implicit ? 4 : 0)), UINT16_MAX, &number) || !number)
        return false;
    *port = (struct submit_port){(uint16_t)number, implicit || number == 465};
    return true;
}

static const char *read_ports(struct arena *arena, const struct config_value *value,
                              const struct config_source *source, void *field)
{
    struct submit_config *config = field;
    (void)arena;
    (void)source;
    if (value->count > SUBMIT_PORTS_MAX || !value->count)
        return "is one port, or up to eight in brackets";
    config->port_count = 0;
    for (const struct config_word *word = value->words; word; word = word->next)
        if (!read_port(word->text, &config->ports[config->port_count++]))
            return "is a number up to 65535, with /tls behind it for TLS from the start";
    return NULL;
}

static const struct {
    const char *name;
    key_reader *read;
    size_t offset;
} keys[] = {
    {"host", read_host, offsetof(struct submit_config, host)},
    {"port", read_ports, 0},
    {"user", read_text, offsetof(struct submit_config, user)},
    {"password-file", read_path, offsetof(struct submit_config, password_file)},
    {"from-domain", read_host, offsetof(struct submit_config, from_domain)},
    {"tls", read_tls, 0},
    {"authorities", read_path, offsetof(struct submit_config, authorities)},
    {"helo", read_host, offsetof(struct submit_config, helo)},
};

static void unknown_key(struct config_faults *faults, const struct config_word *key)
{
    const char *names[countof(keys)];
    for (size_t i = 0; i < countof(keys); i++)
        names[i] = keys[i].name;
    const char *near = config_word_nearest(key->text, names, countof(names)), *word;
    word = config_quote(faults->arena, key->text);
    if (near)
        config_fault_add(faults, key->at, "there is no key %s; is it '%s'?", word, near);
    else
        config_fault_add(faults, key->at, "there is no key %s", word);
}

static void read_entry(struct arena *arena, const struct config_entry *entry,
                       const struct config_source *source, struct config_faults *faults,
                       struct submit_config *config)
{
    for (size_t i = 0; i < countof(keys); i++) {
        if (!bytes_is(entry->key.text, keys[i].name))
            continue;
        const char *problem =
            entry->value.words
                ? keys[i].read(arena, &entry->value, source, (char *)config + keys[i].offset)
                : "wants a value";
        if (problem)
            config_fault_add(faults, entry->value.at, "%s %s", keys[i].name, problem);
        return;
    }
    unknown_key(faults, &entry->key);
}

static enum result read_source(struct arena *arena, struct config_source *source,
                               struct submit_config *config, struct buf *errors)
{
    struct config_faults faults;
    if (!config_faults_init(&faults, arena))
        return TEMP;
    struct config_block *root = config_read_tree(arena, source, &faults);
    if (!root)
        return TEMP;
    for (const struct config_entry *entry = root->entries; entry; entry = entry->next)
        read_entry(arena, entry, source, &faults, config);
    for (const struct config_block *block = root->blocks; block; block = block->next)
        config_fault_add(&faults, block->name.at, "there are no sections in this file");
    if (faults.count)
        config_faults_write(&faults, errors);
    return arena_exhausted(arena) ? TEMP : faults.count ? PERM : OK;
}

static void set_defaults(struct submit_config *config)
{
    static char localhost[] = "localhost", empty[] = "";
    *config = (struct submit_config){.host = localhost,
                                     .ports = {{587, false}, {465, true}, {25, false}},
                                     .port_count = 3,
                                     .user = empty,
                                     .password_file = empty,
                                     .from_domain = empty,
                                     .authorities = empty,
                                     .helo = empty};
}

/* What one key alone cannot say. */
static enum result finish(struct submit_config *config, const char *file, struct buf *errors)
{
    bool loopback = submit_host_is_loopback(config->host);
    if (!config->tls_given)
        config->tls = loopback && !*config->user ? SUBMIT_TLS_MAY : SUBMIT_TLS_VERIFY;
    const char *problem = NULL;
    if (*config->user && !*config->password_file)
        problem = "user wants a password-file";
    else if (*config->user && config->tls == SUBMIT_TLS_NONE && !loopback)
        problem = "user: credentials do not go to another host without TLS; "
                  "take out `tls = none` or `user`";
    if (!problem)
        return OK;
    buf_printf(errors, "%s: %s\n", file, problem);
    return PERM;
}

/* NONE: there is no such file. */
static enum result read_file(struct arena *arena, const char *file, bool required,
                             struct submit_config *config, struct buf *errors)
{
    struct config_source source = {.name = file};
    struct error error;
    if (!required && access(file, F_OK) != 0)
        return NONE;
    enum result result = config_source_read(arena, file, &source.text, &error);
    if (result == OK)
        return read_source(arena, &source, config, errors);
    buf_printf(errors, "%s: %s\n", file, error.text);
    return PERM;
}

enum result submit_config_load(struct arena *arena, const char *file, const char *home,
                               struct submit_config *out, struct buf *errors)
{
    set_defaults(out);
    if (file) {
        enum result result = read_file(arena, file, true, out, errors);
        return result == OK ? finish(out, file, errors) : result;
    }
    enum result result = read_file(arena, system_file, false, out, errors);
    const char *last = system_file;
    if (result != TEMP && result != PERM && home && *home) {
        char *own =
            arena_string(arena, arena_printf(arena, "%s/.config/vouch/sendmail.conf", home));
        if (!own)
            return TEMP;
        result = read_file(arena, own, false, out, errors);
        last = result == OK ? own : last;
    }
    return result == TEMP || result == PERM ? result : finish(out, last, errors);
}

enum result submit_config_parse(struct arena *arena, struct bytes text, struct submit_config *out,
                                struct buf *errors)
{
    struct config_source source = {.name = "sendmail.conf", .nameless = true, .text = text};
    set_defaults(out);
    enum result result = read_source(arena, &source, out, errors);
    return result == OK ? finish(out, source.name, errors) : result;
}
