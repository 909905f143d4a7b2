/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_policy: how secure a connection to one mail server must be, and why.
 *
 * The route says the least, or that there is to be no TLS. Where it names no hosts, DANE (rfc7672) or else
 * MTA-STS (rfc8461:2) may demand more; else it is TLS if it can be had (rfc7435). REQUIRETLS (rfc8689) makes
 * more of it, "TLS-Required: No" less, but not less than the route says.
 */
#ifndef VOUCH_OUTBOUND_TLS_POLICY_H
#define VOUCH_OUTBOUND_TLS_POLICY_H

#include "outbound/dane.h"
#include "outbound/mta_sts_cache.h"
#include "outbound/mx.h"
#include "outbound/route.h"

enum tls_level {
    TLS_LEVEL_PLAIN,   /* no TLS at all */
    TLS_LEVEL_MAY,     /* if it can be had, whoever is at the other end */
    TLS_LEVEL_ENCRYPT, /* TLS, whoever is at the other end */
    TLS_LEVEL_VERIFY   /* TLS with the one that `peer` says */
};

struct tls_policy {
    enum tls_level level;
    enum tls_level least; /* never less than this, forgiving or not … */
    struct tls_peer least_peer; /* … and with whom */
    bool forgiving;       /* what is wrong is reported, and mail goes all the same */
    struct tls_peer peer;
    const char *security; /* what a connection is called that is as the policy says: "dane", … */
    const char *type;     /* for reports (rfc8460:4.4): "tlsa", "sts", "no-policy-found" */
    struct bytes text;
};

struct tls_policy_question {
    struct dns *dns;
    const struct route *route;
    struct bytes domain;              /* where the mail goes */
    const struct mx_list *list;
    const struct mx_host *host;       /* of the list */
    const struct mta_sts_found *sts;  /* policy NULL: none */
    bool dane;                        /* TLSA records are looked for */
    bool require_tls, tls_optional;
    bool credentials;                 /* a password will be given: only to whom it is meant for */
    int64_t deadline;
};

/*
 * OK: *out says what is demanded. Else the host must not be used: TEMP: not now (its TLSA records cannot
 * be had); PERM: not under this policy (it is not in the MTA-STS policy; REQUIRETLS and nothing to
 * verify it by). *failure is the result type for reports, or NULL, and *out says under which policy; a
 * host that a policy in testing does not name is OK and has a failure to report.
 */
enum result tls_policy_find(const struct tls_policy_question *question, struct arena *arena,
                            struct tls_policy *out, const char **failure,
                            struct error *error) must_check;

/* Makes it what may be tried when it failed; false when nothing weaker may. */
bool tls_policy_weaken(struct tls_policy *policy);

/* Result type for reports of a failed handshake (rfc8460:4.3.1). NULL: it is none to report. */
const char *tls_policy_failure(const struct tls_policy *policy, enum tls_failure failure);

#endif
