/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/durable_fake.h"

#include "base/buf.h"
#include "base/map.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_OCTETS = 255, DEPTH_MAX = 64, FILE_OCTETS_MAX = 1 << 30, FIRST_DESCRIPTOR = 1000 };

/* A file or a folder; alive while an entry or a descriptor refers to it. */
struct node {
    size_t references;
    struct map *entries; /* name -> struct entry; NULL: a file */
    struct buf content, synced;
};

/* One name of a folder: what it means now, and what it would mean after a crash. */
struct entry {
    struct node *now, *synced;
};

struct durable_fake {
    struct durable table; /* first, so that the table's address is the fake's */
    pthread_mutex_t lock;
    struct node *root;
    struct node **descriptors;
    size_t descriptor_count;
    struct durable_fake_counts counts;
    bool crashed;
    size_t until_crash, room, until_ignored_sync, until_failure; /* SIZE_MAX: never */
    int failure;
};

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    require(memory);
    return memory;
}

static struct node *node_create(bool directory)
{
    struct node *node = allocate(sizeof(*node));
    buf_init(&node->content, FILE_OCTETS_MAX);
    buf_init(&node->synced, FILE_OCTETS_MAX);
    if (directory) {
        node->entries = map_create();
        require(node->entries);
    }
    return node;
}

static struct node *node_take(struct node *node)
{
    if (node)
        node->references++;
    return node;
}

static void node_release(struct node *node);

static void entry_free(void *pointer)
{
    struct entry *entry = pointer;
    node_release(entry->now);
    node_release(entry->synced);
    free(entry);
}

/* Recursion is as deep as the test's folders, which resolve() bounds. */
static void node_release(struct node *node)
{
    if (!node || --node->references)
        return;
    map_destroy(node->entries, entry_free);
    buf_free(&node->content);
    buf_free(&node->synced);
    free(node);
}

static void entry_set(struct node **slot, struct node *node)
{
    node_take(node);
    node_release(*slot);
    *slot = node;
}

/* The entry of a name, made (empty) when it is not there. */
static struct entry *entry_at(struct node *directory, struct bytes name)
{
    struct entry *entry = map_get(directory->entries, name);
    if (entry)
        return entry;
    entry = allocate(sizeof(*entry));
    require(map_put(directory->entries, name, entry, NULL));
    return entry;
}

static struct node *child_of(const struct node *directory, struct bytes name)
{
    struct entry *entry = map_get(directory->entries, name);
    return entry ? entry->now : NULL;
}

/* The folder that holds the last part of `path`, and that part (empty: the path is the root). */
static int resolve(struct durable_fake *fake, const char *path, struct node **directory,
                   struct bytes *name)
{
    struct bytes rest = bytes_of(path), part;
    if (!rest.len)
        return -ENOENT;
    *directory = fake->root;
    *name = BYTES("");
    for (size_t depth = 0; bytes_split(&rest, '/', &part);) {
        if (part.len == 0 || bytes_is(part, "."))
            continue;
        if (bytes_is(part, ".."))
            return -EINVAL;
        if (part.len > NAME_OCTETS || ++depth > DEPTH_MAX)
            return -ENAMETOOLONG;
        if (name->len) {
            struct node *child = child_of(*directory, *name);
            if (!child)
                return -ENOENT;
            if (!child->entries)
                return -ENOTDIR;
            *directory = child;
        }
        *name = part;
    }
    return 0;
}

static int resolve_directory(struct durable_fake *fake, const char *path, struct node **out)
{
    struct bytes name;
    int error = resolve(fake, path, out, &name);
    if (error || !name.len)
        return error;
    *out = child_of(*out, name);
    if (!*out)
        return -ENOENT;
    return (*out)->entries ? 0 : -ENOTDIR;
}

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

static struct node *node_of(struct durable_fake *fake, int fd)
{
    size_t index = (size_t)fd - FIRST_DESCRIPTOR;
    return fd >= FIRST_DESCRIPTOR && index < fake->descriptor_count ? fake->descriptors[index] : NULL;
}

static int descriptor_for(struct durable_fake *fake, struct node *node)
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
    fake->descriptors[i] = node_take(node);
    fake->counts.open++;
    return FIRST_DESCRIPTOR + (int)i;
}

static int make(struct durable_fake *fake, const char *path, bool directory, struct node **made)
{
    struct node *parent;
    struct bytes name;
    int error = resolve(fake, path, &parent, &name);
    if (error)
        return error;
    if (!name.len || child_of(parent, name))
        return -EEXIST;
    *made = node_create(directory);
    entry_set(&entry_at(parent, name)->now, *made);
    return 0;
}

static int fake_create(struct durable *table, const char *path, mode_t mode)
{
    (void)mode;
    struct durable_fake *fake = fake_of(table);
    struct node *node;
    int error = begin(fake);
    if (!error)
        error = make(fake, path, false, &node);
    return end(fake, error ? error : descriptor_for(fake, node));
}

