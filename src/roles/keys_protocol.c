/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/keys_protocol.h"

#include "base/domain.h"

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
