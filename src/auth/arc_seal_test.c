/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/arc_fixture.h"

#include "base/ascii.h"

static struct bytes field_value(struct fixture *f, struct bytes text, const char *name)
{
    struct message *message = arena_new(f->arena, struct message);
    struct bytes whole = arena_printf(f->arena, BYTES_FMT "\r\n", BYTES_ARG(text));
    assert_int_equal(message_parse(f->arena, whole, message, NULL), OK);
    const struct header_field *field = message_field(message, name, 0);
    assert_non_null(field);
    return header_unfold(f->arena, field->value);
}

/* The names in h= of the newest message signature, without white space. */
static struct bytes header_list(struct fixture *f, struct bytes text)
{
    struct bytes value = field_value(f, text, "ARC-Message-Signature");
    struct bytes list = bytes_skip(value, bytes_find(value, BYTES("; h=")) + 4);
    list = bytes_first(list, bytes_find_byte(list, ';'));
    uint8_t *to = arena_alloc(f->arena, list.len);
    size_t count = 0;
    for (size_t i = 0; i < list.len; i++)
        if (!ascii_is_space(list.ptr[i]))
            to[count++] = list.ptr[i];
    return bytes_from(to, count);
}

static size_t times_in(struct bytes list, const char *name)
{
    struct bytes item;
    size_t count = 0;
    while (bytes_split(&list, ':', &item))
        count += bytes_is_nocase(item, name);
    return count;
}

static void a_set_is_written_for_the_next_instance_5_1(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    struct bytes text = seal_times(f, MAIL, 2);
    assert_true(bytes_starts_with(text, BYTES("ARC-Seal: a=rsa-sha256;")));
    assert_true(bytes_is(field_value(f, text, "ARC-Authentication-Results"),
                         "i=2; mx.example.org; spf=pass smtp.mailfrom=ann@example.org"));
    struct bytes seal = field_value(f, text, "ARC-Seal");
    assert_true(bytes_ends_with(seal, BYTES("; cv=pass; d=example.org; i=2; s=s; t=1699999999")));
    struct bytes line;
    while (bytes_split(&text, '\n', &line))
        assert_true(line.len <= 79);
}

static void nothing_found_is_written_as_none(void **state)
{
    struct fixture *f = *state;
    struct auth_results found = {.authserv_id = BYTES("mx"), .version = 1};
    struct arc_sealing sealing = sealing_of(&found);
    struct arc_results chain = verify_chain(f, text_of(f, MAIL));
    struct bytes set;
    struct error error;
    sealing.time = 0;
    assert_int_equal(seal_as(f, text_of(f, MAIL), &sealing, &chain, rsa_1024, &set, &error), OK);
    assert_true(bytes_is(field_value(f, set, "ARC-Authentication-Results"), "i=1; mx; none"));
    assert_int_equal(bytes_find(set, BYTES("t=1")), BYTES_NOT_FOUND);
}

static void signatures_of_others_are_signed_and_passing_fields_never_4_1_2(void **state)
{
    struct fixture *f = *state;
    struct bytes text = text_of(f, "DKIM-Signature: one\r\nDKIM-Signature: two\r\n"
                                   "Authentication-Results: mx; none\r\nReceived: x\r\n" MAIL);
    add_key(f, "", rsa_1024);
    struct bytes list = header_list(f, seal_at(f, text, "example.org", rsa_1024));
    assert_int_equal(times_in(list, "DKIM-Signature"), 2);
    assert_int_equal(times_in(list, "From"), 2); /* oversigned */
    assert_int_equal(times_in(list, "Subject"), 2);
    assert_int_equal(times_in(list, "Authentication-Results"), 0);
    assert_int_equal(times_in(list, "Received"), 0);
}

