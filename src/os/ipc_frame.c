/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/ipc_frame.h"

#include "base/cursor.h"

enum { MAGIC = 0x564f, KNOWN_FLAGS = IPC_FRAME_REPLY | IPC_FRAME_REFUSED };

static size_t count_bits(uint8_t bits)
{
    return (size_t)__builtin_popcount(bits);
}

static const char *complain(const struct ipc_frame *frame, size_t count)
{
    if (frame->flags & ~KNOWN_FLAGS)
        return "unknown flags";
    if (frame->descriptors >> IPC_DESCRIPTORS_MAX)
        return "too many descriptors announced";
    if (count_bits(frame->descriptors) != count)
        return "not as many descriptors as announced";
    if (!(frame->flags & IPC_FRAME_REPLY))
        return frame->flags ? "a refusal that is no reply" : NULL;
    if (!frame->id)
        return "a reply to nothing";
    if (frame->flags & IPC_FRAME_REFUSED && (frame->payload.len || count || frame->type))
        return "a refusal with content";
    return NULL;
}

bool ipc_frame_parse(struct bytes packet, size_t count, struct ipc_frame *frame,
                     const char **complaint)
{
    struct cursor cursor = cursor_over(packet);
    uint16_t magic = cursor_u16(&cursor);
    frame->type = cursor_u16(&cursor);
    frame->flags = cursor_u8(&cursor);
    frame->descriptors = cursor_u8(&cursor);
    uint16_t reserved = cursor_u16(&cursor);
    frame->id = cursor_u32(&cursor);
    uint32_t length = cursor_u32(&cursor);
    frame->payload = cursor_rest(&cursor);
    if (cursor.failed)
        *complaint = "a packet shorter than a header";
    else if (magic != MAGIC)
        *complaint = "a packet that is no frame";
    else if (reserved)
        *complaint = "reserved bits set";
    else if (length > IPC_PAYLOAD_MAX)
        *complaint = "a payload longer than allowed";
    else if (length != frame->payload.len)
        *complaint = "a length that is not the packet's";
    else
        *complaint = complain(frame, count);
    return !*complaint;
}

static uint8_t *put(uint8_t *at, uint32_t value, unsigned octets)
{
    while (octets--)
        *at++ = (uint8_t)(value >> 8 * octets);
    return at;
}

void ipc_frame_header(const struct ipc_frame *frame, uint8_t header[IPC_FRAME_HEADER])
{
    uint8_t *at = put(header, MAGIC, 2);
    at = put(at, frame->type, 2);
    at = put(at, frame->flags, 1);
    at = put(at, frame->descriptors, 1);
    at = put(at, 0, 2);
    at = put(at, frame->id, 4);
    put(at, (uint32_t)frame->payload.len, 4);
}

void ipc_add_u8(struct buf *out, uint8_t value)
{
    buf_add_byte(out, value);
}

static void add_integer(struct buf *out, uint64_t value, unsigned octets)
{
    uint8_t *at = buf_reserve(out, octets);
    if (!at)
        return;
    out->len += octets;
    while (octets--)
        *at++ = (uint8_t)(value >> 8 * octets);
}

void ipc_add_u32(struct buf *out, uint32_t value)
{
    add_integer(out, value, 4);
}

void ipc_add_u64(struct buf *out, uint64_t value)
{
    add_integer(out, value, 8);
}

void ipc_add_bytes(struct buf *out, struct bytes bytes)
{
    if (bytes.len > UINT32_MAX) {
        out->failed = true;
        return;
    }
    add_integer(out, bytes.len, 4);
    buf_add(out, bytes);
}

struct bytes ipc_take_bytes(struct cursor *cursor)
{
    uint32_t length = cursor_u32(cursor);
    return cursor_take(cursor, length);
}
