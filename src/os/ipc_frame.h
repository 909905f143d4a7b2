/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_frame: the frame of a message between roles, as octets. Pure functions over slices; the
 * payload points into the packet.
 *
 *   0  magic        2   0x564f
 *   2  type         2
 *   4  flags        1   IPC_FRAME_REPLY, IPC_FRAME_REFUSED
 *   5  descriptors  1   bit i: message.descriptors[i] comes with the packet
 *   6  reserved     2   0
 *   8  id           4   0: no reply is wanted
 *   12 length       4   of the payload, which is the rest of the packet
 *
 * All in network order. One packet of the socket is one frame.
 */
#ifndef VOUCH_OS_IPC_FRAME_H
#define VOUCH_OS_IPC_FRAME_H

#include "os/ipc.h"

enum { IPC_FRAME_HEADER = 16, IPC_FRAME_MAX = IPC_FRAME_HEADER + IPC_PAYLOAD_MAX };
enum {
    IPC_FRAME_REPLY = 1,   /* the id is one that the receiver chose */
    IPC_FRAME_REFUSED = 2, /* instead of a reply: the request was not served; empty */
};

struct ipc_frame {
    uint16_t type;
    uint8_t flags;
    uint8_t descriptors; /* bits */
    uint32_t id;
    struct bytes payload;
};

/* False: `*complaint` says what the peer did wrong. `count` is how many descriptors came along. */
bool ipc_frame_parse(struct bytes packet, size_t count, struct ipc_frame *frame,
                     const char **complaint) must_check;
void ipc_frame_header(const struct ipc_frame *frame, uint8_t header[IPC_FRAME_HEADER]);

#endif
