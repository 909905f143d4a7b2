/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch dmarc check: the DMARC result of one message, with discovery step by step. */
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "roles/gather.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vouch dmarc check [--ip A] [--helo H] [--from F] [options] FILE|-\n"
    "\n"
    "Checks whether an authenticated domain stands behind the From field (RFC 9989; RFC 7489 with\n"
    "--discovery suffix-list), and shows how the policy was found.\n"
    "\n"
    "  --ip ADDRESS            the client, for SPF (without it only DKIM counts)\n"
    "  --helo NAME             its HELO or EHLO name\n"
    "  --from MAILBOX          MAIL FROM; '<>' for none\n"
    "  --discovery MODE        tree-walk (RFC 9989) or suffix-list (RFC 7489)\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch dmarc check --ip 192.0.2.1 --from a@example.org message.eml\n"
    "  vouch dmarc check --json message.eml\n"
    "\n"
    "exit status: 0 pass, 1 any other result, 2 usage, 3 temperror\n";

struct check_options {
    const char *file, *ip, *helo, *from, *discovery;
};

static void write_json(struct buf *out, const struct gather *gather)
{
    const struct dmarc_result *dmarc = &gather->dmarc;
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result", auth_result_name(dmarc->result));
    json_member_bytes(&json, "author_domain", gather->from.domain);
    json_member_bytes(&json, "policy_domain", dmarc->policy_domain);
    json_member_bytes(&json, "organizational_domain", dmarc->organizational_domain);
    json_member_bytes(&json, "record", dmarc->record_text);
    json_member(&json, "policy", dmarc_policy_name(dmarc->policy));
    json_member(&json, "effective_policy", dmarc_policy_name(dmarc->effective));
    json_member_bool(&json, "spf_aligned", dmarc->spf_aligned);
    json_member_bool(&json, "dkim_aligned", dmarc->dkim_aligned);
    json_member_bytes(&json, "problem", dmarc->problem);
    json_key(&json, "steps");
    json_begin_array(&json);
    for (size_t i = 0; i < dmarc->step_count; i++) {
        json_begin_object(&json);
        json_member_bytes(&json, "name", dmarc->steps[i].name);
        json_member_bytes(&json, "answer", dmarc->steps[i].answer);
        json_member_bool(&json, "used", dmarc->steps[i].used);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static void write_text(struct buf *out, const struct gather *gather)
{
    const struct dmarc_result *dmarc = &gather->dmarc;
    bool has_policy = dmarc->result == AUTH_PASS || dmarc->result == AUTH_FAIL;
    buf_printf(out, "%s\n", auth_result_name(dmarc->result));
    buf_printf(out, "  author domain          " BYTES_FMT "\n", BYTES_ARG(gather->from.domain));
    if (dmarc->problem.len)
        buf_printf(out, "  because                " BYTES_FMT "\n", BYTES_ARG(dmarc->problem));
    for (size_t i = 0; i < dmarc->step_count; i++)
        buf_printf(out, "  %s " BYTES_FMT "  " BYTES_FMT "\n", dmarc->steps[i].used ? "->" : "  ",
                   BYTES_ARG(dmarc->steps[i].name), BYTES_ARG(dmarc->steps[i].answer));
    if (has_policy) {
        buf_printf(out, "  organizational domain  " BYTES_FMT "\n",
                   BYTES_ARG(dmarc->organizational_domain));
        buf_printf(out, "  policy                 %s%s%s\n", dmarc_policy_name(dmarc->policy),
                   dmarc->effective != dmarc->policy ? ", lowered to " : "",
                   dmarc->effective != dmarc->policy ? dmarc_policy_name(dmarc->effective) : "");
        if (gather->evidence.client.family)
            buf_printf(out, "  SPF                    %s, %s\n", auth_result_name(gather->spf.result),
                       dmarc->spf_aligned ? "aligned" : "not aligned");
        else
            buf_add_string(out, "  SPF                    not checked (no --ip)\n");
        buf_printf(out, "  DKIM                   %s\n",
                   dmarc->dkim_aligned ? "pass, aligned" : "no aligned signature that passes");
    }
}

static int run_check(struct world *world)
{
    const struct check_options *check = world->context;
    struct gather_envelope envelope = {.now = world->now,
                                       .helo = bytes_of(check->helo ? check->helo : "unknown"),
                                       .sender = bytes_of(check->from ? check->from : "")};
    struct bytes content;
    struct gather gather;
    struct error error;
    if (check->ip && !ip_parse(bytes_of(check->ip), &envelope.client)) {
        fprintf(stderr, "vouch dmarc check: '%s' is no IP address\n", check->ip);
        return EXIT_USAGE;
    }
    if (check->discovery && strcmp(check->discovery, "tree-walk") == 0) {
        world->config.authentication.dmarc_discovery = CONFIG_DMARC_TREE_WALK;
    } else if (check->discovery && strcmp(check->discovery, "suffix-list") == 0) {
        world->config.authentication.dmarc_discovery = CONFIG_DMARC_SUFFIX_LIST;
    } else if (check->discovery) {
        fprintf(stderr, "vouch dmarc check: --discovery is tree-walk or suffix-list\n");
        return EXIT_USAGE;
    }
    if (!world_read_message(world, check->file, &content))
        return EXIT_USAGE;
    if (bytes_is(envelope.sender, "<>"))
        envelope.sender = BYTES("");
    gather_begin(&gather, &world->config, world->dns, world->arena, &envelope);
    enum result result = gather_message(&gather, content, &error);
    gather_end(&gather);
    if (result != OK) {
        fprintf(stderr, "vouch dmarc check: %s\n", error.text);
        return result == PERM ? EXIT_NEGATIVE : EXIT_TEMPORARY;
    }
    /* Without one author domain there is nothing to check (rfc9989:5.3.1). */
    if (gather.from.status != FROM_OK)
        gather.dmarc = (struct dmarc_result){.result = AUTH_PERMERROR, .problem = gather.from.problem};
    struct buf out;
    buf_init(&out, 4 << 20);
    if (world->options->json)
        write_json(&out, &gather);
    else
        write_text(&out, &gather);
    world_print(&out);
    return gather.dmarc.result == AUTH_PASS        ? EXIT_FINE
           : gather.dmarc.result == AUTH_TEMPERROR ? EXIT_TEMPORARY
                                                   : EXIT_NEGATIVE;
}

int dmarc_check_command(int argc, char **argv)
{
    struct check_options check = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--ip", &check.ip, NULL},
                                     {"--helo", &check.helo, NULL},
                                     {"--from", &check.from, NULL},
                                     {"--discovery", &check.discovery, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"dmarc check", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one message file, or - for standard input");
    check.file = arguments.positions[0];
    return world_run(&arguments, &options, run_check, &check);
}
