/* SPDX-License-Identifier: BSD-2-Clause */
/* A DKIM key record, the public key in it, and base64 as tags hold it. */
#include "auth/dkim_key.h"
#include "auth/dkim_tags.h"
#include "base/encode.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The two decoders must agree on everything. */
static void check_base64(struct arena *arena, struct bytes text)
{
    struct bytes by_table = BYTES(""), by_base = BYTES("");
    bool good = dkim_tags_base64(arena, text, &by_table);
    require(good == base64_decode(arena, text, &by_base));
    require(!good || bytes_equal(by_table, by_base));
}

static void check_key(const struct dkim_key *key)
{
    static const uint8_t zeros[512];
    unsigned bits = dkim_key_bits(key);
    bool ed25519 = dkim_key_record(key)->type == DKIM_KEY_ED25519;
    enum dkim_algorithm algorithm = ed25519 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
    require(ed25519 ? bits == 256 : bits > 0 && bits <= DKIM_RSA_BITS_MAX);
    require(dkim_key_fits(key, algorithm) && !dkim_key_fits(key, ed25519 ? DKIM_RSA_SHA256
                                                                         : DKIM_ED25519_SHA256));
    if (!ed25519)
        require(!dkim_key_verify(key, algorithm, bytes_from(zeros, 32),
                                 bytes_from(zeros, (bits + 7) / 8)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct dkim_key_record record;
    struct error error = {"unset"};
    const struct dkim_key *key, *again;
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    check_base64(arena, text);
    enum result result = dkim_key_record_parse(arena, text, &record, &error);
    require(result == OK || strcmp(error.text, "unset") != 0);
    require(result != OK || record.data.ptr);
    if (dkim_key_find(text, &key, &error) == OK) {
        require(result == OK);
        check_key(key);
        require(dkim_key_find(text, &again, &error) == OK && again == key);
    }
    arena_destroy(arena);
    return 0;
}
