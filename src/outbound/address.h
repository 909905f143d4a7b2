/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address: where records of strangers may lead us.
 *
 * Who owns a domain decides what its MX and address records say, and would have us speak to what only we
 * can reach: services of this host, of its network, of its hosting provider (169.254.169.254). So records
 * count only where they lead to the public internet. Hosts within are for `route` sections to name.
 */
#ifndef VOUCH_OUTBOUND_ADDRESS_H
#define VOUCH_OUTBOUND_ADDRESS_H

#include "base/ip.h"

/*
 * False for this host and network (0/8, ::, loopback), link-local, private (rfc1918, rfc6598, rfc4193),
 * multicast and reserved addresses, also when they stand within an IPv6 address that is translated
 * (rfc6052, rfc3056; mapped ones are IPv4 here anyhow). Addresses for documentation count as public.
 */
bool address_is_public(const struct ip *ip);

#endif
