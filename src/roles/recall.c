/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/recall.h"

#include "base/log.h"
#include "filter/feature.h"
#include "roles/models.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECALL_HEAD = 4096, ENTRY_SIZE = 16384 };

struct recall_head {
    uint8_t magic[8];
    uint64_t seed;
    uint32_t next[2];   /* where the next of a class goes */
    uint32_t cursor[2]; /* which is rehearsed next */
};

struct recall_entry {
    uint8_t identity[RECALL_IDENTITY];
    uint32_t count;     /* 0: empty */
    uint32_t unused;
    uint64_t hashes[RECALL_FEATURES];
    uint8_t components[RECALL_FEATURES];
};

_Static_assert(sizeof(struct recall_entry) <= ENTRY_SIZE, "an entry fits its place");
_Static_assert(sizeof(struct recall_head) <= RECALL_HEAD, "the head fits its place");

#define RECALL_SIZE (RECALL_HEAD + (size_t)2 * RECALL_MESSAGES * ENTRY_SIZE)

struct recall {
    void *memory;
    struct filter_feature list[RECALL_FEATURES];
};

static const uint8_t magic[8] = {'v', 'o', 'u', 'c', 'h', 'r', 'e', '1'};

static struct recall_head *head_of(const struct recall *recall)
{
    return recall->memory;
}

static struct recall_entry *entry_at(const struct recall *recall, bool spam, uint32_t index)
{
    size_t place = (size_t)spam * RECALL_MESSAGES + index % RECALL_MESSAGES;
    return (void *)((uint8_t *)recall->memory + RECALL_HEAD + place * ENTRY_SIZE);
}

/* All of it is really there: a full disk must not become a signal in the midst of training. */
static enum result map_file(struct recall *recall, const char *path, struct error *error)
{
    struct stat status;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(error, TEMP, "cannot open %s: %s", path, strerror(errno));
    bool right = fstat(fd, &status) == 0 && (status.st_size == 0 || status.st_size == (off_t)RECALL_SIZE);
    int failed = right || ftruncate(fd, 0) == 0 ? posix_fallocate(fd, 0, (off_t)RECALL_SIZE) : errno;
    void *memory = failed ? MAP_FAILED : mmap(NULL, RECALL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        error_set(error, TEMP, "cannot make %s: %s", path, strerror(failed ? failed : errno));
    else
        recall->memory = memory;
    close(fd);
    return memory == MAP_FAILED ? TEMP : OK;
}

enum result recall_open(const char *folder, struct bytes name, uint64_t seed, struct recall **out,
                        struct error *error)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/" BYTES_FMT ".recall", folder, BYTES_ARG(name));
    if (!model_name_is_valid(name) || length <= 0 || (size_t)length >= sizeof(path))
        return error_set(error, PERM, "no name of a model");
    struct recall *recall = calloc(1, sizeof(*recall));
    if (!recall)
        return error_set(error, TEMP, "out of memory");
    enum result result = map_file(recall, path, error);
    if (result != OK) {
        recall_close(recall);
        return result;
    }
    struct recall_head *head = head_of(recall);
    if (memcmp(head->magic, magic, sizeof(magic)) != 0 || head->seed != seed) {
        memset(recall->memory, 0, RECALL_SIZE);
        head->seed = seed;
        memcpy(head->magic, magic, sizeof(magic));
    }
    *out = recall;
    return OK;
}

void recall_close(struct recall *recall)
{
    if (!recall)
        return;
    if (recall->memory)
        munmap(recall->memory, RECALL_SIZE);
    free(recall);
}

void recall_sync(const struct recall *recall)
{
    if (msync(recall->memory, RECALL_SIZE, MS_ASYNC) != 0)
        log_warning("filter", "what the filter recalls cannot be written: %s", strerror(errno));
}

void recall_keep(struct recall *recall, struct bytes identity, const struct filter_features *features, bool spam)
{
    struct recall_head *head = head_of(recall);
    struct recall_entry *entry = entry_at(recall, spam, head->next[spam]);
    size_t count = features->count < RECALL_FEATURES ? features->count : RECALL_FEATURES;
    if (identity.len != RECALL_IDENTITY || !count)
        return;
    /* While it is written it is empty. */
    entry->count = 0;
    memcpy(entry->identity, identity.ptr, RECALL_IDENTITY);
    for (size_t i = 0; i < count; i++) {
        const struct filter_feature *feature = &features->list[i * features->count / count];
        entry->hashes[i] = feature->hash;
        entry->components[i] = feature->component;
    }
    entry->count = (uint32_t)count;
    head->next[spam] = (head->next[spam] + 1) % RECALL_MESSAGES;
}

void recall_drop(struct recall *recall, struct bytes identity, bool spam)
{
    for (uint32_t i = 0; i < RECALL_MESSAGES && identity.len == RECALL_IDENTITY; i++) {
        struct recall_entry *entry = entry_at(recall, spam, i);
        if (entry->count && memcmp(entry->identity, identity.ptr, RECALL_IDENTITY) == 0)
            entry->count = 0;
    }
}

bool recall_next(struct recall *recall, bool spam, struct filter_features *out)
{
    struct recall_head *head = head_of(recall);
    const struct recall_entry *entry = NULL;
    for (unsigned tries = 0; tries < RECALL_MESSAGES && !entry; tries++) {
        const struct recall_entry *next = entry_at(recall, spam, head->cursor[spam]);
        head->cursor[spam] = (head->cursor[spam] + 1) % RECALL_MESSAGES;
        if (next->count && next->count <= RECALL_FEATURES)
            entry = next;
    }
    *out = (struct filter_features){.list = recall->list, .text = BYTES("")};
    for (uint32_t i = 0; entry && i < entry->count; i++)
        if (entry->components[i] < FILTER_COMPONENTS)
            recall->list[out->count++] = (struct filter_feature){.hash = entry->hashes[i],
                                                                 .text = (const uint8_t *)"",
                                                                 .field = FEATURE_NO_FIELD,
                                                                 .component = entry->components[i]};
    return entry != NULL;
}
