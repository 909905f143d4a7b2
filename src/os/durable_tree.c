/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/durable_tree.h"

#include <errno.h>
#include <stdlib.h>

enum { NAME_OCTETS = 255, DEPTH_MAX = 64, FILE_OCTETS_MAX = 1 << 30, BLOCK_OCTETS = 512 };

/* One name of a folder: what it means now, and what it would mean after a crash. */
struct durable_entry {
    struct durable_node *now, *synced;
};

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    require(memory);
    return memory;
}

struct durable_node *durable_node_create(bool directory)
{
    struct durable_node *node = allocate(sizeof(*node));
    buf_init(&node->content, FILE_OCTETS_MAX);
    buf_init(&node->synced, FILE_OCTETS_MAX);
    if (directory) {
        node->entries = map_create();
        require(node->entries);
    }
    return node;
}

struct durable_node *durable_node_take(struct durable_node *node)
{
    if (node)
        node->references++;
    return node;
}

static void entry_free(void *pointer)
{
    struct durable_entry *entry = pointer;
    durable_node_release(entry->now);
    durable_node_release(entry->synced);
    free(entry);
}

/* Recursion is as deep as the test's folders, which resolve() bounds. */
void durable_node_release(struct durable_node *node)
{
    if (!node || --node->references)
        return;
    map_destroy(node->entries, entry_free);
    buf_free(&node->content);
    buf_free(&node->synced);
    free(node);
}

static void entry_set(struct durable_node **slot, struct durable_node *node)
{
    durable_node_take(node);
    durable_node_release(*slot);
    *slot = node;
}

/* The entry of a name, made (empty) when it is not there. */
static struct durable_entry *entry_at(struct durable_node *directory, struct bytes name)
{
    struct durable_entry *entry = map_get(directory->entries, name);
    if (entry)
        return entry;
    entry = allocate(sizeof(*entry));
    require(map_put(directory->entries, name, entry, NULL));
    return entry;
}

static struct durable_node *child_of(const struct durable_node *directory, struct bytes name)
{
    struct durable_entry *entry = map_get(directory->entries, name);
    return entry ? entry->now : NULL;
}

