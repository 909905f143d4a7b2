/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A SCRAM server's messages: the first, a NUL, and the last. An answer is well-formed and names the server's
 * nonce; a last message is believed only if it holds the one signature that there is.
 */
#include "smtp/client_private.h"

#include "base/ascii.h"
#include "base/encode.h"

#include <stdio.h>
#include <stdlib.h>

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* More iterations only take longer. */
static bool is_slow(struct bytes text)
{
    size_t digits = 0;
    for (size_t i = bytes_find(text, BYTES(",i=")); i < text.len; i++) {
        digits = ascii_is_digit(text.ptr[i]) ? digits + 1 : 0;
        if (digits > 3)
            return true;
    }
    return false;
}

static void check_answer(struct bytes answer, struct bytes first)
{
    size_t proof = bytes_find(answer, BYTES(",p="));
    check(bytes_starts_with(answer, BYTES("c=biws,r=rOpr")));
    check(proof != BYTES_NOT_FOUND && answer.len - proof == 3 + 44);
    struct bytes nonce = bytes_slice(answer, 7, proof); /* "r=..." */
    check(nonce.len > 6 && bytes_starts_with(first, nonce) && first.len > nonce.len);
    check(first.ptr[nonce.len] == ',');
}

static void check_last(const struct client_scram *scram, struct arena *arena, struct bytes last)
{
    struct buf right;
    buf_init(&right, 100);
    buf_add_string(&right, "v=");
    base64_encode(&right, bytes_from(scram->server_signature, CLIENT_SHA256));
    check(client_scram_verify(scram, arena, buf_bytes(&right)));
    if (client_scram_verify(scram, arena, last))
        check(bytes_find(last, bytes_first(buf_bytes(&right), 20)) != BYTES_NOT_FOUND);
    buf_free(&right);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client_scram scram;
    struct bytes rest = bytes_from(data, size), first;
    const char *why = NULL;
    struct buf out;
    if (!size || !bytes_split(&rest, '\0', &first) || is_slow(first) || size > CLIENT_AUTH_LINE_MAX)
        return 0;
    struct arena *arena = arena_create(1 << 20);
    buf_init(&out, CLIENT_AUTH_LINE_MAX);
    check(client_scram_start(&scram, BYTES("user"), BYTES("pencil")));
    snprintf(scram.nonce, sizeof(scram.nonce), "rOpr");
    buf_clear(&scram.first_bare);
    buf_add_string(&scram.first_bare, "n=user,r=rOpr");
    if (client_scram_final(&scram, arena, first, &out, &why)) {
        check_answer(buf_bytes(&out), first);
        check_last(&scram, arena, rest);
    } else {
        check(why != NULL);
    }
    client_scram_end(&scram);
    buf_free(&out);
    arena_destroy(arena);
    return 0;
}
