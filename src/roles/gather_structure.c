/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The structure of a message and what a person reads of it, made once for all that looks into content. In memory
 * of its own, as a structure made for the purpose takes more than a session has; and, where there is much, on a
 * thread of the pool, so that nobody else waits for it.
 */
#include "roles/gather_parts.h"

#include "fiber/offload.h"

enum { STRUCTURE_MEMORY = 32 * 1024 * 1024, OFFLOAD_MIN = 64 * 1024 };

static void parse(void *argument)
{
    struct gather_structure *structure = argument;
    structure->parsed =
        mime_parse(structure->arena, structure->message, NULL, &structure->mime, NULL) == OK;
}

static void read_it(void *argument)
{
    struct gather_structure *structure = argument;
    structure->made = readable_make(structure->arena, structure->message, &structure->mime, &structure->readable,
                                    NULL) == OK;
}

static void run(const struct gather *gather, void (*function)(void *), void *argument)
{
    if (fiber_current() && gather->message.raw.len >= OFFLOAD_MIN)
        offload(function, argument);
    else
        function(argument);
}

const struct gather_structure *gather_structure(struct gather *gather)
{
    struct gather_structure *structure = &gather->structure;
    if (structure->tried)
        return structure->parsed ? structure : NULL;
    structure->tried = true;
    structure->message = &gather->message;
    structure->arena = arena_create(STRUCTURE_MEMORY);
    if (structure->arena)
        run(gather, parse, structure);
    return structure->parsed ? structure : NULL;
}

const struct readable *gather_readable(struct gather *gather)
{
    struct gather_structure *structure = &gather->structure;
    if (!structure->read && gather_structure(gather)) {
        structure->read = true;
        run(gather, read_it, structure);
    }
    return structure->made ? &structure->readable : NULL;
}

void gather_structure_end(struct gather *gather)
{
    arena_destroy(gather->structure.arena);
    gather->structure = (struct gather_structure){.arena = NULL};
}
