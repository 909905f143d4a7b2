/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch senderid check: who a message says sent it on (PRA), and one Sender ID check of that. */
#include "auth/sender_id.h"
#include "base/ascii.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/spf_steps.h"
#include "cmd/world.h"
#include "fiber/loop.h"
#include "message/pra.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vouch senderid check [--ip A] [options] FILE|-\n"
    "       vouch senderid check --ip A --pra MAILBOX [options]\n"
    "       vouch senderid check --ip A --scope mfrom --from F [--helo H] [options]\n"
    "\n"
    "Finds the address that last sent a message on, according to its header (the Purported "
    "Responsible\n"
    "Address, RFC 4407), and asks whether the client A may send mail for it (Sender ID, RFC "
    "4406).\n"
    "Shows the record that was chosen and how it was evaluated. Without --ip it only finds the "
    "address.\n"
    "\n"
    "  --ip ADDRESS            the client\n"
    "  --helo NAME             its HELO or EHLO name\n"
    "  --pra MAILBOX           check this address in place of a message's\n"
    "  --scope pra|mfrom       what to check: the header's address (default) or MAIL FROM\n"
    "  --from MAILBOX          MAIL FROM, for --scope mfrom; '<>' is postmaster@HELO\n" WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch senderid check message.eml\n"
    "  vouch senderid check --ip 192.0.2.1 message.eml\n"
    "  vouch senderid check --ip 192.0.2.1 --pra list@example.org --json\n"
    "  vouch senderid check --ip 192.0.2.1 --scope mfrom --from user@example.org\n"
    "\n"
    "exit status: 0 pass (without --ip: there is an address), 1 any other result, 2 usage, 3 "
    "temperror\n";

struct check_options {
    const char *file, *ip, *helo, *from, *pra, *scope_name;
    enum sender_id_scope scope;
};

struct report {
    const struct check_options *options;
    struct pra pra;       /* of a file; else empty but for the mailbox */
    struct bytes mailbox; /* the identity; empty: there is none, or a null reverse-path */
    bool checked;         /* there was an identity and a client */
    struct sender_id_result sender_id;
};

/* ---- For machines ---- */

