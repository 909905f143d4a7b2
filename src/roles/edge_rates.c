/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/edge_nolist.h"

#include "base/log.h"
#include "roles/gather_parts.h"

#include <stdlib.h>
#include <unistd.h>

/* A typo, and the same once more, are free. */
enum { UNKNOWN_FREE = 2, ERRORS_AT_ONCE = 16, NETWORK_TIMES = 5, FREE_PER_KNOWN = 2 };

#define REFUSED_FOR (30 * SECOND)

/* ---- an edge's ---- */

static unsigned count_edges(const struct config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned edges = config->edges ? config->edges : cores > 0 ? (unsigned)cores : 1;
    /* Of a cluster nobody here knows how large it is. */
    return config->state.redis.count ? edges * 2 : edges;
}

struct edge_rates *edge_rates_create(struct edge *edge)
{
    const struct config *config = &edge->role->config;
    struct edge_rates *rates = calloc(1, sizeof(*rates));
    if (!rates)
        return NULL;
    rates->edge = edge;
    rates->edges = count_edges(config);
    rates->connections = map_create();
    rates->told = calloc(RATES_TOLD_MAX, sizeof(*rates->told));
    fiber_group_open(&rates->tellers);
    fiber_group_open(&rates->renewers);
    for (size_t i = 0; i < config->listener_count; i++)
        rates->nolist |= config->listeners[i].nolisting != CONFIG_NOLISTING_NONE;
    if (rates->connections && rates->told)
        return rates;
    edge_rates_destroy(rates);
    return NULL;
}

void edge_rates_destroy(struct edge_rates *rates)
{
    if (!rates)
        return;
    fiber_group_close(&rates->renewers);
    if (rates->telling)
        fiber_group_wait(&rates->tellers, loop_deadline(SECOND));
    fiber_group_close(&rates->tellers);
    map_destroy(rates->connections, free);
    free(rates->told);
    free(rates);
}

bool rates_is_trusted(const struct config *config, const struct ip *client)
{
    if (config_networks_contain(&config->own_networks, client))
        return true;
    for (size_t i = 0; i < config->policy_count; i++)
        if (config_networks_contain(&config->policies[i].trusted_forwarders, client))
            return true;
    for (size_t i = 0; i < config->forwarder_count; i++)
        if (config_networks_contain(&config->forwarders[i].networks, client))
            return true;
    return false;
}

static bool is_exempt(const struct edge *edge, const struct smtp_session *session)
{
    const struct config *config = &edge->role->config;
    const struct edge_session *kept = session->context;
    return session->submission || !kept || kept->account || !session->client.family ||
           gather_find_upstream(config, &session->client) || rates_is_trusted(config, &session->client);
}

static struct edge_rates_session *state_of(const struct smtp_session *session)
{
    const struct edge_session *kept = session->context;
    return kept ? kept->rates : NULL;
}

/* ---- connections ---- */

static void refuse(const struct edge *edge, struct smtp_session *session, struct bytes why, struct smtp_reply *reply)
{
    struct log_line line;
    char client[IP_TEXT_SIZE];
    smtp_reply_set(reply, session->arena, 421, "4.7.0", "%s " BYTES_FMT, edge->role->config.hostname, BYTES_ARG(why));
    reply->close = true;
    log_begin(&line, LOG_LEVEL_INFO, "rates");
    log_string(&line, "client", ip_format(&session->client, client));
    log_bytes(&line, "refused", why);
    log_end(&line);
}

static struct bytes too_many_at_a_time(struct arena *arena, const char *whose, struct bytes place, unsigned most)
{
    return arena_printf(arena,
                        "Too many connections from your %s " BYTES_FMT ": %u at a time are allowed. "
                        "Please try again later.",
                        whose, BYTES_ARG(place), most);
}

static void refuse_address(const struct edge *edge, struct smtp_session *session, struct smtp_reply *reply)
{
    refuse(edge, session,
           too_many_at_a_time(session->arena, "address", rates_address_text(session->arena, &session->client),
                              edge->role->config.rates.connections),
           reply);
}

static void refuse_network(const struct edge *edge, struct smtp_session *session, struct smtp_reply *reply)
{
    refuse(edge, session,
           too_many_at_a_time(session->arena, "network", rates_network_text(session->arena, &session->client),
                              edge->role->config.rates.connections_network),
           reply);
}

/* "… from your address 192.0.2.1: 10 in one hour are allowed. …" */
static struct bytes sentence(const struct edge *edge, const struct smtp_session *session, const char *what,
                             uint64_t most)
{
    return rates_sentence(session->arena, what, rates_address_text(session->arena, &session->client), most,
                          edge->role->config.rates.window);
}

