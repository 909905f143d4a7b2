/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/packed.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

enum packed_kind packed_kind_of(struct bytes content)
{
    if (bytes_starts_with(content, BYTES("\x1f\x8b")))
        return PACKED_GZIP;
    return bytes_starts_with(content, BYTES("PK\x03\x04")) ? PACKED_ZIP : PACKED_NOT;
}

static enum result damaged(struct archive *reader, struct error *error)
{
    const char *why = archive_error_string(reader);
    return error_set(error, PERM, "the archive is damaged%s%s", why ? ": " : "", why ? why : "");
}

/* Only what is needed is switched on: each further format is code that a stranger can reach. The filter is
 * appended, not offered: of filters that are offered the library uses as many as fit, one in the other, and
 * nested archives cost far more time than their size tells. */
static bool choose_format(struct archive *reader, enum packed_kind kind)
{
    if (kind == PACKED_ZIP)
        return archive_read_support_format_zip_streamable(reader) == ARCHIVE_OK;
    return archive_read_append_filter(reader, ARCHIVE_FILTER_GZIP) == ARCHIVE_OK &&
           archive_read_support_format_raw(reader) == ARCHIVE_OK;
}

static bool is_usable(struct archive *reader, struct archive_entry *entry, enum packed_kind kind)
{
    if (kind == PACKED_GZIP)
        return true;
    if (archive_entry_filetype(entry) != AE_IFREG)
        return false;
    if (archive_entry_size_is_set(entry) && archive_entry_size(entry) == 0)
        return false;
    /* What some systems add to remember the look of a folder. */
    const char *name = archive_entry_pathname(entry);
    return !name || strncmp(name, "__MACOSX/", 9) != 0;
}

static enum result check_member(struct archive *reader, struct archive_entry *entry,
                                enum packed_kind kind, struct error *error)
{
    const char *format = archive_format_name(reader);
    if (kind != PACKED_ZIP)
        return OK;
    if (archive_entry_is_encrypted(entry))
        return error_set(error, PERM, "the archive is encrypted");
    if (!format || (!strstr(format, "(deflation)") && !strstr(format, "(uncompressed)")))
        return error_set(error, PERM, "the archive uses a compression that reports do not use");
    return OK;
}

static enum result read_content(struct archive *reader, size_t limit, struct buf *out,
                                struct error *error)
{
    size_t total = 0;
    for (;;) {
        uint8_t *to = buf_reserve(out, 16 * 1024);
        if (!to)
            return error_set(error, TEMP, "no memory");
        la_ssize_t got = archive_read_data(reader, to, 16 * 1024);
        if (got < 0)
            return damaged(reader, error);
        if (got == 0)
            return OK;
        out->len += (size_t)got;
        total += (size_t)got;
        if (total > PACKED_SIZE_MAX)
            return error_set(error, PERM, "more than %d octets in the archive", PACKED_SIZE_MAX);
        if (total > limit)
            return error_set(error, PERM, "the archive holds more than %d times its size",
                             PACKED_RATIO_MAX);
    }
}

static enum result read_first(struct archive *reader, enum packed_kind kind, size_t limit,
                              struct buf *out, struct error *error)
{
    struct archive_entry *entry;
    for (int i = 0; i < PACKED_MEMBERS_MAX; i++) {
        int status = archive_read_next_header(reader, &entry);
        if (status == ARCHIVE_EOF)
            return error_set(error, PERM, "there is no file in the archive");
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return damaged(reader, error);
        if (!is_usable(reader, entry, kind))
            continue;
        enum result result = check_member(reader, entry, kind, error);
        size_t before = out->len;
        if (result == OK)
            result = read_content(reader, limit, out, error);
        if (result != OK || out->len > before)
            return result;
    }
    return error_set(error, PERM, "there is no usable file in the archive");
}

enum result packed_read(struct bytes archive, struct buf *out, struct error *error)
{
    enum packed_kind kind = packed_kind_of(archive);
    if (kind == PACKED_NOT)
        return error_set(error, PERM, "neither gzip nor zip");
    if (archive.len > PACKED_SIZE_MAX)
        return error_set(error, PERM, "the archive has more than %d octets", PACKED_SIZE_MAX);
    struct archive *reader = archive_read_new();
    enum result result = reader ? OK : error_set(error, TEMP, "no memory");
    if (result == OK && (!choose_format(reader, kind) ||
                         archive_read_open_memory(reader, archive.ptr, archive.len) != ARCHIVE_OK))
        result = damaged(reader, error);
    if (result == OK)
        result = read_first(reader, kind, archive.len * PACKED_RATIO_MAX, out, error);
    if (reader)
        archive_read_free(reader);
    return result;
}
