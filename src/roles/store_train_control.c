/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch train, as the store answers it. */
#include "roles/store_control.h"
#include "roles/store_train.h"

static const char *outcome_word(enum train_outcome outcome)
{
    static const char *const words[] = {[TRAIN_LEARNED] = "learned",
                                        [TRAIN_KNOWN] = "known",
                                        [TRAIN_CHANGED] = "changed",
                                        [TRAIN_UNREADABLE] = "unreadable"};
    return words[outcome];
}

void store_control_train(struct store *store, struct control_call_state *call,
                         const struct control_command *command, struct control_answer *answer)
{
    enum train_outcome outcome;
    struct error error = {{0}};
    struct train_request request = {.content = command->content,
                                    .domain = arena_lower(call->arena, command->filter.recipient),
                                    .reporter = arena_lower(call->arena, command->account)};
    size_t at = bytes_find_byte(request.reporter, '@');
    if (!request.domain.len && at != BYTES_NOT_FOUND)
        request.domain = bytes_skip(request.reporter, at + 1);
    if (!train_class_parse(command->text, &request.class) || !command->content.ptr) {
        *answer = (struct control_answer){.result = PERM, .text = BYTES("not a message to learn")};
        return;
    }
    answer->result = store_train(store, &request, &outcome, &error);
    answer->text = answer->result == OK ? bytes_of(outcome_word(outcome))
                                        : arena_printf(call->arena, "%s", error.text);
}
