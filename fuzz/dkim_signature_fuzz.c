/* SPDX-License-Identifier: BSD-2-Clause */
/* The value of a DKIM-Signature field; and canonicalization of the same octets as field and body.
 * */
#include "auth/dkim_signature.h"
#include "base/buf.h"
#include "base/domain.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void append(void *context, struct bytes run)
{
    buf_add(context, run);
}

static void canonical_body(struct buf *out, enum dkim_canonicalization how, struct bytes body)
{
    struct dkim_sink sink;
    buf_init(out, 1 << 22);
    dkim_sink_open(&sink, append, out);
    dkim_canonical_body(&sink, how, body);
    dkim_sink_flush(&sink);
}

/* What is canonical stays as it is, ends in a line end, and has no double white space. */
static void check_body(enum dkim_canonicalization how, struct bytes body)
{
    struct buf once, twice;
    canonical_body(&once, how, body);
    canonical_body(&twice, how, buf_bytes(&once));
    require(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
    require(once.len == 0 || bytes_ends_with(buf_bytes(&once), BYTES("\r\n")));
    require(how == DKIM_RELAXED || once.len);
    require(once.len <= body.len + 2);
    if (how == DKIM_RELAXED) {
        require(bytes_find(buf_bytes(&once), BYTES("  ")) == BYTES_NOT_FOUND);
        require(bytes_find(buf_bytes(&once), BYTES(" \r\n")) == BYTES_NOT_FOUND);
        require(bytes_find_byte(buf_bytes(&once), '\t') == BYTES_NOT_FOUND);
    }
    buf_free(&once);
    buf_free(&twice);
}

static void check_field(struct bytes value, struct bytes span)
{
    struct buf raw, relaxed, simple;
    struct dkim_sink sink;
    buf_init(&raw, 1 << 22);
    buf_init(&relaxed, 1 << 22);
    buf_init(&simple, 1 << 22);
    buf_add_string(&raw, "Name:");
    buf_add(&raw, value);
    buf_add_string(&raw, "\r\n");
    struct header_field field = {buf_bytes(&raw), bytes_first(buf_bytes(&raw), 4),
                                 bytes_slice(buf_bytes(&raw), 5, raw.len - 2)};
    if (span.ptr)
        span = bytes_slice(field.value, (size_t)(span.ptr - value.ptr),
                           (size_t)(span.ptr - value.ptr) + span.len);
    dkim_sink_open(&sink, append, &relaxed);
    dkim_canonical_signature(&sink, DKIM_RELAXED, &field, span);
    dkim_sink_flush(&sink);
    dkim_sink_open(&sink, append, &simple);
    dkim_canonical_signature(&sink, DKIM_SIMPLE, &field, span);
    dkim_sink_flush(&sink);
    require(bytes_starts_with(buf_bytes(&relaxed), BYTES("name:")));
    require(simple.len == raw.len - 2 - span.len);
    require(relaxed.len <= simple.len);
    require(bytes_find(buf_bytes(&relaxed), BYTES("  ")) == BYTES_NOT_FOUND);
    buf_free(&raw);
    buf_free(&relaxed);
    buf_free(&simple);
}

static void check_signature(const struct dkim_signature *signature, struct bytes value)
{
    bool from = false;
    require(domain_is_valid(signature->domain) && domain_is_valid(signature->selector));
    require(signature->signature.len && signature->header_name_count);
    require(signature->body_hash.len == (signature->algorithm == DKIM_RSA_SHA1 ? 20 : 32));
    require(bytes_find_byte(signature->identity, '@') != BYTES_NOT_FOUND);
    for (size_t i = 0; i < signature->header_name_count; i++) {
        require(signature->header_names[i].len);
        from |= bytes_is(signature->header_names[i], "from");
    }
    require(from);
    require(signature->signature_span.ptr >= value.ptr &&
            signature->signature_span.ptr + signature->signature_span.len <= value.ptr + value.len);
    require(!signature->has_time || !signature->has_expiration ||
            signature->expiration > signature->time);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct dkim_signature signature;
    struct error error = {"unset"};
    struct bytes value = bytes_from(size ? data : (const uint8_t *)"", size);
    enum result result = dkim_signature_parse(arena, value, size % 2, &signature, &error);
    require(result == OK || strcmp(error.text, "unset") != 0);
    if (result == OK)
        check_signature(&signature, value);
    check_field(value, result == OK ? signature.signature_span : (struct bytes){NULL, 0});
    check_body(DKIM_RELAXED, value);
    check_body(DKIM_SIMPLE, value);
    arena_destroy(arena);
    return 0;
}
