/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/arc_key.h"

#include "auth/dkim_key.h"
#include "fiber/group.h"

enum {
    KEY_RECORDS_MAX = 8, /* looked at, of those at one name (rfc6376:6.1.2 step 4) */
    KEYS_TRIED_MAX = 3,  /* public-key operations for one signature */
    KEY_ANSWER_MEMORY = 128 * 1024
};

struct bytes arc_key_name(struct arena *arena, const struct dkim_signature *signature)
{
    return arena_printf(arena, BYTES_FMT "._domainkey." BYTES_FMT, BYTES_ARG(signature->selector),
                        BYTES_ARG(signature->domain));
}

/* Fetching */

struct fetch {
    struct dns *dns;
    struct arena *arena;
    struct bytes name;
    int64_t deadline;
    const struct dns_answer *answer;
};

static void run_fetch(void *argument)
{
    struct fetch *fetch = argument;
    fetch->answer = dns_query(fetch->dns, fetch->arena, fetch->name, DNS_TXT, fetch->deadline);
}

/* Each fiber gets an arena of its own: marks of one must not span allocations of another. */
static void run_fetches(struct arena *parent, struct fetch *fetches, size_t count)
{
    struct fiber_group group;
    bool parallel = count > 1 && fiber_current();
    if (!parallel) {
        for (size_t i = 0; i < count; i++)
            run_fetch(&fetches[i]);
        return;
    }
    fiber_group_open(&group);
    for (size_t i = 0; i < count; i++) {
        struct arena *arena = arena_create_child(parent, KEY_ANSWER_MEMORY);
        if (arena)
            fetches[i].arena = arena;
        if (!arena || !fiber_group_start(&group, "arc-key", run_fetch, &fetches[i]))
            run_fetch(&fetches[i]);
    }
    fiber_group_wait(&group, fetches[0].deadline);
    fiber_group_close(&group);
}

bool arc_keys_fetch(struct dns *dns, struct arena *arena, struct arc_key *keys, size_t count,
                    int64_t deadline)
{
    struct fetch *fetches = arena_alloc_array(arena, count, sizeof(*fetches));
    size_t *fetch_of = arena_alloc_array(arena, count, sizeof(*fetch_of));
    size_t used = 0;
    if (!fetches || !fetch_of)
        return false;
    /* At most two keys a set: comparing each with each is little. */
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        if (!keys[i].name.len)
            continue;
        while (k < used && !bytes_equal_nocase(fetches[k].name, keys[i].name))
            k++;
        if (k == used)
            fetches[used++] = (struct fetch){dns, arena, keys[i].name, deadline, NULL};
        fetch_of[i] = k;
    }
    run_fetches(arena, fetches, used);
    for (size_t i = 0; i < count; i++)
        if (keys[i].name.len)
            keys[i].answer = fetches[fetch_of[i]].answer;
    return true;
}

/* Verifying */

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

enum auth_result arc_key_verify(const struct arc_key *key, const struct dkim_signature *signature,
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
