/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/mime_parameter.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "message/message.h"
#include "message/structured.h"

/* One "name*0*=value" as it stands in the field. */
struct section {
    struct bytes name, value;
    int number; /* -1: without */
    bool encoded, taken;
};

enum { NO_NUMBER = -1, SECTION_NUMBER_MAX = 999 };

/* Blanks and comments; a comment that is not closed reaches to the end. */
static void skip_blanks(struct cursor *c, struct mime_value *out)
{
    size_t depth = 0;
    int octet;
    while ((octet = cursor_peek(c)) >= 0) {
        if (octet == '(')
            depth++;
        else if (octet == ')' && depth)
            depth--;
        else if (octet == '\\' && depth && cursor_peek_at(c, 1) >= 0)
            c->position++;
        else if (!depth && !ascii_is_space((uint8_t)octet))
            return;
        c->position++;
    }
    if (depth)
        out->malformed = true;
}

static bool is_word_octet(uint8_t c)
{
    return !ascii_is_space(c) && c != ';' && c != '(' && c != '=' && c != '"' && c != ',';
}

/* "text/plain", or "text / plain" with blanks or comments around the slash. */
static bool read_word(struct arena *arena, struct cursor *c, struct mime_value *out)
{
    struct octets word;
    if (!octets_create(arena, c->input.len, &word))
        return false;
    for (;;) {
        skip_blanks(c, out);
        struct bytes piece = cursor_take_while(c, is_word_octet);
        for (size_t i = 0; i < piece.len; i++)
            octets_add_byte(&word, ascii_lower(piece.ptr[i]));
        skip_blanks(c, out);
        bool slash = word.used && word.ptr[word.used - 1] == '/';
        if (piece.len == 0 || (cursor_peek(c) != '/' && !slash))
            break;
    }
    out->word = octets_since(&word, 0);
    if (cursor_peek(c) == '=') { /* "Content-Type: boundary=x": no word, but a parameter */
        c->position = 0;
        out->word = (struct bytes){NULL, 0};
    }
    if (cursor_peek(c) >= 0 && cursor_peek(c) != ';')
        out->malformed = true;
    return true;
}

static struct bytes read_quoted(struct cursor *c, struct octets *store, struct mime_value *out)
{
    size_t start = store->used;
    int octet;
    c->position++;
    while ((octet = cursor_peek(c)) >= 0 && octet != '"') {
        /* Windows paths in file names are written with single backslashes: one that quotes nothing that
         * needs it stays. */
        int next = cursor_peek_at(c, 1);
        if (octet == '\\' && (next == '"' || next == '\\')) {
            octet = next;
            c->position++;
        }
        octets_add_byte(store, (uint8_t)octet);
        c->position++;
    }
    if (octet < 0)
        out->malformed = true;
    else
        c->position++;
    return octets_since(store, start);
}

/* Up to the semicolon; a comment that ends it is no part of it. */
static struct bytes read_unquoted(struct cursor *c, struct mime_value *out)
{
    struct bytes value = bytes_trim(cursor_take_until(c, ';'));
    if (bytes_ends_with(value, BYTES(")"))) {
        size_t open = bytes_find_byte(value, '(');
        if (open != BYTES_NOT_FOUND && open > 0 && ascii_is_wsp(value.ptr[open - 1]))
            value = bytes_trim(bytes_first(value, open));
    }
    for (size_t i = 0; i < value.len && !out->malformed; i++)
        out->malformed = !structured_is_token(value.ptr[i]);
    return value;
}

/* "name*2*" is name, section 2, encoded (rfc2231:3, 4). */
static void split_name(struct bytes written, struct section *section)
{
    uint64_t number;
    section->number = NO_NUMBER;
    section->encoded = false;
    section->name = written;
    if (bytes_ends_with(written, BYTES("*"))) {
        section->encoded = true;
        written.len--;
        section->name = written;
    }
    size_t star = bytes_rfind_byte(written, '*');
    if (star == BYTES_NOT_FOUND)
        return;
    struct bytes digits = bytes_skip(written, star + 1);
    if (digits.len && bytes_to_uint(digits, SECTION_NUMBER_MAX, &number)) {
        section->number = (int)number;
        section->name = bytes_first(written, star);
    }
}

