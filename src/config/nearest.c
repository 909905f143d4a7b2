/* SPDX-License-Identifier: BSD-2-Clause */
/* What somebody may have meant by a name that nothing bears. */
#include "config/schema.h"

#include "base/ascii.h"

enum { NEAREST_MAX = 40 };

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits between two short words; two neighbours exchanged are one edit, as fingers make it. */
static size_t edit_distance(struct bytes a, struct bytes b)
{
    size_t rows[3][NEAREST_MAX + 1];
    size_t *before = rows[0], *previous = rows[1], *current = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        previous[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        current[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            uint8_t x = ascii_lower(a.ptr[i - 1]), y = ascii_lower(b.ptr[j - 1]);
            current[j] =
                least_of(previous[j - 1] + (x != y), least_of(previous[j], current[j - 1]) + 1);
            if (i > 1 && j > 1 && x == ascii_lower(b.ptr[j - 2]) && ascii_lower(a.ptr[i - 2]) == y)
                current[j] = least_of(current[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = previous;
        previous = current;
        current = oldest;
    }
    return previous[b.len];
}

struct nearest {
    struct bytes word;
    const char *best;
    size_t distance;
};

static struct nearest nearest_to(struct bytes word)
{
    /* A third of the word may be wrong, one letter always. */
    return (struct nearest){.word = word, .distance = word.len < 3 ? 2 : word.len / 3 + 1};
}

static void nearest_try(struct nearest *nearest, const char *known)
{
    struct bytes name = bytes_of(known);
    if (nearest->word.len > NEAREST_MAX || name.len > NEAREST_MAX || name.len == 0)
        return;
    size_t distance = edit_distance(nearest->word, name);
    if (distance < nearest->distance) {
        nearest->distance = distance;
        nearest->best = known;
    }
}

const char *config_key_nearest(const struct config_section *section, struct bytes name)
{
    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; i < section->key_count; i++)
        nearest_try(&nearest, section->keys[i].name);
    return nearest.best;
}

const char *config_section_nearest(struct bytes name)
{
    struct nearest nearest = nearest_to(name);
    for (size_t i = 1; i < config_section_count; i++)
        nearest_try(&nearest, config_sections[i].name);
    return nearest.best;
}

const char *config_word_nearest(struct bytes word, const char *const *known, size_t count)
{
    struct nearest nearest = nearest_to(word);
    for (size_t i = 0; i < count; i++)
        nearest_try(&nearest, known[i]);
    return nearest.best;
}
