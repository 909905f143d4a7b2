/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_hash.h"

#include "base/map.h"

#include <pthread.h>
#include <string.h>

/* A context of the thread, to be used over and over: making one costs as much as a small hash. */
static pthread_key_t context_key;
static pthread_once_t context_once = PTHREAD_ONCE_INIT;

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

static void make_context_key(void)
{
    require(pthread_key_create(&context_key, free_context) == 0);
}

/* NULL if memory is out. Whoever takes it is done with it before anybody else runs. */
static EVP_MD_CTX *thread_context(void)
{
    pthread_once(&context_once, make_context_key);
    EVP_MD_CTX *context = pthread_getspecific(context_key);
    if (context)
        return context;
    context = EVP_MD_CTX_new();
    if (context && pthread_setspecific(context_key, context) != 0) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return context;
}

/* Bodies */

/* One pass over the body: the running hash, and the places where somebody wants to stop. */
struct body_pass {
    EVP_MD_CTX *running, *copy;
    struct dkim_body_hash *const *stops; /* limited ones of this pass, by rising length */
    size_t stop_count, next_stop;
    uint64_t total;
    bool failed;
};

static bool finish_copy(struct body_pass *pass, struct dkim_hash *out)
{
    unsigned size = 0;
    if (!pass->copy)
        pass->copy = EVP_MD_CTX_new();
    if (!pass->copy || EVP_MD_CTX_copy_ex(pass->copy, pass->running) != 1 ||
        EVP_DigestFinal_ex(pass->copy, out->octets, &size) != 1)
        return false;
    out->len = size;
    return true;
}

static void stop_here(struct body_pass *pass)
{
    while (pass->next_stop < pass->stop_count &&
           pass->stops[pass->next_stop]->length == pass->total) {
        struct dkim_body_hash *stop = pass->stops[pass->next_stop++];
        stop->failed = !finish_copy(pass, &stop->hash);
    }
}

static void hash_run(void *context, struct bytes run)
{
    struct body_pass *pass = context;
    while (run.len) {
        size_t count = run.len;
        if (pass->next_stop < pass->stop_count) {
            uint64_t left = pass->stops[pass->next_stop]->length - pass->total;
            if (left < count)
                count = (size_t)left;
        }
        if (count && EVP_DigestUpdate(pass->running, run.ptr, count) != 1)
            pass->failed = true;
        pass->total += count;
        run = bytes_skip(run, count);
        stop_here(pass);
    }
}

static void sort_by_length(struct dkim_body_hash **list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct dkim_body_hash *moved = list[i];
        size_t at = i;
        for (; at > 0 && list[at - 1]->length > moved->length; at--)
            list[at] = list[at - 1];
        list[at] = moved;
    }
}

enum { WANTED_MAX = 16 }; /* more than a message's signatures; larger sets are done in parts */

static void finish_whole(struct body_pass *pass, struct dkim_body_hash **group, size_t count)
{
    struct dkim_hash whole;
    unsigned size = 0;
    pass->failed |= EVP_DigestFinal_ex(pass->running, whole.octets, &size) != 1;
    whole.len = size;
    for (size_t i = 0; i < count; i++)
        if (!group[i]->limited)
            group[i]->hash = whole;
}

static void run_pass(struct bytes body, struct dkim_body_hash **group, size_t count)
{
    struct dkim_body_hash *stops[WANTED_MAX];
    struct body_pass pass = {.running = thread_context(), .stops = stops};
    for (size_t i = 0; i < count; i++)
        if (group[i]->limited)
            stops[pass.stop_count++] = group[i];
    sort_by_length(stops, pass.stop_count);
    pass.failed = !pass.running || EVP_DigestInit_ex(pass.running, group[0]->digest, NULL) != 1;
    if (!pass.failed) {
        struct dkim_sink sink;
        stop_here(&pass);
        dkim_sink_open(&sink, hash_run, &pass);
        dkim_canonical_body(&sink, group[0]->canonicalization, body);
        dkim_sink_flush(&sink);
        for (size_t i = pass.next_stop; i < pass.stop_count; i++)
            stops[i]->too_short = true;
        finish_whole(&pass, group, count);
    }
    for (size_t i = 0; i < count; i++)
        group[i]->failed |= pass.failed;
    EVP_MD_CTX_free(pass.copy);
}

static bool same_pass(const struct dkim_body_hash *a, const struct dkim_body_hash *b)
{
    return a->canonicalization == b->canonicalization && a->digest == b->digest;
}

static void hash_part(struct bytes body, struct dkim_body_hash *const *wanted, size_t count)
{
    bool done[WANTED_MAX] = {false};
    for (size_t i = 0; i < count; i++) {
        struct dkim_body_hash *group[WANTED_MAX];
        size_t members = 0;
        for (size_t k = i; k < count; k++) {
            if (!done[k] && same_pass(wanted[i], wanted[k])) {
                done[k] = true;
                group[members++] = wanted[k];
            }
        }
        if (members)
            run_pass(body, group, members);
    }
}

void dkim_hash_bodies(struct bytes body, struct dkim_body_hash *const *wanted, size_t count)
{
    for (size_t at = 0; at < count; at += WANTED_MAX)
        hash_part(body, wanted + at, count - at < WANTED_MAX ? count - at : WANTED_MAX);
}

