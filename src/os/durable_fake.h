/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * durable_fake: a file system in memory that forgets what was not fsynced.
 *
 * The model is the strictest that POSIX allows. At a crash
 *  - a file has the content it had at its last sync() (none: it is empty),
 *  - a folder has the entries it had at its last sync_directory(): a file created, renamed into it
 * or made in it since is not there, one unlinked or renamed out of it since is there again. A
 * rename between two folders is two entries and wants two syncs; target first, or a crash between
 * them loses the file. A descriptor from before a crash is -EBADF after it.
 *
 * Paths are absolute or taken as such; "." parts are skipped, ".." is -EINVAL. No links, no
 * permissions, no renaming of folders (-EISDIR). All functions are thread-safe. The fake owns its
 * memory; running out of it is a panic (it is for tests).
 */
#ifndef VOUCH_OS_DURABLE_FAKE_H
#define VOUCH_OS_DURABLE_FAKE_H

#include "base/arena.h"
#include "os/durable.h"

struct durable_fake;

struct durable_fake *durable_fake_create(void);
void durable_fake_destroy(struct durable_fake *fake); /* NULL is fine */
/* The table to hand to the code under test; lives as long as the fake. */
struct durable *durable_fake_table(struct durable_fake *fake);

/* What the disk held before the test began: durable at once. Missing folders above are made. */
void durable_fake_add_directory(struct durable_fake *fake, const char *path);
void durable_fake_add_file(struct durable_fake *fake, const char *path, struct bytes content);

/* Pulls the plug and starts again: what was not synced is gone, calls work again. */
void durable_fake_crash(struct durable_fake *fake);
/* The same, but of what was not synced some has reached the disk by chance: each file's data and
 * each directory entry for itself, as `seed` has it. Any seed must leave a program able to go on.
 */
void durable_fake_crash_partly(struct durable_fake *fake, uint64_t seed);
/* The same, but each block of 512 octets of a file's data is by chance the old or the new one. */
void durable_fake_crash_torn(struct durable_fake *fake, uint64_t seed);
/* Only the process dies (kill -9): descriptors are gone, what was written is there, but what was
 * not synced is still not durable. */
void durable_fake_kill(struct durable_fake *fake);

/* After `operations` more calls every further call fails with -EIO, until durable_fake_crash(). */
void durable_fake_crash_after(struct durable_fake *fake, size_t operations);
/* After `octets` more octets written, writes fail with -ENOSPC (the last one is cut short).
 * SIZE_MAX: there is room again. */
void durable_fake_fill_after(struct durable_fake *fake, size_t octets);
/* The next call of sync() or sync_directory() but `skip` says 0 and does nothing, once: as if that
 * line were not in the source. */
void durable_fake_ignore_sync(struct durable_fake *fake, size_t skip);
/* The next call but `skip`, of any kind, fails with -error, once, and has no effect. */
void durable_fake_fail(struct durable_fake *fake, size_t skip, int error);

struct durable_fake_counts {
    size_t operations;
    size_t file_syncs, directory_syncs; /* those that were asked for */
    size_t octets;                      /* written */
    size_t open;                        /* descriptors open now: 0 at the end, or one leaks */
};
struct durable_fake_counts durable_fake_count(struct durable_fake *fake);

struct durable_fake_file {
    const char *path; /* absolute */
    struct bytes content;
};
/* All files as a reader sees them now, sorted by path, copied into the arena; the count. */
size_t durable_fake_list(struct durable_fake *fake, struct arena *arena,
                         struct durable_fake_file **files);
/* One file as a reader sees it now. False: there is none. */
bool durable_fake_read(struct durable_fake *fake, const char *path, struct arena *arena,
                       struct bytes *content);
bool durable_fake_has_directory(struct durable_fake *fake, const char *path);

#endif
