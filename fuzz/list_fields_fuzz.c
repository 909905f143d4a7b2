/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mail that passes through a mailing list or a forwarder. The first line of the input is a URI,
 * name or address that an administrator wrote, the rest a message. Fields that are written are
 * whole; a message that has got them is known as a loop, and has each of them once.
 */
#include "field.h"
#include "message/list_fields.h"
#include "message/resent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each field of a block that we wrote. */
static void check_fields(struct arena *arena, struct bytes block)
{
    struct message message;
    require(message_parse(arena, block, &message, NULL) == OK);
    require(!message.malformed && message.body.len == 0);
    require(bytes_equal(message.header, block));
    for (size_t i = 0; i < message.field_count; i++) {
        const struct header_field *field = &message.fields[i];
        char name[64];
        require(bytes_to_cstring(field->name, name, sizeof(name)));
        field_check(field->raw, name);
    }
}

static void check_posted(struct arena *arena, const struct list_fields *list,
                         const struct message *message, struct buf *out)
{
    static const char *const once[] = {
        "List-Id",      "List-Post", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post",
        "List-Archive", "Precedence"};
    struct look_alikes found;
    struct message posted;
    require(list_fields_find(arena, list, message, &found, NULL) == OK);
    look_alike_write_kept(out, message, &found);
    require(!out->failed && message_parse(arena, buf_bytes(out), &posted, NULL) != TEMP);
    if (posted.field_count == 0)
        return; /* beyond limits now */
    require(list_fields_refuse(list, &posted) == LIST_LOOP);
    for (size_t i = 0; i < countof(once); i++)
        require(message_field_count(&posted, once[i]) == 1);
}

static void check_list(struct arena *arena, struct bytes text, const struct message *message)
{
    struct list_fields list = {.address = BYTES("users@lists.example.org"),
                               .name = text,
                               .help = text,
                               .unsubscribe = BYTES("users-leave@lists.example.org"),
                               .archive = text,
                               .one_click = BYTES("https://lists.example.org/u")};
    struct buf out;
    if (list_fields_check(&list, NULL) != OK || !text.len)
        list.help = list.archive = BYTES("https://lists.example.org/");
    buf_init(&out, message->raw.len + 16 * 1024);
    list_fields_write(&out, &list);
    check_fields(arena, buf_bytes(&out));
    check_posted(arena, &list, message, &out);
    list_fields_refuse(&list, message);
    buf_free(&out);
}

static void check_resent(struct arena *arena, struct bytes text, const struct message *message)
{
    struct resent resent = {.from = bytes_first(text, 500),
                            .name = text,
                            .id = BYTES("1"),
                            .host = BYTES("mx.example.org")};
    struct buf out;
    buf_init(&out, 16 * 1024);
    resent_write(&out, &resent);
    if (text.len)
        check_fields(arena, buf_bytes(&out));
    buf_free(&out);
    if (resent_breaks_signature(message))
        require(message_field(message, "DKIM-Signature", 0) ||
                message_field(message, "ARC-Message-Signature", 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(32 << 20);
    struct bytes input = bytes_from(size ? data : (const uint8_t *)"", size);
    struct bytes first = bytes_first(input, bytes_find_byte(input, '\n'));
    struct message message;
    struct bytes rest = message_normalize(arena, bytes_skip(input, first.len + 1));
    if (rest.ptr && message_parse(arena, rest, &message, NULL) == OK) {
        check_list(arena, first, &message);
        check_resent(arena, first, &message);
    }
    arena_destroy(arena);
    return 0;
}
