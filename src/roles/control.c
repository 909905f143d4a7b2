/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/control.h"

enum { NAMES_MAX = 100000, ENTRY_LEAST = 34, DESTINATION_LEAST = 56 };

const char *control_action_name(enum control_action action)
{
    static const char *const names[CONTROL_ACTIONS] = {"", "hold", "release", "retry", "drop", "bounce"};
    return action < CONTROL_ACTIONS ? names[action] : "";
}

/* What is chosen */

static bool mailbox_matches(struct bytes wanted, struct bytes address)
{
    return bytes_is(wanted, "<>") ? address.len == 0 : bytes_equal_nocase(wanted, address);
}

/* A mailbox, or all of a domain. */
static bool address_matches(struct bytes wanted, struct bytes address)
{
    size_t at = bytes_rfind_byte(address, '@');
    if (bytes_find_byte(wanted, '@') != BYTES_NOT_FOUND || at == BYTES_NOT_FOUND)
        return mailbox_matches(wanted, address);
    return bytes_equal_nocase(bytes_skip(address, at + 1), wanted);
}

static bool id_matches(const struct control_filter *filter, struct bytes id)
{
    for (size_t i = 0; i < filter->id_count; i++)
        if (bytes_equal(filter->ids[i], id))
            return true;
    return filter->id_count == 0;
}

static bool contains(struct bytes text, struct bytes wanted)
{
    return bytes_find_nocase(text, wanted) != BYTES_NOT_FOUND;
}

static bool reason_matches(struct bytes wanted, const struct queue_envelope *envelope)
{
    if (!wanted.len || (envelope->held && contains(envelope->held_reason, wanted)))
        return true;
    for (size_t i = 0; i < envelope->recipient_count; i++)
        if (contains(envelope->recipients[i].text, wanted))
            return true;
    return false;
}

static bool recipient_matches(struct bytes wanted, const struct queue_envelope *envelope)
{
    if (!wanted.len)
        return true;
    for (size_t i = 0; i < envelope->recipient_count; i++)
        if (address_matches(wanted, envelope->recipients[i].address))
            return true;
    return false;
}

bool control_filter_matches(const struct control_filter *filter, const struct queue_envelope *envelope,
                            int64_t now)
{
    int64_t age = now - envelope->queued_at;
    if (filter->held_only && !envelope->held)
        return false;
    if ((filter->older_than && age < filter->older_than) ||
        (filter->younger_than && age >= filter->younger_than))
        return false;
    if (filter->account.len && !bytes_equal_nocase(filter->account, envelope->account))
        return false;
    if (filter->sender.len && !mailbox_matches(filter->sender, envelope->sender))
        return false;
    return id_matches(filter, envelope->id) && recipient_matches(filter->recipient, envelope) &&
           reason_matches(filter->reason, envelope);
}

/* Payloads */

static bool finished(const struct cursor *cursor)
{
    return !cursor->failed && cursor->position == cursor->input.len;
}

static uint8_t take_below(struct cursor *cursor, unsigned limit)
{
    uint8_t value = cursor_u8(cursor);
    if (value >= limit)
        cursor_fail(cursor);
    return value < limit ? value : 0;
}

static struct bytes take_text(struct cursor *cursor)
{
    struct bytes text = ipc_take_bytes(cursor);
    if (text.len > CONTROL_TEXT_MAX)
        cursor_fail(cursor);
    return text;
}

static int64_t take_time(struct cursor *cursor)
{
    uint64_t value = cursor_u64(cursor);
    if (value > INT64_MAX / 2)
        cursor_fail(cursor);
    return cursor->failed ? 0 : (int64_t)value;
}

/* How many items of at least `size` octets each follow; and room for them. */
static size_t take_items(struct cursor *cursor, struct arena *arena, uint32_t most, size_t size,
                         size_t element, void **out)
{
    uint32_t count = cursor_u32(cursor);
    if (count > most || count > cursor_rest(cursor).len / size)
        cursor_fail(cursor);
    *out = cursor->failed ? NULL : arena_alloc_array(arena, count, element);
    if (!*out)
        cursor_fail(cursor);
    return cursor->failed ? 0 : count;
}

