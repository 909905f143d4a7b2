/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The channel. Its socket is read by the one fiber in ipc_run(); whoever sends does so himself, one
 * at a time. A channel ends once, for one reason (break_channel), by shutting the socket down: that
 * wakes the reader and all who wait to write. It is freed when its owner has closed it and the last
 * call and request that use it are gone.
 */
#include "os/ipc.h"

#include "base/log.h"
#include "fiber/sync.h"
#include "os/ipc_packet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SOCKET_BUFFER = 4 * 1024 * 1024,
    CALLS_MAX = 32768,                        /* own calls under way */
    REQUESTS_MAX = 4096,                      /* of the peer under way: more are not read */
    REQUESTS_OCTETS_MAX = 64 * 1024 * 1024,   /* in their payloads */
    REQUEST_SCRATCH = 4 * 1024 * 1024,        /* arena of a request beyond its payload */
    FRAMES_A_TURN = 32,
    NO_SLOT = 0xffff,
};
static const int64_t reply_patience = 30 * SECOND;

/* A call that waits; on the stack of the fiber that made it. */
struct pending {
    struct fiber *fiber;
    struct arena *arena;
    struct ipc_message *reply;
    struct error *error;
    enum result result;
    bool done;
};

/* A call's id is its slot and how often the slot was used: a late reply finds another generation. */
struct slot {
    struct pending *pending;
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
    struct slot *slots;
    size_t slot_count, pending_count;
    uint16_t first_free;
    size_t requests, requests_octets;
    struct fiber_signal room;
    uint8_t packet[IPC_FRAME_MAX]; /* touched only as far as packets are long */
};

struct request {
    struct ipc_request request; /* first */
    void (*serve)(void *, struct ipc_request *);
    void *context;
    bool answered;
    uint8_t payload[];
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

static void release(struct ipc_channel *channel)
{
    if (--channel->references)
        return;
    descriptor_close(channel->descriptor);
    free(channel->slots);
    free(channel);
}

static void finish(struct pending *pending, enum result result)
{
    pending->result = result;
    pending->done = true;
    fiber_wake(pending->fiber);
}

static void break_channel(struct ipc_channel *channel, enum result end, const char *why)
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
        struct pending *pending = channel->slots[i].pending;
        if (pending)
            finish(pending, error_set(pending->error, TEMP, "%s", channel->why.text));
        channel->slots[i].pending = NULL;
    }
    fiber_signal_all(&channel->room);
}

void ipc_channel_break(struct ipc_channel *channel, const char *why)
{
    break_channel(channel, PERM, why);
}

void ipc_channel_close(struct ipc_channel *channel)
{
    if (!channel)
        return;
    break_channel(channel, NONE, "closed");
    release(channel);
}

bool ipc_channel_is_open(const struct ipc_channel *channel)
{
    return channel->open;
}

/* Descriptors of a message, the absent ones left out; the bits say which they are. 0 counts as absent
 * so that a zeroed message has none. */
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