/* Headers */

#define NO_FIELD UINT32_MAX

/* Field names hashed into slots; each slot knows the last field of its name, each field the one of
 * the same name above it. */
struct dkim_header_index {
    const struct message *message;
    uint64_t secret;
    size_t slot_count; /* a power of two */
    uint32_t *last;    /* per slot */
    uint32_t *above;   /* per field */
};

/* Eight octets with capital letters made small. Letters only: names of signs that differ in the same
 * bit ("@" and "`") are different names, and must not all fall into one slot. */
static uint64_t lower_word(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t seven = word & ~high;
    uint64_t from_a = seven + (0x80 - 'A') * ones, after_z = seven + (0x7f - 'Z') * ones;
    return word | (from_a & ~after_z & ~word & high) >> 2;
}

/*
 * A hash of the name under the process's secret that does not see case. A name is hashed for each
 * field and each word of h=, hence this and not the general hash over a lower-cased copy.
 */
static uint64_t hash_name(const struct dkim_header_index *index, struct bytes name)
{
    uint64_t hash = index->secret ^ name.len;
    while (name.len) {
        uint64_t word = 0;
        size_t count = name.len < sizeof(word) ? name.len : sizeof(word);
        memcpy(&word, name.ptr, count);
        unsigned __int128 product = (unsigned __int128)(lower_word(word) ^ hash) * (index->secret | 1);
        hash = (uint64_t)(product >> 64) ^ (uint64_t)product;
        name = bytes_from(name.ptr + count, name.len - count);
    }
    return hash;
}

/* The slot of a name: its own, or the free one where it would go. */
static size_t find_slot(const struct dkim_header_index *index, struct bytes name)
{
    size_t slot = hash_name(index, name) & (index->slot_count - 1);
    while (index->last[slot] != NO_FIELD &&
           !bytes_equal_nocase(index->message->fields[index->last[slot]].name, name))
        slot = (slot + 1) & (index->slot_count - 1);
    return slot;
}

struct dkim_header_index *dkim_header_index(struct arena *arena, const struct message *message)
{
    struct dkim_header_index *index = arena_new(arena, struct dkim_header_index);
    if (!index)
        return NULL;
    index->message = message;
    index->secret = map_hash(BYTES("header field names"));
    index->slot_count = 16;
    while (index->slot_count < message->field_count * 2)
        index->slot_count *= 2;
    index->last = arena_alloc_array(arena, index->slot_count, sizeof(*index->last));
    index->above = arena_alloc_array(arena, message->field_count, sizeof(*index->above));
    if (!index->last || !index->above)
        return NULL;
    memset(index->last, 0xff, index->slot_count * sizeof(*index->last));
    for (size_t i = 0; i < message->field_count; i++) {
        size_t slot = find_slot(index, message->fields[i].name);
        index->above[i] = index->last[slot];
        index->last[slot] = (uint32_t)i;
    }
    return index;
}

struct header_pass {
    EVP_MD_CTX *running;
    bool failed;
};

static void hash_header_run(void *context, struct bytes run)
{
    struct header_pass *pass = context;
    pass->failed |= EVP_DigestUpdate(pass->running, run.ptr, run.len) != 1;
}

/* Each mention of a name takes the lowest field of that name not yet taken (rfc6376:5.4.2); `self`
 * is never one of them (rfc6376:3.7). `next` says, per slot, where the following mention begins. */
static void add_listed_fields(struct dkim_sink *sink, const struct dkim_header_index *index,
                              const struct dkim_signature *signature,
                              const struct header_field *self, uint32_t *next)
{
    struct bytes previous = BYTES("");
    size_t slot = 0;
    for (size_t i = 0; i < signature->header_name_count; i++) {
        struct bytes name = signature->header_names[i];
        /* Names that are sealed stand there twice in a row. */
        if (!bytes_equal(name, previous))
            slot = find_slot(index, name);
        previous = name;
        uint32_t at = next[slot];
        if (at != NO_FIELD && &index->message->fields[at] == self)
            at = index->above[at];
        if (at == NO_FIELD)
            continue;
        next[slot] = index->above[at];
        dkim_canonical_field(sink, signature->header_canonicalization, &index->message->fields[at]);
    }
}

bool dkim_hash_header(struct arena *arena, const struct dkim_header_index *index,
                      const struct dkim_signature *signature, const struct header_field *field,
                      const EVP_MD *digest, struct dkim_hash *out)
{
    uint32_t *next = arena_alloc_array(arena, index->slot_count, sizeof(*next));
    struct header_pass pass = {.running = thread_context()};
    unsigned size = 0;
    bool good = next && pass.running && EVP_DigestInit_ex(pass.running, digest, NULL) == 1;
    if (good) {
        struct dkim_sink sink;
        memcpy(next, index->last, index->slot_count * sizeof(*next));
        dkim_sink_open(&sink, hash_header_run, &pass);
        add_listed_fields(&sink, index, signature, field, next);
        dkim_canonical_signature(&sink, signature->header_canonicalization, field,
                                 signature->signature_span);
        dkim_sink_flush(&sink);
        good = EVP_DigestFinal_ex(pass.running, out->octets, &size) == 1 && !pass.failed;
        out->len = size;
    }
    return good;
}
