/* SPDX-License-Identifier: BSD-2-Clause */
/* rdns_address: private to rdns: is a client's address written in a name? */
#ifndef VOUCH_REPUTATION_RDNS_ADDRESS_H
#define VOUCH_REPUTATION_RDNS_ADDRESS_H

#include "base/ip.h"

enum rdns_address {
    RDNS_ADDRESS_NONE,
    RDNS_ADDRESS_LAST, /* its last octet alone: says something only beside a word */
    RDNS_ADDRESS_PART, /* two octets that stand together, of four digits at least */
    RDNS_ADDRESS_WHOLE /* three octets or more, or all of it in hexadecimal */
};

/* `name` is lower case. `found` becomes the part of it. Two octets, or one, only count before `host_len`, where the
 * registrable part begins. */
enum rdns_address rdns_address_find(const struct ip *ip, struct bytes name, size_t host_len, struct bytes *found);

#endif
