/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc: Domain-based Message Authentication, Reporting and Conformance.
 *
 * DMARC_TREE_WALK is RFC 9989; DMARC_SUFFIX_LIST is RFC 7489 with the public suffix list.
 * Everything returned lives in the arena. Waits for DNS.
 */
#ifndef VOUCH_AUTH_DMARC_H
#define VOUCH_AUTH_DMARC_H

#include "auth/dkim.h"
#include "auth/spf.h"

enum dmarc_mode { DMARC_TREE_WALK, DMARC_SUFFIX_LIST };
enum dmarc_policy { DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };
const char *dmarc_policy_name(enum dmarc_policy policy);

struct dmarc_record {
    enum dmarc_policy policy;           /* p */
    enum dmarc_policy subdomain_policy; /* sp, default p */
    enum dmarc_policy absent_policy;    /* np, default sp */
    bool has_subdomain_policy, has_absent_policy;
    bool strict_dkim, strict_spf; /* adkim=s, aspf=s */
    char psd;                     /* 'y', 'n' or 'u' */
    bool testing;                 /* t=y */
    unsigned percent;             /* pct, for RFC 7489; 100 otherwise */
    struct bytes rua, ruf, fo;    /* as written */
};

/* One DNS step of discovery, for explanations: what was asked and what it gave. The question
 * whether the author domain exists (for np=) is one too; its name has no "_dmarc.". */
struct dmarc_step {
    struct bytes name;   /* "_dmarc.example.org" */
    struct bytes answer; /* the record, or "no record", "several DMARC records, all ignored", … */
    bool used;           /* this record gave the policy */
};

struct dmarc_request {
    struct bytes author_domain; /* A-label form */
    /* Identifiers that passed or not: SPF's MAIL FROM result, and all DKIM results. */
    const struct spf_result *spf;
    const struct dkim_results *dkim;
    enum dmarc_mode mode;
    int64_t deadline;
};

struct dmarc_result {
    enum auth_result result;            /* none pass fail temperror permerror */
    struct bytes problem;               /* why none, temperror, permerror */
    struct bytes author_domain;         /* normalized: A-labels, lower case, no trailing dot */
    struct bytes policy_domain;         /* where the record was found */
    struct bytes organizational_domain; /* of the author domain; empty when nothing asked for it */
    struct bytes record_text;           /* the record that gave the policy */
    struct dmarc_record record;
    enum dmarc_policy policy;    /* that applies to this author domain, after sp/np, before t= */
    enum dmarc_policy effective; /* after t=y lowered it; pct of RFC 7489 is left to the caller */
    bool spf_aligned;            /* SPF passed and is aligned */
    bool dkim_aligned;           /* a DKIM signature passed and is aligned */
    size_t dkim_index;           /* which, when dkim_aligned */
    struct dmarc_step *steps;
    size_t step_count;
};

/*
 * pass       an identifier that passed is aligned with the author domain
 * fail       there is a record, and none is
 * none       there is no record (or, under RFC 7489, there are several)
 * permerror  the record's policy cannot be made out and nobody wants its reports
 *            (rfc9989:4.10.1: DMARC is not applied), or the author domain is no domain name
 * temperror  DNS or a method failed on what would have decided: neither pass nor fail
 *            (rfc9989:5.3.6)
 */
void dmarc_check(struct dns *dns, struct arena *arena, const struct dmarc_request *request,
                 struct dmarc_result *result);

/* Parses one record's text. OK, NONE (not a DMARC record), PERM (one, but unusable; reason in
 * error), TEMP (the arena's cap). A record without a usable p= (or with bad sp= or np=) but with a
 * valid rua= is OK and has p=none. Case of tag names and values does not matter but in "DMARC1". */
enum result dmarc_record_parse(struct arena *arena, struct bytes text, struct dmarc_record *out,
                               struct error *error) must_check;

/* The organizational domain of `name` by tree walk, or by the public suffix list; in the arena.
 * TEMP on a DNS failure, PERM if it is no domain name. */
enum result dmarc_organizational_domain(struct dns *dns, struct arena *arena, struct bytes name,
                                        enum dmarc_mode mode, int64_t deadline, struct bytes *out)
    must_check;

#endif
