/* SPDX-License-Identifier: BSD-2-Clause */
/* memfd: a message too large for a frame, as a descriptor to hand to another role. */
#ifndef VOUCH_ROLES_MEMFD_H
#define VOUCH_ROLES_MEMFD_H

#include "base/bytes.h"

/* A close-on-exec memfd that holds a copy of the octets, or -errno. */
int memfd_of(struct bytes content);

/* The same, sealed: nobody can change or cut it any more. */
int memfd_of_sealed(struct bytes content);
/* Whether that is so: only then it lies in memory, and reading it cannot make us wait for whoever sent it. */
bool memfd_is_sealed(int fd);

#endif
