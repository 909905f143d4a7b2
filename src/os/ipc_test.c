/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of ipc: honest peers in the same loop, hostile ones as raw sockets. */
#include "os/ipc.h"
#include "os/ipc_frame.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ECHO = 1, NEVER = 2, DOUBLE = 3, FORGET = 4, DESCRIPTORS = 5, SLEEP = 6, ONE_WAY = 7 };

/* Two ends in one loop; `server` serves, both are read. */
struct fixture {
    struct fiber_group group;
    struct ipc_channel *client, *server;
    int raw; /* instead of the client: the hostile peer's end */
    enum result server_end, client_end;
    struct error server_error;
    struct arena *arena;
    size_t served, active;
};

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void serve(void *context, struct ipc_request *request)
{
    struct fixture *f = context;
    struct ipc_message reply = {.type = request->message.type, .payload = request->message.payload};
    f->served++;
    f->active++;
    if (request->message.type == NEVER)
        fiber_sleep(3600 * SECOND);
    if (request->message.type == SLEEP)
        fiber_sleep(20 * MILLISECOND);
    if (request->message.type == DESCRIPTORS)
        memcpy(reply.descriptors, request->message.descriptors, sizeof(reply.descriptors));
    if (request->message.type != NEVER && request->message.type != FORGET)
        ipc_reply(request, &reply);
    ipc_request_free(request);
    f->active--;
}

static void run_server(void *argument)
{
    struct fixture *f = argument;
    f->server_end = ipc_run(f->server, &f->group, serve, f, &f->server_error);
}

static void refuse_all(void *context, struct ipc_request *request)
{
    (void)context;
    ipc_request_free(request);
}

static void run_client(void *argument)
{
    struct fixture *f = argument;
    f->client_end = ipc_run(f->client, &f->group, refuse_all, f, NULL);
}

static void open_fixture(struct fixture *f, bool hostile)
{
    int pair[2];
    *f = (struct fixture){.raw = -1, .server_end = OK, .client_end = OK};
    f->arena = arena_create(64 << 20);
    assert_int_equal(ipc_pair(pair), 0);
    fiber_group_open(&f->group);
    f->server = ipc_channel_open(pair[0], "client");
    assert_non_null(f->server);
    assert_true(fiber_group_start(&f->group, "server", run_server, f));
    if (hostile) {
        f->raw = pair[1];
        return;
    }
    f->client = ipc_channel_open(pair[1], "server");
    assert_non_null(f->client);
    assert_true(fiber_group_start(&f->group, "client", run_client, f));
}

static void close_fixture(struct fixture *f)
{
    ipc_channel_close(f->client);
    ipc_channel_close(f->server);
    if (f->raw >= 0)
        close(f->raw);
    fiber_group_close(&f->group);
    arena_destroy(f->arena);
}

/* Each test body runs as a fiber; afterwards as many descriptors are open as before. */
static void on_loop(void (*function)(void *))
{
    size_t before = count_descriptors();
    struct loop_options options = {.workers = 0};
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    loop_run(loop, function, NULL);
    loop_destroy(loop);
    assert_int_equal(count_descriptors(), before);
}
#define FIBER_TEST(name)                                                                           \
    static void name##_body(void *argument);                                                       \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        on_loop(name##_body);                                                                      \
    }                                                                                              \
    static void name##_body(void *argument __attribute__((unused)))

static void wait_for_server_end(struct fixture *f)
{
    for (int i = 0; i < 2000 && f->server_end == OK; i++)
        fiber_sleep(MILLISECOND);
}

static enum result call(struct fixture *f, uint16_t type, struct bytes payload,
                        struct ipc_message *reply, int64_t patience)
{
    struct ipc_message request = {.type = type, .payload = payload};
    return ipc_call(f->client, f->arena, &request, reply, loop_deadline(patience), NULL);
}

/* ---- honest peers ---- */

