/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/gather_parts.h"

#include "base/encode.h"

enum { ANSWERS_MAX = 64 * 1024 /* octets of DNS answers kept with the evidence */ };

/* As dns/zone.h: zone_add() takes it back. */
static struct bytes record_text(struct arena *arena, enum dns_type type,
                                const struct dns_record *record)
{
    char ip[IP_TEXT_SIZE];
    switch (type) {
    case DNS_A:
    case DNS_AAAA:
        return arena_copy(arena, bytes_of(ip_format(&record->ip, ip)));
    case DNS_MX:
        return arena_printf(arena, "%u " BYTES_FMT, record->preference,
                            BYTES_ARG(record->name.len ? record->name : BYTES(".")));
    case DNS_TXT:
        return record->text;
    case DNS_PTR:
    case DNS_NS:
    case DNS_CNAME:
        return record->name;
    default:
        break;
    }
    struct buf hex;
    buf_init(&hex, 64 * 1024);
    hex_encode(&hex, record->data);
    struct bytes text = arena_copy(arena, buf_bytes(&hex));
    buf_free(&hex);
    return text;
}

static bool keep_answer(struct gather *gather, const struct dns_lookup *lookup)
{
    struct evidence_dns *out = &gather->evidence.dns[gather->evidence.dns_count++];
    char type[16];
    out->name = lookup->name;
    out->type = arena_copy(gather->arena, bytes_of(dns_type_name(lookup->type, type)));
    out->status = bytes_of(dns_status_name(lookup->answer->status));
    out->ttl = lookup->answer->ttl;
    out->authenticated = lookup->answer->authenticated;
    out->records = arena_alloc_array(gather->arena, lookup->answer->count, sizeof(*out->records));
    if (!out->records || !out->type.ptr)
        return false;
    for (size_t r = 0; r < lookup->answer->count; r++)
        out->records[out->record_count++] =
            record_text(gather->arena, lookup->type, &lookup->answer->records[r]);
    return true;
}

static size_t answer_octets(const struct dns_answer *answer)
{
    size_t octets = answer->count * IP_TEXT_SIZE;
    for (size_t i = 0; i < answer->count; i++)
        octets += answer->records[i].text.len + answer->records[i].name.len +
                  2 * answer->records[i].data.len;
    return octets;
}

/*
 * The answers go along with the evidence, so that it can be judged again without a network. What no
 * longer fits is left out: else a small mail, sent over and over, would fill the ledger's disk with
 * the large records of its sender.
 */
bool gather_add_answers(struct gather *gather)
{
    struct dns_recorder *recorder = &gather->recorder;
    size_t left = ANSWERS_MAX;
    gather->evidence.dns =
        arena_alloc_array(gather->arena, recorder->count, sizeof(*gather->evidence.dns));
    if (!gather->evidence.dns)
        return false;
    for (size_t i = 0; i < recorder->count; i++) {
        const struct dns_lookup *lookup = &recorder->lookups[i];
        size_t octets = lookup->answer ? answer_octets(lookup->answer) : 0;
        if (!lookup->answer || octets > left)
            continue;
        left -= octets;
        if (!keep_answer(gather, lookup))
            return false;
    }
    return true;
}
