/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * url: URLs as browsers read them (WHATWG URL), which is far from how RFC 3986 writes them.
 *
 * Slices point into the text given, which must outlive them, or into the arena where something had to be changed.
 * Nothing here resolves names or knows registrable ones. Work is linear in the text.
 */
#ifndef VOUCH_MESSAGE_URL_H
#define VOUCH_MESSAGE_URL_H

#include "base/arena.h"

enum { URL_MAX = 2000 }; /* octets that are looked at; the rest of a longer one is cut off */

struct url {
    struct bytes scheme; /* lower case; "http" for "//host" and "www.host" */
    struct bytes user;   /* with the password; as written */
    struct bytes host;   /* url_host_normalize(); empty if there is none, or none that could be one. Of mailto: the
                            * domain of the first address */
    struct bytes port;   /* as written; empty if none is given */
    struct bytes path, query, fragment; /* as written, without "?" and "#" */
    struct bytes rest;                  /* all three, as written */
    bool obfuscated;                    /* the host is written in a way that only hides it */
};

/* OK; NONE if it is no absolute URL; TEMP at the arena's cap. */
enum result url_parse(struct arena *arena, struct bytes text, struct url *out) must_check;

/* A relative reference with its base (rfc3986:5), dot segments left as they are; what is absolute stays. OK; NONE if
 * the base is no URL with a host; TEMP at the arena's cap. */
enum result url_resolve(struct arena *arena, struct bytes base, struct bytes reference,
                        struct bytes *out) must_check;

/* Lower-case A-labels without trailing dot, per cent signs undone; addresses as dotted quad, IPv6 in brackets in
 * its canonical form. *obfuscated (may be NULL) becomes true where the host was written to hide it, and stays
 * otherwise. PERM if it can be no host, TEMP at the arena's cap. */
enum result url_host_normalize(struct arena *arena, struct bytes host, struct bytes *out,
                               bool *obfuscated) must_check;

/* URLs within path, query or fragment of a URL, where redirectors have them: plain, with per cent signs (three times
 * over), in base64. OK with *count of them, or TEMP at the arena's cap. */
enum { URL_EMBEDDED_MAX = 8 };
enum result url_embedded(struct arena *arena, const struct url *url, struct bytes out[URL_EMBEDDED_MAX],
                         size_t *count) must_check;

/* The next URL in plain text at or behind *position, as mail programs would make a link of it: with a scheme, or
 * "www.", or a name below a well-known top-level domain with a path behind it. Without what closes a sentence.
 * False if there is none; *position becomes what is behind it. */
bool url_find(struct bytes text, size_t *position, struct bytes *out);

/* Without the tabs and line ends in it, which browsers pass over; done in place: the text is the caller's own. */
struct bytes url_strip(struct bytes text);

/* Per cent signs undone, those that stand before no two digits left. Empty with ptr NULL at the arena's cap. */
struct bytes url_percent_decode(struct arena *arena, struct bytes text);

#endif
