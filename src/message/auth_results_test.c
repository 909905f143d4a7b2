/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/auth_results.h"

#include "message/auth_results_fixture.h"
#include "message/test.h"

static struct auth_results parse(const char *text)
{
    struct auth_results results;
    struct error error = {0};
    if (auth_results_parse(arena, bytes_of(text), &results, &error) != OK)
        fail_msg("%s: %s", text, error.text);
    return results;
}

static void assert_refused(const char *text, const char *expected)
{
    struct auth_results results;
    struct error error = {0};
    if (auth_results_parse(arena, bytes_of(text), &results, &error) != PERM)
        fail_msg("\"%s\" was taken", text);
    if (!strstr(error.text, expected))
        fail_msg("\"%s\": %s", text, error.text);
}

static void assert_property(const struct auth_statement *statement, size_t index, const char *type,
                            const char *name, const char *value)
{
    assert_true(index < statement->property_count);
    assert_bytes(statement->properties[index].type, type);
    assert_bytes(statement->properties[index].name, name);
    assert_bytes(statement->properties[index].value, value);
}

static void names_of_results_go_both_ways(void **state)
{
    enum auth_result result;
    for (int i = AUTH_NONE; i <= AUTH_UNKNOWN; i++) {
        assert_true(auth_result_parse(bytes_of(auth_result_name((enum auth_result)i)), &result));
        assert_int_equal(result, i);
    }
    assert_true(auth_result_parse(BYTES("HardFail"), &result));
    assert_int_equal(result, AUTH_FAIL);
    assert_false(auth_result_parse(BYTES("passed"), &result));
    assert_false(auth_result_parse(BYTES(""), &result));
}

/* The examples of rfc8601:B, where one field's text stands in the RFC. */
static void the_examples_of_rfc8601_b_are_read(void **state)
{
    struct auth_results r = parse(" example.org 1; none");
    assert_bytes(r.authserv_id, "example.org");
    assert_int_equal(r.version, 1);
    assert_int_equal(r.statement_count, 0);

    r = parse(" example.com;\r\n          auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
              "          spf=pass smtp.mailfrom=example.net");
    assert_int_equal(r.statement_count, 2);
    assert_bytes(r.statements[0].method, "auth");
    assert_bytes(r.statements[0].comment, "cram-md5");
    assert_property(&r.statements[0], 0, "smtp", "auth", "sender@example.net");
    assert_int_equal(r.statements[1].result, AUTH_PASS);
    assert_property(&r.statements[1], 0, "smtp", "mailfrom", "example.net");

    r = parse(
        "example.com;\r\n      dkim=pass reason=\"good signature\"\r\n"
        "        header.i=@mail-router.example.net;\r\n      dkim=fail reason=\"bad signature\"\r\n"
        "        header.i=@newyork.example.com");
    assert_bytes(r.statements[0].reason, "good signature");
    assert_property(&r.statements[1], 0, "header", "i", "@newyork.example.com");

    /* rfc8601:B.7, comments everywhere */
    r = parse(" foo.example.net (foobar) 1 (baz);\r\n"
              "    dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
              "      policy (A dot can go here) . (like that) expired\r\n"
              "      (this surprised me) = (as I wasn't expecting it) 1362471462");
    assert_bytes(r.authserv_id, "foo.example.net");
    assert_int_equal(r.statement_count, 1);
    assert_int_equal(r.statements[0].result, AUTH_FAIL);
    assert_property(&r.statements[0], 0, "policy", "expired", "1362471462");
}

static void words_compare_in_any_case_and_values_keep_theirs(void **state)
{
    struct auth_results r = parse("MX.example; SPF=Pass SMTP.MailFrom=A@B.example");
    assert_bytes(r.authserv_id, "MX.example");
    assert_bytes(r.statements[0].method, "spf");
    assert_bytes(r.statements[0].result_text, "Pass");
    assert_property(&r.statements[0], 0, "smtp", "mailfrom", "A@B.example");
}

