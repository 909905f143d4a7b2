/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy: the header that a load balancer puts before a connection (PROXY protocol, versions 1 and
 * 2).
 *
 * Pure. The whole header is looked at again with each call until it is complete; it is at most
 * SMTP_PROXY_MAX octets long, so that this stays cheap.
 */
#ifndef VOUCH_SMTP_PROXY_H
#define VOUCH_SMTP_PROXY_H

#include "base/ip.h"

enum {
    SMTP_PROXY_V1_MAX = 107,   /* with CRLF, by the specification */
    SMTP_PROXY_MAX = 16 + 4096 /* version 2: addresses and TLVs; more is refused */
};

enum smtp_proxy_result { SMTP_PROXY_OK, SMTP_PROXY_MORE, SMTP_PROXY_BAD };

struct smtp_proxy {
    size_t length; /* of the header; what follows belongs to the client */
    bool local;    /* LOCAL or UNKNOWN: a health check of the balancer itself; keep the real ends */
    struct ip source, destination; /* family 0 where `local` */
    uint16_t source_port, destination_port;
};

/* How many octets may be read after `input` without taking any from behind the header; at least 1.
 */
size_t smtp_proxy_wanted(struct bytes input);

/* MORE: the octets are a proper beginning. BAD: not a PROXY header; the connection must end. */
enum smtp_proxy_result smtp_proxy_parse(struct bytes input, struct smtp_proxy *out);

#endif