FIBER_TEST(call_brings_the_reply)
{
    struct fixture f;
    struct ipc_message reply;
    open_fixture(&f, false);
    assert_int_equal(call(&f, ECHO, BYTES("hello"), &reply, SECOND), OK);
    assert_int_equal(reply.type, ECHO);
    assert_true(bytes_is(reply.payload, "hello"));
    for (size_t i = 0; i < IPC_DESCRIPTORS_MAX; i++)
        assert_int_equal(reply.descriptors[i], -1);
    assert_int_equal(call(&f, ECHO, BYTES(""), &reply, SECOND), OK);
    assert_int_equal(reply.payload.len, 0);
    close_fixture(&f);
    assert_int_equal(f.client_end, NONE);
}

FIBER_TEST(largest_payload_passes_and_a_larger_one_is_refused_here)
{
    struct fixture f;
    struct ipc_message reply;
    open_fixture(&f, false);
    uint8_t *octets = malloc(IPC_PAYLOAD_MAX + 1);
    for (size_t i = 0; i <= IPC_PAYLOAD_MAX; i++)
        octets[i] = (uint8_t)(i * 31);
    struct bytes most = bytes_from(octets, IPC_PAYLOAD_MAX);
    assert_int_equal(call(&f, ECHO, most, &reply, SECOND), OK);
    assert_true(bytes_equal(reply.payload, most));
    assert_int_equal(call(&f, ECHO, bytes_from(octets, IPC_PAYLOAD_MAX + 1), &reply, SECOND), PERM);
    assert_true(ipc_channel_is_open(f.client));
    free(octets);
    close_fixture(&f);
}

struct caller {
    struct fixture *f;
    uint32_t number;
    size_t done;
};

static void call_often(void *argument)
{
    struct caller *caller = argument;
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    for (uint32_t i = 0; i < 20; i++) {
        struct ipc_message reply;
        buf_clear(&payload);
        ipc_add_u32(&payload, caller->number);
        ipc_add_u32(&payload, i);
        while (payload.len < 20000)
            buf_add_byte(&payload, (uint8_t)i);
        /* Some replies overtake others. */
        enum result result = call(caller->f, (i + caller->number) % 3 ? ECHO : SLEEP,
                                  buf_bytes(&payload), &reply, 20 * SECOND);
        if (result == OK && bytes_equal(reply.payload, buf_bytes(&payload)))
            caller->done++;
    }
    buf_free(&payload);
}

FIBER_TEST(many_fibers_call_at_once_and_each_gets_its_own_reply)
{
    enum { CALLERS = 100 };
    struct fixture f;
    struct fiber_group group;
    struct caller callers[CALLERS];
    open_fixture(&f, false);
    fiber_group_open(&group);
    for (uint32_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){&f, i, 0};
        assert_true(fiber_group_start(&group, "caller", call_often, &callers[i]));
    }
    assert_int_equal(fiber_group_wait(&group, loop_deadline(60 * SECOND)), 0);
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(callers[i].done, 20);
    fiber_group_close(&group);
    close_fixture(&f);
}

FIBER_TEST(descriptors_arrive_where_they_were_put_close_on_exec)
{
    struct fixture f;
    struct ipc_message reply;
    open_fixture(&f, false);
    int memory = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(memory, "hello", 5), 5);
    struct ipc_message request = {.type = DESCRIPTORS, .descriptors = {-1, memory, -1, memory}};
    assert_int_equal(ipc_call(f.client, f.arena, &request, &reply, loop_deadline(SECOND), NULL),
                     OK);
    assert_int_equal(reply.descriptors[0], -1);
    assert_int_equal(reply.descriptors[2], -1);
    for (size_t i = 1; i < 4; i += 2) {
        char text[8];
        assert_true(reply.descriptors[i] >= 0 && reply.descriptors[i] != memory);
        assert_int_equal(fcntl(reply.descriptors[i], F_GETFD), FD_CLOEXEC);
        assert_int_equal(pread(reply.descriptors[i], text, sizeof(text), 0), 5);
        close(reply.descriptors[i]);
    }
    close(memory);
    close_fixture(&f); /* and the descriptors that the server got are closed: see on_loop() */
}

