/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/accounts_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAULTS_TEXT_MAX = 16 * 1024, TEXT_MAX = ACCOUNTS_FILE_MAX + 2 * ACCOUNTS_LINE_MAX };

struct edit {
    struct durable *durable;
    char path[PATH_MAX], temporary[PATH_MAX], folder[PATH_MAX];
    struct stat before; /* mode 0: there is no file yet, or none that the kernel knows (tests) */
    struct buf old, new;
};

static enum result failure(struct error *error, const char *path, int code)
{
    bool may_pass = code == -EIO || code == -ENOSPC || code == -ENOMEM || code == -EDQUOT ||
                    code == -EMFILE || code == -ENFILE;
    return error_set(error, may_pass ? TEMP : PERM, "%s: %s", path, strerror(-code));
}

/* A link stays a link: what it points to is changed. */
static bool make_paths(struct edit *edit, const char *path)
{
    char *real = realpath(path, NULL);
    int length = snprintf(edit->path, sizeof(edit->path), "%s", real ? real : path);
    free(real);
    if (length <= 0 || (size_t)length + 8 >= sizeof(edit->path))
        return false;
    /* One name is enough: only who has the lock makes it. */
    snprintf(edit->temporary, sizeof(edit->temporary), "%.*s.new", length, edit->path);
    const char *slash = strrchr(edit->path, '/');
    snprintf(edit->folder, sizeof(edit->folder), "%.*s", slash ? (int)(slash - edit->path) : 1,
             slash ? edit->path : ".");
    if (!*edit->folder)
        snprintf(edit->folder, sizeof(edit->folder), "/");
    return true;
}

/* 0 or -errno. A file that is not there is an empty one. */
static int read_old(struct edit *edit, bool *there)
{
    struct durable *durable = edit->durable;
    int fd = durable->open(durable, edit->path, false);
    *there = fd >= 0;
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    int64_t size = durable->size(durable, fd), count = size;
    uint8_t *at = NULL;
    if (size > ACCOUNTS_FILE_MAX)
        count = -EFBIG;
    if (count > 0 && !(at = buf_reserve(&edit->old, (size_t)size)))
        count = -ENOMEM;
    if (at)
        count = durable->read_at(durable, fd, at, (size_t)size, 0);
    if (count > 0)
        edit->old.len = (size_t)count;
    durable->close(durable, fd);
    return count < 0 ? (int)count : 0;
}

static enum result check_faults(const char *path, struct bytes text, struct error *error)
{
    struct accounts *accounts = NULL;
    struct buf faults;
    buf_init(&faults, FAULTS_TEXT_MAX);
    enum result result = accounts_parse(text, path, &accounts, &faults);
    if (result != OK) {
        struct bytes all = buf_bytes(&faults);
        error_set(error, result, BYTES_FMT, BYTES_ARG(bytes_first(all, bytes_find_byte(all, '\n'))));
    }
    accounts_free(accounts);
    buf_free(&faults);
    return result;
}

/* The line of the account: *from to *to, its line end included. */
static bool find_line(struct bytes text, struct bytes name, size_t *from, size_t *to,
                      struct bytes *comment)
{
    struct bytes rest = text.ptr ? text : BYTES(""), whole, content;
    const uint8_t *start = rest.ptr;
    while (accounts_next_line(&rest, &whole, &content)) {
        struct bytes word = accounts_next_word(&content);
        if (!word.len || !bytes_equal_nocase(word, name))
            continue;
        *from = (size_t)(whole.ptr - start);
        *to = *from + whole.len + (*from + whole.len < text.len);
        *comment = bytes_trim(bytes_skip(whole, bytes_find_byte(whole, '#')));
        return true;
    }
    return false;
}

static void add_line(struct buf *out, const struct account *account, struct bytes comment)
{
    account_write(out, account);
    if (comment.len)
        buf_printf(out, "  " BYTES_FMT, BYTES_ARG(comment));
    buf_add_byte(out, '\n');
}

