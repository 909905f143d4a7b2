/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libopendkim's side of bench/run-auth: opendkim verify|sign FOLDER MESSAGES. The key's record comes from
 * memory. Prints "N in SECONDS" of processor time.
 */
#include <sys/types.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <opendkim/dkim.h>

enum { FILE_MAX = 1 << 20 };

static char record[4096];

static double processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    fprintf(stderr, "opendkim: %s\n", what);
    exit(1);
}

static char *read_file(const char *folder, const char *name, size_t *length)
{
    char path[512];
    char *text = malloc(FILE_MAX);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file || !text)
        fail(path);
    *length = fread(text, 1, FILE_MAX - 1, file);
    text[*length] = '\0';
    fclose(file);
    return realloc(text, *length + 1);
}

static DKIM_STAT look_up(DKIM *dkim, DKIM_SIGINFO *signature, u_char *buffer, size_t size)
{
    (void)dkim;
    (void)signature;
    snprintf((char *)buffer, size, "%s", record);
    return DKIM_STAT_OK;
}

static void verify(DKIM_LIB *library, char *text, size_t length)
{
    DKIM_STAT status;
    DKIM *dkim = dkim_verify(library, (const u_char *)"bench", NULL, &status);
    if (!dkim || dkim_chunk(dkim, (u_char *)text, length) != DKIM_STAT_OK ||
        dkim_chunk(dkim, NULL, 0) != DKIM_STAT_OK || dkim_eom(dkim, NULL) != DKIM_STAT_OK)
        fail("a message does not verify");
    dkim_free(dkim);
}

static void sign(DKIM_LIB *library, dkim_sigkey_t key, char *text, size_t length)
{
    DKIM_STAT status;
    u_char *header;
    size_t size;
    DKIM *dkim = dkim_sign(library, (const u_char *)"bench", NULL, key, (const u_char *)"sel",
                           (const u_char *)"example.org", DKIM_CANON_RELAXED, DKIM_CANON_RELAXED,
                           DKIM_SIGN_RSASHA256, (ssize_t)-1, &status);
    if (!dkim || dkim_chunk(dkim, (u_char *)text, length) != DKIM_STAT_OK ||
        dkim_chunk(dkim, NULL, 0) != DKIM_STAT_OK || dkim_eom(dkim, NULL) != DKIM_STAT_OK ||
        dkim_getsighdr_d(dkim, 0, &header, &size) != DKIM_STAT_OK)
        fail("a message cannot be signed");
    dkim_free(dkim);
}

int main(int argc, char **argv)
{
    DKIM_LIB *library = dkim_init(NULL, NULL);
    if (argc != 4 || !library)
        fail("usage: opendkim verify|sign FOLDER MESSAGES");
    bool verifies = strcmp(argv[1], "verify") == 0;
    unsigned count = (unsigned)strtoul(argv[3], NULL, 10);
    size_t length, *lengths = calloc(count, sizeof(*lengths));
    char **messages = calloc(count, sizeof(*messages)), name[32];
    dkim_set_key_lookup(library, look_up);
    char *text = read_file(argv[2], "record", &length);
    snprintf(record, sizeof(record), "%s", text);
    char *key = read_file(argv[2], "key.pem", &length);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%u.%s", i, verifies ? "eml" : "txt");
        messages[i] = read_file(argv[2], name, &lengths[i]);
    }
    double start = processor_time();
    for (unsigned i = 0; i < count; i++) {
        if (verifies)
            verify(library, messages[i], lengths[i]);
        else
            sign(library, (dkim_sigkey_t)key, messages[i], lengths[i]);
    }
    printf("%u in %.6f\n", count, processor_time() - start);
    return 0;
}
