/* SPDX-License-Identifier: BSD-2-Clause */
/* A message from a mailbox as it was when it came: what is found in it is found again in what was found, and what a
 * delivery puts before it changes nothing. */
#include "roles/original.h"

#include "base/ascii.h"
#include "roles/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOST BYTES("mx.here.example")
static const char ours[] = "Return-Path: <a@b.example>\r\nDelivered-To: c@here.example\r\n"
                           "X-Vouch-Verdict: junk; class=third-class; id=1l0v1jmptsshk\r\nX-Spam-Flag: YES\r\n"
                           "Received: from b.example by mx.here.example with ESMTP\r\n"
                           " id 1l0v1jmptsshk; Sun, 22 Nov 2026 07:01:00 +0000\r\n";

static void check(const struct original *found, struct bytes content)
{
    require(found->identity.len == DIGEST_SIZE && found->id.len <= 64);
    for (size_t i = 0; i < found->id.len; i++)
        require(ascii_is_alpha(found->id.ptr[i]) || ascii_is_digit(found->id.ptr[i]));
    require(found->message.raw.len <= 2 * content.len + 4);
    static const char *const marks[] = {"X-Vouch-Verdict", "X-Spam-Flag", "X-Spam-Score", "Delivered-To"};
    for (size_t i = 0; i < countof(marks); i++)
        require(!message_field(&found->message, marks[i], 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(64 << 20);
    struct bytes content = bytes_from(size ? data : (const uint8_t *)"", size);
    struct original found, again;
    struct error error;
    enum result result = original_find(arena, content, HOST, &found, &error);
    require(result == OK || result == PERM || arena_exhausted(arena));
    if (result == OK) {
        check(&found, content);
        struct bytes delivered = arena_printf(arena, "%s" BYTES_FMT, ours, BYTES_ARG(found.message.raw));
        bool whole = delivered.len == sizeof(ours) - 1 + found.message.raw.len;
        /* Of what begins with an empty or a folded line a field put before it makes another message. */
        if (whole && found.message.field_count && message_field(&found.message, "From", 0) &&
            original_find(arena, delivered, HOST, &again, &error) == OK) {
            check(&again, delivered);
            require(bytes_is(again.id, "1l0v1jmptsshk"));
            require(bytes_equal(again.identity, found.identity));
            require(bytes_equal(again.message.raw, found.message.raw));
        }
    }
    arena_destroy(arena);
    return 0;
}
