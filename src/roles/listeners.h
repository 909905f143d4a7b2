/* SPDX-License-Identifier: BSD-2-Clause */
/* listeners: the bound sockets of the master, kept over reloads and taken over from systemd. */
#ifndef VOUCH_ROLES_LISTENERS_H
#define VOUCH_ROLES_LISTENERS_H

#include "config/config.h"

enum { LISTENER_UNWANTED = 0x7fffffff };

struct bound {
    struct config_endpoint address;
    unsigned listener; /* index into config.listeners, or LISTENER_UNWANTED */
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
 * Binds what the configuration names and is not bound yet, keeps what is, and marks what it no longer
 * names. All or nothing: on PERM the old ones stay as they were.
 */
enum result listeners_bind(struct listeners *listeners, const struct config *config,
                           struct error *error) must_check;
/* Closes what is marked: once it is certain that the configuration is the one to live by. */
void listeners_trim(struct listeners *listeners);
void listeners_close(struct listeners *listeners);

#endif
