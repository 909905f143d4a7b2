/* SPDX-License-Identifier: BSD-2-Clause */
/* This machine's counters. What Redis is owed lies in the same table (counters_pending.h), so that one transaction
 * holds both. */
#include "state/counters_engine.h"

#include <string.h>

enum result counters_lmdb_error(struct error *error, int code, const char *doing)
{
    bool damaged = code == MDB_CORRUPTED || code == MDB_INVALID || code == MDB_VERSION_MISMATCH;
    return error_set(error, damaged ? PERM : TEMP, "counters: %s: %s", doing, mdb_strerror(code));
}

MDB_val counters_lmdb_key(struct bytes key)
{
    return (MDB_val){key.len, (void *)(uintptr_t)key.ptr};
}

static int open_table(struct counters_lmdb *local)
{
    MDB_txn *transaction;
    int code = mdb_txn_begin(local->environment, NULL, 0, &transaction);
    if (code)
        return code;
    code = mdb_dbi_open(transaction, NULL, 0, &local->table);
    if (code) {
        mdb_txn_abort(transaction);
        return code;
    }
    return mdb_txn_commit(transaction);
}

enum result counters_lmdb_open(struct counters_lmdb *local, const char *directory, size_t size_max,
                               struct error *error)
{
    *local = (struct counters_lmdb){0};
    int code = mdb_env_create(&local->environment);
    if (!code)
        code = mdb_env_set_mapsize(local->environment, size_max);
    if (!code)
        code = mdb_env_open(local->environment, directory, MDB_NOSYNC | MDB_NOTLS, 0600);
    if (!code)
        code = open_table(local);
    if (!code)
        return OK;
    counters_lmdb_close(local);
    return counters_lmdb_error(error, code, directory);
}

void counters_lmdb_close(struct counters_lmdb *local)
{
    if (local->environment)
        mdb_env_close(local->environment);
    local->environment = NULL;
}

/* False when expired, or not of our making. */
static bool read_counter(const MDB_val *data, int64_t now, struct counter *out)
{
    if (data->mv_size != sizeof(*out))
        return false;
    memcpy(out, data->mv_data, sizeof(*out));
    return out->expires_at > now;
}

