/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch serve: the gateway itself. vouch role: one of its processes. */
#include "cmd/arguments.h"
#include "cmd/command.h"
#include "roles/master.h"
#include "roles/role.h"

#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: vouch serve [--config FILE] [--foreground] [--unprivileged]\n"
    "\n"
    "Runs the mail gateway until SIGTERM. SIGHUP reloads configuration, recipients and certificates\n"
    "without a restart.\n"
    "\n"
    "  --config FILE    the configuration (default: /etc/vouch/vouch.conf)\n"
    "  --foreground     stay attached and log to standard error (this is always so)\n"
    "  --unprivileged   all processes keep this account; no chroot. Set data-directory and\n"
    "                   run-directory to folders of your own\n"
    "\n"
    "examples:\n"
    "  vouch serve                                      as systemd does it\n"
    "  vouch serve --unprivileged --config ./vouch.conf  on high ports, as anybody\n"
    "\n"
    "exit status: 0 stopped, 1 cannot work (a port is taken), 2 bad configuration\n";

int serve_command(int argc, char **argv)
{
    const char *config = "/etc/vouch/vouch.conf";
    bool unprivileged = false, foreground = false;
    const struct argument table[] = {{"--config", &config, NULL},
                                     {"--unprivileged", NULL, &unprivileged},
                                     {"--foreground", NULL, &foreground}};
    struct arguments arguments = {"serve", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count)
        return arguments_fail(&arguments, "takes no '%s'", arguments.positions[0]);
    /* The roles are started with it, maybe from another folder. */
    char *absolute = realpath(config, NULL);
    if (!absolute) {
        perror(config);
        return EXIT_USAGE;
    }
    struct master_options options = {.config_file = absolute, .unprivileged = unprivileged};
    status = master_main(&options);
    free(absolute);
    return status;
}

int role_command(int argc, char **argv)
{
    return role_main(argc - 1, argv + 1);
}