static void a_list_of_ones_own_has_from_and_no_field_of_arc_4_1_2(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {
        "subject", "ARC-Seal", "arc-authentication-results", "Authentication-Results",
        "SUBJECT", "X-None",   "ARC-Message-Signature",      NULL};
    static const char *const bad[] = {"sub:ject", NULL};
    struct auth_results found = found_results();
    struct arc_sealing sealing = sealing_of(&found);
    add_key(f, "", rsa_1024);
    struct bytes text = seal_times(f, MAIL, 1), set;
    struct arc_results chain = verify_chain(f, text);
    struct error error;
    sealing.headers = names;
    assert_int_equal(seal_as(f, text, &sealing, &chain, rsa_1024, &set, &error), OK);
    assert_true(bytes_is(header_list(f, set), "subject:From"));
    sealing.headers = bad;
    assert_int_equal(seal_as(f, text, &sealing, &chain, rsa_1024, &set, &error), PERM);
}

static void a_long_list_is_folded_and_verifies(void **state)
{
    struct fixture *f = *state;
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 200; i++)
        buf_add_string(&text, "DKIM-Signature: v=1\r\nList-Unsubscribe-Post: x\r\n");
    buf_add_string(&text, MAIL);
    add_key(f, "", rsa_1024);
    struct bytes sealed = seal_at(f, buf_bytes(&text), "example.org", rsa_1024), line;
    expect_chain(f, sealed, AUTH_PASS, "");
    while (bytes_split(&sealed, '\n', &line))
        assert_true(line.len <= 100);
    buf_free(&text);
}

static void a_broken_chain_gets_a_seal_over_its_own_set_alone_5_1_2(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    struct bytes text = seal_times(f, MAIL, 2), first, second;
    struct auth_results found = found_results();
    struct arc_sealing sealing = sealing_of(&found);
    struct error error;
    struct bytes one = replace(f, text, "spf=pass", "spf=fail");
    struct bytes other = replace(f, text, "ARC-Seal:", "X-Lost:");
    struct arc_results chain = expect_chain(f, one, AUTH_FAIL, "");
    assert_int_equal(seal_as(f, one, &sealing, &chain, rsa_1024, &first, &error), OK);
    chain = expect_chain(f, other, AUTH_FAIL, "");
    assert_int_equal(seal_as(f, other, &sealing, &chain, rsa_1024, &second, &error), OK);
    assert_true(bytes_find(first, BYTES("cv=fail; d=example.org; i=3;")) != BYTES_NOT_FOUND);
    /* What the older sets are plays no part. */
    assert_true(bytes_equal(first, second));
}

static void a_temporary_error_is_sealed_as_fail_5_2_1(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    struct bytes text = seal_times(f, MAIL, 1), set;
    struct auth_results found = found_results();
    struct arc_sealing sealing = sealing_of(&found);
    struct error error;
    zone_add_failure(f->zone, BYTES("s._domainkey.example.org"), 0);
    struct arc_results chain = expect_chain(f, text, AUTH_TEMPERROR, "set 1");
    assert_int_equal(seal_as(f, text, &sealing, &chain, rsa_1024, &set, &error), OK);
    assert_true(bytes_find(set, BYTES("cv=fail;")) != BYTES_NOT_FOUND);
}

static void a_chain_marked_as_failed_is_not_continued_5_1_step_2(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    struct bytes text = replace(f, seal_times(f, MAIL, 1), "bye", "buy"), set;
    text = seal_at(f, text, "example.org", rsa_1024);
    struct arc_results chain = expect_chain(f, text, AUTH_FAIL, "set 2");
    struct auth_results found = found_results();
    struct arc_sealing sealing = sealing_of(&found);
    struct error error;
    assert_true(chain.exhausted);
    assert_int_equal(seal_as(f, text, &sealing, &chain, rsa_1024, &set, &error), NONE);
    assert_int_equal(set.len, 0);
}

