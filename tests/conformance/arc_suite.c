/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arc_suite: the ARC test suite of Valimail (as JSON: yaml_to_json.py).
 *
 * usage: arc_suite validate|sign FILE.json
 *
 * The sign cases give the three fields that a sealer makes which writes its tags in the order of
 * the alphabet; they are compared without white space, signatures included. Exit code 1 if any case
 * fails.
 */
#include "auth/arc_seal.h"
#include "auth/dkim_key.h"
#include "base/ascii.h"
#include "dns/zone.h"

#include <jansson.h>
#include <openssl/pem.h>

#include <stdio.h>
#include <string.h>

enum { MEMORY_MAX = 1 << 24, NOW = 1500000000, NAMES_MAX = 32 };

static struct arena *arena;
static unsigned cases, passed, open_cases;

static struct bytes member(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return value ? bytes_from(json_string_value(value), json_string_length(value)) : BYTES("");
}

static struct zone *make_zone(json_t *records)
{
    struct zone *zone = zone_create();
    const char *name;
    json_t *text;
    require(zone);
    json_object_foreach(records, name, text)
    {
        struct bytes value = bytes_from(json_string_value(text), json_string_length(text));
        require(zone_add(zone, bytes_of(name), DNS_TXT, 60, bytes_trim(value)));
    }
    return zone;
}

static void verify(struct zone *zone, json_t *test, struct message *message,
                   struct arc_results *results)
{
    struct arc_options options = {.now = NOW, .deadline = INT64_MAX};
    struct bytes text = message_normalize(arena, member(test, "message"));
    require(text.ptr && message_parse(arena, text, message, NULL) == OK);
    arc_verify(zone_dns(zone), arena, message, &options, results);
}

/* ---- validate ---- */

/* Three cases, in which a seal says cv=fail, expect nothing in particular. The text decides. */
static const char *expected_result(struct bytes cv)
{
    if (cv.len == 0) {
        open_cases++;
        return "fail"; /* rfc8617:5.2 steps 2 and 3 C */
    }
    return bytes_is_nocase(cv, "none") ? "none" : bytes_is_nocase(cv, "pass") ? "pass" : "fail";
}

static bool validate(struct zone *zone, const char *name, json_t *test)
{
    struct message message;
    struct arc_results results;
    const char *expected = expected_result(member(test, "cv"));
    verify(zone, test, &message, &results);
    const char *got = auth_result_name(results.result);
    if (strcmp(got, expected) == 0 && (results.result == AUTH_FAIL) == (results.problem.len > 0))
        return true;
    printf("  FAILED: %s is %s (" BYTES_FMT "), expected %s\n", name, got,
           BYTES_ARG(results.problem), expected);
    return false;
}

/* ---- sign ---- */

static struct bytes without_space(struct bytes text)
{
    uint8_t *to = arena_alloc(arena, text.len);
    size_t count = 0;
    require(to);
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_space(text.ptr[i]))
            to[count++] = text.ptr[i];
    return bytes_from(to, count);
}

static bool field_is(const char *test, const struct message *set, const char *name,
                     struct bytes expected)
{
    const struct header_field *field = message_field(set, name, 0);
    struct bytes got = field ? without_space(field->value) : BYTES("");
    if (bytes_equal(got, without_space(expected)))
        return true;
    printf("  FAILED: %s: %s is\n    " BYTES_FMT "\n  expected\n    " BYTES_FMT "\n", test, name,
           BYTES_ARG(got), BYTES_ARG(without_space(expected)));
    return false;
}

static EVP_PKEY *read_key(struct bytes text)
{
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    require(key);
    return key;
}

static void split_names(struct bytes list, const char *names[NAMES_MAX])
{
    struct bytes name;
    size_t count = 0;
    while (bytes_split(&list, ':', &name) && count < NAMES_MAX - 1)
        names[count++] = arena_string(arena, name);
    names[count] = NULL;
}

static enum result seal(struct zone *zone, json_t *document, json_t *test, struct buf *out,
                        struct error *error)
{
    const char *names[NAMES_MAX];
    struct message message;
    struct arc_results chain;
    struct auth_results found;
    uint64_t time;
    EVP_PKEY *key = read_key(member(document, "privatekey"));
    verify(zone, test, &message, &chain);
    split_names(member(test, "sig-headers"), names);
    require(bytes_to_uint(member(test, "t"), INT64_MAX, &time));
    require(arc_seal_collect_results(arena, &message, member(test, "srv-id"), &found) == OK);
    struct arc_sealing sealing = {.algorithm = DKIM_RSA_SHA256,
                                  .domain = member(document, "domain"),
                                  .selector = member(document, "sel"),
                                  .time = (int64_t)time,
                                  .auth_results = &found,
                                  .headers = names,
                                  .unfolded = true};
    enum result result =
        arc_seal(arena, &message, &sealing, &chain, dkim_sign_with_key, key, out, error);
    EVP_PKEY_free(key);
    return result;
}

static bool sign(struct zone *zone, json_t *document, const char *name, json_t *test)
{
    struct buf out;
    struct error error;
    struct message set;
    struct bytes expected = member(test, "AS");
    buf_init(&out, 1 << 20);
    enum result result = seal(zone, document, test, &out, &error);
    /* No field is expected where the chain must not go on. */
    bool good = result == (expected.len ? OK : NONE);
    if (!good)
        printf("  FAILED: %s: %s (%s)\n", name, result_name(result), error.text);
    if (good && result == OK) {
        buf_add_string(&out, "\r\n");
        require(message_parse(arena, buf_bytes(&out), &set, NULL) == OK && set.field_count == 3);
        good = field_is(name, &set, "ARC-Authentication-Results", member(test, "AAR"));
        good &= field_is(name, &set, "ARC-Message-Signature", member(test, "AMS"));
        good &= field_is(name, &set, "ARC-Seal", expected);
    }
    buf_free(&out);
    return good;
}

/* ---- */

static void run_document(bool signing, json_t *document)
{
    const char *name;
    json_t *test;
    struct zone *zone = make_zone(json_object_get(document, "txt-records"));
    json_object_foreach(json_object_get(document, "tests"), name, test)
    {
        cases++;
        passed += signing ? sign(zone, document, name, test) : validate(zone, name, test);
        arena_reset(arena);
    }
    zone_destroy(zone);
}

int main(int argc, char **argv)
{
    json_error_t error;
    if (argc != 3 || (strcmp(argv[1], "validate") != 0 && strcmp(argv[1], "sign") != 0)) {
        fprintf(stderr, "usage: arc_suite validate|sign FILE.json\n");
        return 2;
    }
    json_t *documents = json_load_file(argv[2], 0, &error);
    if (!documents) {
        fprintf(stderr, "%s: line %d: %s\n", argv[2], error.line, error.text);
        return 2;
    }
    arena = arena_create(MEMORY_MAX);
    require(arena);
    for (size_t i = 0; i < json_array_size(documents); i++)
        run_document(strcmp(argv[1], "sign") == 0, json_array_get(documents, i));
    json_decref(documents);
    arena_destroy(arena);
    dkim_key_cache_clear();
    if (open_cases)
        printf("  %u expect no result of their own: fail (rfc8617:5.2 steps 2 and 3 C)\n",
               open_cases);
    printf("ARC %s %u/%u\n", argv[1], passed, cases);
    return passed == cases && cases ? 0 : 1;
}
