/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/reply.h"

#include "base/ascii.h"
#include "smtp/server.h"

#include <stdio.h>
#include <string.h>

void smtp_reply_set(struct smtp_reply *reply, struct arena *arena, unsigned code,
                    const char *enhanced, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    reply->code = code;
    snprintf(reply->enhanced, sizeof(reply->enhanced), "%s", enhanced);
    /* At the arena's cap the text is empty and the writer puts a general one there. */
    reply->text = arena_vprintf(arena, format, args);
    va_end(args);
}

bool smtp_reply_is_error(const struct smtp_reply *reply)
{
    static const char *const ours[] = {"4.3.", "4.4.", "4.7.", "4.5.3"};
    if (reply->code < 400 || reply->code == 421)
        return false;
    for (size_t i = 0; reply->code < 500 && i < countof(ours); i++)
        if (!strncmp(reply->enhanced, ours[i], strlen(ours[i])))
            return false;
    return true;
}

static bool number_follows(const char **at)
{
    const char *start = *at;
    while (ascii_is_digit((uint8_t) * *at))
        (*at)++;
    return *at > start && *at - start <= 3;
}

/* class "." subject "." detail, the class as the reply's first digit (rfc2034:4, rfc3463:2). */
static bool enhanced_fits(unsigned code, const char *enhanced)
{
    if ((unsigned)(enhanced[0] - '0') != code / 100 || enhanced[1] != '.')
        return false;
    const char *at = enhanced + 2;
    if (!number_follows(&at) || *at++ != '.')
        return false;
    return number_follows(&at) && *at == '\0';
}

static void add_clean(struct buf *out, struct bytes text)
{
    uint8_t *to = buf_reserve(out, text.len);
    if (!to)
        return;
    for (size_t i = 0; i < text.len; i++)
        to[i] = ascii_is_print(text.ptr[i]) ? text.ptr[i] : '?';
    out->len += text.len;
}

static void add_line(struct buf *out, unsigned code, bool last, const char *enhanced,
                     struct bytes text)
{
    uint8_t head[4] = {(uint8_t)('0' + code / 100), (uint8_t)('0' + code / 10 % 10),
                       (uint8_t)('0' + code % 10), last ? ' ' : '-'};
    buf_add(out, bytes_from(head, sizeof(head)));
    if (enhanced[0]) {
        buf_add_string(out, enhanced);
        buf_add_byte(out, ' ');
    }
    add_clean(out, text);
    buf_add(out, BYTES("\r\n"));
}

void smtp_reply_write_line(struct buf *out, unsigned code, bool last, struct bytes text)
{
    require(code >= 200 && code <= 599);
    add_line(out, code, last, "", bytes_first(text, SMTP_REPLY_LINE_MAX - 6));
}

/* How much of `text` goes on a line with room for `room`: up to the last space that still fits. */
static size_t line_length(struct bytes text, size_t room)
{
    if (text.len <= room)
        return text.len;
    size_t space = bytes_rfind_byte(bytes_first(text, room + 1), ' ');
    return space == BYTES_NOT_FOUND || space == 0 ? room : space;
}

static struct bytes default_text(unsigned code)
{
    if (code < 400)
        return BYTES("OK");
    return code < 500 ? BYTES("Temporary failure, try again later") : BYTES("Refused");
}

void smtp_reply_write(struct buf *out, const struct smtp_reply *reply)
{
    unsigned code =
        reply->code >= 200 && reply->code <= 559 && reply->code / 10 % 10 <= 5 ? reply->code : 451;
    /* The codes are data of callers: what does not fit the reply is left out rather than sent. */
    const char *enhanced =
        enhanced_fits(code, reply->enhanced) && code / 100 != 3 ? reply->enhanced : "";
    size_t head = 4 + (enhanced[0] ? strlen(enhanced) + 1 : 0);
    size_t room = SMTP_REPLY_LINE_MAX - head - 2;
    struct bytes text = bytes_first(reply->text, SMTP_REPLY_TEXT_MAX);
    if (text.len == 0)
        text = default_text(code);
    for (;;) {
        size_t length = line_length(text, room);
        struct bytes line = bytes_first(text, length);
        text = bytes_skip(text, length);
        while (text.len && text.ptr[0] == ' ')
            text = bytes_skip(text, 1);
        add_line(out, code, text.len == 0, enhanced, line);
        if (text.len == 0)
            return;
    }
}
