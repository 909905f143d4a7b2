/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The courier: speaks to other mail servers for the store: LMTP to mailbox servers (here), and SMTP to the
 * world (courier_send.c). It has the network, but no files and no keys. Connections are kept for a while
 * and used again.
 */
#include "base/log.h"
#include "os/files.h"
#include "os/socket.h"
#include "outbound/deliver.h"
#include "outbound/internationalized.h"
#include "roles/courier.h"
#include "smtp/client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONTENT_MAX = 1 << 30 };
#define CONNECT_TIMEOUT (10 * SECOND)
#define FINISH_TIMEOUT (10 * MINUTE)
#define KEEP_IDLE (30 * SECOND)
#define SWEEP_INTERVAL (5 * SECOND)

/* The sender of the mail waits for a mailbox server: it has less time than rfc5321:4.5.3.2 gives. */
static const struct client_timeouts timeouts = {.greeting = 20 * SECOND,
                                                .command = 20 * SECOND,
                                                .mail = 20 * SECOND,
                                                .recipient = 20 * SECOND,
                                                .data = 20 * SECOND,
                                                .block = 20 * SECOND,
                                                .finish = 40 * SECOND};

struct mailbox_connection {
    struct mailbox_connection *next;
    struct config_endpoint endpoint; /* path in the arena */
    struct arena *arena;
    struct client *client;
    int64_t idle_since;
};

static void close_connection(struct mailbox_connection *connection)
{
    client_close(connection->client);
    arena_destroy(connection->arena);
    free(connection);
}

static struct mailbox_connection *take_idle(struct courier *courier,
                                            const struct config_endpoint *endpoint)
{
    struct mailbox_connection **link = &courier->idle;
    while (*link) {
        struct mailbox_connection *connection = *link;
        bool stale = loop_now() - connection->idle_since > KEEP_IDLE ||
                     !client_is_usable(connection->client);
        if (!stale && !endpoint_equal(&connection->endpoint, endpoint)) {
            link = &connection->next;
            continue;
        }
        *link = connection->next;
        if (!stale)
            return connection;
        close_connection(connection);
    }
    return NULL;
}

static enum result open_transport(const struct config_endpoint *endpoint, struct transport **out,
                                  struct error *error)
{
    char ip[IP_TEXT_SIZE];
    int64_t deadline = loop_deadline(CONNECT_TIMEOUT);
    int code = endpoint->path ? socket_connect_unix(endpoint->path, deadline, out)
                              : socket_connect(&endpoint->ip, endpoint->port, NULL, deadline, out);
    if (code == 0)
        return OK;
    if (endpoint->path)
        return error_set(error, TEMP, "cannot connect to %s: %s", endpoint->path, strerror(-code));
    return error_set(error, TEMP, "cannot connect to %s port %u: %s", ip_format(&endpoint->ip, ip),
                     endpoint->port, strerror(-code));
}

static struct mailbox_connection *open_connection(struct courier *courier,
                                                  const struct config_endpoint *endpoint,
                                                  struct error *error)
{
    struct client_options options = {.hostname = courier->role->config.hostname,
                                     .lmtp = true,
                                     .just_send_8bit = true,
                                     .timeouts = timeouts};
    struct mailbox_connection *connection = calloc(1, sizeof(*connection));
    struct client_reply reply;
    struct transport *transport;
    if (!connection || !(connection->arena = arena_create(1 << 20))) {
        free(connection);
        error_set(error, TEMP, "out of memory");
        return NULL;
    }
    connection->endpoint = *endpoint;
    if (endpoint->path)
        connection->endpoint.path = arena_string(connection->arena, bytes_of(endpoint->path));
    if (open_transport(endpoint, &transport, error) == OK &&
        client_open(transport, &options, connection->arena, &connection->client, &reply, error) == OK)
        return connection;
    arena_destroy(connection->arena);
    free(connection);
    return NULL;
}

static void give_back(struct courier *courier, struct mailbox_connection *connection)
{
    if (!client_is_usable(connection->client)) {
        close_connection(connection);
        return;
    }
    connection->idle_since = loop_now();
    connection->next = courier->idle;
    courier->idle = connection;
}

static struct protocol_reply to_reply(const struct client_reply *reply, struct arena *arena)
{
    if (!reply->code)
        return (struct protocol_reply){451, BYTES("4.4.2"), BYTES("The mailbox server went away.")};
    return (struct protocol_reply){reply->code, arena_copy(arena, bytes_of(reply->enhanced)),
                                   reply->text};
}

static bool has_reply(const struct client_reply *replies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (replies[i].code)
            return true;
    return false;
}

/* One transaction. TEMP: the connection was lost before anything could be delivered. */
static enum result transact(struct client *client, const struct courier_request *request, bool deliver,
                            struct arena *arena, struct protocol_reply *replies, struct error *error)
{
    /* Raw octets in a header that came without SMTPUTF8 are just somebody's bad habit. That an address is
     * not ASCII the client sees for itself. */
    bool header = request->smtputf8 && internationalized_header(arena, request->content);
    struct client_envelope envelope = {.sender = request->sender, .smtputf8 = header};
    size_t count = request->recipient_count;
    struct client_recipient *recipients = arena_alloc_array(arena, count, sizeof(*recipients));
    struct client_reply *finals = arena_alloc_array(arena, count, sizeof(*finals));
    if (!recipients || !finals)
        return error_set(error, TEMP, "out of memory");
    for (size_t i = 0; i < count; i++)
        recipients[i].mailbox = request->recipients[i];
    enum result result =
        deliver ? client_send(client, &envelope, recipients, count, &request->content, 1, arena, finals,
                              error)
                : client_ask(client, &envelope, recipients, count, arena, finals, error);
    if (result != OK && !has_reply(finals, count) && !client_is_in_doubt(client))
        return TEMP;
    for (size_t i = 0; i < count; i++)
        replies[i] = to_reply(&finals[i], arena);
    if (!deliver && client_is_usable(client))
        (void)!client_reset(client, arena, NULL);
    return OK;
}

