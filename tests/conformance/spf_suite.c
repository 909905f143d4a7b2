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
#include "dns/zone.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- Zone data ---- */

/* JSON strings hold the octets as characters below 256. */
static struct bytes octets(struct arena *arena, const json_t *value)
{
    struct bytes text = bytes_from(json_string_value(value), json_string_length(value));
    uint8_t *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    require(out);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= 0xc0 && i + 1 < text.len)
            c = (uint8_t)((c << 6) | (text.ptr[++i] & 0x3f));
        out[len++] = c;
    }
    return bytes_from(out, len);
}

static struct bytes joined(struct arena *arena, const json_t *value)
{
    if (json_is_string(value))
        return octets(arena, value);
    struct bytes all = BYTES("");
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct bytes part = octets(arena, json_array_get(value, i));
        uint8_t *text = arena_alloc(arena, all.len + part.len);
        require(text);
        if (all.len)
            memcpy(text, all.ptr, all.len);
        if (part.len)
            memcpy(text + all.len, part.ptr, part.len);
        all = bytes_from(text, all.len + part.len);
    }
    return all;
}

static void add_record(struct zone *zone, struct arena *arena, struct bytes name, const char *type,
                       const json_t *value)
{
    enum dns_type number;
    struct bytes text;
    require(dns_type_parse(bytes_of(type), &number));
    if (number == DNS_MX) {
        struct bytes host = octets(arena, json_array_get(value, 1));
        text = arena_printf(arena, "%s " BYTES_FMT, json_string_value(json_array_get(value, 0)),
                            BYTES_ARG(host.len ? host : BYTES(".")));
    } else {
        text = joined(arena, value);
    }
    if (!zone_add(zone, name, number, 300, text))
        panic("cannot be in a zone: " BYTES_FMT " %s", BYTES_ARG(name), type);
}

static bool is_none(const json_t *value)
{
    return json_is_string(value) && strcmp(json_string_value(value), "NONE") == 0;
}

/*
 * Type SPF counts as TXT where the name has no entry for TXT; "TXT: NONE" is such an entry without
 * a record. TIMEOUT fails all questions whose type the name has no record of.
 */
static void add_name(struct zone *zone, struct arena *arena, struct bytes name, const json_t *list)
{
    static const enum dns_type asked[] = {DNS_A, DNS_AAAA, DNS_MX, DNS_PTR, DNS_TXT, DNS_CNAME};
    bool has[256] = {false}, has_txt_entry = false, timeout = false;
    size_t i;
    for (i = 0; i < json_array_size(list); i++)
        has_txt_entry |= json_object_get(json_array_get(list, i), "TXT") != NULL;
    zone_add_name(zone, name);
    for (i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i), *value;
        const char *type;
        timeout |= json_is_string(item);
        json_object_foreach(item, type, value)
        {
            if (is_none(value))
                continue;
            if (strcmp(type, "SPF") == 0) {
                if (has_txt_entry)
                    continue;
                type = "TXT";
            }
            enum dns_type number;
            require(dns_type_parse(bytes_of(type), &number) && number < 256);
            has[number] = true;
            add_record(zone, arena, name, type, value);
        }
    }
    for (i = 0; timeout && i < countof(asked); i++)
        if (!has[asked[i]])
            zone_add_failure(zone, name, asked[i]);
}

static struct zone *read_zone(struct arena *arena, json_t *data)
{
    struct zone *zone = zone_create();
    const char *name;
    json_t *list;
    json_object_foreach(data, name, list) add_name(zone, arena, bytes_of(name), list);
    return zone;
}

/* ---- Cases ---- */

static struct bytes member(struct arena *arena, json_t *test, const char *key)
{
    const json_t *value = json_object_get(test, key);
    return json_is_string(value) ? octets(arena, value) : BYTES("");
}

static bool result_is_expected(const json_t *expected, const char *result)
{
    if (json_is_string(expected))
        return strcasecmp(json_string_value(expected), result) == 0;
    for (size_t i = 0; i < json_array_size(expected); i++)
        if (strcasecmp(json_string_value(json_array_get(expected, i)), result) == 0)
            return true;
    return false;
}

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

static void run_document(struct suite *suite, json_t *document)
{
    struct arena *arena = arena_create(16 << 20);
    struct zone *zone = read_zone(arena, json_object_get(document, "zonedata"));
    const char *name;
    json_t *test;
    json_object_foreach(json_object_get(document, "tests"), name, test)
        run_case(suite, zone, name, test);
    zone_destroy(zone);
    arena_destroy(arena);
}

int main(int argc, char **argv)
{
    json_error_t error;
    if (argc != 3) {
        fprintf(stderr, "usage: spf_suite NAME FILE.json\n");
        return 2;
    }
    json_t *documents = json_load_file(argv[2], JSON_ALLOW_NUL, &error);
    if (!documents) {
        fprintf(stderr, "%s: line %d: %s\n", argv[2], error.line, error.text);
        return 2;
    }
    struct suite suite = {.name = argv[1]};
    for (size_t i = 0; i < json_array_size(documents); i++)
        run_document(&suite, json_array_get(documents, i));
    json_decref(documents);
    printf("%s: %u/%u", suite.name, suite.passed, suite.cases);
    if (suite.differing)
        printf(", %u differ as RFC 7208 says", suite.differing);
    if (suite.failed)
        printf(", %u FAILED", suite.failed);
    printf("\n");
    return suite.failed != 0 || suite.cases == 0;
}
