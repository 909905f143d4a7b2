/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DKIM verification against what OpenSSL alone allows.
 *
 * Distinct messages of 6 KB are signed at the start (RSA-2048, relaxed/relaxed, several domains).
 * Then, in turns of a few messages, so that a change of the machine's speed meets both sides alike:
 *   vouch  dkim_verify() of each message, keys from a zone in memory (the header is split into
 *          fields beforehand, once for all checks, as the gateway does)
 *   peer   SHA-256 over the whole message and one RSA verify, with contexts made ready beforehand
 * Each message is verified once a round; nothing but keys is remembered between messages. CPU time
 * of the thread is counted, over all rounds but the first.
 */
#include "auth/dkim.h"
#include "auth/dkim_key.h"
#include "auth/dkim_sign.h"
#include "base/encode.h"
#include "dns/zone.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MESSAGES = 2000,
    DOMAINS = 8,
    MESSAGE_SIZE = 6 * 1024,
    ROUNDS = 6,
    TURN = 50, /* messages */
    ARENA_SIZE = 1 << 20
};

struct sample {
    struct bytes raw;
    struct bytes covered; /* the octets that the peer hashes: header and body */
    uint8_t hash[32];     /* what the peer's signature is over */
    uint8_t signature[512];
    size_t signature_size;
    unsigned domain;
};

static struct sample samples[MESSAGES];
static EVP_PKEY *keys[DOMAINS];
static EVP_PKEY_CTX *verifiers[DOMAINS];

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void add_body(struct buf *out, unsigned number, const char *line_end)
{
    static const char *const words[] = {"delivery", "of", "the", "invoice", "was", "late", "again",
                                        "please", "answer", "before", "friday,", "thank", "you."};
    uint32_t state = number * 2654435761u + 1;
    size_t column = 0;
    while (out->len < MESSAGE_SIZE) {
        state = state * 1664525u + 1013904223u;
        const char *word = words[(state >> 16) % countof(words)];
        buf_add_string(out, word);
        column += strlen(word) + 1;
        /* Now and then what canonicalization has to change: two spaces, a space at a line's end. */
        buf_add_string(out, (state >> 8) % 61 == 0 ? "  " : " ");
        if (column > 66) {
            if ((state >> 5) % 16)
                out->len--;
            buf_add_string(out, line_end);
            column = 0;
        }
    }
    buf_printf(out, "%s%u%s", line_end, number, line_end);
}

static void make_message(struct buf *out, unsigned number, unsigned domain)
{
    buf_printf(out,
               "Received: from mx%u.example.org (mx%u.example.org [192.0.2.%u])\r\n"
               "\tby mail.example.net (Postfix) with ESMTPS id %08x\r\n"
               "\tfor <user@example.net>; Tue, 3 Mar 2026 10:11:12 +0000 (UTC)\r\n"
               "From: \"Sender %u\" <sender%u@d%u.example>\r\n"
               "To: User <user@example.net>,\r\n other%u@example.net\r\n"
               "Subject: Message number %u of the benchmark\r\n"
               "Date: Tue, 3 Mar 2026 10:11:%02u +0000\r\n"
               "Message-ID: <%u.%u@d%u.example>\r\n"
               "MIME-Version: 1.0\r\n"
               "Content-Type: text/plain; charset=utf-8\r\n"
               "Content-Transfer-Encoding: 7bit\r\n"
               "X-Mailer: bench 1.0\r\n\r\n",
               number, number, number % 250 + 1, number, number, number, domain, number, number,
               number % 60, number, number * 7, domain);
    add_body(out, number, "\r\n");
}

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "dkim_bench: %s failed\n", what);
    exit(1);
}

static void make_key(struct zone *zone, unsigned domain)
{
    uint8_t *der = NULL;
    struct buf record;
    char name[64];
    keys[domain] = EVP_RSA_gen(2048);
    must(keys[domain] != NULL, "making a key");
    int size = i2d_PUBKEY(keys[domain], &der);
    must(size > 0, "writing a key");
    buf_init(&record, 4096);
    buf_add_string(&record, "v=DKIM1; k=rsa; p=");
    base64_encode(&record, bytes_from(der, (size_t)size));
    int length = snprintf(name, sizeof(name), "sel._domainkey.d%u.example", domain);
    must(zone_add(zone, bytes_from(name, (size_t)length), DNS_TXT, 3600, buf_bytes(&record)),
         "filling the zone");
    buf_free(&record);
    OPENSSL_free(der);
    verifiers[domain] = EVP_PKEY_CTX_new(keys[domain], NULL);
    must(EVP_PKEY_verify_init(verifiers[domain]) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(verifiers[domain], RSA_PKCS1_PADDING) == 1 &&
             EVP_PKEY_CTX_set_signature_md(verifiers[domain], dkim_digest(DKIM_RSA_SHA256)) == 1,
         "preparing a verifier");
}

