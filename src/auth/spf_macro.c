/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf_macro.h"

#include "base/ascii.h"

#include <string.h>

/* ---- Syntax ---- */

/* One macro-expand: a letter with its transformers, or one of the three literals. */
struct macro {
    uint8_t letter; /* lower case; or '%', '_', '-' for the literals */
    bool escape;    /* the letter was written in upper case: URL-escape (rfc7208:7.3) */
    bool reverse;
    bool split;   /* transformers or delimiters were given */
    size_t parts; /* right-hand parts to keep; SIZE_MAX for all */
    struct bytes delimiters;
};

static bool is_delimiter(uint8_t c)
{
    return c == '.' || c == '-' || c == '+' || c == ',' || c == '/' || c == '_' || c == '=';
}

static bool is_letter(uint8_t c)
{
    return memchr("slodiphcrtv", c, 11) != NULL;
}

static bool is_explain_letter(uint8_t c)
{
    return c == 'c' || c == 'r' || c == 't';
}

/* Digits saturate: more parts than any name has are all parts. */
static bool take_digits(struct bytes text, size_t *position, size_t *parts)
{
    size_t value = 0, i = *position;
    *parts = SIZE_MAX;
    if (i >= text.len || !ascii_is_digit(text.ptr[i]))
        return true;
    for (; i < text.len && ascii_is_digit(text.ptr[i]); i++)
        if (value < 100000)
            value = value * 10 + (size_t)(text.ptr[i] - '0');
    *position = i;
    *parts = value;
    return value != 0; /* rfc7208:7.3: MUST be nonzero */
}

/* Reads the macro-expand that begins with the '%' at `at`. Returns the octets taken, 0 if it is
 * none. */
static size_t take_macro(struct bytes text, size_t at, struct macro *macro)
{
    if (at + 1 >= text.len)
        return 0;
    *macro = (struct macro){.letter = text.ptr[at + 1], .parts = SIZE_MAX};
    if (macro->letter == '%' || macro->letter == '_' || macro->letter == '-')
        return 2;
    if (macro->letter != '{' || at + 2 >= text.len)
        return 0;
    macro->letter = ascii_lower(text.ptr[at + 2]);
    macro->escape = ascii_is_upper(text.ptr[at + 2]);
    if (!is_letter(macro->letter))
        return 0;
    size_t i = at + 3;
    if (!take_digits(text, &i, &macro->parts))
        return 0;
    if (i < text.len && ascii_lower(text.ptr[i]) == 'r') {
        macro->reverse = true;
        i++;
    }
    size_t start = i;
    while (i < text.len && is_delimiter(text.ptr[i]))
        i++;
    macro->delimiters = bytes_slice(text, start, i);
    macro->split = i > at + 3;
    if (i >= text.len || text.ptr[i] != '}')
        return 0;
    return i + 1 - at;
}

/* Checks a macro-string; *tail is set to where the last macro-expand ends. */
static bool check_macros(struct bytes text, bool spaces, bool explain_letters, size_t *tail)
{
    *tail = 0;
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.ptr[i];
        if (c != '%') {
            if (!ascii_is_graph(c) && !(spaces && c == ' '))
                return false;
            i++;
            continue;
        }
        struct macro macro;
        size_t taken = take_macro(text, i, &macro);
        if (taken == 0 || (is_explain_letter(macro.letter) && !explain_letters))
            return false;
        i += taken;
        *tail = i;
    }
    return true;
}

bool spf_macro_is_valid(struct bytes text, enum spf_macro_syntax syntax)
{
    size_t tail;
    bool explain = syntax == SPF_EXPLAIN_STRING;
    return check_macros(text, explain, explain, &tail);
}

