/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather: runs all checks of one message and collects what they find as evidence. The same for the
 * gateway (edge) and for `vouch check`.
 *
 * Checks of the envelope start at MAIL and run beside the session; those of the message run when it is
 * there. Everything lives in the arena given; gather_end() must be called before the arena goes.
 */
#ifndef VOUCH_ROLES_GATHER_H
#define VOUCH_ROLES_GATHER_H

#include "auth/dkim.h"
#include "auth/dmarc.h"
#include "auth/iprev.h"
#include "auth/spf.h"
#include "config/config.h"
#include "dns/recorder.h"
#include "fiber/group.h"
#include "message/from_field.h"
#include "verdict/evidence.h"

struct gather {
    const struct config *config;
    struct arena *arena;
    struct dns_recorder recorder;
    struct evidence evidence;
    struct fiber_group checks;
    int64_t now;               /* epoch seconds at which the mail is judged */
    int64_t deadline;
    struct spf_request spf_request;
    struct iprev_result iprev;
    struct spf_result spf_helo, spf;
    struct dkim_results dkim;
    struct dmarc_result dmarc;
    struct from_field from;
    struct message message;
    int64_t iprev_elapsed, spf_helo_elapsed, spf_elapsed;
};

/* What is known of the sender before the message itself. Slices must outlive the gather. */
struct gather_envelope {
    struct ip client;
    struct bytes helo;
    struct bytes sender; /* MAIL FROM; empty: <> */
    int64_t now;
};

/* Starts the checks of the envelope. Fibers of the current loop; without one they run at once. */
void gather_begin(struct gather *gather, const struct config *config, struct dns *dns,
                  struct arena *arena, const struct gather_envelope *envelope);

/* Waits for those, reads the message and runs the rest. `content` must outlive the gather.
 * PERM: the header is beyond its limits (the reply's sentence in error); TEMP: out of memory. */
enum result gather_message(struct gather *gather, struct bytes content, struct error *error)
    must_check;

/* Cancels what still runs. May be called more than once. */
void gather_end(struct gather *gather);

#endif
