/* SPDX-License-Identifier: BSD-2-Clause */
#include "state/counters_pending.h"

#include "base/buf.h"

#include <errno.h>
#include <string.h>

/* Keys of ours: COUNTERS_OWN, one of these, and the counter's key or the turn. */
enum { KEPT = 'k', OWED = 'o', OWN_PREFIX = 2, KEPT_KEY_SIZE = OWN_PREFIX + TURN_OWNER_SIZE + 8 };
enum { KEPT_OCTETS_MAX = COUNTER_OPERATIONS_MAX * (COUNTER_KEY_MAX + 32), REMOVE_KEPT = 30 * 86400 };
enum { MOST_FOR_KEY = 3, TAKEN_AT_ONCE = 4096 };

enum owed_kind { OWED_CHANGE, OWED_SET, OWED_REMOVE };

/* As it lies in LMDB; the key of `then` follows. */
struct owed {
    uint8_t kind;
    uint8_t first;         /* CHANGE: if it is absent there it begins with `base` */
    uint8_t extend;
    uint8_t unused;
    uint16_t then_len;     /* 0: none */
    uint16_t unused_too;
    int64_t base;          /* SET: the value */
    int64_t delta;         /* CHANGE: is added */
    int64_t expires_at;
    /* If it is absent there another counter grows: members of a set (if_new). */
    int64_t then_delta, then_expires_at;
};

struct record {
    struct owed owed;
    uint8_t then[COUNTER_KEY_MAX];
};

struct own_key {
    uint8_t octets[OWN_PREFIX + COUNTER_KEY_MAX];
    size_t len;
};

static MDB_val own_value(struct own_key *key)
{
    return (MDB_val){key->len, key->octets};
}

static void own_begin(struct own_key *key, uint8_t kind)
{
    key->octets[0] = COUNTERS_OWN;
    key->octets[1] = kind;
    key->len = OWN_PREFIX;
}

static void owed_key(struct own_key *own, struct bytes key)
{
    own_begin(own, OWED);
    memcpy(own->octets + OWN_PREFIX, key.ptr, key.len);
    own->len += key.len;
}

static void kept_key(struct own_key *own, const struct counters_turn *turn)
{
    own_begin(own, KEPT);
    memcpy(own->octets + OWN_PREFIX, turn->owner, TURN_OWNER_SIZE);
    for (unsigned i = 0; i < 8; i++)
        own->octets[OWN_PREFIX + TURN_OWNER_SIZE + i] = (uint8_t)(turn->number >> (56 - 8 * i));
    own->len = KEPT_KEY_SIZE;
}

static bool is_own(const MDB_val *name, uint8_t kind)
{
    const uint8_t *octets = name->mv_data;
    return name->mv_size > OWN_PREFIX && octets[0] == COUNTERS_OWN && octets[1] == kind;
}

/* Places the cursor on the first of its kind. */
static int first_of(MDB_cursor *cursor, uint8_t kind, MDB_val *name, MDB_val *data)
{
    struct own_key own;
    own_begin(&own, kind);
    *name = own_value(&own);
    int code = mdb_cursor_get(cursor, name, data, MDB_SET_RANGE);
    return !code && !is_own(name, kind) ? MDB_NOTFOUND : code;
}

static int next_of(MDB_cursor *cursor, uint8_t kind, MDB_val *name, MDB_val *data)
{
    int code = mdb_cursor_get(cursor, name, data, MDB_NEXT);
    return !code && !is_own(name, kind) ? MDB_NOTFOUND : code;
}

static int count_kind(MDB_cursor *cursor, uint8_t kind, size_t *count)
{
    MDB_val name, data;
    int code = first_of(cursor, kind, &name, &data);
    for (*count = 0; !code; code = next_of(cursor, kind, &name, &data))
        ++*count;
    return code == MDB_NOTFOUND ? 0 : code;
}

