/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * senderid_suite: runs one file of cases (as JSON: yaml_to_json.py) against PRA and Sender ID.
 *
 * usage: senderid_suite NAME FILE.json
 *
 * The form is that of the openspf.org suites. A case with "mailfrom" checks the scope mfrom, one
 * with "pra" the scope pra. One with "header" finds the PRA in it, and expects the address "pra"
 * ("none": there is none) of the field "field"; with a "result" it goes on to the check. Exit code
 * 1 if any case fails.
 */
#include "auth/sender_id.h"
#include "base/clock.h"
#include "message/pra.h"
#include "spf_yaml.h"

#include <stdio.h>
#include <stdlib.h>

struct suite {
    const char *name;
    unsigned cases, passed;
};

struct one_case {
    struct suite *suite;
    const char *name;
    json_t *test;
    struct arena *arena;
    bool failed;
};

static void complain(struct one_case *c, const char *what, struct bytes got, const char *key)
{
    struct bytes spec = member(c->arena, c->test, "spec");
    char *expected = json_dumps(json_object_get(c->test, key), JSON_ENCODE_ANY);
    printf("FAILED %s %s (" BYTES_FMT "): %s \"" BYTES_FMT "\", expected %s\n", c->suite->name,
           c->name, BYTES_ARG(spec), what, BYTES_ARG(got), expected ? expected : "nothing");
    free(expected);
    c->failed = true;
}

static void expect_member(struct one_case *c, const char *key, struct bytes got)
{
    if (json_object_get(c->test, key) && !bytes_equal(member(c->arena, c->test, key), got))
        complain(c, key, got, key);
}

static struct bytes find_pra(struct one_case *c)
{
    struct pra pra;
    struct message message;
    struct bytes text = message_normalize(c->arena, member(c->arena, c->test, "header"));
    require(message_parse(c->arena, text, &message, NULL) == OK);
    enum result result = pra_find(c->arena, &message, &pra);
    require(result == OK || result == NONE);
    expect_member(c, "pra", result == OK ? pra.mailbox : BYTES("none"));
    expect_member(c, "field", pra.field);
    return pra.mailbox;
}

static void check(struct one_case *c, struct zone *zone, enum sender_id_scope scope,
                  struct bytes mailbox)
{
    const json_t *expected = json_object_get(c->test, "result");
    struct sender_id_result result;
    struct spf_request request = {
        .helo = member(c->arena, c->test, "helo"),
        .receiver = BYTES("mx.receiver.example"),
        .now = 1700000000,
        .deadline = NO_DEADLINE,
        .trace = true,
    };
    require(ip_parse(member(c->arena, c->test, "host"), &request.ip));
    sender_id_check(zone_dns(zone), c->arena, &request, scope, mailbox, &result);
    const char *got = auth_result_name(result.result);
    if (!result_is_expected(expected, got)) {
        complain(c, "result", bytes_of(got), "result");
        printf("  because: " BYTES_FMT "\n", BYTES_ARG(result.problem));
    }
    expect_member(c, "explanation", result.explanation);
}

static void run_case(struct suite *suite, struct zone *zone, const char *name, json_t *test)
{
    struct one_case c = {suite, name, test, arena_create(16 << 20), false};
    bool header = json_object_get(test, "header") != NULL;
    bool mail_from = json_object_get(test, "mailfrom") != NULL;
    require(header || mail_from || json_object_get(test, "pra"));
    struct bytes mailbox =
        header ? find_pra(&c) : member(c.arena, test, mail_from ? "mailfrom" : "pra");
    if (json_object_get(test, "result"))
        check(&c, zone, mail_from ? SENDER_ID_MFROM : SENDER_ID_PRA, mailbox);
    suite->cases++;
    suite->passed += !c.failed;
    arena_destroy(c.arena);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: senderid_suite NAME FILE.json\n");
        return 2;
    }
    struct suite suite = {.name = argv[1]};
    if (!run_file(argv[2], &suite, run_case))
        return 2;
    printf("%s: %u/%u", suite.name, suite.passed, suite.cases);
    if (suite.passed != suite.cases)
        printf(", %u FAILED", suite.cases - suite.passed);
    printf("\n");
    return suite.passed != suite.cases || suite.cases == 0;
}
