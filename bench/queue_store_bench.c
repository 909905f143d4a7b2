/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue's store on a real disk: accepts a second with batches of messages of 6 KB, with the queue empty and
 * with many messages in it; the time of a start with that many; memory. Beside them what the disk allows:
 * as many octets appended to a file and synced as often.
 *
 *   queue_store_bench [MESSAGES [FOLDER [CYCLES]]]
 *
 * MESSAGES is 1000000, FOLDER a new one in /var/tmp that is deleted at the end. CYCLES: so many times 20000 messages
 * go through the full queue, until space of the journal is won back.
 *
 *
 * To fill the queue the messages get short contents, so that the disk need not hold gigabytes; their envelopes are
 * of the usual size.
 */
#include "base/arena.h"
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 20, CONTENT = 6 * 1024, FILL_BATCH = 1000, FILL_CONTENT = 64, MEASURED = 1000 };

static uint8_t content[CONTENT];
static uint64_t next_id = 1;
static struct queue_change changes[FILL_BATCH];
static struct queue_envelope envelopes[FILL_BATCH];
static struct queue_recipient recipients[FILL_BATCH];
static char ids[FILL_BATCH][16], addresses[FILL_BATCH][64];

static double now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double resident(void)
{
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &ignored, &pages) != 2)
        pages = 0;
    if (file)
        fclose(file);
    return (double)pages * 4096 / 1e6;
}

static void fill(size_t i, size_t octets)
{
    static const char digits[] = "0123456789abcdfghjklmnpqrstvwxyz";
    uint64_t value = ((UINT64_C(1795297381000000) + next_id * 211) << 10) | (next_id & 31);
    for (int k = 12; k >= 0; k--, value >>= 5)
        ids[i][k] = digits[value & 31];
    snprintf(addresses[i], sizeof(addresses[i]), "somebody.%llu@dead%llu.example.net",
             (unsigned long long)next_id, (unsigned long long)(next_id % 1000));
    next_id++;
    recipients[i] = (struct queue_recipient){.address = bytes_of(addresses[i]),
                                             .attempts = 3,
                                             .next_try = 1795300000,
                                             .tried_at = 1795297381,
                                             .code = 451,
                                             .enhanced = BYTES("4.4.1"),
                                             .text = BYTES("connection timed out")};
    envelopes[i] = (struct queue_envelope){.id = bytes_from(ids[i], 13),
                                           .queued_at = 1795297381,
                                           .expires_at = 1795297381 + 432000,
                                           .sender = BYTES("newsletter@sender.example.com"),
                                           .account = BYTES("newsletter"),
                                           .origin = QUEUE_ORIGIN_OURS,
                                           .recipients = &recipients[i],
                                           .recipient_count = 1};
    changes[i] = (struct queue_change){.kind = QUEUE_ADD,
                                       .envelope = &envelopes[i],
                                       .content = {bytes_from(content, octets)},
                                       .content_fd = -1};
}

static void add(struct queue *queue, size_t count, size_t octets)
{
    for (size_t i = 0; i < count; i++)
        fill(i, octets);
    queue_commit(queue, changes, count);
    for (size_t i = 0; i < count; i++)
        if (changes[i].result != OK)
            panic("a message was not accepted: %s", changes[i].error.text);
}

/* Adds batches; with `removing` each is removed again a few batches later, as mail that is delivered at once. */
static void measure(struct queue *queue, const char *what, bool removing)
{
    static uint32_t numbers[MEASURED][BATCH];
    double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t batch = 0; batch < MEASURED; batch++) {
        for (size_t i = 0; i < BATCH; i++)
            fill(i, CONTENT);
        size_t count = BATCH;
        for (size_t i = 0; removing && batch >= 4 && i < BATCH; i++)
            changes[count++] = (struct queue_change){
                .kind = QUEUE_REMOVE, .number = numbers[batch - 4][i], .content_fd = -1};
        queue_commit(queue, changes, count);
        for (size_t i = 0; i < count; i++)
            if (changes[i].result != OK)
                panic("a change failed: %s", changes[i].error.text);
        for (size_t i = 0; i < BATCH; i++)
            numbers[batch][i] = changes[i].number;
    }
    double seconds = now(CLOCK_MONOTONIC) - start;
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%-44s %8.0f messages/s  %6.0f us a batch  %5.1f us CPU a message\n", what,
           MEASURED * BATCH / seconds, seconds / MEASURED * 1e6, cpu / MEASURED / BATCH * 1e6);
    fflush(stdout);
}

