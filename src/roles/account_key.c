/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/account_key.h"

#include "roles/digest.h"

bool account_key(struct arena *arena, const char *what, struct bytes account, uint64_t released,
                 struct bytes detail, struct bytes *out)
{
    struct bytes lowered = arena_lower(arena, account);
    struct bytes parts[] = {BYTES("account"), bytes_of(what), lowered, detail,
                            bytes_from(&released, sizeof(released))};
    return lowered.ptr && digest_parts(arena, parts, countof(parts), out);
}
