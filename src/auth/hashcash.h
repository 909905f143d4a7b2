/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hashcash: stamps of format version 1: work that a sender did for a recipient. Score only.
 *
 * Slices point into the text given or live in the arena. Whether a stamp was spent before is the
 * caller's business (hashcash_stamp.digest is the key to remember it by).
 */
#ifndef VOUCH_AUTH_HASHCASH_H
#define VOUCH_AUTH_HASHCASH_H

#include "message/auth_results.h"
#include "message/message.h"

enum { HASHCASH_BITS_DEFAULT = 20, HASHCASH_STAMPS_MAX = 10, HASHCASH_STAMP_MAX = 1000 };

struct hashcash_stamp {
    struct bytes text;       /* the whole stamp, without white space around it */
    unsigned claimed_bits;
    unsigned bits;           /* zero bits that its SHA-1 really begins with */
    int64_t date;            /* epoch seconds, start of the unit given */
    struct bytes resource, extension, random, counter;
    uint8_t digest[20];      /* SHA-1 of the text */
};

/* PERM: not a version 1 stamp. */
enum result hashcash_parse(struct bytes text, struct hashcash_stamp *out, struct error *error) must_check;

/* YYMMDD, YYMMDDhhmm or YYMMDDhhmmss, of this century and in UTC; false for anything else. */
bool hashcash_read_date(struct bytes text, int64_t *epoch);

/* How many zero bits a SHA-1 begins with. */
unsigned hashcash_zero_bits(const uint8_t digest[20]);

struct hashcash_request {
    const struct bytes *recipients; /* mailboxes; a stamp must be for one of them */
    size_t recipient_count;
    unsigned bits;                  /* that are demanded; 0: the default */
    int64_t now;                    /* epoch seconds */
    int64_t validity;               /* seconds; 0: 28 days, and 2 days of skew either way */
};

struct hashcash_result {
    /* none       no stamp, or none for these recipients
     * pass       enough bits, in time, for a recipient
     * fail       too few bits
     * policy     expired or from the future
     * permerror  malformed */
    enum auth_result result;
    struct hashcash_stamp stamp; /* the best one */
    struct bytes problem;
};

/* One stamp: never permerror. `problem` is a static string, "" for pass. The bits that count are those
 * that the stamp claims, and it must have them: else every stamp would be a ticket in a lottery. */
enum auth_result hashcash_check_stamp(const struct hashcash_stamp *stamp,
                                      const struct hashcash_request *request,
                                      const char **problem) must_check;

/* Looks at X-Hashcash and Hashcash fields. TEMP at the arena's cap. */
enum result hashcash_check(struct arena *arena, const struct message *message,
                           const struct hashcash_request *request, struct hashcash_result *result)
    must_check;

#endif
