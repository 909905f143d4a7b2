/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch spf wizard: an SPF record from a description of what sends. */
#include "cmd/spf_wizard.h"

#include "cmd/command.h"
#include "cmd/repeated.h"
#include "cmd/world.h"
#include "fiber/loop.h"
#include "lint/lint_report.h"

#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    "usage: vouch spf wizard [DOMAIN] [options]\n"
    "\n"
    "Makes an SPF record, and what belongs to it, from a description of what sends mail as the "
    "domain.\n"
    "Without a description it asks on the terminal. The record is tried before it is published: "
    "with the\n"
    "addresses of all hosts named, and with a stranger's.\n"
    "\n"
    "  --own-mx                the hosts that take mail for the domain (MX) send, too\n"
    "  --host NAME|IP|NET      a host or network that sends\n"
    "  --provider NAME         a provider that sends; its record NAME is included\n"
    "  --esp NAME=INCLUDE[,bounce=DOMAIN][,client=NAME][,delegated=NAME]\n"
    "                          a service for mailings: the record that it wants included, the "
    "domain of\n"
    "                          its bounces, the name it writes into From, a name delegated to it\n"
    "  --relay NAME|IP|NET     takes mail over when it is deferred\n"
    "  --web-only              the domain's own address (the web server) sends\n"
    "  --never-sends           nothing ever sends as the domain\n"
    "  --forwarded-users yes|no  recipients have their mail forwarded elsewhere\n"
    "  --incomplete            there may be more that sends and is not known\n"
    "  --answers FILE          the same as lines \"host = 192.0.2.1\"\n"
    "  --verify                compare with what is published now, and try that\n" WORLD_USAGE "\n"
    "--host, --provider, --esp and --relay may be given several times.\n"
    "\n"
    "examples:\n"
    "  vouch spf wizard\n"
    "  vouch spf wizard example.org --own-mx --host 192.0.2.0/28 --provider _spf.google.com\n"
    "  vouch spf wizard example.org --own-mx --esp News=spf.esp.example,bounce=news.example.org "
    "--verify\n"
    "\n"
    "exit status: 0 the record does what it should (with --verify: it is published), 1 it does "
    "not, or\n"
    "there is none within the limits, 2 usage, 3 DNS failure\n";

enum { HOSTS, PROVIDERS, ESPS, RELAYS, LISTS };
#define WIZARD_TIME (60 * SECOND)

struct wizard_options {
    struct repeated lists[LISTS];
    bool own_mx, web_only, never_sends, incomplete, verify;
    const char *domain, *forwarded, *file;
};

static bool read_file(struct world *world, const char *path, struct bytes *out)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        return false;
    }
    uint8_t *text = arena_alloc(world->arena, WIZARD_ANSWERS_MAX + 1);
    size_t count = text ? fread(text, 1, WIZARD_ANSWERS_MAX + 1, in) : 0;
    bool fine = text && !ferror(in);
    if (!fine)
        fprintf(stderr, "vouch spf wizard: %s cannot be read\n", path);
    fclose(in);
    *out = bytes_from(text, count);
    return fine;
}

static bool take(struct world *world, struct wizard_answers *answers, const char *key,
                 struct bytes value)
{
    struct error error;
    if (wizard_answer(world->arena, answers, bytes_of(key), value, &error) == OK)
        return true;
    fprintf(stderr, "vouch spf wizard: %s\n", error.text);
    return false;
}

static bool read_options(struct world *world, const struct wizard_options *options,
                         struct wizard_answers *answers)
{
    static const char *const keys[] = {"host", "provider", "esp", "relay"};
    struct bytes text;
    struct error error;
    if (options->file) {
        if (!read_file(world, options->file, &text))
            return false;
        if (wizard_answers_parse(world->arena, text, answers, &error) != OK) {
            fprintf(stderr, "%s: %s\n", options->file, error.text);
            return false;
        }
    }
    answers->own_mx |= options->own_mx;
    answers->web_only |= options->web_only;
    answers->never_sends |= options->never_sends;
    answers->incomplete |= options->incomplete;
    if (options->domain && !take(world, answers, "domain", bytes_of(options->domain)))
        return false;
    if (options->forwarded &&
        !take(world, answers, "forwarded-users", bytes_of(options->forwarded)))
        return false;
    for (size_t i = 0; i < LISTS; i++)
        for (size_t j = 0; j < options->lists[i].count; j++)
            if (!take(world, answers, keys[i], options->lists[i].values[j]))
                return false;
    return true;
}

