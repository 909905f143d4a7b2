/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/lmtp.h"

#include "base/ascii.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_MAX_OCTETS = 2048, /* rfc5321:4.5.3.1.5 says 512; some servers write more */
    REPLY_LINES_MAX = 128,
    TEXT_MAX = 1024, /* kept of a reply */
    COMMAND_MAX = 1024 + 256
};
#define QUIT_TIMEOUT (2 * SECOND)

struct lmtp {
    struct stream *stream;
    struct lmtp_timeouts timeouts;
    struct lmtp_extensions extensions;
    size_t recipients;
    bool broken;
    bool in_transaction;
};

/* One reply while it is read. */
struct reading {
    struct lmtp_reply *reply;
    struct buf text;
    /* Called for each line behind the first (LHLO's keywords); may be NULL. */
    void (*line)(struct lmtp *lmtp, struct bytes text);
};

static enum result lose(struct lmtp *lmtp, struct error *error, const char *what)
{
    lmtp->broken = true;
    return error_set(error, TEMP, "LMTP: %s", what);
}

static enum result lose_by(struct lmtp *lmtp, struct error *error, int failed)
{
    if (failed == -ETIMEDOUT)
        return lose(lmtp, error, "time-out");
    if (failed == -ECANCELED)
        return lose(lmtp, error, "cancelled");
    if (failed == -EMSGSIZE || failed == -ENOBUFS)
        return lose(lmtp, error, "the server's line is too long");
    return lose(lmtp, error, failed == -EPIPE ? "the server hung up" : strerror(-failed));
}

/* ---- replies ---- */

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

/* "5.1.1 text": takes the code off if there is one of the reply's class. */
static void take_enhanced(struct lmtp_reply *reply, struct bytes *text)
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
    memcpy(reply->enhanced, text->ptr, length);
    reply->enhanced[length] = '\0';
    *text = bytes_skip(rest, rest.len > 0);
}

static void add_text(struct buf *to, struct bytes text)
{
    if (to->len && to->len < TEXT_MAX)
        buf_add_byte(to, ' ');
    text = bytes_first(text, TEXT_MAX - (to->len < TEXT_MAX ? to->len : TEXT_MAX));
    for (size_t i = 0; i < text.len; i++)
        buf_add_byte(to, ascii_is_print(text.ptr[i]) ? text.ptr[i] : '?');
}

