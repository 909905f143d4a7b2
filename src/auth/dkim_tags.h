/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_tags: the tag=value lists of signatures and key records (rfc6376:3.2).
 *
 * Everything points into the text; nothing is allocated. A list that breaks the grammar, names a
 * tag twice or has more than DKIM_TAGS_MAX tags is PERM as a whole, with the reason in the error.
 */
#ifndef VOUCH_AUTH_DKIM_TAGS_H
#define VOUCH_AUTH_DKIM_TAGS_H

#include "base/arena.h"

#include <string.h>

enum { DKIM_TAGS_MAX = 64 };

struct dkim_tag {
    struct bytes name;
    struct bytes value; /* without the white space around it; folding inside stays */
    struct bytes span;  /* everything between "=" and ";" or the end, white space included */
};

struct dkim_tags {
    struct dkim_tag list[DKIM_TAGS_MAX];
    size_t count;
};

enum result dkim_tags_parse(struct bytes text, struct dkim_tags *out, struct error *error)
    must_check;

/* NULL if absent. Names compare with case (rfc6376:3.2). */
const struct dkim_tag *dkim_tags_find_name(const struct dkim_tags *tags, struct bytes name);
static inline const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags, const char *name)
{
    return dkim_tags_find_name(tags, bytes_from(name, strlen(name)));
}

/* Empty if absent. */
static inline struct bytes dkim_tags_value(const struct dkim_tags *tags, const char *name)
{
    const struct dkim_tag *tag = dkim_tags_find(tags, name);
    return tag ? tag->value : (struct bytes){NULL, 0};
}

/* Whether a colon-separated list, with optional white space, has the word (h=, s=, t= of keys; q=). */
bool dkim_tags_lists(struct bytes value, const char *word);

/* Decodes a base64 value with folding anywhere in it; the same language as base64_decode(). By
 * table, because comparisons on random digits are what a processor guesses wrong: this is done for
 * each signature. False if it is not base64 or at the arena's cap. */
bool dkim_tags_base64(struct arena *arena, struct bytes value, struct bytes *out) must_check;

/* The octets of a signature's tag, which may not be empty. */
enum result dkim_tags_octets(struct arena *arena, const struct dkim_tags *tags, const char *name,
                             struct bytes *out, struct error *error) must_check;

/* What d= and s= of a signature gave: empty if it was no domain, or at the arena's cap. */
enum result dkim_tags_check_names(struct arena *arena, struct bytes domain, struct bytes selector,
                                  struct error *error) must_check;

#endif
