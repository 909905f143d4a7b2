/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * authres_suite: what the doctests of Python's authres say of Authentication-Results. Reads the
 * lines of authres_to_tsv.py from standard input; exit code 1 if any check fails.
 */
#include "message/auth_results.h"
#include "message/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts that we write in another way than authres does, to the same meaning. */
static const struct difference {
    const char *text, *reason;
} differences[] = {
    {"test.example.org 1; none", "rfc8601:2.2: version 1 is implied and not written"},
    {"test.example.org; none (SPF not checked for localhost)",
     "rfc8601:2.2: a comment behind \"none\" is read and not kept"},
    {"example.com; iprev=pass policy.iprev=\"2001:db8:ea1::dead:beef\" (yummy.example.net)",
     "rfc8601:2.2: comments behind properties are read and not kept"},
    {"example.net; rrvs=fail (Mail box expired.) smtp.rrvs=user@example.com (These are not the "
     "droids "
     "you're looking for.)",
     "rfc8601:2.2: comments behind properties are read and not kept"},
};

enum { NAME_SIZE = 23 }; /* "Authentication-Results:" */

static unsigned total, passed, differing, failed, left_out;

/* The value that we write of it, in one line. */
static struct bytes write_value(struct arena *arena, const struct auth_results *results)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    auth_results_write(&out, results);
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    require(!out.failed && copy.ptr);
    buf_free(&out);
    return header_unfold(arena, bytes_slice(copy, NAME_SIZE, copy.len));
}

/* authres shows statements without their comments. */
static struct bytes statement_text(struct arena *arena, const struct auth_statement *statement)
{
    struct auth_statement copy = *statement;
    copy.comment = (struct bytes){NULL, 0};
    struct auth_results results = {BYTES("x"), 1, &copy, 1};
    return bytes_skip(write_value(arena, &results), strlen("x; "));
}

static struct bytes property_part(const struct auth_property *property, struct bytes part)
{
    return bytes_is(part, "type")   ? property->type
           : bytes_is(part, "name") ? property->name
                                    : property->value;
}

/* "header_ams_d" is authres's name for header.ams-d; what is absent is "None" there. */
static struct bytes find_property(struct arena *arena, const struct auth_statement *statement,
                                  struct bytes path)
{
    for (size_t i = 0; i < statement->property_count; i++) {
        struct bytes name =
            arena_printf(arena, BYTES_FMT "_" BYTES_FMT, BYTES_ARG(statement->properties[i].type),
                         BYTES_ARG(statement->properties[i].name));
        require(name.ptr);
        if (bytes_equal(name, path))
            return statement->properties[i].value;
    }
    return BYTES("None");
}

static struct bytes statement_part(struct arena *arena, const struct auth_statement *statement,
                                   struct bytes path)
{
    struct bytes part;
    uint64_t index;
    if (path.ptr == NULL)
        return statement_text(arena, statement);
    bytes_split(&path, '.', &part);
    if (bytes_is(part, "method"))
        return statement->method;
    if (bytes_is(part, "result"))
        return statement->result_text;
    if (bytes_is(part, "reason"))
        return statement->reason.len ? statement->reason : BYTES("None");
    if (!bytes_is(part, "properties"))
        return find_property(arena, statement, part);
    bytes_split(&path, '.', &part);
    if (!bytes_to_uint(part, statement->property_count - 1, &index))
        return BYTES("(no such property)");
    return property_part(&statement->properties[index], path);
}

static struct bytes find_value(struct arena *arena, const struct auth_results *results,
                               struct bytes path)
{
    struct bytes part;
    uint64_t index;
    bytes_split(&path, '.', &part);
    if (bytes_is(part, "authserv_id"))
        return results->authserv_id;
    if (results->statement_count == 0 || !bytes_to_uint(part, results->statement_count - 1, &index))
        return BYTES("(no such statement)");
    return statement_part(arena, &results->statements[index], path);
}

/* "header_ams_d=example.org" of a statement that was constructed; what authres calls a property's
 * comment has no place with us. */
