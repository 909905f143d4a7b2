/* SPDX-License-Identifier: BSD-2-Clause */
#include "deliver/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_path {
    char text[PATH_MAX];
};

/* "<maildir>[/<folder>]/<part>[/<name>]"; false if it is too long. */
static bool job_path(const struct maildir_job *job, const char *part, const char *name,
                     struct file_path *out)
{
    int length = snprintf(out->text, sizeof(out->text), "%s%s%s%s%s%s%s", job->maildir,
                          job->folder ? "/" : "", job->folder ? job->folder : "", *part ? "/" : "",
                          part, *name ? "/" : "", name);
    return length > 0 && (size_t)length < sizeof(out->text);
}

static void fail(struct maildir_job *job, int error, const char *doing)
{
    /* Too long a path will not become shorter; everything else (full, read-only, gone) may pass. */
    job->result = error_set(&job->error, error == -ENAMETOOLONG ? PERM : TEMP, "%s in %s: %s", doing,
                            job->maildir, strerror(-error));
}

void maildir_unique_name(char out[MAILDIR_NAME_SIZE], int64_t epoch_microseconds, uint64_t counter,
                         const char *hostname, uint64_t size)
{
    /* Maildir reserves '/' and ':' in names; a host name has neither. */
    snprintf(out, MAILDIR_NAME_SIZE, "%lld.M%06lldP%dQ%llu.%.80s,S=%llu",
             (long long)(epoch_microseconds / 1000000), (long long)(epoch_microseconds % 1000000),
             (int)getpid(), (unsigned long long)counter, hostname, (unsigned long long)size);
}

void maildir_name_again(char out[MAILDIR_NAME_SIZE], const char *name, uint64_t size)
{
    const char *end = strstr(name, ",S=");
    int length = end ? (int)(end - name) : (int)strnlen(name, MAILDIR_NAME_SIZE);
    snprintf(out, MAILDIR_NAME_SIZE, "%.*s,S=%llu", length < 160 ? length : 160, name,
             (unsigned long long)size);
}

/* Makes the folder and, as far as they are missing, its parents; each new entry is fsynced in its
 * parent, or the mail in it could be gone after a crash although the file itself is not. */
static int make_directories(struct durable *durable, char *path)
{
    int error = durable->make_directory(durable, path, 0700);
    if (error == -EEXIST)
        return 0;
    char *slash = strrchr(path, '/');
    if (error == -ENOENT && slash && slash != path) {
        *slash = '\0';
        error = make_directories(durable, path);
        *slash = '/';
        if (!error)
            error = durable->make_directory(durable, path, 0700);
    }
    if (error && error != -EEXIST)
        return error;
    if (!slash || slash == path)
        return durable->sync_directory(durable, "/");
    *slash = '\0';
    error = durable->sync_directory(durable, path);
    *slash = '/';
    return error;
}

static int make_maildir(struct durable *durable, const struct maildir_job *job)
{
    static const char *const parts[] = {"cur", "new", "tmp"};
    struct file_path folder, path;
    if (!job_path(job, "", "", &folder))
        return -ENAMETOOLONG;
    int error = make_directories(durable, folder.text);
    for (size_t i = 0; i < countof(parts) && !error; i++) {
        if (!job_path(job, parts[i], "", &path))
            return -ENAMETOOLONG;
        error = durable->make_directory(durable, path.text, 0700);
        error = error == -EEXIST ? 0 : error;
    }
    /* Maildir++: an empty file marks a subfolder as one. Losing it in a crash costs nothing. */
    if (!error && job->folder && job_path(job, "maildirfolder", "", &path)) {
        int fd = durable->create(durable, path.text, 0600);
        if (fd >= 0)
            durable->close(durable, fd);
    }
    return error ? error : durable->sync_directory(durable, folder.text);
}

static void write_file(struct durable *durable, struct maildir_job *job)
{
    struct file_path path;
    job->fd = -1;
    job->renamed = false;
    job->result = OK;
    if (!job_path(job, "tmp", job->name, &path)) {
        fail(job, -ENAMETOOLONG, "cannot write");
        return;
    }
    job->fd = durable->create(durable, path.text, 0600);
    if (job->fd == -EEXIST) {
        /* Names are unique: it was begun before a crash. */
        durable->unlink(durable, path.text);
        job->fd = durable->create(durable, path.text, 0600);
    }
    if (job->fd == -ENOENT) {
        int error = make_maildir(durable, job);
        job->fd = error ? error : durable->create(durable, path.text, 0600);
    }
    if (job->fd < 0) {
        fail(job, job->fd, "cannot create a file");
        return;
    }
    int error = 0;
    for (size_t i = 0; i < countof(job->pieces) && !error; i++)
        if (job->pieces[i].len)
            error = durable->write(durable, job->fd, job->pieces[i]);
    if (!error)
        durable->start_sync(durable, job->fd);
    else
        fail(job, error, "cannot write");
}

