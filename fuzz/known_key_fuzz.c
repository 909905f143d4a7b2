/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as contacts and greylist keys: whatever a stranger calls himself, keys stay within their bound, what is
 * normal stays as it is, and what is listed of a key is what was put into it. */
#include "base/ascii.h"
#include "reputation/contact.h"
#include "reputation/greylist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct greylist_rules rules = {.window = 3600, .keep = 7200, .pass = 5};

static void no_control(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        require(!ascii_is_control(text.ptr[i]));
}

static void check_contact(struct arena *arena, struct bytes text)
{
    struct bytes address, again, owner, of;
    struct contact found;
    if (contact_address(arena, text, &address) != OK)
        return;
    no_control(address);
    require(contact_address(arena, address, &again) == OK && bytes_equal(address, again));
    struct batch batch = batch_in(arena);
    size_t index = contact_ask(&batch, address, address);
    require(!batch.failed);
    struct bytes key = batch_at(&batch, index)->key;
    require(key.len <= COUNTER_KEY_MAX);
    if (address.len * 2 + 20 < COUNTER_KEY_MAX)
        require(contact_read_key(key, 1, 1, &owner, &of, &found) && bytes_equal(owner, address) &&
                bytes_equal(of, address));
}

static void check_greylist(struct arena *arena, struct bytes sender, struct bytes recipient)
{
    struct greylist_try attempt = {
        .client = {.family = 4, .octets = {192, 0, 2, 1}}, .sender = sender, .recipient = recipient};
    struct greylist_entry entry;
    struct batch asked = batch_in(arena), out = batch_in(arena), release = batch_in(arena);
    struct bytes normal = greylist_sender(arena, sender);
    require(normal.ptr && normal.len <= sender.len + 1);
    no_control(normal);
    size_t index = greylist_ask(&asked, &attempt);
    greylist_write_try(&out, &rules, &attempt, 1000);
    require(!asked.failed && !out.failed);
    /* What is written is what is asked for. */
    struct bytes key = batch_at(&out, 0)->key;
    require(bytes_equal(key, batch_at(&asked, index + 2)->key));
    require(greylist_read_key(key, 1000, 2000, &rules, &entry));
    require(entry.state == GREYLIST_WAITING);
    if (normal.len + recipient.len < 400)
        require(entry.triplet && bytes_equal(entry.sender, normal));
    require(greylist_release_key(&release, &rules, key, 1000));
    require(bytes_equal(batch_at(&release, 0)->key, batch_at(&asked, index + 1)->key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_from(data, size), sender, owner, address;
    struct greylist_entry entry;
    struct contact found;
    if (!size || size > 4096)
        return 0;
    struct arena *arena = arena_create(8 << 20);
    struct bytes rest = input;
    if (!bytes_split(&rest, '\n', &sender))
        sender = input;
    check_contact(arena, sender);
    check_greylist(arena, sender, rest.ptr ? rest : BYTES(""));
    /* Keys of another hand: whoever shares the counters could have written them. */
    (void)!greylist_read_key(input, 1, 1, &rules, &entry);
    if (contact_read_key(input, 1, 1, &owner, &address, &found))
        require(owner.len > 0 && address.len > 0 && owner.len + address.len < size);
    arena_destroy(arena);
    return 0;
}
