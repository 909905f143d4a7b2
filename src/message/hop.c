/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/hop.h"

/* Takes the next Received field at or after *index; false when there is none. A field that cannot be
 * read counts as a hop, but names nobody. */
static bool next_hop(const struct message *message, size_t *index, struct hop *hop)
{
    const struct header_field *field = message_field(message, "Received", *index);
    struct received_trace trace;
    if (!field)
        return false;
    *index = (size_t)(field - message->fields) + 1;
    *hop = (struct hop){.field = *index - 1, .number = hop->number + 1};
    if (received_parse(field->value, &trace, NULL) == OK) {
        hop->client = trace.client;
        hop->helo = trace.from;
        hop->by = trace.by;
    }
    return true;
}

enum result hop_at(const struct message *message, unsigned number, struct hop *out)
{
    size_t index = 0;
    *out = (struct hop){0};
    while (out->number < number)
        if (!next_hop(message, &index, out))
            return NONE;
    return out->client.family ? OK : NONE;
}

enum result hop_by(const struct message *message, struct bytes host, struct hop *out)
{
    size_t index = 0;
    *out = (struct hop){0};
    while (next_hop(message, &index, out))
        if (out->client.family && bytes_equal_nocase(out->by, host))
            return OK;
    return NONE;
}

enum result hop_outside(const struct message *message, struct hop *out)
{
    size_t index = 0;
    *out = (struct hop){0};
    while (next_hop(message, &index, out))
        if (out->client.family && !ip_is_loopback(&out->client))
            return OK;
    return NONE;
}
