/* SPDX-License-Identifier: BSD-2-Clause */
/* The value of each of ARC's three fields. */
#include "auth/arc_field.h"
#include "base/domain.h"
#include "field.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_results(struct arena *arena, struct bytes value)
{
    unsigned instance = 1000;
    struct bytes payload;
    struct error error = {"unset"};
    enum result result = arc_auth_results_split(value, &instance, &payload, &error);
    require((result == OK) == (instance > 0) && instance < 100);
    require(result == OK || (result == PERM && strcmp(error.text, "unset") != 0));
    if (result != OK)
        return;
    require(field_lies_within(payload, value));
    struct auth_results results;
    if (auth_results_parse(arena, payload, &results, &error) != OK)
        return;
    /* What we write of it is read as the same. */
    struct buf out;
    struct auth_results again;
    buf_init(&out, 1 << 22);
    auth_results_write_arc(&out, &results, instance);
    struct bytes written = field_check(buf_bytes(&out), "ARC-Authentication-Results");
    unsigned same;
    require(arc_auth_results_split(written, &same, &payload, &error) == OK && same == instance);
    if (auth_results_parse(arena, payload, &again, &error) == OK)
        require(again.statement_count <= results.statement_count);
    else
        require(arena_exhausted(arena));
    buf_free(&out);
}

static void check_signature(struct arena *arena, enum arc_kind kind, struct bytes value)
{
    struct arc_signature out;
    struct error error = {"unset"};
    enum result result = arc_signature_parse(arena, kind, value, &out, &error);
    const struct dkim_signature *signature = &out.signature;
    require(result != NONE && out.instance < 100);
    require(result == OK || strcmp(error.text, "unset") != 0);
    require(out.cv == AUTH_NONE || out.cv == AUTH_PASS || out.cv == AUTH_FAIL ||
            out.cv == AUTH_UNKNOWN);
    if (result != OK)
        return;
    require(out.instance > 0 && (kind == ARC_SEAL) == (out.cv != AUTH_UNKNOWN));
    require(domain_is_valid(signature->domain) && domain_is_valid(signature->selector));
    require(signature->signature.len && signature->algorithm != DKIM_RSA_SHA1);
    require(field_lies_within(signature->signature_span, value));
    require(kind != ARC_SEAL || signature->header_canonicalization == DKIM_RELAXED);
    require(kind == ARC_SEAL || signature->body_hash.len == 32);
    for (size_t i = 0; i < signature->header_name_count; i++)
        require(signature->header_names[i].len &&
                !bytes_is(signature->header_names[i], "arc-seal"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct bytes value = bytes_from(size ? data : (const uint8_t *)"", size);
    check_results(arena, value);
    check_signature(arena, ARC_MESSAGE_SIGNATURE, value);
    check_signature(arena, ARC_SEAL, value);
    arena_destroy(arena);
    return 0;
}
