/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a result. Everything in it ends with NUL already (found.c). */
#include "library/library.h"

_Static_assert(VOUCH_RESULT_NONE == (int)AUTH_NONE && VOUCH_RESULT_PASS == (int)AUTH_PASS &&
                   VOUCH_RESULT_FAIL == (int)AUTH_FAIL &&
                   VOUCH_RESULT_SOFTFAIL == (int)AUTH_SOFTFAIL &&
                   VOUCH_RESULT_NEUTRAL == (int)AUTH_NEUTRAL &&
                   VOUCH_RESULT_POLICY == (int)AUTH_POLICY &&
                   VOUCH_RESULT_TEMPERROR == (int)AUTH_TEMPERROR &&
                   VOUCH_RESULT_PERMERROR == (int)AUTH_PERMERROR,
               "enum vouch_answer is part of the ABI");

EXPORTED int vouch_abi_version(void)
{
    return VOUCH_ABI_VERSION;
}

EXPORTED const char *vouch_version(void)
{
    return VOUCH_VERSION;
}

enum vouch_answer library_answer(enum auth_result result)
{
    return result <= AUTH_PERMERROR ? (enum vouch_answer)result : VOUCH_RESULT_NONE;
}

enum vouch_status library_status(enum result result)
{
    static const enum vouch_status statuses[] = {
        [OK] = VOUCH_OK, [NONE] = VOUCH_REFUSED, [TEMP] = VOUCH_TEMPORARY, [PERM] = VOUCH_INVALID};
    return statuses[result];
}

EXPORTED const char *vouch_answer_name(enum vouch_answer answer)
{
    bool known = (unsigned)answer <= VOUCH_RESULT_PERMERROR;
    return auth_result_name(known ? (enum auth_result)answer : AUTH_NONE);
}

EXPORTED void vouch_result_destroy(struct vouch_result *result)
{
    if (result)
        arena_destroy(result->arena); /* the struct lies in it */
}

EXPORTED unsigned vouch_result_methods(const struct vouch_result *result)
{
    return result ? result->methods : 0;
}

static bool was_checked(const struct vouch_result *result, enum vouch_method method)
{
    return result && result->methods & (unsigned)method;
}

/* The signature that speaks for all, or NULL. */
static const struct dkim_signature_result *foremost(const struct vouch_result *result)
{
    const struct dkim_results *dkim = &result->dkim;
    const struct dkim_signature_result *best = dkim->count ? &dkim->signatures[0] : NULL;
    for (size_t i = 0; i < dkim->count; i++) {
        if (dkim->signatures[i].result == AUTH_PASS)
            return &dkim->signatures[i];
        if (dkim->signatures[i].result == AUTH_TEMPERROR && best->result != AUTH_TEMPERROR)
            best = &dkim->signatures[i];
    }
    return best;
}

static void look(const struct vouch_result *result, enum vouch_method method,
                 enum auth_result *answer, struct bytes *reason)
{
    const struct dkim_signature_result *signature;
    *answer = AUTH_NONE;
    *reason = BYTES("");
    if (!was_checked(result, method))
        return;
    switch (method) {
    case VOUCH_SPF:
        *answer = result->spf.result, *reason = result->spf.problem;
        break;
    case VOUCH_SPF_HELO:
        *answer = result->spf_helo.result, *reason = result->spf_helo.problem;
        break;
    case VOUCH_DKIM:
        signature = foremost(result);
        *answer = signature ? signature->result : AUTH_NONE;
        *reason = signature ? signature->problem : BYTES("no signature");
        break;
    case VOUCH_DMARC:
        *answer = result->dmarc.result, *reason = result->dmarc.problem;
        break;
    case VOUCH_ARC:
        *answer = result->arc.result, *reason = result->arc.problem;
        break;
    case VOUCH_ALL:
        break;
    }
}

EXPORTED enum vouch_answer vouch_result_answer(const struct vouch_result *result,
                                               enum vouch_method method)
{
    enum auth_result answer;
    struct bytes reason;
    look(result, method, &answer, &reason);
    return library_answer(answer);
}

EXPORTED const char *vouch_result_reason(const struct vouch_result *result,
                                         enum vouch_method method)
{
    enum auth_result answer;
    struct bytes reason;
    look(result, method, &answer, &reason);
    return result ? library_string(reason) : NULL;
}

EXPORTED const char *vouch_result_field(const struct vouch_result *result)
{
    return result ? library_string(result->field) : NULL;
}

EXPORTED const struct vouch_auth_results *vouch_result_auth_results(
    const struct vouch_result *result)
{
    return result ? &result->said : NULL;
}

EXPORTED const char *vouch_result_field_value(const struct vouch_result *result)
{
    return result ? library_string(result->field_value) : NULL;
}

/* SPF */

static const struct spf_result *spf_of(const struct vouch_result *result, enum vouch_method method)
{
    if (!was_checked(result, method))
        return NULL;
    return method == VOUCH_SPF ? &result->spf : method == VOUCH_SPF_HELO ? &result->spf_helo : NULL;
}

#define SPF_READER(name, type, none, expression)                                                   \
    EXPORTED type vouch_spf_##name(const struct vouch_result *result, enum vouch_method method)     \
    {                                                                                              \
        const struct spf_result *spf = spf_of(result, method);                                     \
        return spf ? (expression) : (none);                                                        \
    }