static void leave(struct edge *edge, struct edge_rates_session *state, bool asked)
{
    rates_leave(edge->rates, state->of_address, asked);
    rates_leave(edge->rates, state->of_network, asked);
    state->of_address = state->of_network = NULL;
}

/* As far as this edge knows. False: refused, and left again: the store does not hear of it. */
static bool enter(struct edge *edge, struct smtp_session *session, struct edge_rates_session *state,
                  struct smtp_reply *reply)
{
    const struct config *config = &edge->role->config;
    unsigned most = config->rates.connections, most_network = config->rates.connections_network;
    state->of_address = rates_enter(edge->rates, &session->client, false, &state->address, most);
    state->of_network = rates_enter(edge->rates, &session->client, true, &state->network, most_network);
    if (rates_connection_count(state->of_address) > most)
        refuse_address(edge, session, reply);
    else if (rates_connection_count(state->of_network) > most_network)
        refuse_network(edge, session, reply);
    else
        return true;
    leave(edge, state, false);
    return false;
}

/* What the store knows of the client. */
struct known {
    struct rates_connection_totals of_address, of_network;
    uint64_t connections, messages, recipients, octets, messages_network;
    uint64_t errors, good;
    uint64_t unknown, unknown_network, good_network;
    struct edge_nolist_answer nolist;
};

static void get(struct edge *edge, struct rates_question *question, const struct rates_place_key *place,
                enum rates_counter counter, bool wanted, uint64_t *value)
{
    *value = 0;
    if (wanted)
        rates_add(question, COUNT_GET, place, counter, 0, 0, edge->role->config.rates.window, value);
}

static bool looks_at_unknown(const struct config *config)
{
    return config->rates.unknown || config->rates.tarpit;
}

static bool ask(struct edge *edge, struct smtp_session *session, const struct edge_rates_session *state,
                struct known *known)
{
    const struct config *config = &edge->role->config;
    struct rates_question question = {.counts = {.count = 0}};
    bool unknown = looks_at_unknown(config);
    *known = (struct known){.connections = 0};
    rates_ask_connection(edge->rates, state->of_address, config->rates.connections, &question, &known->of_address);
    rates_ask_connection(edge->rates, state->of_network, config->rates.connections_network, &question,
                         &known->of_network);
    /* Those that are refused count, too, but the window is that of the first: it does not get longer. */
    if (config->rates.connections_window)
        rates_add(&question, COUNT_ADD, &state->address, RATES_CONNECTIONS, 0, 1, config->rates.window,
                  &known->connections);
    get(edge, &question, &state->address, RATES_MESSAGES, config->rates.messages, &known->messages);
    get(edge, &question, &state->address, RATES_RECIPIENTS, config->rates.recipients, &known->recipients);
    get(edge, &question, &state->address, RATES_OCTETS, config->rates.octets, &known->octets);
    get(edge, &question, &state->network, RATES_MESSAGES, config->rates.network_messages, &known->messages_network);
    get(edge, &question, &state->address, RATES_ERRORS, config->rates.errors, &known->errors);
    get(edge, &question, &state->address, RATES_GOOD, config->rates.errors || unknown, &known->good);
    get(edge, &question, &state->address, RATES_UNKNOWN, unknown, &known->unknown);
    get(edge, &question, &state->network, RATES_UNKNOWN, unknown, &known->unknown_network);
    get(edge, &question, &state->network, RATES_GOOD, unknown, &known->good_network);
    if (edge->rates->nolist)
        edge_nolist_ask(session, state, &question, &known->nolist);
    return rates_ask(edge, session->arena, &question);
}

/* Each good recipient makes up for a bad one. */
static uint64_t less(uint64_t bad, uint64_t good)
{
    return bad > good ? bad - good : 0;
}

/* Unknown recipients that count; a network has more than one sender. */
static uint64_t unknown_that_count(const struct known *known)
{
    uint64_t own = less(known->unknown, known->good);
    uint64_t all = less(known->unknown_network, known->good_network) / NETWORK_TIMES;
    return own > all ? own : all;
}

static int64_t delay_for(const struct config *config, uint64_t unknown)
{
    int64_t most = config->rates.tarpit_most;
    if (unknown <= UNKNOWN_FREE || !config->rates.tarpit)
        return 0;
    uint64_t times = unknown - UNKNOWN_FREE;
    return times >= (uint64_t)(most / config->rates.tarpit) ? most : (int64_t)times * config->rates.tarpit;
}

