/* SPDX-License-Identifier: BSD-2-Clause */
/* arguments: reads a command's options from one table; --help prints the usage. */
#ifndef VOUCH_CMD_ARGUMENTS_H
#define VOUCH_CMD_ARGUMENTS_H

#include "base/bytes.h"

#include <stddef.h>

struct argument {
    const char *name;   /* "--ip" */
    const char **value; /* takes one; else */
    bool *flag;         /* takes none */
};

enum { POSITIONS_MAX = 16 };

struct arguments {
    const char *command; /* for messages: "spf check" */
    const char *usage;
    const struct argument *options;
    size_t option_count;
    const char *positions[POSITIONS_MAX];
    size_t position_count;
};

/* -1: go on. Otherwise the exit status (help was printed, or an error). "-" and what follows "--" are
 * positions. "--name=value" works, too. */
int arguments_read(struct arguments *arguments, int argc, char **argv);

/* Prints "vouch COMMAND: …" and how to get help; returns EXIT_USAGE. */
int arguments_fail(const struct arguments *arguments, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
