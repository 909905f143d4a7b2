/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_suite: DKIM and DomainKeys against the corpora of Mail::DKIM and of dkimpy.
 *
 * usage: dkim_suite FOLDER      (with mail-dkim-perl/ and dkimpy/)
 *
 * Mail::DKIM's corpus was made between 2005 and 2008: nearly all of it is signed with rsa-sha1 or
 * with keys of 512 bits, which RFC 8301 forbids. So each file is verified twice: as live mail is,
 * where those must be refused, and with dkim_options.historic, which sets RFC 8301 aside, where a
 * signature that verifies comes out as "policy". What differs beyond that stands in a table with
 * its reason. Exit code 1 if anything else differs. The files of DomainKeys are verified as such, and
 * must not pass as DKIM.
 */
#include "auth/dkim.h"
#include "auth/dkim_key.h"
#include "auth/dkim_sign.h"
#include "auth/domainkeys.h"
#include "base/encode.h"
#include "dns/zone.h"

#include <openssl/pem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_SIZE_MAX = 1 << 20, MEMORY_MAX = 1 << 24 };

static const char *folder;
static struct arena *arena;

static struct bytes read_file(const char *part, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s/%s", folder, part, name);
    FILE *file = fopen(path, "rb");
    uint8_t *text = arena_alloc(arena, FILE_SIZE_MAX);
    if (!file || !text) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    size_t length = fread(text, 1, FILE_SIZE_MAX, file);
    fclose(file);
    return bytes_from(text, length);
}

static const struct message *parse(struct bytes text)
{
    struct message *message = arena_new(arena, struct message);
    struct error error;
    require(message);
    if (message_parse(arena, message_normalize(arena, text), message, &error) != OK) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    return message;
}

static void verify(struct zone *zone, struct bytes text, bool historic, int64_t now,
                   struct dkim_results *results)
{
    struct dkim_options options = {.now = now, .deadline = INT64_MAX, .historic = historic};
    dkim_verify(zone_dns(zone), arena, parse(text), &options, results);
}

/* Mail::DKIM */

/*
 * Files that are not DKIM of an RFC. They are read (nothing may break), and must not pass.
 */
static const struct apart {
    const char *prefix, *reason;
} apart[] = {
    {"good_ietf00_", "a draft before RFC 4871, without v= (rfc6376:3.5: v= is required)"},
    {"good_ietf01_", "a draft before RFC 4871, without v= (rfc6376:3.5: v= is required)"},
    {"bad_ietf01_", "a draft before RFC 4871, without v= (rfc6376:3.5: v= is required)"},
    {"mine_ietf01_", "a draft before RFC 4871, without v= (rfc6376:3.5: v= is required)"},
    {"multiple_1.", "a draft before RFC 4871, without v= (rfc6376:3.5: v= is required)"},
    {"bad_1.", "a draft before RFC 4871, without v= (rfc6376:3.5: v= is required)"},
};

/* Where RFC 6376 gives another result than the corpus expects, also with RFC 8301 set aside. */
static const struct difference {
    const char *file, *result, *reason;
} differences[] = {
    {"badkey_8.txt", "pass", "g= of the key is ignored (rfc6376:C.2)"},
    {"badkey_9.txt", "pass", "g= of the key is ignored (rfc6376:C.2)"},
    {"badkey_12.txt", "pass", "g= of the key is ignored (rfc6376:C.2)"},
    {"badkey_13.txt", "pass", "g= of the key is ignored (rfc6376:C.2)"},
};

/* The corpus's three words. A signature that verifies but is refused is a pass to it. */
static const char *word_of(const struct dkim_results *results, bool historic)
{
    const char *word = results->count ? NULL : "none";
    for (size_t i = 0; i < results->count; i++) {
        enum auth_result result = results->signatures[i].result;
        if (result == AUTH_PASS || (historic && result == AUTH_POLICY))
            return "pass";
        /* What does not fit, but under a key in testing, is "neutral" here. */
        bool misfit = result == AUTH_NEUTRAL && results->signatures[i].key_testing;
        if (!word)
            word = result == AUTH_FAIL || misfit ? "fail" : "invalid";
    }
    return word;
}

/* Whether RFC 8301 is why the live result is no pass. */
static bool is_retired(const struct dkim_results *results)
{
    for (size_t i = 0; i < results->count; i++)
        if (bytes_find(results->signatures[i].problem, BYTES("RFC 8301")) != BYTES_NOT_FOUND)
            return true;
    return false;
}

static bool has_draft_version(const struct dkim_results *results)
{
    for (size_t i = 0; i < results->count; i++)
        if (bytes_find(results->signatures[i].problem, BYTES("\"0.5\"")) != BYTES_NOT_FOUND)
            return true;
    return false;
}

