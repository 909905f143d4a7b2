/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf_macro.h"

#include "base/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct bytes client_name(void *context)
{
    return *(const struct bytes *)context;
}

static struct bytes validated = BYTES_INIT("mx.example.org");

static struct spf_macro_values values_for(const char *ip)
{
    struct spf_macro_values values = {
        .sender = BYTES("strong-bad@email.example.com"),
        .local_part = BYTES("strong-bad"),
        .sender_domain = BYTES("email.example.com"),
        .domain = BYTES("email.example.com"),
        .helo = BYTES("mail.example.com"),
        .receiver = BYTES("mx.example.net"),
        .now = 1234567890,
        .validated_name = client_name,
        .context = &validated,
    };
    assert_true(ip_parse(bytes_of(ip), &values.ip));
    return values;
}

static void assert_text(const struct spf_macro_values *values, const char *text,
                        const char *expected)
{
    uint8_t out[500];
    size_t len = spf_macro_expand_text(values, bytes_of(text), out, sizeof(out));
    if (!bytes_is(bytes_from(out, len), expected))
        fail_msg("%s gives %.*s", text, (int)len, (const char *)out);
}

static void assert_name(const struct spf_macro_values *values, const char *spec,
                        const char *expected)
{
    uint8_t out[SPF_NAME_MAX];
    struct bytes name = spf_macro_expand_name(values, bytes_of(spec), out);
    if (!bytes_is(name, expected))
        fail_msg("%s gives " BYTES_FMT, spec, BYTES_ARG(name));
}

