/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smtp_suite: the SMTP server and the SMTP client (as LMTP) alone, for scripts to talk to.
 *
 *   smtp_suite serve FOLDER reject|normalize [tls]
 *       listens on a free port of 127.0.0.1, which it prints; each message taken becomes a file in
 *       FOLDER: sender, recipients, empty line, text. Known: user@testserver.
 *   smtp_suite lmtp PORT SENDER RECIPIENT
 *       delivers standard input to an LMTP server on 127.0.0.1; exit code 0, 75 (temporary) or 1.
 */
#include "fiber/group.h"
#include "os/socket.h"
#include "smtp/client.h"
#include "smtp/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEBIBYTE = 1024 * 1024 };

static const char *folder;
static struct smtp_server server;
static struct fiber_group sessions;
static int listener;
static unsigned messages;

static void on_recipient(void *context, struct smtp_session *session,
                         struct smtp_recipient *recipient, struct smtp_reply *reply)
{
    if (!bytes_is_nocase(recipient->domain, "testserver") || !bytes_is(recipient->local, "user"))
        smtp_reply_set(reply, session->transaction->arena, 550, "5.1.1", "No such user");
}

static void on_message(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    struct smtp_transaction *t = session->transaction;
    char path[4096];
    snprintf(path, sizeof(path), "%s/%u", folder, messages++);
    FILE *file = fopen(path, "w");
    if (!file) {
        smtp_reply_set(reply, t->arena, 451, "4.3.0", "Cannot write");
        return;
    }
    fprintf(file, BYTES_FMT "\n", BYTES_ARG(t->sender));
    for (size_t i = 0; i < t->recipient_count; i++)
        fprintf(file, BYTES_FMT "\n", BYTES_ARG(t->recipients[i].mailbox));
    fputc('\n', file);
    fwrite(t->content.ptr, 1, t->content.len, file);
    fclose(file);
}

static void serve_one(void *argument)
{
    struct descriptor *descriptor = argument;
    struct ip client = {0}, local = {0};
    uint16_t port = 0;
    socket_local(descriptor_fd(descriptor), &local, &port);
    struct transport *transport = transport_over(descriptor);
    struct stream *stream = transport ? stream_create(transport) : NULL;
    if (!stream)
        exit(1);
    smtp_serve(&server, stream, client, 0, local, port);
}

static void run_server(void *argument)
{
    struct descriptor *descriptor = descriptor_open_listener(listener);
    fiber_group_open(&sessions);
    while (!descriptor_wait_readable(descriptor, NO_DEADLINE)) {
        struct ip ip;
        uint16_t port;
        int fd = socket_accept(listener, &ip, &port);
        struct descriptor *accepted = fd < 0 ? NULL : descriptor_open(fd);
        if (accepted && !fiber_group_start(&sessions, "session", serve_one, accepted))
            descriptor_close(accepted);
    }
}

static bool start_tls(void)
{
    struct error error;
    server.tls = tls_server_create(&error);
    return server.tls &&
           tls_server_add_self_signed(server.tls, "testserver", NULL, NULL, &error) == OK;
}

static int serve(int argc, char **argv, struct loop *loop)
{
    struct ip ip;
    uint16_t port;
    folder = argv[2];
    ip_parse(BYTES("127.0.0.1"), &ip);
    server = (struct smtp_server){
        .hostname = "testserver",
        .greeting = "",
        .limits = {.message_size = MEBIBYTE,
                   .recipients = 100,
                   .command_line = 1000,
                   .text_line = 65536,
                   .memory_per_session = MEBIBYTE,
                   .content_in_memory = 256 * 1024,
                   .bad_commands = 20,
                   .junk_commands = 100,
                   .received_fields = 100,
                   .command_timeout = 5 * MINUTE,
                   .data_timeout = 5 * MINUTE,
                   .session_timeout = HOUR,
                   .finish_timeout = MINUTE},
        .lenient = true,
        .bare_line_ends = strcmp(argv[3], "reject") == 0 ? SMTP_BARE_REJECT : SMTP_BARE_NORMALIZE,
        .handler = {.recipient = on_recipient, .message = on_message},
    };
    if (argc > 4 && !start_tls())
        return 1;
    listener = socket_listen(&ip, 0, 4096);
    if (listener < 0 || socket_local(listener, &ip, &port))
        return 1;
    printf("%u\n", port);
    fflush(stdout);
    loop_run(loop, run_server, NULL);
    return 0;
}

struct delivery {
    uint16_t port;
    struct bytes sender, recipient, text;
    struct arena *arena;
    enum result result;
};

static enum result deliver(struct delivery *d, struct client **client, struct error *error)
{
    struct client_options options = {.hostname = "client.example",
                                     .lmtp = true,
                                     .just_send_8bit = true,
                                     .deadline = loop_deadline(30 * SECOND)};
    struct ip ip;
    struct transport *transport;
    struct client_reply reply, replies[1];
    struct client_envelope envelope = {.sender = d->sender};
    struct client_recipient recipient = {.mailbox = d->recipient};
    ip_parse(BYTES("127.0.0.1"), &ip);
    if (socket_connect(&ip, d->port, NULL, loop_deadline(10 * SECOND), &transport))
        return error_set(error, TEMP, "cannot connect");
    enum result result = client_open(transport, &options, d->arena, client, &reply, error);
    if (result == OK)
        result = client_send(*client, &envelope, &recipient, 1, &d->text, 1, d->arena, replies, error);
    if (result == OK && replies[0].code >= 400)
        result = error_set(error, replies[0].code < 500 ? TEMP : PERM, "%u", replies[0].code);
    return result;
}

static void run_client(void *argument)
{
    struct delivery *d = argument;
    struct client *client = NULL;
    struct error error = {""};
    d->result = deliver(d, &client, &error);
    if (d->result != OK)
        fprintf(stderr, "%s\n", error.text);
    client_close(client);
}

static int send_by_lmtp(int argc, char **argv, struct loop *loop)
{
    static char text[MEBIBYTE];
    uint64_t port;
    if (argc != 5 || !bytes_to_uint(bytes_of(argv[2]), UINT16_MAX, &port))
        return 2;
    struct delivery d = {.port = (uint16_t)port,
                         .arena = arena_create(MEBIBYTE),
                         .sender = bytes_of(argv[3]),
                         .recipient = bytes_of(argv[4])};
    d.text = bytes_from(text, fread(text, 1, sizeof(text), stdin));
    loop_run(loop, run_client, &d);
    arena_destroy(d.arena);
    return d.result == OK ? 0 : d.result == TEMP ? 75 : 1;
}

int main(int argc, char **argv)
{
    struct loop_options options = {0};
    signal(SIGPIPE, SIG_IGN);
    struct loop *loop = loop_create(&options);
    int code = 2;
    if (loop && argc >= 4 && strcmp(argv[1], "serve") == 0)
        code = serve(argc, argv, loop);
    else if (loop && argc >= 4 && strcmp(argv[1], "lmtp") == 0)
        code = send_by_lmtp(argc, argv, loop);
    loop_destroy(loop);
    return code;
}
