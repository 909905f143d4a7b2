/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * https: one GET over TLS, as MTA-STS wants it (rfc8461:3.3): the certificate must be valid for the
 * name, redirects are not followed, and the size is bounded. Not a general HTTP client.
 */
#ifndef VOUCH_OUTBOUND_HTTPS_H
#define VOUCH_OUTBOUND_HTTPS_H

#include "base/arena.h"
#include "base/ip.h"
#include "tls/tls.h"

enum { HTTPS_BODY_MAX = 64 * 1024, HTTPS_HEAD_MAX = 16 * 1024 };

struct https_response {
    unsigned status;
    struct bytes type; /* Content-Type without parameters; empty if there is none */
    struct bytes body;
};

/*
 * Reads a whole response, up to the end of the connection or what is known of its length. In chunks
 * the body is joined in the arena; else all points into the text. NONE: it is not complete. PERM:
 * malformed, or larger than allowed.
 */
enum result https_response_parse(struct arena *arena, struct bytes text, struct https_response *out,
                                 struct error *error) must_check;

/*
 * GETs https://NAME/PATH from the address, with the authorities of `client`. TEMP: no connection,
 * time-out; PERM: the certificate is not valid for the name, or the answer is none. Waits. `failure`
 * (may be NULL) says what was wrong with TLS, if it was that.
 */
enum result https_get_with(struct tls_client *client, struct arena *arena, const struct ip *ip,
                           uint16_t port, struct bytes name, const char *path, int64_t deadline,
                           struct https_response *out, enum tls_failure *failure,
                           struct error *error) must_check;
/* The same; `ca_file` (NULL: the system's authorities) is read for this one. */
enum result https_get(struct arena *arena, const struct ip *ip, uint16_t port, struct bytes name,
                      const char *path, const char *ca_file, int64_t deadline,
                      struct https_response *out, struct error *error) must_check;

#endif