FIBER_TEST(one_way_message_is_served_and_not_answered)
{
    struct fixture f;
    struct ipc_message reply, message = {.type = ONE_WAY, .payload = BYTES("x")};
    open_fixture(&f, false);
    for (int i = 0; i < 10; i++)
        assert_int_equal(ipc_send(f.client, &message, loop_deadline(SECOND), NULL), OK);
    assert_int_equal(call(&f, ECHO, BYTES("y"), &reply, SECOND), OK);
    assert_int_equal(f.served, 11);
    assert_true(ipc_channel_is_open(f.client));
    close_fixture(&f);
}

FIBER_TEST(request_freed_without_a_reply_fails_its_caller_at_once)
{
    struct fixture f;
    struct ipc_message reply;
    open_fixture(&f, false);
    int64_t start = loop_now_fresh();
    assert_int_equal(call(&f, FORGET, BYTES("x"), &reply, 30 * SECOND), TEMP);
    assert_true(loop_now_fresh() - start < 10 * SECOND);
    close_fixture(&f);
}

FIBER_TEST(deadline_ends_the_call_and_a_late_reply_is_dropped)
{
    struct fixture f;
    struct ipc_message reply;
    open_fixture(&f, false);
    assert_int_equal(call(&f, NEVER, BYTES("x"), &reply, 10 * MILLISECOND), TEMP);
    assert_int_equal(call(&f, SLEEP, BYTES("late"), &reply, 5 * MILLISECOND), TEMP);
    /* The slot of the late one is used again before its reply comes. */
    assert_int_equal(call(&f, SLEEP, BYTES("mine"), &reply, SECOND), OK);
    assert_true(bytes_is(reply.payload, "mine"));
    assert_true(ipc_channel_is_open(f.client));
    close_fixture(&f);
}

static void call_never(void *argument)
{
    struct fixture *f = argument;
    struct ipc_message reply;
    if (call(f, NEVER, BYTES("x"), &reply, 3600 * SECOND) == TEMP)
        f->served += 1000;
}

FIBER_TEST(cancelled_call_returns_and_the_channel_works_on)
{
    struct fixture f;
    struct fiber_group group;
    struct ipc_message reply;
    open_fixture(&f, false);
    fiber_group_open(&group);
    for (int i = 0; i < 10; i++)
        assert_true(fiber_group_start(&group, "caller", call_never, &f));
    fiber_sleep(10 * MILLISECOND);
    fiber_group_close(&group);
    assert_true(f.served >= 10000);
    assert_int_equal(call(&f, ECHO, BYTES("x"), &reply, SECOND), OK);
    close_fixture(&f);
}

FIBER_TEST(closing_fails_the_calls_of_both_sides)
{
    struct fixture f;
    struct fiber_group group;
    struct ipc_message reply;
    open_fixture(&f, false);
    fiber_group_open(&group);
    for (int i = 0; i < 10; i++)
        assert_true(fiber_group_start(&group, "caller", call_never, &f));
    fiber_sleep(10 * MILLISECOND);
    ipc_channel_close(f.server);
    f.server = NULL;
    assert_int_equal(fiber_group_wait(&group, loop_deadline(10 * SECOND)), 0);
    assert_true(f.served >= 10000);
    assert_false(ipc_channel_is_open(f.client));
    assert_int_equal(call(&f, ECHO, BYTES("x"), &reply, SECOND), TEMP);
    fiber_group_close(&group);
    close_fixture(&f);
}

static void both_ways_serve(void *context, struct ipc_request *request)
{
    struct fixture *f = context;
    struct ipc_message reply = {0};
    struct ipc_message question = {.type = ECHO, .payload = request->message.payload};
    /* Asks back on the channel on which it is being asked. */
    struct ipc_channel *channel = request->channel;
    if (request->message.type == DOUBLE) {
        if (ipc_call(channel, request->arena, &question, &reply, loop_deadline(SECOND), NULL) != OK)
            reply.payload = BYTES("failed");
        ipc_reply(request, &reply);
    } else {
        ipc_reply(request,
                  &(struct ipc_message){.type = ECHO, .payload = request->message.payload});
    }
    ipc_request_free(request);
    f->served++;
}