static void write_json(struct buf *out, const struct report *report)
{
    const struct sender_id_result *r = &report->sender_id;
    struct json json = json_into(out);
    json_begin_object(&json);
    /* Nothing was asked for without a client, but without an identity the result is known. */
    json_member(&json, "result",
                report->checked || !report->mailbox.len ? auth_result_name(r->result) : NULL);
    json_member(&json, "scope", sender_id_scope_name(report->options->scope));
    json_member_bytes(&json, "mailbox", report->mailbox);
    json_key(&json, "pra");
    json_begin_object(&json);
    json_member_bytes(&json, "mailbox", report->pra.mailbox);
    json_member_bytes(&json, "field", report->pra.field);
    json_member_bytes(&json, "reason", report->pra.reason);
    json_member_bytes(&json, "problem", report->pra.problem);
    json_end_object(&json);
    json_member_bytes(&json, "domain", r->domain);
    json_member_bytes(&json, "record", r->record);
    json_member_bool(&json, "fell_back", r->fell_back);
    json_member_bytes(&json, "mechanism", r->mechanism);
    json_member_bytes(&json, "explanation", r->explanation);
    json_member_bytes(&json, "problem", r->problem);
    json_member_integer(&json, "dns_terms", r->terms);
    json_member_integer(&json, "void_lookups", r->void_lookups);
    json_key(&json, "steps");
    spf_steps_write_json(&json, r->steps, r->step_count);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

/* ---- For people ---- */

/* What strangers wrote must not steer a terminal. */
static void add_shown(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_add_byte(out, ascii_is_control(text.ptr[i]) ? '?' : text.ptr[i]);
}

static void write_line(struct buf *out, const char *label, struct bytes text)
{
    if (text.len == 0)
        return;
    buf_printf(out, "  %-13s", label);
    add_shown(out, text);
    buf_add_byte(out, '\n');
}

static const char *meaning(enum auth_result result)
{
    switch (result) {
    case AUTH_PASS:
        return "The client may send mail for this domain.";
    case AUTH_FAIL:
        return "The client may not send mail for this domain.";
    case AUTH_SOFTFAIL:
        return "The client should not send mail for this domain, but the domain is not sure.";
    case AUTH_NEUTRAL:
        return "The domain does not say whether the client may send mail for it.";
    case AUTH_TEMPERROR:
        return "The DNS failed, so it cannot be told now.";
    case AUTH_PERMERROR:
        return "What the domain publishes is in error, so it cannot be told.";
    default:
        return "The domain publishes nothing that could be checked.";
    }
}

static void write_identity(struct buf *out, const struct report *report)
{
    if (report->options->scope == SENDER_ID_MFROM) {
        write_line(out, "MAIL FROM", report->mailbox.len ? report->mailbox : BYTES("<>"));
        return;
    }
    write_line(out, "PRA", report->pra.mailbox);
    if (!report->options->file)
        return;
    write_line(out, report->pra.mailbox.len ? "taken from" : "in field", report->pra.field);
    write_line(out, "because", report->pra.reason);
}

static void write_check(struct buf *out, const struct report *report)
{
    const struct sender_id_result *r = &report->sender_id;
    write_line(out, "domain", r->domain);
    write_line(out, "record", r->record);
    if (r->record.len)
        buf_printf(out, "  %-13s%s\n", "chosen as",
                   r->fell_back ? "a v=spf1 record, because no spf2.0 record is for this check"
                                : "the spf2.0 record for this check");
    write_line(out, "decided by", r->mechanism);
    write_line(out, "because", r->problem);
    write_line(out, "explanation", r->explanation);
    buf_printf(out, "  %-13s%u of 10 DNS terms, %u of 2 void look-ups\n", "used", r->terms,
               r->void_lookups);
    spf_steps_write_text(out, r->steps, r->step_count);
}

static void write_text(struct buf *out, const struct report *report)
{
    if (report->checked) {
        buf_printf(out, "%s\n  %s\n", auth_result_name(report->sender_id.result),
                   meaning(report->sender_id.result));
        write_identity(out, report);
        write_check(out, report);
    } else if (report->pra.mailbox.len) {
        add_shown(out, report->pra.mailbox);
        buf_add_string(out, "\n  The header says that this address last sent the message on. "
                            "Give --ip to check whether\n  a client may send mail for it.\n");
        write_identity(out, report);
    } else {
        buf_add_string(out,
                       "none\n  The header does not say who last sent the message on: it has no "
                       "Purported Responsible\n  Address.\n");
        write_identity(out, report);
        write_line(out, "problem", report->pra.problem);
    }
}

/* ---- The check ---- */

static struct bytes without_brackets(const char *text)
{
    struct bytes mailbox = bytes_trim(bytes_of(text));
    if (bytes_starts_with(mailbox, BYTES("<")) && bytes_ends_with(mailbox, BYTES(">")))
        mailbox = bytes_slice(mailbox, 1, mailbox.len - 1);
    return mailbox;
}

/* -1, or the exit status where there is no going on. */
static int find_identity(struct world *world, struct report *report)
{
    const struct check_options *options = report->options;
    struct message message;
    if (options->scope == SENDER_ID_MFROM) {
        report->mailbox = without_brackets(options->from);
        return -1;
    }
    if (options->pra) {
        report->pra.mailbox = report->mailbox = without_brackets(options->pra);
        return -1;
    }
    int status = world_parse_message(world, options->file, &message);
    if (status >= 0)
        return status;
    if (pra_find(world->arena, &message, &report->pra) == TEMP) {
        fprintf(stderr, "vouch senderid check: out of memory\n");
        return EXIT_TEMPORARY;
    }
    report->mailbox = report->pra.mailbox;
    return -1;
}

static int exit_status(const struct report *report)
{
    if (!report->checked)
        return report->mailbox.len ? EXIT_FINE : EXIT_NEGATIVE;
    return world_exit_status(report->sender_id.result);
}

static int run_check(struct world *world)
{
    const struct check_options *options = world->context;
    struct report report = {.options = options};
    struct spf_request request = {.helo = bytes_of(options->helo ? options->helo : ""),
                                  .receiver = bytes_of(world->config.hostname),
                                  .now = world->now,
                                  .deadline = loop_deadline(20 * SECOND),
                                  .trace = true};
    if (options->ip && !ip_parse(bytes_of(options->ip), &request.ip)) {
        fprintf(stderr, "vouch senderid check: '%s' is no IP address\n", options->ip);
        return EXIT_USAGE;
    }
    int status = find_identity(world, &report);
    if (status >= 0)
        return status;
    report.checked = options->ip && (report.mailbox.len || options->scope == SENDER_ID_MFROM);
    if (report.checked)
        sender_id_check(world->dns, world->arena, &request, options->scope, report.mailbox,
                        &report.sender_id);
    struct buf out;
    buf_init(&out, 4 << 20);
    if (world->options->json)
        write_json(&out, &report);
    else
        write_text(&out, &report);
    world_print(&out);
    return exit_status(&report);
}

/* -1: fine. */
static int check_arguments(const struct arguments *arguments, struct check_options *check)
{
    if (!check->scope_name || strcmp(check->scope_name, "pra") == 0)
        check->scope = SENDER_ID_PRA;
    else if (strcmp(check->scope_name, "mfrom") == 0)
        check->scope = SENDER_ID_MFROM;
    else
        return arguments_fail(arguments, "--scope is pra or mfrom, not '%s'", check->scope_name);
    if (arguments->position_count > 1)
        return arguments_fail(arguments, "wants one message file, or - for standard input");
    check->file = arguments->position_count ? arguments->positions[0] : NULL;
    if (check->scope == SENDER_ID_MFROM) {
        if (!check->from || !check->ip)
            return arguments_fail(arguments, "--scope mfrom wants --from and --ip");
        if (check->file || check->pra)
            return arguments_fail(arguments, "--scope mfrom takes no message and no --pra");
        return -1;
    }
    if (check->from)
        return arguments_fail(arguments, "--from is for --scope mfrom");
    if (!check->file == !check->pra)
        return arguments_fail(arguments, "wants a message file (or -), or --pra MAILBOX");
    if (check->pra && (!check->ip || without_brackets(check->pra).len == 0))
        return arguments_fail(arguments, "--pra wants a mailbox, and --ip beside it");
    return -1;
}

int senderid_check_command(int argc, char **argv)
{
    struct check_options check = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--ip", &check.ip, NULL},
                                     {"--helo", &check.helo, NULL},
                                     {"--from", &check.from, NULL},
                                     {"--pra", &check.pra, NULL},
                                     {"--scope", &check.scope_name, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"senderid check", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status < 0)
        status = check_arguments(&arguments, &check);
    return status >= 0 ? status : world_run(&arguments, &options, run_check, &check);
}
