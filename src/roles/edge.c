/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The edge: faces the Internet. SMTP sessions, DNS, authentication and judgement; no files, no keys, no
 * database. What it needs from those it asks the store for.
 */
#include "roles/edge.h"

#include "auth/dkim_key.h"
#include "auth/organization.h"
#include "base/log.h"
#include "dns/cache.h"
#include "dns/transport.h"
#include "os/socket.h"
#include "reputation/dnsl_health.h"
#include "roles/content_rules.h"
#include "roles/edge_auth.h"
#include "roles/edge_model.h"
#include "roles/edge_rates.h"
#include "roles/keys_client.h"
#include "roles/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct edge *edge_of(struct role *role)
{
    return role->state;
}

struct ipc_channel *edge_store(struct edge *edge, int64_t deadline)
{
    return role_await(&edge->store, &edge->store_changed, deadline);
}

struct ipc_channel *edge_keys(struct edge *edge, int64_t deadline)
{
    return role_await(&edge->keys, &edge->keys_changed, deadline);
}

struct ipc_channel *edge_auth_role(struct edge *edge, int64_t deadline)
{
    return role_await(&edge->auth, &edge->auth_changed, deadline);
}

/* Sessions */

static size_t *client_count(struct edge *edge, const struct ip *client)
{
    struct bytes key = bytes_from(client->octets, client->family == 4 ? 4 : 8);
    size_t *count = map_get(edge->clients, key);
    if (count)
        return count;
    count = calloc(1, sizeof(*count));
    if (count && !map_put(edge->clients, key, count, NULL)) {
        free(count);
        count = NULL;
    }
    return count;
}

/* IPv6 clients are counted by /64, which is what one customer has. */
static bool enter_client(struct edge *edge, const struct ip *client)
{
    size_t *count = client_count(edge, client);
    if (!count)
        return false;
    ++*count;
    return *count <= edge->role->config.limits.sessions_per_client;
}

static void leave_client(struct edge *edge, const struct ip *client)
{
    struct bytes key = bytes_from(client->octets, client->family == 4 ? 4 : 8);
    size_t *count = map_get(edge->clients, key);
    if (count && --*count == 0)
        free(map_remove(edge->clients, key));
}

static void edge_connected(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    struct edge *edge = context;
    const struct config *config = &edge->role->config;
    bool own = config_networks_contain(&config->own_networks, &session->client);
    struct smtp_session_options *options = smtp_session_options(session);
    struct edge_session *kept = arena_new(session->arena, struct edge_session);
    session->context = kept;
    if (!kept) {
        smtp_reply_set(reply, session->arena, 421, "4.3.2", "Out of memory. Please try again later.");
        reply->close = true;
        return;
    }
    if (!session->submission)
        kept->account = edge_machine(edge, session);
    /* Strangers get no notifications from us, so none are promised to them (rfc3461:5.2.2). */
    options->offer_dsn = session->submission || kept->account;
    options->skip_greeting_delay = own || session->submission || kept->account;
    if (own || kept->account) {
        options->lenient = true;
        options->bare_line_ends = SMTP_BARE_NORMALIZE;
    }
    edge_rates_connected(edge, session, reply);
    /* With TLS from the first octet a client was counted before that (accept_one). */
    if (session->tls && !session->proxy.family)
        return;
    if (!enter_client(edge, &session->client)) {
        smtp_reply_set(reply, session->arena, 421, "4.7.0",
                       "%s Too many connections from your address. Please try again later.",
                       config->hostname);
        reply->close = true;
    }
    /* Remembered so that closed() leaves what was entered, whatever happens to the address. */
    kept->entered = true;
    kept->client = session->client;
}

static void edge_closed(void *context, struct smtp_session *session, const char *why)
{
    struct edge *edge = context;
    struct log_line line;
    char client[IP_TEXT_SIZE];
    struct edge_session *kept = session->context;
    edge_rates_closed(edge, session);
    if (kept && kept->entered)
        leave_client(edge, &kept->client);
    if (kept && kept->account)
        edge_account_leave(edge, kept->account);
    log_begin(&line, LOG_LEVEL_DEBUG, "session");
    log_string(&line, "client", ip_format(&session->client, client));
    log_integer(&line, "messages", session->messages);
    log_string(&line, "end", why);
    log_end(&line);
}

struct accepted {
    struct edge *edge;
    const struct smtp_server *server;
    const struct config_listener *listener;
    int fd;
    struct ip client;
    uint16_t port;
    bool counted; /* in edge->clients, by accept_one() */
};

