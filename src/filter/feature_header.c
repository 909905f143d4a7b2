/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is taken from the header and from the structure.
 *
 * Dates and queue identifiers are left out: a model that learns them knows when its examples were collected.
 * So are the case of field names, folding, and the order of fields, which any relay may change.
 */
#include "base/ascii.h"
#include "filter/feature.h"

#include <string.h>

enum { FIELD_WORDS_MAX = 200, FIELD_NAME_MAX = 60, ZONE = 6 };

enum field_kind {
    FIELD_USUAL,
    FIELD_TRACE,
    FIELD_DATE, /* its shape and its zone */
    FIELD_ID,   /* without its digits */
    FIELD_NAME, /* only that it is there */
    FIELD_NONE  /* added on the way into the mailbox, or what some filter thought */
};

static const struct {
    const char *name;
    enum field_kind kind;
} known_fields[] = {
    {"received", FIELD_TRACE},
    {"message-id", FIELD_ID},
    {"references", FIELD_ID},
    {"in-reply-to", FIELD_ID},
    {"return-path", FIELD_NONE},
    {"delivered-to", FIELD_NONE},
    {"x-original-to", FIELD_NONE},
    {"authentication-results", FIELD_NONE},
    {"received-spf", FIELD_NONE},
    {"status", FIELD_NONE},
    {"x-status", FIELD_NONE},
    {"x-keywords", FIELD_NONE},
    {"x-uid", FIELD_NONE},
    {"x-mozilla-status", FIELD_NONE},
    {"x-mozilla-status2", FIELD_NONE},
    {"dkim-signature", FIELD_NAME},
    {"domainkey-signature", FIELD_NAME},
    {"x-google-dkim-signature", FIELD_NAME},
    {"autocrypt", FIELD_NAME},
    {"openpgp", FIELD_NAME},
    {"x-hashcash", FIELD_NAME},
};

static enum field_kind kind_of(struct bytes name)
{
    for (size_t i = 0; i < countof(known_fields); i++)
        if (bytes_is(name, known_fields[i].name))
            return known_fields[i].kind;
    if (bytes_starts_with(name, BYTES("x-vouch-")) || bytes_starts_with(name, BYTES("x-spam")))
        return FIELD_NONE;
    if (bytes_starts_with(name, BYTES("arc-")))
        return FIELD_NAME;
    if (bytes_find(name, BYTES("date")) != BYTES_NOT_FOUND)
        return FIELD_DATE;
    if (bytes_ends_with(name, BYTES("-id")))
        return FIELD_ID;
    return FIELD_USUAL;
}

/* The value in the arena, without what no other message will have. */
static struct bytes canonical(struct arena *arena, struct bytes value, enum field_kind kind)
{
    value = bytes_first(value, kind == FIELD_TRACE ? FEATURE_TRACE_MAX : FEATURE_FIELD_MAX);
    if (kind == FIELD_TRACE) {
        size_t date = bytes_rfind_byte(value, ';');
        if (date != BYTES_NOT_FOUND)
            value = bytes_first(value, date);
    }
    if (kind != FIELD_DATE && kind != FIELD_ID)
        return value;
    uint8_t *copy = arena_alloc(arena, value.len);
    if (!copy)
        return bytes_from(NULL, 0);
    size_t shape = kind == FIELD_DATE ? value.len - (value.len < ZONE ? value.len : ZONE) : value.len;
    for (size_t i = 0; i < value.len; i++) {
        copy[i] = value.ptr[i];
        if (i < shape && ascii_is_digit(copy[i]))
            copy[i] = '0';
        else if (i < shape && kind == FIELD_DATE && ascii_is_alpha(copy[i]))
            copy[i] = 'a';
    }
    return bytes_from(copy, value.len);
}

static void add_field(struct feature_set *set, struct arena *arena, struct bytes name, struct bytes value,
                      enum field_kind kind)
{
    uint64_t seed = feature_hash(name, 11);
    feature_add(set, seed, bytes_from(NULL, 0));
    if (kind == FIELD_NAME)
        return;
    struct bytes rest = canonical(arena, value, kind);
    bool id = false;
    for (unsigned i = 0; i < FIELD_WORDS_MAX; i++) {
        struct bytes word = feature_next_word(&rest, true);
        if (!word.len)
            return;
        if (!id)
            feature_add(set, feature_hash(word, seed), word);
        id = kind == FIELD_TRACE && !id && bytes_is(word, "id");
    }
}

