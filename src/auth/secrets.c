/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/secrets.h"

#include "base/buf.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { SIGNED_TEXT_MAX = 16 * 1024 };

enum result secrets_parse(struct arena *arena, struct bytes text, struct secrets *out,
                          struct error *error)
{
    struct bytes *items = arena_alloc_array(arena, SECRETS_MAX, sizeof(*items));
    struct bytes rest = text.ptr ? text : BYTES(""), line;
    size_t count = 0;
    *out = (struct secrets){items, 0};
    if (!items)
        return error_set(error, TEMP, "no memory for the secrets");
    while (bytes_split(&rest, '\n', &line)) {
        line = bytes_trim(line);
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (count == SECRETS_MAX)
            return error_set(error, PERM, "there are more than %d secrets", SECRETS_MAX);
        if (line.len > SECRET_LENGTH_MAX)
            return error_set(error, PERM, "a secret is longer than %d octets", SECRET_LENGTH_MAX);
        items[count] = arena_copy(arena, line);
        if (!items[count++].ptr)
            return error_set(error, TEMP, "no memory for the secrets");
    }
    out->count = count;
    return count ? OK : error_set(error, PERM, "there is no secret");
}

bool secrets_mac(struct bytes secret, const struct bytes *parts, size_t count,
                 uint8_t out[SECRETS_MAC_SIZE])
{
    struct buf text;
    unsigned size = 0;
    buf_init(&text, SIGNED_TEXT_MAX);
    for (size_t i = 0; i < count; i++)
        buf_add(&text, parts[i]);
    /* An empty key would make the library take the one of the call before. */
    bool good = !text.failed && text.len && secret.len && secret.len <= SECRET_LENGTH_MAX &&
                HMAC(EVP_sha1(), secret.ptr, (int)secret.len, text.ptr, text.len, out, &size) &&
                size == SECRETS_MAC_SIZE;
    buf_free(&text);
    return good;
}

enum result secrets_verify(const struct secrets *secrets, const struct bytes *parts, size_t count,
                           struct bytes claimed, bool *good, struct error *error)
{
    bool found = false;
    *good = false;
    for (size_t i = 0; i < secrets->count; i++) {
        uint8_t mac[SECRETS_MAC_SIZE];
        if (!secrets_mac(secrets->items[i], parts, count, mac))
            return error_set(error, TEMP, "the signature of an address cannot be computed");
        found |= bytes_equal_constant_time(bytes_first(bytes_from(mac, sizeof(mac)), claimed.len),
                                           claimed);
    }
    *good = found && claimed.len;
    return OK;
}
