/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/dkim_await.h"

#include "auth/dkim_judge.h"
#include "auth/dkim_record.h"
#include "auth/dkim_tags.h"
#include "cmd/dkim_authority.h"
#include "fiber/fiber.h"
#include "fiber/loop.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POLL_INTERVAL (5 * SECOND)

static bool is_revoked(struct bytes text)
{
    struct dkim_tags tags;
    const struct dkim_tag *data;
    return dkim_tags_parse(text, &tags, NULL) == OK && (data = dkim_tags_find(&tags, "p")) &&
           data->value.len == 0;
}

static bool is_as_awaited(struct arena *arena, const struct dkim_awaited *awaited,
                          const struct dns_answer *answer)
{
    if (answer->status == DNS_NO_DATA || answer->status == DNS_NO_NAME)
        return !awaited->key;
    if (answer->status != DNS_FOUND || answer->count != 1)
        return false;
    return awaited->key ? dkim_private_key_fits_record(arena, awaited->key, answer->records[0].text)
                        : is_revoked(answer->records[0].text);
}

static const char *problem_of(const struct dkim_awaited *awaited, const struct dns_answer *answer)
{
    if (answer->status == DNS_FAILED)
        return answer->problem ? answer->problem : "it does not answer";
    if (answer->status != DNS_FOUND)
        return "it has no such record yet";
    if (answer->count != 1)
        return "it has several records of this name; there may be one only";
    return awaited->key ? "it has another record" : "the key is not revoked there";
}

/* Into awaited->answered and ->found. */
static void judge(struct arena *arena, struct dkim_awaited *awaited, const struct authority *authority,
                  struct bytes name)
{
    size_t good = 0;
    const struct authority_server *bad = NULL;
    for (size_t i = 0; i < authority->count; i++) {
        if (is_as_awaited(arena, awaited, authority->servers[i].answer))
            good++;
        else if (!bad)
            bad = &authority->servers[i];
    }
    struct bytes text = arena_printf(arena, BYTES_FMT ": %zu of %zu name servers have it",
                                     BYTES_ARG(name), good, authority->count);
    if (authority->unresolved)
        text = arena_printf(arena, BYTES_FMT "; %zu have no address", BYTES_ARG(text),
                            authority->unresolved);
    if (bad)
        text = arena_printf(arena, BYTES_FMT "; " BYTES_FMT ": %s", BYTES_ARG(text),
                            BYTES_ARG(bad->name), problem_of(awaited, bad->answer));
    snprintf(awaited->found, sizeof(awaited->found), BYTES_FMT, BYTES_ARG(text));
    /* A server that nobody can find answers nobody else either. */
    awaited->answered = !bad;
}

/* `arena` is for this look alone. */
static enum result look_at(struct dkim_await *await, struct dkim_awaited *awaited, struct arena *arena,
                           struct error *error)
{
    struct authority *authority = arena_new(arena, struct authority);
    struct bytes name = dkim_record_name(arena, awaited->selector, await->domain);
    if (!authority || !name.ptr)
        return error_set(error, TEMP, "out of memory");
    enum result result = authority_find(await->world->dns, arena, name, await->servers, await->port,
                                        authority, error);
    if (result != OK)
        return result == NONE ? TEMP : result;
    authority_ask(arena, authority, DNS_TXT);
    judge(arena, awaited, authority, name);
    return awaited->answered ? OK : NONE;
}

/* Progress */

static void tell_line(struct dkim_awaited *awaited, const char *end)
{
    /* There are names in it that DNS said. */
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    world_show(stderr, bytes_of(awaited->found));
    fputs(end, stderr);
}

/* `last`: it is not looked again. */
static void tell(struct dkim_await *await, bool answered_only, bool last)
{
    bool terminal = isatty(STDERR_FILENO);
    struct dkim_awaited *first = NULL;
    size_t open = 0;
    for (size_t i = 0; i < await->count; i++) {
        struct dkim_awaited *awaited = &await->records[i];
        if (!awaited->answered && !first)
            first = awaited;
        open += !awaited->answered;
        if (!awaited->answered && (answered_only || (terminal && !last)))
            continue;
        if (strcmp(awaited->found, awaited->told) != 0)
            tell_line(awaited, "\n");
        memcpy(awaited->told, awaited->found, sizeof(awaited->told));
    }
    if (!first || !terminal || answered_only || last)
        return;
    tell_line(first, "");
    if (open > 1)
        fprintf(stderr, " (and %zu more)", open - 1);
    fflush(stderr);
}

/* Looking */

static enum result look_at_all(struct dkim_await *await, struct error *error)
{
    enum result worst = OK;
    for (size_t i = 0; i < await->count; i++) {
        struct dkim_awaited *awaited = &await->records[i];
        if (awaited->answered)
            continue;
        struct arena *arena = arena_create(16 << 20);
        enum result result = arena ? look_at(await, awaited, arena, error)
                                   : error_set(error, TEMP, "out of memory");
        arena_destroy(arena);
        if (result == PERM)
            return PERM;
        if (result == TEMP)
            snprintf(awaited->found, sizeof(awaited->found), BYTES_FMT ": %.300s",
                     BYTES_ARG(awaited->selector), error->text);
        if (result == TEMP || worst == OK)
            worst = result;
    }
    return worst;
}

enum result dkim_await_look(struct dkim_await *await, struct error *error)
{
    enum result result = look_at_all(await, error);
    tell(await, true, false);
    return result;
}

enum result dkim_await_all(struct dkim_await *await, int64_t wait)
{
    int64_t deadline = loop_deadline(wait);
    struct error error;
    for (;;) {
        bool last = loop_now() + POLL_INTERVAL > deadline;
        enum result result = look_at_all(await, &error);
        if (result != PERM)
            tell(await, false, last);
        if (result == OK)
            return OK;
        if (result == PERM || last) {
            fprintf(stderr, "vouch %s: %s\n", await->world->command,
                    result == PERM ? error.text
                                   : "not everywhere yet; run it again later, it goes on from here");
            return result;
        }
        fiber_sleep(POLL_INTERVAL);
    }
}
