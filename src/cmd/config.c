/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch config check, vouch config describe. */
#include "config/config.h"

#include "auth/organization.h"
#include "auth/smime.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "config/describe.h"
#include "deliver/recipients.h"
#include "roles/keys.h"
#include "tls/tls.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

static const char check_usage[] =
    "usage: vouch config check [--json] [FILE]\n"
    "\n"
    "Reads a configuration with everything that the gateway reads at its start (includes, recipient and alias\n"
    "files, certificates, signing keys, secrets) and says what is wrong with it. Asks nothing of the network.\n"
    "Run it as who starts the gateway, usually root: others may not read keys and secrets.\n"
    "\n"
    "  --config FILE           the same as FILE (default: /etc/vouch/vouch.conf)\n"
    "  --json                  for machines: {\"result\": \"fine\"} or \"errors\" with what is wrong\n"
    "\n"
    "example:\n"
    "  vouch config check ./vouch.conf && systemctl reload vouch\n"
    "\n"
    "exit status: 0 fine, 2 errors\n";

static const char describe_usage[] =
    "usage: vouch config describe [--json]\n"
    "\n"
    "Prints every key with its type, bounds, default and meaning, as a commented configuration file.\n"
    "\n"
    "  --json                  for machines: sections with their keys\n"
    "\n"
    "example:\n"
    "  vouch config describe | less\n";

/* Reads the certificates as an edge will. */
static enum result check_certificates(const struct config *config, struct buf *errors)
{
    struct error error = {{0}};
    struct tls_server *tls = tls_server_create(&error);
    enum result result = tls ? OK : TEMP;
    for (size_t i = 0; i < config->tls.certificate_count && tls; i++) {
        const struct config_certificate *certificate = &config->tls.certificates[i];
        if (tls_server_add_certificate(tls, certificate->chain, certificate->key, &error) != OK) {
            buf_printf(errors, "%s: certificate %s: %s\n", config->file, certificate->name, error.text);
            result = PERM;
        }
    }
    tls_server_destroy(tls);
    return result;
}

/* What the processes read before they close their sandboxes. Each says its first fault. */
static enum result check_files(struct arena *arena, const struct config *config, struct buf *errors)
{
    struct role role = {.arena = arena, .config = *config};
    struct keys keys = {.role = &role};
    struct smime_authorities *authorities = NULL;
    struct error error = {{0}};
    const char *bundle = config->authentication.smime_authorities;
    const char *list = config->authentication.suffix_list;
    enum result result = keys_load(&keys, &error);
    keys_unload(&keys);
    if (result == OK && config->authentication.smime)
        result = smime_authorities_load(*bundle ? bundle : NULL, &authorities, &error);
    smime_authorities_free(authorities);
    if (result == OK && config->authentication.dmarc_discovery == CONFIG_DMARC_SUFFIX_LIST)
        result = organization_load(*list ? list : NULL, &error);
    if (result != OK)
        buf_printf(errors, "%s: %s\n", config->file, error.text);
    return result;
}

/* Roles become this account only if root starts them. */
static enum result check_account(const struct config *config, struct buf *errors)
{
    if (geteuid() != 0 || getpwnam(config->user))
        return OK;
    buf_printf(errors, "%s: the account '%s' does not exist (user)\n", config->file, config->user);
    return PERM;
}

static enum result check(struct arena *arena, const char *file, struct buf *errors)
{
    struct recipients *recipients = NULL;
    struct config config;
    enum result result = arena ? config_load(arena, file, &config, errors) : TEMP;
    if (result != OK)
        return result;
    enum result parts[] = {recipients_load(&config, &recipients, errors),
                           check_certificates(&config, errors), check_files(arena, &config, errors),
                           check_account(&config, errors)};
    recipients_free(recipients);
    for (size_t i = 0; i < countof(parts); i++)
        if (parts[i] != OK)
            result = parts[i];
    return result;
}

static void print_json(const char *file, enum result result, struct bytes errors)
{
    struct buf out;
    struct bytes line;
    buf_init(&out, 4 << 20);
    struct json json = json_into(&out);
    json_begin_object(&json);
    json_member(&json, "result", result == OK ? "fine" : "errors");
    json_member(&json, "file", file);
    json_key(&json, "errors");
    json_begin_array(&json);
    while (errors.len && bytes_split(&errors, '\n', &line))
        if (line.len)
            json_add_bytes(&json, line);
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(&out, '\n');
    world_print(&out);
}

int config_check_command(int argc, char **argv)
{
    const char *file = NULL;
    bool json = false;
    const struct argument table[] = {{"--config", &file, NULL}, {"--json", NULL, &json}};
    struct arguments arguments = {"config check", check_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count > (file ? 0 : 1))
        return arguments_fail(&arguments, "wants one file");
    if (!file)
        file = arguments.position_count ? arguments.positions[0] : "/etc/vouch/vouch.conf";
    struct arena *arena = arena_create((size_t)1 << 30);
    struct buf errors;
    buf_init(&errors, 1 << 20);
    enum result result = check(arena, file, &errors);
    if (json)
        print_json(file, result, buf_bytes(&errors));
    else if (result == OK)
        printf("%s: fine\n", file);
    else
        fprintf(stderr, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    buf_free(&errors);
    arena_destroy(arena);
    return result == OK ? EXIT_FINE : EXIT_USAGE;
}

int config_describe_command(int argc, char **argv)
{
    bool json = false;
    const struct argument table[] = {{"--json", NULL, &json}};
    struct arguments arguments = {"config describe", describe_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count)
        return arguments_fail(&arguments, "takes no '%s'", arguments.positions[0]);
    struct buf out;
    buf_init(&out, 4 << 20);
    if (json)
        config_describe_json(&out);
    else
        config_describe(&out);
    world_print(&out);
    return EXIT_FINE;
}