static void values_may_be_quoted(void **state)
{
    struct auth_results r = parse("\"my id\" 2; iprev=pass policy.iprev=\"2001:db8::1\" "
                                  "smtp.mailfrom=\"a \\\"b\"@c.example header.from=\"\"");
    assert_bytes(r.authserv_id, "my id");
    assert_int_equal(r.version, 2);
    assert_property(&r.statements[0], 0, "policy", "iprev", "2001:db8::1");
    assert_property(&r.statements[0], 1, "smtp", "mailfrom", "a \"b@c.example");
    assert_property(&r.statements[0], 2, "header", "from", "");
}

static void several_properties_of_one_type_are_kept_in_order(void **state)
{
    struct auth_results r = parse("x; dkim/1=pass header.d=a.example header.s=s header.b=Ab/+cd= "
                                  "header.d=b.example");
    assert_int_equal(r.statements[0].property_count, 4);
    assert_property(&r.statements[0], 2, "header", "b", "Ab/+cd=");
    assert_property(&r.statements[0], 3, "header", "d", "b.example");
}

static void result_names_of_others_are_kept_as_text_rfc8601_2_7_7(void **state)
{
    struct auth_results r = parse("x; foo=bestguesspass");
    assert_int_equal(r.statements[0].result, AUTH_NONE);
    assert_bytes(r.statements[0].result_text, "bestguesspass");
}

static void what_large_operators_write_is_read(void **state)
{
    struct auth_results r = parse("x; dmarc=none action=none header.from=a.example;");
    assert_int_equal(r.statement_count, 1);
    assert_int_equal(r.statements[0].property_count, 1);
    assert_property(&r.statements[0], 0, "header", "from", "a.example");
}

static void what_is_not_rfc8601_is_refused_with_its_place(void **state)
{
    assert_refused("", "expected an authserv-id at octet 1");
    assert_refused("x", "expected \";\" and a result at octet 2");
    assert_refused("x;", "expected a method at octet 3");
    assert_refused("x; none; spf=pass", "");
    assert_refused("x; spf=pass; none", "");
    assert_refused("x;; spf=pass", "a method at octet 3");
    assert_refused("x; spf", "\"=\" behind a method");
    assert_refused("x; spf=", "a result");
    assert_refused("x; spf=pass smtp", "");
    assert_refused("x; spf=pass smtp.=a", "a property's name");
    assert_refused("x; spf=pass smtp.mailfrom", "");
    assert_refused("x; spf=pass smtp.mailfrom=", "a property's value");
    assert_refused("x; spf=pass smtp.mailfrom=\"a", "well-formed");
    assert_refused("x; spf=pass (a", "well-formed");
    assert_refused("x; iprev=pass policy.iprev=2001:db8::1", "at octet 32");
    assert_refused("x y; spf=pass", "");
    assert_refused("x 1a; spf=pass", "");
    assert_refused("x 12345; none", "a version number");
    assert_refused("x; -=pass", "a method");
    assert_refused("x; sp\xc3=pass", "not UTF-8");
    assert_refused("x; spf=pass\nsmtp.mailfrom=a", "");
    assert_refused("x/1; spf=pass", "");
    assert_refused("x; spf=pass reason=a reason=b; dkim", "");
}

static void both_counts_have_a_bound(void **state)
{
    struct auth_results results;
    struct bytes text = arena_printf(arena, "x" BYTES_FMT, BYTES_ARG(repeat("; a=pass", 100)));
    assert_int_equal(auth_results_parse(arena, text, &results, NULL), OK);
    assert_int_equal(results.statement_count, 100);
    text = arena_printf(arena, "x" BYTES_FMT, BYTES_ARG(repeat("; a=pass", 101)));
    assert_int_equal(auth_results_parse(arena, text, &results, NULL), PERM);
    text = arena_printf(arena, "x; a=pass" BYTES_FMT, BYTES_ARG(repeat(" b.c=d", 100)));
    assert_int_equal(auth_results_parse(arena, text, &results, NULL), OK);
    text = arena_printf(arena, "x; a=pass" BYTES_FMT, BYTES_ARG(repeat(" b.c=d", 101)));
    assert_int_equal(auth_results_parse(arena, text, &results, NULL), PERM);
}

static void a_full_arena_is_a_temporary_failure(void **state)
{
    struct arena *small = arena_create(700);
    struct auth_results results;
    struct bytes text = BYTES("x; a=pass b.c=d b.c=d b.c=d b.c=d b.c=d b.c=d b.c=d b.c=d b.c=d");
    assert_int_equal(auth_results_parse(small, text, &results, NULL), TEMP);
    arena_destroy(small);
}

