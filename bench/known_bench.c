/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much processor time the store takes to say what it knows of a sender, and to remember a message, with many
 * senders known.
 *
 * usage: known_bench [SENDERS [ROUNDS]]
 *
 * One recipient; the sender has a DKIM and an SPF identity, is asked for as a contact, and by the greylist. The
 * counters lie in a new folder of the working directory.
 */
#include "roles/store_known.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64 };
#define NOW INT64_C(1795297381)

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void describe(struct history_identity identities[2], struct arena *arena, unsigned sender)
{
    struct bytes name = arena_printf(arena, "sender%u.example", sender);
    identities[0] = (struct history_identity){HISTORY_DKIM, name, true};
    identities[1] = (struct history_identity){HISTORY_SPF, name, true};
}

static void remember(struct counters *counters, const struct known_rules *rules, struct arena *arena,
                     const unsigned *senders, size_t count)
{
    struct bytes blobs[BATCH];
    struct error error;
    for (size_t i = 0; i < count; i++) {
        struct known_outcome outcome = {.identity_count = 2, .class = KNOWN_HAM};
        struct buf blob;
        describe(outcome.identities, arena, senders[i]);
        buf_init(&blob, KNOWN_OUTCOME_MAX);
        known_outcome_write(&blob, &outcome);
        blobs[i] = arena_copy(arena, buf_bytes(&blob));
        buf_free(&blob);
    }
    if (known_apply(counters, rules, NULL, arena, blobs, count, NOW, &error) != OK)
        fprintf(stderr, "%s\n", error.text);
}

static void ask(struct counters *counters, const struct known_rules *rules, struct arena *arena, unsigned sender)
{
    struct bytes recipient = BYTES("anna@here.example");
    struct known_answer answer;
    struct error error;
    struct known_question question = {.history = true,
                                      .contacts = true,
                                      .greylist = true,
                                      .delay = 300,
                                      .identity_count = 2,
                                      .client = {4, {192, 0, 2, 1}},
                                      .author = arena_printf(arena, "a@sender%u.example", sender),
                                      .mail_from = arena_printf(arena, "a@sender%u.example", sender),
                                      .recipients = &recipient,
                                      .recipient_count = 1};
    describe(question.identities, arena, sender);
    if (known_ask(counters, rules, NULL, arena, &question, NOW, &answer, &error) != OK)
        fprintf(stderr, "%s\n", error.text);
}

int main(int argc, char **argv)
{
    unsigned known = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;
    unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100000;
    struct known_rules rules = {.history = true,
                                .contacts = true,
                                .traps = true,
                                .of_history = {60 * 86400, 180 * 86400},
                                .of_greylist = {2 * 86400, 36 * 86400, 5},
                                .contacts_keep = 730 * 86400};
    char folder[] = "known-bench-XXXXXX";
    struct counters *counters;
    struct error error;
    unsigned senders[BATCH];
    if (!known || !mkdtemp(folder) || counters_open(folder, (size_t)2 << 30, &counters, &error) != OK)
        return 1;
    struct arena *arena = arena_create((size_t)1 << 30);
    double began = seconds();
    for (unsigned at = 0; at < known; at += BATCH) {
        for (unsigned i = 0; i < BATCH; i++)
            senders[i] = at + i;
        remember(counters, &rules, arena, senders, BATCH);
        arena_reset(arena);
    }
    printf("remembering %u new senders: %.1f us a message\n", known, (seconds() - began) * 1e6 / known);
    uint32_t random = 1;
    began = seconds();
    for (unsigned i = 0; i < rounds; i++) {
        random = random * 1664525 + 1013904223;
        ask(counters, &rules, arena, random % known);
        arena_reset(arena);
    }
    printf("a question about a known sender: %.1f us\n", (seconds() - began) * 1e6 / rounds);
    began = seconds();
    for (unsigned i = 0; i < rounds; i++) {
        ask(counters, &rules, arena, known + i);
        arena_reset(arena);
    }
    printf("a question about an unknown sender: %.1f us\n", (seconds() - began) * 1e6 / rounds);
    began = seconds();
    for (unsigned at = 0; at < rounds; at += BATCH) {
        for (unsigned i = 0; i < BATCH; i++) {
            random = random * 1664525 + 1013904223;
            senders[i] = random % known;
        }
        remember(counters, &rules, arena, senders, BATCH);
        arena_reset(arena);
    }
    printf("remembering a message of a known sender: %.1f us\n", (seconds() - began) * 1e6 / rounds);
    printf("%zu keys\n", counters_size(counters));
    counters_close(counters);
    arena_destroy(arena);
    char file[64];
    snprintf(file, sizeof(file), "%s/data.mdb", folder);
    unlink(file);
    snprintf(file, sizeof(file), "%s/lock.mdb", folder);
    unlink(file);
    return rmdir(folder);
}
