/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * master: binds ports, starts the other roles, joins them with channels, restarts the ones that die,
 * and ends them in order. It parses no network data.
 */
#ifndef VOUCH_ROLES_MASTER_H
#define VOUCH_ROLES_MASTER_H

#include <stdbool.h>

struct master_options {
    const char *config_file;
    bool unprivileged; /* roles keep this account; no chroot */
};

/* Runs until SIGTERM or SIGINT. The exit status: 0; 1 if it could not work; 2 for a bad configuration. */
int master_main(const struct master_options *options);

#endif
