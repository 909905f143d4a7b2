/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key_state: which signing keys a domain has, and where each stands in its life.
 *
 * The file KEYDIR/DOMAIN/state, plain text, a key a line; empty lines and lines from "#" on do not
 * count:
 *
 *     # selector algorithm phase since
 *     20261121r rsa active 2026-11-21T10:00:00Z
 *     20261121e ed25519 active 2026-11-21T10:00:00Z
 *     20260521r rsa retired 2026-11-21T10:00:00Z
 *
 * new      made, its record is being published; does not sign yet
 * active   signs; one of each algorithm at most
 * retired  signs no more; its record stays for mail in transit
 * revoked  its record says so (p= is empty) or is gone
 *
 * Pure: text in, struct out. Selectors point into the text.
 */
#ifndef VOUCH_AUTH_KEY_STATE_H
#define VOUCH_AUTH_KEY_STATE_H

#include "auth/dkim_private_key.h"

enum { KEY_STATE_MAX = 256, KEY_STATE_TEXT_MAX = 64 * 1024, KEY_SELECTOR_MAX = 100 };

enum key_phase { KEY_NEW, KEY_ACTIVE, KEY_RETIRED, KEY_REVOKED };
const char *key_phase_name(enum key_phase phase);

struct key_entry {
    struct bytes selector;
    enum dkim_key_type type;
    enum key_phase phase;
    int64_t since; /* epoch seconds */
};

struct key_state {
    struct key_entry entries[KEY_STATE_MAX];
    size_t count;
};

/* A selector that can be the name of a file as well. */
bool key_selector_is_valid(struct bytes selector);

/* PERM with the number of the line and what is wrong with it. */
enum result key_state_parse(struct bytes text, struct key_state *out, struct error *error)
    must_check;
void key_state_write(struct buf *out, const struct key_state *state);

/* NULL if there is none. */
struct key_entry *key_state_find(struct key_state *state, struct bytes selector);
struct key_entry *key_state_find_phase(struct key_state *state, enum key_phase phase,
                                       enum dkim_key_type type);
size_t key_state_count(const struct key_state *state, enum key_phase phase);
/* PERM: there is one of that name, or too many. `selector` must live as long as the state. */
enum result key_state_add(struct key_state *state, struct bytes selector, enum dkim_key_type type,
                          enum key_phase phase, int64_t since, struct error *error) must_check;

/* "2026-11-21T10:00:00Z" */
void key_time_write(struct buf *out, int64_t epoch);
bool key_time_parse(struct bytes text, int64_t *out);

#endif
