/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/protocol.h"

#include "base/ascii.h"

#include <string.h>

static const char *const role_names[ROLE_KINDS] = {"master", "edge", "store", "courier", "keys",
                                                    "auth"};

const char *role_kind_name(enum role_kind kind)
{
    return role_names[kind];
}

bool role_kind_parse(const char *name, enum role_kind *out)
{
    for (int i = 0; i < ROLE_KINDS; i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *out = (enum role_kind)i;
            return true;
        }
    }
    return false;
}

/* Everything was there and nothing is left over. */
static bool finished(const struct cursor *cursor)
{
    return !cursor->failed && cursor->position == cursor->input.len;
}

static bool take_bool(struct cursor *cursor)
{
    uint8_t value = cursor_u8(cursor);
    if (value > 1)
        cursor_fail(cursor);
    return value == 1;
}

static size_t take_count(struct cursor *cursor)
{
    uint32_t count = cursor_u32(cursor);
    if (count > PROTOCOL_RECIPIENTS_MAX) {
        cursor_fail(cursor);
        return 0;
    }
    return count;
}

static void add_list(struct buf *out, const struct bytes *list, size_t count)
{
    ipc_add_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        ipc_add_bytes(out, list[i]);
}

static size_t take_list(struct cursor *cursor, struct arena *arena, struct bytes **list)
{
    size_t count = take_count(cursor);
    *list = arena_alloc_array(arena, count, sizeof(**list));
    if (!*list) {
        cursor_fail(cursor);
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        (*list)[i] = ipc_take_bytes(cursor);
    return count;
}

void protocol_add_reply(struct buf *out, const struct protocol_reply *reply)
{
    ipc_add_u32(out, reply->code);
    ipc_add_bytes(out, reply->enhanced);
    ipc_add_bytes(out, reply->text);
}

struct protocol_reply protocol_take_reply(struct cursor *cursor)
{
    struct protocol_reply reply;
    reply.code = cursor_u32(cursor);
    reply.enhanced = ipc_take_bytes(cursor);
    reply.text = ipc_take_bytes(cursor);
    if (reply.code < 200 || reply.code > 599 || reply.enhanced.len > 11)
        cursor_fail(cursor);
    return reply;
}

void recipient_question_write(struct buf *out, const struct recipient_question *question)
{
    ipc_add_bytes(out, question->sender);
    ipc_add_bytes(out, question->local);
    ipc_add_bytes(out, question->domain);
    ipc_add_u64(out, question->size);
    ipc_add_u8(out, question->submitted);
}

bool recipient_question_read(struct bytes payload, struct recipient_question *question)
{
    struct cursor cursor = cursor_over(payload);
    question->sender = ipc_take_bytes(&cursor);
    question->local = ipc_take_bytes(&cursor);
    question->domain = ipc_take_bytes(&cursor);
    question->size = cursor_u64(&cursor);
    question->submitted = take_bool(&cursor);
    return finished(&cursor);
}

void recipient_answer_write(struct buf *out, const struct recipient_answer *answer)
{
    protocol_add_reply(out, &answer->reply);
    ipc_add_bytes(out, answer->policy);
    ipc_add_u8(out, answer->exempt);
    ipc_add_u8(out, answer->trap);
    ipc_add_u8(out, (uint8_t)answer->kind);
    ipc_add_bytes(out, answer->list);
}

bool recipient_answer_read(struct bytes payload, struct recipient_answer *answer)
{
    struct cursor cursor = cursor_over(payload);
    answer->reply = protocol_take_reply(&cursor);
    answer->policy = ipc_take_bytes(&cursor);
    answer->exempt = take_bool(&cursor);
    answer->trap = take_bool(&cursor);
    answer->kind = cursor_u8(&cursor);
    answer->list = ipc_take_bytes(&cursor);
    return finished(&cursor) && answer->kind < RECIPIENT_KINDS;
}

void ledger_record_write(struct buf *out, const struct ledger_record *record)
{
    ipc_add_bytes(out, record->id);
    ipc_add_u64(out, (uint64_t)record->received_at);
    ipc_add_bytes(out, record->client);
    ipc_add_bytes(out, record->sender);
    ipc_add_bytes(out, record->header_from);
    ipc_add_bytes(out, record->action);
    ipc_add_bytes(out, record->trust);
    ipc_add_u32(out, record->code);
    ipc_add_bytes(out, record->policy);
    ipc_add_bytes(out, record->evidence);
    ipc_add_bytes(out, record->verdict);
    add_list(out, record->recipients, record->recipient_count);
    add_list(out, record->counted, record->counted_count);
    ipc_add_bytes(out, record->outcome);
}

/* It is written into texts and logs as it is. */
static bool is_id(struct bytes id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!ascii_is_alpha(id.ptr[i]) && !ascii_is_digit(id.ptr[i]))
            return false;
    return id.len > 0 && id.len <= 64;
}

