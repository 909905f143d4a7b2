/* SPDX-License-Identifier: BSD-2-Clause */
/* dkim_keys: what keygen, rotate and check-key share: making keys, and showing records to be published. */
#ifndef VOUCH_CMD_DKIM_KEYS_H
#define VOUCH_CMD_DKIM_KEYS_H

#include "auth/key_directory.h"
#include "base/json.h"
#include "cmd/world.h"

enum { DKIM_RECORD_TTL = 3600, DKIM_NAMES_MAX = 64 };

struct dkim_wanted {
    bool rsa, ed25519;
    unsigned bits;
    const char *selector; /* NULL: named after the day */
    enum key_phase phase;
};

/* "rsa", "ed25519" or "both". */
bool dkim_wanted_parse(const char *algorithm, struct dkim_wanted *out);

/* --key-directory, or as the configuration says. */
const char *dkim_keys_directory(const struct world *world, const char *option);

/* Makes the keys, stores them and writes the state. Prints what is wrong to standard error. */
enum result dkim_keys_make(struct world *world, const char *directory, struct bytes domain,
                           const struct dkim_wanted *wanted, struct key_state *state) must_check;

/* The record of a key in all forms, for people. */
void dkim_keys_write_record(struct buf *out, struct arena *arena, struct bytes domain,
                            struct bytes selector, struct bytes text);
/* "record" as an object. */
void dkim_keys_write_json(struct json *json, struct arena *arena, struct bytes domain,
                          const struct key_entry *entry, struct bytes text);

#endif
