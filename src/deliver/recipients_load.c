/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the files of recipients and aliases; everything wrong with them is told at once. */
#include "base/ascii.h"
#include "config/value.h"
#include "deliver/recipients_private.h"
#include "os/files.h"

#include <stdlib.h>

enum { FILE_SIZE_MAX = 64 << 20 };

void recipients_fault(struct loading *loading, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (loading->file.len)
        buf_printf(loading->errors, BYTES_FMT ":%u: ", BYTES_ARG(loading->file), loading->line);
    buf_vprintf(loading->errors, format, args);
    buf_add_byte(loading->errors, '\n');
    va_end(args);
    loading->failed = true;
}

/* A user's name becomes a folder's name, so it may not lead out of where folders are. */
static bool name_is_safe(struct bytes name)
{
    if (name.len == 0 || name.len > 64 || name.ptr[0] == '.' || name.ptr[0] == '-')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (ascii_is_control(c) || c == '/' || c == '\\' || c == ' ' || c == '@' || c == ':' ||
            c == ',' || c == '{' || c == '"')
            return false;
    }
    return true;
}

static struct bytes next_word(struct bytes *line)
{
    *line = bytes_trim_start(*line);
    size_t end = 0;
    while (end < line->len && !ascii_is_wsp(line->ptr[end]))
        end++;
    struct bytes word = bytes_first(*line, end);
    *line = bytes_skip(*line, end);
    return word;
}

static struct bytes strip_comment(struct bytes line)
{
    return bytes_trim(bytes_first(line, bytes_find_byte(line, '#')));
}

bool recipients_insert(struct loading *loading, struct map *map, struct bytes name, void *value)
{
    struct arena *arena = loading->recipients->arena;
    void *old = NULL;
    struct bytes key = arena_lower(arena, name);
    if (!key.ptr || !map_put(map, key, value, &old)) {
        recipients_fault(loading, "out of memory");
        return false;
    }
    if (old)
        recipients_fault(loading, "'" BYTES_FMT "' stands here twice", BYTES_ARG(name));
    return true;
}

/* Below `base`, and not out of it again. */
static bool is_beneath(struct bytes path, struct bytes base)
{
    return base.len && bytes_starts_with(path, base) && path.len > base.len &&
           path.ptr[base.len] == '/' && bytes_find(path, BYTES("/../")) == BYTES_NOT_FOUND &&
           !bytes_ends_with(path, BYTES("/.."));
}

/* "/var/mail/{domain}/{user}" lies under "/var/mail". Empty for other kinds of delivery. */
static struct bytes base_of(const struct config_domain *domain)
{
    struct bytes path = bytes_of(domain->maildir);
    path = bytes_first(path, bytes_find_byte(path, '{'));
    size_t slash = bytes_rfind_byte(path, '/');
    return slash == BYTES_NOT_FOUND ? BYTES("") : bytes_first(path, slash);
}

static void read_user_option(struct loading *loading, struct user *user, struct bytes option,
                             const struct config *config)
{
    size_t equals = bytes_find_byte(option, '=');
    struct bytes key = bytes_first(option, equals), value = bytes_skip(option, equals + 1);
    char name[128];
    if (bytes_is(option, "trap")) {
        user->trap = true;
    } else if (equals == BYTES_NOT_FOUND) {
        recipients_fault(loading, "'" BYTES_FMT "' is not key=value", BYTES_ARG(option));
    } else if (bytes_is(key, "quota")) {
        user->has_quota = true;
        const char *problem = config_read_size(value, &user->quota);
        if (problem)
            recipients_fault(loading, "quota %s", problem);
    } else if (bytes_is(key, "policy")) {
        user->policy = value;
        if (!bytes_to_cstring(value, name, sizeof(name)) ||
            !bytes_is(value, config_policy_find(config, name)->name))
            recipients_fault(loading, "there is no policy '" BYTES_FMT "'", BYTES_ARG(value));
    } else if (bytes_is(key, "maildir")) {
        user->maildir = value;
        if (!value.len || value.ptr[0] != '/')
            recipients_fault(loading, "maildir '" BYTES_FMT "' is not an absolute path", BYTES_ARG(value));
        else if (!is_beneath(value, loading->base))
            recipients_fault(loading, "maildir '" BYTES_FMT "' lies outside of " BYTES_FMT
                  ", where `deliver` lets the store write", BYTES_ARG(value), BYTES_ARG(loading->base));
    } else {
        recipients_fault(loading, "unknown key '" BYTES_FMT "' (known: quota, policy, maildir; and trap)",
                         BYTES_ARG(key));
    }
}

