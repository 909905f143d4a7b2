/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domain: DNS names in presentation form, without the trailing dot, as slices.
 *
 * Nothing here knows the public suffixes or IDN; see message/idn.h and auth/organization.h.
 */
#ifndef VOUCH_BASE_DOMAIN_H
#define VOUCH_BASE_DOMAIN_H

#include "base/arena.h"

/* Letters, digits, hyphens and underscores, labels of 1 to 63 octets without a hyphen at either
 * end, at most 253 octets, no trailing dot. What may be asked in DNS for mail purposes. */
bool domain_is_valid(struct bytes name);
/* As above without underscores, and the last label not all digits (rfc5321:2.3.5, rfc3696:2). */
bool domain_is_hostname(struct bytes name);
/* domain_is_hostname() with at least two labels. */
bool domain_is_fully_qualified(struct bytes name);

size_t domain_label_count(struct bytes name);
/* The last `count` labels: ("a.b.example.org", 2) gives "example.org"; the whole if it has fewer. */
struct bytes domain_last_labels(struct bytes name, size_t count);
/* Without the first label; empty when there is only one. */
struct bytes domain_parent(struct bytes name);
/* Same name, or below `ancestor`; ASCII case-insensitive. */
bool domain_is_within(struct bytes name, struct bytes ancestor);
/* Without one trailing dot. */
struct bytes domain_strip_dot(struct bytes name);

#endif
