/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confusable: whether two names look alike to people, and whether a word is made of letters of several scripts.
 *
 * The skeleton of a text is what remains when each character is replaced by the plain Latin letter that it looks
 * like (Cyrillic and Greek twins, letters with accents, fullwidth and mathematical forms, "0" for o, "1" for l)
 * and sequences that look like one letter by that ("rn", "vv", "cl"). Two texts look alike if their skeletons are
 * equal. The table is a choice of what occurs in names of organizations, not all of Unicode.
 */
#ifndef VOUCH_FILTER_CONFUSABLE_H
#define VOUCH_FILTER_CONFUSABLE_H

#include "base/arena.h"

enum { CONFUSABLE_MAX = 256 }; /* octets of a skeleton; what is longer is cut off */

/* A short text by value, so that none of this needs memory that could be out. */
struct skeleton {
    uint8_t octets[CONFUSABLE_MAX];
    uint16_t len;
};
static inline struct bytes skeleton_bytes(const struct skeleton *skeleton)
{
    return bytes_from(skeleton->octets, skeleton->len);
}

/* Of UTF-8, upper case or lower; what has no twin stays as it is, what is not shown at all (zero-width
 * characters) is left out. */
void confusable_skeleton(struct bytes text, struct skeleton *out);

/* A name of A-labels in the letters that people see (rfc5891:5.2, without the tests there). A label that cannot be
 * decoded stays. False at the arena's cap. */
bool confusable_to_unicode(struct arena *arena, struct bytes domain, struct bytes *out) must_check;

/* Whether one insertion, deletion, exchange or swap of neighbours makes one of the other; equal ones too. */
bool confusable_within_one(struct bytes a, struct bytes b);

/* The next word of the text at or behind *position that has Latin letters and, among them, Cyrillic, Greek or
 * Armenian ones that look Latin: nobody writes so but to deceive programs. At least four letters.
 * False: there is none. */
bool confusable_mixed_word(struct bytes text, size_t *position, struct bytes *word);

/* Whether a label (UTF-8) has letters of Latin and of Cyrillic, Greek or Armenian, or of two of these. */
bool confusable_mixes_scripts(struct bytes label);

#endif