static void run_both_client(void *argument)
{
    struct fixture *f = argument;
    f->client_end = ipc_run(f->client, &f->group, both_ways_serve, f, NULL);
}
static void run_both_server(void *argument)
{
    struct fixture *f = argument;
    f->server_end = ipc_run(f->server, &f->group, both_ways_serve, f, NULL);
}

FIBER_TEST(both_sides_may_call_on_one_channel)
{
    struct fixture f = {.raw = -1};
    struct ipc_message reply;
    int pair[2];
    f.arena = arena_create(1 << 20);
    assert_int_equal(ipc_pair(pair), 0);
    fiber_group_open(&f.group);
    f.server = ipc_channel_open(pair[0], "client");
    f.client = ipc_channel_open(pair[1], "server");
    assert_true(fiber_group_start(&f.group, "server", run_both_server, &f));
    assert_true(fiber_group_start(&f.group, "client", run_both_client, &f));
    assert_int_equal(call(&f, DOUBLE, BYTES("back and forth"), &reply, SECOND), OK);
    assert_true(bytes_is(reply.payload, "back and forth"));
    assert_int_equal(f.served, 2);
    close_fixture(&f);
}

static void serve_slowly(void *context, struct ipc_request *request)
{
    (void)context;
    fiber_sleep(3600 * SECOND); /* ends when the group is cancelled */
    ipc_reply(request, &(struct ipc_message){.type = ECHO, .payload = BYTES("done")});
    ipc_request_free(request);
}

static void run_slow_server(void *argument)
{
    struct fixture *f = argument;
    f->server_end = ipc_run(f->server, &f->group, serve_slowly, f, NULL);
}

static void call_slow_server(void *argument)
{
    struct fixture *f = argument;
    struct ipc_message reply;
    if (call(f, ECHO, BYTES("x"), &reply, 30 * SECOND) == OK && bytes_is(reply.payload, "done"))
        f->served = 1;
}

FIBER_TEST(cancelled_server_fiber_can_still_reply)
{
    struct fixture f = {.raw = -1};
    struct fiber_group clients;
    int pair[2];
    f.arena = arena_create(1 << 20);
    assert_int_equal(ipc_pair(pair), 0);
    fiber_group_open(&f.group);
    fiber_group_open(&clients);
    f.server = ipc_channel_open(pair[0], "client");
    f.client = ipc_channel_open(pair[1], "server");
    /* The requests' fibers are in a group that ends before the reader does. */
    assert_true(fiber_group_start(&clients, "server", run_slow_server, &f));
    assert_true(fiber_group_start(&clients, "client", run_client, &f));
    assert_true(fiber_group_start(&clients, "caller", call_slow_server, &f));
    fiber_sleep(10 * MILLISECOND);
    fiber_group_close(&f.group);
    for (int i = 0; i < 1000 && !f.served; i++)
        fiber_sleep(MILLISECOND);
    assert_int_equal(f.served, 1);
    ipc_channel_close(f.server);
    ipc_channel_close(f.client);
    fiber_group_close(&clients);
    arena_destroy(f.arena);
}

FIBER_TEST(slots_of_ended_calls_are_used_again)
{
    struct fixture f;
    struct ipc_message reply;
    open_fixture(&f, false);
    /* More than 65,536 on one slot: the generation wraps around. */
    struct arena_mark mark = arena_mark(f.arena);
    for (int i = 0; i < 70000; i++) {
        assert_int_equal(call(&f, ECHO, BYTES("x"), &reply, SECOND), OK);
        arena_rewind(f.arena, mark);
    }
    close_fixture(&f);
}

FIBER_TEST(reply_that_does_not_fit_the_arena_is_temporary)
{
    struct fixture f;
    struct ipc_message reply;
    static const uint8_t octets[8192];
    open_fixture(&f, false);
    struct arena *small = arena_create(4096);
    struct ipc_message request = {.type = ECHO, .payload = {octets, sizeof(octets)}};
    assert_int_equal(ipc_call(f.client, small, &request, &reply, loop_deadline(SECOND), NULL),
                     TEMP);
    arena_destroy(small);
    assert_int_equal(call(&f, ECHO, BYTES("x"), &reply, SECOND), OK);
    close_fixture(&f);
}

