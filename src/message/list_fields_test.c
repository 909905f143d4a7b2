/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/list_fields.h"

#include "message/test.h"

static struct list_fields users(void)
{
    return (struct list_fields){.address = BYTES("Users@lists.example.org"),
                                .name = BYTES("Users of \"Example\""),
                                .help = BYTES("https://lists.example.org/users"),
                                .unsubscribe = BYTES("users-leave@lists.example.org"),
                                .owner = BYTES("mailto:owner@example.org?subject=users")};
}

static struct bytes written(const struct list_fields *list)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    list_fields_write(&out, list);
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

static struct message parsed(const char *text)
{
    struct message message;
    assert_int_equal(message_parse(arena, bytes_of(text), &message, NULL), OK);
    return message;
}

static void the_fields_are_those_of_rfc2369_and_rfc2919(void **state)
{
    struct list_fields list = users();
    assert_int_equal(list_fields_check(&list, NULL), OK);
    assert_bytes(written(&list),
                 "List-Id: \"Users of \\\"Example\\\"\" <users.lists.example.org>\r\n"
                 "List-Post: <mailto:Users@lists.example.org>\r\n"
                 "List-Help: <https://lists.example.org/users>\r\n"
                 "List-Unsubscribe: <mailto:users-leave@lists.example.org>\r\n"
                 "List-Owner: <mailto:owner@example.org?subject=users>\r\n"
                 "X-Loop: Users@lists.example.org\r\n"
                 "Precedence: list\r\n");
}

static void one_click_stands_beside_the_address_rfc8058_3_1(void **state)
{
    struct list_fields list = users();
    list.one_click = BYTES("https://lists.example.org/u/abc");
    struct bytes text = written(&list);
    assert_true(bytes_find(text, BYTES("List-Unsubscribe: <https://lists.example.org/u/abc>,\r\n"
                                       " <mailto:users-leave@lists.example.org>\r\n"
                                       "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")) !=
                BYTES_NOT_FOUND);
    list.one_click = BYTES("http://lists.example.org/u/abc");
    assert_int_equal(list_fields_check(&list, NULL), PERM);
}

static void a_list_can_say_that_nobody_may_post_rfc2369_3_4(void **state)
{
    struct list_fields list = users();
    list.post = BYTES("NO");
    assert_int_equal(list_fields_check(&list, NULL), OK);
    assert_true(bytes_find(written(&list), BYTES("List-Post: NO (")) != BYTES_NOT_FOUND);
}

static void what_would_break_a_field_is_refused(void **state)
{
    static const char *const bad[] = {"a b@c",      "<a@b>", "x", "https://a/\r\nX: y",
                                      "\xc3\xa9@x", "a>b@c"};
    for (size_t i = 0; i < countof(bad); i++) {
        struct list_fields list = users();
        list.help = bytes_of(bad[i]);
        if (list_fields_check(&list, NULL) != PERM)
            fail_msg("taken: %s", bad[i]);
        list = users();
        list.address = bytes_of(bad[i]);
        if (list_fields_check(&list, NULL) != PERM)
            fail_msg("taken: %s", bad[i]);
    }
    struct list_fields list = users();
    list.id = BYTES("nodot");
    assert_int_equal(list_fields_check(&list, NULL), PERM);
    list.id = repeat("a.", 128);
    assert_int_equal(list_fields_check(&list, NULL), PERM);
}

static enum list_refusal refusal(const char *fields)
{
    struct list_fields list = users();
    struct message message = parsed(fields);
    return list_fields_refuse(&list, &message);
}

static void our_own_mail_that_comes_back_is_a_loop_rfc2919_6(void **state)
{
    assert_int_equal(refusal("List-Id: x <USERS.lists. example.org>\r\n\r\n"), LIST_LOOP);
    assert_int_equal(refusal("List-ID: users.lists.example.org\r\n\r\n"), LIST_LOOP);
    assert_int_equal(refusal("X-Loop: users@LISTS.example.org\r\n\r\n"), LIST_LOOP);
    assert_int_equal(refusal("Delivered-To: <users@lists.example.org>\r\n\r\n"), LIST_LOOP);
    assert_int_equal(
        refusal("Auto-Submitted: auto-replied\r\nX-Loop: users@lists.example.org\r\n\r\n"),
        LIST_LOOP);
}

static void mail_of_other_lists_is_none(void **state)
{
    assert_int_equal(refusal("List-Id: <other.lists.example.org>\r\n\r\n"), LIST_FINE);
    assert_int_equal(refusal("List-Id: users.lists.example.org <o.example>\r\n\r\n"), LIST_FINE);
    assert_int_equal(refusal("List-Id: <users.lists.example.orga>\r\n\r\n"), LIST_FINE);
    assert_int_equal(refusal("List-Id: <users.lists.example.or>\r\n\r\n"), LIST_FINE);
    assert_int_equal(refusal("List-Id: <>\r\nX-Loop: \r\n\r\n"), LIST_FINE);
    assert_int_equal(refusal("To: users@lists.example.org\r\n\r\n"), LIST_FINE);
}

static void automatic_answers_are_not_posted_rfc3834_2(void **state)
{
    assert_int_equal(refusal("Auto-Submitted: (x) Auto-Replied; a=b\r\n\r\n"), LIST_AUTOMATIC);
    assert_int_equal(refusal("Auto-Submitted: auto-generated\r\n\r\n"), LIST_FINE);
    assert_int_equal(refusal("Auto-Submitted: no\r\n\r\n"), LIST_FINE);
}

static struct bytes kept(const struct list_fields *list, const char *text)
{
    struct message message = parsed(text);
    struct look_alikes found;
    struct buf out;
    assert_int_equal(list_fields_find(arena, list, &message, &found, NULL), OK);
    buf_init(&out, 4096);
    look_alike_write_kept(&out, &message, &found);
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

static void fields_that_a_sender_made_up_are_removed_rfc2919_8(void **state)
{
    struct list_fields list = users();
    const char *text = "List-ID: <forged.example>\r\nFrom: a@b.example\r\nlist-unsubscribe: <x>\r\n"
                       "List-Unsubscribe-Post: y\r\nList-Post: <z>\r\nPrecedence: bulk\r\n"
                       "List-Archive: <https://parent.example>\r\nSubject: s\r\n\r\n";
    /* rfc2369:4: a list without an archive leaves its parent's. */
    assert_bytes(kept(&list, text),
                 "From: a@b.example\r\nList-Archive: <https://parent.example>\r\n"
                 "Subject: s\r\n\r\n");
    list.archive = BYTES("https://lists.example.org/archive");
    assert_bytes(kept(&list, text), "From: a@b.example\r\nSubject: s\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fields_are_those_of_rfc2369_and_rfc2919),
        cmocka_unit_test(one_click_stands_beside_the_address_rfc8058_3_1),
        cmocka_unit_test(a_list_can_say_that_nobody_may_post_rfc2369_3_4),
        cmocka_unit_test(what_would_break_a_field_is_refused),
        cmocka_unit_test(our_own_mail_that_comes_back_is_a_loop_rfc2919_6),
        cmocka_unit_test(mail_of_other_lists_is_none),
        cmocka_unit_test(automatic_answers_are_not_posted_rfc3834_2),
        cmocka_unit_test(fields_that_a_sender_made_up_are_removed_rfc2919_8),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
