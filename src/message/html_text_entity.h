/* SPDX-License-Identifier: BSD-2-Clause */
/* html_text_entity: character references of HTML, right and broken, as browsers read them (WHATWG HTML 13.2.5.72). */
#ifndef VOUCH_MESSAGE_HTML_TEXT_ENTITY_H
#define VOUCH_MESSAGE_HTML_TEXT_ENTITY_H

#include "base/buf.h"

enum { HTML_ENTITY_MAX = 21 }; /* letters of a name */

struct html_entity {
    char name[HTML_ENTITY_MAX + 1];
    uint32_t point : 24, bare : 8;
};
extern const struct html_entity html_entities[];
extern const size_t html_entity_count;

/* `text` begins with "&". How many octets the reference has, and its character; 0 if it is none, and then the "&" is
 * text. In attributes old names without semicolon are not read where a letter, digit or "=" follows. */
size_t html_entity_read(struct bytes text, bool attribute, uint32_t *point);

/* An attribute's value with the references undone, up to `max` octets of it; what has none is not copied. The copy is
 * made in `space` of `max` octets. */
struct bytes html_entity_decode(struct bytes value, uint8_t *space, size_t max);

#endif
