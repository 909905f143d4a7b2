/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch dnslist check, vouch dnslist test: what lists in DNS say of somebody, and whether they work. */
#include "auth/organization.h"
#include "base/domain.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "fiber/group.h"
#include "message/idn.h"
#include "reputation/dnsl_health.h"

#include <stdio.h>
#include <string.h>

static const char check_usage[] =
    "usage: vouch dnslist check [--list NAME | --zone ZONE] [options] ADDRESS|NAME\n"
    "\n"
    "Asks the lists in DNS of the configuration what they say of a client's address, or of a name.\n"
    "\n"
    "  --list NAME             this list alone\n"
    "  --zone ZONE             this zone instead, whatever is configured\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch dnslist check 192.0.2.1\n"
    "  vouch dnslist check --zone bl.example.net 2001:db8::1\n"
    "  vouch dnslist check --list names spam.example.org\n"
    "\n"
    "exit status: 0 no list speaks against it, 1 one does, 2 usage, 3 none does, but one did not answer\n";

static const char test_usage[] =
    "usage: vouch dnslist test [--list NAME | --zone ZONE] [options]\n"
    "\n"
    "Tests the lists in DNS of the configuration: whether each has its test entry, and does not list\n"
    "everything (RFC 5782, section 5).\n"
    "\n"
    "  --list NAME             this list alone\n"
    "  --zone ZONE             this zone instead, whatever is configured\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch dnslist test\n"
    "  vouch dnslist test --zone bl.example.net\n"
    "\n"
    "exit status: 0 all work, 1 one does not, 2 usage, 3 one could not be tested\n";

enum { QUESTIONS_MAX = 256 };
#define PATIENCE (10 * SECOND)

struct dnslist_options {
    const char *list, *zone, *subject;
};

/* One list, and what it is asked about or tested for. */
struct question {
    struct world *world;
    struct dnsl_health *health;
    size_t index;
    enum dnsl_part part;
    struct dnsl_subject subject;
    struct dnsl_result result;
    enum dnsl_state state;
    struct bytes why;
};

struct questions {
    struct question *list;
    size_t count;
};

/* The configuration's lists, or the one that was named. False with a message. */
static bool choose_lists(struct world *world, const struct dnslist_options *options, struct config *out)
{
    *out = world->config;
    if (options->zone) {
        struct config_dnslist *one = arena_new(world->arena, struct config_dnslist);
        char *zone = arena_string(world->arena, domain_strip_dot(bytes_of(options->zone)));
        if (!one || !zone || !domain_is_valid(bytes_of(zone))) {
            fprintf(stderr, "vouch %s: --zone wants a domain name, not '%s'\n", world->command, options->zone);
            return false;
        }
        *one = (struct config_dnslist){.name = zone, .zone = zone, .weight = 300, .ipv6 = true, .test = true,
                                       .uses = CONFIG_DNSLIST_CLIENT | CONFIG_DNSLIST_FROM};
        out->dnslists = one;
        out->dnslist_count = 1;
        return true;
    }
    for (size_t i = 0; options->list && i < world->config.dnslist_count; i++)
        if (strcmp(world->config.dnslists[i].name, options->list) == 0) {
            out->dnslists = &world->config.dnslists[i];
            out->dnslist_count = 1;
            return true;
        }
    if (!options->list && out->dnslist_count)
        return true;
    if (options->list)
        fprintf(stderr, "vouch %s: there is no list '%s' in the configuration\n", world->command, options->list);
    else
        fprintf(stderr, "vouch %s: there is no list in the configuration; name one with --zone\n", world->command);
    return false;
}

static bool add(struct questions *questions, struct world *world, struct dnsl_health *health, size_t index,
                enum dnsl_part part, const struct dnsl_subject *subject)
{
    if (questions->count == QUESTIONS_MAX)
        return false;
    questions->list[questions->count++] = (struct question){
        .world = world, .health = health, .index = index, .part = part, .subject = *subject};
    return true;
}

static void ask(void *argument)
{
    struct question *question = argument;
    struct world *world = question->world;
    const struct dnsl_list *list = dnsl_health_list(question->health, question->index);
    if (question->subject.ip.family || question->subject.name.len)
        dnsl_ask(world->dns, world->arena, list, &question->subject, loop_deadline(PATIENCE), &question->result);
    question->state = list->config->test
                          ? dnsl_health_await(question->health, question->index, question->part, world->dns,
                                              loop_deadline(PATIENCE), &question->why)
                          : DNSL_WORKS;
}

/* All at once. */
static void ask_all(struct questions *questions)
{
    struct fiber_group group;
    fiber_group_open(&group);
    for (size_t i = 0; i < questions->count; i++)
        if (!fiber_group_start(&group, "dnslist", ask, &questions->list[i]))
            ask(&questions->list[i]);
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
}