static void serve_session(void *argument)
{
    struct accepted accepted = *(struct accepted *)argument;
    free(argument);
    struct ip local = {0};
    uint16_t local_port = 0;
    socket_local(accepted.fd, &local, &local_port);
    struct descriptor *descriptor = descriptor_open(accepted.fd);
    struct transport *transport = descriptor ? transport_over(descriptor) : NULL;
    struct stream *stream = transport ? stream_create(transport) : NULL;
    if (stream)
        smtp_serve(accepted.server, stream, accepted.client, accepted.port, local, local_port);
    else if (transport)
        transport->operations->close(transport);
    else if (descriptor)
        descriptor_close(descriptor);
    else
        close(accepted.fd);
    if (accepted.counted)
        leave_client(accepted.edge, &accepted.client);
    accepted.edge->session_count--;
}

/* Says no without a session, as cheaply as can be. */
static void turn_away(int fd, const char *hostname)
{
    char text[320];
    struct buf line;
    buf_init(&line, sizeof(text));
    buf_printf(&line, "421 4.3.2 %.200s Too busy, please try again later\r\n", hostname);
    if (write(fd, line.ptr, line.len) < 0)
        log_debug("session", "a client that was turned away is already gone");
    buf_free(&line);
    close(fd);
}

static void accept_one(struct edge *edge, const struct smtp_server *server,
                       const struct config_listener *listener, int listening)
{
    struct ip client;
    uint16_t port;
    int fd = socket_accept(listening, &client, &port);
    if (fd < 0) {
        if (fd != -EAGAIN && fd != -ECONNABORTED)
            log_warning("session", "cannot accept: error %d", -fd);
        /* Out of descriptors: sessions have to end before it makes sense to try again. */
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS)
            fiber_sleep(100 * MILLISECOND);
        return;
    }
    struct accepted *accepted = NULL;
    bool trusted_proxy = !listener->proxy_protocol ||
                         (listener->proxy_from.count ? config_networks_contain(&listener->proxy_from, &client)
                                                     : ip_is_loopback(&client));
    if (!trusted_proxy) {
        log_warning("session", "listener %s: a connection that is not from its proxy", listener->name);
        close(fd);
        return;
    }
    /* A handshake that never ends holds a session before there is anybody to count. */
    bool counted = server->implicit_tls && !server->proxy_protocol;
    if (counted && !enter_client(edge, &client)) {
        leave_client(edge, &client);
        close(fd);
        return;
    }
    if (edge->session_count < edge->role->config.limits.sessions)
        accepted = malloc(sizeof(*accepted));
    if (!accepted) {
        if (counted)
            leave_client(edge, &client);
        turn_away(fd, edge->role->config.hostname);
        return;
    }
    *accepted = (struct accepted){edge, server, listener, fd, client, port, counted};
    edge->session_count++;
    if (!fiber_group_start(&edge->sessions, "session", serve_session, accepted)) {
        edge->session_count--;
        if (counted)
            leave_client(edge, &client);
        free(accepted);
        turn_away(fd, edge->role->config.hostname);
    }
}

struct listening {
    struct edge *edge;
    unsigned index;
    int fd;
};

static void accept_sessions(void *argument)
{
    struct listening listening = *(struct listening *)argument;
    free(argument);
    struct edge *edge = listening.edge;
    struct descriptor *descriptor = descriptor_open_listener(listening.fd);
    if (!descriptor)
        panic("cannot watch a listener");
    while (!edge->stopping) {
        if (descriptor_wait_readable(descriptor, NO_DEADLINE) != 0)
            break;
        accept_one(edge, &edge->servers[listening.index],
                   &edge->role->config.listeners[listening.index], listening.fd);
    }
    descriptor_close(descriptor);
}

/* The role */

