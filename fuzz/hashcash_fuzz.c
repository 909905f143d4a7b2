/* SPDX-License-Identifier: BSD-2-Clause */
/* A stamp, and the same octets as the header of a message. */
#include "auth/hashcash.h"

#include "field.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_stamp(const struct hashcash_stamp *stamp, struct bytes text)
{
    require(field_lies_within(stamp->text, text) && stamp->text.len <= HASHCASH_STAMP_MAX);
    require(field_lies_within(stamp->resource, stamp->text) && stamp->resource.len);
    require(field_lies_within(stamp->extension, stamp->text));
    require(field_lies_within(stamp->random, stamp->text));
    require(field_lies_within(stamp->counter, stamp->text) && stamp->counter.len);
    require(stamp->claimed_bits <= 160 && stamp->bits <= 160);
    require(stamp->bits < 8 || stamp->digest[0] == 0);
    /* 2000-01-01 to 2099-12-31 */
    require(stamp->date >= 946684800 && stamp->date < 4102444800);
}

static void check_result(const struct hashcash_result *result,
                         const struct hashcash_request *request)
{
    const struct hashcash_stamp *stamp = &result->stamp;
    if (result->result == AUTH_PASS) {
        require(stamp->bits >= stamp->claimed_bits && stamp->claimed_bits >= request->bits);
        require(stamp->date <= request->now + 2 * 86400);
        require(stamp->date >= request->now - 30 * 86400);
        require(bytes_equal_nocase(stamp->resource, request->recipients[0]));
        require(result->problem.len == 0);
    } else if (stamp->text.len) {
        require(result->problem.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 24);
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    struct bytes recipient = BYTES("joe@example.org");
    struct hashcash_request request = {
        .recipients = &recipient, .recipient_count = 1, .bits = 4, .now = 1793491200};
    struct hashcash_stamp stamp;
    struct hashcash_result result;
    struct message message;
    struct error error = {"unset"};
    if (hashcash_parse(text, &stamp, &error) == OK)
        check_stamp(&stamp, text);
    else
        require(strcmp(error.text, "unset") != 0);
    if (message_parse(arena, text, &message, NULL) == OK &&
        hashcash_check(arena, &message, &request, &result) == OK)
        check_result(&result, &request);
    arena_destroy(arena);
    return 0;
}