/* "250-text" or "250 text" or "250". NONE: more lines follow. */
static enum result read_reply_line(struct lmtp *lmtp, struct reading *r, struct bytes line,
                                   struct error *error)
{
    line = bytes_trim_end(line);
    uint64_t code;
    if (line.len < 3 || !bytes_to_uint(bytes_first(line, 3), 599, &code) || code < 200 ||
        (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-'))
        return lose(lmtp, error, "what the server sent is no reply");
    bool first = r->reply->code == 0;
    if (!first && r->reply->code != code)
        return lose(lmtp, error, "the lines of a reply have different codes");
    r->reply->code = (unsigned)code;
    struct bytes text = bytes_skip(line, 4);
    if (!first && r->line)
        r->line(lmtp, text);
    take_enhanced(r->reply, &text);
    add_text(&r->text, text);
    return line.len > 3 && line.ptr[3] == '-' ? NONE : OK;
}

static enum result read_lines(struct lmtp *lmtp, struct reading *r, int64_t deadline,
                              struct error *error)
{
    for (unsigned lines = 0; lines < REPLY_LINES_MAX; lines++) {
        struct bytes line;
        int failed = stream_read_line(lmtp->stream, LINE_MAX_OCTETS, &line, deadline);
        if (failed)
            return lose_by(lmtp, error, failed);
        enum result result = read_reply_line(lmtp, r, line, error);
        if (result != NONE)
            return result;
    }
    return lose(lmtp, error, "the server's reply has too many lines");
}

/* A whole reply. OK when there is one, whatever it says. */
static enum result read_reply(struct lmtp *lmtp, struct arena *arena, struct lmtp_reply *reply,
                              void (*line)(struct lmtp *, struct bytes), int64_t deadline,
                              struct error *error)
{
    *reply = (struct lmtp_reply){0};
    struct reading r = {.reply = reply, .line = line};
    buf_init(&r.text, TEXT_MAX + 2);
    enum result result = read_lines(lmtp, &r, deadline, error);
    if (result == OK) {
        reply->text = arena_copy(arena, buf_bytes(&r.text));
        /* "Closing": whatever it was about, nothing more can be done here (rfc5321:3.8). */
        lmtp->broken = reply->code == 421;
    } else {
        *reply = (struct lmtp_reply){0};
    }
    buf_free(&r.text);
    return result;
}

static enum result result_of(const struct lmtp_reply *reply, struct error *error)
{
    if (reply->code < 400)
        return OK;
    return error_set(error, reply->code < 500 ? TEMP : PERM, "LMTP: %u%s%s " BYTES_FMT, reply->code,
                     reply->enhanced[0] ? " " : "", reply->enhanced, BYTES_ARG(reply->text));
}

/* ---- commands ---- */

/* A reply of 2xx (or 3xx where `go_on`) is good; what must not come here at all breaks off. */
static enum result command(struct lmtp *lmtp, struct bytes line, struct arena *arena,
                           struct lmtp_reply *reply, void (*on_line)(struct lmtp *, struct bytes),
                           bool go_on, struct error *error)
{
    *reply = (struct lmtp_reply){0};
    if (lmtp->broken)
        return error_set(error, TEMP, "LMTP: the connection is of no use any more");
    /* Anything said unasked (a 421 after a while, or nonsense) would be taken for the answer. */
    if (stream_buffered(lmtp->stream).len && line.len)
        return lose(lmtp, error, "the server spoke unasked");
    int64_t deadline = loop_deadline(lmtp->timeouts.command);
    int failed = stream_write(lmtp->stream, line, deadline);
    if (!failed)
        failed = stream_flush(lmtp->stream, deadline);
    if (failed)
        return lose_by(lmtp, error, failed);
    enum result result = read_reply(lmtp, arena, reply, on_line, deadline, error);
    if (result != OK)
        return result;
    if (reply->code < 400 && (reply->code >= 300) != go_on)
        return lose(lmtp, error, "the server's reply does not fit the command");
    return result_of(reply, error);
}

static enum result printf_command(struct lmtp *lmtp, struct arena *arena, struct lmtp_reply *reply,
                                  void (*on_line)(struct lmtp *, struct bytes), struct error *error,
                                  const char *format, ...) printf_like(6, 7);
static enum result printf_command(struct lmtp *lmtp, struct arena *arena, struct lmtp_reply *reply,
                                  void (*on_line)(struct lmtp *, struct bytes), struct error *error,
                                  const char *format, ...)
{
    struct buf line;
    buf_init(&line, COMMAND_MAX);
    va_list args;
    va_start(args, format);
    buf_vprintf(&line, format, args);
    va_end(args);
    enum result result = line.failed
                             ? error_set(error, PERM, "LMTP: the command is too long")
                             : command(lmtp, buf_bytes(&line), arena, reply, on_line, false, error);
    buf_free(&line);
    return result;
}

/* A line of LHLO's reply. */
static void on_extension(struct lmtp *lmtp, struct bytes text)
{
    struct bytes word;
    if (!bytes_split(&text, ' ', &word))
        return;
    struct lmtp_extensions *e = &lmtp->extensions;
    if (bytes_is_nocase(word, "SIZE")) {
        e->size = true;
        if (bytes_split(&text, ' ', &word) && !bytes_to_uint(word, UINT64_MAX, &e->size_max))
            e->size_max = 0;
    } else if (bytes_is_nocase(word, "8BITMIME")) {
        e->eight_bit = true;
    } else if (bytes_is_nocase(word, "SMTPUTF8")) {
        e->smtputf8 = true;
    } else if (bytes_is_nocase(word, "PIPELINING")) {
        e->pipelining = true;
    }
}

static enum result greet(struct lmtp *lmtp, const char *hostname, struct arena *arena,
                         struct lmtp_reply *reply, struct error *error)
{
    enum result result =
        read_reply(lmtp, arena, reply, NULL, loop_deadline(lmtp->timeouts.command), error);
    if (result == OK)
        result = result_of(reply, error);
    if (result == OK && reply->code != 220)
        result = lose(lmtp, error, "the server's greeting is none");
    if (result != OK)
        return result;
    return printf_command(lmtp, arena, reply, on_extension, error, "LHLO %s\r\n", hostname);
}

enum result lmtp_open(struct transport *transport, const char *hostname,
                      const struct lmtp_timeouts *timeouts, struct arena *arena, struct lmtp **out,
                      struct lmtp_reply *reply, struct error *error)
{
    *reply = (struct lmtp_reply){0};
    struct lmtp *lmtp = calloc(1, sizeof(*lmtp));
    struct stream *stream = lmtp ? stream_create(transport) : NULL;
    if (!stream) {
        free(lmtp);
        transport->operations->close(transport);
        return error_set(error, TEMP, "LMTP: out of memory");
    }
    lmtp->stream = stream;
    lmtp->timeouts = *timeouts;
    enum result result = greet(lmtp, hostname, arena, reply, error);
    if (result != OK) {
        lmtp_close(lmtp);
        return result;
    }
    *out = lmtp;
    return OK;
}

const struct lmtp_extensions *lmtp_extensions(const struct lmtp *lmtp)
{
    return &lmtp->extensions;
}

/* An address goes into a command line: nothing in it may end the path or the line. */
static bool is_safe_mailbox(struct bytes mailbox)
{
    bool quoted = false;
    for (size_t i = 0; i < mailbox.len; i++) {
        uint8_t c = mailbox.ptr[i];
        if (ascii_is_control(c))
            return false;
        if (quoted && c == '\\' && i + 1 < mailbox.len && !ascii_is_control(mailbox.ptr[i + 1]))
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ' ' || c == '<' || c == '>' || c == '\\'))
            return false;
    }
    return !quoted;
}

