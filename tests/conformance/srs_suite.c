/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * srs_suite: SRS against the cases of postsrsd, Mail::SRS and pysrs.
 *
 * usage: srs_suite FILE
 *
 * FILE is JSON: the secret, and two lists. "forward" has [sender, our domain, new sender or null, why]
 * ("SRS1=*" is any that begins so), "reverse" has [address, original or null, why]. null is a refusal;
 * going back, also "no SRS address". All is done at the time for which the cases were made. Exit code 1
 * if anything differs.
 */
#include "auth/srs.h"

#include <jansson.h>

#include <stdio.h>

enum { SUITE_TIME = 1577836860 }; /* 2020-01-01 */

static struct arena *arena;

struct tally {
    unsigned passed, cases;
};

static bool is_as_expected(enum result result, struct bytes got, const char *expected)
{
    struct bytes wanted = bytes_of(expected);
    if (!expected)
        return result == PERM;
    if (result == PERM || result == TEMP)
        return false;
    if (bytes_ends_with(wanted, BYTES("*")))
        return bytes_starts_with(got, bytes_first(wanted, wanted.len - 1));
    return bytes_equal(got, wanted);
}

static void count(struct tally *tally, bool good, const char *from, enum result result,
                  struct bytes got, const char *expected, const struct error *error)
{
    tally->cases++;
    tally->passed += good;
    if (!good)
        printf("  FAILED: %s: %s " BYTES_FMT " (%s), expected %s\n", from, result_name(result),
               BYTES_ARG(got), error->text, expected ? expected : "a refusal");
}

static void run_forward(struct tally *tally, struct srs_options *options, json_t *item)
{
    const char *from = json_string_value(json_array_get(item, 0));
    const char *expected = json_string_value(json_array_get(item, 2));
    struct error error = {""};
    struct bytes got;
    require(from && json_is_string(json_array_get(item, 1)));
    options->domain = bytes_of(json_string_value(json_array_get(item, 1)));
    enum result result = srs_encode(arena, options, bytes_of(from), &got, &error);
    bool good = is_as_expected(result, got, expected);
    /* What was rewritten must come back. */
    struct bytes back;
    if (good && result == OK && bytes_starts_with_nocase(got, BYTES("SRS0")))
        good = srs_decode(arena, options, got, &back, &error) == OK && bytes_is(back, from);
    count(tally, good, from, result, got, expected, &error);
}

static void run_reverse(struct tally *tally, struct srs_options *options, json_t *item)
{
    const char *from = json_string_value(json_array_get(item, 0));
    const char *expected = json_string_value(json_array_get(item, 1));
    struct error error = {""};
    struct bytes got;
    require(from);
    options->domain = BYTES("example.com");
    enum result result = srs_decode(arena, options, bytes_of(from), &got, &error);
    bool good = expected ? result == OK && is_as_expected(result, got, expected)
                         : result == PERM || result == NONE;
    count(tally, good, from, result, got, expected, &error);
}

int main(int argc, char **argv)
{
    json_error_t fault;
    json_t *suite = argc == 2 ? json_load_file(argv[1], 0, &fault) : NULL;
    struct tally tally = {0, 0};
    json_t *item;
    size_t i;
    if (!suite) {
        fprintf(stderr, "usage: srs_suite FILE (a JSON file that can be read)\n");
        return 2;
    }
    arena = arena_create(1 << 20);
    const char *text = json_string_value(json_object_get(suite, "secret"));
    struct bytes secret = bytes_of(text);
    require(arena && text);
    struct srs_options options = {.secrets = {&secret, 1}, .now = SUITE_TIME};
    json_array_foreach(json_object_get(suite, "forward"), i, item)
        run_forward(&tally, &options, item);
    json_array_foreach(json_object_get(suite, "reverse"), i, item)
        run_reverse(&tally, &options, item);
    arena_destroy(arena);
    json_decref(suite);
    printf("srs: %u/%u\n", tally.passed, tally.cases);
    return tally.passed == tally.cases && tally.cases ? 0 : 1;
}
