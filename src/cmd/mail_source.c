/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/mail_source.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 6 };

struct reading {
    mail_source_each *each;
    void *context;
    struct buf message;
    bool stopped;
};

static void hand_over(struct reading *reading, const char *where)
{
    if (reading->message.len && !reading->stopped)
        reading->stopped = !reading->each(reading->context, where, buf_bytes(&reading->message));
    buf_clear(&reading->message);
}

/* As much as fits: the rest of a huge message tells nothing more. */
static void add_line(struct reading *reading, struct bytes line)
{
    if (reading->message.len + line.len <= MAIL_SOURCE_MESSAGE_MAX)
        buf_add(&reading->message, line);
}

/* mboxrd and mboxo alike: a '>' before "From " was put there. */
static struct bytes unquote(struct bytes line)
{
    size_t quotes = 0;
    while (quotes < line.len && line.ptr[quotes] == '>')
        quotes++;
    return quotes && bytes_starts_with(bytes_skip(line, quotes), BYTES("From ")) ? bytes_skip(line, 1) : line;
}

static void read_mbox(struct reading *reading, const char *path, FILE *file)
{
    char where[PATH_MAX + 32];
    char *line = NULL;
    size_t room = 0, number = 0;
    bool empty_before = true;
    for (ssize_t length; !reading->stopped && (length = getline(&line, &room, file)) >= 0;) {
        struct bytes text = bytes_from(line, (size_t)length);
        if (empty_before && bytes_starts_with(text, BYTES("From "))) {
            snprintf(where, sizeof(where), "%s:%zu", path, number++);
            hand_over(reading, where);
        } else {
            add_line(reading, unquote(text));
        }
        empty_before = bytes_is(text, "\n") || bytes_is(text, "\r\n");
    }
    snprintf(where, sizeof(where), "%s:%zu", path, number);
    hand_over(reading, where);
    free(line);
}

static void read_whole(struct reading *reading, const char *path, FILE *file, struct bytes first)
{
    uint8_t piece[65536];
    buf_add(&reading->message, first);
    for (size_t got; (got = fread(piece, 1, sizeof(piece), file)) > 0;)
        add_line(reading, bytes_from(piece, got));
    hand_over(reading, path);
}

static enum result read_stream(struct reading *reading, const char *path, FILE *file, struct error *error)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length = getline(&line, &room, file);
    struct bytes first = bytes_from(line, length > 0 ? (size_t)length : 0);
    if (bytes_starts_with(first, BYTES("From ")))
        read_mbox(reading, path, file);
    else
        read_whole(reading, path, file, first);
    free(line);
    return ferror(file) ? error_set(error, PERM, "cannot read %s: %s", path, strerror(errno)) : OK;
}

static enum result read_path(struct reading *reading, const char *path, unsigned depth, struct error *error);

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* tmp of a Maildir holds what is not whole yet; names with a dot in front are Maildir++ folders and the files of
 * mail programs. */
static int is_wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "tmp") != 0;
}

static enum result read_folder(struct reading *reading, const char *path, unsigned depth, struct error *error)
{
    struct dirent **names;
    enum result result = OK;
    int count = scandir(path, &names, is_wanted, compare_names);
    if (count < 0)
        return error_set(error, PERM, "cannot read %s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        char below[PATH_MAX];
        int length = snprintf(below, sizeof(below), "%s/%s", path, names[i]->d_name);
        if (result == OK && !reading->stopped && depth && length > 0 && (size_t)length < sizeof(below))
            result = read_path(reading, below, depth - 1, error);
        free(names[i]);
    }
    free(names);
    return result;
}

static enum result read_path(struct reading *reading, const char *path, unsigned depth, struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        /* Mail programs rename files while we read: what is gone is gone. */
        return errno == ENOENT && depth < DEPTH_MAX ? OK
                               : error_set(error, PERM, "cannot read %s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return read_folder(reading, path, depth, error);
    if (!S_ISREG(status.st_mode))
        return OK;
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT && depth < DEPTH_MAX ? OK
                               : error_set(error, PERM, "cannot read %s: %s", path, strerror(errno));
    enum result result = read_stream(reading, path, file, error);
    fclose(file);
    return result;
}

enum result mail_source_read(const char *path, mail_source_each *each, void *context, struct error *error)
{
    struct reading reading = {.each = each, .context = context};
    buf_init(&reading.message, MAIL_SOURCE_MESSAGE_MAX + 65536);
    enum result result = strcmp(path, "-") == 0 ? read_stream(&reading, "standard input", stdin, error)
                                                : read_path(&reading, path, DEPTH_MAX, error);
    buf_free(&reading.message);
    return result;
}

static size_t count_files(const char *path, unsigned depth)
{
    struct dirent **names;
    size_t files = 0;
    int count = scandir(path, &names, is_wanted, NULL);
    for (int i = 0; i < count; i++) {
        char below[PATH_MAX];
        int length = snprintf(below, sizeof(below), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_type == DT_DIR && depth && length > 0 && (size_t)length < sizeof(below))
            files += count_files(below, depth - 1);
        else if (names[i]->d_type != DT_DIR)
            files++;
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return files;
}

size_t mail_source_count(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? count_files(path, DEPTH_MAX) : 0;
}
