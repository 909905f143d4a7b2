/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/trap.h"

#define DAY_SECONDS INT64_C(86400)

static struct bytes key_of(struct arena *arena, const struct history_identity *identity)
{
    struct bytes parts[] = {BYTES("trap:"), bytes_of(history_kind_name(identity->kind)), BYTES(":"), identity->name};
    return batch_key(arena, parts, countof(parts));
}

size_t trap_ask(struct batch *batch, const struct history_identity *identity)
{
    return batch_get(batch, key_of(batch->arena, identity));
}

bool trap_read(const struct batch *batch, size_t asked, const struct history *history)
{
    const struct counter_operation *hits = batch_at(batch, asked);
    return hits->found && hits->value * HISTORY_ONE * TRAP_SHARE >= history->counts[HISTORY_MESSAGES];
}

void trap_write(struct batch *batch, const struct history_identity *identity, int64_t now)
{
    batch_add(batch, key_of(batch->arena, identity), 1, now + TRAP_DAYS * DAY_SECONDS);
}

void trap_forget(struct batch *batch, const struct history_identity *identity)
{
    batch_remove(batch, key_of(batch->arena, identity));
}
