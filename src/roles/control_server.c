/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/control_server.h"

#include "base/log.h"
#include "os/files.h"
#include "roles/memfd.h"
#include "roles/role.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_PAYLOAD, ANSWER_CONTENT }; /* descriptors of an answer */
static const int64_t client_patience = 30 * SECOND;

struct control_client {
    struct control_server *server;
    struct ipc_channel *channel;
    struct control_client *next, **place;
    bool busy; /* a command is under way */
    bool limited; /* of the control-group: may train, and no more */
};

/* A message whose payload may be in a memfd: false when there is no memory for it. */
static bool pack(struct ipc_message *message, struct buf *payload)
{
    *message = (struct ipc_message){.type = CONTROL_COMMAND, .descriptors = {-1, -1, -1, -1}};
    if (payload->failed)
        return false;
    if (payload->len <= IPC_PAYLOAD_MAX)
        message->payload = buf_bytes(payload);
    else
        message->descriptors[ANSWER_PAYLOAD] = memfd_of(buf_bytes(payload));
    return message->payload.len || message->descriptors[ANSWER_PAYLOAD] >= 0;
}

static void unpack(struct ipc_message *message)
{
    if (message->descriptors[ANSWER_PAYLOAD] >= 0)
        close(message->descriptors[ANSWER_PAYLOAD]);
}

static bool send_page(struct control_call_state *call)
{
    struct control_answer head = {.result = OK, .entry_count = call->page_count};
    struct ipc_message message;
    struct buf payload;
    buf_init(&payload, CONTROL_ANSWER_MAX);
    control_answer_write(&payload, &head);
    buf_add(&payload, buf_bytes(&call->page));
    bool sent = !call->page.failed && pack(&message, &payload);
    if (sent) {
        sent = ipc_send(call->channel, &message, loop_deadline(client_patience), NULL) == OK;
        unpack(&message);
    }
    buf_free(&payload);
    buf_clear(&call->page);
    call->page_count = 0;
    return sent;
}

bool control_emit(struct control_call_state *call, const struct control_entry *entry)
{
    control_entry_write(&call->page, entry);
    call->page_count++;
    if (call->page_count < CONTROL_PAGE_ENTRIES && call->page.len < CONTROL_PAGE_OCTETS)
        return !call->page.failed;
    return send_page(call);
}

static void send_answer(struct ipc_request *request, const struct control_answer *answer, int content_fd)
{
    struct buf payload;
    struct ipc_message message;
    buf_init(&payload, CONTROL_ANSWER_MAX);
    control_answer_write(&payload, answer);
    /* Without a reply the caller hears that it was refused. */
    if (pack(&message, &payload)) {
        message.descriptors[ANSWER_CONTENT] = content_fd;
        ipc_reply(request, &message);
        unpack(&message);
    }
    buf_free(&payload);
}

/* What came along with a command that brings something; anything else is none of our business. */
static bool take_content(struct ipc_request *request, struct arena *arena, struct control_command *command)
{
    struct error error;
    int fd = request->message.descriptors[0];
    if (command->verb != CONTROL_TRAIN || fd < 0)
        return true;
    return memfd_is_sealed(fd) &&
           files_read_descriptor(arena, fd, CONTROL_CONTENT_MAX, &command->content, &error) == OK;
}

static void answer_command(struct control_server *server, bool limited, struct ipc_request *request)
{
    struct control_command command;
    struct control_answer answer = {.result = OK};
    struct control_call_state call = {.channel = request->channel};
    int content_fd = -1;
    if (request->message.type != CONTROL_COMMAND ||
        !control_command_read(request->message.payload, request->arena, &command)) {
        ipc_channel_break(request->channel, "an unreadable command");
        return;
    }
    call.arena = arena_create(CONTROL_ANSWER_MEMORY);
    if (!call.arena)
        return;
    buf_init(&call.page, CONTROL_ANSWER_MAX);
    bool taken = take_content(request, call.arena, &command);
    role_close_descriptors(request->message.descriptors, true);
    if (!taken)
        answer = (struct control_answer){.result = TEMP, .text = BYTES("what came along cannot be read")};
    else if (limited && command.verb != CONTROL_TRAIN)
        answer = (struct control_answer){.result = PERM, .text = BYTES("members of control-group may train, no more")};
    else
        server->answer(server->context, &call, &command, &answer, &content_fd);
    if (!call.page_count || send_page(&call))
        send_answer(request, &answer, content_fd);
    if (content_fd >= 0)
        close(content_fd);
    buf_free(&call.page);
    arena_destroy(call.arena);
}