/* ---- hostile peers ---- */

static void raw_send(struct fixture *f, const void *octets, size_t length)
{
    assert_int_equal(send(f->raw, octets, length, MSG_NOSIGNAL), length);
}

static size_t make_frame(uint8_t *out, uint16_t type, uint8_t flags, uint32_t id,
                         struct bytes payload)
{
    struct ipc_frame frame = {.type = type, .flags = flags, .id = id, .payload = payload};
    ipc_frame_header(&frame, out);
    if (payload.len)
        memcpy(out + IPC_FRAME_HEADER, payload.ptr, payload.len);
    return IPC_FRAME_HEADER + payload.len;
}

/* Sends octets and expects the channel to end as a breach of the protocol, with nothing served. */
static void assert_breach(const void *octets, size_t length, const int *descriptors, size_t count)
{
    struct fixture f;
    open_fixture(&f, true);
    union {
        uint8_t octets[CMSG_SPACE(64 * sizeof(int))];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec vector = {(void *)(uintptr_t)octets, length};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count) {
        control.aligned = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.aligned), descriptors, count * sizeof(int));
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    }
    assert_int_equal(sendmsg(f.raw, &message, MSG_NOSIGNAL), length);
    wait_for_server_end(&f);
    assert_int_equal(f.server_end, PERM);
    assert_int_equal(f.served, 0);
    assert_false(ipc_channel_is_open(f.server));
    close_fixture(&f);
}

FIBER_TEST(malformed_frames_end_the_channel)
{
    uint8_t frame[64];
    size_t length = make_frame(frame, ECHO, 0, 1, BYTES("hello"));
    for (size_t cut = 1; cut < length; cut++)
        assert_breach(frame, cut, NULL, 0); /* truncated anywhere */
    assert_breach(frame, length + 1, NULL, 0);
    for (size_t at = 0; at < 2; at++) {
        make_frame(frame, ECHO, 0, 1, BYTES("hello"));
        frame[at] ^= 1; /* magic */
        assert_breach(frame, length, NULL, 0);
    }
    make_frame(frame, ECHO, 0x80, 1, BYTES("hello")); /* unknown flag */
    assert_breach(frame, length, NULL, 0);
    make_frame(frame, ECHO, IPC_FRAME_REFUSED, 1, BYTES("hello")); /* a refusal that is no reply */
    assert_breach(frame, length, NULL, 0);
    make_frame(frame, ECHO, 0, 1, BYTES("hello"));
    frame[7] = 1; /* reserved */
    assert_breach(frame, length, NULL, 0);
    make_frame(frame, ECHO, 0, 1, BYTES("hello"));
    frame[12] = 0xff; /* huge length */
    assert_breach(frame, length, NULL, 0);
}

FIBER_TEST(packet_longer_than_a_frame_ends_the_channel)
{
    uint8_t *frame = calloc(1, IPC_FRAME_MAX + 1);
    make_frame(frame, ECHO, 0, 1, (struct bytes){frame + IPC_FRAME_HEADER, 0});
    frame[13] = 2; /* cut to 128 KiB it would be a frame */
    assert_breach(frame, IPC_FRAME_MAX + 1, NULL, 0);
    frame[15] = 1; /* and this is what the packet has */
    assert_breach(frame, IPC_FRAME_MAX + 1, NULL, 0);
    free(frame);
}

FIBER_TEST(replies_to_nothing_end_the_channel)
{
    uint8_t frame[64];
    assert_breach(frame, make_frame(frame, ECHO, IPC_FRAME_REPLY, 0, BYTES("x")), NULL, 0);
    assert_breach(frame, make_frame(frame, ECHO, IPC_FRAME_REPLY, 7, BYTES("x")), NULL, 0);
    assert_breach(frame, make_frame(frame, ECHO, IPC_FRAME_REPLY, UINT32_MAX, BYTES("x")), NULL, 0);
}

