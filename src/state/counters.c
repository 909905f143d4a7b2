/* SPDX-License-Identifier: BSD-2-Clause */
#include "state/counters.h"

#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

struct counter {
    uint64_t value;
    int64_t expires_at;
};

struct counters {
    MDB_env *environment;
    MDB_dbi table;
    uint8_t swept[COUNTER_KEY_MAX]; /* where the last expiry stopped */
    size_t swept_len;
};

static enum result lmdb_error(struct error *error, int code, const char *doing)
{
    bool damaged = code == MDB_CORRUPTED || code == MDB_INVALID || code == MDB_VERSION_MISMATCH;
    return error_set(error, damaged ? PERM : TEMP, "counters: %s: %s", doing, mdb_strerror(code));
}

static int open_table(struct counters *counters)
{
    MDB_txn *transaction;
    int code = mdb_txn_begin(counters->environment, NULL, 0, &transaction);
    if (code)
        return code;
    code = mdb_dbi_open(transaction, NULL, 0, &counters->table);
    if (code) {
        mdb_txn_abort(transaction);
        return code;
    }
    return mdb_txn_commit(transaction);
}

enum result counters_open(const char *directory, size_t size_max, struct counters **out,
                          struct error *error)
{
    struct counters *counters = calloc(1, sizeof(*counters));
    if (!counters)
        return error_set(error, TEMP, "counters: out of memory");
    int code = mdb_env_create(&counters->environment);
    if (!code)
        code = mdb_env_set_mapsize(counters->environment, size_max);
    if (!code)
        code = mdb_env_open(counters->environment, directory, MDB_NOSYNC | MDB_NOTLS, 0600);
    if (!code)
        code = open_table(counters);
    if (code) {
        enum result result = lmdb_error(error, code, directory);
        counters_close(counters);
        return result;
    }
    *out = counters;
    return OK;
}

void counters_close(struct counters *counters)
{
    if (!counters)
        return;
    if (counters->environment)
        mdb_env_close(counters->environment);
    free(counters);
}

static MDB_val key_value(struct bytes key)
{
    return (MDB_val){key.len, (void *)(uintptr_t)key.ptr};
}

/* False when absent, expired, or not of our making. */
static bool read_counter(const MDB_val *data, int64_t now, struct counter *out)
{
    if (data->mv_size != sizeof(*out))
        return false;
    memcpy(out, data->mv_data, sizeof(*out));
    return out->expires_at > now;
}

enum result counters_add(struct counters *counters, struct bytes key, uint64_t delta, int64_t now,
                         int64_t expires_at, uint64_t *value, struct error *error)
{
    require(key.len > 0 && key.len <= COUNTER_KEY_MAX);
    MDB_txn *transaction;
    int code = mdb_txn_begin(counters->environment, NULL, 0, &transaction);
    if (code)
        return lmdb_error(error, code, "cannot begin");
    MDB_val name = key_value(key), data;
    struct counter counter;
    code = mdb_get(transaction, counters->table, &name, &data);
    if (code == MDB_NOTFOUND || (!code && !read_counter(&data, now, &counter)))
        counter = (struct counter){0, expires_at};
    else if (code) {
        mdb_txn_abort(transaction);
        return lmdb_error(error, code, "cannot read");
    }
    counter.value += delta;
    data = (MDB_val){sizeof(counter), &counter};
    code = mdb_put(transaction, counters->table, &name, &data, 0);
    if (code) {
        mdb_txn_abort(transaction);
        return lmdb_error(error, code, "cannot write");
    }
    code = mdb_txn_commit(transaction);
    if (code)
        return lmdb_error(error, code, "cannot commit");
    *value = counter.value;
    return OK;
}

enum result counters_get(struct counters *counters, struct bytes key, int64_t now, uint64_t *value,
                         struct error *error)
{
    require(key.len > 0 && key.len <= COUNTER_KEY_MAX);
    MDB_txn *transaction;
    int code = mdb_txn_begin(counters->environment, NULL, MDB_RDONLY, &transaction);
    if (code)
        return lmdb_error(error, code, "cannot begin");
    MDB_val name = key_value(key), data;
    struct counter counter;
    enum result result = NONE;
    code = mdb_get(transaction, counters->table, &name, &data);
    if (!code && read_counter(&data, now, &counter)) {
        *value = counter.value;
        result = OK;
    } else if (code && code != MDB_NOTFOUND) {
        result = lmdb_error(error, code, "cannot read");
    }
    mdb_txn_abort(transaction);
    return result;
}

size_t counters_size(struct counters *counters)
{
    MDB_txn *transaction;
    MDB_stat found;
    if (mdb_txn_begin(counters->environment, NULL, MDB_RDONLY, &transaction))
        return 0;
    int code = mdb_stat(transaction, counters->table, &found);
    mdb_txn_abort(transaction);
    return code ? 0 : found.ms_entries;
}

static int sweep(struct counters *counters, MDB_txn *transaction, int64_t now, unsigned most)
{
    MDB_cursor *cursor;
    int code = mdb_cursor_open(transaction, counters->table, &cursor);
    if (code)
        return code;
    MDB_val name = {counters->swept_len, counters->swept}, data;
    code = mdb_cursor_get(cursor, &name, &data, counters->swept_len ? MDB_SET_RANGE : MDB_FIRST);
    while (!code && most-- > 0) {
        struct counter counter;
        if (!read_counter(&data, now, &counter))
            code = mdb_cursor_del(cursor, 0);
        if (!code)
            code = mdb_cursor_get(cursor, &name, &data, MDB_NEXT);
    }
    counters->swept_len = 0; /* at the end: begin anew next time */
    if (!code && name.mv_size <= COUNTER_KEY_MAX) {
        memcpy(counters->swept, name.mv_data, name.mv_size);
        counters->swept_len = name.mv_size;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

enum result counters_expire(struct counters *counters, int64_t now, unsigned most,
                            struct error *error)
{
    MDB_txn *transaction;
    int code = mdb_txn_begin(counters->environment, NULL, 0, &transaction);
    if (code)
        return lmdb_error(error, code, "cannot begin");
    code = sweep(counters, transaction, now, most);
    if (code) {
        mdb_txn_abort(transaction);
        return lmdb_error(error, code, "cannot expire");
    }
    code = mdb_txn_commit(transaction);
    return code ? lmdb_error(error, code, "cannot commit") : OK;
}

enum result counters_sync(struct counters *counters, struct error *error)
{
    int code = mdb_env_sync(counters->environment, 1);
    return code ? lmdb_error(error, code, "cannot sync") : OK;
}
