/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is refused, put off or filed as junk because of who did not send it. The order says what outranks what: what
 * makes a message unjudgeable (no author, a false name, a responsible address that is not the header's); then what
 * its author's domain asked for (DMARC); then what the envelope's domain asked for (SPF), and that of the
 * responsible address (Sender ID). A DNS failure is looked at where the answer would have decided.
 */
#include "verdict/court.h"

#include "base/domain.h"

/* How often this mail was already put off because DNS failed. */
static bool may_put_off(const struct court *court)
{
    uint64_t count = 0;
    struct bytes text = evidence_value(court_item(court, CHECK_ATTEMPT), "vouch", "count");
    if (text.len && !bytes_to_uint(text, UINT32_MAX, &count))
        return false;
    return count < court->policy->temporary_attempts;
}

/* A DNS failure where the answer decides: 451 at first, later accepted and marked. */
bool court_put_off(struct court *court, const char *enhanced, enum check check, const char *what,
                   struct bytes domain)
{
    if (!may_put_off(court)) {
        court_reason(court, check, REASON_AGAINST,
                     "%s for " BYTES_FMT " could not be checked, and was put off often enough",
                     what, BYTES_ARG(domain));
        return false;
    }
    court_class(court, TRUST_THIRD, "%s could not be checked.", what);
    court_decide(court, ACTION_TEMPFAIL, 451, enhanced, check,
                 "The DNS of " BYTES_FMT
                 " does not answer, so %s cannot be checked. Please try again later.",
                 BYTES_ARG(domain), what);
    return true;
}

/* rfc9989:5.3.1 and CVE-2019-16378: without exactly one author domain DMARC says nothing, which
 * must not be a way around it. */
bool forgery_author(struct court *court)
{
    const struct evidence_item *from = court_item(court, CHECK_FROM);
    if (!from || from->result == AUTH_PASS)
        return false;
    if (!court->policy->reject_bad_from) {
        court_reason(court, CHECK_FROM, REASON_AGAINST, BYTES_FMT, BYTES_ARG(from->reason));
        return false;
    }
    court_class(court, TRUST_FORGED, "It has no one author.");
    court_decide(court, ACTION_REJECT, 550, "5.7.1", CHECK_FROM,
                 "The author of this message cannot be told: " BYTES_FMT
                 " (RFC 5322 section 3.6.2).",
                 BYTES_ARG(from->reason));
    return true;
}

static const char *spf_summary(const struct court *court)
{
    const struct evidence_item *spf = court_item(court, CHECK_SPF);
    if (!spf)
        return "no SPF";
    static const char *const words[] = {
        [AUTH_NONE] = "no SPF record",
        [AUTH_PASS] = "SPF passed for another domain",
        [AUTH_FAIL] = "SPF fail",
        [AUTH_SOFTFAIL] = "SPF softfail",
        [AUTH_NEUTRAL] = "SPF neutral",
        [AUTH_TEMPERROR] = "SPF not checkable",
        [AUTH_PERMERROR] = "SPF record broken",
    };
    return spf->result < countof(words) && words[spf->result] ? words[spf->result] : "no SPF";
}

static const char *dkim_summary(const struct court *court)
{
    const struct evidence_item *dkim = court_item(court, CHECK_DKIM);
    if (!dkim || dkim->result == AUTH_NONE)
        return "no DKIM signature";
    if (court_any(court, CHECK_DKIM, AUTH_PASS))
        return "no aligned DKIM";
    return "no valid DKIM signature";
}

/* Whether an identifier could have counted for the author (relaxed alignment). */
static bool is_aligned(const struct evidence_item *dmarc, struct bytes domain)
{
    struct bytes organization = evidence_value(dmarc, "vouch", "organizational-domain");
    if (!organization.len)
        organization = evidence_value(dmarc, "header", "from");
    return domain.len && organization.len && domain_is_within(domain, organization);
}

static bool aligned_key_failed(const struct court *court, const struct evidence_item *dmarc)
{
    for (size_t i = 0; i < court->evidence->item_count; i++) {
        const struct evidence_item *item = &court->evidence->items[i];
        if (item->check == CHECK_DKIM && item->result == AUTH_TEMPERROR &&
            is_aligned(dmarc, evidence_value(item, "header", "d")))
            return true;
    }
    return false;
}

/*
 * Put off, and when that was done often enough, junk where the domain asks for more than nothing.
 * Whoever forges can bring the failure about, with a signature in the name of a subdomain whose DNS
 * is broken; so it must not open the inbox. A real failure loses no mail.
 */
static bool put_off_or_junk(struct court *court, const struct evidence_item *dmarc,
                            const char *enhanced, enum check check, const char *what)
{
    struct bytes domain = evidence_value(dmarc, "header", "from");
    struct bytes asked = evidence_value(dmarc, "vouch", "effective");
    if (court_put_off(court, enhanced, check, what, domain))
        return true;
    if (!(bytes_is(asked, "reject") || bytes_is(asked, "quarantine")) ||
        court_trusted_path(court, domain) != PATH_UNTRUSTED)
        return false;
    court_class(court, TRUST_THIRD, "%s could not be checked.", what);
    court_decide(court, court->policy->junk_folder ? ACTION_JUNK : ACTION_ACCEPT, 250, "2.0.0",
                 check, "%s could not be checked for " BYTES_FMT " (DMARC p=" BYTES_FMT ").", what,
                 BYTES_ARG(domain), BYTES_ARG(asked));
    return true;
}

/*
 * What the author's domain asked for. rfc9989:7.4: not on p=reject alone; a failure under p=reject
 * is refused when nothing trusted speaks for the message, else treated as p=quarantine.
 */
static bool dmarc_failed(struct court *court, const struct evidence_item *dmarc)
{
    const struct policy *policy = court->policy;
    struct bytes domain = evidence_value(dmarc, "header", "from");
    struct bytes asked = evidence_value(dmarc, "vouch", "effective");
    bool reject = bytes_is(asked, "reject"), quarantine = bytes_is(asked, "quarantine");
    if (policy->dmarc == JUDGE_DMARC_MARK || (!reject && !quarantine)) {
        court_reason(court, CHECK_DMARC, REASON_AGAINST,
                     "DMARC fails for " BYTES_FMT " (policy " BYTES_FMT ")", BYTES_ARG(domain),
                     BYTES_ARG(asked));
        return false;
    }
    /* Had DNS answered, this might have been a pass: put off at first, later accepted and marked.
     */
    if (aligned_key_failed(court, dmarc))
        return put_off_or_junk(court, dmarc, "4.7.5", CHECK_DKIM, "the DKIM signature");
    if (court_result(court_item(court, CHECK_SPF), AUTH_TEMPERROR) &&
        is_aligned(dmarc, evidence_value(court_item(court, CHECK_SPF), "vouch", "domain")))
        return put_off_or_junk(court, dmarc, "4.7.24", CHECK_SPF, "SPF");
    enum trusted_path path =
        policy->dmarc == JUDGE_DMARC_STRICT ? PATH_UNTRUSTED : court_trusted_path(court, domain);
    if (path == PATH_VOUCHED || path == PATH_FILTERED) {
        court->author_vouched = path == PATH_VOUCHED;
        if (!court->author_vouched)
            court_class(court, TRUST_THIRD, "Nobody knows whether " BYTES_FMT " sent it.", BYTES_ARG(domain));
        court_decide(court, ACTION_ACCEPT, 250, "2.0.0", CHECK_DMARC,
                     "DMARC fails for " BYTES_FMT " (p=" BYTES_FMT
                     "), but by local policy the word of a "
                     "trusted host overrides that.",
                     BYTES_ARG(domain), BYTES_ARG(asked));
        return true;
    }
    if (path == PATH_TRUSTED)
        court_class(court, TRUST_THIRD, "Nobody knows whether " BYTES_FMT " sent it.", BYTES_ARG(domain));
    else
        court_class(court, TRUST_FORGED, "DMARC fails for " BYTES_FMT ", which asks for %s.", BYTES_ARG(domain),
                    reject ? "reject" : "quarantine");
    if (reject && path == PATH_UNTRUSTED) {
        court_decide(court, ACTION_REJECT, 550, "5.7.26", CHECK_DMARC,
                     "Mail from " BYTES_FMT " must be signed or sent from its own servers "
                     "(DMARC p=reject): %s, %s.",
                     BYTES_ARG(domain), spf_summary(court), dkim_summary(court));
        return true;
    }
    court_decide(court, policy->junk_folder ? ACTION_JUNK : ACTION_ACCEPT, 250, "2.0.0",
                 CHECK_DMARC, "DMARC fails for " BYTES_FMT " (p=" BYTES_FMT "): %s, %s.",
                 BYTES_ARG(domain), BYTES_ARG(asked), spf_summary(court), dkim_summary(court));
    return true;
}

bool forgery_dmarc(struct court *court)
{
    const struct evidence_item *dmarc = court_item(court, CHECK_DMARC);
    if (!dmarc || court->policy->dmarc == JUDGE_DMARC_OFF)
        return false;
    struct bytes domain = evidence_value(dmarc, "header", "from");
    switch (dmarc->result) {
    case AUTH_PASS:
        court_decide(court, ACTION_ACCEPT, 250, "2.0.0", CHECK_DMARC,
                     "The message comes from " BYTES_FMT " (DMARC pass).", BYTES_ARG(domain));
        return true;
    case AUTH_FAIL:
        return dmarc_failed(court, dmarc);
    case AUTH_TEMPERROR:
        return court->policy->dmarc != JUDGE_DMARC_MARK &&
               put_off_or_junk(court, dmarc, "4.7.5", CHECK_DMARC, "DMARC");
    case AUTH_PERMERROR:
        court_reason(court, CHECK_DMARC, REASON_NOTES,
                     "the DMARC record of " BYTES_FMT " is unusable: " BYTES_FMT, BYTES_ARG(domain),
                     BYTES_ARG(dmarc->reason));
        return false;
    default:
        court_reason(court, CHECK_DMARC, REASON_NOTES, BYTES_FMT " publishes no DMARC policy",
                     BYTES_ARG(domain));
        return false;
    }
}

/* A client that goes by a name or an address that is not its own. Not: a name that resolves
 * elsewhere, for which rfc5321:4.1.4 forbids to refuse. */
bool forgery_helo(struct court *court)
{
    const struct evidence_item *helo = court_item(court, CHECK_HELO);
    if (!court->policy->bad_helo_rejects || !helo ||
        !bytes_is(evidence_value(helo, "vouch", "false"), "yes"))
        return false;
    court_class(court, TRUST_FORGED, "The client goes by a false name.");
    court_decide(court, ACTION_REJECT, 550, "5.7.1", CHECK_HELO,
                 "The client's name in HELO is not its own: " BYTES_FMT ".",
                 BYTES_ARG(helo->reason));
    return true;
}

/* rfc4405:4.2, also for how the replies begin: who declares a responsible address in the envelope
 * must have it in the header, and not another or none. */
bool forgery_submitter(struct court *court)
{
    const struct evidence_item *submitter = court_item(court, CHECK_SUBMITTER);
    if (!court->policy->submitter_mismatch_rejects || !court_result(submitter, AUTH_FAIL))
        return false;
    court_class(court, TRUST_FORGED, "The responsible address is not the one that was declared.");
    if (bytes_is(evidence_value(submitter, "vouch", "pra"), "missing"))
        court_decide(court, ACTION_REJECT, 554, "5.7.7", CHECK_SUBMITTER,
                     "Cannot verify submitter address. " BYTES_FMT ".",
                     BYTES_ARG(submitter->reason));
    else
        court_decide(court, ACTION_REJECT, 550, "5.7.1", CHECK_SUBMITTER,
                     "Submitter does not match header. " BYTES_FMT ".",
                     BYTES_ARG(submitter->reason));
    return true;
}

bool forgery_dmarc_is_silent(const struct court *court)
{
    const struct evidence_item *dmarc = court_item(court, CHECK_DMARC);
    return court->policy->dmarc == JUDGE_DMARC_OFF || !dmarc || dmarc->result == AUTH_NONE ||
           dmarc->result == AUTH_PERMERROR;
}

/* rfc4406:4.1, 5.3, 5.4: the responsible address, where DMARC did not say anything. */
bool forgery_sender_id(struct court *court)
{
    const struct evidence_item *item = court_item(court, CHECK_SENDER_ID);
    struct bytes domain = evidence_value(item, "vouch", "domain");
    bool decisive = court->policy->sender_id_fail_rejects && forgery_dmarc_is_silent(court);
    if (decisive && court_result(item, AUTH_TEMPERROR))
        return court_put_off(court, "4.4.3", CHECK_SENDER_ID, "Sender ID", domain);
    if (decisive && bytes_is(evidence_value(item, "vouch", "pra"), "missing")) {
        court_class(court, TRUST_FORGED, "It has no responsible address.");
        court_decide(court, ACTION_REJECT, 550, "5.7.1", CHECK_SENDER_ID,
                     "Missing Purported Responsible Address: " BYTES_FMT ".",
                     BYTES_ARG(item->reason));
        return true;
    }
    if (!court_result(item, AUTH_FAIL))
        return false;
    if (!decisive || court_trusted_path(court, domain) != PATH_UNTRUSTED) {
        court_reason(court, CHECK_SENDER_ID, REASON_AGAINST, "Sender ID fails for " BYTES_FMT,
                     BYTES_ARG(domain));
        return false;
    }
    struct bytes explanation = evidence_value(item, "vouch", "explanation");
    char client[IP_TEXT_SIZE];
    court_class(court, TRUST_FORGED, "Sender ID fails for " BYTES_FMT ".", BYTES_ARG(domain));
    /* rfc4405:4.2 asks for words of its own where the envelope had named the address, too. */
    court_decide(court, ACTION_REJECT, 550, "5.7.1", CHECK_SENDER_ID,
                 "%sSender ID (PRA) Not Permitted - " BYTES_FMT
                 " does not allow mail in its name from %s" BYTES_FMT BYTES_FMT,
                 court_item(court, CHECK_SUBMITTER) ? "Submitter not allowed. " : "",
                 BYTES_ARG(domain), ip_format(&court->evidence->client, client),
                 BYTES_ARG(explanation.len ? BYTES(". The domain explains: ") : BYTES(".")),
                 BYTES_ARG(explanation));
    return true;
}

/* The envelope's domain, where DMARC did not say anything (rfc7208:8.4, 8.6). */
bool forgery_spf(struct court *court)
{
    const struct evidence_item *spf = court_item(court, CHECK_SPF);
    struct bytes domain = evidence_value(spf, "vouch", "domain");
    bool decisive = court->policy->spf_fail_rejects && forgery_dmarc_is_silent(court);
    if (!spf)
        return false;
    if (spf->result == AUTH_TEMPERROR && decisive)
        return court_put_off(court, "4.7.24", CHECK_SPF, "SPF", domain);
    if (spf->result != AUTH_FAIL)
        return false;
    if (!decisive || court_trusted_path(court, domain) != PATH_UNTRUSTED) {
        court_reason(court, CHECK_SPF, REASON_AGAINST, "SPF fails for " BYTES_FMT,
                     BYTES_ARG(domain));
        return false;
    }
    struct bytes explanation = evidence_value(spf, "vouch", "explanation");
    char client[IP_TEXT_SIZE];
    court_class(court, TRUST_FORGED, "SPF fails for " BYTES_FMT ".", BYTES_ARG(domain));
    if (explanation.len)
        court_decide(
            court, ACTION_REJECT, 550, "5.7.23", CHECK_SPF,
            BYTES_FMT " does not allow mail from %s (SPF fail). The domain explains: " BYTES_FMT,
            BYTES_ARG(domain), ip_format(&court->evidence->client, client), BYTES_ARG(explanation));
    else
        court_decide(court, ACTION_REJECT, 550, "5.7.23", CHECK_SPF,
                     BYTES_FMT " does not allow mail from %s (SPF fail).", BYTES_ARG(domain),
                     ip_format(&court->evidence->client, client));
    return true;
}

bool forgery_nothing(struct court *court)
{
    const struct evidence_item *dmarc = court_item(court, CHECK_DMARC);
    if (court->policy->dmarc != JUDGE_DMARC_OFF && dmarc &&
        (dmarc->result == AUTH_FAIL || dmarc->result == AUTH_TEMPERROR)) {
        /* Somebody else's signature does not make the author any more genuine. */
        struct bytes domain = evidence_value(dmarc, "header", "from");
        const char *what = dmarc->result == AUTH_FAIL ? "DMARC fails for " : "DMARC could not be checked for ";
        court_class(court, TRUST_THIRD, "%s" BYTES_FMT ".", what, BYTES_ARG(domain));
        court_decide(court, ACTION_ACCEPT, 250, "2.0.0", CHECK_DMARC, "%s" BYTES_FMT "%s", what, BYTES_ARG(domain),
                     dmarc->result == AUTH_FAIL ? ", and nothing demands that it be refused." : ".");
        return true;
    }
    bool answered = joint_authenticated(court) != AUTHENTICATED_NOBODY;
    court_decide(court, ACTION_ACCEPT, 250, "2.0.0", answered ? CHECK_SPF : CHECK_SESSION,
                 answered ? "Some domain answers for this message, and nothing speaks against it."
                          : "Nobody answers for this message, and nothing forbids it.");
    return true;
}
