/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * durable_tree: the files and folders of durable_fake, each as it is now and as a crash would leave
 * it. No locks, no faults: durable_fake.c sees to these. Functions return 0 or -errno.
 */
#ifndef VOUCH_OS_DURABLE_TREE_H
#define VOUCH_OS_DURABLE_TREE_H

#include "base/buf.h"
#include "base/map.h"
#include "os/durable_fake.h"

/* A file or a folder; alive while an entry or a descriptor refers to it. */
struct durable_node {
    size_t references;
    struct map *entries; /* name -> struct durable_entry; NULL: a file */
    struct buf content, synced;
};

struct durable_node *durable_node_create(bool directory);
struct durable_node *durable_node_take(struct durable_node *node);
void durable_node_release(struct durable_node *node); /* NULL is fine */
/* fsync of a file. */
void durable_node_sync(struct durable_node *node);

int durable_tree_directory(struct durable_node *root, const char *path, struct durable_node **out);
/* NULL: there is no such file. */
struct durable_node *durable_tree_file(struct durable_node *root, const char *path);
int durable_tree_make(struct durable_node *root, const char *path, bool directory,
                      struct durable_node **made);
int durable_tree_rename(struct durable_node *root, const char *from, const char *to);
int durable_tree_unlink(struct durable_node *root, const char *path);
/* fsync of a folder: what is seen now is what a crash leaves. */
void durable_tree_settle(struct durable_node *directory);
/* Makes a path and the folders above it, all durable. */
struct durable_node *durable_tree_add(struct durable_node *root, const char *path,
                                      bool last_is_directory);
/* A crash. `seed` NULL: nothing that was not synced survives. `torn`: blocks survive each for itself.
 * `path` is a hash, 0 for the root. */
void durable_tree_forget(struct durable_node *directory, const uint64_t *seed, bool torn,
                         uint64_t path);
/* The names that are in a folder now. */
void durable_tree_names(const struct durable_node *directory,
                        void (*each)(void *context, const char *name), void *context);
/* All files, in no order, copied into the arena; the count. */
size_t durable_tree_list(const struct durable_node *root, struct arena *arena,
                         struct durable_fake_file **files);

#endif