FIBER_TEST(descriptors_that_were_not_announced_end_the_channel_and_are_closed)
{
    uint8_t frame[64];
    int many[64];
    size_t length = make_frame(frame, ECHO, 0, 1, BYTES("hello"));
    for (size_t i = 0; i < countof(many); i++)
        many[i] = STDERR_FILENO;
    assert_breach(frame, length, many, 1);
    assert_breach(frame, length, many, 4);
    assert_breach(frame, length, many, 5);
    assert_breach(frame, length, many, 64);
    frame[5] = 0x0f; /* four announced */
    assert_breach(frame, length, NULL, 0);
    assert_breach(frame, length, many, 3);
    assert_breach(frame, length, many, 5);
    assert_breach(frame, length, many, 64);
    frame[5] = 0xff; /* more than a message has */
    assert_breach(frame, length, many, 8);
    /* on_loop() checks that none stays open */
}

FIBER_TEST(peer_that_goes_away_is_no_breach)
{
    struct fixture f;
    open_fixture(&f, true);
    close(f.raw);
    f.raw = -1;
    wait_for_server_end(&f);
    assert_int_equal(f.server_end, NONE);
    close_fixture(&f);
}

FIBER_TEST(peer_that_never_answers_costs_only_the_deadline)
{
    struct fixture f;
    struct ipc_message request = {.type = ECHO, .payload = BYTES("x")}, reply;
    open_fixture(&f, true);
    for (int i = 0; i < 100; i++)
        assert_int_equal(
            ipc_call(f.server, f.arena, &request, &reply, loop_deadline(MILLISECOND), NULL), TEMP);
    assert_true(ipc_channel_is_open(f.server));
    close_fixture(&f);
}

struct flooded {
    struct fixture *f;
    size_t temporary;
};

static void call_into_full_socket(void *argument)
{
    static const uint8_t octets[IPC_PAYLOAD_MAX];
    struct flooded *flooded = argument;
    struct ipc_message request = {.type = ECHO, .payload = {octets, sizeof(octets)}}, reply;
    if (ipc_call(flooded->f->server, flooded->f->arena, &request, &reply,
                 loop_deadline(50 * MILLISECOND), NULL) == TEMP)
        flooded->temporary++;
}

FIBER_TEST(peer_that_never_reads_costs_only_the_deadline)
{
    enum { CALLERS = 200 }; /* 25 MiB: far more than the socket takes */
    struct fixture f;
    struct fiber_group group;
    struct flooded flooded = {&f, 0};
    open_fixture(&f, true);
    fiber_group_open(&group);
    for (int i = 0; i < CALLERS; i++)
        assert_true(fiber_group_start(&group, "caller", call_into_full_socket, &flooded));
    assert_int_equal(fiber_group_wait(&group, loop_deadline(10 * SECOND)), 0);
    assert_int_equal(flooded.temporary, CALLERS);
    fiber_group_close(&group);
    close_fixture(&f);
}

FIBER_TEST(second_reply_and_late_replies_are_dropped_with_their_descriptors)
{
    struct fixture f;
    struct ipc_message request = {.type = ECHO, .payload = BYTES("x")}, reply;
    uint8_t frame[64], got[64];
    open_fixture(&f, true);
    assert_int_equal(
        ipc_call(f.server, f.arena, &request, &reply, loop_deadline(MILLISECOND), NULL), TEMP);
    assert_int_equal(recv(f.raw, got, sizeof(got), MSG_DONTWAIT), IPC_FRAME_HEADER + 1);
    size_t length = make_frame(frame, ECHO, IPC_FRAME_REPLY, 0, BYTES("x"));
    memcpy(frame + 8, got + 8, 4); /* the id of the call that has given up */
    frame[5] = 1;
    size_t before = count_descriptors();
    for (int i = 0; i < 10; i++) {
        union {
            uint8_t octets[CMSG_SPACE(sizeof(int))];
            struct cmsghdr aligned;
        } control = {0};
        struct iovec vector = {frame, length};
        struct msghdr message = {.msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control)};
        control.aligned = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.aligned), &f.raw, sizeof(int));
        assert_int_equal(sendmsg(f.raw, &message, MSG_NOSIGNAL), length);
    }
    fiber_sleep(20 * MILLISECOND);
    assert_int_equal(count_descriptors(), before);
    assert_true(ipc_channel_is_open(f.server));
    close_fixture(&f);
}

