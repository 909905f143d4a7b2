/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * job: one send_request while it is worked on: who still waits for an answer, what went wrong so far,
 * and what is to be reported. Private to deliver.c and attempt.c.
 */
#ifndef VOUCH_OUTBOUND_JOB_H
#define VOUCH_OUTBOUND_JOB_H

#include "outbound/deliver.h"

struct outbound {
    struct outbound_options options;
    struct connection_pool pool;
    struct mta_sts_cache *policies;
};

/* Who said something, as struct send_answer has it; empty: nobody. */
struct job_server {
    struct bytes host, address, tls, security;
};

/* What those that stay pending are told: the gravest so far. Code 0: nothing. */
struct job_finding {
    struct send_reply reply;
    enum send_status status;
    struct job_server server;
};

struct job {
    struct outbound *outbound;
    const struct send_request *request;
    struct arena *arena;
    struct send_answer *answer;
    struct route route;
    struct mx_list *list;
    struct mta_sts_found sts;
    struct client_credentials credentials;
    bool with_credentials, require_tls, tls_optional, smtputf8;
    bool require_tls_if_offered; /* it is a report about such mail */
    size_t *pending; /* indexes of recipients without a final reply, in order */
    size_t pending_count;
    bool answered;   /* a server had a word for a recipient */
    bool over;       /* nothing more is to be tried */
    int64_t deadline;
    struct job_finding temporary, permanent;
};

/* False at the arena's cap. */
bool job_start(struct job *job, struct outbound *outbound, const struct send_request *request,
               struct arena *arena, struct send_answer *answer) must_check;

/* Why no server was of use, for those that stay pending: if all that was found is permanent, so is the
 * reply. */
void job_problem(struct job *job, enum send_status status, unsigned code, const char *enhanced,
                 const char *format, ...) printf_like(5, 6);
/* The same in a server's words. The status is SEND_BUSY for 4xx, but SEND_ANSWERED if that is about the
 * message (to DATA, or behind it). `connection` (may be NULL): with whom. */
void job_refused(struct job *job, const struct client_reply *reply, const struct connection *connection);

/* A final reply for the recipient at request->recipients[index], which is pending no more once
 * job_compact() has been called. */
void job_settle(struct job *job, size_t index, const struct client_reply *reply,
                const struct connection *connection);
/* Takes those with a reply off the pending. */
void job_compact(struct job *job);

/* Counts a session for reports. `result` NULL: it went well. */
void job_event(struct job *job, const struct tls_policy *policy, struct bytes host, const struct ip *ip,
               const char *result, const char *reason);

/* The replies of those that are left, and the status. */
void job_finish(struct job *job);

/* Tries one host of job->list for all that are pending. `others`: addresses of hosts behind it. */
void attempt_host(struct job *job, const struct mx_host *host, size_t others);

#endif
