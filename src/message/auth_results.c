/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/auth_results.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "message/header.h"
#include "message/structured.h"

#include <string.h>

static const char *const result_names[] = {
    "none",      "pass",      "fail",     "softfail", "neutral", "policy",
    "temperror", "permerror", "nxdomain", "discard",  "unknown",
};

const char *auth_result_name(enum auth_result result)
{
    return result_names[result];
}

bool auth_result_parse(struct bytes text, enum auth_result *out)
{
    for (size_t i = 0; i < countof(result_names); i++) {
        if (bytes_is_nocase(text, result_names[i])) {
            *out = (enum auth_result)i;
            return true;
        }
    }
    /* What some called SPF's fail before RFC 7001. */
    if (!bytes_is_nocase(text, "hardfail"))
        return false;
    *out = AUTH_FAIL;
    return true;
}

struct parser {
    struct cursor c;
    struct arena *arena;
    struct octets text; /* what had to be unquoted or lower-cased */
    struct auth_results *out;
    size_t statement_capacity, property_capacity;
    const char *expected; /* what was to come where the cursor failed */
    bool out_of_memory;
};

static void fail(struct parser *p, const char *expected)
{
    if (!p->c.failed)
        p->expected = expected;
    cursor_fail(&p->c);
}

static bool is_keyword_octet(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-';
}

/* Keyword is the Ldh-str of rfc5321:4.1.2: it does not end in a hyphen. */
static bool is_keyword(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_keyword_octet(text.ptr[i]))
            return false;
    return text.len && text.ptr[text.len - 1] != '-';
}

static struct bytes take_keyword(struct parser *p, const char *what)
{
    struct bytes word = cursor_take_while(&p->c, is_keyword_octet);
    if (!is_keyword(word))
        fail(p, what);
    return word;
}

static struct bytes lower(struct parser *p, struct bytes word)
{
    size_t start = p->text.used;
    for (size_t i = 0; i < word.len; i++)
        octets_add_byte(&p->text, ascii_lower(word.ptr[i]));
    return octets_since(&p->text, start);
}

static unsigned take_version(struct parser *p)
{
    uint64_t version = 0;
    if (!bytes_to_uint(cursor_take_while(&p->c, ascii_is_digit), 999, &version))
        fail(p, "a version number");
    return (unsigned)version;
}

static struct bytes take_quoted(struct parser *p)
{
    size_t start = p->text.used;
    structured_quoted_string(&p->c, &p->text);
    return octets_since(&p->text, start);
}

/* value of rfc2045:5.1. */
static struct bytes take_value(struct parser *p, const char *what)
{
    if (cursor_peek(&p->c) == '"')
        return take_quoted(p);
    struct bytes token = cursor_take_while(&p->c, structured_is_token);
    if (token.len == 0)
        fail(p, what);
    return token;
}

static bool is_pvalue_octet(uint8_t c)
{
    return c == '@' || structured_is_token(c) || structured_is_atext(c);
}

/* value / [[local-part] "@"] domain-name, where the local part may be a quoted string. */
static struct bytes take_pvalue(struct parser *p)
{
    if (cursor_peek(&p->c) != '"') {
        struct bytes plain = cursor_take_while(&p->c, is_pvalue_octet);
        if (plain.len == 0)
            fail(p, "a property's value");
        return plain;
    }
    size_t start = p->text.used;
    structured_quoted_string(&p->c, &p->text);
    if (cursor_peek(&p->c) == '@')
        octets_add(&p->text, cursor_take_while(&p->c, is_pvalue_octet));
    return octets_since(&p->text, start);
}

/* Room for one more element; NULL where memory is out. */
static void *grow(struct parser *p, void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    size_t wanted = *capacity ? *capacity * 4 : 4;
    void *grown = arena_alloc_array(p->arena, wanted, size);
    if (!grown) {
        p->out_of_memory = true;
        fail(p, "memory");
        return NULL;
    }
    if (count)
        memcpy(grown, array, count * size);
    *capacity = wanted;
    return grown;
}

static void add_property(struct parser *p, struct auth_statement *statement,
                         const struct auth_property *property)
{
    if (statement->property_count == AUTH_PROPERTIES_MAX) {
        fail(p, "fewer properties");
        return;
    }
    struct auth_property *grown = grow(p, statement->properties, statement->property_count,
                                       &p->property_capacity, sizeof(*grown));
    if (!grown)
        return;
    statement->properties = grown;
    grown[statement->property_count++] = *property;
}