/* The same octets appended to a file with one sync a batch: no queue can be faster with two. */
static void measure_disk(const char *folder, int syncs)
{
    char path[4096];
    static uint8_t text[BATCH * CONTENT];
    static int file;
    snprintf(path, sizeof(path), "%s/raw%d", folder, file++);
    struct durable *durable = durable_kernel();
    int fd = durable->create(durable, path, 0600);
    double start = now(CLOCK_MONOTONIC);
    for (uint64_t i = 0; fd >= 0 && i < MEASURED; i++) {
        if (durable->write_at(durable, fd, bytes_from(text, sizeof(text)), i * sizeof(text)) ||
            durable->sync_data(durable, fd))
            panic("the disk fails");
        if (syncs == 2 && (durable->write_at(durable, fd, bytes_from(text, 4096), 0) ||
                           durable->sync_data(durable, fd)))
            panic("the disk fails");
    }
    double seconds = now(CLOCK_MONOTONIC) - start;
    if (fd >= 0)
        (void)durable->close(durable, fd);
    printf("%-44s %8.0f messages/s  %6.0f us a batch\n",
           syncs == 2 ? "disk alone, append + 2 syncs" : "disk alone, append + sync",
           MEASURED * BATCH / seconds, seconds / MEASURED * 1e6);
    fflush(stdout);
}

static struct queue *open_queue(const char *folder)
{
    struct queue *queue;
    struct error error;
    struct queue_visitor visitor = {.context = NULL};
    if (queue_open(durable_kernel(), folder, NULL, &visitor, &queue, &error) != OK)
        panic("%s", error.text);
    return queue;
}

static void empty(struct queue *queue)
{
    uint32_t number = QUEUE_NO_ITEM;
    size_t count;
    do {
        for (count = 0; count < FILL_BATCH; count++) {
            number = queue_next(queue, number);
            if (number == QUEUE_NO_ITEM)
                break;
            changes[count] = (struct queue_change){.kind = QUEUE_REMOVE, .number = number};
        }
        queue_commit(queue, changes, count);
    } while (count == FILL_BATCH);
}

int main(int argc, char **argv)
{
    int cycles = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0;
    size_t messages = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1000000;
    char folder[4096], command[4200];
    snprintf(folder, sizeof(folder), "%s", argc > 2 ? argv[2] : "/var/tmp/vouch-queue-XXXXXX");
    if (argc <= 2 && !mkdtemp(folder))
        panic("cannot make a folder in /var/tmp");
    for (size_t i = 0; i < sizeof(content); i++)
        content[i] = (uint8_t)('a' + i % 26);
    struct queue *queue = open_queue(folder);
    for (int round = 0; round < 3; round++) {
        measure_disk(folder, 1);
        measure_disk(folder, 2);
        measure(queue, "empty queue, added and removed", true);
        measure(queue, "empty queue, added", false);
        empty(queue);
    }
    double before = resident(), start = now(CLOCK_MONOTONIC);
    size_t memory = queue_figures(queue).memory_octets;
    while (queue_count(queue) < messages)
        add(queue, FILL_BATCH, FILL_CONTENT);
    struct queue_figures figures = queue_figures(queue);
    printf("%zu messages filled in, in %.1f s; memory %.1f MB (items and index: %.1f MB, %.1f octets a message)\n",
           figures.messages, now(CLOCK_MONOTONIC) - start, resident() - before,
           (double)figures.memory_octets / 1e6,
           (double)(figures.memory_octets - memory) / (double)figures.messages);
    sync();
    for (int round = 0; round < 3; round++) {
        measure_disk(folder, 1);
        measure_disk(folder, 2);
        measure(queue, "full queue, added and removed", true);
        measure(queue, "full queue, added", false);
    }
    for (int round = 0; round < cycles; round++)
        measure(queue, "full queue, for long, space is won back", true);
    figures = queue_figures(queue);
    printf("bodies %.0f MB in %zu segments (%zu spare), journal %.0f MB in %zu (%.0f MB live), moved %.1f MB\n",
           (double)figures.body_octets / 1e6, figures.body_segments, figures.spare_segments,
           (double)figures.journal_octets / 1e6, figures.journal_segments,
           (double)figures.journal_live_octets / 1e6, (double)figures.moved_octets / 1e6);
    queue_close(queue);
    double resident_before = resident();
    start = now(CLOCK_MONOTONIC);
    queue = open_queue(folder);
    printf("start with %zu messages: %.2f s, resident %.1f MB (%.1f before)\n", queue_count(queue),
           now(CLOCK_MONOTONIC) - start, resident(), resident_before);
    queue_close(queue);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return argc <= 2 && system(command) != 0 ? 1 : 0;
}
