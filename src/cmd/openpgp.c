/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch openpgp check: what one message claims with OpenPGP. */
#include "auth/openpgp.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"

#include <stdio.h>
#include <time.h>

static const char usage[] =
    "usage: vouch openpgp check [--json] FILE|-\n"
    "\n"
    "Says whether a message is signed or encrypted with OpenPGP (RFC 3156, RFC 9580) and whose key the\n"
    "signature names. It verifies nothing: there are no keys here, so these are only claims.\n"
    "\n"
    "  --json                  for machines\n"
    "\n"
    "examples:\n"
    "  vouch openpgp check message.eml\n"
    "  vouch openpgp check --json - < message.eml\n"
    "\n"
    "exit status: 0 OpenPGP was found and could be read, 1 not, 2 usage, 3 it could not be told now\n";

static void write_json(struct buf *out, const struct openpgp_result *openpgp)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result", auth_result_name(openpgp->result));
    json_member(&json, "form", openpgp->form);
    json_member_bool(&json, "encrypted", openpgp->encrypted);
    json_member_bytes(&json, "key", openpgp->key_id);
    json_member_bytes(&json, "signer", openpgp->signer);
    json_member_bytes(&json, "hash", openpgp->hash);
    json_member_integer(&json, "created", openpgp->created);
    json_member_bytes(&json, "problem", openpgp->problem);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static void write_time(struct buf *out, int64_t epoch)
{
    char text[64];
    struct tm tm;
    time_t when = (time_t)epoch;
    if (epoch && gmtime_r(&when, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
        buf_printf(out, "  claims to be of  %s\n", text);
}

static void write_text(struct buf *out, const struct openpgp_result *openpgp)
{
    if (openpgp->result == AUTH_NONE) {
        buf_add_string(out, "none: the message has nothing of OpenPGP\n");
        return;
    }
    buf_printf(out, "%s: %s", auth_result_name(openpgp->result), openpgp->form);
    if (openpgp->problem.len)
        buf_printf(out, ": " BYTES_FMT, BYTES_ARG(openpgp->problem));
    buf_add_byte(out, '\n');
    if (openpgp->key_id.len)
        buf_printf(out, "  claims key       " BYTES_FMT "\n", BYTES_ARG(openpgp->key_id));
    if (openpgp->signer.len) {
        buf_add_string(out, "  claims user      ");
        for (size_t i = 0; i < openpgp->signer.len; i++) /* no terminal is told what to do */
            buf_add_byte(out, openpgp->signer.ptr[i] < 0x20 || openpgp->signer.ptr[i] == 0x7f
                                  ? '?'
                                  : openpgp->signer.ptr[i]);
        buf_add_byte(out, '\n');
    }
    write_time(out, openpgp->created);
    if (openpgp->hash.len)
        buf_printf(out, "  digest           " BYTES_FMT "\n", BYTES_ARG(openpgp->hash));
}

static int run_check(struct world *world)
{
    struct message message;
    struct openpgp_result openpgp;
    int status = world_parse_message(world, world->context, &message);
    if (status >= 0)
        return status;
    if (openpgp_check(world->arena, &message, &openpgp) != OK) {
        fprintf(stderr, "vouch openpgp check: no memory\n");
        return EXIT_TEMPORARY;
    }
    struct buf out;
    buf_init(&out, 4 << 20);
    if (world->options->json)
        write_json(&out, &openpgp);
    else
        write_text(&out, &openpgp);
    world_print(&out);
    return openpgp.result == AUTH_NEUTRAL ? EXIT_FINE : EXIT_NEGATIVE;
}

int openpgp_check_command(int argc, char **argv)
{
    struct world_options options = {0};
    const struct argument table[] = {{"--json", NULL, &options.json}};
    struct arguments arguments = {"openpgp check", usage, table, countof(table), {NULL}, 0};
    return world_run_message(&arguments, argc, argv, &options, run_check);
}
