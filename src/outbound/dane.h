/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dane: the TLSA records of a mail server (rfc7672:2.2).
 *
 * The caller looks whether the MX records and the host's addresses were authenticated; without, there is
 * no DANE. What is found lives in the arena given.
 */
#ifndef VOUCH_OUTBOUND_DANE_H
#define VOUCH_OUTBOUND_DANE_H

#include "dns/dns.h"
#include "tls/tls.h"

struct dane {
    struct bytes base;       /* TLSA base domain: server name indication and first name to look for */
    struct tls_tlsa *records;
    size_t count;
    bool usable;             /* at least one can be used; else TLS must be, but nothing is verified */
};

/*
 * OK: there are authenticated records. NONE: there are none. TEMP: that could not be found out, which is
 * not the same: the host must be left alone (rfc7672:2.1.2). `canonical` is `host` after CNAMEs.
 */
enum result dane_find(struct dns *dns, struct arena *arena, struct bytes host, struct bytes canonical,
                      uint16_t port, int64_t deadline, struct dane *out, struct error *error) must_check;

/* Records as lines "3 1 1 aabb…", for reports (rfc8460:4.4). */
struct bytes dane_text(struct arena *arena, const struct dane *dane);

#endif
