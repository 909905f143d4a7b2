/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/client_private.h"

#include "base/ascii.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What has been said before it was asked should be there as a whole. */
#define UNASKED_TIMEOUT (2 * SECOND)

static const char *protocol_name(const struct client *client)
{
    return client->lmtp ? "LMTP" : "SMTP";
}

int64_t client_deadline(const struct client *client, int64_t timeout)
{
    int64_t deadline = loop_deadline(timeout);
    return deadline < client->deadline ? deadline : client->deadline;
}

enum result client_lose(struct client *client, struct error *error, const char *what)
{
    client->broken = true;
    return error_set(error, TEMP, "%s: %s", protocol_name(client), what);
}

enum result client_lose_by(struct client *client, struct error *error, int failed)
{
    if (failed == -ETIMEDOUT)
        return client_lose(client, error, "time-out");
    if (failed == -ECANCELED)
        return client_lose(client, error, "cancelled");
    if (failed == -EMSGSIZE || failed == -ENOBUFS)
        return client_lose(client, error, "the server's line is too long");
    return client_lose(client, error,
                       failed == -EPIPE ? "the server hung up" : strerror(-failed));
}

enum result client_refuse_use(const struct client *client, struct error *error)
{
    return error_set(error, TEMP, "%s: the connection is of no use any more",
                     protocol_name(client));
}

enum result client_refuse(const struct client *client, struct client_reply *reply, unsigned code,
                          const char *enhanced, struct bytes text, struct error *error)
{
    *reply = (struct client_reply){.code = code, .text = text, .local = true};
    snprintf(reply->enhanced, sizeof(reply->enhanced), "%s", enhanced);
    return error_set(error, PERM, "%s: " BYTES_FMT, protocol_name(client), BYTES_ARG(text));
}

/* ---- reading ---- */

/* One reply while it is read. */
struct reply_text {
    const struct client_reading *reading;
    struct buf text;
    bool utf8;
};

static bool take_number(struct bytes *rest)
{
    size_t digits = 0;
    while (digits < rest->len && digits < 3 && ascii_is_digit(rest->ptr[digits]))
        digits++;
    *rest = bytes_skip(*rest, digits);
    return digits > 0;
}

static bool take_dot(struct bytes *rest)
{
    bool found = bytes_starts_with(*rest, BYTES("."));
    *rest = bytes_skip(*rest, found);
    return found;
}

/* "5.1.1 text": takes the code off if there is one of the reply's class (rfc2034:4). The first
 * line's counts. */
static void take_enhanced(struct client_reply *reply, struct bytes *text)
{
    struct bytes rest = *text;
    if (rest.len < 5 || (unsigned)(rest.ptr[0] - '0') != reply->code / 100)
        return;
    rest = bytes_skip(rest, 1);
    if (!take_dot(&rest) || !take_number(&rest) || !take_dot(&rest) || !take_number(&rest) ||
        (rest.len && rest.ptr[0] != ' '))
        return;
    size_t length = text->len - rest.len;
    if (length >= sizeof(reply->enhanced))
        return;
    if (!reply->enhanced[0]) {
        memcpy(reply->enhanced, text->ptr, length);
        reply->enhanced[length] = '\0';
    }
    *text = bytes_skip(rest, rest.len > 0);
}

/* How much of what stands there can be shown as it is; 0: nothing. */
static size_t printable(const struct reply_text *r, struct bytes text)
{
    if (r->utf8)
        return utf8_printable(text);
    return ascii_is_print(text.ptr[0]);
}

static void add_text(struct reply_text *r, struct bytes text)
{
    if (text.len && r->text.len && r->text.len < CLIENT_REPLY_TEXT_MAX)
        buf_add_byte(&r->text, ' ');
    while (text.len) {
        size_t length = printable(r, text), step = length ? length : 1;
        if (step > CLIENT_REPLY_TEXT_MAX - r->text.len)
            return;
        buf_add(&r->text, length ? bytes_first(text, length) : BYTES("?"));
        text = bytes_skip(text, step);
    }
}

