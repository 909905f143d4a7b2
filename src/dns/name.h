/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name: DNS names between presentation form and the wire (rfc1035:3.1, 4.1.4, 5.1).
 *
 * Presentation form here has no trailing dot ("" is the root). An octet that is not a graphic ASCII
 * character is written \DDD; a dot, backslash, or one of "();@$ inside a label has a backslash
 * before it. On reading, \DDD and \X are understood and any other octet stands for itself. No
 * function allocates; none reads outside of what it is given.
 */
#ifndef VOUCH_DNS_NAME_H
#define VOUCH_DNS_NAME_H

#include "base/bytes.h"
#include "base/result.h"

enum {
    NAME_WIRE_MAX = 255, /* octets with length octets and the root (rfc1035:2.3.4) */
    NAME_TEXT_MAX = 1016 /* every octet of the longest name as \DDD, with dots */
};

/* Labels of 1 to 63 octets, at most 253 octets without escapes; one trailing dot is allowed. The
 * root (empty name) is not valid to ask for. */
bool name_is_valid(struct bytes name);

/* Without one trailing dot, if it is not escaped. */
struct bytes name_strip_dot(struct bytes name);

/* Writes the wire form; the length, or 0 if the name is not valid. "" and "." give the root. */
size_t name_to_wire(struct bytes name, uint8_t out[NAME_WIRE_MAX]) must_check;

/*
 * Reads a possibly compressed name that begins at *position of the packet and writes its
 * lower-cased presentation form; *position moves behind it. False if it runs out of the packet,
 * points anywhere but backwards, uses a reserved label type or is too long. The work is bounded by
 * NAME_WIRE_MAX octets and as many pointers as the longest name has labels.
 */
bool name_from_wire(struct bytes packet, size_t *position, char out[NAME_TEXT_MAX],
                    size_t *length) must_check;
/* The same without writing it. */
bool name_skip(struct bytes packet, size_t *position) must_check;

/* The lower-cased canonical spelling of a name as name_from_wire() would give it; false if the name
 * is not valid ("" and "." are, here). */
bool name_normalize(struct bytes name, char out[NAME_TEXT_MAX], size_t *length) must_check;

#endif
