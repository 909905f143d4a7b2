/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Simultaneous connections of an address or network, over all edges.
 *
 * Where an edge has few of a client nobody else needs to know. From a part of the limit on the store hears of each
 * that opens and closes, as two counters that only grow: what is open is their difference. The counters are those
 * of a slot of time; at its beginning each edge says how many it has, and what was counted before is forgotten. So
 * nothing that got lost (an edge that died, a store that was away) counts for longer than a slot.
 */
#include "roles/edge_rates_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOT MINUTE
#define SLOT_WINDOW (2 * SLOT)

enum { PARTS = 4 }; /* of the limit's share of an edge, that nobody else needs to know */

struct rates_connection {
    uint8_t key[17];
    struct rates_place_key place;
    size_t count;
    bool many;       /* the store knows of them … */
    uint64_t slot;   /* … in this slot … */
    uint64_t untold; /* … but not yet that so many of them were closed: */
    bool listed;     /* then it is in the list of those, */
    struct rates_connection *next_untold; /* and stays until that was told, even with a count of 0 */
};

static uint64_t slot_now(void)
{
    return (uint64_t)(loop_epoch() / (SLOT / SECOND));
}

static void make_key(const struct ip *client, bool of_network, uint8_t key[17])
{
    struct ip place = of_network ? ip_masked(client, client->family == 4 ? 24 : 64) : *client;
    key[0] = (uint8_t)(client->family << 1 | of_network);
    memcpy(key + 1, place.octets, 16);
}

struct rates_connection *rates_enter(struct edge_rates *rates, const struct ip *client, bool of_network,
                                     const struct rates_place_key *place, unsigned most)
{
    uint8_t key[17];
    if (!most)
        return NULL;
    make_key(client, of_network, key);
    struct rates_connection *found = map_get(rates->connections, bytes_from(key, sizeof(key)));
    if (!found) {
        found = calloc(1, sizeof(*found));
        if (!found || !map_put(rates->connections, bytes_from(key, sizeof(key)), found, NULL)) {
            free(found);
            return NULL;
        }
        memcpy(found->key, key, sizeof(key));
        found->place = *place;
    }
    found->count++;
    return found;
}

static void list(struct edge_rates *rates, struct rates_connection *connection)
{
    if (!connection->listed) {
        connection->next_untold = rates->untold;
        rates->untold = connection;
        connection->listed = true;
    }
    rates_tell_soon(rates);
}

static void drop_unused(struct edge_rates *rates, struct rates_connection *connection)
{
    if (connection->count || connection->listed)
        return;
    rates->many -= connection->many;
    free(map_remove(rates->connections, bytes_from(connection->key, sizeof(connection->key))));
}

void rates_leave(struct edge_rates *rates, struct rates_connection *connection, bool asked)
{
    if (!connection)
        return;
    connection->count--;
    /* In a slot in which they have not been told yet they will be told without this one. */
    if (asked && connection->many && connection->slot == slot_now()) {
        connection->untold++;
        list(rates, connection);
    }
    drop_unused(rates, connection);
}

void rates_tell_closed(struct edge_rates *rates)
{
    uint64_t slot = slot_now();
    while (rates->untold) {
        struct rates_connection *connection = rates->untold;
        rates->untold = connection->next_untold;
        connection->listed = false;
        if (connection->slot == slot)
            rates_tell(rates, &connection->place, RATES_CLOSED, slot, connection->untold, SLOT_WINDOW);
        connection->untold = 0;
        drop_unused(rates, connection);
    }
}

size_t rates_connection_count(const struct rates_connection *connection)
{
    return connection ? connection->count : 0;
}

/* What the store is to be told now: those that it does not know of in this slot. */
static uint64_t renew(struct rates_connection *connection, uint64_t slot)
{
    if (connection->many && connection->slot == slot)
        return 0;
    connection->slot = slot;
    connection->untold = 0;
    return connection->count;
}

static void renew_all(struct edge_rates *rates)
{
    size_t position = 0;
    struct bytes key;
    void *value;
    uint64_t slot = slot_now();
    while (map_next(rates->connections, &position, &key, &value)) {
        struct rates_connection *connection = value;
        if (connection->many)
            rates_tell(rates, &connection->place, RATES_OPENED, slot, renew(connection, slot), SLOT_WINDOW);
    }
}

/* At the beginning of each slot, as long as there is anything to tell. */
static void renew_fiber(void *argument)
{
    struct edge_rates *rates = argument;
    int64_t length = SLOT / SECOND;
    while (rates->many && fiber_sleep((length - loop_epoch() % length) * SECOND) != ECANCELED)
        renew_all(rates);
    rates->renewing = false;
}

void rates_ask_connection(struct edge_rates *rates, struct rates_connection *connection, unsigned most,
                          struct rates_question *question, struct rates_connection_totals *totals)
{
    unsigned few = most / (rates->edges * PARTS);
    uint64_t slot = slot_now();
    *totals = (struct rates_connection_totals){0};
    if (!connection || rates->edges < 2 || (!connection->many && connection->count <= few))
        return;
    bool known = connection->many && connection->slot == slot;
    uint64_t opened = known ? 1 : renew(connection, slot);
    rates->many += !connection->many;
    connection->many = true;
    rates_add(question, COUNT_ADD, &connection->place, RATES_OPENED, slot, opened, SLOT_WINDOW, &totals->opened);
    /* With what was closed a moment ago, or who comes back at once would be too many. */
    rates_add(question, connection->untold ? COUNT_ADD : COUNT_GET, &connection->place, RATES_CLOSED, slot,
              connection->untold, SLOT_WINDOW, &totals->closed);
    connection->untold = 0;
    if (!rates->renewing)
        rates->renewing = fiber_group_start(&rates->renewers, "connections", renew_fiber, rates);
}

bool rates_too_many(const struct rates_connection_totals *totals, unsigned most)
{
    return most && totals->opened > totals->closed && totals->opened - totals->closed > most;
}
