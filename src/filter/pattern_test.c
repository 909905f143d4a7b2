/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/pattern.h"
#include "message/test.h"

#include <time.h>

static struct pattern_matcher *matcher;

static int create(void **state)
{
    matcher = pattern_matcher_create();
    return matcher && create_arena(state) == 0 ? 0 : -1;
}

static int destroy(void **state)
{
    pattern_matcher_free(matcher);
    return destroy_arena(state);
}

static struct pattern *compiled(const char *text)
{
    struct pattern *pattern = NULL;
    struct error error = {{0}};
    if (pattern_compile(bytes_of(text), &pattern, &error) != OK)
        fail_msg("%s: %s", text, error.text);
    return pattern;
}

static enum pattern_found look(const char *text, struct bytes in, struct bytes *match)
{
    struct pattern *pattern = compiled(text);
    enum pattern_found found = pattern_find(pattern, matcher, in, NULL, match);
    pattern_free(pattern);
    return found;
}

static void assert_found(const char *text, const char *in, const char *expected)
{
    struct bytes match = BYTES("");
    enum pattern_found found = look(text, bytes_of(in), &match);
    if (found != (expected ? PATTERN_YES : PATTERN_NO))
        fail_msg("/%s/ in \"%s\": %d", text, in, (int)found);
    if (expected)
        assert_bytes(match, expected);
}

static void the_first_match_is_told(void **state)
{
    assert_found("(?i)won\\b", "You have WON, you have won", "WON");
    assert_found("lottery", "no such thing", NULL);
    assert_found("^$", "", "");
    assert_found("x*$", "ab", "");
}

static void letters_are_those_of_unicode(void **state)
{
    assert_found("(?i)привет", "ПРИВЕТ!", "ПРИВЕТ");
    assert_found("\\bдом\\b", "наш дом тут", "дом");
    assert_found("\\bдом\\b", "бездомный", NULL);
    assert_found("^.$", "ß", "ß");
}

static void octets_that_are_no_utf8_disturb_nothing(void **state)
{
    struct bytes match, text = BYTES("\xff\xfe\x80 gold \xc3");
    assert_int_equal(look("gold", text, &match), PATTERN_YES);
    assert_bytes(match, "gold");
    assert_int_equal(look("\xc3\xbf", text, &match), PATTERN_NO);
}

static void anchors_are_those_of_the_whole_text(void **state)
{
    struct bytes match, text = arena_printf(arena, BYTES_FMT "middle" BYTES_FMT "end",
                                            BYTES_ARG(repeat("0123456 9\n", 500)), BYTES_ARG(repeat("x", 5000)));
    assert_int_equal(look("^middle", text, &match), PATTERN_NO);
    assert_int_equal(look("(?m)^middle", text, &match), PATTERN_YES);
    assert_int_equal(look("^01", text, &match), PATTERN_YES);
    assert_int_equal(look("9$", text, &match), PATTERN_NO);
    assert_int_equal(look("end$", text, &match), PATTERN_YES);
    assert_int_equal(look("\\Amiddle", text, &match), PATTERN_NO);
}

static void a_match_across_windows_is_found_wherever_it_begins(void **state)
{
    for (size_t at = PATTERN_WINDOW - 40; at < PATTERN_WINDOW + 40; at++) {
        struct bytes match, text = arena_printf(arena, BYTES_FMT " needle in hay " BYTES_FMT,
                                                BYTES_ARG(repeat("h", at)), BYTES_ARG(repeat("y", 3000)));
        assert_int_equal(look("\\bneedle in hay\\b", text, &match), PATTERN_YES);
        assert_bytes(match, "needle in hay");
        /* Seen from the next window, too, there is a letter before it. */
        assert_int_equal(look("\\beedle", text, &match), PATTERN_NO);
        assert_int_equal(look("(?<=hhhh )needle", text, &match), PATTERN_YES);
    }
}

static void windows_do_not_cut_characters(void **state)
{
    for (size_t shift = 0; shift < 4; shift++) {
        struct bytes match, text = arena_printf(arena, BYTES_FMT BYTES_FMT "!", BYTES_ARG(repeat("a", shift)),
                                                BYTES_ARG(repeat("€", 4000)));
        assert_int_equal(look("€!", text, &match), PATTERN_YES);
        assert_int_equal(look("^a*€+!$", text, &match), PATTERN_NO); /* longer than what is seen at one go */
        assert_int_equal(look("[^a€!]", text, &match), PATTERN_NO);
    }
}

