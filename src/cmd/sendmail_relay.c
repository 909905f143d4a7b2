/* SPDX-License-Identifier: BSD-2-Clause */
/* `vouch sendmail -bs`: after TLS and AUTH the session is handed on octet by octet. */
#include "cmd/sendmail.h"

#include "fiber/group.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 16 * 1024 };
/* Replies to what was said before the input ended (rfc5321:4.5.3.2.6, and patience has an end). */
#define LAST_REPLIES (10 * MINUTE)
#define LAST_WORD (30 * SECOND)

struct relay {
    const struct submit *submit;
    struct bytes sender;
    struct transport *server;
    struct fiber_group group;
    struct descriptor *input; /* NULL: a file, which never blocks */
    char line[8];             /* how the last line of the input begins */
    size_t line_length;
    bool quit_said;
};

/* Whether the input ends with a QUIT: then the server will hang up by itself. */
static void watch_input(struct relay *relay, struct bytes octets)
{
    for (size_t i = 0; i < octets.len; i++) {
        if (octets.ptr[i] == '\n') {
            struct bytes line = bytes_trim(bytes_from(relay->line, relay->line_length));
            relay->quit_said = bytes_is_nocase(line, "quit");
            relay->line_length = 0;
        } else if (relay->line_length < sizeof(relay->line)) {
            relay->line[relay->line_length++] = (char)octets.ptr[i];
        }
    }
}

static bool write_out(struct bytes octets)
{
    while (octets.len) {
        ssize_t written = write(STDOUT_FILENO, octets.ptr, octets.len);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0)
            octets = bytes_skip(octets, (size_t)written);
    }
    return true;
}

static bool write_to(struct transport *server, struct bytes octets)
{
    while (octets.len) {
        ssize_t written = server->operations->write(server, octets, loop_deadline(5 * MINUTE));
        if (written <= 0)
            return false;
        octets = bytes_skip(octets, (size_t)written);
    }
    return true;
}

static ssize_t read_input(struct relay *relay, uint8_t *buffer)
{
    for (;;) {
        ssize_t count = read(relay->input ? descriptor_fd(relay->input) : STDIN_FILENO, buffer, CHUNK);
        if (count >= 0)
            return count;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || !relay->input ||
            descriptor_wait_readable(relay->input, NO_DEADLINE) != 0)
            return -1;
    }
}

/* Programs that follow no standard end lines with LF alone; the server takes CRLF only. */
static bool send_lines(struct relay *relay, struct bytes octets, uint8_t *last)
{
    static const uint8_t carriage_return = '\r';
    while (octets.len) {
        size_t end = bytes_find_byte(octets, '\n');
        struct bytes part = bytes_first(octets, end);
        if (part.len) {
            if (!write_to(relay->server, part))
                return false;
            *last = part.ptr[part.len - 1];
        }
        if (end == BYTES_NOT_FOUND)
            return true;
        if (*last != '\r' && !write_to(relay->server, bytes_from(&carriage_return, 1)))
            return false;
        if (!write_to(relay->server, BYTES("\n")))
            return false;
        *last = '\n';
        octets = bytes_skip(octets, end + 1);
    }
    return true;
}

static void input_fiber(void *argument)
{
    struct relay *relay = argument;
    static uint8_t buffer[CHUNK];
    uint8_t last = '\n';
    ssize_t count;
    while ((count = read_input(relay, buffer)) > 0) {
        struct bytes octets = bytes_from(buffer, (size_t)count);
        watch_input(relay, octets);
        if (!send_lines(relay, octets, &last))
            break;
    }
}

/* Until the server hangs up, or has nothing more to say. */
static void output(struct relay *relay)
{
    static uint8_t buffer[CHUNK];
    for (;;) {
        bool ended = relay->group.count == 0;
        int64_t deadline = !ended             ? loop_deadline(SECOND)
                           : relay->quit_said ? loop_deadline(LAST_REPLIES)
                                              : loop_deadline(LAST_WORD);
        ssize_t count = relay->server->operations->read(relay->server, buffer, CHUNK, deadline);
        if (count == -ETIMEDOUT && !ended)
            continue;
        if (count <= 0 || !write_out(bytes_from(buffer, (size_t)count)))
            return;
    }
}

static void relay_session(struct relay *relay)
{
    int flags = fcntl(STDIN_FILENO, F_GETFL), input = dup(STDIN_FILENO);
    relay->input = input < 0 ? NULL : descriptor_open(input);
    if (!relay->input && input >= 0)
        close(input); /* a file: epoll takes none */
    fiber_group_open(&relay->group);
    if (fiber_group_start(&relay->group, "input", input_fiber, relay))
        output(relay);
    fiber_group_close(&relay->group);
    descriptor_close(relay->input);
    /* Whoever shares it with us (a terminal's shell) does not want it so. */
    if (flags >= 0)
        fcntl(STDIN_FILENO, F_SETFL, flags);
}

static int use(void *context, struct submit_connection *connection, struct error *error)
{
    struct relay *relay = context;
    struct client *client = connection->client;
    struct client_reply reply = {0};
    struct client_envelope envelope = {.sender = relay->sender};
    /* A server that wants AUTH says so only now. */
    if (client_mail(client, &envelope, relay->submit->arena, &reply, error) != OK) {
        (void)error_set(error, PERM, "%s: %u " BYTES_FMT, relay->submit->config->host, reply.code,
                        BYTES_ARG(reply.text));
        return reply.code == 530 ? SUBMIT_NEXT : sendmail_status(&reply);
    }
    if (client_reset(client, relay->submit->arena, error) != OK)
        return EX_TEMPFAIL;
    struct bytes greeting = client_greeting(client);
    struct bytes line = arena_printf(relay->submit->arena, "220 " BYTES_FMT "\r\n", BYTES_ARG(greeting));
    relay->server = submit_take_transport(connection);
    if (!relay->server || !write_out(line))
        return EX_IOERR;
    relay_session(relay);
    relay->server->operations->close(relay->server);
    return EX_OK;
}

int sendmail_relay(const struct submit *submit, struct bytes sender, struct error *error)
{
    struct relay relay = {.submit = submit, .sender = sender};
    return submit_run(submit, use, &relay, error);
}
