/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line a policy: when it expires, and its domain, id and text, each in hexadecimal (they are strangers' words),
 * "-" where it is empty.
 */
#include "roles/store_policies.h"

#include "base/encode.h"
#include "base/log.h"
#include "base/map.h"
#include "fiber/offload.h"
#include "os/files.h"
#include "outbound/mta_sts.h"
#include "roles/store_queue_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_PAUSE MINUTE
enum {
    POLICIES_MAX = 10000,
    TEXT_MAX = 16 * 1024,   /* of a policy: a frame has to hold it */
    OCTETS_MAX = 16 << 20,  /* of all */
    FILE_MAX = 64 << 20
};

struct known_policy {
    struct bytes domain;
    struct send_policy policy; /* all slices in `texts` */
    uint64_t used;
    uint8_t texts[];
};

struct known_policies {
    struct map *all;        /* domain -> struct known_policy */
    size_t octets;
    uint64_t uses;
    bool changed;
    char *path;
};

static size_t size_of(const struct known_policy *known)
{
    return sizeof(*known) + known->domain.len + known->policy.id.len + known->policy.text.len;
}

static void drop(struct known_policies *policies, struct bytes domain)
{
    struct known_policy *known = map_remove(policies->all, domain);
    if (known)
        policies->octets -= size_of(known);
    free(known);
}

static void drop_oldest(struct known_policies *policies)
{
    const struct known_policy *oldest = NULL;
    size_t position = 0;
    struct bytes domain;
    void *value;
    while (map_next(policies->all, &position, &domain, &value)) {
        const struct known_policy *known = value;
        if (!oldest || known->used < oldest->used)
            oldest = known;
    }
    if (oldest)
        drop(policies, oldest->domain);
}

static struct bytes put_text(struct known_policy *known, size_t *at, struct bytes text)
{
    if (text.len)
        memcpy(known->texts + *at, text.ptr, text.len);
    struct bytes copy = bytes_from(known->texts + *at, text.len);
    *at += text.len;
    return copy;
}

static bool is_sound(struct bytes domain, const struct send_policy *policy)
{
    int64_t left = policy->expires_at - loop_epoch();
    return domain.len && domain.len <= 255 && policy->id.len <= MTA_STS_ID_MAX && policy->text.len &&
           policy->text.len <= TEXT_MAX && left > 0 && left <= MTA_STS_AGE_MAX;
}

static void add(struct known_policies *policies, struct bytes domain, const struct send_policy *policy)
{
    size_t octets = domain.len + policy->id.len + policy->text.len, at = 0;
    struct known_policy *known = calloc(1, sizeof(*known) + octets);
    if (!known)
        return;
    known->domain = put_text(known, &at, domain);
    known->policy.id = put_text(known, &at, policy->id);
    known->policy.text = put_text(known, &at, policy->text);
    known->policy.expires_at = policy->expires_at;
    known->used = ++policies->uses;
    drop(policies, domain);
    if (!map_put(policies->all, known->domain, known, NULL)) {
        free(known);
        return;
    }
    policies->octets += size_of(known);
    policies->changed = true;
    while (map_count(policies->all) > POLICIES_MAX || policies->octets > OCTETS_MAX)
        drop_oldest(policies);
}

struct send_policy store_policy_find(struct store *store, struct arena *arena, struct bytes domain)
{
    struct known_policies *policies = store->queue ? store->queue->policies : NULL;
    struct known_policy *known = policies ? map_get(policies->all, domain) : NULL;
    if (!known || known->policy.expires_at <= loop_epoch())
        return (struct send_policy){.expires_at = 0};
    known->used = ++policies->uses;
    return (struct send_policy){.id = arena_copy(arena, known->policy.id),
                                .text = arena_copy(arena, known->policy.text),
                                .expires_at = known->policy.expires_at};
}

void store_policy_keep(struct store *store, struct bytes domain, const struct send_policy *policy)
{
    struct known_policies *policies = store->queue ? store->queue->policies : NULL;
    if (policies && is_sound(domain, policy))
        add(policies, domain, policy);
}

/* The file */

static void write_field(struct buf *out, struct bytes field)
{
    buf_add_byte(out, ' ');
    if (field.len)
        hex_encode(out, field);
    else
        buf_add_byte(out, '-');
}

static bool read_field(struct bytes *line, struct arena *arena, struct bytes *out)
{
    struct bytes part;
    *out = BYTES("");
    return bytes_split(line, ' ', &part) && (bytes_is(part, "-") || hex_decode(arena, part, out));
}

static void read_line(struct known_policies *policies, struct arena *arena, struct bytes line)
{
    struct bytes part, domain;
    struct send_policy policy;
    uint64_t expires_at;
    if (!bytes_split(&line, ' ', &part) || !bytes_to_uint(part, INT64_MAX, &expires_at) ||
        !read_field(&line, arena, &domain) || !read_field(&line, arena, &policy.id) ||
        !read_field(&line, arena, &policy.text))
        return;
    policy.expires_at = (int64_t)expires_at;
    if (is_sound(domain, &policy))
        add(policies, domain, &policy);
}

static void read_file(struct known_policies *policies)
{
    struct arena *arena = arena_create((size_t)FILE_MAX * 2);
    struct bytes file, line;
    struct error error;
    if (arena && files_read(arena, policies->path, FILE_MAX, &file, &error) == OK)
        while (bytes_split(&file, '\n', &line))
            read_line(policies, arena, line);
    policies->changed = false;
    arena_destroy(arena);
}

struct writing {
    struct durable *durable;
    const char *path;
    struct buf text;
    enum result result;
    struct error error;
};

static void write_file(void *argument)
{
    struct writing *writing = argument;
    writing->result =
        files_replace(writing->durable, writing->path, buf_bytes(&writing->text), 0600, &writing->error);
}

static void write_all(struct store *store)
{
    struct known_policies *policies = store->queue->policies;
    struct writing writing = {.durable = store->durable, .path = policies->path};
    size_t position = 0;
    struct bytes domain;
    void *value;
    if (!policies->changed)
        return;
    buf_init(&writing.text, FILE_MAX);
    while (map_next(policies->all, &position, &domain, &value)) {
        const struct known_policy *known = value;
        if (known->policy.expires_at <= loop_epoch())
            continue;
        buf_printf(&writing.text, "%lld", (long long)known->policy.expires_at);
        write_field(&writing.text, known->domain);
        write_field(&writing.text, known->policy.id);
        write_field(&writing.text, known->policy.text);
        buf_add_byte(&writing.text, '\n');
    }
    policies->changed = false;
    if (!writing.text.failed) {
        offload(write_file, &writing);
        if (writing.result != OK)
            log_warning("mta-sts", "%s", writing.error.text);
    }
    buf_free(&writing.text);
}

void store_policies_fiber(void *argument)
{
    struct store *store = argument;
    while (fiber_sleep(WRITE_PAUSE) != ECANCELED)
        write_all(store);
    fiber_shield();
    write_all(store);
    fiber_unshield();
}

enum result store_policies_open(struct store *store, struct error *error)
{
    struct known_policies *policies = calloc(1, sizeof(*policies));
    struct arena *arena = store->role->arena;
    if (!policies)
        return error_set(error, TEMP, "out of memory");
    store->queue->policies = policies;
    policies->all = map_create();
    policies->path = arena_string(
        arena, arena_printf(arena, "%s/mta-sts", store->role->config.data_directory));
    if (!policies->all || !policies->path)
        return error_set(error, TEMP, "out of memory");
    read_file(policies);
    return OK;
}

void store_policies_close(struct store *store)
{
    struct known_policies *policies = store->queue->policies;
    if (policies)
        map_destroy(policies->all, free);
    free(policies);
}
