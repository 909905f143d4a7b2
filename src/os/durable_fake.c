/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/durable_fake.h"

#include "os/durable_tree.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_DESCRIPTOR = 1000 };

struct durable_fake {
    struct durable table; /* first, so that the table's address is the fake's */
    pthread_mutex_t lock;
    struct durable_node *root;
    struct durable_node **descriptors;
    size_t descriptor_count;
    struct durable_fake_counts counts;
    bool crashed;
    size_t until_crash, room, until_ignored_sync, until_failure; /* SIZE_MAX: never */
    int failure;
};

/* Every operation begins here: counts it, and says whether it may happen. Takes the lock. */
static int begin(struct durable_fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    if (fake->until_crash == 0)
        fake->crashed = true;
    if (fake->crashed)
        return -EIO;
    fake->counts.operations++;
    if (fake->until_crash != SIZE_MAX)
        fake->until_crash--;
    if (fake->until_failure == SIZE_MAX || fake->until_failure-- > 0)
        return 0;
    return -fake->failure;
}

static int end(struct durable_fake *fake, int result)
{
    pthread_mutex_unlock(&fake->lock);
    return result;
}

static struct durable_fake *fake_of(struct durable *table)
{
    return (struct durable_fake *)table;
}

static struct durable_node *node_of(struct durable_fake *fake, int fd)
{
    size_t index = (size_t)fd - FIRST_DESCRIPTOR;
    return fd >= FIRST_DESCRIPTOR && index < fake->descriptor_count ? fake->descriptors[index]
                                                                    : NULL;
}

static int descriptor_for(struct durable_fake *fake, struct durable_node *node)
{
    size_t i = 0;
    while (i < fake->descriptor_count && fake->descriptors[i])
        i++;
    if (i == fake->descriptor_count) {
        size_t count = i ? 2 * i : 16;
        fake->descriptors = realloc(fake->descriptors, count * sizeof(*fake->descriptors));
        require(fake->descriptors);
        memset(fake->descriptors + i, 0, (count - i) * sizeof(*fake->descriptors));
        fake->descriptor_count = count;
    }
    fake->descriptors[i] = durable_node_take(node);
    fake->counts.open++;
    return FIRST_DESCRIPTOR + (int)i;
}

static int fake_create(struct durable *table, const char *path, mode_t mode)
{
    (void)mode;
    struct durable_fake *fake = fake_of(table);
    struct durable_node *node;
    int error = begin(fake);
    if (!error)
        error = durable_tree_make(fake->root, path, false, &node);
    return end(fake, error ? error : descriptor_for(fake, node));
}

static int write_locked(struct durable_fake *fake, int fd, struct bytes bytes)
{
    struct durable_node *node = node_of(fake, fd);
    if (!node)
        return -EBADF;
    struct bytes fits = bytes_first(bytes, fake->room);
    buf_add(&node->content, fits);
    require(!node->content.failed);
    fake->counts.octets += fits.len;
    if (fake->room != SIZE_MAX)
        fake->room -= fits.len;
    return fits.len < bytes.len ? -ENOSPC : 0;
}

static int fake_write(struct durable *table, int fd, struct bytes bytes)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    return end(fake, error ? error : write_locked(fake, fd, bytes));
}

static int fake_start_sync(struct durable *table, int fd)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    if (!error && !node_of(fake, fd))
        error = -EBADF;
    return end(fake, error);
}

static bool is_ignored(struct durable_fake *fake)
{
    return fake->until_ignored_sync != SIZE_MAX && fake->until_ignored_sync-- == 0;
}

static int sync_locked(struct durable_fake *fake, int fd)
{
    struct durable_node *node = node_of(fake, fd);
    if (!node)
        return -EBADF;
    fake->counts.file_syncs++;
    if (!is_ignored(fake))
        durable_node_sync(node);
    return 0;
}

static int fake_sync(struct durable *table, int fd)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    return end(fake, error ? error : sync_locked(fake, fd));
}

static int fake_close(struct durable *table, int fd)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    struct durable_node *node = node_of(fake, fd);
    if (!node)
        return end(fake, error ? error : -EBADF);
    /* As in the kernel the descriptor is gone even when close() fails. */
    fake->descriptors[fd - FIRST_DESCRIPTOR] = NULL;
    fake->counts.open--;
    durable_node_release(node);
    return end(fake, error);
}

static int fake_rename(struct durable *table, const char *from, const char *to)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    return end(fake, error ? error : durable_tree_rename(fake->root, from, to));
}

static int fake_unlink(struct durable *table, const char *path)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    return end(fake, error ? error : durable_tree_unlink(fake->root, path));
}

static int fake_make_directory(struct durable *table, const char *path, mode_t mode)
{
    (void)mode;
    struct durable_fake *fake = fake_of(table);
    struct durable_node *node;
    int error = begin(fake);
    return end(fake, error ? error : durable_tree_make(fake->root, path, true, &node));
}

