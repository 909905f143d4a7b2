/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/client_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIT_TIMEOUT (2 * SECOND)

static int64_t or_default(int64_t timeout, int64_t preset)
{
    return timeout ? timeout : preset;
}

/* rfc5321:4.5.3.2 */
static struct client_timeouts with_defaults(const struct client_timeouts *asked)
{
    return (struct client_timeouts){
        .greeting = or_default(asked->greeting, 5 * MINUTE),
        .command = or_default(asked->command, 5 * MINUTE),
        .tls = or_default(asked->tls, 2 * MINUTE),
        .mail = or_default(asked->mail, 5 * MINUTE),
        .recipient = or_default(asked->recipient, 5 * MINUTE),
        .data = or_default(asked->data, 2 * MINUTE),
        .block = or_default(asked->block, 3 * MINUTE),
        .finish = or_default(asked->finish, 10 * MINUTE),
    };
}

/* ---- opening ---- */

static enum result say_hello(struct client *client, const char *verb,
                             const struct client_reading *reading, struct error *error)
{
    char line[sizeof(client->hostname) + 16];
    int length = snprintf(line, sizeof(line), "%s %s\r\n", verb, client->hostname);
    return client_command(client, bytes_from(line, (size_t)length), false,
                          client->timeouts.command, reading, error);
}

static enum result hello(struct client *client, struct arena *arena, struct client_reply *reply,
                         struct error *error)
{
    struct client_extensions offered = {0};
    struct client_reading reading = {
        .arena = arena, .reply = reply, .line = client_extensions_line, .context = &offered};
    client->extensions = (struct client_extensions){0};
    enum result result = say_hello(client, client->lmtp ? "LHLO" : "EHLO", &reading, error);
    if (result == PERM && !client->lmtp) {
        /* A server of before RFC 1869 (rfc5321:3.2). */
        reading.line = NULL;
        return say_hello(client, "HELO", &reading, error);
    }
    if (result != OK)
        return result;
    offered.esmtp = true;
    /* Once is enough, and there is no TLS inside of TLS (rfc3207:4.2). */
    offered.starttls &= !client->encrypted;
    client->extensions = offered;
    return OK;
}

static void keep_greeting(struct client *client, struct bytes text)
{
    text = bytes_first(text, sizeof(client->greeting_text));
    if (text.len)
        memcpy(client->greeting_text, text.ptr, text.len);
    client->greeting = bytes_from(client->greeting_text, text.len);
}

static enum result greet(struct client *client, struct arena *arena, struct client_reply *reply,
                         struct error *error)
{
    struct client_reading reading = {.arena = arena, .reply = reply};
    enum result result = client_read_reply(
        client, &reading, client_deadline(client, client->timeouts.greeting), error);
    if (result != OK)
        return result;
    result = client_result(client, reply, error);
    if (result != OK)
        return result;
    if (reply->code != 220) {
        *reply = (struct client_reply){0};
        return client_lose(client, error, "the server's greeting is none");
    }
    keep_greeting(client, reply->text);
    return hello(client, arena, reply, error);
}

static struct client *create(struct transport *transport, const struct client_options *options)
{
    struct client *client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    client->stream = stream_create(transport);
    if (!client->stream) {
        free(client);
        return NULL;
    }
    client->timeouts = with_defaults(&options->timeouts);
    client->deadline = NO_DEADLINE;
    client->lmtp = options->lmtp;
    client->encrypted = options->encrypted;
    client->just_send_8bit = options->just_send_8bit;
    client->without_pipelining = options->without_pipelining;
    client->without_chunking = options->without_chunking;
    snprintf(client->hostname, sizeof(client->hostname), "%s", options->hostname);
    return client;
}

enum result client_open(struct transport *transport, const struct client_options *options,
                        struct arena *arena, struct client **out, struct client_reply *reply,
                        struct error *error)
{
    *out = NULL;
    *reply = (struct client_reply){0};
    struct client *client = create(transport, options);
    if (!client) {
        transport->operations->close(transport);
        return error_set(error, TEMP, "SMTP: out of memory");
    }
    if (options->deadline)
        client->deadline = options->deadline;
    enum result result = greet(client, arena, reply, error);
    if (result != OK) {
        client_close(client);
        return result;
    }
    *out = client;
    return OK;
}