static enum result run_request(struct courier *courier, const struct courier_request *request,
                               bool deliver, struct arena *arena, struct protocol_reply *replies,
                               struct error *error)
{
    /* A kept connection may have gone away unseen: then a fresh one gets its chance. */
    for (int attempt = 0; attempt < 2; attempt++) {
        struct mailbox_connection *connection = attempt == 0 ? take_idle(courier, &request->endpoint) : NULL;
        bool kept = connection != NULL;
        if (!kept)
            connection = open_connection(courier, &request->endpoint, error);
        if (!connection)
            return TEMP;
        enum result result = transact(connection->client, request, deliver, arena, replies, error);
        give_back(courier, connection);
        if (result == OK || !kept)
            return result;
    }
    return TEMP;
}

static void send_answer(struct ipc_request *request, const struct protocol_reply *replies, size_t count)
{
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    courier_answer_write(&payload, replies, count);
    struct ipc_message message = {request->message.type, buf_bytes(&payload), {-1, -1, -1, -1}};
    ipc_reply(request, &message);
    buf_free(&payload);
}

static void serve_mailboxes(struct courier *courier, struct ipc_request *request)
{
    struct courier_request asked;
    struct error error = {{0}};
    bool deliver = request->message.type == COURIER_DELIVER;
    struct arena *arena = arena_create(CONTENT_MAX);
    struct protocol_reply *replies = NULL;
    bool fine = arena && (deliver || request->message.type == COURIER_VERIFY) &&
                courier_request_read(request->message.payload, arena, &asked) &&
                (replies = arena_alloc_array(arena, asked.recipient_count, sizeof(*replies)));
    if (fine && asked.in_descriptor)
        fine = request->message.descriptors[0] >= 0 &&
               files_read_descriptor(arena, request->message.descriptors[0], CONTENT_MAX / 2,
                                     &asked.content, &error) == OK;
    if (fine && run_request(courier, &asked, deliver, arena, replies, &error) == OK) {
        send_answer(request, replies, asked.recipient_count);
    } else {
        log_warning("courier", "%s", error.text[0] ? error.text : "a malformed request");
        /* No replies: the store knows what to say of a server that cannot be reached. */
        send_answer(request, NULL, 0);
    }
    arena_destroy(arena);
    ipc_request_free(request);
}

static void serve_store(void *context, struct ipc_request *request)
{
    struct courier *courier = context;
    courier->jobs++;
    if (request->message.type == COURIER_SEND)
        courier_send(courier, request);
    else
        serve_mailboxes(courier, request);
    courier->jobs--;
    fiber_signal_all(&courier->job_ended);
}

static enum result courier_prepare(struct role *role, struct error *error)
{
    struct courier *courier = arena_new(role->arena, struct courier);
    if (!courier)
        return error_set(error, TEMP, "out of memory");
    courier->role = role;
    role->state = courier;
    return courier_open_outbound(courier, error);
}

static void courier_sandbox(struct role *role, struct sandbox *sandbox)
{
    sandbox->may_connect_network = true;
    sandbox->may_bind_source = role->config.queue.source.count != 0;
    sandbox->may_connect_unix = true;
    /* Sockets of mailbox servers lie in the file system: Landlock and seccomp, but no chroot. */
    sandbox->chroot_to = NULL;
}

static void courier_peer(struct role *role, enum role_kind kind, unsigned index, int fd)
{
    struct courier *courier = role->state;
    (void)index;
    if (kind == ROLE_KEYS) {
        role_hold(role, &courier->keys, fd, "keys");
        fiber_signal_all(&courier->keys_changed);
        return;
    }
    struct ipc_channel *channel = ipc_channel_open(fd, role_kind_name(kind));
    if (channel)
        role_serve(role, channel, serve_store, role->state);
    else
        close(fd);
}

static void courier_run(struct role *role)
{
    struct courier *courier = role->state;
    while (!role->stopping) {
        bool idle = outbound_idle_count(courier->outbound) != 0;
        fiber_signal_wait(&role->changed, idle ? loop_deadline(SWEEP_INTERVAL) : NO_DEADLINE);
        outbound_sweep(courier->outbound);
    }
    /* A delivery that is cut off after its content would be made twice. At the end of all, the store has
     * waited for its jobs before, and the master does not wait so long. */
    int64_t deadline = loop_deadline(FINISH_TIMEOUT);
    while (courier->jobs && fiber_signal_wait(&courier->job_ended, deadline) == 0)
        continue;
    fiber_group_close(&role->fibers);
    while (courier->idle) {
        struct mailbox_connection *connection = courier->idle;
        courier->idle = connection->next;
        close_connection(connection);
    }
    courier_close_outbound(courier);
}

const struct role_definition courier_role = {
    .kind = ROLE_COURIER,
    .prepare = courier_prepare,
    .sandbox = courier_sandbox,
    .peer = courier_peer,
    .run = courier_run,
};
