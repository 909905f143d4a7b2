/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters_run() with 20 operations (16 that add, 4 that only say) on keys of 40 octets among 100,000: in LMDB, and in
 * a real Redis on this machine, asked by one fiber (each waits for its answer) and by 64 at once (which share round
 * trips). The line of each says questions and operations a second, the time that one question takes its fiber, and the
 * CPU time that it takes this process and Redis.
 */
#include "state/redis_fixture.h"

#include <time.h>

enum { KEYS = 100000, OPERATIONS = 20, SEEDED = 100 };
static const int64_t MEASURED = 3 * SECOND;

struct bench {
    struct counters *counters;
    int64_t until;
    uint64_t questions;
    uint32_t chance;
    bool failed;
};

static unsigned draw(struct bench *bench)
{
    bench->chance = bench->chance * 1664525 + 1013904223;
    return bench->chance >> 8;
}

static void ask(struct bench *bench, enum counter_operation_kind most, size_t count, unsigned first)
{
    struct counter_operation operations[SEEDED];
    char keys[SEEDED][48];
    struct error error;
    for (size_t i = 0; i < count; i++) {
        unsigned key = first < KEYS ? first + (unsigned)i : draw(bench) % KEYS;
        snprintf(keys[i], sizeof(keys[i]), "count:%034u", key);
        operations[i] = (struct counter_operation){.kind = i % 5 ? most : COUNTER_GET,
                                                   .key = bytes_of(keys[i]),
                                                   .delta = 1,
                                                   .expires_at = loop_epoch() + 86400};
    }
    if (counters_run(bench->counters, operations, count, loop_epoch(), &error) != OK)
        bench->failed = true;
    bench->questions++;
}

static void ask_often(void *argument)
{
    struct bench *bench = argument;
    while (loop_now_fresh() < bench->until && !bench->failed)
        ask(bench, COUNTER_ADD, OPERATIONS, KEYS);
}

/* 0: no such process. */
static double cpu_seconds(pid_t process)
{
    clockid_t clock;
    struct timespec used = {0};
    if (process && clock_getcpuclockid(process, &clock) == 0)
        clock_gettime(clock, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void measure(struct counters *counters, const char *name, unsigned fibers, pid_t redis)
{
    struct bench bench = {.counters = counters, .chance = 1};
    struct fiber_group group;
    for (unsigned i = 0; i < KEYS; i += SEEDED)
        ask(&bench, COUNTER_SET, SEEDED, i);
    bench.questions = 0;
    double own = cpu_seconds(getpid()), other = cpu_seconds(redis);
    int64_t began = loop_now_fresh();
    bench.until = began + MEASURED;
    fiber_group_open(&group);
    for (unsigned i = 0; i < fibers; i++)
        fixture_start(&group, "asker", ask_often, &bench);
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    double seconds = (double)(loop_now_fresh() - began) / 1e6;
    double rate = (double)bench.questions / seconds;
    own = (cpu_seconds(getpid()) - own) * 1e6 / (double)bench.questions;
    other = (cpu_seconds(redis) - other) * 1e6 / (double)bench.questions;
    printf("counters: %-20s %2u fibers: %7.0f questions/s %8.0f operations/s %8.1f us each, CPU %6.1f + %6.1f us%s\n",
           name, fibers, rate, rate * OPERATIONS, fibers * 1e6 / rate, own, other, bench.failed ? " (failed)" : "");
    fflush(stdout);
}

static void run(void *argument)
{
    struct gateway gateway = {.counters = NULL};
    struct redis_server server = {.process = 0};
    (void)argument;
    gateway_open(&gateway);
    measure(gateway.counters, "LMDB", 1, 0);
    gateway_remove(&gateway);
    if (!redis_program()) {
        printf("counters: redis-server is not installed\n");
        return;
    }
    redis_server_start(&server);
    gateway_open(&gateway);
    gateway_share(&gateway, &server);
    measure(gateway.counters, "Redis (Unix socket)", 1, server.process);
    measure(gateway.counters, "Redis (Unix socket)", 64, server.process);
    redis_server_kill(&server);
    gateway_await(&gateway, false);
    measure(gateway.counters, "Redis away", 1, 0);
    gateway_remove(&gateway);
    redis_server_remove(&server);
}

int main(void)
{
    fixture_run_real(run, NULL);
    return 0;
}