/* Patterns that are known to explode, and texts made for them. What is bounded is work, so the time given is far
 * above what the slowest machine needs, and far below what it would take without bounds: years. */
static void no_text_makes_a_pattern_slow(void **state)
{
    static const char *const patterns[] = {"(a+)+$",          "(a|aa)+b",       "(.*a){12}b",      "a.*b.*c.*d.*e",
                                           "(x+x+)+y",        "^(([a-z])+.)+[A-Z]([a-z])+$", "(?s).*(?s).*(?s).*#",
                                           "((a*)*)*b",       "(?:a?){30}a{30}", "(a+){10}y"};
    static const char *const texts[] = {"a", "ab", "abcd", "x", "aaab", "a \n"};
    clock_t began = clock();
    for (size_t i = 0; i < countof(patterns); i++) {
        struct pattern *pattern = compiled(patterns[i]);
        for (size_t j = 0; j < countof(texts); j++) {
            struct bytes match;
            /* What the pattern needs at its end is there, but out of its reach. */
            pattern_find(pattern, matcher, arena_printf(arena, BYTES_FMT "\nb e y # Za",
                         BYTES_ARG(repeat(texts[j], 20000 / strlen(texts[j])))), NULL, &match);
        }
        pattern_free(pattern);
    }
    assert_true((clock() - began) / CLOCKS_PER_SEC < 300);
}

static void what_meets_a_limit_is_no_match(void **state)
{
    struct bytes match;
    assert_int_equal(look("(a|aa)+$", repeat("a", 40), &match), PATTERN_YES);
    struct bytes text = arena_printf(arena, BYTES_FMT "cb", BYTES_ARG(repeat("a", 900)));
    assert_int_equal(look("^(a|aa)+b", text, &match), PATTERN_LIMIT);
}

static int64_t count_calls(void *context)
{
    return ++*(int64_t *)context;
}

static void nothing_is_begun_behind_the_end_of_the_time(void **state)
{
    struct pattern *pattern = compiled("needle");
    int64_t calls = 0;
    struct pattern_time time = {count_calls, &calls, 3};
    struct pattern_matcher *fresh = pattern_matcher_create();
    struct bytes match, text = arena_printf(arena, BYTES_FMT "needle", BYTES_ARG(repeat("h", 50 * PATTERN_WINDOW)));
    assert_int_equal(pattern_find(pattern, fresh, text, &time, &match), PATTERN_LIMIT);
    assert_int_equal(calls, 3);
    time.until = 1000;
    assert_int_equal(pattern_find(pattern, fresh, text, &time, &match), PATTERN_YES);
    assert_true(calls > 3);
    pattern_matcher_free(fresh);
    pattern_free(pattern);
}

static void a_broken_pattern_is_explained_with_its_place(void **state)
{
    assert_null(rule_pattern_fault(BYTES("(?i)you have (won|lost)")));
    const char *fault = rule_pattern_fault(BYTES("foo(bar"));
    assert_non_null(fault);
    assert_non_null(strstr(fault, "missing closing parenthesis"));
    assert_non_null(strstr(fault, "at octet 8"));
    fault = rule_pattern_fault(BYTES("a[z-b]cd"));
    assert_non_null(fault);
    assert_non_null(strstr(fault, "range out of order"));
    assert_non_null(rule_pattern_fault(BYTES("\\C")));
    assert_non_null(rule_pattern_fault(BYTES("*")));
    assert_non_null(rule_pattern_fault(BYTES("\xff\xff")));
    assert_non_null(rule_pattern_fault(repeat("a", PATTERN_MAX + 1)));
    assert_non_null(rule_pattern_fault(BYTES("((((a{900}){900}){900}){900})")));
    assert_non_null(rule_pattern_fault(repeat("(", 1000)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_match_is_told),
        cmocka_unit_test(letters_are_those_of_unicode),
        cmocka_unit_test(octets_that_are_no_utf8_disturb_nothing),
        cmocka_unit_test(anchors_are_those_of_the_whole_text),
        cmocka_unit_test(a_match_across_windows_is_found_wherever_it_begins),
        cmocka_unit_test(windows_do_not_cut_characters),
        cmocka_unit_test(no_text_makes_a_pattern_slow),
        cmocka_unit_test(what_meets_a_limit_is_no_match),
        cmocka_unit_test(nothing_is_begun_behind_the_end_of_the_time),
        cmocka_unit_test(a_broken_pattern_is_explained_with_its_place),
    };
    return cmocka_run_group_tests(tests, create, destroy);
}
