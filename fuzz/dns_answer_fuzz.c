/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A DNS reply from the network. The question asked is the one that the packet repeats, so that most
 * inputs get past it; the packet as text is also tried as a name.
 */
#include "base/cursor.h"
#include "dns/decode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(struct bytes name)
{
    char text[NAME_TEXT_MAX];
    size_t length;
    require(name_normalize(name, text, &length));
    require(bytes_equal(name, bytes_from(text, length)));
    if (name.len)
        require(name_is_valid(name));
}

static void check_record(const struct dns_record *record, enum dns_type type)
{
    require(record->text.len <= DECODE_TEXT_MAX);
    switch (type) {
    case DNS_A:
        require(record->ip.family == 4);
        break;
    case DNS_AAAA:
        require(record->ip.family == 4 || record->ip.family == 6);
        break;
    case DNS_MX:
    case DNS_PTR:
    case DNS_NS:
    case DNS_CNAME:
        check_name(record->name);
        break;
    default:
        break;
    }
}

static void check_answer(const struct dns_answer *answer, enum dns_type type)
{
    size_t memory = answer->canonical.len;
    require(answer->status <= DNS_FAILED);
    require((answer->status == DNS_FAILED) == (answer->problem != NULL));
    require((answer->status == DNS_FOUND) == (answer->count > 0));
    require(answer->count <= DECODE_RECORDS_MAX);
    require(answer->ttl <= INT32_MAX);
    check_name(answer->canonical);
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *record = &answer->records[i];
        memory += record->name.len + record->text.len + record->data.len;
        check_record(record, type);
    }
    require(memory <= DECODE_MEMORY_MAX);
}

static void check_text(struct bytes text)
{
    uint8_t wire[NAME_WIRE_MAX], again[NAME_WIRE_MAX];
    char name[NAME_TEXT_MAX];
    size_t name_length, position = 0, length = name_to_wire(text, wire);
    require(name_is_valid(text) == (length > 1));
    if (!length)
        return;
    require(name_from_wire(bytes_from(wire, length), &position, name, &name_length));
    require(position == length);
    require(name_to_wire(bytes_from(name, name_length), again) == length);
    position = 0;
    require(name_skip(bytes_from(again, length), &position) && position == length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes packet = bytes_from(data, size);
    char name[NAME_TEXT_MAX] = "example.org";
    size_t length = strlen(name), position = 12;
    if (!name_from_wire(packet, &position, name, &length))
        length = 0;
    struct cursor c = cursor_over(packet);
    c.position = position < size ? position : size;
    enum dns_type type = (enum dns_type)cursor_u16(&c);
    struct arena *arena = arena_create(1 << 20);
    if (!arena)
        return 0;
    check_answer(decode_answer(arena, packet, bytes_from(name, length), type, true), type);
    require(!arena_exhausted(arena)); /* bounded by the decoder, not by luck */
    arena_destroy(arena);
    check_text(packet);
    return 0;
}
