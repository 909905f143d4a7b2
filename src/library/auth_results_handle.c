/* SPDX-License-Identifier: BSD-2-Clause */
#include "library/library.h"

#include <stdlib.h>

enum { ROOM = 4 << 20 };

EXPORTED struct vouch_auth_results *vouch_auth_results_create(void)
{
    struct vouch_auth_results *results = calloc(1, sizeof(*results));
    if (!results)
        return NULL;
    results->arena = arena_create(ROOM);
    buf_init(&results->field, LIBRARY_FIELD_MAX);
    if (results->arena)
        return results;
    free(results);
    return NULL;
}

EXPORTED void vouch_auth_results_destroy(struct vouch_auth_results *results)
{
    if (!results)
        return;
    buf_free(&results->field);
    arena_destroy(results->arena);
    free(results);
}

EXPORTED const char *vouch_auth_results_error(const struct vouch_auth_results *results)
{
    return results ? results->error.text : "out of memory";
}

static enum vouch_status fail(struct vouch_auth_results *results, enum result result,
                              const char *sentence)
{
    if (results)
        error_set(&results->error, result, "%s", sentence);
    return library_status(result);
}

static void empty(struct vouch_auth_results *results)
{
    arena_reset(results->arena);
    buf_clear(&results->field);
    results->results = (struct auth_results){.version = 1};
    results->parsed = false;
}

/* In one line, whatever its line ends are (milters get LF). False: it is more than one field. */
static bool unfold(struct arena *arena, struct bytes value, struct bytes *out)
{
    value = bytes_trim_end(value);
    uint8_t *to = arena_alloc(arena, value.len);
    size_t length = 0;
    for (size_t i = 0; to && i < value.len; i++) {
        uint8_t c = value.ptr[i];
        bool carries_on = i + 1 < value.len && (value.ptr[i + 1] == ' ' || value.ptr[i + 1] == '\t');
        if (c == '\n' && !carries_on)
            return false;
        if (c != '\n' && !(c == '\r' && i + 1 < value.len && value.ptr[i + 1] == '\n'))
            to[length++] = c;
    }
    *out = bytes_from(to, length);
    return true;
}

EXPORTED enum vouch_status vouch_auth_results_parse(struct vouch_auth_results *results,
                                                    const void *value, size_t length)
{
    if (!results || (!value && length))
        return fail(results, PERM, "there is no field");
    empty(results);
    struct auth_results read;
    struct bytes line = {NULL, 0};
    struct arena *scratch = arena_create(ROOM + length);
    enum result result = error_set(&results->error, TEMP, "out of memory");
    if (scratch && !unfold(scratch, bytes_from(value ? value : "", length), &line))
        result = error_set(&results->error, PERM, "the text is more than one field");
    else if (line.ptr)
        result = auth_results_parse(scratch, line, &read, &results->error);
    if (result == OK && !library_copy_statements(results->arena, &read, &results->results))
        result = error_set(&results->error, TEMP, "out of memory");
    arena_destroy(scratch);
    results->parsed = result == OK;
    if (result != OK)
        empty(results);
    return library_status(result);
}

EXPORTED enum vouch_status vouch_auth_results_begin(struct vouch_auth_results *results,
                                                    const char *authserv_id)
{
    struct bytes text = bytes_of(authserv_id);
    if (!results || !text.len || text.len > AUTH_VALUE_MAX)
        return fail(results, PERM, "an authserv-id has 1 to 900 octets");
    empty(results);
    struct auth_results *to = &results->results;
    to->authserv_id = library_text(results->arena, text);
    to->statements =
        arena_alloc_array(results->arena, AUTH_STATEMENTS_MAX, sizeof(*to->statements));
    if (to->authserv_id.ptr && to->statements)
        return VOUCH_OK;
    empty(results);
    return fail(results, TEMP, "out of memory");
}

/* As rfc8601:2.2 has methods, results and property types, so that the writer leaves none out. */
static bool is_keyword(const char *word)
{
    struct bytes text = bytes_of(word);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool inner = (c >= '0' && c <= '9') || (c == '-' && i > 0 && i + 1 < text.len);
        if (!letter && !inner)
            return false;
    }
    return text.len > 0 && text.len <= LIBRARY_NAME_MAX;
}

/* Only what vouch_auth_results_begin() began can be added to: its arrays have the room. */
static bool may_add(const struct vouch_auth_results *results)
{
    return results && results->results.authserv_id.len && !results->parsed;
}

