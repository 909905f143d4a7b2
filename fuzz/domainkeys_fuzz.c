/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole message with DomainKeys signatures against a zone. The first line of the input is a key
 * record, published at s._domainkey.example.org, the second the policy record of example.org.
 */
#include "auth/domainkeys.h"
#include "auth/domainkeys_hash.h"
#include "base/domain.h"
#include "dns/zone.h"

#include "field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_result(const struct domainkeys_result *r)
{
    require((r->result == AUTH_PASS) == (r->problem.len == 0));
    require(r->domain.len == 0 || domain_is_valid(r->domain));
    require(r->signatures || (r->result != AUTH_PASS && r->result != AUTH_POLICY));
    if (r->result == AUTH_PASS || r->result == AUTH_POLICY) {
        require(r->domain.len && r->selector.len && r->signature.len && r->sender.len);
        require(bytes_ends_with_nocase(r->sender, r->domain) || !utf8_is_ascii(r->sender));
        require(!r->policy.found);
    }
    require(r->result != AUTH_PASS || (r->key_bits >= 1024 && !r->key_testing));
    require(r->result != AUTH_FAIL || !(r->key_testing || r->policy.testing));
}

static void collect(void *context, struct bytes run)
{
    buf_add(context, run);
}

static void canonical(struct buf *out, enum domainkeys_canonicalization canonicalization,
                      const struct domainkeys_fields *fields, struct bytes body)
{
    struct dkim_sink sink;
    buf_init(out, 1 << 22);
    dkim_sink_open(&sink, collect, out);
    domainkeys_canonical(&sink, canonicalization, fields, body);
    dkim_sink_flush(&sink);
    require(!out->failed);
    require(out->len == 0 || bytes_ends_with(buf_bytes(out), BYTES("\r\n")));
}

/* No white space but line ends, and none of these at the end that is not needed. */
static void check_nofws(struct bytes text, size_t fields)
{
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++) {
        require(text.ptr[i] != ' ' && text.ptr[i] != '\t');
        require(text.ptr[i] != '\r' || (i + 1 < text.len && text.ptr[i + 1] == '\n'));
        require(text.ptr[i] != '\n' || (i && text.ptr[i - 1] == '\r'));
        lines += text.ptr[i] == '\n';
    }
    require(lines >= fields);
    require(lines == fields || !bytes_ends_with(text, BYTES("\r\n\r\n")));
}

static bool equal_canonical(enum domainkeys_canonicalization canonicalization,
                            const struct domainkeys_fields *fields, struct bytes a, struct bytes b)
{
    struct buf first, second;
    canonical(&first, canonicalization, fields, a);
    canonical(&second, canonicalization, fields, b);
    bool equal = bytes_equal(buf_bytes(&first), buf_bytes(&second));
    if (canonicalization == DOMAINKEYS_NOFWS)
        check_nofws(buf_bytes(&first), fields->count);
    buf_free(&first);
    buf_free(&second);
    return equal;
}

static void check_canonical(struct arena *arena, const struct message *message)
{
    struct domainkeys_signature signature;
    struct domainkeys_fields fields;
    struct error error;
    const struct header_field *field = message_field(message, "DomainKey-Signature", 0);
    if (!field || domainkeys_signature_parse(arena, field->value, &signature, &error) != OK)
        return;
    require(domainkeys_fields_list(arena, message, field, &signature, &fields));
    require(fields.count <= message->field_count);
    for (size_t i = 0; i < fields.count; i++)
        require(fields.list[i] > field);
    struct bytes more = arena_printf(arena, BYTES_FMT "%s", BYTES_ARG(message->body), "\r\n\r\n");
    /* What the formats below can hold. */
    if (message->body.len < 60000 && bytes_find_byte(message->body, 0) == BYTES_NOT_FOUND) {
        struct bytes ended = arena_printf(arena, BYTES_FMT "\r\n", BYTES_ARG(message->body));
        require(equal_canonical(DOMAINKEYS_SIMPLE, &fields, ended, more));
        require(equal_canonical(DOMAINKEYS_NOFWS, &fields, message->body, more));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size);
    struct bytes record = BYTES(""), policy = BYTES("");
    struct arena *arena = arena_create(1 << 23);
    struct zone *zone = zone_create();
    struct message message;
    struct error error;
    bytes_split(&rest, '\n', &record);
    bytes_split(&rest, '\n', &policy);
    (void)!zone_add(zone, BYTES("s._domainkey.example.org"), DNS_TXT, 60, record);
    (void)!zone_add(zone, BYTES("_domainkey.example.org"), DNS_TXT, 60, policy);
    struct bytes text = message_normalize(arena, rest.ptr ? rest : BYTES(""));
    require(text.ptr);
    if (message_parse(arena, text, &message, &error) == OK) {
        struct domainkeys_result result, again;
        domainkeys_verify(zone_dns(zone), arena, &message, INT64_MAX, &result);
        domainkeys_verify(zone_dns(zone), arena, &message, INT64_MAX, &again);
        check_result(&result);
        require(result.result == again.result);
        require(field_lies_within(result.signature, text));
        require(zone_question_count(zone) <= 4);
        check_canonical(arena, &message);
    }
    zone_destroy(zone);
    arena_destroy(arena);
    return 0;
}
