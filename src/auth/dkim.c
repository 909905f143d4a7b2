/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim.h"

#include "auth/dkim_hash.h"
#include "auth/dkim_key.h"
#include "auth/dkim_record.h"
#include "auth/dkim_signature.h"
#include "auth/key_fetch.h"
#include "fiber/offload.h"

enum { OFFLOAD_BODY_MIN = 512 * 1024 }; /* hashing less does not hold the loop up for long */

/* One signature under way. */
struct attempt {
    const struct header_field *field;
    struct dkim_signature signature;
    struct dkim_signature_result *result;
    bool undecided;
    struct bytes key_name;
    const struct dns_answer *answer;
    struct dkim_body_hash body;
};

struct verification {
    struct dns *dns;
    struct arena *arena;
    const struct message *message;
    const struct dkim_options *options;
    struct attempt attempts[DKIM_SIGNATURES_MAX];
    size_t count;
};

static void decide(struct verification *v, struct attempt *attempt, enum auth_result result,
                   const char *problem)
{
    attempt->undecided = false;
    attempt->result->result = result;
    attempt->result->problem = arena_copy(v->arena, bytes_of(problem));
}

/* 1. What the field itself says (rfc6376:6.1.1) */

static void describe(struct attempt *attempt)
{
    const struct dkim_signature *signature = &attempt->signature;
    struct dkim_signature_result *result = attempt->result;
    result->domain = signature->domain;
    result->selector = signature->selector;
    result->identity = signature->identity;
    result->algorithm = signature->algorithm_text;
    result->signature = signature->signature_text;
    result->header_list = signature->header_list;
    result->body_length_used = signature->has_length;
    result->made = signature->has_time ? signature->time : 0;
    result->expires = signature->has_expiration ? signature->expiration : 0;
}

/* A syntax error or a broken rule is a permanent error (rfc6376:6.1.1); what is merely not known
 * here is neutral (rfc6376:3.3.4, rfc8601:2.7.1). */
static enum auth_result result_of_parse(enum result result)
{
    return result == PERM ? AUTH_PERMERROR : result == TEMP ? AUTH_TEMPERROR : AUTH_NEUTRAL;
}

static void read_signature(struct verification *v, struct attempt *attempt)
{
    struct error error;
    enum result result = dkim_signature_parse(v->arena, attempt->field->value,
                                              v->options->historic, &attempt->signature, &error);
    describe(attempt);
    attempt->result->from_future = attempt->signature.has_time &&
                                   attempt->signature.time > v->options->now + DKIM_CLOCK_SKEW;
    if (result != OK) {
        decide(v, attempt, result_of_parse(result), error.text);
        return;
    }
    if (attempt->signature.algorithm == DKIM_RSA_SHA1 && !v->options->historic) {
        decide(v, attempt, AUTH_PERMERROR, "rsa-sha1 is no longer acceptable (RFC 8301)");
        return;
    }
    if (dkim_signature_is_expired(&attempt->signature, v->options->now)) {
        attempt->result->expired = true;
        decide(v, attempt, AUTH_PERMERROR, "the signature has expired (x=)");
        return;
    }
    attempt->key_name =
        dkim_record_name(v->arena, attempt->signature.selector, attempt->signature.domain);
    if (!attempt->key_name.ptr)
        decide(v, attempt, AUTH_TEMPERROR, "out of memory for this message");
}

static void list_fields(struct verification *v, struct dkim_results *results)
{
    const struct message *message = v->message;
    for (size_t i = 0; i < message->field_count; i++) {
        if (!bytes_equal_nocase(message->fields[i].name, BYTES("DKIM-Signature")))
            continue;
        if (v->count < DKIM_SIGNATURES_MAX)
            v->attempts[v->count++] = (struct attempt){.field = &message->fields[i]};
        else
            results->ignored++;
    }
}

static bool collect(struct verification *v, struct dkim_results *results)
{
    list_fields(v, results);
    results->signatures = arena_alloc_array(v->arena, v->count, sizeof(*results->signatures));
    if (!results->signatures) {
        results->ignored += v->count;
        return false;
    }
    results->count = v->count;
    for (size_t i = 0; i < v->count; i++) {
        struct attempt *attempt = &v->attempts[i];
        attempt->result = &results->signatures[i];
        attempt->undecided = true;
        read_signature(v, attempt);
    }
    return true;
}

/* 2. The keys, all at once (rfc6376:6.1.2) */

static void fetch_keys(struct verification *v)
{
    struct key_fetch keys[DKIM_SIGNATURES_MAX] = {0};
    for (size_t i = 0; i < v->count; i++)
        if (v->attempts[i].undecided)
            keys[i].name = v->attempts[i].key_name;
    if (!key_fetch(v->dns, v->arena, keys, v->count, v->options->deadline))
        return;
    for (size_t i = 0; i < v->count; i++)
        v->attempts[i].answer = keys[i].answer;
}

