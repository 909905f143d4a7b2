/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch dmarc check: the DMARC result of one message, or the policy of a domain, step by step. */
#include "auth/dmarc_report.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/dmarc_text.h"
#include "cmd/world.h"
#include "fiber/loop.h"
#include "roles/gather.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vouch dmarc check [--ip A] [--helo H] [--from F] [options] FILE|-\n"
    "       vouch dmarc check --domain NAME [options]\n"
    "\n"
    "Checks whether an authenticated domain stands behind the From field (RFC 9989; RFC 7489 with\n"
    "--discovery suffix-list), and shows how the policy was found. With --domain no message is needed:\n"
    "it shows the policy of that domain, and whether its report addresses may get reports.\n"
    "\n"
    "  --domain NAME           the author's domain, instead of a message\n"
    "  --ip ADDRESS            the client, for SPF (without it only DKIM counts)\n"
    "  --helo NAME             its HELO or EHLO name\n"
    "  --from MAILBOX          MAIL FROM; '<>' for none\n"
    "  --discovery MODE        tree-walk (RFC 9989) or suffix-list (RFC 7489)\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch dmarc check --domain news.example.org\n"
    "  vouch dmarc check --ip 192.0.2.1 --from a@example.org message.eml\n"
    "  vouch dmarc check --discovery suffix-list --json message.eml\n"
    "\n"
    "exit status: 0 pass (with --domain: a policy was found), 1 any other result, 2 usage, 3 temperror\n";

struct check_options {
    const char *file, *domain, *ip, *helo, *from, *discovery;
};

static enum dmarc_mode mode_of(const struct world *world)
{
    return world->config.authentication.dmarc_discovery == CONFIG_DMARC_SUFFIX_LIST
               ? DMARC_SUFFIX_LIST
               : DMARC_TREE_WALK;
}

/* A message */

static void write_json(struct buf *out, const struct gather *gather, enum dmarc_mode mode)
{
    const struct dmarc_result *dmarc = &gather->dmarc;
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result", auth_result_name(dmarc->result));
    json_member_bytes(&json, "author_domain", gather->from.domain);
    dmarc_text_discovery_json(&json, dmarc, mode);
    json_member_bool(&json, "spf_aligned", dmarc->spf_aligned);
    json_member_bool(&json, "dkim_aligned", dmarc->dkim_aligned);
    json_member_bytes(&json, "problem", dmarc->problem);
    dmarc_text_identifiers_json(&json, dmarc);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static void write_headline(struct buf *out, const struct gather *gather)
{
    const struct dmarc_result *dmarc = &gather->dmarc;
    struct bytes domain = gather->from.domain;
    buf_printf(out, "%s: ", auth_result_name(dmarc->result));
    if (dmarc->result == AUTH_PASS)
        buf_printf(out, BYTES_FMT " stands behind this message, as its From field says\n",
                   BYTES_ARG(domain));
    else if (dmarc->result == AUTH_FAIL)
        buf_printf(out, "nothing proves that this message comes from " BYTES_FMT "\n",
                   BYTES_ARG(domain));
    else
        buf_printf(out, BYTES_FMT "\n", BYTES_ARG(dmarc->problem));
}

static void write_text(struct buf *out, const struct gather *gather, enum dmarc_mode mode)
{
    const struct dmarc_result *dmarc = &gather->dmarc;
    write_headline(out, gather);
    if (!dmarc->author_domain.len)
        return;
    dmarc_text_discovery(out, dmarc, mode);
    if (!dmarc->policy_tag)
        return;
    dmarc_text_identifiers(out, dmarc);
    if (!gather->evidence.client.family)
        buf_add_string(out, "  SPF  was not checked (no --ip)\n");
}

static int status_of(enum auth_result result, bool fine)
{
    return fine ? EXIT_FINE : result == AUTH_TEMPERROR ? EXIT_TEMPORARY : EXIT_NEGATIVE;
}

static int check_message(struct world *world)
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
        write_json(&out, &gather, mode_of(world));
    else
        write_text(&out, &gather, mode_of(world));
    world_print(&out);
    return status_of(gather.dmarc.result, gather.dmarc.result == AUTH_PASS);
}

/* A domain */

struct report_address {
    const char *tag;
    struct dmarc_uri uri;
    struct dmarc_destination destination;
};

struct domain_check {
    struct dmarc_result dmarc;
    enum result result;
    struct report_address addresses[2 * DMARC_URIS_MAX];
    size_t address_count, invalid;
};

static void check_addresses(struct world *world, struct domain_check *check, bool failure)
{
    const struct dmarc_record *record = &check->dmarc.record;
    struct dmarc_uri_list list;
    if (dmarc_uri_list_parse(world->arena, failure ? record->ruf : record->rua, &list) == TEMP)
        return;
    check->invalid += list.invalid;
    for (size_t i = 0; i < list.count; i++) {
        struct report_address *address = &check->addresses[check->address_count++];
        address->tag = failure ? "ruf" : "rua";
        address->uri = list.items[i];
        dmarc_report_destination_check(world->dns, world->arena, check->dmarc.policy_domain,
                                       &address->uri,
                                       failure ? DMARC_REPORT_FAILURE : DMARC_REPORT_AGGREGATE,
                                       mode_of(world), loop_deadline(20 * SECOND),
                                       &address->destination);
    }
}