static struct buf written;

static struct bytes write_results(const struct auth_results *results)
{
    buf_free(&written);
    buf_init(&written, 1 << 20);
    auth_results_write(&written, results);
    assert_false(written.failed);
    return buf_bytes(&written);
}

static void nothing_to_say_is_none(void **state)
{
    struct auth_results r = {.authserv_id = BYTES("mx.example")};
    assert_bytes(write_results(&r), "Authentication-Results: mx.example; none\r\n");
}

static void a_field_is_written_folded(void **state)
{
    struct auth_property spf[] = {{BYTES("smtp"), BYTES("mailfrom"), BYTES("joe@sender.example")}};
    struct auth_property dkim[] = {{BYTES("header"), BYTES("d"), BYTES("sender.example")},
                                   {BYTES("header"), BYTES("b"), BYTES("a/b+c")}};
    struct auth_statement statements[] = {
        {.method = BYTES("spf"),
         .version = 1,
         .result = AUTH_PASS,
         .properties = spf,
         .property_count = 1},
        {.method = BYTES("dkim"),
         .version = 1,
         .result = AUTH_FAIL,
         .comment = BYTES("a (b)"),
         .reason = BYTES("body hash did not verify"),
         .properties = dkim,
         .property_count = 2},
    };
    struct auth_results r = {BYTES("mx.example"), 1, statements, 2};
    assert_bytes(write_results(&r), "Authentication-Results: mx.example;\r\n"
                                    " spf=pass smtp.mailfrom=joe@sender.example;\r\n"
                                    " dkim=fail (a \\(b\\)) reason=\"body hash did not verify\" "
                                    "header.d=sender.example\r\n"
                                    " header.b=\"a/b+c\"\r\n");
    assert_one_field(buf_bytes(&written), 78);
}

static void an_address_is_quoted_in_its_local_part_only_rfc8601_2_2(void **state)
{
    struct auth_property properties[] = {
        {BYTES("smtp"), BYTES("mailfrom"), BYTES("a b@c.example")},
        {BYTES("smtp"), BYTES("mailfrom"), BYTES("a\"..b@c.example")},
        {BYTES("header"), BYTES("i"), BYTES("@c.example")},
        {BYTES("smtp"), BYTES("mailfrom"), BYTES("a@[192.0.2.1]")},
    };
    struct auth_statement statements[] = {{.method = BYTES("spf"),
                                           .result = AUTH_PASS,
                                           .properties = properties,
                                           .property_count = countof(properties)}};
    struct auth_results r = {BYTES("mx.example"), 1, statements, 1};
    assert_bytes(write_results(&r), "Authentication-Results: mx.example;\r\n"
                                    " spf=pass smtp.mailfrom=\"a b\"@c.example "
                                    "smtp.mailfrom=\"a\\\"..b\"@c.example\r\n"
                                    " header.i=@c.example smtp.mailfrom=\"a@[192.0.2.1]\"\r\n");
}

static void values_of_a_peer_cannot_leave_their_place(void **state)
{
    struct auth_property properties[] = {
        {BYTES("smtp"), BYTES("helo"), BYTES("a\r\nBcc: x; dkim=pass")},
        {BYTES("smtp"), BYTES("mailfrom"), BYTES("a; dkim=pass@b.example")},
        {BYTES("header"), BYTES("from"), BYTES("a@b.example\"\\")},
        {BYTES("header"), BYTES("x"), BYTES("\xff\x80\0")},
        {BYTES("he ader"), BYTES("x"), BYTES("lost")},
        {BYTES("header"), BYTES("x; dkim=pass"), BYTES("lost")},
    };
    struct auth_statement statements[] = {
        {.method = BYTES("spf"),
         .result = AUTH_FAIL,
         .reason = BYTES("a\" ; dkim=pass \r\n\r\nx"),
         .comment = BYTES("x) dkim=pass ("),
         .properties = properties,
         .property_count = 6},
        {.method = BYTES("dkim=pass;"), .result = AUTH_FAIL},
    };
    struct auth_results r = {BYTES("mx.example"), 1, statements, 2};
    struct bytes field = write_results(&r);
    assert_one_field(field, 78);
    struct auth_results back;
    struct error error = {0};
    field = bytes_skip(field, strlen("Authentication-Results:"));
    assert_int_equal(auth_results_parse(arena, bytes_first(field, field.len - 2), &back, &error),
                     OK);
    assert_int_equal(back.statement_count, 1);
    assert_int_equal(back.statements[0].property_count, 4);
    assert_property(&back.statements[0], 0, "smtp", "helo", "a\?\?Bcc: x; dkim=pass");
    assert_property(&back.statements[0], 1, "smtp", "mailfrom", "a; dkim=pass@b.example");
    assert_property(&back.statements[0], 2, "header", "from", "a@b.example\"\\");
    assert_property(&back.statements[0], 3, "header", "x", "\?\?\?");
    assert_bytes(back.statements[0].comment, "x) dkim=pass (");
}

