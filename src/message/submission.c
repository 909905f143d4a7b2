/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/submission.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "message/date.h"
#include "message/header.h"
#include "message/seven_bit.h"

const char *submission_change_text(enum submission_change change)
{
    switch (change) {
    case SUBMISSION_DATE:
        return "Date added";
    case SUBMISSION_MESSAGE_ID:
        return "Message-ID added";
    case SUBMISSION_SENDER:
        return "Sender set";
    case SUBMISSION_BCC:
        return "Bcc removed";
    case SUBMISSION_LOOK_ALIKE:
        return "fields removed that only servers write";
    case SUBMISSION_FOLDED:
        return "long header lines folded";
    }
    return "";
}

static enum result refuse(struct submission *out, struct error *error, const char *enhanced,
                          const char *why)
{
    out->enhanced = enhanced;
    return error_set(error, PERM, "%s", why);
}

/* --- Octets -------------------------------------------------------------------------------------
 */

static bool has_bare_line_end(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '\r' && (i + 1 == text.len || text.ptr[i + 1] != '\n'))
            return true;
        if (c == '\n' && (i == 0 || text.ptr[i - 1] != '\r'))
            return true;
    }
    return false;
}

static enum result check_octets(const struct message *message, struct submission *out,
                                struct error *error)
{
    if (bytes_find_byte(message->raw, 0) != BYTES_NOT_FOUND)
        return refuse(out, error, "5.6.0", "the message holds a NUL character");
    if (has_bare_line_end(message->raw))
        return refuse(out, error, "5.6.0", "a line of the message does not end in CRLF");
    if (!utf8_is_ascii(message->header))
        out->notes |= SUBMISSION_HEADER_8BIT;
    if (!utf8_is_ascii(message->body))
        out->notes |= SUBMISSION_BODY_8BIT;
    return OK;
}

/* --- Long lines ---------------------------------------------------------------------------------
 */

/* Where the line at the start may be folded: before a blank that has text on both sides, as far
 * back as fits. 0: nowhere. */
static size_t fold_at(struct bytes line)
{
    for (size_t i = HEADER_LINE_MAX; i > 1; i--) {
        bool text_behind = bytes_trim(bytes_slice(line, i, i + HEADER_LINE_MAX)).len > 0;
        if (ascii_is_wsp(line.ptr[i]) && !ascii_is_wsp(line.ptr[i - 1]))
            return text_behind && bytes_trim(bytes_first(line, i)).len ? i : 0;
    }
    return 0;
}

/* The field with no line over the limit; false if that cannot be. `out` may be NULL. */
static bool fold_field(struct bytes raw, struct buf *out)
{
    struct bytes line, rest = bytes_first(raw, raw.len - 2 * bytes_ends_with(raw, BYTES("\r\n")));
    while (bytes_split(&rest, '\n', &line)) {
        if (rest.ptr)
            line.len--; /* the CR */
        while (line.len > HEADER_LINE_MAX) {
            size_t at = fold_at(line);
            if (!at)
                return false;
            if (out) {
                buf_add(out, bytes_first(line, at));
                buf_add(out, BYTES("\r\n"));
            }
            line = bytes_skip(line, at);
        }
        if (out) {
            buf_add(out, line);
            buf_add(out, BYTES("\r\n"));
        }
    }
    return true;
}

static bool has_long_line(struct bytes text)
{
    struct bytes line, rest = text.ptr ? text : BYTES("");
    while (bytes_split(&rest, '\n', &line))
        if (line.len > HEADER_LINE_MAX + (rest.ptr ? 1 : 0))
            return true;
    return false;
}

static enum result check_lines(const struct message *message, struct submission *out,
                               struct error *error)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct header_field *field = &message->fields[i];
        if (out->removed.removed[i] || !has_long_line(field->raw))
            continue;
        if (!fold_field(field->raw, NULL))
            return refuse(out, error, "5.6.0", "a line of the header is longer than 998 octets");
        out->changes |= SUBMISSION_FOLDED;
    }
    if (has_long_line(message->body))
        out->notes |= SUBMISSION_LONG_LINES;
    return OK;
}

/* --- Fields -------------------------------------------------------------------------------------
 */

static void remove_field(struct submission *out, size_t i)
{
    out->removed.count += !out->removed.removed[i];
    out->removed.removed[i] = true;
}

/* True if any was there. */
static bool remove_named(const struct message *message, struct submission *out, const char *name)
{
    bool found = false;
    for (const struct header_field *field = message_field(message, name, 0); field;
         field = message_field(message, name, (size_t)(field - message->fields) + 1)) {
        remove_field(out, (size_t)(field - message->fields));
        found = true;
    }
    return found;
}

/* A field with a value; those without one are removed if there is none, to be added anew. */
static bool has_value(const struct message *message, const char *name, struct bytes *value)
{
    for (const struct header_field *field = message_field(message, name, 0); field;
         field = message_field(message, name, (size_t)(field - message->fields) + 1)) {
        *value = bytes_trim(field->value);
        if (value->len)
            return true;
    }
    return false;
}

static enum result find_look_alikes(struct arena *arena, const struct message *message,
                                    const struct submission_options *options,
                                    struct submission *out, struct error *error)
{
    struct look_alike_rules rules = options->look_alikes;
    rules.final_delivery = true; /* Return-Path */
    enum result result = look_alike_find(arena, message, &rules, &out->removed, error);
    if (result != OK)
        return result;
    /* A user's mail has been delivered to nobody yet; who sends on what he got may keep them. */
    remove_named(message, out, "Delivered-To");
    if (out->removed.count)
        out->changes |= SUBMISSION_LOOK_ALIKE;
    return OK;
}