/* Without an id: nothing is to be remembered. */
static bool take_record(struct cursor *cursor, struct arena *arena, bool may_lack_id, struct ledger_record *record)
{
    record->id = ipc_take_bytes(cursor);
    record->received_at = (int64_t)cursor_u64(cursor);
    record->client = ipc_take_bytes(cursor);
    record->sender = ipc_take_bytes(cursor);
    record->header_from = ipc_take_bytes(cursor);
    record->action = ipc_take_bytes(cursor);
    record->trust = ipc_take_bytes(cursor);
    record->code = cursor_u32(cursor);
    record->policy = ipc_take_bytes(cursor);
    record->evidence = ipc_take_bytes(cursor);
    record->verdict = ipc_take_bytes(cursor);
    record->recipient_count = take_list(cursor, arena, &record->recipients);
    record->counted_count = take_list(cursor, arena, &record->counted);
    for (size_t i = 0; i < record->counted_count; i++)
        if (record->counted[i].len != PROTOCOL_FINGERPRINT_SIZE)
            return false;
    record->outcome = ipc_take_bytes(cursor);
    return !cursor->failed && (is_id(record->id) || (may_lack_id && !record->id.len)) &&
           record->counted_count <= PROTOCOL_COUNTED_MAX;
}

bool ledger_record_take(struct cursor *cursor, struct arena *arena, struct ledger_record *record)
{
    return take_record(cursor, arena, false, record);
}

void delivery_request_write(struct buf *out, const struct delivery_request *request)
{
    ipc_add_bytes(out, request->sender);
    ipc_add_u8(out, request->smtputf8);
    ipc_add_u8(out, (uint8_t)request->place);
    ipc_add_u8(out, (uint8_t)request->folder);
    ipc_add_bytes(out, request->fingerprint);
    ipc_add_u64(out, (uint64_t)request->patience);
    ipc_add_u32(out, (uint32_t)request->recipient_count);
    for (size_t i = 0; i < request->recipient_count; i++) {
        ipc_add_bytes(out, request->recipients[i].mailbox);
        ipc_add_bytes(out, request->recipients[i].local);
        ipc_add_bytes(out, request->recipients[i].domain);
        ipc_add_u8(out, request->recipients[i].elsewhere);
        ipc_add_u8(out, (uint8_t)request->recipients[i].notify);
        ipc_add_bytes(out, request->recipients[i].original);
    }
    ipc_add_u8(out, (uint8_t)request->origin);
    ipc_add_bytes(out, request->account);
    ipc_add_bytes(out, request->remote_sender);
    ipc_add_bytes(out, request->remote_prefix);
    ipc_add_bytes(out, request->list);
    ipc_add_bytes(out, request->author);
    ipc_add_bytes(out, request->envelope_id);
    ipc_add_u8(out, request->return_full);
    ipc_add_u8(out, request->return_headers);
    ipc_add_u8(out, request->require_tls);
    ipc_add_u8(out, request->tls_optional);
    ipc_add_bytes(out, request->submitter);
    ipc_add_bytes(out, request->prefix);
    ipc_add_u8(out, request->in_descriptor);
    ipc_add_bytes(out, request->in_descriptor ? BYTES("") : request->content);
    ledger_record_write(out, &request->record);
}

bool delivery_request_read(struct bytes payload, struct arena *arena,
                           struct delivery_request *request)
{
    struct cursor cursor = cursor_over(payload);
    request->sender = ipc_take_bytes(&cursor);
    request->smtputf8 = take_bool(&cursor);
    request->place = cursor_u8(&cursor);
    request->folder = cursor_u8(&cursor);
    request->fingerprint = ipc_take_bytes(&cursor);
    request->patience = (int64_t)cursor_u64(&cursor);
    if (request->place > DELIVER_NOWHERE || request->folder >= FOLDERS || request->patience < 0 ||
        request->fingerprint.len != PROTOCOL_FINGERPRINT_SIZE)
        return false;
    request->recipient_count = take_count(&cursor);
    request->recipients =
        arena_alloc_array(arena, request->recipient_count, sizeof(*request->recipients));
    if (!request->recipients)
        return false;
    for (size_t i = 0; i < request->recipient_count; i++) {
        request->recipients[i].mailbox = ipc_take_bytes(&cursor);
        request->recipients[i].local = ipc_take_bytes(&cursor);
        request->recipients[i].domain = ipc_take_bytes(&cursor);
        request->recipients[i].elsewhere = take_bool(&cursor);
        request->recipients[i].notify = cursor_u8(&cursor);
        request->recipients[i].original = ipc_take_bytes(&cursor);
    }
    request->origin = cursor_u8(&cursor);
    if (request->origin >= ORIGINS)
        return false;
    request->account = ipc_take_bytes(&cursor);
    request->remote_sender = ipc_take_bytes(&cursor);
    request->remote_prefix = ipc_take_bytes(&cursor);
    request->list = ipc_take_bytes(&cursor);
    request->author = ipc_take_bytes(&cursor);
    request->envelope_id = ipc_take_bytes(&cursor);
    request->return_full = take_bool(&cursor);
    request->return_headers = take_bool(&cursor);
    request->require_tls = take_bool(&cursor);
    request->tls_optional = take_bool(&cursor);
    request->submitter = ipc_take_bytes(&cursor);
    request->prefix = ipc_take_bytes(&cursor);
    request->in_descriptor = take_bool(&cursor);
    request->content = ipc_take_bytes(&cursor);
    /* The story of what goes to a trap besides is the story of the other copy. */
    return take_record(&cursor, arena, request->place == DELIVER_NOWHERE, &request->record) && finished(&cursor) &&
           request->recipient_count > 0;
}

