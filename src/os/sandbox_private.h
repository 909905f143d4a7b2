/* SPDX-License-Identifier: BSD-2-Clause */
/* sandbox_private: what the files of the sandbox share. */
#ifndef VOUCH_OS_SANDBOX_PRIVATE_H
#define VOUCH_OS_SANDBOX_PRIVATE_H

#include "os/sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif

/* Adds a thing to report->missing. */
void sandbox_missing(struct sandbox_report *report, const char *format, ...) printf_like(2, 3);

/* A ruleset with the paths of `sandbox` opened (so that it works after a chroot), in *fd; -1 where
 * the kernel has no Landlock. Sets report->landlock_abi. */
enum result sandbox_landlock_prepare(const struct sandbox *sandbox, int *fd,
                                     struct sandbox_report *report, struct error *error) must_check;

/* Runs `function(argument)` on every other thread of the process, inside a signal handler. /proc
 * must be mounted: open it (sandbox_threads_open) before a chroot. 0 or -errno; -ENOTSUP: no /proc.
 */
int sandbox_threads_open(void);
int sandbox_threads_run(int proc_fd, int (*function)(void *), void *argument, size_t *count);

/* Loads the filter into all threads. */
enum result sandbox_seccomp(const struct sandbox *sandbox, struct sandbox_report *report,
                            struct error *error) must_check;

#endif
