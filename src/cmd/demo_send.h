/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo_send: the sending side of `vouch demo`: an account and a signing key, and a server of somebody else
 * that takes what is sent to him.
 */
#ifndef VOUCH_CMD_DEMO_SEND_H
#define VOUCH_CMD_DEMO_SEND_H

#include "base/arena.h"
#include "dns/zone.h"

#include <sys/types.h>

struct demo_ports {
    uint16_t smtp, submission, submissions, elsewhere, dns;
};

/* Runs `vouch ARGUMENTS` with a text as its standard input (NULL: none) and its output in a file (NULL: as
 * ours). The exit status, or -1. */
int demo_run(const char *const *arguments, const char *input, const char *output);

/* Key, account and password, kept from run to run; what is to be published goes into the zone. */
bool demo_send_prepare(struct arena *arena, const char *directory, struct zone *zone);

/* The other server, on 127.0.0.1: what it takes lies in DIRECTORY/elsewhere/. 0 on failure. */
pid_t demo_elsewhere_start(const char *directory, uint16_t port);

/* you@vouch.example writes to friend@elsewhere.example with vouch sendmail, and what arrived is shown. */
bool demo_send_show(struct arena *arena, const char *directory, const struct demo_ports *ports);

#endif
