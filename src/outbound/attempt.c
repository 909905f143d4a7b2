/* SPDX-License-Identifier: BSD-2-Clause */
/* attempt: one host, its addresses one after the other, with all that are pending. */
#include "base/log.h"
#include "fiber/loop.h"
#include "outbound/job.h"

struct attempt {
    struct job *job;
    const struct mx_host *host;
    const struct ip *ip;
    struct tls_policy policy;
    bool others;   /* addresses or hosts behind this one */
    bool weakened; /* the policy failed and is forgiving */
    const char *finding; /* for the report of each session, in place of success; NULL: none */
    const char *finding_reason;
};

/* What one transaction led to. */
enum progress { PROGRESS_DONE, PROGRESS_MORE, PROGRESS_LOST_KEPT, PROGRESS_NEXT };

/* ---- transactions ---- */

static size_t chunk_size(const struct job *job, const struct connection *connection)
{
    uint32_t most = client_extensions(connection->client)->recipient_max;
    size_t limit = most && most < SEND_RECIPIENTS_MAX ? most : SEND_RECIPIENTS_MAX;
    return job->pending_count < limit ? job->pending_count : limit;
}

/* A report of failure has it where it can (rfc8689:5). */
static bool may_require_tls(const struct job *job, const struct connection *connection)
{
    return job->require_tls_if_offered && client_is_encrypted(connection->client) &&
           client_extensions(connection->client)->require_tls;
}

static struct client_envelope envelope_of(const struct job *job, const struct connection *connection)
{
    const struct send_request *request = job->request;
    return (struct client_envelope){.sender = request->sender,
                                    .smtputf8 = job->smtputf8,
                                    .require_tls = job->require_tls || may_require_tls(job, connection),
                                    .return_full = request->return_full,
                                    .return_headers = request->return_headers,
                                    /* Else the mail would be taken for that of the route's user
                                     * (rfc4954:5). */
                                    .auth_unknown = job->with_credentials,
                                    .envelope_id = request->envelope_id,
                                    .submitter = request->submitter};
}

/* The next server may do better (rfc5321:5.1): this one cannot now, or it refuses the mail before any
 * recipient or behind them all, and has not taken it. What it says of a recipient is not to be asked
 * elsewhere (greylisting). */
static bool leads_to_next(const struct client_reply *reply)
{
    if (reply->local)
        return reply->code >= 500;
    return reply->code == 421 || (reply->code / 100 == 4 && reply->stage != CLIENT_STAGE_RECIPIENT);
}

/* "Too many recipients" after some were taken: the others go with the next transaction. */
static bool is_surplus(const struct client_reply *reply, bool some_taken)
{
    return some_taken && reply->code == 452 &&
           (!reply->enhanced[0] || bytes_starts_with(bytes_of(reply->enhanced), BYTES("4.5.")));
}

static bool any_taken(const struct client_reply *replies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (replies[i].code && replies[i].code < 300)
            return true;
    return false;
}

/* Not to be sent to another server now, for the message may be there already. */
static void lost_in_doubt(struct client_reply *reply)
{
    *reply = (struct client_reply){.code = 451, .enhanced = "4.4.2", .local = true};
    reply->text = BYTES("The connection was lost before the server said whether it took the message.");
}

/* Sorts the replies to one transaction. */
static enum progress read_replies(struct attempt *attempt, struct connection *connection,
                                  struct client_reply *replies, size_t count)
{
    struct job *job = attempt->job;
    bool doubt = client_is_in_doubt(connection->client);
    bool taken = any_taken(replies, count);
    bool surplus = false, left = false;
    for (size_t i = 0; i < count; i++) {
        struct client_reply *reply = &replies[i];
        if (!reply->code && doubt)
            lost_in_doubt(reply);
        if (!reply->code) {
            left = true;
        } else if (is_surplus(reply, taken)) {
            surplus = true;
        } else if (leads_to_next(reply)) {
            job_refused(job, reply, connection);
            left = true;
        } else {
            job_settle(job, job->pending[i], reply, connection);
        }
    }
    job_compact(job);
    if (left)
        return PROGRESS_NEXT;
    return job->pending_count == 0 ? PROGRESS_DONE
           : surplus || client_is_usable(connection->client) ? PROGRESS_MORE
                                                             : PROGRESS_NEXT;
}

