/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decode: DNS messages (RFC 1035) to struct dns_answer, and questions to messages.
 *
 * Pure: no sockets, no clock. The packet is hostile; work and memory are bounded by constants,
 * whatever its counts claim. Everything returned is in the arena; nothing points into the packet.
 */
#ifndef VOUCH_DNS_DECODE_H
#define VOUCH_DNS_DECODE_H

#include "dns/dns.h"
#include "dns/name.h"

enum {
    DECODE_QUERY_MAX = 12 + NAME_WIRE_MAX + 4 + 11,
    DECODE_UDP_SIZE = 1232,        /* EDNS: what passes unfragmented (rfc6891:6.2.3) */
    DECODE_ALIASES_MAX = 16,       /* CNAME records followed in one reply */
    DECODE_RECORDS_MAX = 1024,     /* records looked at in the answer section */
    DECODE_TEXT_MAX = 16 * 1024,   /* one TXT record, joined */
    DECODE_MEMORY_MAX = 128 * 1024 /* all names and texts of one answer */
};

/* Writes a recursive question with EDNS and AD (rfc6840:5.7: tell us if it was validated); the
 * length, or 0 if the name is not valid. */
size_t decode_write_query(struct bytes name, enum dns_type type, uint16_t id,
                          uint8_t out[DECODE_QUERY_MAX]) must_check;

/*
 * The answer that the packet is to the question. Never NULL; what is no proper reply gives
 * DNS_FAILED.
 *
 * Only records count whose owner is the name asked or one that its CNAME records in this packet
 * lead to. `ttl` is the smallest of the records and aliases used; of an empty answer that of the
 * SOA record (rfc2308:5), 0 without one. The bit AD is believed only with `trust_ad`.
 */
const struct dns_answer *decode_answer(struct arena *arena, struct bytes packet, struct bytes name,
                                       enum dns_type type, bool trust_ad);

#endif
