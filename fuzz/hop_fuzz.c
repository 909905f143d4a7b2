/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Received field that names a client: whatever the header, it is one of its fields, its number counts
 * from the top, and looking for it by number finds it again.
 */
#include "field.h"
#include "message/hop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_hop(const struct message *message, enum result result, const struct hop *hop)
{
    struct hop again;
    require(result == OK || result == NONE);
    if (result != OK)
        return;
    require(hop->client.family && hop->number && hop->field < message->field_count);
    require(bytes_is_nocase(message->fields[hop->field].name, "Received"));
    require(field_lies_within(hop->helo, message->header) && field_lies_within(hop->by, message->header));
    require(hop_at(message, hop->number, &again) == OK);
    require(again.field == hop->field && ip_equal(&again.client, &hop->client));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct message message;
    struct hop hop;
    if (message_parse(arena, bytes_from(data, size), &message, NULL) == OK) {
        for (unsigned number = 0; number < 4; number++)
            check_hop(&message, hop_at(&message, number, &hop), &hop);
        check_hop(&message, hop_by(&message, BYTES("mx.example.org"), &hop), &hop);
        check_hop(&message, hop_outside(&message, &hop), &hop);
        require(!hop.client.family || hop.number);
    }
    arena_destroy(arena);
    return 0;
}
