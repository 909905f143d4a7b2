/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch helo check: what the name that a client gives in HELO or EHLO is worth. */
#include "auth/helo.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "fiber/loop.h"

#include <stdio.h>

static const char usage[] =
    "usage: vouch helo check --ip A [--own NAMES] [options] NAME\n"
    "\n"
    "Asks whether the client A may call itself NAME in HELO or EHLO: does the name resolve to its\n"
    "address? NAME may be an address literal, too ([192.0.2.1], [IPv6:2001:db8::1]).\n"
    "\n"
    "  --ip ADDRESS            the client\n"
    "  --own NAME[,NAME...]    names of your own server, which nobody else may use (default: the\n"
    "                          hostname of the configuration)\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch helo check --ip 192.0.2.1 mail.example.org\n"
    "  vouch helo check --ip 192.0.2.1 --own mx.example.net mx.example.net\n"
    "\n"
    "exit status: 0 pass, 1 any other result, 2 usage, 3 temperror\n";

enum { OWN_NAMES_MAX = 32 };

struct check_options {
    const char *ip, *own, *name;
};

static const char *kind_sentence(enum helo_kind kind)
{
    switch (kind) {
    case HELO_NAME:
        return "a fully qualified name";
    case HELO_LITERAL:
        return "an address literal";
    case HELO_UNQUALIFIED:
        return "an unqualified name, which says nothing to other hosts";
    case HELO_MALFORMED:
        return "neither a name nor an address literal";
    }
    return "";
}

static void write_json(struct buf *out, struct bytes name, const struct helo_result *helo)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result", auth_result_name(helo->result));
    json_member_bytes(&json, "name", name);
    json_member(&json, "kind", helo_kind_name(helo->kind));
    json_member_bool(&json, "own", helo->own);
    json_member_bool(&json, "ourselves", helo->ourselves);
    json_member_bytes(&json, "problem", helo->problem);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static const char *pass_sentence(const struct helo_result *helo)
{
    if (helo->ourselves)
        return "it is our own name, and the client is this very host (a loopback address); "
               "where\n           the name leads was not asked";
    return helo->kind == HELO_LITERAL ? "it is the client's address" : "it leads to the client";
}

static void write_text(struct buf *out, struct bytes name, const struct helo_result *helo)
{
    buf_printf(out, "%s\n", auth_result_name(helo->result));
    buf_printf(out, "  name     " BYTES_FMT "\n", BYTES_ARG(name));
    buf_printf(out, "  it is    %s\n", kind_sentence(helo->kind));
    if (helo->problem.len)
        buf_printf(out, "  because  " BYTES_FMT "\n", BYTES_ARG(helo->problem));
    else
        buf_printf(out, "  because  %s\n", pass_sentence(helo));
}

static int run_check(struct world *world)
{
    const struct check_options *check = world->context;
    struct bytes own_names[OWN_NAMES_MAX];
    struct helo_request request = {.helo = bytes_of(check->name),
                                   .own_names = own_names,
                                   .deadline = loop_deadline(20 * SECOND)};
    struct helo_result helo;
    if (!check->ip || !ip_parse(bytes_of(check->ip), &request.client)) {
        fprintf(stderr, "vouch helo check: --ip wants an IP address\n");
        return EXIT_USAGE;
    }
    struct bytes rest = bytes_of(check->own ? check->own : world->config.hostname), name;
    while (request.own_name_count < OWN_NAMES_MAX && bytes_split(&rest, ',', &name))
        own_names[request.own_name_count++] = bytes_trim(name);
    helo_check(world->dns, world->arena, &request, &helo);
    struct buf out;
    buf_init(&out, 1 << 20);
    if (world->options->json)
        write_json(&out, request.helo, &helo);
    else
        write_text(&out, request.helo, &helo);
    world_print(&out);
    return world_exit_status(helo.result);
}

int helo_check_command(int argc, char **argv)
{
    struct check_options check = {0};
    struct world_options options = {0};
    const struct argument table[] = {
        {"--ip", &check.ip, NULL}, {"--own", &check.own, NULL}, WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"helo check", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (!check.ip)
        return arguments_fail(&arguments, "wants --ip, the address of the client");
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one name");
    check.name = arguments.positions[0];
    return world_run(&arguments, &options, run_check, &check);
}