static void check_answers(struct verification *v)
{
    for (size_t i = 0; i < v->count; i++) {
        struct attempt *attempt = &v->attempts[i];
        if (!attempt->undecided)
            continue;
        if (!attempt->answer || attempt->answer->status == DNS_FAILED) {
            const char *problem = attempt->answer ? attempt->answer->problem : NULL;
            struct error error;
            error_set(&error, TEMP, "the key could not be fetched%s%s", problem ? ": " : "",
                      problem ? problem : "");
            decide(v, attempt, AUTH_TEMPERROR, error.text);
        } else if (attempt->answer->status != DNS_FOUND || attempt->answer->count == 0) {
            decide(v, attempt, AUTH_PERMERROR, "there is no key record in DNS");
        }
    }
}

/* 3. The body */

struct body_job {
    struct bytes body;
    struct dkim_body_hash *wanted[DKIM_SIGNATURES_MAX];
    size_t count;
};

static void run_body_job(void *argument)
{
    struct body_job *job = argument;
    dkim_hash_bodies(job->body, job->wanted, job->count);
}

static void hash_bodies(struct verification *v)
{
    struct body_job job = {.body = v->message->body};
    for (size_t i = 0; i < v->count; i++) {
        struct attempt *attempt = &v->attempts[i];
        if (!attempt->undecided)
            continue;
        attempt->body = (struct dkim_body_hash){
            .canonicalization = attempt->signature.body_canonicalization,
            .digest = dkim_digest(attempt->signature.algorithm),
            .limited = attempt->signature.has_length,
            .length = attempt->signature.length,
        };
        job.wanted[job.count++] = &attempt->body;
    }
    if (job.count == 0)
        return;
    if (job.body.len >= OFFLOAD_BODY_MIN && fiber_current())
        offload(run_body_job, &job);
    else
        run_body_job(&job);
}

static bool body_matches(const struct attempt *attempt)
{
    return bytes_equal(attempt->signature.body_hash,
                       bytes_from(attempt->body.hash.octets, attempt->body.hash.len));
}

/* 4. The signature against each key that stands at the name */

/* What one key record gave. A better rank replaces what an earlier record gave. */
struct judgement {
    enum auth_result result;
    const char *problem;
    int rank;
    struct error error; /* where `problem` lies when a key record says it */
};

enum { RANK_NONE, RANK_NO_KEY, RANK_BAD_KEY, RANK_UNFIT, RANK_FAIL, RANK_GOOD };

static void judged(struct judgement *j, int rank, enum auth_result result, const char *problem)
{
    if (rank <= j->rank)
        return;
    j->rank = rank;
    j->result = result;
    j->problem = problem;
}

/* Whether this key may be used for this signature at all (rfc6376:6.1.2 steps 6 to 8). */
static bool key_is_suitable(const struct attempt *attempt, const struct dkim_options *options,
                            const struct dkim_key *key, struct judgement *j)
{
    const struct dkim_key_record *record = dkim_key_record(key);
    enum dkim_algorithm algorithm = attempt->signature.algorithm;
    const char *problem = NULL;
    if (!dkim_key_fits(key, algorithm))
        problem = "the key is not of the signature's algorithm";
    else if (!(algorithm == DKIM_RSA_SHA1 ? record->sha1 : record->sha256))
        problem = "the key does not allow the signature's hash algorithm (h=)";
    else if (record->strict_identity && attempt->signature.identity_is_subdomain)
        problem = "the key does not allow i= in a subdomain of d= (t=s)";
    else if (record->type == DKIM_KEY_RSA && dkim_key_bits(key) < DKIM_RSA_BITS_MIN &&
             !options->historic)
        problem = "the RSA key is shorter than 1024 bits (RFC 8301)";
    if (problem)
        judged(j, RANK_UNFIT, AUTH_PERMERROR, problem);
    return !problem;
}

