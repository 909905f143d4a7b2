/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch serve: the gateway itself. vouch role: one of its processes. */
#include "cmd/command.h"
#include "roles/master.h"
#include "roles/role.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: vouch serve [--config FILE] [--foreground] [--unprivileged]\n"
    "\n"
    "Runs the mail gateway until SIGTERM. SIGHUP reloads configuration, recipients and certificates\n"
    "without a restart.\n"
    "\n"
    "  --config FILE    the configuration (default: /etc/vouch/vouch.conf)\n"
    "  --foreground     stay attached and log to standard error (this is always so)\n"
    "  --unprivileged   all processes keep this account; no chroot\n"
    "\n"
    "examples:\n"
    "  vouch serve                                      as systemd does it\n"
    "  vouch serve --unprivileged --config ./vouch.conf  on high ports, as anybody\n"
    "\n"
    "exit status: 0 stopped, 1 cannot work (a port is taken), 2 bad configuration\n";

int serve_command(int argc, char **argv)
{
    struct master_options options = {.config_file = "/etc/vouch/vouch.conf"};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return EXIT_FINE;
        } else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            options.config_file = argv[++i];
        } else if (strcmp(argv[i], "--unprivileged") == 0) {
            options.unprivileged = true;
        } else if (strcmp(argv[i], "--foreground") != 0) {
            fprintf(stderr, "vouch serve: unknown argument '%s'\n%s", argv[i], usage);
            return EXIT_USAGE;
        }
    }
    /* The roles are started with it, maybe from another folder. */
    char *absolute = realpath(options.config_file, NULL);
    if (!absolute) {
        fprintf(stderr, "%s: cannot be read\n", options.config_file);
        return EXIT_USAGE;
    }
    options.config_file = absolute;
    int status = master_main(&options);
    free(absolute);
    return status;
}

int role_command(int argc, char **argv)
{
    return role_main(argc - 1, argv + 1);
}
