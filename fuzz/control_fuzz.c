/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client of the control socket may say, and what something that is not the gateway may answer. */
#include "roles/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct bytes payload, struct buf *written)
{
    require(!written->failed);
    require(bytes_equal(payload, buf_bytes(written)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct control_command command;
    struct control_answer answer, again;
    struct buf out;
    if (size < 1 || size > IPC_PAYLOAD_MAX)
        return 0;
    struct bytes payload = bytes_from(data + 1, size - 1);
    struct arena *arena = arena_create(32 << 20);
    buf_init(&out, 16 << 20);
    if (data[0] & 1) {
        if (control_command_read(payload, arena, &command)) {
            require(command.filter.id_count <= CONTROL_IDS_MAX);
            require(command.verb < CONTROL_VERBS && command.action < CONTROL_ACTIONS);
            control_command_write(&out, &command);
            same(payload, &out);
        }
    } else if (control_answer_read(payload, arena, &answer)) {
        require(answer.entry_count <= CONTROL_PAGE_ENTRIES);
        require(answer.stats.listed <= CONTROL_DESTINATIONS_MAX);
        for (size_t i = 0; i < answer.entry_count; i++)
            require(queue_id_is_valid(answer.entries[i].envelope.id));
        /* Envelopes have one form only when we write them. */
        control_answer_write(&out, &answer);
        require(!out.failed && control_answer_read(buf_bytes(&out), arena, &again));
        require(again.entry_count == answer.entry_count && again.name_count == answer.name_count);
    }
    buf_free(&out);
    arena_destroy(arena);
    return 0;
}
