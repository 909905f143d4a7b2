/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * user: what the commands about accounts share: where the accounts are, passwords from people and programs,
 * and telling the gateway that runs.
 */
#ifndef VOUCH_CMD_USER_H
#define VOUCH_CMD_USER_H

#include "auth/accounts.h"
#include "cmd/arguments.h"
#include "config/config.h"

/* Options as they were given. */
struct user_options {
    const char *accounts, *config, *password_file, *send_as;
    bool json, from_stdin, generate, cram_md5, no_cram_md5, disabled;
};

#define USER_ARGUMENTS(options)                                                                    \
    {"--accounts", &(options).accounts, NULL}, {"--config", &(options).config, NULL},              \
        {"--json", NULL, &(options).json}

#define USER_USAGE                                                                                 \
    "  --accounts FILE       this file of accounts, not the configuration's\n"                     \
    "  --config FILE         the gateway's configuration (default: /etc/vouch/vouch.conf)\n"       \
    "  --json                for machines\n"

#define USER_PASSWORD_ARGUMENTS(options)                                                           \
    {"--password-file", &(options).password_file, NULL},                                           \
        {"--password-stdin", NULL, &(options).from_stdin}

#define USER_PASSWORD_USAGE                                                                        \
    "  --password-file FILE  the password is the first line of a file (-: standard input)\n"       \
    "  --password-stdin      the same as --password-file -\n"

struct user_scene {
    const struct arguments *arguments;
    const struct user_options *options;
    struct arena *arena;
    struct config config;
    bool has_config;       /* not with --accounts alone */
    const char *path;      /* of the accounts; NULL: the configuration names none */
};

/* -1: go on; else the exit status, with a message on standard error. user_scene_close() in any case. */
int user_scene_open(struct user_scene *scene, const struct arguments *arguments,
                    const struct user_options *options);
/* The same, and there must be a file of accounts in the configuration. */
int user_scene_open_accounts(struct user_scene *scene, const struct arguments *arguments,
                             const struct user_options *options);
void user_scene_close(struct user_scene *scene); /* passwords are wiped by who read them */

/* NULL with a message and *status. No file is EXIT_NEGATIVE. */
struct accounts *user_load(const struct user_scene *scene, int *status);
/* Whether there is such an account, before anybody is asked for a password. -1: go on; else the status: the file
 * has faults. No file is no account. */
int user_find(const struct user_scene *scene, struct bytes name, bool *there);
/* accounts_edit(), once more while somebody else is at it. -1, or the status. */
int user_edit(const struct user_scene *scene, enum accounts_change change, const struct account *account);

/* Tells the gateway with this configuration to read the accounts again; says what became of it: "Changed
 * the password of anna …". */
int user_report_change(const struct user_scene *scene, const char *change, struct bytes name,
                       struct bytes generated);

enum user_ask { USER_ASK_ONCE, USER_ASK_TWICE };
/* A password from the terminal, without echo, or as the options say; the memory is the caller's to wipe.
 * -1: it is there; else the status. `generated` says whether it was made here. */
int user_read_password(const struct user_scene *scene, enum user_ask ask,
                       char out[ACCOUNT_PASSWORD_MAX + 2], bool *generated);

#endif