void feature_header(struct feature_set *set, struct arena *arena, const struct message *message)
{
    size_t read = 0;
    for (size_t i = 0; i < message->field_count && read < FEATURE_HEADER_MAX; i++) {
        const struct header_field *field = &message->fields[i];
        uint8_t lower[FIELD_NAME_MAX];
        struct bytes name = bytes_first(field->name, sizeof(lower));
        for (size_t j = 0; j < name.len; j++)
            lower[j] = ascii_lower(name.ptr[j]);
        name.ptr = lower;
        enum field_kind kind = kind_of(name);
        if (kind == FIELD_NONE)
            continue;
        read += field->value.len < FEATURE_FIELD_MAX ? field->value.len : FEATURE_FIELD_MAX;
        set->field = (uint16_t)i;
        add_field(set, arena, name, field->value, kind);
    }
    set->field = FEATURE_NO_FIELD;
}

static void add_text(struct feature_set *set, struct bytes text)
{
    if (text.ptr)
        feature_add(set, feature_hash(text, 12), text);
}

static unsigned bits(size_t n)
{
    return n ? 64 - (unsigned)__builtin_clzll(n) : 0;
}

static void add_part(struct feature_set *set, struct arena *arena, const struct mime_part *part)
{
    struct bytes type = bytes_first(part->type, FIELD_NAME_MAX), subtype = bytes_first(part->subtype, FIELD_NAME_MAX);
    add_text(set, arena_printf(arena, "part %u " BYTES_FMT "/" BYTES_FMT, part->depth < 9 ? part->depth : 9,
                               BYTES_ARG(type), BYTES_ARG(subtype)));
    add_text(set, arena_printf(arena, BYTES_FMT " as %s", BYTES_ARG(type), mime_encoding_name(part->encoding)));
    struct bytes charset = bytes_first(mime_type_parameter(part, "charset"), 40);
    charset = arena_lower(arena, charset);
    add_text(set, arena_printf(arena, "charset " BYTES_FMT, BYTES_ARG(charset)));
    for (unsigned flags = part->flags; flags; flags &= flags - 1)
        add_text(set, bytes_of(mime_flag_text((enum mime_flag)(flags & -flags))));
}

static void add_attachment(struct feature_set *set, struct arena *arena,
                           const struct readable_attachment *attachment)
{
    size_t dot = bytes_rfind_byte(attachment->name, '.');
    struct bytes extension = BYTES("none");
    if (dot != BYTES_NOT_FOUND)
        extension = bytes_first(bytes_skip(attachment->name, dot), 10);
    struct bytes type = bytes_first(attachment->type, FIELD_NAME_MAX);
    extension = arena_lower(arena, extension);
    add_text(set, arena_printf(arena, "file " BYTES_FMT, BYTES_ARG(extension)));
    add_text(set, arena_printf(arena, "file " BYTES_FMT " as " BYTES_FMT, BYTES_ARG(extension), BYTES_ARG(type)));
    add_text(set, arena_printf(arena, "file of 2^%u", bits((size_t)attachment->size)));
    if (attachment->executable)
        add_text(set, BYTES("file executable"));
    if (attachment->disguised)
        add_text(set, BYTES("file disguised"));
    if (attachment->macros)
        add_text(set, BYTES("file with macros"));
}

void feature_structure(struct feature_set *set, struct arena *arena, const struct readable *readable)
{
    enum { PARTS = 30, FILES = 20, FLAGS = 15 };
    set->prefix = FEATURE_STRUCTURE;
    unsigned parts = 0;
    const struct mime_part *part = readable->mime ? readable->mime->root : NULL;
    for (; part && parts < PARTS; part = mime_next(part), parts++)
        add_part(set, arena, part);
    for (size_t i = 0; i < readable->attachment_count && i < FILES; i++)
        add_attachment(set, arena, &readable->attachments[i]);
    for (unsigned i = 0; i < FLAGS; i++)
        if (readable->flags >> i & 1)
            add_text(set, arena_printf(arena, "look %u", i));
    set->prefix = FEATURE_NO_PREFIX;
}
