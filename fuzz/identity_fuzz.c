/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message of an account. The first line is the envelope sender. What is let through names nobody
 * in From and Sender but the account's addresses; what is not wholly its own is not signed for its
 * domain.
 */
#include "auth/identity.h"
#include "base/ascii.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct bytes own[] = {BYTES_INIT("alice@example.org"), BYTES_INIT("@project.example"),
                                   BYTES_INIT("info@xn--bcher-kva.example")};
static const struct identity alice = {
    .account = BYTES_INIT("alice@example.org"), .entries = own, .entry_count = 3, .delimiter = '+'};

static void check_reply(const struct identity_decision *decision)
{
    require(decision->code == 550 || decision->code == 553);
    require(decision->text.len > 0 && decision->text.len < 400);
    for (size_t i = 0; i < decision->text.len; i++)
        require(ascii_is_print(decision->text.ptr[i]));
}

/* Looked at in another way than the code does. */
static void check_let_through(struct arena *arena, const struct message *message,
                              const struct identity_decision *decision)
{
    struct from_field from;
    struct address_list list;
    require(from_field_read(arena, message, &from, NULL) == OK);
    require(from.mailboxes.count > 0 && message_field_count(message, "From") == 1);
    bool all = true;
    for (size_t i = 0; i < from.mailboxes.count; i++)
        all = all && identity_owns(&alice, from.mailboxes.mailboxes[i].local,
                                   from.mailboxes.mailboxes[i].domain);
    require(all || decision->set_sender);
    require(all == decision->owns_authors);
    const struct header_field *sender = message_field(message, "Sender", 0);
    if (sender && !decision->set_sender) {
        require(message_field_count(message, "Sender") == 1);
        require(address_list_parse(arena, sender->value, &list, NULL) == OK && list.count == 1);
        require(identity_owns(&alice, list.mailboxes[0].local, list.mailboxes[0].domain));
    }
    /* Nobody but the account may be example.org. */
    if (!all && from.status == FROM_OK && bytes_is(from.domain, "example.org"))
        require(!identity_may_sign(&alice, &from, BYTES("example.org")));
    if (all && from.status == FROM_OK)
        require(identity_may_sign(&alice, &from, from.domain));
}

static void check(struct arena *arena, struct bytes sender, const struct message *message)
{
    struct identity_decision strict, lax;
    if (identity_check(arena, &alice, sender, message, IDENTITY_REFUSE, &strict, NULL) != OK ||
        identity_check(arena, &alice, sender, message, IDENTITY_ADD_SENDER, &lax, NULL) != OK)
        return;
    require(!strict.set_sender || strict.refused);
    require(strict.refused || (!lax.refused && !lax.set_sender));
    if (strict.refused)
        check_reply(&strict);
    else
        check_let_through(arena, message, &strict);
    if (lax.refused)
        check_reply(&lax);
    else
        check_let_through(arena, message, &lax);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(32 << 20);
    struct bytes input = bytes_from(size ? data : (const uint8_t *)"", size);
    struct bytes first = bytes_first(input, bytes_find_byte(input, '\n'));
    struct message message;
    if (message_parse(arena, bytes_skip(input, first.len + 1), &message, NULL) == OK)
        check(arena, first, &message);
    if (identity_check_entry(first, NULL) == OK)
        require(bytes_is(first, "*") || bytes_find_byte(first, '@') != BYTES_NOT_FOUND);
    arena_destroy(arena);
    return 0;
}
