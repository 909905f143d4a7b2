/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch smime check: the S/MIME signature of one message. */
#include "auth/smime.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "message/from_field.h"

#include <stdio.h>

static const char usage[] =
    "usage: vouch smime check [--authorities FILE] [--now EPOCH] [--json] FILE|-\n"
    "\n"
    "Says whether a message has an S/MIME signature (RFC 8551), whether it fits, and whether an\n"
    "authority vouches for its certificate and for the author's address in it. Asks nothing over the\n"
    "network: certificates that were revoked are not known.\n"
    "\n"
    "  --authorities FILE      certificates of the authorities that are believed, in PEM form\n"
    "                          (default: the system's)\n"
    "  --now EPOCH             judge as if it were then (seconds since 1970)\n"
    "  --json                  for machines\n"
    "\n"
    "examples:\n"
    "  vouch smime check message.eml\n"
    "  vouch smime check --authorities company-ca.pem --json - < message.eml\n"
    "\n"
    "exit status: 0 pass, 1 no signature or no pass, 2 usage, 3 it could not be told now\n";

struct check {
    const char *file;
    const char *authorities;
};

static void write_json(struct buf *out, const struct smime_result *smime, struct bytes author)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result", auth_result_name(smime->result));
    json_member_bytes(&json, "author", author);
    json_member_bytes(&json, "identifier", smime->identifier);
    json_member_bytes(&json, "part", smime->part);
    json_member_bytes(&json, "serial", smime->serial);
    json_member_bytes(&json, "issuer", smime->issuer);
    json_member_bool(&json, "encrypted", smime->encrypted);
    json_member_bool(&json, "opaque", smime->opaque);
    json_member_bytes(&json, "problem", smime->problem);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static const char *explanation(const struct smime_result *smime)
{
    switch (smime->result) {
    case AUTH_NONE:
        return "the message has no S/MIME signature";
    case AUTH_PASS:
        return "the signature is good, and the certificate is the author's";
    case AUTH_FAIL:
        return "the signature does not fit";
    case AUTH_POLICY:
        return "the signature fits, but proves nothing about the author";
    case AUTH_NEUTRAL:
        return smime->encrypted ? "the message is encrypted" : "the signature cannot be judged";
    default:
        return "the signature is malformed";
    }
}

static void write_line(struct buf *out, const char *name, struct bytes value)
{
    if (value.len)
        buf_printf(out, "  %-12s " BYTES_FMT "\n", name, BYTES_ARG(value));
}

static void write_text(struct buf *out, const struct smime_result *smime, struct bytes author)
{
    buf_printf(out, "%s: %s\n", auth_result_name(smime->result), explanation(smime));
    if (smime->result == AUTH_NONE)
        return;
    if (!smime->encrypted)
        write_line(out, "problem", smime->problem);
    write_line(out, "author", author);
    write_line(out, "certificate", smime->identifier);
    write_line(out, "serial", smime->serial);
    write_line(out, "issuer", smime->issuer);
    write_line(out, "signed part", smime->part);
}

/* The system's authorities may be missing; those that were named may not. */
static bool load_authorities(const struct check *check, struct smime_authorities **out)
{
    struct error error;
    if (smime_authorities_load(check->authorities, out, &error) == OK)
        return true;
    fprintf(stderr, "vouch smime check: %s\n", error.text);
    return !check->authorities;
}

static int run_check(struct world *world)
{
    const struct check *check = world->context;
    struct smime_authorities *authorities;
    struct message message;
    struct from_field from;
    struct smime_result smime;
    struct error error;
    int status = world_parse_message(world, check->file, &message);
    if (status >= 0)
        return status;
    if (!load_authorities(check, &authorities))
        return EXIT_USAGE;
    if (from_field_read(world->arena, &message, &from, &error) != OK ||
        smime_check(world->arena, &message, from.address, authorities, world->now, &smime) != OK)
        smime = (struct smime_result){.result = AUTH_TEMPERROR, .problem = BYTES("no memory")};
    smime_authorities_free(authorities);
    struct buf out;
    buf_init(&out, 4 << 20);
    if (world->options->json)
        write_json(&out, &smime, from.address);
    else
        write_text(&out, &smime, from.address);
    world_print(&out);
    return world_exit_status(smime.result);
}

int smime_check_command(int argc, char **argv)
{
    struct check check = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--authorities", &check.authorities, NULL},
                                     {"--now", &options.now, NULL},
                                     {"--json", NULL, &options.json}};
    struct arguments arguments = {"smime check", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one message file, or - for standard input");
    check.file = arguments.positions[0];
    return world_run(&arguments, &options, run_check, &check);
}
