/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/dsn_private.h"

#include "base/utf8.h"
#include "message/date.h"
#include "message/header.h"
#include "message/structured.h"

/* What fits in a line with the name of its field. */
enum { VALUE_MAX = 900 };

struct bytes dsn_clip(struct bytes text, size_t max)
{
    if (text.len <= max)
        return text;
    while (max && (text.ptr[max] & 0xc0) == 0x80)
        max--;
    return bytes_first(text, max);
}

bool dsn_next_line(struct bytes *rest, struct bytes *line)
{
    if (rest->len > DSN_DIAGNOSTIC_MAX)
        *rest = dsn_clip(*rest, DSN_DIAGNOSTIC_MAX);
    while (rest->ptr && bytes_split(rest, '\n', line)) {
        *line = dsn_clip(bytes_trim(*line), DSN_DIAGNOSTIC_LINE_MAX);
        if (line->len)
            return true;
    }
    return false;
}

struct status_code dsn_status(const struct dsn_recipient *recipient)
{
    struct status_code code;
    if (status_code_parse(bytes_trim(recipient->status), &code) == OK ||
        status_code_find(recipient->diagnostic, &code) == OK)
        return code;
    static const unsigned classes[DSN_ACTIONS] = {[DSN_FAILED] = 5,
                                                  [DSN_DELAYED] = 4,
                                                  [DSN_DELIVERED] = 2,
                                                  [DSN_RELAYED] = 2,
                                                  [DSN_EXPANDED] = 2};
    return (struct status_code){.class = classes[recipient->action]};
}

/* --- Fields -------------------------------------------------------------------------------------
 */

struct fields {
    struct header_writer writer;
    struct buf *out;
    bool utf8;
};

static void begin(struct fields *f, const char *name)
{
    header_begin(&f->writer, f->out, name);
    header_space(&f->writer);
}

/* Text for a place where it may not be ASCII only in the new format. */
static void put(struct fields *f, struct bytes text, bool foldable)
{
    struct buf plain;
    text = dsn_clip(text, VALUE_MAX);
    buf_init(&plain, VALUE_MAX);
    for (size_t i = 0; i < text.len && !f->utf8; i++)
        if (text.ptr[i] < 0x80)
            buf_add_byte(&plain, text.ptr[i]);
        else if ((text.ptr[i] & 0xc0) != 0x80)
            buf_add_byte(&plain, '?');
    if (!f->utf8)
        text = buf_bytes(&plain);
    if (foldable)
        header_put_foldable(&f->writer, text);
    else
        header_put(&f->writer, text);
    buf_free(&plain);
}

static void put_field(struct fields *f, const char *name, const char *type, struct bytes value)
{
    if (bytes_trim(value).len == 0)
        return;
    begin(f, name);
    header_put(&f->writer, bytes_of(type));
    put(f, bytes_trim(value), false);
    header_end(&f->writer);
}

static void put_date(struct fields *f, const char *name, int64_t epoch, int zone)
{
    if (!epoch)
        return;
    begin(f, name);
    date_write(f->out, epoch, zone);
    header_end(&f->writer);
}

/* `type` is that of the field; a UTF-8 address is "utf-8" in any case. */
static void put_address(struct fields *f, const char *name, struct bytes type, struct bytes address)
{
    struct buf unitext;
    address = bytes_trim(address);
    bool ascii = utf8_is_ascii(address);
    buf_init(&unitext, 8 * 1024);
    begin(f, name);
    put(f, ascii ? type : BYTES("utf-8"), false);
    header_put(&f->writer, BYTES(";"));
    header_space(&f->writer);
    if (!ascii && !f->utf8) {
        unitext_write(&unitext, dsn_clip(address, 1024));
        address = bytes_first(buf_bytes(&unitext), VALUE_MAX);
    }
    put(f, address, false);
    header_end(&f->writer);
    buf_free(&unitext);
}

static bool is_atom(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!structured_is_atext(text.ptr[i]) || text.ptr[i] >= 0x80)
            return false;
    return text.len > 0 && text.len <= 64;
}

/* As the sender gave it. Without a type that can be one it is of type "unknown" (rfc3464:2.3.1). */
static void put_original(struct fields *f, struct bytes original)
{
    original = bytes_trim(original);
    size_t semicolon = bytes_find_byte(original, ';');
    struct bytes type = bytes_trim(bytes_first(original, semicolon));
    struct bytes address = bytes_trim(bytes_skip(original, semicolon + 1));
    if (original.len == 0)
        return;
    if (semicolon == BYTES_NOT_FOUND || !is_atom(type)) {
        type = BYTES("unknown");
        address = original;
    }
    struct arena *scratch = NULL;
    struct bytes plain;
    /* rfc6533:3: in the new format the escapes are undone, if that gives an address. */
    if (f->utf8 && bytes_is_nocase(type, "utf-8"))
        scratch = arena_create(64 * 1024);
    if (scratch && unitext_read(scratch, bytes_first(address, 8 * 1024), &plain) &&
        utf8_is_valid(plain) && bytes_find_byte(plain, '@') != BYTES_NOT_FOUND)
        address = plain;
    put_address(f, "Original-Recipient", type, address);
    arena_destroy(scratch);
}

static void put_diagnostic(struct fields *f, const struct dsn_recipient *recipient)
{
    struct bytes line, rest = recipient->diagnostic;
    bool first = true;
    while (dsn_next_line(&rest, &line)) {
        if (first) {
            begin(f, "Diagnostic-Code");
            header_put(&f->writer, recipient->smtp ? BYTES("smtp;") : BYTES("x-vouch;"));
            header_space(&f->writer);
        } else {
            header_fold(&f->writer); /* rfc3461:9.2 */
        }
        put(f, line, true);
        first = false;
    }
    if (!first)
        header_end(&f->writer);
}

static void put_recipient(struct fields *f, const struct dsn *dsn,
                          const struct dsn_recipient *recipient)
{
    struct status_code code = dsn_status(recipient);
    char status[32];
    struct buf text;
    buf_init(&text, sizeof(status));
    buf_printf(&text, "%u.%u.%u", code.class, code.subject, code.detail);
    put_original(f, recipient->original);
    put_address(f, "Final-Recipient", BYTES("rfc822"), recipient->final);
    put_field(f, "Action", "", bytes_of(dsn_action_name(recipient->action)));
    put_field(f, "Status", "", buf_bytes(&text));
    put_field(f, "Remote-MTA", "dns; ", recipient->remote_mta);
    put_diagnostic(f, recipient);
    put_date(f, "Last-Attempt-Date", recipient->last_attempt, dsn->zone);
    if (recipient->action == DSN_DELAYED) /* rfc3464:2.3.9 */
        put_date(f, "Will-Retry-Until", recipient->retry_until, dsn->zone);
    buf_free(&text);
}

void dsn_write_status(const struct dsn *dsn, bool utf8, struct buf *out)
{
    struct fields f = {.out = out, .utf8 = utf8};
    put_field(&f, "Original-Envelope-Id", "", dsn->envelope_id);
    put_field(&f, "Reporting-MTA", "dns; ", dsn->reporting_mta);
    put_date(&f, "Arrival-Date", dsn->arrival, dsn->zone);
    for (size_t i = 0; i < dsn->recipient_count; i++) {
        buf_add(out, BYTES("\r\n"));
        put_recipient(&f, dsn, &dsn->recipients[i]);
    }
}