struct tally {
    unsigned cases, live, retired, draft, differing, failed, apart;
    unsigned domainkeys, domainkeys_good;
};

/* DomainKeys. A signature that fits is "policy" where its key is short or in testing. */
static const char *domainkeys_word(enum auth_result result)
{
    return result == AUTH_PASS || result == AUTH_POLICY ? "pass"
           : result == AUTH_FAIL                        ? "fail"
                                                        : "invalid";
}

static bool run_domainkeys(struct tally *tally, struct zone *zone, const char *file,
                           struct bytes text, const char *expected,
                           const struct dkim_results *results)
{
    struct domainkeys_result result;
    const char *name = strncmp(file, "good_", 5) == 0 ? file + 5 : file;
    name = strncmp(name, "bad_", 4) == 0 ? name + 4 : name;
    if (strncmp(name, "dk_", 3) != 0)
        return false;
    domainkeys_verify(zone_dns(zone), arena, parse(text), INT64_MAX, &result);
    bool good = strcmp(domainkeys_word(result.result), expected) == 0 && results->count == 0;
    if (!good)
        printf("  FAILED: %s is %s (" BYTES_FMT "), expected %s\n", file,
               auth_result_name(result.result), BYTES_ARG(result.problem), expected);
    tally->domainkeys++;
    tally->domainkeys_good += good;
    tally->failed += !good;
    return true;
}

static bool run_apart(struct tally *tally, const char *file, const struct dkim_results *results)
{
    for (size_t i = 0; i < countof(apart); i++) {
        if (strncmp(file, apart[i].prefix, strlen(apart[i].prefix)) != 0)
            continue;
        tally->apart++;
        bool passed = strcmp(word_of(results, false), "pass") == 0;
        printf("  apart: %-18s %s%s\n", file, apart[i].reason, passed ? " BUT PASSES" : "");
        tally->failed += passed;
        return true;
    }
    return false;
}

static void run_difference(struct tally *tally, const char *file, const char *expected,
                           const char *got)
{
    for (size_t i = 0; i < countof(differences); i++) {
        if (strcmp(file, differences[i].file) == 0 && strcmp(got, differences[i].result) == 0) {
            printf("  differs: %-16s %s, corpus %s: %s\n", file, got, expected,
                   differences[i].reason);
            tally->differing++;
            return;
        }
    }
    printf("  FAILED: %s is %s, expected %s\n", file, got, expected);
    tally->failed++;
}

static void run_mail_dkim(struct tally *tally, struct zone *zone, const char *file,
                          const char *expected)
{
    struct dkim_results live, historic;
    char name[256];
    snprintf(name, sizeof(name), "corpus/%s", file);
    struct bytes text = read_file("mail-dkim-perl", name);
    int64_t now = 1700000000;
    verify(zone, text, false, now, &live);
    verify(zone, text, true, now, &historic);
    if (run_apart(tally, file, &live) ||
        run_domainkeys(tally, zone, file, text, expected, &live))
        return;
    tally->cases++;
    const char *got = word_of(&historic, true);
    if (strcmp(got, expected) != 0) {
        run_difference(tally, file, expected, got);
        return;
    }
    if (strcmp(word_of(&live, false), expected) == 0)
        tally->live++;
    else if (is_retired(&live))
        tally->retired++;
    else if (has_draft_version(&live))
        tally->draft++;
    else
        run_difference(tally, file, expected, word_of(&live, false));
}

static struct zone *read_fake_dns(void)
{
    struct zone *zone = zone_create();
    struct bytes text = read_file("mail-dkim-perl", "FAKE_DNS.dat"), line;
    while (bytes_split(&text, '\n', &line)) {
        size_t space = bytes_find_byte(line, ' ');
        if (space == BYTES_NOT_FOUND || bytes_starts_with(line, BYTES("#")))
            continue;
        struct bytes name = bytes_first(line, space), value = bytes_trim(bytes_skip(line, space));
        if (bytes_is(value, "NXDOMAIN"))
            continue;
        if (bytes_starts_with(value, BYTES("~~")))
            zone_add_failure(zone, name, 0);
        else
            require(zone_add(zone, name, DNS_TXT, 60, bytes_is(value, "\"\"") ? BYTES("") : value));
    }
    return zone;
}

