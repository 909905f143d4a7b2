/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/tls_policy.h"

static void demand(struct tls_policy *policy, enum tls_level level, const char *security)
{
    policy->level = level;
    policy->security = security;
}

static void verify_name(struct tls_policy *policy, struct bytes name, const char *security)
{
    demand(policy, TLS_LEVEL_VERIFY, security);
    policy->peer.verify = TLS_VERIFY_NAME;
    policy->peer.names[0] = name;
    policy->peer.name_count = 1;
}

static void add_name(struct tls_peer *peer, struct bytes name)
{
    for (size_t i = 0; i < peer->name_count; i++)
        if (bytes_equal_nocase(peer->names[i], name))
            return;
    if (peer->name_count < TLS_NAMES_MAX && name.len)
        peer->names[peer->name_count++] = name;
}

/* What the administrator demands. */
static void apply_route(const struct tls_policy_question *question, struct tls_policy *policy)
{
    const struct route *route = question->route;
    struct bytes name = bytes_of(route->tls_name);
    enum config_route_tls tls = route->tls;
    /* A password is worth a certificate, whatever is said of mail. */
    if (question->credentials && tls != CONFIG_ROUTE_NONE)
        tls = CONFIG_ROUTE_VERIFY;
    if (tls == CONFIG_ROUTE_NONE)
        demand(policy, TLS_LEVEL_PLAIN, "none");
    else if (tls == CONFIG_ROUTE_ENCRYPT)
        demand(policy, policy->least = TLS_LEVEL_ENCRYPT, "opportunistic");
    else if (tls == CONFIG_ROUTE_VERIFY)
        verify_name(policy, name.len ? name : question->host->name, "verified");
    if (tls == CONFIG_ROUTE_VERIFY)
        policy->least = TLS_LEVEL_VERIFY;
    policy->least_peer = policy->peer;
}

static void apply_dane(const struct tls_policy_question *question, const struct dane *dane,
                       struct arena *arena, struct tls_policy *policy)
{
    policy->type = "tlsa";
    policy->text = dane_text(arena, dane);
    policy->peer.name = dane->base;
    policy->forgiving = question->tls_optional;
    if (!dane->usable) { /* rfc7672:2.2: TLS must be, but nobody is known */
        if (policy->level < TLS_LEVEL_ENCRYPT)
            demand(policy, TLS_LEVEL_ENCRYPT, "opportunistic");
        return;
    }
    demand(policy, TLS_LEVEL_VERIFY, "dane");
    policy->peer.verify = TLS_VERIFY_DANE;
    policy->peer.records = dane->records;
    policy->peer.record_count = dane->count;
    policy->peer.name_count = 0;
    /* rfc7672:3.2.2 */
    add_name(&policy->peer, dane->base);
    add_name(&policy->peer, question->domain);
    add_name(&policy->peer, question->list->canonical);
}

static bool wants_dane(const struct tls_policy_question *question, const struct tls_policy *policy)
{
    return question->dane && !question->route->host_count && question->list->secure &&
           question->host->secure && !question->host->literal && policy->level != TLS_LEVEL_PLAIN;
}

static bool is_allowed(const struct mta_sts_policy *policy, struct bytes host)
{
    for (size_t i = 0; i < policy->pattern_count; i++)
        if (mta_sts_pattern_matches(policy->patterns[i], host))
            return true;
    return false;
}

static bool wants_sts(const struct tls_policy_question *question)
{
    return question->sts && question->sts->policy && !question->route->host_count &&
           !question->host->literal && question->route->tls != CONFIG_ROUTE_NONE;
}

static enum result apply_sts(const struct tls_policy_question *question, struct tls_policy *policy,
                             const char **failure, struct error *error)
{
    const struct mta_sts_policy *sts = question->sts->policy;
    bool testing = sts->mode == MTA_STS_TESTING && !question->require_tls;
    policy->type = "sts";
    policy->text = question->sts->text;
    policy->forgiving = testing || question->tls_optional;
    if (is_allowed(sts, question->host->name)) {
        verify_name(policy, question->host->name, "mta-sts");
        return OK;
    }
    *failure = "validation-failure";
    error_set(error, PERM, BYTES_FMT " is not among the hosts of the MTA-STS policy",
              BYTES_ARG(question->host->name));
    return policy->forgiving ? OK : PERM;
}

