/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch adsp check: the signing practices of a domain, or of the authors of a message file. */
#include "auth/adsp.h"

#include "base/domain.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "fiber/loop.h"
#include "message/from_field.h"
#include "message/idn.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: vouch adsp check [options] DOMAIN|FILE|-\n"
    "\n"
    "Shows what a domain says about its DKIM signatures (Author Domain Signing Practices, RFC 5617),\n"
    "or checks a message against what the domains of its authors say. What names a file that is\n"
    "there is taken for a message, anything else for a domain. ADSP is historic: DMARC has taken its\n"
    "place, and no mail is refused because of it.\n"
    "\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch adsp check example.org\n"
    "  vouch adsp check --json message.eml\n"
    "\n"
    "exit status: 0 pass, or the domain has a record; 1 any other result; 2 usage; 3 temperror\n";

struct author {
    struct bytes domain;
    struct adsp_result adsp;
};

struct check {
    bool is_message;
    struct author authors[FROM_DOMAINS_MAX];
    size_t count;
    struct bytes problem; /* there is no author to check */
};

static const char *meaning(enum adsp_practice practice)
{
    switch (practice) {
    case ADSP_UNKNOWN:
        return "some of its mail may be signed, some not";
    case ADSP_ALL:
        return "all its mail is signed with its own domain";
    case ADSP_DISCARDABLE:
        return "all its mail is signed with its own domain, and what is not may be discarded";
    }
    return "";
}

/* ---- Output ---- */

static void write_author_json(struct json *json, const struct author *author)
{
    const struct adsp_result *adsp = &author->adsp;
    json_begin_object(json);
    json_member_bytes(json, "domain", author->domain);
    json_member(json, "result", auth_result_name(adsp->result));
    json_member_bool(json, "found", adsp->found);
    json_key(json, "practice");
    json_add_string(json, adsp->found ? adsp_practice_name(adsp->practice) : NULL);
    json_member_bytes(json, "record", adsp->record);
    json_member_bytes(json, "problem", adsp->problem);
    json_end_object(json);
}

static void write_json(struct buf *out, const struct check *check)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_key(&json, "authors");
    json_begin_array(&json);
    for (size_t i = 0; i < check->count; i++)
        write_author_json(&json, &check->authors[i]);
    json_end_array(&json);
    json_member_bytes(&json, "problem", check->problem);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static void write_author(struct buf *out, const struct check *check, const struct author *author)
{
    const struct adsp_result *adsp = &author->adsp;
    bool practice = !check->is_message && adsp->found;
    buf_printf(out, "%s\n",
               practice ? adsp_practice_name(adsp->practice) : auth_result_name(adsp->result));
    buf_printf(out, "  domain   " BYTES_FMT "\n", BYTES_ARG(author->domain));
    if (adsp->found) {
        buf_printf(out, "  record   " BYTES_FMT "\n", BYTES_ARG(adsp->record));
        buf_printf(out, "  it says  %s\n", meaning(adsp->practice));
    }
    if (practice)
        buf_printf(out, "  so       mail without such a signature has the result %s\n",
                   auth_result_name(adsp->result));
    else if (adsp->problem.len)
        buf_printf(out, "  because  " BYTES_FMT "\n", BYTES_ARG(adsp->problem));
    else
        buf_printf(out, "  because  it is signed by the very domain of its author\n");
}

static void write_text(struct buf *out, const struct check *check)
{
    if (!check->count)
        buf_printf(out, "permerror\n  because  " BYTES_FMT "\n", BYTES_ARG(check->problem));
    for (size_t i = 0; i < check->count; i++)
        write_author(out, check, &check->authors[i]);
}

static int exit_status(const struct check *check)
{
    int status = check->count ? EXIT_FINE : EXIT_NEGATIVE;
    for (size_t i = 0; i < check->count; i++) {
        const struct adsp_result *adsp = &check->authors[i].adsp;
        if (adsp->result == AUTH_TEMPERROR)
            return EXIT_TEMPORARY;
        if (adsp->result != AUTH_PASS && (check->is_message || !adsp->found))
            status = EXIT_NEGATIVE;
    }
    return status;
}

/* ---- The checks ---- */

/* All authors are looked at, each by itself (rfc5617:3). */
static int check_message(struct world *world, struct check *check, const char *file)
{
    struct message message;
    struct from_field from;
    struct dkim_results dkim = {0};
    struct dkim_options options = {.now = world->now, .deadline = loop_deadline(20 * SECOND)};
    struct error error;
    int status = world_parse_message(world, file, &message);
    if (status >= 0)
        return status;
    if (from_field_read(world->arena, &message, &from, &error) != OK) {
        fprintf(stderr, "vouch adsp check: %s\n", error.text);
        return EXIT_NEGATIVE;
    }
    dkim_verify(world->dns, world->arena, &message, &options, &dkim);
    check->is_message = true;
    check->problem = from.domain_count ? BYTES("") : from.problem;
    for (; check->count < from.domain_count; check->count++) {
        struct author *author = &check->authors[check->count];
        author->domain = from.domains[check->count];
        adsp_check(world->dns, world->arena, author->domain, &dkim, loop_deadline(20 * SECOND),
                   &author->adsp);
    }
    return EXIT_FINE;
}

static int check_domain(struct world *world, struct check *check, const char *name)
{
    struct author *author = &check->authors[0];
    struct bytes domain = domain_strip_dot(bytes_of(name));
    if (idn_to_ascii(world->arena, domain, &author->domain, NULL) != OK) {
        fprintf(stderr, "vouch adsp check: '%s' is neither a message file nor a domain name\n",
                name);
        return EXIT_USAGE;
    }
    check->count = 1;
    adsp_check(world->dns, world->arena, author->domain, NULL, loop_deadline(20 * SECOND),
               &author->adsp);
    return EXIT_FINE;
}

static int run_check(struct world *world)
{
    const char *what = world->context;
    struct check check = {0};
    bool is_file = strcmp(what, "-") == 0 || access(what, F_OK) == 0;
    int status = is_file ? check_message(world, &check, what) : check_domain(world, &check, what);
    if (status != EXIT_FINE)
        return status;
    struct buf out;
    buf_init(&out, 1 << 20);
    if (world->options->json)
        write_json(&out, &check);
    else
        write_text(&out, &check);
    world_print(&out);
    return exit_status(&check);
}

int adsp_check_command(int argc, char **argv)
{
    struct world_options options = {0};
    const struct argument table[] = {WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"adsp check", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments,
                              "wants a domain, a message file, or - for standard input");
    return world_run(&arguments, &options, run_check, (void *)(uintptr_t)arguments.positions[0]);
}