static bool prepare(struct world *world, struct config *config, struct questions *questions,
                    struct dnsl_health **health)
{
    const struct dnslist_options *options = world->context;
    if (!choose_lists(world, options, config))
        return false;
    *health = dnsl_health_create(world->arena, config);
    questions->list = arena_alloc_array(world->arena, QUESTIONS_MAX, sizeof(*questions->list));
    if (*health && questions->list)
        return true;
    fprintf(stderr, "vouch %s: out of memory\n", world->command);
    return false;
}

/* check */

static const char *points_text(const struct dnsl_list *list, const struct ip *code, struct buf *out)
{
    int points;
    buf_clear(out);
    if (dnsl_points(list, code, &points)) {
        buf_add_string(out, points >= 0 ? "+" : "");
        config_write_points(out, points);
    } else {
        buf_add_string(out, "off");
    }
    buf_add_byte(out, 0);
    return (const char *)out->ptr;
}

/* Whether the list's word counts, and speaks against the subject. */
static bool speaks_against(const struct question *question)
{
    const struct dnsl_list *list = dnsl_health_list(question->health, question->index);
    int points;
    if (question->result.status != DNSL_LISTED || question->state != DNSL_WORKS)
        return false;
    for (size_t i = 0; i < question->result.code_count; i++)
        if (dnsl_points(list, &question->result.codes[i], &points) && points > 0)
            return true;
    return false;
}

static struct bytes subject_text(const struct question *question, char ip[IP_TEXT_SIZE])
{
    return question->subject.ip.family ? bytes_of(ip_format(&question->subject.ip, ip)) : question->subject.name;
}

static void write_text(struct buf *out, const struct question *question, struct buf *scratch)
{
    const struct dnsl_list *list = dnsl_health_list(question->health, question->index);
    const struct dnsl_result *result = &question->result;
    char ip[IP_TEXT_SIZE];
    buf_printf(out, "  %-14.*s " BYTES_FMT ": %s", (int)list->name.len, (const char *)list->name.ptr,
               BYTES_ARG(subject_text(question, ip)), dnsl_status_name(result->status));
    for (size_t i = 0; i < result->code_count; i++)
        buf_printf(out, "%s%s (%s)", i ? ", " : ": ", ip_format(&result->codes[i], ip),
                   points_text(list, &result->codes[i], scratch));
    buf_add_byte(out, '\n');
    if (result->text.len)
        buf_printf(out, "  %-14s " BYTES_FMT "\n", "", BYTES_ARG(result->text));
    if (result->problem.len)
        buf_printf(out, "  %-14s " BYTES_FMT "\n", "", BYTES_ARG(result->problem));
    if (question->state != DNSL_WORKS)
        buf_printf(out, "  %-14s the list does not count (%s): " BYTES_FMT "\n", "",
                   dnsl_state_name(question->state), BYTES_ARG(question->why));
}

static void write_json(struct json *json, const struct question *question, struct buf *scratch)
{
    const struct dnsl_list *list = dnsl_health_list(question->health, question->index);
    const struct dnsl_result *result = &question->result;
    char ip[IP_TEXT_SIZE];
    json_begin_object(json);
    json_member_bytes(json, "list", list->name);
    json_member_bytes(json, "zone", list->zone);
    json_member_bytes(json, "subject", subject_text(question, ip));
    json_member(json, "status", dnsl_status_name(result->status));
    json_key(json, "codes");
    json_begin_array(json);
    for (size_t i = 0; i < result->code_count; i++) {
        json_begin_object(json);
        json_member(json, "code", ip_format(&result->codes[i], ip));
        json_member(json, "points", points_text(list, &result->codes[i], scratch));
        json_end_object(json);
    }
    json_end_array(json);
    json_member_bytes(json, "text", result->text);
    json_member_bytes(json, "problem", result->problem);
    json_member(json, "self-test", dnsl_state_name(question->state));
    json_member_bytes(json, "self-test-problem", question->why);
    json_end_object(json);
}

/* What is asked of each list: addresses of those for addresses, names of those for names. */
static bool list_questions(struct world *world, struct dnsl_health *health, struct questions *questions)
{
    const struct dnslist_options *options = world->context;
    struct dnsl_subject subject = {.name = BYTES("")}, part;
    if (!ip_parse(bytes_of(options->subject), &subject.ip) &&
        idn_to_ascii(world->arena, domain_strip_dot(bytes_of(options->subject)), &subject.name, NULL) != OK) {
        fprintf(stderr, "vouch %s: '%s' is neither an address nor a domain name\n", world->command,
                options->subject);
        return false;
    }
    enum dnsl_part which = dnsl_health_part_of(&subject);
    part = subject;
    if (which == DNSL_NAMES && organization_domain(subject.name, &part.name) != OK)
        part = subject;
    for (size_t i = 0; i < dnsl_health_count(health); i++) {
        const struct dnsl_list *list = dnsl_health_list(health, i);
        bool whole = which != DNSL_NAMES || !list->config->registrable;
        if (!(dnsl_health_parts(list) & 1U << which))
            continue;
        if (whole)
            add(questions, world, health, i, which, &subject);
        if (!whole || (which == DNSL_NAMES && part.name.len != subject.name.len && !options->zone))
            add(questions, world, health, i, which, &part);
    }
    if (!questions->count)
        fprintf(stderr, "vouch %s: no list is asked about %s\n", world->command,
                which == DNSL_NAMES ? "names" : which == DNSL_V6 ? "IPv6 addresses" : "addresses");
    return questions->count > 0;
}

