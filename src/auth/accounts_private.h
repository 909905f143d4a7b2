/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accounts_private: private to the files of accounts.
 *
 * accounts.c           the file read and looked up
 * accounts_password.c  passwords verified and made
 * accounts_edit.c      the file changed
 */
#ifndef VOUCH_AUTH_ACCOUNTS_PRIVATE_H
#define VOUCH_AUTH_ACCOUNTS_PRIVATE_H

#include "auth/accounts.h"
#include "base/map.h"

#include <sys/stat.h>

enum { ACCOUNTS_DECOY_KEY_SIZE = 32, ACCOUNTS_MAX = 1000000, ACCOUNTS_FAULTS_MAX = 100 };

struct accounts {
    struct arena *arena;
    struct map *map;             /* lower-cased name: struct account */
    struct account *items;
    struct bytes text;           /* ours, to be wiped */
    size_t count;
    struct account **with_hash;  /* those that have a password */
    size_t with_hash_count;
    char decoy_setting[ACCOUNT_HASH_MAX + 1]; /* where nobody has one */
    uint8_t decoy_key[ACCOUNTS_DECOY_KEY_SIZE];
    uint32_t decoy_iterations;
};

/* Of the whole file, comments cut off; false at the end. `rest` as for bytes_split(). */
bool accounts_next_line(struct bytes *rest, struct bytes *whole, struct bytes *content);
/* The first word of what is left of the line. */
struct bytes accounts_next_word(struct bytes *line);

/* PERM: others may read the file, or it belongs to somebody else. */
enum result accounts_check_mode(const struct stat *status, const char *path, struct error *error)
    must_check;

/* Makes decoy_setting, decoy_key and decoy_iterations. */
enum result accounts_prepare_decoys(struct accounts *accounts, struct error *error) must_check;
/* A hash that crypt(5) has a method for. */
bool accounts_hash_is_known(struct bytes hash);

#endif