static void build_part(struct arena *arena, struct bytes part, struct auth_statement *out)
{
    struct bytes name, type;
    bytes_split(&part, '=', &name);
    if (bytes_is(name, "method"))
        out->method = part;
    else if (bytes_is(name, "result"))
        require(auth_result_parse(part, &out->result));
    else if (bytes_is(name, "result_comment"))
        out->comment = part;
    else if (bytes_is(name, "reason"))
        out->reason = part;
    if (bytes_find_byte(name, '_') == BYTES_NOT_FOUND || bytes_ends_with(name, BYTES("_comment")))
        return;
    bytes_split(&name, '_', &type);
    char *text = arena_string(arena, name);
    for (size_t i = 0; i < name.len; i++)
        text[i] = text[i] == '_' ? '-' : text[i];
    require(out->property_count < 10);
    struct auth_property *property = &out->properties[out->property_count++];
    property->type = type;
    property->name = bytes_of(text);
    property->value = part;
}

/* What is written of parts, behind the identity that the text begins with. */
static struct bytes write_parts(struct arena *arena, struct bytes text, struct bytes parts)
{
    struct auth_statement *statements = arena_alloc_array(arena, 10, sizeof(*statements));
    struct auth_results results = {.version = 1, .statements = statements};
    struct bytes statement, part;
    bytes_split(&text, ';', &results.authserv_id);
    while (bytes_split(&parts, '\x1e', &statement)) {
        require(statements && results.statement_count < 10);
        struct auth_statement *out = &statements[results.statement_count++];
        out->properties = arena_alloc_array(arena, 10, sizeof(*out->properties));
        require(out->properties);
        while (bytes_split(&statement, '\x1f', &part))
            build_part(arena, part, out);
    }
    return write_value(arena, &results);
}

static const char *find_difference(struct bytes text)
{
    for (size_t i = 0; i < countof(differences); i++)
        if (bytes_is(text, differences[i].text))
            return differences[i].reason;
    return NULL;
}

static void check(struct arena *arena, const struct bytes fields[4])
{
    struct auth_results results;
    struct error error = {0};
    struct bytes got = BYTES("valid"), wanted = fields[0];
    if (auth_results_parse(arena, fields[1], &results, &error) != OK)
        got = bytes_is(wanted, "invalid") ? wanted : bytes_of(error.text);
    else if (bytes_is(fields[0], "value"))
        got = find_value(arena, &results, fields[2]), wanted = fields[3];
    else if (bytes_is(fields[0], "written"))
        got = write_value(arena, &results), wanted = fields[1];
    else if (bytes_is(fields[0], "built"))
        got = write_parts(arena, fields[1], fields[2]), wanted = fields[1];
    const char *reason = find_difference(fields[1]);
    total++;
    if (bytes_equal(got, wanted)) {
        passed++;
    } else if (reason && (bytes_is(fields[0], "written") || bytes_is(fields[0], "built"))) {
        differing++;
        printf("# " BYTES_FMT ": %s\n", BYTES_ARG(fields[1]), reason);
    } else {
        failed++;
        printf("FAILED " BYTES_FMT " " BYTES_FMT " of " BYTES_FMT ": \"" BYTES_FMT
               "\", not \"" BYTES_FMT "\"\n",
               BYTES_ARG(fields[0]), BYTES_ARG(fields[2]), BYTES_ARG(fields[1]), BYTES_ARG(got),
               BYTES_ARG(wanted));
    }
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_create(1 << 20);
    bool lists = argc > 1 && strcmp(argv[1], "--list") == 0;
    char line[8192];
    require(arena);
    while (fgets(line, sizeof(line), stdin)) {
        struct bytes fields[4], rest = bytes_from(line, strcspn(line, "\n"));
        for (size_t i = 0; i < 4; i++)
            require(bytes_split(&rest, '\t', &fields[i]));
        if (bytes_is(fields[0], "left-out")) {
            left_out++;
            if (lists)
                printf("# left out: " BYTES_FMT "\n", BYTES_ARG(fields[1]));
        } else {
            check(arena, fields);
        }
        arena_reset(arena);
    }
    arena_destroy(arena);
    printf("authres: %u/%u", passed, total);
    if (differing)
        printf(", %u differ with a reason", differing);
    if (failed)
        printf(", %u FAILED", failed);
    printf("; %u statements left out as Python's own (imports, contexts, methods)\n", left_out);
    return failed || total == 0;
}
