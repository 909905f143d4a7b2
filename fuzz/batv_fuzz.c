/* SPDX-License-Identifier: BSD-2-Clause */
/* An address to be tagged and one whose tag is to be taken off. The first octet chooses options. */
#include "auth/batv.h"
#include "mailbox.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_encoded(struct arena *arena, const struct batv_options *options,
                          struct bytes address, struct bytes made)
{
    struct mailbox from, to;
    struct bytes original = mailbox_read(arena, address, &from), back, lower;
    mailbox_check_made(arena, made, from.domain, &to);
    require(batv_decode(arena, options, made, &back, NULL) == OK && bytes_equal(back, original));
    lower = arena_lower(arena, made);
    require(batv_decode(arena, options, lower, &back, NULL) == OK);
    require(bytes_equal_nocase(back, original));
    require(batv_encode(arena, options, made, &back, NULL) == NONE && bytes_equal(back, made));
    struct batv_options late = *options;
    late.now += INT64_C(86400) * (BATV_DAYS + 1);
    require(batv_decode(arena, &late, made, &back, NULL) == PERM);
    for (uint64_t i = 0; i < 3; i++) {
        uint8_t *changed = (uint8_t *)arena_copy(arena, made).ptr;
        size_t at = (made.ptr[0] == '"') + 5 + i; /* key and day */
        changed[at] = changed[at] == '9' ? '8' : changed[at] + 1;
        require(batv_decode(arena, options, bytes_from(changed, made.len), &back, NULL) != TEMP);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes secrets[] = {BYTES_INIT("tops3cr3t"), BYTES_INIT("old")};
    if (size == 0)
        return 0;
    struct batv_options options = {.secrets = {secrets, 1U + data[0] % 2},
                                   .key = (data[0] >> 1) % 10,
                                   .now = INT64_C(86400) * (18262 + (data[0] & 128 ? 733 : 0))};
    struct arena *arena = arena_create(1 << 20);
    struct bytes address = bytes_from(data + 1, size - 1), out;
    struct error error = {"unset"}, second = {"unset"};
    enum result result = batv_encode(arena, &options, address, &out, &error);
    require(result != TEMP && (result == OK || strcmp(error.text, "unset") != 0));
    require(result == OK || bytes_equal(out, address));
    if (result == OK)
        check_encoded(arena, &options, address, out);
    result = batv_decode(arena, &options, address, &out, &second);
    require(result != TEMP && (result == OK || strcmp(second.text, "unset") != 0));
    struct mailbox mailbox;
    if (result == OK)
        require(bytes_equal(mailbox_read(arena, out, &mailbox), out));
    arena_destroy(arena);
    return 0;
}
