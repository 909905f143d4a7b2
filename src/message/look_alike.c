/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/look_alike.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "message/idn.h"
#include "message/structured.h"

static const struct bytes always_removed[] = {
    BYTES_INIT("Received-SPF"),  BYTES_INIT("X-Spam-*"),       BYTES_INIT("X-Vouch-*"),
    BYTES_INIT("BIMI-Location"), BYTES_INIT("BIMI-Indicator"),
};

static bool name_matches(struct bytes name, struct bytes pattern)
{
    if (bytes_ends_with(pattern, BYTES("*")))
        return bytes_starts_with_nocase(name, bytes_first(pattern, pattern.len - 1));
    return bytes_equal_nocase(name, pattern);
}

static bool is_listed(struct bytes name, const struct bytes *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (name_matches(name, patterns[i]))
            return true;
    return false;
}

struct bytes look_alike_authserv_id(struct arena *arena, struct bytes value)
{
    struct cursor c = cursor_over(value);
    struct octets text;
    structured_skip(&c, NULL);
    if (cursor_peek(&c) != '"')
        return cursor_take_while(&c, structured_is_token);
    if (!octets_create(arena, value.len, &text))
        return (struct bytes){NULL, 0};
    structured_quoted_string(&c, &text);
    return c.failed ? (struct bytes){NULL, 0} : bytes_trim(octets_since(&text, 0));
}

/* All that stands before the first ';' without comments, blanks, quotes and a version: what a reader
 * gets who strips these first, so that "mx.exam(x)ple.org" is "mx.example.org" to him. */
static struct bytes squeezed_id(struct arena *arena, struct bytes value)
{
    struct cursor c = cursor_over(value);
    struct octets text;
    if (!octets_create(arena, value.len, &text))
        return (struct bytes){NULL, 0};
    for (;;) {
        structured_skip(&c, NULL);
        int next = cursor_peek(&c);
        if (next < 0 || next == ';')
            break;
        c.position++;
        if (next != '"' && next != '\\')
            octets_add_byte(&text, (uint8_t)next);
    }
    return octets_since(&text, 0);
}

static bool is_same_id(struct bytes id, struct bytes ours)
{
    return idn_equal(domain_strip_dot(id), domain_strip_dot(ours));
}

static bool is_same_id_with_version(struct bytes id, struct bytes ours)
{
    struct bytes version = bytes_skip(id, ours.len);
    uint64_t number;
    return bytes_starts_with_nocase(id, ours) &&
           (version.len == 0 || bytes_to_uint(version, UINT64_MAX, &number));
}

static bool claims_id(struct bytes id, struct bytes squeezed, struct bytes ours)
{
    return ours.len == 0 || is_same_id(id, ours) || is_same_id_with_version(squeezed, ours);
}

static bool claims_to_be_ours(struct arena *arena, struct bytes value,
                              const struct look_alike_rules *rules)
{
    struct arena_mark mark = arena_mark(arena);
    struct bytes id = look_alike_authserv_id(arena, value);
    struct bytes squeezed = squeezed_id(arena, value);
    bool ours = id.len == 0 || claims_id(id, squeezed, rules->authserv_id);
    for (size_t i = 0; i < rules->alias_count && !ours; i++)
        ours = claims_id(id, squeezed, rules->aliases[i]);
    arena_rewind(arena, mark);
    return ours;
}

static bool is_trace(struct bytes name)
{
    static const struct bytes names[] = {
        BYTES_INIT("Return-Path"), BYTES_INIT("Received"),     BYTES_INIT("Delivered-To"),
        BYTES_INIT("ARC-*"),       BYTES_INIT("DKIM-Signature"), BYTES_INIT("Authentication-Results"),
        BYTES_INIT("X-Original-To"),
    };
    return is_listed(name, names, countof(names)) ||
           is_listed(name, always_removed, countof(always_removed));
}

static bool is_look_alike(struct arena *arena, const struct header_field *field, bool at_top,
                          const struct look_alike_rules *rules)
{
    if (bytes_is_nocase(field->name, "Authentication-Results"))
        return claims_to_be_ours(arena, field->value, rules);
    if (rules->final_delivery && bytes_is_nocase(field->name, "Return-Path"))
        return true;
    if (rules->final_delivery && at_top && bytes_is_nocase(field->name, "Delivered-To"))
        return true;
    return is_listed(field->name, always_removed, countof(always_removed)) ||
           is_listed(field->name, rules->names, rules->name_count);
}

enum result look_alike_find(struct arena *arena, const struct message *message,
                            const struct look_alike_rules *rules, struct look_alikes *out,
                            struct error *error)
{
    bool at_top = true;
    *out = (struct look_alikes){
        .removed = arena_alloc_array(arena, message->field_count, sizeof(*out->removed))};
    if (!out->removed)
        return error_set(error, TEMP, "no memory for the header");
    for (size_t i = 0; i < message->field_count; i++) {
        const struct header_field *field = &message->fields[i];
        at_top = at_top && is_trace(field->name);
        out->removed[i] = is_look_alike(arena, field, at_top, rules);
        out->count += out->removed[i];
    }
    return OK;
}

void look_alike_write_kept(struct buf *out, const struct message *message,
                           const struct look_alikes *found)
{
    size_t i = 0;
    while (i < message->field_count) {
        size_t first = i;
        while (i < message->field_count && !found->removed[i])
            i++;
        /* Fields lie one behind the other, so a run of them is one copy. */
        if (i > first) {
            const uint8_t *start = message->fields[first].raw.ptr;
            const struct header_field *last = &message->fields[i - 1];
            size_t length = (size_t)(last->raw.ptr - start) + last->raw.len;
            buf_add(out, bytes_from(start, length));
            if (!bytes_ends_with(last->raw, BYTES("\r\n")))
                buf_add(out, BYTES("\r\n"));
        }
        i++;
    }
    buf_add(out, BYTES("\r\n"));
}
