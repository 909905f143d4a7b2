/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_suite: runs one file of the openspf.org test suites (as JSON: yaml_to_json.py) against SPF.
 *
 * usage: spf_suite NAME FILE.json
 *
 * NAME is "rfc7208", "rfc4408" or "test" and selects what may differ. Exit code 1 if any case
 * fails.
 */
#include "auth/spf.h"
#include "base/clock.h"
#include "spf_yaml.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * The cases in which RFC 7208, which Vouch implements, says something else than the suite does,
 * with the result that it says and where. The suite for RFC 4408 has none: where the two documents
 * differ it allows both results.
 */
static const struct difference {
    const char *suite, *test;
    enum auth_result result;
    const char *reason;
} differences[] = {
    {"test", "default-modifier", AUTH_NEUTRAL,
     "rfc7208:6 (an unknown modifier is ignored; the suite asks for a lenient mode of one "
     "library)"},
    {"test", "default-modifier-harsh", AUTH_NEUTRAL,
     "rfc7208:6 (an unknown modifier is ignored; the suite asks for a strict mode of one library)"},
};

/*
 * Explanations whose letters may differ in case: the suite spells the hexadecimal digits of %{i} in
 * capitals; the examples of rfc7208:7.4 do not.
 */
static const char *const case_of_digits[] = {"v-macro-ip6"};

struct suite {
    const char *name;
    unsigned cases, passed, differing, failed;
};

/* ---- Cases ---- */

static bool explanation_is_expected(struct arena *arena, const char *name, json_t *test,
                                    const struct spf_result *result)
{
    if (!json_object_get(test, "explanation"))
        return true;
    struct bytes expected = member(arena, test, "explanation");
    if (bytes_is(expected, "DEFAULT"))
        return result->explanation.len == 0;
    for (size_t i = 0; i < countof(case_of_digits); i++)
        if (strcmp(name, case_of_digits[i]) == 0)
            return bytes_equal_nocase(expected, result->explanation);
    return bytes_equal(expected, result->explanation);
}

static const struct difference *find_difference(const struct suite *suite, const char *name)
{
    for (size_t i = 0; i < countof(differences); i++)
        if (strcmp(differences[i].suite, suite->name) == 0 &&
            strcmp(differences[i].test, name) == 0)
            return &differences[i];
    return NULL;
}

static void judge(struct suite *suite, struct arena *arena, const char *name, json_t *test,
                  const struct spf_result *result)
{
    const json_t *expected = json_object_get(test, "result");
    const char *got = auth_result_name(result->result);
    const struct difference *difference = find_difference(suite, name);
    suite->cases++;
    if (difference && difference->result == result->result && !result_is_expected(expected, got)) {
        suite->differing++;
        printf("# %s %s: %s by %s\n", suite->name, name, got, difference->reason);
        return;
    }
    if (!difference && result_is_expected(expected, got) &&
        explanation_is_expected(arena, name, test, result)) {
        suite->passed++;
        return;
    }
    suite->failed++;
    char *text = json_dumps(expected, JSON_ENCODE_ANY);
    printf("FAILED %s %s: %s, expected %s (" BYTES_FMT "; mechanism \"" BYTES_FMT
           "\"; explanation \"" BYTES_FMT "\")\n",
           suite->name, name, got, text, BYTES_ARG(result->problem), BYTES_ARG(result->mechanism),
           BYTES_ARG(result->explanation));
    free(text);
}

/* The field must be one that a strict reader accepts: bounded lines of printable ASCII. */
static bool received_is_sound(struct bytes field)
{
    size_t column = 0;
    if (!bytes_ends_with(field, BYTES("\r\n")) ||
        !bytes_starts_with(field, BYTES("Received-SPF: ")))
        return false;
    field.len -= 2;
    for (size_t i = 0; i < field.len; i++, column++) {
        if (field.ptr[i] == '\r') {
            if (i + 2 >= field.len || field.ptr[i + 1] != '\n' || field.ptr[i + 2] != ' ')
                return false;
            i++;
            column = 0;
        } else if (field.ptr[i] < 0x20 || field.ptr[i] > 0x7e || column > 998) {
            return false;
        }
    }
    return true;
}

static void run_case(struct suite *suite, struct zone *zone, const char *name, json_t *test)
{
    struct arena *arena = arena_create(16 << 20);
    struct spf_request request = {
        .helo = member(arena, test, "helo"),
        .sender = member(arena, test, "mailfrom"),
        .receiver = member(arena, test, "receiver"),
        .now = 1700000000,
        .deadline = NO_DEADLINE,
        .trace = true,
    };
    struct spf_result result;
    require(ip_parse(member(arena, test, "host"), &request.ip));
    spf_check_mail_from(zone_dns(zone), arena, &request, &result);
    judge(suite, arena, name, test, &result);
    struct buf field;
    buf_init(&field, 65536);
    spf_write_received(&field, &request, &result, "mailfrom");
    if (field.failed || !received_is_sound(buf_bytes(&field))) {
        printf("FAILED %s %s: unsound " BYTES_FMT, suite->name, name, BYTES_ARG(buf_bytes(&field)));
        suite->failed++;
    }
    buf_free(&field);
    arena_destroy(arena);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: spf_suite NAME FILE.json\n");
        return 2;
    }
    struct suite suite = {.name = argv[1]};
    if (!run_file(argv[2], &suite, run_case))
        return 2;
    printf("%s: %u/%u", suite.name, suite.passed, suite.cases);
    if (suite.differing)
        printf(", %u differ as RFC 7208 says", suite.differing);
    if (suite.failed)
        printf(", %u FAILED", suite.failed);
    printf("\n");
    return suite.failed != 0 || suite.cases == 0;
}
