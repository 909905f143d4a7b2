/* SPDX-License-Identifier: BSD-2-Clause */
/* Features of any message: bounded, each once, the same each time, and fit to be learned, judged and shown. */
#include "filter/feature.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct filter_features make(struct arena *arena, const struct message *message, const struct readable *readable)
{
    struct filter_features features;
    require(filter_features_make(arena, message, readable, &features, NULL) == OK);
    require(features.count <= FEATURE_COUNT_MAX);
    return features;
}

static void look(const struct filter_model *model, const struct filter_features *features)
{
    struct filter_result result;
    filter_classify(model, features, FILTER_WITH_CLUES, &result);
    require(isfinite(result.raw) && fabs(result.raw) <= 14);
    require(result.known <= features->count && result.clue_count <= FILTER_CLUES);
    for (size_t i = 0; i < result.clue_count; i++)
        for (const char *c = result.clues[i].text; *c; c++)
            require((unsigned char)*c >= 0x20 && (unsigned char)*c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *memory;
    size_t wanted = filter_model_size(FILTER_SLOTS_MIN);
    if (!memory) {
        readable_prepare();
        memory = aligned_alloc(64, wanted);
    }
    struct arena *arena = arena_create(64 << 20);
    struct message message;
    struct mime mime;
    struct readable readable;
    struct filter_model model;
    if (memory && arena && message_parse(arena, bytes_from(data, size), &message, NULL) == OK &&
        mime_parse(arena, &message, NULL, &mime, NULL) == OK &&
        readable_make(arena, &message, &mime, &readable, NULL) == OK) {
        struct filter_features features = make(arena, &message, &readable), again = make(arena, &message, &readable);
        require(again.count == features.count);
        for (size_t i = 0; i < features.count; i++)
            require(features.list[i].hash == again.list[i].hash && features.list[i].component < FILTER_COMPONENTS);
        require(filter_model_create(memory, wanted, size, &model, NULL) == OK);
        for (unsigned i = 0; i < FILTER_TRAINED_MIN; i++) {
            filter_train(&model, &features, true, false);
            filter_train(&model, &features, false, i % 3 == 0);
        }
        for (unsigned i = 0; i < FILTER_TRAINED_MIN; i++)
            filter_train(&model, &features, false, false);
        look(&model, &features);
    }
    arena_destroy(arena);
    return 0;
}