static unsigned mail_dkim(void)
{
    struct zone *zone = read_fake_dns();
    struct bytes list = read_file("mail-dkim-perl", "expected.tsv"), line, file, expected;
    struct tally tally = {0};
    while (bytes_split(&list, '\n', &line)) {
        if (!bytes_trim(line).len)
            continue;
        bytes_split(&line, '\t', &file);
        bytes_split(&line, '\t', &expected);
        struct arena_mark mark = arena_mark(arena);
        run_mail_dkim(&tally, zone, arena_string(arena, file), arena_string(arena, expected));
        arena_rewind(arena, mark);
    }
    zone_destroy(zone);
    printf("  %u as expected; %u as expected but for RFC 8301 (rsa-sha1, short keys); %u but for "
           "their v=0.5; %u differ as explained; %u apart\n",
           tally.live, tally.retired, tally.draft, tally.differing, tally.apart);
    printf("mail-dkim: %u/%u\n", tally.live + tally.retired + tally.draft + tally.differing,
           tally.cases);
    printf("mail-dkim DomainKeys: %u/%u\n", tally.domainkeys_good, tally.domainkeys);
    return tally.failed;
}

/* dkimpy: messages that come signed */

static const struct signed_case {
    const char *message, *key_name, *key_file; /* key_file NULL: `record` */
    const char *record;
    const char *results; /* of all signatures, in order */
} signed_cases[] = {
    {"rfc6376.signed.rsa.msg", "test._domainkey.football.example.com", "test.txt", NULL, "pass"},
    {"rfc6376.signed.no_t.msg", "test._domainkey.football.example.com", "test.txt", NULL,
     /* x= is part of what is signed; the file was edited to hold it. */
     "fail"},
    {"rfc6376.signed.msg", "test._domainkey.football.example.com", "test.txt", NULL,
     "permerror pass"},
    {"rfc6376.signed.msg", "brisbane._domainkey.football.example.com", NULL,
     /* rfc8463:A.2 */
     "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "pass permerror"},
    {"rfc6376.signed.msg", "brisbane._domainkey.football.example.com", "test.txt", NULL,
     "permerror permerror"},
    {"ed25519test2.msg", "sed._domainkey.test.ex", "eximtest.dns", NULL, "pass"},
    {"ed25519test2.msg", "sed._domainkey.test.ex", "ed25519test.dns", NULL, "fail"},
    {"test.message.baddomain", "test._domainkey.legitimate.com", "test.txt", NULL, "permerror"},
    {"rfc6376.signed.rsa.msg", "test._domainkey.football.example.com", "test2.txt", NULL, "pass"},
    {"rfc6376.signed.rsa.msg", "test._domainkey.football.example.com", "test_bad.txt", NULL,
     "permerror"},
    {"rfc6376.signed.rsa.msg", "test._domainkey.football.example.com", "badversion.txt", NULL,
     "permerror"},
    {"rfc6376.signed.rsa.msg", "test._domainkey.football.example.com", "badk.txt", NULL,
     "permerror"},
    {"rfc6376.signed.rsa.msg", "test._domainkey.football.example.com", "test_tlsrpt.txt", NULL,
     "permerror"},
    /* The keys of these two are not in the corpus. With a key of another the body hash is still
     * compared first, so that "does not fit header and key" says the body was canonicalized well.
     * */
    {"message.mbox", "2007-00._domainkey.kitterman.com", "test.txt", NULL, "fail"},
    {"test2.message", "20120113._domainkey.gmail.com", "test.txt", NULL, "fail"},
    {"test.message", "test._domainkey.example.com", "test.txt", NULL, ""},
    {"rfc6376.msg", "test._domainkey.example.com", "test.txt", NULL, ""},
};

static struct bytes results_text(const struct dkim_results *results)
{
    struct bytes text = BYTES("");
    for (size_t i = 0; i < results->count; i++)
        text = arena_printf(arena, BYTES_FMT "%s%s", BYTES_ARG(text), i ? " " : "",
                            auth_result_name(results->signatures[i].result));
    return text;
}

static bool run_signed(const struct signed_case *c)
{
    struct zone *zone = zone_create();
    struct dkim_results results;
    struct bytes record = c->key_file ? read_file("dkimpy", c->key_file) : bytes_of(c->record);
    require(zone_add(zone, bytes_of(c->key_name), DNS_TXT, 60, bytes_trim(record)));
    verify(zone, read_file("dkimpy", c->message), false, 1600000000, &results);
    struct bytes got = results_text(&results);
    bool good = bytes_is(got, c->results);
    if (strcmp(c->results, "fail") == 0 && good)
        good = bytes_find(results.signatures[0].problem, BYTES("body")) == BYTES_NOT_FOUND;
    if (!good)
        printf("  FAILED: %s with %s: \"" BYTES_FMT "\" (" BYTES_FMT "), expected \"%s\"\n",
               c->message, c->key_file ? c->key_file : c->record, BYTES_ARG(got),
               BYTES_ARG(results.count ? results.signatures[0].problem : BYTES("no signature")),
               c->results);
    zone_destroy(zone);
    return good;
}

/* dkimpy: private keys, with which its messages are signed here and verified with its key records
 * */

static const struct key_pair {
    const char *private_key, *record;
    bool ed25519;
} key_pairs[] = {
    {"test.private", "test.txt", false},
    {"test2.private", "test2.txt", false},
    {"1024_testkey.key", "1024_testkey_wo_markers.pub.txt", false},
    {"1024_testkey.key", "1024_testkey_wo_markers.pub.rsa.txt", false},
    {"2048_testkey.key", "2048_testkey_wo_markers.pub.txt", false},
    {"2048_testkey.key", "2048_testkey_wo_markers.pub.rsa.txt", false},
    {"2048_testkey_PKCS8.key", "2048_testkey_PKCS8.key.pub.txt", false},
    {"ed25519test.key", "ed25519test.dns", true},
};

static const char *const unsigned_messages[] = {"test.message", "test_extra.message",
                                                "ed25519test.msg", "rfc6376.msg",
                                                "rfc6376.w1258.msg"};

static EVP_PKEY *read_private_key(const struct key_pair *pair)
{
    struct bytes text = read_file("dkimpy", pair->private_key), seed;
    if (pair->ed25519) {
        require(base64_decode(arena, bytes_trim(text), &seed) && seed.len == 32);
        return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.ptr, seed.len);
    }
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return key;
}