/* Messages would be refused: MAIL is already. */
static void note_refusal(struct edge_rates_session *state, struct bytes why)
{
    state->refused_until = loop_deadline(REFUSED_FOR);
    state->refusal = why;
}

static void look_at_messages(const struct edge *edge, struct smtp_session *session, struct edge_rates_session *state,
                             const struct known *known)
{
    const struct config *config = &edge->role->config;
    if (config->rates.messages && known->messages >= config->rates.messages)
        note_refusal(state, sentence(edge, session, "messages from your address", config->rates.messages));
    else if (config->rates.recipients && known->recipients >= config->rates.recipients)
        note_refusal(state, sentence(edge, session, "recipients from your address", config->rates.recipients));
    else if (config->rates.octets && known->octets >= config->rates.octets)
        note_refusal(state, sentence(edge, session, "octets from your address", config->rates.octets));
    else if (config->rates.network_messages && known->messages_network >= config->rates.network_messages)
        note_refusal(state, rates_sentence(session->arena, "messages from your network",
                                           rates_network_text(session->arena, &session->client),
                                           config->rates.network_messages, config->rates.window));
}

static void take(struct edge *edge, struct smtp_session *session, struct edge_rates_session *state,
                 const struct known *known, struct smtp_reply *reply)
{
    const struct config *config = &edge->role->config;
    int64_t delay = delay_for(config, unknown_that_count(known));
    struct smtp_session_options *options = smtp_session_options(session);
    state->marked = known->errors || known->unknown || known->unknown_network;
    if (edge->rates->nolist)
        edge_nolist_take(session, state, &known->nolist);
    if (rates_too_many(&known->of_address, config->rates.connections)) {
        refuse_address(edge, session, reply);
    } else if (rates_too_many(&known->of_network, config->rates.connections_network)) {
        refuse_network(edge, session, reply);
    } else if (config->rates.connections_window && known->connections > config->rates.connections_window) {
        refuse(edge, session,
               sentence(edge, session, "connections from your address", config->rates.connections_window), reply);
    } else if (config->rates.errors && less(known->errors, known->good) > config->rates.errors) {
        refuse(edge, session, sentence(edge, session, "errors from your address", config->rates.errors), reply);
    } else {
        look_at_messages(edge, session, state, known);
        if (delay > options->greeting_delay)
            options->greeting_delay = delay;
    }
}

void edge_rates_connected(struct edge *edge, struct smtp_session *session, struct smtp_reply *reply)
{
    struct edge_session *kept = session->context;
    struct edge_rates_session *state = NULL;
    struct known known;
    if (kept && !is_exempt(edge, session))
        state = arena_new(session->arena, struct edge_rates_session);
    if (state && (!rates_address(session->arena, &session->client, &state->address) ||
                  !rates_network(session->arena, &session->client, &state->network)))
        state = NULL;
    if (kept)
        kept->rates = state;
    if (state && !enter(edge, session, state, reply))
        return;
    if (edge_nolist_kind(session) == CONFIG_NOLISTING_REFUSE)
        edge_nolist_refuse(edge, session, state, reply);
    else if (state && ask(edge, session, state, &known))
        take(edge, session, state, &known, reply);
}

/* ---- what a session did ---- */

/* Tells what is good of a client that has errors, too. */
static void tell_good(struct edge *edge, struct edge_rates_session *state)
{
    int64_t window = edge->role->config.rates.window;
    if (!state->marked)
        return;
    rates_tell(edge->rates, &state->address, RATES_GOOD, 0, state->good, window);
    rates_tell(edge->rates, &state->network, RATES_GOOD, 0, state->good, window);
    state->good = 0;
}

/* The same in a question that is asked anyway. */
static void ask_good(struct edge *edge, struct edge_rates_session *state, struct rates_question *question,
                     uint64_t *own, uint64_t *of_network)
{
    int64_t window = edge->role->config.rates.window;
    enum count_kind kind = state->good ? COUNT_ADD : COUNT_GET;
    rates_add(question, kind, &state->address, RATES_GOOD, 0, state->good, window, own);
    rates_add(question, kind, &state->network, RATES_GOOD, 0, state->good, window, of_network);
    state->good = 0;
}

/* How many errors the store does not know of. */
static unsigned new_errors(const struct edge *edge, const struct smtp_session *session,
                           const struct edge_rates_session *state)
{
    return edge->role->config.rates.errors ? session->errors - state->told_errors : 0;
}

void edge_rates_closed(struct edge *edge, struct smtp_session *session)
{
    struct edge_rates_session *state = state_of(session);
    if (!state)
        return;
    unsigned errors = new_errors(edge, session, state);
    state->marked |= errors > 0;
    rates_tell(edge->rates, &state->address, RATES_ERRORS, 0, errors, edge->role->config.rates.window);
    tell_good(edge, state);
    leave(edge, state, true);
}

