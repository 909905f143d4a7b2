/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch vbr check: whether a certifier vouches for the sender of a message file. */
#include "auth/vbr.h"

#include "auth/dkim.h"
#include "auth/spf.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "fiber/loop.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vouch vbr check [--certifier NAME]... [options] FILE|-\n"
    "\n"
    "Asks whether one of the certifiers that you trust vouches for the mail (Vouch By Reference,\n"
    "RFC 5518): for its VBR-Info field, if the domain in it is authenticated by DKIM or SPF.\n"
    "\n"
    "  --certifier NAME[,...]  a certifier that you trust; may be given several times, five names\n"
    "                          at most (default: vbr-certifiers of the configuration)\n"
    "  --ip ADDRESS            the client, for SPF (without it only DKIM counts)\n"
    "  --helo NAME             its HELO or EHLO name\n"
    "  --from MAILBOX          MAIL FROM, for SPF\n"
    "  --authenticated DOMAIN  take this domain for authenticated without a check\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch vbr check --certifier vouch.example.org message.eml\n"
    "  vouch vbr check --certifier a.example,b.example --ip 192.0.2.1 --from a@bank.example - < m\n"
    "\n"
    "exit status: 0 pass, 1 any other result, 2 usage, 3 temperror\n";

enum { AUTHENTICATED_MAX = DKIM_SIGNATURES_MAX + 2 };

/* A domain and how it was authenticated. */
struct identity {
    struct bytes domain;
    const char *method;
};

struct check_options {
    const char *file, *ip, *helo, *from, *authenticated;
    struct bytes certifiers[VBR_CERTIFIERS_MAX];
    size_t certifier_count;
    bool too_many;
    struct identity identities[AUTHENTICATED_MAX];
    size_t identity_count;
};

/* ---- What is authenticated ---- */

static void add_identity(struct check_options *check, struct bytes domain, const char *method)
{
    for (size_t i = 0; i < check->identity_count; i++)
        if (bytes_equal_nocase(check->identities[i].domain, domain))
            return;
    if (domain.len && check->identity_count < AUTHENTICATED_MAX)
        check->identities[check->identity_count++] = (struct identity){domain, method};
}

/* The domain of i= is the one that counts (rfc5518:7.1). */
static void add_dkim(struct world *world, struct check_options *check,
                     const struct message *message)
{
    struct dkim_options options = {.now = world->now, .deadline = loop_deadline(20 * SECOND)};
    struct dkim_results dkim = {0};
    dkim_verify(world->dns, world->arena, message, &options, &dkim);
    for (size_t i = 0; i < dkim.count; i++) {
        const struct dkim_signature_result *signature = &dkim.signatures[i];
        size_t at = bytes_rfind_byte(signature->identity, '@');
        if (signature->result == AUTH_PASS && !signature->key_testing)
            add_identity(check,
                         at == BYTES_NOT_FOUND ? signature->domain
                                               : bytes_skip(signature->identity, at + 1),
                         "DKIM");
    }
}

/* False if the arguments do not do. */
static bool add_spf(struct world *world, struct check_options *check)
{
    struct spf_request request = {.helo = bytes_of(check->helo ? check->helo : ""),
                                  .sender = bytes_of(check->from ? check->from : ""),
                                  .receiver = bytes_of(world->config.hostname),
                                  .now = world->now,
                                  .deadline = loop_deadline(20 * SECOND)};
    struct spf_result spf;
    if (!check->ip)
        return true;
    if (!ip_parse(bytes_of(check->ip), &request.ip)) {
        fprintf(stderr, "vouch vbr check: '%s' is no IP address\n", check->ip);
        return false;
    }
    /* Only the domain of the reverse path counts (rfc5518:7.3), so not HELO's for <>. */
    if (!request.sender.len || bytes_is(request.sender, "<>"))
        return true;
    spf_check_mail_from(world->dns, world->arena, &request, &spf);
    if (spf.result == AUTH_PASS)
        add_identity(check, spf.domain, "SPF");
    return true;
}

/* ---- Output ---- */