static void a_chain_must_be_the_one_that_was_verified(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    struct bytes text = seal_times(f, MAIL, 2), set;
    struct arc_results none = verify_chain(f, text_of(f, MAIL)), two = verify_chain(f, text);
    struct auth_results found = found_results();
    struct arc_sealing sealing = sealing_of(&found);
    struct error error;
    assert_int_equal(seal_as(f, text, &sealing, &none, rsa_1024, &set, &error), PERM);
    assert_int_equal(seal_as(f, text_of(f, MAIL), &sealing, &two, rsa_1024, &set, &error), PERM);
    text = replace(f, text, "ARC-Seal:", "X-Lost:");
    assert_int_equal(seal_as(f, text, &sealing, &two, rsa_1024, &set, &error), PERM);
}

static void what_cannot_be_sealed_is_refused(void **state)
{
    struct fixture *f = *state;
    struct auth_results found = found_results(), nobody = {.version = 1};
    struct arc_sealing sealing = sealing_of(&found);
    struct arc_results chain = verify_chain(f, text_of(f, MAIL));
    struct bytes set;
    struct error error;
    struct bytes mail = text_of(f, MAIL);
    assert_int_equal(
        seal_as(f, text_of(f, "To: x\r\n\r\nx"), &sealing, &chain, rsa_1024, &set, &error), PERM);
    sealing.algorithm = DKIM_RSA_SHA1;
    assert_int_equal(seal_as(f, mail, &sealing, &chain, rsa_1024, &set, &error), PERM);
    sealing = sealing_of(&nobody);
    assert_int_equal(seal_as(f, mail, &sealing, &chain, rsa_1024, &set, &error), PERM);
    sealing = sealing_of(&found);
    sealing.domain = BYTES("a b.example");
    assert_int_equal(seal_as(f, mail, &sealing, &chain, rsa_1024, &set, &error), PERM);
    sealing = sealing_of(&found);
    assert_int_equal(seal_as(f, mail, &sealing, &chain, ed25519, &set, &error), PERM);
    assert_int_equal(set.len, 0);
}

static void results_of_one_authserv_id_are_joined_4_1_1(void **state)
{
    struct fixture *f = *state;
    struct message message;
    struct auth_results found;
    struct bytes text =
        text_of(f, "Authentication-Results: mx.example.org; spf=pass\r\n"
                   "Authentication-Results: elsewhere; dkim=pass\r\n"
                   "Authentication-Results: mx.example.org; broken\r\n"
                   "Authentication-Results: mx.example.org 2; iprev=pass\r\n"
                   "Authentication-Results: MX.example.ORG; dmarc=fail; arc=none\r\n" MAIL);
    assert_int_equal(message_parse(f->arena, text, &message, NULL), OK);
    assert_int_equal(arc_seal_collect_results(f->arena, &message, BYTES("mx.example.org"), &found),
                     OK);
    assert_int_equal(found.statement_count, 3);
    assert_true(bytes_is(found.statements[0].method, "spf"));
    assert_true(bytes_is(found.statements[2].method, "arc"));
    assert_int_equal(arc_seal_collect_results(f->arena, &message, BYTES("other"), &found), NONE);
    assert_int_equal(found.statement_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_set_is_written_for_the_next_instance_5_1),
        TEST(nothing_found_is_written_as_none),
        TEST(signatures_of_others_are_signed_and_passing_fields_never_4_1_2),
        TEST(a_list_of_ones_own_has_from_and_no_field_of_arc_4_1_2),
        TEST(a_long_list_is_folded_and_verifies),
        TEST(a_broken_chain_gets_a_seal_over_its_own_set_alone_5_1_2),
        TEST(a_temporary_error_is_sealed_as_fail_5_2_1),
        TEST(a_chain_marked_as_failed_is_not_continued_5_1_step_2),
        TEST(a_chain_must_be_the_one_that_was_verified),
        TEST(what_cannot_be_sealed_is_refused),
        TEST(results_of_one_authserv_id_are_joined_4_1_1),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
