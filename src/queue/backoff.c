/* SPDX-License-Identifier: BSD-2-Clause */
#include "queue/backoff.h"

/* splitmix64: any seed will do, zero too. */
uint32_t backoff_draw(struct backoff_chance *chance, uint32_t below)
{
    uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return below ? (uint32_t)(((z >> 32) * below) >> 32) : 0;
}

int64_t backoff_jitter(int64_t duration, struct backoff_chance *chance)
{
    int64_t thousandths = 800 + backoff_draw(chance, 401);
    int64_t result = duration / 1000 * thousandths + duration % 1000 * thousandths / 1000;
    return result > 0 ? result : 1;
}

int64_t backoff_delay(int64_t first, int64_t most, unsigned failures, struct backoff_chance *chance)
{
    int64_t delay = first;
    for (unsigned i = 1; i < failures && delay < most; i++)
        delay += delay / 5 * 4;
    return backoff_jitter(delay < most ? delay : most, chance);
}