static void no_value_makes_a_line_too_long_rfc5322_2_1_1(void **state)
{
    struct auth_property properties[] = {{BYTES("smtp"), BYTES("helo"), repeat("x", 100000)},
                                         {BYTES("smtp"), BYTES("helo"), repeat("\"", 100000)}};
    struct auth_statement statements[] = {{.method = BYTES("spf"),
                                           .result = AUTH_FAIL,
                                           .reason = repeat("yy ", 50000),
                                           .comment = repeat("(", 100000),
                                           .properties = properties,
                                           .property_count = 2}};
    struct auth_results r = {BYTES("mx.example"), 1, statements, 1};
    assert_one_field(write_results(&r), 998);
}

static void what_was_read_is_written_so_that_it_reads_the_same(void **state)
{
    struct auth_results r = parse("\"my id\" 2; dkim/3=foo (c (d) \\( e) reason=\"a \\\\  b\" "
                                  "header.i=\"x y\"@b.example header.b=\"a\tb\"; spf=none");
    struct bytes first = arena_copy(arena, write_results(&r));
    struct bytes value = bytes_skip(bytes_first(first, first.len - 2), 23);
    r = parse(arena_string(arena, value));
    assert_true(bytes_equal(write_results(&r), first));
    assert_bytes(r.statements[0].reason, "a \\  b");
    assert_bytes(r.statements[0].comment, "c (d) ( e");
    assert_bytes(r.statements[0].result_text, "foo");
    assert_int_equal(r.statements[0].version, 3);
}

static void assert_same_statement(const struct auth_statement *a, const struct auth_statement *b)
{
    if (!bytes_equal(a->method, b->method) || a->result != b->result || a->version != b->version)
        fail_msg(BYTES_FMT "=%s became " BYTES_FMT "=%s", BYTES_ARG(a->method),
                 auth_result_name(a->result), BYTES_ARG(b->method), auth_result_name(b->result));
    assert_true(bytes_equal(a->reason, b->reason));
    assert_int_equal(a->property_count, b->property_count);
    for (size_t i = 0; i < a->property_count; i++) {
        assert_true(bytes_equal(a->properties[i].type, b->properties[i].type));
        assert_true(bytes_equal(a->properties[i].name, b->properties[i].name));
        if (!bytes_equal(a->properties[i].value, b->properties[i].value))
            fail_msg("\"" BYTES_FMT "\" became \"" BYTES_FMT "\"",
                     BYTES_ARG(a->properties[i].value), BYTES_ARG(b->properties[i].value));
    }
}

/* Each property of the method, with this value. */
static struct auth_statement statement_of(const struct registered_method *registered,
                                          enum auth_result result, const char *value)
{
    struct auth_statement statement = {.method = bytes_of(registered->method),
                                       .version = 1,
                                       .result = result,
                                       .reason = bytes_of(value)};
    struct bytes rest = bytes_of(registered->properties), name;
    statement.properties = arena_alloc_array(arena, 10, sizeof(*statement.properties));
    assert_non_null(statement.properties);
    while (bytes_split(&rest, ' ', &name)) {
        struct auth_property *property = &statement.properties[statement.property_count++];
        bytes_split(&name, '.', &property->type);
        property->name = bytes_is(name, "*") ? BYTES("resent-from") : name;
        property->value = bytes_of(value);
    }
    return statement;
}

