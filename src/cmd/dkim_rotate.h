/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_rotate: what `vouch dkim rotate` works with, and what it says on standard output.
 *
 * Sentences, or with --json an object a line, each with "event". Everything lives in the world's arena.
 */
#ifndef VOUCH_CMD_DKIM_ROTATE_H
#define VOUCH_CMD_DKIM_ROTATE_H

#include "cmd/dkim_await.h"
#include "cmd/dkim_keys.h"

struct rotate {
    const char *domain_option, *algorithm, *bits, *selector, *timeout, *expire, *reload_pid, *directory,
        *servers, *port;
    bool finish, status;
    /* read from those */
    struct world *world;
    const char *folder;
    struct bytes domain;
    struct key_state *state;
    int64_t wait, hold; /* microseconds */
    int64_t began;      /* loop time */
    int reload;         /* process, or 0 */
    struct dkim_await await;
};

/* All keys of the state. With --json `event` is the line's (NULL: none). */
void rotate_show_state(struct rotate *r, const char *event);

/* The awaited records that are not answered everywhere, together; nothing if all are. */
void rotate_announce(struct rotate *r);

/* Which of the awaited keys are active now. `reloaded`: the gateway was told to. */
void rotate_show_switched(struct rotate *r, bool reloaded);

/* A retired key that cannot be revoked before `due`. */
void rotate_show_not_yet(struct rotate *r, const struct key_entry *entry, int64_t due);

void rotate_show_revoked(struct rotate *r, struct bytes selector);

#endif
