/* SPDX-License-Identifier: BSD-2-Clause */
/* listeners: the bound sockets of the master, kept over reloads and taken over from systemd. */
#ifndef VOUCH_ROLES_LISTENERS_H
#define VOUCH_ROLES_LISTENERS_H

#include "config/config.h"

struct bound {
    struct config_endpoint address;
    unsigned listener; /* index into config.listeners */
    int fd;
};

struct listeners {
    struct bound *items;
    size_t count;
};

/* Takes over the sockets that systemd passed (their addresses tell which is which). To be called once,
 * first. */
void listeners_inherit(struct listeners *listeners);
/*
 * Binds what the configuration names and is not bound yet, keeps what is, closes what it no longer
 * names. All or nothing: on PERM the old ones stay as they were.
 */
enum result listeners_bind(struct listeners *listeners, const struct config *config,
                           struct error *error) must_check;
void listeners_close(struct listeners *listeners);

#endif
