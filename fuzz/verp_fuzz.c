/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Return paths that name a subscriber. What names somebody names a mailbox, which gives the same
 * return path again; and what is made of an address gives it back.
 */
#include "message/mailbox.h"
#include "message/verp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct verp list = {
    .local = BYTES_INIT("bounces"), .domain = BYTES_INIT("lists.example.org"), .delimiter = '+'};

static bool same(const struct mailbox *a, const struct mailbox *b)
{
    return bytes_equal(a->local, b->local) && bytes_equal(a->domain, b->domain);
}

static void read_mailbox(struct arena *arena, struct bytes text, struct mailbox *out)
{
    require(mailbox_parse(arena, text, MAILBOX_UTF8 | MAILBOX_LENIENT, out, NULL) == OK);
}

static void check_encoded(struct arena *arena, struct bytes recipient)
{
    struct bytes path, back;
    struct mailbox mailbox, again;
    if (verp_encode(arena, &list, recipient, &path, NULL) != OK)
        return;
    read_mailbox(arena, recipient, &mailbox);
    require(path.len <= VERP_LOCAL_MAX + 1 + list.domain.len);
    enum result result = verp_decode(arena, &list, path, &back, NULL);
    if (result == PERM) /* an empty local part, quoted */
        require(mailbox.local.len == 0);
    else
        require(result == OK);
    if (result == OK) {
        read_mailbox(arena, back, &again);
        require(same(&mailbox, &again));
    }
}

static void check_decoded(struct arena *arena, struct bytes address)
{
    struct bytes recipient, path, again;
    enum result result = verp_decode(arena, &list, address, &recipient, NULL);
    require(result == OK || recipient.len == 0);
    if (result != OK || recipient.len == 0)
        return;
    if (verp_encode(arena, &list, recipient, &path, NULL) != OK)
        return; /* longer than what we make */
    require(verp_decode(arena, &list, path, &again, NULL) == OK && bytes_equal(again, recipient));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 20);
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    check_encoded(arena, text);
    check_decoded(arena, text);
    arena_destroy(arena);
    return 0;
}
