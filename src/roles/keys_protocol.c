/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/keys_protocol.h"

#include "base/domain.h"
#include "base/ip.h"

static bool finished(const struct cursor *cursor)
{
    return !cursor->failed && cursor->position == cursor->input.len;
}

static size_t take_count(struct cursor *cursor)
{
    uint32_t count = cursor_u32(cursor);
    if (count <= KEYS_SELECTORS_MAX)
        return count;
    cursor_fail(cursor);
    return 0;
}

static struct bytes take_name(struct cursor *cursor)
{
    struct bytes name = ipc_take_bytes(cursor);
    if (!domain_is_valid(name))
        cursor_fail(cursor);
    return name;
}

void keys_domain_write(struct buf *out, struct bytes domain)
{
    ipc_add_bytes(out, domain);
}

bool keys_domain_read(struct bytes payload, struct bytes *domain)
{
    struct cursor cursor = cursor_over(payload);
    *domain = take_name(&cursor);
    return finished(&cursor);
}

void keys_selectors_write(struct buf *out, const struct keys_selectors *selectors)
{
    ipc_add_u32(out, (uint32_t)selectors->count);
    for (size_t i = 0; i < selectors->count; i++) {
        ipc_add_bytes(out, selectors->items[i].selector);
        ipc_add_u8(out, (uint8_t)selectors->items[i].algorithm);
    }
}

bool keys_selectors_read(struct bytes payload, struct keys_selectors *selectors)
{
    struct cursor cursor = cursor_over(payload);
    selectors->count = take_count(&cursor);
    for (size_t i = 0; i < selectors->count; i++) {
        selectors->items[i].selector = take_name(&cursor);
        uint8_t algorithm = cursor_u8(&cursor);
        if (algorithm != DKIM_RSA_SHA256 && algorithm != DKIM_ED25519_SHA256)
            cursor_fail(&cursor);
        selectors->items[i].algorithm = (enum dkim_algorithm)algorithm;
    }
    return finished(&cursor);
}

void keys_sign_request_write(struct buf *out, const struct keys_sign_request *request)
{
    ipc_add_bytes(out, request->domain);
    ipc_add_u32(out, (uint32_t)request->count);
    for (size_t i = 0; i < request->count; i++) {
        ipc_add_bytes(out, request->items[i].selector);
        ipc_add_bytes(out, request->items[i].hash);
    }
}

bool keys_sign_request_read(struct bytes payload, struct keys_sign_request *request)
{
    struct cursor cursor = cursor_over(payload);
    request->domain = take_name(&cursor);
    request->count = take_count(&cursor);
    for (size_t i = 0; i < request->count; i++) {
        request->items[i].selector = take_name(&cursor);
        request->items[i].hash = ipc_take_bytes(&cursor);
        if (request->items[i].hash.len != KEYS_HASH_SIZE)
            cursor_fail(&cursor);
    }
    return finished(&cursor) && request->count > 0;
}

void keys_signatures_write(struct buf *out, const struct keys_signatures *signatures)
{
    ipc_add_u32(out, (uint32_t)signatures->count);
    for (size_t i = 0; i < signatures->count; i++)
        ipc_add_bytes(out, signatures->items[i]);
}

bool keys_signatures_read(struct bytes payload, struct keys_signatures *signatures)
{
    struct cursor cursor = cursor_over(payload);
    signatures->count = take_count(&cursor);
    for (size_t i = 0; i < signatures->count; i++) {
        signatures->items[i] = ipc_take_bytes(&cursor);
        if (signatures->items[i].len > KEYS_SIGNATURE_MAX)
            cursor_fail(&cursor);
    }
    return finished(&cursor);
}

void keys_address_request_write(struct buf *out, const struct keys_address_request *request)
{
    ipc_add_u8(out, (uint8_t)request->codec);
    ipc_add_u8(out, request->decode);
    ipc_add_bytes(out, request->address);
    ipc_add_u64(out, (uint64_t)request->now);
}

bool keys_address_request_read(struct bytes payload, struct keys_address_request *request)
{
    struct cursor cursor = cursor_over(payload);
    uint8_t codec = cursor_u8(&cursor), decode = cursor_u8(&cursor);
    request->codec = (enum keys_codec)codec;
    request->decode = decode;
    request->address = ipc_take_bytes(&cursor);
    uint64_t now = cursor_u64(&cursor);
    request->now = (int64_t)now;
    return finished(&cursor) && codec < KEYS_CODECS && decode <= 1 &&
           request->address.len <= KEYS_ADDRESS_MAX && now <= INT64_MAX / 2;
}

void keys_address_answer_write(struct buf *out, const struct keys_address_answer *answer)
{
    ipc_add_u8(out, (uint8_t)answer->result);
    ipc_add_bytes(out, answer->text);
}

bool keys_address_answer_read(struct bytes payload, struct keys_address_answer *answer)
{
    struct cursor cursor = cursor_over(payload);
    uint8_t result = cursor_u8(&cursor);
    answer->result = (enum result)result;
    answer->text = ipc_take_bytes(&cursor);
    return finished(&cursor) && result <= PERM && answer->text.len <= KEYS_ADDRESS_MAX;
}

static bool is_mechanism(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return name.len > 0 && name.len <= KEYS_SASL_MECHANISM_MAX;
}

static struct bytes take_at_most(struct cursor *cursor, size_t most)
{
    struct bytes taken = ipc_take_bytes(cursor);
    if (taken.len > most)
        cursor_fail(cursor);
    return cursor->failed ? (struct bytes){NULL, 0} : taken;
}

