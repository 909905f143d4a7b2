/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole message whose chain is verified, sealed and verified again. The key of RFC 8463's example
 * lies at s._domainkey.example.org; the first line of the input is another record, at
 * t._domainkey.example.org.
 */
#include "auth/arc_seal.h"
#include "base/domain.h"
#include "dns/zone.h"

#include <openssl/evp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1700000000 };

static const struct auth_results nothing = {BYTES_INIT("mx.example.org"), 1, NULL, 0};

/* rfc8463:A.2 */
static EVP_PKEY *sealing_key(void)
{
    static EVP_PKEY *key;
    static const uint8_t seed[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60,
                                     0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
                                     0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19,
                                     0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
    if (!key)
        key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
    require(key);
    return key;
}

static struct zone *make_zone(struct bytes record)
{
    struct zone *zone = zone_create();
    require(zone_add(zone, BYTES("s._domainkey.example.org"), DNS_TXT, 60,
                     BYTES("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")));
    (void)!zone_add(zone, BYTES("t._domainkey.example.org"), DNS_TXT, 60, record);
    zone_add_failure(zone, BYTES("s._domainkey.broken.example"), 0);
    return zone;
}

static void check_set(const struct arc_results *results, size_t i)
{
    const struct arc_set *set = &results->sets[i];
    require(set->instance == i + 1);
    require(set->domain.len == 0 || domain_is_valid(set->domain));
    require(set->selector.len == 0 || domain_is_valid(set->selector));
    require((set->seal == AUTH_PASS || set->seal == AUTH_NONE) == (set->seal_problem.len == 0));
    require((set->message_signature == AUTH_PASS || set->message_signature == AUTH_NONE) ==
            (set->message_problem.len == 0));
    if (results->result != AUTH_PASS)
        return;
    require(set->seal == AUTH_PASS && set->domain.len && set->selector.len);
    require(set->cv == (i == 0 ? AUTH_NONE : AUTH_PASS));
    bool unchanged = i + 1 >= results->oldest_pass;
    require(unchanged == (set->message_signature == AUTH_PASS));
}

static void check(const struct arc_results *results)
{
    enum auth_result result = results->result;
    require(result == AUTH_NONE || result == AUTH_PASS || result == AUTH_FAIL ||
            result == AUTH_TEMPERROR);
    require((result == AUTH_FAIL || result == AUTH_TEMPERROR) == (results->problem.len > 0));
    require(results->count <= ARC_SETS_MAX);
    require(result != AUTH_NONE || results->count == 0);
    require(result != AUTH_PASS || (results->count && results->oldest_pass <= results->count));
    require(!results->exhausted || result == AUTH_FAIL);
    for (size_t i = 0; i < results->count; i++)
        check_set(results, i);
}

static bool verify(struct zone *zone, struct arena *arena, struct bytes text,
                   struct message *message, struct arc_results *results)
{
    struct arc_options options = {.now = NOW, .deadline = INT64_MAX};
    if (message_parse(arena, text, message, NULL) != OK)
        return false;
    arc_verify(zone_dns(zone), arena, message, &options, results);
    if (!arena_exhausted(arena))
        check(results);
    return true;
}

/* What was sound is sound with our set; what was not is marked, and ends there. */
static void seal(struct zone *zone, struct arena *arena, const struct message *message,
                 const struct arc_results *chain)
{
    struct auth_results found;
    struct message sealed;
    struct arc_results results;
    struct error error;
    struct buf out;
    bool given = arc_seal_collect_results(arena, message, nothing.authserv_id, &found) == OK;
    struct arc_sealing sealing = {.algorithm = DKIM_ED25519_SHA256,
                                  .domain = BYTES("example.org"),
                                  .selector = BYTES("s"),
                                  .time = NOW,
                                  .auth_results = given ? &found : &nothing};
    buf_init(&out, 1 << 22);
    enum result result =
        arc_seal(arena, message, &sealing, chain, dkim_sign_with_key, sealing_key(), &out, &error);
    require(!chain->exhausted || result != OK);
    if (result == OK) {
        buf_add(&out, message->raw);
        if (verify(zone, arena, buf_bytes(&out), &sealed, &results) && !arena_exhausted(arena)) {
            bool sound = chain->result == AUTH_NONE || chain->result == AUTH_PASS;
            require(results.count == chain->count + 1);
            require(results.result == (sound ? AUTH_PASS : AUTH_FAIL));
            require(results.exhausted == !sound);
        }
    } else {
        require(out.len == 0);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size), record;
    struct arena *arena = arena_create(1 << 24);
    struct message message;
    struct arc_results results;
    bytes_split(&rest, '\n', &record);
    struct zone *zone = make_zone(record);
    struct bytes text = message_normalize(arena, rest.ptr ? rest : BYTES(""));
    require(text.ptr);
    if (verify(zone, arena, text, &message, &results) && !arena_exhausted(arena))
        seal(zone, arena, &message, &results);
    zone_destroy(zone);
    arena_destroy(arena);
    return 0;
}
