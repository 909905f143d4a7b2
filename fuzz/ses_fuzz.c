/* SPDX-License-Identifier: BSD-2-Clause */
/* An address to be signed and one whose signature is to be taken off. The first nine octets are options
 * and message id. */
#include "auth/ses.h"
#include "mailbox.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_encoded(struct arena *arena, const struct ses_options *options,
                          struct bytes address, struct bytes made)
{
    struct mailbox from, to;
    struct bytes original = mailbox_read(arena, address, &from);
    struct ses_address back;
    mailbox_check_made(arena, made, from.domain, &to);
    require(ses_decode(arena, options, made, &back, NULL) == OK);
    require(bytes_equal(back.address, original) && back.message_id == options->message_id);
    require(back.fixed == options->fixed);
    require(back.fixed || back.tick == (uint64_t)options->now / SES_TICK_SECONDS);
    /* No character of the signature can be another; case aside. */
    size_t begin = (made.ptr[0] == '"') + 4U;
    size_t end = begin + bytes_find_byte(bytes_skip(made, begin), '=');
    for (size_t i = begin; i < end; i++) {
        uint8_t *changed = (uint8_t *)arena_copy(arena, made).ptr;
        changed[i] = changed[i] == 'Z' ? 'Y' : 'Z';
        require(ses_decode(arena, options, bytes_from(changed, made.len), &back, NULL) == PERM);
    }
    struct ses_options late = *options;
    late.now += INT64_C(45) * SES_TICK_SECONDS;
    require(ses_decode(arena, &late, made, &back, NULL) == (options->fixed ? OK : PERM));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes secrets[] = {BYTES_INIT("tops3cr3t"), BYTES_INIT("old")};
    if (size < 9)
        return 0;
    struct ses_options options = {.secrets = {secrets, 1U + data[0] % 2},
                                  .fixed = data[0] & 2,
                                  .now = 1577836860 + SES_TICK_SECONDS * (data[0] >> 2)};
    for (size_t i = 1; i < 9; i++)
        options.message_id = options.message_id << 8 | data[i];
    struct arena *arena = arena_create(1 << 20);
    struct bytes address = bytes_from(data + 9, size - 9), out;
    struct ses_address found;
    struct error error = {"unset"}, second = {"unset"};
    enum result result = ses_encode(arena, &options, address, &out, &error);
    require(result != TEMP && (result == OK || strcmp(error.text, "unset") != 0));
    require(result == OK || bytes_equal(out, address));
    if (result == OK)
        check_encoded(arena, &options, address, out);
    result = ses_decode(arena, &options, address, &found, &second);
    require(result != TEMP && (result == OK || strcmp(second.text, "unset") != 0));
    arena_destroy(arena);
    return 0;
}
