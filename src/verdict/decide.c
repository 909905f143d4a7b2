/* SPDX-License-Identifier: BSD-2-Clause */
/* What follows from class and score under a policy. */
#include "verdict/court.h"
#include "verdict/points.h"

#include <stdio.h>

enum { SHOWN = 3, GOOD_ENOUGH = -100 };

/* What a sender is told of a contribution: enough to mend what is wrong on his side, not how to get through. */
static struct bytes public_words(const struct contribution *contribution)
{
    switch (contribution->check) {
    case CHECK_FILTER:
    case CHECK_RULE:
        return BYTES("what it says resembles junk");
    case CHECK_HISTORY:
        return BYTES("much of what came from this sender before was junk");
    case CHECK_TRAP:
        return BYTES("the sender wrote to a spam trap");
    case CHECK_PHISHING:
        return BYTES("it pretends to come from somebody else");
    case CHECK_RATE:
        return BYTES("too much came from this sender lately");
    default:
        return contribution->text;
    }
}

static bool is_shown_already(struct bytes text, const struct bytes *shown, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(shown[i], text))
            return true;
    return false;
}

/* The strongest reasons against the message, the strongest first. */
static struct bytes reasons_against(struct court *court)
{
    const struct verdict *verdict = court->verdict;
    struct bytes shown[SHOWN], list = BYTES("");
    size_t count = 0;
    int below = INT32_MAX;
    size_t after = 0;
    while (count < SHOWN) {
        const struct contribution *next = NULL;
        for (size_t i = 0; i < verdict->contribution_count; i++) {
            const struct contribution *this = &verdict->contributions[i];
            bool left = this->points < below || (this->points == below && i > after);
            if (this->points > 0 && left && (!next || this->points > next->points))
                next = this;
        }
        if (!next)
            break;
        below = next->points;
        after = (size_t)(next - verdict->contributions);
        struct bytes text = public_words(next);
        if (is_shown_already(text, shown, count))
            continue;
        shown[count++] = text;
        list = arena_printf(court->arena, BYTES_FMT "%s" BYTES_FMT, BYTES_ARG(list), count > 1 ? "; " : "",
                            BYTES_ARG(text));
    }
    return list;
}

/* The strongest contribution's check, for the reason of a decision by score. */
static enum check strongest(const struct verdict *verdict)
{
    const struct contribution *found = NULL;
    for (size_t i = 0; i < verdict->contribution_count; i++)
        if (!found || verdict->contributions[i].points > found->points)
            found = &verdict->contributions[i];
    return found ? found->check : CHECK_SESSION;
}

static void by_score(struct court *court)
{
    const struct policy *policy = court->policy;
    const struct verdict *verdict = court->verdict;
    int score = verdict->score;
    char text[POINTS_TEXT_SIZE], limit[POINTS_TEXT_SIZE];
    points_plain(score, text);
    /* Whom we know well is not turned away because of a sum. */
    if (policy->reject_score && score >= policy->reject_score && verdict->trust != TRUST_FIRST)
        court_raise(court, ACTION_REJECT, 550, "5.7.1", strongest(verdict),
                    "This message looks like junk: " BYTES_FMT ". If it is none, please write to postmaster here and "
                    "name this id:",
                    BYTES_ARG(reasons_against(court)));
    else if (policy->quarantine_score && score >= policy->quarantine_score)
        court_raise(court, ACTION_QUARANTINE, 250, "2.0.0", strongest(verdict),
                    "The score is %s points; from %s on a message goes to quarantine.", text,
                    points_plain(policy->quarantine_score, limit));
    else if (score >= policy->junk_score)
        court_apply(court, ACTION_JUNK, "", strongest(verdict),
                    "The score is %s points; from %s on a message is taken for junk.", text,
                    points_plain(policy->junk_score, limit));
}

static void by_default(struct court *court)
{
    if (court->policy->default_reject && court->verdict->trust != TRUST_FIRST && !joint_contact_of_all(court) &&
        !court_answers_us(court))
        court_raise(court, ACTION_REJECT, 550, "5.7.1", CHECK_CONTACT,
                    "This mailbox takes mail of senders whom it knows only. Please ask its owner in another way to "
                    "write to you first.");
}

static bool something_good_is_known(const struct court *court)
{
    const struct verdict *verdict = court->verdict;
    for (size_t i = 0; i < verdict->contribution_count; i++) {
        const struct contribution *contribution = &verdict->contributions[i];
        bool of_sender = contribution->check != CHECK_FILTER && contribution->check != CHECK_RULE &&
                         contribution->item != CONTRIBUTION_NO_ITEM;
        if (of_sender && contribution->points <= GOOD_ENOUGH)
            return true;
    }
    return false;
}

/* Whom a delay would only annoy. A forger who writes the name of a contact gains no more than that he need not wait;
 * a forwarder has taken the message already, and comes again anyhow. */
static bool is_spared(const struct court *court)
{
    return court->verdict->trust == TRUST_FIRST || court_any(court, CHECK_CONTACT, AUTH_PASS) ||
           court_is_forwarded(court) || court_answers_us(court);
}

static void by_greylist(struct court *court)
{
    const struct policy *policy = court->policy;
    const struct evidence_item *item = court_item(court, CHECK_GREYLIST);
    uint64_t age = 0;
    if (policy->greylist == JUDGE_GREYLIST_OFF || is_spared(court) ||
        (policy->greylist == JUDGE_GREYLIST_AUTO && something_good_is_known(court)))
        return;
    if (!court_says(item, "state", "new") && !court_says(item, "state", "waiting"))
        return;
    if (court_says(item, "state", "waiting") && !bytes_to_uint(court_value(item, "age"), INT32_MAX, &age))
        return;
    /* rfc6647:5: of the codes 421 and 450 that which does not end the session. */
    if ((int64_t)age < policy->greylist_delay)
        court_raise(court, ACTION_TEMPFAIL, 450, "4.7.1", CHECK_GREYLIST,
                    "We do not know this sender yet. Please try again in %lld seconds.",
                    (long long)(policy->greylist_delay - (int64_t)age));
}

void decide(struct court *court)
{
    if (court->trapped)
        return;
    by_score(court);
    by_default(court);
    by_greylist(court);
}