/* The errors that the store does not know of yet, in a question that is asked anyway. */
static void add_errors(struct edge *edge, const struct smtp_session *session, struct edge_rates_session *state,
                       struct rates_question *question, uint64_t *value)
{
    unsigned errors = new_errors(edge, session, state);
    *value = 0;
    if (!errors)
        return;
    rates_add(question, COUNT_ADD, &state->address, RATES_ERRORS, 0, errors, edge->role->config.rates.window, value);
    state->told_errors += errors;
}

/* A client that has made many errors since, here and in other sessions at the same time. */
static bool has_too_many_errors(struct edge *edge, struct smtp_session *session, struct edge_rates_session *state)
{
    struct rates_question question = {.counts = {.count = 0}};
    uint64_t errors, good, ignored;
    if (new_errors(edge, session, state) < ERRORS_AT_ONCE)
        return false;
    state->marked = true;
    add_errors(edge, session, state, &question, &errors);
    ask_good(edge, state, &question, &good, &ignored);
    return rates_ask(edge, session->arena, &question) && less(errors, good) > edge->role->config.rates.errors;
}

bool edge_rates_mail(struct edge *edge, struct smtp_session *session, struct smtp_reply *reply)
{
    struct edge_rates_session *state = state_of(session);
    const struct config *config = &edge->role->config;
    if (state && has_too_many_errors(edge, session, state))
        refuse(edge, session, sentence(edge, session, "errors from your address", config->rates.errors), reply);
    else if (state && loop_now() < state->refused_until)
        smtp_reply_set(reply, session->arena, 450, "4.7.1", BYTES_FMT, BYTES_ARG(state->refusal));
    else
        return edge_nolist_kind(session) == CONFIG_NOLISTING_TRAP; /* nothing is looked at for mail it never takes */
    return true;
}

/* ---- recipients ---- */

/* Who sends to a list with old addresses has many that are known. A bit each: the same again is not more. */
static void note_known(struct edge_rates_session *state, const struct smtp_recipient *recipient)
{
    uint8_t bit = (uint8_t)map_hash(recipient->mailbox);
    state->accepted[bit / 8] |= (uint8_t)(1 << bit % 8);
}

static unsigned count_known(const struct edge_rates_session *state)
{
    unsigned count = 0;
    for (size_t i = 0; i < sizeof(state->accepted); i++)
        count += (unsigned)__builtin_popcount(state->accepted[i]);
    return count;
}

static void note_unknown(struct edge *edge, struct smtp_session *session, struct edge_rates_session *state,
                         struct smtp_reply *reply)
{
    const struct config *config = &edge->role->config;
    int64_t window = config->rates.window;
    struct rates_question question = {.counts = {.count = 0}};
    struct known known = {.connections = 0};
    if (!looks_at_unknown(config))
        return;
    state->marked = true;
    state->unknown++;
    rates_add(&question, COUNT_ADD, &state->address, RATES_UNKNOWN, 0, 1, window, &known.unknown);
    rates_add(&question, COUNT_ADD, &state->network, RATES_UNKNOWN, 0, 1, window, &known.unknown_network);
    ask_good(edge, state, &question, &known.good, &known.good_network);
    add_errors(edge, session, state, &question, &known.errors);
    if (!rates_ask(edge, session->transaction->arena, &question) || !config->rates.unknown ||
        unknown_that_count(&known) <= config->rates.unknown || count_known(state) >= FREE_PER_KNOWN * state->unknown)
        return;
    refuse(edge, session, sentence(edge, session, "unknown recipients from your address", config->rates.unknown),
           reply);
}

void edge_rates_answered(struct edge *edge, struct smtp_session *session, const struct smtp_recipient *recipient,
                         struct smtp_reply *reply)
{
    struct edge_rates_session *state = state_of(session);
    if (!state)
        return;
    if (reply->code / 100 == 2)
        note_known(state, recipient);
    else if (reply->code / 100 == 5 && bytes_is(bytes_of(reply->enhanced), "5.1.1"))
        note_unknown(edge, session, state, reply);
}

void edge_rates_judged(struct edge_mail *mail, struct smtp_session *session, const struct verdict *verdict,
                       const struct smtp_reply *reply)
{
    struct edge_rates_session *state = state_of(session);
    if (!state || reply->code / 100 != 2 || verdict->action != ACTION_ACCEPT)
        return;
    state->good += (unsigned)session->transaction->recipient_count;
    tell_good(mail->edge, state);
}
