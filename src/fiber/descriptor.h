/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * descriptor: a file descriptor that fibers can wait on.
 *
 * Registered with epoll once, edge-triggered in both directions; set non-blocking. At most one
 * fiber waits for reading and one for writing at a time (a second is a bug and panics). Usual
 * shape: try the system call; on EAGAIN wait; try again.
 */
#ifndef VOUCH_FIBER_DESCRIPTOR_H
#define VOUCH_FIBER_DESCRIPTOR_H

#include "fiber/fiber.h"

struct descriptor;

/* Takes over `fd`. NULL (errno set, fd NOT closed) on failure. */
struct descriptor *descriptor_open(int fd);
/* For a listening socket shared between processes: level-triggered with EPOLLEXCLUSIVE. Accept one
 * connection for each wake. */
struct descriptor *descriptor_open_listener(int fd);
/* Unregisters and closes. Waiting fibers get ECANCELED. The struct itself is freed only after the
 * current epoll batch. NULL is fine. */
void descriptor_close(struct descriptor *descriptor);
/* Unregisters and gives the descriptor back, open and non-blocking. */
int descriptor_release(struct descriptor *descriptor);
int descriptor_fd(const struct descriptor *descriptor);

/* 0, ETIMEDOUT or ECANCELED. Errors and hang-ups count as ready: the system call reports them.
 * These return at once if an edge came since the last time they reported ready. */
int descriptor_wait_readable(struct descriptor *descriptor, int64_t deadline);
int descriptor_wait_writable(struct descriptor *descriptor, int64_t deadline);

#endif
