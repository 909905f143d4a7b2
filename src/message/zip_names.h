/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zip_names: what is in a ZIP archive, by its directory; nothing is unpacked.
 *
 * Looks at the beginning and the end of the file only. Where the directory is missing or broken the headers of the
 * members themselves are read, as far as they stand in the beginning. Names are copied into the arena. Every input
 * gives a result, in time linear in the two pieces.
 */
#ifndef VOUCH_MESSAGE_ZIP_NAMES_H
#define VOUCH_MESSAGE_ZIP_NAMES_H

#include "base/arena.h"

enum { ZIP_TAIL_WANTED = 64 * 1024 };

struct zip_member {
    struct bytes name;       /* UTF-8 */
    uint64_t size;           /* unpacked, as the archive says */
    bool encrypted, archive; /* archive: it is one itself, by its name */
    bool program;            /* executable or disguised, by its name */
};

struct zip_names {
    struct zip_member *members;
    size_t count;
    bool encrypted; /* some member is */
    bool nested;
    bool office; /* an Office Open XML or OpenDocument file */
    bool macros; /* one with macros */
    bool cut;    /* there are more members */
    bool unseen; /* of those, some that matter or that could not be looked at */
    bool broken; /* no directory, or one that cannot be read */
    bool astray; /* its end says that the directory is elsewhere than right before it */
    bool ambiguous; /* there is one in both places: programs differ in what they find in it */
};

bool zip_names_is_zip(struct bytes head);
/* By its name. */
bool zip_names_is_archive(struct bytes name);
/* `head` and `tail` may overlap, or be the same; `before` octets of the file stand before `tail`. Lists `max` members,
 * those that matter before others; all are looked at. OK, or TEMP at the arena's cap. */
enum result zip_names_read(struct arena *arena, struct bytes head, struct bytes tail, uint64_t before, size_t max,
                           struct zip_names *out) must_check;

#endif