static int run_check(struct world *world)
{
    const struct dnslist_options *options = world->context;
    struct config config;
    struct questions questions = {.count = 0};
    struct dnsl_health *health;
    struct buf out, scratch;
    if (!prepare(world, &config, &questions, &health) || !list_questions(world, health, &questions))
        return EXIT_USAGE;
    ask_all(&questions);
    bool against = false, unknown = false;
    for (size_t i = 0; i < questions.count; i++) {
        against |= speaks_against(&questions.list[i]);
        unknown |= questions.list[i].result.status == DNSL_FAILED;
    }
    int status = against ? EXIT_NEGATIVE : unknown ? EXIT_TEMPORARY : EXIT_FINE;
    buf_init(&out, 1 << 20);
    buf_init(&scratch, 64);
    struct json json = json_into(&out);
    const char *verdict = against ? "listed" : unknown ? "temperror" : "not listed";
    if (world->options->json) {
        json_begin_object(&json);
        json_member(&json, "subject", options->subject);
        json_member(&json, "result", verdict);
        json_key(&json, "lists");
        json_begin_array(&json);
        for (size_t i = 0; i < questions.count; i++)
            write_json(&json, &questions.list[i], &scratch);
        json_end_array(&json);
        json_end_object(&json);
        buf_add_byte(&out, '\n');
    } else {
        buf_printf(&out, "%s\n", verdict);
        for (size_t i = 0; i < questions.count; i++)
            write_text(&out, &questions.list[i], &scratch);
    }
    buf_free(&scratch);
    world_print(&out);
    return status;
}

/* test */

static void write_tests(struct world *world, const struct questions *questions, struct buf *out)
{
    struct json json = json_into(out);
    if (world->options->json)
        json_begin_array(&json);
    for (size_t i = 0; i < questions->count; i++) {
        const struct question *question = &questions->list[i];
        const struct dnsl_list *list = dnsl_health_list(question->health, question->index);
        const char *state = list->config->test ? dnsl_state_name(question->state) : "not to be tested";
        if (!world->options->json) {
            buf_printf(out, "%-14.*s %-6s %s%s" BYTES_FMT "\n", (int)list->name.len, (const char *)list->name.ptr,
                       dnsl_part_name(question->part), state, question->why.len ? ": " : "",
                       BYTES_ARG(question->why));
            continue;
        }
        json_begin_object(&json);
        json_member_bytes(&json, "list", list->name);
        json_member_bytes(&json, "zone", list->zone);
        json_member(&json, "part", dnsl_part_name(question->part));
        json_member(&json, "state", state);
        json_member_bytes(&json, "problem", question->why);
        json_end_object(&json);
    }
    if (world->options->json) {
        json_end_array(&json);
        buf_add_byte(out, '\n');
    }
}

static int run_test(struct world *world)
{
    struct config config;
    struct questions questions = {.count = 0};
    struct dnsl_health *health;
    struct dnsl_subject nobody = {.name = BYTES("")};
    struct buf out;
    bool off = false, untested = false;
    if (!prepare(world, &config, &questions, &health))
        return EXIT_USAGE;
    for (size_t i = 0; i < dnsl_health_count(health); i++)
        for (int part = 0; part < DNSL_PARTS; part++)
            if (dnsl_health_parts(dnsl_health_list(health, i)) & 1U << part)
                add(&questions, world, health, i, (enum dnsl_part)part, &nobody);
    ask_all(&questions);
    for (size_t i = 0; i < questions.count; i++) {
        off |= questions.list[i].state == DNSL_OFF;
        untested |= questions.list[i].state == DNSL_UNTESTED;
    }
    buf_init(&out, 1 << 20);
    write_tests(world, &questions, &out);
    world_print(&out);
    return off ? EXIT_NEGATIVE : untested ? EXIT_TEMPORARY : EXIT_FINE;
}

static int run(int argc, char **argv, const char *command, const char *usage, size_t positions,
               int (*function)(struct world *world))
{
    struct dnslist_options dnslist = {0};
    struct world_options options = {0};
    const struct argument table[] = {
        {"--list", &dnslist.list, NULL}, {"--zone", &dnslist.zone, NULL}, WORLD_ARGUMENTS(options)};
    struct arguments arguments = {command, usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != positions)
        return arguments_fail(&arguments, positions ? "wants one address or name" : "wants no argument");
    if (dnslist.list && dnslist.zone)
        return arguments_fail(&arguments, "wants --list or --zone, not both");
    dnslist.subject = arguments.positions[0];
    return world_run(&arguments, &options, function, &dnslist);
}

int dnslist_check_command(int argc, char **argv)
{
    return run(argc, argv, "dnslist check", check_usage, 1, run_check);
}

int dnslist_test_command(int argc, char **argv)
{
    return run(argc, argv, "dnslist test", test_usage, 0, run_test);
}
