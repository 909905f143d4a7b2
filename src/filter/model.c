/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/model.h"

#include <string.h>

static const uint8_t magic[8] = {'v', 'o', 'u', 'c', 'h', 'f', 'i', 'l'};

_Static_assert(sizeof(struct model_bucket) == 64, "a bucket is a cache line");
_Static_assert(sizeof(struct model_head) <= MODEL_HEAD, "the head fits before the buckets");

float model_float(uint32_t bits, float limit)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    if (!(value > -limit)) /* also what is no number */
        return value == value ? -limit : 0;
    return value < limit ? value : limit;
}

uint32_t model_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static size_t round_up(size_t slots)
{
    size_t size = FILTER_SLOTS_MIN;
    while (size < slots && size < FILTER_SLOTS_MAX)
        size *= 2;
    return size;
}

size_t filter_model_size(size_t slots)
{
    return MODEL_HEAD + round_up(slots) * sizeof(struct model_slot);
}

static enum result check_size(const void *memory, size_t size, uint32_t *buckets, struct error *error)
{
    size_t slots = size < MODEL_HEAD ? 0 : (size - MODEL_HEAD) / sizeof(struct model_slot);
    if (slots < FILTER_SLOTS_MIN || slots > FILTER_SLOTS_MAX || filter_model_size(slots) != size)
        return error_set(error, PERM, "a filter model cannot have %zu octets", size);
    if ((uintptr_t)memory % sizeof(struct model_bucket))
        return error_set(error, PERM, "a filter model must begin at a multiple of 64 octets");
    *buckets = (uint32_t)(slots / MODEL_WAYS);
    return OK;
}

enum result filter_model_create(void *memory, size_t size, uint64_t seed, struct filter_model *out,
                                struct error *error)
{
    uint32_t buckets = 0;
    enum result result = check_size(memory, size, &buckets, error);
    if (result != OK)
        return result;
    memset(memory, 0, size);
    struct model_head *head = memory;
    head->version = MODEL_VERSION;
    head->buckets = buckets;
    head->seed = seed;
    /* The magic last: what a crash leaves half made is no model. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(head->magic, magic, sizeof(magic));
    *out = (struct filter_model){.memory = memory, .writable = memory, .seed = seed, .buckets = buckets};
    return OK;
}

enum result filter_model_open(const void *memory, size_t size, struct filter_model *out, struct error *error)
{
    uint32_t buckets = 0;
    enum result result = check_size(memory, size, &buckets, error);
    if (result != OK)
        return result;
    const struct model_head *head = memory;
    if (memcmp(head->magic, magic, sizeof(magic)) != 0)
        return error_set(error, PERM, "this is no filter model");
    if (head->version != MODEL_VERSION)
        return error_set(error, PERM, "a filter model of version %u, where %u is wanted", (unsigned)head->version,
                         (unsigned)MODEL_VERSION);
    if (head->buckets != buckets)
        return error_set(error, PERM, "a filter model that was cut off or enlarged");
    *out = (struct filter_model){.memory = memory, .seed = head->seed, .buckets = buckets};
    return OK;
}

enum result filter_model_open_writable(void *memory, size_t size, struct filter_model *out, struct error *error)
{
    enum result result = filter_model_open(memory, size, out, error);
    if (result == OK)
        out->writable = memory;
    return result;
}

struct filter_counts filter_model_counts(const struct filter_model *model)
{
    const struct model_head *head = model_head(model);
    return (struct filter_counts){model_load(&head->ham), model_load(&head->spam), model_load(&head->trained)};
}

size_t filter_model_used(const struct filter_model *model)
{
    size_t used = 0;
    for (uint32_t i = 0; i < model->buckets; i++)
        for (unsigned j = 0; j < MODEL_WAYS; j++)
            used += model_load(&model_buckets(model)[i].slots[j].key) != 0;
    return used;
}

uint64_t model_place(const struct filter_model *model, uint64_t hash)
{
    uint64_t x = (hash ^ model->seed) * 0x9fb21c651e98df25u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 29;
}

/* The upper 24 bits of the place; never 0, which is what an empty slot has. */
static uint64_t mark_of(uint64_t place)
{
    uint64_t mark = place >> 40;
    return mark ? mark : 1;
}

const struct model_slot *model_find(const struct filter_model *model, uint64_t place)
{
    const struct model_bucket *bucket = model_bucket_at(model, place);
    uint64_t mark = mark_of(place);
    for (unsigned i = 0; i < MODEL_WAYS; i++)
        if (model_load(&bucket->slots[i].key) >> 40 == mark)
            return &bucket->slots[i];
    return NULL;
}

struct model_value model_value(const struct model_slot *slot)
{
    uint64_t key = model_load(&slot->key), seen = model_load(&slot->seen);
    struct model_value value = {
        .weight = model_float((uint32_t)key, 64),
        .corrections = model_float((uint32_t)(seen >> 32), 1e9f),
        .ham = (uint32_t)(seen >> 16 & 0xffff),
        .spam = (uint32_t)(seen & 0xffff),
    };
    if (value.corrections < 0)
        value.corrections = 0;
    return value;
}

/* How little would be lost: messages it stood in, halved with each step of age. */
static uint32_t worth(const struct model_slot *slot, uint8_t age)
{
    struct model_value value = model_value(slot);
    unsigned steps = (uint8_t)(age - (uint8_t)(model_load(&slot->key) >> 32));
    uint32_t messages = (value.ham + value.spam) * 16;
    return steps < 20 ? messages >> steps : 0;
}

struct model_slot *model_take(struct filter_model *model, uint64_t place, uint8_t age)
{
    struct model_slot *found = (struct model_slot *)(uintptr_t)model_find(model, place);
    if (found)
        return found;
    struct model_bucket *bucket = (struct model_bucket *)(uintptr_t)model_bucket_at(model, place);
    struct model_slot *least = &bucket->slots[0];
    uint32_t least_worth = UINT32_MAX;
    for (unsigned i = 0; i < MODEL_WAYS; i++) {
        struct model_slot *slot = &bucket->slots[i];
        if (!model_load(&slot->key)) {
            least = slot;
            break;
        }
        uint32_t this_worth = worth(slot, age);
        if (this_worth < least_worth) {
            least = slot;
            least_worth = this_worth;
        }
    }
    model_store(&least->key, 0);
    model_store(&least->seen, 0);
    return least;
}

void model_put(struct model_slot *slot, uint64_t place, uint8_t age, const struct model_value *value)
{
    uint64_t ham = value->ham < 0xffff ? value->ham : 0xffff, spam = value->spam < 0xffff ? value->spam : 0xffff;
    model_store(&slot->seen, (uint64_t)model_bits(value->corrections) << 32 | ham << 16 | spam);
    model_store(&slot->key, mark_of(place) << 40 | (uint64_t)age << 32 | model_bits(value->weight));
}
