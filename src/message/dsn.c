/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/dsn_private.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "base/utf8.h"
#include "message/date.h"
#include "message/header.h"
#include "message/mailbox.h"
#include "message/quoted_printable.h"
#include "message/seven_bit.h"
#include "message/structured.h"

#include <string.h>

enum { ID_MAX = 60, PART_MAX = 16 * 1024 * 1024 };

const char *dsn_action_name(enum dsn_action action)
{
    static const char *const names[DSN_ACTIONS] = {"failed", "delayed", "delivered", "relayed",
                                                   "expanded"};
    return names[action];
}

/* --- The header
 * ----------------------------------------------------------------------------------- */

static void write_from(const struct dsn *dsn, struct buf *out)
{
    struct header_writer w;
    header_begin(&w, out, "From");
    header_space(&w);
    if (dsn->from_name.len && dsn->from_name.len <= 200 && utf8_is_ascii(dsn->from_name)) {
        header_put_quoted(&w, dsn->from_name);
        header_space(&w);
    }
    header_put(&w, BYTES("<"));
    header_put(&w, dsn->from);
    header_put(&w, BYTES(">"));
    header_end(&w);
}

static void write_to(const struct dsn *dsn, struct buf *out)
{
    struct header_writer w;
    header_begin(&w, out, "To");
    header_word(&w, BYTES("<"));
    header_put(&w, dsn->to);
    header_put(&w, BYTES(">"));
    header_end(&w);
}

/* The Message-ID that the report answers (rfc3834:3.1.6), if it looks like one. */
static struct bytes original_id(const struct message *original)
{
    const struct header_field *field = message_field(original, "Message-ID", 0);
    struct bytes none = {NULL, 0}, id = field ? bytes_trim(field->value) : none;
    if (id.len < 3 || id.len > 250 || id.ptr[0] != '<' || id.ptr[id.len - 1] != '>')
        return none;
    for (size_t i = 1; i + 1 < id.len; i++)
        if (!ascii_is_graph(id.ptr[i]) || strchr("<>()\",;:\\", id.ptr[i]))
            return none;
    return id;
}

static void write_header(const struct dsn *dsn, const struct message *original, struct buf *out)
{
    struct bytes answered = original_id(original);
    write_from(dsn, out);
    write_to(dsn, out);
    header_write(out, "Subject", bytes_of(dsn_subject(dsn)));
    buf_add(out, BYTES("Date: "));
    date_write(out, dsn->date, dsn->zone);
    buf_add(out, BYTES("\r\nMessage-ID: <"));
    buf_add(out, dsn->id);
    buf_add(out, BYTES("@"));
    buf_add(out, dsn->reporting_mta);
    buf_add(out, BYTES(">\r\n"));
    if (answered.len) {
        header_write(out, "In-Reply-To", answered);
        header_write(out, "References", answered);
    }
    /* rfc3834:5.2: reports must not call themselves auto-generated. */
    buf_add(out, BYTES("Auto-Submitted: auto-replied\r\n"
                       "MIME-Version: 1.0\r\n"
                       "Content-Type: multipart/report; report-type=delivery-status;\r\n"
                       " boundary=\"=_"));
    buf_add(out, dsn->id);
    buf_add(out, BYTES("\"\r\n\r\n"));
}

/* --- Parts
 * ---------------------------------------------------------------------------------------- */

static bool has_delimiter(struct bytes content)
{
    return bytes_starts_with(content, BYTES("--")) ||
           bytes_find(content, BYTES("\n--")) != BYTES_NOT_FOUND;
}

