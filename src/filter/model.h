/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model: the block of memory behind a filter: a head, and buckets of four slots, one cache line each.
 *
 * A slot is two words. The first holds a mark of the feature, when it was last learned, and its weight; the
 * second how much it has been corrected and in how many messages of each class it stood. Each word is stored
 * at once. A feature belongs to one bucket, which a mix of its hash with the model's seed chooses; when that is
 * full, what is rarest there, and has not been seen for the longest time, makes way.
 */
#ifndef VOUCH_FILTER_MODEL_H
#define VOUCH_FILTER_MODEL_H

#include "filter/filter.h"

enum { MODEL_WAYS = 4, MODEL_HEAD = 4096, MODEL_VERSION = 1 };

struct model_slot {
    uint64_t key;  /* mark 24 bits, age 8 bits, weight (float) 32 bits; 0: empty */
    uint64_t seen; /* corrections (float) 32 bits, ham 16 bits, spam 16 bits */
};

struct model_bucket {
    struct model_slot slots[MODEL_WAYS];
} __attribute__((aligned(64)));

struct model_head {
    uint8_t magic[8];
    uint32_t version, buckets;
    uint64_t seed;
    uint64_t ham, spam, trained;
    uint64_t scale, scale_seen; /* calibration: two floats, then their corrections */
};

/* A slot's numbers, brought within their bounds. */
struct model_value {
    float weight, corrections;
    uint32_t ham, spam;
};

static inline uint64_t model_load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}
static inline void model_store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* A float out of a word of the block: a number between -limit and limit, whatever it was. */
float model_float(uint32_t bits, float limit);
uint32_t model_bits(float value);

static inline const struct model_head *model_head(const struct filter_model *model)
{
    return model->memory;
}
static inline const struct model_bucket *model_buckets(const struct filter_model *model)
{
    return (const struct model_bucket *)((const uint8_t *)model->memory + MODEL_HEAD);
}

/* Where a feature is: mixed with the seed once, then found. */
uint64_t model_place(const struct filter_model *model, uint64_t hash);
static inline const struct model_bucket *model_bucket_at(const struct filter_model *model, uint64_t place)
{
    return &model_buckets(model)[place & (model->buckets - 1)];
}
/* NULL if the model does not know the feature. */
const struct model_slot *model_find(const struct filter_model *model, uint64_t place);
struct model_value model_value(const struct model_slot *slot);
/* Its weight alone, in a fraction of the time. */
static inline float model_weight(const struct model_slot *slot)
{
    return model_float((uint32_t)model_load(&slot->key), 64);
}

/* The slot of a feature in a writable model, made where there is none. */
struct model_slot *model_take(struct filter_model *model, uint64_t place, uint8_t age);
void model_put(struct model_slot *slot, uint64_t place, uint8_t age, const struct model_value *value);

#endif
