/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xml: reads a document of a stranger element by element, with everything refused that a report has no
 * use for.
 *
 * Document type declarations are refused, and entities with them; depth, size and the text of an element
 * are bounded; processing instructions, comments and attributes are passed over. The text must be UTF-8.
 * Another encoding may be declared where it makes no difference: all octets are ASCII, and the encoding
 * is of the kinds that agree with ASCII. Nothing is kept; the slices that a handler is given live as long
 * as its call.
 */
#ifndef VOUCH_REPORT_XML_H
#define VOUCH_REPORT_XML_H

#include "base/bytes.h"
#include "base/result.h"

enum {
    XML_SIZE_MAX = 10 * 1024 * 1024,
    XML_DEPTH_MAX = 32,
    XML_TEXT_MAX = 4096 /* of one element; more is cut off, and said */
};

/* A handler returns OK to go on; anything else ends the reading, and xml_read() returns it. */
struct xml_handler {
    /* `space` is the namespace, empty if there is none. */
    enum result (*start)(void *context, struct bytes space, struct bytes name, struct error *error);
    /* `text` is the trimmed text of an element without children, else empty. */
    enum result (*end)(void *context, struct bytes text, bool cut, struct error *error);
};

/* OK; PERM: no XML, or beyond a limit, with the line in the error; TEMP: no memory; or what a handler
 * said, to whose sentence the line is added. */
enum result xml_read(struct bytes document, const struct xml_handler *handler, void *context,
                     struct error *error) must_check;

#endif