/* toplabel: letters, digits and inner hyphens, not digits alone. */
static bool is_top_label(struct bytes label)
{
    if (label.len == 0 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return false;
    bool digits = true;
    for (size_t i = 0; i < label.len; i++) {
        uint8_t c = label.ptr[i];
        if (!ascii_is_alnum(c) && c != '-')
            return false;
        digits = digits && ascii_is_digit(c);
    }
    return !digits;
}

bool spf_domain_spec_is_valid(struct bytes text)
{
    size_t tail;
    if (text.len == 0 || !check_macros(text, false, false, &tail))
        return false;
    if (tail == text.len)
        return true;
    if (text.ptr[text.len - 1] == '.')
        text.len--;
    size_t dot = bytes_rfind_byte(text, '.');
    return dot != BYTES_NOT_FOUND && is_top_label(bytes_skip(text, dot + 1));
}

/* ---- Expansion ---- */

/* Where expansion goes: `room` octets, of which either the first or the last are kept. */
struct sink {
    uint8_t *ptr;
    size_t room, len;
    bool keep_last;
};

/* Enough to see that a name was longer, with the dots before and behind its longest tail. */
enum { TAIL_KEPT = SPF_NAME_MAX + 2, TAIL_ROOM = 2 * TAIL_KEPT + 2 };

static void put(struct sink *sink, uint8_t c)
{
    if (sink->len == sink->room) {
        if (!sink->keep_last)
            return;
        memmove(sink->ptr, sink->ptr + sink->len - TAIL_KEPT, TAIL_KEPT);
        sink->len = TAIL_KEPT;
    }
    sink->ptr[sink->len++] = c;
}

static bool is_unreserved(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static void put_value(struct sink *sink, const struct macro *macro, uint8_t c)
{
    static const char digits[] = "0123456789ABCDEF";
    if (!macro->escape || is_unreserved(c)) {
        put(sink, c);
        return;
    }
    put(sink, '%');
    put(sink, (uint8_t)digits[c >> 4]);
    put(sink, (uint8_t)digits[c & 15]);
}

static void put_part(struct sink *sink, const struct macro *macro, struct bytes part)
{
    for (size_t i = 0; i < part.len; i++)
        put_value(sink, macro, part.ptr[i]);
}

static bool splits(const struct macro *macro, uint8_t c)
{
    if (macro->delimiters.len == 0)
        return c == '.';
    return bytes_find_byte(macro->delimiters, c) != BYTES_NOT_FOUND;
}

/* The last `parts` parts, in order, joined with dots. */
static void put_right_parts(struct sink *sink, const struct macro *macro, struct bytes value)
{
    size_t left = macro->parts, start = value.len;
    while (start > 0 && !(splits(macro, value.ptr[start - 1]) && --left == 0))
        start--;
    for (size_t i = start; i < value.len; i++)
        put_value(sink, macro, splits(macro, value.ptr[i]) ? '.' : value.ptr[i]);
}

/* Reversal comes first (rfc7208:7.3): the right-hand parts of the reversed list are the first
 * `parts` parts of the value, backwards. */
static void put_reversed_parts(struct sink *sink, const struct macro *macro, struct bytes value)
{
    size_t left = macro->parts, end = 0;
    while (end < value.len && !(splits(macro, value.ptr[end]) && --left == 0))
        end++;
    for (;;) {
        size_t start = end;
        while (start > 0 && !splits(macro, value.ptr[start - 1]))
            start--;
        put_part(sink, macro, bytes_slice(value, start, end));
        if (start == 0)
            return;
        put_value(sink, macro, '.');
        end = start - 1;
    }
}

/* Dotted quad, or 32 nibbles with dots between (rfc7208:7.3). */
static size_t format_dotted(const struct ip *ip, uint8_t out[64])
{
    static const char digits[] = "0123456789abcdef";
    size_t len = 0;
    for (size_t i = 0; i < (ip->family == 4 ? 4 : 16); i++) {
        uint8_t octet = ip->octets[i];
        if (len)
            out[len++] = '.';
        if (ip->family == 4) {
            if (octet >= 100)
                out[len++] = (uint8_t)('0' + octet / 100);
            if (octet >= 10)
                out[len++] = (uint8_t)('0' + octet / 10 % 10);
            out[len++] = (uint8_t)('0' + octet % 10);
        } else {
            out[len++] = (uint8_t)digits[octet >> 4];
            out[len++] = '.';
            out[len++] = (uint8_t)digits[octet & 15];
        }
    }
    return len;
}

static size_t format_decimal(int64_t number, uint8_t out[64])
{
    uint8_t reversed[20];
    size_t count = 0, len = 0;
    uint64_t rest = number < 0 ? 0 : (uint64_t)number;
    do
        reversed[count++] = (uint8_t)('0' + rest % 10);
    while (rest /= 10);
    while (count)
        out[len++] = reversed[--count];
    return len;
}

/* `scratch` holds the values that have to be made up. */
static struct bytes macro_value(const struct spf_macro_values *values, uint8_t letter,
                                uint8_t scratch[64])
{
    switch (letter) {
    case 's':
        return values->sender;
    case 'l':
        return values->local_part;
    case 'o':
        return values->sender_domain;
    case 'd':
        return values->domain;
    case 'h':
        return values->helo;
    case 'v':
        return values->ip.family == 4 ? BYTES("in-addr") : BYTES("ip6");
    case 'p':
        return values->validated_name ? values->validated_name(values->context) : BYTES("unknown");
    case 'r':
        return values->receiver.len ? values->receiver : BYTES("unknown");
    case 'i':
        return bytes_from(scratch, format_dotted(&values->ip, scratch));
    case 't':
        return bytes_from(scratch, format_decimal(values->now, scratch));
    case 'c':
        return bytes_of(ip_format(&values->ip, (char *)scratch));
    default:
        return BYTES("");
    }
}

static void put_macro(struct sink *sink, const struct spf_macro_values *values,
                      const struct macro *macro)
{
    if (macro->letter == '%') {
        put(sink, '%');
    } else if (macro->letter == '_') {
        put(sink, ' ');
    } else if (macro->letter == '-') {
        put(sink, '%');
        put(sink, '2');
        put(sink, '0');
    } else {
        uint8_t scratch[64];
        struct bytes value = macro_value(values, macro->letter, scratch);
        if (macro->reverse)
            put_reversed_parts(sink, macro, value);
        else if (macro->split)
            put_right_parts(sink, macro, value);
        else
            put_part(sink, macro, value);
    }
}

static void expand(struct sink *sink, const struct spf_macro_values *values, struct bytes text)
{
    for (size_t i = 0; i < text.len;) {
        if (!sink->keep_last && sink->len == sink->room)
            return;
        if (text.ptr[i] != '%') {
            put(sink, text.ptr[i++]);
            continue;
        }
        struct macro macro;
        size_t taken = take_macro(text, i, &macro);
        if (taken == 0)
            return;
        put_macro(sink, values, &macro);
        i += taken;
    }
}

/* What is left of a name when labels are removed from its left side until it fits. */
static struct bytes fit(struct bytes name)
{
    if (name.len && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len <= SPF_NAME_MAX)
        return name;
    size_t start = name.len > SPF_NAME_MAX ? name.len - SPF_NAME_MAX : 0;
    while (start < name.len && (start == 0 || name.ptr[start - 1] != '.'))
        start++;
    return bytes_skip(name, start);
}

struct bytes spf_macro_expand_name(const struct spf_macro_values *values, struct bytes spec,
                                   uint8_t out[SPF_NAME_MAX])
{
    if (bytes_find_byte(spec, '%') == BYTES_NOT_FOUND)
        return fit(spec);
    uint8_t storage[TAIL_ROOM];
    struct sink sink = {.ptr = storage, .room = sizeof(storage), .keep_last = true};
    expand(&sink, values, spec);
    struct bytes name = fit(bytes_from(storage, sink.len));
    if (name.len)
        memcpy(out, name.ptr, name.len);
    return bytes_from(out, name.len);
}

size_t spf_macro_expand_text(const struct spf_macro_values *values, struct bytes text, uint8_t *out,
                             size_t size)
{
    struct sink sink = {.ptr = out, .room = size};
    expand(&sink, values, text);
    for (size_t i = 0; i < sink.len; i++)
        if (!ascii_is_print(out[i]))
            out[i] = '?';
    return sink.len;
}
