/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth: our side of bench/run-auth, which runs it beside its peers on the same input.
 *
 *   auth spf ZONE CHECKS              full SPF checks from a warm cache
 *   auth verify FOLDER MESSAGES       FOLDER/N.eml, each once; the key's record is FOLDER/record
 *   auth sign FOLDER MESSAGES         FOLDER/N.txt, each once, with FOLDER/key.pem
 *
 * Prints "N in SECONDS": processor time of the thread, from octets in memory to the result.
 */
#include "auth/dkim.h"
#include "auth/dkim_key.h"
#include "auth/dkim_sign.h"
#include "auth/spf.h"
#include "base/clock.h"
#include "dns/cache.h"
#include "dns/zone.h"
#include "fiber/loop.h"

#include <openssl/pem.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CLIENTS = 64, FILE_MAX = 1 << 20 };

struct task {
    const char *row, *place;
    unsigned count;
    struct arena *kept; /* input */
};

static double processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct bytes read_file(struct arena *arena, const char *folder, const char *name)
{
    char path[512];
    static uint8_t text[FILE_MAX];
    snprintf(path, sizeof(path), "%s%s%s", folder, *name ? "/" : "", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        panic("cannot read %s", path);
    size_t length = fread(text, 1, sizeof(text), file);
    fclose(file);
    return arena_copy(arena, bytes_from(text, length));
}

static struct bytes *read_messages(const struct task *task, const char *suffix)
{
    struct bytes *messages = arena_alloc_array(task->kept, task->count, sizeof(*messages));
    for (unsigned i = 0; messages && i < task->count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%u.%s", i, suffix);
        messages[i] = read_file(task->kept, task->place, name);
    }
    if (!messages || arena_exhausted(task->kept))
        panic("out of memory");
    return messages;
}

static void check_spf(struct dns *dns, struct arena *arena, unsigned number)
{
    const struct spf_request request = {
        .ip = ip_from_v4((const uint8_t[]){203, 0, 113, (uint8_t)(number % CLIENTS * 4)}),
        .helo = BYTES("mail.example.org"),
        .sender = BYTES("somebody@example.org"),
        .receiver = BYTES("mx.example.net"),
        .deadline = NO_DEADLINE,
    };
    struct spf_result result;
    spf_check_mail_from(dns, arena, &request, &result);
    if (result.result != (number % CLIENTS * 4 >= 128 ? AUTH_PASS : AUTH_FAIL))
        panic("wrong result %s", auth_result_name(result.result));
    arena_reset(arena);
}

static double run_spf(const struct task *task, struct arena *arena)
{
    struct zone *zone = zone_create();
    struct error error;
    if (zone_load(zone, read_file(task->kept, task->place, ""), &error) != OK)
        panic("%s", error.text);
    struct dns *cache = dns_cache_create(zone_dns(zone), NULL);
    for (unsigned i = 0; i < CLIENTS; i++)
        check_spf(cache, arena, i);
    double start = processor_time();
    for (unsigned i = 0; i < task->count; i++)
        check_spf(cache, arena, i);
    double seconds = processor_time() - start;
    dns_cache_destroy(cache);
    zone_destroy(zone);
    return seconds;
}

static double run_verify(const struct task *task, struct arena *arena)
{
    struct bytes *messages = read_messages(task, "eml");
    struct zone *zone = zone_create();
    const struct dkim_options options = {.now = loop_epoch(), .deadline = NO_DEADLINE};
    if (!zone_add(zone, BYTES("sel._domainkey.example.org"), DNS_TXT, 3600,
                  read_file(task->kept, task->place, "record")))
        panic("no record");
    double start = processor_time();
    for (unsigned i = 0; i < task->count; i++) {
        struct message message;
        struct dkim_results results;
        if (message_parse(arena, messages[i], &message, NULL) != OK)
            panic("message %u", i);
        dkim_verify(zone_dns(zone), arena, &message, &options, &results);
        if (results.count != 1 || results.signatures[0].result != AUTH_PASS)
            panic("message %u: " BYTES_FMT, i, BYTES_ARG(results.signatures[0].problem));
        arena_reset(arena);
    }
    double seconds = processor_time() - start;
    zone_destroy(zone);
    return seconds;
}

static double run_sign(const struct task *task, struct arena *arena)
{
    struct bytes *messages = read_messages(task, "txt");
    char path[512];
    snprintf(path, sizeof(path), "%s/key.pem", task->place);
    FILE *file = fopen(path, "r");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    if (!key)
        panic("no key in %s", path);
    fclose(file);
    struct dkim_signing signing;
    dkim_signing_init(&signing, BYTES("example.org"), BYTES("sel"));
    signing.time = loop_epoch();
    double start = processor_time();
    for (unsigned i = 0; i < task->count; i++) {
        struct message message;
        struct buf field;
        buf_init(&field, 8192);
        if (message_parse(arena, messages[i], &message, NULL) != OK ||
            dkim_sign(arena, &message, &signing, dkim_sign_with_key, key, &field, NULL) != OK)
            panic("message %u", i);
        buf_free(&field);
        arena_reset(arena);
    }
    double seconds = processor_time() - start;
    EVP_PKEY_free(key);
    return seconds;
}

static void run(void *argument)
{
    const struct task *task = argument;
    struct arena *arena = arena_create(4 << 20);
    double seconds = strcmp(task->row, "spf") == 0      ? run_spf(task, arena)
                     : strcmp(task->row, "verify") == 0 ? run_verify(task, arena)
                                                        : run_sign(task, arena);
    printf("%u in %.6f\n", task->count, seconds);
    dkim_key_cache_clear();
    arena_destroy(arena);
}

int main(int argc, char **argv)
{
    uint64_t count;
    struct loop *loop = loop_create(&(struct loop_options){0});
    if (argc != 4 || !bytes_to_uint(bytes_of(argv[3]), 10000000, &count) || !loop) {
        fprintf(stderr, "usage: auth spf|verify|sign PLACE COUNT\n");
        return 2;
    }
    struct task task = {argv[1], argv[2], (unsigned)count, arena_create((size_t)1 << 30)};
    dkim_prepare();
    loop_run(loop, run, &task);
    loop_destroy(loop);
    arena_destroy(task.kept);
    return 0;
}