/* What a signature that is good in itself is worth here. */
static void judge_good(const struct attempt *attempt, const struct dkim_options *options,
                       const struct dkim_key *key, struct judgement *j)
{
    bool rsa = dkim_key_record(key)->type == DKIM_KEY_RSA;
    unsigned bits = dkim_key_bits(key);
    if (dkim_key_record(key)->testing)
        judged(j, RANK_GOOD, AUTH_POLICY,
               "the signature verifies, but its key is in testing (t=y): as good as unsigned");
    else if (attempt->signature.algorithm == DKIM_RSA_SHA1)
        judged(j, RANK_GOOD, AUTH_POLICY, "the signature verifies, but rsa-sha1 is retired");
    else if (rsa && bits < DKIM_RSA_BITS_MIN)
        judged(j, RANK_GOOD, AUTH_POLICY, "the signature verifies, but its key is too short");
    else if (rsa && bits < options->rsa_bits_least)
        judged(j, RANK_GOOD, AUTH_POLICY, "the RSA key is shorter than is accepted here");
    else if (attempt->signature.has_length)
        judged(j, RANK_GOOD, AUTH_POLICY, "the body is signed in part only (l=)");
    else
        judged(j, RANK_GOOD, AUTH_PASS, "");
}

/* A key in testing makes no fail: such mail is to be treated like unsigned mail, even should the
 * signature not verify (rfc6376:3.6.1). */
static void judge_misfit(const struct dkim_key *key, struct judgement *j, const char *problem,
                         const char *problem_in_testing)
{
    if (dkim_key_record(key)->testing)
        judged(j, RANK_FAIL, AUTH_NEUTRAL, problem_in_testing);
    else
        judged(j, RANK_FAIL, AUTH_FAIL, problem);
}

/* True when the next record need not be looked at. */
static bool try_record(struct attempt *attempt, const struct dkim_options *options,
                       struct bytes text, struct bytes hash, unsigned *tried, struct judgement *j)
{
    const struct dkim_key *key;
    struct error error;
    enum result found = dkim_key_find(text, &key, &error);
    if (found != OK) {
        int rank = found == NONE ? RANK_NO_KEY : RANK_BAD_KEY;
        if (rank > j->rank)
            j->error = error;
        judged(j, rank, found == TEMP ? AUTH_TEMPERROR : AUTH_PERMERROR, j->error.text);
        return false;
    }
    if (!key_is_suitable(attempt, options, key, j)) {
        attempt->result->key_bits = dkim_key_bits(key);
        return false;
    }
    attempt->result->key_bits = dkim_key_bits(key);
    attempt->result->key_testing = dkim_key_record(key)->testing;
    if (!body_matches(attempt)) {
        judge_misfit(key, j, "the body is not the one that was signed",
                     "the body is not the one that was signed; the key is in testing (t=y)");
        return true;
    }
    if (dkim_key_verify(key, attempt->signature.algorithm, hash, attempt->signature.signature)) {
        judge_good(attempt, options, key, j);
        return true;
    }
    judge_misfit(key, j, "the signature does not fit header and key",
                 "the signature does not fit header and key; the key is in testing (t=y)");
    return ++*tried == KEYS_TRIED_MAX;
}

static void try_keys(struct verification *v, struct attempt *attempt,
                     const struct dkim_header_index *index)
{
    struct dkim_hash hash;
    if (!dkim_hash_header(v->arena, index, &attempt->signature, attempt->field,
                          dkim_digest(attempt->signature.algorithm), &hash)) {
        decide(v, attempt, AUTH_TEMPERROR, "out of memory for this message");
        return;
    }
    struct judgement j;
    j.result = AUTH_PERMERROR;
    j.problem = "";
    j.rank = RANK_NONE;
    const struct dns_answer *answer = attempt->answer;
    unsigned tried = 0;
    for (size_t i = 0; i < answer->count && i < KEY_RECORDS_MAX; i++)
        if (try_record(attempt, v->options, answer->records[i].text,
                       bytes_from(hash.octets, hash.len), &tried, &j))
            break;
    decide(v, attempt, j.result, j.problem);
}

static void judge_signatures(struct verification *v)
{
    const struct dkim_header_index *index = NULL;
    for (size_t i = 0; i < v->count; i++) {
        struct attempt *attempt = &v->attempts[i];
        if (!attempt->undecided)
            continue;
        if (!index)
            index = dkim_header_index(v->arena, v->message);
        if (!index || attempt->body.failed)
            decide(v, attempt, AUTH_TEMPERROR, "out of memory for this message");
        else if (attempt->body.too_short)
            decide(v, attempt, AUTH_PERMERROR, "l= is larger than the body");
        else
            try_keys(v, attempt, index);
    }
}

void dkim_verify(struct dns *dns, struct arena *arena, const struct message *message,
                 const struct dkim_options *options, struct dkim_results *results)
{
    struct verification v; /* large: only the attempts that are used get filled */
    v.dns = dns;
    v.arena = arena;
    v.message = message;
    v.options = options;
    v.count = 0;
    *results = (struct dkim_results){0};
    if (!collect(&v, results))
        return;
    fetch_keys(&v);
    check_answers(&v);
    hash_bodies(&v);
    judge_signatures(&v);
}
