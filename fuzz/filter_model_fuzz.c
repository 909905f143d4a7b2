/* SPDX-License-Identifier: BSD-2-Clause */
/* A model of any octets: refused, or harmless. The input is laid over a model that is otherwise valid. */
#include "filter/feature.h"
#include "filter/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct filter_model *model, const struct filter_features *features)
{
    struct filter_result result;
    filter_classify(model, features, FILTER_WITH_CLUES, &result);
    require(isfinite(result.raw) && isfinite(result.points) && fabs(result.raw) <= 14);
    require(result.probability >= 0 && result.probability <= 1 && result.known <= FEATURES);
    for (size_t i = 0; i < result.clue_count; i++)
        require(isfinite(result.clues[i].weight));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *memory;
    size_t wanted = filter_model_size(FILTER_SLOTS_MIN);
    struct filter_model model, opened;
    if (!memory)
        memory = aligned_alloc(64, wanted);
    if (!memory || size < 2)
        return 0;
    require(filter_model_create(memory, wanted, 1, &model, NULL) == OK);
    /* The first octet says where the rest goes: over the whole head, what follows the geometry, or the slots. */
    static const size_t places[] = {0, offsetof(struct model_head, seed), MODEL_HEAD};
    size_t place = places[data[0] % countof(places)];
    for (size_t i = place; i < wanted; i += size)
        memcpy(memory + i, data + 1, size - 1 < wanted - i ? size - 1 : wanted - i);
    struct filter_feature list[FEATURES];
    for (size_t i = 0; i < FEATURES; i++)
        list[i] = (struct filter_feature){.hash = feature_mix(i + 1), .text = (const uint8_t *)"word", .length = 4,
                                          .field = FEATURE_NO_FIELD,
                                          .component = (uint8_t)(i % (FILTER_COMPONENTS + 1))};
    struct filter_features features = {.list = list, .count = FEATURES};
    if (filter_model_open_writable(memory, wanted, &opened, NULL) != OK) {
        require(place == 0);
        return 0;
    }
    look(&opened, &features);
    filter_train(&opened, &features, data[0] & 4, data[0] & 8);
    look(&opened, &features);
    return 0;
}
