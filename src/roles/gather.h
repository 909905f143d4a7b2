/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather: runs all checks of one message and collects what they find as evidence. The same for the
 * gateway (edge) and for `vouch check`.
 *
 * Checks of the envelope start at MAIL and run beside the session; those of the message run when it is
 * there. Behind a relay of our own all run when the message is there, since only that tells from whom
 * the relay had it. Everything lives in the arena given; gather_end() must be called before the arena
 * goes.
 *
 * gather.c says what runs when, gather_checks.c runs each check (gather_content.c those of the message's
 * structure), gather_items.c turns what it found into evidence.
 */
#ifndef VOUCH_ROLES_GATHER_H
#define VOUCH_ROLES_GATHER_H

#include "auth/adsp.h"
#include "auth/arc.h"
#include "auth/dkim.h"
#include "auth/dmarc.h"
#include "auth/domainkeys.h"
#include "auth/forwarder.h"
#include "auth/hashcash.h"
#include "auth/helo.h"
#include "auth/iprev.h"
#include "auth/openpgp.h"
#include "auth/sender_id.h"
#include "auth/smime.h"
#include "auth/spf.h"
#include "auth/vbr.h"
#include "config/config.h"
#include "dns/recorder.h"
#include "fiber/group.h"
#include "message/from_field.h"
#include "message/pra.h"
#include "message/readable.h"
#include "verdict/evidence.h"

/* What is known of the sender before the message itself. Slices must outlive the gather. */
struct gather_envelope {
    struct ip client;          /* family 0: nobody knows */
    struct ip local;           /* our end of the connection; family 0: unknown */
    struct bytes helo;
    struct bytes sender;       /* MAIL FROM; empty: <> */
    bool submitter_given;
    struct bytes submitter;    /* SUBMITTER, or empty */
    struct bytes submitter_local, submitter_domain; /* without quotes */
    struct bytes account;      /* of ours that submits it, or empty; then nothing is checked */
    int64_t now;
    /* For S/MIME; NULL: none are known. Must outlive the gather. */
    const struct smime_authorities *authorities;
    struct dnsl_health *lists; /* whether lists in DNS work, of the process; NULL: found out for this message */
};

/* What the message is made of (gather_structure.c). */
struct gather_structure {
    struct arena *arena;
    const struct message *message;
    bool tried, parsed, read, made;
    struct mime mime;
    struct readable readable;
};

struct gather {
    const struct config *config;
    struct arena *arena;
    struct dns_recorder recorder;
    struct evidence evidence;
    struct fiber_group checks;
    int64_t now;               /* epoch seconds at which the mail is judged */
    int64_t deadline;
    struct gather_envelope envelope;
    const struct config_upstream *upstream; /* the relay of ours that handed it on, or NULL */
    struct spf_request spf_request;
    struct message message;
    struct from_field from;

    struct iprev_result iprev;
    struct helo_result helo;
    struct spf_result spf_helo, spf, spf_guess;
    struct forwarder *forwarders;
    enum result forwarder_found;
    struct forwarder_result forwarder;
    struct dkim_results dkim;
    struct domainkeys_result domainkeys;
    struct adsp_result adsp;
    struct arc_results arc;
    enum result pra_found;
    struct pra pra;
    struct sender_id_result sender_id;
    struct dmarc_result dmarc;
    struct vbr_result vbr;
    struct hashcash_result hashcash;
    struct smime_result smime;
    struct openpgp_result openpgp;
    bool reputation_begun;
    struct gather_reputation *reputation; /* gather_reputation.c; NULL: not begun */
    struct gather_structure structure;
    bool spf_of_upstream;      /* `spf` is what the relay said */
    int64_t elapsed[CHECK_COUNT_]; /* microseconds */
};

/* Starts the checks of the envelope. Fibers of the current loop; without one they run at once. */
void gather_begin(struct gather *gather, const struct config *config, struct dns *dns,
                  struct arena *arena, const struct gather_envelope *envelope);

/* Waits for those, reads the message and runs the rest. `content` must outlive the gather. Hashcash is
 * checked for evidence.recipients: set them before.
 * PERM: the header is beyond its limits (the reply's sentence in error); TEMP: out of memory. */
enum result gather_message(struct gather *gather, struct bytes content, struct error *error)
    must_check;

/* Reads a message without checking anything; again, if it was changed. Results as gather_message(). */
enum result gather_read(struct gather *gather, struct bytes content, struct error *error) must_check;

/* The structure, and what a person reads of it, each made when first asked for; valid until gather_end(). NULL: the
 * message has more in it than is looked into. After gather_message(). */
const struct gather_structure *gather_structure(struct gather *gather);
const struct readable *gather_readable(struct gather *gather);

/* Adds what the filter says (gather_filter.c); either model may be NULL. False when memory is out. */
struct filter_model;
bool gather_filter(struct gather *gather, const struct filter_model *shared,
                   const struct filter_model *domain) must_check;

/* Cancels what still runs. May be called more than once. */
void gather_end(struct gather *gather);

#endif
