/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The channel. Its socket is read by the one fiber in ipc_run(); whoever sends does so himself, one
 * at a time. A channel ends once, for one reason (ipc_channel_end), by shutting the socket down:
 * that wakes the reader and all who wait to write. It is freed when its owner has closed it and the
 * last call and request that use it are gone.
 */
#include "os/ipc.h"

#include "base/log.h"
#include "os/ipc_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SOCKET_BUFFER = 4 * 1024 * 1024,
    CALLS_MAX = 32768, /* own calls under way */
    NO_SLOT = 0xffff,
};

int ipc_pair(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
        return -errno;
    const int size = SOCKET_BUFFER;
    for (int i = 0; i < 2; i++)
        /* FORCE passes the administrator's limit, which root may; the default of that limit is
         * enough for one frame. */
        if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
            (void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return 0;
}

struct ipc_channel *ipc_channel_open(int fd, const char *name)
{
    struct ipc_channel *channel = malloc(sizeof(*channel));
    if (!channel)
        return NULL;
    memset(channel, 0, offsetof(struct ipc_channel, packet));
    channel->descriptor = descriptor_open(fd);
    if (!channel->descriptor) {
        int number = errno;
        free(channel);
        errno = number;
        return NULL;
    }
    memcpy(channel->name, name, strnlen(name, sizeof(channel->name) - 1));
    channel->references = 1;
    channel->open = true;
    channel->sending.available = 1;
    channel->first_free = NO_SLOT;
    return channel;
}

void ipc_channel_release(struct ipc_channel *channel)
{
    if (--channel->references)
        return;
    descriptor_close(channel->descriptor);
    free(channel->slots);
    free(channel);
}

void ipc_pending_finish(struct ipc_pending *pending, enum result result)
{
    pending->result = result;
    pending->done = true;
    fiber_wake(pending->fiber);
}

void ipc_channel_end(struct ipc_channel *channel, enum result end, const char *why)
{
    if (!channel->open)
        return;
    channel->open = false;
    channel->end = end;
    error_set(&channel->why, end, "%s: %s", channel->name, why);
    if (end == PERM)
        log_warning("ipc", "%s", channel->why.text);
    shutdown(descriptor_fd(channel->descriptor), SHUT_RDWR);
    for (size_t i = 0; i < channel->slot_count; i++) {
        struct ipc_pending *pending = channel->slots[i].pending;
        if (pending)
            ipc_pending_finish(pending, error_set(pending->error, TEMP, "%s", channel->why.text));
        channel->slots[i].pending = NULL;
    }
    fiber_signal_all(&channel->room);
}

void ipc_channel_break(struct ipc_channel *channel, const char *why)
{
    ipc_channel_end(channel, PERM, why);
}

void ipc_channel_close(struct ipc_channel *channel)
{
    if (!channel)
        return;
    ipc_channel_end(channel, NONE, "closed");
    ipc_channel_release(channel);
}

bool ipc_channel_is_open(const struct ipc_channel *channel)
{
    return channel->open;
}

/* Descriptors of a message, the absent ones left out; the bits say which they are. 0 counts as
 * absent so that a zeroed message has none. */
static size_t gather(const struct ipc_message *message, int out[IPC_DESCRIPTORS_MAX], uint8_t *bits)
{
    size_t count = 0;
    *bits = 0;
    for (unsigned i = 0; i < IPC_DESCRIPTORS_MAX; i++) {
        if (message->descriptors[i] <= 0)
            continue;
        out[count++] = message->descriptors[i];
        *bits |= (uint8_t)(1U << i);
    }
    return count;
}

static int send_or_wait(struct ipc_channel *channel, struct ipc_frame *frame,
                        const int *descriptors, size_t count, int64_t deadline)
{
    uint8_t header[IPC_FRAME_HEADER];
    ipc_frame_header(frame, header);
    for (;;) {
        if (!channel->open)
            return -EPIPE;
        int failed = ipc_packet_send(descriptor_fd(channel->descriptor), header, frame->payload,
                                     descriptors, count);
        if (failed != -EAGAIN)
            return failed;
        failed = descriptor_wait_writable(channel->descriptor, deadline);
        if (failed)
            return -failed;
    }
}

/* The right to send, which only one fiber has at a time. A reply is sent even by a fiber that was
 * cancelled (the work is done, the other side should know) if that needs no waiting. */
static int take_turn(struct fiber_semaphore *sending, uint8_t flags, int64_t deadline)
{
    if (flags & IPC_FRAME_REPLY && sending->available && !sending->waiters.first) {
        sending->available--;
        return 0;
    }
    return fiber_semaphore_take(sending, deadline);
}

int ipc_transmit(struct ipc_channel *channel, const struct ipc_message *message, uint8_t flags,
                 uint32_t id, int64_t deadline)
{
    int descriptors[IPC_DESCRIPTORS_MAX];
    struct ipc_frame frame = {
        .type = message->type, .flags = flags, .id = id, .payload = message->payload};
    size_t count = gather(message, descriptors, &frame.descriptors);
    if (frame.payload.len > IPC_PAYLOAD_MAX)
        return -EMSGSIZE;
    int failed = take_turn(&channel->sending, flags, deadline);
    if (failed)
        return -failed;
    failed = send_or_wait(channel, &frame, descriptors, count, deadline);
    fiber_semaphore_give(&channel->sending);
    if (failed == -EPIPE || failed == -ECONNRESET || failed == -ENOTCONN)
        ipc_channel_end(channel, NONE, "the other side is gone");
    return failed;
}

static enum result send_failure(const struct ipc_channel *channel, int failed, struct error *error)
{
    if (!channel->open)
        return error_set(error, TEMP, "%s", channel->why.text);
    switch (-failed) {
    case ETIMEDOUT:
        return error_set(error, TEMP, "%s: no answer in time", channel->name);
    case ECANCELED:
        return error_set(error, TEMP, "%s: cancelled", channel->name);
    case EMSGSIZE:
        return error_set(error, PERM, "%s: the message is too long", channel->name);
    default:
        return error_set(error, TEMP, "%s: %s", channel->name, strerror(-failed));
    }
}

/* The slot's index, or -1. */
static int take_slot(struct ipc_channel *channel, struct ipc_pending *pending)
{
    if (channel->first_free == NO_SLOT) {
        size_t old = channel->slot_count, count = old ? 2 * old : 16;
        if (count > CALLS_MAX)
            return -1;
        struct ipc_slot *slots = realloc(channel->slots, count * sizeof(*slots));
        if (!slots)
            return -1;
        for (size_t i = old; i < count; i++)
            slots[i] = (struct ipc_slot){.next_free = i + 1 < count ? (uint16_t)(i + 1) : NO_SLOT};
        channel->slots = slots;
        channel->slot_count = count;
        channel->first_free = (uint16_t)old;
    }
    uint16_t index = channel->first_free;
    channel->first_free = channel->slots[index].next_free;
    channel->slots[index].pending = pending;
    channel->pending_count++;
    return index;
}

static void give_slot(struct ipc_channel *channel, int index)
{
    struct ipc_slot *slot = &channel->slots[index];
    slot->pending = NULL;
    slot->generation++;
    slot->next_free = channel->first_free;
    channel->first_free = (uint16_t)index;
    channel->pending_count--;
}

enum result ipc_call(struct ipc_channel *channel, struct arena *arena,
                     const struct ipc_message *request, struct ipc_message *reply, int64_t deadline,
                     struct error *error)
{
    if (!channel->open)
        return error_set(error, TEMP, "%s", channel->why.text);
    struct ipc_pending pending = {
        .fiber = fiber_current(), .arena = arena, .reply = reply, .error = error};
    require(pending.fiber);
    int index = take_slot(channel, &pending);
    if (index < 0)
        return error_set(error, TEMP, "%s: too many calls", channel->name);
    channel->references++;
    /* A reader that holds back because of the peer's requests must read this reply. */
    fiber_signal_one(&channel->room);
    uint32_t id = (uint32_t)channel->slots[index].generation << 16 | (uint32_t)(index + 1);
    int failed = ipc_transmit(channel, request, 0, id, deadline);
    while (!pending.done && !failed)
        failed = -fiber_park(deadline);
    give_slot(channel, index);
    enum result result = pending.done ? pending.result : send_failure(channel, failed, error);
    ipc_channel_release(channel);
    return result;
}

enum result ipc_send(struct ipc_channel *channel, const struct ipc_message *message,
                     int64_t deadline, struct error *error)
{
    if (!channel->open)
        return error_set(error, TEMP, "%s", channel->why.text);
    channel->references++;
    int failed = ipc_transmit(channel, message, 0, 0, deadline);
    enum result result = failed ? send_failure(channel, failed, error) : OK;
    ipc_channel_release(channel);
    return result;
}