const struct client_extensions *client_extensions(const struct client *client)
{
    return &client->extensions;
}

struct bytes client_greeting(const struct client *client)
{
    return client->greeting;
}

void client_set_deadline(struct client *client, int64_t deadline)
{
    client->deadline = deadline;
}

bool client_is_encrypted(const struct client *client)
{
    return client->encrypted;
}

/* ---- STARTTLS ---- */

static enum result encrypt(struct client *client, client_upgrade *upgrade, void *context,
                           struct error *error)
{
    struct transport *plain = stream_transport(client->stream), *encrypted = NULL;
    int64_t deadline = client_deadline(client, client->timeouts.tls);
    /* upgrade() owns the plain transport from here on; without one the stream only fails. */
    stream_replace_transport(client->stream, NULL);
    enum result result = upgrade(context, plain, deadline, &encrypted, error);
    if (result != OK) {
        client->broken = true;
        return result;
    }
    stream_replace_transport(client->stream, encrypted);
    client->encrypted = true;
    return OK;
}

enum result client_start_tls(struct client *client, client_upgrade *upgrade, void *context,
                             struct arena *arena, struct client_reply *reply, struct error *error)
{
    *reply = (struct client_reply){0};
    if (!client->broken && (client->encrypted || !client->extensions.starttls))
        return client_refuse(client, reply, 502, "5.7.10",
                             BYTES("The server does not offer STARTTLS."), error);
    struct client_reading reading = {.arena = arena, .reply = reply};
    enum result result = client_command(client, BYTES("STARTTLS\r\n"), false,
                                        client->timeouts.command, &reading, error);
    if (result != OK)
        return result;
    unsigned code = reply->code;
    *reply = (struct client_reply){0};
    if (code != 220)
        return client_lose(client, error, "the server's reply does not fit the command");
    /* Whoever sent this was on the way, and would have it taken for what comes behind TLS. */
    if (stream_buffered(client->stream).len)
        return client_lose(client, error, "somebody spoke between STARTTLS and the handshake");
    result = encrypt(client, upgrade, context, error);
    if (result != OK)
        return result;
    client->recipients = 0;
    client->in_transaction = client->utf8 = false;
    /* All that was said before is forgotten (rfc3207:4.2). */
    return hello(client, arena, reply, error);
}

/* ---- between transactions, and the end ---- */

enum result client_reset(struct client *client, struct arena *arena, struct error *error)
{
    struct client_reply reply;
    struct client_reading reading = {.arena = arena, .reply = &reply};
    client->recipients = 0;
    client->in_transaction = client->utf8 = false;
    enum result result = client_command(client, BYTES("RSET\r\n"), false, client->timeouts.command,
                                        &reading, error);
    if (result == OK || client->broken)
        return result == OK ? OK : TEMP;
    return client_lose(client, error, "RSET was refused"); /* no transaction can be begun there */
}

/* Whatever comes unasked is the end: a 421, or the end itself. */
static bool has_ended(struct client *client)
{
    if (stream_buffered(client->stream).len)
        return true;
    if (!stream_has_input(client->stream))
        return false;
    /* TLS has messages of its own, that are no words of the server. */
    int failed = stream_fill(client->stream, 0);
    return failed != -ETIMEDOUT && failed != -ECANCELED;
}

bool client_is_usable(struct client *client)
{
    uint32_t most = client->extensions.mail_max;
    if (!client->broken && has_ended(client))
        client->broken = true;
    return !client->broken && (!most || client->mails < most);
}

bool client_is_in_doubt(const struct client *client)
{
    return client->in_doubt;
}

void client_close(struct client *client)
{
    if (!client)
        return;
    if (!client->broken) {
        fiber_shield();
        int64_t deadline = loop_deadline(QUIT_TIMEOUT);
        if (!stream_write(client->stream, BYTES("QUIT\r\n"), deadline))
            (void)!stream_flush(client->stream, deadline);
        fiber_unshield();
    }
    stream_close(client->stream);
    free(client);
}
