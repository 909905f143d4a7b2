/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole messages. Fields and body are the message, unfolding takes only line ends away, what the
 * look-alike filter removes and what it keeps are together what there was, nothing is left to
 * remove in what it kept, and the author of a message is a domain name or there is none.
 */
#include "base/domain.h"
#include "field.h"
#include "message/from_field.h"
#include "message/look_alike.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct look_alike_rules rules = {.authserv_id = BYTES_INIT("mx.example.org"),
                                              .final_delivery = true};

static void check_unfolded(struct arena *arena, struct bytes value)
{
    struct bytes unfolded = header_unfold(arena, value);
    if (!unfolded.ptr)
        return;
    size_t octets = 0, kept = 0;
    struct bytes trimmed = bytes_trim(value);
    for (size_t i = 0; i < trimmed.len; i++)
        octets += trimmed.ptr[i] != '\r' && trimmed.ptr[i] != '\n';
    for (size_t i = 0; i < unfolded.len; i++)
        kept += unfolded.ptr[i] != '\r' && unfolded.ptr[i] != '\n';
    require(octets == kept);
    require(bytes_find(unfolded, BYTES("\r\n ")) == BYTES_NOT_FOUND);
    require(bytes_find(unfolded, BYTES("\r\n\t")) == BYTES_NOT_FOUND);
}

static void check_fields(struct arena *arena, const struct message *message)
{
    const uint8_t *next = message->raw.ptr;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct header_field *field = &message->fields[i];
        require(field->raw.ptr == next && field->name.len);
        require(field_lies_within(field->value, field->raw));
        require(bytes_find_byte(field->name, ':') == BYTES_NOT_FOUND);
        next += field->raw.len;
        if (i + 1 < message->field_count)
            require(bytes_ends_with(field->raw, BYTES("\r\n")));
        require(message_field_count(message, "subject") <= message->field_count);
        check_unfolded(arena, field->value);
    }
    require(message->header.len == (size_t)(next - message->raw.ptr));
    size_t between = message->raw.len - message->header.len - message->body.len;
    require(between == 0 || (between == 2 && !message->malformed));
}

/* The kept fields, one behind the other, are what was written. */
static void check_kept(const struct message *message, const struct look_alikes *found,
                       struct bytes written)
{
    size_t removed = 0;
    for (size_t i = 0; i < message->field_count; i++) {
        removed += found->removed[i];
        if (found->removed[i])
            continue;
        require(bytes_starts_with(written, message->fields[i].raw));
        written = bytes_skip(written, message->fields[i].raw.len);
        if (!bytes_ends_with(message->fields[i].raw, BYTES("\r\n")))
            written = bytes_skip(written, 2);
    }
    require(removed == found->count);
    require(bytes_equal(written, BYTES("\r\n")));
}

static void check_look_alikes(struct arena *arena, const struct message *message)
{
    struct look_alikes found, again;
    struct message kept;
    struct buf out;
    if (look_alike_find(arena, message, &rules, &found, NULL) != OK)
        return;
    buf_init(&out, message->raw.len + 4);
    look_alike_write_kept(&out, message, &found);
    require(!out.failed);
    check_kept(message, &found, buf_bytes(&out));
    if (message_parse(arena, buf_bytes(&out), &kept, NULL) == OK &&
        look_alike_find(arena, &kept, &rules, &again, NULL) == OK) {
        require(kept.field_count == message->field_count - found.count && !kept.malformed);
        require(again.count == 0);
    }
    buf_free(&out);
}

static void check_author(struct arena *arena, const struct message *message)
{
    struct from_field from;
    if (from_field_read(arena, message, &from, NULL) != OK)
        return;
    require((from.status == FROM_OK) == (from.domain.len > 0));
    require((from.status == FROM_OK) == (from.problem.len == 0));
    require((from.status == FROM_ABSENT) == (message_field_count(message, "From") == 0));
    require((from.status == FROM_SEVERAL_FIELDS) == (message_field_count(message, "From") > 1));
    for (size_t i = 0; i < from.domain_count; i++)
        require(domain_is_valid(from.domains[i]));
}

static void check_normalized(struct arena *arena, struct bytes text)
{
    struct bytes normal = message_normalize(arena, text);
    for (size_t i = 0; i < normal.len; i++) {
        if (normal.ptr[i] == '\n')
            require(i > 0 && normal.ptr[i - 1] == '\r');
        if (normal.ptr[i] == '\r')
            require(i + 1 < normal.len && normal.ptr[i + 1] == '\n');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Small enough at times that memory runs out in the middle. */
    size_t cap = size && data[size - 1] == 0 ? 1024 + 4 * size : 64 << 20;
    struct arena *arena = arena_create(cap);
    if (!arena)
        return 0;
    struct message message;
    struct error error;
    enum result result = message_parse(arena, bytes_from(data, size), &message, &error);
    require(result == OK || result == PERM || (result == TEMP && arena_exhausted(arena)));
    if (result == OK) {
        check_fields(arena, &message);
        check_look_alikes(arena, &message);
        check_author(arena, &message);
    }
    check_normalized(arena, bytes_from(data, size));
    arena_destroy(arena);
    return 0;
}
