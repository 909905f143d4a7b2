/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole message against a zone. The first line of the input is a key record, published at
 * s._domainkey.example.org; the keys of RFC 8463's example are there too.
 */
#include "auth/dkim.h"
#include "base/domain.h"
#include "dns/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct zone *make_zone(struct bytes record)
{
    struct zone *zone = zone_create();
    bool good =
        zone_add(zone, BYTES("brisbane._domainkey.football.example.com"), DNS_TXT, 60,
                 BYTES("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")) &&
        zone_add(zone, BYTES("test._domainkey.football.example.com"), DNS_TXT, 60,
                 BYTES("v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
                       "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
                       "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
                       "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"));
    require(good);
    (void)!zone_add(zone, BYTES("s._domainkey.example.org"), DNS_TXT, 60, record);
    return zone;
}

static void check(const struct dkim_signature_result *r)
{
    require((r->result == AUTH_PASS) == (r->problem.len == 0));
    require(r->domain.len == 0 || domain_is_valid(r->domain));
    require(!r->key_testing || (r->result != AUTH_PASS && r->result != AUTH_FAIL));
    if (r->result != AUTH_PASS)
        return;
    require(r->domain.len && r->selector.len && r->signature.len);
    require(!r->body_length_used && !r->expired);
    require(r->key_bits == 256 || r->key_bits >= 1024);
    require(bytes_find_nocase(r->header_list, BYTES("from")) != BYTES_NOT_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size), record;
    struct arena *arena = arena_create(1 << 23);
    struct message message;
    struct error error;
    bytes_split(&rest, '\n', &record);
    struct zone *zone = make_zone(record);
    struct bytes text = message_normalize(arena, rest.ptr ? rest : BYTES(""));
    require(text.ptr);
    if (message_parse(arena, text, &message, &error) == OK) {
        struct dkim_options options = {.now = 1700000000, .deadline = INT64_MAX};
        struct dkim_results results, again;
        dkim_verify(zone_dns(zone), arena, &message, &options, &results);
        dkim_verify(zone_dns(zone), arena, &message, &options, &again);
        require(results.count <= DKIM_SIGNATURES_MAX && results.count == again.count);
        require(results.count + results.ignored == message_field_count(&message, "DKIM-Signature"));
        for (size_t i = 0; i < results.count; i++) {
            check(&results.signatures[i]);
            require(results.signatures[i].result == again.signatures[i].result);
        }
    }
    zone_destroy(zone);
    arena_destroy(arena);
    return 0;
}
