/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/arc_key.h"

#include "auth/dkim_key.h"

/* Why this key may not be used for the signature (rfc6376:6.1.2 steps 6 to 8); NULL: it may. */
static const char *unfit(const struct dkim_key *key, const struct dkim_signature *signature)
{
    const struct dkim_key_record *record = dkim_key_record(key);
    if (!dkim_key_fits(key, signature->algorithm))
        return "the key is not of the signature's algorithm";
    if (!record->sha256)
        return "the key does not allow the signature's hash algorithm";
    if (record->type == DKIM_KEY_RSA && dkim_key_bits(key) < DKIM_RSA_BITS_MIN)
        return "the RSA key is shorter than 1024 bits (RFC 8301)";
    return NULL;
}

/* With one record of several. What an earlier one failed by is better than to have no use for this
 * one. True when the next need not be looked at. */
static bool try_record(struct bytes text, const struct dkim_signature *signature,
                       const struct dkim_hash *hash, enum auth_result *result, struct error *error)
{
    const struct dkim_key *key;
    struct error reason;
    enum result found = dkim_key_find(text, &key, &reason);
    const char *problem = found == OK ? unfit(key, signature) : reason.text;
    if (problem) {
        if (*result == AUTH_FAIL)
            return false;
        *result = found == TEMP ? AUTH_TEMPERROR : AUTH_PERMERROR;
        error_set(error, PERM, "%s", problem);
        return false;
    }
    if (dkim_key_verify(key, signature->algorithm, bytes_from(hash->octets, hash->len),
                        signature->signature)) {
        *result = AUTH_PASS;
        return true;
    }
    *result = AUTH_FAIL;
    error_set(error, PERM, "the signature does not fit header and key");
    return false;
}

enum auth_result arc_key_verify(const struct key_fetch *key, const struct dkim_signature *signature,
                                const struct dkim_hash *hash, struct error *error)
{
    const struct dns_answer *answer = key->answer;
    if (!answer || answer->status == DNS_FAILED) {
        const char *problem = answer ? answer->problem : NULL;
        error_set(error, TEMP, "the key could not be fetched%s%s", problem ? ": " : "",
                  problem ? problem : "");
        return AUTH_TEMPERROR;
    }
    enum auth_result result = AUTH_PERMERROR;
    unsigned failed = 0;
    error_set(error, PERM, "there is no key record in DNS");
    for (size_t i = 0; answer->status == DNS_FOUND && i < answer->count && i < KEY_RECORDS_MAX;
         i++) {
        if (try_record(answer->records[i].text, signature, hash, &result, error))
            break;
        failed += result == AUTH_FAIL;
        if (failed == KEYS_TRIED_MAX)
            break;
    }
    return result;
}
