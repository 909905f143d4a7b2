/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/openpgp.h"

#include "auth/openpgp_packet.h"
#include "base/ascii.h"
#include "base/encode.h"

/* Of an encoded text part no more than this is decoded to look for armor. */
enum { TEXT_DECODED_MAX = 1024 * 1024 };

static enum result set_problem(struct openpgp_result *result, enum auth_result verdict,
                               struct bytes problem)
{
    result->result = verdict;
    result->problem = problem;
    return OK;
}

static bool set_claims(struct arena *arena, const struct openpgp_packets *packets,
                       struct openpgp_result *result)
{
    struct buf hex;
    struct bytes key = packets->fingerprint.len ? packets->fingerprint : packets->key_id;
    const char *hash = openpgp_hash_name(packets->hash);
    buf_init(&hex, 256);
    hex_encode(&hex, key);
    for (size_t i = 0; i < hex.len; i++)
        hex.ptr[i] = ascii_upper(hex.ptr[i]);
    result->key_id = arena_copy(arena, buf_bytes(&hex));
    buf_free(&hex);
    result->signer = arena_copy(arena, packets->signer);
    result->hash = bytes_of(hash);
    result->created = packets->created;
    return result->key_id.ptr && result->signer.ptr;
}

/* A detached signature, armored. */
static enum result read_detached(struct arena *arena, struct bytes text,
                                 struct openpgp_result *result)
{
    struct buf data;
    enum result status = OK;
    buf_init(&data, 2 * OPENPGP_ARMOR_MAX);
    bool armored = openpgp_dearmor(text, "SIGNATURE", &data, NULL) ||
                   openpgp_dearmor(text, "MESSAGE", &data, NULL); /* RFC 1991 wrote so */
    struct openpgp_packets packets = openpgp_read_packets(buf_bytes(&data));
    if (!armored || !packets.is_signed)
        set_problem(result, AUTH_PERMERROR, BYTES("there is no OpenPGP signature in it"));
    else if (!set_claims(arena, &packets, result))
        status = TEMP;
    else
        set_problem(result, AUTH_NEUTRAL, BYTES("not verified: no keys are known here"));
    buf_free(&data);
    return status;
}

/* The text of a part, decoded up to a limit, in `space` or where it lies. */
static struct bytes part_text(const struct mime_part *part, struct buf *space)
{
    if (part->encoding == MIME_IDENTITY || part->encoding == MIME_UNKNOWN_ENCODING)
        return part->body;
    struct mime_decoder decoder = mime_decoder_for(part->encoding);
    mime_decode(&decoder, bytes_first(part->body, TEXT_DECODED_MAX), space);
    mime_decode_end(&decoder, space);
    return buf_bytes(space);
}

static enum result check_signed(struct arena *arena, const struct mime_part *part,
                                struct openpgp_result *result)
{
    const struct mime_part *signature = part->first_child ? part->first_child->next : NULL;
    struct buf space;
    result->form = "multipart/signed";
    if (!signature || signature->next)
        return set_problem(result, AUTH_PERMERROR,
                           BYTES("a signed message has two parts, and this one has not"));
    if (!mime_is(signature, "application", "pgp-signature"))
        return set_problem(result, AUTH_PERMERROR, BYTES("the second part is no OpenPGP signature"));
    buf_init(&space, TEXT_DECODED_MAX + 16);
    enum result status = read_detached(arena, part_text(signature, &space), result);
    buf_free(&space);
    return status;
}

/* rfc3156:4: a part that says "Version: 1", and one that is the message. */
static enum result check_encrypted(const struct mime_part *part, struct openpgp_result *result)
{
    const struct mime_part *control = part->first_child;
    result->form = "multipart/encrypted";
    result->encrypted = true;
    if (!control || !mime_is(control, "application", "pgp-encrypted") || !control->next)
        return set_problem(result, AUTH_PERMERROR, BYTES("the parts of an encrypted message are missing"));
    return set_problem(result, AUTH_NEUTRAL, BYTES("encrypted: nothing can be said about its signature"));
}

/* Armor in the text itself: signed text, or a message that may be encrypted, signed, or compressed. */
static enum result check_text(struct arena *arena, struct bytes text, struct openpgp_result *result)
{
    struct buf data;
    enum result status = OK;
    size_t cleartext = openpgp_find_armor(text, "SIGNED MESSAGE");
    if (cleartext != BYTES_NOT_FOUND) {
        result->form = "cleartext";
        return read_detached(arena, bytes_skip(text, cleartext), result);
    }
    buf_init(&data, 2 * OPENPGP_ARMOR_MAX);
    if (openpgp_dearmor(text, "MESSAGE", &data, NULL)) {
        struct openpgp_packets packets = openpgp_read_packets(buf_bytes(&data));
        result->form = "inline";
        result->encrypted = packets.encrypted;
        if (packets.encrypted)
            set_problem(result, AUTH_NEUTRAL, BYTES("encrypted: nothing can be said about its signature"));
        else if (packets.is_signed)
            set_problem(result, AUTH_NEUTRAL, BYTES("not verified: no keys are known here"));
        else if (packets.compressed)
            set_problem(result, AUTH_NEUTRAL, BYTES("compressed, and not looked into"));
        else
            set_problem(result, AUTH_PERMERROR, BYTES("the OpenPGP message cannot be read"));
        if (packets.is_signed && !set_claims(arena, &packets, result))
            status = TEMP;
    }
    buf_free(&data);
    return status;
}

static bool is_pgp(const struct mime_part *part, const char *subtype, const char *protocol)
{
    return mime_is(part, "multipart", subtype) &&
           bytes_is_nocase(bytes_trim(mime_type_parameter(part, "protocol")), protocol);
}

enum result openpgp_check_parts(struct arena *arena, const struct mime *mime,
                                struct openpgp_result *result)
{
    const struct mime_part *text = NULL;
    *result = (struct openpgp_result){.result = AUTH_NONE};
    for (const struct mime_part *part = mime->root; part; part = mime_next_own(part)) {
        if (is_pgp(part, "signed", "application/pgp-signature"))
            return check_signed(arena, part, result);
        if (is_pgp(part, "encrypted", "application/pgp-encrypted"))
            return check_encrypted(part, result);
        if (!text && part->kind == MIME_LEAF && bytes_is(part->type, "text"))
            text = part;
    }
    if (!text)
        return OK;
    struct buf space;
    buf_init(&space, TEXT_DECODED_MAX + 16);
    enum result status = check_text(arena, part_text(text, &space), result);
    buf_free(&space);
    return status;
}

enum result openpgp_check(struct arena *arena, const struct message *message,
                          struct openpgp_result *result)
{
    struct mime mime;
    *result = (struct openpgp_result){.result = AUTH_NONE};
    if (mime_parse(arena, message, NULL, &mime, NULL) != OK)
        return TEMP;
    return openpgp_check_parts(arena, &mime, result);
}
