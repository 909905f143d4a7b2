/* SPDX-License-Identifier: BSD-2-Clause */
#include "state/counters_engine.h"

#include <stdlib.h>

static uint64_t saturate(int64_t value)
{
    return value < 0 ? 0 : value > COUNTER_VALUE_MAX ? COUNTER_VALUE_MAX : (uint64_t)value;
}

/* `value` is no more than COUNTER_VALUE_MAX. */
static uint64_t add(uint64_t value, int64_t delta)
{
    int64_t bounded = delta < -COUNTER_VALUE_MAX ? -COUNTER_VALUE_MAX
                      : delta > COUNTER_VALUE_MAX ? COUNTER_VALUE_MAX
                                                  : delta;
    return saturate((int64_t)saturate((int64_t)value) + bounded);
}

/* counters_script.c does the same within Redis. */
bool counter_apply(struct counter_operation *operation, bool only_says, int64_t now, struct counter *counter,
                   bool *alive)
{
    bool was = *alive;
    enum counter_operation_kind kind = only_says ? COUNTER_GET : operation->kind;
    operation->found = was;
    if (kind == COUNTER_REMOVE) {
        operation->value = was ? counter->value : 0;
        operation->ends_at = 0;
        *alive = false;
        return was;
    }
    bool changes = kind == COUNTER_ADD || kind == COUNTER_SET || (kind == COUNTER_FIRST && !was);
    if (kind == COUNTER_ADD && was)
        counter->value = add(counter->value, operation->delta);
    else if (changes)
        *counter = (struct counter){add(0, operation->delta), operation->expires_at};
    if (kind == COUNTER_ADD && was && operation->extend && operation->expires_at > counter->expires_at)
        counter->expires_at = operation->expires_at;
    operation->value = was || changes ? counter->value : 0;
    operation->ends_at = was || changes ? counter->expires_at : 0;
    *alive = (was || changes) && counter->expires_at > now;
    return changes;
}

bool counter_only_says(const struct counter_operation *operations, size_t index)
{
    return operations[index].if_new && (index == 0 || operations[index - 1].found);
}

bool counter_is_change(const struct counter_operation *operation)
{
    return operation->kind != COUNTER_GET;
}

bool counters_change(const struct counter_operation *operations, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (counter_is_change(&operations[i]))
            return true;
    return false;
}

bool counters_exceed(const struct counter_operation *operations, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (operations[i].most && operations[i].value > operations[i].most)
            return true;
    return false;
}

enum result counters_open(const char *directory, size_t size_max, struct counters **out, struct error *error)
{
    struct counters *counters = calloc(1, sizeof(*counters));
    if (!counters)
        return error_set(error, TEMP, "counters: out of memory");
    counters->engine = &counters_lmdb_engine;
    enum result result = counters_lmdb_open(&counters->local, directory, size_max, error);
    if (result == OK)
        *out = counters;
    else
        free(counters);
    return result;
}

void counters_close(struct counters *counters)
{
    if (!counters)
        return;
    counters_shared_close(counters->shared);
    counters_lmdb_close(&counters->local);
    free(counters);
}

static bool is_key(struct bytes key)
{
    return key.len > 0 && key.len <= COUNTER_KEY_MAX && key.ptr[0] != COUNTERS_OWN;
}

static void check_operations(const struct counter_operation *operations, size_t count)
{
    require(count <= COUNTER_OPERATIONS_MAX);
    for (size_t i = 0; i < count; i++)
        require(is_key(operations[i].key) && operations[i].kind < COUNTER_OPERATION_KINDS);
}

enum result counters_run(struct counters *counters, struct counter_operation *operations, size_t count, int64_t now,
                         struct error *error)
{
    check_operations(operations, count);
    return count ? counters->engine->run(counters, operations, count, now, error) : OK;
}

enum result counters_run_here(struct counters *counters, struct counter_operation *operations, size_t count,
                              int64_t now, struct error *error)
{
    check_operations(operations, count);
    return count ? counters_lmdb_engine.run(counters, operations, count, now, error) : OK;
}

enum result counters_add(struct counters *counters, struct bytes key, uint64_t delta, int64_t now,
                         int64_t expires_at, uint64_t *value, struct error *error)
{
    struct counter_operation operation = {.kind = COUNTER_ADD,
                                          .key = key,
                                          .delta = delta > COUNTER_VALUE_MAX ? COUNTER_VALUE_MAX : (int64_t)delta,
                                          .expires_at = expires_at};
    enum result result = counters_run(counters, &operation, 1, now, error);
    if (result == OK)
        *value = operation.value;
    return result;
}

enum result counters_get(struct counters *counters, struct bytes key, int64_t now, uint64_t *value,
                         struct error *error)
{
    struct counter_operation operation = {.kind = COUNTER_GET, .key = key};
    enum result result = counters_run(counters, &operation, 1, now, error);
    if (result != OK)
        return result;
    if (!operation.found)
        return NONE;
    *value = operation.value;
    return OK;
}

enum result counters_scan(struct counters *counters, struct bytes prefix, struct bytes after, unsigned most,
                          int64_t now,
                          bool (*each)(void *context, struct bytes key, uint64_t value, int64_t expires_at),
                          void *context, struct error *error)
{
    require(prefix.len <= COUNTER_KEY_MAX && after.len <= COUNTER_KEY_MAX);
    struct counter_scan scan = {prefix, after, most < COUNTER_SCAN_MAX ? most : COUNTER_SCAN_MAX, now, each, context};
    return scan.most ? counters->engine->scan(counters, &scan, error) : OK;
}

enum result counters_expire(struct counters *counters, int64_t now, unsigned most, struct error *error)
{
    return counters_lmdb_expire(&counters->local, now, most, error);
}

size_t counters_size(struct counters *counters)
{
    return counters_lmdb_size(&counters->local);
}

enum result counters_sync(struct counters *counters, struct error *error)
{
    int code = mdb_env_sync(counters->local.environment, 1);
    return code ? counters_lmdb_error(error, code, "cannot sync") : OK;
}