static void serve_client(void *context, struct ipc_request *request)
{
    struct control_client *client = context;
    /* What they are is the sender's choice. */
    if (!client->busy && request->id) {
        client->busy = true;
        answer_command(client->server, client->limited, request);
        client->busy = false;
    }
    role_close_descriptors(request->message.descriptors, true);
    ipc_request_free(request);
}

static void unlink_client(struct control_client *client)
{
    *client->place = client->next;
    if (client->next)
        client->next->place = client->place;
    client->server->client_count--;
}

static void client_fiber(void *argument)
{
    struct control_client *client = argument;
    struct fiber_group requests;
    fiber_group_open(&requests);
    if (ipc_run(client->channel, &requests, serve_client, client, NULL) == PERM)
        log_warning("control", "a client of the control socket does not keep to the protocol");
    fiber_group_close(&requests);
    unlink_client(client);
    ipc_channel_close(client->channel);
    free(client);
}

/* Others come as far as this only where the socket is a group's (control_listen()). */
static bool may_ask(const struct control_server *server, int fd, bool *limited)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    *limited = peer.uid != 0 && peer.uid != server->account;
    if (!*limited || server->for_group)
        return true;
    log_warning("control", "account %u may not ask", (unsigned)peer.uid);
    return false;
}

static size_t count_limited(const struct control_server *server)
{
    size_t count = 0;
    for (const struct control_client *client = server->clients; client; client = client->next)
        count += client->limited;
    return count;
}

/* Whoever has been there longest is done, or is stuck; members of the group go first. */
static void end_oldest(struct control_server *server, bool limited)
{
    struct control_client *oldest = NULL;
    for (struct control_client *client = server->clients; client; client = client->next)
        if (client->limited == limited)
            oldest = client;
    if (oldest)
        ipc_channel_break(oldest->channel, "too many clients of the control socket");
}

/* False: it must not come in, as there is none whose place it may take. */
static bool make_room(struct control_server *server, bool limited)
{
    size_t of_group = count_limited(server);
    if ((limited && of_group >= CONTROL_LIMITED_MAX) || server->client_count >= CONTROL_CLIENTS_MAX)
        end_oldest(server, limited || of_group);
    return !limited || of_group || server->client_count < CONTROL_CLIENTS_MAX;
}

void control_server_take(struct control_server *server, int fd)
{
    bool limited = true;
    bool welcome = may_ask(server, fd, &limited) && make_room(server, limited);
    struct control_client *client = welcome ? malloc(sizeof(*client)) : NULL;
    struct ipc_channel *channel = client ? ipc_channel_open(fd, "control") : NULL;
    if (!channel) {
        free(client);
        close(fd);
        return;
    }
    *client = (struct control_client){
        .server = server, .channel = channel, .next = server->clients, .place = &server->clients, .limited = limited};
    if (client->next)
        client->next->place = &client->next;
    server->clients = client;
    server->client_count++;
    if (fiber_group_start(server->group, "control", client_fiber, client))
        return;
    unlink_client(client);
    ipc_channel_close(channel);
    free(client);
}

struct accepting {
    struct control_server *server;
    struct descriptor *descriptor;
};

static void accept_fiber(void *argument)
{
    struct accepting accepting = *(struct accepting *)argument;
    struct descriptor *descriptor = accepting.descriptor;
    free(argument);
    while (descriptor_wait_readable(descriptor, NO_DEADLINE) == 0) {
        int fd = accept4(descriptor_fd(descriptor), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            control_server_take(accepting.server, fd);
        else if ((errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) &&
                 fiber_sleep(SECOND) != 0)
            break;
        /* Those ended above leave at once, before the next comes. */
        if (fiber_yield() != 0)
            break;
    }
    descriptor_close(descriptor);
}

bool control_server_start(struct control_server *server, int fd)
{
    struct accepting *accepting = malloc(sizeof(*accepting));
    struct descriptor *descriptor = accepting ? descriptor_open_listener(fd) : NULL;
    if (!descriptor) {
        free(accepting);
        close(fd);
        return false;
    }
    *accepting = (struct accepting){server, descriptor};
    if (fiber_group_start(server->group, "control", accept_fiber, accepting))
        return true;
    descriptor_close(descriptor);
    free(accepting);
    return false;
}
