/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * codec: what the commands share that write and read signed addresses (srs, batv, ses): the file of
 * secrets, the time, one answer for each address.
 *
 * They ask nothing of DNS and of no configuration, so there is no world (cmd/world.h).
 */
#ifndef VOUCH_CMD_CODEC_H
#define VOUCH_CMD_CODEC_H

#include "auth/secrets.h"
#include "base/json.h"
#include "cmd/arguments.h"

struct codec_options {
    const char *secrets; /* file */
    const char *now;     /* epoch seconds */
    bool json;
};

/* To be listed in a command's table of options. */
#define CODEC_ARGUMENTS(options)                                                                   \
    {"--secrets", &(options).secrets, NULL}, {"--now", &(options).now, NULL},                      \
        {"--json", NULL, &(options).json}

#define CODEC_USAGE                                                                                \
    "  --secrets FILE          the secrets, one a line; the first signs, any verifies. \"-\" is\n"    \
    "                          standard input. (They are never arguments: others can see those.)\n" \
    "  --now EPOCH             as if it were then (seconds since 1970)\n"                           \
    "  --json                  for machines, one object a line\n"

struct codec_answer {
    enum result result;
    struct bytes address; /* the new one, with OK */
    struct error error;
    bool signed_by_ses;   /* with what follows */
    uint64_t message_id;
    int64_t time;         /* epoch seconds; 0: fixed */
};

struct codec {
    struct arena *arena;
    struct secrets secrets;
    int64_t now;
    bool encodes; /* an address that there is nothing to do with is printed as it is, and fine */
    const void *context;
};

typedef void codec_function(struct codec *codec, struct bytes address, struct codec_answer *answer);

/* Reads time and secrets into *codec; -1: go on, else the exit status. Then codec_run(). */
int codec_open(const struct arguments *arguments, const struct codec_options *options,
               struct codec *codec);

/* Answers for each of the arguments, and frees what codec_open() made. The exit status: the worst. */
int codec_run(const struct arguments *arguments, const struct codec_options *options,
              struct codec *codec, codec_function *function);

/* A number among the options: EXIT_USAGE with a message if it is none or out of bounds, else -1. NULL:
 * *out stays. */
int codec_number(const struct arguments *arguments, const char *option, const char *text,
                 uint64_t least, uint64_t most, uint64_t *out);

/* The seconds since 1970 that --now says, or what it is; as codec_number(). */
int codec_time(const struct arguments *arguments, const char *text, int64_t *out);

#endif
