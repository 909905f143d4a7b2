/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the protocol between roles that is about sending. */
#include "roles/protocol.h"

/* Everything was there and nothing is left over. */
static bool finished(const struct cursor *cursor)
{
    return !cursor->failed && cursor->position == cursor->input.len;
}

static uint32_t take_up_to(struct cursor *cursor, uint32_t most)
{
    uint32_t value = cursor_u32(cursor);
    if (value > most)
        cursor_fail(cursor);
    return cursor->failed ? 0 : value;
}

static bool take_bool(struct cursor *cursor)
{
    uint8_t value = cursor_u8(cursor);
    if (value > 1)
        cursor_fail(cursor);
    return value == 1;
}

void count_question_write(struct buf *out, const struct count_question *question)
{
    ipc_add_u32(out, (uint32_t)question->count);
    for (size_t i = 0; i < question->count; i++) {
        const struct count_item *item = &question->items[i];
        ipc_add_u8(out, (uint8_t)item->kind);
        ipc_add_bytes(out, item->key);
        ipc_add_bytes(out, item->member);
        ipc_add_u64(out, item->delta);
        ipc_add_u64(out, (uint64_t)item->window);
        ipc_add_u64(out, item->most);
    }
}

bool count_question_read(struct bytes payload, struct count_question *question)
{
    struct cursor cursor = cursor_over(payload);
    question->count = take_up_to(&cursor, PROTOCOL_COUNTS_MAX);
    for (size_t i = 0; i < question->count; i++) {
        struct count_item *item = &question->items[i];
        item->kind = cursor_u8(&cursor);
        item->key = ipc_take_bytes(&cursor);
        item->member = ipc_take_bytes(&cursor);
        item->delta = cursor_u64(&cursor);
        item->window = (int64_t)cursor_u64(&cursor);
        item->most = cursor_u64(&cursor);
        if (item->kind >= COUNT_KINDS || item->key.len != PROTOCOL_FINGERPRINT_SIZE ||
            item->member.len != (item->kind == COUNT_DISTINCT ? PROTOCOL_FINGERPRINT_SIZE : 0) ||
            item->window < 0)
            return false;
    }
    return finished(&cursor);
}

void count_answer_write(struct buf *out, const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ipc_add_u64(out, values[i]);
}

bool count_answer_read(struct bytes payload, uint64_t *values, size_t count)
{
    struct cursor cursor = cursor_over(payload);
    for (size_t i = 0; i < count; i++)
        values[i] = cursor_u64(&cursor);
    return finished(&cursor);
}

static void write_pair(struct buf *out, struct bytes a, struct bytes b)
{
    ipc_add_bytes(out, a);
    ipc_add_bytes(out, b);
}

void hold_question_write(struct buf *out, const struct hold_question *question)
{
    write_pair(out, question->account, question->reason);
    ipc_add_u8(out, question->tell_only);
}

bool hold_question_read(struct bytes payload, struct hold_question *question)
{
    struct cursor cursor = cursor_over(payload);
    question->account = ipc_take_bytes(&cursor);
    question->reason = ipc_take_bytes(&cursor);
    question->tell_only = take_bool(&cursor);
    return finished(&cursor) && question->account.len > 0;
}

void owner_question_write(struct buf *out, const struct owner_question *question)
{
    write_pair(out, question->account, question->address);
    ipc_add_bytes(out, question->list);
}

bool owner_question_read(struct bytes payload, struct owner_question *question)
{
    struct cursor cursor = cursor_over(payload);
    question->account = ipc_take_bytes(&cursor);
    question->address = ipc_take_bytes(&cursor);
    question->list = ipc_take_bytes(&cursor);
    return finished(&cursor) && (question->account.len > 0 || question->list.len > 0);
}

static void write_policy(struct buf *out, const struct send_policy *policy)
{
    ipc_add_bytes(out, policy->id);
    ipc_add_bytes(out, policy->text);
    ipc_add_u64(out, (uint64_t)policy->expires_at);
}

static struct send_policy take_policy(struct cursor *cursor)
{
    struct send_policy policy;
    policy.id = ipc_take_bytes(cursor);
    policy.text = ipc_take_bytes(cursor);
    policy.expires_at = (int64_t)cursor_u64(cursor);
    return policy;
}

void send_request_write(struct buf *out, const struct send_request *request, bool in_descriptor)
{
    ipc_add_bytes(out, request->domain);
    ipc_add_bytes(out, request->sender);
    ipc_add_u32(out, (uint32_t)request->recipient_count);
    for (size_t i = 0; i < request->recipient_count; i++) {
        ipc_add_bytes(out, request->recipients[i].address);
        ipc_add_u8(out, (uint8_t)request->recipients[i].notify);
        ipc_add_bytes(out, request->recipients[i].original);
    }
    ipc_add_bytes(out, request->envelope_id);
    ipc_add_u8(out, request->return_full);
    ipc_add_u8(out, request->return_headers);
    ipc_add_u8(out, request->smtputf8);
    ipc_add_u8(out, request->require_tls);
    ipc_add_u8(out, request->tls_optional);
    ipc_add_bytes(out, request->submitter);
    ipc_add_u8(out, request->fallback);
    ipc_add_u8(out, request->verify_only);
    write_policy(out, &request->policy);
    ipc_add_u64(out, (uint64_t)request->patience);
    ipc_add_u8(out, in_descriptor);
    ipc_add_bytes(out, in_descriptor ? BYTES("") : request->content);
}

