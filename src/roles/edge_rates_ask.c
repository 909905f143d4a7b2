/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/edge_rates_private.h"

#include "base/log.h"

/* Clients wait for it. A store that is being restarted is not waited for: its limits protect us, no more. */
#define ASK_TIME (2 * SECOND)

void rates_add(struct rates_question *question, enum count_kind kind, const struct rates_place_key *place,
               enum rates_counter counter, uint64_t slot, uint64_t delta, int64_t window, uint64_t *value)
{
    size_t at = question->counts.count;
    if (value)
        *value = 0;
    if (at >= PROTOCOL_COUNTS_MAX)
        return;
    question->values[at] = value;
    question->counts.items[at] = (struct count_item){.kind = kind,
                                                     .key = rates_key(place, counter, slot, question->keys[at]),
                                                     .delta = delta,
                                                     .window = window};
    question->counts.count++;
}

bool rates_ask(struct edge *edge, struct arena *arena, struct rates_question *question)
{
    uint64_t values[PROTOCOL_COUNTS_MAX];
    int64_t deadline = loop_deadline(ASK_TIME);
    struct error error = {{0}};
    struct buf payload;
    if (!question->counts.count)
        return true;
    struct ipc_channel *store = edge_store(edge, deadline);
    buf_init(&payload, IPC_PAYLOAD_MAX);
    count_question_write(&payload, &question->counts);
    struct ipc_message request = {STORE_COUNT, buf_bytes(&payload), {-1, -1, -1, -1}}, answer;
    bool fine = store && !payload.failed && role_call(store, arena, &request, &answer, deadline, &error) == OK &&
                count_answer_read(answer.payload, values, question->counts.count);
    buf_free(&payload);
    for (size_t i = 0; i < question->counts.count && fine; i++)
        if (question->values[i])
            *question->values[i] = values[i];
    if (!fine)
        log_debug("rates", "the store does not count%s%s", error.text[0] ? ": " : "", error.text);
    return fine;
}
