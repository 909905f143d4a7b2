/* SPDX-License-Identifier: BSD-2-Clause */
#include "queue/envelope.h"

#include "base/ascii.h"
#include "base/cursor.h"

enum {
    VERSION = 1,
    NUMBER_OCTETS_MAX = 10,
    RECIPIENT_OCTETS_MIN = 10 /* one for each of its fields */
};

enum {
    FLAG_RETURN_FULL = 1,
    FLAG_RETURN_HEADERS = 2,
    FLAG_SMTPUTF8 = 4,
    FLAG_EIGHT_BIT = 8,
    FLAG_REQUIRE_TLS = 16,
    FLAG_TLS_OPTIONAL = 32,
    FLAG_HELD = 64,
    FLAG_VERP = 128,
    FLAGS = 8, /* bits; the origin stands above them */

    RECIPIENT_NOTIFY = 15,
    RECIPIENT_DELAY_TOLD = 16,
    RECIPIENT_BOUNCE_WANTED = 32,
    RECIPIENT_RELAYED = 64,
    RECIPIENT_EXPIRED = 128,
    RECIPIENT_FLAGS = 8 /* bits; the kind of success stands above them */
};

bool queue_id_is_valid(struct bytes id)
{
    if (id.len == 0 || id.len > QUEUE_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!ascii_is_alnum(id.ptr[i]))
            return false;
    return true;
}

/* Seven bits an octet, the lowest first; the top bit says that more follow. */
static void add_number(struct buf *out, uint64_t number)
{
    for (; number > 127; number >>= 7)
        buf_add_byte(out, (uint8_t)(number | 128));
    buf_add_byte(out, (uint8_t)number);
}

static void add_text(struct buf *out, struct bytes text)
{
    add_number(out, text.len);
    buf_add(out, text);
}

static void add_recipient(struct buf *out, const struct queue_recipient *recipient)
{
    add_number(out, (recipient->notify & RECIPIENT_NOTIFY) |
                        (recipient->delay_told ? RECIPIENT_DELAY_TOLD : 0) |
                        (recipient->bounce_wanted ? RECIPIENT_BOUNCE_WANTED : 0) |
                        (recipient->relayed ? RECIPIENT_RELAYED : 0) |
                        (recipient->expired ? RECIPIENT_EXPIRED : 0) |
                        ((unsigned)recipient->success << RECIPIENT_FLAGS));
    add_text(out, recipient->address);
    add_text(out, recipient->original);
    add_number(out, recipient->attempts);
    add_number(out, (uint64_t)recipient->next_try);
    add_number(out, (uint64_t)recipient->tried_at);
    add_number(out, recipient->code);
    add_text(out, recipient->enhanced);
    add_text(out, recipient->text);
    add_text(out, recipient->host);
}

void queue_envelope_write(struct buf *out, const struct queue_envelope *envelope)
{
    size_t start = out->len;
    if (!queue_id_is_valid(envelope->id) || envelope->origin >= QUEUE_ORIGINS ||
        envelope->recipient_count > QUEUE_RECIPIENTS_MAX) {
        out->failed = true;
        return;
    }
    buf_add_byte(out, VERSION);
    add_text(out, envelope->id);
    add_number(out, (envelope->return_full ? FLAG_RETURN_FULL : 0) |
                        (envelope->return_headers ? FLAG_RETURN_HEADERS : 0) |
                        (envelope->smtputf8 ? FLAG_SMTPUTF8 : 0) |
                        (envelope->eight_bit ? FLAG_EIGHT_BIT : 0) |
                        (envelope->require_tls ? FLAG_REQUIRE_TLS : 0) |
                        (envelope->tls_optional ? FLAG_TLS_OPTIONAL : 0) |
                        (envelope->held ? FLAG_HELD : 0) | (envelope->verp ? FLAG_VERP : 0) |
                        ((unsigned)envelope->origin << FLAGS));
    add_number(out, (uint64_t)envelope->queued_at);
    add_number(out, (uint64_t)envelope->expires_at);
    add_text(out, envelope->sender);
    add_text(out, envelope->account);
    add_text(out, envelope->envelope_id);
    add_text(out, envelope->submitter);
    add_text(out, envelope->held_reason);
    add_number(out, envelope->recipient_count);
    for (size_t i = 0; i < envelope->recipient_count; i++)
        add_recipient(out, &envelope->recipients[i]);
    if (out->len - start > QUEUE_ENVELOPE_MAX)
        out->failed = true;
}

