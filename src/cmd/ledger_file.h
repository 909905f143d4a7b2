/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger_file: the ledger that a command reads, and how it shows an entry: explain, log, replay. */
#ifndef VOUCH_CMD_LEDGER_FILE_H
#define VOUCH_CMD_LEDGER_FILE_H

#include "base/json.h"
#include "config/config.h"
#include "state/ledger.h"

#define LEDGER_CONFIG_DEFAULT "/etc/vouch/vouch.conf"

struct ledger_place {
    const char *ledger; /* file; NULL: where the configuration has its data */
    const char *config; /* NULL: LEDGER_CONFIG_DEFAULT */
};

/* Open for reading. NULL with a message on standard error and the exit status in *status. */
struct ledger *ledger_file_open(const struct ledger_place *place, struct arena *arena, int *status);

/* Reads a configuration. False with a message on standard error. */
bool ledger_file_config(struct arena *arena, const char *file, struct config *out);

/* The members of an entry but evidence and verdict; the object stays open. */
void ledger_file_entry_json(struct json *json, const struct ledger_entry *entry);

#endif
