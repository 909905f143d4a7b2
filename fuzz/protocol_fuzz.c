/* SPDX-License-Identifier: BSD-2-Clause */
/* What a role that an attacker has taken over may send to its neighbours: every payload reader. */
#include "roles/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read, written again, is the same payload: nothing was made up or passed over. */
static void same(struct bytes payload, struct buf *written)
{
    require(!written->failed);
    require(bytes_equal(payload, buf_bytes(written)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > IPC_PAYLOAD_MAX)
        return 0;
    struct bytes payload = bytes_from(data + 1, size - 1);
    struct arena *arena = arena_create(4 << 20);
    struct buf out;
    buf_init(&out, 4 << 20);
    struct recipient_question question;
    struct recipient_answer answer;
    struct delivery_request delivery;
    struct delivery_answer delivered;
    struct attempt_question attempt;
    struct courier_request courier;
    struct protocol_reply replies[3];
    switch (data[0] % 7) {
    case 0:
        if (recipient_question_read(payload, &question)) {
            recipient_question_write(&out, &question);
            same(payload, &out);
        }
        break;
    case 1:
        if (recipient_answer_read(payload, &answer)) {
            recipient_answer_write(&out, &answer);
            same(payload, &out);
        }
        break;
    case 2:
        if (delivery_request_read(payload, arena, &delivery)) {
            require(delivery.recipient_count > 0);
            require(delivery.recipient_count <= PROTOCOL_RECIPIENTS_MAX);
            delivery_request_write(&out, &delivery);
            if (!delivery.in_descriptor)
                same(payload, &out);
        }
        break;
    case 3:
        if (delivery_answer_read(payload, &delivered)) {
            delivery_answer_write(&out, &delivered);
            same(payload, &out);
        }
        break;
    case 4:
        if (attempt_question_read(payload, &attempt)) {
            attempt_question_write(&out, &attempt);
            same(payload, &out);
        }
        break;
    case 5:
        if (courier_request_read(payload, arena, &courier))
            require(courier.endpoint.path || courier.endpoint.ip.family);
        break;
    default:
        if (courier_answer_read(payload, replies, 3)) {
            courier_answer_write(&out, replies, 3);
            same(payload, &out);
        }
    }
    buf_free(&out);
    arena_destroy(arena);
    return 0;
}
