/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/dsn_private.h"

#include "base/ascii.h"
#include "message/date.h"
#include "message/mime.h"
#include "message/structured.h"

const char *message_report_name(enum message_report kind)
{
    static const char *const names[] = {"none", "delivery", "disposition", "feedback"};
    return names[kind];
}

/* --- Fields -------------------------------------------------------------------------------------
 */

/* The value of the first field of that name, unfolded; empty if there is none. False at the cap. */
static bool read_field(struct arena *arena, const struct message *group, const char *name,
                       struct bytes *out)
{
    const struct header_field *field = message_field(group, name, 0);
    *out = (struct bytes){NULL, 0};
    if (!field)
        return true;
    *out = header_unfold(arena, field->value);
    return out->ptr != NULL;
}

/* "type; value": the part behind the semicolon, or all if there is none. */
static struct bytes behind_type(struct bytes value, struct bytes *type)
{
    size_t semicolon = bytes_find_byte(value, ';');
    bool typed = semicolon != BYTES_NOT_FOUND;
    *type = typed ? bytes_trim(bytes_first(value, semicolon)) : (struct bytes){NULL, 0};
    return typed ? bytes_trim(bytes_skip(value, semicolon + 1)) : value;
}

/* The first word, without what follows in comments. */
static struct bytes first_word(struct bytes value)
{
    struct cursor c = cursor_over(value);
    structured_skip(&c, NULL);
    return cursor_take_while(&c, ascii_is_graph);
}

static struct bytes only_word(struct bytes value)
{
    struct bytes word = first_word(value);
    return bytes_first(word, bytes_find_byte(word, '('));
}

/* Many write angle brackets, which the type "rfc822" does not have. */
static bool read_recipient_address(struct arena *arena, struct bytes value, struct bytes *out)
{
    struct bytes type, address = behind_type(value, &type);
    if (address.len > 2 && address.ptr[0] == '<' && address.ptr[address.len - 1] == '>')
        address = bytes_trim(bytes_slice(address, 1, address.len - 1));
    *out = address;
    return !bytes_is_nocase(type, "utf-8") || unitext_read(arena, address, out);
}

static int64_t read_date(struct bytes value)
{
    struct date date;
    return value.len && date_parse(value, &date, NULL) == OK ? date.epoch : 0;
}

static bool read_action(struct bytes value, enum dsn_action *out)
{
    struct bytes word = only_word(value);
    for (int action = 0; action < DSN_ACTIONS; action++)
        if (bytes_is_nocase(word, dsn_action_name((enum dsn_action)action))) {
            *out = (enum dsn_action)action;
            return true;
        }
    return false;
}

/* NONE: it names no recipient, or no action. */
static enum result read_recipient(struct arena *arena, const struct message *group,
                                  struct dsn_recipient *out)
{
    struct bytes final, action, original, status, diagnostic, remote, last, until, type;
    if (!message_field(group, "Final-Recipient", 0))
        return NONE;
    if (!read_field(arena, group, "Final-Recipient", &final) ||
        !read_field(arena, group, "Original-Recipient", &original) ||
        !read_field(arena, group, "Action", &action) ||
        !read_field(arena, group, "Status", &status) ||
        !read_field(arena, group, "Diagnostic-Code", &diagnostic) ||
        !read_field(arena, group, "Remote-MTA", &remote) ||
        !read_field(arena, group, "Last-Attempt-Date", &last) ||
        !read_field(arena, group, "Will-Retry-Until", &until))
        return TEMP;
    *out = (struct dsn_recipient){.original = original,
                                  .status = only_word(status),
                                  .last_attempt = read_date(last),
                                  .retry_until = read_date(until)};
    if (!read_recipient_address(arena, final, &out->final))
        return TEMP;
    out->diagnostic = behind_type(diagnostic, &type);
    out->smtp = bytes_is_nocase(type, "smtp");
    out->remote_mta = behind_type(remote, &type);
    return out->final.len && read_action(action, &out->action) ? OK : NONE;
}

/* --- Groups -------------------------------------------------------------------------------------
 */

/* The next group of fields; empty lines before it are passed over. */
static bool next_group(struct bytes *rest, struct bytes *group)
{
    while (bytes_starts_with(*rest, BYTES("\r\n")))
        *rest = bytes_skip(*rest, 2);
    if (rest->len == 0)
        return false;
    size_t end = bytes_find(*rest, BYTES("\r\n\r\n"));
    *group = end == BYTES_NOT_FOUND ? *rest : bytes_first(*rest, end + 2);
    *rest = bytes_skip(*rest, group->len);
    return true;
}