static void set_up_server(struct edge *edge, const struct config_listener *listener,
                          struct smtp_server *server)
{
    const struct config *config = &edge->role->config;
    *server = (struct smtp_server){
        .hostname = config->hostname,
        .greeting = listener->greeting ? listener->greeting : "",
        .limits = {.message_size = config->limits.message_size,
                   .recipients = config->limits.recipients < PROTOCOL_RECIPIENTS_MAX
                                     ? config->limits.recipients
                                     : PROTOCOL_RECIPIENTS_MAX,
                   .command_line = config->limits.command_line,
                   .text_line = config->limits.text_line,
                   .memory_per_session = config->limits.session_memory,
                   .content_in_memory = config->limits.content_in_memory,
                   .bad_commands = config->limits.bad_commands,
                   .junk_commands = config->limits.junk_commands,
                   .received_fields = config->limits.received_fields,
                   .greeting_delay = config->limits.greeting_delay,
                   .command_timeout = config->limits.command_timeout,
                   .data_timeout = config->limits.data_timeout,
                   .session_timeout = config->limits.session_timeout,
                   .finish_timeout = config->limits.finish_timeout},
        .content_room = &edge->content_room,
        .tls = listener->tls == CONFIG_TLS_NONE                     ? NULL
               : listener->submission && edge->tls_submission ? edge->tls_submission
                                                               : edge->tls,
        .implicit_tls = listener->tls == CONFIG_TLS_IMPLICIT,
        .proxy_protocol = listener->proxy_protocol,
        .lenient = listener->lenient,
        .offer_submitter = config->authentication.sender_id,
        .offer_requiretls = true,
        .submission = listener->submission,
        .owner = listener,
        .require_auth = listener->submission,
        .auth_mechanisms = listener->submission ? edge->mechanisms : NULL,
        .bare_line_ends = SMTP_BARE_REJECT,
        .handler = {.context = edge,
                    .connected = edge_connected,
                    .auth = edge_auth,
                    .forget = edge_auth_forget,
                    .mail = edge_mail,
                    .recipient = edge_recipient,
                    .message = edge_message,
                    .refused = edge_refused,
                    .reset = edge_reset,
                    .closed = edge_closed},
        .stopping = &edge->stopping,
    };
}

static struct tls_server *make_tls(const struct config *config, struct error *error)
{
    struct tls_server *tls = tls_server_create(error);
    enum result result = tls ? tls_server_set_minimum(tls, config->tls.minimum_version, error) : TEMP;
    for (size_t i = 0; i < config->tls.certificate_count && result == OK; i++)
        result = tls_server_add_certificate(tls, config->tls.certificates[i].chain,
                                            config->tls.certificates[i].key, error);
    if (result == OK)
        return tls;
    tls_server_destroy(tls);
    return NULL;
}

/* Only users are asked for certificates: some servers would take it amiss. */
static enum result open_tls(struct edge *edge, struct error *error)
{
    const struct config *config = &edge->role->config;
    const char *authorities = config->accounts.client_authorities;
    if (config->tls.certificate_count == 0)
        return OK;
    edge->tls = make_tls(config, error);
    if (edge->tls && authorities[0])
        edge->tls_submission = make_tls(config, error);
    if (!edge->tls || (authorities[0] && !edge->tls_submission))
        return PERM;
    return authorities[0] ? tls_server_request_certificates(edge->tls_submission, authorities, error) : OK;
}

/* What is not set is "" in the configuration. */
static const char *config_or_null(const char *text)
{
    return *text ? text : NULL;
}

static enum result edge_prepare(struct role *role, struct error *error)
{
    struct edge *edge = arena_new(role->arena, struct edge);
    if (!edge)
        return error_set(error, TEMP, "out of memory");
    role->state = edge;
    edge->role = role;
    edge->content_room.most = role->config.limits.content_total;
    edge->clients = map_create();
    edge->accounts = map_create();
    edge->keys_cache = keys_cache_create();
    edge->seen = edge_seen_create();
    edge->models = edge_models_create(edge);
    readable_prepare();
    edge->rates = edge_rates_create(edge);
    edge->servers =
        arena_alloc_array(role->arena, role->config.listener_count, sizeof(*edge->servers));
    fiber_group_open(&edge->listeners);
    fiber_group_open(&edge->sessions);
    if (!edge->clients || !edge->accounts || !edge->servers || !edge->keys_cache || !edge->seen || !edge->models ||
        !edge->rates)
        return error_set(error, TEMP, "out of memory");
    const char *list = role->config.authentication.suffix_list;
    if (role->config.authentication.dmarc_discovery == CONFIG_DMARC_SUFFIX_LIST &&
        organization_load(*list ? list : NULL, error) != OK)
        return PERM;
    dkim_prepare();
    for (size_t i = 0; i < role->config.domain_count; i++)
        edge->seals |= role->config.domains[i].arc_seal[0] != '\0';
    edge->mechanisms = edge_auth_mechanisms(role->arena, &role->config);
    enum result result = open_tls(edge, error);
    edge->lists = dnsl_health_create(role->arena, &role->config);
    if (result == OK && !edge->lists)
        result = error_set(error, TEMP, "out of memory");
    if (result == OK)
        result = content_rules_compile(&role->config, &edge->content_rules, error);
    if (result == OK && role->config.authentication.smime)
        result = smime_authorities_load(config_or_null(role->config.authentication.smime_authorities),
                                        &edge->authorities, error);
    if (result == OK)
        result = resolver_open(role, &edge->transport, &edge->dns, error);
    for (size_t i = 0; i < role->config.listener_count && result == OK; i++)
        set_up_server(edge, &role->config.listeners[i], &edge->servers[i]);
    return result;
}

