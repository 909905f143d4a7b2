/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/edge_mail.h"

#include "roles/digest.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT_TIMEOUT_SECONDS = 5, SEEN_BUCKETS = 16384, SEEN_SLOTS = 4, REPLAYS_LOOKED_AT = 3 };

#define REPLAY_WINDOW (30 * DAY)

/* Counts the key in the store; *before is how often it was counted until then. False: no answer. */
static bool count(struct edge_mail *mail, struct bytes key, int64_t window, uint64_t *before)
{
    struct attempt_question question = {.key = key, .window = window};
    struct buf payload;
    buf_init(&payload, 256);
    attempt_question_write(&payload, &question);
    struct ipc_message request = {STORE_ATTEMPT, buf_bytes(&payload), {-1, -1, -1, -1}}, answer;
    int64_t deadline = loop_deadline(COUNT_TIMEOUT_SECONDS * SECOND);
    struct ipc_channel *store = edge_store(mail->edge, deadline);
    bool asked = store && role_call(store, mail->gather.arena, &request, &answer, deadline, NULL) == OK;
    buf_free(&payload);
    struct cursor cursor = cursor_over(asked ? answer.payload : BYTES(""));
    *before = cursor_u64(&cursor);
    return !cursor.failed;
}

static bool add_number(struct edge_mail *mail, struct evidence_item *item, const char *name,
                       uint64_t number)
{
    struct arena *arena = mail->gather.arena;
    return evidence_property(arena, item, "vouch", name,
                             arena_printf(arena, "%llu", (unsigned long long)number));
}

/* Whether judge() may put mail off because this could not be checked. */
static bool may_put_off(enum check check)
{
    return check == CHECK_SPF || check == CHECK_DKIM || check == CHECK_DMARC || check == CHECK_SENDER_ID;
}

/*
 * Only where DNS failed: how often this mail was put off already, counted by network, sender and
 * first recipient, as a retry may come from a neighbour of the client.
 */
bool edge_add_attempts(struct edge_mail *mail, const struct smtp_session *session,
                       const struct config_policy *policy)
{
    struct gather *gather = &mail->gather;
    bool failed = false;
    for (size_t i = 0; i < gather->evidence.item_count; i++)
        failed |= gather->evidence.items[i].result == AUTH_TEMPERROR &&
                  may_put_off(gather->evidence.items[i].check);
    if (!failed)
        return true;
    struct ip network = ip_masked(&session->client, session->client.family == 4 ? 24 : 64);
    struct bytes parts[] = {bytes_from(network.octets, 16), gather->evidence.mail_from,
                            session->transaction->recipients[0].mailbox}, key;
    uint64_t before;
    if (!digest_parts(gather->arena, parts, countof(parts), &key))
        return false;
    /* A store that cannot count must not put mail off for ever. */
    if (!count(mail, key, policy->temporary_window, &before))
        before = policy->temporary_attempts;
    struct evidence_item *item =
        evidence_add(gather->arena, &gather->evidence, CHECK_ATTEMPT, AUTH_NONE);
    return item && add_number(mail, item, "count", before);
}

/*
 * A stamp buys one message. Each sighting is counted under the stamp, and under stamp and message
 * together: as long as both counts agree it was only ever this message, which may come again after a
 * temporary refusal.
 */
bool edge_add_spent(struct edge_mail *mail, const struct smtp_session *session)
{
    struct gather *gather = &mail->gather;
    struct evidence_item *item =
        (struct evidence_item *)evidence_find(&gather->evidence, CHECK_HASHCASH, 0);
    if (!item || item->result != AUTH_PASS)
        return true;
    struct bytes stamp = bytes_from(gather->hashcash.stamp.digest, sizeof(gather->hashcash.stamp.digest));
    struct bytes message, key, own_key;
    if (!edge_fingerprint(mail, session, &message))
        return false;
    struct bytes parts[] = {BYTES("hashcash"), stamp, message};
    uint64_t sightings, own;
    int64_t window = 30 * DAY;
    if (!digest_parts(gather->arena, parts, 2, &key) || !digest_parts(gather->arena, parts, 3, &own_key))
        return false;
    if (!count(mail, key, window, &sightings) || !count(mail, own_key, window, &own)) {
        item->result = AUTH_TEMPERROR;
        item->reason = BYTES("nobody could tell whether the stamp was spent before");
    } else if (sightings > own) {
        item->result = AUTH_POLICY;
        item->reason = BYTES("the stamp was spent before");
    }
    return true;
}

/*
 * Signatures that this process saw lately. A first sighting is counted along with the record of the
 * message, which costs nothing; only for one that was here before the store is asked, which knows what
 * all processes saw. Forgetting costs one in the count.
 */
struct edge_seen {
    uint64_t buckets[SEEN_BUCKETS][SEEN_SLOTS];
    unsigned next;
};

struct edge_seen *edge_seen_create(void)
{
    return calloc(1, sizeof(struct edge_seen));
}

void edge_seen_destroy(struct edge_seen *seen)
{
    free(seen);
}

static bool was_seen(struct edge_seen *seen, struct bytes key)
{
    uint64_t hash;
    memcpy(&hash, key.ptr, sizeof(hash));
    uint64_t *bucket = seen->buckets[hash % SEEN_BUCKETS];
    for (int i = 0; i < SEEN_SLOTS; i++)
        if (bucket[i] == hash)
            return true;
    bucket[seen->next++ % SEEN_SLOTS] = hash;
    return false;
}

static bool add_replay(struct edge_mail *mail, struct evidence_item *item,
                       const struct dkim_signature_result *signature)
{
    struct gather *gather = &mail->gather;
    struct bytes parts[] = {BYTES("dkim"), signature->domain, signature->signature}, key;
    uint64_t before;
    if (!digest_parts(gather->arena, parts, countof(parts), &key))
        return false;
    if (!was_seen(mail->edge->seen, key)) {
        mail->counted[mail->counted_count++] = key;
        return true;
    }
    return !count(mail, key, REPLAY_WINDOW, &before) || !before ||
           add_number(mail, item, "seen", before);
}

bool edge_add_replays(struct edge_mail *mail)
{
    struct gather *gather = &mail->gather;
    if (!gather->config->authentication.replays || !gather->dkim.count)
        return true;
    mail->counted = arena_alloc_array(gather->arena, REPLAYS_LOOKED_AT, sizeof(*mail->counted));
    if (!mail->counted)
        return false;
    size_t signature = 0, looked_at = 0;
    for (size_t i = 0; i < gather->evidence.item_count; i++) {
        struct evidence_item *item = &gather->evidence.items[i];
        if (item->check != CHECK_DKIM || signature >= gather->dkim.count)
            continue;
        const struct dkim_signature_result *found = &gather->dkim.signatures[signature++];
        if (found->result == AUTH_PASS && looked_at++ < REPLAYS_LOOKED_AT &&
            !add_replay(mail, item, found))
            return false;
    }
    return true;
}