static void read_user(struct loading *loading, struct map *users, struct bytes line,
                      const struct config *config)
{
    struct bytes name = next_word(&line);
    struct user *user = arena_new(loading->recipients->arena, struct user);
    if (!user) {
        recipients_fault(loading, "out of memory");
        return;
    }
    if (!name_is_safe(name)) {
        recipients_fault(loading, "'" BYTES_FMT "' cannot be a user's name", BYTES_ARG(name));
        return;
    }
    *user = (struct user){.name = name};
    for (struct bytes word = next_word(&line); word.len; word = next_word(&line))
        read_user_option(loading, user, word, config);
    if (user->trap && (bytes_is_nocase(name, "postmaster") || bytes_is_nocase(name, "abuse")))
        recipients_fault(loading, "'" BYTES_FMT "' must get its mail (rfc5321:4.5.1, rfc2142:4), it cannot be a trap",
                         BYTES_ARG(name));
    recipients_insert(loading, users, name, user);
}

static void read_alias(struct loading *loading, struct map *aliases, struct bytes line)
{
    struct arena *arena = loading->recipients->arena;
    size_t colon = bytes_find_byte(line, ':');
    struct bytes name = bytes_trim(bytes_first(line, colon));
    struct bytes rest = bytes_skip(line, colon + 1), target;
    if (colon == BYTES_NOT_FOUND || !name.len || !bytes_trim(rest).len) {
        recipients_fault(loading, "expected 'alias: target, target'");
        return;
    }
    size_t count = 1;
    for (size_t i = 0; i < rest.len; i++)
        count += rest.ptr[i] == ',';
    struct alias *alias = arena_new(arena, struct alias);
    struct bytes *targets = arena_alloc_array(arena, count, sizeof(*targets));
    if (!alias || !targets) {
        recipients_fault(loading, "out of memory");
        return;
    }
    *alias = (struct alias){.targets = targets, .file = loading->file, .line = loading->line};
    while (bytes_split(&rest, ',', &target)) {
        target = bytes_trim(target);
        if (!target.len)
            recipients_fault(loading, "an empty target");
        else
            targets[alias->count++] = target;
    }
    recipients_insert(loading, aliases, name, alias);
}

struct map *recipients_new_map(struct loading *loading)
{
    struct recipients *recipients = loading->recipients;
    struct map *map = map_create();
    if (map)
        recipients->maps[recipients->map_count++] = map;
    else
        recipients_fault(loading, "out of memory");
    return map;
}

/* The file's text stays in the table's arena. */
void recipients_read_lines(struct loading *loading, const char *file, const char *what,
                           void (*read)(struct loading *loading, struct bytes line, void *context),
                           void *context)
{
    struct bytes text, line;
    struct error error;
    loading->file = (struct bytes){NULL, 0};
    if (files_read(loading->recipients->arena, file, FILE_SIZE_MAX, &text, &error) != OK) {
        recipients_fault(loading, "%s: %s", what, error.text);
        return;
    }
    loading->file = bytes_of(arena_string(loading->recipients->arena, bytes_of(file)));
    loading->line = 0;
    while (bytes_split(&text, '\n', &line)) {
        loading->line++;
        line = strip_comment(line);
        if (line.len)
            read(loading, line, context);
    }
    loading->file = (struct bytes){NULL, 0};
}

struct table {
    struct map *map;
    const struct config *config;
};

static void read_user_line(struct loading *loading, struct bytes line, void *context)
{
    const struct table *table = context;
    read_user(loading, table->map, line, table->config);
}

