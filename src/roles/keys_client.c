/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/keys_client.h"

#include "base/domain.h"
#include "base/map.h"
#include "roles/role.h"

#include <stdlib.h>
#include <string.h>

enum { CACHE_MAX = 10000, REQUEST_MAX = 4096, SASL_QUESTION_MAX = 24 * 1024 };

/* The cache */

struct keys_cache {
    struct map *domains; /* struct remembered */
};

struct remembered {
    struct arena *arena;
    struct keys_selectors selectors;
};

struct keys_cache *keys_cache_create(void)
{
    struct keys_cache *cache = calloc(1, sizeof(*cache));
    if (cache && !(cache->domains = map_create())) {
        free(cache);
        return NULL;
    }
    return cache;
}

static void forget(void *pointer)
{
    struct remembered *remembered = pointer;
    if (!remembered)
        return;
    arena_destroy(remembered->arena);
    free(remembered);
}

void keys_cache_destroy(struct keys_cache *cache)
{
    if (!cache)
        return;
    map_destroy(cache->domains, forget);
    free(cache);
}

static void remember(struct keys_cache *cache, struct bytes domain,
                     const struct keys_selectors *selectors)
{
    if (!cache || map_count(cache->domains) >= CACHE_MAX)
        return;
    struct remembered *remembered = calloc(1, sizeof(*remembered));
    if (!remembered)
        return;
    remembered->arena = arena_create(64 * 1024);
    bool fine = remembered->arena != NULL;
    remembered->selectors = *selectors;
    for (size_t i = 0; i < selectors->count && fine; i++) {
        struct keys_selector *item = &remembered->selectors.items[i];
        item->selector = arena_copy(remembered->arena, item->selector);
        fine = item->selector.ptr != NULL;
    }
    void *old = NULL;
    if (fine && map_put(cache->domains, domain, remembered, &old))
        forget(old);
    else
        forget(remembered);
}

/* Questions */

static enum result ask(struct ipc_channel *keys, struct arena *arena, enum protocol_type type,
                       struct buf *payload, int64_t deadline, struct bytes *answer,
                       struct error *error)
{
    struct ipc_message request = {(uint16_t)type, buf_bytes(payload), {-1, -1, -1, -1}}, reply;
    struct error why;
    enum result result = TEMP;
    if (payload->failed)
        return error_set(error, PERM, "a question to the keys process is too long");
    if (!keys)
        return error_set(error, TEMP, "the keys process is away");
    result = role_call(keys, arena, &request, &reply, deadline, &why);
    if (result != OK)
        return error_set(error, TEMP, "the keys process does not answer: %s", why.text);
    *answer = reply.payload;
    return OK;
}

static enum result no_sense(struct error *error)
{
    return error_set(error, TEMP, "the keys process gave no sensible answer");
}

enum result keys_ask_selectors(struct ipc_channel *keys, struct arena *arena, struct keys_cache *cache,
                               struct bytes domain, int64_t deadline, struct keys_selectors *out,
                               struct error *error)
{
    const struct remembered *known = cache ? map_get(cache->domains, domain) : NULL;
    out->count = 0;
    if (known) {
        /* Copies: the entry may go while the caller waits. */
        for (size_t i = 0; i < known->selectors.count; i++) {
            struct keys_selector item = known->selectors.items[i];
            item.selector = arena_copy(arena, item.selector);
            if (!item.selector.ptr)
                return error_set(error, TEMP, "out of memory for a signature");
            out->items[out->count++] = item;
        }
    } else {
        struct buf payload;
        struct bytes answer;
        buf_init(&payload, REQUEST_MAX);
        keys_domain_write(&payload, domain);
        enum result result = ask(keys, arena, KEYS_SELECTORS, &payload, deadline, &answer, error);
        buf_free(&payload);
        if (result != OK)
            return result;
        if (!keys_selectors_read(answer, out))
            return no_sense(error);
        remember(cache, domain, out);
    }
    return out->count ? OK
                      : error_set(error, NONE, "there is no active key for " BYTES_FMT,
                                  BYTES_ARG(domain));
}

