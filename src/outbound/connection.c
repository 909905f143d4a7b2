/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/connection.h"

#include "base/map.h"
#include "fiber/loop.h"

#include <stdlib.h>
#include <string.h>

enum { CONNECTION_MEMORY = 64 * 1024, PORT_SUBMISSIONS = 465 };
#define CONNECT_TIMEOUT (30 * SECOND)
#define CONNECT_TIMEOUT_OTHERS (10 * SECOND)
#define GREETING_TIMEOUT_OTHERS (MINUTE)
#define TLS_TIMEOUT (2 * MINUTE)

/* What client_start_tls() calls back with. */
struct upgrade {
    const struct connection_wish *wish;
    bool tried;
    struct tls_info info;
    enum tls_failure failure;
};

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static enum result upgrade(void *context, struct transport *plain, int64_t deadline,
                           struct transport **out, struct error *error)
{
    struct upgrade *u = context;
    u->tried = true;
    return tls_connect_to(u->wish->tls, plain, &u->wish->policy->peer,
                          sooner(deadline, u->wish->deadline), out, &u->info, &u->failure, error);
}

void connection_close(struct connection *connection)
{
    if (!connection)
        return;
    client_close(connection->client);
    arena_destroy(connection->arena);
    free(connection);
}

static struct connection *create(const struct connection_wish *wish)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        return NULL;
    connection->arena = arena_create(CONNECTION_MEMORY);
    if (!connection->arena) {
        free(connection);
        return NULL;
    }
    connection->key = arena_copy(connection->arena, wish->key);
    connection->host = arena_copy(connection->arena, wish->host);
    connection->ip = wish->ip;
    connection->port = wish->port;
    connection->security = "none";
    if ((wish->key.len && !connection->key.ptr) || (wish->host.len && !connection->host.ptr)) {
        connection_close(connection);
        return NULL;
    }
    return connection;
}

/* What a reply (or none) to the greeting or EHLO means. */
static enum connection_outcome outcome_of(const struct client_reply *reply)
{
    if (reply->code >= 500 && !reply->local)
        return CONNECTION_REFUSED;
    return reply->code >= 400 && !reply->local ? CONNECTION_BUSY : CONNECTION_UNREACHABLE;
}

/* "mx.example.org ESMTP …": who the server says it is. */
static bool is_ourselves(const struct client *client, const char *hostname)
{
    struct bytes name = client_greeting(client);
    name = bytes_first(name, bytes_find_byte(name, ' '));
    return bytes_is_nocase(name, hostname);
}

static void note_tls(struct connection *connection, const struct upgrade *u)
{
    memcpy(connection->tls_version, u->info.version, sizeof(connection->tls_version));
    connection->security = u->wish->policy->security;
}

static enum connection_outcome open_client(struct connection *connection, struct upgrade *u,
                                           struct transport *transport, struct arena *arena,
                                           struct connection_failure *failure)
{
    const struct connection_wish *wish = u->wish;
    struct client_options options = {.hostname = wish->hostname,
                                     .encrypted = u->tried,
                                     .just_send_8bit = wish->own_server,
                                     .timeouts = {.greeting = wish->others ? GREETING_TIMEOUT_OTHERS : 0}};
    if (client_open(transport, &options, arena, &connection->client, &failure->reply,
                    &failure->error) != OK)
        return outcome_of(&failure->reply);
    client_set_deadline(connection->client, wish->deadline);
    return is_ourselves(connection->client, wish->hostname) ? CONNECTION_LOOP : CONNECTION_OPEN;
}

static enum connection_outcome start_tls(struct connection *connection, struct upgrade *u,
                                         struct arena *arena, struct connection_failure *failure)
{
    enum tls_level level = u->wish->policy->level;
    if (level == TLS_LEVEL_PLAIN || u->tried)
        return CONNECTION_OPEN;
    if (client_extensions(connection->client)->starttls) {
        enum result result = client_start_tls(connection->client, upgrade, u, arena, &failure->reply,
                                              &failure->error);
        if (result == OK) {
            note_tls(connection, u);
            return CONNECTION_OPEN;
        }
        failure->tls = u->failure;
        if (u->tried)
            return u->failure == TLS_FAILURE_NONE ? CONNECTION_UNREACHABLE : CONNECTION_TLS_FAILED;
        if (failure->reply.code == 421)
            return CONNECTION_BUSY;
        if (failure->reply.code < 400) { /* it hung up, or said more than it may before the handshake */
            failure->tls = TLS_FAILURE_CONNECTION;
            return CONNECTION_TLS_FAILED;
        }
    } else {
        error_set(&failure->error, PERM, "the server does not offer STARTTLS");
    }
    bool usable = client_is_usable(connection->client);
    return level == TLS_LEVEL_MAY && usable ? CONNECTION_OPEN : CONNECTION_NO_TLS;
}

static enum connection_outcome authenticate(struct connection *connection,
                                            const struct connection_wish *wish, struct arena *arena,
                                            struct connection_failure *failure)
{
    if (!wish->credentials)
        return CONNECTION_OPEN;
    bool safe = (client_is_encrypted(connection->client) && wish->policy->level == TLS_LEVEL_VERIFY) ||
                (wish->policy->level == TLS_LEVEL_PLAIN && ip_is_loopback(&wish->ip));
    if (!safe) {
        error_set(&failure->error, TEMP, "a password is not given without a verified certificate");
        return CONNECTION_NO_AUTH;
    }
    return client_authenticate(connection->client, wish->credentials, arena, &failure->reply,
                               &failure->error) == OK
               ? CONNECTION_OPEN
               : CONNECTION_NO_AUTH;
}

