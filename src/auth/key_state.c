/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/key_state.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "base/domain.h"
#include "message/date.h"

#include <inttypes.h>

#define SECONDS_PER_DAY 86400
/* The year 9999 is enough for keys. */
#define TIME_MAX INT64_C(253402300799)

static const char *const phase_names[] = {"new", "active", "retired", "revoked"};

const char *key_phase_name(enum key_phase phase)
{
    return phase_names[phase];
}

static bool phase_parse(struct bytes text, enum key_phase *out)
{
    for (size_t i = 0; i < countof(phase_names); i++) {
        *out = (enum key_phase)i;
        if (bytes_is(text, phase_names[i]))
            return true;
    }
    return false;
}

bool key_selector_is_valid(struct bytes selector)
{
    return selector.len <= KEY_SELECTOR_MAX && domain_is_valid(selector);
}

/* Times */

void key_time_write(struct buf *out, int64_t epoch)
{
    if (epoch < 0 || epoch > TIME_MAX)
        epoch = epoch < 0 ? 0 : TIME_MAX;
    int64_t days = epoch / SECONDS_PER_DAY, second = epoch % SECONDS_PER_DAY;
    int year = 1970 + (int)(days / 366);
    while (date_days(year + 1, 1, 1) <= days)
        year++;
    unsigned month = 1;
    while (month < 12 && date_days(year, month + 1, 1) <= days)
        month++;
    buf_printf(out, "%04d-%02u-%02dT%02d:%02d:%02dZ", year, month,
               (int)(days - date_days(year, month, 1)) + 1, (int)(second / 3600),
               (int)(second / 60 % 60), (int)(second % 60));
}

static unsigned take_digits(struct cursor *c, size_t count, unsigned least, unsigned most)
{
    uint64_t number = 0;
    if (!bytes_to_uint(cursor_take(c, count), most, &number) || number < least)
        cursor_fail(c);
    return (unsigned)number;
}

bool key_time_parse(struct bytes text, int64_t *out)
{
    struct cursor c = cursor_over(text);
    int year = (int)take_digits(&c, 4, 1970, 9999);
    cursor_expect(&c, '-');
    unsigned month = take_digits(&c, 2, 1, 12);
    cursor_expect(&c, '-');
    unsigned day = take_digits(&c, 2, 1, 31);
    cursor_expect(&c, 'T');
    unsigned hour = take_digits(&c, 2, 0, 23);
    cursor_expect(&c, ':');
    unsigned minute = take_digits(&c, 2, 0, 59);
    cursor_expect(&c, ':');
    unsigned second = take_digits(&c, 2, 0, 59);
    cursor_expect(&c, 'Z');
    if (c.failed || !cursor_at_end(&c))
        return false;
    int64_t first = date_days(year, month, 1), days = first + day - 1;
    if (days >= (month == 12 ? date_days(year + 1, 1, 1) : date_days(year, month + 1, 1)))
        return false;
    *out = days * SECONDS_PER_DAY + (int64_t)hour * 3600 + (int64_t)minute * 60 + second;
    return true;
}

/* Entries */

struct key_entry *key_state_find(struct key_state *state, struct bytes selector)
{
    for (size_t i = 0; i < state->count; i++)
        if (bytes_equal_nocase(state->entries[i].selector, selector))
            return &state->entries[i];
    return NULL;
}

struct key_entry *key_state_find_phase(struct key_state *state, enum key_phase phase,
                                       enum dkim_key_type type)
{
    for (size_t i = 0; i < state->count; i++)
        if (state->entries[i].phase == phase && state->entries[i].type == type)
            return &state->entries[i];
    return NULL;
}

size_t key_state_count(const struct key_state *state, enum key_phase phase)
{
    size_t count = 0;
    for (size_t i = 0; i < state->count; i++)
        count += state->entries[i].phase == phase;
    return count;
}

enum result key_state_add(struct key_state *state, struct bytes selector, enum dkim_key_type type,
                          enum key_phase phase, int64_t since, struct error *error)
{
    if (!key_selector_is_valid(selector))
        return error_set(error, PERM, "\"" BYTES_FMT "\" is no valid selector",
                         BYTES_ARG(bytes_first(selector, KEY_SELECTOR_MAX)));
    if (key_state_find(state, selector))
        return error_set(error, PERM, "there is a key with the selector " BYTES_FMT " already",
                         BYTES_ARG(selector));
    if ((phase == KEY_NEW || phase == KEY_ACTIVE) && key_state_find_phase(state, phase, type))
        return error_set(error, PERM,
                         "there would be two %s keys of the algorithm %s: " BYTES_FMT " is there",
                         phase_names[phase], dkim_key_type_name(type),
                         BYTES_ARG(key_state_find_phase(state, phase, type)->selector));
    if (state->count == KEY_STATE_MAX)
        return error_set(error, PERM, "there are more than %d keys", KEY_STATE_MAX);
    state->entries[state->count++] =
        (struct key_entry){.selector = selector, .type = type, .phase = phase, .since = since};
    return OK;
}

/* The file */

static bool is_not_blank(uint8_t octet)
{
    return octet != ' ' && octet != '\t';
}

static bool is_blank(uint8_t octet)
{
    return !is_not_blank(octet);
}

static enum result read_line(struct bytes line, struct key_state *state, struct error *error)
{
    struct cursor c = cursor_over(line);
    struct bytes fields[5];
    for (size_t i = 0; i < countof(fields); i++) {
        cursor_take_while(&c, is_blank);
        fields[i] = cursor_take_while(&c, is_not_blank);
    }
    if (fields[0].len == 0 || fields[0].ptr[0] == '#')
        return OK;
    if (fields[3].len == 0 || fields[4].len)
        return error_set(error, PERM, "a line holds selector, algorithm, phase and time");
    enum dkim_key_type type;
    enum key_phase phase;
    int64_t since;
    if (!dkim_key_type_parse(fields[1], &type))
        return error_set(error, PERM, "the algorithm is rsa or ed25519");
    if (!phase_parse(fields[2], &phase))
        return error_set(error, PERM, "the phase is new, active, retired or revoked");
    if (!key_time_parse(fields[3], &since))
        return error_set(error, PERM, "the time is not of the form 2026-11-21T10:00:00Z");
    return key_state_add(state, fields[0], type, phase, since, error);
}

enum result key_state_parse(struct bytes text, struct key_state *out, struct error *error)
{
    struct error why;
    struct bytes line;
    out->count = 0;
    if (text.len > KEY_STATE_TEXT_MAX)
        return error_set(error, PERM, "it is longer than %d octets", KEY_STATE_TEXT_MAX);
    /* bytes_split() takes ptr NULL for the end. */
    if (!text.ptr)
        return OK;
    for (unsigned number = 1; bytes_split(&text, '\n', &line); number++)
        if (read_line(line, out, &why) != OK)
            return error_set(error, PERM, "line %u: %s", number, why.text);
    return OK;
}

void key_state_write(struct buf *out, const struct key_state *state)
{
    buf_add_string(out, "# Signing keys of this domain; kept by vouch dkim keygen and rotate.\n"
                        "# selector algorithm phase since\n");
    for (size_t i = 0; i < state->count; i++) {
        const struct key_entry *entry = &state->entries[i];
        buf_printf(out, BYTES_FMT " %s %s ", BYTES_ARG(entry->selector),
                   dkim_key_type_name(entry->type), phase_names[entry->phase]);
        key_time_write(out, entry->since);
        buf_add_byte(out, '\n');
    }
}
