/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answer: making struct dns_answer, for the layers behind dns.h.
 *
 * All never return NULL: when the arena is exhausted they give a static DNS_FAILED answer.
 */
#ifndef VOUCH_DNS_ANSWER_H
#define VOUCH_DNS_ANSWER_H

#include "dns/dns.h"

/* An answer without records. `canonical` is copied. */
const struct dns_answer *answer_empty(struct arena *arena, enum dns_status status,
                                      struct bytes canonical, uint32_t ttl);
/* DNS_FAILED. `problem` must live as long as the arena (a literal, or made in it). */
const struct dns_answer *answer_failed(struct arena *arena, const char *problem);
/* A copy of everything in `arena`. */
const struct dns_answer *answer_copy(struct arena *arena, const struct dns_answer *answer);
/* What is answered when memory is out. */
const struct dns_answer *answer_out_of_memory(void);

#endif
