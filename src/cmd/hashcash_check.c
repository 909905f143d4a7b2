/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch hashcash check: stamps, or those of a message. */
#include "auth/hashcash.h"

#include "base/json.h"
#include "cmd/codec.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "message/date.h"

#include <stdio.h>

static const char usage[] =
    "usage: vouch hashcash check [options] STAMP...\n"
    "       vouch hashcash check [options] --resource A,B,... --file FILE|-\n"
    "\n"
    "Says whether hashcash stamps hold: enough work, in time, for the right recipient. Whether one was\n"
    "used before is known to the gateway only. Of a message the best stamp counts.\n"
    "\n"
    "  --file FILE             a message with X-Hashcash or Hashcash fields\n"
    "  --bits N                that are demanded (default 20)\n"
    "  --resource A,B,...      for one of these recipients (not asked without)\n"
    "  --days N                how long a stamp is valid (default 28; and 2 days of clock skew)\n"
    "  --now EPOCH             as if it were then (seconds since 1970)\n"
    "  --json                  for machines, one object a line\n"
    "\n"
    "examples:\n"
    "  vouch hashcash check --bits 20 --resource user@example.org 1:20:261122:user@example.org::a:b\n"
    "  vouch hashcash check --resource user@example.org --file message.eml\n"
    "\n"
    "exit status: 0 all hold, 1 one does not (or a message has none), 2 usage\n";

enum { RECIPIENTS_MAX = 1000 };

struct check_arguments {
    const char *file, *bits, *resource, *days, *now;
    bool json;
};

static void write_json(struct buf *out, const struct hashcash_result *result)
{
    const struct hashcash_stamp *stamp = &result->stamp;
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result", auth_result_name(result->result));
    json_member_bytes(&json, "stamp", stamp->text);
    json_member_bytes(&json, "resource", stamp->resource);
    json_member_integer(&json, "claimed_bits", stamp->claimed_bits);
    json_member_integer(&json, "bits", stamp->bits);
    json_member_integer(&json, "date", stamp->date);
    json_member_bytes(&json, "problem", result->problem);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static void write_text(struct buf *out, const struct hashcash_result *result)
{
    const struct hashcash_stamp *stamp = &result->stamp;
    buf_printf(out, "%s: ", auth_result_name(result->result));
    if (stamp->text.len) {
        buf_printf(out, "%u bits claimed, %u found, for ", stamp->claimed_bits, stamp->bits);
        buf_add(out, stamp->resource);
        buf_add_string(out, ", of ");
        date_write(out, stamp->date, 0);
    }
    if (result->problem.len) {
        buf_add_string(out, stamp->text.len ? ": " : "");
        buf_add(out, result->problem);
    } else if (!stamp->text.len) {
        buf_add_string(out, "the message has no stamp");
    }
    buf_add_byte(out, '\n');
}

static int print_result(const struct check_arguments *given, const struct hashcash_result *result)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    if (given->json)
        write_json(&out, result);
    else
        write_text(&out, result);
    world_print(&out);
    return result->result == AUTH_PASS ? EXIT_FINE : EXIT_NEGATIVE;
}

static int check_stamp(const struct check_arguments *given, struct hashcash_request request,
                       const char *text)
{
    struct hashcash_result result = {.result = AUTH_PERMERROR};
    struct error error;
    const char *problem = error.text;
    if (hashcash_parse(bytes_of(text), &result.stamp, &error) == OK) {
        if (!given->resource) {
            request.recipients = &result.stamp.resource;
            request.recipient_count = 1;
        }
        result.result = hashcash_check_stamp(&result.stamp, &request, &problem);
    }
    result.problem = bytes_of(problem);
    return print_result(given, &result);
}

static int check_file(const struct check_arguments *given, const struct hashcash_request *request)
{
    struct world world = {.command = "hashcash check", .arena = arena_create((size_t)1 << 30)};
    struct hashcash_result result;
    struct message message;
    struct bytes content;
    struct error error = {"no memory"};
    int status = EXIT_USAGE;
    if (world.arena && world_read_message(&world, given->file, &content)) {
        if (message_parse(world.arena, content, &message, &error) == OK &&
            hashcash_check(world.arena, &message, request, &result) == OK) {
            status = print_result(given, &result);
        } else {
            fprintf(stderr, "vouch hashcash check: %s\n", error.text);
            status = EXIT_NEGATIVE;
        }
    }
    arena_destroy(world.arena);
    return status;
}

static int read_options(const struct arguments *arguments, const struct check_arguments *given,
                        struct bytes *recipients, struct hashcash_request *request)
{
    struct bytes rest = bytes_of(given->resource ? given->resource : ""), recipient;
    uint64_t bits = 0, days = 0;
    int status = codec_number(arguments, "--bits", given->bits, 1, 160, &bits);
    if (status < 0)
        status = codec_number(arguments, "--days", given->days, 1, 36500, &days);
    if (status < 0)
        status = codec_time(arguments, given->now, &request->now);
    if (status >= 0)
        return status;
    request->bits = (unsigned)bits;
    request->validity = (int64_t)days * 86400;
    request->recipients = recipients;
    while (given->resource && bytes_split(&rest, ',', &recipient)) {
        if (request->recipient_count == RECIPIENTS_MAX)
            return arguments_fail(arguments, "--resource takes %d recipients at most", RECIPIENTS_MAX);
        recipients[request->recipient_count++] = bytes_trim(recipient);
    }
    if ((given->file != NULL) == (arguments->position_count != 0))
        return arguments_fail(arguments, "wants stamps, or --file FILE");
    if (given->file && !given->resource)
        return arguments_fail(arguments, "--file wants --resource, the recipients of the message");
    return -1;
}

int hashcash_check_command(int argc, char **argv)
{
    struct check_arguments given = {0};
    struct hashcash_request request = {.bits = 0};
    static struct bytes recipients[RECIPIENTS_MAX];
    const struct argument table[] = {
        {"--file", &given.file, NULL},         {"--bits", &given.bits, NULL},
        {"--resource", &given.resource, NULL}, {"--days", &given.days, NULL},
        {"--now", &given.now, NULL},           {"--json", NULL, &given.json}};
    struct arguments arguments = {"hashcash check", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status < 0)
        status = read_options(&arguments, &given, recipients, &request);
    if (status >= 0)
        return status;
    if (given.file)
        return check_file(&given, &request);
    int worst = EXIT_FINE;
    for (size_t i = 0; i < arguments.position_count; i++) {
        status = check_stamp(&given, request, arguments.positions[i]);
        worst = status > worst ? status : worst;
    }
    return worst;
}
