/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch rule test, vouch rule list: rules, built-in tests and the look for phishing, without a gateway. */
#include "cmd/command.h"
#include "cmd/world.h"

#include "base/json.h"
#include "fiber/loop.h"
#include "message/from_field.h"
#include "message/received.h"
#include "roles/clamd.h"
#include "roles/content_rules.h"

#include <stdio.h>

static const char test_usage[] =
    "usage: vouch rule test [options] FILE|-\n"
    "\n"
    "Says which rules of the configuration and which built-in tests match a message, with the points that\n"
    "each counts, and what the look for phishing finds. Whether the sender is who he says he is is not\n"
    "checked, nor asked anything over the network; vouch check judges a message by all there is.\n"
    "\n"
    "  --authenticated         as if the author's domain vouched for the message\n"
    "  --rcpt MAILBOX          the recipient (default: the first address of Delivered-To or To)\n"
    "  --scan                  ask clamd, too, if the configuration names one\n"
    "  --now EPOCH             as if it were received then (default: as its first Received field says)\n"
    "  --config FILE           the gateway's configuration (default: /etc/vouch/vouch.conf)\n"
    "  --json                  for machines\n"
    "\n"
    "examples:\n"
    "  vouch rule test message.eml\n"
    "  vouch rule test --config vouch.conf --json - < message.eml\n"
    "\n"
    "exit status: 0 together less than the junk-score of policy default, 1 more, or a virus, 2 usage,\n"
    "3 clamd did not answer, or no memory\n";

static const char list_usage[] =
    "usage: vouch rule list [--config FILE] [--json]\n"
    "\n"
    "The rules of the configuration and the built-in tests, with the points that each counts.\n"
    "\n"
    "  --config FILE           the gateway's configuration (default: /etc/vouch/vouch.conf)\n"
    "  --json                  for machines\n"
    "\n"
    "examples:\n"
    "  vouch rule list\n"
    "  vouch rule list --config vouch.conf --json\n"
    "\n"
    "exit status: 0 fine, 2 usage\n";

enum { OUTPUT_MAX = 4 << 20, NAME_WIDTH = 26 };

/* ---- one finding, as text or JSON ---- */

struct writer {
    struct buf out;
    struct json json;
    bool is_json;
    int total;
};

static void write_points(struct buf *out, int points)
{
    unsigned size = (unsigned)(points < 0 ? -points : points);
    buf_printf(out, "%s%u.%02u", points < 0 ? "-" : "", size / 100, size % 100);
}

static void writer_begin(struct writer *writer, bool is_json)
{
    *writer = (struct writer){.is_json = is_json};
    buf_init(&writer->out, OUTPUT_MAX);
    writer->json = json_into(&writer->out);
    if (is_json)
        json_begin_object(&writer->json);
}

static void write_section(struct writer *writer, const char *name)
{
    if (!writer->is_json)
        return;
    json_key(&writer->json, name);
    json_begin_array(&writer->json);
}

static void write_section_end(struct writer *writer)
{
    if (writer->is_json)
        json_end_array(&writer->json);
}

/* `has_points` false: what it counts is decided with all the evidence. */
static void write_finding(struct writer *writer, struct bytes name, bool has_points, int points, struct bytes reason)
{
    writer->total += has_points ? points : 0;
    if (writer->is_json) {
        json_begin_object(&writer->json);
        json_member_bytes(&writer->json, "name", name);
        if (has_points) {
            json_key(&writer->json, "points");
            json_add_number(&writer->json, points / 100.0);
        }
        json_member_bytes(&writer->json, "reason", reason);
        json_end_object(&writer->json);
        return;
    }
    struct buf number;
    buf_init(&number, 40);
    if (has_points)
        write_points(&number, points);
    buf_printf(&writer->out, "%7.*s  %-*.*s " BYTES_FMT "\n", BYTES_ARG(buf_bytes(&number)), NAME_WIDTH,
               (int)name.len, (const char *)name.ptr, BYTES_ARG(reason));
    buf_free(&number);
}

/* ---- rule test ---- */

struct rule_test {
    const char *file, *recipient;
    bool authenticated, scan;
};

struct tested {
    struct content_findings found;
    struct clamd_result clamd;
    bool scanned;
};

static int64_t received_at(const struct world *world, const struct message *message)
{
    const struct header_field *field = message_field(message, "Received", 0);
    struct received_trace trace;
    if (world->options->now || !field || received_parse(field->value, &trace, NULL) != OK || !trace.has_date)
        return world->now;
    return trace.date.epoch;
}