/* The message with its signature, and for the peer a signature over the hash of all its octets. */
static void make_sample(struct arena *arena, struct sample *sample, unsigned number)
{
    struct buf text, whole;
    struct message message;
    struct dkim_signing signing;
    char domain[32];
    struct bytes signature;
    sample->domain = number % DOMAINS;
    int length = snprintf(domain, sizeof(domain), "d%u.example", sample->domain);
    buf_init(&text, 1 << 20);
    buf_init(&whole, 1 << 20);
    make_message(&text, number, sample->domain);
    must(message_parse(arena, buf_bytes(&text), &message, NULL) == OK, "parsing");
    dkim_signing_init(&signing, bytes_from(domain, (size_t)length), BYTES("sel"));
    signing.time = 1772532672;
    must(dkim_sign(arena, &message, &signing, dkim_sign_with_key, keys[sample->domain], &whole,
                   NULL) == OK,
         "signing");
    buf_add(&whole, buf_bytes(&text));
    uint8_t *copy = malloc(whole.len);
    must(copy != NULL, "memory");
    memcpy(copy, whole.ptr, whole.len);
    sample->raw = bytes_from(copy, whole.len);
    sample->covered = sample->raw;
    EVP_Digest(sample->covered.ptr, sample->covered.len, sample->hash, NULL,
               dkim_digest(DKIM_RSA_SHA256), NULL);
    must(dkim_sign_with_key(keys[sample->domain], arena, DKIM_RSA_SHA256,
                            bytes_from(sample->hash, 32), &signature, NULL) == OK,
         "signing for the peer");
    memcpy(sample->signature, signature.ptr, signature.len);
    sample->signature_size = signature.len;
    buf_free(&text);
    buf_free(&whole);
    arena_reset(arena);
}

/* CPU seconds for one turn. */
static double run_vouch(struct dns *dns, struct arena *arena, struct arena *parsed, size_t first)
{
    struct dkim_options options = {.now = 1772532700, .deadline = INT64_MAX};
    struct message messages[TURN];
    for (size_t i = 0; i < TURN; i++)
        must(message_parse(parsed, samples[first + i].raw, &messages[i], NULL) == OK, "parsing");
    double start = cpu_seconds();
    for (size_t i = 0; i < TURN; i++) {
        struct dkim_results results;
        dkim_verify(dns, arena, &messages[i], &options, &results);
        must(results.count == 1 && results.signatures[0].result == AUTH_PASS, "verifying");
        arena_reset(arena);
    }
    double seconds = cpu_seconds() - start;
    arena_reset(parsed);
    return seconds;
}

static double run_peer(EVP_MD_CTX *context, size_t first)
{
    double start = cpu_seconds();
    for (size_t i = first; i < first + TURN; i++) {
        const struct sample *sample = &samples[i];
        uint8_t hash[32];
        must(EVP_DigestInit_ex(context, dkim_digest(DKIM_RSA_SHA256), NULL) == 1 &&
                 EVP_DigestUpdate(context, sample->covered.ptr, sample->covered.len) == 1 &&
                 EVP_DigestFinal_ex(context, hash, NULL) == 1 &&
                 EVP_PKEY_verify(verifiers[sample->domain], sample->signature,
                                 sample->signature_size, hash, sizeof(hash)) == 1,
             "verifying by the peer");
    }
    return cpu_seconds() - start;
}

int main(void)
{
    struct zone *zone = zone_create();
    struct arena *arena = arena_create(ARENA_SIZE), *parsed = arena_create(ARENA_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    double vouch = 0, peer = 0;
    must(arena && parsed && context, "memory");
    for (unsigned i = 0; i < DOMAINS; i++)
        make_key(zone, i);
    for (unsigned i = 0; i < MESSAGES; i++)
        make_sample(arena, &samples[i], i);
    for (int round = 0; round < ROUNDS; round++) {
        double a = 0, b = 0;
        for (size_t first = 0; first < MESSAGES; first += TURN) {
            /* Who comes first finds the messages cold in the cache; so they take turns at that. */
            bool peer_first = (first / TURN + (size_t)round) % 2;
            b += peer_first ? run_peer(context, first) : 0;
            a += run_vouch(zone_dns(zone), arena, parsed, first);
            b += peer_first ? 0 : run_peer(context, first);
        }
        printf("round %d: vouch %.0f, OpenSSL alone %.0f messages/s of one core\n", round + 1,
               MESSAGES / a, MESSAGES / b);
        vouch += round ? a : 0;
        peer += round ? b : 0;
    }
    double count = (double)MESSAGES * (ROUNDS - 1);
    printf("bench dkim-verify: vouch=%.0f peer=%.0f ratio=%.2f msg/s\n", count / vouch,
           count / peer, peer / vouch);
    EVP_MD_CTX_free(context);
    for (unsigned i = 0; i < DOMAINS; i++) {
        EVP_PKEY_CTX_free(verifiers[i]);
        EVP_PKEY_free(keys[i]);
    }
    for (unsigned i = 0; i < MESSAGES; i++)
        free((void *)samples[i].raw.ptr);
    dkim_key_cache_clear();
    arena_destroy(arena);
    arena_destroy(parsed);
    zone_destroy(zone);
    return 0;
}
