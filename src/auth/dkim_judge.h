/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_judge: what is good and bad about a published key record, in sentences for people.
 *
 * Pure. Texts live in the arena or are literals.
 */
#ifndef VOUCH_AUTH_DKIM_JUDGE_H
#define VOUCH_AUTH_DKIM_JUDGE_H

#include "auth/dkim_private_key.h"

enum { DKIM_FINDINGS_MAX = 24 };

enum dkim_severity {
    DKIM_NOTE,    /* harmless */
    DKIM_WARNING, /* works, but not as well as it could */
    DKIM_ERROR    /* signatures by this key do not verify */
};
const char *dkim_severity_name(enum dkim_severity severity);

struct dkim_finding {
    enum dkim_severity severity;
    struct bytes text;
};

struct dkim_judgement {
    struct dkim_finding findings[DKIM_FINDINGS_MAX];
    size_t count;
    bool readable;  /* `type` and `bits` are known */
    bool revoked;   /* p= is empty */
    enum dkim_key_type type;
    unsigned bits;
};

/* `private_key`: what it should be the public half of; NULL: nothing to compare with. */
void dkim_judge_record(struct arena *arena, struct bytes text, EVP_PKEY *private_key,
                       struct dkim_judgement *out);
void dkim_judge_add(struct dkim_judgement *out, enum dkim_severity severity, struct bytes text);
/* The worst of the findings; DKIM_NOTE if there is none. */
enum dkim_severity dkim_judge_worst(const struct dkim_judgement *judgement);

#endif
