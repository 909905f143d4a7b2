/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world: what commands that ask DNS or depend on time share: --resolver, --now, --json, --config.
 */
#ifndef VOUCH_CMD_WORLD_H
#define VOUCH_CMD_WORLD_H

#include "cmd/arguments.h"
#include "config/config.h"
#include "dns/dns.h"

#include <stdio.h>

struct world_options {
    const char *resolver; /* HOST[:PORT] */
    const char *now;      /* epoch seconds */
    const char *config;   /* file */
    bool json;
};

/* To be listed in a command's table of options. */
#define WORLD_ARGUMENTS(options)                                                                   \
    {"--resolver", &(options).resolver, NULL}, {"--now", &(options).now, NULL},                     \
        {"--config", &(options).config, NULL}, {"--json", NULL, &(options).json}

#define WORLD_USAGE                                                                                \
    "  --resolver HOST[:PORT]  ask this name server (default: as the configuration or\n"             \
    "                          /etc/resolv.conf says)\n"                                             \
    "  --now EPOCH             judge as if it were then (seconds since 1970)\n"                       \
    "  --config FILE           the gateway's configuration\n"                                       \
    "  --json                  for machines\n"

struct world {
    const struct world_options *options;
    struct arena *arena;
    struct config config; /* defaults where there is no file */
    struct dns *dns;
    int64_t now;          /* epoch seconds */
    bool colour;          /* standard output is a terminal */
    void *context;
};

/* Sets all up, runs `run(world)` as a fiber, and gives back its exit status. EXIT_USAGE with a message
 * for wrong options. */
int world_run(const struct arguments *arguments, const struct world_options *options,
              int (*run)(struct world *world), void *context);

/* Reads a message file ("-": standard input) in CRLF form. False with a message on standard error. */
bool world_read_message(struct world *world, const char *file, struct bytes *out);

/* Standard output is a terminal that shows colour, and nobody asked for none (no-color.org). */
bool world_has_colour(void);

/* Prints a buf to standard output and frees it. On a terminal as world_show() does. */
void world_print(struct buf *text);

/* Prints text in which there may be a stranger's: but for line ends, tabs and colours, what a terminal
 * would obey or hide becomes '?'. */
void world_show(FILE *file, struct bytes text);

#endif