static const char *destination_text(enum dmarc_destination_status status)
{
    static const char *const texts[] = {
        [DMARC_DESTINATION_OWN] = "fine, of the same organization",
        [DMARC_DESTINATION_CONFIRMED] = "fine, another organization that has agreed",
        [DMARC_DESTINATION_MOVED] = "fine, another organization that has agreed and wants them elsewhere",
        [DMARC_DESTINATION_REFUSED] = "gets no reports",
        [DMARC_DESTINATION_UNKNOWN] = "cannot be told now",
    };
    return texts[status];
}

static void write_address(struct buf *out, const struct report_address *address)
{
    const struct dmarc_destination *destination = &address->destination;
    buf_printf(out, "  %s " BYTES_FMT ": %s%s" BYTES_FMT "\n", address->tag,
               BYTES_ARG(address->uri.text), destination_text(destination->status),
               destination->problem.len ? ", " : "", BYTES_ARG(destination->problem));
    for (size_t i = 0; i < destination->replacement.count; i++)
        buf_printf(out, "      at " BYTES_FMT "\n", BYTES_ARG(destination->replacement.items[i].text));
    if (destination->question.len)
        buf_printf(out, "      asked " BYTES_FMT "\n", BYTES_ARG(destination->question));
}

static void write_domain_text(struct buf *out, const struct domain_check *check, enum dmarc_mode mode)
{
    const struct dmarc_result *dmarc = &check->dmarc;
    if (check->result == OK)
        buf_printf(out, "found: the policy for mail of " BYTES_FMT " is %s\n",
                   BYTES_ARG(dmarc->author_domain), dmarc_policy_name(dmarc->effective));
    else
        buf_printf(out, "%s: " BYTES_FMT "\n", auth_result_name(dmarc->result),
                   BYTES_ARG(dmarc->problem));
    if (dmarc->author_domain.len)
        dmarc_text_discovery(out, dmarc, mode);
    if (check->result != OK)
        return;
    buf_add_string(out, "\nReports:\n");
    for (size_t i = 0; i < check->address_count; i++)
        write_address(out, &check->addresses[i]);
    if (check->address_count == 0)
        buf_add_string(out, "  none are asked for\n");
    if (check->invalid)
        buf_printf(out, "  %zu entries of rua= and ruf= are no valid addresses\n", check->invalid);
}

static void write_domain_json(struct buf *out, const struct domain_check *check, enum dmarc_mode mode)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result",
                check->result == OK ? "found" : auth_result_name(check->dmarc.result));
    json_member_bytes(&json, "author_domain", check->dmarc.author_domain);
    json_member_bytes(&json, "problem", check->dmarc.problem);
    dmarc_text_discovery_json(&json, &check->dmarc, mode);
    json_key(&json, "reports");
    json_begin_array(&json);
    for (size_t i = 0; i < check->address_count; i++) {
        const struct report_address *address = &check->addresses[i];
        json_begin_object(&json);
        json_member(&json, "tag", address->tag);
        json_member_bytes(&json, "uri", address->uri.text);
        json_member(&json, "destination",
                    dmarc_destination_status_name(address->destination.status));
        json_member_bytes(&json, "asked", address->destination.question);
        json_member_bytes(&json, "problem", address->destination.problem);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static int check_domain(struct world *world, const char *domain)
{
    struct dmarc_request request = {.author_domain = bytes_of(domain),
                                    .mode = mode_of(world),
                                    .deadline = loop_deadline(20 * SECOND)};
    struct domain_check *check = arena_new(world->arena, struct domain_check);
    if (!check)
        return EXIT_TEMPORARY;
    check->result = dmarc_discover(world->dns, world->arena, &request, &check->dmarc);
    if (check->result == OK) {
        check_addresses(world, check, false);
        check_addresses(world, check, true);
    }
    struct buf out;
    buf_init(&out, 4 << 20);
    if (world->options->json)
        write_domain_json(&out, check, request.mode);
    else
        write_domain_text(&out, check, request.mode);
    world_print(&out);
    return status_of(check->dmarc.result, check->result == OK);
}

static bool choose_discovery(struct world *world, const char *discovery)
{
    if (strcmp(discovery, "tree-walk") == 0)
        world->config.authentication.dmarc_discovery = CONFIG_DMARC_TREE_WALK;
    else if (strcmp(discovery, "suffix-list") == 0)
        world->config.authentication.dmarc_discovery = CONFIG_DMARC_SUFFIX_LIST;
    else
        return false;
    return true;
}

static int run_check(struct world *world)
{
    const struct check_options *check = world->context;
    if (check->discovery && !choose_discovery(world, check->discovery)) {
        fprintf(stderr, "vouch dmarc check: --discovery is tree-walk or suffix-list\n");
        return EXIT_USAGE;
    }
    return check->domain ? check_domain(world, check->domain) : check_message(world);
}

int dmarc_check_command(int argc, char **argv)
{
    struct check_options check = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--domain", &check.domain, NULL},
                                     {"--ip", &check.ip, NULL},
                                     {"--helo", &check.helo, NULL},
                                     {"--from", &check.from, NULL},
                                     {"--discovery", &check.discovery, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"dmarc check", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != (check.domain ? 0 : 1))
        return arguments_fail(&arguments, "wants one message file, - for standard input, or --domain");
    check.file = arguments.positions[0];
    return world_run(&arguments, &options, run_check, &check);
}
