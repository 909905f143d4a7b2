/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind: from the tree of words to the structs, by the schema; then what no single key can say.
 *
 * Memory is the arena's. What is wrong is added to the faults. TEMP: memory is out.
 */
#ifndef VOUCH_CONFIG_BIND_H
#define VOUCH_CONFIG_BIND_H

#include "config/config.h"
#include "config/syntax.h"

enum { CONFIG_LISTENERS = 64, CONFIG_POLICIES = 1000, CONFIG_POLICIES_NAMED = 32 };

/* Fills *out, zeroed before, with what the tree says and the defaults for the rest. */
enum result config_bind(struct arena *arena, struct config_block *root,
                        struct config_faults *faults, struct config *out) must_check;

/* What holds between keys and sections: names that must exist, addresses that must differ. */
void config_check(struct arena *arena, const struct config_block *root,
                  struct config_faults *faults, const struct config *config);

#endif
