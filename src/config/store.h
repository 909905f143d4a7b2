/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store: one value of the file into one member of a struct, as the schema says.
 *
 * What is wrong is added to the faults, with the place of the word; the member is then left as it
 * was.
 */
#ifndef VOUCH_CONFIG_STORE_H
#define VOUCH_CONFIG_STORE_H

#include "config/schema.h"
#include "config/syntax.h"

void config_store(struct arena *arena, struct config_faults *faults, const struct config_key *key,
                  const struct config_value *value, void *element);
/* The default, or "" and the empty list. */
void config_store_default(struct arena *arena, const struct config_key *key, void *element);

#endif