/* All that is registered, with values of every kind that the methods have. */
static void every_registered_method_result_and_property_reads_as_it_was_written(void **state)
{
    static const char *const values[] = {
        "example.org",  "a.b@example.org", "a b@example.org",   "\"@\\@example.org",
        "@example.org", "2001:db8::1",     "[IPv6:2001:db8::1]", "0",
        "",             "a/b+c=",          "CN=A \"B\", O=(C); D", "b\xc3\xbc" "cher.example",
        "\xc3\xa4@b\xc3\xbc" "cher.example", "127.0.0.2, 127.0.0.3", "reason=x; dkim=pass"};
    for (size_t i = 0; i < countof(registered_methods); i++) {
        for (size_t j = 0; j < countof(values); j++) {
            struct auth_statement statements[AUTH_UNKNOWN + 1];
            struct auth_results results = {BYTES("mx.example"), 1, statements, 0}, back;
            struct bytes words = bytes_of(registered_methods[i].results), word;
            while (bytes_split(&words, ' ', &word)) {
                enum auth_result result;
                assert_true(auth_result_parse(word, &result));
                statements[results.statement_count] =
                    statement_of(&registered_methods[i], result, values[j]);
                assert_null(why_not_registered(&statements[results.statement_count++]));
            }
            struct bytes value = bytes_skip(write_results(&results), 23);
            struct error error = {{0}};
            if (auth_results_parse(arena, bytes_first(value, value.len - 2), &back, &error) != OK)
                fail_msg("%s: " BYTES_FMT, error.text, BYTES_ARG(value));
            assert_int_equal(back.statement_count, results.statement_count);
            for (size_t k = 0; k < back.statement_count; k++)
                assert_same_statement(&statements[k], &back.statements[k]);
        }
    }
}

static void what_is_not_registered_is_read_and_known_as_such_rfc8601_2_7_6(void **state)
{
    struct auth_results r = parse("x; x-tls=pass smtp.version=TLSv1.3; dkim=unsure "
                                  "header.d=a.example; dkim/2=pass; spf=pass sky.colour=blue");
    assert_int_equal(r.statement_count, 4);
    assert_string_equal(why_not_registered(&r.statements[0]), "the method is not registered");
    assert_int_equal(r.statements[1].result, AUTH_NONE);
    assert_bytes(r.statements[1].result_text, "unsure");
    assert_property(&r.statements[1], 0, "header", "d", "a.example");
    assert_int_equal(r.statements[2].version, 2);
    assert_property(&r.statements[3], 0, "sky", "colour", "blue");
    assert_string_equal(why_not_registered(&r.statements[3]),
                        "a property is not registered for the method");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_results_go_both_ways),
        cmocka_unit_test(the_examples_of_rfc8601_b_are_read),
        cmocka_unit_test(words_compare_in_any_case_and_values_keep_theirs),
        cmocka_unit_test(values_may_be_quoted),
        cmocka_unit_test(several_properties_of_one_type_are_kept_in_order),
        cmocka_unit_test(result_names_of_others_are_kept_as_text_rfc8601_2_7_7),
        cmocka_unit_test(what_large_operators_write_is_read),
        cmocka_unit_test(what_is_not_rfc8601_is_refused_with_its_place),
        cmocka_unit_test(both_counts_have_a_bound),
        cmocka_unit_test(a_full_arena_is_a_temporary_failure),
        cmocka_unit_test(nothing_to_say_is_none),
        cmocka_unit_test(a_field_is_written_folded),
        cmocka_unit_test(an_address_is_quoted_in_its_local_part_only_rfc8601_2_2),
        cmocka_unit_test(values_of_a_peer_cannot_leave_their_place),
        cmocka_unit_test(no_value_makes_a_line_too_long_rfc5322_2_1_1),
        cmocka_unit_test(what_was_read_is_written_so_that_it_reads_the_same),
        cmocka_unit_test(every_registered_method_result_and_property_reads_as_it_was_written),
        cmocka_unit_test(what_is_not_registered_is_read_and_known_as_such_rfc8601_2_7_6),
    };
    int failed = cmocka_run_group_tests(tests, create_arena, destroy_arena);
    buf_free(&written);
    return failed;
}
