/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/ipc_packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    uint8_t octets[CMSG_SPACE(IPC_DESCRIPTORS_MAX * sizeof(int))];
    struct cmsghdr aligned;
};

void ipc_packet_close_descriptors(int *descriptors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (descriptors[i] >= 0)
            close(descriptors[i]);
        descriptors[i] = -1;
    }
}

/* Whatever came along is ours to close, so every descriptor must be found. */
static void collect(struct msghdr *message, struct ipc_packet *packet)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            if (packet->count < IPC_DESCRIPTORS_MAX) {
                packet->descriptors[packet->count++] = fd;
            } else {
                close(fd);
                packet->descriptors_lost = true;
            }
        }
    }
}

int ipc_packet_receive(int fd, uint8_t *buffer, size_t size, struct ipc_packet *packet)
{
    union control control;
    struct iovec vector = {.iov_base = buffer, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t count;
    do
        count = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    packet->count = 0;
    if (count < 0)
        return errno == ECONNRESET ? 0 : -errno;
    packet->descriptors_lost = message.msg_flags & MSG_CTRUNC;
    if (message.msg_controllen)
        collect(&message, packet);
    if (message.msg_flags & MSG_TRUNC) {
        ipc_packet_close_descriptors(packet->descriptors, packet->count);
        return -EMSGSIZE;
    }
    packet->octets = bytes_from(buffer, (size_t)count);
    if (count)
        return 1;
    /* The end of the stream, or an empty packet, which no honest peer sends. */
    ipc_packet_close_descriptors(packet->descriptors, packet->count);
    return 0;
}

int ipc_packet_send(int fd, const uint8_t header[IPC_FRAME_HEADER], struct bytes payload,
                    const int *descriptors, size_t count)
{
    union control control;
    struct iovec vectors[2] = {
        {.iov_base = (void *)(uintptr_t)header, .iov_len = IPC_FRAME_HEADER},
        {.iov_base = (void *)(uintptr_t)payload.ptr, .iov_len = payload.len},
    };
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = payload.len ? 2 : 1};
    if (count) {
        memset(&control, 0, sizeof(control));
        control.aligned.cmsg_level = SOL_SOCKET;
        control.aligned.cmsg_type = SCM_RIGHTS;
        control.aligned.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.aligned), descriptors, count * sizeof(int));
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0; /* a packet goes whole or not at all */
}