/* A peer that sends as fast as it can requests that are never done. */
FIBER_TEST(flood_of_requests_is_bounded_and_others_run_on)
{
    struct fixture f;
    uint8_t frame[IPC_FRAME_HEADER + 100];
    static const uint8_t octets[100];
    open_fixture(&f, true);
    size_t sent = 0, rounds = 0;
    for (int idle = 0; idle < 20 && sent < 100000; rounds++) {
        bool some = false;
        for (int i = 0; i < 1000; i++) {
            size_t length = make_frame(frame, NEVER, 0, 1, bytes_from(octets, sizeof(octets)));
            if (send(f.raw, frame, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                break;
            sent++;
            some = true;
        }
        idle = some ? 0 : idle + 1;
        fiber_sleep(MILLISECOND);
    }
    assert_int_equal(f.active, 4096);
    assert_true(sent > 4096); /* the rest waits in the socket */
    assert_true(ipc_channel_is_open(f.server));
    close_fixture(&f);
}

static void answer_one(struct fixture *f)
{
    uint8_t got[256], frame[64];
    for (int i = 0; i < 1000; i++) {
        ssize_t count = recv(f->raw, got, sizeof(got), MSG_DONTWAIT);
        if (count > 0 && !(got[4] & IPC_FRAME_REPLY)) {
            size_t length = make_frame(frame, ECHO, IPC_FRAME_REPLY, 0, BYTES("answer"));
            memcpy(frame + 8, got + 8, 4);
            raw_send(f, frame, length);
            return;
        }
        if (count < 0)
            fiber_sleep(MILLISECOND);
    }
}

static void ask_the_flooder(void *argument)
{
    struct fixture *f = argument;
    struct ipc_message request = {.type = ECHO, .payload = BYTES("question")}, reply;
    if (ipc_call(f->server, f->arena, &request, &reply, loop_deadline(20 * SECOND), NULL) == OK &&
        bytes_is(reply.payload, "answer"))
        f->served = 1000000;
}

FIBER_TEST(call_to_a_peer_that_floods_still_gets_its_reply)
{
    struct fixture f;
    struct fiber_group group;
    uint8_t frame[64];
    open_fixture(&f, true);
    for (int i = 0; i < 5000; i++) {
        size_t length = make_frame(frame, NEVER, 0, 1, BYTES("x"));
        raw_send(&f, frame, length);
        if (i % 100 == 0)
            fiber_sleep(MILLISECOND);
    }
    fiber_group_open(&group);
    assert_true(fiber_group_start(&group, "ask", ask_the_flooder, &f));
    fiber_yield();
    answer_one(&f);
    assert_int_equal(fiber_group_wait(&group, loop_deadline(20 * SECOND)), 0);
    assert_int_equal(f.served, 1000000);
    fiber_group_close(&group);
    close_fixture(&f);
}

FIBER_TEST(lack_of_descriptors_refuses_the_request_and_keeps_the_channel)
{
    struct fixture f;
    struct rlimit limit, low;
    struct ipc_message reply;
    open_fixture(&f, false);
    int memory = memfd_create("test", MFD_CLOEXEC);
    struct ipc_message request = {.type = DESCRIPTORS, .descriptors = {memory, memory}};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    int next = dup(memory);
    low.rlim_cur = (rlim_t)next; /* no number below it is free */
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    enum result result =
        ipc_call(f.client, f.arena, &request, &reply, loop_deadline(5 * SECOND), NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(result, TEMP);
    assert_int_equal(f.served, 0);
    assert_int_equal(call(&f, ECHO, BYTES("x"), &reply, SECOND), OK);
    close(memory);
    close_fixture(&f);
}

FIBER_TEST(server_may_end_the_channel_for_a_bad_payload)
{
    struct fixture f;
    struct ipc_message reply;
    open_fixture(&f, false);
    ipc_channel_break(f.server, "a payload that cannot be read");
    wait_for_server_end(&f);
    assert_int_equal(f.server_end, PERM);
    assert_int_equal(call(&f, ECHO, BYTES("x"), &reply, SECOND), TEMP);
    close_fixture(&f);
}

/* ---- payloads ---- */

static void payload_reads_back_as_written(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1024);
    ipc_add_u8(&out, 0xab);
    ipc_add_u32(&out, 0x01020304);
    ipc_add_u64(&out, UINT64_C(0x0102030405060708));
    ipc_add_bytes(&out, BYTES("hello"));
    ipc_add_bytes(&out, BYTES(""));
    assert_memory_equal(out.ptr, "\xab\1\2\3\4\1\2\3\4\5\6\7\10\0\0\0\5hello\0\0\0\0", out.len);
    struct cursor cursor = cursor_over(buf_bytes(&out));
    assert_int_equal(cursor_u8(&cursor), 0xab);
    assert_int_equal(cursor_u32(&cursor), 0x01020304);
    assert_true(cursor_u64(&cursor) == UINT64_C(0x0102030405060708));
    assert_true(bytes_is(ipc_take_bytes(&cursor), "hello"));
    assert_int_equal(ipc_take_bytes(&cursor).len, 0);
    assert_true(cursor_at_end(&cursor) && !cursor.failed);
    buf_free(&out);
}

static void slice_longer_than_the_payload_fails_the_cursor(void **state)
{
    (void)state;
    struct cursor cursor = cursor_over(BYTES("\xff\xff\xff\xffhello"));
    assert_int_equal(ipc_take_bytes(&cursor).len, 0);
    assert_true(cursor.failed);
    cursor = cursor_over(BYTES("\0\0\0\6hello"));
    ipc_take_bytes(&cursor);
    assert_true(cursor.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_brings_the_reply),
        cmocka_unit_test(largest_payload_passes_and_a_larger_one_is_refused_here),
        cmocka_unit_test(many_fibers_call_at_once_and_each_gets_its_own_reply),
        cmocka_unit_test(descriptors_arrive_where_they_were_put_close_on_exec),
        cmocka_unit_test(one_way_message_is_served_and_not_answered),
        cmocka_unit_test(request_freed_without_a_reply_fails_its_caller_at_once),
        cmocka_unit_test(deadline_ends_the_call_and_a_late_reply_is_dropped),
        cmocka_unit_test(cancelled_call_returns_and_the_channel_works_on),
        cmocka_unit_test(closing_fails_the_calls_of_both_sides),
        cmocka_unit_test(both_sides_may_call_on_one_channel),
        cmocka_unit_test(cancelled_server_fiber_can_still_reply),
        cmocka_unit_test(slots_of_ended_calls_are_used_again),
        cmocka_unit_test(reply_that_does_not_fit_the_arena_is_temporary),
        cmocka_unit_test(malformed_frames_end_the_channel),
        cmocka_unit_test(packet_longer_than_a_frame_ends_the_channel),
        cmocka_unit_test(replies_to_nothing_end_the_channel),
        cmocka_unit_test(descriptors_that_were_not_announced_end_the_channel_and_are_closed),
        cmocka_unit_test(peer_that_goes_away_is_no_breach),
        cmocka_unit_test(peer_that_never_answers_costs_only_the_deadline),
        cmocka_unit_test(peer_that_never_reads_costs_only_the_deadline),
        cmocka_unit_test(second_reply_and_late_replies_are_dropped_with_their_descriptors),
        cmocka_unit_test(flood_of_requests_is_bounded_and_others_run_on),
        cmocka_unit_test(call_to_a_peer_that_floods_still_gets_its_reply),
        cmocka_unit_test(lack_of_descriptors_refuses_the_request_and_keeps_the_channel),
        cmocka_unit_test(server_may_end_the_channel_for_a_bad_payload),
        cmocka_unit_test(payload_reads_back_as_written),
        cmocka_unit_test(slice_longer_than_the_payload_fails_the_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
