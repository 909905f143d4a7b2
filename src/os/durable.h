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
};

/* The kernel's. One for the process; stateless. */
struct durable *durable_kernel(void);

#endif