/* NONE: a key is not there any more. */
static enum result ask_signatures(struct ipc_channel *keys, struct arena *arena,
                                  const struct keys_sign_request *request, int64_t deadline,
                                  struct keys_signatures *out, struct error *error)
{
    struct buf payload;
    struct bytes answer;
    buf_init(&payload, REQUEST_MAX);
    keys_sign_request_write(&payload, request);
    enum result result = ask(keys, arena, KEYS_SIGN, &payload, deadline, &answer, error);
    buf_free(&payload);
    if (result != OK)
        return result;
    if (!keys_signatures_read(answer, out) || out->count != request->count)
        return no_sense(error);
    for (size_t i = 0; i < out->count; i++)
        if (out->items[i].len == 0)
            return error_set(error, NONE, "there is no key " BYTES_FMT " for " BYTES_FMT " any more",
                             BYTES_ARG(request->items[i].selector), BYTES_ARG(request->domain));
    return OK;
}

/* Messages */

const struct config_signing *keys_signing_find(const struct config *config, struct bytes author_domain,
                                               struct bytes *domain)
{
    const struct config_signing *found = NULL;
    *domain = (struct bytes){NULL, 0};
    for (size_t i = 0; i < config->signing_count; i++) {
        const struct config_strings *names = &config->signings[i].domains;
        for (size_t j = 0; j < names->count; j++) {
            struct bytes name = bytes_of(names->items[j]);
            if (name.len <= domain->len || !domain_is_within(author_domain, name))
                continue;
            found = &config->signings[i];
            *domain = name;
        }
    }
    return found;
}

enum result keys_signing_from(struct arena *arena, const struct config_signing *section,
                              struct bytes domain, int64_t now, struct keys_signing *out,
                              struct error *error)
{
    *out = (struct keys_signing){
        .domain = domain, .now = now, .expire = section->expire / SECOND, .deadline = NO_DEADLINE};
    const char **names = arena_alloc_array(arena, section->headers.count + 1, sizeof(*names));
    if (!names)
        return error_set(error, TEMP, "out of memory for a signature");
    for (size_t i = 0; i < section->headers.count; i++)
        names[i] = section->headers.items[i];
    out->extra_headers = names;
    return OK;
}

static enum result prepare(struct arena *arena, const struct message *message,
                           const struct keys_signing *signing,
                           const struct keys_selectors *selectors, struct dkim_unsigned *prepared,
                           struct error *error)
{
    enum result result = OK;
    for (size_t i = 0; i < selectors->count && result == OK; i++) {
        struct dkim_signing wanted;
        dkim_signing_init(&wanted, signing->domain, selectors->items[i].selector);
        wanted.algorithm = selectors->items[i].algorithm;
        wanted.identity = signing->identity;
        wanted.time = signing->now;
        wanted.expiration = signing->expire ? signing->now + signing->expire : 0;
        wanted.extra_headers = signing->extra_headers;
        /* Both algorithms hash the body alike. */
        if (i > 0)
            wanted.body_hash = bytes_from(prepared[0].body_hash, sizeof(prepared[0].body_hash));
        result = dkim_sign_prepare(arena, message, &wanted, &prepared[i], error);
    }
    return result;
}

static enum result sign_with(struct ipc_channel *keys, struct arena *arena,
                             const struct message *message, const struct keys_signing *signing,
                             const struct keys_selectors *selectors, struct buf *out,
                             struct error *error)
{
    struct dkim_unsigned prepared[KEYS_SELECTORS_MAX];
    struct keys_sign_request request = {.domain = signing->domain, .count = selectors->count};
    struct keys_signatures signatures;
    enum result result = prepare(arena, message, signing, selectors, prepared, error);
    if (result != OK)
        return result;
    for (size_t i = 0; i < selectors->count; i++) {
        request.items[i].selector = selectors->items[i].selector;
        request.items[i].hash = bytes_from(prepared[i].hash, sizeof(prepared[i].hash));
    }
    result = ask_signatures(keys, arena, &request, signing->deadline, &signatures, error);
    for (size_t i = 0; i < selectors->count && result == OK; i++)
        dkim_sign_write(out, &prepared[i], signatures.items[i]);
    if (result == OK && out->failed)
        return error_set(error, TEMP, "out of memory for a signature");
    return result;
}

