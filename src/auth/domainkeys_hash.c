/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/domainkeys_hash.h"

#include "base/map.h"

/* Which fields */

/* All fields of one name below the signature, and how often h= has mentioned it. */
struct same_name {
    uint32_t first, last; /* indexes of fields, chained by `next` */
    size_t count, mentions;
};

struct selection {
    struct arena *arena;
    const struct message *message;
    struct map *names;  /* lower-cased name -> struct same_name */
    uint32_t *next;     /* per field: the following one of its name */
    struct domainkeys_fields *out;
};

static bool chain_field(struct selection *s, uint32_t index)
{
    struct bytes name = arena_lower(s->arena, s->message->fields[index].name);
    struct same_name *same = map_get(s->names, name);
    if (same) {
        s->next[same->last] = index;
        same->last = index;
        same->count++;
        return true;
    }
    same = arena_new(s->arena, struct same_name);
    if (!same || !name.ptr)
        return false;
    *same = (struct same_name){.first = index, .last = index, .count = 1};
    return map_put(s->names, name, same, NULL);
}

/* The next `count` fields of the name. */
static void take_fields(struct selection *s, struct same_name *same, size_t count)
{
    for (; count; count--) {
        s->out->list[s->out->count++] = &s->message->fields[same->first];
        same->first = s->next[same->first];
        same->count--;
    }
}

static bool select_listed(struct selection *s, size_t below,
                          const struct domainkeys_signature *signature)
{
    for (size_t i = below; i < s->message->field_count; i++)
        if (!chain_field(s, (uint32_t)i))
            return false;
    for (size_t i = 0; i < signature->field_name_count; i++) {
        struct same_name *same = map_get(s->names, signature->field_names[i]);
        if (same)
            same->mentions++;
    }
    for (size_t i = 0; i < signature->field_name_count; i++) {
        struct same_name *same = map_get(s->names, signature->field_names[i]);
        /* What the later mentions do not need, each of which takes one. */
        if (same && same->count >= same->mentions)
            take_fields(s, same, same->count - same->mentions + 1);
        if (same)
            same->mentions--;
    }
    return true;
}

bool domainkeys_fields_list(struct arena *arena, const struct message *message,
                            const struct header_field *field,
                            const struct domainkeys_signature *signature,
                            struct domainkeys_fields *out)
{
    size_t below = (size_t)(field - message->fields) + 1;
    out->count = 0;
    out->list = arena_alloc_array(arena, message->field_count, sizeof(*out->list));
    if (!out->list)
        return false;
    if (!signature->lists_fields) {
        for (size_t i = below; i < message->field_count; i++)
            out->list[out->count++] = &message->fields[i];
        return true;
    }
    struct selection s = {arena, message, map_create(), NULL, out};
    s.next = arena_alloc_array(arena, message->field_count, sizeof(*s.next));
    bool good = s.names && s.next && select_listed(&s, below, signature);
    map_destroy(s.names, NULL);
    return good;
}

/* The octets */

static bool is_folding(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum { PACK_OCTETS = 1024 };

/* Without any folding white space; with `lines` each CRLF stays one. */
static inline __attribute__((always_inline)) void add_packed(struct dkim_sink *sink,
                                                             struct bytes text, bool lines)
{
    uint8_t packed[PACK_OCTETS + 2], previous = 0;
    while (text.len) {
        size_t length = text.len < PACK_OCTETS ? text.len : PACK_OCTETS, count = 0;
        for (size_t i = 0; i < length; i++) {
            uint8_t c = text.ptr[i];
            packed[count] = c;
            count += !is_folding(c);
            if (lines && c == '\n' && previous == '\r') {
                packed[count++] = '\r';
                packed[count++] = '\n';
            }
            previous = c;
        }
        dkim_sink_add(sink, bytes_from(packed, count));
        text = bytes_skip(text, length);
    }
}

static void nofws_body(struct dkim_sink *sink, struct bytes body)
{
    /* Lines that have nothing but white space are empty, too. */
    while (body.len && is_folding(body.ptr[body.len - 1]))
        body.len--;
    if (body.len == 0)
        return;
    dkim_sink_add(sink, BYTES("\r\n"));
    add_packed(sink, body, true);
    dkim_sink_add(sink, BYTES("\r\n"));
}

static void simple_body(struct dkim_sink *sink, struct bytes body)
{
    while (bytes_ends_with(body, BYTES("\r\n")))
        body.len -= 2;
    if (body.len == 0)
        return;
    dkim_sink_add(sink, BYTES("\r\n"));
    dkim_sink_add(sink, body);
    dkim_sink_add(sink, BYTES("\r\n"));
}

static void simple_field(struct dkim_sink *sink, const struct header_field *field)
{
    dkim_sink_add(sink, field->raw);
    if (!bytes_ends_with(field->raw, BYTES("\r\n")))
        dkim_sink_add(sink, BYTES("\r\n"));
}

void domainkeys_canonical(struct dkim_sink *sink, enum domainkeys_canonicalization canonicalization,
                          const struct domainkeys_fields *fields, struct bytes body)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (canonicalization == DOMAINKEYS_SIMPLE) {
            simple_field(sink, fields->list[i]);
        } else {
            add_packed(sink, fields->list[i]->raw, false);
            dkim_sink_add(sink, BYTES("\r\n"));
        }
    }
    if (canonicalization == DOMAINKEYS_SIMPLE)
        simple_body(sink, body);
    else
        nofws_body(sink, body);
}

struct hashing {
    EVP_MD_CTX *running;
    bool failed;
};

static void hash_run(void *context, struct bytes run)
{
    struct hashing *hashing = context;
    hashing->failed |= EVP_DigestUpdate(hashing->running, run.ptr, run.len) != 1;
}

bool domainkeys_hash(enum domainkeys_canonicalization canonicalization,
                     const struct domainkeys_fields *fields, struct bytes body,
                     const EVP_MD *digest, struct dkim_hash *out)
{
    struct hashing hashing = {.running = EVP_MD_CTX_new()};
    unsigned size = 0;
    bool good = hashing.running && EVP_DigestInit_ex(hashing.running, digest, NULL) == 1;
    if (good) {
        struct dkim_sink sink;
        dkim_sink_open(&sink, hash_run, &hashing);
        domainkeys_canonical(&sink, canonicalization, fields, body);
        dkim_sink_flush(&sink);
        good = !hashing.failed && EVP_DigestFinal_ex(hashing.running, out->octets, &size) == 1;
        out->len = size;
    }
    EVP_MD_CTX_free(hashing.running);
    return good;
}
