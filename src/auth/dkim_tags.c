/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_tags.h"

#include "base/ascii.h"

#include <pthread.h>
#include <string.h>

static bool name_is_valid(struct bytes name)
{
    if (name.len == 0 || !ascii_is_alpha(name.ptr[0]))
        return false;
    for (size_t i = 1; i < name.len; i++)
        if (!ascii_is_alnum(name.ptr[i]) && name.ptr[i] != '_')
            return false;
    return true;
}

/* What may stand in no value, as a table: this looks at each octet of each signature. */
static const bool forbidden[256] = {
    [0] = true,  [1] = true,  [2] = true,  [3] = true,  [4] = true,  [5] = true,  [6] = true,
    [7] = true,  [8] = true,  [11] = true, [12] = true, [14] = true, [15] = true, [16] = true,
    [17] = true, [18] = true, [19] = true, [20] = true, [21] = true, [22] = true, [23] = true,
    [24] = true, [25] = true, [26] = true, [27] = true, [28] = true, [29] = true, [30] = true,
    [31] = true, [127] = true};

/* VALCHAR and folding white space; octets above 127 pass, as rfc6376:3.2 advises for the future. */
static bool value_is_valid(struct bytes value)
{
    bool found = false;
    for (size_t i = 0; i < value.len; i++)
        found |= forbidden[value.ptr[i]];
    return !found;
}

const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags, const char *name)
{
    struct bytes wanted = bytes_of(name);
    for (size_t i = 0; i < tags->count; i++)
        if (tags->list[i].name.ptr[0] == wanted.ptr[0] && bytes_equal(tags->list[i].name, wanted))
            return &tags->list[i];
    return NULL;
}

static bool is_known(const struct dkim_tags *tags, struct bytes name)
{
    for (size_t i = 0; i < tags->count; i++)
        if (tags->list[i].name.ptr[0] == name.ptr[0] && bytes_equal(tags->list[i].name, name))
            return true;
    return false;
}

static enum result add_tag(struct dkim_tags *tags, struct bytes spec, struct error *error)
{
    size_t equals = bytes_find_byte(spec, '=');
    if (equals == BYTES_NOT_FOUND)
        return error_set(error, PERM, "part %zu of the tag list has no \"=\"", tags->count + 1);
    struct bytes name = bytes_trim(bytes_first(spec, equals));
    struct bytes span = bytes_skip(spec, equals + 1);
    if (!name_is_valid(name))
        return error_set(error, PERM, "tag %zu has no valid name", tags->count + 1);
    if (!value_is_valid(span))
        return error_set(error, PERM, "tag " BYTES_FMT "= holds control characters",
                         BYTES_ARG(bytes_first(name, 32)));
    if (is_known(tags, name))
        return error_set(error, PERM, "tag " BYTES_FMT "= stands twice",
                         BYTES_ARG(bytes_first(name, 32)));
    if (tags->count == DKIM_TAGS_MAX)
        return error_set(error, PERM, "more than %d tags", DKIM_TAGS_MAX);
    tags->list[tags->count++] = (struct dkim_tag){name, bytes_trim(span), span};
    return OK;
}

enum result dkim_tags_parse(struct bytes text, struct dkim_tags *out, struct error *error)
{
    out->count = 0;
    struct bytes rest = text.ptr ? text : BYTES(""), spec;
    while (bytes_split(&rest, ';', &spec)) {
        if (!rest.ptr && bytes_trim(spec).len == 0 && out->count)
            break; /* the ";" that may end the list */
        enum result result = add_tag(out, spec, error);
        if (result != OK)
            return result;
    }
    return OK;
}

bool dkim_tags_lists(struct bytes value, const char *word)
{
    struct bytes rest = value.ptr ? value : BYTES(""), item;
    while (bytes_split(&rest, ':', &item))
        if (bytes_is(bytes_trim(item), word))
            return true;
    return false;
}

enum { BASE64_SKIP = 0x40, BASE64_PAD = 0x41, BASE64_BAD = 0x80 };

static void fill_base64_table(uint8_t table[256])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int c = 0; c < 256; c++)
        table[c] = ascii_is_space((uint8_t)c) ? BASE64_SKIP : BASE64_BAD;
    for (uint8_t i = 0; i < 64; i++)
        table[(uint8_t)digits[i]] = i;
    table['='] = BASE64_PAD;
}

static uint8_t base64_table[256];
static pthread_once_t base64_once = PTHREAD_ONCE_INIT;

static void make_base64_table(void)
{
    fill_base64_table(base64_table);
}

/* What may follow the digits: padding, with white space anywhere. */
static bool read_padding(struct bytes rest, size_t *padding)
{
    for (size_t i = 0; i < rest.len; i++) {
        uint8_t value = base64_table[rest.ptr[i]];
        if (value == BASE64_PAD)
            ++*padding;
        else if (value != BASE64_SKIP)
            return false;
    }
    return true;
}

bool dkim_tags_base64(struct arena *arena, struct bytes value, struct bytes *out)
{
    pthread_once(&base64_once, make_base64_table);
    uint8_t *digits = arena_alloc(arena, value.len + 4);
    if (!digits)
        return false;
    size_t count = 0, at = 0, padding = 0;
    for (; at < value.len && base64_table[value.ptr[at]] <= BASE64_SKIP; at++) {
        digits[count] = base64_table[value.ptr[at]];
        count += digits[count] != BASE64_SKIP;
    }
    size_t left = count % 4;
    if (!read_padding(bytes_skip(value, at), &padding) || left == 1 ||
        (padding && left + padding != 4))
        return false;
    memset(digits + count, 0, 4);
    /* Three octets never overtake the four digits that they are made of. */
    size_t length = 0;
    for (size_t i = 0; i < count; i += 4) {
        uint32_t group = (uint32_t)digits[i] << 18 | (uint32_t)digits[i + 1] << 12 |
                         (uint32_t)digits[i + 2] << 6 | digits[i + 3];
        digits[length++] = (uint8_t)(group >> 16);
        digits[length++] = (uint8_t)(group >> 8);
        digits[length++] = (uint8_t)group;
    }
    *out = bytes_from(digits, count / 4 * 3 + (left ? left - 1 : 0));
    return true;
}
