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

/* A line with its end, or as much of one as fits; what is left of it is no line of its own. */
struct lines {
    FILE *file;
    bool within;            /* the piece before this one did not end its line */
    bool starts;            /* this piece begins a line */
    struct bytes piece;
    char room[64 * 1024];
};

static bool next_piece(struct lines *lines)
{
    size_t length = 0;
    int c = EOF;
    while (length < sizeof(lines->room) && c != '\n' && (c = getc_unlocked(lines->file)) != EOF)
        lines->room[length++] = (char)c;
    lines->piece = bytes_from(lines->room, length);
    lines->starts = !lines->within;
    lines->within = length && lines->room[length - 1] != '\n';
    return length > 0;
}

/* Of each message the empty line that parts it from the next. */
static void drop_separator(struct buf *message)
{
    struct bytes text = buf_bytes(message);
    if (bytes_ends_with(text, BYTES("\r\n\r\n")))
        message->len -= 2;
    else if (bytes_ends_with(text, BYTES("\n\n")))
        message->len -= 1;
}

static void read_mbox(struct reading *reading, const char *path, struct lines *lines)
{
    char where[PATH_MAX + 32];
    size_t number = 0;
    bool empty_before = true, skips = true; /* skips: what is left of a very long "From " line */
    while (!reading->stopped && next_piece(lines)) {
        if (empty_before && lines->starts && bytes_starts_with(lines->piece, BYTES("From "))) {
            snprintf(where, sizeof(where), "%s:%zu", path, number++);
            drop_separator(&reading->message);
            hand_over(reading, where);
            skips = true;
        } else if (lines->starts || !skips) {
            skips = false;
            add_line(reading, lines->starts ? unquote(lines->piece) : lines->piece);
        }
        empty_before = lines->starts && (bytes_is(lines->piece, "\n") || bytes_is(lines->piece, "\r\n"));
    }
    snprintf(where, sizeof(where), "%s:%zu", path, number);
    drop_separator(&reading->message);
    hand_over(reading, where);
}

static void read_whole(struct reading *reading, const char *path, struct lines *lines)
{
    do
        add_line(reading, lines->piece);
    while (next_piece(lines));
    hand_over(reading, path);
}

static enum result read_stream(struct reading *reading, const char *path, FILE *file, struct error *error)
{
    struct lines *lines = calloc(1, sizeof(*lines));
    if (!lines)
        return error_set(error, TEMP, "out of memory");
    lines->file = file;
    bool any = next_piece(lines);
    if (any && bytes_starts_with(lines->piece, BYTES("From ")))
        read_mbox(reading, path, lines);
    else if (any)
        read_whole(reading, path, lines);
    free(lines);
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

/* Beside these a Maildir has lists and indexes of its server, which are no mail. */
static int is_of_maildir(const struct dirent *entry)
{
    return strcmp(entry->d_name, "cur") == 0 || strcmp(entry->d_name, "new") == 0;
}

static int list(const char *path, struct dirent ***names)
{
    char cur[PATH_MAX];
    struct stat status;
    int length = snprintf(cur, sizeof(cur), "%s/cur", path);
    bool maildir = length > 0 && (size_t)length < sizeof(cur) && stat(cur, &status) == 0 && S_ISDIR(status.st_mode);
    return scandir(path, names, maildir ? is_of_maildir : is_wanted, compare_names);
}

static enum result read_folder(struct reading *reading, const char *path, unsigned depth, struct error *error)
{
    struct dirent **names;
    enum result result = OK;
    int count = list(path, &names);
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
    int count = list(path, &names);
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