/* False at the end of the field. */
static bool read_section(struct cursor *c, struct octets *store, struct mime_value *out,
                         struct section *section)
{
    for (;;) {
        skip_blanks(c, out);
        if (cursor_peek(c) != ';')
            break;
        c->position++;
    }
    if (cursor_at_end(c))
        return false;
    size_t start = store->used;
    struct bytes name = cursor_take_while(c, is_word_octet);
    for (size_t i = 0; i < name.len; i++)
        octets_add_byte(store, ascii_lower(name.ptr[i]));
    split_name(octets_since(store, start), section);
    skip_blanks(c, out);
    section->value = (struct bytes){NULL, 0};
    if (!cursor_accept(c, '=') || section->name.len == 0) {
        section->name = (struct bytes){NULL, 0}; /* not a parameter: on to the next semicolon */
        out->malformed = true;
        cursor_take_until(c, ';');
        return true;
    }
    skip_blanks(c, out);
    if (cursor_peek(c) != '"') {
        section->value = read_unquoted(c, out);
        return true;
    }
    section->value = read_quoted(c, store, out);
    skip_blanks(c, out);
    if (!cursor_at_end(c) && cursor_peek(c) != ';') {
        /* `a="b" c="d"` is a forgotten semicolon; what else follows is dropped. */
        out->malformed = true;
        struct bytes rest = cursor_rest(c);
        size_t end = bytes_find_byte(rest, ';'), equals = bytes_find_byte(rest, '=');
        if (equals == BYTES_NOT_FOUND || equals > end)
            cursor_take_until(c, ';');
    }
    return true;
}

static void add_percent_decoded(struct octets *to, struct bytes text, struct mime_value *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            octets_add_byte(to, text.ptr[i]);
            continue;
        }
        int high = text.len - i > 2 ? ascii_hex_value(text.ptr[i + 1]) : -1;
        int low = text.len - i > 2 ? ascii_hex_value(text.ptr[i + 2]) : -1;
        if (high < 0 || low < 0) {
            out->malformed = true;
            octets_add_byte(to, '%');
            continue;
        }
        octets_add_byte(to, (uint8_t)(high << 4 | low));
        i += 2;
    }
}

/* Takes "charset'language'" off the front of an encoded value (rfc2231:4). */
static void take_charset(struct bytes *value, struct mime_parameter *parameter,
                         struct mime_value *out)
{
    size_t first = bytes_find_byte(*value, '\'');
    struct bytes rest = bytes_skip(*value, first == BYTES_NOT_FOUND ? value->len : first + 1);
    size_t second = bytes_find_byte(rest, '\'');
    if (first == BYTES_NOT_FOUND || second == BYTES_NOT_FOUND) {
        out->malformed = true;
        return;
    }
    parameter->charset = bytes_first(*value, first);
    parameter->language = bytes_first(rest, second);
    *value = bytes_skip(rest, second + 1);
}

static struct section *find_section(struct section *sections, size_t count, struct bytes name,
                                    int number)
{
    for (size_t i = 0; i < count; i++)
        if (!sections[i].taken && sections[i].number == number &&
            bytes_equal(sections[i].name, name))
            return &sections[i];
    return NULL;
}

/* The parameter that begins with this section, with all sections that follow without a gap. */
static void join(struct section *sections, size_t count, struct section *first,
                 struct octets *store, struct mime_value *out, struct mime_parameter *parameter)
{
    size_t start = store->used;
    parameter->name = first->name;
    parameter->extended = first->encoded || first->number == 0;
    for (struct section *section = first; section;) {
        struct bytes value = section->value;
        if (section == first && section->encoded)
            take_charset(&value, parameter, out);
        if (section->encoded)
            add_percent_decoded(store, value, out);
        else
            octets_add(store, value);
        section->taken = true;
        section = section->number == NO_NUMBER
                      ? NULL
                      : find_section(sections, count, first->name, section->number + 1);
    }
    parameter->value = octets_since(store, start);
}

bool mime_value_parse(struct arena *arena, struct bytes field, struct mime_value *out)
{
    struct section sections[MIME_PARAMETERS_MAX];
    struct octets store;
    size_t count = 0;
    *out = (struct mime_value){0};
    struct bytes text = header_unfold(arena, field);
    if (text.len && !text.ptr)
        return false;
    struct cursor c = cursor_over(text);
    /* Names and quoted values once, and all values again when they are joined. */
    if (!read_word(arena, &c, out) || !octets_create(arena, 2 * text.len, &store))
        return false;
    while (count < MIME_PARAMETERS_MAX && read_section(&c, &store, out, &sections[count])) {
        sections[count].taken = false;
        count += sections[count].name.len != 0;
    }
    if (!cursor_at_end(&c))
        out->malformed = true;
    out->parameters = arena_alloc_array(arena, count, sizeof(*out->parameters));
    if (!out->parameters)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (sections[i].taken)
            continue;
        if (sections[i].number <= 0)
            join(sections, count, &sections[i], &store, out, &out->parameters[out->count++]);
    }
    for (size_t i = 0; i < count; i++)
        if (!sections[i].taken) /* its section 0, or one between, is missing */
            out->malformed = true;
    return true;
}

const struct mime_parameter *mime_parameter(const struct mime_value *value, const char *name)
{
    const struct mime_parameter *found = NULL;
    for (size_t i = 0; i < value->count; i++) {
        const struct mime_parameter *parameter = &value->parameters[i];
        if (!bytes_is(parameter->name, name))
            continue;
        if (parameter->extended)
            return parameter;
        if (!found)
            found = parameter;
    }
    return found;
}
