/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/edge_rates_key.h"

#include "base/clock.h"
#include "roles/digest.h"

#include <string.h>

_Static_assert((int)RATES_KEY_SIZE == (int)DIGEST_SIZE, "keys are digests");

static bool make(struct arena *arena, enum rates_place place, struct bytes text, struct rates_place_key *out)
{
    uint8_t kind = (uint8_t)place;
    struct bytes parts[] = {BYTES("rates"), bytes_from(&kind, 1), text}, digest;
    if (!digest_parts(arena, parts, countof(parts), &digest))
        return false;
    memcpy(out->octets, digest.ptr, sizeof(out->octets));
    return true;
}

bool rates_address(struct arena *arena, const struct ip *client, struct rates_place_key *out)
{
    return make(arena, RATES_ADDRESS, bytes_from(client->octets, client->family == 4 ? 4 : 16), out);
}

bool rates_network(struct arena *arena, const struct ip *client, struct rates_place_key *out)
{
    return make(arena, RATES_NETWORK, bytes_from(client->octets, client->family == 4 ? 3 : 8), out);
}

bool rates_name(struct arena *arena, enum rates_place place, struct bytes name, struct rates_place_key *out)
{
    struct bytes lowered = arena_lower(arena, name);
    return lowered.len == name.len && make(arena, place, lowered, out);
}

struct bytes rates_key(const struct rates_place_key *place, enum rates_counter counter, uint64_t slot,
                       uint8_t out[RATES_KEY_SIZE])
{
    uint64_t end = slot << 8 | (uint64_t)counter;
    memcpy(out, place->octets, RATES_KEY_SIZE);
    for (int i = 0; i < 8; i++)
        out[RATES_KEY_SIZE - 1 - i] = (uint8_t)(end >> (8 * i));
    return bytes_from(out, RATES_KEY_SIZE);
}

uint64_t rates_slot(int64_t epoch, int64_t span)
{
    int64_t width = span / 2 / SECOND;
    return epoch > 0 && width > 0 ? (uint64_t)(epoch / width) : 0;
}
