/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * openpgp_packet: ASCII armor and packets of OpenPGP (rfc9580:4, 6; RFC 4880), as far as they say who
 * claims to have signed. Nothing is verified, and nothing fails: what cannot be read gives false.
 */
#ifndef VOUCH_AUTH_OPENPGP_PACKET_H
#define VOUCH_AUTH_OPENPGP_PACKET_H

#include "base/buf.h"

enum {
    OPENPGP_ARMOR_MAX = 256 * 1024, /* decoded octets of one armored block; the rest is not read */
    OPENPGP_PACKETS_MAX = 32,
    OPENPGP_SUBPACKETS_MAX = 200
};

/* Finds the first line that is "-----BEGIN PGP <kind>-----" and appends what the armor holds, up to
 * OPENPGP_ARMOR_MAX octets. False if there is no such line, or nothing behind it. The checksum is not
 * looked at (rfc9580:6.1). *rest (may be NULL) becomes what follows the block. */
bool openpgp_dearmor(struct bytes text, const char *kind, struct buf *out, struct bytes *rest);
/* Where the first such line begins, or BYTES_NOT_FOUND. */
size_t openpgp_find_armor(struct bytes text, const char *kind);

struct openpgp_packets {
    bool malformed;  /* a packet's length or content does not fit */
    bool encrypted;  /* a packet of encrypted data, or a session key for it */
    bool compressed; /* what is in it cannot be told */
    bool is_signed;  /* a signature (or its announcement) was read; what follows is of the first */
    unsigned version;         /* 3, 4 or 6 */
    struct bytes fingerprint; /* in the packets; empty if not given */
    struct bytes key_id;
    struct bytes signer; /* Signer's User ID */
    unsigned hash;       /* rfc9580:9.5 */
    int64_t created;
};

/* Slices point into `data`. */
struct openpgp_packets openpgp_read_packets(struct bytes data);
const char *openpgp_hash_name(unsigned hash); /* NULL if it has none */

#endif
