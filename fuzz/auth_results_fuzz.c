/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of Authentication-Results. What is read, written and read again is the same (but for
 * values that the writer cuts), and whatever stands in a statement leaves as one well-formed field.
 */
#include "field.h"
#include "message/auth_results.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_cut(struct bytes text)
{
    return text.len > AUTH_VALUE_MAX / 2; /* each octet may need a backslash */
}

static bool statement_is_cut(const struct auth_statement *s)
{
    bool cut =
        is_cut(s->reason) || is_cut(s->comment) || is_cut(s->method) || is_cut(s->result_text);
    for (size_t i = 0; i < s->property_count; i++)
        cut = cut || is_cut(s->properties[i].value);
    return cut;
}

static bool is_any_cut(const struct auth_results *results)
{
    bool cut = is_cut(results->authserv_id);
    for (size_t i = 0; i < results->statement_count; i++)
        cut = cut || statement_is_cut(&results->statements[i]);
    return cut;
}

/* Keywords of a thousand octets make lines that cannot be folded; no value of ours is one. */
static bool has_long_keyword(const struct auth_results *results)
{
    for (size_t i = 0; i < results->statement_count; i++) {
        const struct auth_statement *s = &results->statements[i];
        if (s->method.len + s->result_text.len > 900)
            return true;
        for (size_t j = 0; j < s->property_count; j++)
            if (s->properties[j].type.len + s->properties[j].name.len > 90)
                return true;
    }
    return false;
}

static void check_same_statement(const struct auth_statement *a, const struct auth_statement *b)
{
    enum auth_result known;
    require(bytes_equal(a->method, b->method) && a->result == b->result);
    require((a->version ? a->version : 1) == (b->version ? b->version : 1));
    if (!auth_result_parse(a->result_text, &known))
        require(bytes_equal(a->result_text, b->result_text));
    require(bytes_equal(a->reason, b->reason) && bytes_equal(a->comment, b->comment));
    require(a->property_count == b->property_count);
    for (size_t i = 0; i < a->property_count; i++) {
        require(bytes_equal(a->properties[i].type, b->properties[i].type));
        require(bytes_equal(a->properties[i].name, b->properties[i].name));
        require(bytes_equal(a->properties[i].value, b->properties[i].value));
    }
}

static void check_written(struct arena *arena, const struct auth_results *results)
{
    struct auth_results again;
    struct error error;
    struct buf out;
    buf_init(&out, 64 << 20);
    auth_results_write(&out, results);
    require(!out.failed);
    if (!has_long_keyword(results)) {
        struct bytes value = field_check(buf_bytes(&out), "Authentication-Results");
        require(auth_results_parse(arena, value, &again, &error) == OK);
        require(again.statement_count == results->statement_count);
        if (!is_any_cut(results)) {
            require(bytes_equal(again.authserv_id, results->authserv_id));
            for (size_t i = 0; i < again.statement_count; i++)
                check_same_statement(&results->statements[i], &again.statements[i]);
        }
    }
    buf_free(&out);
}

/* The input, cut at its NULs, as the parts of a statement. */
static void check_hostile_parts(struct arena *arena, struct bytes text)
{
    struct bytes parts[6] = {{NULL, 0}};
    for (size_t i = 0; i < countof(parts) && bytes_split(&text, 0, &parts[i]); i++)
        parts[i] = bytes_first(parts[i], 2000);
    struct auth_property property = {BYTES("smtp"), BYTES("helo"), parts[0]};
    struct auth_statement statement = {.method = BYTES("spf"),
                                       .version = 1,
                                       .result = AUTH_FAIL,
                                       .reason = parts[1],
                                       .comment = parts[2],
                                       .result_text = bytes_first(parts[3], 50),
                                       .properties = &property,
                                       .property_count = 1};
    struct auth_results results = {BYTES("mx.example.org"), 1, &statement, 1}, again;
    struct buf out;
    buf_init(&out, 64 << 20);
    auth_results_write(&out, &results);
    require(!out.failed);
    struct bytes value = field_check(buf_bytes(&out), "Authentication-Results");
    require(auth_results_parse(arena, value, &again, NULL) == OK);
    require(bytes_is(again.authserv_id, "mx.example.org") && again.statement_count == 1);
    require(bytes_is(again.statements[0].method, "spf"));
    require(again.statements[0].property_count == 1);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_from(data, size);
    struct arena *arena = arena_create(64 << 20), *small = arena_create(1024 + 2 * size);
    if (arena && small) {
        struct auth_results results;
        enum result result = auth_results_parse(arena, text, &results, NULL);
        require(result == OK || result == PERM);
        if (result == OK)
            check_written(arena, &results);
        if (auth_results_parse(small, text, &results, NULL) == TEMP)
            require(arena_exhausted(small));
        if (size)
            check_hostile_parts(arena, text);
    }
    arena_destroy(arena);
    arena_destroy(small);
    return 0;
}