static enum result set_message_id(struct arena *arena, const struct message *message,
                                  const struct submission_options *options, struct submission *out,
                                  struct error *error)
{
    if (has_value(message, "Message-ID", &out->message_id))
        return OK;
    remove_named(message, out, "Message-ID");
    out->changes |= SUBMISSION_MESSAGE_ID;
    out->message_id = arena_printf(arena, "<" BYTES_FMT "@" BYTES_FMT ">", BYTES_ARG(options->id),
                                   BYTES_ARG(options->host));
    return out->message_id.ptr ? OK : error_set(error, TEMP, "no memory for a Message-ID");
}

static void set_date(const struct message *message, struct submission *out)
{
    struct bytes value;
    if (has_value(message, "Date", &value))
        return;
    remove_named(message, out, "Date");
    out->changes |= SUBMISSION_DATE;
}

/* rfc5322:3.6.2: several authors need a Sender. */
static enum result set_sender(const struct message *message,
                              const struct submission_options *options, struct submission *out,
                              struct error *error)
{
    if (message_field_count(message, "Sender") > 1)
        return refuse(out, error, "5.6.0", "there are several Sender fields");
    struct bytes value;
    bool needed = out->from.mailboxes.count > 1 && !has_value(message, "Sender", &value);
    if (!options->set_sender && !needed)
        return OK;
    if (options->sender.len == 0)
        return options->set_sender
                   ? OK
                   : refuse(out, error, "5.6.0", "several authors in From, and no Sender");
    remove_named(message, out, "Sender");
    out->changes |= SUBMISSION_SENDER;
    return OK;
}

static enum result check_from(struct arena *arena, const struct message *message,
                              struct submission *out, struct error *error)
{
    enum result result = from_field_read(arena, message, &out->from, error);
    if (result != OK)
        return result;
    switch (out->from.status) {
    case FROM_ABSENT:
        return refuse(out, error, "5.6.0", "the message has no From field");
    case FROM_SEVERAL_FIELDS:
        return refuse(out, error, "5.6.0", "the message has several From fields");
    case FROM_MALFORMED:
        out->enhanced = "5.6.0";
        return error_set(error, PERM, "the From field cannot be read: " BYTES_FMT,
                         BYTES_ARG(bytes_first(out->from.problem, 200)));
    default:
        if (out->from.mailboxes.count == 0)
            return refuse(out, error, "5.6.0", "the From field has no address");
    }
    return OK;
}

static void note_duplicates(const struct message *message, struct submission *out)
{
    static const char *const once[] = {"Date",
                                       "Message-ID",
                                       "Reply-To",
                                       "To",
                                       "Cc",
                                       "Subject",
                                       "In-Reply-To",
                                       "References",
                                       "MIME-Version",
                                       "Content-Type",
                                       "Content-Transfer-Encoding"};
    for (size_t i = 0; i < countof(once); i++)
        if (message_field_count(message, once[i]) > 1)
            out->notes |= SUBMISSION_DUPLICATES;
}

enum result submission_check(struct arena *arena, const struct message *message,
                             const struct submission_options *options, struct submission *out,
                             struct error *error)
{
    *out = (struct submission){.enhanced = ""};
    enum result result = check_octets(message, out, error);
    if (result == OK)
        result = find_look_alikes(arena, message, options, out, error);
    if (result == OK)
        result = check_from(arena, message, out, error);
    if (result == OK)
        result = set_sender(message, options, out, error);
    if (result == OK)
        result = set_message_id(arena, message, options, out, error);
    if (result != OK)
        return result;
    set_date(message, out);
    bool bcc = remove_named(message, out, "Bcc");
    if (remove_named(message, out, "Resent-Bcc") || bcc)
        out->changes |= SUBMISSION_BCC;
    note_duplicates(message, out);
    if (message->malformed)
        out->notes |= SUBMISSION_MALFORMED;
    return check_lines(message, out, error);
}

/* --- Writing ------------------------------------------------------------------------------------
 */

static void write_new_fields(struct buf *out, const struct submission_options *options,
                             const struct submission *submission)
{
    if (submission->changes & SUBMISSION_DATE) {
        buf_add(out, BYTES("Date: "));
        date_write(out, options->date, options->zone);
        buf_add(out, BYTES("\r\n"));
    }
    if (submission->changes & SUBMISSION_SENDER)
        header_write(out, "Sender", options->sender);
    if (submission->changes & SUBMISSION_MESSAGE_ID)
        header_write(out, "Message-ID", submission->message_id);
}

void submission_write_header(struct buf *out, const struct message *message,
                             const struct submission_options *options,
                             const struct submission *submission)
{
    write_new_fields(out, options, submission);
    if (!(submission->changes & SUBMISSION_FOLDED)) {
        look_alike_write_kept(out, message, &submission->removed);
        return;
    }
    for (size_t i = 0; i < message->field_count; i++) {
        struct bytes raw = message->fields[i].raw;
        if (submission->removed.removed[i])
            continue;
        if (has_long_line(raw)) {
            require(fold_field(raw, out));
            continue;
        }
        buf_add(out, raw);
        if (!bytes_ends_with(raw, BYTES("\r\n")))
            buf_add(out, BYTES("\r\n"));
    }
    buf_add(out, BYTES("\r\n"));
}

void submission_write(struct buf *out, const struct message *message,
                      const struct submission_options *options, const struct submission *submission)
{
    submission_write_header(out, message, options, submission);
    buf_add(out, message->body);
}
