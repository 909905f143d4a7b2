/* SPDX-License-Identifier: BSD-2-Clause */
/* recipients_private: the table of recipients as recipients_load.c builds and recipients.c reads it. */
#ifndef VOUCH_DELIVER_RECIPIENTS_PRIVATE_H
#define VOUCH_DELIVER_RECIPIENTS_PRIVATE_H

#include "base/map.h"
#include "deliver/recipients.h"

struct user {
    struct bytes name;
    struct bytes policy;   /* empty: the domain's */
    struct bytes maildir;  /* empty: the domain's template */
    uint64_t quota;
    bool has_quota;
};

struct alias {
    struct bytes *targets;
    size_t count;
    struct bytes file;
    unsigned line;
};

struct place {             /* a domain of ours */
    struct bytes name;
    const struct config_domain *config; /* copied into our arena */
    struct map *users;     /* lower-cased local part -> struct user; shared by the section's names */
    struct map *aliases;   /* lower-cased local part -> struct alias */
    enum config_deliver kind;
    struct bytes maildir_template;
    struct config_endpoint lmtp;
    bool ask;
};

struct recipients {
    size_t references;
    struct arena *arena;
    struct map *places;    /* lower-cased domain -> struct place */
    struct map **maps;     /* all maps of users and aliases, for freeing */
    size_t map_count;
    struct place *first;
    struct bytes postmaster;
};

/* By a name in any case, with or without a final dot. NULL: not ours. */
struct place *recipients_place(const struct recipients *recipients, struct bytes domain);
/* A user or alias of that local part in one of a place's maps; NULL if there is none. */
void *recipients_local(struct map *map, struct bytes local);
/* Whether a target of an alias or a catch-all ends in a mailbox of ours. */
bool recipients_leads(const struct recipients *recipients, const struct place *place,
                      struct bytes target);

#endif
