/* SPDX-License-Identifier: BSD-2-Clause */
#include "deliver/quota.h"

#include "base/log.h"
#include "base/map.h"
#include "deliver/maildir.h"
#include "fiber/offload.h"

#include <stdlib.h>

/* Far from the limit an old count does; near it we look again before we refuse anybody. */
#define FRESH_NEAR_LIMIT MINUTE
#define FRESH_OTHERWISE (10 * MINUTE)

struct usage {
    uint64_t octets;
    int64_t counted_at;
};

struct quota {
    struct map *usages; /* maildir -> struct usage */
};

struct quota *quota_create(void)
{
    struct quota *quota = calloc(1, sizeof(*quota));
    if (quota && !(quota->usages = map_create())) {
        free(quota);
        quota = NULL;
    }
    return quota;
}

void quota_free(struct quota *quota)
{
    if (!quota)
        return;
    map_destroy(quota->usages, free);
    free(quota);
}

struct counting {
    const char *maildir;
    uint64_t octets;
    enum result result;
    struct error *error;
};

static void count(void *argument)
{
    struct counting *counting = argument;
    counting->result = maildir_usage(counting->maildir, &counting->octets, counting->error);
}

static bool is_fresh(const struct usage *usage, uint64_t limit)
{
    bool near = usage->octets >= limit / 10 * 9;
    return loop_now() - usage->counted_at < (near ? FRESH_NEAR_LIMIT : FRESH_OTHERWISE);
}

static enum result recount(struct quota *quota, const char *maildir, uint64_t *octets,
                           struct error *error)
{
    struct counting counting = {.maildir = maildir, .error = error};
    offload(count, &counting);
    if (counting.result != OK)
        return counting.result;
    *octets = counting.octets;
    /* Looked up anew: another fiber may have been here while we counted. */
    struct usage *usage = map_get(quota->usages, bytes_of(maildir));
    if (!usage) {
        usage = calloc(1, sizeof(*usage));
        if (!usage || !map_put(quota->usages, bytes_of(maildir), usage, NULL)) {
            free(usage);
            return OK; /* counted, only not remembered */
        }
    }
    *usage = (struct usage){counting.octets, loop_now()};
    return OK;
}

enum result quota_check(struct quota *quota, const char *maildir, uint64_t limit, uint64_t size,
                        struct error *error)
{
    if (limit == 0)
        return OK;
    const struct usage *usage = map_get(quota->usages, bytes_of(maildir));
    uint64_t octets = 0;
    if (usage && is_fresh(usage, limit)) {
        octets = usage->octets;
    } else {
        struct error why;
        if (recount(quota, maildir, &octets, &why) != OK) {
            /* The path is ours to know, not the sender's. */
            log_error("quota", "%s", why.text);
            return error_set(error, NONE, "The mailbox cannot be looked at now. Please try again.");
        }
    }
    if (octets >= limit || size > limit - octets)
        return error_set(error, TEMP, "The mailbox is full. Please try again later.");
    return OK;
}

void quota_add(struct quota *quota, const char *maildir, uint64_t size)
{
    struct usage *usage = map_get(quota->usages, bytes_of(maildir));
    if (usage)
        usage->octets += size;
}
