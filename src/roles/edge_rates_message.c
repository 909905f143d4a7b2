/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of messages: of an address, its network, a HELO name, a domain, a recipient. */
#include "roles/edge_nolist.h"

#include "auth/organization.h"
#include "base/ascii.h"
#include "base/log.h"

#include <string.h>

enum { SOFT_PERCENT = 80, SUBJECT_MAX = 254 };

#define REFUSED_FOR (30 * SECOND)

/* One counter that a message adds to. */
struct measure {
    const char *limit;  /* name of the key in section rates */
    const char *what;   /* "messages from your address" */
    struct bytes subject;
    struct rates_place_key place;
    enum rates_counter counter;
    uint64_t delta, most;
    bool of_client;     /* the next message of the session would not fare better */
    uint64_t value;
};

struct measures {
    struct measure items[PROTOCOL_COUNTS_MAX];
    size_t count;
};

/* A single message that is more than the limit passes if it is the first of the window: it would never else. */
static uint64_t most_of(const struct measure *measure)
{
    return measure->delta > measure->most ? measure->delta : measure->most;
}

static void add(struct measures *measures, struct measure measure)
{
    if (measures->count < PROTOCOL_COUNTS_MAX)
        measures->items[measures->count++] = measure;
}

static bool has_limits(const struct config *config)
{
    return config->rates.messages || config->rates.recipients || config->rates.octets ||
           config->rates.network_messages || config->rates.helo_messages || config->rates.domain_messages ||
           config->rates.recipient_messages;
}

/* ---- who is counted ---- */

static bool add_client(struct edge_mail *mail, const struct smtp_session *session, const struct ip *client,
                       struct measures *measures)
{
    const struct config *config = &mail->edge->role->config;
    struct arena *arena = mail->gather.arena;
    struct rates_place_key address, network;
    struct bytes address_text = rates_address_text(arena, client), network_text = rates_network_text(arena, client);
    if (!rates_address(arena, client, &address) || !rates_network(arena, client, &network))
        return false;
    if (config->rates.messages)
        add(measures, (struct measure){"messages", "messages from your address", address_text, address,
                                       RATES_MESSAGES, 1, config->rates.messages, true, 0});
    if (config->rates.recipients)
        add(measures, (struct measure){"recipients", "recipients from your address", address_text, address,
                                       RATES_RECIPIENTS, session->transaction->recipient_count,
                                       config->rates.recipients, true, 0});
    if (config->rates.octets)
        add(measures, (struct measure){"octets", "octets from your address", address_text, address, RATES_OCTETS,
                                       session->transaction->content.len, config->rates.octets, true, 0});
    if (config->rates.network_messages)
        add(measures, (struct measure){"network-messages", "messages from your network", network_text, network,
                                       RATES_MESSAGES, 1, config->rates.network_messages, true, 0});
    return true;
}

/* The client's own name says no more than its address, which has limits of its own. */
static bool is_helo_confirmed(const struct gather *gather)
{
    const struct evidence_item *item = evidence_find(&gather->evidence, CHECK_HELO, 0);
    if (item)
        return item->result == AUTH_PASS;
    return gather->evidence.client_name.len &&
           bytes_equal_nocase(gather->evidence.client_name, gather->evidence.helo);
}

static bool add_helo(struct edge_mail *mail, struct measures *measures)
{
    const struct gather *gather = &mail->gather;
    struct measure measure = {.limit = "helo-messages",
                              .what = "messages with the unconfirmed HELO name",
                              .subject = bytes_first(gather->evidence.helo, SUBJECT_MAX),
                              .counter = RATES_MESSAGES,
                              .delta = 1,
                              .most = mail->edge->role->config.rates.helo_messages};
    if (!measure.most || !measure.subject.len || is_helo_confirmed(gather))
        return true;
    if (!rates_name(gather->arena, RATES_HELO, measure.subject, &measure.place))
        return false;
    add(measures, measure);
    return true;
}

/* Who answers for the message: by DMARC, SPF or DKIM; empty: nobody. */
static struct bytes authenticated_domain(const struct gather *gather)
{
    struct bytes domain = BYTES(""), organization;
    if (gather->dmarc.result == AUTH_PASS)
        domain = gather->from.domain;
    else if (gather->spf.result == AUTH_PASS)
        domain = gather->spf.domain;
    for (size_t i = 0; i < gather->dkim.count && !domain.len; i++)
        if (gather->dkim.signatures[i].result == AUTH_PASS)
            domain = gather->dkim.signatures[i].domain;
    return domain.len && organization_domain(domain, &organization) == OK ? organization : domain;
}