enum result counters_pending_open(struct counters_lmdb *local, struct counters_pending *pending, struct error *error)
{
    MDB_txn *transaction;
    MDB_cursor *cursor;
    *pending = (struct counters_pending){0};
    int code = mdb_txn_begin(local->environment, NULL, MDB_RDONLY, &transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot begin");
    code = mdb_cursor_open(transaction, local->table, &cursor);
    if (!code) {
        code = count_kind(cursor, OWED, &pending->owed);
        if (!code)
            code = count_kind(cursor, KEPT, &pending->kept);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(transaction);
    return code ? counters_lmdb_error(error, code, "cannot read") : OK;
}

/* Owed */

static bool read_record(const MDB_val *data, struct record *out)
{
    if (data->mv_size < sizeof(out->owed) || data->mv_size > sizeof(*out))
        return false;
    memcpy(&out->owed, data->mv_data, sizeof(out->owed));
    size_t rest = data->mv_size - sizeof(out->owed);
    if (out->owed.then_len != rest || out->owed.kind > OWED_REMOVE)
        return false;
    memcpy(out->then, (const uint8_t *)data->mv_data + sizeof(out->owed), rest);
    return true;
}

static int64_t sum(int64_t a, int64_t b)
{
    int64_t total;
    if (__builtin_add_overflow(a, b, &total) || total > COUNTER_VALUE_MAX || total < -COUNTER_VALUE_MAX)
        return b < 0 ? -COUNTER_VALUE_MAX : COUNTER_VALUE_MAX;
    return total;
}

static int64_t not_negative(int64_t value)
{
    return value < 0 ? 0 : value;
}

static void owe_anew(struct owed *owed, const struct counter_operation *operation, int64_t now)
{
    *owed = (struct owed){.expires_at = operation->expires_at, .extend = operation->extend};
    switch (operation->kind) {
    case COUNTER_ADD:
        owed->kind = OWED_CHANGE;
        owed->delta = operation->delta;
        break;
    case COUNTER_FIRST:
        owed->kind = OWED_CHANGE;
        owed->first = true;
        owed->base = not_negative(operation->delta);
        break;
    case COUNTER_SET:
        owed->kind = OWED_SET;
        owed->base = not_negative(operation->delta);
        break;
    default:
        owed->kind = OWED_REMOVE;
        owed->expires_at = now + REMOVE_KEPT;
        break;
    }
}

/* What is owed after one more; it was done here, and not in vain. */
static void merge(struct owed *owed, const struct counter_operation *operation, int64_t now)
{
    bool starts = operation->kind == COUNTER_SET || operation->kind == COUNTER_REMOVE;
    if (starts || (!operation->found && owed->kind != OWED_REMOVE) || owed->expires_at <= now) {
        owe_anew(owed, operation, now);
        return;
    }
    if (owed->kind == OWED_REMOVE) {
        owe_anew(owed, operation, now);
        owed->base = not_negative(operation->delta);
        owed->kind = OWED_SET;
        return;
    }
    if (owed->kind == OWED_SET)
        owed->base = not_negative(sum(owed->base, operation->delta));
    else
        owed->delta = sum(owed->delta, operation->delta);
    if (operation->extend) {
        owed->extend = true;
        if (operation->expires_at > owed->expires_at)
            owed->expires_at = operation->expires_at;
    }
}

static bool was_done(const struct counter_operation *operations, size_t index)
{
    const struct counter_operation *operation = &operations[index];
    if (!counter_is_change(operation) || counter_only_says(operations, index))
        return false;
    return operation->kind != COUNTER_FIRST || !operation->found;
}

/* Whether the next operation was done because this one found nothing, and can be told so to Redis. */
static bool has_then(const struct counter_operation *operations, size_t count, size_t index)
{
    return index + 1 < count && operations[index + 1].if_new && operations[index + 1].kind == COUNTER_ADD &&
           !operations[index].found && was_done(operations, index);
}

static void add_then(struct record *record, const struct counter_operation *operation)
{
    struct owed *owed = &record->owed;
    bool same = bytes_equal(bytes_from(record->then, owed->then_len), operation->key);
    owed->then_delta = same ? sum(owed->then_delta, operation->delta) : operation->delta;
    owed->then_expires_at = operation->expires_at;
    owed->then_len = (uint16_t)operation->key.len;
    memcpy(record->then, operation->key.ptr, operation->key.len);
}

static int owe_one(struct counters_lmdb *local, MDB_txn *transaction, struct counters_pending *pending,
                   const struct counter_operation *operations, size_t count, size_t index, int64_t now)
{
    struct own_key own;
    struct record record = {{0}};
    owed_key(&own, operations[index].key);
    MDB_val name = own_value(&own), data;
    int code = mdb_get(transaction, local->table, &name, &data);
    if (code && code != MDB_NOTFOUND)
        return code;
    bool is_new = code == MDB_NOTFOUND;
    if (is_new && pending->owed >= PENDING_OWED_MAX) {
        pending->dropped++;
        return 0;
    }
    if (!is_new && read_record(&data, &record))
        merge(&record.owed, &operations[index], now);
    else
        owe_anew(&record.owed, &operations[index], now);
    if (has_then(operations, count, index))
        add_then(&record, &operations[index + 1]);
    pending->owed += is_new;
    data = (MDB_val){sizeof(record.owed) + record.owed.then_len, &record};
    return mdb_put(transaction, local->table, &name, &data, 0);
}

int counters_pending_owe(struct counters_lmdb *local, MDB_txn *transaction, struct counters_pending *pending,
                         const struct counter_operation *operations, size_t count, int64_t now)
{
    for (size_t i = 0; i < count; i++) {
        if (!was_done(operations, i) || (i > 0 && operations[i].if_new && has_then(operations, count, i - 1)))
            continue;
        int code = owe_one(local, transaction, pending, operations, count, i, now);
        if (code)
            return code;
    }
    return 0;
}

/* Kept */

static void add_octets(struct buf *out, const void *octets, size_t count)
{
    buf_add(out, bytes_from(octets, count));
}

static void write_operation(struct buf *out, const struct counter_operation *operation)
{
    uint16_t length = (uint16_t)operation->key.len;
    buf_add_byte(out, (uint8_t)operation->kind);
    buf_add_byte(out, (uint8_t)(operation->if_new | operation->extend << 1));
    add_octets(out, &length, sizeof(length));
    add_octets(out, &operation->delta, sizeof(operation->delta));
    add_octets(out, &operation->expires_at, sizeof(operation->expires_at));
    buf_add(out, operation->key);
}

int counters_pending_keep(struct counters_lmdb *local, MDB_txn *transaction, struct counters_pending *pending,
                          const struct counters_turn *turn, const struct counter_operation *operations, size_t count)
{
    struct own_key own;
    struct buf text;
    if (pending->kept >= PENDING_KEPT_MAX) {
        pending->dropped += count;
        return 0;
    }
    buf_init(&text, KEPT_OCTETS_MAX);
    for (size_t i = 0; i < count; i++)
        write_operation(&text, &operations[i]);
    kept_key(&own, turn);
    MDB_val name = own_value(&own), data = {text.len, text.ptr};
    int code = text.failed ? ENOMEM : mdb_put(transaction, local->table, &name, &data, 0);
    buf_free(&text);
    pending->kept += !code;
    return code;
}

static bool take_octets(struct bytes *rest, void *out, size_t count)
{
    if (rest->len < count)
        return false;
    memcpy(out, rest->ptr, count);
    *rest = bytes_skip(*rest, count);
    return true;
}

static bool read_operation(struct bytes *rest, struct arena *arena, struct counter_operation *operation)
{
    uint8_t head[2];
    uint16_t length;
    *operation = (struct counter_operation){0};
    if (!take_octets(rest, head, sizeof(head)) || !take_octets(rest, &length, sizeof(length)) ||
        !take_octets(rest, &operation->delta, sizeof(operation->delta)) ||
        !take_octets(rest, &operation->expires_at, sizeof(operation->expires_at)) ||
        head[0] >= COUNTER_OPERATION_KINDS || !length || length > COUNTER_KEY_MAX || rest->len < length ||
        rest->ptr[0] == COUNTERS_OWN)
        return false;
    operation->kind = head[0];
    operation->if_new = head[1] & 1;
    operation->extend = head[1] & 2;
    operation->key = arena_copy(arena, bytes_first(*rest, length));
    *rest = bytes_skip(*rest, length);
    return operation->key.len != 0;
}

static void read_turn(const MDB_val *name, struct counters_turn *turn)
{
    const uint8_t *octets = (const uint8_t *)name->mv_data + OWN_PREFIX;
    memcpy(turn->owner, octets, TURN_OWNER_SIZE);
    turn->number = 0;
    for (unsigned i = 0; i < 8; i++)
        turn->number = turn->number << 8 | octets[TURN_OWNER_SIZE + i];
}

/* What cannot be read becomes an empty batch, which is settled as the others. */
static void read_batch(const MDB_val *name, const MDB_val *data, struct arena *arena, struct counters_batch *batch)
{
    struct bytes rest = bytes_from(data->mv_data, data->mv_size);
    read_turn(name, &batch->turn);
    batch->count = 0;
    while (rest.len && batch->count < COUNTER_OPERATIONS_MAX)
        if (!read_operation(&rest, arena, &batch->operations[batch->count++])) {
            batch->count = 0;
            return;
        }
}

enum result counters_pending_next(struct counters_lmdb *local, struct arena *arena, struct counters_batch *batch,
                                  struct error *error)
{
    MDB_txn *transaction;
    MDB_cursor *cursor;
    MDB_val name, data;
    int code = mdb_txn_begin(local->environment, NULL, MDB_RDONLY, &transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot begin");
    code = mdb_cursor_open(transaction, local->table, &cursor);
    if (!code) {
        code = first_of(cursor, KEPT, &name, &data);
        while (!code && name.mv_size != KEPT_KEY_SIZE)
            code = next_of(cursor, KEPT, &name, &data);
        if (!code)
            read_batch(&name, &data, arena, batch);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(transaction);
    return code == MDB_NOTFOUND ? NONE : code ? counters_lmdb_error(error, code, "cannot read") : OK;
}

enum result counters_pending_settle(struct counters_lmdb *local, struct counters_pending *pending,
                                    const struct counters_turn *turn, struct error *error)
{
    struct own_key own;
    MDB_txn *transaction;
    kept_key(&own, turn);
    MDB_val name = own_value(&own);
    int code = mdb_txn_begin(local->environment, NULL, 0, &transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot begin");
    code = mdb_del(transaction, local->table, &name, NULL);
    if (code && code != MDB_NOTFOUND) {
        mdb_txn_abort(transaction);
        return counters_lmdb_error(error, code, "cannot write");
    }
    pending->kept -= !code && pending->kept;
    code = mdb_txn_commit(transaction);
    return code ? counters_lmdb_error(error, code, "cannot commit") : OK;
}

/* Gathering */

/* A batch that is being made: the keys are in its arena. */
struct gathering {
    struct arena *arena;
    struct counters_batch *batch;
};

static void add_operation(struct gathering *gathering, enum counter_operation_kind kind, struct bytes key,
                          int64_t delta, const struct owed *owed)
{
    struct counters_batch *batch = gathering->batch;
    batch->operations[batch->count++] = (struct counter_operation){
        .kind = kind, .key = key, .delta = delta, .expires_at = owed->expires_at, .extend = owed->extend};
}

static void add_owed(struct gathering *gathering, struct bytes name, const struct record *record)
{
    const struct owed *owed = &record->owed;
    struct bytes key = arena_copy(gathering->arena, name);
    struct bytes then = arena_copy(gathering->arena, bytes_from(record->then, owed->then_len));
    bool first = owed->kind == OWED_CHANGE && owed->first;
    if (owed->kind == OWED_REMOVE)
        add_operation(gathering, COUNTER_REMOVE, key, 0, owed);
    else if (owed->kind == OWED_SET)
        add_operation(gathering, COUNTER_SET, key, owed->base, owed);
    else
        add_operation(gathering, first ? COUNTER_FIRST : COUNTER_ADD, key, first ? owed->base : owed->delta, owed);
    if (then.len) {
        struct owed grown = {.expires_at = owed->then_expires_at};
        add_operation(gathering, COUNTER_ADD, then, owed->then_delta, &grown);
        gathering->batch->operations[gathering->batch->count - 1].if_new = true;
    }
    if (first && (owed->delta || owed->extend))
        add_operation(gathering, COUNTER_ADD, key, owed->delta, owed);
}

static int take_owed(struct counters_lmdb *local, MDB_txn *transaction, struct counters_pending *pending,
                     struct gathering *gathering, int64_t now)
{
    MDB_cursor *cursor;
    MDB_val name, data;
    int code = mdb_cursor_open(transaction, local->table, &cursor);
    if (code)
        return code;
    code = first_of(cursor, OWED, &name, &data);
    for (unsigned i = 0; !code && i < TAKEN_AT_ONCE && gathering->batch->count + MOST_FOR_KEY <= COUNTER_OPERATIONS_MAX;
         i++) {
        struct record record;
        if (read_record(&data, &record) && record.owed.expires_at > now)
            add_owed(gathering, bytes_skip(bytes_from(name.mv_data, name.mv_size), OWN_PREFIX), &record);
        pending->owed -= pending->owed != 0;
        code = mdb_cursor_del(cursor, 0);
        if (!code)
            code = next_of(cursor, OWED, &name, &data);
    }
    mdb_cursor_close(cursor);
    if (code != MDB_NOTFOUND)
        return code;
    pending->owed = 0;
    return 0;
}

static enum result gather(struct counters_lmdb *local, struct counters_pending *pending, struct gathering *gathering,
                          const struct counters_turn *turn, int64_t now, struct error *error)
{
    struct counters_pending after = *pending;
    MDB_txn *transaction;
    int code = mdb_txn_begin(local->environment, NULL, 0, &transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot begin");
    code = take_owed(local, transaction, &after, gathering, now);
    if (!code && arena_exhausted(gathering->arena))
        code = ENOMEM;
    if (!code && gathering->batch->count)
        code = counters_pending_keep(local, transaction, &after, turn, gathering->batch->operations,
                                     gathering->batch->count);
    if (code) {
        mdb_txn_abort(transaction);
        return counters_lmdb_error(error, code, "cannot gather what Redis is owed");
    }
    code = mdb_txn_commit(transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot commit");
    *pending = after;
    return gathering->batch->count || after.owed ? OK : NONE;
}

enum result counters_pending_gather(struct counters_lmdb *local, struct counters_pending *pending,
                                    const struct counters_turn *turn, int64_t now, struct error *error)
{
    if (!pending->owed)
        return NONE;
    struct gathering gathering = {.arena = arena_create(1 << 20)};
    if (gathering.arena)
        gathering.batch = arena_new(gathering.arena, struct counters_batch);
    enum result result = gathering.batch ? gather(local, pending, &gathering, turn, now, error)
                                         : error_set(error, TEMP, "counters: out of memory");
    arena_destroy(gathering.arena);
    return result;
}