static enum result check_mailbox(const struct lmtp *lmtp, struct bytes mailbox, struct error *error)
{
    if (mailbox.len > 1024 || !is_safe_mailbox(mailbox))
        return error_set(error, PERM, "LMTP: the address cannot be sent");
    if (!utf8_is_ascii(mailbox) && !lmtp->extensions.smtputf8)
        return error_set(error, PERM, "LMTP: the server takes no UTF-8 addresses");
    return OK;
}

enum result lmtp_mail(struct lmtp *lmtp, const struct lmtp_envelope *envelope, struct arena *arena,
                      struct lmtp_reply *reply, struct error *error)
{
    const struct lmtp_extensions *e = &lmtp->extensions;
    *reply = (struct lmtp_reply){0};
    enum result result = check_mailbox(lmtp, envelope->sender, error);
    if (result != OK)
        return result;
    if (envelope->smtputf8 && !e->smtputf8)
        return error_set(error, PERM, "LMTP: the server does not offer SMTPUTF8");
    if (e->size_max && envelope->size > e->size_max)
        return error_set(error, PERM, "LMTP: the message is larger than the server takes");
    if (lmtp->in_transaction) {
        result = lmtp_reset(lmtp, arena, error);
        if (result != OK)
            return result;
    }
    char size[32] = "";
    if (e->size && envelope->size)
        snprintf(size, sizeof(size), " SIZE=%llu", (unsigned long long)envelope->size);
    lmtp->recipients = 0;
    result = printf_command(lmtp, arena, reply, NULL, error, "MAIL FROM:<" BYTES_FMT ">%s%s%s\r\n",
                            BYTES_ARG(envelope->sender), size,
                            envelope->eight_bit && e->eight_bit ? " BODY=8BITMIME" : "",
                            envelope->smtputf8 ? " SMTPUTF8" : "");
    lmtp->in_transaction = result == OK;
    return result;
}

enum result lmtp_recipient(struct lmtp *lmtp, struct bytes mailbox, struct arena *arena,
                           struct lmtp_reply *reply, struct error *error)
{
    *reply = (struct lmtp_reply){0};
    enum result result = check_mailbox(lmtp, mailbox, error);
    if (result != OK)
        return result;
    result = printf_command(lmtp, arena, reply, NULL, error, "RCPT TO:<" BYTES_FMT ">\r\n",
                            BYTES_ARG(mailbox));
    if (result == OK)
        lmtp->recipients++;
    return result;
}

size_t lmtp_recipient_count(const struct lmtp *lmtp)
{
    return lmtp->recipients;
}

/* ---- content ---- */

/* Where a line begins, so that dots are stuffed across parts too. */
struct stuffing {
    bool line_start;
    uint8_t last[2];
};

static int write_part(struct lmtp *lmtp, struct stuffing *stuffing, struct bytes part)
{
    int64_t deadline;
    int failed = 0;
    while (part.len && !failed) {
        deadline = loop_deadline(lmtp->timeouts.data);
        if (stuffing->line_start && part.ptr[0] == '.')
            failed = stream_write(lmtp->stream, BYTES("."), deadline);
        size_t lf = bytes_find_byte(part, '\n');
        struct bytes line = bytes_first(part, lf == BYTES_NOT_FOUND ? part.len : lf + 1);
        if (!failed)
            failed = stream_write(lmtp->stream, line, deadline);
        for (size_t i = line.len > 2 ? line.len - 2 : 0; i < line.len; i++) {
            stuffing->last[0] = stuffing->last[1];
            stuffing->last[1] = line.ptr[i];
        }
        stuffing->line_start = lf != BYTES_NOT_FOUND;
        part = bytes_skip(part, line.len);
    }
    return failed;
}

