/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/digest.h"

#include <openssl/evp.h>

bool digest_parts(struct arena *arena, const struct bytes *parts, size_t count, struct bytes *out)
{
    uint8_t *octets = arena_alloc(arena, DIGEST_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool fine = octets && context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; i < count && fine; i++) {
        /* The length before each part keeps ("ab", "c") apart from ("a", "bc"). */
        uint64_t length = parts[i].len;
        fine = EVP_DigestUpdate(context, &length, sizeof(length)) == 1 &&
               EVP_DigestUpdate(context, parts[i].ptr, parts[i].len) == 1;
    }
    fine = fine && EVP_DigestFinal_ex(context, octets, NULL) == 1;
    EVP_MD_CTX_free(context);
    *out = bytes_from(octets, fine ? DIGEST_SIZE : 0);
    return fine;
}