void control_command_write(struct buf *out, const struct control_command *command)
{
    const struct control_filter *filter = &command->filter;
    ipc_add_u8(out, (uint8_t)command->verb);
    ipc_add_u8(out, (uint8_t)command->action);
    ipc_add_bytes(out, command->text);
    ipc_add_bytes(out, command->account);
    ipc_add_u8(out, filter->held_only);
    ipc_add_u32(out, filter->limit);
    ipc_add_u64(out, (uint64_t)filter->older_than);
    ipc_add_u64(out, (uint64_t)filter->younger_than);
    ipc_add_bytes(out, filter->sender);
    ipc_add_bytes(out, filter->recipient);
    ipc_add_bytes(out, filter->account);
    ipc_add_bytes(out, filter->reason);
    ipc_add_u32(out, (uint32_t)filter->id_count);
    for (size_t i = 0; i < filter->id_count; i++)
        ipc_add_bytes(out, filter->ids[i]);
}

static void take_filter(struct cursor *cursor, struct arena *arena, struct control_filter *filter)
{
    void *ids;
    filter->held_only = take_below(cursor, 2);
    filter->limit = cursor_u32(cursor);
    filter->older_than = take_time(cursor);
    filter->younger_than = take_time(cursor);
    filter->sender = take_text(cursor);
    filter->recipient = take_text(cursor);
    filter->account = take_text(cursor);
    filter->reason = take_text(cursor);
    filter->id_count = take_items(cursor, arena, CONTROL_IDS_MAX, 5, sizeof(struct bytes), &ids);
    filter->ids = ids;
    for (size_t i = 0; i < filter->id_count; i++) {
        filter->ids[i] = ipc_take_bytes(cursor);
        if (!queue_id_is_valid(filter->ids[i]))
            cursor_fail(cursor);
    }
}

bool control_command_read(struct bytes payload, struct arena *arena, struct control_command *command)
{
    struct cursor cursor = cursor_over(payload);
    *command = (struct control_command){.verb = take_below(&cursor, CONTROL_VERBS)};
    command->action = take_below(&cursor, CONTROL_ACTIONS);
    command->text = take_text(&cursor);
    command->account = take_text(&cursor);
    take_filter(&cursor, arena, &command->filter);
    bool acts = command->verb == CONTROL_QUEUE_ACT;
    return finished(&cursor) && acts == (command->action != CONTROL_NOTHING) &&
           (command->verb != CONTROL_ACCOUNT_RELEASE || command->account.len) &&
           (command->verb != CONTROL_QUEUE_CONTENT || command->filter.id_count == 1);
}

/* In their order as written; the times are apart. */
static uint64_t *stats_field(struct control_stats *stats, size_t i)
{
    uint64_t *const fields[] = {&stats->messages,        &stats->held,          &stats->octets,
                                &stats->tasks,           &stats->running,       &stats->sessions,
                                &stats->destination_count, &stats->body_octets, &stats->journal_octets,
                                &stats->journal_live_octets, &stats->memory_octets};
    return i < countof(fields) ? fields[i] : NULL;
}

static uint64_t *destination_field(struct control_destination *destination, size_t i)
{
    uint64_t *const fields[] = {&destination->messages, &destination->running,
                                &destination->concurrency, &destination->failures};
    return i < countof(fields) ? fields[i] : NULL;
}

static void add_stats(struct buf *out, const struct control_stats *given)
{
    struct control_stats stats = *given;
    uint64_t *field;
    for (size_t i = 0; (field = stats_field(&stats, i)); i++)
        ipc_add_u64(out, *field);
    ipc_add_u64(out, (uint64_t)stats.oldest);
    ipc_add_u32(out, (uint32_t)stats.listed);
    for (size_t i = 0; i < stats.listed; i++) {
        struct control_destination destination = stats.destinations[i];
        ipc_add_bytes(out, bytes_first(destination.name, CONTROL_TEXT_MAX));
        ipc_add_bytes(out, bytes_first(destination.reason, CONTROL_TEXT_MAX));
        for (size_t k = 0; (field = destination_field(&destination, k)); k++)
            ipc_add_u64(out, *field);
        ipc_add_u64(out, (uint64_t)destination.oldest);
        ipc_add_u64(out, (uint64_t)destination.next_try);
    }
}