/* *present: there is something under the key, if only an expired one. */
static int read_key(struct counters_lmdb *local, MDB_txn *transaction, struct bytes key, int64_t now,
                    struct counter *out, bool *alive, bool *present)
{
    MDB_val name = counters_lmdb_key(key), data;
    int code = mdb_get(transaction, local->table, &name, &data);
    *present = !code;
    *alive = !code && read_counter(&data, now, out);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int write_key(struct counters_lmdb *local, MDB_txn *transaction, struct bytes key, struct counter *counter,
                     bool alive, bool present)
{
    MDB_val name = counters_lmdb_key(key), data = {sizeof(*counter), counter};
    if (alive)
        return mdb_put(transaction, local->table, &name, &data, 0);
    return present ? mdb_del(transaction, local->table, &name, NULL) : 0;
}

int counters_lmdb_apply(struct counters_lmdb *local, MDB_txn *transaction, struct counter_operation *operations,
                        size_t count, int64_t now)
{
    for (size_t i = 0; i < count; i++) {
        struct counter counter = {0};
        bool alive, present;
        int code = read_key(local, transaction, operations[i].key, now, &counter, &alive, &present);
        if (!code && counter_apply(&operations[i], counter_only_says(operations, i), now, &counter, &alive))
            code = write_key(local, transaction, operations[i].key, &counter, alive, present);
        if (code)
            return code;
    }
    return 0;
}

static enum result lmdb_run(struct counters *counters, struct counter_operation *operations, size_t count,
                            int64_t now, struct error *error)
{
    struct counters_lmdb *local = &counters->local;
    bool writes = counters_change(operations, count);
    MDB_txn *transaction;
    int code = mdb_txn_begin(local->environment, NULL, writes ? 0 : MDB_RDONLY, &transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot begin");
    code = counters_lmdb_apply(local, transaction, operations, count, now);
    bool exceeds = !code && counters_exceed(operations, count);
    if (code || exceeds || !writes) {
        mdb_txn_abort(transaction);
        return code ? counters_lmdb_error(error, code, "cannot read or write") : exceeds ? NONE : OK;
    }
    code = mdb_txn_commit(transaction);
    return code ? counters_lmdb_error(error, code, "cannot commit") : OK;
}

/* Mirror */

/* Whether it stands there already. */
static int compare(struct counters_lmdb *local, MDB_txn *transaction, const struct counter_operation *operation,
                   int64_t now, bool *same)
{
    struct counter counter;
    bool alive, present;
    int code = read_key(local, transaction, operation->key, now, &counter, &alive, &present);
    *same = operation->ends_at > now
                ? alive && counter.value == operation->value && counter.expires_at == operation->ends_at
                : !present;
    return code;
}

static int put_all(struct counters_lmdb *local, MDB_txn *transaction, const struct counter_operation *operations,
                   size_t count, int64_t now)
{
    int code = 0;
    for (size_t i = 0; i < count && !code; i++) {
        struct counter counter = {operations[i].value, operations[i].ends_at};
        code = write_key(local, transaction, operations[i].key, &counter, counter.expires_at > now, true);
        if (code == MDB_NOTFOUND)
            code = 0;
    }
    return code;
}

static enum result all_stand(struct counters_lmdb *local, const struct counter_operation *operations, size_t count,
                             int64_t now, bool *same, struct error *error)
{
    MDB_txn *transaction;
    int code = mdb_txn_begin(local->environment, NULL, MDB_RDONLY, &transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot begin");
    *same = true;
    for (size_t i = 0; i < count && *same && !code; i++)
        code = compare(local, transaction, &operations[i], now, same);
    mdb_txn_abort(transaction);
    return code ? counters_lmdb_error(error, code, "cannot read") : OK;
}

enum result counters_lmdb_mirror(struct counters_lmdb *local, const struct counter_operation *operations, size_t count,
                                 int64_t now, struct error *error)
{
    bool same = false;
    enum result result = OK;
    if (!counters_change(operations, count))
        result = all_stand(local, operations, count, now, &same, error);
    if (result != OK || same)
        return result;
    MDB_txn *transaction;
    int code = mdb_txn_begin(local->environment, NULL, 0, &transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot begin");
    code = put_all(local, transaction, operations, count, now);
    if (code) {
        mdb_txn_abort(transaction);
        return counters_lmdb_error(error, code, "cannot write");
    }
    code = mdb_txn_commit(transaction);
    return code ? counters_lmdb_error(error, code, "cannot commit") : OK;
}

/* Scan */

static bool is_counter_key(const MDB_val *name)
{
    return name->mv_size && *(const uint8_t *)name->mv_data != COUNTERS_OWN;
}

static int scan_table(MDB_cursor *cursor, const struct counter_scan *scan)
{
    bool resumes = bytes_compare(scan->after, scan->prefix) > 0;
    struct bytes from = resumes ? scan->after : scan->prefix;
    MDB_val name = counters_lmdb_key(from), data;
    unsigned told = 0;
    int code = mdb_cursor_get(cursor, &name, &data, from.len ? MDB_SET_RANGE : MDB_FIRST);
    for (; !code && is_counter_key(&name); code = mdb_cursor_get(cursor, &name, &data, MDB_NEXT)) {
        struct bytes key = bytes_from(name.mv_data, name.mv_size);
        struct counter counter;
        if (!bytes_starts_with(key, scan->prefix))
            break;
        if (!read_counter(&data, scan->now, &counter) || (scan->after.len && bytes_equal(key, scan->after)))
            continue;
        if (!scan->each(scan->context, key, counter.value, counter.expires_at) || ++told == scan->most)
            break;
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

static enum result lmdb_scan(struct counters *counters, const struct counter_scan *scan, struct error *error)
{
    MDB_txn *transaction;
    MDB_cursor *cursor;
    int code = mdb_txn_begin(counters->local.environment, NULL, MDB_RDONLY, &transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot begin");
    code = mdb_cursor_open(transaction, counters->local.table, &cursor);
    if (!code) {
        code = scan_table(cursor, scan);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(transaction);
    return code ? counters_lmdb_error(error, code, "cannot read") : OK;
}

const struct counters_engine counters_lmdb_engine = {.run = lmdb_run, .scan = lmdb_scan};

/* Expiry */

size_t counters_lmdb_size(const struct counters_lmdb *local)
{
    MDB_txn *transaction;
    MDB_stat found;
    if (mdb_txn_begin(local->environment, NULL, MDB_RDONLY, &transaction))
        return 0;
    int code = mdb_stat(transaction, local->table, &found);
    mdb_txn_abort(transaction);
    return code ? 0 : found.ms_entries;
}

static int sweep(struct counters_lmdb *local, MDB_txn *transaction, int64_t now, unsigned most)
{
    MDB_cursor *cursor;
    int code = mdb_cursor_open(transaction, local->table, &cursor);
    if (code)
        return code;
    MDB_val name = {local->swept_len, local->swept}, data;
    code = mdb_cursor_get(cursor, &name, &data, local->swept_len ? MDB_SET_RANGE : MDB_FIRST);
    while (!code && is_counter_key(&name) && most-- > 0) {
        struct counter counter;
        if (!read_counter(&data, now, &counter))
            code = mdb_cursor_del(cursor, 0);
        if (!code)
            code = mdb_cursor_get(cursor, &name, &data, MDB_NEXT);
    }
    local->swept_len = 0; /* at the end: begin anew next time */
    if (!code && is_counter_key(&name) && name.mv_size <= COUNTER_KEY_MAX) {
        memcpy(local->swept, name.mv_data, name.mv_size);
        local->swept_len = name.mv_size;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

enum result counters_lmdb_expire(struct counters_lmdb *local, int64_t now, unsigned most, struct error *error)
{
    MDB_txn *transaction;
    int code = mdb_txn_begin(local->environment, NULL, 0, &transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot begin");
    code = sweep(local, transaction, now, most);
    if (code) {
        mdb_txn_abort(transaction);
        return counters_lmdb_error(error, code, "cannot expire");
    }
    code = mdb_txn_commit(transaction);
    return code ? counters_lmdb_error(error, code, "cannot commit") : OK;
}
