/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sasl: the server's side of one SASL exchange (RFC 4422) against the accounts of a file.
 *
 * PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195), SCRAM-SHA-256 and -PLUS (RFC 5802, RFC 7677) with
 * tls-exporter (RFC 9266) or tls-server-end-point (RFC 5929), and EXTERNAL with the mail addresses of a
 * client's certificate.
 *
 * No socket, no clock, no waiting. What the client says is hostile. That there is no account of a name looks
 * and takes as long as a wrong password. Nobody acts for another: an authorization identity is empty or the
 * account itself. An exchange is used once: after anything but SASL_CHALLENGE it only refuses, so that no
 * failed one leaves something to the next. What it holds is wiped when it is freed.
 */
#ifndef VOUCH_AUTH_SASL_H
#define VOUCH_AUTH_SASL_H

#include "auth/accounts.h"

enum { SASL_MESSAGE_MAX = 9216, SASL_NONCE_MAX = 1024, SASL_EMAILS_MAX = 16 };

struct sasl_setup {
    const struct accounts *accounts; /* must live as long as the exchange */
    struct bytes mechanism;
    struct bytes hostname;           /* for CRAM-MD5 */
    bool offers_plus;                /* a mechanism "-PLUS" was offered to this client (rfc5802:6) */
    struct bytes exporter, end_point; /* channel bindings; empty: there is none of that kind */
    const struct bytes *emails;      /* of a client's certificate that was verified */
    size_t email_count;
};

enum sasl_status {
    SASL_DONE,      /* he is sasl_account() */
    SASL_CHALLENGE, /* `out` goes to him */
    SASL_REFUSED,   /* wrong name, password, proof or certificate */
    SASL_MALFORMED, /* not what the mechanism demands */
    SASL_TEMPORARY  /* memory, random numbers */
};

struct sasl;

bool sasl_mechanism_is_known(struct bytes mechanism);
/* All slices of the setup are copied. NULL: an unknown mechanism, or out of memory. */
struct sasl *sasl_start(const struct sasl_setup *setup);
void sasl_free(struct sasl *sasl); /* NULL is fine */

/* Whether a step may verify a password, some 30 ms: to be called on a worker thread. */
bool sasl_is_costly(const struct sasl *sasl);
/* One message of the client; `present` false: he has sent none (only at the start). Appends the challenge
 * to `out`. */
enum sasl_status sasl_step(struct sasl *sasl, bool present, struct bytes message, struct buf *out);

/* After SASL_DONE; else NULL. */
const struct account *sasl_account(const struct sasl *sasl);
/* The name as the client gave it, as far as it is known; valid until sasl_free(). */
struct bytes sasl_claimed(const struct sasl *sasl);
/* Why it was refused: for logs, not for clients; never holds secrets. */
const char *sasl_reason(const struct sasl *sasl);

/* The name in a client's first message, for whoever must know it before the exchange is over. Points into
 * `message`; empty: none, or not yet. No judgement whether it is well-formed. */
struct bytes sasl_peek_name(struct bytes mechanism, struct bytes message);

#endif
