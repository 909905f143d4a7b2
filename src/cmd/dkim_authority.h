/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_authority: asks the name servers that are responsible for a name, each by itself.
 *
 * A resolver may remember an old answer, and one of several name servers may not have the new zone yet;
 * only those servers themselves can tell. Everything lives in the arena. For fibers.
 */
#ifndef VOUCH_CMD_DKIM_AUTHORITY_H
#define VOUCH_CMD_DKIM_AUTHORITY_H

#include "dns/dns.h"

enum { AUTHORITY_SERVERS_MAX = 32 };

struct authority_server {
    struct bytes name;               /* of the NS record, or the address that was given */
    struct ip ip;
    uint16_t port;
    const struct dns_answer *answer; /* of the last authority_ask() */
};

struct authority {
    struct bytes name;               /* what is asked: the end of the CNAME chain */
    struct bytes zone;               /* empty if the servers were given */
    struct authority_server servers[AUTHORITY_SERVERS_MAX];
    size_t count;
    size_t unresolved;               /* name servers whose address could not be found */
};

/* The servers of the zone that `name` lies in, through `dns`. `given` ("ADDRESS[:PORT],...", may be NULL)
 * are asked instead. TEMP: DNS failed; PERM: `given` holds something else than addresses; NONE: no zone
 * has name servers. */
enum result authority_find(struct dns *dns, struct arena *arena, struct bytes name, const char *given,
                           uint16_t port, struct authority *out, struct error *error) must_check;
/* Asks all at once and waits. */
void authority_ask(struct arena *arena, struct authority *authority, enum dns_type type);

#endif
