/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/arc_chain.h"

#include "auth/dkim_key.h"
#include "fiber/fiber.h"
#include "fiber/offload.h"

enum { OFFLOAD_BODY_MIN = 512 * 1024 };

/* Collecting (rfc8617:5.2 step 1) */

static void note(struct arena *arena, struct arc_chain *chain, const char *format, ...)
    printf_like(3, 4);

/* Only the first fault is told. */
static void note(struct arena *arena, struct arc_chain *chain, const char *format, ...)
{
    if (chain->problem.len)
        return;
    va_list args;
    va_start(args, format);
    chain->problem = arena_vprintf(arena, format, args);
    va_end(args);
}

static unsigned read_field(struct arena *arena, enum arc_kind kind, struct bytes value,
                           struct arc_link *link, enum result *result, struct error *error)
{
    unsigned instance;
    if (kind == ARC_AUTHENTICATION_RESULTS) {
        *result = arc_auth_results_split(value, &instance, &link->payload, error);
        return instance;
    }
    struct arc_signature *signature = kind == ARC_SEAL ? &link->seal : &link->message_signature;
    struct bytes *problem = kind == ARC_SEAL ? &link->seal_problem : &link->message_problem;
    *result = arc_signature_parse(arena, kind, value, signature, error);
    if (*result == PERM && signature->instance)
        *problem = arena_copy(arena, bytes_of(error->text));
    return signature->instance;
}

static void keep_field(struct arc_link *link, enum arc_kind kind, const struct header_field *field,
                       const struct arc_link *read)
{
    link->fields[kind] = field;
    if (kind == ARC_AUTHENTICATION_RESULTS) {
        link->payload = read->payload;
    } else if (kind == ARC_MESSAGE_SIGNATURE) {
        link->message_signature = read->message_signature;
        link->message_problem = read->message_problem;
    } else {
        link->seal = read->seal;
        link->seal_problem = read->seal_problem;
    }
}

static enum result add_field(struct arena *arena, struct arc_chain *chain, enum arc_kind kind,
                             const struct header_field *field)
{
    struct arc_link read = {0};
    struct error error;
    enum result result;
    unsigned instance = read_field(arena, kind, field->value, &read, &result, &error);
    if (result == TEMP)
        return TEMP;
    if (instance == 0) {
        note(arena, chain, "a field %s cannot be read: %s", arc_kind_name(kind), error.text);
        return OK;
    }
    if (instance > ARC_SETS_MAX) {
        chain->overfull = true;
        return OK;
    }
    struct arc_link *link = &chain->links[instance - 1];
    if (instance > chain->count)
        chain->count = instance;
    if (link->fields[kind])
        note(arena, chain, "set %u has more than one %s", instance, arc_kind_name(kind));
    else
        keep_field(link, kind, field, &read);
    return OK;
}

/* Structure (rfc8617:5.2 steps 2 and 3) */

static void check_link(struct arena *arena, struct arc_chain *chain, size_t i)
{
    const struct arc_link *link = &chain->links[i];
    for (int kind = 0; kind < ARC_KINDS; kind++)
        if (!link->fields[kind])
            note(arena, chain, "set %zu has no %s", i + 1, arc_kind_name(kind));
    enum auth_result cv = link->seal.cv, expected = i == 0 ? AUTH_NONE : AUTH_PASS;
    /* One that cannot be read is a fault of the seal, and told as that. */
    if (link->fields[ARC_SEAL] && cv != AUTH_UNKNOWN && cv != expected)
        note(arena, chain, "the seal of set %zu says cv=%s where it must say cv=%s", i + 1,
             auth_result_name(cv), auth_result_name(expected));
}

enum result arc_chain_collect(struct arena *arena, const struct message *message,
                              struct arc_chain *out)
{
    *out = (struct arc_chain){0};
    for (size_t i = 0; i < message->field_count; i++) {
        enum arc_kind kind;
        if (!arc_kind_of(message->fields[i].name, &kind))
            continue;
        if (!out->links)
            out->links = arena_alloc_array(arena, ARC_SETS_MAX, sizeof(*out->links));
        if (!out->links || add_field(arena, out, kind, &message->fields[i]) == TEMP)
            return TEMP;
    }
    if (!out->links)
        return NONE;
    if (out->count) {
        const struct arc_link *newest = &out->links[out->count - 1];
        out->exhausted = newest->fields[ARC_SEAL] && newest->seal.cv == AUTH_FAIL;
    }
    for (size_t i = 0; i < out->count; i++)
        check_link(arena, out, i);
    return arena_exhausted(arena) ? TEMP : OK;
}

/* Hashes */

void arc_scope_open(struct arc_scope *scope)
{
    *scope = (struct arc_scope){.running = EVP_MD_CTX_new(), .copy = EVP_MD_CTX_new()};
    scope->failed = !scope->running || !scope->copy ||
                    EVP_DigestInit_ex(scope->running, dkim_digest(DKIM_RSA_SHA256), NULL) != 1;
}

void arc_scope_close(struct arc_scope *scope)
{
    EVP_MD_CTX_free(scope->running);
    EVP_MD_CTX_free(scope->copy);
}

static bool update(EVP_MD_CTX *context, struct bytes run)
{
    return EVP_DigestUpdate(context, run.ptr, run.len) == 1;
}

static void add_to_running(void *context, struct bytes run)
{
    struct arc_scope *scope = context;
    scope->failed |= !update(scope->running, run);
}

static void add_to_copy(void *context, struct bytes run)
{
    struct arc_scope *scope = context;
    scope->failed |= !update(scope->copy, run);
}

void arc_scope_add(struct arc_scope *scope, const struct header_field *field)
{
    struct dkim_sink sink;
    if (scope->failed)
        return;
    dkim_sink_open(&sink, add_to_running, scope);
    dkim_canonical_field(&sink, DKIM_RELAXED, field);
    dkim_sink_flush(&sink);
}

bool arc_scope_hash(struct arc_scope *scope, const struct header_field *seal, struct bytes omitted,
                    struct dkim_hash *out)
{
    struct dkim_sink sink;
    unsigned size = 0;
    if (scope->failed || EVP_MD_CTX_copy_ex(scope->copy, scope->running) != 1)
        return false;
    dkim_sink_open(&sink, add_to_copy, scope);
    dkim_canonical_signature(&sink, DKIM_RELAXED, seal, omitted);
    dkim_sink_flush(&sink);
    if (scope->failed || EVP_DigestFinal_ex(scope->copy, out->octets, &size) != 1)
        return false;
    out->len = size;
    return true;
}

struct body_job {
    struct bytes body;
    struct dkim_body_hash *wanted[2];
    size_t count;
};

static void run_body_job(void *argument)
{
    struct body_job *job = argument;
    dkim_hash_bodies(job->body, job->wanted, job->count);
}

void arc_hash_body(struct bytes body, struct arc_body_hashes *hashes)
{
    struct body_job job = {.body = body};
    for (int i = DKIM_SIMPLE; i <= DKIM_RELAXED; i++) {
        hashes->hashes[i] =
            (struct dkim_body_hash){.canonicalization = i, .digest = dkim_digest(DKIM_RSA_SHA256)};
        if (hashes->wanted[i])
            job.wanted[job.count++] = &hashes->hashes[i];
    }
    if (body.len >= OFFLOAD_BODY_MIN && fiber_current())
        offload(run_body_job, &job);
    else
        run_body_job(&job);
}
