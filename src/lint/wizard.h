/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wizard: from a description of where mail of a domain comes from to the records to publish.
 *
 *   wizard_answer()     one answer: an option, a line of a file, or a line of the dialogue
 *   wizard_plan_make()  the records, within the limit of look-ups; asks the DNS
 *   wizard_try()        what the records give, for each host that sends and for a stranger
 *
 * All that is returned lives in the arena given.
 */
#ifndef VOUCH_LINT_WIZARD_H
#define VOUCH_LINT_WIZARD_H

#include "auth/spf.h"
#include "dns/dns.h"

enum {
    WIZARD_SOURCES_MAX = 60,
    WIZARD_RECORDS_MAX = 80,
    WIZARD_TRIALS_MAX = 160,
    WIZARD_NOTES_MAX = 40,
    WIZARD_ANSWERS_MAX = 64 * 1024 /* octets of a file of answers */
};

enum wizard_kind { WIZARD_HOST, WIZARD_RELAY, WIZARD_PROVIDER, WIZARD_ESP };

/* Something that mail comes from. */
struct wizard_source {
    enum wizard_kind kind;
    struct bytes name;         /* a host's name, or what is included; empty for addresses */
    struct ip_network network; /* ip.family 0: `name` counts */
    struct bytes title;        /* of an ESP, for people */
    struct bytes bounce, client, delegated; /* of an ESP; may be empty */
};

enum wizard_forwarding { WIZARD_FORWARDING_UNKNOWN, WIZARD_FORWARDED, WIZARD_NOT_FORWARDED };

struct wizard_answers {
    struct bytes domain; /* A-labels, lower case */
    bool own_mx;         /* the MX hosts send, too */
    bool web_only;       /* the web server (the domain's own address) sends */
    bool never_sends;
    bool incomplete;                   /* there may be more that is not known */
    enum wizard_forwarding forwarding; /* whether recipients have the mail forwarded */
    struct wizard_source sources[WIZARD_SOURCES_MAX];
    size_t source_count;
};

/* Keys: domain, own-mx, web-only, never-sends, incomplete, forwarded-users (yes or no), host, relay
 * (a name, an address or a network), provider (a name), esp (NAME=include[,bounce=…][,client=…]
 * [,delegated=…]). PERM with the reason. */
enum result wizard_answer(struct arena *arena, struct wizard_answers *answers, struct bytes key,
                          struct bytes value, struct error *error) must_check;
/* Lines "key = value"; '#' begins a comment. PERM with line and reason. */
enum result wizard_answers_parse(struct arena *arena, struct bytes text,
                                 struct wizard_answers *answers, struct error *error) must_check;
/* Whether they describe anything, without contradiction. */
enum result wizard_answers_check(const struct wizard_answers *answers,
                                 struct error *error) must_check;

struct wizard_record {
    struct bytes name, version; /* "v=spf1", "spf2.0": which TXT record of the name it replaces */
    struct bytes text;
    const char *why; /* a sentence */
};

struct wizard_trial {
    struct bytes domain; /* of MAIL FROM, or the HELO name */
    struct bytes what;   /* whose address it is */
    struct ip ip;
    bool helo, stranger;
    enum auth_result expected, found;
};

struct wizard_plan {
    const struct wizard_answers *answers;
    struct arena *arena;
    struct dns *dns;
    int64_t deadline;
    struct wizard_record records[WIZARD_RECORDS_MAX];
    size_t record_count;
    char end;            /* '-', '~' or '?' */
    const char *end_why; /* a sentence */
    unsigned terms;      /* that ask the DNS, of the main record with all it includes */
    struct bytes notes[WIZARD_NOTES_MAX]; /* sentences: what else is to be done or known */
    size_t note_count;
    struct wizard_trial trials[WIZARD_TRIALS_MAX];
    size_t trial_count;
};

/* PERM: no record within the limits can be made; the reason says what to change. TEMP: the DNS
 * failed on something that the records depend on. The struct is large: not for a fiber's stack. */
enum result wizard_plan_make(struct wizard_plan *plan, struct dns *dns, struct arena *arena,
                             const struct wizard_answers *answers, int64_t deadline,
                             struct error *error) must_check;

/* Makes every trial; `published`: with what the DNS says, else as if all records were there. The
 * number that came out otherwise than expected. TEMP at the arena's cap. */
enum result wizard_try(struct wizard_plan *plan, bool published, size_t *wrong) must_check;

/* What the DNS has in the place of a record: OK the same (or, for Sender ID, an opt-out that is as
 * good), PERM another (*live), NONE nothing, TEMP. */
enum result wizard_compare(struct wizard_plan *plan, const struct wizard_record *record,
                           struct bytes *live) must_check;

#endif
