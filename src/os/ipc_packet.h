/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_packet: one packet with descriptors in or out of a SOCK_SEQPACKET socket, without waiting. */
#ifndef VOUCH_OS_IPC_PACKET_H
#define VOUCH_OS_IPC_PACKET_H

#include "os/ipc_frame.h"

struct ipc_packet {
    struct bytes octets; /* in the caller's buffer */
    int descriptors[IPC_DESCRIPTORS_MAX];
    size_t count;
    /* The peer sent more descriptors than there is room for, or we have none left (EMFILE); the
     * kernel has dropped those that are not here. */
    bool descriptors_lost;
};

/* 1: a packet; its descriptors (close-on-exec) are the caller's. 0: the peer is gone. -EAGAIN:
 * there is none now. -EMSGSIZE: it was longer than the buffer, and is gone. Other -errno. */
int ipc_packet_receive(int fd, uint8_t *buffer, size_t size, struct ipc_packet *packet);
/* Header and payload in one packet: 0 or -errno. */
int ipc_packet_send(int fd, const uint8_t header[IPC_FRAME_HEADER], struct bytes payload,
                    const int *descriptors, size_t count);
void ipc_packet_close_descriptors(int *descriptors, size_t count);

#endif
