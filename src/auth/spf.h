/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf: Sender Policy Framework (RFC 7208), check_host() and what surrounds it.
 *
 * Everything returned lives in the arena (or in the request). Waits for DNS.
 */
#ifndef VOUCH_AUTH_SPF_H
#define VOUCH_AUTH_SPF_H

#include "dns/dns.h"
#include "message/auth_results.h"

/* rfc7208:4.6.4 and the project's own bounds. Zero in a field of the request means the default. */
struct spf_limits {
    unsigned terms;         /* DNS-querying terms, 10 */
    unsigned void_lookups;  /* 2 */
    unsigned mx_hosts;      /* 10, more is permerror */
    unsigned ptr_names;     /* 10, more are ignored; at most SPF_PTR_NAMES_MAX */
    unsigned include_depth; /* 20, at most SPF_INCLUDE_DEPTH_MAX */
};

enum {
    SPF_PTR_NAMES_MAX = 32,
    SPF_INCLUDE_DEPTH_MAX = 40, /* each level is a recursion on the fiber's stack */
    SPF_EXPLANATION_MAX = 500,
    SPF_STEPS_MAX = 256
};

struct spf_request {
    struct ip ip;          /* the client */
    struct bytes helo;     /* as given; may be no valid domain */
    struct bytes sender;   /* MAIL FROM mailbox; empty for <>: postmaster@helo (rfc7208:2.4) */
    struct bytes receiver; /* our host name, for %{r} */
    int64_t now;           /* epoch seconds, for %{t} */
    int64_t deadline;      /* loop time; past it temperror */
    struct spf_limits limits;
    bool trace;            /* collect result->steps */
};

enum spf_step_outcome {
    SPF_STEP_NONE, /* nothing to match: a record was fetched, a modifier was followed */
    SPF_STEP_NO_MATCH,
    SPF_STEP_MATCH,
    SPF_STEP_TEMPERROR,
    SPF_STEP_PERMERROR
};
const char *spf_step_outcome_name(enum spf_step_outcome outcome); /* "match", "no match", … */

/* One step of the evaluation, in the order in which they began: an include stands before the steps
 * of the record that it includes, which are one deeper. */
struct spf_step {
    unsigned depth;
    struct bytes term;  /* as written; empty: the record of `name` was fetched */
    struct bytes name;  /* the target-name after macro expansion, or empty */
    struct bytes found; /* what that gave: the record, addresses, a result, or a sentence */
    enum spf_step_outcome outcome;
};

struct spf_result {
    enum auth_result result;  /* none neutral pass fail softfail temperror permerror */
    struct bytes domain;      /* the domain that was checked */
    struct bytes mechanism;   /* the term that decided, as written ("-all"); "default" if none
                                 matched; empty without a record */
    struct bytes problem;     /* why temperror, permerror or none; a sentence, else empty */
    struct bytes explanation; /* fail: the expanded exp= text, printable ASCII only, bounded (500);
                                 empty if there is none (rfc7208:6.2) */
    struct bytes record;      /* the record of `domain`, empty if none */
    unsigned terms, void_lookups; /* what was used of the limits */
    struct spf_step *steps;       /* with request->trace; at most SPF_STEPS_MAX */
    size_t step_count, steps_omitted;
};

/* MAIL FROM identity (rfc7208:2.4). */
void spf_check_mail_from(struct dns *dns, struct arena *arena, const struct spf_request *request,
                         struct spf_result *result);
/* HELO identity (rfc7208:2.3); none when helo is not a fully qualified domain (rfc7208:4.3). */
void spf_check_helo(struct dns *dns, struct arena *arena, const struct spf_request *request,
                    struct spf_result *result);
/* check_host() itself (rfc7208:4): `domain` may differ from the sender's. */
void spf_check_host(struct dns *dns, struct arena *arena, const struct spf_request *request,
                    struct bytes domain, struct bytes sender, struct spf_result *result);

/*
 * Best guess: what "v=spf1 a/24 mx/24 ptr" would give for a domain that publishes no record. A hint for
 * people, never a result: it feeds no policy. permerror becomes neutral; none for top-level names and
 * public suffixes, where ptr would pass half the world. result->record is the guess.
 */
void spf_check_guess(struct dns *dns, struct arena *arena, const struct spf_request *request,
                     struct spf_result *result);

/* Appends "Received-SPF: …\r\n" (rfc7208:9.1). `identity` is "mailfrom" or "helo". */
void spf_write_received(struct buf *out, const struct spf_request *request,
                        const struct spf_result *result, const char *identity);

#endif
