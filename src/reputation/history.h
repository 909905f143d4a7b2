/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history: what an identity has sent us so far, in counters, and how old that is.
 *
 * An identity is the organizational domain of a DKIM signature or of SPF that passed, or else the client's network.
 * What is counted is in hundredths and fades by half every `half_life`. It fades without being rewritten: a message
 * of time t is added as 2^((t - L) / half_life) to a counter of the stretch of time that begins at L and is
 * STRETCH half-lives long, and all of the counter is divided by what a message of now would weigh. So adding is one
 * addition, which many may do at once, and reading needs this stretch and the one before it. With another
 * half_life the numbers begin anew (they are other counters); when an identity was first seen is kept.
 *
 * An identity begins anew when it was silent for `silence`, or when none of the name servers that are remembered of
 * its domain serves it any more: it has another owner, or wants to look as if it had.
 *
 * Nobody's word runs away with it:
 * - Own verdicts are counted, but all of them together weigh no more than HISTORY_VERDICTS_MOST messages
 *   (history_verdicts), and one that history itself decided is not counted at all (by who counts).
 * - A report weighs 0.1 to 2 messages: a reporter's weight grows with his age here and with others saying the same,
 *   and falls with the contrary. He adds no more than HISTORY_REPORTER_MOST to one identity within a half-life, and
 *   as long as he is alone all of it weighs no more than HISTORY_ALONE_MOST (history_reports).
 * - A message counts for a reporter once: saying the contrary takes back what he said before.
 *
 * All functions but those that say so are pure but for the arena; numbers are integers, and the same everywhere.
 */
#ifndef VOUCH_REPUTATION_HISTORY_H
#define VOUCH_REPUTATION_HISTORY_H

#include "base/ip.h"
#include "reputation/batch.h"

enum history_kind { HISTORY_DKIM, HISTORY_SPF, HISTORY_NETWORK, HISTORY_KINDS };
const char *history_kind_name(enum history_kind kind); /* "dkim", "spf", "network" */
bool history_kind_parse(struct bytes name, enum history_kind *out);

struct history_identity {
    enum history_kind kind;
    struct bytes name;        /* lower-case domain, or network as text: "192.0.2.0/24" */
    bool aligned;             /* it is the author's organization */
};

enum { HISTORY_NAME_MAX = 255, HISTORY_NETWORK_V4 = 24, HISTORY_NETWORK_V6 = 48 };
/* The network of a client, as text in the arena; empty if there is no address or memory. */
struct bytes history_network(struct arena *arena, const struct ip *client, unsigned prefix_v4, unsigned prefix_v6);

enum history_count {
    HISTORY_MESSAGES,
    HISTORY_HAM,              /* own verdicts */
    HISTORY_SPAM,
    HISTORY_JUNK,             /* reports of users */
    HISTORY_NOTJUNK,
    HISTORY_JUNK_REPORTERS,   /* different ones */
    HISTORY_NOTJUNK_REPORTERS,
    HISTORY_COMPLAINTS,
    HISTORY_TRAPS,            /* messages to traps */
    HISTORY_UNKNOWN,          /* recipients that do not exist */
    HISTORY_COUNTS
};
const char *history_count_name(enum history_count count); /* "messages", … */

enum {
    HISTORY_ONE = 100,              /* numbers are in hundredths */
    HISTORY_VERDICTS_MOST = 20 * HISTORY_ONE,
    HISTORY_REPORTER_MOST = 2 * HISTORY_ONE,
    HISTORY_ALONE_MOST = HISTORY_ONE / 2,
    HISTORY_COMPLAINER_MOST = 5 * HISTORY_ONE,
    HISTORY_NAMESERVERS_MAX = 16,   /* that are compared */
    HISTORY_NAMESERVERS_KEPT = 6
};

struct history_rules {
    int64_t half_life, silence;     /* seconds; silence 0: never */
};

/* Who serves a domain now. */
struct history_nameservers {
    struct bytes domain;            /* lower case; empty: nobody asked */
    uint16_t hashes[HISTORY_NAMESERVERS_MAX];
    size_t count;
};
/* Adds one by its name; more than fit are left out. */
void history_add_nameserver(struct history_nameservers *servers, struct bytes name);

