/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/deliver.h"

#include "fiber/loop.h"
#include "os/socket.h"
#include "outbound/address.h"
#include "outbound/job.h"

#include <stdlib.h>
#include <sys/random.h>

enum { HTTPS_ADDRESSES_MAX = 4, SMTP_PORT = 25, HTTPS_PORT = 443 };
#define DNS_TIMEOUT (30 * SECOND)

/* ---- what tests replace ---- */

static int connect_network(void *context, const struct ip *ip, uint16_t port, const struct ip *from,
                           int64_t deadline, struct transport **out)
{
    return socket_connect(ip, port, from, deadline, out);
}

static uint32_t random_number(void *context, uint32_t below)
{
    uint32_t number = 0;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return 0; /* the order of equals, no secret */
    return below ? number % below : number;
}

static enum result fetch_from(struct outbound *outbound, struct arena *arena, struct bytes host,
                              enum dns_type type, int64_t deadline, struct https_response *out,
                              enum tls_failure *failure, struct error *error)
{
    const struct config *config = outbound->options.config;
    uint16_t port = config->queue.mta_sts_port ? (uint16_t)config->queue.mta_sts_port : HTTPS_PORT;
    const struct dns_answer *answer = dns_query(outbound->options.dns, arena, host, type, deadline);
    enum result result = NONE;
    for (size_t i = 0; i < answer->count && i < HTTPS_ADDRESSES_MAX; i++) {
        const struct ip *ip = &answer->records[i].ip;
        if (port == HTTPS_PORT && !address_is_public(ip)) {
            result = error_set(error, PERM, "its address is none of the public internet");
            continue;
        }
        result = https_get_with(outbound->options.tls, arena, ip, port, host,
                                "/.well-known/mta-sts.txt", deadline, out, failure, error);
        if (result == OK)
            return OK;
    }
    return result;
}

/* The policy host's addresses in turn (rfc8461:3.3). */
static enum result fetch_policy(void *context, struct arena *arena, struct bytes domain,
                                int64_t deadline, struct https_response *out,
                                enum tls_failure *failure, struct error *error)
{
    struct outbound *outbound = context;
    struct bytes host = arena_printf(arena, "mta-sts." BYTES_FMT, BYTES_ARG(domain));
    if (!host.ptr)
        return error_set(error, TEMP, "out of memory");
    error_set(error, TEMP, BYTES_FMT " has no address", BYTES_ARG(host));
    enum result result =
        fetch_from(outbound, arena, host, DNS_A, deadline, out, failure, error);
    if (result != OK && outbound->options.config->queue.ipv6) {
        enum result six = fetch_from(outbound, arena, host, DNS_AAAA, deadline, out, failure, error);
        result = six == NONE ? result : six;
    }
    return result == NONE ? TEMP : result;
}

/* ---- */

struct outbound *outbound_create(const struct outbound_options *options)
{
    struct outbound *outbound = calloc(1, sizeof(*outbound));
    if (!outbound)
        return NULL;
    outbound->options = *options;
    if (!outbound->options.connect)
        outbound->options.connect = connect_network;
    if (!outbound->options.random)
        outbound->options.random = random_number;
    struct mta_sts_cache_options cache = {.dns = options->dns,
                                          .fetch = options->fetch ? options->fetch : fetch_policy,
                                          .context = options->fetch ? options->context : outbound};
    outbound->policies = mta_sts_cache_create(&cache);
    if (!outbound->policies) {
        free(outbound);
        return NULL;
    }
    return outbound;
}

void outbound_destroy(struct outbound *outbound)
{
    if (!outbound)
        return;
    connection_pool_sweep(&outbound->pool, true);
    mta_sts_cache_destroy(outbound->policies);
    free(outbound);
}

void outbound_sweep(struct outbound *outbound)
{
    connection_pool_sweep(&outbound->pool, false);
}

size_t outbound_idle_count(const struct outbound *outbound)
{
    return outbound->pool.count;
}

