/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnsl: lists in DNS that speak for or against addresses and names (RFC 5782).
 *
 * One question at a time: is this on that list, with which answers, and why. What the answers count is the
 * policy's business; dnsl_points() says it for those who decide without a policy (a refusal before the
 * message, `vouch dnslist`). Everything returned lives in the arena. Waits for DNS; failures are results.
 */
#ifndef VOUCH_REPUTATION_DNSL_H
#define VOUCH_REPUTATION_DNSL_H

#include "config/config.h"
#include "config/value.h"
#include "dns/dns.h"

enum {
    DNSL_CODES_MAX = 16, /* different answers of a list about one thing; more are not looked at */
    DNSL_TEXT_MAX = 300  /* octets of its reason */
};

/* A list of the configuration, with its codes read. */
struct dnsl_list {
    const struct config_dnslist *config;
    struct bytes name, zone;
    struct config_dnslist_code *codes;
    size_t code_count;
    bool first_is_listed; /* a code names 127.0.0.1, with which most lists say that they do not answer us */
};

/* `config` must outlive it. False at the arena's cap. */
bool dnsl_list_read(struct arena *arena, const struct config_dnslist *config, struct dnsl_list *out) must_check;

/* The points of an answer: of the first code that fits (of the bits that it names one is enough), else the list's
 * weight. False: it counts nothing. */
bool dnsl_points(const struct dnsl_list *list, const struct ip *code, int *points);

enum dnsl_status {
    DNSL_NOT_LISTED,
    DNSL_LISTED,
    DNSL_ERROR, /* it answered, but with what is no listing: 127.255.255.0/24, or not of 127/8 */
    DNSL_FAILED /* no answer: try again later */
};
const char *dnsl_status_name(enum dnsl_status status); /* "not listed", "listed", "error", "failed" */

/* What is asked about: a name, or an address if its family is not 0. */
struct dnsl_subject {
    struct ip ip;
    struct bytes name;
};

struct dnsl_result {
    enum dnsl_status status;
    struct ip *codes;     /* DNSL_LISTED: different ones, in the order of the answer; DNSL_CODES_MAX at most */
    size_t code_count;
    struct bytes text;    /* of DNSL_LISTED, unless all codes are off: the TXT records, printable; may be empty */
    struct bytes problem; /* of DNSL_ERROR and DNSL_FAILED: a sentence without a full stop */
    struct bytes name;    /* that was asked; empty: nothing was, for no list could have it */
    const struct dns_answer *answer, *text_answer; /* NULL: not asked */
};

/* Asks for A, and for TXT if it is listed (rfc5782:2.1). A name must be lower case; it is not listed if it is no
 * domain name, or too long for the zone. An IPv4-mapped address in a struct ip of family 6 is asked as it is:
 * that is the test entry (rfc5782:5). */
void dnsl_ask(struct dns *dns, struct arena *arena, const struct dnsl_list *list,
              const struct dnsl_subject *subject, int64_t deadline, struct dnsl_result *result);

/* What a list says of an address is void where the address is nobody's: loopback, private, link-local. */
bool dnsl_is_askable(const struct ip *ip);

/* A stranger's text as it may stand in logs and replies: at most `most` octets, controls as blanks, runs of
 * blanks as one, what is no UTF-8 as '?'. Empty at the arena's cap. */
struct bytes dnsl_printable(struct arena *arena, struct bytes text, size_t most);

#endif
