/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ip: an IPv4 or IPv6 address and networks of them, as values.
 *
 * An IPv4-mapped IPv6 address (::ffff:192.0.2.1) is always held as IPv4 (rfc7208:5).
 */
#ifndef VOUCH_BASE_IP_H
#define VOUCH_BASE_IP_H

#include "base/buf.h"

struct ip {
    uint8_t family;    /* 4, 6, or 0 for "no address" */
    uint8_t octets[16]; /* network order; 4 or 16 are used, the rest is zero */
};

struct ip_network {
    struct ip ip;   /* host bits may be set; they do not count */
    uint8_t prefix; /* bits */
};

/* "192.0.2.1", "2001:db8::1"; no brackets, no zone, no leading zeros in IPv4. */
bool ip_parse(struct bytes text, struct ip *out);
bool ip_parse_v4(struct bytes text, struct ip *out);
bool ip_parse_v6(struct bytes text, struct ip *out);
/* An address with an optional "/prefix". */
bool ip_network_parse(struct bytes text, struct ip_network *out);

/* From network-order octets; a mapped IPv4 address becomes IPv4. */
struct ip ip_from_v4(const uint8_t octets[4]);
struct ip ip_from_v6(const uint8_t octets[16]);

bool ip_equal(const struct ip *a, const struct ip *b);
/* False across families. */
bool ip_in_network(const struct ip *ip, const struct ip_network *network);
bool ip_is_loopback(const struct ip *ip);
/* The address with all bits after `prefix` cleared. */
struct ip ip_masked(const struct ip *ip, unsigned prefix);

enum { IP_TEXT_SIZE = 46 };
/* Canonical text (RFC 5952) into `out` of IP_TEXT_SIZE octets; returns it. */
const char *ip_format(const struct ip *ip, char out[IP_TEXT_SIZE]);
/* As SMTP address literal: [192.0.2.1] or [IPv6:2001:db8::1] (rfc5321:4.1.3). */
void ip_add_literal(struct buf *out, const struct ip *ip);
/* Reversed name without the zone: "1.2.0.192", or the 32 nibbles (rfc5782:2.4, rfc3596:2.5). */
void ip_add_reversed(struct buf *out, const struct ip *ip);

#endif