/* Where it goes. False: the reply is known already. */
static bool find_hosts(struct job *job)
{
    const struct outbound_options *outbound = &job->outbound->options;
    const struct config *config = outbound->config;
    unsigned port = config->queue.smtp_port ? config->queue.smtp_port : SMTP_PORT;
    struct mx_problem problem;
    struct mx_options options = {.dns = outbound->dns,
                                 .port = (uint16_t)port,
                                 .ipv4 = true,
                                 .ipv6 = config->queue.ipv6,
                                 .random = outbound->random,
                                 .context = outbound->context,
                                 .hostname = bytes_of(config->hostname),
                                 .own = outbound->own,
                                 .own_count = outbound->own_count,
                                 .allow_private = port != SMTP_PORT};
    int64_t deadline = loop_deadline(DNS_TIMEOUT);
    if (deadline > job->deadline)
        deadline = job->deadline;
    enum result result =
        job->route.host_count
            ? mx_resolve(&options, job->arena, job->route.hosts, job->route.host_count, deadline,
                         job->list, &problem)
            : mx_find(&options, job->arena, job->request->domain, deadline, job->list, &problem);
    if (result == OK)
        return true;
    /* Hosts that the configuration names must be somewhere: their absence is no verdict on the mail. */
    bool permanent = result == PERM && !job->route.host_count;
    unsigned code = problem.null_mx ? 556 : 550; /* rfc7505:4.1 */
    job_problem(job, permanent ? SEND_ANSWERED : SEND_UNREACHABLE, permanent ? code : 451,
                result == PERM && !permanent ? "4.4.4" : problem.enhanced, "%s", problem.error.text);
    return false;
}

static void find_mta_sts(struct job *job)
{
    const struct config *config = job->outbound->options.config;
    struct bytes domain = job->request->domain;
    if (!config->queue.mta_sts || job->route.host_count || job->route.tls == CONFIG_ROUTE_NONE ||
        bytes_starts_with(domain, BYTES("[")))
        return;
    mta_sts_cache_learn(job->outbound->policies, domain, &job->request->policy);
    enum result result = mta_sts_cache_find(job->outbound->policies, job->arena, domain,
                                            job->deadline, &job->sts);
    job->answer->policy = job->sts.fresh;
    if (!job->sts.problem)
        return;
    struct tls_policy policy = {.type = "sts", .text = result == OK ? job->sts.text : BYTES("")};
    job_event(job, &policy, BYTES(""), NULL, job->sts.problem, job->sts.error.text);
}

static bool find_credentials(struct job *job)
{
    const struct outbound_options *options = &job->outbound->options;
    if (!job->route.user[0])
        return true;
    job->with_credentials = true;
    if (options->credentials &&
        options->credentials(options->context, job->route.name, job->arena, &job->credentials.user,
                             &job->credentials.password) == OK)
        return true;
    job_problem(job, SEND_INSECURE, 451, "4.7.8", "The password of route %s is not to be had.",
                job->route.name);
    return false;
}

static void try_hosts(struct job *job)
{
    size_t behind = 0;
    for (size_t i = 0; i < job->list->count; i++)
        behind += job->list->hosts[i].address_count;
    for (size_t i = 0; i < job->list->count && job->pending_count && !job->over; i++) {
        behind -= job->list->hosts[i].address_count;
        attempt_host(job, &job->list->hosts[i], behind);
    }
}

enum result outbound_send(struct outbound *outbound, const struct send_request *request,
                          struct arena *arena, struct send_answer *answer)
{
    struct job *job = arena_new(arena, struct job);
    if (!job || !job_start(job, outbound, request, arena, answer))
        return TEMP;
    job->route = route_find(outbound->options.config, request->domain, request->fallback);
    if (find_credentials(job) && find_hosts(job)) {
        find_mta_sts(job);
        try_hosts(job);
    }
    job_finish(job);
    return OK;
}
