/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch config check, vouch config describe. */
#include "config/config.h"

#include "cmd/command.h"
#include "cmd/world.h"
#include "deliver/recipients.h"
#include "tls/tls.h"

#include <stdio.h>

static const char check_usage[] =
    "usage: vouch config check [FILE]\n"
    "\n"
    "Reads a configuration with its includes, recipient and alias files and certificates, and says\n"
    "everything that is wrong with it at once. Asks nothing of the network. Default: /etc/vouch/vouch.conf\n"
    "\n"
    "example:\n"
    "  vouch config check ./vouch.conf && systemctl reload vouch\n"
    "\n"
    "exit status: 0 fine, 2 errors\n";

static const char describe_usage[] =
    "usage: vouch config describe\n"
    "\n"
    "Prints every key with its type, bounds, default and meaning, as a commented configuration file.\n"
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

int config_check_command(int argc, char **argv)
{
    struct arguments arguments = {"config check", check_usage, NULL, 0, {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count > 1)
        return arguments_fail(&arguments, "wants one file");
    const char *file = arguments.position_count ? arguments.positions[0] : "/etc/vouch/vouch.conf";
    struct arena *arena = arena_create((size_t)1 << 30);
    struct recipients *recipients = NULL;
    struct config config;
    struct buf errors;
    buf_init(&errors, 1 << 20);
    enum result result = arena ? config_load(arena, file, &config, &errors) : TEMP;
    if (result == OK)
        result = recipients_load(&config, &recipients, &errors);
    if (result == OK)
        result = check_certificates(&config, &errors);
    if (result == OK)
        printf("%s: fine\n", file);
    else
        fprintf(stderr, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    recipients_free(recipients);
    buf_free(&errors);
    arena_destroy(arena);
    return result == OK ? EXIT_FINE : EXIT_USAGE;
}

int config_describe_command(int argc, char **argv)
{
    struct arguments arguments = {"config describe", describe_usage, NULL, 0, {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count)
        return arguments_fail(&arguments, "takes no '%s'", arguments.positions[0]);
    struct buf out;
    buf_init(&out, 4 << 20);
    config_describe(&out);
    world_print(&out);
    return EXIT_FINE;
}