/* propspec, reasonspec, or the ungrammatical "name=value". */
static void read_property(struct parser *p, struct auth_statement *statement)
{
    struct auth_property property = {0};
    struct bytes type = take_keyword(p, "a property, \";\" or the end");
    structured_skip(&p->c, NULL);
    if (cursor_accept(&p->c, '=')) {
        structured_skip(&p->c, NULL);
        if (bytes_is_nocase(type, "reason") && statement->reason.ptr == NULL)
            statement->reason = take_value(p, "a reason");
        else
            take_pvalue(p);
        return;
    }
    if (!cursor_accept(&p->c, '.'))
        fail(p, "\".\" behind a property type");
    structured_skip(&p->c, NULL);
    property.type = lower(p, type);
    property.name = lower(p, take_keyword(p, "a property's name"));
    structured_skip(&p->c, NULL);
    if (!cursor_accept(&p->c, '='))
        fail(p, "\"=\" behind a property's name");
    structured_skip(&p->c, NULL);
    property.value = take_pvalue(p);
    if (!p->c.failed)
        add_property(p, statement, &property);
}

/* resinfo behind its method's name. */
static void read_statement(struct parser *p, struct bytes method)
{
    struct auth_statement statement = {.version = 1};
    struct bytes comment = {NULL, 0};
    statement.method = lower(p, method);
    p->property_capacity = 0;
    if (cursor_accept(&p->c, '/')) {
        structured_skip(&p->c, NULL);
        statement.version = take_version(p);
        structured_skip(&p->c, NULL);
    }
    if (!cursor_accept(&p->c, '='))
        fail(p, "\"=\" behind a method");
    structured_skip(&p->c, NULL);
    statement.result_text = take_keyword(p, "a result");
    if (!auth_result_parse(statement.result_text, &statement.result))
        statement.result = AUTH_NONE;
    structured_skip(&p->c, &comment);
    statement.comment = structured_comment_text(p->arena, comment);
    while (!cursor_at_end(&p->c) && cursor_peek(&p->c) != ';') {
        read_property(p, &statement);
        structured_skip(&p->c, NULL);
    }
    if (p->c.failed)
        return;
    if (p->out->statement_count == AUTH_STATEMENTS_MAX) {
        fail(p, "fewer statements");
        return;
    }
    struct auth_statement *grown = grow(p, p->out->statements, p->out->statement_count,
                                        &p->statement_capacity, sizeof(*grown));
    if (!grown)
        return;
    p->out->statements = grown;
    grown[p->out->statement_count++] = statement;
}

static void read_payload(struct parser *p)
{
    structured_skip(&p->c, NULL);
    p->out->authserv_id = take_value(p, "an authserv-id");
    structured_skip(&p->c, NULL);
    int next = cursor_peek(&p->c);
    if (next >= '0' && next <= '9')
        p->out->version = take_version(p);
    structured_skip(&p->c, NULL);
    if (cursor_peek(&p->c) != ';')
        fail(p, "\";\" and a result");
    while (cursor_accept(&p->c, ';')) {
        structured_skip(&p->c, NULL);
        if (cursor_at_end(&p->c) && p->out->statement_count)
            return;
        struct bytes method = take_keyword(p, "a method");
        structured_skip(&p->c, NULL);
        bool none = p->out->statement_count == 0 && bytes_is_nocase(method, "none");
        if (none && cursor_at_end(&p->c))
            return;
        read_statement(p, method);
    }
    if (!cursor_at_end(&p->c))
        fail(p, "the end");
}

enum result auth_results_parse(struct arena *arena, struct bytes value, struct auth_results *out,
                               struct error *error)
{
    *out = (struct auth_results){.version = 1};
    struct parser p = {.c = cursor_over(value), .arena = arena, .out = out};
    if (!utf8_is_valid(value))
        return error_set(error, PERM, "Authentication-Results: not UTF-8");
    if (!octets_create(arena, value.len, &p.text))
        return error_set(error, TEMP, "no memory for Authentication-Results");
    read_payload(&p);
    if (p.out_of_memory)
        return error_set(error, TEMP, "no memory for Authentication-Results");
    if (p.c.failed)
        return error_set(error, PERM, "Authentication-Results: expected %s at octet %zu",
                         p.expected ? p.expected : "a well-formed comment or string",
                         p.c.position + 1);
    return OK;
}

