/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The courier: speaks to other mail servers for the store: LMTP to mailbox servers (here), and SMTP to the
 * world (courier_send.c). It has the network, but no files and no keys. Connections are kept for a while
 * and used again.
 */
#include "base/log.h"
#include "base/utf8.h"
#include "os/files.h"
#include "os/socket.h"
#include "outbound/deliver.h"
#include "roles/courier.h"
#include "smtp/lmtp.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONTENT_MAX = 1 << 30 };
#define CONNECT_TIMEOUT (10 * SECOND)
#define KEEP_IDLE (30 * SECOND)
#define SWEEP_INTERVAL (5 * SECOND)

struct mailbox_connection {
    struct mailbox_connection *next;
    struct config_endpoint endpoint; /* path in the arena */
    struct arena *arena;
    struct lmtp *lmtp;
    int64_t idle_since;
};

static void close_connection(struct mailbox_connection *connection)
{
    lmtp_close(connection->lmtp);
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
                     !lmtp_is_usable(connection->lmtp);
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
    struct lmtp_timeouts timeouts = {.command = 20 * SECOND, .data = 20 * SECOND, .finish = 40 * SECOND};
    struct mailbox_connection *connection = calloc(1, sizeof(*connection));
    struct lmtp_reply reply;
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
        lmtp_open(transport, courier->role->config.hostname, &timeouts, connection->arena,
                  &connection->lmtp, &reply, error) == OK)
        return connection;
    arena_destroy(connection->arena);
    free(connection);
    return NULL;
}

static void give_back(struct courier *courier, struct mailbox_connection *connection)
{
    if (!lmtp_is_usable(connection->lmtp)) {
        close_connection(connection);
        return;
    }
    connection->idle_since = loop_now();
    connection->next = courier->idle;
    courier->idle = connection;
}

static struct protocol_reply to_reply(const struct lmtp_reply *reply, struct arena *arena)
{
    if (!reply->code)
        return (struct protocol_reply){451, BYTES("4.4.2"), BYTES("The mailbox server went away.")};
    return (struct protocol_reply){reply->code, arena_copy(arena, bytes_of(reply->enhanced)),
                                   reply->text};
}

/* What the server said, or what we say for it when it cannot be asked at all. */
static bool has_unicode_address(const struct courier_request *request)
{
    bool found = !utf8_is_ascii(request->sender);
    for (size_t i = 0; i < request->recipient_count; i++)
        found |= !utf8_is_ascii(request->recipients[i]);
    return found;
}

/* rfc6531:3.5: where an address is not ASCII, or the header of a message that came with SMTPUTF8. (Raw
 * octets in a header that came without it are just somebody's bad habit.) */
static bool needs_smtputf8(const struct courier_request *request)
{
    struct bytes header = bytes_first(request->content, bytes_find(request->content, BYTES("\r\n\r\n")));
    return has_unicode_address(request) || (request->smtputf8 && !utf8_is_ascii(header));
}

static struct protocol_reply answer_of(enum result result, const struct courier_request *request,
                                       const struct lmtp_reply *reply, struct arena *arena,
                                       const struct error *error)
{
    /* No reply, but a refusal: the server cannot take UTF-8 (rfc6531:3.5). */
    if (result == PERM && !reply->code)
        return (struct protocol_reply){
            554, has_unicode_address(request) ? BYTES("5.6.7") : BYTES("5.6.9"),
            arena_printf(arena, "%s", error->text)};
    return to_reply(reply, arena);
}

/* One transaction. TEMP: the connection was lost before anything could be delivered. */
static enum result transact(struct lmtp *lmtp, const struct courier_request *request, bool deliver,
                            struct arena *arena, struct protocol_reply *replies, struct error *error)
{
    struct lmtp_reply reply = {0};
    struct lmtp_envelope envelope = {.sender = request->sender,
                                     .size = deliver ? request->content.len : 0,
                                     .eight_bit = !utf8_is_ascii(request->content),
                                     .smtputf8 = needs_smtputf8(request)};
    size_t *taken = arena_alloc_array(arena, request->recipient_count, sizeof(*taken));
    struct lmtp_reply *finals =
        arena_alloc_array(arena, request->recipient_count, sizeof(*finals));
    size_t taken_count = 0;
    if (!taken || !finals)
        return error_set(error, TEMP, "out of memory");
    enum result result = lmtp_mail(lmtp, &envelope, arena, &reply, error);
    if (result == TEMP && !reply.code)
        return TEMP;
    for (size_t i = 0; i < request->recipient_count; i++) {
        enum result asked = result;
        if (result == OK)
            asked = lmtp_recipient(lmtp, request->recipients[i], arena, &reply, error);
        if (asked == OK)
            taken[taken_count++] = i;
        replies[i] = answer_of(asked, request, &reply, arena, error);
    }
    if (!deliver || taken_count == 0)
        return lmtp_reset(lmtp, arena, NULL) == OK || taken_count == 0 || !deliver ? OK : TEMP;
    result = lmtp_send(lmtp, &request->content, 1, arena, finals, error);
    for (size_t i = 0; i < taken_count; i++)
        replies[taken[i]] = to_reply(&finals[i], arena);
    (void)result;
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
        enum result result = transact(connection->lmtp, request, deliver, arena, replies, error);
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

static void serve_store(void *context, struct ipc_request *request)
{
    struct courier *courier = context;
    if (request->message.type == COURIER_SEND) {
        courier_send(courier, request);
        return;
    }
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
