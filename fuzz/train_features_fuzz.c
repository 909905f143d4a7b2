/* SPDX-License-Identifier: BSD-2-Clause */
/* What an edge sends of a message to learn, and what the store hands it: read whole or not at all, the same when
 * written again, and fit to be learned, whatever its features are. */
#include "filter/feature.h"
#include "filter/features_wire.h"
#include "roles/train.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void learn(const struct filter_features *features)
{
    static void *memory;
    size_t wanted = filter_model_size(FILTER_SLOTS_MIN);
    struct filter_model model;
    struct filter_result result;
    if (!memory)
        memory = aligned_alloc(64, wanted);
    require(memory && filter_model_create(memory, wanted, 7, &model, NULL) == OK);
    for (unsigned i = 0; i < FILTER_TRAINED_MIN; i++) {
        filter_train(&model, features, i % 2, false);
        filter_rehearse(&model, features, i % 3);
        filter_train(&model, features, i % 2, i % 5 == 0);
    }
    filter_classify(&model, features, FILTER_WITH_CLUES, &result);
    require(isfinite(result.raw) && result.known <= features->count);
}

static void look_at_features(struct arena *arena, struct bytes payload)
{
    struct train_features read;
    struct filter_features features;
    struct buf again;
    if (!train_features_read(payload, &read))
        return;
    require(read.id.len <= TRAIN_ID_MAX && (!read.made || read.identity.len == TRAIN_IDENTITY_SIZE));
    buf_init(&again, payload.len + 1);
    train_features_write(&again, &read);
    require(!again.failed && bytes_equal(buf_bytes(&again), payload));
    buf_clear(&again);
    if (filter_features_read(arena, read.features, &features)) {
        filter_features_write(&again, &features);
        require(!again.failed && bytes_equal(buf_bytes(&again), read.features));
        learn(&features);
    }
    buf_free(&again);
}

static void look_at_work(struct bytes payload)
{
    struct train_work work;
    struct buf again;
    if (!train_work_read(payload, &work))
        return;
    buf_init(&again, payload.len + 1);
    train_work_write(&again, &work);
    require(!again.failed && bytes_equal(buf_bytes(&again), payload));
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(16 << 20);
    struct bytes payload = bytes_from(size ? data : (const uint8_t *)"", size);
    enum train_class class;
    look_at_features(arena, payload);
    look_at_work(payload);
    if (train_class_parse(payload, &class))
        require(bytes_is(payload, train_class_name(class)));
    arena_destroy(arena);
    return 0;
}