/* The transport, encrypted already where the port says so. */
static enum connection_outcome open_transport(struct upgrade *u, struct transport **out,
                                              struct connection_failure *failure)
{
    const struct connection_wish *wish = u->wish;
    struct transport *plain;
    char text[IP_TEXT_SIZE];
    int64_t deadline =
        sooner(loop_deadline(wish->others ? CONNECT_TIMEOUT_OTHERS : CONNECT_TIMEOUT), wish->deadline);
    int problem = wish->connect(wish->context, &wish->ip, wish->port, wish->from, deadline, &plain);
    if (problem) {
        error_set(&failure->error, TEMP, "cannot connect to " BYTES_FMT "[%s]:%u: %s",
                  BYTES_ARG(wish->host), ip_format(&wish->ip, text), wish->port, strerror(-problem));
        return CONNECTION_UNREACHABLE;
    }
    *out = plain;
    if (wish->port != PORT_SUBMISSIONS || wish->policy->level == TLS_LEVEL_PLAIN)
        return CONNECTION_OPEN;
    if (upgrade(u, plain, loop_deadline(TLS_TIMEOUT), out, &failure->error) == OK)
        return CONNECTION_OPEN;
    failure->tls = u->failure;
    return CONNECTION_TLS_FAILED;
}

static enum connection_outcome open_all(struct connection *connection, struct upgrade *u,
                                    struct arena *arena, struct connection_failure *failure)
{
    struct transport *transport;
    enum connection_outcome outcome = open_transport(u, &transport, failure);
    if (outcome != CONNECTION_OPEN)
        return outcome;
    outcome = open_client(connection, u, transport, arena, failure);
    if (outcome == CONNECTION_OPEN && u->tried)
        note_tls(connection, u);
    if (outcome == CONNECTION_OPEN)
        outcome = start_tls(connection, u, arena, failure);
    if (outcome == CONNECTION_OPEN)
        outcome = authenticate(connection, u->wish, arena, failure);
    return outcome;
}

enum connection_outcome connection_open(const struct connection_wish *wish, struct arena *arena,
                                        struct connection **out, struct connection_failure *failure)
{
    struct connection *connection = create(wish);
    struct upgrade u = {.wish = wish};
    memset(failure, 0, sizeof(*failure));
    if (!connection) {
        error_set(&failure->error, TEMP, "out of memory");
        return CONNECTION_UNREACHABLE;
    }
    enum connection_outcome outcome = open_all(connection, &u, arena, failure);
    if (outcome == CONNECTION_OPEN)
        *out = connection;
    else
        connection_close(connection);
    return outcome;
}

/* ---- the pool ---- */

struct bytes connection_key(struct arena *arena, const struct connection_wish *wish,
                            const char *route)
{
    const struct tls_policy *policy = wish->policy;
    char ip[IP_TEXT_SIZE];
    struct buf records;
    buf_init(&records, 128 * 1024);
    for (size_t i = 0; i < policy->peer.record_count; i++) {
        const struct tls_tlsa *record = &policy->peer.records[i];
        buf_printf(&records, "%u %u %u %zu ", record->usage, record->selector, record->matching,
                   record->data.len);
        buf_add(&records, record->data);
    }
    struct bytes user = wish->credentials ? wish->credentials->user : BYTES("");
    struct bytes names[TLS_NAMES_MAX] = {{NULL, 0}};
    for (size_t i = 0; i < policy->peer.name_count && i < TLS_NAMES_MAX; i++)
        names[i] = policy->peer.names[i];
    struct bytes key = arena_printf(
        arena, "%s|" BYTES_FMT "|%s|%u|%d|%s|" BYTES_FMT "|" BYTES_FMT "|" BYTES_FMT "|" BYTES_FMT "|%llx|",
        route, BYTES_ARG(user), ip_format(&wish->ip, ip), wish->port, (int)policy->level,
        policy->security, BYTES_ARG(policy->peer.name), BYTES_ARG(names[0]), BYTES_ARG(names[1]),
        BYTES_ARG(names[2]), (unsigned long long)map_hash(buf_bytes(&records)));
    buf_free(&records);
    return key;
}

static void remove_at(struct connection_pool *pool, struct connection **link)
{
    *link = (*link)->next;
    pool->count--;
}

struct connection *connection_pool_take(struct connection_pool *pool, struct bytes key)
{
    struct connection **link = &pool->idle;
    while (*link) {
        struct connection *connection = *link;
        if (!bytes_equal(connection->key, key)) {
            link = &connection->next;
            continue;
        }
        remove_at(pool, link);
        if (loop_now() - connection->idle_since <= CONNECTION_IDLE &&
            client_is_usable(connection->client))
            return connection;
        connection_close(connection); /* may wait: the list is looked through anew */
        link = &pool->idle;
    }
    return NULL;
}

void connection_pool_give(struct connection_pool *pool, struct connection *connection)
{
    if (connection->messages >= CONNECTION_MESSAGES_MAX || !connection->key.len ||
        !client_is_usable(connection->client)) {
        connection_close(connection);
        return;
    }
    connection->idle_since = loop_now();
    client_set_deadline(connection->client, NO_DEADLINE);
    connection->next = pool->idle;
    pool->idle = connection;
    pool->count++;
    if (pool->count <= CONNECTION_POOL_MAX)
        return;
    struct connection **link = &pool->idle;
    while ((*link)->next)
        link = &(*link)->next;
    struct connection *oldest = *link;
    remove_at(pool, link);
    connection_close(oldest);
}

void connection_pool_sweep(struct connection_pool *pool, bool all)
{
    struct connection **link = &pool->idle;
    while (*link) {
        struct connection *connection = *link;
        if (!all && loop_now() - connection->idle_since <= CONNECTION_IDLE) {
            link = &connection->next;
            continue;
        }
        remove_at(pool, link);
        connection_close(connection);
        link = &pool->idle;
    }
}
