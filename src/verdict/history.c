/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an identity sent before. Our own verdicts and what people say of them are weighed apart: else a filter
 * that errs would go on proving itself right.
 */
#include "verdict/court.h"
#include "verdict/points.h"

enum {
    SHRINKAGE = 500,          /* so much of either kind is imagined: few messages say little (hundredths) */
    MOST_OF_VERDICTS = 300,   /* points */
    MOST = 600,
    MOST_OF_OTHERS = 400,     /* of an identity that is not the author's, against */
    MOST_FOR_NETWORK = -200,
    MOST_FOR_OTHERS = -100,
    TRAP = 6,                 /* is worth so many messages; what a user or operator reports: */
    REPORT = 3,
    TRAPS_ONE_IN = 100,
    UNKNOWN_ONE_IN = 10,
    GOOD_LEAST = 300,         /* so much must speak for a sender before he is good (hundredths of a message) */
};

/* In hundredths of a message. */
struct history {
    int64_t first, messages, ham, spam, junk, notjunk, complaints, traps, unknown;
};

static int64_t number(const struct evidence_item *item, const char *name)
{
    int64_t value;
    const int64_t most = INT64_C(1000000000000);
    if (!points_read(court_value(item, name), &value) || value < 0)
        return 0;
    return value > most ? most : value;
}

static struct history read_history(const struct evidence_item *item)
{
    return (struct history){
        .first = number(item, "first") / 100,
        .messages = number(item, "messages"),
        .ham = number(item, "ham"),
        .spam = number(item, "spam"),
        .junk = number(item, "junk"),
        .notjunk = number(item, "notjunk"),
        .complaints = number(item, "complaints"),
        .traps = number(item, "traps"),
        .unknown = number(item, "unknown"),
    };
}

/* Who sends much meets a trap now and then, and whoever wants to harm him can send a little for him: what is less
 * than one in `one_in` messages counts the less the rarer it is. */
static int64_t share(const struct history *history, int64_t found, int64_t one_in)
{
    int64_t times = found ? history->messages / found / one_in : 0;
    return times > 1 ? found / times : found;
}

static int64_t reported(const struct history *history)
{
    return REPORT * (history->junk + history->complaints) + TRAP * share(history, history->traps, TRAPS_ONE_IN) +
           share(history, history->unknown, UNKNOWN_ONE_IN) / 4;
}

static bool is_known(const struct court *court, const struct history *history)
{
    return history->first > 0 && court->evidence->received_at - history->first >= court->policy->probation &&
           history->messages >= (int64_t)court->policy->least * 100;
}

enum standing history_standing(const struct court *court, const struct evidence_item *item)
{
    if (item->result != AUTH_NEUTRAL)
        return STANDING_UNKNOWN;
    struct history history = read_history(item);
    int64_t bad = history.spam + reported(&history), good = history.ham + REPORT * history.notjunk;
    if (bad >= 300 && bad * 2 >= good)
        return STANDING_BAD;
    /* That nothing was found against him makes nobody good: what he wrote was read and liked, or people say so. */
    if (is_known(court, &history) && good >= GOOD_LEAST && history.traps * TRAPS_ONE_IN * 2 <= history.messages &&
        bad * 20 <= good && history.unknown * UNKNOWN_ONE_IN <= history.messages)
        return STANDING_GOOD;
    return STANDING_UNKNOWN;
}

static int points_of(const struct court *court, const struct history *history)
{
    uint64_t for_it = (uint64_t)(REPORT * history->notjunk), against = (uint64_t)reported(history);
    int verdicts = points_of_odds((uint64_t)history->spam + SHRINKAGE, (uint64_t)history->ham + SHRINKAGE);
    int people = points_of_odds(against + SHRINKAGE, for_it + SHRINKAGE);
    int points = points_within(points_within(verdicts, -MOST_OF_VERDICTS, MOST_OF_VERDICTS) + people, -MOST, MOST);
    /* A new sender begins unknown, however nice his first messages are. */
    return points < 0 && !is_known(court, history) ? 0 : points;
}

static void contribute(struct court *court, const struct evidence_item *item, int points)
{
    struct history history = read_history(item);
    struct bytes identity = court_value(item, "identity");
    int64_t days = history.first > 0 ? (court->evidence->received_at - history.first) / 86400 : 0;
    court_contribute(court, CHECK_HISTORY, item, points, "HISTORY", court_value(item, "kind"),
                     BYTES_FMT " sent about %lld messages in %lld days: %lld taken for good, %lld for junk; users say "
                     "junk %lld times and not junk %lld times, complaints %lld, traps %lld, unknown recipients %lld",
                     BYTES_ARG(identity), (long long)(history.messages + 50) / 100, (long long)days,
                     (long long)(history.ham + 50) / 100, (long long)(history.spam + 50) / 100,
                     (long long)(history.junk + 50) / 100, (long long)(history.notjunk + 50) / 100,
                     (long long)(history.complaints + 50) / 100, (long long)(history.traps + 50) / 100,
                     (long long)(history.unknown + 50) / 100);
}

/*
 * The author's own history, if he is authenticated: of several identities that of which most is known. Of others
 * the worst, unless the author's own is good: whoever sends for many sends bad mail, too. They hardly lift anybody:
 * one customer of a good sender is not the other.
 */
void history_score(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    const struct evidence_item *own = NULL, *worst = NULL, *best = NULL;
    int worst_points = 0, best_points = 0;
    int64_t most = -1;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->check != CHECK_HISTORY || item->result != AUTH_NEUTRAL)
            continue;
        struct history history = read_history(item);
        bool network = court_says(item, "kind", "network");
        if (!network && court_says(item, "aligned", "yes")) {
            if (history.messages > most) {
                own = item;
                most = history.messages;
            }
            continue;
        }
        int points = points_within(points_of(court, &history), network ? MOST_FOR_NETWORK : MOST_FOR_OTHERS,
                                   MOST_OF_OTHERS);
        if (points > worst_points) {
            worst = item;
            worst_points = points;
        } else if (points < best_points) {
            best = item;
            best_points = points;
        }
    }
    int own_points = 0;
    if (own) {
        struct history history = read_history(own);
        own_points = points_of(court, &history);
        contribute(court, own, own_points);
    }
    if (worst && own_points >= 0)
        contribute(court, worst, points_within(worst_points, 0, MOST - own_points));
    else if (best && !own)
        contribute(court, best, best_points);
}
