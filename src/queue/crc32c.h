/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crc32c: the Castagnoli checksum (rfc3720:12.1), which processors compute themselves. It finds what a crash or a
 * disk damaged; it does not protect against somebody who may write to the disk.
 */
#ifndef VOUCH_QUEUE_CRC32C_H
#define VOUCH_QUEUE_CRC32C_H

#include "base/bytes.h"

/* `sum` is that of what came before, 0 at the start: the sum of a and then b is that of ab. */
uint32_t crc32c(uint32_t sum, struct bytes data);
/* The same without the processor's help, for tests. */
uint32_t crc32c_portable(uint32_t sum, struct bytes data);

#endif
