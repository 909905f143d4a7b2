/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc: typed messages between roles over a SOCK_SEQPACKET pair, with descriptors (SCM_RIGHTS).
 *
 * The peer is hostile: every length is checked, unknown types and malformed payloads end the
 * channel, surplus descriptors are closed. A frame is a 16-octet header (magic, type, flags, id,
 * length) and a payload of at most IPC_PAYLOAD_MAX; larger things travel in a memfd.
 *
 * One side calls, the other serves; both may happen on one channel. Calls are matched by id, so many
 * fibers may call at once; replies come in any order.
 */
#ifndef VOUCH_OS_IPC_H
#define VOUCH_OS_IPC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "fiber/descriptor.h"
#include "fiber/group.h"

enum { IPC_PAYLOAD_MAX = 128 * 1024, IPC_DESCRIPTORS_MAX = 4 };

struct ipc_channel;

/* A pair of connected, close-on-exec descriptors with large buffers. 0 or -errno. */
int ipc_pair(int pair[2]);

/* Takes over `fd`. `name` is for logs (copied). NULL (errno set, fd NOT closed) on failure. */
struct ipc_channel *ipc_channel_open(int fd, const char *name);
/* Pending calls return TEMP and ipc_run() NONE. Requests not yet freed stay valid. NULL is fine. */
void ipc_channel_close(struct ipc_channel *channel);
/* The peer sent something that no honest peer sends (a payload that cannot be read): ends the
 * channel; pending calls return TEMP and ipc_run() PERM. It must still be closed. */
void ipc_channel_break(struct ipc_channel *channel, const char *why);
bool ipc_channel_is_open(const struct ipc_channel *channel);

/* In what is sent 0 counts as "none" as well, so that a zeroed message has no descriptors. */
struct ipc_message {
    uint16_t type;
    struct bytes payload;
    int descriptors[IPC_DESCRIPTORS_MAX]; /* -1 where none */
};

/* Sends and waits for the reply (payload in the arena; the caller owns its descriptors). The request's
 * descriptors stay the caller's. OK; TEMP: peer gone, deadline, cancelled, peer too busy to serve it;
 * PERM: the payload is too long. */
enum result ipc_call(struct ipc_channel *channel, struct arena *arena,
                     const struct ipc_message *request, struct ipc_message *reply, int64_t deadline,
                     struct error *error) must_check;
/* Sends without expecting a reply. */
enum result ipc_send(struct ipc_channel *channel, const struct ipc_message *message,
                     int64_t deadline, struct error *error) must_check;

/* An incoming request. Valid until ipc_request_free(); its descriptors are closed then unless taken
 * (set to -1). */
struct ipc_request {
    struct ipc_message message;
    struct arena *arena;
    struct ipc_channel *channel;
    uint64_t id; /* 0: no reply is expected */
};
/* Sends the reply, once. Errors are the peer's problem: they are logged only. */
void ipc_reply(struct ipc_request *request, const struct ipc_message *reply);
/* A request freed without a reply is refused: its caller gets TEMP at once. */
void ipc_request_free(struct ipc_request *request);

/* Reads frames until the peer is gone or the channel is closed (NONE), or the peer breaks the protocol
 * (PERM), or the fiber is cancelled (TEMP); the channel is at its end then. For each request calls
 * `serve(context, request)` on a new fiber of the group (serve must free the request). Replies to own
 * calls are delivered too: exactly one fiber must run this for a channel to work. A peer with 4096
 * requests or 64 MiB under way is not read until some are done. */
enum result ipc_run(struct ipc_channel *channel, struct fiber_group *group,
                    void (*serve)(void *context, struct ipc_request *request), void *context,
                    struct error *error) must_check;

/* Payload writing and reading. Integers in network order, slices with a 32-bit length before them.
 * Reading is by base/cursor.h plus this. */
void ipc_add_u8(struct buf *out, uint8_t value);
void ipc_add_u32(struct buf *out, uint32_t value);
void ipc_add_u64(struct buf *out, uint64_t value);
void ipc_add_bytes(struct buf *out, struct bytes bytes);
struct bytes ipc_take_bytes(struct cursor *cursor);

#endif
