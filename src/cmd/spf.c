/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch spf check: one SPF check with its whole evaluation. */
#include "auth/spf.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/spf_steps.h"
#include "cmd/world.h"
#include "fiber/loop.h"

#include <stdio.h>

static const char usage[] =
    "usage: vouch spf check --ip A [--helo H] [--from F] [options]\n"
    "\n"
    "Asks whether the client A may send mail as F (or, without --from, as the HELO name), and shows how\n"
    "the record was evaluated (RFC 7208).\n"
    "\n"
    "  --ip ADDRESS            the client\n"
    "  --helo NAME             its HELO or EHLO name\n"
    "  --from MAILBOX          MAIL FROM; a bare domain works, too; '<>' is postmaster@HELO\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch spf check --ip 192.0.2.1 --from user@example.org\n"
    "  vouch spf check --ip 2001:db8::1 --helo mx.example.org --json\n"
    "\n"
    "exit status: 0 pass, 1 any other result, 2 usage, 3 temperror\n";

struct check_options {
    const char *ip, *helo, *from;
};

static void write_json(struct buf *out, const struct spf_result *spf)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result", auth_result_name(spf->result));
    json_member_bytes(&json, "domain", spf->domain);
    json_member_bytes(&json, "mechanism", spf->mechanism);
    json_member_bytes(&json, "record", spf->record);
    json_member_bytes(&json, "explanation", spf->explanation);
    json_member_bytes(&json, "problem", spf->problem);
    json_member_integer(&json, "dns_terms", spf->terms);
    json_member_integer(&json, "void_lookups", spf->void_lookups);
    json_key(&json, "steps");
    spf_steps_write_json(&json, spf->steps, spf->step_count);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static void write_text(struct buf *out, const struct spf_result *spf)
{
    buf_printf(out, "%s\n", auth_result_name(spf->result));
    buf_printf(out, "  domain       " BYTES_FMT "\n", BYTES_ARG(spf->domain));
    if (spf->mechanism.len)
        buf_printf(out, "  decided by   " BYTES_FMT "\n", BYTES_ARG(spf->mechanism));
    if (spf->problem.len)
        buf_printf(out, "  because      " BYTES_FMT "\n", BYTES_ARG(spf->problem));
    if (spf->explanation.len)
        buf_printf(out, "  explanation  " BYTES_FMT "\n", BYTES_ARG(spf->explanation));
    buf_printf(out, "  used         %u of 10 DNS terms, %u of 2 void look-ups\n", spf->terms,
               spf->void_lookups);
    spf_steps_write_text(out, spf->steps, spf->step_count);
}

static int run_check(struct world *world)
{
    const struct check_options *check = world->context;
    struct spf_request request = {.helo = bytes_of(check->helo ? check->helo : ""),
                                  .receiver = bytes_of(world->config.hostname),
                                  .now = world->now,
                                  .deadline = loop_deadline(20 * SECOND),
                                  .trace = true};
    struct spf_result spf;
    struct bytes sender = bytes_of(check->from ? check->from : "");
    if (!check->ip || !ip_parse(bytes_of(check->ip), &request.ip)) {
        fprintf(stderr, "vouch spf check: --ip wants an IP address\n");
        return EXIT_USAGE;
    }
    if (bytes_starts_with(sender, BYTES("<")) && bytes_ends_with(sender, BYTES(">")))
        sender = bytes_slice(sender, 1, sender.len - 1);
    /* rfc7208:4.3: a sender without a local part is postmaster. */
    if (sender.len && bytes_find_byte(sender, '@') == BYTES_NOT_FOUND)
        sender = arena_printf(world->arena, "postmaster@" BYTES_FMT, BYTES_ARG(sender));
    request.sender = sender;
    if (check->from)
        spf_check_mail_from(world->dns, world->arena, &request, &spf);
    else
        spf_check_helo(world->dns, world->arena, &request, &spf);
    struct buf out;
    buf_init(&out, 4 << 20);
    if (world->options->json)
        write_json(&out, &spf);
    else
        write_text(&out, &spf);
    world_print(&out);
    return world_exit_status(spf.result);
}

int spf_check_command(int argc, char **argv)
{
    struct check_options check = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--ip", &check.ip, NULL},
                                     {"--helo", &check.helo, NULL},
                                     {"--from", &check.from, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"spf check", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count)
        return arguments_fail(&arguments, "takes no '%s'", arguments.positions[0]);
    if (!check.from && !check.helo)
        return arguments_fail(&arguments, "wants --from or --helo");
    return world_run(&arguments, &options, run_check, &check);
}