static int write_locked(struct durable_fake *fake, int fd, struct bytes bytes)
{
    struct node *node = node_of(fake, fd);
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

static void copy_content(struct buf *to, const struct buf *from)
{
    buf_clear(to);
    buf_add(to, buf_bytes(from));
    require(!to->failed);
}

static int sync_locked(struct durable_fake *fake, int fd)
{
    struct node *node = node_of(fake, fd);
    if (!node)
        return -EBADF;
    fake->counts.file_syncs++;
    if (!is_ignored(fake))
        copy_content(&node->synced, &node->content);
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
    struct node *node = node_of(fake, fd);
    if (!node)
        return end(fake, error ? error : -EBADF);
    /* As in the kernel the descriptor is gone even when close() fails. */
    fake->descriptors[fd - FIRST_DESCRIPTOR] = NULL;
    fake->counts.open--;
    node_release(node);
    return end(fake, error);
}

static int rename_locked(struct durable_fake *fake, const char *from, const char *to)
{
    struct node *source, *target;
    struct bytes source_name, target_name;
    int error = resolve(fake, from, &source, &source_name);
    if (!error)
        error = resolve(fake, to, &target, &target_name);
    if (error)
        return error;
    struct node *node = source_name.len ? child_of(source, source_name) : source;
    struct node *replaced = target_name.len ? child_of(target, target_name) : target;
    if (!node)
        return -ENOENT;
    if (node->entries || (replaced && replaced->entries))
        return -EISDIR;
    if (node == replaced)
        return 0;
    entry_set(&entry_at(target, target_name)->now, node);
    entry_set(&entry_at(source, source_name)->now, NULL);
    return 0;
}

static int fake_rename(struct durable *table, const char *from, const char *to)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    return end(fake, error ? error : rename_locked(fake, from, to));
}

static int unlink_locked(struct durable_fake *fake, const char *path)
{
    struct node *parent;
    struct bytes name;
    int error = resolve(fake, path, &parent, &name);
    if (error)
        return error;
    struct node *node = name.len ? child_of(parent, name) : parent;
    if (!node)
        return -ENOENT;
    if (node->entries)
        return -EISDIR;
    entry_set(&entry_at(parent, name)->now, NULL);
    return 0;
}

static int fake_unlink(struct durable *table, const char *path)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    return end(fake, error ? error : unlink_locked(fake, path));
}

static int fake_make_directory(struct durable *table, const char *path, mode_t mode)
{
    (void)mode;
    struct durable_fake *fake = fake_of(table);
    struct node *node;
    int error = begin(fake);
    return end(fake, error ? error : make(fake, path, true, &node));
}

/* Makes what is seen now what a crash leaves, and forgets names that mean nothing any more. */
static void settle(struct node *directory)
{
    size_t position = 0;
    struct bytes name;
    void *value;
    while (map_next(directory->entries, &position, &name, &value)) {
        struct entry *entry = value;
        entry_set(&entry->synced, entry->now);
        if (!entry->now)
            entry_free(map_remove(directory->entries, name));
    }
}

static int sync_directory_locked(struct durable_fake *fake, const char *path)
{
    struct node *directory;
    int error = resolve_directory(fake, path, &directory);
    if (error)
        return error;
    fake->counts.directory_syncs++;
    if (!is_ignored(fake))
        settle(directory);
    return 0;
}

static int fake_sync_directory(struct durable *table, const char *path)
{
    struct durable_fake *fake = fake_of(table);
    int error = begin(fake);
    return end(fake, error ? error : sync_directory_locked(fake, path));
}

struct durable_fake *durable_fake_create(void)
{
    struct durable_fake *fake = allocate(sizeof(*fake));
    pthread_mutex_init(&fake->lock, NULL);
    fake->root = node_take(node_create(true));
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
    };
    return fake;
}

