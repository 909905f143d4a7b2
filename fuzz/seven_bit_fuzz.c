/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole message made 7-bit: what comes out is that, in lines that may be sent, and says the same:
 * the same parts with the same content.
 */
#include "message/mime.h"
#include "message/seven_bit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mime parse(struct arena *arena, struct bytes text, struct message *message)
{
    struct mime mime = {0};
    if (message_parse(arena, text, message, NULL) != OK ||
        mime_parse(arena, message, NULL, &mime, NULL) != OK)
        mime.root = NULL;
    return mime;
}

static void decode(const struct mime_part *part, struct buf *out)
{
    buf_init(out, part->body.len + 16);
    mime_part_decode(part, out);
    require(!out->failed);
}

/* `normal`: its lines end in CRLF. An encoded message is made so when it is read. */
static void check_same(const struct mime *before, const struct mime *after, bool normal)
{
    const struct mime_part *b = after->root;
    require(before->part_count == after->part_count || !normal);
    for (const struct mime_part *a = before->root; a; a = mime_next(a), b = mime_next(b)) {
        require(b && a->kind == b->kind && a->depth == b->depth && a->index == b->index);
        require(bytes_equal(a->type, b->type) && bytes_equal(a->subtype, b->subtype));
        if (a->kind == MIME_MESSAGE && bytes_is(a->subtype, "global") && !normal)
            return;
        if (a->kind != MIME_LEAF)
            continue;
        struct buf left, right;
        decode(a, &left);
        decode(b, &right);
        require(bytes_equal(buf_bytes(&left), buf_bytes(&right)));
        buf_free(&left);
        buf_free(&right);
    }
}

static void check(struct arena *arena, struct bytes raw, bool normal)
{
    struct message message, converted;
    struct mime before = parse(arena, raw, &message), after;
    struct buf out;
    if (!before.root)
        return;
    buf_init(&out, 2 * raw.len + 256 * 1024);
    enum result result = seven_bit_convert(arena, &message, &out, NULL);
    require(result == OK || out.len == 0);
    require((result == NONE) == !seven_bit_is_needed(raw));
    require(result != TEMP || arena_exhausted(arena));
    if (result == OK) {
        require(!seven_bit_is_needed(buf_bytes(&out)));
        after = parse(arena, buf_bytes(&out), &converted);
        if (after.root)
            check_same(&before, &after, normal);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(32 << 20);
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    struct bytes raw = message_normalize(arena, text);
    if (raw.ptr)
        check(arena, raw, true);
    check(arena, text, raw.ptr && bytes_equal(raw, text));
    arena_destroy(arena);
    return 0;
}
