/* SPDX-License-Identifier: BSD-2-Clause */
/* OpenPGP packets, armor, and messages that hold either. */
#include "auth/openpgp.h"
#include "auth/openpgp_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_slice(struct bytes slice, struct bytes data)
{
    require(slice.len == 0 ||
            (slice.ptr >= data.ptr && slice.ptr + slice.len <= data.ptr + data.len));
}

static void check_packets(struct bytes data)
{
    struct openpgp_packets packets = openpgp_read_packets(data);
    check_slice(packets.fingerprint, data);
    check_slice(packets.key_id, data);
    check_slice(packets.signer, data);
    require(packets.key_id.len == 0 || packets.key_id.len == 8);
    require(packets.fingerprint.len == 0 || packets.fingerprint.len == 20 ||
            packets.fingerprint.len == 32);
    require(!packets.is_signed || packets.version == 3 || packets.version == 4 || packets.version == 6);
    require(packets.created >= 0 && packets.created <= UINT32_MAX);
}

static void check_armor(struct bytes text)
{
    struct buf out;
    struct bytes rest = {NULL, 0};
    buf_init(&out, 2 * OPENPGP_ARMOR_MAX);
    size_t at = openpgp_find_armor(text, "SIGNATURE");
    bool found = openpgp_dearmor(text, "SIGNATURE", &out, &rest);
    require(!found || (at != BYTES_NOT_FOUND && out.len > 0 && !out.failed));
    check_slice(rest, text);
    check_packets(buf_bytes(&out));
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(8 << 20);
    struct bytes input = bytes_from(size ? data : (const uint8_t *)"", size);
    struct message message;
    struct openpgp_result result;
    check_packets(input);
    check_armor(input);
    struct bytes raw = message_normalize(arena, input);
    if (raw.ptr && message_parse(arena, raw, &message, NULL) == OK &&
        openpgp_check(arena, &message, &result) == OK) {
        require(result.result == AUTH_NONE || result.result == AUTH_NEUTRAL ||
                result.result == AUTH_PERMERROR);
        require((result.result == AUTH_NONE) == (result.form == NULL));
        require(result.result == AUTH_NONE || result.problem.len);
    }
    arena_destroy(arena);
    return 0;
}
