/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/contact.h"

#include "base/ascii.h"
#include "message/idn.h"
#include "message/mailbox.h"

#include <string.h>

enum { ASKED_LEARNED, ASKED_MANUAL };

#define DAY_SECONDS INT64_C(86400)
/* A value is the number of messages to it, and above that of messages from it. */
#define ANSWERS_SHIFT 24
#define COUNT_MASK ((UINT64_C(1) << ANSWERS_SHIFT) - 1)
#define MANUAL_KEPT (100 * 365 * DAY_SECONDS)

static const char learned_word[] = "contact:", manual_word[] = "contact-manual:", day_word[] = "contact-day:";

enum result contact_address(struct arena *arena, struct bytes address, struct bytes *out)
{
    size_t at = bytes_rfind_byte(address, '@');
    struct bytes domain;
    *out = (struct bytes){NULL, 0};
    if (at == BYTES_NOT_FOUND || at == 0 || address.len > CONTACT_ADDRESS_MAX)
        return NONE;
    for (size_t i = 0; i < address.len; i++)
        if (ascii_is_control(address.ptr[i]))
            return NONE;
    enum result result = idn_to_ascii(arena, bytes_skip(address, at + 1), &domain, NULL);
    if (result != OK)
        return result == TEMP ? TEMP : NONE;
    struct bytes local = arena_lower(arena, bytes_first(address, at));
    struct bytes parts[] = {local, BYTES("@"), domain};
    if (!domain.len)
        return NONE;
    *out = arena_concat(arena, parts, countof(parts));
    return local.ptr && out->ptr ? OK : TEMP;
}

static struct bytes key_of(struct arena *arena, const char *word, struct bytes owner, struct bytes address)
{
    struct bytes parts[] = {bytes_of(word), owner, bytes_from("", 1), address};
    return batch_key(arena, parts, countof(parts));
}

size_t contact_ask(struct batch *batch, struct bytes owner, struct bytes address)
{
    size_t index = batch_get(batch, key_of(batch->arena, learned_word, owner, address));
    batch_get(batch, key_of(batch->arena, manual_word, owner, address));
    return index;
}

static void read_value(uint64_t value, int64_t ends_at, struct contact *out)
{
    out->count = value & COUNT_MASK;
    out->answers = value >> ANSWERS_SHIFT;
    out->written = out->count > 0;
    out->until = ends_at;
}

bool contact_read(const struct batch *batch, size_t asked, struct contact *out)
{
    const struct counter_operation *learned = batch_at(batch, asked + ASKED_LEARNED);
    *out = (struct contact){0};
    if (learned->found)
        read_value(learned->value, learned->ends_at, out);
    out->manual = batch_at(batch, asked + ASKED_MANUAL)->found;
    return out->manual || out->written;
}

/* Days are those of the world's clock. */
static struct bytes day_key(struct arena *arena, struct bytes owner, int64_t now)
{
    return key_of(arena, day_word, owner, arena_printf(arena, "%lld", (long long)(now / DAY_SECONDS)));
}

size_t contact_learn_ask(struct batch *batch, struct bytes owner, int64_t now)
{
    return batch_get(batch, day_key(batch->arena, owner, now));
}

uint64_t contact_learn_room(const struct batch *batch, size_t asked)
{
    uint64_t learned = batch_at(batch, asked)->value;
    return learned < CONTACT_DAY_MOST ? CONTACT_DAY_MOST - learned : 0;
}

void contact_learn(struct batch *batch, struct bytes owner, struct bytes address, bool is_new, int64_t now,
                   int64_t keep)
{
    struct arena *arena = batch->arena;
    struct bytes of_site = key_of(arena, learned_word, CONTACT_SITE, address);
    batch_add(batch, key_of(arena, learned_word, owner, address), 1, now + keep);
    /* One account more knows it; else it only lives on. */
    batch_append(batch, &(struct counter_operation){.kind = COUNTER_ADD,
                                                    .if_new = true,
                                                    .extend = true,
                                                    .key = of_site,
                                                    .delta = 1,
                                                    .expires_at = now + keep});
    batch_add(batch, of_site, 0, now + keep);
    if (is_new)
        batch_add(batch, day_key(arena, owner, now), 1, now + 2 * DAY_SECONDS);
}

void contact_answer(struct batch *batch, struct bytes owner, struct bytes address, int64_t now, int64_t keep)
{
    batch_add(batch, key_of(batch->arena, learned_word, owner, address), INT64_C(1) << ANSWERS_SHIFT, now + keep);
    batch_add(batch, key_of(batch->arena, learned_word, CONTACT_SITE, address), INT64_C(1) << ANSWERS_SHIFT,
              now + keep);
}

void contact_add(struct batch *batch, struct bytes owner, struct bytes address, int64_t now)
{
    batch_set(batch, key_of(batch->arena, manual_word, owner, address), now, now + MANUAL_KEPT);
}

void contact_remove(struct batch *batch, struct bytes owner, struct bytes address, const struct contact *known)
{
    batch_remove(batch, key_of(batch->arena, learned_word, owner, address));
    batch_remove(batch, key_of(batch->arena, manual_word, owner, address));
    /* One account less knows it. */
    if (known->written && !bytes_equal(owner, CONTACT_SITE))
        batch_add(batch, key_of(batch->arena, learned_word, CONTACT_SITE, address), -1, 0);
}

struct bytes contact_prefix(struct arena *arena, struct bytes owner)
{
    /* Of both kinds; an owner's learned ones alone. */
    if (!owner.len)
        return arena_copy(arena, BYTES("contact"));
    return key_of(arena, learned_word, owner, BYTES(""));
}

bool contact_read_key(struct bytes key, uint64_t value, int64_t expires_at, struct bytes *owner,
                      struct bytes *address, struct contact *out)
{
    *out = (struct contact){0};
    bool manual = bytes_starts_with(key, bytes_of(manual_word));
    if (!manual && !bytes_starts_with(key, bytes_of(learned_word)))
        return false;
    struct bytes rest = bytes_skip(key, strlen(manual ? manual_word : learned_word));
    size_t nul = bytes_find_byte(rest, 0);
    if (nul == BYTES_NOT_FOUND || nul == 0 || nul + 1 >= rest.len)
        return false;
    *owner = bytes_first(rest, nul);
    *address = bytes_skip(rest, nul + 1);
    if (manual)
        out->manual = true;
    else
        read_value(value, expires_at, out);
    return out->manual || out->written;
}
