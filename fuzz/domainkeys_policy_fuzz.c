/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy record of DomainKeys. */
#include "auth/domainkeys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct domainkeys_policy policy;
    struct error error = {""};
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    enum result result = domainkeys_policy_parse(arena, text, &policy, &error);
    require(result == OK || result == PERM);
    require(policy.found == (result == OK));
    require((result == OK) == (error.text[0] == 0));
    if (policy.found) {
        require(bytes_equal(policy.record, text));
        require(policy.report.len + policy.note.len <= text.len);
        require(!policy.signs_all || bytes_find_byte(text, '-') != BYTES_NOT_FOUND);
        require(!policy.testing || bytes_find_byte(text, 'y') != BYTES_NOT_FOUND);
        for (size_t i = 0; i < text.len; i++)
            require(text.ptr[i] < 0x7f && (text.ptr[i] >= ' ' || text.ptr[i] == '\t'));
    }
    arena_destroy(arena);
    return 0;
}