static void drop_descriptors(struct durable_fake *fake)
{
    for (size_t i = 0; i < fake->descriptor_count; i++) {
        node_release(fake->descriptors[i]);
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
    node_release(fake->root);
    pthread_mutex_destroy(&fake->lock);
    free(fake);
}

struct durable *durable_fake_table(struct durable_fake *fake)
{
    return &fake->table;
}

/* Both parts of an entry at once: it was there before the test. */
static struct node *add(struct node *directory, struct bytes name, bool is_directory)
{
    struct entry *entry = entry_at(directory, name);
    if (!entry->now)
        entry_set(&entry->now, node_create(is_directory));
    require(!entry->now->entries == !is_directory);
    entry_set(&entry->synced, entry->now);
    return entry->now;
}

static struct node *add_path(struct durable_fake *fake, const char *path, bool last_is_directory)
{
    struct node *node = fake->root;
    struct bytes rest = bytes_trim(bytes_of(path)), part;
    while (bytes_ends_with(rest, BYTES("/")))
        rest.len--;
    while (bytes_split(&rest, '/', &part))
        if (part.len)
            node = add(node, part, rest.ptr || last_is_directory);
    return node;
}

void durable_fake_add_directory(struct durable_fake *fake, const char *path)
{
    pthread_mutex_lock(&fake->lock);
    add_path(fake, path, true);
    pthread_mutex_unlock(&fake->lock);
}

void durable_fake_add_file(struct durable_fake *fake, const char *path, struct bytes content)
{
    pthread_mutex_lock(&fake->lock);
    struct node *node = add_path(fake, path, false);
    buf_clear(&node->content);
    buf_add(&node->content, content);
    copy_content(&node->synced, &node->content);
    pthread_mutex_unlock(&fake->lock);
}

/* Whether the thing named `path` (a hash) reached the disk; the same for the same seed and path. */
static bool by_chance(const uint64_t *seed, uint64_t path)
{
    if (!seed)
        return false;
    uint64_t x = *seed * UINT64_C(0x9e3779b97f4a7c15) + path;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (x ^ (x >> 31)) & 1;
}

/* FNV-1a: unlike map_hash() it is the same in every run, so that a crash is repeated by its seed. */
static uint64_t path_hash(uint64_t hash, struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ name.ptr[i]) * UINT64_C(0x100000001b3);
    return (hash ^ '/') * UINT64_C(0x100000001b3);
}

static void forget_content(struct node *node, const uint64_t *seed, uint64_t path)
{
    if (by_chance(seed, ~path))
        copy_content(&node->synced, &node->content);
    else
        copy_content(&node->content, &node->synced);
}

/* `seed` NULL: nothing that was not synced survives. */
static void forget(struct node *directory, const uint64_t *seed, uint64_t path)
{
    size_t position = 0;
    struct bytes name;
    void *value;
    while (map_next(directory->entries, &position, &name, &value)) {
        struct entry *entry = value;
        uint64_t hash = path_hash(path, name);
        if (entry->now != entry->synced && by_chance(seed, hash))
            entry_set(&entry->synced, entry->now);
        entry_set(&entry->now, entry->synced);
        if (!entry->now)
            entry_free(map_remove(directory->entries, name));
        else if (entry->now->entries)
            forget(entry->now, seed, hash);
        else
            forget_content(entry->now, seed, hash);
    }
}

static void crash(struct durable_fake *fake, const uint64_t *seed)
{
    pthread_mutex_lock(&fake->lock);
    drop_descriptors(fake);
    forget(fake->root, seed, 0);
    fake->crashed = false;
    fake->until_crash = SIZE_MAX;
    pthread_mutex_unlock(&fake->lock);
}

void durable_fake_crash(struct durable_fake *fake)
{
    crash(fake, NULL);
}

void durable_fake_crash_partly(struct durable_fake *fake, uint64_t seed)
{
    crash(fake, &seed);
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

struct listing {
    struct arena *arena;
    struct durable_fake_file *files; /* NULL: only count */
    size_t count;
};

static void list(const struct node *directory, const char *path, struct listing *listing)
{
    size_t position = 0;
    struct bytes name;
    void *value;
    while (map_next(directory->entries, &position, &name, &value)) {
        const struct node *node = ((struct entry *)value)->now;
        if (!node)
            continue;
        struct bytes full = arena_printf(listing->arena, "%s/" BYTES_FMT, path, BYTES_ARG(name));
        require(full.ptr);
        if (node->entries) {
            list(node, (const char *)full.ptr, listing);
            continue;
        }
        if (listing->files)
            listing->files[listing->count] = (struct durable_fake_file){
                (const char *)full.ptr, arena_copy(listing->arena, buf_bytes(&node->content))};
        listing->count++;
    }
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
    struct listing listing = {.arena = arena};
    list(fake->root, "", &listing);
    listing.files = arena_alloc_array(arena, listing.count, sizeof(*listing.files));
    require(listing.files);
    listing.count = 0;
    list(fake->root, "", &listing);
    pthread_mutex_unlock(&fake->lock);
    if (listing.count)
        qsort(listing.files, listing.count, sizeof(*listing.files), by_path);
    *files = listing.files;
    return listing.count;
}

bool durable_fake_read(struct durable_fake *fake, const char *path, struct arena *arena,
                       struct bytes *content)
{
    struct node *parent;
    struct bytes name;
    pthread_mutex_lock(&fake->lock);
    struct node *node = resolve(fake, path, &parent, &name) || !name.len ? NULL
                                                                         : child_of(parent, name);
    bool found = node && !node->entries;
    if (found)
        *content = arena_copy(arena, buf_bytes(&node->content));
    pthread_mutex_unlock(&fake->lock);
    return found;
}

bool durable_fake_has_directory(struct durable_fake *fake, const char *path)
{
    struct node *directory;
    pthread_mutex_lock(&fake->lock);
    int error = resolve_directory(fake, path, &directory);
    pthread_mutex_unlock(&fake->lock);
    return error == 0;
}
