/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch check: one message, judged as the gateway would, with the reasons. */
#include "cmd/command.h"
#include "cmd/world.h"
#include "roles/gather.h"
#include "roles/policy.h"
#include "verdict/explain.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vouch check [--ip A] [--helo H] [--from F] [--rcpt R] [options] FILE|-\n"
    "\n"
    "Judges a message file as the gateway would and explains the verdict. Without --ip the checks that\n"
    "need the client's address (SPF, reverse DNS) are left out.\n"
    "\n"
    "  --ip ADDRESS            the client that sent it\n"
    "  --helo NAME             what it said in HELO or EHLO (default: unknown)\n"
    "  --from MAILBOX          MAIL FROM; '<>' or '' for none (default: the Return-Path field)\n"
    "  --rcpt MAILBOX          RCPT TO\n"
    "  --policy NAME           the policy section to judge by (default: default)\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch check --ip 192.0.2.1 --helo mx.example.org --from a@example.org message.eml\n"
    "  vouch check --json - < message.eml\n"
    "\n"
    "exit status: 0 accepted, 1 refused, junked or quarantined, 2 usage, 3 put off (DNS failed)\n";

struct check_options {
    const char *file, *ip, *helo, *from, *recipient, *policy;
};

/* The Return-Path that the last server wrote stands in for the envelope. */
static struct bytes envelope_sender(struct world *world, const struct check_options *check,
                                    struct bytes content)
{
    struct message message;
    struct bytes sender = BYTES("");
    if (check->from) {
        sender = bytes_of(check->from);
    } else if (message_parse(world->arena, content, &message, NULL) == OK) {
        const struct header_field *field = message_field(&message, "Return-Path", 0);
        if (field)
            sender = header_unfold(world->arena, field->value);
    }
    sender = bytes_trim(sender);
    if (bytes_starts_with(sender, BYTES("<")) && bytes_ends_with(sender, BYTES(">")))
        sender = bytes_slice(sender, 1, sender.len - 1);
    return sender;
}

static void print(struct world *world, const struct evidence *evidence,
                  const struct verdict *verdict)
{
    struct buf out;
    buf_init(&out, 16 << 20);
    if (world->options->json) {
        struct json json = json_into(&out);
        json_begin_object(&json);
        json_member(&json, "result", action_name(verdict->action));
        json_key(&json, "verdict");
        verdict_write(&json, verdict);
        json_key(&json, "evidence");
        evidence_write(&json, evidence);
        json_end_object(&json);
        buf_add_byte(&out, '\n');
    } else {
        explain_write(&out, evidence, verdict, world->colour);
    }
    world_print(&out);
}

static int run_check(struct world *world)
{
    const struct check_options *check = world->context;
    struct bytes content, recipient = bytes_of(check->recipient ? check->recipient : "");
    struct gather_envelope envelope = {.now = world->now,
                                       .helo = bytes_of(check->helo ? check->helo : "unknown")};
    struct error error;
    struct gather gather;
    struct policy policy;
    struct verdict verdict;
    if (check->ip && !ip_parse(bytes_of(check->ip), &envelope.client)) {
        fprintf(stderr, "vouch check: '%s' is no IP address\n", check->ip);
        return EXIT_USAGE;
    }
    if (!world_read_message(world, check->file, &content))
        return EXIT_USAGE;
    const char *name = check->policy ? check->policy : "default";
    const struct config_policy *section = config_policy_find(&world->config, name);
    if (strcmp(section->name, name) != 0) {
        fprintf(stderr, "vouch check: there is no policy '%s'\n", name);
        return EXIT_USAGE;
    }
    envelope.sender = envelope_sender(world, check, content);
    gather_begin(&gather, &world->config, world->dns, world->arena, &envelope);
    gather.evidence.id = BYTES("check");
    enum result result = gather_message(&gather, content, &error);
    gather_end(&gather);
    if (check->recipient) {
        gather.evidence.recipients = &recipient;
        gather.evidence.recipient_count = 1;
    }
    if (result != OK || policy_from_config(world->arena, section, &policy) != OK ||
        judge(world->arena, &policy, &gather.evidence, &verdict) != OK) {
        fprintf(stderr, "vouch check: %s\n", result != OK ? error.text : "out of memory");
        return result == PERM ? EXIT_NEGATIVE : EXIT_TEMPORARY;
    }
    print(world, &gather.evidence, &verdict);
    return verdict.action == ACTION_ACCEPT     ? EXIT_FINE
           : verdict.action == ACTION_TEMPFAIL ? EXIT_TEMPORARY
                                               : EXIT_NEGATIVE;
}

int check_command(int argc, char **argv)
{
    struct check_options check = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--ip", &check.ip, NULL},
                                     {"--helo", &check.helo, NULL},
                                     {"--from", &check.from, NULL},
                                     {"--rcpt", &check.recipient, NULL},
                                     {"--policy", &check.policy, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"check", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one message file, or - for standard input");
    check.file = arguments.positions[0];
    return world_run(&arguments, &options, run_check, &check);
}