static void take_stats(struct cursor *cursor, struct arena *arena, struct control_stats *stats)
{
    uint64_t *field;
    void *items;
    for (size_t i = 0; (field = stats_field(stats, i)); i++)
        *field = cursor_u64(cursor);
    stats->oldest = take_time(cursor);
    stats->listed = take_items(cursor, arena, CONTROL_DESTINATIONS_MAX, DESTINATION_LEAST,
                               sizeof(struct control_destination), &items);
    stats->destinations = items;
    for (size_t i = 0; i < stats->listed; i++) {
        struct control_destination *destination = &stats->destinations[i];
        destination->name = take_text(cursor);
        destination->reason = take_text(cursor);
        for (size_t k = 0; (field = destination_field(destination, k)); k++)
            *field = cursor_u64(cursor);
        destination->oldest = take_time(cursor);
        destination->next_try = take_time(cursor);
    }
}

void control_entry_write(struct buf *out, const struct control_entry *entry)
{
    struct buf written;
    buf_init(&written, QUEUE_ENVELOPE_MAX);
    queue_envelope_write(&written, &entry->envelope);
    out->failed |= written.failed;
    ipc_add_u8(out, (uint8_t)entry->state);
    ipc_add_u8(out, entry->account_held);
    ipc_add_u64(out, (uint64_t)entry->next_try);
    ipc_add_u64(out, entry->envelope.size);
    ipc_add_bytes(out, buf_bytes(&written));
    ipc_add_bytes(out, bytes_first(entry->from, CONTROL_TEXT_MAX));
    ipc_add_bytes(out, bytes_first(entry->subject, CONTROL_TEXT_MAX));
    ipc_add_bytes(out, bytes_first(entry->score, CONTROL_TEXT_MAX));
    buf_free(&written);
}

static void take_entry(struct cursor *cursor, struct arena *arena, struct control_entry *entry)
{
    entry->state = take_below(cursor, CONTROL_STATES);
    entry->account_held = take_below(cursor, 2);
    entry->next_try = take_time(cursor);
    uint64_t size = cursor_u64(cursor);
    struct bytes written = ipc_take_bytes(cursor);
    if (cursor->failed || queue_envelope_read(arena, written, &entry->envelope, NULL) != OK)
        cursor_fail(cursor);
    entry->envelope.size = size;
    entry->from = take_text(cursor);
    entry->subject = take_text(cursor);
    entry->score = take_text(cursor);
}

void control_answer_write(struct buf *out, const struct control_answer *answer)
{
    ipc_add_u8(out, (uint8_t)answer->result);
    ipc_add_u64(out, answer->count);
    ipc_add_bytes(out, bytes_first(answer->text, CONTROL_TEXT_MAX));
    add_stats(out, &answer->stats);
    ipc_add_u32(out, (uint32_t)answer->name_count);
    for (size_t i = 0; i < answer->name_count; i++)
        ipc_add_bytes(out, bytes_first(answer->names[i], CONTROL_TEXT_MAX));
    ipc_add_u32(out, (uint32_t)answer->entry_count);
    /* Without the array somebody else adds them behind this. */
    for (size_t i = 0; answer->entries && i < answer->entry_count; i++)
        control_entry_write(out, &answer->entries[i]);
}

bool control_answer_read(struct bytes payload, struct arena *arena, struct control_answer *answer)
{
    struct cursor cursor = cursor_over(payload);
    void *items;
    *answer = (struct control_answer){.result = take_below(&cursor, PERM + 1)};
    answer->count = cursor_u64(&cursor);
    answer->text = take_text(&cursor);
    take_stats(&cursor, arena, &answer->stats);
    answer->name_count = take_items(&cursor, arena, NAMES_MAX, 4, sizeof(struct bytes), &items);
    answer->names = items;
    for (size_t i = 0; i < answer->name_count; i++)
        answer->names[i] = take_text(&cursor);
    answer->entry_count = take_items(&cursor, arena, CONTROL_PAGE_ENTRIES, ENTRY_LEAST,
                                     sizeof(struct control_entry), &items);
    answer->entries = items;
    for (size_t i = 0; i < answer->entry_count && !cursor.failed; i++)
        take_entry(&cursor, arena, &answer->entries[i]);
    return finished(&cursor);
}
