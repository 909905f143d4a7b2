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

/* The authserv-id as the grammar has it, however malformed what follows is; empty if there is none.
 */
static struct bytes authserv_id(struct octets *scratch, struct bytes value)
{
    struct cursor c = cursor_over(value);
    structured_skip(&c, NULL);
    if (cursor_peek(&c) != '"')
        return cursor_take_while(&c, structured_is_token);
    scratch->used = 0;
    structured_quoted_string(&c, scratch);
    return c.failed ? (struct bytes){NULL, 0} : bytes_trim(octets_since(scratch, 0));
}

/* All that stands before the first ';' without comments, blanks, quotes and a version: what a
 * reader gets who strips these first, so that "mx.exam(x)ple.org" is "mx.example.org" to him. */
static struct bytes squeezed_id(struct octets *scratch, struct bytes value)
{
    struct cursor c = cursor_over(value);
    scratch->used = 0;
    for (;;) {
        structured_skip(&c, NULL);
        int next = cursor_peek(&c);
        if (next < 0 || next == ';')
            break;
        c.position++;
        if (next != '"' && next != '\\')
            octets_add_byte(scratch, (uint8_t)next);
    }
    return octets_since(scratch, 0);
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

/* rfc8601:5: another version than the one that we read must not get past us, whoever wrote it. The
 * version stands behind the authserv-id, apart from it. */
static bool is_of_other_version(struct octets *scratch, struct bytes value)
{
    struct cursor c = cursor_over(value);
    uint64_t version = 1;
    structured_skip(&c, NULL);
    scratch->used = 0;
    if (cursor_peek(&c) == '"')
        structured_quoted_string(&c, scratch);
    else
        cursor_take_while(&c, structured_is_token);
    structured_skip(&c, NULL);
    struct bytes digits = cursor_take_while(&c, ascii_is_digit);
    structured_skip(&c, NULL);
    bool ends = cursor_at_end(&c) || cursor_peek(&c) == ';';
    return !c.failed && ends && digits.len &&
           (!bytes_to_uint(digits, UINT64_MAX, &version) || version != 1);
}

static bool is_name_of_ours(struct bytes id, const struct look_alike_rules *rules,
                            bool (*same)(struct bytes, struct bytes))
{
    bool ours = rules->authserv_id.len == 0 || same(id, rules->authserv_id);
    for (size_t i = 0; i < rules->alias_count && !ours; i++)
        ours = same(id, rules->aliases[i]);
    return ours;
}

static bool claims_to_be_ours(struct octets *scratch, struct bytes value,
                              const struct look_alike_rules *rules)
{
    struct bytes id = authserv_id(scratch, value);
    if (id.len == 0 || is_name_of_ours(id, rules, is_same_id))
        return true;
    return is_name_of_ours(squeezed_id(scratch, value), rules, is_same_id_with_version);
}

static bool is_trace(struct bytes name)
{
    static const struct bytes names[] = {
        BYTES_INIT("Return-Path"),    BYTES_INIT("Received"),
        BYTES_INIT("Delivered-To"),   BYTES_INIT("ARC-*"),
        BYTES_INIT("DKIM-Signature"), BYTES_INIT("Authentication-Results"),
        BYTES_INIT("X-Original-To"),
    };
    return is_listed(name, names, countof(names)) ||
           is_listed(name, always_removed, countof(always_removed));
}

static bool is_look_alike(struct octets *scratch, const struct header_field *field, bool at_top,
                          const struct look_alike_rules *rules)
{
    if (bytes_is_nocase(field->name, "Authentication-Results"))
        return claims_to_be_ours(scratch, field->value, rules) ||
               is_of_other_version(scratch, field->value);
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
    struct octets scratch;
    size_t longest = 0;
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].value.len > longest)
            longest = message->fields[i].value.len;
    *out = (struct look_alikes){
        .removed = arena_alloc_array(arena, message->field_count, sizeof(*out->removed))};
    if (!out->removed || !octets_create(arena, longest, &scratch))
        return error_set(error, TEMP, "no memory for the header");
    for (size_t i = 0; i < message->field_count; i++) {
        const struct header_field *field = &message->fields[i];
        at_top = at_top && is_trace(field->name);
        out->removed[i] = is_look_alike(&scratch, field, at_top, rules);
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
