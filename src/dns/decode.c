/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/decode.h"

#include "base/cursor.h"
#include "base/domain.h"
#include "base/map.h"
#include "dns/answer.h"

#include <string.h>

enum {
    HEADER_SIZE = 12,
    CLASS_IN = 1,
    TYPE_OPT = 41,
    FLAG_REPLY = 0x8000,
    FLAG_AUTHORITATIVE = 0x0400,
    FLAG_TRUNCATED = 0x0200,
    FLAG_RECURSION_DESIRED = 0x0100,
    FLAG_RECURSION_AVAILABLE = 0x0080,
    FLAG_AUTHENTICATED = 0x0020,
    OPCODE_MASK = 0x7800,
};

/* A name in lower-cased presentation form. */
struct name_text {
    char text[NAME_TEXT_MAX];
    size_t length;
};

/* One record of the packet, not yet taken apart. */
struct raw_record {
    uint64_t owner; /* hash of the owner's presentation form: keyed, so equal means equal */
    uint16_t type, class;
    uint32_t ttl;
    size_t data; /* where RDATA begins */
    size_t data_length;
};

struct decoder {
    struct arena *arena;
    struct bytes packet;
    size_t position;
    struct name_text name; /* the name looked for at the moment: the question, then its aliases */
    enum dns_type type;
    uint16_t flags, counts[4]; /* question, answer, authority, additional */
    unsigned rcode;
    struct raw_record *records; /* those of the answer section that may matter */
    size_t record_count;
    uint32_t ttl; /* the least so far */
    size_t memory;
    bool has_soa, has_ns;
    uint32_t negative_ttl;
    const char *problem; /* set: the packet is no proper reply */
};

size_t decode_write_query(struct bytes name, enum dns_type type, uint16_t id,
                          uint8_t out[DECODE_QUERY_MAX])
{
    static const uint8_t opt[11] = {0, 0, TYPE_OPT, DECODE_UDP_SIZE >> 8, DECODE_UDP_SIZE & 0xff};
    uint16_t flags = FLAG_RECURSION_DESIRED | FLAG_AUTHENTICATED;
    const uint8_t header[HEADER_SIZE] = {(uint8_t)(id >> 8),
                                         (uint8_t)id,
                                         (uint8_t)(flags >> 8),
                                         (uint8_t)flags,
                                         0,
                                         1,
                                         0,
                                         0,
                                         0,
                                         0,
                                         0,
                                         1};
    size_t length = name_to_wire(name, out + HEADER_SIZE);
    if (!length)
        return 0;
    memcpy(out, header, HEADER_SIZE);
    length += HEADER_SIZE;
    out[length++] = (uint8_t)(type >> 8);
    out[length++] = (uint8_t)type;
    out[length++] = 0;
    out[length++] = CLASS_IN;
    memcpy(out + length, opt, sizeof(opt));
    return length + sizeof(opt);
}

static void give_up(struct decoder *d, const char *problem)
{
    if (!d->problem)
        d->problem = problem;
}

static struct cursor cursor_at(const struct decoder *d, size_t position)
{
    struct cursor c = cursor_over(d->packet);
    c.position = position;
    return c;
}

static struct bytes text_of(const struct name_text *name)
{
    return bytes_from(name->text, name->length);
}

static bool read_name(const struct decoder *d, size_t *position, struct name_text *out)
{
    return name_from_wire(d->packet, position, out->text, &out->length);
}

static void read_header(struct decoder *d)
{
    struct cursor c = cursor_over(d->packet);
    cursor_u16(&c); /* the transport has matched the id */
    d->flags = cursor_u16(&c);
    for (int i = 0; i < 4; i++)
        d->counts[i] = cursor_u16(&c);
    d->position = c.position;
    d->rcode = d->flags & 15;
    if (c.failed || !(d->flags & FLAG_REPLY) || d->flags & OPCODE_MASK || d->counts[0] != 1)
        give_up(d, "malformed reply");
}

