/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/confusable.h"
#include "message/idn.h"
#include "message/test.h"

static void assert_looks(const char *a, const char *b)
{
    struct skeleton left, right;
    confusable_skeleton(bytes_of(a), &left);
    confusable_skeleton(bytes_of(b), &right);
    if (!bytes_equal(skeleton_bytes(&left), skeleton_bytes(&right)))
        fail_msg("%s does not look like %s: " BYTES_FMT ", " BYTES_FMT, a, b, BYTES_ARG(skeleton_bytes(&left)),
                 BYTES_ARG(skeleton_bytes(&right)));
}

static void assert_differs(const char *a, const char *b)
{
    struct skeleton left, right;
    confusable_skeleton(bytes_of(a), &left);
    confusable_skeleton(bytes_of(b), &right);
    if (bytes_equal(skeleton_bytes(&left), skeleton_bytes(&right)))
        fail_msg("%s looks like %s", a, b);
}

static void what_looks_alike_has_one_skeleton(void **state)
{
    assert_looks("paypal", "раураl");    /* Cyrillic but for the last letter */
    assert_looks("PAYPAL", "РАУРАL");
    assert_looks("google", "g00gle");
    assert_looks("microsoft", "rnicrosoft");
    assert_looks("paypal", "paypa1");
    assert_looks("wikipedia", "vvikipedia");
    assert_looks("apple", "аррӏе") ;
    assert_looks("apple", "ａｐｐｌｅ");    /* fullwidth */
    assert_looks("bank", "𝐛𝐚𝐧𝐤");       /* of mathematics */
    assert_looks("bank", "ⓑⓐⓝⓚ");
    assert_looks("example", "exámple");
    assert_looks("example", "ex\u200bample");
    assert_looks("example", "exa\u0301mple"); /* with a combining accent */
    assert_looks("facebook", "fаcebооk");
    assert_looks("ωells", "wells");
}

static void what_does_not_look_alike_has_not(void **state)
{
    assert_differs("paypal", "paypel");
    assert_differs("google", "gogle");
    assert_differs("дом", "dom");
    assert_differs("北京", "上海");
    assert_differs("", "a");
}

static void a_skeleton_is_bounded(void **state)
{
    struct skeleton skeleton;
    confusable_skeleton(repeat("é", 5000), &skeleton);
    assert_int_equal(skeleton.len, CONFUSABLE_MAX);
    confusable_skeleton(repeat("\xff", 5000), &skeleton);
    assert_int_equal(skeleton.len, CONFUSABLE_MAX);
}

/* rfc3492:7.1 has these names; the A-labels are made by the library that the rest of the program uses. */
static void a_labels_are_read_as_they_were_written(void **state)
{
    static const char *const names[] = {"bücher.example", "пример.испытание", "例え.テスト", "xn.example",
                                        "ليهمابتكلموشعربي.example", "他们为什么不说中文.example", "faß.de", "ñandú.example",
                                        "a.b-c.example"};
    for (size_t i = 0; i < countof(names); i++) {
        struct bytes ascii, shown;
        assert_int_equal(idn_to_ascii(arena, bytes_of(names[i]), &ascii, NULL), OK);
        assert_true(confusable_to_unicode(arena, ascii, &shown));
        assert_bytes(shown, names[i]);
    }
}

static void what_is_no_a_label_stays(void **state)
{
    static const char *const names[] = {"xn--.example", "xn--99999999.example", "xn--a-\xff.example", "plain.example",
                                        "xn--zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz.example", "", "."};
    for (size_t i = 0; i < countof(names); i++) {
        struct bytes shown;
        assert_true(confusable_to_unicode(arena, bytes_of(names[i]), &shown));
        assert_true(shown.len <= 4 * strlen(names[i]));
    }
    struct bytes shown;
    assert_true(confusable_to_unicode(arena, BYTES("xn--99999999.example"), &shown));
    assert_bytes(shown, "xn--99999999.example");
}

static void one_change_is_within_one(void **state)
{
    static const struct { const char *a, *b; bool near; } cases[] = {
        {"paypal", "paypal", true}, {"paypal", "paypa", true}, {"paypal", "paypall", true},
        {"paypal", "payqal", true}, {"paypal", "papyal", true}, {"paypal", "apypla", false},
        {"paypal", "pay", false}, {"paypal", "paaypall", false}, {"", "a", true},
        {"", "ab", false}, {"ab", "ba", true}, {"abc", "cab", false},
        {"aaaa", "aaa", true}, {"abab", "baba", false}, {"ab", "abab", false},
        {"xpaypal", "paypal", true},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        if (confusable_within_one(bytes_of(cases[i].a), bytes_of(cases[i].b)) != cases[i].near ||
            confusable_within_one(bytes_of(cases[i].b), bytes_of(cases[i].a)) != cases[i].near)
            fail_msg("%s %s", cases[i].a, cases[i].b);
    }
}

static void words_of_two_scripts_are_found(void **state)
{
    static const struct { const char *text, *word; } cases[] = {
        {"Your PаyPal account", "PаyPal"}, /* Cyrillic а */
        {"Ассоunt", "Ассоunt"},
        {"plain text, nothing else", NULL},
        {"обычный русский текст", NULL},
        {"3D-печать и email-адрес", NULL},
        {"5 µm, 10 kΩ", NULL},
        {"αβγ and abc", NULL},
        {"日本語ABC", NULL},
        {"TВ", NULL},                      /* too short to say */
        {"naïve Œuvre", NULL},
        {"emailы", NULL},                  /* ы looks like no Latin letter */
    };
    for (size_t i = 0; i < countof(cases); i++) {
        size_t position = 0;
        struct bytes word = BYTES("");
        bool found = confusable_mixed_word(bytes_of(cases[i].text), &position, &word);
        if (found != (cases[i].word != NULL))
            fail_msg("%s: " BYTES_FMT, cases[i].text, BYTES_ARG(word));
        if (found)
            assert_bytes(word, cases[i].word);
    }
    assert_true(confusable_mixes_scripts(BYTES("pаypal")));
    assert_false(confusable_mixes_scripts(BYTES("paypal-1")));
    assert_false(confusable_mixes_scripts(BYTES("пример")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_looks_alike_has_one_skeleton),
        cmocka_unit_test(what_does_not_look_alike_has_not),
        cmocka_unit_test(a_skeleton_is_bounded),
        cmocka_unit_test(a_labels_are_read_as_they_were_written),
        cmocka_unit_test(what_is_no_a_label_stays),
        cmocka_unit_test(one_change_is_within_one),
        cmocka_unit_test(words_of_two_scripts_are_found),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
