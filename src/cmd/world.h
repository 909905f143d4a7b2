/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world: what commands that ask DNS or depend on time share: --resolver, --now, --json, --config.
 */
#ifndef VOUCH_CMD_WORLD_H
#define VOUCH_CMD_WORLD_H

#include "cmd/arguments.h"
#include "config/config.h"
#include "dns/dns.h"
#include "message/auth_results.h"
#include "message/message.h"

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
    const char *command; /* for messages: "spf check" */
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

/* The same for commands whose one argument is a message file, once it has read the arguments. The file
 * is the world's context. */
int world_run_message(struct arguments *arguments, int argc, char **argv,
                      const struct world_options *options, int (*run)(struct world *world));

/* Reads a message file ("-": standard input) in CRLF form. False with a message on standard error. */
bool world_read_message(struct world *world, const char *file, struct bytes *out);

/* Reads and parses one. -1: go on, else the exit status, with a message on standard error. */
int world_parse_message(struct world *world, const char *file, struct message *out);

/* What checks say to scripts: EXIT_FINE for pass, EXIT_TEMPORARY for temperror, else EXIT_NEGATIVE. */
int world_exit_status(enum auth_result result);

/* Standard output is a terminal that shows colour, and nobody asked for none (no-color.org). */
bool world_has_colour(void);

/* Prints a buf to standard output and frees it. On a terminal as world_show() does. */
void world_print(struct buf *text);

/* Prints text in which there may be a stranger's: but for line ends, tabs and colours, what a terminal
 * would obey or hide becomes '?'. */
void world_show(FILE *file, struct bytes text);

#endif
