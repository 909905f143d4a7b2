/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue: what the commands about the queue share: which messages are meant, and where they come from:
 * the gateway that runs, or the disk where none does.
 */
#ifndef VOUCH_CMD_QUEUE_H
#define VOUCH_CMD_QUEUE_H

#include "cmd/arguments.h"
#include "roles/control.h"

/* Options as they were given. */
struct queue_choice {
    const char *config, *sender, *recipient, *account, *older, *younger, *reason, *last;
    bool held, all, json;
};

#define QUEUE_FILTER_ARGUMENTS(choice)                                                             \
    {"--config", &(choice).config, NULL}, {"--sender", &(choice).sender, NULL},                    \
        {"--recipient", &(choice).recipient, NULL}, {"--account", &(choice).account, NULL},        \
        {"--older", &(choice).older, NULL}, {"--younger", &(choice).younger, NULL},                \
        {"--reason", &(choice).reason, NULL}, {"--held", NULL, &(choice).held},                    \
        {"--json", NULL, &(choice).json}

#define QUEUE_FILTER_USAGE                                                                         \
    "  --sender ADDRESS     the envelope sender; '<>' for reports\n"                               \
    "  --recipient WHO      a mailbox, or a domain\n"                                              \
    "  --account NAME       who submitted it\n"                                                    \
    "  --older DURATION     in the queue for at least: 90m, 2h, 3d\n"                              \
    "  --younger DURATION   for less than\n"                                                       \
    "  --reason TEXT        part of the last reply, or of why it is held\n"                        \
    "  --held               only what is held\n"                                                   \
    "  --config FILE        the gateway's configuration (default: /etc/vouch/vouch.conf)\n"        \
    "  --json               for machines\n"

struct queue_scene {
    const char *command;   /* for messages: "queue list" */
    struct arena *arena;
    struct config config;
    struct control_filter filter;
    bool filtered;         /* something was asked for */
    int64_t now;           /* epoch seconds */
    uint64_t seen, octets; /* by queue_each() */
};

/* -1: go on; else the exit status, with a message on standard error. queue_close() in any case. */
int queue_scene_open(struct queue_scene *scene, const struct arguments *arguments,
                     const struct queue_choice *choice);
void queue_scene_close(struct queue_scene *scene);

/* All that the filter lets through, oldest first; the entry is valid during the call only. */
typedef void queue_entry_function(void *context, struct queue_scene *scene,
                                  const struct control_entry *entry);
/* EXIT_FINE, or EXIT_TEMPORARY with a message on standard error. */
int queue_each(struct queue_scene *scene, queue_entry_function *each, void *context);

/* Asks the gateway; -1: it answered, and *answer is OK. NONE of it is EXIT_NEGATIVE with its text. */
int queue_ask(struct queue_scene *scene, const struct control_command *command,
              struct control_answer *answer);

/* One message with its content. EXIT_NEGATIVE with a message where there is none. -1: it is there. */
int queue_read_one(struct queue_scene *scene, struct bytes id, struct control_entry *entry,
                   struct bytes *content);
/* What the disk alone can tell. -1, or the status. */
int queue_read_stats(struct queue_scene *scene, struct control_stats *stats);

/* "3d", "5h", "12m", "40s". */
const char *queue_duration(int64_t seconds, char out[16]);
/* "512", "12K", "3.4M". */
const char *queue_size(uint64_t octets, char out[16]);
const char *queue_state_name(const struct control_entry *entry);
/* A whole entry as a JSON object; `out` with its recipients. */
void queue_entry_json(struct buf *out, const struct control_entry *entry);

#endif