static bool is_token(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!structured_is_token(text.ptr[i]))
            return false;
    return text.len && utf8_is_valid(text);
}

/* [local-part] "@" domain-name, whose local part is quoted by itself where it must be: an address
 * is never one string as a whole (rfc8601:2.2). False: the text is no address. */
static bool put_address(struct header_writer *w, struct bytes text)
{
    size_t at = bytes_rfind_byte(text, '@');
    if (at == BYTES_NOT_FOUND || !utf8_is_valid(text))
        return false;
    struct bytes local = bytes_first(text, at), domain = bytes_skip(text, at + 1);
    if (!structured_is_dot_atom(domain) || !is_token(domain))
        return false;
    if (at == 0 || structured_is_dot_atom(local))
        header_put(w, local);
    else
        header_put_quoted(w, local);
    header_put(w, BYTES("@"));
    header_put(w, domain);
    return true;
}

/* As much as fits into AUTH_VALUE_MAX with a backslash before each of `escaped`. */
static struct bytes cut(struct bytes text, const char *escaped)
{
    size_t written = 0, taken = 0;
    while (taken < text.len && written < AUTH_VALUE_MAX) {
        uint8_t c = text.ptr[taken++];
        written += c && strchr(escaped, c) ? 2 : 1;
    }
    return bytes_first(text, taken);
}

static void put_value(struct header_writer *w, struct bytes value, bool address_allowed)
{
    value = cut(value, "\"\\");
    if (is_token(value))
        header_put(w, value);
    else if (!address_allowed || !put_address(w, value))
        header_put_quoted(w, value);
}

static void put_number(struct header_writer *w, const char *before, unsigned number)
{
    buf_printf(w->out, "%s%u", before, number);
}

static void write_statement(struct header_writer *w, const struct auth_statement *statement)
{
    enum auth_result known;
    bool as_written =
        is_keyword(statement->result_text) && !auth_result_parse(statement->result_text, &known);
    header_put(w, BYTES(";"));
    header_fold(w);
    header_put(w, bytes_first(statement->method, AUTH_VALUE_MAX));
    if (statement->version > 1)
        put_number(w, "/", statement->version);
    header_put(w, BYTES("="));
    header_put(w, as_written ? bytes_first(statement->result_text, AUTH_VALUE_MAX)
                             : bytes_of(auth_result_name(statement->result)));
    if (statement->comment.len) {
        header_space(w);
        header_put_comment(w, cut(statement->comment, "()\\"));
    }
    if (statement->reason.len) {
        header_word(w, BYTES("reason="));
        put_value(w, statement->reason, false);
    }
    for (size_t i = 0; i < statement->property_count; i++) {
        const struct auth_property *property = &statement->properties[i];
        if (!is_keyword(property->type) || !is_keyword(property->name))
            continue;
        header_word(w, property->type);
        header_put(w, BYTES("."));
        header_put(w, property->name);
        header_put(w, BYTES("="));
        put_value(w, property->value, true);
    }
}

/* authres-payload (rfc8601:2.2) and the end of the field. */
static void write_payload(struct header_writer *w, const struct auth_results *results)
{
    size_t written = 0;
    header_space(w);
    put_value(w, results->authserv_id, false);
    if (results->version > 1)
        put_number(w, " ", results->version);
    for (size_t i = 0; i < results->statement_count; i++) {
        if (!is_keyword(results->statements[i].method))
            continue;
        write_statement(w, &results->statements[i]);
        written++;
    }
    if (written == 0)
        header_put(w, BYTES("; none"));
    header_end(w);
}

void auth_results_write(struct buf *out, const struct auth_results *results)
{
    struct header_writer w;
    header_begin(&w, out, "Authentication-Results");
    write_payload(&w, results);
}

void auth_results_write_arc(struct buf *out, const struct auth_results *results, unsigned instance)
{
    struct header_writer w;
    header_begin(&w, out, "ARC-Authentication-Results");
    put_number(&w, " i=", instance);
    header_put(&w, BYTES(";"));
    write_payload(&w, results);
}
