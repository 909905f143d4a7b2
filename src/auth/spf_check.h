/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_check: the state of one SPF check, shared by spf.c (records), spf_mechanism.c (what a
 * directive matches), spf_client.c (names of the client) and spf_trace.c (steps). Private to them.
 *
 * It lives on the stack of the public functions; all it points to lives in the request or arena.
 */
#ifndef VOUCH_AUTH_SPF_CHECK_H
#define VOUCH_AUTH_SPF_CHECK_H

#include "auth/sender_id_record.h"
#include "auth/spf.h"
#include "auth/spf_macro.h"
#include "auth/spf_record.h"

/* What the evaluation of one directive gives (rfc7208:4.6.2, 5.2). */
enum spf_match { SPF_NO_MATCH, SPF_MATCH, SPF_TEMPERROR, SPF_PERMERROR };

/* The names of the client by reverse look-up, asked for at most once a check. */
struct spf_client_names {
    bool asked;
    const struct dns_answer *answer;
    size_t count;                        /* within the limit */
    int8_t validated[SPF_PTR_NAMES_MAX]; /* 0 not tried, 1 yes, -1 no */
};

struct spf_check {
    struct dns *dns;
    struct arena *arena;
    const struct spf_request *request;
    struct spf_result *result;
    struct spf_limits limits;
    struct ip ip;
    struct spf_macro_values values; /* values.domain is <domain> of the current record */
    struct spf_client_names names;
    enum spf_scope scope; /* of Sender ID; none for SPF */
    unsigned depth;       /* of includes */
    bool in_explanation;  /* %{p} does not count then (rfc7208:4.6.4) */
    bool over_limit;      /* %{p} passed the limit of terms */
    bool spf2;            /* the record of result->domain is an "spf2.0" one */
    bool name_missing;    /* the fail is that of a domain that does not exist (rfc4406:4.3) */
    struct error error;   /* the sentence for result->problem */
};

/* spf.c: check_host() with the scope of Sender ID (rfc4406:4.1). *spf2 (may be NULL): the record
 * chosen for the domain was an "spf2.0" one. */
void spf_check_in_scope(struct dns *dns, struct arena *arena, const struct spf_request *request,
                        enum spf_scope scope, struct bytes domain, struct bytes sender,
                        struct spf_result *result, bool *spf2);

/* A and AAAA as the client's family asks (rfc7208:5). */
static inline enum dns_type spf_address_type(const struct spf_check *check)
{
    return check->ip.family == 4 ? DNS_A : DNS_AAAA;
}

const struct dns_answer *spf_query(struct spf_check *check, struct bytes name, enum dns_type type);
/* Counts a term that asks DNS; false (and the error set) if there are too many (rfc7208:4.6.4). */
bool spf_count_term(struct spf_check *check) must_check;
bool spf_count_void_lookup(struct spf_check *check) must_check;
/* The target-name of a term, in the arena or in the record; the current domain if `spec` is empty.
 * False when %{p} in it passed the limit. */
bool spf_target_name(struct spf_check *check, struct bytes spec, struct bytes *name) must_check;

/* spf_mechanism.c: everything but include. `step` is from spf_step_begin(). */
enum spf_match spf_match_directive(struct spf_check *check, const struct spf_directive *directive,
                                   struct spf_step *step);

/* spf_client.c: reverse look-up with forward confirmation (rfc7208:5.5, 7.3). */
enum spf_match spf_match_client_name(struct spf_check *check, struct bytes target,
                                     struct spf_step *step);
struct bytes spf_client_name_macro(void *check);

/* spf_trace.c: all do nothing, and begin gives NULL, when no trace is wanted or it is full. The
 * step stays valid while the check lasts. */
struct spf_step *spf_step_begin(struct spf_check *check, struct bytes term);
void spf_step_end(struct spf_step *step, enum spf_match match);
void spf_step_found(struct spf_step *step, struct bytes found);
/* Lists the addresses (or names) of an answer, or says that there are none. */
void spf_step_found_answer(struct spf_check *check, struct spf_step *step,
                           const struct dns_answer *answer);

#endif
