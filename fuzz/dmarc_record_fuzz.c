/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a DMARC record. */
#include "auth/dmarc.h"
#include "base/ascii.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dmarc_record *record, enum result result, struct bytes text)
{
    require(ascii_lower(text.ptr[0]) == 'v');
    require(bytes_find(text, BYTES("DMARC1")) != BYTES_NOT_FOUND);
    require(record->psd == 'y' || record->psd == 'n' || record->psd == 'u');
    require(record->percent <= 100);
    require(record->failure_options && record->failure_options < 16);
    require((record->failure_options & 3) != 3);
    require(record->ruf.len || record->failure_options == DMARC_FAILURE_ALL);
    require(record->rua.len + record->ruf.len + record->fo.len < text.len);
    if (result == PERM || !record->has_subdomain_policy)
        require(record->subdomain_policy == record->policy);
    if (result == PERM || !record->has_absent_policy)
        require(record->absent_policy == record->subdomain_policy);
    require(result == OK || record->policy == DMARC_POLICY_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct dmarc_record record;
    struct error error = {"unset"};
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    enum result result = dmarc_record_parse(arena, text, &record, &error);
    require(result == OK || result == NONE || result == PERM);
    require(result == OK || strcmp(error.text, "unset") != 0);
    if (result != NONE)
        check(&record, result, text);
    arena_destroy(arena);
    return 0;
}
