/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone: a resolver that answers from memory, for scenarios, conformance suites and replays.
 *
 * Deterministic and immediate: it never waits unless told to (zone_add_delay). Follows CNAMEs (16
 * at most). Only the names that were added exist: none is implied by a name below it, and there are
 * no wildcards. Answers are copied into the asker's arena, so the zone may be destroyed before it.
 * Names are compared without case. When memory is out, zone_add_... are lost silently.
 */
#ifndef VOUCH_DNS_ZONE_H
#define VOUCH_DNS_ZONE_H

#include "dns/dns.h"

struct zone;

struct zone *zone_create(void);
void zone_destroy(struct zone *zone);
struct dns *zone_dns(struct zone *zone);

/* Adds one record; `value` in presentation form: "192.0.2.1", "10 mx.example.org", "example.org",
 * TXT: the joined text as it is, unquoted; TLSA/SOA/…: hexadecimal RDATA. False if malformed. */
bool zone_add(struct zone *zone, struct bytes name, enum dns_type type, uint32_t ttl,
              struct bytes value) must_check;
/* The name exists (NODATA instead of NXDOMAIN for types it has not). */
void zone_add_name(struct zone *zone, struct bytes name);
/* Questions of this name (and type; 0: all types) fail as a time-out would. */
void zone_add_failure(struct zone *zone, struct bytes name, int type);
/* Answers to this name come after so many microseconds of fiber_sleep (past the deadline: failed).
 */
void zone_add_delay(struct zone *zone, struct bytes name, int64_t microseconds);
/* Marks all answers as authenticated (AD). */
void zone_set_authenticated(struct zone *zone, bool authenticated);
/*
 * Reads a zone from text, a line each: "name TYPE value", "name TYPE ttl=60 value", "name FAIL",
 * "name TYPE FAIL", "name DELAY 5s" (or ms, m), "name" alone (it exists); '#' at the start of a
 * line or after a blank begins a comment; TXT values may be in double quotes (several are joined;
 * \" \\ and \DDD are understood in them). PERM with line and reason.
 */
enum result zone_load(struct zone *zone, struct bytes text, struct error *error) must_check;

/* How many questions were asked since creation, for tests of caching. */
size_t zone_question_count(const struct zone *zone);

#endif
