/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolver: the DNS as the configuration has it, with a cache, for the roles that ask it.
 *
 * The caller destroys both, the cache first, also after a failure: what was not made is NULL.
 */
#ifndef VOUCH_ROLES_RESOLVER_H
#define VOUCH_ROLES_RESOLVER_H

#include "dns/cache.h"
#include "dns/transport.h"
#include "roles/role.h"

/* Before the sandbox. `cache` stands over `transport`. TEMP: *error says why. */
enum result resolver_open(struct role *role, struct dns **transport, struct dns **cache,
                          struct error *error) must_check;

#endif
