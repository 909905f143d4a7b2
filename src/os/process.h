/* SPDX-License-Identifier: BSD-2-Clause */
/* process: starting a role by re-executing this binary, and small process matters. */
#ifndef VOUCH_OS_PROCESS_H
#define VOUCH_OS_PROCESS_H

#include "base/result.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * fork + exec of /proc/self/exe (or argv0 if that fails) with `argv`; `descriptors[i]` becomes
 * descriptor 3 + i in the child, all others above 2 are closed, signals are as at the start of a
 * program. The child is killed when the thread that started it ends: call it from the main thread.
 * Returns the pid, or -errno (of the fork, the descriptors or the exec).
 */
pid_t process_spawn(const char *const argv[], const int *descriptors, size_t descriptor_count);

/* Name in ps: "vouch: edge 1". Before the sandbox closes. What main() got as argv and environ stays
 * valid: it was moved elsewhere before main() ran. */
void process_set_title(const char *title);

/* sd_notify(3) without libsystemd: "READY=1", "STOPPING=1", "STATUS=…". No-op without NOTIFY_SOCKET. */
void process_notify(const char *state);
/* Socket activation: number of descriptors passed (from 3 on), with LISTEN_PID checked; unsets the
 * variables. *names is LISTEN_FDNAMES or NULL. */
int process_listen_fds(const char **names);

bool process_is_root(void);

#endif