static void sync_file(struct durable *durable, struct maildir_job *job)
{
    if (job->fd < 0)
        return;
    int error = job->result == OK ? durable->sync(durable, job->fd) : 0;
    int closed = durable->close(durable, job->fd);
    job->fd = -1;
    if (error || closed)
        fail(job, error ? error : closed, "cannot write to the disk");
}

static void rename_file(struct durable *durable, struct maildir_job *job)
{
    struct file_path from, to;
    if (job->result != OK || !job_path(job, "tmp", job->name, &from) ||
        !job_path(job, "new", job->name, &to))
        return;
    int error = durable->rename(durable, from.text, to.text);
    /* A crash while the folder was made may have left half of it. */
    if (error == -ENOENT && make_maildir(durable, job) == 0)
        error = durable->rename(durable, from.text, to.text);
    if (error)
        fail(job, error, "cannot move a message");
    job->renamed = !error;
}

static bool same_folder(const struct maildir_job *a, const struct maildir_job *b)
{
    return strcmp(a->maildir, b->maildir) == 0 &&
           strcmp(a->folder ? a->folder : "", b->folder ? b->folder : "") == 0;
}

/*
 * Batches are as large as the number of sessions that wait at once, so looking back for an earlier job
 * of the same folder is cheap next to one fsync saved.
 */
static void sync_folders(struct durable *durable, struct maildir_job *const *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct file_path path;
        if (!jobs[i]->renamed)
            continue;
        size_t first = 0;
        while (!jobs[first]->renamed || !same_folder(jobs[first], jobs[i]))
            first++;
        if (first < i) {
            if (jobs[first]->result != OK)
                fail(jobs[i], -EIO, "cannot write the folder to the disk");
            continue;
        }
        int error = job_path(jobs[i], "new", "", &path) ? durable->sync_directory(durable, path.text)
                                                        : -ENAMETOOLONG;
        if (error)
            fail(jobs[i], error, "cannot write the folder to the disk");
    }
}

/* What did not get through is not left behind: it was answered with a failure, and comes again. */
static void clean_up(struct durable *durable, struct maildir_job *job)
{
    struct file_path path;
    if (job->result != OK && job_path(job, job->renamed ? "new" : "tmp", job->name, &path))
        durable->unlink(durable, path.text);
}

void maildir_commit(struct durable *durable, struct maildir_job *const *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        write_file(durable, jobs[i]);
    for (size_t i = 0; i < count; i++)
        sync_file(durable, jobs[i]);
    for (size_t i = 0; i < count; i++)
        rename_file(durable, jobs[i]);
    sync_folders(durable, jobs, count);
    for (size_t i = 0; i < count; i++)
        clean_up(durable, jobs[i]);
}

static uint64_t file_size(int folder, const char *name)
{
    const char *size = strstr(name, ",S=");
    struct stat status;
    if (size) {
        size_t digits = strspn(size + 3, "0123456789");
        uint64_t value;
        if (bytes_to_uint(bytes_from(size + 3, digits), INT64_MAX, &value))
            return value;
    }
    return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)status.st_size : 0;
}

static void add_folder(const char *maildir, const char *folder, const char *part, uint64_t *octets)
{
    struct file_path path;
    int length = snprintf(path.text, sizeof(path.text), "%s/%s/%s", maildir, folder, part);
    DIR *directory = length > 0 && (size_t)length < sizeof(path.text) ? opendir(path.text) : NULL;
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            *octets += file_size(dirfd(directory), entry->d_name);
    closedir(directory);
}

enum result maildir_usage(const char *maildir, uint64_t *octets, struct error *error)
{
    *octets = 0;
    DIR *directory = opendir(maildir);
    if (!directory)
        return errno == ENOENT ? OK
                               : error_set(error, TEMP, "cannot read %s: %s", maildir, strerror(errno));
    add_folder(maildir, ".", "new", octets);
    add_folder(maildir, ".", "cur", octets);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] != '.' || strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0)
            continue;
        add_folder(maildir, entry->d_name, "new", octets);
        add_folder(maildir, entry->d_name, "cur", octets);
    }
    closedir(directory);
    return OK;
}