static int sync_directory_locked(struct durable_fake *fake, const char *path)
{
    struct durable_node *directory;
    int error = durable_tree_directory(fake->root, path, &directory);
    if (error)
        return error;
    fake->counts.directory_syncs++;
    if (!is_ignored(fake))
        durable_tree_settle(directory);
    return 0;
}

static int fake_sync_directory(struct durable *table, const char *path)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    return end(fake, error ? error : sync_directory_locked(fake, path));
}

/* Reading begins here: it is no operation that a crash could come before, but after one it fails. */
static int begin_reading(struct durable_fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    return fake->crashed ? -EIO : 0;
}

static int fake_open(struct durable *table, const char *path, bool writable)
{
    (void)writable;
    struct durable_fake *fake = fake_of(table);
    int error = begin_reading(fake);
    struct durable_node *node = durable_tree_file(fake->root, path);
    if (!error && !node)
        error = -ENOENT;
    return end(fake, error ? error : descriptor_for(fake, node));
}

static int64_t fake_size(struct durable *table, int fd)
{
    struct durable_fake *fake = fake_of(table);
    int64_t result = begin_reading(fake);
    struct durable_node *node = node_of(fake, fd);
    if (!result)
        result = node ? (int64_t)node->content.len : -EBADF;
    end(fake, 0);
    return result;
}

static int64_t fake_read_at(struct durable *table, int fd, void *out, size_t size, uint64_t offset)
{
    struct durable_fake *fake = fake_of(table);
    int64_t result = begin_reading(fake);
    struct durable_node *node = node_of(fake, fd);
    if (!result && !node)
        result = -EBADF;
    if (!result) {
        struct bytes part = bytes_first(bytes_skip(buf_bytes(&node->content), offset), size);
        if (part.len)
            memcpy(out, part.ptr, part.len);
        result = (int64_t)part.len;
    }
    end(fake, 0);
    return result;
}

/* Only what makes the file longer needs room. */
static int lengthen(struct durable_fake *fake, struct durable_node *node, uint64_t octets)
{
    if (octets <= node->content.len)
        return 0;
    size_t more = (size_t)octets - node->content.len, fits = more < fake->room ? more : fake->room;
    uint8_t *space = buf_reserve(&node->content, fits);
    require(space || fits == 0);
    if (fits)
        memset(space, 0, fits);
    node->content.len += fits;
    if (fake->room != SIZE_MAX)
        fake->room -= fits;
    return fits < more ? -ENOSPC : 0;
}

static int fake_write_at(struct durable *table, int fd, struct bytes bytes, uint64_t offset)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    struct durable_node *node = node_of(fake, fd);
    if (!error && !node)
        error = -EBADF;
    if (error)
        return end(fake, error);
    error = lengthen(fake, node, offset + bytes.len);
    size_t length = node->content.len;
    struct bytes fits = bytes_first(bytes, offset < length ? length - (size_t)offset : 0);
    if (fits.len)
        memcpy(node->content.ptr + offset, fits.ptr, fits.len);
    fake->counts.octets += fits.len;
    return end(fake, error);
}

static int fake_allocate(struct durable *table, int fd, uint64_t octets)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    struct durable_node *node = node_of(fake, fd);
    if (!error && !node)
        error = -EBADF;
    return end(fake, error ? error : lengthen(fake, node, octets));
}

static int fake_lock(struct durable *table, const char *path)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin_reading(fake);
    struct durable_node *node = durable_tree_file(fake->root, path);
    if (!error && !node)
        error = durable_tree_make(fake->root, path, false, &node);
    for (size_t i = 0; !error && i < fake->descriptor_count; i++)
        if (fake->descriptors[i] == node)
            error = -EWOULDBLOCK;
    return end(fake, error ? error : descriptor_for(fake, node));
}

static int fake_list(struct durable *table, const char *path,
                     void (*each)(void *context, const char *name), void *context)
{
    struct durable_fake *fake = fake_of(table);
    struct durable_node *directory;
    int error = begin_reading(fake);
    if (!error)
        error = durable_tree_directory(fake->root, path, &directory);
    if (!error)
        durable_tree_names(directory, each, context);
    return end(fake, error);
}

struct durable_fake *durable_fake_create(void)
{
    struct durable_fake *fake = calloc(1, sizeof(*fake));
    require(fake);
    pthread_mutex_init(&fake->lock, NULL);
    fake->root = durable_node_take(durable_node_create(true));
    fake->until_crash = fake->room = SIZE_MAX;
    fake->until_ignored_sync = fake->until_failure = SIZE_MAX;
    fake->table = (struct durable){
        .create = fake_create,
        .write = fake_write,
        .start_sync = fake_start_sync,
        .sync = fake_sync,
        .close = fake_close,
        .rename = fake_rename,
        .unlink = fake_unlink,
        .make_directory = fake_make_directory,
        .sync_directory = fake_sync_directory,
        .open = fake_open,
        .size = fake_size,
        .read_at = fake_read_at,
        .write_at = fake_write_at,
        .sync_data = fake_sync,
        .allocate = fake_allocate,
        .lock = fake_lock,
        .list = fake_list,
    };
    return fake;
}