static void write_part(const struct dsn *dsn, const char *type, const char *description,
                       struct bytes content, struct buf *out)
{
    bool encoded = seven_bit_is_needed(content) || has_delimiter(content);
    buf_add(out, BYTES("--=_"));
    buf_add(out, dsn->id);
    buf_printf(out, "\r\nContent-Type: %s\r\nContent-Description: %s\r\n", type, description);
    if (encoded) {
        buf_add(out, BYTES("Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
        quoted_printable_write(out, content);
    } else {
        buf_add(out, BYTES("\r\n"));
        buf_add(out, content);
    }
    buf_add(out, BYTES("\r\n"));
}

/* rfc6533:4.4: the new types only where the old ones cannot say it. */
static void write_status_part(const struct dsn *dsn, struct bytes status, struct buf *out)
{
    bool ascii = utf8_is_ascii(status);
    write_part(dsn, ascii ? "message/delivery-status" : "message/global-delivery-status",
               "Details for programs", status, out);
}

/* At most DSN_HEADER_MAX octets of fields, whole. */
static struct bytes whole_fields(struct bytes header)
{
    size_t end =
        bytes_starts_with(header, BYTES("\r\n")) ? 0 : bytes_find(header, BYTES("\r\n\r\n"));
    if (end != BYTES_NOT_FOUND)
        header = bytes_first(header, end ? end + 2 : 0);
    if (header.len <= DSN_HEADER_MAX)
        return header;
    for (size_t i = DSN_HEADER_MAX; i >= 2; i--)
        if (header.ptr[i - 1] == '\n' && header.ptr[i - 2] == '\r' && !ascii_is_wsp(header.ptr[i]))
            return bytes_first(header, i);
    return bytes_first(header, 0);
}

/* Control characters become '?'; where a line is ended by something else than CRLF, too. */
static void put_safe_header(struct bytes header, struct buf *out)
{
    for (size_t i = 0; i < header.len; i++) {
        uint8_t c = header.ptr[i];
        bool line_end = (c == '\r' && i + 1 < header.len && header.ptr[i + 1] == '\n') ||
                        (c == '\n' && i && header.ptr[i - 1] == '\r');
        buf_add_byte(out, ascii_is_control(c) && c != '\t' && !line_end ? '?' : c);
    }
    if (header.len && !bytes_ends_with(header, BYTES("\r\n")))
        buf_add(out, BYTES("\r\n"));
}

static void write_header_part(const struct dsn *dsn, struct buf *out)
{
    struct buf safe;
    struct bytes header = whole_fields(dsn->header);
    buf_init(&safe, header.len + 2);
    put_safe_header(header, &safe);
    header = buf_bytes(&safe);
    bool global = dsn->smtputf8 && !utf8_is_ascii(header) && utf8_is_valid(header);
    write_part(dsn, global ? "message/global-headers" : "text/rfc822-headers",
               "Header of your message", header, out);
    buf_free(&safe);
}

static enum result write_parts(struct arena *arena, const struct dsn *dsn,
                               const struct message *original, struct buf *out)
{
    struct buf text, status;
    buf_init(&text, PART_MAX);
    buf_init(&status, PART_MAX);
    enum result result = dsn_write_text(arena, dsn, original, &text);
    dsn_write_status(dsn, dsn->smtputf8, &status);
    write_part(dsn,
               utf8_is_ascii(buf_bytes(&text)) ? "text/plain; charset=us-ascii"
                                               : "text/plain; charset=utf-8",
               "What happened", buf_bytes(&text), out);
    write_status_part(dsn, buf_bytes(&status), out);
    if (dsn->header.len)
        write_header_part(dsn, out);
    buf_add(out, BYTES("--=_"));
    buf_add(out, dsn->id);
    buf_add(out, BYTES("--\r\n"));
    if (text.failed || status.failed)
        result = TEMP;
    buf_free(&text);
    buf_free(&status);
    return result;
}

/* --- All of it
 * ------------------------------------------------------------------------------------ */

static bool is_id(struct bytes id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!ascii_is_alnum(id.ptr[i]) && id.ptr[i] != '-' && id.ptr[i] != '.')
            return false;
    /* It stands left of an "@" too. */
    return id.len <= ID_MAX && structured_is_dot_atom(id);
}

static enum result check(struct arena *arena, const struct dsn *dsn, struct error *error)
{
    struct mailbox mailbox;
    if (!is_id(dsn->id))
        return error_set(error, PERM,
                         "the notification's id is not letters, digits, dots and hyphens");
    if (!domain_is_hostname(dsn->reporting_mta))
        return error_set(error, PERM, "the reporting MTA has no host name");
    if (dsn->recipient_count == 0)
        return error_set(error, PERM, "a notification without a recipient");
    enum result result = mailbox_parse(arena, dsn->from, MAILBOX_LENIENT, &mailbox, error);
    if (result == OK)
        result = mailbox_parse(arena, dsn->to, MAILBOX_UTF8 | MAILBOX_LENIENT, &mailbox, error);
    return result;
}

enum result dsn_write(struct arena *arena, const struct dsn *dsn, struct buf *out,
                      struct error *error)
{
    struct message original;
    size_t before = out->len;
    enum result result = check(arena, dsn, error);
    if (result != OK)
        return result;
    if (message_parse(arena, whole_fields(dsn->header), &original, NULL) == TEMP)
        return error_set(error, TEMP, "no memory for a notification");
    write_header(dsn, &original, out);
    if (write_parts(arena, dsn, &original, out) == OK && !out->failed)
        return OK;
    buf_truncate(out, before);
    return error_set(error, TEMP, "no memory for a notification");
}
