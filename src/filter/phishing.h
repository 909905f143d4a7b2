/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * phishing: whether a message pretends to be from, or to lead to, somebody else.
 *
 * It looks at names only: who is claimed (in the display name, by the look of a domain, by the text of a link) and
 * who it really is. A name of the same organization is never a finding. What is a finding rests on the names that
 * are protected: the administrator's, our own, and those of the recipients' contacts; for others only what no
 * honest mail does. What is found is a suspicion, and what it is worth is not known here.
 *
 * Protected names are compiled once (heap; any number of threads may read them); findings live in the arena.
 */
#ifndef VOUCH_FILTER_PHISHING_H
#define VOUCH_FILTER_PHISHING_H

#include "message/readable.h"

/* The organizational domain of a host, as a part of it; empty where there is none (filter knows no list of public
 * suffixes). */
typedef struct bytes phishing_organization(struct bytes host);

struct phishing_names;

enum { PHISHING_NAMES_MAX = 50000, PHISHING_CONTACTS_MAX = 20, PHISHING_FINDINGS_MAX = 16 };

/* Domains as A-labels or UTF-8, in any case; `own` of them, the first ones, are ours. Those that have no
 * organizational domain are passed over. TEMP when memory is out, PERM for more than PHISHING_NAMES_MAX. */
enum result phishing_names_compile(const struct bytes *domains, size_t count, size_t own,
                                   phishing_organization *organization, struct phishing_names **out,
                                   struct error *error) must_check;
void phishing_names_free(struct phishing_names *names);

enum phishing_kind {
    PHISHING_DISPLAY_NAME,  /* the display name is an address, a domain or the name of somebody protected */
    PHISHING_DISPLAY_OTHER, /* it has an address of another organization, or a protected name and one word more: weak */
    PHISHING_HOMOGRAPH,     /* a domain that is read as a protected one, or is made of letters of several scripts */
    PHISHING_LOOK_ALIKE,    /* a domain one letter away from a protected one */
    PHISHING_NAME_PART,     /* a domain with a protected name in it: name-secure.example: weak */
    PHISHING_SUBDOMAIN,     /* a host that begins with a protected domain: name.example.elsewhere.example */
    PHISHING_LINK_TEXT,     /* a link shows one host and leads to another organization's */
    PHISHING_LINK_TRACKER,  /* the same by way of what counts clicks: next to nothing */
    PHISHING_REPLY_TO,      /* answers go to a free mailbox that is not the author's */
    PHISHING_KINDS
};
const char *phishing_kind_name(enum phishing_kind kind); /* "display-name", "look-alike", … */

struct phishing_request {
    struct bytes author;        /* address of From: local@domain; empty: unusable, then only links are looked at */
    struct bytes author_domain; /* A-labels, lower case */
    struct bytes display_name;  /* UTF-8 */
    struct bytes reply_to;      /* the first address of Reply-To; empty: none */
    bool authenticated;         /* the author's domain vouches for the message */
    bool list;                  /* it comes by a mailing list, which may set Reply-To */
    const struct bytes *contacts; /* domains of the recipients' contacts (A-labels); the first PHISHING_CONTACTS_MAX */
    size_t contact_count;
    const struct phishing_names *names;
    const struct readable *readable;
    phishing_organization *organization;
};

struct phishing_finding {
    enum phishing_kind kind;
    struct bytes claimed, real;
    struct bytes reason; /* a sentence; printable */
};

struct phishing_findings {
    struct phishing_finding list[PHISHING_FINDINGS_MAX];
    size_t count;
};

/* OK, or TEMP at the arena's cap. */
enum result phishing_examine(struct arena *arena, const struct phishing_request *request,
                             struct phishing_findings *out, struct error *error) must_check;

#endif
