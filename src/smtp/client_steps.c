/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/client_private.h"

#include "base/utf8.h"

enum result client_mail(struct client *client, const struct client_envelope *envelope,
                        struct arena *arena, struct client_reply *reply, struct error *error)
{
    struct client_reading reading = {.arena = arena, .reply = reply};
    *reply = (struct client_reply){0};
    if (client->broken)
        return client_refuse_use(client, error);
    enum result result = client_check_envelope(client, envelope, reply, error);
    if (result == OK && client->in_transaction)
        result = client_reset(client, arena, error);
    if (result != OK)
        return result;
    client_begin(client, client->extensions.smtputf8 &&
                             (envelope->smtputf8 || !utf8_is_ascii(envelope->sender)));
    struct buf line;
    buf_init(&line, CLIENT_COMMAND_MAX);
    client_write_mail(&line, client, envelope);
    client->mails++;
    result = line.failed ? client_lose(client, error, "out of memory")
                         : client_command(client, buf_bytes(&line), false, client->timeouts.mail,
                                          &reading, error);
    client->in_transaction = result == OK;
    reply->stage = CLIENT_STAGE_MAIL;
    buf_free(&line);
    return result;
}

enum result client_recipient(struct client *client, const struct client_recipient *recipient,
                             struct arena *arena, struct client_reply *reply, struct error *error)
{
    struct client_reading reading = {.arena = arena, .reply = reply};
    *reply = (struct client_reply){0};
    if (client->broken)
        return client_refuse_use(client, error);
    enum result result = client_check_recipient(client, recipient, client->utf8, reply, error);
    if (result != OK)
        return result;
    struct buf line;
    buf_init(&line, CLIENT_COMMAND_MAX);
    client_write_recipient(&line, client, recipient, client->utf8);
    result = line.failed ? client_lose(client, error, "out of memory")
                         : client_command(client, buf_bytes(&line), false,
                                          client->timeouts.recipient, &reading, error);
    buf_free(&line);
    reply->stage = CLIENT_STAGE_RECIPIENT;
    if (reply->code) {
        client_mend_recipient(reply);
        result = client_result(client, reply, error);
    }
    client->recipients += result == OK;
    return result;
}

size_t client_recipient_count(const struct client *client)
{
    return client->recipients;
}

/* What the content says of itself is known only now. */
static enum result check_content(const struct client *client, const struct client_content *content,
                                 struct client_reply *refusal, struct error *error)
{
    struct client_envelope found = {.size = content->size, .eight_bit = content->eight_bit};
    if (content->bare_line_end)
        return client_refuse_bare(client, refusal, error);
    return client_check_envelope(client, &found, refusal, error);
}

enum result client_data(struct client *client, const struct bytes *parts, size_t part_count,
                        struct arena *arena, struct client_reply *replies, struct error *error)
{
    size_t count = client->recipients;
    struct client_content content;
    struct client_reply reply = {0};
    struct client_reading reading = {.arena = arena, .reply = &reply};
    if (!count)
        return error_set(error, PERM, "no recipient was accepted");
    client->recipients = 0;
    for (size_t i = 0; i < count; i++)
        replies[i] = reply;
    client_content_look(&content, parts, part_count);
    enum result result = client->broken ? client_refuse_use(client, error)
                                        : check_content(client, &content, &reply, error);
    if (result == OK && !client_uses_chunking(client))
        result = client_command(client, BYTES("DATA\r\n"), true, client->timeouts.data, &reading,
                                error);
    if (result == OK)
        return client_content_send(client, &content, count, arena, replies, error);
    reply.stage = reply.local ? CLIENT_STAGE_OTHER : CLIENT_STAGE_DATA;
    for (size_t i = 0; i < count; i++)
        replies[i] = reply;
    return reply.code ? OK : result;
}