/* "250-text" or "250 text" or "250". NONE: more lines follow. */
static enum result read_reply_line(struct client *client, struct reply_text *r, struct bytes line,
                                   struct error *error)
{
    struct client_reply *reply = r->reading->reply;
    uint64_t code;
    line = bytes_trim_end(line);
    if (line.len < 3 || !bytes_to_uint(bytes_first(line, 3), 599, &code) || code < 200 ||
        (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-'))
        return client_lose(client, error, "what the server sent is no reply");
    bool first = reply->code == 0;
    if (!first && reply->code != code)
        return client_lose(client, error, "the lines of a reply have different codes");
    reply->code = (unsigned)code;
    struct bytes text = bytes_skip(line, 4);
    if (!first && r->reading->line)
        r->reading->line(r->reading->context, text);
    if (r->reading->raw)
        *r->reading->raw = arena_copy(r->reading->arena, text);
    take_enhanced(reply, &text);
    add_text(r, text);
    return line.len > 3 && line.ptr[3] == '-' ? NONE : OK;
}

static enum result read_lines(struct client *client, struct reply_text *r, int64_t deadline,
                              struct error *error)
{
    size_t max = r->reading->line_max ? r->reading->line_max : CLIENT_REPLY_LINE_MAX;
    for (unsigned lines = 0; lines < CLIENT_REPLY_LINES_MAX; lines++) {
        struct bytes line;
        int failed = stream_read_line(client->stream, max, &line, deadline);
        if (failed)
            return client_lose_by(client, error, failed);
        enum result result = read_reply_line(client, r, line, error);
        if (result != NONE)
            return result;
    }
    return client_lose(client, error, "the server's reply has too many lines");
}

enum result client_read_reply(struct client *client, const struct client_reading *reading,
                              int64_t deadline, struct error *error)
{
    struct reply_text r = {.reading = reading, .utf8 = client->utf8};
    struct client_reply *reply = reading->reply;
    *reply = (struct client_reply){0};
    if (client->broken)
        return client_refuse_use(client, error);
    buf_init(&r.text, CLIENT_REPLY_TEXT_MAX);
    enum result result = read_lines(client, &r, deadline, error);
    if (result == OK) {
        reply->text = arena_copy(reading->arena, buf_bytes(&r.text));
        /* "Closing": whatever it was about, nothing more can be done here (rfc5321:3.8). */
        client->broken = reply->code == 421;
    } else {
        *reply = (struct client_reply){0};
    }
    buf_free(&r.text);
    return result;
}

/* ---- judging ---- */

enum result client_result(const struct client *client, const struct client_reply *reply,
                          struct error *error)
{
    if (reply->code < 400)
        return OK;
    return error_set(error, reply->code < 500 ? TEMP : PERM, "%s: %u%s%s " BYTES_FMT,
                     protocol_name(client), reply->code, reply->enhanced[0] ? " " : "",
                     reply->enhanced, BYTES_ARG(reply->text));
}

enum result client_judge(struct client *client, struct client_reply *reply, bool go_on,
                         struct error *error)
{
    if (reply->code < 400 && (reply->code >= 300) != go_on) {
        *reply = (struct client_reply){0};
        return client_lose(client, error, "the server's reply does not fit the command");
    }
    return client_result(client, reply, error);
}

enum result client_check_silence(struct client *client, const struct client_reading *reading,
                                 int64_t deadline, struct error *error)
{
    *reading->reply = (struct client_reply){0};
    if (client->broken)
        return client_refuse_use(client, error);
    if (!stream_has_input(client->stream))
        return OK;
    if (!stream_buffered(client->stream).len) {
        /* TLS has messages of its own, that are no words of the server: then there is nothing. */
        int failed = stream_fill(client->stream, 0);
        if (failed == -ETIMEDOUT)
            return OK;
        if (failed)
            return client_lose_by(client, error, failed);
    }
    int64_t patience = client_deadline(client, UNASKED_TIMEOUT);
    enum result result = client_read_reply(client, reading,
                                           patience < deadline ? patience : deadline, error);
    if (result == OK && reading->reply->code == 421)
        return client_result(client, reading->reply, error);
    *reading->reply = (struct client_reply){0};
    return result == OK ? client_lose(client, error, "the server spoke unasked") : result;
}

enum result client_converse(struct client *client, struct bytes line, int64_t deadline,
                            const struct client_reading *reading, struct error *error)
{
    enum result result = client_check_silence(client, reading, deadline, error);
    if (result != OK)
        return result;
    int failed = stream_write(client->stream, line, deadline);
    if (!failed)
        failed = stream_flush(client->stream, deadline);
    if (failed)
        return client_lose_by(client, error, failed);
    return client_read_reply(client, reading, deadline, error);
}

enum result client_command(struct client *client, struct bytes line, bool go_on, int64_t timeout,
                           const struct client_reading *reading, struct error *error)
{
    enum result result =
        client_converse(client, line, client_deadline(client, timeout), reading, error);
    return result == OK ? client_judge(client, reading->reply, go_on, error) : result;
}
