/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/folder.h"

#include "base/bytes.h"
#include "os/files.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum result folder_account(const char *user, uid_t *uid, gid_t *gid, struct error *error)
{
    struct passwd *account = getpwnam(user);
    uint64_t number;
    if (account) {
        *uid = account->pw_uid;
        *gid = account->pw_gid;
    } else if (bytes_to_uint(bytes_of(user), UINT32_MAX - 1, &number)) {
        *uid = (uid_t)number;
        *gid = (gid_t)number;
    } else {
        return error_set(error, PERM,
                         "the account '%s' does not exist; make it (useradd --system %s) or set `user`",
                         user, user);
    }
    return *uid && *gid ? OK : error_set(error, PERM, "the account '%s' is root", user);
}

static enum result cannot_make(const char *path, int number, struct error *error)
{
    bool may_pass = number == ENOSPC || number == EDQUOT || number == ENOMEM || number == EIO ||
                    number == EMFILE || number == ENFILE;
    return error_set(error, may_pass ? TEMP : PERM, "cannot make %s: %s", path, strerror(number));
}

static enum result make_parents(const char *path, struct error *error)
{
    char parent[PATH_MAX];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    if (length >= sizeof(parent))
        return cannot_make(path, ENAMETOOLONG, error);
    if (length <= 1)
        return OK;
    memcpy(parent, path, length);
    parent[length] = '\0';
    int failed = files_make_directories(parent, 0755);
    return failed ? cannot_make(parent, -failed, error) : OK;
}

enum result folder_make(const char *path, const char *user, struct error *error)
{
    struct stat status;
    uid_t uid;
    gid_t gid;
    enum result result = make_parents(path, error);
    if (result != OK)
        return result;
    if (mkdir(path, 0700) != 0) {
        int number = errno;
        /* mkdir says EROFS or EACCES too for folders that are there. */
        bool there = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
        return there ? OK : cannot_make(path, number, error);
    }
    if (!user)
        return OK;
    result = folder_account(user, &uid, &gid, error);
    if (result == OK && chown(path, uid, gid) != 0)
        result = error_set(error, PERM, "cannot give %s to %s: %s", path, user, strerror(errno));
    return result;
}

/* The kernel forgets the parent-death signal whenever an account changes. */
static enum result become(uid_t uid, gid_t gid, bool group_first, struct error *error)
{
    int death_signal = 0;
    prctl(PR_GET_PDEATHSIG, &death_signal);
    bool fine = group_first ? setegid(gid) == 0 && seteuid(uid) == 0
                            : seteuid(uid) == 0 && setegid(gid) == 0;
    if (!fine)
        return error_set(error, PERM, "cannot change the account: %s", strerror(errno));
    prctl(PR_SET_PDEATHSIG, death_signal);
    return OK;
}

enum result folder_act_as(const char *user, struct error *error)
{
    uid_t uid;
    gid_t gid;
    enum result result = folder_account(user, &uid, &gid, error);
    return result == OK ? become(uid, gid, true, error) : result;
}

enum result folder_act_as_root(struct error *error)
{
    return become(0, 0, false, error);
}