static bool run_key_pair(const struct key_pair *pair, const char *file, bool relaxed_header,
                         bool relaxed_body)
{
    EVP_PKEY *key = read_private_key(pair);
    struct zone *zone = zone_create();
    struct bytes text = message_normalize(arena, read_file("dkimpy", file));
    struct message message;
    struct dkim_signing signing;
    struct dkim_results results = {0};
    struct error error;
    struct buf whole;
    buf_init(&whole, FILE_SIZE_MAX);
    dkim_signing_init(&signing, BYTES("example.com"), BYTES("test"));
    signing.algorithm = pair->ed25519 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
    signing.header_canonicalization = relaxed_header ? DKIM_RELAXED : DKIM_SIMPLE;
    signing.body_canonicalization = relaxed_body ? DKIM_RELAXED : DKIM_SIMPLE;
    signing.time = 1600000000;
    require(key);
    require(message_parse(arena, text, &message, &error) == OK);
    require(zone_add(zone, BYTES("test._domainkey.example.com"), DNS_TXT, 60,
                     bytes_trim(read_file("dkimpy", pair->record))));
    bool good = dkim_sign(arena, &message, &signing, dkim_sign_with_key, key, &whole, &error) == OK;
    buf_add(&whole, text);
    if (good)
        verify(zone, buf_bytes(&whole), false, 1600000001, &results);
    good = good && results.count == 1 && results.signatures[0].result == AUTH_PASS;
    if (!good)
        printf("  FAILED: %s signed with %s, verified with %s\n", file, pair->private_key,
               pair->record);
    buf_free(&whole);
    zone_destroy(zone);
    EVP_PKEY_free(key);
    return good;
}

static bool refuses_without_from(void)
{
    struct message message;
    struct dkim_signing signing;
    struct dkim_unsigned prepared;
    struct error error;
    struct bytes text = message_normalize(arena, read_file("dkimpy", "test_nofrom.message"));
    dkim_signing_init(&signing, BYTES("example.com"), BYTES("test"));
    require(message_parse(arena, text, &message, &error) == OK);
    return dkim_sign_prepare(arena, &message, &signing, &prepared, &error) == PERM;
}

static unsigned dkimpy(void)
{
    unsigned passed = 0, cases = 0;
    for (size_t i = 0; i < countof(signed_cases); i++, cases++) {
        passed += run_signed(&signed_cases[i]);
        arena_reset(arena);
    }
    for (size_t i = 0; i < countof(key_pairs); i++) {
        for (size_t k = 0; k < countof(unsigned_messages); k++) {
            for (unsigned how = 0; how < 4; how++, cases++) {
                passed += run_key_pair(&key_pairs[i], unsigned_messages[k], how & 1, how & 2);
                arena_reset(arena);
            }
        }
    }
    passed += refuses_without_from();
    cases++;
    printf("dkimpy: %u/%u\n", passed, cases);
    return cases - passed;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: dkim_suite FOLDER\n");
        return 2;
    }
    folder = argv[1];
    arena = arena_create(MEMORY_MAX);
    require(arena);
    unsigned failed = mail_dkim();
    arena_reset(arena);
    failed += dkimpy();
    arena_destroy(arena);
    dkim_key_cache_clear();
    return failed ? 1 : 0;
}
