/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/openpgp_packet.h"

#include "base/cursor.h"

/* Types of packets (rfc9580:5) and of subpackets of signatures (rfc9580:5.2.3.7). */
enum {
    PUBLIC_KEY_SESSION = 1,
    SIGNATURE = 2,
    SYMMETRIC_SESSION = 3,
    ONE_PASS_SIGNATURE = 4,
    COMPRESSED = 8,
    ENCRYPTED = 9,
    ENCRYPTED_PROTECTED = 18,
    ENCRYPTED_AEAD = 20
};
enum { CREATION_TIME = 2, ISSUER_KEY_ID = 16, SIGNER_USER_ID = 28, ISSUER_FINGERPRINT = 33 };
enum { KEY_ID_LENGTH = 8, USER_ID_MAX = 2048 };

const char *openpgp_hash_name(unsigned hash)
{
    static const char *const names[] = {
        NULL, "MD5", "SHA1", "RIPEMD160", NULL, NULL, NULL, NULL, "SHA256", "SHA384", "SHA512",
        "SHA224", "SHA3-256", NULL, "SHA3-512"};
    return hash < countof(names) ? names[hash] : NULL;
}

/* --- Signatures ------------------------------------------------------------------------------- */

/* Lengths of subpackets: one, two or five octets (rfc9580:5.2.3.7). */
static size_t read_subpacket_length(struct cursor *c)
{
    uint8_t first = cursor_u8(c);
    if (first < 192)
        return first;
    if (first < 255)
        return (((size_t)first - 192) << 8) + cursor_u8(c) + 192;
    return cursor_u32(c);
}

static void read_subpacket(struct bytes content, struct openpgp_packets *out)
{
    uint8_t type = content.ptr[0] & 0x7f;
    struct cursor c = cursor_over(bytes_skip(content, 1));
    struct bytes data = cursor_rest(&c);
    if (type == CREATION_TIME && data.len == 4 && !out->created)
        out->created = cursor_u32(&c);
    else if (type == ISSUER_KEY_ID && data.len == KEY_ID_LENGTH && !out->key_id.len)
        out->key_id = data;
    else if (type == SIGNER_USER_ID && data.len <= USER_ID_MAX && !out->signer.len)
        out->signer = data;
    else if (type == ISSUER_FINGERPRINT && !out->fingerprint.len &&
             ((data.len == 21 && data.ptr[0] == 4) || (data.len == 33 && data.ptr[0] >= 5)))
        out->fingerprint = bytes_skip(data, 1);
}

static void read_subpackets(struct cursor *c, size_t length, struct openpgp_packets *out)
{
    struct cursor area = cursor_over(cursor_take(c, length));
    for (unsigned i = 0; i < OPENPGP_SUBPACKETS_MAX && !cursor_at_end(&area); i++) {
        struct bytes content = cursor_take(&area, read_subpacket_length(&area));
        if (content.len == 0)
            break;
        read_subpacket(content, out);
    }
    if (area.failed)
        cursor_fail(c);
}

static void read_signature_3(struct cursor *c, struct openpgp_packets *out)
{
    if (cursor_u8(c) != 5) /* length of what is hashed with the content (rfc9580:5.2.2) */
        cursor_fail(c);
    cursor_u8(c); /* type */
    out->created = cursor_u32(c);
    out->key_id = cursor_take(c, KEY_ID_LENGTH);
    cursor_u8(c); /* algorithm of the key */
    out->hash = cursor_u8(c);
}

/* Versions 4 and 6 (rfc9580:5.2.3). What is hashed comes first, and counts before the rest. */
static void read_signature_4(struct cursor *c, unsigned version, struct openpgp_packets *out)
{
    cursor_u8(c); /* type */
    cursor_u8(c); /* algorithm of the key */
    out->hash = cursor_u8(c);
    for (unsigned area = 0; area < 2; area++) {
        size_t length = version == 6 ? cursor_u32(c) : cursor_u16(c);
        read_subpackets(c, length, out);
    }
}

