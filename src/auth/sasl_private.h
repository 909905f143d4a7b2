/* SPDX-License-Identifier: BSD-2-Clause */
/* sasl: private to sasl.c and sasl_scram.c. */
#ifndef VOUCH_AUTH_SASL_PRIVATE_H
#define VOUCH_AUTH_SASL_PRIVATE_H

#include "auth/sasl.h"

enum { SASL_BINDING_MAX = 64, SASL_CHALLENGE_MAX = 512 };

/* SCRAM (rfc5802:3). */
struct sasl_scram {
    bool bound;            /* the mechanism is a "-PLUS" */
    struct buf binding;    /* GS2 header, and the channel binding behind it */
    struct buf message;    /* AuthMessage, as it grows */
    struct buf nonce;      /* the client's, then ours */
    struct account_scram keys;
    uint8_t salt[ACCOUNT_SALT_MAX]; /* of a decoy */
    bool real;             /* the keys are the account's */
    bool proved;           /* he has shown that he has the client's key */
};

struct sasl {
    const struct sasl_mechanism *mechanism;
    const struct accounts *accounts;
    struct arena *arena;   /* nothing secret */
    unsigned step;
    bool over;
    bool offers_plus;
    struct bytes hostname, exporter, end_point;
    struct bytes emails[SASL_EMAILS_MAX];
    size_t email_count;
    struct bytes claimed;
    const struct account *account; /* that is being proved; NULL: there is none of that name */
    bool done;
    const char *reason;
    struct bytes challenge; /* CRAM-MD5 */
    struct sasl_scram scram;
};

enum sasl_status sasl_refuse(struct sasl *sasl, const char *reason);
enum sasl_status sasl_malformed(struct sasl *sasl, const char *reason);
enum sasl_status sasl_temporary(struct sasl *sasl);
/* Finds the account, if any, and remembers the name. False: out of memory. */
bool sasl_claim(struct sasl *sasl, struct bytes name);
/* Whether it is empty or the account's own name. */
bool sasl_may_act_as(const struct sasl *sasl, struct bytes authorization);

/* sasl_scram.c */
enum sasl_status sasl_step_scram(struct sasl *sasl, bool present, struct bytes message,
                                 struct buf *out);
void sasl_scram_init(struct sasl_scram *scram);
void sasl_scram_wipe(struct sasl_scram *scram);

#endif