static bool add_domain(struct edge_mail *mail, struct measures *measures)
{
    struct measure measure = {.limit = "domain-messages",
                              .what = "messages of the domain",
                              .counter = RATES_MESSAGES,
                              .delta = 1,
                              .most = mail->edge->role->config.rates.domain_messages};
    if (!measure.most)
        return true;
    measure.subject = bytes_first(authenticated_domain(&mail->gather), SUBJECT_MAX);
    if (!measure.subject.len)
        return true;
    if (!rates_name(mail->gather.arena, RATES_DOMAIN, measure.subject, &measure.place))
        return false;
    add(measures, measure);
    return true;
}

/* ---- recipients ---- */

/* alice+news@ is alice@: else there were a counter for each detail. */
static struct bytes mailbox_of(struct arena *arena, const struct config *config,
                               const struct smtp_recipient *recipient)
{
    struct bytes local = recipient->local;
    for (size_t i = 0; i < config->domain_count; i++) {
        const struct config_domain *domain = &config->domains[i];
        if (!domain->delimiter[0] || !config_strings_contain(&domain->names, recipient->domain))
            continue;
        size_t at = bytes_find_byte(local, (uint8_t)domain->delimiter[0]);
        if (at != BYTES_NOT_FOUND && at > 0)
            local = bytes_first(local, at);
    }
    struct bytes parts[] = {local, BYTES("@"), recipient->domain};
    return arena_concat(arena, parts, countof(parts));
}

static bool make_recipient(struct edge *edge, struct arena *arena, const struct smtp_recipient *recipient,
                           struct measure *out)
{
    *out = (struct measure){.limit = "recipient-messages",
                            .what = "messages to",
                            .subject = mailbox_of(arena, &edge->role->config, recipient),
                            .counter = RATES_MESSAGES,
                            .delta = 1,
                            .most = edge->role->config.rates.recipient_messages};
    return out->subject.ptr && rates_name(arena, RATES_RECIPIENT, out->subject, &out->place);
}

static struct bytes say_too_many(struct arena *arena, const struct config *config, const struct measure *measure)
{
    return rates_sentence(arena, measure->what, measure->subject, measure->most, config->rates.window);
}

/* Here the recipient alone is put off; at the end of the message all would be. */
static bool may_get_more(struct edge *edge, struct smtp_session *session, const struct smtp_recipient *recipient,
                         struct smtp_reply *reply)
{
    struct arena *arena = session->transaction->arena;
    struct rates_question question = {.counts = {.count = 0}};
    struct measure measure;
    if (!make_recipient(edge, arena, recipient, &measure))
        return true; /* the arena is full, as will be said soon */
    rates_add(&question, COUNT_GET, &measure.place, measure.counter, 0, 0, edge->role->config.rates.window,
              &measure.value);
    if (!rates_ask(edge, arena, &question) || measure.value < measure.most)
        return true;
    struct bytes text = say_too_many(arena, &edge->role->config, &measure);
    smtp_reply_set(reply, arena, 450, "4.7.1", BYTES_FMT, BYTES_ARG(text));
    return false;
}

bool edge_rates_recipient(struct edge *edge, struct smtp_session *session, const struct smtp_recipient *recipient,
                          struct smtp_reply *reply)
{
    const struct edge_session *kept = session->context;
    struct edge_rates_session *state = kept ? kept->rates : NULL;
    if (edge_nolist_kind(session) == CONFIG_NOLISTING_TRAP) {
        edge_nolist_put_off(edge, session, state, reply);
        return false;
    }
    return !state || !edge->role->config.rates.recipient_messages || may_get_more(edge, session, recipient, reply);
}

/* ---- the message ---- */

static const struct measure *exceeded(const struct measures *measures)
{
    for (size_t i = 0; i < measures->count; i++)
        if (measures->items[i].value > most_of(&measures->items[i]))
            return &measures->items[i];
    return NULL;
}

/* False: no answer. If one of them is exceeded none was counted. */
static bool count(struct edge_mail *mail, struct measures *measures)
{
    struct rates_question question = {.counts = {.count = 0}};
    for (size_t i = 0; i < measures->count; i++) {
        struct measure *measure = &measures->items[i];
        rates_add(&question, COUNT_ADD, &measure->place, measure->counter, 0, measure->delta,
                  mail->edge->role->config.rates.window, &measure->value);
        question.counts.items[i].most = most_of(measure);
    }
    return rates_ask(mail->edge, mail->gather.arena, &question);
}

