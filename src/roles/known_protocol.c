/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/known_protocol.h"

#include "base/domain.h"

#include <string.h>

enum { RECIPIENT_LEAST = 4, NUMBER_MOST_SHIFT = 60, DELAY_MOST = 366 * 86400 };

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

static size_t take_count(struct cursor *cursor, size_t most)
{
    uint32_t count = cursor_u32(cursor);
    if (count <= most)
        return count;
    cursor_fail(cursor);
    return 0;
}

static struct bytes take_text(struct cursor *cursor, size_t most)
{
    struct bytes text = ipc_take_bytes(cursor);
    if (text.len > most)
        cursor_fail(cursor);
    return cursor->failed ? BYTES("") : text;
}

/* Keys are parted by NUL. */
static struct bytes take_address(struct cursor *cursor)
{
    struct bytes text = take_text(cursor, KNOWN_ADDRESS_MAX);
    if (bytes_find_byte(text, 0) != BYTES_NOT_FOUND)
        cursor_fail(cursor);
    return text;
}

/* The peer's clock, or ours: no number that sums could not bear. */
static uint64_t take_number(struct cursor *cursor)
{
    uint64_t value = cursor_u64(cursor);
    if (value >> NUMBER_MOST_SHIFT)
        cursor_fail(cursor);
    return cursor->failed ? 0 : value;
}

static void add_ip(struct buf *out, const struct ip *ip)
{
    ipc_add_u8(out, ip->family);
    for (size_t i = 0; i < sizeof(ip->octets); i++)
        ipc_add_u8(out, ip->octets[i]);
}

static struct ip take_ip(struct cursor *cursor)
{
    struct ip ip = {.family = cursor_u8(cursor)};
    for (size_t i = 0; i < sizeof(ip.octets); i++)
        ip.octets[i] = cursor_u8(cursor);
    struct ip same = ip.family == 4 ? ip_from_v4(ip.octets) : ip.family == 6 ? ip_from_v6(ip.octets) : (struct ip){0};
    if (memcmp(&same, &ip, sizeof(ip)) != 0)
        cursor_fail(cursor);
    return cursor->failed ? (struct ip){0} : ip;
}

static void add_identity(struct buf *out, const struct history_identity *identity)
{
    ipc_add_u8(out, (uint8_t)identity->kind);
    ipc_add_u8(out, identity->aligned);
    ipc_add_bytes(out, identity->name);
}

static bool is_network(struct bytes name)
{
    struct ip_network network;
    return bytes_find_byte(name, '/') != BYTES_NOT_FOUND && ip_network_parse(name, &network);
}

static void take_identity(struct cursor *cursor, struct history_identity *identity)
{
    identity->kind = (enum history_kind)take_below(cursor, HISTORY_KINDS);
    identity->aligned = take_below(cursor, 2);
    identity->name = take_text(cursor, HISTORY_NAME_MAX);
    if (identity->kind == HISTORY_NETWORK ? !is_network(identity->name) : !domain_is_valid(identity->name))
        cursor_fail(cursor);
}

static void add_identities(struct buf *out, const struct history_identity *identities, size_t count)
{
    ipc_add_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        add_identity(out, &identities[i]);
}

static size_t take_identities(struct cursor *cursor, struct history_identity *identities)
{
    size_t count = take_count(cursor, KNOWN_IDENTITIES_MAX);
    for (size_t i = 0; i < count; i++)
        take_identity(cursor, &identities[i]);
    return count;
}

static void add_nameservers(struct buf *out, const struct history_nameservers *servers)
{
    ipc_add_bytes(out, servers->domain);
    ipc_add_u32(out, (uint32_t)servers->count);
    for (size_t i = 0; i < servers->count; i++)
        ipc_add_u32(out, servers->hashes[i]);
}

static void take_nameservers(struct cursor *cursor, struct history_nameservers *servers)
{
    servers->domain = take_text(cursor, HISTORY_NAME_MAX);
    servers->count = take_count(cursor, HISTORY_NAMESERVERS_MAX);
    for (size_t i = 0; i < servers->count; i++) {
        uint32_t hash = cursor_u32(cursor);
        if (!hash || hash > UINT16_MAX)
            cursor_fail(cursor);
        servers->hashes[i] = (uint16_t)hash;
    }
}

static void add_texts(struct buf *out, const struct bytes *texts, size_t count)
{
    ipc_add_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        ipc_add_bytes(out, texts[i]);
}

static size_t take_addresses(struct cursor *cursor, struct bytes *texts, size_t most)
{
    size_t count = take_count(cursor, most);
    for (size_t i = 0; i < count; i++)
        texts[i] = take_address(cursor);
    return count;
}

/* The question */

void known_question_write(struct buf *out, const struct known_question *question)
{
    ipc_add_u8(out, question->history);
    ipc_add_u8(out, question->contacts);
    ipc_add_u8(out, question->greylist);
    ipc_add_u64(out, (uint64_t)question->delay);
    add_identities(out, question->identities, question->identity_count);
    add_ip(out, &question->client);
    ipc_add_bytes(out, question->author);
    ipc_add_bytes(out, question->mail_from);
    add_nameservers(out, &question->nameservers);
    add_texts(out, question->recipients, question->recipient_count);
}