static enum result read_message_fields(struct arena *arena, const struct message *group,
                                       struct dsn *out)
{
    struct bytes arrival, reporting, type;
    if (!read_field(arena, group, "Arrival-Date", &arrival) ||
        !read_field(arena, group, "Reporting-MTA", &reporting) ||
        !read_field(arena, group, "Original-Envelope-Id", &out->envelope_id))
        return TEMP;
    out->reporting_mta = behind_type(reporting, &type);
    out->arrival = read_date(arrival);
    return OK;
}

/* The text of a message/delivery-status part. One large allocation, so that groups cost no copying.
 */
static enum result read_groups(struct arena *arena, struct bytes text, struct dsn *out)
{
    struct bytes group;
    struct message fields;
    size_t count = 0;
    for (struct bytes rest = text; count < DSN_RECIPIENTS_MAX && next_group(&rest, &group);)
        count++;
    out->recipients = arena_alloc_array(arena, count, sizeof(*out->recipients));
    if (!out->recipients)
        return TEMP;
    for (bool first = true; count-- && next_group(&text, &group); first = false) {
        enum result result = message_parse(arena, group, &fields, NULL);
        if (result == PERM)
            continue;
        if (result == OK && first)
            result = read_message_fields(arena, &fields, out);
        if (result == OK)
            result = read_recipient(arena, &fields, &out->recipients[out->recipient_count]);
        if (result == TEMP)
            return TEMP;
        out->recipient_count += result == OK;
    }
    return OK;
}

/* --- Parts --------------------------------------------------------------------------------------
 */

/* The decoded content of a part, in the arena if it was encoded. */
static enum result part_content(struct arena *arena, const struct mime_part *part,
                                struct bytes *out)
{
    *out = part->body;
    if (part->encoding != MIME_BASE64 && part->encoding != MIME_QUOTED_PRINTABLE)
        return OK;
    struct buf decoded;
    buf_init(&decoded, part->body.len + 16);
    mime_part_decode(part, &decoded);
    /* In base64 the line ends can be of any kind. */
    *out = message_normalize(arena, buf_bytes(&decoded));
    bool failed = decoded.failed || !out->ptr;
    buf_free(&decoded);
    return failed ? TEMP : OK;
}

static const struct mime_part *child_of(const struct mime_part *root, const char *type,
                                        const char *subtype, const char *other)
{
    for (const struct mime_part *part = root->first_child; part; part = part->next)
        if (mime_is(part, type, subtype) || mime_is(part, "message", other))
            return part;
    return NULL;
}

/* The header of the message that came back, in whatever form. */
static enum result read_returned(struct arena *arena, const struct mime_part *root, struct dsn *out)
{
    const struct mime_part *part = child_of(root, "text", "rfc822-headers", "global-headers");
    if (part)
        return part_content(arena, part, &out->header);
    part = child_of(root, "message", "rfc822", "global");
    if (part && part->kind == MIME_MESSAGE)
        out->header = part->first_child->header;
    return OK;
}

static enum result read_report(struct arena *arena, const struct mime_part *root, struct dsn *out)
{
    struct bytes text;
    const struct mime_part *part =
        child_of(root, "message", "delivery-status", "global-delivery-status");
    if (!part || !bytes_is_nocase(mime_type_parameter(root, "report-type"), "delivery-status"))
        return NONE;
    if (part_content(arena, part, &text) != OK || read_groups(arena, text, out) != OK ||
        read_returned(arena, root, out) != OK)
        return TEMP;
    return out->recipient_count ? OK : NONE;
}

enum result dsn_read(struct arena *arena, const struct message *message, struct dsn *out,
                     struct error *error)
{
    struct mime mime;
    *out = (struct dsn){0};
    enum result result = mime_parse(arena, message, NULL, &mime, error);
    if (result != OK)
        return result;
    if (!mime_is(mime.root, "multipart", "report"))
        return NONE;
    result = read_report(arena, mime.root, out);
    if (result == TEMP)
        return error_set(error, TEMP, "no memory for a delivery report");
    return result;
}

static bool is_report(const struct mime_part *root, const char *type, const char *global)
{
    return bytes_is_nocase(mime_type_parameter(root, "report-type"), type) &&
           child_of(root, "message", type, global);
}

enum result message_report_read(struct arena *arena, const struct message *message,
                                enum message_report *out, struct error *error)
{
    struct mime mime;
    struct dsn dsn = {0};
    *out = REPORT_NONE;
    enum result result = mime_parse(arena, message, NULL, &mime, error);
    if (result != OK || !mime_is(mime.root, "multipart", "report"))
        return result;
    if (is_report(mime.root, "disposition-notification", "global-disposition-notification"))
        *out = REPORT_DISPOSITION;
    else if (is_report(mime.root, "feedback-report", "feedback-report"))
        *out = REPORT_FEEDBACK;
    else if ((result = read_report(arena, mime.root, &dsn)) == OK)
        *out = REPORT_DELIVERY;
    return result == TEMP ? error_set(error, TEMP, "no memory for a report") : OK;
}
