/* SPDX-License-Identifier: BSD-2-Clause */
/* quarantine: what the commands about quarantine share. Options and messages are chosen as for the queue. */
#ifndef VOUCH_CMD_QUARANTINE_H
#define VOUCH_CMD_QUARANTINE_H

#include "cmd/queue.h"

#define QUARANTINE_FILTER_ARGUMENTS(choice)                                                        \
    {"--config", &(choice).config, NULL}, {"--sender", &(choice).sender, NULL},                    \
        {"--recipient", &(choice).recipient, NULL}, {"--older", &(choice).older, NULL},            \
        {"--younger", &(choice).younger, NULL}, {"--reason", &(choice).reason, NULL},              \
        {"--json", NULL, &(choice).json}

#define QUARANTINE_FILTER_USAGE                                                                    \
    "  --sender ADDRESS     the envelope sender; '<>' for reports\n"                               \
    "  --recipient WHO      a mailbox, or a domain\n"                                              \
    "  --older DURATION     in quarantine for at least: 90m, 2h, 3d\n"                             \
    "  --younger DURATION   for less than\n"                                                       \
    "  --reason TEXT        part of why it is there\n"                                             \
    "  --config FILE        the gateway's configuration (default: /etc/vouch/vouch.conf)\n"        \
    "  --json               for machines\n"

/* Asks the gateway that runs. -1: it answered OK; else the exit status, with a message on standard error. */
int quarantine_ask(struct queue_scene *scene, const struct control_command *command, control_page *page,
                   void *context, struct control_answer *answer);
/* Encoded words as people read them, on one line. */
struct bytes quarantine_text(struct arena *arena, struct bytes value);
void quarantine_entry_json(struct buf *out, struct arena *arena, const struct control_entry *entry);

#endif
