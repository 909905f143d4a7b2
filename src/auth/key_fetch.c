/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/key_fetch.h"

#include "fiber/group.h"

enum { KEY_ANSWER_MEMORY = 128 * 1024 };

struct question {
    struct dns *dns;
    struct arena *arena;
    struct key_fetch *key;
    int64_t deadline;
};

static void ask(void *argument)
{
    struct question *question = argument;
    question->key->answer = dns_query(question->dns, question->arena, question->key->name, DNS_TXT,
                                      question->deadline);
}

/* Each fiber gets an arena of its own: marks of one must not span allocations of another. */
static void ask_in_parallel(struct arena *parent, struct question *questions, size_t count)
{
    struct fiber_group group;
    fiber_group_open(&group);
    for (size_t i = 0; i < count; i++) {
        struct arena *arena = arena_create_child(parent, KEY_ANSWER_MEMORY);
        if (arena)
            questions[i].arena = arena;
        if (!arena || !fiber_group_start(&group, "key-fetch", ask, &questions[i]))
            ask(&questions[i]);
    }
    fiber_group_wait(&group, questions[0].deadline);
    fiber_group_close(&group);
}

/* The first of the keys that has the name of this one. */
static size_t first_of_name(const struct key_fetch *keys, size_t index)
{
    size_t i = 0;
    while (!bytes_equal_nocase(keys[i].name, keys[index].name))
        i++;
    return i;
}

bool key_fetch(struct dns *dns, struct arena *arena, struct key_fetch *keys, size_t count,
               int64_t deadline)
{
    struct question *questions = arena_alloc_array(arena, count, sizeof(*questions));
    size_t asked = 0;
    if (!questions)
        return false;
    for (size_t i = 0; i < count; i++)
        if (keys[i].name.len && first_of_name(keys, i) == i)
            questions[asked++] = (struct question){dns, arena, &keys[i], deadline};
    if (asked > 1 && fiber_current())
        ask_in_parallel(arena, questions, asked);
    else
        for (size_t i = 0; i < asked; i++)
            ask(&questions[i]);
    for (size_t i = 0; i < count; i++)
        if (keys[i].name.len)
            keys[i].answer = keys[first_of_name(keys, i)].answer;
    return true;
}