void delivery_answer_write(struct buf *out, const struct delivery_answer *answer)
{
    protocol_add_reply(out, &answer->reply);
    ipc_add_bytes(out, answer->summary);
}

bool delivery_answer_read(struct bytes payload, struct delivery_answer *answer)
{
    struct cursor cursor = cursor_over(payload);
    answer->reply = protocol_take_reply(&cursor);
    answer->summary = ipc_take_bytes(&cursor);
    return finished(&cursor);
}

void attempt_question_write(struct buf *out, const struct attempt_question *question)
{
    ipc_add_bytes(out, question->key);
    ipc_add_u64(out, (uint64_t)question->window);
}

bool attempt_question_read(struct bytes payload, struct attempt_question *question)
{
    struct cursor cursor = cursor_over(payload);
    question->key = ipc_take_bytes(&cursor);
    question->window = (int64_t)cursor_u64(&cursor);
    return finished(&cursor) && question->key.len > 0 && question->key.len <= 64 &&
           question->window >= 0;
}

bool endpoint_equal(const struct config_endpoint *a, const struct config_endpoint *b)
{
    if (a->path || b->path)
        return a->path && b->path && strcmp(a->path, b->path) == 0;
    return ip_equal(&a->ip, &b->ip) && a->port == b->port;
}

void courier_request_write(struct buf *out, const struct courier_request *request)
{
    char ip[IP_TEXT_SIZE];
    ipc_add_bytes(out, bytes_of(request->endpoint.path));
    ipc_add_bytes(out, request->endpoint.path ? BYTES("")
                                              : bytes_of(ip_format(&request->endpoint.ip, ip)));
    ipc_add_u32(out, request->endpoint.port);
    ipc_add_bytes(out, request->sender);
    ipc_add_u8(out, request->smtputf8);
    add_list(out, request->recipients, request->recipient_count);
    ipc_add_u8(out, request->in_descriptor);
    ipc_add_bytes(out, request->in_descriptor ? BYTES("") : request->content);
}

bool courier_request_read(struct bytes payload, struct arena *arena, struct courier_request *request)
{
    struct cursor cursor = cursor_over(payload);
    struct bytes path = ipc_take_bytes(&cursor), ip = ipc_take_bytes(&cursor);
    uint32_t port = cursor_u32(&cursor);
    request->endpoint = (struct config_endpoint){.port = (uint16_t)port};
    if (path.len && bytes_find_byte(path, '\0') == BYTES_NOT_FOUND)
        request->endpoint.path = arena_string(arena, path);
    if (path.len ? !request->endpoint.path || ip.len : !ip_parse(ip, &request->endpoint.ip))
        return false;
    request->sender = ipc_take_bytes(&cursor);
    request->smtputf8 = take_bool(&cursor);
    request->recipient_count = take_list(&cursor, arena, &request->recipients);
    request->in_descriptor = take_bool(&cursor);
    request->content = ipc_take_bytes(&cursor);
    return finished(&cursor) && port <= UINT16_MAX && request->recipient_count > 0;
}

void courier_answer_write(struct buf *out, const struct protocol_reply *replies, size_t count)
{
    ipc_add_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        protocol_add_reply(out, &replies[i]);
}

bool courier_answer_read(struct bytes payload, struct protocol_reply *replies, size_t count)
{
    struct cursor cursor = cursor_over(payload);
    if (take_count(&cursor) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        replies[i] = protocol_take_reply(&cursor);
    return finished(&cursor);
}
