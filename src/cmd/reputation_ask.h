/* SPDX-License-Identifier: BSD-2-Clause */
/* reputation_ask: what the commands about contacts, the greylist and reputation share: one question to the gateway
 * that runs, whose answer is lines of words. */
#ifndef VOUCH_CMD_REPUTATION_ASK_H
#define VOUCH_CMD_REPUTATION_ASK_H

#include "base/json.h"
#include "cmd/arguments.h"
#include "roles/control.h"

#define REPUTATION_USAGE                                                                                              \
    "  --config FILE         the gateway's configuration (default: /etc/vouch/vouch.conf)\n"                          \
    "  --json                for machines\n"

struct reputation_ask {
    const struct arguments *arguments;
    const char *config_file; /* NULL: the usual one */
    struct arena *arena;
    struct config config;
    struct control_answer answer;
};

/* -1: *answer is OK; else the exit status, with a message on standard error. reputation_done() in any case. */
int reputation_ask(struct reputation_ask *ask, const struct control_command *command);
void reputation_done(struct reputation_ask *ask);

/* Takes the next word off a line; empty where there is none. */
struct bytes reputation_word(struct bytes *line);
uint64_t reputation_number(struct bytes *line);
/* "2026-11-21T20:55:30Z", or "-" for 0. */
const char *reputation_moment(uint64_t epoch, char out[32]);
/* An epoch as a member, null for 0. */
void reputation_member_moment(struct json *json, const char *key, uint64_t epoch);
/* Each word but the last is padded to `widths`. */
void reputation_column(struct buf *out, struct bytes word, size_t width);

#endif
