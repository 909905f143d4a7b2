/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo_dns: a name server over UDP that answers from a zone in memory. For `vouch demo` on loopback: not a
 * server for anybody else.
 */
#ifndef VOUCH_CMD_DEMO_DNS_H
#define VOUCH_CMD_DEMO_DNS_H

#include "dns/zone.h"

/* Binds 127.0.0.1:port. The descriptor, or -errno. */
int demo_dns_bind(uint16_t port);
/* Answers for ever. */
_Noreturn void demo_dns_serve(int fd, struct zone *zone);

/* The reply to one query, into `reply` of 512 octets or more; its length, or 0 where none is due.
 * Answers that do not fit are truncated (TC). */
size_t demo_dns_answer(struct dns *dns, struct bytes query, uint8_t *reply, size_t size);

#endif
