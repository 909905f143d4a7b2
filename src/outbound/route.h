/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * route: by which way mail for a domain leaves, as the configuration says.
 *
 * Pure functions over the configuration, which owns all that they point to.
 */
#ifndef VOUCH_OUTBOUND_ROUTE_H
#define VOUCH_OUTBOUND_ROUTE_H

#include "config/config.h"

struct route {
    const char *name;               /* of the section; "": none */
    const struct config_host *hosts; /* in this order */
    size_t host_count;              /* 0: by MX */
    enum config_route_tls tls;
    const char *tls_name;           /* in the certificate; "": the host's name */
    const char *user;               /* for AUTH; "": none */
    bool relay;                     /* to the primary of a domain that we are backup MX for */
    unsigned concurrency, rate;     /* 0: as for others */
};

/*
 * A domain that we are backup MX for goes to its primary, always. Else, with `fallback` and where there is
 * one, to the fallback relay, over TLS no weaker than the domain's section demands. Else by the section
 * "route" that names the domain, or the nearest domain above it (".example.org"), or that names none (or
 * "*"). Else by MX.
 */
struct route route_find(const struct config *config, struct bytes domain, bool fallback);

#endif
