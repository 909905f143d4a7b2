/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * durable: the file layer of everything that must survive a crash, as one table of functions.
 *
 * The real one calls the kernel. The one of the tests (os/durable_fake.h) keeps what has not been
 * fsynced apart and discards it at a simulated crash, directory entries included: so deleting any
 * single fsync from the source makes a test fail. All functions return 0 or -errno (open: the
 * descriptor) and may block: call them from a worker thread.
 */
#ifndef VOUCH_OS_DURABLE_H
#define VOUCH_OS_DURABLE_H

#include "base/bytes.h"

#include <sys/types.h>

struct durable {
    int (*create)(struct durable *, const char *path, mode_t mode); /* O_CREAT|O_EXCL|O_WRONLY */
    int (*write)(struct durable *, int fd, struct bytes bytes);     /* all of it */
    int (*start_sync)(struct durable *, int fd);                    /* sync_file_range: a hint */
    int (*sync)(struct durable *, int fd);                          /* fsync */
    int (*close)(struct durable *, int fd);
    int (*rename)(struct durable *, const char *from, const char *to);
    int (*unlink)(struct durable *, const char *path);
    int (*make_directory)(struct durable *, const char *path, mode_t mode);
    int (*sync_directory)(struct durable *, const char *path);

    /* For files that are written at places and read again (the queue). */
    int (*open)(struct durable *, const char *path, bool writable); /* O_RDWR or O_RDONLY */
    int64_t (*size)(struct durable *, int fd);
    /* As many as there are: fewer only at the end of the file. The count or -errno. */
    int64_t (*read_at)(struct durable *, int fd, void *out, size_t size, uint64_t offset);
    int (*write_at)(struct durable *, int fd, struct bytes bytes, uint64_t offset); /* all of it */
    int (*sync_data)(struct durable *, int fd);                 /* fdatasync */
    int (*allocate)(struct durable *, int fd, uint64_t octets); /* fallocate: as long, of zeros */
    /* Opens (and makes) a file and locks it for this descriptor; -EWOULDBLOCK: another has it. */
    int (*lock)(struct durable *, const char *path);
    /* Calls `each` for each name in a folder, in no order, but for those that begin with a dot. */
    int (*list)(struct durable *, const char *path, void (*each)(void *context, const char *name),
                void *context);
};

/* The kernel's. One for the process; stateless. */
struct durable *durable_kernel(void);

#endif
