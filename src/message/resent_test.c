/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/resent.h"

#include "message/test.h"

static struct bytes written(const struct resent *resent)
{
    struct buf out;
    buf_init(&out, 4096);
    resent_write(&out, resent);
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

static void the_block_has_from_date_and_message_id_rfc5322_3_6_6(void **state)
{
    struct resent resent = {.from = BYTES("alice@example.org"),
                            .name = BYTES("Alice"),
                            .to = BYTES("alice@example.net"),
                            .date = 880127706,
                            .zone = -360,
                            .id = BYTES("1.abc"),
                            .host = BYTES("mx.example.org")};
    assert_bytes(written(&resent), "Resent-From: \"Alice\" <alice@example.org>\r\n"
                                   "Resent-To: alice@example.net\r\n"
                                   "Resent-Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
                                   "Resent-Message-ID: <1.abc@mx.example.org>\r\n");
    resent.name = resent.to = (struct bytes){NULL, 0};
    resent.from = BYTES("a@example.org\r\nX: y");
    assert_bytes(written(&resent), "Resent-From: a@example.org??X: y\r\n"
                                   "Resent-Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
                                   "Resent-Message-ID: <1.abc@mx.example.org>\r\n");
}

static bool breaks(const char *header)
{
    struct message message;
    assert_int_equal(message_parse(arena, bytes_of(header), &message, NULL), OK);
    return resent_breaks_signature(&message);
}

static void a_signature_that_names_resent_fields_would_break_rfc6376_5_4_2(void **state)
{
    assert_true(breaks("DKIM-Signature: v=1; h=From:Resent-From:To; b=x\r\n\r\n"));
    assert_true(breaks("dkim-signature: v=1; b=x;\r\n\th = from :\r\n\tRESENT-date\r\n\r\n"));
    assert_true(breaks("ARC-Message-Signature: i=1; h=resent-to\r\n\r\n"));
    assert_true(breaks("DKIM-Signature: h=from\r\nDKIM-Signature: h=resent-cc\r\n\r\n"));
}

static void others_do_not(void **state)
{
    assert_false(breaks("DKIM-Signature: v=1; h=From:To:Subject; b=x\r\n\r\n"));
    assert_false(breaks("DKIM-Signature: v=1; z=resent-from:x; h=From; hh=resent-from\r\n\r\n"));
    assert_false(breaks("X-Signature: h=resent-from\r\nResent-From: a@b\r\n\r\n"));
    assert_false(breaks("DKIM-Signature:\r\n\r\n"));
    assert_false(breaks("\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_block_has_from_date_and_message_id_rfc5322_3_6_6),
        cmocka_unit_test(a_signature_that_names_resent_fields_would_break_rfc6376_5_4_2),
        cmocka_unit_test(others_do_not),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
