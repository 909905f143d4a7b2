/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address lists of header fields, and the mailboxes and paths of SMTP. What is read can be written
 * and read again as the same address; what SMTP takes is within its limits.
 */
#include "base/utf8.h"
#include "field.h"
#include "message/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        require(!ascii_is_control(text.ptr[i]) || text.ptr[i] == '\t');
}

/* Written plainly, the address reads as itself. */
static void check_written(struct arena *arena, const struct mailbox *mailbox)
{
    struct buf out;
    struct address_list list;
    buf_init(&out, 2 * (mailbox->local.len + mailbox->domain.len) + 8);
    mailbox_write(&out, mailbox->local, mailbox->domain);
    require(!out.failed);
    bool has_tab = bytes_find_byte(mailbox->local, '\t') != BYTES_NOT_FOUND;
    enum result result = address_list_parse(arena, buf_bytes(&out), &list, NULL);
    if (result == OK && !has_tab) {
        require(list.count == 1 && list.group_count == 0);
        require(bytes_equal(list.mailboxes[0].local, mailbox->local));
        require(bytes_equal(list.mailboxes[0].domain, mailbox->domain));
    }
    require(result == OK || result == TEMP);
    buf_free(&out);
}

static void check_list(struct arena *arena, struct bytes value)
{
    struct address_list list;
    enum result result = address_list_parse(arena, value, &list, NULL);
    require(result == OK || result == PERM || (result == TEMP && arena_exhausted(arena)));
    if (result != OK)
        return;
    require(list.count + list.group_count > 0 && list.count <= ADDRESS_LIST_MAX);
    for (size_t i = 0; i < list.count; i++) {
        const struct mailbox *mailbox = &list.mailboxes[i];
        require(mailbox->domain.len && utf8_is_valid(mailbox->local));
        require(utf8_is_valid(mailbox->domain));
        require((mailbox->domain.ptr[0] == '[') ==
                (mailbox->domain.ptr[mailbox->domain.len - 1] == ']'));
        require(mailbox->in_group || mailbox->group.len == 0);
        check_text(mailbox->local);
        check_text(mailbox->domain);
        check_text(mailbox->display_name);
        check_text(mailbox->comment);
        if (i < 3)
            check_written(arena, mailbox);
    }
}

static void check_mailbox(struct arena *arena, struct bytes text, unsigned options)
{
    struct mailbox mailbox, again;
    struct buf out;
    if (mailbox_parse(arena, text, options, &mailbox, NULL) != OK)
        return;
    require(mailbox.domain.len && mailbox.domain.len <= MAILBOX_DOMAIN_MAX);
    require(mailbox.local.len <= MAILBOX_LOCAL_MAX);
    require((options & MAILBOX_UTF8) || utf8_is_ascii(text));
    require(utf8_is_valid(text));
    check_text(text);
    buf_init(&out, 2 * text.len + 8);
    mailbox_write(&out, mailbox.local, mailbox.domain);
    require(!out.failed);
    enum result result = mailbox_parse(arena, buf_bytes(&out), options, &again, NULL);
    require(result != PERM);
    if (result == OK) {
        require(bytes_equal(again.local, mailbox.local));
        require(bytes_equal(again.domain, mailbox.domain));
    }
    buf_free(&out);
}

static void check_path(struct arena *arena, struct bytes text, unsigned options)
{
    struct path path;
    struct mailbox mailbox;
    struct bytes rest;
    if (path_parse(arena, text, options, &path, &rest, NULL) != OK)
        return;
    require(field_lies_within(rest, text) && field_lies_within(path.text, text));
    require(rest.len == 0 || ascii_is_wsp(rest.ptr[0]));
    if (path.null || path.mailbox.domain.len == 0) {
        require(path.null ? path.text.len == 0 : bytes_is_nocase(path.mailbox.local, "postmaster"));
        return;
    }
    require(mailbox_parse(arena, path.text, options, &mailbox, NULL) != PERM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_from(data, size);
    size_t cap = size && data[size - 1] == 0 ? 1024 + 4 * size : 64 << 20;
    struct arena *arena = arena_create(cap);
    if (!arena)
        return 0;
    check_list(arena, text);
    for (unsigned options = 0; options <= (MAILBOX_UTF8 | MAILBOX_LENIENT); options++) {
        check_mailbox(arena, text, options);
        check_path(arena, text, options);
    }
    arena_destroy(arena);
    return 0;
}
