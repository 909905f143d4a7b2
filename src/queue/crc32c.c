/* SPDX-License-Identifier: BSD-2-Clause */
#include "queue/crc32c.h"

#include <string.h>

enum { NIBBLES = 16 };

/* Half an octet at a time: small, and only where the processor does not help. */
uint32_t crc32c_portable(uint32_t sum, struct bytes data)
{
    static const uint32_t table[NIBBLES] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    sum = ~sum;
    for (size_t i = 0; i < data.len; i++) {
        sum ^= data.ptr[i];
        sum = (sum >> 4) ^ table[sum & 15];
        sum = (sum >> 4) ^ table[sum & 15];
    }
    return ~sum;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_processor(uint32_t sum, struct bytes data)
{
    uint64_t state = ~sum, word;
    for (; data.len >= sizeof(word); data = bytes_skip(data, sizeof(word))) {
        memcpy(&word, data.ptr, sizeof(word));
        state = __builtin_ia32_crc32di(state, word);
    }
    for (size_t i = 0; i < data.len; i++)
        state = __builtin_ia32_crc32qi((uint32_t)state, data.ptr[i]);
    return ~(uint32_t)state;
}

uint32_t crc32c(uint32_t sum, struct bytes data)
{
    return __builtin_cpu_supports("sse4.2") ? by_processor(sum, data) : crc32c_portable(sum, data);
}
#else
uint32_t crc32c(uint32_t sum, struct bytes data)
{
    return crc32c_portable(sum, data);
}
#endif