static bool take_bool(struct cursor *cursor)
{
    uint8_t value = cursor_u8(cursor);
    if (value > 1)
        cursor_fail(cursor);
    return value == 1;
}

static size_t take_up_to(struct cursor *cursor, size_t most)
{
    uint32_t count = cursor_u32(cursor);
    if (count <= most)
        return count;
    cursor_fail(cursor);
    return 0;
}

void keys_sasl_question_write(struct buf *out, const struct keys_sasl_question *question)
{
    ipc_add_u64(out, question->conversation);
    ipc_add_u8(out, question->abandon);
    ipc_add_bytes(out, question->mechanism);
    ipc_add_u8(out, question->tls);
    ipc_add_bytes(out, question->exporter);
    ipc_add_bytes(out, question->end_point);
    ipc_add_bytes(out, question->client);
    ipc_add_bytes(out, question->local);
    ipc_add_u32(out, question->client_port);
    ipc_add_u32(out, question->local_port);
    ipc_add_u32(out, (uint32_t)question->email_count);
    for (size_t i = 0; i < question->email_count; i++)
        ipc_add_bytes(out, question->emails[i]);
    ipc_add_u8(out, question->data_present);
    ipc_add_bytes(out, question->data);
}

bool keys_sasl_question_read(struct bytes payload, struct keys_sasl_question *question)
{
    struct cursor cursor = cursor_over(payload);
    question->conversation = cursor_u64(&cursor);
    question->abandon = take_bool(&cursor);
    question->mechanism = ipc_take_bytes(&cursor);
    question->tls = take_bool(&cursor);
    question->exporter = take_at_most(&cursor, KEYS_SASL_BINDING_MAX);
    question->end_point = take_at_most(&cursor, KEYS_SASL_BINDING_MAX);
    question->client = take_at_most(&cursor, IP_TEXT_SIZE);
    question->local = take_at_most(&cursor, IP_TEXT_SIZE);
    question->client_port = cursor_u32(&cursor);
    question->local_port = cursor_u32(&cursor);
    question->email_count = take_up_to(&cursor, KEYS_SASL_NAMES_MAX);
    for (size_t i = 0; i < question->email_count; i++)
        question->emails[i] = take_at_most(&cursor, KEYS_SASL_NAME_MAX);
    question->data_present = take_bool(&cursor);
    question->data = take_at_most(&cursor, KEYS_SASL_DATA_MAX);
    bool named = question->conversation ? question->mechanism.len == 0
                                        : is_mechanism(question->mechanism) && !question->abandon;
    return finished(&cursor) && named && question->client_port <= UINT16_MAX &&
           question->local_port <= UINT16_MAX && (question->data_present || question->data.len == 0);
}

void keys_sasl_answer_write(struct buf *out, const struct keys_sasl_answer *answer)
{
    ipc_add_u8(out, (uint8_t)answer->status);
    ipc_add_u64(out, answer->conversation);
    ipc_add_bytes(out, answer->data);
    ipc_add_bytes(out, answer->account);
    ipc_add_bytes(out, answer->reason);
    ipc_add_u32(out, (uint32_t)answer->send_as_count);
    for (size_t i = 0; i < answer->send_as_count; i++)
        ipc_add_bytes(out, answer->send_as[i]);
}

bool keys_sasl_answer_read(struct bytes payload, struct keys_sasl_answer *answer)
{
    struct cursor cursor = cursor_over(payload);
    uint8_t status = cursor_u8(&cursor);
    answer->status = (enum keys_sasl_status)status;
    answer->conversation = cursor_u64(&cursor);
    answer->data = take_at_most(&cursor, KEYS_SASL_DATA_MAX);
    answer->account = take_at_most(&cursor, KEYS_SASL_NAME_MAX);
    answer->reason = take_at_most(&cursor, KEYS_SASL_NAME_MAX);
    answer->send_as_count = take_up_to(&cursor, KEYS_SASL_SEND_AS_MAX);
    for (size_t i = 0; i < answer->send_as_count; i++)
        answer->send_as[i] = take_at_most(&cursor, KEYS_SASL_NAME_MAX);
    return finished(&cursor) && status < KEYS_SASL_STATUSES &&
           (status == KEYS_SASL_CHALLENGE ? answer->conversation != 0
                                          : answer->conversation == 0 && answer->data.len == 0) &&
           (status != KEYS_SASL_DONE || answer->account.len > 0);
}

void keys_credentials_question_write(struct buf *out, struct bytes route)
{
    ipc_add_bytes(out, route);
}

bool keys_credentials_question_read(struct bytes payload, struct bytes *route)
{
    struct cursor cursor = cursor_over(payload);
    *route = take_at_most(&cursor, KEYS_CREDENTIAL_MAX);
    return finished(&cursor) && route->len > 0;
}

void keys_credentials_answer_write(struct buf *out, const struct keys_credentials *credentials)
{
    ipc_add_u8(out, credentials->found);
    ipc_add_bytes(out, credentials->user);
    ipc_add_bytes(out, credentials->password);
}

bool keys_credentials_answer_read(struct bytes payload, struct keys_credentials *credentials)
{
    struct cursor cursor = cursor_over(payload);
    credentials->found = take_bool(&cursor);
    credentials->user = take_at_most(&cursor, KEYS_CREDENTIAL_MAX);
    credentials->password = take_at_most(&cursor, KEYS_CREDENTIAL_MAX);
    return finished(&cursor);
}
