/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/dane.h"

#include "base/buf.h"
#include "base/encode.h"

enum { TEXT_MAX = 8 * 1024 };

static enum result read_records(struct arena *arena, const struct dns_answer *answer,
                                struct bytes base, struct dane *out, struct error *error)
{
    size_t most = answer->count < TLS_TLSA_MAX ? answer->count : TLS_TLSA_MAX;
    *out = (struct dane){.base = base, .records = arena_alloc_array(arena, most, sizeof(*out->records))};
    if (!out->records)
        return error_set(error, TEMP, "out of memory");
    for (size_t i = 0; i < most; i++) {
        struct tls_tlsa *record = &out->records[out->count];
        if (!tls_tlsa_read(answer->records[i].data, record))
            continue;
        out->usable |= tls_tlsa_is_usable(record);
        out->count++;
    }
    return OK;
}

static enum result ask(struct dns *dns, struct arena *arena, struct bytes base, uint16_t port,
                       int64_t deadline, struct dane *out, struct error *error)
{
    struct bytes name = arena_printf(arena, "_%u._tcp." BYTES_FMT, port, BYTES_ARG(base));
    if (!name.ptr)
        return error_set(error, TEMP, "out of memory");
    const struct dns_answer *answer = dns_query(dns, arena, name, DNS_TLSA, deadline);
    if (answer->status == DNS_FAILED)
        return error_set(error, TEMP, "the TLSA records of " BYTES_FMT " cannot be had: %s",
                         BYTES_ARG(base), answer->problem ? answer->problem : "no answer");
    /* Records that nobody signed are as good as none. */
    if (answer->status != DNS_FOUND || !answer->authenticated)
        return NONE;
    return read_records(arena, answer, base, out, error);
}

enum result dane_find(struct dns *dns, struct arena *arena, struct bytes host, struct bytes canonical,
                      uint16_t port, int64_t deadline, struct dane *out, struct error *error)
{
    bool alias = canonical.len && !bytes_equal_nocase(host, canonical);
    *out = (struct dane){.base = host};
    if (alias) { /* rfc7672:2.2.2: the expanded name first */
        enum result result = ask(dns, arena, canonical, port, deadline, out, error);
        if (result != NONE)
            return result;
    }
    return ask(dns, arena, host, port, deadline, out, error);
}

struct bytes dane_text(struct arena *arena, const struct dane *dane)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < dane->count && text.len < TEXT_MAX / 2; i++) {
        const struct tls_tlsa *record = &dane->records[i];
        buf_printf(&text, "%s%u %u %u ", i ? "\n" : "", record->usage, record->selector,
                   record->matching);
        hex_encode(&text, bytes_first(record->data, 256));
    }
    struct bytes copy = arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}