static void read_alias_line(struct loading *loading, struct bytes line, void *context)
{
    const struct table *table = context;
    read_alias(loading, table->map, line);
}

static char *copy_text(struct recipients *recipients, const char *text)
{
    return arena_string(recipients->arena, bytes_of(text));
}

static const struct config_domain *copy_section(struct loading *loading,
                                                const struct config_domain *domain)
{
    struct recipients *recipients = loading->recipients;
    struct config_domain *copy = arena_new(recipients->arena, struct config_domain);
    if (copy) {
        copy->catch_all = copy_text(recipients, domain->catch_all);
        copy->delimiter = copy_text(recipients, domain->delimiter);
        copy->policy = copy_text(recipients, domain->policy);
        copy->quota = domain->quota;
    }
    return copy;
}

/* What a file is, for its faults: "domain example.org: recipients". */
static const char *file_of(struct loading *loading, const struct config_domain *domain, const char *key)
{
    const char *name = domain->names.count ? domain->names.items[0] : "";
    const char *what =
        arena_string(loading->recipients->arena,
                     arena_printf(loading->recipients->arena, "domain %s: %s", name, key));
    return what ? what : key;
}

static void read_domain(struct loading *loading, const struct config *config,
                        const struct config_domain *domain)
{
    struct recipients *recipients = loading->recipients;
    struct map *users = recipients_new_map(loading), *aliases = recipients_new_map(loading);
    const struct config_domain *section = copy_section(loading, domain);
    if (!users || !aliases || !section)
        return;
    bool has_users = domain->recipients && *domain->recipients;
    loading->base = base_of(domain);
    if (has_users)
        recipients_read_lines(loading, domain->recipients, file_of(loading, domain, "recipients"), read_user_line,
                              &(struct table){users, config});
    if (domain->aliases && *domain->aliases)
        recipients_read_lines(loading, domain->aliases, file_of(loading, domain, "aliases"), read_alias_line,
                              &(struct table){aliases, config});
    for (size_t i = 0; i < domain->names.count; i++) {
        struct place *place = arena_new(recipients->arena, struct place);
        if (!place) {
            recipients_fault(loading, "out of memory");
            return;
        }
        place->name = arena_lower(recipients->arena, bytes_of(domain->names.items[i]));
        place->config = section;
        place->users = users;
        place->aliases = aliases;
        place->kind = domain->method;
        place->maildir_template = arena_copy(recipients->arena, bytes_of(domain->maildir));
        place->lmtp = domain->lmtp;
        if (domain->lmtp.path)
            place->lmtp.path = copy_text(recipients, domain->lmtp.path);
        place->ask = !has_users && place->kind == CONFIG_DELIVER_LMTP;
        if (!recipients->first)
            recipients->first = place;
        recipients_insert(loading, recipients->places, place->name, place);
    }
}

enum result recipients_load(const struct config *config, struct recipients **out,
                            struct buf *errors)
{
    struct recipients *recipients = calloc(1, sizeof(*recipients));
    struct loading loading = {.recipients = recipients, .errors = errors};
    if (!recipients)
        return TEMP;
    recipients->references = 1;
    recipients->arena = arena_create(SIZE_MAX / 2);
    recipients->places = map_create();
    size_t maps = config->domain_count * 2 + config->relay_count * 2 + config->list_count * 2 + 1;
    recipients->maps = calloc(maps, sizeof(struct map *));
    if (!recipients->arena || !recipients->places || !recipients->maps) {
        recipients_free(recipients);
        return TEMP;
    }
    recipients->postmaster = arena_copy(recipients->arena, bytes_of(config->postmaster));
    for (size_t i = 0; i < config->domain_count; i++)
        read_domain(&loading, config, &config->domains[i]);
    recipients_load_relays(&loading, config);
    if (!loading.failed)
        recipients_load_lists(&loading, config);
    if (!loading.failed)
        recipients_check_targets(&loading);
    if (loading.failed) {
        recipients_free(recipients);
        return PERM;
    }
    *out = recipients;
    return OK;
}