static struct bytes recipient_of(struct world *world, const struct message *message)
{
    const struct rule_test *test = world->context;
    const struct header_field *field = message_field(message, "Delivered-To", 0);
    struct address_list list;
    if (test->recipient)
        return bytes_of(test->recipient);
    if (!field)
        field = message_field(message, "To", 0);
    if (!field || address_list_parse(world->arena, field->value, &list, NULL) != OK || !list.count)
        return BYTES("");
    return arena_printf(world->arena, BYTES_FMT "@" BYTES_FMT, BYTES_ARG(list.mailboxes[0].local),
                        BYTES_ARG(list.mailboxes[0].domain));
}

static bool examine(struct world *world, const struct message *message, struct tested *tested, struct error *error)
{
    const struct rule_test *test = world->context;
    struct mime mime;
    struct readable readable;
    struct from_field from;
    struct content_rules *rules = NULL;
    struct bytes recipient = recipient_of(world, message);
    if (mime_parse(world->arena, message, NULL, &mime, error) != OK ||
        readable_make(world->arena, message, &mime, &readable, error) != OK ||
        from_field_read(world->arena, message, &from, error) != OK ||
        content_rules_compile(&world->config, &rules, error) != OK)
        return false;
    const struct content_request request = {
        .rules = rules,
        .message = message,
        .readable = &readable,
        .facts = {.received_at = received_at(world, message),
                  .author = from.address,
                  .author_domain = from.domain,
                  .recipients = &recipient,
                  .recipient_count = recipient.len ? 1 : 0,
                  .authenticated = test->authenticated,
                  .own_trace = true},
    };
    content_rules_examine(world->arena, &request, &tested->found);
    /* The names lie with the rules. */
    for (size_t i = 0; i < tested->found.rules.count; i++)
        tested->found.rules.list[i].name = arena_copy(world->arena, tested->found.rules.list[i].name);
    for (size_t i = 0; i < tested->found.rules.reported_count; i++)
        fprintf(stderr, "vouch rule test: rule " BYTES_FMT " met its limit of work: it does not count\n",
                BYTES_ARG(tested->found.rules.reported[i]));
    content_rules_free(rules);
    return (tested->found.rules_done && tested->found.builtin_done && tested->found.phishing_done) ||
           error_set(error, TEMP, "no memory") == OK;
}

static void ask_clamd(struct world *world, const struct message *message, struct tested *tested)
{
    const struct config *config = &world->config;
    const struct clamd_request request = {.ip = config->clamd.server.items[0].ip,
                                          .port = config->clamd.server.items[0].port,
                                          .content = message->raw,
                                          .most = config->clamd.size,
                                          .deadline = loop_deadline(config->clamd.timeout)};
    clamd_scan(world->arena, &request, &tested->clamd);
    tested->scanned = true;
}

static void write_rules(struct writer *writer, struct world *world, const struct content_findings *found)
{
    write_section(writer, "rules");
    for (size_t i = 0; i < found->rules.count; i++) {
        const struct rule_match *match = &found->rules.list[i];
        bool negated = world->config.rules[match->rule].negate;
        struct bytes reason = negated ? arena_printf(world->arena, "not in " BYTES_FMT, BYTES_ARG(match->place))
                                      : arena_printf(world->arena, "\"" BYTES_FMT "\" in " BYTES_FMT,
                                                     BYTES_ARG(match->seen), BYTES_ARG(match->place));
        write_finding(writer, match->name, true, world->config.rules[match->rule].weight, reason);
    }
    write_section_end(writer);
    write_section(writer, "tests");
    for (size_t i = 0; i < found->builtin.count; i++) {
        const struct builtin_finding *finding = &found->builtin.list[i];
        struct bytes reason = bytes_of(finding->test->meaning);
        if (finding->seen.len)
            reason = arena_printf(world->arena, BYTES_FMT ": " BYTES_FMT, BYTES_ARG(reason), BYTES_ARG(finding->seen));
        write_finding(writer, bytes_of(finding->test->name), true,
                      content_rules_points(&world->config, finding->test), reason);
    }
    write_section_end(writer);
    write_section(writer, "phishing");
    for (size_t i = 0; i < found->phishing.count; i++)
        write_finding(writer, bytes_of(phishing_kind_name(found->phishing.list[i].kind)), false, 0,
                      found->phishing.list[i].reason);
    write_section_end(writer);
}

