/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch ar parse: Authentication-Results fields, read as RFC 8601 has them. */
#include "base/json.h"
#include "base/utf8.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "message/auth_results.h"
#include "message/message.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vouch ar parse [--json] FILE|-\n"
    "       vouch ar parse [--json] --text 'example.org; spf=pass smtp.mailfrom=a@example.org'\n"
    "\n"
    "Shows what the Authentication-Results fields of a message say (RFC 8601), from the top, and what is\n"
    "wrong with those that cannot be read. Who wrote a field, and whether to believe it, no parser can\n"
    "tell: fields below the first Received field that you trust may be anybody's invention.\n"
    "\n"
    "  --text TEXT             the value of one field, instead of a message\n"
    "  --json                  for machines\n"
    "\n"
    "examples:\n"
    "  vouch ar parse message.eml\n"
    "  vouch ar parse --json - < message.eml\n"
    "\n"
    "exit status: 0 all fields were read, 1 one could not be, or there is none, 2 usage\n";

struct shown {
    struct arena *arena;
    struct json *json; /* NULL: for people */
    struct buf *out;
    size_t count, bad;
};

static void add_properties(struct json *json, const struct auth_statement *statement)
{
    json_key(json, "properties");
    json_begin_array(json);
    for (size_t i = 0; i < statement->property_count; i++) {
        json_begin_object(json);
        json_key(json, "type");
        json_add_bytes(json, statement->properties[i].type);
        json_key(json, "name");
        json_add_bytes(json, statement->properties[i].name);
        json_key(json, "value");
        json_add_bytes(json, statement->properties[i].value);
        json_end_object(json);
    }
    json_end_array(json);
}

static void add_json(struct json *json, const struct auth_results *results)
{
    json_key(json, "authserv_id");
    json_add_bytes(json, results->authserv_id);
    json_key(json, "version");
    json_add_integer(json, results->version);
    json_key(json, "statements");
    json_begin_array(json);
    for (size_t i = 0; i < results->statement_count; i++) {
        const struct auth_statement *statement = &results->statements[i];
        json_begin_object(json);
        json_key(json, "method");
        json_add_bytes(json, statement->method);
        json_key(json, "version");
        json_add_integer(json, statement->version);
        json_key(json, "result");
        json_add_bytes(json, statement->result_text);
        json_key(json, "reason");
        json_add_bytes(json, statement->reason);
        json_key(json, "comment");
        json_add_bytes(json, statement->comment);
        add_properties(json, statement);
        json_end_object(json);
    }
    json_end_array(json);
}

/* A value with blanks in quotes, or it would look like several. */
static void add_property(struct buf *out, const struct auth_property *property)
{
    bool quoted = property->value.len == 0 || bytes_find_byte(property->value, ' ') != BYTES_NOT_FOUND;
    buf_printf(out, " " BYTES_FMT "." BYTES_FMT "=%s" BYTES_FMT "%s", BYTES_ARG(property->type),
               BYTES_ARG(property->name), quoted ? "\"" : "", BYTES_ARG(property->value),
               quoted ? "\"" : "");
}

static void add_text(struct buf *out, const struct auth_results *results)
{
    buf_printf(out, "%s" BYTES_FMT " says", out->len ? "\n" : "", BYTES_ARG(results->authserv_id));
    if (results->version != 1)
        buf_printf(out, " (in version %u of the field, which may mean something else)",
                   results->version);
    buf_add_string(out, results->statement_count ? ":\n" : " that nothing was checked.\n");
    for (size_t i = 0; i < results->statement_count; i++) {
        const struct auth_statement *statement = &results->statements[i];
        buf_printf(out, "  %-12.*s " BYTES_FMT, BYTES_ARG(statement->method),
                   BYTES_ARG(statement->result_text));
        if (statement->version != 1)
            buf_printf(out, " by version %u of the method", statement->version);
        for (size_t p = 0; p < statement->property_count; p++)
            add_property(out, &statement->properties[p]);
        if (statement->reason.len)
            buf_printf(out, "  \"" BYTES_FMT "\"", BYTES_ARG(statement->reason));
        if (statement->comment.len)
            buf_printf(out, "  (" BYTES_FMT ")", BYTES_ARG(statement->comment));
        buf_add_byte(out, '\n');
    }
}

static void show(struct shown *shown, struct bytes value)
{
    struct auth_results results;
    struct error error;
    enum result result = auth_results_parse(shown->arena, value, &results, &error);
    shown->count++;
    shown->bad += result != OK;
    if (shown->json)
        json_begin_object(shown->json);
    if (result != OK && shown->json)
        json_member(shown->json, "error", error.text);
    else if (result != OK)
        buf_printf(shown->out, "%sA field cannot be read: %s\n", shown->out->len ? "\n" : "",
                   error.text);
    else if (shown->json)
        add_json(shown->json, &results);
    else
        add_text(shown->out, &results);
    if (shown->json)
        json_end_object(shown->json);
}

struct ar_options {
    const char *file, *text;
};

/* Text of strangers: what a terminal would obey, or show as something else, becomes '?'. */
static void clean(struct buf *out)
{
    struct bytes rest = buf_bytes(out);
    size_t used = 0;
    while (rest.len) {
        size_t shown = rest.ptr[0] == '\n' ? 1 : utf8_printable(rest), read = utf8_sequence(rest);
        if (shown)
            memmove(out->ptr + used, rest.ptr, shown);
        else
            out->ptr[used] = '?';
        used += shown ? shown : 1;
        rest = bytes_skip(rest, read ? read : 1);
    }
    out->len = used;
}

static int run(struct world *world)
{
    const struct ar_options *options = world->context;
    struct buf out;
    struct bytes content;
    struct message message;
    struct error error;
    buf_init(&out, 64 << 20);
    struct json json = json_into(&out);
    struct shown shown = {world->arena, world->options->json ? &json : NULL, &out, 0, 0};
    if (shown.json)
        json_begin_array(&json);
    if (options->text) {
        show(&shown, bytes_of(options->text));
    } else {
        if (!world_read_message(world, options->file, &content))
            return EXIT_USAGE;
        if (message_parse(world->arena, content, &message, &error) != OK) {
            fprintf(stderr, "vouch ar parse: %s\n", error.text);
            return EXIT_USAGE;
        }
        for (size_t i = 0; i < message.field_count; i++)
            if (bytes_is_nocase(message.fields[i].name, "Authentication-Results"))
                show(&shown, message.fields[i].value);
    }
    if (shown.json)
        json_end_array(&json);
    else if (!shown.count)
        buf_add_string(&out, "There is no Authentication-Results field.\n");
    if (shown.json)
        buf_add_byte(&out, '\n');
    else
        clean(&out);
    world_print(&out);
    return shown.count && !shown.bad ? EXIT_FINE : EXIT_NEGATIVE;
}

int ar_parse_command(int argc, char **argv)
{
    struct ar_options ar = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--text", &ar.text, NULL}, {"--json", NULL, &options.json}};
    struct arguments arguments = {"ar parse", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != (ar.text ? 0 : 1))
        return arguments_fail(&arguments, "wants one message file, - for standard input, or --text");
    ar.file = arguments.positions[0];
    return world_run(&arguments, &options, run, &ar);
}
