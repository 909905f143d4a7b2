/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/original.h"

#include "base/ascii.h"
#include "message/received.h"
#include "roles/digest.h"

enum { BODY_DIGESTED = 64 * 1024, RECEIVED_LOOKED_AT = 10, ID_MAX = 64 };

/* Put there by mailboxes and filters, ours among them: they would tell the filter its own opinion. */
static bool is_mark(struct bytes name)
{
    static const char *const names[] = {"Return-Path",     "Delivered-To", "X-Original-To", "X-Spam-Status",
                                        "X-Spam-Flag",     "X-Spam-Level", "X-Spam-Score",  "X-Vouch-Verdict",
                                        "X-Vouch-Reason",  "X-Vouch-Evidence", "X-Vouch-Score",
                                        "X-Vouch-Confidence", "X-UID", "X-Keywords", "Status", "X-Status"};
    for (size_t i = 0; i < countof(names); i++)
        if (bytes_is_nocase(name, names[i]))
            return true;
    return false;
}

/* How many fields from the top are not the sender's: those down to the last Received of ours. */
static size_t added_fields(struct arena *arena, const struct message *message, struct bytes hostname)
{
    size_t added = 0, seen = 0;
    for (size_t i = 0; i < message->field_count && seen < RECEIVED_LOOKED_AT; i++) {
        struct received_trace trace;
        if (!bytes_is_nocase(message->fields[i].name, "Received"))
            continue;
        seen++;
        if (received_parse(header_unfold(arena, message->fields[i].value), &trace, NULL) == OK &&
            bytes_equal_nocase(trace.by, hostname))
            return i + 1;
    }
    return added;
}

struct bytes original_id(struct bytes verdict)
{
    size_t at = bytes_find(verdict, BYTES("id=")), length = 0;
    if (at == BYTES_NOT_FOUND)
        return BYTES("");
    struct bytes id = bytes_skip(verdict, at + 3);
    while (length < id.len && length < ID_MAX && (ascii_is_alpha(id.ptr[length]) || ascii_is_digit(id.ptr[length])))
        length++;
    return bytes_first(id, length);
}

/* In the field of ours, which only stands above that Received. */
static struct bytes find_id(const struct message *message, size_t added)
{
    for (size_t i = 0; i < added; i++) {
        struct bytes id = original_id(message->fields[i].value);
        if (bytes_is_nocase(message->fields[i].name, "X-Vouch-Verdict") && id.len)
            return id;
    }
    return BYTES("");
}

static struct bytes value_of(const struct message *message, const char *name)
{
    const struct header_field *field = message_field(message, name, 0);
    return field ? bytes_trim(field->value) : BYTES("");
}

/* Of the blank lines at its end each mailbox makes more or fewer. */
static struct bytes body_digested(struct bytes body)
{
    body = bytes_first(body, BODY_DIGESTED);
    while (body.len && ascii_is_space(body.ptr[body.len - 1]))
        body.len--;
    return body;
}

/* Indexes of mailboxes and whatever else lies among mail have none of these. */
static bool is_mail(const struct message *message)
{
    static const char *const names[] = {"From", "Date", "Message-ID", "Received", "Subject", "To", "Return-Path"};
    for (size_t i = 0; i < countof(names); i++)
        if (message_field(message, names[i], 0))
            return true;
    return false;
}

static bool make_identity(struct arena *arena, const struct message *message, struct bytes *out)
{
    struct bytes parts[] = {value_of(message, "Message-ID"), value_of(message, "From"), value_of(message, "Date"),
                            value_of(message, "Subject"), body_digested(message->body)};
    return digest_parts(arena, parts, countof(parts), out);
}

enum result original_find(struct arena *arena, struct bytes content, struct bytes hostname,
                          struct original *out, struct error *error)
{
    struct message found;
    struct bytes text = message_normalize(arena, content);
    if (!text.ptr)
        return error_set(error, TEMP, "out of memory");
    enum result result = message_parse(arena, text, &found, error);
    if (result != OK)
        return result;
    if (!is_mail(&found))
        return error_set(error, PERM, "this is no mail");
    size_t added = added_fields(arena, &found, hostname);
    struct buf kept;
    buf_init(&kept, text.len + 4);
    for (size_t i = added; i < found.field_count; i++)
        if (!is_mark(found.fields[i].name))
            buf_add(&kept, found.fields[i].raw);
    if (kept.len && !bytes_ends_with(buf_bytes(&kept), BYTES("\r\n"))) /* a file that was cut off in its header */
        buf_add_string(&kept, "\r\n");
    buf_add_string(&kept, "\r\n");
    buf_add(&kept, found.body);
    struct bytes copy = kept.failed ? BYTES("") : arena_copy(arena, buf_bytes(&kept));
    buf_free(&kept);
    out->id = find_id(&found, added);
    if (!copy.len)
        return error_set(error, TEMP, "out of memory");
    result = message_parse(arena, copy, &out->message, error);
    if (result == OK && !make_identity(arena, &out->message, &out->identity))
        result = error_set(error, TEMP, "out of memory");
    return result;
}
