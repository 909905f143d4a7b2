/* SPDX-License-Identifier: BSD-2-Clause */
/* An address to be rewritten and one to be taken apart. The first octet chooses options. */
#include "auth/srs.h"
#include "mailbox.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was made is an address of ours, short enough, that says the original, also in capitals. */
static void check_encoded(struct arena *arena, const struct srs_options *options,
                          struct bytes address, struct bytes made)
{
    struct mailbox from, to;
    struct bytes original = mailbox_read(arena, address, &from), back, rest;
    mailbox_check_made(arena, made, options->domain, &to);
    require(srs_decode(arena, options, made, &back, NULL) == OK);
    if (bytes_starts_with(to.local, BYTES("SRS0"))) {
        require(bytes_equal(back, original));
    } else {
        require(bytes_starts_with(to.local, BYTES("SRS1")));
        require(bytes_starts_with(back, BYTES("SRS0")) || bytes_starts_with(back, BYTES("\"SRS0")));
        require(bytes_starts_with_nocase(from.local, BYTES("SRS1")) ||
                bytes_equal_nocase(back, original));
    }
    /* Once more around gives our own, which is refused; a day too late, too. */
    struct srs_options late = *options;
    late.now += INT64_C(86400) * 25;
    require(srs_encode(arena, options, made, &rest, NULL) == PERM);
    if (bytes_starts_with(to.local, BYTES("SRS0")))
        require(srs_decode(arena, &late, made, &rest, NULL) == PERM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t separators[] = {0, '=', '+', '-'};
    const struct bytes secrets[] = {BYTES_INIT("new"), BYTES_INIT("tops3cr3t")};
    const struct bytes local[] = {BYTES_INIT("here.example")};
    if (size == 0)
        return 0;
    struct srs_options options = {.secrets = {secrets + data[0] % 2, 1U + (data[0] + 1U) % 2},
                                  .domain = BYTES("example.com"),
                                  .local_domains = local,
                                  .local_domain_count = 1,
                                  .separator = separators[data[0] >> 1 & 3],
                                  .hash_length = data[0] & 8 ? 27 : 0,
                                  .hash_least = 4,
                                  .now = 1577836860 + (data[0] & 16 ? 86400 * 1023 : 0)};
    struct arena *arena = arena_create(1 << 20);
    struct bytes address = bytes_from(data + 1, size - 1), out;
    struct error error = {"unset"};
    enum result result = srs_encode(arena, &options, address, &out, &error);
    require(result != TEMP && (result == OK || strcmp(error.text, "unset") != 0));
    require(result != NONE || bytes_equal(out, address));
    if (result == OK)
        check_encoded(arena, &options, address, out);
    struct error second = {"unset"};
    result = srs_decode(arena, &options, address, &out, &second);
    require(result != TEMP && (result == OK || strcmp(second.text, "unset") != 0));
    struct mailbox mailbox;
    if (result == OK)
        require(bytes_equal(mailbox_read(arena, out, &mailbox), out));
    arena_destroy(arena);
    return 0;
}
