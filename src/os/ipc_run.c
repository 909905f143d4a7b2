/* SPDX-License-Identifier: BSD-2-Clause */
/* The reading end of a channel: the peer's requests and the replies to own calls. */
#include "os/ipc_private.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    REQUESTS_MAX = 4096,                    /* of the peer under way: more are not read */
    REQUESTS_OCTETS_MAX = 64 * 1024 * 1024, /* in their payloads */
    REQUEST_SCRATCH = 4 * 1024 * 1024,      /* arena of a request beyond its payload */
    FRAMES_A_TURN = 32,
};
static const int64_t reply_patience = 30 * SECOND;

struct request {
    struct ipc_request request; /* first */
    void (*serve)(void *, struct ipc_request *);
    void *context;
    bool answered;
    uint8_t payload[];
};

void ipc_reply(struct ipc_request *public, const struct ipc_message *reply)
{
    struct request *request = (struct request *)public;
    struct ipc_channel *channel = public->channel;
    require(!request->answered);
    request->answered = true;
    if (!public->id || !channel->open)
        return;
    int failed = ipc_transmit(channel, reply, IPC_FRAME_REPLY, (uint32_t) public->id,
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
        refuse(channel, (uint32_t) public->id);
    channel->requests--;
    channel->requests_octets -= public->message.payload.len;
    fiber_signal_one(&channel->room);
    arena_destroy(public->arena); /* the request is in it */
    ipc_channel_release(channel);
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
                             struct ipc_packet *packet, struct ipc_pending *pending)
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
    struct ipc_slot *slot = &channel->slots[index];
    struct ipc_pending *pending = slot->pending;
    if (!pending || slot->generation != frame->id >> 16) {
        drop(packet); /* late: its caller has given up */
        return true;
    }
    slot->pending = NULL; /* a second reply is late, too */
    ipc_pending_finish(pending, hand_over(channel, frame, packet, pending));
    return true;
}

/* The complaint, or NULL. */
static const char *take_packet(struct ipc_channel *channel, struct ipc_packet *packet,
                               const struct server *server)
{
    struct ipc_frame frame;
    const char *complaint;
    size_t announced =
        packet->octets.len > 5 ? (size_t)__builtin_popcount(packet->octets.ptr[5]) : 0;
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
            ipc_channel_end(channel, NONE, "the other side is gone");
        else if (got == -EMSGSIZE)
            ipc_channel_end(channel, PERM, "broke the protocol: a packet longer than allowed");
        else if (got < 0)
            ipc_channel_end(channel, TEMP, got == -ECANCELED ? "cancelled" : strerror(-got));
        if (got <= 0)
            return;
        const char *complaint = take_packet(channel, &packet, server);
        if (complaint) {
            char why[128];
            snprintf(why, sizeof(why), "broke the protocol: %s", complaint);
            drop(&packet);
            ipc_channel_end(channel, PERM, why);
            return;
        }
        /* A peer that never pauses must not keep the others from running. */
        if (count % FRAMES_A_TURN == 0 && fiber_yield()) {
            ipc_channel_end(channel, TEMP, "cancelled");
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
    ipc_channel_release(channel);
    return end;
}
