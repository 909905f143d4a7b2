/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue_fill: fills the queue of a gateway that is not running, as weeks of mail to dead servers would.
 *
 *   queue_fill DATA-DIRECTORY MESSAGES DESTINATIONS DOMAIN OCTETS
 *
 * The messages go to somebody.N@dM.DOMAIN, M below DESTINATIONS, were tried three times and are due between an
 * hour ago and three hours from now. OCTETS is the size of each.
 */
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 1000, CONTENT_MAX = 1 << 20, ATTEMPTS = 3, LIFETIME = 5 * 86400 };

static uint8_t content[CONTENT_MAX];
static struct queue_change changes[BATCH];
static struct queue_envelope envelopes[BATCH];
static struct queue_recipient recipients[BATCH];
static char ids[BATCH][16], addresses[BATCH][320];

static size_t number(const char *text, size_t most)
{
    uint64_t value;
    if (!bytes_to_uint(bytes_of(text), most, &value) || value == 0) {
        fprintf(stderr, "queue_fill: '%s' is no number up to %zu\n", text, most);
        exit(2);
    }
    return (size_t)value;
}

/* As the gateway makes them: time and a counter. */
static struct bytes make_id(char id[16], uint64_t n)
{
    static const char digits[] = "0123456789abcdfghjklmnpqrstvwxyz";
    uint64_t value = (((uint64_t)time(NULL) * 1000000 + n) << 10) | (n & 31);
    for (int i = 12; i >= 0; i--, value >>= 5)
        id[i] = digits[value & 31];
    return bytes_from(id, 13);
}

static void prepare(size_t i, uint64_t n, size_t destinations, const char *domain, size_t octets)
{
    int64_t now = time(NULL);
    snprintf(addresses[i], sizeof(addresses[i]), "somebody.%llu@d%llu.%.250s", (unsigned long long)n,
             (unsigned long long)(n % destinations), domain);
    recipients[i] = (struct queue_recipient){.address = bytes_of(addresses[i]),
                                             .attempts = ATTEMPTS,
                                             .next_try = now - 3600 + (int64_t)(n * 7919 % (4 * 3600)),
                                             .tried_at = now - 7200,
                                             .code = 451,
                                             .enhanced = BYTES("4.4.1"),
                                             .text = BYTES("connection refused")};
    envelopes[i] = (struct queue_envelope){.id = make_id(ids[i], n),
                                           .queued_at = now - 7200,
                                           .expires_at = now + LIFETIME,
                                           .sender = BYTES("bench@sender0.example"),
                                           .account = BYTES("bench"),
                                           .origin = QUEUE_ORIGIN_OURS,
                                           .recipients = &recipients[i],
                                           .recipient_count = 1};
    changes[i] = (struct queue_change){
        .kind = QUEUE_ADD, .envelope = &envelopes[i], .content = {bytes_from(content, octets)}, .content_fd = -1};
}

int main(int argc, char **argv)
{
    struct queue *queue;
    struct error error;
    struct queue_visitor visitor = {.context = NULL};
    if (argc != 6) {
        fprintf(stderr, "usage: queue_fill DATA-DIRECTORY MESSAGES DESTINATIONS DOMAIN OCTETS\n");
        return 2;
    }
    size_t messages = number(argv[2], 100000000), destinations = number(argv[3], 1000000);
    size_t octets = number(argv[5], CONTENT_MAX);
    for (size_t i = 0; i < octets; i++)
        content[i] = i % 76 == 74 ? '\r' : i % 76 == 75 ? '\n' : (uint8_t)('a' + i % 26);
    if (queue_open(durable_kernel(), argv[1], NULL, &visitor, &queue, &error) != OK)
        panic("%s", error.text);
    for (size_t done = 0; done < messages;) {
        size_t count = messages - done < BATCH ? messages - done : BATCH;
        for (size_t i = 0; i < count; i++)
            prepare(i, done + i, destinations, argv[4], octets);
        queue_commit(queue, changes, count);
        for (size_t i = 0; i < count; i++)
            if (changes[i].result != OK)
                panic("a message was not taken: %s", changes[i].error.text);
        done += count;
    }
    queue_close(queue);
    return 0;
}
