/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/dsn_private.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "message/date.h"
#include "message/mime_parameter.h"

/* Recipients beyond are in the part for programs only. */
enum { DESCRIBED_MAX = 100, TEXT_COLUMNS = 72, SUBJECT_MAX = 200 };

/* --- Words --------------------------------------------------------------------------------------
 */

/* Nothing of a stranger's text may move the cursor, end the line or turn the direction. */
static void put_printable(struct buf *out, struct bytes text)
{
    while (text.len) {
        size_t length = utf8_printable(text);
        buf_add(out, length ? bytes_first(text, length) : BYTES("?"));
        text = bytes_skip(text, length ? length : 1);
    }
}

static size_t columns(struct bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += (text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static void put_indent(struct buf *out, unsigned indent)
{
    for (unsigned i = 0; i < indent; i++)
        buf_add_byte(out, ' ');
}

/* A paragraph wrapped between words, each line with that indent. */
static void put_paragraph(struct buf *out, unsigned indent, struct bytes text)
{
    struct bytes word, rest = text.ptr ? text : BYTES("");
    size_t column = 0;
    while (bytes_split(&rest, ' ', &word)) {
        word = bytes_trim(word);
        if (word.len == 0)
            continue;
        size_t width = columns(word);
        if (column && column + 1 + width > TEXT_COLUMNS) {
            buf_add(out, BYTES("\r\n"));
            column = 0;
        }
        if (column)
            buf_add_byte(out, ' ');
        else
            put_indent(out, indent);
        column = column ? column + 1 + width : indent + width;
        put_printable(out, word);
    }
    if (column)
        buf_add(out, BYTES("\r\n"));
}

static void put_line(struct buf *out, const char *text)
{
    put_paragraph(out, 0, bytes_of(text));
}

static void put_empty(struct buf *out)
{
    buf_add(out, BYTES("\r\n"));
}

/* --- The message that it is about ---------------------------------------------------------------
 */

static enum result put_original(struct arena *arena, const struct message *original,
                                struct buf *out)
{
    const struct header_field *subject = message_field(original, "Subject", 0);
    const struct header_field *date = message_field(original, "Date", 0);
    struct mime_text text = {0};
    if (subject) {
        struct bytes value = bytes_first(header_unfold(arena, subject->value), 4 * SUBJECT_MAX);
        if (!value.ptr || !mime_words_decode(arena, value, &text))
            return TEMP;
    }
    struct bytes sent =
        date ? bytes_first(header_unfold(arena, date->value), 80) : (struct bytes){0};
    if (date && !sent.ptr)
        return TEMP;
    buf_add(out, BYTES("Your message"));
    if (!text.octets.len && !sent.len) {
        put_empty(out);
        put_empty(out);
        return OK;
    }
    put_empty(out);
    put_empty(out);
    if (text.octets.len) {
        buf_add(out, BYTES("    Subject: "));
        put_printable(out, dsn_clip(text.octets, SUBJECT_MAX));
        put_empty(out);
    }
    if (sent.len) {
        buf_add(out, BYTES("    Sent:    "));
        put_printable(out, sent);
        put_empty(out);
    }
    put_empty(out);
    return OK;
}

/* --- Recipients ----------------------------------------------------------------------------------
 */

static void put_date(struct buf *out, const char *before, int64_t epoch, int zone)
{
    struct buf date;
    buf_init(&date, 256);
    buf_add_string(&date, before);
    date_write(&date, epoch, zone);
    buf_add_byte(&date, '.');
    put_paragraph(out, 4, buf_bytes(&date));
    buf_free(&date);
}

/* The server's own words, as they are: a person who can read them is often nearby. */
static void put_diagnostic(const struct dsn_recipient *recipient, struct buf *out)
{
    struct bytes line, rest = recipient->diagnostic;
    if (bytes_trim(rest).len == 0)
        return;
    put_empty(out);
    if (recipient->smtp && recipient->remote_mta.len) {
        buf_add(out, BYTES("    The server "));
        put_printable(out, dsn_clip(recipient->remote_mta, 255));
        buf_add(out, BYTES(" said:\r\n"));
    } else {
        buf_add_string(out, recipient->smtp ? "    The server said:\r\n" : "    In detail:\r\n");
    }
    put_empty(out);
    while (dsn_next_line(&rest, &line))
        put_paragraph(out, 8, line);
}

static void put_recipient(const struct dsn *dsn, const struct dsn_recipient *recipient,
                          struct buf *out)
{
    struct status_code code = dsn_status(recipient);
    struct status_meaning meaning = status_code_meaning(code);
    buf_add(out, BYTES("  <"));
    put_printable(out, dsn_clip(recipient->final, 600));
    buf_add(out, BYTES(">\r\n"));
    bool failed = recipient->action == DSN_FAILED;
    if (failed || recipient->action == DSN_DELAYED) {
        if (code.class != 2)
            put_paragraph(out, 4, bytes_of(meaning.sentence));
        if (failed && code.class == 4 && recipient->last_attempt)
            put_date(out, "It was tried again and again, at last on ", recipient->last_attempt,
                     dsn->zone);
        if (failed && code.class != 2)
            put_paragraph(out, 4, bytes_of(meaning.advice));
        if (!failed && recipient->retry_until)
            put_date(out, "It will be tried again until ", recipient->retry_until, dsn->zone);
        put_diagnostic(recipient, out);
    }
    put_empty(out);
}

static const char *const heads[DSN_ACTIONS][2] = {
    [DSN_FAILED] = {"could not be delivered to this recipient:",
                    "could not be delivered to these recipients:"},
    [DSN_DELAYED] = {"has not been delivered to this recipient yet:",
                     "has not been delivered to these recipients yet:"},
    [DSN_DELIVERED] = {"was delivered to this recipient:", "was delivered to these recipients:"},
    [DSN_RELAYED] =
        {"was handed over for this recipient, to a mail system that does not report what "
         "becomes of it:",
         "was handed over for these recipients, to mail systems that do not report what "
         "becomes of it:"},
    [DSN_EXPANDED] = {"was passed on to all whom this address stands for:",
                      "was passed on to all whom these addresses stand for:"},
};

static const char *const tails[DSN_ACTIONS] = {
    [DSN_FAILED] =
        "It will not be tried again. If the message still matters, send it once more when "
        "the reason is gone.",
    [DSN_DELAYED] =
        "You need not do anything: this is only a warning. The message need not be sent "
        "again. You will hear from us if it cannot be delivered in the end.",
};

static void put_action(const struct dsn *dsn, enum dsn_action action, size_t *left, bool *again,
                       struct buf *out)
{
    size_t count = 0;
    for (size_t i = 0; i < dsn->recipient_count; i++)
        count += dsn->recipients[i].action == action;
    if (!count)
        return;
    struct buf head;
    buf_init(&head, 256);
    buf_add_string(&head, *again ? "It " : "");
    buf_add_string(&head, heads[action][count > 1]);
    put_paragraph(out, 0, buf_bytes(&head));
    buf_free(&head);
    put_empty(out);
    *again = true;
    for (size_t i = 0; i < dsn->recipient_count && *left; i++) {
        if (dsn->recipients[i].action != action)
            continue;
        put_recipient(dsn, &dsn->recipients[i], out);
        (*left)--;
        count--;
    }
    if (count) {
        buf_printf(out, "  and %zu more, which the details below name.\r\n", count);
        put_empty(out);
    }
    if (tails[action]) {
        put_line(out, tails[action]);
        put_empty(out);
    }
}

const char *dsn_subject(const struct dsn *dsn)
{
    size_t counts[DSN_ACTIONS] = {0};
    for (size_t i = 0; i < dsn->recipient_count; i++)
        counts[dsn->recipients[i].action]++;
    if (counts[DSN_FAILED] == dsn->recipient_count)
        return "Your message was not delivered";
    if (counts[DSN_FAILED])
        return "Your message was not delivered to everyone";
    if (counts[DSN_DELAYED])
        return "Your message is delayed";
    if (counts[DSN_RELAYED])
        return "Your message was handed over";
    return "Your message was delivered";
}

enum result dsn_write_text(struct arena *arena, const struct dsn *dsn,
                           const struct message *original, struct buf *out)
{
    size_t left = DESCRIBED_MAX;
    bool again = false;
    buf_add(out, BYTES("This is an automatic message from the mail system of\r\n"));
    put_printable(out, dsn->reporting_mta);
    buf_add(out, BYTES(".\r\n\r\n"));
    if (put_original(arena, original, out) != OK)
        return TEMP;
    for (int action = 0; action < DSN_ACTIONS; action++)
        put_action(dsn, (enum dsn_action)action, &left, &again, out);
    put_line(out, "Below are the details in a form for programs, and the header of your message. "
                  "The postmaster will want to see them if you ask for help.");
    return OK;
}