/* 0 or -errno. The channel must be held by a reference, for this may wait. */
static int transmit(struct ipc_channel *channel, const struct ipc_message *message, uint8_t flags,
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
        break_channel(channel, NONE, "the other side is gone");
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
static int take_slot(struct ipc_channel *channel, struct pending *pending)
{
    if (channel->first_free == NO_SLOT) {
        size_t old = channel->slot_count, count = old ? 2 * old : 16;
        if (count > CALLS_MAX)
            return -1;
        struct slot *slots = realloc(channel->slots, count * sizeof(*slots));
        if (!slots)
            return -1;
        for (size_t i = old; i < count; i++)
            slots[i] = (struct slot){.next_free = i + 1 < count ? (uint16_t)(i + 1) : NO_SLOT};
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
    struct slot *slot = &channel->slots[index];
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
    struct pending pending = {
        .fiber = fiber_current(), .arena = arena, .reply = reply, .error = error};
    require(pending.fiber);
    int index = take_slot(channel, &pending);
    if (index < 0)
        return error_set(error, TEMP, "%s: too many calls", channel->name);
    channel->references++;
    /* A reader that holds back because of the peer's requests must read this reply. */
    fiber_signal_one(&channel->room);
    uint32_t id = (uint32_t)channel->slots[index].generation << 16 | (uint32_t)(index + 1);
    int failed = transmit(channel, request, 0, id, deadline);
    while (!pending.done && !failed)
        failed = -fiber_park(deadline);
    give_slot(channel, index);
    enum result result = pending.done ? pending.result : send_failure(channel, failed, error);
    release(channel);
    return result;
}

enum result ipc_send(struct ipc_channel *channel, const struct ipc_message *message,
                     int64_t deadline, struct error *error)
{
    if (!channel->open)
        return error_set(error, TEMP, "%s", channel->why.text);
    channel->references++;
    int failed = transmit(channel, message, 0, 0, deadline);
    enum result result = failed ? send_failure(channel, failed, error) : OK;
    release(channel);
    return result;
}

void ipc_reply(struct ipc_request *public, const struct ipc_message *reply)
{
    struct request *request = (struct request *)public;
    struct ipc_channel *channel = public->channel;
    require(!request->answered);
    request->answered = true;
    if (!public->id || !channel->open)
        return;
    int failed = transmit(channel, reply, IPC_FRAME_REPLY, (uint32_t)public->id,
                          loop_deadline(reply_patience));
    if (failed && channel->open)
        log_warning("ipc", "%s: a reply could not be sent: %s", channel->name, strerror(-failed));
}

/* Tells the peer that there will be no reply, if that can be done without waiting. */
static void refuse(struct ipc_channel *channel, uint32_t id)
{
    struct ipc_frame frame = {.flags = IPC_FRAME_REPLY | IPC_FRAME_REFUSED, .id = id};
    uint8_t header[IPC_FRAME_HEADER];
    if (!id || !channel->open)
        return;
    ipc_frame_header(&frame, header);
    (void)ipc_packet_send(descriptor_fd(channel->descriptor), header, frame.payload, NULL, 0);
}

void ipc_request_free(struct ipc_request *public)
{
    struct request *request = (struct request *)public;
    struct ipc_channel *channel = public->channel;
    ipc_packet_close_descriptors(public->message.descriptors, IPC_DESCRIPTORS_MAX);
    if (!request->answered)
        refuse(channel, (uint32_t)public->id);
    channel->requests--;
    channel->requests_octets -= public->message.payload.len;
    fiber_signal_one(&channel->room);
    arena_destroy(public->arena); /* the request is in it */
    release(channel);
}

/* Puts the descriptors of a packet where the sender's message had them. */
static void scatter(const struct ipc_packet *packet, uint8_t bits, int out[IPC_DESCRIPTORS_MAX])
{
    size_t next = 0;
    for (unsigned i = 0; i < IPC_DESCRIPTORS_MAX; i++)
        out[i] = bits & 1U << i ? packet->descriptors[next++] : -1;
}

static void drop(struct ipc_packet *packet)
{
    ipc_packet_close_descriptors(packet->descriptors, packet->count);
}

static void run_request(void *argument)
{
    struct request *request = argument;
    request->serve(request->context, &request->request);
}

static struct request *make_request(struct ipc_channel *channel, const struct ipc_frame *frame,
                                    const struct ipc_packet *packet)
{
    size_t size = sizeof(struct request) + frame->payload.len;
    struct arena *arena = arena_create(size + REQUEST_SCRATCH);
    struct request *request = arena ? arena_alloc(arena, size) : NULL;
    if (!request) {
        arena_destroy(arena);
        return NULL;
    }
    if (frame->payload.len)
        memcpy(request->payload, frame->payload.ptr, frame->payload.len);
    request->request = (struct ipc_request){
        .message = {.type = frame->type,
                    .payload = bytes_from(request->payload, frame->payload.len)},
        .arena = arena,
        .channel = channel,
        .id = frame->id,
    };
    scatter(packet, frame->descriptors, request->request.message.descriptors);
    channel->references++;
    channel->requests++;
    channel->requests_octets += frame->payload.len;
    return request;
}

static bool has_room(const struct ipc_channel *channel)
{
    return channel->requests < REQUESTS_MAX && channel->requests_octets < REQUESTS_OCTETS_MAX;
}

struct server {
    struct fiber_group *group;
    void (*serve)(void *, struct ipc_request *);
    void *context;
};

static void take_request(struct ipc_channel *channel, const struct ipc_frame *frame,
                         struct ipc_packet *packet, const struct server *server)
{
    struct request *request = has_room(channel) ? make_request(channel, frame, packet) : NULL;
    if (!request) {
        drop(packet);
        refuse(channel, frame->id);
        return;
    }
    request->serve = server->serve;
    request->context = server->context;
    if (!fiber_group_start(server->group, "ipc request", run_request, request))
        ipc_request_free(&request->request); /* refuses it */
}

/* Copies a reply to where its caller wants it. */
static enum result hand_over(const struct ipc_channel *channel, const struct ipc_frame *frame,
                             struct ipc_packet *packet, struct pending *pending)
{
    if (frame->flags & IPC_FRAME_REFUSED)
        return error_set(pending->error, TEMP, "%s: the other side is too busy or failed",
                         channel->name);
    if (packet->descriptors_lost)
        return error_set(pending->error, TEMP, "%s: no descriptors left", channel->name);
    struct bytes copy = arena_copy(pending->arena, frame->payload);
    if (!copy.ptr) {
        drop(packet);
        return error_set(pending->error, TEMP, "%s: no memory for the reply", channel->name);
    }
    pending->reply->type = frame->type;
    pending->reply->payload = copy;
    scatter(packet, frame->descriptors, pending->reply->descriptors);
    return OK;
}

/* False: to a call that was never made. */
static bool take_reply(struct ipc_channel *channel, const struct ipc_frame *frame,
                       struct ipc_packet *packet)
{
    size_t index = (frame->id & 0xffff) - 1;
    if (index >= channel->slot_count)
        return false;
    struct slot *slot = &channel->slots[index];
    struct pending *pending = slot->pending;
    if (!pending || slot->generation != frame->id >> 16) {
        drop(packet); /* late: its caller has given up */
        return true;
    }
    slot->pending = NULL; /* a second reply is late, too */
    finish(pending, hand_over(channel, frame, packet, pending));
    return true;
}

/* The complaint, or NULL. */
static const char *take_packet(struct ipc_channel *channel, struct ipc_packet *packet,
                               const struct server *server)
{
    struct ipc_frame frame;
    const char *complaint;
    size_t announced = packet->octets.len > 5 ? (size_t)__builtin_popcount(packet->octets.ptr[5]) : 0;
    if (packet->descriptors_lost && packet->count >= announced)
        return "more descriptors than announced";
    /* With fewer than announced it was our own limit that was reached: not the peer's fault. */
    if (!ipc_frame_parse(packet->octets, packet->descriptors_lost ? announced : packet->count,
                         &frame, &complaint))
        return complaint;
    if (packet->descriptors_lost) {
        drop(packet);
        frame.descriptors = 0;
    }
    if (frame.flags & IPC_FRAME_REPLY)
        return take_reply(channel, &frame, packet) ? NULL : "a reply to a call that was not made";
    if (packet->descriptors_lost)
        refuse(channel, frame.id);
    else
        take_request(channel, &frame, packet, server);
    return NULL;
}

/* While the peer has too much under way its requests stay in the socket, where they cost the peer;
 * unless a reply to a call of ours may be behind them. */
static int wait_for_room(struct ipc_channel *channel)
{
    while (channel->open && !has_room(channel) && !channel->pending_count) {
        int error = fiber_signal_wait(&channel->room, NO_DEADLINE);
        if (error)
            return -error;
    }
    return 0;
}

/* The next packet: as ipc_packet_receive, but waits. */
static int next_packet(struct ipc_channel *channel, struct ipc_packet *packet)
{
    int got = wait_for_room(channel);
    if (got)
        return got;
    while ((got = ipc_packet_receive(descriptor_fd(channel->descriptor), channel->packet,
                                     sizeof(channel->packet), packet)) == -EAGAIN) {
        int error = descriptor_wait_readable(channel->descriptor, NO_DEADLINE);
        if (error)
            return -error;
    }
    return got;
}

static void read_packets(struct ipc_channel *channel, const struct server *server)
{
    for (unsigned count = 1; channel->open; count++) {
        struct ipc_packet packet;
        int got = next_packet(channel, &packet);
        if (got == 0)
            break_channel(channel, NONE, "the other side is gone");
        else if (got == -EMSGSIZE)
            break_channel(channel, PERM, "broke the protocol: a packet longer than allowed");
        else if (got < 0)
            break_channel(channel, TEMP, got == -ECANCELED ? "cancelled" : strerror(-got));
        if (got <= 0)
            return;
        const char *complaint = take_packet(channel, &packet, server);
        if (complaint) {
            char why[128];
            snprintf(why, sizeof(why), "broke the protocol: %s", complaint);
            drop(&packet);
            break_channel(channel, PERM, why);
            return;
        }
        /* A peer that never pauses must not keep the others from running. */
        if (count % FRAMES_A_TURN == 0 && fiber_yield()) {
            break_channel(channel, TEMP, "cancelled");
            return;
        }
    }
}

enum result ipc_run(struct ipc_channel *channel, struct fiber_group *group,
                    void (*serve)(void *context, struct ipc_request *request), void *context,
                    struct error *error)
{
    const struct server server = {.group = group, .serve = serve, .context = context};
    require(!channel->running);
    channel->running = true;
    channel->references++;
    read_packets(channel, &server);
    channel->running = false;
    enum result end = channel->end;
    if (end != OK)
        error_set(error, end, "%s", channel->why.text);
    release(channel);
    return end;
}