static void drop_descriptors(struct durable_fake *fake)
{
    for (size_t i = 0; i < fake->descriptor_count; i++) {
        durable_node_release(fake->descriptors[i]);
        fake->descriptors[i] = NULL;
    }
    fake->counts.open = 0;
}

void durable_fake_destroy(struct durable_fake *fake)
{
    if (!fake)
        return;
    drop_descriptors(fake);
    free(fake->descriptors);
    durable_node_release(fake->root);
    pthread_mutex_destroy(&fake->lock);
    free(fake);
}

struct durable *durable_fake_table(struct durable_fake *fake)
{
    return &fake->table;
}

void durable_fake_add_directory(struct durable_fake *fake, const char *path)
{
    pthread_mutex_lock(&fake->lock);
    durable_tree_add(fake->root, path, true);
    pthread_mutex_unlock(&fake->lock);
}

void durable_fake_add_file(struct durable_fake *fake, const char *path, struct bytes content)
{
    pthread_mutex_lock(&fake->lock);
    struct durable_node *node = durable_tree_add(fake->root, path, false);
    buf_clear(&node->content);
    buf_add(&node->content, content);
    durable_node_sync(node);
    pthread_mutex_unlock(&fake->lock);
}

static void crash(struct durable_fake *fake, const uint64_t *seed, bool torn)
{
    pthread_mutex_lock(&fake->lock);
    drop_descriptors(fake);
    durable_tree_forget(fake->root, seed, torn, 0);
    fake->crashed = false;
    fake->until_crash = SIZE_MAX;
    pthread_mutex_unlock(&fake->lock);
}

void durable_fake_crash(struct durable_fake *fake)
{
    crash(fake, NULL, false);
}

void durable_fake_crash_partly(struct durable_fake *fake, uint64_t seed)
{
    crash(fake, &seed, false);
}

void durable_fake_crash_torn(struct durable_fake *fake, uint64_t seed)
{
    crash(fake, &seed, true);
}

void durable_fake_kill(struct durable_fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    drop_descriptors(fake);
    fake->crashed = false;
    fake->until_crash = SIZE_MAX;
    pthread_mutex_unlock(&fake->lock);
}

void durable_fake_crash_after(struct durable_fake *fake, size_t operations)
{
    pthread_mutex_lock(&fake->lock);
    fake->until_crash = operations;
    pthread_mutex_unlock(&fake->lock);
}

void durable_fake_fill_after(struct durable_fake *fake, size_t octets)
{
    pthread_mutex_lock(&fake->lock);
    fake->room = octets;
    pthread_mutex_unlock(&fake->lock);
}

void durable_fake_ignore_sync(struct durable_fake *fake, size_t skip)
{
    pthread_mutex_lock(&fake->lock);
    fake->until_ignored_sync = skip;
    pthread_mutex_unlock(&fake->lock);
}

void durable_fake_fail(struct durable_fake *fake, size_t skip, int error)
{
    pthread_mutex_lock(&fake->lock);
    fake->until_failure = skip;
    fake->failure = error;
    pthread_mutex_unlock(&fake->lock);
}

struct durable_fake_counts durable_fake_count(struct durable_fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    struct durable_fake_counts counts = fake->counts;
    pthread_mutex_unlock(&fake->lock);
    return counts;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct durable_fake_file *)a)->path,
                  ((const struct durable_fake_file *)b)->path);
}

size_t durable_fake_list(struct durable_fake *fake, struct arena *arena,
                         struct durable_fake_file **files)
{
    pthread_mutex_lock(&fake->lock);
    size_t count = durable_tree_list(fake->root, arena, files);
    pthread_mutex_unlock(&fake->lock);
    if (count)
        qsort(*files, count, sizeof(**files), by_path);
    return count;
}

bool durable_fake_read(struct durable_fake *fake, const char *path, struct arena *arena,
                       struct bytes *content)
{
    pthread_mutex_lock(&fake->lock);
    struct durable_node *found = durable_tree_file(fake->root, path);
    if (found)
        *content = arena_copy(arena, buf_bytes(&found->content));
    pthread_mutex_unlock(&fake->lock);
    return found != NULL;
}

bool durable_fake_has_directory(struct durable_fake *fake, const char *path)
{
    struct durable_node *directory;
    pthread_mutex_lock(&fake->lock);
    int error = durable_tree_directory(fake->root, path, &directory);
    pthread_mutex_unlock(&fake->lock);
    return error == 0;
}
