/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * known_protocol: what an edge asks the store about a sender, what it answers, and what the edge tells afterwards.
 *
 * One question a message, before it is judged: KNOWN_ASK. What came of the message travels with the record that the
 * ledger gets (struct known_outcome as a blob): it costs no message of its own and never delays a reply.
 *
 * As in roles/protocol.h: writers append to a buf; readers take a payload of a hostile peer and say false if it is
 * not exactly what it should be. Slices read point into the payload.
 */
#ifndef VOUCH_ROLES_KNOWN_PROTOCOL_H
#define VOUCH_ROLES_KNOWN_PROTOCOL_H

#include "os/ipc.h"
#include "reputation/contact.h"
#include "reputation/greylist.h"
#include "reputation/history.h"

/* edge -> store; apart from the numbers of enum protocol_type. */
enum { KNOWN_ASK = 96 };

enum {
    KNOWN_IDENTITIES_MAX = 8,
    KNOWN_RECIPIENTS_MAX = 1000,
    KNOWN_RECIPIENTS_OCTETS = 64 * 1024,
    KNOWN_CONTACTS_MAX = 20,          /* in an answer */
    KNOWN_LEARNED_MAX = 100,          /* contacts of one message */
    KNOWN_ADDRESS_MAX = 1024,
    KNOWN_OUTCOME_MAX = 192 * 1024
};

struct known_question {
    bool history, contacts, greylist; /* what is wanted */
    int64_t delay;                    /* of the greylist, seconds */
    struct history_identity identities[KNOWN_IDENTITIES_MAX];
    size_t identity_count;
    struct ip client;
    struct bytes author;              /* address, or empty */
    struct bytes mail_from;           /* empty: <> */
    struct history_nameservers nameservers;
    struct bytes *recipients;         /* mailboxes, in the arena given to the reader */
    size_t recipient_count;
};
void known_question_write(struct buf *out, const struct known_question *question);
bool known_question_read(struct bytes payload, struct arena *arena, struct known_question *question);

struct known_contact {
    bool site;                        /* of somebody here; else of: */
    uint32_t recipient;               /* index in the question */
    bool manual;
    uint64_t answers;
};

struct known_answer {
    struct history history[KNOWN_IDENTITIES_MAX]; /* as many as identities, in their order */
    bool trapped[KNOWN_IDENTITIES_MAX];
    size_t identity_count;
    struct known_contact contacts[KNOWN_CONTACTS_MAX];
    size_t contact_count;
    enum greylist_state greylist;
    int64_t age;
};
void known_answer_write(struct buf *out, const struct known_answer *answer);
bool known_answer_read(struct bytes payload, struct known_answer *answer);

/* How a message counts: as ham or spam only where its content or its sender's standing elsewhere said so. */
enum known_class { KNOWN_PLAIN, KNOWN_HAM, KNOWN_SPAM, KNOWN_CLASSES };
/* What it was to the greylist. */
enum known_greylist { KNOWN_GREYLIST_NONE, KNOWN_GREYLIST_TRY, KNOWN_GREYLIST_PASS, KNOWN_GREYLIST_JUNK,
                      KNOWN_GREYLISTS };

struct known_outcome {
    struct history_identity identities[KNOWN_IDENTITIES_MAX];
    size_t identity_count;
    enum known_class class;
    bool trap;
    uint32_t unknown;                 /* recipients that do not exist */
    struct history_nameservers nameservers;
    enum known_greylist greylist;
    struct bytes greylist_domain;     /* or: */
    struct ip client;
    struct bytes mail_from, recipient; /* the first */
    struct bytes author;              /* who wrote back to: */
    struct bytes answered[KNOWN_CONTACTS_MAX]; /* recipients whose contact he is */
    size_t answered_count;
    struct bytes owner;               /* the account that wrote to: */
    struct bytes learned[KNOWN_LEARNED_MAX];
    size_t learned_count;
};
void known_outcome_write(struct buf *out, const struct known_outcome *outcome);
bool known_outcome_read(struct bytes blob, struct known_outcome *outcome);

#endif
