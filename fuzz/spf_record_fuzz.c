/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of SPF records: slices lie in the input, numbers in their ranges, errors are
 * explained. */
#include "auth/spf_macro.h"
#include "auth/spf_record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_within(struct bytes part, struct bytes whole)
{
    return part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void check_directive(const struct spf_directive *d, struct bytes text)
{
    require(d->text.len && lies_within(d->text, text) && lies_within(d->domain_spec, d->text));
    require(d->mechanism <= SPF_EXISTS && d->prefix4 <= 32 && d->prefix6 <= 128);
    require(memchr("+-~?", d->qualifier, 4));
    require(d->domain_spec.len == 0 || spf_domain_spec_is_valid(d->domain_spec));
    require(bytes_find_byte(d->text, ' ') == BYTES_NOT_FOUND);
    if (d->mechanism == SPF_INCLUDE || d->mechanism == SPF_EXISTS)
        require(d->domain_spec.len);
}

static void check(struct arena *arena, struct bytes text)
{
    struct spf_record record;
    struct bytes where;
    struct error error = {""};
    enum result result = spf_record_parse(arena, text, &record, &where, &error);
    require(result == OK || result == PERM);
    require(lies_within(where, text));
    if (result == PERM) {
        require(error.text[0]);
        return;
    }
    require(spf_record_has_version(text) && record.directive_count <= SPF_RECORD_TERMS_MAX);
    for (size_t i = 0; i < record.directive_count; i++)
        check_directive(&record.directives[i], text);
    require(lies_within(record.redirect, record.redirect_text));
    require(lies_within(record.explanation, record.explanation_text));
    require(lies_within(record.redirect_text, text) && lies_within(record.explanation_text, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char version[] = "v=spf1 ";
    struct arena *arena = arena_create(4 << 20);
    uint8_t *text = malloc(sizeof(version) - 1 + size); /* exact, so that an over-read is seen */
    require(arena && text);
    memcpy(text, version, sizeof(version) - 1);
    if (size)
        memcpy(text + sizeof(version) - 1, data, size);
    check(arena, bytes_from(data, size));
    check(arena, bytes_from(text, sizeof(version) - 1 + size));
    free(text);
    arena_destroy(arena);
    return 0;
}
