/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch check: one message, judged as the gateway would, with the reasons. */
#include "cmd/command.h"
#include "cmd/world.h"
#include "message/hop.h"
#include "roles/gather.h"
#include "roles/policy.h"
#include "verdict/explain.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vouch check [--ip A] [--helo H] [--from F] [--rcpt R] [options] FILE|-\n"
    "\n"
    "Judges a message file as the gateway would and explains the verdict. For a message as it lies in a\n"
    "mailbox the client is taken from the Received field that the gateway wrote: the topmost one of this\n"
    "host (with --config) or of --received-by, or number --hop, or else the topmost one from outside.\n"
    "What stands below it is never believed.\n"
    "\n"
    "  --ip ADDRESS            the client that sent it; 'none': leave out what needs it\n"
    "  --helo NAME             what it said in HELO or EHLO (default: as Received says, or unknown)\n"
    "  --from MAILBOX          MAIL FROM; '<>' or '' for none (default: the Return-Path field)\n"
    "  --rcpt MAILBOX          RCPT TO\n"
    "  --received-by HOST      the client stands in the Received field that this host wrote\n"
    "  --hop N                 the client stands in the Nth Received field from the top\n"
    "  --policy NAME           the policy section to judge by (default: default)\n"
    "  --all                   make every check, whatever --config switches off; without --config\n"
    "                          every check is made\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch check ~/Maildir/cur/1700000000.M1P2.mx:2,S\n"
    "  vouch check --ip 192.0.2.1 --helo mx.example.org --from a@example.org message.eml\n"
    "  vouch check --json - < message.eml\n"
    "\n"
    "exit status: 0 accepted, 1 refused, junked or quarantined, 2 usage, 3 put off (DNS failed)\n";

struct check_options {
    const char *file, *ip, *helo, *from, *recipient, *policy, *received_by, *hop;
    bool all;
};

enum { HASHCASH_BITS_SHOWN = 20 };

/* The Return-Path that the last server wrote stands in for the envelope. */
static struct bytes envelope_sender(struct world *world, const struct check_options *check,
                                    const struct message *message)
{
    struct bytes sender = BYTES("");
    const struct header_field *field = message_field(message, "Return-Path", 0);
    if (check->from)
        sender = bytes_of(check->from);
    else if (field)
        sender = header_unfold(world->arena, field->value);
    sender = bytes_trim(sender);
    if (bytes_starts_with(sender, BYTES("<")) && bytes_ends_with(sender, BYTES(">")))
        sender = bytes_slice(sender, 1, sender.len - 1);
    return sender;
}

/* Whose word is taken for who sent the message. False with a message: the options cannot be followed. */
static bool find_hop(struct world *world, const struct check_options *check,
                     const struct message *message, struct hop *hop)
{
    uint64_t number = 0;
    enum result result;
    if (check->hop) {
        if (!bytes_to_uint(bytes_of(check->hop), 1000, &number) || !number) {
            fprintf(stderr, "vouch check: --hop wants a number from 1, not '%s'\n", check->hop);
            return false;
        }
        result = hop_at(message, (unsigned)number, hop);
    } else if (check->received_by) {
        result = hop_by(message, bytes_of(check->received_by), hop);
    } else {
        result = NONE;
        if (world->options->config)
            result = hop_by(message, bytes_of(world->config.hostname), hop);
        if (result != OK)
            result = hop_outside(message, hop);
    }
    if (result != OK && (check->hop || check->received_by)) {
        fprintf(stderr, "vouch check: there is no such Received field that names a client\n");
        return false;
    }
    if (result != OK)
        *hop = (struct hop){0};
    return true;
}

