/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/arc.h"

#include "auth/arc_chain.h"
#include "auth/arc_key.h"
#include "auth/dkim_record.h"
#include "auth/dkim_key.h"

enum {
    /* What the older message signatures may cost: octets of header hashed. To look at them is
     * optional (rfc8617:5.2 step 5), and fifty times the largest header would be much for one
     * message. */
    OLDER_HEADERS_MAX = 4 * 1024 * 1024,
    RESULTS_MEMORY = 2 * 1024 * 1024 /* for what all ARC-Authentication-Results say */
};

struct verification {
    struct dns *dns;
    struct arena *arena;
    const struct message *message;
    const struct arc_options *options;
    struct arc_results *results;
    struct arc_chain chain;
    struct arc_body_hashes body;
    size_t oldest; /* the message signatures from this instance on are verified */
    struct key_fetch *seal_keys, *message_keys; /* by index, as the links */
};

static void decide(struct verification *v, enum auth_result result, const char *format, ...)
    printf_like(3, 4);

static void decide(struct verification *v, enum auth_result result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    v->results->result = result;
    v->results->problem = arena_vprintf(v->arena, format, args);
    va_end(args);
    if (!v->results->problem.len)
        v->results->problem = BYTES("out of memory for this message");
}

static void out_of_memory(struct verification *v)
{
    v->results->result = AUTH_TEMPERROR;
    v->results->problem = BYTES("out of memory for this message");
}

/* 1. What stands in the sets */

static void describe_results(struct arena *arena, const struct arc_link *link, struct arc_set *set)
{
    struct auth_results found;
    if (!arena || !link->fields[ARC_AUTHENTICATION_RESULTS] ||
        auth_results_parse(arena, link->payload, &found, NULL) != OK)
        return;
    set->authserv_id = found.authserv_id;
    set->auth_results = found;
}

static bool describe(struct verification *v)
{
    struct arc_results *results = v->results;
    results->sets = arena_alloc_array(v->arena, v->chain.count, sizeof(*results->sets));
    if (!results->sets)
        return false;
    results->count = v->chain.count;
    results->exhausted = v->chain.exhausted;
    /* Statements take several times the room of their text; too many are as good as unreadable. */
    struct arena *arena = arena_create_child(v->arena, RESULTS_MEMORY);
    for (size_t i = 0; i < results->count; i++) {
        const struct arc_link *link = &v->chain.links[i];
        struct arc_set *set = &results->sets[i];
        set->instance = (unsigned)i + 1;
        set->domain = link->seal.signature.domain;
        set->selector = link->seal.signature.selector;
        set->time = link->seal.signature.time;
        set->cv = link->fields[ARC_SEAL] ? link->seal.cv : AUTH_UNKNOWN;
        set->message_domain = link->message_signature.signature.domain;
        describe_results(arena, link, set);
    }
    return true;
}

/* 2. What can be told without DNS */

static bool has_structure(struct verification *v)
{
    const struct arc_chain *chain = &v->chain;
    if (chain->overfull)
        decide(v, AUTH_FAIL, "there are more than %d sets", ARC_SETS_MAX);
    else if (chain->exhausted)
        decide(v, AUTH_FAIL, "set %zu says that the chain had failed before (cv=fail)",
               chain->count);
    else if (chain->problem.len)
        decide(v, AUTH_FAIL, BYTES_FMT, BYTES_ARG(chain->problem));
    else
        return true;
    return false;
}

static void judge_message_signature(struct arc_set *set, enum auth_result result,
                                    struct bytes problem)
{
    set->message_signature = result;
    set->message_problem = problem;
}

/* What makes a message signature void whatever its key is. */
static bool is_usable(const struct verification *v, size_t i)
{
    const struct arc_link *link = &v->chain.links[i];
    const struct dkim_signature *signature = &link->message_signature.signature;
    struct arc_set *set = &v->results->sets[i];
    const struct dkim_hash *body = &v->body.hashes[signature->body_canonicalization].hash;
    if (link->message_problem.len)
        judge_message_signature(set, AUTH_PERMERROR, link->message_problem);
    else if (signature->has_length)
        judge_message_signature(set, AUTH_POLICY, BYTES("the body is signed in part only (l=)"));
    else if (dkim_signature_is_expired(signature, v->options->now))
        judge_message_signature(set, AUTH_PERMERROR, BYTES("the signature has expired (x=)"));
    else if (!bytes_equal(signature->body_hash, bytes_from(body->octets, body->len)))
        judge_message_signature(set, AUTH_FAIL, BYTES("the body is not the one that was signed"));
    else
        return true;
    return false;
}

