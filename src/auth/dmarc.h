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

enum { DMARC_INTERVAL_DEFAULT = 86400 };

struct dmarc_record {
    enum dmarc_policy policy;           /* p */
    enum dmarc_policy subdomain_policy; /* sp, default p */
    enum dmarc_policy absent_policy;    /* np, default sp */
    bool has_subdomain_policy, has_absent_policy;
    bool strict_dkim, strict_spf; /* adkim=s, aspf=s */
    char psd;                     /* 'y', 'n' or 'u' */
    bool testing;                 /* t=y */
    unsigned percent;             /* pct, for RFC 7489; 100 otherwise */
    unsigned interval;            /* ri, for RFC 7489: seconds between reports; 86400 otherwise */
    bool wants_afrf;              /* rf, for RFC 7489: names afrf, the only format there is */
    unsigned failure_options;     /* fo: DMARC_FAILURE_... or-ed */
    struct bytes rua, ruf, fo;    /* as written: dmarc_uri.h reads the lists */
};

/* When a failure report is wanted (fo). Without ruf, or malformed, fo does not count
 * (rfc9989:4.7, 4.8). */
enum {
    DMARC_FAILURE_ALL = 1,  /* 0: no method gave an aligned pass (default) */
    DMARC_FAILURE_ANY = 2,  /* 1: some method gave none */
    DMARC_FAILURE_DKIM = 4, /* d: a signature failed, aligned or not */
    DMARC_FAILURE_SPF = 8   /* s: SPF failed, aligned or not */
};

/* One DNS step of discovery, for explanations: what was asked and what it gave. The question
 * whether the author domain exists (for np=) is one too; its name has no "_dmarc.". */
struct dmarc_step {
    struct bytes name;   /* "_dmarc.example.org" */
    struct bytes answer; /* the record, or "no record", "several DMARC records, all ignored", … */
    bool used;           /* this record gave the policy */
};

/* How the organizational domain was found. */
enum dmarc_organization_source {
    DMARC_ORGANIZATION_NOT_SOUGHT,
    DMARC_ORGANIZATION_PSD_N,      /* its record has psd=n */
    DMARC_ORGANIZATION_BELOW_PSD,  /* one label below a name whose record has psd=y */
    DMARC_ORGANIZATION_SHORTEST,   /* the shortest name with a record */
    DMARC_ORGANIZATION_START,      /* there was no record on the way up: the name itself */
    DMARC_ORGANIZATION_LIST,       /* by the public suffix list (RFC 7489) */
    DMARC_ORGANIZATION_SUFFIX      /* the name is a public suffix itself (RFC 7489) */
};

/* Whose record applies (rfc9989:4.10.1). */
enum dmarc_policy_source { DMARC_FROM_AUTHOR, DMARC_FROM_ORGANIZATION, DMARC_FROM_PUBLIC_SUFFIX };

enum dmarc_alignment {
    DMARC_NOT_LOOKED_AT, /* its method did not pass, or another one was found to be aligned */
    DMARC_NOT_ALIGNED,
    DMARC_ALIGNED,
    DMARC_ALIGNMENT_UNKNOWN /* DNS failed */
};

/* One identifier and what became of it. */
struct dmarc_identifier {
    const char *method; /* "spf" or "dkim" */
    enum auth_result result;
    struct bytes domain;       /* as the method gave it */
    bool strict;               /* only the very same name is aligned */
    enum dmarc_alignment alignment;
    struct bytes organization; /* of the domain; empty when nothing asked for it */
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
    enum dmarc_policy effective; /* after t=y lowered it; for pct see dmarc_sample() */
    unsigned percent;            /* of failing messages that it is for (RFC 7489); else 100 */
    const char *policy_tag;      /* the tag that gave it: "p", "sp", "np"; NULL without a record */
    enum dmarc_policy_source policy_source;
    enum dmarc_organization_source organization_source;
    bool spf_aligned;            /* SPF passed and is aligned */
    bool dkim_aligned;           /* a DKIM signature passed and is aligned */
    size_t dkim_index;           /* which, when dkim_aligned */
    struct dmarc_identifier *identifiers; /* SPF's first, then DKIM's in their order */
    size_t identifier_count;
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

/*
 * Discovery alone, without a message: record, policy, and the organizational domain with its source,
 * as dmarc_check() would find them for this author domain. OK, and result->result is none; otherwise
 * NONE (no record), PERM or TEMP, with result->result and the problem as above.
 */
enum result dmarc_discover(struct dns *dns, struct arena *arena, const struct dmarc_request *request,
                           struct dmarc_result *result) must_check;

/*
 * The policy for one message that failed, of which chance (0 to 99, even) says whether it belongs to
 * the percentage that pct asks for: if not, the next weaker policy holds (rfc7489:6.6.4). Under RFC
 * 9989 that is always `effective`. A pure function.
 */
enum dmarc_policy dmarc_sample(const struct dmarc_result *result, uint32_t random_0_99);

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