SPF_READER(domain, const char *, NULL, library_string(spf->domain))
SPF_READER(record, const char *, NULL, library_string(spf->record))
SPF_READER(mechanism, const char *, NULL, library_string(spf->mechanism))
SPF_READER(explanation, const char *, NULL, library_string(spf->explanation))
SPF_READER(lookups, unsigned, 0, spf->terms)
SPF_READER(void_lookups, unsigned, 0, spf->void_lookups)
SPF_READER(field, const char *, NULL,
           library_string(spf == &result->spf ? result->spf_field : result->spf_helo_field))

/* DKIM */

EXPORTED size_t vouch_dkim_count(const struct vouch_result *result)
{
    return result ? result->dkim.count : 0;
}

#define DKIM_READER(name, type, none, expression)                                                  \
    EXPORTED type vouch_dkim_##name(const struct vouch_result *result, size_t index)                \
    {                                                                                              \
        if (!result || index >= result->dkim.count)                                                \
            return none;                                                                           \
        const struct dkim_signature_result *signature = &result->dkim.signatures[index];           \
        return expression;                                                                         \
    }
DKIM_READER(answer, enum vouch_answer, VOUCH_RESULT_NONE, library_answer(signature->result))
DKIM_READER(reason, const char *, NULL, library_string(signature->problem))
DKIM_READER(domain, const char *, NULL, library_string(signature->domain))
DKIM_READER(selector, const char *, NULL, library_string(signature->selector))
DKIM_READER(identity, const char *, NULL, library_string(signature->identity))
DKIM_READER(algorithm, const char *, NULL, library_string(signature->algorithm))
DKIM_READER(headers, const char *, NULL, library_string(signature->header_list))
DKIM_READER(key_bits, unsigned, 0, signature->key_bits)
DKIM_READER(time, int64_t, 0, signature->made)
DKIM_READER(expiry, int64_t, 0, signature->expires)
DKIM_READER(is_testing, int, 0, signature->key_testing)

/* DMARC */

static enum vouch_policy policy_of(enum dmarc_policy policy)
{
    return policy == DMARC_POLICY_REJECT       ? VOUCH_POLICY_REJECT
           : policy == DMARC_POLICY_QUARANTINE ? VOUCH_POLICY_QUARANTINE
                                               : VOUCH_POLICY_NONE;
}

EXPORTED const char *vouch_policy_name(enum vouch_policy policy)
{
    return dmarc_policy_name(policy == VOUCH_POLICY_REJECT       ? DMARC_POLICY_REJECT
                             : policy == VOUCH_POLICY_QUARANTINE ? DMARC_POLICY_QUARANTINE
                                                                 : DMARC_POLICY_NONE);
}

#define DMARC_READER(name, type, none, expression)                                                 \
    EXPORTED type vouch_dmarc_##name(const struct vouch_result *result)                             \
    {                                                                                              \
        if (!was_checked(result, VOUCH_DMARC))                                                     \
            return none;                                                                           \
        const struct dmarc_result *dmarc = &result->dmarc;                                         \
        return expression;                                                                         \
    }
DMARC_READER(author_domain, const char *, NULL, library_string(dmarc->author_domain))
DMARC_READER(policy_domain, const char *, NULL, library_string(dmarc->policy_domain))
DMARC_READER(organizational_domain, const char *, NULL,
             library_string(dmarc->organizational_domain))
DMARC_READER(record, const char *, NULL, library_string(dmarc->record_text))
DMARC_READER(policy, enum vouch_policy, VOUCH_POLICY_NONE, policy_of(dmarc->effective))
DMARC_READER(percent, unsigned, 0, dmarc->percent)
DMARC_READER(spf_aligned, int, 0, dmarc->spf_aligned)
DMARC_READER(dkim_aligned, int, -1, dmarc->dkim_aligned ? (int)dmarc->dkim_index : -1)

/* ARC */

EXPORTED size_t vouch_arc_count(const struct vouch_result *result)
{
    return result ? result->arc.count : 0;
}

EXPORTED unsigned vouch_arc_oldest_pass(const struct vouch_result *result)
{
    return result ? result->arc.oldest_pass : 0;
}

EXPORTED const struct vouch_auth_results *vouch_arc_auth_results(const struct vouch_result *result,
                                                                 size_t index)
{
    if (!result || index >= result->arc.count || !result->arc.sets[index].authserv_id.len)
        return NULL;
    return &result->arc_sets[index];
}

#define ARC_READER(name, type, none, expression)                                                   \
    EXPORTED type vouch_arc_##name(const struct vouch_result *result, size_t index)                 \
    {                                                                                              \
        if (!result || index >= result->arc.count)                                                 \
            return none;                                                                           \
        const struct arc_set *set = &result->arc.sets[index];                                      \
        return expression;                                                                         \
    }
ARC_READER(domain, const char *, NULL, library_string(set->domain))
ARC_READER(selector, const char *, NULL, library_string(set->selector))
ARC_READER(authserv_id, const char *, NULL, library_string(set->authserv_id))
ARC_READER(chain_value, enum vouch_answer, VOUCH_RESULT_NONE, library_answer(set->cv))
ARC_READER(seal, enum vouch_answer, VOUCH_RESULT_NONE, library_answer(set->seal))
ARC_READER(message_signature, enum vouch_answer, VOUCH_RESULT_NONE,
           library_answer(set->message_signature))
ARC_READER(time, int64_t, 0, set->time)
