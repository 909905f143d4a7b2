/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/look_alike.h"

#include "message/test.h"

static struct look_alike_rules rules(void)
{
    return (struct look_alike_rules){.authserv_id = BYTES("mx.example.org"),
                                     .final_delivery = true};
}

/* What is left of a header; in the arena. */
static struct bytes strip_with(struct look_alike_rules with, struct bytes text)
{
    struct message message;
    struct look_alikes found;
    struct buf out;
    assert_int_equal(message_parse(arena, text, &message, NULL), OK);
    assert_int_equal(look_alike_find(arena, &message, &with, &found, NULL), OK);
    buf_init(&out, text.len + 10);
    look_alike_write_kept(&out, &message, &found);
    assert_false(out.failed);
    struct bytes kept = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return kept;
}

static bool is_removed(const char *value)
{
    struct bytes field = arena_printf(arena, "Authentication-Results:%s\r\n\r\n", value);
    return strip_with(rules(), field).len == 2;
}

static void assert_removed(const char *value)
{
    if (!is_removed(value))
        fail_msg("kept: %s", value);
}

static void assert_kept(const char *value)
{
    if (is_removed(value))
        fail_msg("removed: %s", value);
}

static void results_in_our_name_are_removed_however_written(void **state)
{
    assert_removed(" mx.example.org; dkim=pass");
    assert_removed("MX.Example.ORG;dkim=pass");
    assert_removed(" mx.example.org 1; none");
    assert_removed(" mx.example.org 99999999999999999999999; none");
    assert_removed(" mx.example.org (comment)");
    assert_removed(" (c) (d(e))\r\n\t mx.example.org\r\n ; x");
    assert_removed(" \"mx.example.org\"; dkim=pass");
    assert_removed(" \"mx.\\example.org\" ; dkim=pass");
    assert_removed(" mx.example.org.; dkim=pass");
    assert_removed(" mx.example.org");
    assert_removed(" mx.example.org dkim=pass");
    assert_removed(" mx.example.org/1; dkim=pass");
    assert_removed(" mx.example.org; dkim=pass (never closed");
    assert_removed(" mx.example.org; =;;=\x01\xff");
}

static void results_that_a_laxer_reader_could_take_for_ours_are_removed(void **state)
{
    assert_removed(" mx.exam(comment)ple.org; dkim=pass");
    assert_removed(" mx . example . org ; dkim=pass");
    assert_removed(" \"mx\".example.org; dkim=pass");
    assert_removed(" mx.example.org1; dkim=pass");
    assert_removed("");
    assert_removed(" ;dkim=pass");
    assert_removed(" (never closed mx.example.org; dkim=pass");
    assert_removed(" \"mx.example.org; dkim=pass");
    assert_removed(" =?utf-8?q?mx.example.org?=; dkim=pass");
    assert_removed(" @mx.example.org; dkim=pass");
}

static void results_of_others_are_kept(void **state)
{
    assert_kept(" mx.example.net; dkim=pass");
    assert_kept(" xmx.example.org; dkim=pass");
    assert_kept(" mx.example.org.evil.example; dkim=pass");
    assert_kept(" sub.mx.example.org; dkim=pass");
    assert_kept(" other.example; x=pass reason=\"mx.example.org\"");
    assert_kept(" spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; mx.example.org");
    assert_kept(" example.org; dkim=pass");
}

static void results_of_a_version_that_nobody_here_reads_are_removed_rfc8601_5(void **state)
{
    assert_removed(" other.example 2; dkim=pass");
    assert_removed(" other.example(x)2(y) ; dkim=pass");
    assert_removed(" \"other.example\" 0; none");
    assert_removed(" other.example\r\n\t99999999999999999999999; dkim=pass");
    assert_removed(" other.example 2");
    assert_kept(" other.example 1; dkim=pass");
    assert_kept(" other.example 001 ; dkim=pass");
    assert_kept(" other.example2; dkim=pass");
    assert_kept(" other.example; dkim/2=pass");
    assert_kept(" other.example; 2");
}

static void a_field_over_4_kb_is_found_too(void **state)
{
    char *padding = arena_string(arena, repeat(" (padding)", 5000));
    assert_removed((char *)arena_printf(arena, "%s mx.example.org; x%c", padding, 0).ptr);
    assert_removed((char *)arena_printf(arena, " mx.example.org; %s%c", padding, 0).ptr);
    assert_kept((char *)arena_printf(arena, "%s mx.example.net; x%c", padding, 0).ptr);
}

