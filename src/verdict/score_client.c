/* SPDX-License-Identifier: BSD-2-Clause */
/* What the client and its session add to the score. */
#include "verdict/court.h"

/* Points (hundredths). */
enum {
    NAME_NONE = 100,
    NAME_UNCONFIRMED = 100,
    NAME_GENERIC = 150,
    NAME_GENERIC_ANSWERED = 50, /* some domain answers for what comes from there */
    NAME_GOOD = -20,
    HELO_FALSE = 200,
    HELO_MALFORMED = 100,
    HELO_ELSEWHERE = 50,
    NOLIST_TRAP = 300,
    NOLIST_NEXT = -50,
    RATE = 50,
    RATES = 100, /* together */
    TRAP = 1000,
    TRAP_LATELY = 400,
    TRAP_LATELY_NETWORK = 300
};

/* The class of the client's name; where nobody classed it, what the look-up itself said. */
static void name(struct court *court)
{
    const struct evidence_item *item = court_item(court, CHECK_RDNS);
    const struct evidence_item *iprev = court_item(court, CHECK_IPREV);
    if (item) {
        bool answered = court->authenticated != AUTHENTICATED_NOBODY;
        if (item->result == AUTH_PASS)
            court_contribute(court, CHECK_RDNS, item, NAME_GOOD, "RDNS", BYTES("CONFIRMED"),
                             "the client has a name of its own");
        else if (item->result == AUTH_POLICY)
            court_contribute(court, CHECK_RDNS, item, answered ? NAME_GENERIC_ANSWERED : NAME_GENERIC, "RDNS",
                             BYTES("GENERIC"), "the client has a consumer's name, " BYTES_FMT,
                             BYTES_ARG(court_value(item, "name")));
        else if (item->result == AUTH_FAIL)
            court_contribute(court, CHECK_RDNS, item, NAME_UNCONFIRMED, "RDNS", BYTES("UNCONFIRMED"),
                             "the client's name does not lead back to it");
        else if (item->result == AUTH_NONE)
            court_contribute(court, CHECK_RDNS, item, NAME_NONE, "RDNS", BYTES("NONE"), "the client has no name");
    } else if (court_result(iprev, AUTH_FAIL)) {
        court_contribute(court, CHECK_IPREV, iprev, NAME_UNCONFIRMED, "RDNS", BYTES("UNCONFIRMED"),
                         "the client's name does not lead back to it");
    } else if (court_result(iprev, AUTH_PERMERROR)) {
        court_contribute(court, CHECK_IPREV, iprev, NAME_NONE, "RDNS", BYTES("NONE"), "the client has no name");
    }
}

static void helo(struct court *court)
{
    const struct evidence_item *item = court_item(court, CHECK_HELO);
    if (court_says(item, "false", "yes"))
        court_contribute(court, CHECK_HELO, item, HELO_FALSE, "HELO", BYTES("FALSE"),
                         "a false name in HELO: " BYTES_FMT, BYTES_ARG(item->reason));
    else if (court_result(item, AUTH_PERMERROR))
        court_contribute(court, CHECK_HELO, item, HELO_MALFORMED, "HELO", BYTES("MALFORMED"),
                         "the name in HELO is no good: " BYTES_FMT, BYTES_ARG(item->reason));
    else if (court_result(item, AUTH_FAIL))
        court_contribute(court, CHECK_HELO, item, HELO_ELSEWHERE, "HELO", BYTES("FAIL"),
                         "the name in HELO is not the client's: " BYTES_FMT, BYTES_ARG(item->reason));
}

static void behaviour(struct court *court)
{
    static const struct {
        const char *kind;
        int points;
    } kinds[] = {
        {"early-talker", 150}, {"pipelining", 200},  {"lenient-syntax", 50},
        {"bare-line-ends", 50}, {"helo-changed", 50}, {"errors", 100},
    };
    const struct evidence *evidence = court->evidence;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        for (size_t k = 0; item->check == CHECK_SESSION && k < countof(kinds); k++)
            if (court_says(item, "kind", kinds[k].kind))
                court_contribute(court, CHECK_SESSION, item, kinds[k].points, "SESSION", bytes_of(kinds[k].kind),
                                 BYTES_FMT, BYTES_ARG(item->reason));
    }
}

static void nolisting(struct court *court)
{
    const struct evidence_item *item = court_item(court, CHECK_NOLIST);
    if (court_result(item, AUTH_FAIL))
        court_contribute(court, CHECK_NOLIST, item, NOLIST_TRAP, "NOLIST", BYTES("TRAP"),
                         "the client began with the MX that nobody needs");
    else if (court_result(item, AUTH_PASS))
        court_contribute(court, CHECK_NOLIST, item, NOLIST_NEXT, "NOLIST", BYTES("NEXT"),
                         "the client went from the first MX to the next, as it should");
}

static void rates(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    int sum = 0;
    for (size_t i = 0; i < evidence->item_count && sum < RATES; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->check != CHECK_RATE || item->result != AUTH_POLICY)
            continue;
        court_contribute(court, CHECK_RATE, item, RATE, "RATE", court_value(item, "limit"),
                         "the limit " BYTES_FMT " was met for " BYTES_FMT, BYTES_ARG(court_value(item, "limit")),
                         BYTES_ARG(court_value(item, "subject")));
        sum += RATE;
    }
}

/* Once, as strong as the strongest. */
static void traps(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    const struct evidence_item *strongest = NULL;
    int most = 0;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->check != CHECK_TRAP)
            continue;
        int points = !court_says(item, "recent", "yes")      ? TRAP
                     : court_says(item, "kind", "network")   ? TRAP_LATELY_NETWORK
                                                             : TRAP_LATELY;
        if (points > most) {
            strongest = item;
            most = points;
        }
    }
    if (most == TRAP)
        court_contribute(court, CHECK_TRAP, strongest, most, "TRAP", BYTES(""), "it goes to a trap, too");
    else if (strongest)
        court_contribute(court, CHECK_TRAP, strongest, most, "TRAP", BYTES("LATELY"),
                         BYTES_FMT " wrote to a trap lately", BYTES_ARG(court_value(strongest, "identity")));
}

void score_client(struct court *court)
{
    name(court);
    helo(court);
    behaviour(court);
    nolisting(court);
    rates(court);
    traps(court);
}