static void read_question(struct decoder *d)
{
    struct name_text asked;
    if (!read_name(d, &d->position, &asked)) {
        give_up(d, "malformed reply");
        return;
    }
    struct cursor c = cursor_at(d, d->position);
    uint16_t type = cursor_u16(&c), class = cursor_u16(&c);
    d->position = c.position;
    if (c.failed || type != d->type || class != CLASS_IN ||
        !bytes_equal(text_of(&asked), text_of(&d->name)))
        give_up(d, "reply to another question");
}

/* The record at the position; its owner too. */
static bool read_record(struct decoder *d, struct raw_record *record, struct name_text *owner)
{
    size_t position = d->position;
    if (!read_name(d, &position, owner))
        return false;
    struct cursor c = cursor_at(d, position);
    record->type = cursor_u16(&c);
    record->class = cursor_u16(&c);
    record->ttl = cursor_u32(&c);
    record->data_length = cursor_u16(&c);
    record->data = c.position;
    cursor_take(&c, record->data_length);
    d->position = c.position;
    if (record->ttl > INT32_MAX)
        record->ttl = 0; /* rfc2181:8 */
    return !c.failed;
}

static void read_answer_section(struct decoder *d)
{
    size_t room = d->counts[1] < DECODE_RECORDS_MAX ? d->counts[1] : DECODE_RECORDS_MAX;
    d->records = arena_alloc_array(d->arena, room, sizeof(*d->records));
    if (!d->records) {
        give_up(d, "out of memory");
        return;
    }
    for (size_t i = 0; i < d->counts[1] && !d->problem; i++) {
        struct name_text owner;
        struct raw_record record;
        if (!read_record(d, &record, &owner)) {
            give_up(d, "malformed record");
        } else if (i >= room) {
            give_up(d, "too many records");
        } else if (record.class == CLASS_IN &&
                   (record.type == d->type || record.type == DNS_CNAME)) {
            record.owner = map_hash(text_of(&owner));
            d->records[d->record_count++] = record;
        }
    }
}

/* rfc2308:5: the lesser of the record's own TTL and its MINIMUM field, which stands last. */
static void read_soa(struct decoder *d, const struct raw_record *record)
{
    size_t position = record->data, end = record->data + record->data_length;
    if (!name_skip(d->packet, &position) || !name_skip(d->packet, &position) || position > end ||
        end - position != 20) {
        give_up(d, "malformed SOA record");
        return;
    }
    struct cursor c = cursor_at(d, end - 4);
    uint32_t minimum = cursor_u32(&c);
    d->has_soa = true;
    d->negative_ttl = record->ttl < minimum ? record->ttl : minimum;
}

static void read_authority_section(struct decoder *d)
{
    for (size_t i = 0; i < d->counts[2] && !d->problem; i++) {
        struct name_text owner;
        struct raw_record record;
        if (!read_record(d, &record, &owner))
            give_up(d, "malformed record");
        else if (record.class == CLASS_IN && record.type == DNS_NS)
            d->has_ns = true;
        /* Only the zone of the name can say that there is nothing. */
        else if (record.class == CLASS_IN && record.type == DNS_SOA && !d->has_soa &&
                 (owner.length == 0 || domain_is_within(text_of(&d->name), text_of(&owner))))
            read_soa(d, &record);
    }
}

/* Only the upper bits of the RCODE in the OPT record matter (rfc6891:6.1.3). */
static void read_additional_section(struct decoder *d)
{
    for (size_t i = 0; i < d->counts[3] && !d->problem; i++) {
        struct raw_record record;
        size_t position = d->position;
        if (!name_skip(d->packet, &position)) {
            give_up(d, "malformed record");
            return;
        }
        struct cursor c = cursor_at(d, position);
        record.type = cursor_u16(&c);
        cursor_u16(&c);
        record.ttl = cursor_u32(&c);
        cursor_take(&c, cursor_u16(&c));
        d->position = c.position;
        if (c.failed)
            give_up(d, "malformed record");
        else if (record.type == TYPE_OPT)
            d->rcode |= record.ttl >> 24 << 4;
    }
}

