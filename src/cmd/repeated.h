/* SPDX-License-Identifier: BSD-2-Clause */
/* repeated: options that may stand several times ("--host A --host B,C"), which a table of
 * arguments does not know. */
#ifndef VOUCH_CMD_REPEATED_H
#define VOUCH_CMD_REPEATED_H

#include "base/bytes.h"

enum { REPEATED_MAX = 64 };

struct repeated {
    const char *name;                  /* "--host" */
    bool whole;                        /* commas belong to the value */
    struct bytes values[REPEATED_MAX]; /* point into argv */
    size_t count;
};

/* Takes the options named out of argv, in place, before the table reads the rest; those behind "--"
 * stay. -1: go on. Otherwise the exit status, with a message on standard error: a value is missing,
 * or there are too many. */
int repeated_take(struct repeated *options, size_t option_count, const char *command, int *argc,
                  char **argv);

#endif
