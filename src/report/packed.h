/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packed: takes the one file out of a gzip or zip archive of a stranger, in memory.
 *
 * Nothing is written to a file. Of a zip archive the first regular file that is not empty counts, folders
 * of metadata (__MACOSX) apart; it must be stored or deflated, and not encrypted. An archive within is not
 * opened.
 */
#ifndef VOUCH_REPORT_PACKED_H
#define VOUCH_REPORT_PACKED_H

#include "base/buf.h"

enum {
    PACKED_SIZE_MAX = 10 * 1024 * 1024, /* of the content */
    PACKED_ROOM_MAX = PACKED_SIZE_MAX + 64 * 1024,
    PACKED_RATIO_MAX = 100,             /* octets of content for each of the archive */
    PACKED_MEMBERS_MAX = 20             /* of a zip archive that are looked at */
};

enum packed_kind { PACKED_NOT, PACKED_GZIP, PACKED_ZIP };

/* By its first octets. */
enum packed_kind packed_kind_of(struct bytes content);

/* Appends the content to `out`, whose maximum must leave PACKED_ROOM_MAX for the largest content. OK;
 * PERM: damaged, too large, or nothing in it; TEMP: no memory. */
enum result packed_read(struct bytes archive, struct buf *out, struct error *error) must_check;

#endif
