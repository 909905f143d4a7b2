/* SPDX-License-Identifier: BSD-2-Clause */
/* recipients_private: the table of recipients as recipients_load.c builds and recipients.c reads it. */
#ifndef VOUCH_DELIVER_RECIPIENTS_PRIVATE_H
#define VOUCH_DELIVER_RECIPIENTS_PRIVATE_H

#include "base/map.h"
#include "deliver/recipients.h"
#include "message/mailbox.h"

struct user {
    struct bytes name;
    struct bytes policy;   /* empty: the domain's */
    struct bytes maildir;  /* empty: the domain's template */
    uint64_t quota;
    bool has_quota;
    bool trap;             /* nobody's: mail to it comes to rest nowhere */
};

struct alias {
    struct bytes *targets;
    size_t count;
    struct bytes file;
    unsigned line;
    bool leads;            /* recipients_check.c: it ends in a mailbox */
    struct pointer *pointers; /* recipients_check.c: aliases that name it */
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
    bool relay;            /* backup MX: all of it goes to the primary */
    bool any_user;         /* relay, no file: every local part may exist */
    struct map *lists;     /* lower-cased local part -> struct list_address; NULL: none */
};

/* What an address of a list means. */
struct list_address {
    const struct mailing_list *list;
    bool is_owner;         /* NAME-owner, NAME-bounces: to the owner */
};

struct recipients {
    size_t references;
    struct arena *arena;
    struct map *places;    /* lower-cased domain -> struct place */
    struct map **maps;     /* all maps of users and aliases, for freeing */
    size_t map_count;
    struct place *first;
    struct bytes postmaster;
    struct mailing_list *lists;
    size_t list_count;
};

/* recipients_load.c and recipients_lists.c */
struct loading {
    struct recipients *recipients;
    struct buf *errors;
    struct bytes file;
    unsigned line;
    struct bytes base; /* the folder above the first {name} of the domain's template */
    bool failed;
};
void recipients_fault(struct loading *loading, const char *format, ...) printf_like(2, 3);
struct map *recipients_new_map(struct loading *loading);
bool recipients_insert(struct loading *loading, struct map *map, struct bytes name, void *value);
/* Calls `read` for each line of the file that holds something, with loading->line set. */
void recipients_read_lines(struct loading *loading, const char *file, const char *what,
                           void (*read)(struct loading *loading, struct bytes line, void *context),
                           void *context);
/* Every alias and catch-all must lead somewhere: a dangling one is found here, not at RCPT. */
void recipients_check_targets(struct loading *loading);
/* The relay and list sections. */
void recipients_load_relays(struct loading *loading, const struct config *config);
void recipients_load_lists(struct loading *loading, const struct config *config);

/* By a name in any case, with or without a final dot. NULL: not ours. */
struct place *recipients_place(const struct recipients *recipients, struct bytes domain);
/* A user or alias of that local part in one of a place's maps; NULL if there is none. */
void *recipients_local(struct map *map, struct bytes local);
/* The folder of a user, or of somebody who is in no file; NULL at the arena's cap. */
char *recipients_maildir(struct arena *arena, const struct place *place, const struct user *user, struct bytes name);
/* What a target names, not yet what that leads to; also with a detail. */
struct meaning {
    const struct place *place;
    const struct user *user;
    struct alias *alias;              /* wins over the user */
    const struct list_address *owner; /* of a list: neither user nor alias */
    bool remote;                      /* somebody elsewhere: `mailbox` */
    struct mailbox mailbox;
};
/* False: nothing. */
bool recipients_meaning(const struct recipients *recipients, struct arena *arena, const struct place *place,
                        struct bytes target, struct meaning *out);
/* Whether a target of an alias or a catch-all ends in a mailbox of ours. */
bool recipients_leads(const struct recipients *recipients, const struct place *place,
                      struct bytes target);

#endif