static bool add_number(struct arena *arena, struct evidence_item *item, const char *name, uint64_t number)
{
    return evidence_property(arena, item, "vouch", name, arena_printf(arena, "%llu", (unsigned long long)number));
}

/* What is nearly met is no reason to refuse, but may be one to look twice. */
static bool add_notes(struct edge_mail *mail, const struct measures *measures)
{
    struct arena *arena = mail->gather.arena;
    for (size_t i = 0; i < measures->count; i++) {
        const struct measure *measure = &measures->items[i];
        if (measure->value < measure->most / 100 * SOFT_PERCENT + (measure->most % 100 * SOFT_PERCENT + 99) / 100)
            continue;
        struct evidence_item *item = evidence_add(arena, &mail->gather.evidence, CHECK_RATE, AUTH_POLICY);
        if (!item || !evidence_property(arena, item, "vouch", "limit", bytes_of(measure->limit)) ||
            !evidence_property(arena, item, "vouch", "subject", measure->subject) ||
            !add_number(arena, item, "count", measure->value) || !add_number(arena, item, "most", measure->most))
            return false;
        item->reason = BYTES("the client, or whom it sends for, sends nearly as much as it may");
    }
    return true;
}

static bool refuse(struct edge_mail *mail, const struct smtp_session *session, const struct measure *measure,
                   struct smtp_reply *reply)
{
    const struct edge_session *kept = session->context;
    struct edge_rates_session *state = kept ? kept->rates : NULL;
    struct bytes text = say_too_many(session->transaction->arena, &mail->edge->role->config, measure);
    struct log_line line;
    char client[IP_TEXT_SIZE];
    log_begin(&line, LOG_LEVEL_INFO, "rates");
    log_bytes(&line, "id", mail->gather.evidence.id);
    log_string(&line, "client", ip_format(&session->client, client));
    log_bytes(&line, "refused", text);
    log_end(&line);
    smtp_reply_set(reply, session->transaction->arena, 450, "4.7.1", BYTES_FMT, BYTES_ARG(text));
    if (state && measure->of_client) {
        state->refusal = arena_copy(session->arena, text);
        state->refused_until = state->refusal.ptr ? loop_deadline(REFUSED_FOR) : 0;
    }
    return false;
}

/* Counts those there are so far. False: *reply is set. */
static bool settle(struct edge_mail *mail, const struct smtp_session *session, struct measures *measures,
                   struct smtp_reply *reply)
{
    const struct measure *over = count(mail, measures) ? exceeded(measures) : NULL;
    if (over)
        return refuse(mail, session, over, reply);
    if (add_notes(mail, measures))
        return true;
    edge_out_of_memory((struct smtp_session *)session, reply);
    return false;
}

enum { OTHERS_MAX = 6 }; /* measures that are not recipients */

/* A question for each so many recipients; the last ones go with the rest. */
static bool add_recipients(struct edge_mail *mail, const struct smtp_session *session, struct measures *measures,
                           struct smtp_reply *reply)
{
    const struct smtp_transaction *transaction = session->transaction;
    if (!mail->edge->role->config.rates.recipient_messages)
        return true;
    for (size_t i = 0; i < transaction->recipient_count; i++) {
        struct measure measure;
        if (measures->count == PROTOCOL_COUNTS_MAX - OTHERS_MAX) {
            if (!settle(mail, session, measures, reply))
                return false;
            measures->count = 0;
        }
        if (!make_recipient(mail->edge, mail->gather.arena, &transaction->recipients[i], &measure)) {
            edge_out_of_memory((struct smtp_session *)session, reply);
            return false;
        }
        add(measures, measure);
    }
    return true;
}

bool edge_rates_message(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply)
{
    const struct config *config = &mail->edge->role->config;
    const struct edge_session *kept = session->context;
    /* Behind an upstream relay whoever it names; the relay itself is exempt. */
    const struct ip *client = &mail->gather.evidence.client;
    if (mail->account || !has_limits(config) || (!mail->gather.upstream && !(kept && kept->rates)) ||
        (client->family && rates_is_trusted(config, client)))
        return true;
    struct measures measures;
    measures.count = 0;
    if (!add_recipients(mail, session, &measures, reply))
        return false;
    if ((!client->family || add_client(mail, session, client, &measures)) && add_helo(mail, &measures) &&
        add_domain(mail, &measures))
        return settle(mail, session, &measures, reply);
    edge_out_of_memory(session, reply);
    return false;
}
