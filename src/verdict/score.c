/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The score: a sum of what speaks for and against a message. What a protocol has decided outright is not in here;
 * what it leaves open counts a little. This file weighs the authentication of the sender.
 */
#include "verdict/court.h"

/* Points (hundredths) of what no configuration names. */
enum {
    DMARC_PASSES = -50,
    DMARC_FAILS = 200,
    DMARC_BROKEN = 30,
    SPF_FAILS = 150,
    SPF_SOFT = 100,
    SPF_BROKEN = 50,
    SPF_HELO_FAILS = 50,
    DKIM_FAILS = 50,
    ADSP_FAILS = 100,
    SENDER_ID_FAILS = 100,
    SUBMITTER_FAILS = 100,
    NO_AUTHOR = 200,
    CONTACT = -500,
    CONTACT_ANSWERED = -600,
    CONTACT_OF_SOMEBODY = -150,
    BUSINESS = -100,
    CERTIFIED = -200,
    ANSWER = -150
};

static void author(struct court *court)
{
    const struct evidence_item *from = court_item(court, CHECK_FROM);
    if (from && from->result != AUTH_PASS)
        court_contribute(court, CHECK_FROM, from, NO_AUTHOR, "FROM", BYTES("INVALID"), BYTES_FMT,
                         BYTES_ARG(from->reason));
}

static void dmarc(struct court *court)
{
    const struct evidence_item *item = court_item(court, CHECK_DMARC);
    struct bytes domain = evidence_value(item, "header", "from");
    if (!item || court->policy->dmarc == JUDGE_DMARC_OFF)
        return;
    if (item->result == AUTH_PASS)
        court_contribute(court, CHECK_DMARC, item, DMARC_PASSES, "DMARC", BYTES("PASS"),
                         "DMARC passes for " BYTES_FMT, BYTES_ARG(domain));
    else if (item->result == AUTH_FAIL && !court->author_vouched)
        court_contribute(court, CHECK_DMARC, item, DMARC_FAILS, "DMARC", BYTES("FAIL"),
                         "DMARC fails for " BYTES_FMT, BYTES_ARG(domain));
    else if (item->result == AUTH_PERMERROR)
        court_contribute(court, CHECK_DMARC, item, DMARC_BROKEN, "DMARC", BYTES("PERMERROR"),
                         "the DMARC record of " BYTES_FMT " is unusable", BYTES_ARG(domain));
}

/* Where DMARC has judged SPF and DKIM already, their failures do not count again. */
static bool dmarc_has_judged(const struct court *court)
{
    const struct evidence_item *item = court_item(court, CHECK_DMARC);
    return court->policy->dmarc != JUDGE_DMARC_OFF &&
           (court_result(item, AUTH_PASS) || court_result(item, AUTH_FAIL));
}

static void spf(struct court *court)
{
    const struct evidence_item *item = court_item(court, CHECK_SPF), *helo = court_item(court, CHECK_SPF_HELO);
    struct bytes domain = court_value(item, "domain");
    bool judged = dmarc_has_judged(court) || court->author_vouched || court_any(court, CHECK_FORWARDER, AUTH_PASS);
    int points = court_result(item, AUTH_FAIL)        ? SPF_FAILS
                 : court_result(item, AUTH_SOFTFAIL)  ? SPF_SOFT
                 : court_result(item, AUTH_PERMERROR) ? SPF_BROKEN
                                                      : 0;
    if (points && !judged)
        court_contribute(court, CHECK_SPF, item, points, "SPF", bytes_of(auth_result_name(item->result)),
                         "SPF for " BYTES_FMT ": %s", BYTES_ARG(domain), auth_result_name(item->result));
    if (court_result(helo, AUTH_FAIL))
        court_contribute(court, CHECK_SPF_HELO, helo, SPF_HELO_FAILS, "SPF_HELO", BYTES("FAIL"),
                         "SPF fails for the HELO name");
}