static const char *virus_name(enum clamd_status status)
{
    static const char *const names[] = {[CLAMD_CLEAN] = "clean", [CLAMD_FOUND] = "found", [CLAMD_PARTLY] = "partly",
                                        [CLAMD_FAILED] = "failed"};
    return names[status];
}

static void write_virus(struct writer *writer, const struct clamd_result *clamd)
{
    struct bytes reason = clamd->name.len ? clamd->name : clamd->problem;
    if (!writer->is_json) {
        buf_printf(&writer->out, "virus: %s%s" BYTES_FMT "\n", virus_name(clamd->status), reason.len ? ", " : "",
                   BYTES_ARG(reason));
        return;
    }
    json_key(&writer->json, "virus");
    json_begin_object(&writer->json);
    json_member(&writer->json, "result", virus_name(clamd->status));
    json_member_bytes(&writer->json, "name", clamd->name);
    json_member_bytes(&writer->json, "problem", clamd->problem);
    json_end_object(&writer->json);
}

static int run_test(struct world *world)
{
    const struct rule_test *test = world->context;
    struct tested tested = {.scanned = false};
    struct message message;
    struct error error = {{0}};
    struct writer writer;
    int status = world_parse_message(world, test->file, &message);
    if (status >= 0)
        return status;
    if (test->scan && !world->config.clamd.server.count) {
        fprintf(stderr, "vouch rule test: the configuration names no clamd\n");
        return EXIT_USAGE;
    }
    if (!examine(world, &message, &tested, &error)) {
        fprintf(stderr, "vouch rule test: %s\n", error.text);
        return EXIT_TEMPORARY;
    }
    if (test->scan)
        ask_clamd(world, &message, &tested);
    writer_begin(&writer, world->options->json);
    write_rules(&writer, world, &tested.found);
    if (tested.scanned)
        write_virus(&writer, &tested.clamd);
    if (writer.is_json) {
        json_key(&writer.json, "total");
        json_add_number(&writer.json, writer.total / 100.0);
        json_end_object(&writer.json);
        buf_add_byte(&writer.out, '\n');
    } else {
        buf_add_string(&writer.out, "total ");
        write_points(&writer.out, writer.total);
        buf_add_byte(&writer.out, '\n');
    }
    world_print(&writer.out);
    if (tested.scanned && tested.clamd.status == CLAMD_FAILED)
        return EXIT_TEMPORARY;
    bool infected = tested.scanned && tested.clamd.status == CLAMD_FOUND;
    return infected || writer.total >= world->config.policies[0].junk_score ? EXIT_NEGATIVE : EXIT_FINE;
}

int rule_test_command(int argc, char **argv)
{
    struct rule_test test = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--authenticated", NULL, &test.authenticated}, {"--rcpt", &test.recipient, NULL},
                                     {"--scan", NULL, &test.scan},                   {"--now", &options.now, NULL},
                                     {"--config", &options.config, NULL},            {"--json", NULL, &options.json}};
    struct arguments arguments = {"rule test", test_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one message file, or - for standard input");
    test.file = arguments.positions[0];
    return world_run(&arguments, &options, run_test, &test);
}

/* ---- rule list ---- */

static int run_list(struct world *world)
{
    struct writer writer;
    writer_begin(&writer, world->options->json);
    write_section(&writer, "rules");
    for (size_t i = 0; i < world->config.rule_count; i++) {
        const struct config_rule *rule = &world->config.rules[i];
        struct bytes shown = bytes_of(rule->text[0] ? rule->text : rule->pattern);
        if (rule->pattern[0])
            write_finding(&writer, bytes_of(rule->name), true, rule->weight, shown);
    }
    write_section_end(&writer);
    write_section(&writer, "tests");
    for (size_t i = 0; i < builtin_test_count(); i++) {
        const struct builtin_test *test = builtin_test_at(i);
        write_finding(&writer, bytes_of(test->name), true, content_rules_points(&world->config, test),
                      bytes_of(test->meaning));
    }
    write_section_end(&writer);
    if (writer.is_json) {
        json_end_object(&writer.json);
        buf_add_byte(&writer.out, '\n');
    }
    world_print(&writer.out);
    return EXIT_FINE;
}

int rule_list_command(int argc, char **argv)
{
    struct world_options options = {0};
    const struct argument table[] = {{"--config", &options.config, NULL}, {"--json", NULL, &options.json}};
    struct arguments arguments = {"rule list", list_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count)
        return arguments_fail(&arguments, "wants no argument");
    return world_run(&arguments, &options, run_list, NULL);
}
