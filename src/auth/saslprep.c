/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/saslprep.h"

#include "base/ascii.h"
#include "base/utf8.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <stringprep.h>

static bool is_plain(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] > 126 || ascii_is_control(text.ptr[i]))
            return false;
    return true;
}

enum result saslprep(struct arena *arena, struct bytes text, struct bytes *out,
                     struct error *error)
{
    /* Normalization can make a text several times as long. */
    char prepared[8 * SASLPREP_MAX];
    if (text.len > SASLPREP_MAX)
        return error_set(error, PERM, "longer than %d octets", SASLPREP_MAX);
    bool plain = is_plain(text);
    if (!plain) {
        if (!utf8_is_valid(text) || !bytes_to_cstring(text, prepared, sizeof(prepared)))
            return error_set(error, PERM, "not UTF-8, or with a NUL in it");
        int status = stringprep(prepared, sizeof(prepared), 0, stringprep_saslprep);
        if (status != STRINGPREP_OK) {
            OPENSSL_cleanse(prepared, sizeof(prepared));
            return status == STRINGPREP_MALLOC_ERROR
                       ? error_set(error, TEMP, "no memory")
                       : error_set(error, PERM, "with a character that is not allowed (RFC 4013)");
        }
        text = bytes_of(prepared);
    }
    *out = arena_copy(arena, text);
    if (!plain)
        OPENSSL_cleanse(prepared, sizeof(prepared));
    return out->ptr ? OK : error_set(error, TEMP, "no memory");
}