bool known_question_read(struct bytes payload, struct arena *arena, struct known_question *question)
{
    struct cursor cursor = cursor_over(payload);
    *question = (struct known_question){.history = take_below(&cursor, 2)};
    question->contacts = take_below(&cursor, 2);
    question->greylist = take_below(&cursor, 2);
    question->delay = (int64_t)take_number(&cursor);
    question->identity_count = take_identities(&cursor, question->identities);
    question->client = take_ip(&cursor);
    question->author = take_address(&cursor);
    question->mail_from = take_address(&cursor);
    take_nameservers(&cursor, &question->nameservers);
    uint32_t count = cursor_u32(&cursor);
    if (cursor.failed || count > KNOWN_RECIPIENTS_MAX || count > cursor_rest(&cursor).len / RECIPIENT_LEAST ||
        question->delay > DELAY_MOST)
        return false;
    question->recipients = arena_alloc_array(arena, count, sizeof(*question->recipients));
    if (!question->recipients)
        return false;
    for (uint32_t i = 0; i < count; i++)
        question->recipients[question->recipient_count++] = take_address(&cursor);
    return finished(&cursor);
}

/* The answer */

static void add_history(struct buf *out, const struct history *history)
{
    ipc_add_u64(out, (uint64_t)history->first);
    ipc_add_u64(out, (uint64_t)history->last);
    ipc_add_u8(out, history->reset);
    for (size_t i = 0; i < HISTORY_COUNTS; i++)
        ipc_add_u64(out, history->counts[i]);
}

static void take_history(struct cursor *cursor, struct history *history)
{
    history->first = (int64_t)take_number(cursor);
    history->last = (int64_t)take_number(cursor);
    history->reset = take_below(cursor, 2);
    for (size_t i = 0; i < HISTORY_COUNTS; i++)
        history->counts[i] = take_number(cursor);
}

void known_answer_write(struct buf *out, const struct known_answer *answer)
{
    ipc_add_u32(out, (uint32_t)answer->identity_count);
    for (size_t i = 0; i < answer->identity_count; i++) {
        add_history(out, &answer->history[i]);
        ipc_add_u8(out, answer->trapped[i]);
    }
    ipc_add_u32(out, (uint32_t)answer->contact_count);
    for (size_t i = 0; i < answer->contact_count; i++) {
        const struct known_contact *contact = &answer->contacts[i];
        ipc_add_u8(out, contact->site);
        ipc_add_u32(out, contact->recipient);
        ipc_add_u8(out, contact->manual);
        ipc_add_u64(out, contact->answers);
    }
    ipc_add_u8(out, (uint8_t)answer->greylist);
    ipc_add_u64(out, (uint64_t)answer->age);
}

bool known_answer_read(struct bytes payload, struct known_answer *answer)
{
    struct cursor cursor = cursor_over(payload);
    *answer = (struct known_answer){.identity_count = take_count(&cursor, KNOWN_IDENTITIES_MAX)};
    for (size_t i = 0; i < answer->identity_count; i++) {
        take_history(&cursor, &answer->history[i]);
        answer->trapped[i] = take_below(&cursor, 2);
    }
    answer->contact_count = take_count(&cursor, KNOWN_CONTACTS_MAX);
    for (size_t i = 0; i < answer->contact_count; i++) {
        struct known_contact *contact = &answer->contacts[i];
        contact->site = take_below(&cursor, 2);
        contact->recipient = cursor_u32(&cursor);
        contact->manual = take_below(&cursor, 2);
        contact->answers = take_number(&cursor);
        if (contact->recipient >= KNOWN_RECIPIENTS_MAX)
            cursor_fail(&cursor);
    }
    answer->greylist = (enum greylist_state)take_below(&cursor, GREYLIST_STATES);
    answer->age = (int64_t)take_number(&cursor);
    return finished(&cursor);
}

/* The outcome */

void known_outcome_write(struct buf *out, const struct known_outcome *outcome)
{
    add_identities(out, outcome->identities, outcome->identity_count);
    ipc_add_u8(out, (uint8_t)outcome->class);
    ipc_add_u8(out, outcome->trap);
    ipc_add_u32(out, outcome->unknown);
    add_nameservers(out, &outcome->nameservers);
    ipc_add_u8(out, (uint8_t)outcome->greylist);
    ipc_add_bytes(out, outcome->greylist_domain);
    add_ip(out, &outcome->client);
    ipc_add_bytes(out, outcome->mail_from);
    ipc_add_bytes(out, outcome->recipient);
    ipc_add_bytes(out, outcome->author);
    add_texts(out, outcome->answered, outcome->answered_count);
    ipc_add_bytes(out, outcome->owner);
    add_texts(out, outcome->learned, outcome->learned_count);
}

bool known_outcome_read(struct bytes blob, struct known_outcome *outcome)
{
    struct cursor cursor = cursor_over(blob);
    *outcome = (struct known_outcome){.class = KNOWN_PLAIN};
    outcome->identity_count = take_identities(&cursor, outcome->identities);
    outcome->class = (enum known_class)take_below(&cursor, KNOWN_CLASSES);
    outcome->trap = take_below(&cursor, 2);
    outcome->unknown = (uint32_t)take_count(&cursor, KNOWN_RECIPIENTS_MAX);
    take_nameservers(&cursor, &outcome->nameservers);
    outcome->greylist = (enum known_greylist)take_below(&cursor, KNOWN_GREYLISTS);
    outcome->greylist_domain = take_text(&cursor, HISTORY_NAME_MAX);
    outcome->client = take_ip(&cursor);
    outcome->mail_from = take_address(&cursor);
    outcome->recipient = take_address(&cursor);
    outcome->author = take_address(&cursor);
    outcome->answered_count = take_addresses(&cursor, outcome->answered, KNOWN_CONTACTS_MAX);
    outcome->owner = take_address(&cursor);
    outcome->learned_count = take_addresses(&cursor, outcome->learned, KNOWN_LEARNED_MAX);
    return finished(&cursor) &&
           (!outcome->greylist_domain.len || domain_is_valid(outcome->greylist_domain));
}
