/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether every alias leads to a mailbox.
 *
 * Each alias is looked at once. It leads somewhere if one of its targets is a mailbox, or is an alias that does:
 * those that wait for another alias are noted there, and learn of it. So this takes no longer than the table is,
 * however aliases name each other.
 */
#include "deliver/recipients_private.h"

#include <stdlib.h>

struct pointer {
    struct alias *from;
    struct pointer *next;
};

struct check {
    struct loading *loading;
    struct arena *scratch;
    struct alias **found; /* those that lead, whose pointers are to be told: a stack */
    size_t found_count, most;
};

/* Also false when memory is out, which is a fault of its own. */
static bool find(struct check *check, const struct place *place, struct bytes target, struct meaning *out)
{
    struct arena_mark mark = arena_mark(check->scratch);
    bool found = recipients_meaning(check->loading->recipients, check->scratch, place, target, out);
    arena_rewind(check->scratch, mark);
    return found;
}

/* An alias that names itself means the user of that name. The owners of lists were looked at when those were
 * read. */
static bool ends(const struct alias *alias, const struct meaning *meaning)
{
    return !meaning->alias || meaning->alias->leads || (meaning->alias == alias && meaning->user);
}

static void set_leads(struct check *check, struct alias *alias)
{
    if (alias->leads)
        return;
    alias->leads = true;
    check->found[check->found_count++] = alias;
}

static void spread(struct check *check)
{
    while (check->found_count) {
        const struct alias *alias = check->found[--check->found_count];
        for (const struct pointer *pointer = alias->pointers; pointer; pointer = pointer->next)
            set_leads(check, pointer->from);
    }
}

static void look_at(struct check *check, const struct place *place, struct alias *alias)
{
    struct meaning meaning;
    for (size_t i = 0; i < alias->count && !alias->leads; i++) {
        if (!find(check, place, alias->targets[i], &meaning))
            continue;
        if (ends(alias, &meaning)) {
            set_leads(check, alias);
            spread(check);
            return;
        }
        struct pointer *pointer = arena_new(check->loading->recipients->arena, struct pointer);
        if (!pointer) {
            recipients_fault(check->loading, "out of memory");
            return;
        }
        *pointer = (struct pointer){alias, meaning.alias->pointers};
        meaning.alias->pointers = pointer;
    }
}

static void complain(struct check *check, const struct place *place, struct bytes name,
                     const struct alias *alias)
{
    struct loading *loading = check->loading;
    struct meaning meaning;
    loading->file = alias->file;
    loading->line = alias->line;
    for (size_t i = 0; i < alias->count; i++)
        if (!find(check, place, alias->targets[i], &meaning) || !ends(alias, &meaning))
            recipients_fault(loading,
                             "'" BYTES_FMT "' leads nowhere: '" BYTES_FMT
                             "' is no user or alias of ours, nor an address",
                             BYTES_ARG(name), BYTES_ARG(alias->targets[i]));
    loading->file = (struct bytes){NULL, 0};
}

static void check_catch_all(struct check *check, const struct place *place)
{
    struct bytes catch_all = bytes_of(place->config->catch_all);
    struct meaning meaning;
    if (catch_all.len && (!find(check, place, catch_all, &meaning) || !ends(NULL, &meaning)))
        recipients_fault(check->loading,
                         "domain " BYTES_FMT ": catch-all '" BYTES_FMT "' is no user or alias of ours",
                         BYTES_ARG(place->name), BYTES_ARG(catch_all));
}

static void each_alias(struct check *check, const struct place *place, bool last)
{
    size_t position = 0;
    struct bytes name;
    void *alias;
    while (map_next(place->aliases, &position, &name, &alias)) {
        if (last)
            complain(check, place, name, alias);
        else
            look_at(check, place, alias);
    }
}

static void each_place(struct check *check, bool last)
{
    size_t position = 0;
    struct bytes domain;
    void *value;
    while (map_next(check->loading->recipients->places, &position, &domain, &value)) {
        const struct place *place = value;
        if (place->ask || place->relay)
            continue;
        if (last)
            check_catch_all(check, place);
        each_alias(check, place, last);
    }
}

void recipients_check_targets(struct loading *loading)
{
    struct check check = {.loading = loading, .scratch = arena_create(1 << 20)};
    for (size_t i = 0; i < loading->recipients->map_count; i++)
        check.most += map_count(loading->recipients->maps[i]);
    check.found = calloc(check.most + 1, sizeof(*check.found));
    if (check.scratch && check.found) {
        each_place(&check, false);
        each_place(&check, true);
    } else {
        recipients_fault(loading, "out of memory");
    }
    free(check.found);
    arena_destroy(check.scratch);
}