struct history {
    int64_t first, last;            /* epoch seconds; 0: never seen */
    uint64_t counts[HISTORY_COUNTS]; /* hundredths, faded */
    bool reset;                     /* it was seen before, and began anew, now or lately */
    bool resets;                    /* it begins anew with this message */
    uint16_t nameservers[HISTORY_NAMESERVERS_KEPT]; /* hashes that are remembered; 0: none */
};

/* Adds the questions about an identity; the index of the first. */
size_t history_ask(struct batch *batch, const struct history_rules *rules, const struct history_identity *identity,
                   int64_t now);
/* Reads what they gave. `servers` may be NULL, or of another domain: then they say nothing. */
void history_read(const struct batch *batch, size_t asked, const struct history_rules *rules,
                  const struct history_identity *identity, const struct history_nameservers *servers, int64_t now,
                  struct history *out);

/* The same without the counts, which stay 0: what history_write() must know. */
size_t history_ask_standing(struct batch *batch, const struct history_identity *identity);
void history_read_standing(const struct batch *batch, size_t asked, const struct history_rules *rules,
                           const struct history_identity *identity, const struct history_nameservers *servers,
                           int64_t now, struct history *out);

/* A message came: adds `amounts` (hundredths). `before` is what history_read_standing() said. */
void history_write(struct batch *batch, const struct history_rules *rules, const struct history_identity *identity,
                   const struct history_nameservers *servers, const struct history *before,
                   const uint64_t amounts[HISTORY_COUNTS], int64_t now);
/* Removes all of it but what is known of reporters. */
void history_forget(struct batch *batch, const struct history_rules *rules, const struct history_identity *identity,
                    int64_t now);

/* What own verdicts weigh: no more than HISTORY_VERDICTS_MOST together, in their proportion. */
void history_verdicts(const struct history *history, uint64_t *ham, uint64_t *spam);
/* What the reports of users weigh; `which` is HISTORY_JUNK or HISTORY_NOTJUNK. */
uint64_t history_reports(const struct history *history, enum history_count which);
/* Hundredths as "12.34", "3.5", "7"; in the arena. */
struct bytes history_number(struct arena *arena, uint64_t hundredths);

/* 2^((t - L) / half_life) in units of 1/HISTORY_UNIT, and the number of the stretch that t lies in. */
#define HISTORY_UNIT ((uint64_t)1 << 14)
enum { HISTORY_STRETCH = 8 };
uint64_t history_weight(const struct history_rules *rules, int64_t t, int64_t stretch);
int64_t history_stretch(const struct history_rules *rules, int64_t t);

/* ---- reports of users (history_report.c) ---- */

/* Hundredths: 50 of somebody new, up to 200, at least 10. `age`: seconds since we know him. */
uint64_t history_reporter_weight(int64_t age, uint64_t agreed, uint64_t disagreed);

struct history_report {
    struct history_identity identity;
    struct bytes reporter;          /* an account of ours, lower case */
    struct bytes message;           /* id; empty: then nothing is taken back later */
    bool junk;
    bool forget;                    /* he says nothing any more; `junk` is the contrary of what he said */
};
/* Adds the questions that must be answered before history_report_write(); the index of the first. */
size_t history_report_ask(struct batch *batch, const struct history_rules *rules,
                          const struct history_report *report, int64_t now);
/* Adds what follows from the report to `out`; the hundredths that it counts, 0 if it was made before, or if the
 * reporter has said enough of this identity. */
uint64_t history_report_write(const struct batch *asked, size_t index, struct batch *out,
                              const struct history_rules *rules, const struct history_report *report, int64_t now);
/* We know this account from now on: its reports weigh more with time. */
void history_reporter_seen(struct batch *batch, struct bytes reporter, int64_t now);

/* A complaint by another operator (rfc5965) or by a program; `source` is capped as a reporter is. */
size_t history_complaint_ask(struct batch *batch, const struct history_identity *identity, struct bytes source);
uint64_t history_complaint_write(const struct batch *asked, size_t index, struct batch *out,
                                 const struct history_rules *rules, const struct history_identity *identity,
                                 struct bytes source, int64_t now);

/* For history_report.c: the key of a counter of a stretch, how much `hundredths` of time t add to it, and until
 * when it lives. */
struct bytes history_counter_key(struct arena *arena, const struct history_rules *rules,
                                 const struct history_identity *identity, enum history_count count,
                                 int64_t stretch);
int64_t history_scaled(const struct history_rules *rules, uint64_t hundredths, int64_t t);
int64_t history_expiry(const struct history_rules *rules, int64_t stretch, int64_t now);

#endif