static bool is_described(const struct wizard_options *options)
{
    bool described = options->own_mx || options->web_only || options->never_sends || options->file;
    for (size_t i = 0; i < LISTS; i++)
        described |= options->lists[i].count != 0;
    return described;
}

static int conclude(struct world *world, struct wizard_plan *plan, bool verify)
{
    struct wizard_published *published = NULL;
    struct buf out;
    size_t wrong = 0;
    bool failed = false;
    if (verify) {
        published = arena_alloc_array(world->arena, plan->record_count, sizeof(*published));
        for (size_t i = 0; published && i < plan->record_count; i++) {
            published[i].result = wizard_compare(plan, &plan->records[i], &published[i].live);
            failed |= published[i].result == TEMP;
            wrong += published[i].result != OK;
        }
    }
    size_t misjudged = 0;
    if (wizard_try(plan, verify, &misjudged) != OK)
        return EXIT_TEMPORARY;
    for (size_t i = 0; i < plan->trial_count; i++)
        failed |= plan->trials[i].found == AUTH_TEMPERROR;
    buf_init(&out, 4 << 20);
    if (world->options->json)
        spf_wizard_write_json(&out, plan, published);
    else
        spf_wizard_write_text(&out, plan, published, world->colour);
    world_print(&out);
    return failed ? EXIT_TEMPORARY : wrong + misjudged ? EXIT_NEGATIVE : EXIT_FINE;
}

static int run_wizard(struct world *world)
{
    const struct wizard_options *options = world->context;
    struct wizard_answers *answers = arena_new(world->arena, struct wizard_answers);
    struct wizard_plan *plan = arena_new(world->arena, struct wizard_plan);
    struct error error;
    if (!answers || !plan || !read_options(world, options, answers))
        return EXIT_USAGE;
    if (!is_described(options) && !spf_wizard_dialogue(world->arena, answers))
        return EXIT_USAGE;
    if (wizard_answers_check(answers, &error) != OK) {
        fprintf(stderr, "vouch spf wizard: %s\n", error.text);
        return EXIT_USAGE;
    }
    enum result result = wizard_plan_make(plan, world->dns, world->arena, answers,
                                          loop_deadline(WIZARD_TIME), &error);
    if (result != OK) {
        struct buf reason;
        buf_init(&reason, 8192);
        lint_add_safe(&reason, bytes_of(error.text), false);
        fprintf(stderr, "vouch spf wizard: " BYTES_FMT "\n", BYTES_ARG(buf_bytes(&reason)));
        buf_free(&reason);
        return result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE;
    }
    return conclude(world, plan, options->verify);
}

int spf_wizard_command(int argc, char **argv)
{
    static struct wizard_options wizard;
    struct world_options options = {0};
    wizard.lists[HOSTS].name = "--host";
    wizard.lists[PROVIDERS].name = "--provider";
    wizard.lists[ESPS] = (struct repeated){.name = "--esp", .whole = true};
    wizard.lists[RELAYS].name = "--relay";
    const struct argument table[] = {{"--own-mx", NULL, &wizard.own_mx},
                                     {"--web-only", NULL, &wizard.web_only},
                                     {"--never-sends", NULL, &wizard.never_sends},
                                     {"--incomplete", NULL, &wizard.incomplete},
                                     {"--verify", NULL, &wizard.verify},
                                     {"--forwarded-users", &wizard.forwarded, NULL},
                                     {"--answers", &wizard.file, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"spf wizard", usage, table, countof(table), {NULL}, 0};
    int status = repeated_take(wizard.lists, LISTS, arguments.command, &argc, argv);
    if (status < 0)
        status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count > 1)
        return arguments_fail(&arguments, "takes one DOMAIN");
    if (arguments.position_count)
        wizard.domain = arguments.positions[0];
    if (!is_described(&wizard) && (!isatty(STDIN_FILENO) || options.json))
        return arguments_fail(&arguments,
                              "wants a description of what sends (or a terminal to ask on)");
    return world_run(&arguments, &options, run_wizard, &wizard);
}
