/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole message: what is read of it is UTF-8, within the limits, and hangs together. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "message/readable.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    readable_prepare();
    return 0;
}

static void check_text(struct bytes text, size_t max)
{
    require(text.len <= max && utf8_is_valid(text));
    for (size_t i = 0; i < text.len; i++)
        require(text.ptr[i] == '\n' || !ascii_is_control(text.ptr[i]));
}

static bool within(struct bytes inner, struct bytes outer)
{
    return inner.len == 0 || (inner.ptr >= outer.ptr && inner.ptr + inner.len <= outer.ptr + outer.len);
}

static void check_links(const struct readable *r)
{
    require(r->link_count <= READABLE_LINKS_MAX);
    for (size_t i = 0; i < r->link_count; i++) {
        const struct readable_link *link = &r->links[i];
        require(link->url.len && link->url.len <= READABLE_URL_MAX && link->scheme.len);
        require(within(link->text, r->text) && (link->html || link->text.len == 0));
        require(!(link->image && link->form));
        for (size_t at = 0; at < link->host.len; at++)
            require(ascii_is_graph(link->host.ptr[at]) && !ascii_is_upper(link->host.ptr[at]));
    }
}

static void check_attachments(const struct readable *r, struct bytes raw)
{
    require(r->attachment_count <= READABLE_ATTACHMENTS_MAX);
    for (size_t i = 0; i < r->attachment_count; i++) {
        const struct readable_attachment *attachment = &r->attachments[i];
        require(attachment->member == !attachment->part);
        require(utf8_is_valid(attachment->name));
        require(attachment->member || attachment->size <= raw.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(16 << 20);
    struct message message;
    struct mime mime;
    struct readable r;
    struct bytes raw = message_normalize(arena, bytes_from(size ? data : (const uint8_t *)"", size));
    if (raw.ptr && message_parse(arena, raw, &message, NULL) == OK &&
        mime_parse(arena, &message, NULL, &mime, NULL) == OK) {
        enum result result = readable_make(arena, &message, &mime, &r, NULL);
        require(result == OK || arena_exhausted(arena));
        if (result == OK) {
            check_text(r.text, READABLE_TEXT_MAX);
            check_text(r.plain, READABLE_TEXT_MAX);
            check_text(r.hidden, READABLE_HIDDEN_MAX);
            require(utf8_is_valid(r.subject) && utf8_is_valid(r.from_name) && r.mime == &mime);
            require(((r.flags & READABLE_HIDDEN) != 0) == (r.hidden.len > 0));
            check_links(&r);
            check_attachments(&r, raw);
        }
    }
    arena_destroy(arena);
    return 0;
}
