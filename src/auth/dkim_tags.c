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

#define EACH_OCTET UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Whether some octet of the word may be a control character or DEL; never misses one. */
static inline bool may_hold_control(uint64_t word)
{
    uint64_t no_delete = word ^ (EACH_OCTET * 0x7f);
    return (((word - EACH_OCTET * 0x20) & ~word) | ((no_delete - EACH_OCTET) & ~no_delete)) &
           HIGH_BITS;
}

static bool is_forbidden(uint8_t c)
{
    return ascii_is_control(c) && !ascii_is_space(c);
}

/* VALCHAR and folding white space; octets above 127 pass, as rfc6376:3.2 advises for the future. */
static bool value_is_valid(struct bytes value)
{
    for (size_t i = 0; i < value.len;) {
        uint64_t word;
        if (value.len - i >= 8) {
            memcpy(&word, value.ptr + i, 8);
            if (!may_hold_control(word)) {
                i += 8;
                continue;
            }
        }
        if (is_forbidden(value.ptr[i++]))
            return false;
    }
    return true;
}

const struct dkim_tag *dkim_tags_find_name(const struct dkim_tags *tags, struct bytes name)
{
    for (size_t i = 0; i < tags->count; i++)
        if (tags->list[i].name.ptr[0] == name.ptr[0] && bytes_equal(tags->list[i].name, name))
            return &tags->list[i];
    return NULL;
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
    if (dkim_tags_find_name(tags, name))
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

struct decoder {
    uint8_t *to;
    size_t digits, length;
    uint32_t group;
};

static inline void put_digit(struct decoder *d, uint8_t digit)
{
    d->group = d->group << 6 | digit;
    if (++d->digits % 4)
        return;
    d->to[d->length++] = (uint8_t)(d->group >> 16);
    d->to[d->length++] = (uint8_t)(d->group >> 8);
    d->to[d->length++] = (uint8_t)d->group;
    d->group = 0;
}

/* As long as digits come in unbroken fours. Returns how many octets were read. */
static size_t put_fours(struct decoder *d, struct bytes value)
{
    uint8_t *to = d->to + d->length;
    size_t at = 0;
    for (; value.len - at >= 4; at += 4, to += 3) {
        uint32_t a = base64_table[value.ptr[at]], b = base64_table[value.ptr[at + 1]];
        uint32_t c = base64_table[value.ptr[at + 2]], e = base64_table[value.ptr[at + 3]];
        if ((a | b | c | e) >= BASE64_SKIP)
            break;
        uint32_t group = a << 18 | b << 12 | c << 6 | e;
        to[0] = (uint8_t)(group >> 16);
        to[1] = (uint8_t)(group >> 8);
        to[2] = (uint8_t)group;
    }
    d->length += at / 4 * 3;
    return at;
}

/* Up to the first octet that is neither digit nor white space. */
static size_t put_digits(struct decoder *d, struct bytes value)
{
    size_t at = 0;
    while (at < value.len) {
        if (d->digits % 4 == 0) {
            at += put_fours(d, bytes_skip(value, at));
            if (at == value.len)
                break;
        }
        uint8_t digit = base64_table[value.ptr[at]];
        if (digit > BASE64_SKIP)
            break;
        if (digit < BASE64_SKIP)
            put_digit(d, digit);
        at++;
    }
    return at;
}

bool dkim_tags_base64(struct arena *arena, struct bytes value, struct bytes *out)
{
    pthread_once(&base64_once, make_base64_table);
    uint8_t *octets = arena_alloc(arena, value.len / 4 * 3 + 3);
    if (!octets)
        return false;
    struct decoder d = {.to = octets};
    struct bytes rest = bytes_skip(value, put_digits(&d, value));
    size_t left = d.digits % 4, padding = 0;
    if (!read_padding(rest, &padding) || left == 1 ||
        (padding && (left == 0 || left + padding != 4)))
        return false;
    while (d.digits % 4)
        put_digit(&d, 0);
    *out = bytes_from(octets, d.length - (left ? 4 - left : 0));
    return true;
}

enum result dkim_tags_octets(struct arena *arena, const struct dkim_tags *tags, const char *name,
                             struct bytes *out, struct error *error)
{
    if (!dkim_tags_base64(arena, dkim_tags_value(tags, name), out)) {
        if (arena_exhausted(arena))
            return error_set(error, TEMP, "out of memory for this message");
        return error_set(error, PERM, "%s= is not base64", name);
    }
    return out->len ? OK : error_set(error, PERM, "%s= is empty", name);
}

enum result dkim_tags_check_names(struct arena *arena, struct bytes domain, struct bytes selector,
                                  struct error *error)
{
    if (arena_exhausted(arena))
        return error_set(error, TEMP, "out of memory for this message");
    if (!domain.len)
        return error_set(error, PERM, "d= is not a domain");
    if (!selector.len)
        return error_set(error, PERM, "s= is not a selector");
    return OK;
}
