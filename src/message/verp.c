/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/verp.h"

#include "message/idn.h"
#include "message/mailbox.h"

static const unsigned read_options = MAILBOX_UTF8 | MAILBOX_LENIENT;

/* local@domain, quoted where it must be. */
static struct bytes write_mailbox(struct arena *arena, struct bytes local, struct bytes domain)
{
    struct buf text;
    buf_init(&text, 4 * PATH_MAX_OCTETS);
    mailbox_write(&text, local, domain);
    struct bytes copy = text.failed ? (struct bytes){NULL, 0} : arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

enum result verp_encode(struct arena *arena, const struct verp *verp, struct bytes recipient,
                        struct bytes *out, struct error *error)
{
    struct mailbox mailbox;
    enum result result = mailbox_parse(arena, recipient, read_options, &mailbox, error);
    if (result != OK)
        return result;
    if (mailbox.domain.ptr[0] == '[')
        return error_set(error, PERM, "no return path can name an address literal");
    struct bytes local =
        arena_printf(arena, BYTES_FMT "%c" BYTES_FMT "=" BYTES_FMT, BYTES_ARG(verp->local),
                     verp->delimiter, BYTES_ARG(mailbox.local), BYTES_ARG(mailbox.domain));
    if (!local.ptr)
        return error_set(error, TEMP, "no memory for a return path");
    *out = write_mailbox(arena, local, verp->domain);
    if (!out->ptr)
        return error_set(error, TEMP, "no memory for a return path");
    /* Quotes count: they are part of what is sent. */
    if (out->len - verp->domain.len - 1 > VERP_LOCAL_MAX)
        return error_set(error, PERM, "the return path for this recipient would be too long");
    return OK;
}

enum result verp_decode(struct arena *arena, const struct verp *verp, struct bytes address,
                        struct bytes *out, struct error *error)
{
    struct mailbox mailbox, recipient;
    *out = (struct bytes){NULL, 0};
    enum result result = mailbox_parse(arena, address, read_options, &mailbox, error);
    if (result == TEMP)
        return result;
    if (result != OK || !idn_equal(mailbox.domain, verp->domain) ||
        !bytes_starts_with_nocase(mailbox.local, verp->local))
        return error_set(error, NONE, "no return path of this list");
    struct bytes tail = bytes_skip(mailbox.local, verp->local.len);
    if (tail.len == 0)
        return OK;
    if (tail.ptr[0] != verp->delimiter)
        return error_set(error, NONE, "no return path of this list");
    tail = bytes_skip(tail, 1);
    /* A local part may hold "=", a domain never does. */
    size_t equals = bytes_rfind_byte(tail, '=');
    if (equals == BYTES_NOT_FOUND || equals == 0)
        return error_set(error, PERM, "the return path names no recipient");
    struct bytes named =
        write_mailbox(arena, bytes_first(tail, equals), bytes_skip(tail, equals + 1));
    if (!named.ptr)
        return error_set(error, TEMP, "no memory for a return path");
    result = mailbox_parse(arena, named, read_options, &recipient, error);
    if (result == OK && recipient.domain.ptr[0] == '[')
        result = error_set(error, PERM, "the return path names no recipient");
    if (result == OK)
        *out = named;
    return result;
}