static void the_examples_of_rfc7208_7_4_expand_as_printed(void **state)
{
    static const char *const examples[][2] = {
        {"%{s}", "strong-bad@email.example.com"},
        {"%{o}", "email.example.com"},
        {"%{d}", "email.example.com"},
        {"%{d4}", "email.example.com"},
        {"%{d3}", "email.example.com"},
        {"%{d2}", "example.com"},
        {"%{d1}", "com"},
        {"%{dr}", "com.example.email"},
        {"%{d2r}", "example.email"},
        {"%{l}", "strong-bad"},
        {"%{l-}", "strong.bad"},
        {"%{lr}", "strong-bad"},
        {"%{lr-}", "bad.strong"},
        {"%{l1r-}", "strong"},
        {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
        {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
        {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
        {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
        {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
    };
    struct spf_macro_values values = values_for("192.0.2.3");
    for (size_t i = 0; i < countof(examples); i++) {
        assert_text(&values, examples[i][0], examples[i][1]);
        assert_name(&values, examples[i][0], examples[i][1]);
    }
    values = values_for("2001:db8::cb01");
    assert_name(
        &values, "%{ir}.%{v}._spf.%{d2}",
        "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com");
}

static void every_letter_expands_rfc7208_7_2(void **state)
{
    struct spf_macro_values values = values_for("192.0.2.3");
    assert_text(&values, "%{h} %{p} %{v} %{c} %{r} %{t}",
                "mail.example.com mx.example.org in-addr 192.0.2.3 mx.example.net 1234567890");
    assert_text(&values, "%{i}", "192.0.2.3");
    values = values_for("2001:db8::cb01");
    assert_text(&values, "%{c} %{v}", "2001:db8::cb01 ip6");
    assert_text(&values, "%{i}", "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1");
    values = values_for("255.10.0.100");
    assert_text(&values, "%{i}", "255.10.0.100");
    values.receiver = BYTES("");
    values.validated_name = NULL;
    values.now = 0;
    assert_text(&values, "%{r} %{p} %{t}", "unknown unknown 0");
}

static void literals_stand_for_themselves_rfc7208_7_1(void **state)
{
    struct spf_macro_values values = values_for("192.0.2.3");
    assert_text(&values, "100%% of%_it%-all", "100% of it%20all");
    assert_text(&values, "", "");
}

static void capitals_are_url_escaped_rfc7208_7_3(void **state)
{
    struct spf_macro_values values = values_for("192.0.2.3");
    values.local_part = BYTES("~a&b=c-d_e.f/g h%\x80");
    assert_text(&values, "%{L}", "~a%26b%3Dc-d_e.f%2Fg%20h%25%80");
    /* Splitting comes first; the joining dots are not escaped. */
    values.local_part = BYTES("a+b&c");
    assert_text(&values, "%{L+}", "a.b%26c");
    assert_text(&values, "%{LR+}", "b%26c.a");
}

static void parts_are_split_reversed_then_cut_rfc7208_7_3(void **state)
{
    struct spf_macro_values values = values_for("192.0.2.3");
    values.local_part = BYTES("a.b-c+d,e/f_g=h");
    assert_text(&values, "%{l.-+,/_=}", "a.b.c.d.e.f.g.h");
    assert_text(&values, "%{lr.-+,/_=}", "h.g.f.e.d.c.b.a");
    assert_text(&values, "%{l3.-+,/_=}", "f.g.h");
    assert_text(&values, "%{l3r.-+,/_=}", "c.b.a");
    assert_text(&values, "%{l8r.-+,/_=}", "h.g.f.e.d.c.b.a");
    assert_text(&values, "%{l127}", "a.b-c+d,e/f_g=h");
    assert_text(&values, "%{l99999999999999999999999}", "a.b-c+d,e/f_g=h");
    /* Leading, trailing and repeated delimiters make empty parts. */
    values.local_part = BYTES("-a--b-");
    assert_text(&values, "%{l-}", ".a..b.");
    assert_text(&values, "%{lr-}", ".b..a.");
    assert_text(&values, "%{l2-}", "b.");
    assert_text(&values, "%{l2r-}", "a.");
    values.local_part = BYTES("");
    assert_text(&values, "<%{lr-}%{l1}>", "<>");
    values.local_part = BYTES("-");
    assert_text(&values, "%{lr-}", ".");
}

static void long_names_lose_labels_on_the_left_rfc7208_7_3(void **state)
{
    struct spf_macro_values values = values_for("192.0.2.3");
    char label[64], sixty[61];
    memset(sixty, 'x', 60);
    sixty[60] = '\0';
    snprintf(label, sizeof(label), "%s", sixty);
    values.helo = bytes_of(label);
    /* 4 * 61 + 9 is 253 octets: it fits. */
    char spec[] = "%{h}.%{h}.%{h}.%{h}.abc.defgh";
    uint8_t out[SPF_NAME_MAX];
    assert_int_equal(spf_macro_expand_name(&values, bytes_of(spec), out).len, 253);
    /* One more octet costs the first label. */
    char longer[] = "%{h}.%{h}.%{h}.%{h}.abcd.defgh";
    struct bytes name = spf_macro_expand_name(&values, bytes_of(longer), out);
    assert_int_equal(name.len, 254 - 61);
    assert_true(bytes_starts_with(name, bytes_of(sixty)));
    assert_true(bytes_ends_with(name, BYTES("x.abcd.defgh")));
    /* A trailing dot does not count. */
    char dotted[] = "%{h}.%{h}.%{h}.%{h}.abc.defgh.";
    assert_int_equal(spf_macro_expand_name(&values, bytes_of(dotted), out).len, 253);
    /* Far more than any buffer, without a macro or with. */
    char huge[4000];
    for (size_t i = 0; i < sizeof(huge); i++)
        huge[i] = i % 10 == 9 ? '.' : 'a';
    memcpy(huge + sizeof(huge) - 5, ".org", 5);
    name = spf_macro_expand_name(&values, bytes_from(huge, sizeof(huge) - 1), out);
    assert_true(name.len <= 253 && name.len > 240 && name.ptr[0] == 'a');
    assert_true(bytes_ends_with(name, BYTES(".org")));
    memcpy(huge, "%{v}", 4);
    name = spf_macro_expand_name(&values, bytes_from(huge, sizeof(huge) - 1), out);
    assert_true(name.len <= 253 && name.len > 240 && name.ptr[0] == 'a');
    /* A last label that cannot fit leaves nothing. */
    memset(huge, 'a', sizeof(huge));
    assert_int_equal(spf_macro_expand_name(&values, bytes_from(huge, sizeof(huge)), out).len, 0);
}

static void text_is_cut_off_and_printable(void **state)
{
    struct spf_macro_values values = values_for("192.0.2.3");
    uint8_t out[8];
    assert_int_equal(spf_macro_expand_text(&values, BYTES("%{s}"), out, sizeof(out)), 8);
    assert_memory_equal(out, "strong-b", 8);
    values.helo = BYTES("a\r\nb\0c\xff");
    assert_text(&values, "%{h}", "a??b?c?");
}

static void invalid_macros_are_refused_rfc7208_7_3(void **state)
{
    static const char *const bad[] = {"%",      "%a",    "%(ir)",  "%{",      "%{}",   "%{s",
                                      "%{x}",   "%{d0}", "%{d00}", "%{dr2}",  "%{d!}", "%{d2r",
                                      "%{ d}",  "%{dd}", "a b",    "\x7f",    "\x80",  "a\tb",
                                      "%{d-r}", "abc%",  "%{d}%",  "%{dr-.x}"};
    static const char *const good[] = {"", "%%%_%-", "%{d}", "%{D2R.-+,/_=}", "%{d007}", "!~#$&{}"};
    for (size_t i = 0; i < countof(bad); i++) {
        if (spf_macro_is_valid(bytes_of(bad[i]), SPF_MACRO_STRING))
            fail_msg("accepted: %s", bad[i]);
    }
    for (size_t i = 0; i < countof(good); i++)
        if (!spf_macro_is_valid(bytes_of(good[i]), SPF_MACRO_STRING))
            fail_msg("refused: %s", good[i]);
    assert_false(spf_macro_is_valid(bytes_from("a\0", 2), SPF_MACRO_STRING));
}

static void c_r_t_and_blanks_are_for_explanations_only_rfc7208_7_2(void **state)
{
    static const char *const texts[] = {"%{c}", "%{r}", "%{t}", "%{C}", "a b"};
    for (size_t i = 0; i < countof(texts); i++) {
        assert_true(spf_macro_is_valid(bytes_of(texts[i]), SPF_EXPLAIN_STRING));
        assert_false(spf_macro_is_valid(bytes_of(texts[i]), SPF_MACRO_STRING));
        assert_false(spf_domain_spec_is_valid(bytes_of(texts[i])));
    }
    assert_false(spf_macro_is_valid(BYTES("a\tb"), SPF_EXPLAIN_STRING));
    assert_false(spf_macro_is_valid(BYTES("\xef\xbb\xbf"), SPF_EXPLAIN_STRING));
}

static void domain_specs_end_in_a_top_label_or_a_macro_rfc7208_7_1(void **state)
{
    static const char *const good[] = {
        "example.org", "example.org.", "a.xn--zckzah", "a.1-2", "a.b2",   "%{d}", "a.%{d}", "foo%%",
        "a:b/c.org",   "%{d}.org",     "%{d}.org.",    ".org",  "a..org", "a.1a", "%{d.}",
    };
    static const char *const bad[] = {
        "",      "org",        "org.",    "a.",       "a..",   "a.123",   "a.-b",    "a.b-",
        "a.b_c", "a.b:80",     "a.b/",    "a.b/24",   "%{d}.", "%{d}org", "a.%{d}b", "192.0.2.1",
        "a. b",  "a.\xc3\xa9", "a.b\x01", "%{d.}com", "a.b%",  "museum",
    };
    for (size_t i = 0; i < countof(good); i++)
        if (!spf_domain_spec_is_valid(bytes_of(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < countof(bad); i++)
        if (spf_domain_spec_is_valid(bytes_of(bad[i])))
            fail_msg("accepted: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_rfc7208_7_4_expand_as_printed),
        cmocka_unit_test(every_letter_expands_rfc7208_7_2),
        cmocka_unit_test(literals_stand_for_themselves_rfc7208_7_1),
        cmocka_unit_test(capitals_are_url_escaped_rfc7208_7_3),
        cmocka_unit_test(parts_are_split_reversed_then_cut_rfc7208_7_3),
        cmocka_unit_test(long_names_lose_labels_on_the_left_rfc7208_7_3),
        cmocka_unit_test(text_is_cut_off_and_printable),
        cmocka_unit_test(invalid_macros_are_refused_rfc7208_7_3),
        cmocka_unit_test(c_r_t_and_blanks_are_for_explanations_only_rfc7208_7_2),
        cmocka_unit_test(domain_specs_end_in_a_top_label_or_a_macro_rfc7208_7_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
