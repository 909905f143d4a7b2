/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fibers cost: a switch, a wake, a start, a wait on a socket, and the memory of sessions that
 * only wait. Each line says what a number is; the last is for the table of benchmarks.
 */
#include "fiber/group.h"
#include "fiber/stream.h"
#include "fiber/switch.h"
#include "fiber/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SWITCHES = 10000000, WAKES = 2000000, STARTS = 500000, ROUNDS = 200000, SESSIONS = 10000 };
enum { RING = 64, RAW_STACK = 64 * 1024 };

static double seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double report(const char *what, double start, double count)
{
    double nanoseconds = (seconds() - start) / count * 1e9;
    printf("%-52s %8.1f ns\n", what, nanoseconds);
    return nanoseconds;
}

/* The switch alone: there and back is one. */
static struct context here, there;

static void bounce(void *argument)
{
    for (;;)
        switch_to(&there, &here);
}

static double bench_switch(void)
{
    uint8_t *stack = aligned_alloc(4096, RAW_STACK);
    if (!stack)
        exit(1);
    switch_prepare(&there, stack, RAW_STACK, bounce, NULL);
    double start = seconds();
    for (unsigned i = 0; i < SWITCHES; i++)
        switch_to(&here, &there);
    double cost = report("switch, there and back", start, SWITCHES);
    free(stack);
    return cost;
}

static void yield_often(void *argument)
{
    for (unsigned i = 0; i < WAKES / RING; i++)
        (void)fiber_yield();
}

static void bench_yield(void)
{
    struct fiber_group group;
    fiber_group_open(&group);
    double start = seconds();
    for (unsigned i = 0; i < RING; i++)
        if (!fiber_group_start(&group, "yield", yield_often, NULL))
            exit(1);
    fiber_group_wait(&group, NO_DEADLINE);
    report("yield among 64 fibers", start, WAKES);
    fiber_group_close(&group);
}

struct pair {
    struct fiber_signal ping, pong;
    int64_t deadline;
};

static void answer(void *argument)
{
    struct pair *pair = argument;
    while (!fiber_signal_wait(&pair->ping, pair->deadline))
        fiber_signal_one(&pair->pong);
}

static void bench_wake(const char *what, int64_t deadline)
{
    struct pair pair = {.deadline = deadline};
    struct fiber_group group;
    fiber_group_open(&group);
    if (!fiber_group_start(&group, "answer", answer, &pair) || fiber_yield())
        exit(1);
    double start = seconds();
    for (unsigned i = 0; i < WAKES / 2; i++) {
        fiber_signal_one(&pair.ping);
        (void)fiber_signal_wait(&pair.pong, deadline);
    }
    report(what, start, WAKES);
    fiber_group_close(&group);
}

static void nothing(void *argument)
{
}

static void bench_start(void)
{
    double start = seconds();
    for (unsigned i = 0; i < STARTS; i++) {
        struct fiber_group group;
        fiber_group_open(&group);
        if (!fiber_group_start(&group, "child", nothing, NULL))
            exit(1);
        fiber_group_wait(&group, NO_DEADLINE);
        fiber_group_close(&group);
    }
    report("start a fiber in a group and wait for its end", start, STARTS);
}

static struct stream *stream_over(int fd)
{
    struct descriptor *descriptor = descriptor_open(fd);
    struct transport *transport = descriptor ? transport_over(descriptor) : NULL;
    struct stream *stream = transport ? stream_create(transport) : NULL;
    if (!stream)
        exit(1);
    return stream;
}

static void stream_pair(struct stream *streams[2])
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
        exit(1);
    streams[0] = stream_over(fds[0]);
    streams[1] = stream_over(fds[1]);
}

static void echo(void *argument)
{
    struct stream *stream = argument;
    struct bytes line;
    while (!stream_read_line(stream, 512, &line, loop_deadline(5 * MINUTE)))
        if (stream_write(stream, line, loop_deadline(5 * MINUTE)) ||
            stream_flush(stream, loop_deadline(5 * MINUTE)))
            break;
    stream_close(stream);
}

static void bench_socket(void)
{
    struct stream *streams[2];
    stream_pair(streams);
    struct fiber_group group;
    fiber_group_open(&group);
    if (!fiber_group_start(&group, "echo", echo, streams[1]))
        exit(1);
    struct bytes line;
    double start = seconds();
    for (unsigned i = 0; i < ROUNDS; i++)
        if (stream_write(streams[0], BYTES("NOOP\r\n"), NO_DEADLINE) ||
            stream_flush(streams[0], NO_DEADLINE) ||
            stream_read_line(streams[0], 512, &line, loop_deadline(MINUTE)))
            exit(1);
    report("a line through a socketpair, one way", start, 2.0 * ROUNDS);
    stream_close(streams[0]);
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
}

static long resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* As deep as a TLS handshake with a few look-ups, once, before the session goes idle. */
static __attribute__((noinline)) void go_deep(void)
{
    volatile uint8_t deep[40 * 1024];
    for (size_t i = 0; i < sizeof(deep); i += 1024)
        deep[i] = 1;
}

static void session(void *argument)
{
    struct stream *stream = argument;
    struct bytes line;
    while (!stream_read_line(stream, 512, &line, loop_deadline(5 * MINUTE)))
        go_deep();
    stream_close(stream);
}

static void say_memory(const char *what, long start, size_t count)
{
    printf("%-52s %8.0f octets\n", what, (double)(resident() - start) / (double)count);
}

/* The other ends are bare descriptors, so that all that is counted belongs to the sessions. */
static void bench_memory(void)
{
    static int clients[SESSIONS];
    struct rlimit limit = {2 * SESSIONS + 100, 2 * SESSIONS + 100};
    size_t count = SESSIONS;
    if (setrlimit(RLIMIT_NOFILE, &limit) && !getrlimit(RLIMIT_NOFILE, &limit))
        count = limit.rlim_cur < 2 * SESSIONS + 100 ? (limit.rlim_cur - 100) / 2 : SESSIONS;
    struct fiber_group group;
    fiber_group_open(&group);
    long start = resident();
    for (size_t i = 0; i < count; i++) {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
            exit(1);
        clients[i] = fds[0];
        if (!fiber_group_start(&group, "session", session, stream_over(fds[1])))
            exit(1);
    }
    (void)fiber_sleep(100 * MILLISECOND);
    printf("%zu sessions:\n", count);
    say_memory("resident for each (fiber, stream, idle)", start, count);
    for (size_t i = 0; i < count; i++)
        if (write(clients[i], "HELO\r\n", 6) != 6)
            exit(1);
    (void)fiber_sleep(100 * MILLISECOND);
    say_memory("the same just after it was 40 KiB deep", start, count);
    (void)fiber_sleep(25 * SECOND);
    say_memory("the same after it rested a while", start, count);
    fiber_group_close(&group);
    for (size_t i = 0; i < count; i++)
        close(clients[i]);
}

static void run(void *argument)
{
    double *cost = argument;
    *cost = bench_switch();
    bench_yield();
    bench_wake("wake another fiber, no deadline", NO_DEADLINE);
    bench_wake("wake another fiber, with a deadline", loop_deadline(HOUR));
    bench_start();
    bench_socket();
    bench_memory();
}

int main(void)
{
    double cost = 0;
    struct loop *loop = loop_create(&(struct loop_options){0});
    if (!loop)
        return 1;
    loop_run(loop, run, &cost);
    loop_destroy(loop);
    printf("bench fiber-switch: vouch=%.1f ns\n", cost);
    return 0;
}
