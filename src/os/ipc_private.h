/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_private: the channel, shared by ipc.c (sending, calling) and ipc_run.c (reading, serving). */
#ifndef VOUCH_OS_IPC_PRIVATE_H
#define VOUCH_OS_IPC_PRIVATE_H

#include "fiber/sync.h"
#include "os/ipc_packet.h"

/* A call that waits; on the stack of the fiber that made it. */
struct ipc_pending {
    struct fiber *fiber;
    struct arena *arena;
    struct ipc_message *reply;
    struct error *error;
    enum result result;
    bool done;
};

/* A call's id is its slot and how often the slot was used: a late reply finds another generation.
 */
struct ipc_slot {
    struct ipc_pending *pending;
    uint16_t generation;
    uint16_t next_free;
};

struct ipc_channel {
    struct descriptor *descriptor;
    char name[48];
    size_t references;
    bool open, running;
    enum result end; /* why it is not open */
    struct error why;
    struct fiber_semaphore sending;
    struct ipc_slot *slots;
    size_t slot_count, pending_count;
    uint16_t first_free;
    size_t requests, requests_octets;
    struct fiber_signal room;
    uint8_t packet[IPC_FRAME_MAX]; /* touched only as far as packets are long */
};

void ipc_channel_release(struct ipc_channel *channel);
/* Ends the channel, once, for this reason: ipc_run() returns `end`. */
void ipc_channel_end(struct ipc_channel *channel, enum result end, const char *why);
/* Gives a call its result and wakes it. */
void ipc_pending_finish(struct ipc_pending *pending, enum result result);
/* 0 or -errno. The channel must be held by a reference, for this may wait. */
int ipc_transmit(struct ipc_channel *channel, const struct ipc_message *message, uint8_t flags,
                 uint32_t id, int64_t deadline);

#endif