static void write_json(struct buf *out, const struct check_options *check,
                       const struct vbr_result *vbr)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result", auth_result_name(vbr->result));
    json_member_bytes(&json, "domain", vbr->domain);
    json_member_bytes(&json, "content", vbr->content);
    json_member_bytes(&json, "certifier", vbr->certifier);
    json_member_bytes(&json, "problem", vbr->problem);
    json_key(&json, "authenticated");
    json_begin_array(&json);
    for (size_t i = 0; i < check->identity_count; i++) {
        json_begin_object(&json);
        json_member_bytes(&json, "domain", check->identities[i].domain);
        json_member(&json, "method", check->identities[i].method);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_key(&json, "questions");
    json_begin_array(&json);
    for (size_t i = 0; i < vbr->question_count; i++) {
        json_begin_object(&json);
        json_member_bytes(&json, "name", vbr->questions[i].name);
        json_member_bytes(&json, "found", vbr->questions[i].found);
        json_member_bool(&json, "vouches", vbr->questions[i].vouches);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static void write_text(struct buf *out, const struct check_options *check,
                       const struct vbr_result *vbr)
{
    buf_printf(out, "%s\n", auth_result_name(vbr->result));
    if (vbr->domain.len)
        buf_printf(out, "  mail of        " BYTES_FMT "\n  says it is     " BYTES_FMT "\n",
                   BYTES_ARG(vbr->domain), BYTES_ARG(vbr->content));
    if (vbr->certifier.len)
        buf_printf(out, "  vouched for by " BYTES_FMT "\n", BYTES_ARG(vbr->certifier));
    if (vbr->problem.len)
        buf_printf(out, "  because        " BYTES_FMT "\n", BYTES_ARG(vbr->problem));
    buf_add_string(out, "  authenticated ");
    for (size_t i = 0; i < check->identity_count; i++)
        buf_printf(out, "%s " BYTES_FMT " (%s)", i ? "," : "",
                   BYTES_ARG(check->identities[i].domain), check->identities[i].method);
    buf_add_string(out, check->identity_count ? "\n" : " nobody\n");
    for (size_t i = 0; i < vbr->question_count; i++)
        buf_printf(out, "  asked          " BYTES_FMT " -> " BYTES_FMT "\n",
                   BYTES_ARG(vbr->questions[i].name), BYTES_ARG(vbr->questions[i].found));
}

/* ---- The command ---- */

static int run_check(struct world *world)
{
    struct check_options *check = world->context;
    const struct config_strings *configured = &world->config.authentication.vbr_certifiers;
    struct bytes domains[AUTHENTICATED_MAX];
    struct message message;
    struct vbr_result vbr;
    if (!check->certifier_count)
        for (size_t i = 0; i < configured->count && i < VBR_CERTIFIERS_MAX; i++)
            check->certifiers[check->certifier_count++] = bytes_of(configured->items[i]);
    if (!check->certifier_count) {
        fprintf(stderr, "vouch vbr check: --certifier wants the name of somebody whom you trust\n");
        return EXIT_USAGE;
    }
    int status = world_parse_message(world, check->file, &message);
    if (status >= 0)
        return status;
    if (check->authenticated)
        add_identity(check, bytes_of(check->authenticated), "as you say");
    if (!add_spf(world, check))
        return EXIT_USAGE;
    add_dkim(world, check, &message);
    for (size_t i = 0; i < check->identity_count; i++)
        domains[i] = check->identities[i].domain;
    struct vbr_request request = {.certifiers = check->certifiers,
                                  .certifier_count = check->certifier_count,
                                  .authenticated = domains,
                                  .authenticated_count = check->identity_count,
                                  .deadline = loop_deadline(20 * SECOND)};
    vbr_check(world->dns, world->arena, &message, &request, &vbr);
    struct buf out;
    buf_init(&out, 1 << 20);
    if (world->options->json)
        write_json(&out, check, &vbr);
    else
        write_text(&out, check, &vbr);
    world_print(&out);
    return world_exit_status(vbr.result);
}

static void add_certifiers(struct check_options *check, const char *names)
{
    struct bytes rest = bytes_of(names), name;
    while (rest.len && bytes_split(&rest, ',', &name)) {
        name = bytes_trim(name);
        if (check->certifier_count == VBR_CERTIFIERS_MAX)
            check->too_many = true;
        else if (name.len)
            check->certifiers[check->certifier_count++] = name;
    }
}

/* The option may stand several times, where the table of arguments keeps the last. */
static void read_certifiers(struct check_options *check, int argc, char **argv)
{
    static const char option[] = "--certifier";
    const size_t length = sizeof(option) - 1;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], option) == 0 && i + 1 < argc)
            add_certifiers(check, argv[++i]);
        else if (strncmp(argv[i], option, length) == 0 && argv[i][length] == '=')
            add_certifiers(check, argv[i] + length + 1);
    }
}

int vbr_check_command(int argc, char **argv)
{
    struct check_options check = {0};
    struct world_options options = {0};
    const char *last = NULL;
    const struct argument table[] = {{"--certifier", &last, NULL},
                                     {"--ip", &check.ip, NULL},
                                     {"--helo", &check.helo, NULL},
                                     {"--from", &check.from, NULL},
                                     {"--authenticated", &check.authenticated, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"vbr check", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    read_certifiers(&check, argc, argv);
    if (check.too_many)
        return arguments_fail(&arguments, "takes %d certifiers at most", VBR_CERTIFIERS_MAX);
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one message file, or - for standard input");
    check.file = arguments.positions[0];
    return world_run(&arguments, &options, run_check, &check);
}
