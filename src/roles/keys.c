/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys role: holds the signing keys and secrets, and answers edges. A reload starts a new one with
 * the keys of then, for the new edges; the old one serves the old edges until they have ended.
 */
#include "roles/keys.h"

#include "base/ascii.h"
#include "base/log.h"
#include "fiber/offload.h"

#include <unistd.h>

/* Two are at work on passwords at most (keys_sasl.c), so one is left for signatures. */
enum { WORKERS = 3, LOWERED_MAX = 256 };

static const struct keys_domain *find_domain(const struct keys *keys, struct bytes name)
{
    uint8_t lowered[LOWERED_MAX];
    if (name.len > sizeof(lowered))
        return NULL;
    for (size_t i = 0; i < name.len; i++)
        lowered[i] = ascii_lower(name.ptr[i]);
    return map_get(keys->domains, bytes_from(lowered, name.len));
}

static const struct keys_key *find_key(const struct keys_domain *domain, struct bytes selector)
{
    for (size_t i = 0; domain && i < domain->count; i++)
        if (bytes_equal(domain->keys[i].selector, selector))
            return &domain->keys[i];
    return NULL;
}

static bool answer_selectors(struct keys *keys, struct ipc_request *request)
{
    struct bytes name;
    struct keys_selectors found = {.count = 0};
    struct buf payload;
    if (!keys_domain_read(request->message.payload, &name))
        return false;
    const struct keys_domain *domain = find_domain(keys, name);
    for (size_t i = 0; domain && i < domain->count; i++)
        found.items[found.count++] =
            (struct keys_selector){domain->keys[i].selector, domain->keys[i].algorithm};
    buf_init(&payload, IPC_PAYLOAD_MAX);
    keys_selectors_write(&payload, &found);
    role_reply(request, &payload);
    return true;
}

/* All signatures of one message are one job of the pool. */
struct signing_job {
    struct arena *arena;
    const struct keys_domain *domain;
    const struct keys_sign_request *asked;
    struct keys_signatures made;
    enum result result;
    struct error error;
};

static void sign_all(void *argument)
{
    struct signing_job *job = argument;
    for (size_t i = 0; i < job->asked->count && job->result == OK; i++) {
        const struct keys_key *key = find_key(job->domain, job->asked->items[i].selector);
        job->made.items[i] = (struct bytes){NULL, 0};
        if (key)
            job->result = dkim_sign_with_key(key->key, job->arena, key->algorithm,
                                             job->asked->items[i].hash, &job->made.items[i],
                                             &job->error);
    }
    job->made.count = job->asked->count;
}

static bool answer_signatures(struct keys *keys, struct ipc_request *request)
{
    struct keys_sign_request asked;
    struct buf payload;
    if (!keys_sign_request_read(request->message.payload, &asked))
        return false;
    struct signing_job job = {.arena = request->arena,
                              .domain = find_domain(keys, asked.domain),
                              .asked = &asked};
    offload(sign_all, &job);
    if (job.result != OK) {
        /* Freed without a reply: the edge is told to try again. */
        log_error("keys", "no signature for " BYTES_FMT ": %s", BYTES_ARG(asked.domain),
                  job.error.text);
        return true;
    }
    buf_init(&payload, IPC_PAYLOAD_MAX);
    keys_signatures_write(&payload, &job.made);
    role_reply(request, &payload);
    return true;
}

static bool answer_address(struct keys *keys, struct ipc_request *request)
{
    struct keys_address_request asked;
    struct keys_address_answer found;
    struct error error = {{0}};
    struct buf payload;
    if (!keys_address_request_read(request->message.payload, &asked))
        return false;
    found.result = keys_address_answer(keys, request->arena, &asked, &found.text, &error);
    if (found.result != OK)
        found.text = bytes_of(error.text);
    buf_init(&payload, IPC_PAYLOAD_MAX);
    keys_address_answer_write(&payload, &found);
    role_reply(request, &payload);
    return true;
}

/* False: malformed, or nothing that `request` may ask. */
static bool answer_about_mail(struct keys *keys, struct ipc_request *request)
{
    switch (request->message.type) {
    case KEYS_SELECTORS:
        return answer_selectors(keys, request);
    case KEYS_SIGN:
        return answer_signatures(keys, request);
    case KEYS_ADDRESS:
        return answer_address(keys, request);
    default:
        return false;
    }
}

static void finish(struct ipc_request *request, bool fine)
{
    if (!fine)
        log_warning("keys", "a malformed request of type %u", request->message.type);
    ipc_request_free(request);
}

static void serve_edge(void *context, struct ipc_request *request)
{
    role_close_descriptors(request->message.descriptors, true);
    finish(request, request->message.type == KEYS_SASL ? keys_sasl_answer_request(context, request)
                                                       : answer_about_mail(context, request));
}

/* It has notifications signed, and asks whose address stands behind a tag. */
static void serve_store(void *context, struct ipc_request *request)
{
    role_close_descriptors(request->message.descriptors, true);
    finish(request, answer_about_mail(context, request));
}

/* It sends mail and has nothing signed. */
static void serve_courier(void *context, struct ipc_request *request)
{
    role_close_descriptors(request->message.descriptors, true);
    finish(request, request->message.type == KEYS_CREDENTIALS &&
                        keys_credentials_answer_request(context, request));
}

static enum result keys_prepare(struct role *role, struct error *error)
{
    struct keys *keys = arena_new(role->arena, struct keys);
    if (!keys)
        return error_set(error, TEMP, "out of memory");
    role->state = keys;
    keys->role = role;
    return keys_load(keys, error);
}

static void keys_sandbox(struct role *role, struct sandbox *sandbox)
{
    (void)role;
    (void)sandbox; /* no files, no network: the default */
}

static void keys_peer(struct role *role, enum role_kind kind, unsigned index, int fd)
{
    (void)index;
    struct ipc_channel *channel = ipc_channel_open(fd, role_kind_name(kind));
    if (channel)
        role_serve(role, channel,
                   kind == ROLE_EDGE      ? serve_edge
                   : kind == ROLE_STORE   ? serve_store
                   : kind == ROLE_COURIER ? serve_courier
                                          : NULL,
                   role->state);
    else
        close(fd);
}

static void keys_run(struct role *role)
{
    while (!role->stopping)
        fiber_signal_wait(&role->changed, NO_DEADLINE);
    fiber_group_close(&role->fibers);
    keys_unload(role->state);
}

const struct role_definition keys_role = {
    .kind = ROLE_KEYS,
    .workers = WORKERS,
    .prepare = keys_prepare,
    .sandbox = keys_sandbox,
    .peer = keys_peer,
    .run = keys_run,
};