static enum result write_content(struct lmtp *lmtp, const struct bytes *parts, size_t count,
                                 struct error *error)
{
    struct stuffing stuffing = {.line_start = true, .last = {'\r', '\n'}};
    int failed = 0;
    for (size_t i = 0; i < count && !failed; i++)
        failed = write_part(lmtp, &stuffing, parts[i]);
    bool ended = stuffing.last[0] == '\r' && stuffing.last[1] == '\n';
    int64_t deadline = loop_deadline(lmtp->timeouts.data);
    if (!failed)
        failed = stream_write(lmtp->stream, ended ? BYTES(".\r\n") : BYTES("\r\n.\r\n"), deadline);
    if (!failed)
        failed = stream_flush(lmtp->stream, deadline);
    return failed ? lose_by(lmtp, error, failed) : OK;
}

/* Bare CR or LF would be read by the server as it likes: none is ever sent (smuggling). */
static bool has_bare_line_end(const struct bytes *parts, size_t count)
{
    uint8_t before = 0;
    for (size_t i = 0; i < count; i++) {
        struct bytes rest = parts[i];
        while (rest.len) {
            if (before == '\r' && rest.ptr[0] != '\n')
                return true;
            size_t cr = bytes_find_byte(rest, '\r');
            struct bytes text = bytes_first(rest, cr);
            if (before == '\r')
                text = bytes_skip(text, 1);
            if (bytes_find_byte(text, '\n') != BYTES_NOT_FOUND)
                return true;
            before = cr == BYTES_NOT_FOUND ? 0 : '\r';
            rest = bytes_skip(rest, cr == BYTES_NOT_FOUND ? rest.len : cr + 1);
        }
    }
    return before == '\r';
}

static enum result read_final_replies(struct lmtp *lmtp, size_t count, struct arena *arena,
                                      struct lmtp_reply *replies, struct error *error)
{
    int64_t deadline = loop_deadline(lmtp->timeouts.finish);
    for (size_t i = 0; i < count; i++) {
        enum result result = lmtp->broken
                                 ? error_set(error, TEMP, "LMTP: the server is closing")
                                 : read_reply(lmtp, arena, &replies[i], NULL, deadline, error);
        if (result == OK && replies[i].code >= 300 && replies[i].code < 400) {
            replies[i] = (struct lmtp_reply){0};
            result = lose(lmtp, error, "the server's reply does not fit the end of data");
        }
        if (result != OK)
            return result;
    }
    return OK;
}

static enum result run_data(struct lmtp *lmtp, const struct bytes *parts, size_t part_count,
                            size_t count, struct arena *arena, struct lmtp_reply *replies,
                            struct error *error)
{
    struct lmtp_reply refused;
    enum result result = command(lmtp, BYTES("DATA\r\n"), arena, &refused, NULL, true, error);
    if (result != OK) {
        for (size_t i = 0; i < count; i++)
            replies[i] = refused;
        return result;
    }
    lmtp->in_transaction = false;
    result = write_content(lmtp, parts, part_count, error);
    if (result == OK)
        result = read_final_replies(lmtp, count, arena, replies, error);
    return result;
}

enum result lmtp_send(struct lmtp *lmtp, const struct bytes *parts, size_t part_count,
                      struct arena *arena, struct lmtp_reply *replies, struct error *error)
{
    size_t count = lmtp->recipients;
    for (size_t i = 0; i < count; i++)
        replies[i] = (struct lmtp_reply){0};
    if (!count)
        return error_set(error, PERM, "LMTP: no recipient was taken");
    if (has_bare_line_end(parts, part_count))
        return error_set(error, PERM, "LMTP: bare CR or LF in the message");
    enum result result = run_data(lmtp, parts, part_count, count, arena, replies, error);
    lmtp->recipients = 0;
    return result;
}

enum result lmtp_reset(struct lmtp *lmtp, struct arena *arena, struct error *error)
{
    struct lmtp_reply reply;
    lmtp->recipients = 0;
    lmtp->in_transaction = false;
    return command(lmtp, BYTES("RSET\r\n"), arena, &reply, NULL, false, error);
}

bool lmtp_is_usable(struct lmtp *lmtp)
{
    /* Whatever comes unasked is the end: a 421, or the end itself. */
    if (!lmtp->broken && stream_has_input(lmtp->stream))
        lmtp->broken = true;
    return !lmtp->broken;
}

void lmtp_close(struct lmtp *lmtp)
{
    if (!lmtp)
        return;
    if (!lmtp->broken) {
        fiber_shield();
        int64_t deadline = loop_deadline(QUIT_TIMEOUT);
        if (!stream_write(lmtp->stream, BYTES("QUIT\r\n"), deadline))
            (void)!stream_flush(lmtp->stream, deadline);
        fiber_unshield();
    }
    stream_close(lmtp->stream);
    free(lmtp);
}
