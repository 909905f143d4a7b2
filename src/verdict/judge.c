/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of judgement. A rule reads evidence and policy and nothing else.
 *
 * 1. What is not looked at: mail of our own accounts and networks, and for postmaster.
 * 2. The musts: first what is forged (the first rule that decides ends it), then what else may not come in or not
 *    as it is (the severest counts).
 * 3. The joint test of authentication and reputation gives the class.
 * 4. Everything that speaks for or against the message adds to the score.
 * 5. Class and score are held against what the policy says.
 */
#include "verdict/judge.h"

#include "verdict/court.h"
#include "verdict/points.h"

static bool rule_exempt(struct court *court)
{
    if (!court->evidence->exempt)
        return false;
    court_class(court, TRUST_THIRD, "It was not looked at.");
    court_decide(court, ACTION_ACCEPT, 250, "2.0.0", CHECK_SESSION,
                 "Mail for postmaster and abuse is not filtered.");
    return true;
}

static bool rule_account(struct court *court)
{
    if (!court->evidence->account.len)
        return false;
    court_class(court, TRUST_FIRST, "It is of our own.");
    court_decide(court, ACTION_ACCEPT, 250, "2.0.0", CHECK_SESSION,
                 BYTES_FMT " of ours submitted it.", BYTES_ARG(court->evidence->account));
    return true;
}

static bool rule_own_network(struct court *court)
{
    char client[IP_TEXT_SIZE];
    if (!court->evidence->own_network)
        return false;
    court_class(court, TRUST_THIRD, "It was not looked at.");
    court_decide(court, ACTION_ACCEPT, 250, "2.0.0", CHECK_SESSION, "%s is in our own networks.",
                 ip_format(&court->evidence->client, client));
    return true;
}

static bool first_of(struct court *court, bool (*const *rules)(struct court *), size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rules[i](court))
            return true;
    return false;
}

enum result judge(struct arena *arena, const struct policy *policy, const struct evidence *evidence,
                  struct verdict *out)
{
    static bool (*const unfiltered[])(struct court *) = {rule_account, rule_exempt, rule_own_network};
    static bool (*const forgeries[])(struct court *) = {
        forgery_author, forgery_helo,      forgery_submitter, forgery_dmarc,
        forgery_spf,    forgery_sender_id, forgery_nothing,
    };
    *out = (struct verdict){.trust = TRUST_THIRD,
                            .judged = true,
                            .junk_score = policy->junk_score,
                            .quarantine_score = policy->quarantine_score,
                            .reject_score = policy->reject_score};
    struct court court = {.arena = arena, .policy = policy, .evidence = evidence, .verdict = out};
    if (!first_of(&court, unfiltered, countof(unfiltered))) {
        out->scored = true;
        first_of(&court, forgeries, countof(forgeries));
        court.authenticated = joint_authenticated(&court);
        content_musts(&court);
        joint_class(&court);
        score_all(&court);
        decide(&court);
    }
    out->probability = out->scored ? points_probability(out->score) : 0;
    court_remarks(&court);
    if (court.exhausted || arena_exhausted(arena)) {
        *out = (struct verdict){.action = ACTION_TEMPFAIL,
                                .trust = TRUST_THIRD,
                                .code = 451,
                                .enhanced = "4.3.0",
                                .text = BYTES("Not enough memory to judge this message.")};
        return TEMP;
    }
    return OK;
}

bool verdict_is_junk(const struct verdict *verdict)
{
    return verdict->action == ACTION_JUNK || verdict->action == ACTION_QUARANTINE ||
           (verdict->scored && verdict->score >= verdict->junk_score);
}
