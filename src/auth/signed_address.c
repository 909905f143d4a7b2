/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/signed_address.h"

enum result signed_address_parse(struct arena *arena, struct bytes address, struct mailbox *out,
                                 struct error *error)
{
    enum result result =
        mailbox_parse(arena, address, MAILBOX_UTF8 | MAILBOX_LENIENT, out, error);
    /* Quotes with nothing in them are a local part by the letter; behind our "=" they would be lost. */
    if (result == OK && out->local.len == 0)
        return error_set(error, PERM, "the local part of the address is empty");
    return result;
}

struct bytes signed_address_write(struct arena *arena, struct bytes local, struct bytes domain)
{
    struct buf text;
    struct bytes copy = {NULL, 0};
    buf_init(&text, 4096);
    mailbox_write(&text, local, domain);
    if (!text.failed)
        copy = arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

enum result signed_address_make(struct arena *arena, struct bytes local, struct bytes domain,
                                const char *kind, struct bytes *out, struct error *error)
{
    struct bytes made = local.ptr ? signed_address_write(arena, local, domain) : local;
    if (!made.ptr)
        return error_set(error, TEMP, "no memory for a signed address");
    size_t length = made.len - domain.len - 1;
    if (length > SIGNED_ADDRESS_LOCAL_MAX)
        return error_set(error, PERM,
                         "the %s local part would have %zu octets, and %d is the most that every "
                         "mail server takes",
                         kind, length, SIGNED_ADDRESS_LOCAL_MAX);
    *out = made;
    return OK;
}
