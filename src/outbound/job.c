/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/job.h"

#include "fiber/loop.h"
#include "outbound/internationalized.h"

#include <stdio.h>

enum { POLICY_TEXT_MAX = 4096 };
#define PATIENCE_DEFAULT (20 * MINUTE)

bool job_start(struct job *job, struct outbound *outbound, const struct send_request *request,
               struct arena *arena, struct send_answer *answer)
{
    *job = (struct job){.outbound = outbound, .request = request, .arena = arena, .answer = answer};
    *answer = (struct send_answer){.status = SEND_UNREACHABLE};
    answer->replies = arena_alloc_array(arena, request->recipient_count, sizeof(*answer->replies));
    answer->events = arena_alloc_array(arena, SEND_EVENTS_MAX, sizeof(*answer->events));
    job->pending = arena_alloc_array(arena, request->recipient_count, sizeof(*job->pending));
    job->list = arena_new(arena, struct mx_list);
    if (!answer->replies || !answer->events || !job->pending || !job->list)
        return false;
    for (size_t i = 0; i < request->recipient_count; i++)
        job->pending[job->pending_count++] = i;
    job->deadline = loop_deadline(request->patience > 0 ? request->patience : PATIENCE_DEFAULT);
    /* Reports of failures go unprotected rather than not at all (rfc8689:4.2.1, 5). */
    job->require_tls = request->require_tls && request->sender.len;
    job->require_tls_if_offered = request->require_tls && !request->sender.len;
    job->tls_optional = request->tls_optional && !request->require_tls;
    /* Addresses the client looks at itself. Raw octets in a header that came without SMTPUTF8 are just
     * somebody's bad habit. */
    job->smtputf8 = request->smtputf8 && internationalized_header(arena, request->content);
    return true;
}

/* Which of two findings says more: a server's own words before those that there was none. */
static int gravity(enum send_status status, bool permanent)
{
    static const int gravities[SEND_STATUSES] = {
        [SEND_INSECURE] = 1, [SEND_ANSWERED] = 3, [SEND_UNREACHABLE] = 2, [SEND_BUSY] = 3};
    return permanent ? 0 : gravities[status];
}

static void keep_finding(struct job *job, const struct job_finding *finding)
{
    bool permanent = finding->reply.code >= 500;
    struct job_finding *kept = permanent ? &job->permanent : &job->temporary;
    if (!kept->reply.code || gravity(finding->status, permanent) >= gravity(kept->status, permanent))
        *kept = *finding;
}

void job_problem(struct job *job, enum send_status status, unsigned code, const char *enhanced,
                 const char *format, ...)
{
    struct send_reply reply = {.code = code, .enhanced = bytes_of(enhanced), .local = true};
    va_list args;
    va_start(args, format);
    reply.text = arena_vprintf(job->arena, format, args);
    va_end(args);
    keep_finding(job, &(struct job_finding){.reply = reply, .status = status});
}

static struct send_reply reply_of(struct job *job, const struct client_reply *reply)
{
    return (struct send_reply){.code = reply->code,
                               .enhanced = arena_copy(job->arena, bytes_of(reply->enhanced)),
                               .text = reply->text,
                               .local = reply->local};
}

static struct job_server server_of(struct job *job, const struct connection *connection)
{
    struct arena *arena = job->arena;
    struct ip literal;
    char ip[IP_TEXT_SIZE];
    ip_format(&connection->ip, ip);
    /* In fields of mail an address is no name without its brackets (rfc5321:4.1.3). */
    bool is_name = !ip_parse(connection->host, &literal);
    return (struct job_server){
        .host = is_name ? arena_copy(arena, connection->host)
                        : arena_printf(arena, connection->ip.family == 6 ? "[IPv6:%s]" : "[%s]", ip),
        .address = arena_printf(arena, connection->ip.family == 6 ? "[%s]:%u" : "%s:%u", ip,
                                connection->port),
        .tls = arena_copy(arena, bytes_of(connection->tls_version)),
        .security = bytes_of(connection->security)};
}

static void note_server(struct job *job, const struct job_server *server)
{
    struct send_answer *answer = job->answer;
    answer->host = server->host;
    answer->address = server->address;
    answer->tls = server->tls;
    answer->security = server->security;
}

void job_refused(struct job *job, const struct client_reply *reply, const struct connection *connection)
{
    bool message = reply->stage >= CLIENT_STAGE_DATA && reply->code != 421;
    struct job_finding finding = {
        .reply = reply_of(job, reply),
        .status = reply->code < 500 && !message ? SEND_BUSY : SEND_ANSWERED,
    };
    if (connection && !reply->local)
        finding.server = server_of(job, connection);
    keep_finding(job, &finding);
}

void job_settle(struct job *job, size_t index, const struct client_reply *reply,
                const struct connection *connection)
{
    struct send_reply *out = &job->answer->replies[index];
    *out = reply_of(job, reply);
    out->relayed_without_dsn =
        out->code < 300 && !client_extensions(connection->client)->dsn && !job->request->verify_only;
    if (!job->answered) {
        struct job_server server = server_of(job, connection);
        note_server(job, &server);
    }
    job->answered = true;
}

void job_compact(struct job *job)
{
    size_t kept = 0;
    for (size_t i = 0; i < job->pending_count; i++)
        if (!job->answer->replies[job->pending[i]].code)
            job->pending[kept++] = job->pending[i];
    job->pending_count = kept;
}

void job_event(struct job *job, const struct tls_policy *policy, struct bytes host, const struct ip *ip,
               const char *result, const char *reason)
{
    struct send_answer *answer = job->answer;
    char text[IP_TEXT_SIZE] = "";
    /* Own routes and addresses have nobody to report to. */
    if (answer->event_count == SEND_EVENTS_MAX || job->route.host_count ||
        bytes_starts_with(job->request->domain, BYTES("[")))
        return;
    answer->events[answer->event_count++] = (struct send_event){
        .policy_type = bytes_of(policy->type),
        .policy_domain = job->request->domain,
        .policy_text = bytes_first(policy->text, POLICY_TEXT_MAX),
        .host = host,
        .address = ip ? arena_copy(job->arena, bytes_of(ip_format(ip, text))) : BYTES(""),
        .result = bytes_of(result),
        .reason = arena_copy(job->arena, bytes_of(reason)),
    };
}

void job_finish(struct job *job)
{
    if (!job->temporary.reply.code && !job->permanent.reply.code)
        job_problem(job, SEND_UNREACHABLE, 451, "4.4.1", "No mail server of " BYTES_FMT " answers.",
                    BYTES_ARG(job->request->domain));
    /* What one server would never do another may, once it is there again. */
    const struct job_finding *finding = job->temporary.reply.code ? &job->temporary : &job->permanent;
    enum send_status status = finding->status;
    for (size_t i = 0; i < job->pending_count; i++)
        job->answer->replies[job->pending[i]] = finding->reply;
    if (!job->answered)
        note_server(job, &finding->server);
    if (job->pending_count == 0 || (job->answered && status != SEND_BUSY))
        status = SEND_ANSWERED;
    job->answer->status = status;
}