static void edge_sandbox(struct role *role, struct sandbox *sandbox)
{
    (void)role;
    sandbox->may_accept = true;
    sandbox->may_connect_network = true;
    /* UDP to the resolver is socket() and connect(), too; TCP connects are held to its port. */
    static uint16_t ports[9];
    size_t count = 0;
    for (size_t i = 0; i < role->config.dns.servers.count && count + 1 < countof(ports); i++)
        ports[count++] = role->config.dns.servers.items[i].port;
    if (count == 0)
        ports[count++] = 53;
    if (role->config.clamd.server.count && count < countof(ports))
        ports[count++] = role->config.clamd.server.items[0].port;
    sandbox->connect_ports = ports;
    sandbox->connect_port_count = count;
}

static void edge_listener(struct role *role, unsigned index, int fd)
{
    struct edge *edge = edge_of(role);
    struct listening *listening = malloc(sizeof(*listening));
    if (!listening || index >= role->config.listener_count) {
        free(listening);
        close(fd);
        return;
    }
    *listening = (struct listening){edge, index, fd};
    if (!fiber_group_start(&edge->listeners, "listener", accept_sessions, listening))
        panic("cannot start a listener");
}

static void edge_peer(struct role *role, enum role_kind kind, unsigned index, int fd)
{
    struct edge *edge = edge_of(role);
    (void)index;
    if (kind == ROLE_STORE) {
        role_hold(role, &edge->store, fd, "store");
        fiber_signal_all(&edge->store_changed);
    } else if (kind == ROLE_KEYS) {
        role_hold(role, &edge->keys, fd, "keys");
        fiber_signal_all(&edge->keys_changed);
    } else if (kind == ROLE_AUTH) {
        role_hold(role, &edge->auth, fd, "auth");
        fiber_signal_all(&edge->auth_changed);
    } else {
        close(fd);
    }
}

static void test_lists(void *argument)
{
    struct edge *edge = argument;
    /* Past the cache, which would only tell of the test before. */
    dnsl_health_run(edge->lists, edge->transport);
}

/* Sessions in the middle of a message, behind a shield, may finish it; the others hear 421 now. */
static void edge_run(struct role *role)
{
    struct edge *edge = edge_of(role);
    if (role->config.dnslist_count && !fiber_group_start(&edge->listeners, "lists", test_lists, edge))
        panic("cannot start the fiber that tests lists");
    if (role->config.filter.on && !fiber_group_start(&edge->listeners, "learning", edge_train_fiber, edge))
        panic("cannot start the fiber that learns");
    while (!role->stopping)
        fiber_signal_wait(&role->changed, NO_DEADLINE);
    edge->stopping = true;
    fiber_group_close(&edge->listeners);
    fiber_group_cancel(&edge->sessions);
    fiber_group_wait(&edge->sessions,
                     loop_deadline(role->config.limits.finish_timeout + 5 * SECOND));
    fiber_group_close(&edge->sessions);
    edge_rates_destroy(edge->rates);
    map_destroy(edge->clients, free);
    map_destroy(edge->accounts, free);
    keys_cache_destroy(edge->keys_cache);
    edge_seen_destroy(edge->seen);
    edge_models_destroy(edge->models);
    content_rules_free(edge->content_rules);
    smime_authorities_free(edge->authorities);
    dns_cache_destroy(edge->dns);
    dns_transport_destroy(edge->transport);
    tls_server_destroy(edge->tls);
    tls_server_destroy(edge->tls_submission);
}

const struct role_definition edge_role = {
    .kind = ROLE_EDGE,
    .prepare = edge_prepare,
    .sandbox = edge_sandbox,
    .listener = edge_listener,
    .peer = edge_peer,
    .run = edge_run,
};
