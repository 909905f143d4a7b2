/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folder: makes folders for the account that the roles run as, and acts as that account for a while.
 *
 * For the time before a sandbox closes; blocks. Not for threads that run: the account changes for the
 * whole process.
 */
#ifndef VOUCH_ROLES_FOLDER_H
#define VOUCH_ROLES_FOLDER_H

#include "base/result.h"

#include <stdbool.h>
#include <sys/types.h>

/* An account by name, or by number where no name is the same. PERM: there is none, or it is root. */
enum result folder_account(const char *user, uid_t *uid, gid_t *gid, struct error *error) must_check;

/* Makes the folder where it is missing: 0700, and the account's (`user` NULL: ours); folders above it
 * that are missing are made for all to pass through. One that is there stays as it is. */
enum result folder_make(const char *path, const char *user, struct error *error) must_check;

/* The effective account becomes `user`, and root again. The parent-death signal survives. */
enum result folder_act_as(const char *user, struct error *error) must_check;
enum result folder_act_as_root(struct error *error) must_check;

#endif
