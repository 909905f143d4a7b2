/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recipients: who lives here. Domains, users, aliases, `user+detail` and catch-all, read from the plain
 * files that the configuration names; looked up at each RCPT.
 *
 * An immutable table: a reload builds a new one and drops the old one, so a broken file never
 * replaces one that works.
 *
 * The recipients file holds a user a line: `user [quota=1G] [policy=NAME] [maildir=/path]`, or `user trap`: an address
 * that nobody has, and whose mail nobody gets; who writes to it tells of himself.
 * The aliases file holds `alias: target, target`; a target is a user or alias of the same domain, or
 * a whole address, of one of our domains or elsewhere (which forwards). '#' begins a comment in both.
 *
 * Domains that we relay for (backup MX) and mailing lists are here, too.
 */
#ifndef VOUCH_DELIVER_RECIPIENTS_H
#define VOUCH_DELIVER_RECIPIENTS_H

#include "config/config.h"

struct recipients;

/* Reads all files. PERM: `errors` holds a line a fault ("file:line: …"). */
enum result recipients_load(const struct config *config, struct recipients **out,
                            struct buf *errors) must_check;
/* Whoever waits with what a look-up gave him holds the table meanwhile: a reload drops it. */
struct recipients *recipients_hold(struct recipients *recipients);
/* Gives back what recipients_load() or recipients_hold() gave; the last one frees it. NULL is fine. */
void recipients_free(struct recipients *recipients);

/* A place where mail comes to rest. */
struct destination {
    struct bytes address;  /* user@domain as our files write it: the key of quota and logs. For
                            * CONFIG_DELIVER_REMOTE that is all there is */
    enum config_deliver kind;
    char *maildir;         /* CONFIG_DELIVER_MAILDIR: the folder, made of names from our files only */
    struct config_endpoint lmtp;
    uint64_t quota;        /* octets, 0: none */
    bool role;             /* postmaster or abuse of a domain whose LMTP server is asked */
};

enum recipient_status {
    RECIPIENT_HERE,
    RECIPIENT_ASK,     /* the domain's LMTP server or primary knows; there is no recipients file */
    RECIPIENT_UNKNOWN, /* our domain, no such user */
    RECIPIENT_LIST,    /* a mailing list: recipients_list() has its members */
    RECIPIENT_FOREIGN  /* not our domain */
};

struct recipient_lookup {
    enum recipient_status status;
    bool exempt;           /* postmaster or abuse: never filtered */
    struct bytes policy;   /* name */
    struct destination *destinations; /* several for an alias; each once */
    size_t destination_count;
    bool relay;            /* a domain that we are backup MX for */
    bool trap;             /* RECIPIENT_HERE without destinations: traps only */
    struct bytes list;     /* RECIPIENT_LIST: the section's name */
};

struct mailing_list {
    struct bytes name, address, owner;
    enum config_list_post post;
    struct bytes *members; /* addresses, each once */
    size_t member_count;
    struct map *index;     /* lower-cased member */
};

/* `domain` may be empty for the bare postmaster (rfc5321:4.1.1.3). Results in the arena or the table.
 * TEMP at the arena's cap. Local parts compare without case; that is this site's right (rfc5321:2.4). */
enum result recipients_lookup(const struct recipients *recipients, struct arena *arena,
                              struct bytes local, struct bytes domain,
                              struct recipient_lookup *out) must_check;

/* By the section's name; NULL if there is none. */
const struct mailing_list *recipients_list(const struct recipients *recipients, struct bytes name);
bool mailing_list_has(const struct mailing_list *list, struct bytes address);
/* Whether it may be written to by this author, who was authenticated; empty: he was not. */
bool mailing_list_admits(const struct mailing_list *list, struct bytes author);

/* Whether mail to `address` comes to the mailbox of `account` alone. */
bool recipients_owns(const struct recipients *recipients, struct bytes account, struct bytes address);

/* Calls `each` for every user whose mail lies in a Maildir here: address and folder, valid during the call. It
 * returns false to stop. */
void recipients_each_maildir(const struct recipients *recipients,
                             bool (*each)(void *context, struct bytes address, const char *maildir),
                             void *context);

/* The mailbox that gets the server's own notices. Never NULL for a configuration with a domain. */
enum result recipients_postmaster(const struct recipients *recipients, struct arena *arena,
                                  struct recipient_lookup *out) must_check;

#endif
