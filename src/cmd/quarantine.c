/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/quarantine.h"

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "message/mime_parameter.h"

#include <stdio.h>

static int complain(const struct queue_scene *scene, int status, struct bytes text)
{
    fprintf(stderr, "vouch %s: ", scene->command);
    world_show(stderr, text);
    fputc('\n', stderr);
    return status;
}

int quarantine_ask(struct queue_scene *scene, const struct control_command *command, control_page *page,
                   void *context, struct control_answer *answer)
{
    struct error error = {{0}};
    enum result result = control_call(&scene->config, scene->arena, command, page, context, answer, &error);
    if (result != OK)
        return complain(scene, EXIT_TEMPORARY, bytes_of(error.text));
    if (answer->result == OK)
        return -1;
    return complain(scene, answer->result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE,
                    answer->text.len ? answer->text : BYTES("there is no such message in quarantine"));
}

struct bytes quarantine_text(struct arena *arena, struct bytes value)
{
    struct mime_text text;
    if (!mime_words_decode(arena, value, &text))
        return value;
    uint8_t *copy = arena_alloc(arena, text.octets.len);
    for (size_t i = 0; copy && i < text.octets.len; i++)
        copy[i] = text.octets.ptr[i] < ' ' ? ' ' : text.octets.ptr[i];
    return copy ? bytes_from(copy, text.octets.len) : value;
}

void quarantine_entry_json(struct buf *out, struct arena *arena, const struct control_entry *entry)
{
    const struct queue_envelope *envelope = &entry->envelope;
    const struct queue_recipient *given = &envelope->recipients[0];
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member_bytes(&json, "id", envelope->id);
    json_member_integer(&json, "since", envelope->queued_at);
    json_member_integer(&json, "size", (int64_t)envelope->size);
    json_member_bytes(&json, "sender", envelope->sender);
    json_member_bytes(&json, "recipient", envelope->recipient_count ? given->address : BYTES(""));
    json_member_bytes(&json, "mailbox", envelope->recipient_count
                                            ? envelope->recipients[envelope->recipient_count - 1].address
                                            : BYTES(""));
    json_member_bytes(&json, "from", quarantine_text(arena, entry->from));
    json_member_bytes(&json, "subject", quarantine_text(arena, entry->subject));
    json_member_bytes(&json, "score", entry->score);
    json_member_bytes(&json, "reason", envelope->recipient_count ? given->text : BYTES(""));
    json_end_object(&json);
    buf_add_byte(out, '\n');
}
