/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/models.h"

#include "base/domain.h"
#include "base/log.h"
#include "roles/recall.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

bool model_name_is_valid(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
            return false;
    return name.len <= MODEL_NAME_MAX && (bytes_is(name, "shared") || domain_is_fully_qualified(name));
}

static bool make_path(char out[PATH_MAX], const char *folder, struct bytes name, const char *end)
{
    int length = snprintf(out, PATH_MAX, "%s/" BYTES_FMT "%s", folder, BYTES_ARG(name), end);
    return length > 0 && length < PATH_MAX;
}

static struct model *make_model(struct bytes name)
{
    struct model *model = calloc(1, sizeof(*model));
    if (model && !bytes_to_cstring(name, model->name, sizeof(model->name))) {
        free(model);
        model = NULL;
    }
    return model;
}

void model_close(struct model *model)
{
    if (!model)
        return;
    recall_close(model->recall);
    if (model->memory)
        munmap(model->memory, model->size);
    free(model);
}

static enum result map(struct model *model, int fd, int protection, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
        (uint64_t)status.st_size > filter_model_size(FILTER_SLOTS_MAX))
        return error_set(error, PERM, "not a model's file");
    model->size = (size_t)status.st_size;
    void *memory = mmap(NULL, model->size, protection, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return error_set(error, TEMP, "cannot map a model: %s", strerror(errno));
    model->memory = memory;
    return OK;
}

/* As a file of its own, which gets its name when it is whole: a crash leaves none that is half a model. */
static enum result begin(const char *path, const char *work, size_t size, struct error *error)
{
    uint64_t seed;
    struct filter_model made;
    enum result result = TEMP;
    int fd = open(work, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(error, TEMP, "cannot make %s: %s", work, strerror(errno));
    /* All of it is really there: a full disk must not become a signal in the midst of training. */
    int full = posix_fallocate(fd, 0, (off_t)size);
    void *memory = full ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED || getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
        error_set(error, TEMP, "cannot make %s: %s", work, strerror(full ? full : errno));
    } else {
        result = filter_model_create(memory, size, seed, &made, error);
        if (result == OK && (msync(memory, size, MS_SYNC) != 0 || fsync(fd) != 0 || rename(work, path) != 0))
            result = error_set(error, TEMP, "cannot make %s: %s", path, strerror(errno));
    }
    if (memory != MAP_FAILED)
        munmap(memory, size);
    close(fd);
    if (result != OK)
        unlink(work);
    return result;
}

/* OK: it is open. NONE: there is none that can be used. */
static enum result open_file(struct model *model, const char *path, size_t size, struct error *error)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return NONE;
    if (fd < 0)
        return error_set(error, TEMP, "cannot open %s: %s", path, strerror(errno));
    enum result result = map(model, fd, PROT_READ | PROT_WRITE, error);
    close(fd);
    if (result == OK && model->size != size)
        result = error_set(error, PERM, "it is of another size than the configuration says");
    if (result == OK)
        result = filter_model_open_writable(model->memory, model->size, &model->filter, error);
    return result;
}

enum result model_open(const char *folder, struct bytes name, size_t slots, struct model **out,
                       struct error *error)
{
    char path[PATH_MAX], work[PATH_MAX], aside[PATH_MAX];
    size_t size = filter_model_size(slots);
    if (!model_name_is_valid(name) || !make_path(path, folder, name, ".model") ||
        !make_path(work, folder, name, ".model.new") || !make_path(aside, folder, name, ".model.old"))
        return error_set(error, PERM, "no name of a model");
    for (int attempt = 0; attempt < 2; attempt++) {
        struct model *model = make_model(name);
        if (!model)
            return error_set(error, TEMP, "out of memory");
        enum result result = open_file(model, path, size, error);
        if (result == OK && recall_open(folder, name, model->filter.seed, &model->recall, error) != OK)
            result = TEMP;
        if (result == OK) {
            *out = model;
            return OK;
        }
        model_close(model);
        if (result == TEMP)
            return TEMP;
        if (result == PERM) {
            log_warning("filter", "%s cannot be used (%s); it is put aside, and the filter begins anew", path,
                        error->text);
            if (rename(path, aside) != 0)
                return error_set(error, TEMP, "cannot rename %s: %s", path, strerror(errno));
        }
        if (begin(path, work, size, error) != OK)
            return TEMP;
    }
    return error_set(error, TEMP, "cannot open %s", path);
}

enum result model_map(int fd, struct bytes name, struct model **out, struct error *error)
{
    struct model *model = make_model(name);
    if (!model)
        return error_set(error, TEMP, "out of memory");
    enum result result = map(model, fd, PROT_READ, error);
    if (result == OK)
        result = filter_model_open(model->memory, model->size, &model->filter, error);
    if (result != OK) {
        model_close(model);
        return result;
    }
    *out = model;
    return OK;
}

int model_descriptor(const char *folder, struct bytes name)
{
    char path[PATH_MAX];
    if (!model_name_is_valid(name) || !make_path(path, folder, name, ".model"))
        return -EINVAL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void model_sync(const struct model *model)
{
    if (msync(model->memory, model->size, MS_ASYNC) != 0)
        log_warning("filter", "the model %s cannot be written: %s", model->name, strerror(errno));
    if (model->recall)
        recall_sync(model->recall);
}