static void dkim(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    const struct evidence_item *failed = NULL;
    if (dmarc_has_judged(court) || court->author_vouched)
        return;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->check != CHECK_DKIM)
            continue;
        if (item->result == AUTH_PASS)
            return;
        if (!failed && (item->result == AUTH_FAIL || item->result == AUTH_PERMERROR))
            failed = item;
    }
    if (failed)
        court_contribute(court, CHECK_DKIM, failed, DKIM_FAILS, "DKIM", BYTES("FAIL"),
                         "the signature of " BYTES_FMT " does not hold",
                         BYTES_ARG(evidence_value(failed, "header", "d")));
}

static void practices(struct court *court)
{
    const struct evidence_item *adsp = court_item(court, CHECK_ADSP);
    const struct evidence_item *sender_id = court_item(court, CHECK_SENDER_ID);
    const struct evidence_item *submitter = court_item(court, CHECK_SUBMITTER);
    if (court_result(adsp, AUTH_FAIL) || court_result(adsp, AUTH_DISCARD))
        court_contribute(court, CHECK_ADSP, adsp, ADSP_FAILS, "ADSP", BYTES("FAIL"),
                         "the author's domain signs its mail, but not this message");
    if (court_result(sender_id, AUTH_FAIL) && forgery_dmarc_is_silent(court))
        court_contribute(court, CHECK_SENDER_ID, sender_id, SENDER_ID_FAILS, "SENDER_ID", BYTES("FAIL"),
                         "Sender ID fails for " BYTES_FMT, BYTES_ARG(court_value(sender_id, "domain")));
    if (court_result(submitter, AUTH_FAIL))
        court_contribute(court, CHECK_SUBMITTER, submitter, SUBMITTER_FAILS, "SUBMITTER", BYTES("FAIL"), BYTES_FMT,
                         BYTES_ARG(submitter->reason));
}

static void contacts(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    const struct evidence_item *contact = joint_contact(court);
    if (contact) {
        bool answered = court_says(contact, "answered", "yes");
        court_contribute(court, CHECK_CONTACT, contact, answered ? CONTACT_ANSWERED : CONTACT, "CONTACT", BYTES(""),
                         "the author is a contact of " BYTES_FMT "%s", BYTES_ARG(court_value(contact, "recipient")),
                         answered ? ", and mail went both ways" : "");
        return;
    }
    for (size_t i = 0; i < evidence->item_count && court->authenticated == AUTHENTICATED_AUTHOR; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->check != CHECK_CONTACT || item->result != AUTH_PASS)
            continue;
        court_contribute(court, CHECK_CONTACT, item, CONTACT_OF_SOMEBODY, "CONTACT_OF_SITE", BYTES(""),
                         "somebody else here wrote to the author");
        return;
    }
}

/* What helps a message through the content filter besides what is known of its sender. */
static void trust(struct court *court)
{
    const struct evidence_item *vbr = court_item(court, CHECK_VBR);
    if (court_result(vbr, AUTH_PASS) && court->authenticated == AUTHENTICATED_AUTHOR &&
        (court_any(court, CHECK_DMARC, AUTH_PASS) ||
         joint_speaks_for_author(court, evidence_value(vbr, "header", "md"))))
        court_contribute(court, CHECK_VBR, vbr, CERTIFIED, "VBR", BYTES(""), BYTES_FMT " vouches for " BYTES_FMT,
                         BYTES_ARG(evidence_value(vbr, "header", "mv")),
                         BYTES_ARG(evidence_value(vbr, "header", "md")));
    if (court_answers_us(court))
        court_contribute(court, CHECK_RETURN_PATH, court_item(court, CHECK_RETURN_PATH), ANSWER, "RETURN_PATH",
                         BYTES(""), "it is a report that comes back to mail of ours");
    if (court->verdict->trust == TRUST_BUSINESS && court->authenticated == AUTHENTICATED_AUTHOR)
        court_contribute(court, CHECK_DMARC, NULL, BUSINESS, "BUSINESS_CLASS", BYTES(""),
                         "the author's domain answers for it");
}

void score_all(struct court *court)
{
    author(court);
    dmarc(court);
    spf(court);
    dkim(court);
    practices(court);
    contacts(court);
    trust(court);
    history_score(court);
    lists_score(court);
    score_client(court);
    score_content(court);
}