/* CVE-2022-48521: each deletion moved the positions of those that followed. */
static void all_of_many_are_removed(void **state)
{
    assert_bytes(
        strip_with(rules(), BYTES("Authentication-Results: mx.example.org; a=pass\r\n"
                                  "Authentication-Results: mx.example.org; b=pass\r\n"
                                  "authentication-results : mx.example.org; c=pass\r\n"
                                  "A: 1\r\n"
                                  "Authentication-Results: other.example; c=pass\r\n"
                                  "Authentication-Results: mx.example.org; d=pass\r\n"
                                  "Authentication-Results:\r\n mx.example.org; e=pass\r\n"
                                  "B: 2\r\n x\r\n"
                                  "AUTHENTICATION-RESULTS: mx.example.org; f=pass\r\n\r\nbody")),
        "A: 1\r\nAuthentication-Results: other.example; c=pass\r\nB: 2\r\n x\r\n\r\n");
}

static void our_other_names_are_ours(void **state)
{
    static const struct bytes aliases[] = {BYTES_INIT("a.example"),
                                           BYTES_INIT("xn--bcher-kva.example")};
    struct look_alike_rules with = rules();
    with.aliases = aliases;
    with.alias_count = 2;
    assert_bytes(strip_with(with, BYTES("Authentication-Results: A.example; a=pass\r\n"
                                        "Authentication-Results: b\xc3\xbc"
                                        "cher.example; b=pass\r\n"
                                        "Authentication-Results: b.example; c=pass\r\n\r\n")),
                 "Authentication-Results: b.example; c=pass\r\n\r\n");
}

static void other_claims_of_our_kind_are_removed(void **state)
{
    assert_bytes(
        strip_with(rules(), BYTES("Received-SPF: pass\r\nX-Spam-Status: No\r\nx-spam-: 1\r\n"
                                  "X-Spam: 1\r\nX-Vouch-Trust: first\r\nBIMI-Location: x\r\n"
                                  "BIMI-Indicator: x\r\nBIMI-Selector: y\r\n"
                                  "ARC-Authentication-Results: i=1; mx.example.org\r\n\r\n")),
        "X-Spam: 1\r\nBIMI-Selector: y\r\n"
        "ARC-Authentication-Results: i=1; mx.example.org\r\n\r\n");
}

static void configured_names_are_removed(void **state)
{
    static const struct bytes names[] = {BYTES_INIT("X-Own"), BYTES_INIT("X-Own-*")};
    struct look_alike_rules with = rules();
    with.names = names;
    with.name_count = 2;
    assert_bytes(strip_with(with, BYTES("X-OWN: 1\r\nX-Own-A: 2\r\nX-Owner: 3\r\n\r\n")),
                 "X-Owner: 3\r\n\r\n");
}

static void envelope_fields_go_at_final_delivery_only_rfc5321_4_4(void **state)
{
    struct bytes text = BYTES("Return-Path: <a@x.example>\r\nDelivered-To: a\r\nReceived: x\r\n"
                              "Delivered-To: b\r\nSubject: s\r\nDelivered-To: c\r\n"
                              "Return-Path: <b@x.example>\r\n\r\n");
    assert_bytes(strip_with(rules(), text), "Received: x\r\nSubject: s\r\nDelivered-To: c\r\n\r\n");
    struct look_alike_rules with = rules();
    with.final_delivery = false;
    assert_true(bytes_equal(strip_with(with, text), text));
}

static void fields_below_a_malformed_line_become_body(void **state)
{
    struct bytes text =
        BYTES("A: 1\r\nmalformed\r\nAuthentication-Results: mx.example.org; x=pass\r\n"
              "\r\nbody");
    assert_bytes(strip_with(rules(), text), "A: 1\r\n\r\n");
}

static void a_field_that_was_cut_off_is_ended(void **state)
{
    assert_bytes(strip_with(rules(), BYTES("A: 1")), "A: 1\r\n\r\n");
    assert_bytes(strip_with(rules(), BYTES("")), "\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_in_our_name_are_removed_however_written),
        cmocka_unit_test(results_that_a_laxer_reader_could_take_for_ours_are_removed),
        cmocka_unit_test(results_of_others_are_kept),
        cmocka_unit_test(results_of_a_version_that_nobody_here_reads_are_removed_rfc8601_5),
        cmocka_unit_test(a_field_over_4_kb_is_found_too),
        cmocka_unit_test(all_of_many_are_removed),
        cmocka_unit_test(our_other_names_are_ours),
        cmocka_unit_test(other_claims_of_our_kind_are_removed),
        cmocka_unit_test(configured_names_are_removed),
        cmocka_unit_test(envelope_fields_go_at_final_delivery_only_rfc5321_4_4),
        cmocka_unit_test(fields_below_a_malformed_line_become_body),
        cmocka_unit_test(a_field_that_was_cut_off_is_ended),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