static bool hash_body(struct verification *v)
{
    for (size_t i = 0; i < v->chain.count; i++) {
        const struct arc_link *link = &v->chain.links[i];
        if (!link->message_problem.len)
            v->body.wanted[link->message_signature.signature.body_canonicalization] = true;
    }
    arc_hash_body(v->message->body, &v->body);
    return !v->body.hashes[DKIM_SIMPLE].failed && !v->body.hashes[DKIM_RELAXED].failed;
}

/* Malformed seals (step 6), told before anything is asked for the others. */
static bool seals_are_well_formed(struct verification *v)
{
    for (size_t i = v->chain.count; i-- > 0;) {
        struct bytes problem = v->chain.links[i].seal_problem;
        if (!problem.len)
            continue;
        v->results->sets[i].seal = AUTH_PERMERROR;
        v->results->sets[i].seal_problem = problem;
        decide(v, AUTH_FAIL, "the seal of set %zu is void: " BYTES_FMT, i + 1, BYTES_ARG(problem));
        return false;
    }
    return true;
}

static bool newest_is_usable(struct verification *v)
{
    size_t newest = v->chain.count - 1;
    if (is_usable(v, newest))
        return true;
    decide(v, AUTH_FAIL, "the message signature of set %zu does not hold: " BYTES_FMT, newest + 1,
           BYTES_ARG(v->results->sets[newest].message_problem));
    return false;
}

/* Whose keys are worth fetching. */
static void find_oldest(struct verification *v)
{
    size_t octets = 0;
    v->oldest = v->chain.count - 1;
    while (v->oldest > 0 && is_usable(v, v->oldest - 1)) {
        octets += v->message->header.len;
        if (octets > OLDER_HEADERS_MAX)
            break;
        v->oldest--;
    }
}

/* 3. Keys, all at once */

static struct bytes key_name(struct arena *arena, const struct dkim_signature *signature)
{
    return dkim_record_name(arena, signature->selector, signature->domain);
}

static bool fetch_keys(struct verification *v)
{
    size_t count = v->chain.count;
    struct key_fetch *keys = arena_alloc_array(v->arena, count * 2, sizeof(*keys));
    if (!keys)
        return false;
    v->seal_keys = keys;
    v->message_keys = keys + count;
    for (size_t i = 0; i < count; i++) {
        const struct arc_link *link = &v->chain.links[i];
        keys[i].name = key_name(v->arena, &link->seal.signature);
        if (i >= v->oldest)
            keys[count + i].name = key_name(v->arena, &link->message_signature.signature);
        if (!keys[i].name.len || (i >= v->oldest && !keys[count + i].name.len))
            return false;
    }
    return key_fetch(v->dns, v->arena, keys, count * 2, v->options->deadline);
}

/* 4. Message signatures (steps 4 and 5) */

static enum auth_result verify_message_signature(struct verification *v, size_t i,
                                                 const struct dkim_header_index *index)
{
    const struct arc_link *link = &v->chain.links[i];
    const struct dkim_signature *signature = &link->message_signature.signature;
    struct arc_set *set = &v->results->sets[i];
    struct dkim_hash hash;
    struct error error;
    struct arena_mark mark = arena_mark(v->arena);
    bool hashed = dkim_hash_header(v->arena, index, signature, link->fields[ARC_MESSAGE_SIGNATURE],
                                   dkim_digest(signature->algorithm), &hash);
    arena_rewind(v->arena, mark);
    if (!hashed) {
        judge_message_signature(set, AUTH_TEMPERROR, BYTES("out of memory for this message"));
        return AUTH_TEMPERROR;
    }
    enum auth_result result = arc_key_verify(&v->message_keys[i], signature, &hash, &error);
    judge_message_signature(
        set, result, result == AUTH_PASS ? BYTES("") : arena_copy(v->arena, bytes_of(error.text)));
    return result;
}

