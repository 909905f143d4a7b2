/* SPDX-License-Identifier: BSD-2-Clause */
/* reputation_arf: whom a report of abuse (rfc5965) complains about: the identities that the ledger has of the message
 * that came back with it. */
#ifndef VOUCH_CMD_REPUTATION_ARF_H
#define VOUCH_CMD_REPUTATION_ARF_H

#include "cmd/arguments.h"
#include "config/config.h"
#include "roles/known_protocol.h"

struct reputation_arf {
    struct bytes source;  /* the organization that reports */
    struct bytes id;      /* of the message, in our ledger */
    struct history_identity identities[KNOWN_IDENTITIES_MAX];
    size_t count;
};

/* `content` is the report. What is reported must hold the fields that we put above our Received field; else anybody
 * could complain about anybody. OK; NONE: it is no report, or about nothing that the ledger has; PERM: it cannot be
 * read; TEMP: out of memory, or the ledger cannot be read. */
enum result reputation_arf_read(struct arena *arena, const struct config *config, struct bytes content,
                                struct reputation_arf *out, struct error *error) must_check;

/* Counts the complaint of a file ("-": standard input) about each of them. `source` empty: the one that reports. The
 * exit status, with a message on standard error. */
int reputation_arf_complain(const struct arguments *arguments, const char *config_file, const char *file,
                            struct bytes source, bool machine);

#endif
