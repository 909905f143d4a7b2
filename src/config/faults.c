/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/syntax.h"

#include "base/ascii.h"

#include <stdlib.h>

enum { QUOTED_MAX = 64 };

bool config_faults_init(struct config_faults *faults, struct arena *arena)
{
    *faults = (struct config_faults){.arena = arena};
    faults->items = arena_alloc_array(arena, CONFIG_FAULTS_SHOWN, sizeof(*faults->items));
    return faults->items;
}

bool config_faults_full(const struct config_faults *faults)
{
    return faults->count >= CONFIG_FAULTS_SHOWN;
}

void config_fault_add(struct config_faults *faults, struct config_place at, const char *format, ...)
{
    size_t number = faults->count++;
    if (number >= CONFIG_FAULTS_SHOWN)
        return;
    va_list args;
    va_start(args, format);
    struct bytes text = arena_vprintf(faults->arena, format, args);
    va_end(args);
    faults->items[number] = (struct config_fault){.at = at, .text = text, .number = number};
}

static int compare_numbers(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_faults(const void *left, const void *right)
{
    const struct config_fault *a = left, *b = right;
    int order = compare_numbers(a->at.source->order, b->at.source->order);
    if (order == 0)
        order = compare_numbers(a->at.line, b->at.line);
    if (order == 0)
        order = compare_numbers(a->at.column, b->at.column);
    return order ? order : compare_numbers(a->number, b->number);
}

/* A file's name may hold anything; a line of faults may not. */
static void write_clean(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_add_byte(out, ascii_is_control(text.ptr[i]) ? '?' : text.ptr[i]);
}

static void write_place(struct buf *out, struct config_place at)
{
    write_clean(out, bytes_of(at.source->name));
    buf_printf(out, ":%u:%u: ", at.line, at.column);
}

void config_faults_write(struct config_faults *faults, struct buf *out)
{
    size_t shown = faults->count < CONFIG_FAULTS_SHOWN ? faults->count : CONFIG_FAULTS_SHOWN;
    qsort(faults->items, shown, sizeof(*faults->items), compare_faults);
    for (size_t i = 0; i < shown; i++) {
        const struct config_fault *fault = &faults->items[i];
        write_place(out, fault->at);
        write_clean(out, fault->text);
        buf_add_byte(out, '\n');
    }
    if (shown && faults->count > shown) {
        write_place(out, faults->items[shown - 1].at);
        buf_printf(out, "and %zu faults more\n", faults->count - shown);
    }
}

const char *config_quote(struct arena *arena, struct bytes word)
{
    struct bytes shown = word;
    if (word.len > QUOTED_MAX) {
        /* Never cut inside a character. */
        size_t end = QUOTED_MAX;
        while (end && (word.ptr[end] & 0xc0) == 0x80)
            end--;
        shown = bytes_first(word, end);
    }
    struct bytes text = arena_printf(arena, "'" BYTES_FMT "%s'", BYTES_ARG(shown),
                                     shown.len < word.len ? "..." : "");
    char *quoted = arena_string(arena, text);
    return quoted ? quoted : "''";
}
