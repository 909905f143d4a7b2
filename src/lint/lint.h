/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lint: everything that a domain publishes about its mail, judged.
 *
 * All checks run at the same time, each as a fiber with an arena and a section of its own, over one
 * recorder that bounds the number of questions. What is returned lives in the arena given.
 */
#ifndef VOUCH_LINT_LINT_H
#define VOUCH_LINT_LINT_H

#include "dns/recorder.h"
#include "lint/finding.h"

enum lint_topic {
    LINT_MX,
    LINT_REVERSE,
    LINT_SPF,
    LINT_SENDER_ID,
    LINT_DKIM,
    LINT_ADSP,
    LINT_DMARC,
    LINT_MTA_STS,
    LINT_TLSRPT,
    LINT_TLSA,
    LINT_BIMI,
    LINT_DNSBL,
    LINT_TOPICS
};

enum {
    LINT_LOOKUPS_MAX = 800,
    LINT_HOSTS_MAX = 24,
    LINT_ADDRESSES_MAX = 64,
    LINT_SECTION_MEMORY = 8 << 20
};

/* A selector of a key of this host. */
struct lint_selector {
    struct bytes name;
    bool signs; /* so its record must be there */
};

struct lint_request {
    struct bytes domain;           /* A-labels, lower case, no trailing dot */
    const struct bytes *selectors; /* without any the common ones are tried */
    size_t selector_count;
    const struct lint_selector *local_selectors; /* looked at besides those */
    size_t local_selector_count;
    const struct bytes *helo_names; /* that the outbound hosts say */
    size_t helo_count;
    const struct ip *addresses; /* that mail goes out from */
    size_t address_count;
    const struct bytes *zones; /* DNSBLs to ask; without any none is */
    size_t zone_count;
    bool fetch;          /* get the MTA-STS policy by HTTPS */
    struct ip https_ip;  /* from there rather than from where the DNS says */
    uint16_t https_port; /* 0: 443 */
    const char *ca_file; /* NULL: the system's */
    int64_t deadline;
};

/* A host that takes or sends mail of the domain. */
struct lint_host {
    struct bytes name;
    unsigned preference;
    bool is_mx, is_helo;
    bool is_alias;        /* the name is a CNAME */
    bool failed;          /* its addresses could not be asked for */
    bool authenticated;   /* its address records came with AD */
    size_t address_count; /* in lint->addresses, by their `host` */
};

struct lint_address {
    struct ip ip;
    const struct lint_host *host; /* NULL: named by the administrator */
};

struct lint {
    const struct lint_request *request;
    struct dns *dns;
    struct dns_recorder recorder;
    struct arena *arena;
    struct bytes domain;
    int64_t deadline;
    struct section sections[LINT_TOPICS];

    const struct dns_answer *mx; /* asked for before anything else */
    /* Found by lint_hosts_gather(), before the checks that need hosts begin. */
    bool null_mx;
    struct lint_host hosts[LINT_HOSTS_MAX];
    size_t host_count;
    struct lint_address addresses[LINT_ADDRESSES_MAX];
    size_t address_count;
};

/* Waits until all checks are done. The struct is large: not for a fiber's stack. */
void lint_run(struct lint *lint, struct dns *dns, struct arena *arena,
              const struct lint_request *request);

size_t lint_count(const struct lint *lint, enum severity severity);
unsigned lint_failures(const struct lint *lint);

/* --- for the checks --- */

/* Asks; a failure becomes a finding of the section. */
const struct dns_answer *lint_ask(struct lint *lint, struct section *section, struct bytes name,
                                  enum dns_type type);
/* The TXT records at `name` whose text begins with `version` (case as told); *count of them, at
 * most TEXTS_MAX. NULL answer status is given back so that the caller can tell failure from none.
 */
enum { LINT_TEXTS_MAX = 8 };
enum dns_status lint_texts(struct lint *lint, struct section *section, struct bytes name,
                           const char *version, struct bytes out[LINT_TEXTS_MAX], size_t *count);

void lint_hosts_gather(struct lint *lint);
/* "a._report._dmarc.b" and the like; empty at the cap. */
struct bytes lint_name(struct section *section, const char *format, ...) printf_like(2, 3);
/* An address that no mail server of the internet can have; NULL if it can, else what it is. */
const char *lint_special_address(const struct ip *ip);

void lint_mx(struct lint *lint, struct section *section);
void lint_reverse(struct lint *lint, struct section *section);
void lint_spf(struct lint *lint, struct section *section);
void lint_sender_id(struct lint *lint, struct section *section);
void lint_dkim(struct lint *lint, struct section *section);
void lint_adsp(struct lint *lint, struct section *section);
void lint_dmarc(struct lint *lint, struct section *section);
void lint_mta_sts(struct lint *lint, struct section *section);
void lint_tlsrpt(struct lint *lint, struct section *section);
void lint_tlsa(struct lint *lint, struct section *section);
void lint_bimi(struct lint *lint, struct section *section);
void lint_dnsbl(struct lint *lint, struct section *section);

#endif
