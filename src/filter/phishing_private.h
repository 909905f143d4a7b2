/* SPDX-License-Identifier: BSD-2-Clause */
/* phishing_private: what the files of phishing share (phishing.h). */
#ifndef VOUCH_FILTER_PHISHING_PRIVATE_H
#define VOUCH_FILTER_PHISHING_PRIVATE_H

#include "filter/confusable.h"
#include "filter/phishing.h"

/* A domain taken apart for comparison. */
struct phishing_name {
    struct bytes domain;  /* organizational, A-labels, lower case */
    struct bytes label;   /* its first label, in UTF-8 */
    struct bytes suffix;  /* the rest of the domain */
    struct bytes looks;   /* the skeleton of the label */
    bool own;
};

/* The slices live in the arena or the domain. False at its cap; an empty `domain` in *out: it has no organization. */
bool phishing_name_read(struct arena *arena, struct bytes domain, phishing_organization *organization,
                        struct phishing_name *out) must_check;
/* The same of an organizational domain. */
bool phishing_name_take_apart(struct arena *arena, struct bytes organization, struct phishing_name *out) must_check;

/* The protected name that is this organizational domain, or NULL. */
const struct phishing_name *phishing_names_find(const struct phishing_names *names, struct bytes domain);
/* The same by its first label, as UTF-8 or as something that looks like it. */
const struct phishing_name *phishing_names_find_looks(const struct phishing_names *names, struct bytes looks);

/* Whether `name` claims to be a protected one, as one of the kinds about domains; NULL if not. Never for a name
 * that is protected itself. */
const struct phishing_name *phishing_names_resembled(const struct phishing_names *names,
                                                     const struct phishing_name *name, enum phishing_kind *kind);
/* The same against one name. */
bool phishing_name_resembles(const struct phishing_name *name, const struct phishing_name *of,
                             enum phishing_kind *kind);
/* The protected domain with which a host, that is in none, begins or which it has in its midst; NULL: none. */
const struct phishing_name *phishing_names_within(const struct phishing_names *names, struct bytes host,
                                                  struct bytes organization);

struct phishing_look {
    struct arena *arena;
    const struct phishing_request *request;
    struct phishing_findings *out;
    struct phishing_name author; /* empty domain: none */
    struct phishing_name contacts[PHISHING_CONTACTS_MAX];
    size_t contact_count;
    bool exhausted;
};

/* `format` has the claimed and the real name, both cut off and printable, as %s. */
void phishing_found(struct phishing_look *look, enum phishing_kind kind, struct bytes claimed, struct bytes real,
                    const char *before, const char *between);
/* Looks at a domain or host that mail comes from or leads to. `what`: "the author's domain". The second where its
 * organization, which may be empty, is known. */
void phishing_look_at_domain(struct phishing_look *look, struct bytes host, const char *what);
void phishing_look_at_organization(struct phishing_look *look, struct bytes host, struct bytes organization,
                                   const char *what);
bool phishing_is_protected(const struct phishing_look *look, struct bytes organization);

/* phishing_display.c */
void phishing_look_at_display_name(struct phishing_look *look);
/* phishing_links.c */
void phishing_look_at_links(struct phishing_look *look);

#endif