/* Only the shortest form is taken, so that there is one written form of an envelope. */
static uint64_t take_number(struct cursor *c)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < NUMBER_OCTETS_MAX; i++) {
        uint8_t octet = cursor_u8(c);
        if (i == NUMBER_OCTETS_MAX - 1 && octet > 1)
            break;
        number |= (uint64_t)(octet & 127) << (7 * i);
        if (octet & 128)
            continue;
        if (octet == 0 && i > 0)
            break;
        return number;
    }
    cursor_fail(c);
    return 0;
}

static uint64_t take_number_to(struct cursor *c, uint64_t max)
{
    uint64_t number = take_number(c);
    if (number <= max)
        return number;
    cursor_fail(c);
    return 0;
}

static struct bytes take_text(struct cursor *c)
{
    uint64_t length = take_number_to(c, QUEUE_ENVELOPE_MAX);
    return cursor_take(c, (size_t)length);
}

static void take_recipient(struct cursor *c, struct queue_recipient *recipient)
{
    uint64_t flags = take_number_to(c, (QUEUE_SUCCESSES << RECIPIENT_FLAGS) - 1);
    recipient->notify = flags & RECIPIENT_NOTIFY;
    recipient->delay_told = flags & RECIPIENT_DELAY_TOLD;
    recipient->bounce_wanted = flags & RECIPIENT_BOUNCE_WANTED;
    recipient->relayed = flags & RECIPIENT_RELAYED;
    recipient->expired = flags & RECIPIENT_EXPIRED;
    recipient->success = (enum queue_success)(flags >> RECIPIENT_FLAGS);
    recipient->address = take_text(c);
    recipient->original = take_text(c);
    recipient->attempts = (uint32_t)take_number_to(c, UINT32_MAX);
    recipient->next_try = (int64_t)take_number(c);
    recipient->tried_at = (int64_t)take_number(c);
    recipient->code = (unsigned)take_number_to(c, UINT32_MAX);
    recipient->enhanced = take_text(c);
    recipient->text = take_text(c);
    recipient->host = take_text(c);
}

/* Everything before the recipients. */
static void take_head(struct cursor *c, struct queue_envelope *envelope)
{
    *envelope = (struct queue_envelope){0};
    if (cursor_u8(c) != VERSION)
        cursor_fail(c);
    envelope->id = take_text(c);
    uint64_t flags = take_number_to(c, ((uint64_t)QUEUE_ORIGINS << FLAGS) - 1);
    envelope->return_full = flags & FLAG_RETURN_FULL;
    envelope->return_headers = flags & FLAG_RETURN_HEADERS;
    envelope->smtputf8 = flags & FLAG_SMTPUTF8;
    envelope->eight_bit = flags & FLAG_EIGHT_BIT;
    envelope->require_tls = flags & FLAG_REQUIRE_TLS;
    envelope->tls_optional = flags & FLAG_TLS_OPTIONAL;
    envelope->held = flags & FLAG_HELD;
    envelope->verp = flags & FLAG_VERP;
    envelope->origin = (enum queue_origin)(flags >> FLAGS);
    envelope->queued_at = (int64_t)take_number(c);
    envelope->expires_at = (int64_t)take_number(c);
    envelope->sender = take_text(c);
    envelope->account = take_text(c);
    envelope->envelope_id = take_text(c);
    envelope->submitter = take_text(c);
    envelope->held_reason = take_text(c);
    envelope->recipient_count = (size_t)take_number_to(c, QUEUE_RECIPIENTS_MAX);
    if (!queue_id_is_valid(envelope->id) ||
        envelope->recipient_count > cursor_rest(c).len / RECIPIENT_OCTETS_MIN)
        cursor_fail(c);
}

enum result queue_envelope_peek(struct bytes written, struct queue_envelope *envelope)
{
    struct cursor c = cursor_over(written);
    take_head(&c, envelope);
    return c.failed ? PERM : OK;
}

enum result queue_envelope_read(struct arena *arena, struct bytes written,
                                struct queue_envelope *envelope, struct error *error)
{
    struct cursor c = cursor_over(written);
    take_head(&c, envelope);
    if (c.failed)
        return error_set(error, PERM, "an envelope of the queue is damaged");
    envelope->recipients =
        arena_alloc_array(arena, envelope->recipient_count, sizeof(*envelope->recipients));
    if (!envelope->recipients)
        return error_set(error, TEMP, "not enough memory for an envelope");
    for (size_t i = 0; i < envelope->recipient_count && !c.failed; i++)
        take_recipient(&c, &envelope->recipients[i]);
    if (c.failed || cursor_rest(&c).len)
        return error_set(error, PERM, "an envelope of the queue is damaged");
    return OK;
}
