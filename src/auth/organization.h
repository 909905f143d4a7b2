/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * organization: the organizational domain of a name by the public suffix list (rfc7489:3.2).
 *
 * The list is loaded once, before the sandbox closes and before threads start; it is never changed
 * afterwards. Without organization_load() the library's built-in list serves.
 */
#ifndef VOUCH_AUTH_ORGANIZATION_H
#define VOUCH_AUTH_ORGANIZATION_H

#include "base/bytes.h"
#include "base/result.h"

/* `path` of a list in the usual text or compiled form; NULL: the newer of the system's file and the
 * built-in list. PERM if it cannot be read; the list loaded before then stays. */
enum result organization_load(const char *path, struct error *error) must_check;
void organization_unload(void);

/*
 * The public suffix and one label before it, as a part of `name` (A-labels, or UTF-8 that is lower
 * case already; without trailing dot). NONE: the name is a public suffix itself, or no name at all.
 * TEMP: there is no list.
 */
enum result organization_domain(struct bytes name, struct bytes *out) must_check;

#endif