/* Who says that the mail is for this host (rfc8689:4.2.1, step 2). */
static bool is_vouched_for(const struct tls_policy_question *question)
{
    return question->route->host_count || question->list->secure ||
           (wants_sts(question) && is_allowed(question->sts->policy, question->host->name));
}

/* rfc8689:4.2.1: the server must be known by its name, and the name by DNSSEC or MTA-STS. */
static enum result require_tls(const struct tls_policy_question *question, struct tls_policy *policy,
                               struct error *error)
{
    policy->forgiving = false;
    if (policy->level == TLS_LEVEL_PLAIN || !is_vouched_for(question))
        return error_set(error, PERM, "nothing vouches for the name " BYTES_FMT,
                         BYTES_ARG(question->host->name));
    /* A name that a route without hosts gives says nothing of the one that the MX record gives. */
    bool other_name = !question->route->host_count && policy->peer.verify == TLS_VERIFY_NAME;
    if (policy->level != TLS_LEVEL_VERIFY)
        verify_name(policy, question->host->name, "verified");
    else if (other_name)
        verify_name(policy, question->host->name, policy->security);
    return OK;
}

static enum result apply_domain(const struct tls_policy_question *question, struct arena *arena,
                                struct tls_policy *out, const char **failure, struct error *error)
{
    struct dane dane;
    enum result result = NONE;
    if (wants_dane(question, out)) {
        result = dane_find(question->dns, arena, question->host->name, question->host->canonical,
                           question->host->port, question->deadline, &dane, error);
        if (result == TEMP && !question->tls_optional) {
            out->type = "tlsa";
            *failure = "dnssec-invalid";
            return TEMP;
        }
    }
    if (result == OK) {
        apply_dane(question, &dane, arena, out);
        return OK;
    }
    return wants_sts(question) ? apply_sts(question, out, failure, error) : OK;
}

enum result tls_policy_find(const struct tls_policy_question *question, struct arena *arena,
                            struct tls_policy *out, const char **failure, struct error *error)
{
    *out = (struct tls_policy){.level = TLS_LEVEL_MAY,
                               .peer = {.name = question->host->name},
                               .security = "opportunistic",
                               .type = "no-policy-found"};
    *failure = NULL;
    apply_route(question, out);
    enum result result = apply_domain(question, arena, out, failure, error);
    if (result == OK && question->require_tls)
        result = require_tls(question, out, error);
    return result;
}

bool tls_policy_weaken(struct tls_policy *policy)
{
    enum tls_level weaker = policy->least > TLS_LEVEL_MAY ? policy->least : TLS_LEVEL_MAY;
    bool verified = weaker == TLS_LEVEL_VERIFY; /* as the route says, which the policy had replaced */
    if (policy->level == TLS_LEVEL_MAY)
        demand(policy, TLS_LEVEL_PLAIN, "none");
    else if (policy->forgiving && (policy->level > weaker || verified))
        demand(policy, weaker, verified ? "verified" : "opportunistic");
    else
        return false;
    policy->forgiving = false;
    policy->peer = policy->least_peer;
    return true;
}

const char *tls_policy_failure(const struct tls_policy *policy, enum tls_failure failure)
{
    switch (failure) {
    case TLS_FAILURE_HANDSHAKE:
        return "validation-failure";
    case TLS_FAILURE_EXPIRED:
        return "certificate-expired";
    case TLS_FAILURE_NAME:
        return "certificate-host-mismatch";
    case TLS_FAILURE_UNTRUSTED:
        return "certificate-not-trusted";
    case TLS_FAILURE_TLSA:
        return policy->peer.verify == TLS_VERIFY_DANE ? "tlsa-invalid" : "validation-failure";
    case TLS_FAILURE_NONE:
    case TLS_FAILURE_CONNECTION: /* rfc8460:4.3.4 */
        break;
    }
    return NULL;
}
