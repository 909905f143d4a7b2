/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter side of bench/run-filter: plays a list of events, "ham FILE", "spam FILE" (learn) and "score FILE",
 * and writes a line "LOG-ODDS PROBABILITY" for each score. Afterwards the model is filled up to a million features
 * and messages of about 6 KB are judged over and over.
 *
 *   filter_score PLACE EVENTS SCORES [ROUNDS]
 *
 * Times are processor time, what each step takes apart from the others; reading the file and the line ends (which
 * SMTP brings as they should be) are not counted.
 */
#include "filter/feature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FILE_MAX = 64 << 20, MILLION = 1000000, SIZE_LEAST = 5500, SIZE_MOST = 6500, SPEED_MAX = 500 };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct {
    double mime, features, classify, train;
    size_t classified, trained, feature_count;
} spent;

struct letter {
    struct bytes raw;
    struct message message;
    struct mime mime;
    struct readable readable;
    struct filter_features features;
};

static struct bytes read_file(struct arena *arena, const char *place, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", place, name);
    FILE *file = fopen(path, "rb");
    require(file);
    uint8_t *octets = malloc(FILE_MAX);
    require(octets);
    size_t size = fread(octets, 1, FILE_MAX, file);
    fclose(file);
    struct bytes raw = message_normalize(arena, bytes_from(octets, size));
    free(octets);
    require(raw.ptr);
    return raw;
}

static void read_letter(struct arena *arena, struct letter *letter)
{
    double start = seconds();
    require(message_parse(arena, letter->raw, &letter->message, NULL) == OK);
    require(mime_parse(arena, &letter->message, NULL, &letter->mime, NULL) == OK);
    require(readable_make(arena, &letter->message, &letter->mime, &letter->readable, NULL) == OK);
    double read = seconds();
    require(filter_features_make(arena, &letter->message, &letter->readable, &letter->features, NULL) == OK);
    spent.mime += read - start;
    spent.features += seconds() - read;
    spent.feature_count += letter->features.count;
}

static void play(struct arena *arena, struct filter_model *model, const char *place, FILE *events, FILE *scores)
{
    char what[16], name[256], last[256] = "";
    struct letter letter = {0};
    while (fscanf(events, "%15s %255s", what, name) == 2) {
        if (strcmp(name, last) != 0) {
            arena_reset(arena);
            letter = (struct letter){.raw = read_file(arena, place, name)};
            read_letter(arena, &letter);
            snprintf(last, sizeof(last), "%s", name);
        }
        double start = seconds();
        if (strcmp(what, "score") == 0) {
            struct filter_result result;
            filter_classify(model, &letter.features, FILTER_PLAIN, &result);
            spent.classify += seconds() - start;
            spent.classified++;
            fprintf(scores, "%.6f %.6f\n", result.raw, 1 / (1 + __builtin_exp(-result.raw)));
        } else {
            filter_train(model, &letter.features, strcmp(what, "spam") == 0, false);
            spent.train += seconds() - start;
            spent.trained++;
        }
    }
}

/* Words that no message has, as many as are missing. */
static void fill(struct arena *arena, struct filter_model *model)
{
    enum { WORDS = 1000 };
    uint64_t next = 1;
    while (filter_model_used(model) < MILLION) {
        arena_reset(arena);
        struct filter_features made = {.list = arena_alloc_array(arena, WORDS, sizeof(*made.list)), .count = WORDS};
        require(made.list);
        for (size_t i = 0; i < WORDS; i++)
            made.list[i] = (struct filter_feature){.hash = feature_mix(next++), .field = FEATURE_NO_FIELD,
                                                   .component = (uint8_t)(i % FILTER_COMPONENTS)};
        filter_train(model, &made, next / WORDS % 2, false);
    }
}

/* Each round judges all messages of about 6 KB, one after the other; the fastest counts, as others share the
 * machine. */
static void measure(struct arena *arena, struct filter_model *model, const char *place, FILE *events, unsigned rounds)
{
    struct letter *letters = calloc(SPEED_MAX, sizeof(*letters));
    require(letters);
    char what[16], name[256];
    size_t count = 0, octets = 0;
    rewind(events);
    fill(arena, model);
    arena_reset(arena);
    while (count < SPEED_MAX && fscanf(events, "%15s %255s", what, name) == 2) {
        struct arena_mark mark = arena_mark(arena);
        letters[count].raw = read_file(arena, place, name);
        size_t size = letters[count].raw.len;
        if (strcmp(what, "score") == 0 && size >= SIZE_LEAST && size <= SIZE_MOST) {
            octets += size;
            count++;
        } else {
            arena_rewind(arena, mark);
        }
    }
    double best_mime = 1e9, best_features = 1e9, best_classify = 1e9, best = 1e9;
    struct arena *work = arena_create(64 << 20);
    require(work && count);
    for (unsigned round = 0; round < rounds; round++) {
        memset(&spent, 0, sizeof(spent));
        for (size_t i = 0; i < count; i++) {
            arena_reset(work);
            struct letter letter = {.raw = letters[i].raw};
            read_letter(work, &letter);
            struct filter_result result;
            double start = seconds();
            filter_classify(model, &letter.features, FILTER_PLAIN, &result);
            spent.classify += seconds() - start;
        }
        best_mime = spent.mime < best_mime ? spent.mime : best_mime;
        best_features = spent.features < best_features ? spent.features : best_features;
        best_classify = spent.classify < best_classify ? spent.classify : best_classify;
        best = spent.features + spent.classify < best ? spent.features + spent.classify : best;
    }
    printf("speed messages=%zu octets=%zu known=%zu count=%zu mime_us=%.2f features_us=%.2f classify_us=%.2f "
           "filter_us=%.2f\n",
           count, octets / count, filter_model_used(model), spent.feature_count / count, best_mime * 1e6 / count,
           best_features * 1e6 / count, best_classify * 1e6 / count, best * 1e6 / count);
    arena_destroy(work);
    free(letters);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: filter_score PLACE EVENTS SCORES [ROUNDS]\n");
        return 2;
    }
    readable_prepare();
    size_t size = filter_model_size(FILTER_SLOTS_DEFAULT);
    void *memory = aligned_alloc(4096, size);
    struct filter_model model;
    struct arena *arena = arena_create(256 << 20);
    FILE *events = fopen(argv[2], "r"), *scores = fopen(argv[3], "w");
    require(memory && arena && events && scores);
    require(filter_model_create(memory, size, 0x766f756368u, &model, NULL) == OK);
    play(arena, &model, argv[1], events, scores);
    printf("played scored=%zu learned=%zu mime=%.4f features=%.4f classify=%.4f train=%.4f used=%zu size=%zu\n",
           spent.classified, spent.trained, spent.mime, spent.features, spent.classify, spent.train,
           filter_model_used(&model), size);
    if (argc > 4)
        measure(arena, &model, argv[1], events, (unsigned)strtoul(argv[4], NULL, 10));
    fclose(events);
    fclose(scores);
    arena_destroy(arena);
    free(memory);
    return 0;
}
