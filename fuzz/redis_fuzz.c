/* SPDX-License-Identifier: BSD-2-Clause */
/* What a Redis server answers: whole, and in pieces, must be read as the same; and what is taken for counters keeps to
 * their bounds. The first octet says how many operations were asked, the second how large the pieces are. */
#include "state/counters_shared.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPLIES_MAX = 64 };

struct found {
    struct redis_reply *replies[REPLIES_MAX];
    size_t count;
    bool broken;
};

static void check_reply(const struct redis_reply *reply, unsigned depth, size_t *parts)
{
    require(depth <= REDIS_DEPTH_MAX && ++*parts <= REDIS_ELEMENTS_MAX);
    require(reply->text.len <= REDIS_REPLY_MAX && (reply->kind == REDIS_ARRAY || !reply->count));
    for (size_t i = 0; i < reply->count; i++) {
        require(reply->elements[i]);
        check_reply(reply->elements[i], depth + 1, parts);
    }
}

static bool same(const struct redis_reply *a, const struct redis_reply *b)
{
    if (a->kind != b->kind || a->number != b->number || a->count != b->count || !bytes_equal(a->text, b->text))
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!same(a->elements[i], b->elements[i]))
            return false;
    return true;
}

static void read_all(struct bytes octets, size_t piece, struct found *found)
{
    struct redis_reading *reading = redis_reading_create();
    require(reading);
    *found = (struct found){.count = 0};
    while (octets.len && !found->broken && found->count < REPLIES_MAX) {
        struct redis_reply *reply;
        enum result result;
        struct error error;
        found->broken = !redis_reading_feed(reading, bytes_first(octets, piece));
        octets = bytes_skip(octets, piece);
        while (!found->broken && found->count < REPLIES_MAX &&
               (result = redis_reading_next(reading, &reply, &error)) != NONE) {
            size_t parts = 0;
            found->broken = result != OK;
            if (found->broken)
                break;
            check_reply(reply, 1, &parts);
            found->replies[found->count++] = reply;
        }
    }
    redis_reading_free(reading);
}

static void check_counters(const struct redis_reply *reply, size_t count)
{
    struct counter_operation operations[8];
    enum wire_outcome outcome;
    for (size_t i = 0; i < count; i++)
        operations[i] = (struct counter_operation){.kind = COUNTER_ADD, .most = 10, .value = UINT64_MAX};
    if (!counters_wire_read(reply, operations, count, &outcome) || outcome == WIRE_AGAIN)
        return;
    for (size_t i = 0; i < count; i++)
        require(operations[i].value <= COUNTER_VALUE_MAX && operations[i].ends_at >= 0 &&
                operations[i].ends_at <= COUNTER_VALUE_MAX);
    require(outcome == WIRE_DONE || counters_exceed(operations, count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct found whole, pieces;
    if (size < 2)
        return 0;
    struct bytes octets = bytes_from(data + 2, size - 2);
    read_all(octets, octets.len, &whole);
    read_all(octets, 1 + data[1], &pieces);
    /* A fault in the same packet takes no answer away that came before it. */
    require(whole.count == pieces.count && whole.broken == pieces.broken);
    for (size_t i = 0; i < whole.count; i++) {
        require(same(whole.replies[i], pieces.replies[i]));
        check_counters(whole.replies[i], data[0] % 8 + 1);
        redis_reply_free(whole.replies[i]);
        redis_reply_free(pieces.replies[i]);
    }
    return 0;
}
