/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attachment: what is attached to a message: names, sizes, and what it is by its first octets.
 *
 * Of an attachment only as much is decoded as must be looked at: some KB of its beginning, of a ZIP archive the end,
 * of an old Office file all, piece by piece and up to a budget for all attachments of a message. Entries and names
 * live in the arena.
 */
#ifndef VOUCH_MESSAGE_ATTACHMENT_H
#define VOUCH_MESSAGE_ATTACHMENT_H

#include "message/readable.h"

enum {
    ATTACHMENT_BUDGET = 32 << 20, /* octets of encoded attachments that are read beyond beginning and end */
    ATTACHMENT_MEMBERS_MAX = 400  /* names of archives that are read to be listed, documents included */
};

struct attachments {
    struct arena *arena;
    struct readable_attachment *items; /* grows up to READABLE_ATTACHMENTS_MAX */
    size_t count, room;
    size_t budget;
    size_t members_left; /* that may be listed */
    bool cut, encrypted, broken;
    bool unseen; /* what was left out matters, or nobody knows */
};

void attachments_init(struct attachments *list, struct arena *arena);
/* Adds a part and, of a ZIP archive, its members. OK, or TEMP at the arena's cap. */
enum result attachments_add(struct attachments *list, const struct mime_part *part) must_check;

/* Adds a file that stands in a text, by its name. The same. */
enum result attachments_add_named(struct attachments *list, const struct mime_part *part, struct bytes name) must_check;
/* How much it matters that it is seen: 0 (what people send each other) to 2 (programs). */
int attachment_rank(const struct readable_attachment *attachment);

/* What a system goes by, without what it drops; empty if there is none. */
struct bytes attachment_extension(struct bytes name);
/* By its extension a program, script or link for one of the systems that people open mail on. */
bool attachment_is_executable(struct bytes name);
/* The name hides its extension: another one before it, blanks, or characters that turn its direction. */
bool attachment_is_disguised(struct bytes name);
/* By its extension a document, picture or film. */
bool attachment_is_harmless_name(struct bytes name);
/* Octets that begin a program or a script. */
bool attachment_is_program(struct bytes head);

/* The name of a part as UTF-8; empty if it has none. ptr NULL at the arena's cap. */
struct bytes attachment_name(struct arena *arena, const struct mime_part *part);
bool attachment_has_name(const struct mime_part *part);
/* The next one of its other names, as mail programs differ in which they take: filename= and name=, each perhaps
 * twice. False behind the last. ptr NULL at the arena's cap. */
bool attachment_other_name(struct arena *arena, const struct mime_part *part, size_t *position, struct bytes *name);

#endif
