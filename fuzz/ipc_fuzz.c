/* SPDX-License-Identifier: BSD-2-Clause */
/* A packet from another role, which may have been taken over: frame and payload. */
#include "base/result.h"
#include "os/ipc_frame.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read lies in the payload, and writing it again gives the same octets. */
static void read_payload(struct bytes payload)
{
    struct cursor cursor = cursor_over(payload);
    struct buf again;
    buf_init(&again, payload.len);
    for (unsigned round = 0; !cursor_at_end(&cursor); round++) {
        size_t start = cursor.position;
        switch (round % 4) {
        case 0: {
            uint8_t value = cursor_u8(&cursor);
            if (!cursor.failed)
                ipc_add_u8(&again, value);
            break;
        }
        case 1: {
            struct bytes slice = ipc_take_bytes(&cursor);
            require(slice.len <= payload.len);
            if (slice.len)
                require(slice.ptr >= payload.ptr &&
                        slice.ptr + slice.len <= payload.ptr + payload.len);
            if (!cursor.failed)
                ipc_add_bytes(&again, slice);
            break;
        }
        case 2: {
            uint32_t value = cursor_u32(&cursor);
            if (!cursor.failed)
                ipc_add_u32(&again, value);
            break;
        }
        default: {
            uint64_t value = cursor_u64(&cursor);
            if (!cursor.failed)
                ipc_add_u64(&again, value);
        }
        }
        require(cursor.failed || cursor.position > start);
    }
    require(!again.failed && again.len <= payload.len);
    require(!again.len || !memcmp(again.ptr, payload.ptr, again.len));
    require(cursor.failed || again.len == payload.len);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    size_t descriptors = data[0] % 8;
    struct bytes packet = bytes_from(data + 1, size - 1);
    struct ipc_frame frame;
    const char *complaint = "";
    if (!ipc_frame_parse(packet, descriptors, &frame, &complaint)) {
        require(complaint && *complaint);
        return 0;
    }
    require(!complaint);
    require(frame.payload.len + IPC_FRAME_HEADER == packet.len);
    require(frame.payload.len <= IPC_PAYLOAD_MAX);
    require((size_t)__builtin_popcount(frame.descriptors) == descriptors);
    require(descriptors <= IPC_DESCRIPTORS_MAX);
    require(!(frame.flags & IPC_FRAME_REPLY) || frame.id);
    uint8_t header[IPC_FRAME_HEADER];
    ipc_frame_header(&frame, header);
    require(!memcmp(header, packet.ptr, sizeof(header)));
    read_payload(frame.payload);
    return 0;
}
