/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * archive: takes the one file out of a gzip or zip archive of a stranger, in memory.
 *
 * Nothing is written to a file, and no name in the archive is used. Of a zip archive the first regular
 * file that is not empty counts; it must be stored or deflated, and not encrypted. An archive within is
 * not opened.
 */
#ifndef VOUCH_REPORT_ARCHIVE_H
#define VOUCH_REPORT_ARCHIVE_H

#include "base/buf.h"

enum {
    ARCHIVE_SIZE_MAX = 10 * 1024 * 1024, /* of the content */
    ARCHIVE_ROOM_MAX = ARCHIVE_SIZE_MAX + 64 * 1024,
    ARCHIVE_RATIO_MAX = 100,             /* octets of content for each of the archive */
    ARCHIVE_MEMBERS_MAX = 20             /* of a zip archive that are looked at */
};

enum archive_kind { ARCHIVE_NOT, ARCHIVE_GZIP, ARCHIVE_ZIP };

/* By its first octets. */
enum archive_kind archive_kind_of(struct bytes content);

/* Appends the content to `out`, whose maximum must leave ARCHIVE_ROOM_MAX for the largest content. OK;
 * PERM: damaged, too large, or nothing in it; TEMP: no memory. */
enum result archive_read_member(struct bytes archive, struct buf *out, struct error *error) must_check;

#endif
