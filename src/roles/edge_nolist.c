/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/edge_nolist.h"

#include "base/log.h"

#define FIRST_SPAN HOUR
#define DAY_SPAN DAY

enum config_nolisting edge_nolist_kind(const struct smtp_session *session)
{
    const struct config_listener *listener = session->owner;
    return listener ? (enum config_nolisting)listener->nolisting : CONFIG_NOLISTING_NONE;
}

static void log_visit(const struct smtp_session *session, const char *listener)
{
    struct log_line line;
    char client[IP_TEXT_SIZE];
    log_begin(&line, LOG_LEVEL_DEBUG, "nolisting");
    log_string(&line, "client", ip_format(&session->client, client));
    log_string(&line, "listener", listener);
    log_end(&line);
}

void edge_nolist_refuse(struct edge *edge, struct smtp_session *session, struct edge_rates_session *state,
                        struct smtp_reply *reply)
{
    int64_t now = loop_epoch();
    struct rates_question question = {.counts = {.count = 0}};
    /* The client may be at the next MX in a moment, and at another edge: it is counted before it knows. */
    if (state) {
        rates_add(&question, COUNT_ADD, &state->network, RATES_TRIED_FIRST, rates_slot(now, FIRST_SPAN), 1,
                  rates_slot_window(FIRST_SPAN), NULL);
        rates_add(&question, COUNT_FIRST, &state->network, RATES_TRIED_OTHERS, rates_slot(now, DAY_SPAN), 1,
                  rates_slot_window(DAY_SPAN), NULL);
        if (!rates_ask(edge, session->arena, &question))
            log_debug("nolisting", "a visit could not be counted");
    }
    log_visit(session, "refuse");
    smtp_reply_set(reply, session->arena, 421, "4.3.2", "%s This host takes no mail now, please try the next MX host.",
                   edge->role->config.hostname);
    reply->close = true;
}

static void ask_slots(struct rates_question *question, const struct rates_place_key *place,
                      enum rates_counter counter, int64_t span, uint64_t values[RATES_SLOTS])
{
    uint64_t slot = rates_slot(loop_epoch(), span);
    for (uint64_t i = 0; i < RATES_SLOTS; i++)
        rates_add(question, COUNT_GET, place, counter, slot - i, 0, rates_slot_window(span), &values[i]);
}

static bool any(const uint64_t values[RATES_SLOTS])
{
    return values[0] || values[1] || values[2];
}

void edge_nolist_ask(const struct smtp_session *session, const struct edge_rates_session *state,
                     struct rates_question *question, struct edge_nolist_answer *answer)
{
    *answer = (struct edge_nolist_answer){{0}, {0}, {0}};
    if (edge_nolist_kind(session) == CONFIG_NOLISTING_TRAP) {
        ask_slots(question, &state->network, RATES_TRIED_OTHERS, DAY_SPAN, answer->others);
        return;
    }
    ask_slots(question, &state->network, RATES_TRIED_FIRST, FIRST_SPAN, answer->first);
    ask_slots(question, &state->network, RATES_TRAPPED, DAY_SPAN, answer->trapped);
    /* Written once in each slot only. */
    rates_add(question, COUNT_FIRST, &state->network, RATES_TRIED_OTHERS, rates_slot(loop_epoch(), DAY_SPAN), 1,
              rates_slot_window(DAY_SPAN), NULL);
}

void edge_nolist_take(const struct smtp_session *session, struct edge_rates_session *state,
                      const struct edge_nolist_answer *answer)
{
    state->tried_others = any(answer->others);
    if (edge_nolist_kind(session) == CONFIG_NOLISTING_TRAP)
        return;
    state->nolist = any(answer->trapped) ? NOLIST_CAME_BY_TRAP
                    : any(answer->first) ? NOLIST_TRIED_NEXT
                                         : NOLIST_NOTHING;
}

void edge_nolist_put_off(struct edge *edge, struct smtp_session *session, struct edge_rates_session *state,
                         struct smtp_reply *reply)
{
    smtp_reply_set(reply, session->arena, 450, "4.3.2",
                   "This host takes no mail now, please try the other MX hosts first.");
    if (!state || state->tried_others || state->told_trap)
        return;
    state->told_trap = true;
    rates_tell(edge->rates, &state->network, RATES_TRAPPED, rates_slot(loop_epoch(), DAY_SPAN), 1,
               rates_slot_window(DAY_SPAN));
    log_visit(session, "trap");
}

bool edge_nolist_add(struct edge_mail *mail, const struct edge_rates_session *state)
{
    if (!state || state->nolist == NOLIST_NOTHING)
        return true;
    bool trapped = state->nolist == NOLIST_CAME_BY_TRAP;
    struct evidence_item *item = evidence_add(mail->gather.arena, &mail->gather.evidence, CHECK_NOLIST,
                                              trapped ? AUTH_FAIL : AUTH_PASS);
    if (!item)
        return false;
    item->reason = trapped ? BYTES("the client came to the last MX host without having tried the others")
                           : BYTES("the client tried the next MX host when the first refused it");
    return evidence_property(mail->gather.arena, item, "vouch", "state",
                             trapped ? BYTES("trap") : BYTES("tried-next"));
}
