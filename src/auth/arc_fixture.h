/* SPDX-License-Identifier: BSD-2-Clause */
/* arc_fixture: what the tests of ARC share: chains to be made, changed and verified. */
#ifndef VOUCH_AUTH_ARC_FIXTURE_H
#define VOUCH_AUTH_ARC_FIXTURE_H

#include "auth/arc_chain.h"
#include "auth/arc_seal.h"
#include "auth/dkim_fixture.h"

#define MAIL PLAIN_HEADERS "\r\n" PLAIN_BODY

static inline struct bytes text_of(struct fixture *f, const char *text)
{
    return arena_copy(f->arena, bytes_of(text));
}

static inline struct arc_results verify_chain(struct fixture *f, struct bytes text)
{
    struct message *message = arena_new(f->arena, struct message);
    struct arc_options options = {.now = NOW, .deadline = INT64_MAX};
    struct arc_results results;
    assert_int_equal(message_parse(f->arena, text, message, NULL), OK);
    arc_verify(zone_dns(f->zone), f->arena, message, &options, &results);
    assert_int_equal(results.result == AUTH_FAIL || results.result == AUTH_TEMPERROR,
                     results.problem.len > 0);
    return results;
}

/* `problem` is part of the sentence. */
static inline struct arc_results expect_chain(struct fixture *f, struct bytes text,
                                              enum auth_result result, const char *problem)
{
    struct arc_results results = verify_chain(f, text);
    if (results.result != result ||
        bytes_find(results.problem, bytes_of(problem)) == BYTES_NOT_FOUND)
        fail_msg("%s (" BYTES_FMT "), not %s (%s)", auth_result_name(results.result),
                 BYTES_ARG(results.problem), auth_result_name(result), problem);
    return results;
}

static inline struct auth_results found_results(void)
{
    static struct auth_property mailfrom = {BYTES_INIT("smtp"), BYTES_INIT("mailfrom"),
                                            BYTES_INIT("ann@example.org")};
    static struct auth_statement spf = {.method = BYTES_INIT("spf"),
                                        .version = 1,
                                        .result = AUTH_PASS,
                                        .properties = &mailfrom,
                                        .property_count = 1};
    return (struct auth_results){BYTES("mx.example.org"), 1, &spf, 1};
}

static inline struct arc_sealing sealing_of(const struct auth_results *found)
{
    return (struct arc_sealing){.algorithm = DKIM_RSA_SHA256,
                                .domain = BYTES("example.org"),
                                .selector = BYTES("s"),
                                .time = NOW - 1,
                                .auth_results = found};
}

/* Seals on behalf of a chain that is said to be so; the new fields. */
static inline enum result seal_as(struct fixture *f, struct bytes text,
                                  const struct arc_sealing *sealing,
                                  const struct arc_results *chain, EVP_PKEY *key, struct bytes *set,
                                  struct error *error)
{
    struct message *message = arena_new(f->arena, struct message);
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(message_parse(f->arena, text, message, NULL), OK);
    enum result result =
        arc_seal(f->arena, message, sealing, chain, dkim_sign_with_key, key, &out, error);
    *set = arena_copy(f->arena, buf_bytes(&out));
    buf_free(&out);
    return result;
}

/* The message with one more set, as an honest sealer leaves it. */
static inline struct bytes seal_at(struct fixture *f, struct bytes text, const char *domain,
                                   EVP_PKEY *key)
{
    struct auth_results found = found_results();
    struct arc_sealing sealing = sealing_of(&found);
    struct arc_results chain = verify_chain(f, text);
    struct bytes set;
    struct error error;
    sealing.domain = bytes_of(domain);
    sealing.algorithm = key == ed25519 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
    if (seal_as(f, text, &sealing, &chain, key, &set, &error) != OK)
        fail_msg("%s", error.text);
    return arena_printf(f->arena, BYTES_FMT BYTES_FMT, BYTES_ARG(set), BYTES_ARG(text));
}

static inline struct bytes seal_times(struct fixture *f, const char *text, unsigned times)
{
    struct bytes sealed = text_of(f, text);
    while (times--)
        sealed = seal_at(f, sealed, "example.org", rsa_1024);
    return sealed;
}

/* With the `nth` occurrence (from 0) of a text replaced, which must be there. */
static inline struct bytes replace_nth(struct fixture *f, struct bytes text, unsigned nth,
                                       const char *from, const char *to)
{
    size_t start = 0, at;
    for (;;) {
        at = bytes_find(bytes_skip(text, start), bytes_of(from));
        if (at == BYTES_NOT_FOUND)
            fail_msg("there is no \"%s\"", from);
        if (nth-- == 0)
            break;
        start += at + 1;
    }
    return arena_printf(f->arena, BYTES_FMT "%s" BYTES_FMT,
                        BYTES_ARG(bytes_first(text, start + at)), to,
                        BYTES_ARG(bytes_skip(text, start + at + strlen(from))));
}

static inline struct bytes replace(struct fixture *f, struct bytes text, const char *from,
                                   const char *to)
{
    return replace_nth(f, text, 0, from, to);
}

static inline struct bytes prepend(struct fixture *f, const char *field, struct bytes text)
{
    return arena_printf(f->arena, "%s" BYTES_FMT, field, BYTES_ARG(text));
}

#endif