static enum progress transact(struct attempt *attempt, struct connection *connection, bool kept)
{
    struct job *job = attempt->job;
    struct client_envelope envelope = envelope_of(job, connection);
    struct error error = {{0}};
    size_t count = chunk_size(job, connection);
    struct client_recipient *recipients = arena_alloc_array(job->arena, count, sizeof(*recipients));
    struct client_reply *replies = arena_alloc_array(job->arena, count, sizeof(*replies));
    if (!recipients || !replies) {
        job_problem(job, SEND_UNREACHABLE, 451, "4.3.0", "Out of memory.");
        return PROGRESS_NEXT;
    }
    for (size_t i = 0; i < count; i++) {
        const struct send_recipient *recipient = &job->request->recipients[job->pending[i]];
        recipients[i] =
            (struct client_recipient){recipient->address, recipient->notify, recipient->original};
    }
    connection->messages++;
    client_set_deadline(connection->client, job->deadline);
    enum result result =
        job->request->verify_only
            ? client_ask(connection->client, &envelope, recipients, count, job->arena, replies, &error)
            : client_send(connection->client, &envelope, recipients, count, &job->request->content, 1,
                          job->arena, replies, &error);
    if (job->request->verify_only && result == OK &&
        client_reset(connection->client, job->arena, NULL) != OK)
        log_debug("courier", "the connection ended behind RSET");
    /* A kept connection may have gone away unseen: then a new one gets its chance. */
    if (kept && (replies[0].code == 421 || (result != OK && !replies[0].code)) &&
        !client_is_in_doubt(connection->client))
        return PROGRESS_LOST_KEPT;
    if (result != OK && error.text[0])
        job_problem(job, SEND_UNREACHABLE, 451, "4.4.2", BYTES_FMT ": %s", BYTES_ARG(connection->host),
                    error.text);
    return read_replies(attempt, connection, replies, count);
}

/* As many transactions as it takes. False: the connection was an old one and had gone away. */
static bool use_connection(struct attempt *attempt, struct connection *connection, bool kept)
{
    struct job *job = attempt->job;
    enum progress progress = PROGRESS_MORE;
    while (progress == PROGRESS_MORE && job->pending_count) {
        progress = transact(attempt, connection, kept);
        kept = false;
    }
    connection_pool_give(&job->outbound->pool, connection);
    return progress != PROGRESS_LOST_KEPT;
}

/* ---- failures ---- */

static void insecure(struct attempt *attempt, const char *enhanced, const char *what)
{
    struct job *job = attempt->job;
    bool permanent = job->require_tls;
    job_problem(job, SEND_INSECURE, permanent ? 550 : 451,
                permanent ? "5.7.10" : enhanced, BYTES_FMT " is not secure enough: %s",
                BYTES_ARG(attempt->host->name), what);
}

static void report_failure(struct attempt *attempt, const struct connection_failure *failure)
{
    const char *type = tls_policy_failure(&attempt->policy, failure->tls);
    if (type && !attempt->weakened)
        job_event(attempt->job, &attempt->policy, attempt->host->name, attempt->ip, type,
                  failure->error.text);
}

/* True: to be tried again, less securely. */
static bool handle_tls_failure(struct attempt *attempt, enum connection_outcome outcome,
                               const struct connection_failure *failure)
{
    bool offered = outcome == CONNECTION_TLS_FAILED;
    if (offered)
        report_failure(attempt, failure);
    else if (!attempt->weakened)
        job_event(attempt->job, &attempt->policy, attempt->host->name, attempt->ip,
                  "starttls-not-supported", "");
    log_info("courier", "TLS with " BYTES_FMT ": %s", BYTES_ARG(attempt->host->name),
             failure->error.text);
    if (tls_policy_weaken(&attempt->policy)) {
        attempt->weakened = true;
        return true;
    }
    if (offered && failure->tls == TLS_FAILURE_CONNECTION)
        job_problem(attempt->job, SEND_UNREACHABLE, 451, "4.4.2", BYTES_FMT ": %s",
                    BYTES_ARG(attempt->host->name), failure->error.text);
    else
        insecure(attempt, offered ? "4.7.5" : "4.7.10", failure->error.text);
    return false;
}

static void handle_failure(struct attempt *attempt, enum connection_outcome outcome,
                           const struct connection_failure *failure)
{
    struct job *job = attempt->job;
    switch (outcome) {
    case CONNECTION_BUSY:
    case CONNECTION_REFUSED:
        job_refused(job, &failure->reply, NULL);
        break;
    case CONNECTION_LOOP:
        job->over = true;
        job->temporary.reply.code = 0;
        job_problem(job, SEND_ANSWERED, 554, "5.4.6", "Mail for " BYTES_FMT " loops back to this server.",
                    BYTES_ARG(job->request->domain));
        break;
    case CONNECTION_NO_AUTH: /* ours to mend: no reason to give the mail up */
        job_problem(job, SEND_INSECURE, 451, "4.7.8", BYTES_FMT " did not let us in: %s",
                    BYTES_ARG(attempt->host->name), failure->error.text);
        break;
    default:
        job_problem(job, SEND_UNREACHABLE, 451, "4.4.1", "%s", failure->error.text);
    }
}

/* ---- connections ---- */