static bool find_client(struct world *world, const struct check_options *check,
                        const struct message *message, struct gather_envelope *envelope)
{
    char client[IP_TEXT_SIZE];
    struct hop hop = {0};
    envelope->helo = bytes_of(check->helo ? check->helo : "unknown");
    if (check->ip) {
        if (strcmp(check->ip, "none") == 0 || ip_parse(bytes_of(check->ip), &envelope->client))
            return true;
        fprintf(stderr, "vouch check: '%s' is no IP address\n", check->ip);
        return false;
    }
    if (!find_hop(world, check, message, &hop))
        return false;
    envelope->client = hop.client;
    if (!check->helo && hop.helo.len)
        envelope->helo = hop.helo;
    if (!hop.client.family)
        fprintf(stderr, "vouch check: no Received field names a client: SPF and the like are left "
                        "out (see --ip)\n");
    else
        world_show(stderr,
                   arena_printf(world->arena, "vouch check: the client is %s, as Received field %u says "
                                              "(by " BYTES_FMT ")\n",
                                ip_format(&hop.client, client), hop.number,
                                BYTES_ARG(hop.by.len ? hop.by : BYTES("a host without a name"))));
    return true;
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

/* S/MIME needs the system's authorities, if it is switched on. */
static bool load_authorities(struct world *world, struct smime_authorities **authorities)
{
    struct error error;
    const char *file = world->config.authentication.smime_authorities;
    *authorities = NULL;
    if (!world->config.authentication.smime ||
        smime_authorities_load(*file ? file : NULL, authorities, &error) == OK)
        return true;
    fprintf(stderr, "vouch check: %s\n", error.text);
    return false;
}

static int judge_message(struct world *world, const struct check_options *check,
                         const struct config_policy *section, struct bytes content,
                         const struct gather_envelope *envelope)
{
    struct bytes recipient = bytes_of(check->recipient ? check->recipient : "");
    struct error error;
    struct gather gather;
    struct policy policy;
    struct verdict verdict;
    gather_begin(&gather, &world->config, world->dns, world->arena, envelope);
    gather.evidence.id = BYTES("check");
    if (check->recipient) {
        gather.evidence.recipients = &recipient;
        gather.evidence.recipient_count = 1;
    }
    enum result result = gather_message(&gather, content, &error);
    gather_end(&gather);
    if (result != OK || policy_from_config(world->arena, &world->config, section, &policy) != OK ||
        judge(world->arena, &policy, &gather.evidence, &verdict) != OK) {
        fprintf(stderr, "vouch check: %s\n", result != OK ? error.text : "out of memory");
        return result == PERM ? EXIT_NEGATIVE : EXIT_TEMPORARY;
    }
    print(world, &gather.evidence, &verdict);
    return verdict.action == ACTION_ACCEPT     ? EXIT_FINE
           : verdict.action == ACTION_TEMPFAIL ? EXIT_TEMPORARY
                                               : EXIT_NEGATIVE;
}

/* The old and the rare mechanisms, too: none of them decides by itself. */
static void switch_all_on(struct config *config)
{
    config->authentication.spf = config->authentication.dkim = config->authentication.dmarc = true;
    config->authentication.iprev = config->authentication.helo = true;
    config->authentication.spf_guess = config->authentication.sender_id = true;
    config->authentication.domainkeys = config->authentication.adsp = true;
    config->authentication.arc = config->authentication.smime = true;
    config->authentication.openpgp = true;
    if (!config->authentication.hashcash)
        config->authentication.hashcash = HASHCASH_BITS_SHOWN;
}

static int run_check(struct world *world)
{
    const struct check_options *check = world->context;
    struct gather_envelope envelope = {.now = world->now};
    struct smime_authorities *authorities;
    struct bytes content;
    struct message message;
    struct error error;
    if (!world_read_message(world, check->file, &content))
        return EXIT_USAGE;
    if (check->all || !world->options->config)
        switch_all_on(&world->config);
    const char *name = check->policy ? check->policy : "default";
    const struct config_policy *section = config_policy_find(&world->config, name);
    if (strcmp(section->name, name) != 0) {
        fprintf(stderr, "vouch check: there is no policy '%s'\n", name);
        return EXIT_USAGE;
    }
    if (message_parse(world->arena, content, &message, &error) != OK) {
        fprintf(stderr, "vouch check: %s\n", error.text);
        return EXIT_NEGATIVE;
    }
    if (!find_client(world, check, &message, &envelope) || !load_authorities(world, &authorities))
        return EXIT_USAGE;
    envelope.sender = envelope_sender(world, check, &message);
    envelope.authorities = authorities;
    int status = judge_message(world, check, section, content, &envelope);
    smime_authorities_free(authorities);
    return status;
}

int check_command(int argc, char **argv)
{
    struct check_options check = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--ip", &check.ip, NULL},
                                     {"--helo", &check.helo, NULL},
                                     {"--from", &check.from, NULL},
                                     {"--rcpt", &check.recipient, NULL},
                                     {"--received-by", &check.received_by, NULL},
                                     {"--hop", &check.hop, NULL},
                                     {"--policy", &check.policy, NULL},
                                     {"--all", NULL, &check.all},
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
