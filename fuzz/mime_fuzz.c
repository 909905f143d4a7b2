/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole message: its tree of parts must be sound, and lie within the message. */
#include "message/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct bytes inner, struct bytes outer)
{
    return inner.len == 0 || (inner.ptr >= outer.ptr && inner.ptr + inner.len <= outer.ptr + outer.len);
}

static void check_part(const struct mime_part *part, struct bytes text)
{
    char space[MIME_NUMBER_MAX];
    struct buf decoded;
    require(part->depth <= MIME_DEPTH_MAX);
    require(within(part->raw, text));
    require(within(part->header, part->raw) && within(part->body, part->raw));
    require(within(part->preamble, part->body) && within(part->epilogue, part->body));
    require(part->kind == MIME_LEAF ? !part->first_child : part->first_child || part->kind == MIME_MULTIPART);
    require(part->type.len && part->subtype.len);
    for (size_t i = 0; i < part->field_count; i++)
        require(within(part->fields[i].raw, part->header) &&
                within(part->fields[i].value, part->fields[i].raw));
    require(mime_part_number(part, space).len < MIME_NUMBER_MAX);
    buf_init(&decoded, part->body.len + 16);
    mime_part_decode(part, &decoded);
    require(!decoded.failed && decoded.len <= part->body.len);
    buf_free(&decoded);
}

/* The parts of a multipart follow each other in its body. */
static void check_children(const struct mime_part *part)
{
    const uint8_t *from = part->body.ptr;
    unsigned index = 0;
    for (const struct mime_part *child = part->first_child; child; child = child->next) {
        require(child->parent == part && child->index == ++index && child->depth == part->depth + 1);
        if (part->kind != MIME_MULTIPART)
            continue;
        require(child->raw.ptr >= from && within(child->raw, part->body));
        from = child->raw.ptr + child->raw.len;
    }
    require(part->kind != MIME_MESSAGE || index == 1);
}

static void check(struct arena *arena, const struct message *message, bool skip)
{
    struct mime mime;
    struct mime_options options = {.skip_bad_lines = skip};
    size_t count = 0;
    if (mime_parse(arena, message, &options, &mime, NULL) != OK)
        return;
    const struct mime_part *encoded = NULL; /* what is below it lies in another text */
    for (const struct mime_part *part = mime.root; part; part = mime_next(part)) {
        count++;
        require((part->flags & ~mime.flags) == 0);
        if (encoded && part->depth <= encoded->depth)
            encoded = NULL;
        check_part(part, encoded ? part->raw : message->raw);
        check_children(part);
        if (!encoded && part->kind == MIME_MESSAGE && part->encoding >= MIME_QUOTED_PRINTABLE &&
            part->encoding <= MIME_BASE64)
            encoded = part;
    }
    require(count == mime.part_count && count <= MIME_PARTS_MAX);
    require(mime.root->raw.len == message->raw.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(16 << 20);
    struct message message;
    struct bytes raw = message_normalize(arena, bytes_from(size ? data : (const uint8_t *)"", size));
    if (raw.ptr && message_parse(arena, raw, &message, NULL) == OK) {
        check(arena, &message, false);
        check(arena, &message, true);
    }
    arena_destroy(arena);
    return 0;
}