static const struct raw_record *find_record(const struct decoder *d, enum dns_type type)
{
    uint64_t owner = map_hash(text_of(&d->name));
    for (size_t i = 0; i < d->record_count; i++)
        if (d->records[i].owner == owner && d->records[i].type == type)
            return &d->records[i];
    return NULL;
}

static void lower_ttl(struct decoder *d, uint32_t ttl)
{
    if (ttl < d->ttl)
        d->ttl = ttl;
}

/* Moves d->name along the aliases to where the records are, or to the end of the chain. */
static void follow_aliases(struct decoder *d)
{
    for (int aliases = 0; !find_record(d, d->type); aliases++) {
        const struct raw_record *alias = find_record(d, DNS_CNAME);
        if (!alias)
            return;
        size_t position = alias->data;
        if (aliases == DECODE_ALIASES_MAX) {
            give_up(d, "too many CNAME records");
            return;
        }
        if (!read_name(d, &position, &d->name) || position != alias->data + alias->data_length) {
            give_up(d, "malformed CNAME record");
            return;
        }
        lower_ttl(d, alias->ttl);
    }
}

static struct bytes keep(struct decoder *d, struct bytes bytes)
{
    d->memory += bytes.len;
    if (d->memory > DECODE_MEMORY_MAX) {
        give_up(d, "answer too large");
        return BYTES("");
    }
    struct bytes copy = arena_copy(d->arena, bytes);
    if (!copy.ptr)
        give_up(d, "out of memory");
    return copy;
}

static bool decode_name(struct decoder *d, size_t position, size_t end, struct bytes *out)
{
    struct name_text name;
    if (!read_name(d, &position, &name) || position != end)
        return false;
    *out = keep(d, text_of(&name));
    return true;
}

/* The character-strings joined (rfc7208:3.3, rfc6376:3.6.2.2). */
static bool decode_text(struct decoder *d, struct bytes data, struct bytes *out)
{
    if (data.len == 0)
        return false;
    size_t length = 0;
    for (size_t at = 0; at < data.len; at += 1u + data.ptr[at]) {
        if (data.ptr[at] > data.len - at - 1)
            return false;
        length += data.ptr[at];
    }
    d->memory += length;
    if (length > DECODE_TEXT_MAX || d->memory > DECODE_MEMORY_MAX) {
        give_up(d, "TXT record too long");
        return true;
    }
    uint8_t *text = arena_alloc(d->arena, length);
    if (!text) {
        give_up(d, "out of memory");
        return true;
    }
    *out = bytes_from(text, length);
    for (size_t at = 0; at < data.len; at += 1u + data.ptr[at]) {
        memcpy(text, data.ptr + at + 1, data.ptr[at]);
        text += data.ptr[at];
    }
    return true;
}

static bool decode_record(struct decoder *d, const struct raw_record *raw,
                          struct dns_record *record)
{
    size_t end = raw->data + raw->data_length;
    struct bytes data = bytes_slice(d->packet, raw->data, end);
    switch (d->type) {
    case DNS_A:
        if (data.len != 4)
            return false;
        record->ip = ip_from_v4(data.ptr);
        return true;
    case DNS_AAAA:
        if (data.len != 16)
            return false;
        record->ip = ip_from_v6(data.ptr);
        return true;
    case DNS_MX:
        if (data.len < 3)
            return false;
        record->preference = (uint16_t)(data.ptr[0] << 8 | data.ptr[1]);
        return decode_name(d, raw->data + 2, end, &record->name);
    case DNS_PTR:
    case DNS_NS:
    case DNS_CNAME:
        return decode_name(d, raw->data, end, &record->name);
    case DNS_TXT:
    case DNS_SPF:
        return decode_text(d, data, &record->text);
    default:
        record->data = keep(d, data);
        return true;
    }
}

