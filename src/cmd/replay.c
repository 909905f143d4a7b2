/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/replay.h"

#include "base/domain.h"
#include "dns/answer.h"
#include "dns/zone.h"
#include "fiber/loop.h"

#include <stdio.h>

enum { NEGATIVE_TTL = 60 };
#define QUESTION_TIME (10 * SECOND)
#define PATIENCE (60 * SECOND)

/* Today's DNS */

bool replay_today_init(struct replay_today *today, struct dns *dns, struct arena *arena)
{
    *today = (struct replay_today){.dns = dns, .arena = arena, .patience = PATIENCE};
    today->answers = map_create();
    return today->answers != NULL;
}

void replay_today_free(struct replay_today *today)
{
    map_destroy(today->answers, NULL);
    today->answers = NULL;
}

/* NULL when nobody can tell. */
static const struct dns_answer *ask_today(struct replay_today *today, struct bytes question,
                                          struct bytes name, enum dns_type type)
{
    if (!today->dns)
        return NULL;
    const struct dns_answer *answer = map_get(today->answers, question);
    if (!answer && today->patience > 0) {
        int64_t started = loop_now_fresh();
        answer = dns_query(today->dns, today->arena, name, type, started + QUESTION_TIME);
        today->asked++;
        if (answer->status == DNS_FAILED)
            today->patience -= loop_now_fresh() - started;
        if (!map_put(today->answers, question, (void *)answer, NULL))
            return NULL;
    }
    return answer && answer->status != DNS_FAILED ? answer : NULL;
}

/* The DNS of then */

static const struct evidence_dns *find_recorded(const struct evidence *evidence, struct bytes name,
                                                const char *type)
{
    for (size_t i = 0; i < evidence->dns_count; i++)
        if (bytes_equal_nocase(evidence->dns[i].name, name) && bytes_is(evidence->dns[i].type, type))
            return &evidence->dns[i];
    return NULL;
}

static const struct dns_answer *as_recorded(struct replay *replay, struct arena *arena,
                                            const struct evidence_dns *recorded, enum dns_type type)
{
    if (bytes_is(recorded->status, "found"))
        return dns_query(zone_dns(replay->zone), arena, recorded->name, type, NO_DEADLINE);
    if (bytes_is(recorded->status, "failed"))
        return answer_failed(arena, "it failed when the message came");
    return answer_empty(arena, bytes_is(recorded->status, "nxdomain") ? DNS_NO_NAME : DNS_NO_DATA,
                        recorded->name, recorded->ttl);
}

static const struct dns_answer *query(struct dns *dns, struct arena *arena, struct bytes name,
                                      enum dns_type type, int64_t deadline)
{
    (void)deadline;
    struct replay *replay = (struct replay *)dns;
    char storage[16];
    const char *type_text = dns_type_name(type, storage);
    bool ours = type == DNS_TXT && bytes_equal_nocase(name, replay->name);
    replay->touched |= ours;
    const struct evidence_dns *recorded = find_recorded(replay->evidence, name, type_text);
    if (recorded)
        return as_recorded(replay, arena, recorded, type);
    /* The proposal takes the place of what we do not know. */
    if (ours && replay->proposing)
        return answer_empty(arena, DNS_NO_DATA, name, NEGATIVE_TTL);
    struct bytes lower = arena_lower(arena, name);
    struct bytes question = arena_printf(arena, BYTES_FMT " %s", BYTES_ARG(lower), type_text);
    const struct dns_answer *answer =
        question.ptr ? ask_today(replay->today, question, lower, type) : NULL;
    if (answer)
        return answer;
    if (replay->unknown++ == 0)
        replay->first_unknown = arena_copy(replay->arena, question);
    return answer_failed(arena, "nobody asked that when the message came");
}

static void add_recorded(struct zone *zone, const struct evidence_dns *recorded)
{
    enum dns_type type;
    struct ip ip;
    char mapped[IP_TEXT_SIZE + 8];
    if (!bytes_is(recorded->status, "found") || !dns_type_parse(recorded->type, &type))
        return;
    for (size_t i = 0; i < recorded->record_count; i++) {
        struct bytes value = recorded->records[i];
        /* An address that is mapped IPv4 was written as such, but it stood in an AAAA record. */
        if (type == DNS_AAAA && ip_parse_v4(value, &ip))
            value = bytes_from(mapped, (size_t)snprintf(mapped, sizeof(mapped), "::ffff:" BYTES_FMT,
                                                        BYTES_ARG(value)));
        /* What a resolver gave us and the zone does not take would not have served anything. */
        if (!zone_add(zone, recorded->name, type, recorded->ttl, value))
            zone_add_name(zone, recorded->name);
    }
}

bool replay_open(struct replay *replay, struct arena *arena, const struct evidence *evidence,
                 const struct replay_proposal *proposal, struct replay_today *today)
{
    *replay = (struct replay){.dns = {query},
                              .arena = arena,
                              .evidence = evidence,
                              .today = today,
                              .name = domain_strip_dot(proposal->name),
                              .zone = zone_create()};
    dns_overlay_init(&replay->overlay, &replay->dns, arena);
    if (!dns_overlay_set_txt(&replay->overlay, replay->name, bytes_of(proposal->version),
                             proposal->text)) {
        replay_close(replay);
        return false;
    }
    for (size_t i = 0; i < evidence->dns_count; i++)
        add_recorded(replay->zone, &evidence->dns[i]);
    return true;
}

void replay_close(struct replay *replay)
{
    zone_destroy(replay->zone);
    replay->zone = NULL;
}

struct dns *replay_start(struct replay *replay, bool proposing)
{
    const struct evidence_dns *there = find_recorded(replay->evidence, replay->name, "TXT");
    replay->touched = false;
    replay->unknown = 0;
    replay->first_unknown = BYTES("");
    /* Where DNS failed when the record was asked for, the proposal would not have come either. */
    replay->proposing = proposing && !(there && bytes_is(there->status, "failed"));
    return replay->proposing ? &replay->overlay.dns : &replay->dns;
}
