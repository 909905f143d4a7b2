/* SPDX-License-Identifier: BSD-2-Clause */
/* An envelope of the queue, as a damaged disk might give it. */
#include "queue/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(16 << 20);
    struct queue_envelope envelope, head;
    struct bytes written = bytes_from(data, size);
    enum result peeked = queue_envelope_peek(written, &head);
    enum result read = queue_envelope_read(arena, written, &envelope, NULL);
    require(read != NONE);
    if (read == OK) {
        /* There is one written form of an envelope. */
        struct buf again;
        buf_init(&again, 16 << 20);
        queue_envelope_write(&again, &envelope);
        require(!again.failed && bytes_equal(buf_bytes(&again), written));
        buf_free(&again);
        require(peeked == OK && bytes_equal(head.id, envelope.id));
        require(head.recipient_count == envelope.recipient_count && !head.recipients);
        require(head.held == envelope.held && head.expires_at == envelope.expires_at);
    }
    arena_destroy(arena);
    return 0;
}