static const struct dns_answer *finish(struct decoder *d, struct dns_answer answer)
{
    answer.canonical = keep(d, text_of(&d->name));
    struct dns_answer *result = arena_new(d->arena, struct dns_answer);
    if (!result)
        give_up(d, "out of memory");
    if (d->problem)
        return answer_failed(d->arena, d->problem);
    *result = answer;
    return result;
}

static const struct dns_answer *collect(struct decoder *d, bool authenticated)
{
    uint64_t owner = map_hash(text_of(&d->name));
    struct dns_record *records =
        arena_alloc_array(d->arena, d->record_count, sizeof(struct dns_record));
    if (!records)
        return answer_out_of_memory();
    size_t count = 0;
    for (size_t i = 0; i < d->record_count && !d->problem; i++) {
        const struct raw_record *raw = &d->records[i];
        if (raw->owner != owner || raw->type != d->type)
            continue;
        if (!decode_record(d, raw, &records[count++]))
            give_up(d, "malformed record");
        lower_ttl(d, raw->ttl);
    }
    return finish(d, (struct dns_answer){.status = DNS_FOUND,
                                         .authenticated = authenticated,
                                         .ttl = d->ttl,
                                         .count = count,
                                         .records = records});
}

static const char *rcode_problem(unsigned rcode)
{
    static const char *const problems[] = {
        [1] = "the server could not read the question (FORMERR)",
        [2] = "the server failed (SERVFAIL)",
        [4] = "the server does not know such questions (NOTIMP)",
        [5] = "the server refused to answer (REFUSED)",
    };
    const char *problem = rcode < countof(problems) ? problems[rcode] : NULL;
    return problem ? problem : "the server answered with an unusual error code";
}

/* A referral: the server did not look further. It must not pass for "no data" (rfc2308:2.2). */
static bool is_referral(const struct decoder *d)
{
    return d->has_ns && !d->has_soa &&
           !(d->flags & (FLAG_AUTHORITATIVE | FLAG_RECURSION_AVAILABLE));
}

static const struct dns_answer *interpret(struct decoder *d, bool authenticated)
{
    bool no_name = d->rcode == 3;
    if (!no_name && find_record(d, d->type))
        return collect(d, authenticated);
    if (!no_name && is_referral(d))
        give_up(d, "the server does not answer recursively");
    lower_ttl(d, d->has_soa ? d->negative_ttl : 0);
    return finish(d, (struct dns_answer){.status = no_name ? DNS_NO_NAME : DNS_NO_DATA,
                                         .authenticated = authenticated,
                                         .ttl = d->ttl});
}

const struct dns_answer *decode_answer(struct arena *arena, struct bytes packet, struct bytes name,
                                       enum dns_type type, bool trust_ad)
{
    struct decoder d = {.arena = arena, .packet = packet, .type = type, .ttl = INT32_MAX};
    if (!name_normalize(name, d.name.text, &d.name.length))
        return answer_failed(arena, "not a name");
    read_header(&d);
    if (!d.problem)
        read_question(&d);
    if (!d.problem && d.flags & FLAG_TRUNCATED)
        give_up(&d, "truncated reply");
    if (!d.problem && d.rcode != 0 && d.rcode != 3)
        give_up(&d, rcode_problem(d.rcode));
    if (!d.problem)
        read_answer_section(&d);
    if (!d.problem)
        follow_aliases(&d);
    if (!d.problem)
        read_authority_section(&d);
    if (!d.problem)
        read_additional_section(&d);
    if (!d.problem && d.rcode != 0 && d.rcode != 3)
        give_up(&d, rcode_problem(d.rcode));
    if (d.problem)
        return answer_failed(arena, d.problem);
    return interpret(&d, trust_ad && d.flags & FLAG_AUTHENTICATED);
}
