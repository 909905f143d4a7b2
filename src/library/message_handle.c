/* SPDX-License-Identifier: BSD-2-Clause */
#include "library/library.h"

#include "message/header.h"

#include <stdlib.h>

enum { DEFAULT_LIMIT = 128 << 20, HEADER_MEMORY = 8 << 20, SLACK = 4096 };

EXPORTED struct vouch_message *vouch_message_create(void)
{
    struct vouch_message *message = calloc(1, sizeof(*message));
    if (message)
        buf_init(&message->text, DEFAULT_LIMIT);
    return message;
}

EXPORTED void vouch_message_destroy(struct vouch_message *message)
{
    if (!message)
        return;
    buf_free(&message->text);
    arena_destroy(message->arena);
    free(message);
}

EXPORTED const char *vouch_message_error(const struct vouch_message *message)
{
    return message ? message->error.text : "out of memory";
}

EXPORTED void vouch_message_set_limit(struct vouch_message *message, size_t octets)
{
    if (message && message->state == MESSAGE_OPEN && !message->text.len)
        message->text.max = octets;
}

static enum vouch_status fail(struct vouch_message *message, enum result result, const char *why)
{
    if (!message)
        return VOUCH_INVALID;
    message->state = MESSAGE_BROKEN;
    return library_status(error_set(&message->error, result, "%s", why));
}

/* A message that was finished stays good, whatever is asked of it. */
static bool is_open(struct vouch_message *message)
{
    if (!message || message->state == MESSAGE_BROKEN)
        return false;
    if (message->state == MESSAGE_FINISHED)
        error_set(&message->error, PERM, "the message was finished already");
    return message->state == MESSAGE_OPEN;
}

/* Of a buffer that failed: because it was full, or because memory was out. */
static enum vouch_status check_buffer(struct vouch_message *message, size_t wanted)
{
    if (!message->text.failed)
        return VOUCH_OK;
    if (wanted > message->text.max || message->text.len > message->text.max - wanted)
        return fail(message, PERM, "the message is longer than its limit");
    return fail(message, TEMP, "out of memory");
}

EXPORTED enum vouch_status vouch_message_add(struct vouch_message *message, const void *text,
                                             size_t length)
{
    if (!is_open(message))
        return VOUCH_INVALID;
    if (!text && length)
        return fail(message, PERM, "there is no text");
    buf_add(&message->text, bytes_from(text, length));
    return check_buffer(message, length);
}

EXPORTED enum vouch_status vouch_message_add_field(struct vouch_message *message, const char *name,
                                                   const char *value)
{
    if (!is_open(message))
        return VOUCH_INVALID;
    struct bytes text = bytes_of(value);
    if (!name || !value || !header_name_is_valid(bytes_of(name)))
        return fail(message, PERM, "that is no header field");
    size_t before = message->text.len;
    buf_add_string(&message->text, name);
    buf_add_byte(&message->text, ':');
    if (!bytes_starts_with(text, BYTES(" ")) && !bytes_starts_with(text, BYTES("\t")))
        buf_add_byte(&message->text, ' ');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n' && (i == 0 || text.ptr[i - 1] != '\r'))
            buf_add_byte(&message->text, '\r');
        buf_add_byte(&message->text, text.ptr[i]);
    }
    buf_add_string(&message->text, "\r\n");
    return check_buffer(message, bytes_of(name).len + text.len + (message->text.len - before) + 4);
}

EXPORTED enum vouch_status vouch_message_end_fields(struct vouch_message *message)
{
    return vouch_message_add(message, "\r\n", 2);
}

/* A message of SMTP must not be changed: signatures cover its octets. */
static bool has_crlf(struct bytes text)
{
    size_t end = bytes_find_byte(text, '\n');
    return end != BYTES_NOT_FOUND && end > 0 && text.ptr[end - 1] == '\r';
}

EXPORTED enum vouch_status vouch_message_finish(struct vouch_message *message)
{
    if (!is_open(message))
        return VOUCH_INVALID;
    struct bytes text = buf_bytes(&message->text);
    bool convert = !has_crlf(text);
    message->arena = arena_create(HEADER_MEMORY + (convert ? 2 * text.len + SLACK : 0));
    if (message->arena && convert)
        text = message_normalize(message->arena, text);
    if (!message->arena || (convert && !text.ptr))
        return fail(message, TEMP, "out of memory");
    if (convert)
        buf_free(&message->text);
    enum result result =
        message_parse(message->arena, text, &message->message, &message->error);
    message->state = result == OK ? MESSAGE_FINISHED : MESSAGE_BROKEN;
    return library_status(result);
}

EXPORTED const void *vouch_message_text(const struct vouch_message *message, size_t *length)
{
    bool finished = message && message->state == MESSAGE_FINISHED;
    if (length)
        *length = finished ? message->message.raw.len : 0;
    return finished ? message->message.raw.ptr : NULL;
}
