/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Delivery reports: any message is read; and one that is written from hostile pieces has exactly
 * its parts and fields, in lines that may be sent, and reads as what went in.
 */
#include "base/ascii.h"
#include "base/utf8.h"
#include "message/dsn.h"
#include "message/mime.h"
#include "message/seven_bit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_read(struct arena *arena, struct bytes raw)
{
    struct message message;
    struct dsn dsn;
    enum message_report kind;
    if (message_parse(arena, raw, &message, NULL) != OK)
        return;
    enum result result = dsn_read(arena, &message, &dsn, NULL);
    enum result known = message_report_read(arena, &message, &kind, NULL);
    require(result != PERM && known != PERM && known != NONE);
    if (known == OK && result != TEMP)
        require((result == OK) == (kind == REPORT_DELIVERY));
    if (result != OK)
        return;
    require(dsn.recipient_count > 0 && dsn.recipient_count <= DSN_RECIPIENTS_MAX);
    for (size_t i = 0; i < dsn.recipient_count; i++)
        require(dsn.recipients[i].final.len && dsn.recipients[i].action < DSN_ACTIONS);
}

static struct bytes take(struct bytes *rest)
{
    struct bytes piece;
    if (!rest->ptr || !bytes_split(rest, 0, &piece))
        return (struct bytes){NULL, 0};
    return piece;
}

/* Recipients and header of what was written from `data`, pieces apart by NUL. */
static void build(struct bytes data, struct dsn *dsn, struct dsn_recipient recipients[2])
{
    uint8_t flags = data.len ? data.ptr[0] : 0;
    struct bytes rest = bytes_skip(data, 1);
    *dsn = (struct dsn){.reporting_mta = BYTES("mx.example.org"),
                        .from = BYTES("postmaster@example.org"),
                        .to = BYTES("sender@example.com"),
                        .id = BYTES("1.a"),
                        .date = 1700000000,
                        .smtputf8 = flags & 1,
                        .recipients = recipients,
                        .recipient_count = 2};
    dsn->from_name = take(&rest);
    dsn->envelope_id = take(&rest);
    for (int i = 0; i < 2; i++)
        recipients[i] = (struct dsn_recipient){.final = take(&rest),
                                               .original = take(&rest),
                                               .status = take(&rest),
                                               .diagnostic = take(&rest),
                                               .remote_mta = take(&rest),
                                               .action = (flags >> (1 + 3 * i) & 7) % DSN_ACTIONS,
                                               .smtp = flags & 0x80,
                                               .last_attempt = 1700000000,
                                               .retry_until = 1700000000};
    dsn->header = rest;
}

static bool is_plain(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_graph(text.ptr[i]) || text.ptr[i] == ';' || text.ptr[i] == '<')
            return false;
    return text.len > 0 && text.len <= 800;
}

static void check_same(const struct dsn *dsn, const struct dsn *read)
{
    size_t found = 0;
    for (size_t i = 0; i < dsn->recipient_count; i++) {
        const struct dsn_recipient *recipient = &dsn->recipients[i];
        if (bytes_trim(recipient->final).len == 0)
            continue;
        require(found < read->recipient_count);
        const struct dsn_recipient *other = &read->recipients[found++];
        require(recipient->action == other->action);
        if (is_plain(recipient->final))
            require(bytes_equal(recipient->final, other->final));
        if (is_plain(recipient->remote_mta))
            require(bytes_equal(recipient->remote_mta, other->remote_mta));
        require(other->last_attempt == 1700000000);
    }
    require(read->recipient_count == found);
    require(bytes_is(read->reporting_mta, "mx.example.org"));
    if (is_plain(dsn->envelope_id))
        require(bytes_equal(dsn->envelope_id, read->envelope_id));
}

static void check_written(struct arena *arena, struct bytes data)
{
    struct dsn dsn, read;
    struct dsn_recipient recipients[2];
    struct message message;
    struct mime mime;
    struct buf out;
    build(data, &dsn, recipients);
    buf_init(&out, 8 << 20);
    enum result result = dsn_write(arena, &dsn, &out, NULL);
    require(result == OK || (result == TEMP && arena_exhausted(arena) && out.len == 0));
    if (result == OK) {
        require(!seven_bit_is_needed(buf_bytes(&out)));
        require(message_parse(arena, buf_bytes(&out), &message, NULL) == OK && !message.malformed);
        require(message_field_count(&message, "Content-Type") == 1 && message.field_count <= 11);
        require(mime_parse(arena, &message, NULL, &mime, NULL) == OK);
        require(mime.part_count == (dsn.header.len ? 4 : 3));
        require((mime.flags & ~(unsigned)MIME_ENCODED_COMPOSITE) == 0);
        result = dsn_read(arena, &message, &read, NULL);
        bool any = bytes_trim(recipients[0].final).len || bytes_trim(recipients[1].final).len;
        require(result == (any ? OK : NONE));
        if (any)
            check_same(&dsn, &read);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(32 << 20);
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    struct bytes raw = message_normalize(arena, text);
    if (raw.ptr)
        check_read(arena, raw);
    check_written(arena, text);
    arena_destroy(arena);
    return 0;
}
