/* SPDX-License-Identifier: BSD-2-Clause */
#include "deliver/spool.h"

#include "base/encode.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* "vouch-spool 1 <spooled at> <folder>[+tell][+tls][+notifyN][+prefixN][+utf8]" and eight xtext words, which hold no
 * space or line end. Earlier versions wrote five words. */
#define MAGIC "vouch-spool 1 "
enum { WORDS_LEAST = 5, NOTIFY_MOST = 15 };

void spool_write_line(struct buf *out, const struct spool_entry *entry)
{
    const struct bytes words[] = {entry->id, entry->sender, entry->recipient, entry->mailbox,
                                  entry->reason, entry->original, entry->envelope_id,
                                  entry->forward_sender};
    buf_printf(out, MAGIC "%lld %s%s%s", (long long)entry->spooled_at, mail_folder_word(entry->folder),
               entry->tell ? "+tell" : "", entry->require_tls ? "+tls" : "");
    if (entry->notify)
        buf_printf(out, "+notify%u", entry->notify & NOTIFY_MOST);
    if (entry->prefix_octets)
        buf_printf(out, "+prefix%llu", (unsigned long long)entry->prefix_octets);
    buf_add_string(out, entry->smtputf8 ? "+utf8" : "");
    for (size_t i = 0; i < countof(words); i++) {
        /* A leading '=' keeps an empty word a word. */
        buf_add_string(out, " =");
        xtext_encode(out, words[i]);
    }
    buf_add_byte(out, '\n');
}

/* What is not known is of a later version, and means nothing here. */
static void read_flags(struct bytes word, struct spool_entry *entry)
{
    struct bytes flag;
    uint64_t number;
    while (bytes_split(&word, '+', &flag)) {
        if (mail_folder_parse(flag, &entry->folder))
            continue;
        entry->smtputf8 |= bytes_is(flag, "utf8");
        entry->tell |= bytes_is(flag, "tell");
        entry->require_tls |= bytes_is(flag, "tls");
        if (bytes_starts_with(flag, BYTES("notify")) && bytes_to_uint(bytes_skip(flag, 6), NOTIFY_MOST, &number))
            entry->notify = (unsigned)number;
        if (bytes_starts_with(flag, BYTES("prefix")))
            (void)bytes_to_uint(bytes_skip(flag, 6), INT64_MAX, &entry->prefix_octets);
    }
}

enum result spool_parse(struct arena *arena, struct bytes file, struct spool_entry *entry,
                        struct bytes *message, struct error *error)
{
    *entry = (struct spool_entry){0};
    size_t end = bytes_find_byte(file, '\n');
    struct bytes line = bytes_first(file, end), word;
    if (end == BYTES_NOT_FOUND || !bytes_starts_with(line, BYTES(MAGIC)))
        return error_set(error, PERM, "not a file of the spool");
    line = bytes_skip(line, sizeof(MAGIC) - 1);
    uint64_t spooled_at;
    if (!bytes_split(&line, ' ', &word) || !bytes_to_uint(word, INT64_MAX, &spooled_at) ||
        !bytes_split(&line, ' ', &word))
        return error_set(error, PERM, "a damaged file of the spool");
    entry->spooled_at = (int64_t)spooled_at;
    read_flags(word, entry);
    struct bytes *const words[] = {&entry->id, &entry->sender, &entry->recipient, &entry->mailbox,
                                   &entry->reason, &entry->original, &entry->envelope_id,
                                   &entry->forward_sender};
    for (size_t i = 0; i < countof(words) && (i < WORDS_LEAST || line.ptr); i++)
        if (!bytes_split(&line, ' ', &word) || !bytes_starts_with(word, BYTES("=")) ||
            !xtext_decode(arena, bytes_skip(word, 1), words[i]))
            return arena_exhausted(arena) ? error_set(error, TEMP, "not enough memory")
                                          : error_set(error, PERM, "a damaged file of the spool");
    *message = bytes_skip(file, end + 1);
    return OK;
}

enum result spool_list(const char *directory, void (*each)(void *context, const char *name),
                       void *context, struct error *error)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/new", directory);
    DIR *folder = length > 0 && (size_t)length < sizeof(path) ? opendir(path) : NULL;
    if (!folder)
        return errno == ENOENT ? OK
                               : error_set(error, TEMP, "cannot read %s: %s", path, strerror(errno));
    for (struct dirent *file; (file = readdir(folder));)
        if (file->d_name[0] != '.')
            each(context, file->d_name);
    closedir(folder);
    return OK;
}