EXPORTED enum vouch_status vouch_auth_results_add(struct vouch_auth_results *results,
                                                  const char *method, const char *answer,
                                                  const char *reason)
{
    if (!may_add(results))
        return fail(results, PERM, "no field was begun");
    if (!is_keyword(method) || !is_keyword(answer))
        return fail(results, PERM, "method or result is no keyword");
    struct auth_results *to = &results->results;
    if (to->statement_count == AUTH_STATEMENTS_MAX)
        return fail(results, PERM, "there are too many statements");
    struct auth_statement statement = {
        .version = 1,
        .method = library_text(results->arena, bytes_of(method)),
        .result_text = library_text(results->arena, bytes_of(answer)),
        .reason = library_text(results->arena, bytes_of(reason)),
        .comment = library_text(results->arena, BYTES("")),
        .properties = arena_alloc_array(results->arena, AUTH_PROPERTIES_MAX,
                                        sizeof(*statement.properties))};
    if (!statement.properties || arena_exhausted(results->arena))
        return fail(results, TEMP, "out of memory");
    if (!auth_result_parse(statement.result_text, &statement.result))
        statement.result = AUTH_NONE;
    to->statements[to->statement_count++] = statement;
    return VOUCH_OK;
}

EXPORTED enum vouch_status vouch_auth_results_add_property(struct vouch_auth_results *results,
                                                           const char *type, const char *name,
                                                           const char *value)
{
    if (!may_add(results) || !results->results.statement_count)
        return fail(results, PERM, "no statement was begun");
    if (!is_keyword(type) || !is_keyword(name) || !value)
        return fail(results, PERM, "type or name of the property is no keyword");
    struct auth_statement *to = &results->results.statements[results->results.statement_count - 1];
    if (to->property_count == AUTH_PROPERTIES_MAX)
        return fail(results, PERM, "there are too many properties");
    struct auth_property property = {library_text(results->arena, bytes_of(type)),
                                     library_text(results->arena, bytes_of(name)),
                                     library_text(results->arena, bytes_of(value))};
    if (arena_exhausted(results->arena))
        return fail(results, TEMP, "out of memory");
    to->properties[to->property_count++] = property;
    return VOUCH_OK;
}

EXPORTED const char *vouch_auth_results_write(struct vouch_auth_results *results)
{
    if (!results || !results->results.authserv_id.len)
        return NULL;
    buf_clear(&results->field);
    auth_results_write(&results->field, &results->results);
    buf_add_byte(&results->field, '\0');
    return results->field.failed ? NULL : (const char *)results->field.ptr;
}

/* Reading */

static const struct auth_statement *statement_of(const struct vouch_auth_results *results,
                                                 size_t index)
{
    return results && index < results->results.statement_count ? &results->results.statements[index]
                                                               : NULL;
}

static const struct auth_property *property_of(const struct vouch_auth_results *results,
                                               size_t index, size_t property)
{
    const struct auth_statement *statement = statement_of(results, index);
    return statement && property < statement->property_count ? &statement->properties[property]
                                                             : NULL;
}

EXPORTED const char *vouch_auth_results_authserv_id(const struct vouch_auth_results *results)
{
    return results ? library_string(results->results.authserv_id) : NULL;
}

EXPORTED unsigned vouch_auth_results_version(const struct vouch_auth_results *results)
{
    return results ? results->results.version : 0;
}

EXPORTED size_t vouch_auth_results_count(const struct vouch_auth_results *results)
{
    return results ? results->results.statement_count : 0;
}

EXPORTED size_t vouch_auth_results_property_count(const struct vouch_auth_results *results,
                                                  size_t index)
{
    const struct auth_statement *statement = statement_of(results, index);
    return statement ? statement->property_count : 0;
}

#define STATEMENT_READER(name, member)                                                             \
    EXPORTED const char *vouch_auth_results_##name(const struct vouch_auth_results *results,        \
                                                   size_t index)                                   \
    {                                                                                              \
        const struct auth_statement *statement = statement_of(results, index);                     \
        return statement ? library_string(statement->member) : NULL;                               \
    }
STATEMENT_READER(method, method)
STATEMENT_READER(answer, result_text)
STATEMENT_READER(reason, reason)
STATEMENT_READER(comment, comment)

#define PROPERTY_READER(member)                                                                    \
    EXPORTED const char *vouch_auth_results_property_##member(                                     \
        const struct vouch_auth_results *results, size_t index, size_t property)                   \
    {                                                                                              \
        const struct auth_property *found = property_of(results, index, property);                 \
        return found ? library_string(found->member) : NULL;                                       \
    }
PROPERTY_READER(type)
PROPERTY_READER(name)
PROPERTY_READER(value)

EXPORTED const char *vouch_auth_results_property(const struct vouch_auth_results *results,
                                                 size_t index, const char *type, const char *name)
{
    const struct auth_property *property;
    for (size_t i = 0; (property = property_of(results, index, i)); i++)
        if (bytes_equal_nocase(property->type, bytes_of(type)) &&
            bytes_equal_nocase(property->name, bytes_of(name)))
            return library_string(property->value);
    return NULL;
}
