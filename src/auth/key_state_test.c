/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/key_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct key_state state;
static struct error error;

static enum result parse(const char *text)
{
    return key_state_parse(bytes_of(text), &state, &error);
}

static void refused(const char *text, const char *why)
{
    assert_int_equal(parse(text), PERM);
    if (!strstr(error.text, why))
        fail_msg("\"%s\" does not say \"%s\"", error.text, why);
}

#define AT "2026-11-21T10:00:00Z"

static void a_state_is_read_with_comments_and_blanks(void **unused)
{
    assert_int_equal(parse("# keys\n\n  a.b  rsa\tactive " AT "  \n#x\nc ed25519 new " AT), OK);
    assert_int_equal(state.count, 2);
    assert_true(bytes_is(state.entries[0].selector, "a.b"));
    assert_int_equal(state.entries[0].type, DKIM_KEY_RSA);
    assert_int_equal(state.entries[0].phase, KEY_ACTIVE);
    assert_int_equal(state.entries[0].since, 1795255200);
    assert_int_equal(state.entries[1].type, DKIM_KEY_ED25519);
    assert_int_equal(state.entries[1].phase, KEY_NEW);
    assert_int_equal(parse(""), OK);
    assert_int_equal(state.count, 0);
}

static void what_is_written_reads_back_the_same(void **unused)
{
    struct buf out, again;
    assert_int_equal(parse("a rsa active " AT "\nb rsa retired 2024-02-29T23:59:59Z\n"
                           "c ed25519 revoked 1970-01-01T00:00:00Z\n"), OK);
    buf_init(&out, 4096);
    buf_init(&again, 4096);
    key_state_write(&out, &state);
    assert_int_equal(key_state_parse(buf_bytes(&out), &state, &error), OK);
    assert_int_equal(state.count, 3);
    assert_int_equal(state.entries[1].since, 1709251199);
    key_state_write(&again, &state);
    assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&again)));
    buf_free(&out);
    buf_free(&again);
}

static void whatever_is_not_a_state_is_refused_with_its_line(void **unused)
{
    refused("a rsa active\n", "line 1: a line holds");
    refused("\na rsa active " AT " x\n", "line 2: a line holds");
    refused("a dsa active " AT, "rsa or ed25519");
    refused("a rsa Active " AT, "new, active");
    refused("a rsa active 2026-11-21", "the time");
    refused("a rsa active 2026-02-29T10:00:00Z", "the time");
    refused("a rsa active 2026-11-21T24:00:00Z", "the time");
    refused("a rsa active 2026-11-21T10:00:00Zz", "the time");
    refused("../b rsa active " AT, "no valid selector");
    refused("a..b rsa active " AT, "no valid selector");
    refused("a rsa active " AT "\nA ed25519 active " AT, "line 2: there is a key");
    refused("a rsa active " AT "\nb rsa active " AT, "two active keys");
    refused("a rsa new " AT "\r\n", "the time"); /* CR is no blank */
}

static void retired_keys_of_one_algorithm_may_be_several(void **unused)
{
    assert_int_equal(parse("a rsa retired " AT "\nb rsa retired " AT "\nc rsa active " AT), OK);
    assert_int_equal(key_state_count(&state, KEY_RETIRED), 2);
    assert_ptr_equal(key_state_find_phase(&state, KEY_ACTIVE, DKIM_KEY_RSA), &state.entries[2]);
    assert_null(key_state_find_phase(&state, KEY_ACTIVE, DKIM_KEY_ED25519));
    assert_ptr_equal(key_state_find(&state, BYTES("B")), &state.entries[1]);
}

static void there_is_a_limit_to_keys_and_length(void **unused)
{
    static char text[KEY_STATE_TEXT_MAX + 2];
    size_t used = 0;
    for (int i = 0; i <= KEY_STATE_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "s%d rsa revoked " AT "\n", i);
    refused(text, "more than");
    memset(text, '\n', KEY_STATE_TEXT_MAX + 1);
    refused(text, "longer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_read_with_comments_and_blanks),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(whatever_is_not_a_state_is_refused_with_its_line),
        cmocka_unit_test(retired_keys_of_one_algorithm_may_be_several),
        cmocka_unit_test(there_is_a_limit_to_keys_and_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
