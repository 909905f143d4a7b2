/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evidence: what is known of one message: facts of the connection and the envelope, and one item for
 * each check. Plain data: no pointers into anything that acts, no time but what is written in it.
 *
 * An item is uniform whatever the check: who was asked about (properties, named as in
 * Authentication-Results), what the answer was (a result), why (a sentence), what it rests on (DNS
 * questions and answers, kept once for the whole message) and how long it took. So one writer makes
 * Authentication-Results, the ledger's JSON and `vouch explain` from it, and a new check changes none.
 */
#ifndef VOUCH_VERDICT_EVIDENCE_H
#define VOUCH_VERDICT_EVIDENCE_H

#include "base/arena.h"
#include "base/ip.h"
#include "base/json.h"
#include "message/auth_results.h"

enum check {
    CHECK_SESSION,  /* early talker, pipelining, line ends */
    CHECK_IPREV,
    CHECK_SPF_HELO,
    CHECK_SPF,      /* MAIL FROM */
    CHECK_DKIM,     /* one item a signature */
    CHECK_DMARC,
    CHECK_FROM,     /* the From field itself: fail when absent, several or malformed */
    CHECK_ARC,
    CHECK_ATTEMPT,  /* earlier temporary refusals of the same mail */
    CHECK_HELO,     /* whether the HELO name is the client's */
    CHECK_SPF_GUESS, /* what a guessed record would say; nothing follows from it */
    CHECK_FORWARDER, /* the client is a forwarder of the administrator's list */
    CHECK_UPSTREAM, /* what a trusted relay before us found: one item a statement */
    CHECK_SENDER_ID,
    CHECK_SUBMITTER, /* pass: it is the responsible address of the message */
    CHECK_DOMAINKEYS,
    CHECK_ADSP,
    CHECK_VBR,
    CHECK_HASHCASH,
    CHECK_SMIME,
    CHECK_OPENPGP,
    CHECK_RETURN_PATH, /* a recipient that was a tagged or signed return path of ours */
    /* Lists in DNS: one item an answer, or a list that failed. "vouch": list (name of its section), use (as in
     * the configuration), code ("127.0.0.2"; several items for several); what was asked about is the other
     * property. The points are the policy's. */
    CHECK_DNSWL,    /* dns.zone, policy.ip, policy.txt, dns.sec (rfc8904); pass: listed on a list that speaks for */
    CHECK_DNSBL,    /* fail: listed; policy.ip of the answer; vouch.subject: the address */
    CHECK_RHSBL,    /* the same for a name */
    CHECK_URIBL,    /* the same for names and addresses in the body */
    CHECK_RATING,   /* vouch.list, domain, status ("good", "bad"), rating (0 to 100) */
    CHECK_RDNS,     /* class of the client's name; vouch.class: confirmed, generic, unconfirmed, none */
    CHECK_HISTORY,  /* one item an identity: vouch.kind (dkim, spf, network), identity, and its numbers */
    CHECK_CONTACT,  /* pass: the author is a contact; vouch.recipient: whose ("*": of somebody here) */
    CHECK_RATE,     /* policy: a limit was met; vouch.limit */
    CHECK_GREYLIST, /* vouch.key, state (new, waiting, passed, white), age (seconds) */
    CHECK_NOLIST,   /* pass: tried the next MX as it should; fail: came by the trap */
    CHECK_TRAP,     /* fail: writes to a trap, or did lately (vouch.recent) */
    CHECK_FILTER,   /* vouch.points (hundredths as "12.34"), models, clues */
    CHECK_RULE,     /* fail: matched; vouch.rule: its name; its points are the policy's */
    CHECK_VIRUS,    /* fail: vouch.name; pass: none found; temperror: clamd did not answer */
    CHECK_PHISHING, /* fail: one item a finding; vouch.kind, claimed, real */
    CHECK_ATTACHMENT, /* one item an attachment: vouch.name, type, extension, is ("executable", "macro" …) */
    CHECK_NAMESERVERS, /* who serves the author's domain, for its history */
    CHECK_COUNT_
};
const char *check_name(enum check check); /* "spf", "dkim", … unique; "spf-helo" */
bool check_parse(struct bytes name, enum check *out);
/* The method under which Authentication-Results has it (rfc8601:2.7 and the IANA registry), or NULL. What
 * is not registered stands in a field of our own: readers may drop a whole Authentication-Results that
 * holds an experimental method (rfc8601:2.7.6). */
const char *check_method(enum check check);

struct evidence_item {
    enum check check;
    enum auth_result result;
    struct bytes reason;               /* a sentence, may be empty */
    struct auth_property *properties;  /* type "smtp"/"header"/"policy", or "vouch" for our own */
    size_t property_count;
    int64_t elapsed;                   /* microseconds */
};

/* A question asked in DNS for this message and its answer, in presentation form. */
struct evidence_dns {
    struct bytes name, type, status;   /* "example.org", "TXT", "found" */
    uint32_t ttl;
    bool authenticated;
    struct bytes *records;             /* presentation form: "10 mx.example.org", TXT text */
    size_t record_count;
};

struct evidence {
    struct bytes id;                   /* of the message: for logs, headers, ledger */
    int64_t received_at;               /* epoch seconds */
    struct ip client;
    struct bytes client_name;          /* forward-confirmed, or empty */
    struct bytes helo, mail_from;      /* mail_from empty: <> */
    struct bytes *recipients;
    size_t recipient_count;
    struct bytes header_from;          /* author address, empty if unusable */
    struct bytes message_id, subject;  /* of the message, bounded */
    uint64_t size;
    struct bytes tls;                  /* "TLSv1.3", or empty */
    struct bytes account;              /* of ours that submitted it, or empty */
    bool own_network;                  /* client is in own-networks */
    bool exempt;                       /* for postmaster or abuse: never filtered */
    struct evidence_item *items;
    size_t item_count, item_capacity;
    struct evidence_dns *dns;
    size_t dns_count;
};

/* A new item (zeroed but for check and result), or NULL at the arena's cap. Pointers to earlier items
 * do not survive. */
struct evidence_item *evidence_add(struct arena *arena, struct evidence *evidence, enum check check,
                                   enum auth_result result);
/* Adds a property; value is copied. False at the cap. */
bool evidence_property(struct arena *arena, struct evidence_item *item, const char *type,
                       const char *name, struct bytes value);
/* The first item of a check at or after index `from`; NULL if none. */
const struct evidence_item *evidence_find(const struct evidence *evidence, enum check check,
                                          size_t from);
/* The value of a property ("header", "from"), empty if absent. */
struct bytes evidence_value(const struct evidence_item *item, const char *type, const char *name);

/* Replaces octets that are no UTF-8 as the JSON below will, in place: what was judged before it was written can be
 * judged again after it was read. False at the arena's cap. */
bool evidence_clean(struct arena *arena, struct evidence *evidence) must_check;

/* As JSON, and back. Reading what was written gives the same evidence. */
void evidence_write(struct json *json, const struct evidence *evidence);
enum result evidence_read(struct arena *arena, struct bytes json, struct evidence *out,
                          struct error *error) must_check;

#endif