static void read_one_pass(struct cursor *c, unsigned version, struct openpgp_packets *out)
{
    cursor_u8(c); /* type */
    out->hash = cursor_u8(c);
    cursor_u8(c); /* algorithm of the key */
    if (version == 6) {
        cursor_take(c, cursor_u8(c)); /* salt */
        out->fingerprint = cursor_take(c, 32);
    } else {
        out->key_id = cursor_take(c, KEY_ID_LENGTH);
    }
}

static void read_signature(struct bytes content, bool one_pass, struct openpgp_packets *out)
{
    struct openpgp_packets read = *out;
    struct cursor c = cursor_over(content);
    unsigned version = cursor_u8(&c);
    if (version != 3 && version != 6 && (version != 4 || one_pass))
        cursor_fail(&c);
    else if (one_pass)
        read_one_pass(&c, version, &read);
    else if (version == 3)
        read_signature_3(&c, &read);
    else
        read_signature_4(&c, version, &read);
    if (c.failed) {
        out->malformed = true;
        return;
    }
    *out = read;
    out->version = version;
    out->is_signed = true;
}

/* --- Packets ---------------------------------------------------------------------------------- */

/* Old lengths (rfc9580:4.2.2): 1, 2 or 4 octets, or up to the end. */
static struct bytes take_old(struct cursor *c, unsigned type)
{
    switch (type) {
    case 0:
        return cursor_take(c, cursor_u8(c));
    case 1:
        return cursor_take(c, cursor_u16(c));
    case 2:
        return cursor_take(c, cursor_u32(c));
    default:
        return cursor_take(c, cursor_rest(c).len);
    }
}

/* New lengths (rfc9580:4.2.1). Of content that comes in chunks the first is given: only data that is
 * not looked into may come so. */
static struct bytes take_new(struct cursor *c)
{
    struct bytes first = {NULL, 0};
    for (;;) {
        size_t length = cursor_u8(c);
        bool partial = length >= 224 && length < 255;
        if (length == 255)
            length = cursor_u32(c);
        else if (partial)
            length = (size_t)1 << (length & 0x1f);
        else if (length >= 192)
            length = ((length - 192) << 8) + cursor_u8(c) + 192;
        struct bytes chunk = cursor_take(c, length);
        if (!first.ptr)
            first = chunk;
        if (!partial || c->failed)
            return first;
    }
}

static void read_packet(unsigned tag, struct bytes content, struct openpgp_packets *out)
{
    switch (tag) {
    case SIGNATURE:
    case ONE_PASS_SIGNATURE:
        if (!out->is_signed)
            read_signature(content, tag == ONE_PASS_SIGNATURE, out);
        break;
    case PUBLIC_KEY_SESSION:
    case SYMMETRIC_SESSION:
    case ENCRYPTED:
    case ENCRYPTED_PROTECTED:
    case ENCRYPTED_AEAD:
        out->encrypted = true;
        break;
    case COMPRESSED:
        out->compressed = true;
        break;
    default:
        break;
    }
}

struct openpgp_packets openpgp_read_packets(struct bytes data)
{
    struct openpgp_packets out = {0};
    struct cursor c = cursor_over(data);
    for (unsigned i = 0; i < OPENPGP_PACKETS_MAX && !cursor_at_end(&c); i++) {
        uint8_t head = cursor_u8(&c);
        bool new_format = head & 0x40;
        unsigned tag = new_format ? head & 0x3f : head >> 2 & 0x0f;
        if (!(head & 0x80)) {
            out.malformed = true;
            return out;
        }
        struct bytes content = new_format ? take_new(&c) : take_old(&c, head & 3);
        /* Of encrypted data the end may be missing here: the armor is read up to a limit. */
        if (!c.failed || (tag != SIGNATURE && tag != ONE_PASS_SIGNATURE))
            read_packet(tag, content, &out);
    }
    out.malformed |= c.failed && !out.encrypted && !out.compressed && !out.is_signed;
    return out;
}