/* A new connection, and how it went for the reports: once, well or not (rfc8460:4.2). */
static void report_session(struct attempt *attempt, const struct connection *connection)
{
    if (attempt->weakened || attempt->policy.level == TLS_LEVEL_PLAIN)
        return;
    bool encrypted = client_is_encrypted(connection->client);
    const char *result = attempt->finding ? attempt->finding
                         : encrypted      ? NULL
                                          : "starttls-not-supported";
    job_event(attempt->job, &attempt->policy, attempt->host->name, attempt->ip, result,
              attempt->finding ? attempt->finding_reason : NULL);
}

static const struct ip *source_for(const struct config *config, const struct ip *to)
{
    for (size_t i = 0; i < config->queue.source.count; i++)
        if (config->queue.source.items[i].ip.family == to->family)
            return &config->queue.source.items[i].ip;
    return NULL;
}

static struct connection_wish wish_of(struct attempt *attempt)
{
    struct job *job = attempt->job;
    const struct outbound_options *options = &job->outbound->options;
    struct connection_wish wish = {.connect = options->connect,
                                   .context = options->context,
                                   .tls = options->tls,
                                   .hostname = options->config->hostname,
                                   .host = attempt->host->name,
                                   .ip = *attempt->ip,
                                   .port = attempt->host->port,
                                   .from = source_for(options->config, attempt->ip),
                                   .policy = &attempt->policy,
                                   .credentials = job->with_credentials ? &job->credentials : NULL,
                                   .own_server = job->route.relay,
                                   .others = attempt->others,
                                   .deadline = job->deadline};
    wish.key = connection_key(job->arena, &wish, job->route.name);
    return wish;
}

/* Whether this server may have the message (rfc8689:4.2.1, step 5). */
static bool is_fit(struct attempt *attempt, const struct connection *connection)
{
    if (!attempt->job->require_tls || client_extensions(connection->client)->require_tls)
        return true;
    job_problem(attempt->job, SEND_INSECURE, 550, "5.7.30", BYTES_FMT " does not support REQUIRETLS.",
                BYTES_ARG(connection->host));
    return false;
}

/* True: once more (a kept connection was gone; or TLS failed and may be less). */
static bool try_address(struct attempt *attempt)
{
    struct job *job = attempt->job;
    struct connection_failure failure;
    struct connection_wish wish = wish_of(attempt);
    struct connection *connection = connection_pool_take(&job->outbound->pool, wish.key);
    bool kept = connection != NULL;
    if (!kept) {
        enum connection_outcome outcome = connection_open(&wish, job->arena, &connection, &failure);
        if (outcome == CONNECTION_NO_TLS || outcome == CONNECTION_TLS_FAILED)
            return handle_tls_failure(attempt, outcome, &failure);
        if (outcome != CONNECTION_OPEN) {
            handle_failure(attempt, outcome, &failure);
            return false;
        }
        report_session(attempt, connection);
    }
    if (!is_fit(attempt, connection)) {
        connection_pool_give(&job->outbound->pool, connection);
        return false;
    }
    return !use_connection(attempt, connection, kept);
}

static bool has_time(struct job *job)
{
    if (loop_now() < job->deadline && !fiber_is_cancelled())
        return true;
    job->over = true;
    job_problem(job, SEND_UNREACHABLE, 451, "4.4.7", "There was no time left for more.");
    return false;
}

static void try_addresses(struct attempt *attempt, size_t others)
{
    struct job *job = attempt->job;
    struct tls_policy policy = attempt->policy;
    for (size_t i = 0; i < attempt->host->address_count && job->pending_count && !job->over; i++) {
        attempt->ip = &attempt->host->addresses[i];
        attempt->others = others + attempt->host->address_count - i > 1;
        attempt->policy = policy;
        attempt->weakened = false;
        /* Weaker each time, or a kept connection less: it ends. */
        while (job->pending_count && !job->over && has_time(job) && try_address(attempt))
            continue;
    }
}

void attempt_host(struct job *job, const struct mx_host *host, size_t others)
{
    struct attempt attempt = {.job = job, .host = host};
    struct tls_policy_question question = {
        .dns = job->outbound->options.dns,
        .route = &job->route,
        .domain = job->request->domain,
        .list = job->list,
        .host = host,
        .sts = &job->sts,
        .dane = job->outbound->options.config->queue.dane,
        .require_tls = job->require_tls,
        .tls_optional = job->tls_optional,
        .credentials = job->with_credentials,
        .deadline = job->deadline,
    };
    const char *failure;
    struct error error = {{0}};
    enum result result = tls_policy_find(&question, job->arena, &attempt.policy, &failure, &error);
    /* A host that is used all the same has it on its sessions. */
    attempt.finding = failure;
    attempt.finding_reason = error.text;
    if (failure && result != OK)
        job_event(job, &attempt.policy, host->name, NULL, failure, error.text);
    if (result == OK)
        try_addresses(&attempt, others);
    else if (result == TEMP)
        job_problem(job, SEND_INSECURE, 451, "4.7.5", BYTES_FMT ": %s", BYTES_ARG(host->name),
                    error.text);
    else
        insecure(&attempt, "4.7.5", error.text);
}