/* False: the chain failed. */
static bool verify_message_signatures(struct verification *v)
{
    const struct dkim_header_index *index = dkim_header_index(v->arena, v->message);
    size_t newest = v->chain.count - 1, passed = newest;
    if (!index) {
        out_of_memory(v);
        return false;
    }
    enum auth_result result = verify_message_signature(v, newest, index);
    if (result != AUTH_PASS)
        decide(v, result == AUTH_TEMPERROR ? AUTH_TEMPERROR : AUTH_FAIL,
               "the message signature of set %zu does not hold: " BYTES_FMT, newest + 1,
               BYTES_ARG(v->results->sets[newest].message_problem));
    if (v->results->result == AUTH_FAIL)
        return false;
    while (passed > v->oldest && verify_message_signature(v, passed - 1, index) == AUTH_PASS)
        passed--;
    v->results->oldest_pass = passed ? (unsigned)passed + 1 : 0;
    return true;
}

/* 5. Seals (step 6) */

static struct dkim_hash *hash_seals(struct verification *v)
{
    struct dkim_hash *hashes = arena_alloc_array(v->arena, v->chain.count, sizeof(*hashes));
    struct arc_scope scope;
    if (!hashes)
        return NULL;
    arc_scope_open(&scope);
    for (size_t i = 0; i < v->chain.count && hashes; i++) {
        const struct arc_link *link = &v->chain.links[i];
        const struct header_field *seal = link->fields[ARC_SEAL];
        arc_scope_add(&scope, link->fields[ARC_AUTHENTICATION_RESULTS]);
        arc_scope_add(&scope, link->fields[ARC_MESSAGE_SIGNATURE]);
        if (!arc_scope_hash(&scope, seal, link->seal.signature.signature_span, &hashes[i]))
            hashes = NULL;
        arc_scope_add(&scope, seal);
    }
    arc_scope_close(&scope);
    return hashes;
}

/* A key that cannot be had is no last word as long as an older seal may be plainly wrong. */
static void verify_seals(struct verification *v)
{
    struct dkim_hash *hashes = hash_seals(v);
    if (!hashes) {
        out_of_memory(v);
        return;
    }
    for (size_t i = v->chain.count; i-- > 0;) {
        struct arc_set *set = &v->results->sets[i];
        struct error error;
        set->seal =
            arc_key_verify(&v->seal_keys[i], &v->chain.links[i].seal.signature, &hashes[i], &error);
        if (set->seal == AUTH_PASS)
            continue;
        bool temporary = set->seal == AUTH_TEMPERROR;
        set->seal_problem = arena_copy(v->arena, bytes_of(error.text));
        if (!temporary || v->results->result == AUTH_NONE)
            decide(v, temporary ? AUTH_TEMPERROR : AUTH_FAIL,
                   "the seal of set %zu does not hold: %s", i + 1, error.text);
        if (!temporary)
            return;
    }
}

void arc_verify(struct dns *dns, struct arena *arena, const struct message *message,
                const struct arc_options *options, struct arc_results *results)
{
    struct verification v = {
        .dns = dns, .arena = arena, .message = message, .options = options, .results = results};
    *results = (struct arc_results){.result = AUTH_NONE};
    enum result collected = arc_chain_collect(arena, message, &v.chain);
    if (collected == NONE)
        return;
    if (collected != OK || !describe(&v)) {
        out_of_memory(&v);
        return;
    }
    if (!has_structure(&v) || !seals_are_well_formed(&v))
        return;
    if (!hash_body(&v)) {
        out_of_memory(&v);
        return;
    }
    if (!newest_is_usable(&v))
        return;
    find_oldest(&v);
    if (!fetch_keys(&v)) {
        out_of_memory(&v);
        return;
    }
    if (!verify_message_signatures(&v))
        return;
    verify_seals(&v);
    if (results->result == AUTH_NONE)
        results->result = AUTH_PASS;
}
