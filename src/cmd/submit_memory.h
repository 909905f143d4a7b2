/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submit_memory: which port of a host worked last, so that the next mail need not probe.
 *
 * FOLDER/vouch/sendmail, where FOLDER is $XDG_CACHE_HOME or HOME/.cache: "host port" a line, or
 * "host port/tls", mode 0600. It is a hint: what cannot be read or written is as if it were not there.
 */
#ifndef VOUCH_CMD_SUBMIT_MEMORY_H
#define VOUCH_CMD_SUBMIT_MEMORY_H

#include "cmd/submit_config.h"

/* The file's name, or NULL: there is no place for it, or it would be somebody else's. */
char *submit_memory_path(struct arena *arena, const char *home, const char *cache_home);

/* False: nothing is remembered. Pure. */
bool submit_memory_find(struct bytes text, const char *host, struct submit_port *port);
/* The text with the host's line first, and as many others as have room. Pure. */
void submit_memory_change(struct buf *out, struct bytes text, const char *host,
                          const struct submit_port *port);

struct bytes submit_memory_read(struct arena *arena, const char *path);
/* Forgets the host where `port` is NULL. */
void submit_memory_write(struct arena *arena, const char *path, struct bytes text, const char *host,
                         const struct submit_port *port);

#endif