bool send_request_read(struct bytes payload, struct arena *arena, struct send_request *request,
                       bool *in_descriptor)
{
    struct cursor cursor = cursor_over(payload);
    request->domain = ipc_take_bytes(&cursor);
    request->sender = ipc_take_bytes(&cursor);
    request->recipient_count = take_up_to(&cursor, SEND_RECIPIENTS_MAX);
    request->recipients =
        arena_alloc_array(arena, request->recipient_count, sizeof(*request->recipients));
    if (!request->recipients)
        return false;
    for (size_t i = 0; i < request->recipient_count; i++) {
        request->recipients[i].address = ipc_take_bytes(&cursor);
        request->recipients[i].notify = cursor_u8(&cursor);
        request->recipients[i].original = ipc_take_bytes(&cursor);
    }
    request->envelope_id = ipc_take_bytes(&cursor);
    request->return_full = take_bool(&cursor);
    request->return_headers = take_bool(&cursor);
    request->smtputf8 = take_bool(&cursor);
    request->require_tls = take_bool(&cursor);
    request->tls_optional = take_bool(&cursor);
    request->submitter = ipc_take_bytes(&cursor);
    request->fallback = take_bool(&cursor);
    request->verify_only = take_bool(&cursor);
    request->policy = take_policy(&cursor);
    request->patience = (int64_t)cursor_u64(&cursor);
    *in_descriptor = take_bool(&cursor);
    request->content = ipc_take_bytes(&cursor);
    return finished(&cursor) && request->domain.len && request->recipient_count && request->patience >= 0;
}

static void write_reply(struct buf *out, const struct send_reply *reply)
{
    struct protocol_reply plain = {reply->code, reply->enhanced, reply->text};
    protocol_add_reply(out, &plain);
    ipc_add_u8(out, reply->local);
    ipc_add_u8(out, reply->relayed_without_dsn);
}

static void take_reply(struct cursor *cursor, struct send_reply *reply)
{
    struct protocol_reply plain = protocol_take_reply(cursor);
    *reply = (struct send_reply){.code = plain.code, .enhanced = plain.enhanced, .text = plain.text};
    reply->local = take_bool(cursor);
    reply->relayed_without_dsn = take_bool(cursor);
}

static void write_event(struct buf *out, const struct send_event *event)
{
    ipc_add_bytes(out, event->policy_type);
    ipc_add_bytes(out, event->policy_domain);
    ipc_add_bytes(out, event->policy_text);
    ipc_add_bytes(out, event->host);
    ipc_add_bytes(out, event->address);
    ipc_add_bytes(out, event->result);
    ipc_add_bytes(out, event->reason);
}

static void take_event(struct cursor *cursor, struct send_event *event)
{
    event->policy_type = ipc_take_bytes(cursor);
    event->policy_domain = ipc_take_bytes(cursor);
    event->policy_text = ipc_take_bytes(cursor);
    event->host = ipc_take_bytes(cursor);
    event->address = ipc_take_bytes(cursor);
    event->result = ipc_take_bytes(cursor);
    event->reason = ipc_take_bytes(cursor);
}

void send_answer_write(struct buf *out, const struct send_answer *answer, size_t recipient_count)
{
    ipc_add_u8(out, (uint8_t)answer->status);
    ipc_add_u32(out, (uint32_t)recipient_count);
    for (size_t i = 0; i < recipient_count; i++)
        write_reply(out, &answer->replies[i]);
    ipc_add_bytes(out, answer->host);
    ipc_add_bytes(out, answer->address);
    ipc_add_bytes(out, answer->tls);
    ipc_add_bytes(out, answer->security);
    write_policy(out, &answer->policy);
    ipc_add_u32(out, (uint32_t)answer->event_count);
    for (size_t i = 0; i < answer->event_count; i++)
        write_event(out, &answer->events[i]);
}

bool send_answer_read(struct bytes payload, struct arena *arena, size_t recipient_count,
                      struct send_answer *answer)
{
    struct cursor cursor = cursor_over(payload);
    answer->status = cursor_u8(&cursor);
    if (answer->status >= SEND_STATUSES || cursor_u32(&cursor) != recipient_count)
        return false;
    answer->replies = arena_alloc_array(arena, recipient_count, sizeof(*answer->replies));
    for (size_t i = 0; answer->replies && i < recipient_count; i++)
        take_reply(&cursor, &answer->replies[i]);
    answer->host = ipc_take_bytes(&cursor);
    answer->address = ipc_take_bytes(&cursor);
    answer->tls = ipc_take_bytes(&cursor);
    answer->security = ipc_take_bytes(&cursor);
    answer->policy = take_policy(&cursor);
    answer->event_count = take_up_to(&cursor, SEND_EVENTS_MAX);
    answer->events = arena_alloc_array(arena, answer->event_count, sizeof(*answer->events));
    for (size_t i = 0; answer->events && i < answer->event_count; i++)
        take_event(&cursor, &answer->events[i]);
    return answer->replies && answer->events && finished(&cursor);
}
