/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/idn.h"

#include "message/test.h"

static void assert_ascii(const char *name, const char *expected)
{
    struct bytes ascii;
    struct error error = {0};
    if (idn_to_ascii(arena, bytes_of(name), &ascii, &error) != OK)
        fail_msg("%s: %s", name, error.text);
    assert_bytes(ascii, expected);
}

static void assert_refused(struct bytes name)
{
    struct bytes ascii;
    assert_int_equal(idn_to_ascii(arena, name, &ascii, NULL), PERM);
}

static void u_labels_become_a_labels(void **state)
{
    assert_ascii("b\xc3\xbc"
                 "cher.example",
                 "xn--bcher-kva.example");
    assert_ascii("B\xc3\x9c"
                 "CHER.Example",
                 "xn--bcher-kva.example");
    /* Sharp s is a letter of its own (UTS 46, non-transitional). */
    assert_ascii("stra\xc3\x9f"
                 "e.example",
                 "xn--strae-oqa.example");
    /* An ideographic full stop separates labels. */
    assert_ascii("\xe4\xbe\x8b\xe3\x80\x82"
                 "example",
                 "xn--fsq.example");
}

static void ascii_names_are_only_lower_cased(void **state)
{
    assert_ascii("_DMARC.Example.ORG", "_dmarc.example.org");
    assert_ascii("XN--BCHER-KVA.example", "xn--bcher-kva.example");
}

static void what_is_no_name_is_refused(void **state)
{
    assert_refused(BYTES(""));
    assert_refused(BYTES("a..b"));
    assert_refused(BYTES("a b"));
    assert_refused(BYTES("b\xfc"
                         "cher.example"));
    assert_refused(BYTES("\xc3\xbc\0.example"));
    assert_refused(BYTES("\xc3\xbc..example"));
    assert_refused(BYTES("\xe2\x84\x80.example"));          /* maps to "a/c" */
    assert_refused(repeat("\xc3\xbc\xc4\x85\xd0\xb6", 20)); /* a label of over 63 octets */
    assert_refused(repeat("\xc3\xbc.", 100000));
}

static void both_forms_of_a_name_are_equal(void **state)
{
    assert_true(idn_equal(BYTES("b\xc3\xbc"
                                "cher.example"),
                          BYTES("XN--bcher-kva.EXAMPLE")));
    assert_true(idn_equal(BYTES("A.example"), BYTES("a.EXAMPLE")));
    assert_true(idn_equal(BYTES("\xff"), BYTES("\xff")));
    assert_false(idn_equal(BYTES("\xff"), BYTES("\xfe")));
    assert_false(idn_equal(BYTES("b\xc3\xbc"
                                 "cher.example"),
                           BYTES("bucher.example")));
    assert_false(idn_equal(BYTES("a.example"), BYTES("b.example")));
    assert_false(idn_equal(BYTES("b\xc3\xbc"
                                 "cher.example"),
                           BYTES("a b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u_labels_become_a_labels),
        cmocka_unit_test(ascii_names_are_only_lower_cased),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(both_forms_of_a_name_are_equal),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