static enum result make_new(struct edit *edit, enum accounts_change change,
                            const struct account *account, struct error *error)
{
    struct bytes old = buf_bytes(&edit->old), comment = {NULL, 0};
    size_t from = old.len, to = old.len;
    bool found = find_line(old, account->name, &from, &to, &comment);
    if (change == ACCOUNTS_ADD && found)
        return error_set(error, PERM, "there is an account '" BYTES_FMT "' already",
                         BYTES_ARG(account->name));
    if (change != ACCOUNTS_ADD && !found)
        return error_set(error, NONE, "there is no account '" BYTES_FMT "'", BYTES_ARG(account->name));
    /* The memory is taken at once: growing would leave copies of secrets behind. */
    if (!buf_reserve(&edit->new, old.len + ACCOUNTS_LINE_MAX + 1024))
        return error_set(error, TEMP, "no memory");
    buf_add(&edit->new, bytes_first(old, from));
    if (edit->new.len && edit->new.ptr[edit->new.len - 1] != '\n')
        buf_add_byte(&edit->new, '\n');
    if (change != ACCOUNTS_REMOVE)
        add_line(&edit->new, account, comment);
    buf_add(&edit->new, bytes_skip(old, to));
    if (edit->new.failed)
        return error_set(error, PERM, "%s: it would be too long", edit->path);
    return check_faults(edit->path, buf_bytes(&edit->new), error);
}

/* Before anything is written to it. */
static int keep_owner(const struct edit *edit)
{
    if (!edit->before.st_mode)
        return 0;
    int fd = open(edit->temporary, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    bool ours = edit->before.st_uid == geteuid() && edit->before.st_gid == getegid();
    int failed = (!ours && fchown(fd, edit->before.st_uid, edit->before.st_gid)) ||
                         fchmod(fd, edit->before.st_mode & 07777)
                     ? -errno
                     : 0;
    close(fd);
    return failed;
}

static int write_new(struct edit *edit)
{
    struct durable *durable = edit->durable;
    int fd = durable->create(durable, edit->temporary, 0600);
    if (fd == -EEXIST && durable->unlink(durable, edit->temporary) == 0) /* left by a crash */
        fd = durable->create(durable, edit->temporary, 0600);
    if (fd < 0)
        return fd;
    int failed = keep_owner(edit);
    if (!failed)
        failed = durable->write(durable, fd, buf_bytes(&edit->new));
    if (!failed)
        failed = durable->sync(durable, fd);
    int close_failed = durable->close(durable, fd);
    if (!failed)
        failed = close_failed;
    if (!failed)
        failed = durable->rename(durable, edit->temporary, edit->path);
    if (failed)
        (void)durable->unlink(durable, edit->temporary);
    else
        failed = durable->sync_directory(durable, edit->folder);
    return failed;
}

static enum result edit_locked(struct edit *edit, enum accounts_change change,
                               const struct account *account, struct error *error)
{
    bool there = false;
    int failed = read_old(edit, &there);
    if (failed)
        return failure(error, edit->path, failed);
    if (!there && change != ACCOUNTS_ADD)
        return error_set(error, NONE, "%s: there is no such file", edit->path);
    enum result result = there && edit->before.st_mode
                             ? accounts_check_mode(&edit->before, edit->path, error)
                             : OK;
    if (result == OK)
        result = check_faults(edit->path, buf_bytes(&edit->old), error);
    if (result == OK)
        result = make_new(edit, change, account, error);
    if (result != OK)
        return result;
    failed = write_new(edit);
    return failed ? failure(error, edit->path, failed) : OK;
}

static void free_wiped(struct buf *buf)
{
    if (buf->len)
        OPENSSL_cleanse(buf->ptr, buf->len);
    buf_free(buf);
}

enum result accounts_edit(struct durable *durable, const char *path, enum accounts_change change,
                          const struct account *account, bool *busy, struct error *error)
{
    char lock_path[PATH_MAX + 8];
    *busy = false;
    struct edit *edit = calloc(1, sizeof(*edit));
    if (!edit)
        return error_set(error, TEMP, "no memory");
    edit->durable = durable;
    buf_init(&edit->old, TEXT_MAX);
    buf_init(&edit->new, TEXT_MAX);
    enum result result;
    if (!make_paths(edit, path)) {
        result = error_set(error, PERM, "%s: the name is too long", path);
    } else {
        snprintf(lock_path, sizeof(lock_path), "%s.lock", edit->path);
        int lock = durable->lock(durable, lock_path);
        *busy = lock == -EWOULDBLOCK;
        if (lock < 0) {
            result = *busy ? error_set(error, TEMP, "%s: somebody else is changing it", edit->path)
                           : failure(error, lock_path, lock);
        } else {
            /* Under the lock: before it, it may be about to be replaced. */
            if (stat(edit->path, &edit->before))
                edit->before.st_mode = 0;
            result = edit_locked(edit, change, account, error);
            durable->close(durable, lock);
        }
    }
    free_wiped(&edit->old);
    free_wiped(&edit->new);
    free(edit);
    return result;
}
