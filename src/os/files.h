/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files: whole files, for configuration and small state.
 *
 * These block: before the loop runs, or from a worker thread. Paths are NUL-terminated, as the
 * kernel wants them. Nothing is kept; what is read lives in the caller's arena.
 */
#ifndef VOUCH_OS_FILES_H
#define VOUCH_OS_FILES_H

#include "base/arena.h"
#include "os/durable.h"

#include <sys/types.h>

/* The whole of a regular file. NONE: there is no such file; PERM: not a regular file, longer than
 * `max`, or not ours to read; TEMP: anything that may pass (memory, descriptors, the disk). The
 * octet behind out->ptr[out->len] is NUL, for libraries that want a string. */
enum result files_read(struct arena *arena, const char *path, size_t max, struct bytes *out,
                       struct error *error) must_check;
/* The same from an open descriptor, by pread from the start: for memfds of another role, which must
 * never be mapped (their sender could cut them under us). */
enum result files_read_descriptor(struct arena *arena, int fd, size_t max, struct bytes *out,
                                  struct error *error) must_check;

/* Puts `content` in the place of `path` so that a crash leaves the old file or the new one, whole:
 * a temporary file beside it, sync, rename, sync of the folder. */
enum result files_replace(struct durable *durable, const char *path, struct bytes content,
                          mode_t mode, struct error *error) must_check;

/* mkdir -p. Folders that are there stay as they are. 0 or -errno. */
int files_make_directories(const char *path, mode_t mode);

/* Opens `path` (relative) so that nothing outside of `directory` can be reached: no "..", no
 * absolute path, no symbolic link in any part. Close-on-exec. The descriptor or -errno; -EXDEV or
 * -ELOOP when the path tries to leave. */
int files_open_beneath(int directory, const char *path, int flags, mode_t mode);

#endif
