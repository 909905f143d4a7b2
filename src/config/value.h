/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value: single words of a configuration as values, and back.
 *
 * The readers return NULL when it worked (then *out is set), else what is wrong as the end of a
 * sentence that begins with the key ("message-size ..."): constant text, nothing to release.
 */
#ifndef VOUCH_CONFIG_VALUE_H
#define VOUCH_CONFIG_VALUE_H

#include "config/config.h"

/* yes, no, true, false, on, off. */
const char *config_read_bool(struct bytes text, bool *out);
/* Decimal digits, no leading zero. */
const char *config_read_number(struct bytes text, uint64_t *out);
/* A number of octets with K, M, G or T (1024 to the 1st, 2nd ...). */
const char *config_read_size(struct bytes text, uint64_t *out);
/* 1h30m, 90s, 250ms, 5d, 2w: units from large to small, each once; 0 needs none. Microseconds. */
const char *config_read_duration(struct bytes text, int64_t *out);
/* "5", "-2.5", "0.25": hundredths. */
const char *config_read_points(struct bytes text, int *out);
/* An answer of a list in DNS and what it counts: "127.0.0.2=4", "127.0.0.4/30=2.5", "127.0.0.0/24&8=3",
 * "127.0.0.10=off". */
struct config_dnslist_code {
    struct ip_network network;
    uint8_t bit;   /* of the last octet that must be set; 0: any */
    bool off;
    int points;
};
const char *config_read_dnslist_code(struct bytes text, struct config_dnslist_code *out);
/* One of enum config_dnslist_use by its name; 0 if there is none. */
unsigned config_dnslist_use(struct bytes name);
/* "192.0.2.1:25", "[2001:db8::1]:25"; without a port when `port` is not 0: that one is taken. */
const char *config_read_endpoint(struct bytes text, uint16_t port, struct config_endpoint *out);
/* The same, or a host name in place of the address. */
const char *config_read_host(struct arena *arena, struct bytes text, uint16_t port, struct config_host *out);
/* A host name, lower case; an internationalized one becomes its A-labels. False if it is none, or at
 * the arena's cap. */
bool config_read_domain(struct arena *arena, struct bytes text, struct bytes *out) must_check;

void config_write_size(struct buf *out, uint64_t size);
void config_write_duration(struct buf *out, int64_t duration);
void config_write_points(struct buf *out, int points);

/* Checks of texts for the schema; the same kind of answer. */
const char *config_check_fully_qualified(struct bytes text);
const char *config_check_deliver(struct bytes text);
const char *config_check_delimiter(struct bytes text);
const char *config_check_mailbox(struct bytes text);
const char *config_check_account(struct bytes text);
const char *config_check_token(struct bytes text);
const char *config_check_dnslist_use(struct bytes text);
const char *config_check_dnslist_code(struct bytes text);

#endif