enum result keys_sign_message(struct ipc_channel *keys, struct arena *arena,
                              const struct message *message, const struct keys_signing *signing,
                              struct buf *out, struct error *error)
{
    struct keys_selectors selectors;
    enum result result = keys_ask_selectors(keys, arena, signing->cache, signing->domain,
                                            signing->deadline, &selectors, error);
    if (result != OK)
        return result;
    result = sign_with(keys, arena, message, signing, &selectors, out, error);
    if (result != NONE)
        return result;
    /* The keys process was started again, with other keys than it had. */
    if (signing->cache)
        forget(map_remove(signing->cache->domains, signing->domain));
    result = keys_ask_selectors(keys, arena, signing->cache, signing->domain, signing->deadline,
                                &selectors, error);
    if (result == OK)
        result = sign_with(keys, arena, message, signing, &selectors, out, error);
    return result == NONE ? TEMP : result;
}

enum result keys_signer_sign(void *context, struct arena *arena, enum dkim_algorithm algorithm,
                             struct bytes hash, struct bytes *signature, struct error *error)
{
    const struct keys_signer *signer = context;
    struct keys_sign_request request = {.domain = signer->domain, .count = 1};
    struct keys_signatures signatures;
    (void)algorithm; /* the selector tells */
    request.items[0].selector = signer->selector;
    request.items[0].hash = hash;
    enum result result =
        ask_signatures(signer->keys, arena, &request, signer->deadline, &signatures, error);
    if (result == OK)
        *signature = signatures.items[0];
    return result == NONE ? TEMP : result;
}

enum result keys_address(struct ipc_channel *keys, struct arena *arena,
                         const struct keys_address_request *request, int64_t deadline,
                         struct bytes *out, struct error *error)
{
    struct buf payload;
    struct bytes reply;
    struct keys_address_answer answer;
    *out = (struct bytes){NULL, 0};
    buf_init(&payload, REQUEST_MAX);
    keys_address_request_write(&payload, request);
    enum result result = ask(keys, arena, KEYS_ADDRESS, &payload, deadline, &reply, error);
    buf_free(&payload);
    if (result != OK)
        return result;
    if (!keys_address_answer_read(reply, &answer))
        return no_sense(error);
    if (answer.result != OK)
        return error_set(error, answer.result, BYTES_FMT, BYTES_ARG(answer.text));
    *out = answer.text;
    return OK;
}

/* Accounts and passwords */

enum result keys_sasl(struct ipc_channel *verifier, struct arena *arena,
                      const struct keys_sasl_question *question, int64_t deadline,
                      struct keys_sasl_answer *answer, struct error *error)
{
    struct buf payload;
    struct bytes reply;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    /* All its room at once: growing would leave copies of the password behind. */
    (void)!buf_reserve(&payload, SASL_QUESTION_MAX);
    keys_sasl_question_write(&payload, question);
    enum result result = ask(verifier, arena, KEYS_SASL, &payload, deadline, &reply, error);
    /* It held the password. */
    if (payload.ptr)
        explicit_bzero(payload.ptr, payload.len);
    buf_free(&payload);
    if (result == OK && !keys_sasl_answer_read(reply, answer))
        return no_sense(error);
    return result;
}

enum result keys_credentials(struct ipc_channel *keys, struct arena *arena, struct bytes route,
                             int64_t deadline, struct keys_credentials *out, struct error *error)
{
    struct buf payload;
    struct bytes reply;
    *out = (struct keys_credentials){.found = false};
    buf_init(&payload, REQUEST_MAX);
    keys_credentials_question_write(&payload, route);
    enum result result = ask(keys, arena, KEYS_CREDENTIALS, &payload, deadline, &reply, error);
    buf_free(&payload);
    if (result == OK && !keys_credentials_answer_read(reply, out))
        return no_sense(error);
    return result == OK && !out->found ? NONE : result;
}