/* The folder that holds the last part of `path`, and that part (empty: the path is the root). */
static int resolve(struct durable_node *root, const char *path, struct durable_node **directory,
                   struct bytes *name)
{
    struct bytes rest = bytes_of(path), part;
    if (!rest.len)
        return -ENOENT;
    *directory = root;
    *name = BYTES("");
    for (size_t depth = 0; bytes_split(&rest, '/', &part);) {
        if (part.len == 0 || bytes_is(part, "."))
            continue;
        if (bytes_is(part, ".."))
            return -EINVAL;
        if (part.len > NAME_OCTETS || ++depth > DEPTH_MAX)
            return -ENAMETOOLONG;
        if (name->len) {
            struct durable_node *child = child_of(*directory, *name);
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

int durable_tree_directory(struct durable_node *root, const char *path, struct durable_node **out)
{
    struct bytes name;
    int error = resolve(root, path, out, &name);
    if (error || !name.len)
        return error;
    *out = child_of(*out, name);
    if (!*out)
        return -ENOENT;
    return (*out)->entries ? 0 : -ENOTDIR;
}

static void copy_content(struct buf *to, const struct buf *from)
{
    buf_clear(to);
    buf_add(to, buf_bytes(from));
    require(!to->failed);
}

void durable_node_sync(struct durable_node *node)
{
    copy_content(&node->synced, &node->content);
}

int durable_tree_make(struct durable_node *root, const char *path, bool directory,
                      struct durable_node **made)
{
    struct durable_node *parent;
    struct bytes name;
    int error = resolve(root, path, &parent, &name);
    if (error)
        return error;
    if (!name.len || child_of(parent, name))
        return -EEXIST;
    *made = durable_node_create(directory);
    entry_set(&entry_at(parent, name)->now, *made);
    return 0;
}

int durable_tree_rename(struct durable_node *root, const char *from, const char *to)
{
    struct durable_node *source, *target;
    struct bytes source_name, target_name;
    int error = resolve(root, from, &source, &source_name);
    if (!error)
        error = resolve(root, to, &target, &target_name);
    if (error)
        return error;
    struct durable_node *node = source_name.len ? child_of(source, source_name) : source;
    struct durable_node *replaced = target_name.len ? child_of(target, target_name) : target;
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

int durable_tree_unlink(struct durable_node *root, const char *path)
{
    struct durable_node *parent;
    struct bytes name;
    int error = resolve(root, path, &parent, &name);
    if (error)
        return error;
    struct durable_node *node = name.len ? child_of(parent, name) : parent;
    if (!node)
        return -ENOENT;
    if (node->entries)
        return -EISDIR;
    entry_set(&entry_at(parent, name)->now, NULL);
    return 0;
}

/* Makes what is seen now what a crash leaves, and forgets names that mean nothing any more. */
void durable_tree_settle(struct durable_node *directory)
{
    size_t position = 0;
    struct bytes name;
    void *value;
    while (map_next(directory->entries, &position, &name, &value)) {
        struct durable_entry *entry = value;
        entry_set(&entry->synced, entry->now);
        if (!entry->now)
            entry_free(map_remove(directory->entries, name));
    }
}

/* Both parts of an entry at once: it was there before the test. */
static struct durable_node *add(struct durable_node *directory, struct bytes name,
                                bool is_directory)
{
    struct durable_entry *entry = entry_at(directory, name);
    if (!entry->now)
        entry_set(&entry->now, durable_node_create(is_directory));
    require(!entry->now->entries == !is_directory);
    entry_set(&entry->synced, entry->now);
    return entry->now;
}

struct durable_node *durable_tree_add(struct durable_node *root, const char *path,
                                      bool last_is_directory)
{
    struct durable_node *node = root;
    struct bytes rest = bytes_trim(bytes_of(path)), part;
    while (bytes_ends_with(rest, BYTES("/")))
        rest.len--;
    while (bytes_split(&rest, '/', &part))
        if (part.len)
            node = add(node, part, rest.ptr || last_is_directory);
    return node;
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

/* FNV-1a: unlike map_hash() it is the same in every run, so that a crash is repeated by its seed.
 */
static uint64_t path_hash(uint64_t hash, struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ name.ptr[i]) * UINT64_C(0x100000001b3);
    return (hash ^ '/') * UINT64_C(0x100000001b3);
}

/* The blocks that by chance are not on the disk are the old ones, or zero where there was none. */
static void tear_content(struct durable_node *node, const uint64_t *seed, uint64_t path)
{
    struct buf *content = &node->content;
    const struct buf *synced = &node->synced;
    if (!by_chance(seed, ~path) && content->len > synced->len)
        content->len = synced->len;
    for (size_t at = 0; at < content->len; at += BLOCK_OCTETS) {
        if (by_chance(seed, path + at + 1))
            continue;
        size_t end = at + BLOCK_OCTETS < content->len ? at + BLOCK_OCTETS : content->len;
        for (size_t i = at; i < end; i++)
            content->ptr[i] = i < synced->len ? synced->ptr[i] : 0;
    }
    copy_content(&node->synced, content);
}

static void forget_content(struct durable_node *node, const uint64_t *seed, bool torn,
                           uint64_t path)
{
    if (torn)
        tear_content(node, seed, path);
    else if (by_chance(seed, ~path))
        copy_content(&node->synced, &node->content);
    else
        copy_content(&node->content, &node->synced);
}

/* `seed` NULL: nothing that was not synced survives. */
void durable_tree_forget(struct durable_node *directory, const uint64_t *seed, bool torn,
                         uint64_t path)
{
    size_t position = 0;
    struct bytes name;
    void *value;
    while (map_next(directory->entries, &position, &name, &value)) {
        struct durable_entry *entry = value;
        uint64_t hash = path_hash(path, name);
        if (entry->now != entry->synced && by_chance(seed, hash))
            entry_set(&entry->synced, entry->now);
        entry_set(&entry->now, entry->synced);
        if (!entry->now)
            entry_free(map_remove(directory->entries, name));
        else if (entry->now->entries)
            durable_tree_forget(entry->now, seed, torn, hash);
        else
            forget_content(entry->now, seed, torn, hash);
    }
}

void durable_tree_names(const struct durable_node *directory,
                        void (*each)(void *context, const char *name), void *context)
{
    size_t position = 0;
    struct bytes name;
    void *value;
    char text[NAME_OCTETS + 1];
    while (map_next(directory->entries, &position, &name, &value))
        if (((struct durable_entry *)value)->now && name.ptr[0] != '.' &&
            bytes_to_cstring(name, text, sizeof(text)))
            each(context, text);
}

struct listing {
    struct arena *arena;
    struct durable_fake_file *files; /* NULL: only count */
    size_t count;
};

static void list(const struct durable_node *directory, const char *path, struct listing *listing)
{
    size_t position = 0;
    struct bytes name;
    void *value;
    while (map_next(directory->entries, &position, &name, &value)) {
        const struct durable_node *node = ((struct durable_entry *)value)->now;
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

size_t durable_tree_list(const struct durable_node *root, struct arena *arena,
                         struct durable_fake_file **files)
{
    struct listing listing = {.arena = arena};
    list(root, "", &listing);
    listing.files = arena_alloc_array(arena, listing.count, sizeof(*listing.files));
    require(listing.files);
    listing.count = 0;
    list(root, "", &listing);
    *files = listing.files;
    return listing.count;
}

struct durable_node *durable_tree_file(struct durable_node *root, const char *path)
{
    struct durable_node *parent;
    struct bytes name;
    if (resolve(root, path, &parent, &name) || !name.len)
        return NULL;
    struct durable_node *node = child_of(parent, name);
    return node && !node->entries ? node : NULL;
}
