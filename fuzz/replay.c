/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay: feeds a fuzz target the inputs that are kept, without a fuzzer: the empty one, then every
 * file of corpus/NAME and regressions/NAME. Prints TAP, one test a folder; the file at work is
 * named before it is run, so that the last one named is the one that broke.
 *
 *   x_replay PATH/TO/fuzz NAME       x_replay FILE
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

enum { INPUT_MAX = 64 << 20 };

/* The input in memory of its exact size, so that a sanitizer sees a read past its end. */
static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        return -1;
    }
    long size = ftell(file);
    rewind(file);
    uint8_t *data = size >= 0 && size <= INPUT_MAX ? malloc(size ? (size_t)size : 1) : NULL;
    int result = -1;
    if (data && fread(data, 1, (size_t)size, file) == (size_t)size)
        result = 0;
    fclose(file);
    printf("# %s\n", path);
    fflush(stdout);
    if (result == 0)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return result;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int run_folder(const char *fuzz, const char *kind, const char *name, int number)
{
    char folder[2048], path[4096];
    struct dirent **entries = NULL;
    snprintf(folder, sizeof(folder), "%s/%s/%s", fuzz, kind, name);
    int count = scandir(folder, &entries, is_input, alphasort), failed = 0;
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        failed += run_file(path) != 0;
        free(entries[i]);
    }
    free(entries);
    printf("%sok %d - %s/%s: %d inputs\n", failed ? "not " : "", number, kind, name,
           count > 0 ? count : 0);
    return failed;
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    if (argc == 2)
        return run_file(argv[1]) ? 1 : 0;
    if (argc != 3) {
        fprintf(stderr, "usage: %s PATH/TO/fuzz NAME\n       %s FILE\n", argv[0], argv[0]);
        return 2;
    }
    printf("1..3\n# the empty input\n");
    fflush(stdout);
    uint8_t *nothing = malloc(1);
    LLVMFuzzerTestOneInput(nothing, 0);
    free(nothing);
    printf("ok 1 - the empty input\n");
    int failed = run_folder(argv[1], "corpus", argv[2], 2);
    failed += run_folder(argv[1], "regressions", argv[2], 3);
    return failed ? 1 : 0;
}
