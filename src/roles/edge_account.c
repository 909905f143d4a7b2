/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much an account of ours sends, counted by the store over all edges; and whether it looks stolen.
 *
 * From the soft part of a limit on replies are delayed, at the limit mail is put off (450), and what no user
 * does by himself holds the account, if so configured: until somebody has looked, nothing of it goes out.
 */
#include "roles/edge_mail.h"

#include "base/ascii.h"
#include "base/log.h"
#include "roles/digest.h"

#include <stdlib.h>

enum { TIMEOUT_SECONDS = 10, DELAY_MAX_SECONDS = 20, UNKNOWN_LEAST = 50 };

/* Hosts that send without AUTH */

static bool covers(const struct config_machine *machine, const struct ip *client)
{
    return config_networks_contain(&machine->networks, client);
}

struct edge_account *edge_machine(struct edge *edge, struct smtp_session *session)
{
    const struct config *config = &edge->role->config;
    const struct config_machine *found = NULL;
    for (size_t i = 0; i < config->machine_count && !found; i++)
        if (covers(&config->machines[i], &session->client))
            found = &config->machines[i];
    struct edge_account *account = found ? arena_new(session->arena, struct edge_account) : NULL;
    struct bytes *entries =
        account ? arena_alloc_array(session->arena, found->senders.count, sizeof(*entries)) : NULL;
    if (!entries)
        return NULL;
    for (size_t i = 0; i < found->senders.count; i++)
        entries[i] = bytes_of(found->senders.items[i]);
    *account = (struct edge_account){
        .name = arena_printf(session->arena, "host:%s", found->name),
        .identity = {.entries = entries, .entry_count = found->senders.count, .delimiter = '+'},
        .machine = true,
    };
    return account->name.ptr ? account : NULL;
}

/* Sessions */

static struct bytes lowered(const struct edge_account *account, uint8_t room[256])
{
    size_t length = account->name.len < 256 ? account->name.len : 256;
    for (size_t i = 0; i < length; i++)
        room[i] = ascii_lower(account->name.ptr[i]);
    return bytes_from(room, length);
}

bool edge_account_enter(struct edge *edge, struct edge_account *account)
{
    uint8_t room[256];
    struct bytes key = lowered(account, room);
    unsigned most = edge->role->config.submission.connections;
    size_t *count = map_get(edge->accounts, key);
    if (account->machine)
        return true;
    if (!count && (!(count = calloc(1, sizeof(*count))) || !map_put(edge->accounts, key, count, NULL))) {
        free(count);
        return false;
    }
    ++*count;
    account->counted = true;
    return !most || *count <= most;
}

void edge_account_leave(struct edge *edge, struct edge_account *account)
{
    uint8_t room[256];
    struct bytes key = lowered(account, room);
    size_t *count = account->counted ? map_get(edge->accounts, key) : NULL;
    account->counted = false;
    if (count && --*count == 0)
        free(map_remove(edge->accounts, key));
}

/* Counters */

bool edge_count(struct edge_mail *mail, const struct count_question *question, uint64_t *values)
{
    struct smtp_reply ignored = {.code = 0};
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    count_question_write(&payload, question);
    struct ipc_message request = {STORE_COUNT, buf_bytes(&payload), {-1, -1, -1, -1}}, answer;
    bool fine = edge_ask_store(mail->edge, mail->gather.arena, &request, &answer,
                               loop_deadline(TIMEOUT_SECONDS * SECOND), &ignored) &&
                count_answer_read(answer.payload, values, question->count);
    buf_free(&payload);
    return fine;
}

/* A key, or a member of a set, of this account. */
static bool make_key(struct edge_mail *mail, const char *what, struct bytes member, struct bytes *out)
{
    uint8_t room[256];
    struct bytes parts[] = {BYTES("account"), bytes_of(what), lowered(mail->account, room), member};
    return digest_parts(mail->gather.arena, parts, countof(parts), out);
}

struct measure {
    const char *name;     /* as the user hears it */
    enum count_kind kind;
    uint64_t delta;
    struct bytes member;
    int64_t window;
    uint64_t most;        /* 0: no limit */
    bool tells_theft;     /* past it the account is held */
};

/* The limit that is exceeded, or NULL; *share is how much of the fullest one is used, in percent. False: the
 * store does not answer. */
static bool take(struct edge_mail *mail, const struct measure *measures, size_t count,
                 const struct measure **exceeded, uint64_t *value, unsigned *share)
{
    struct count_question question = {.count = 0};
    const struct measure *asked[PROTOCOL_COUNTS_MAX];
    uint64_t values[PROTOCOL_COUNTS_MAX];
    *exceeded = NULL;
    *share = 0;
    for (size_t i = 0; i < count; i++) {
        struct count_item *item = &question.items[question.count];
        const struct measure *measure = &measures[i];
        if (!measure->most)
            continue;
        *item = (struct count_item){
            .kind = measure->kind, .delta = measure->delta, .window = measure->window};
        if (!make_key(mail, measure->name, BYTES(""), &item->key) ||
            (measure->kind == COUNT_DISTINCT && !make_key(mail, measure->name, measure->member, &item->member)))
            return false;
        asked[question.count++] = measure;
    }
    if (question.count && !edge_count(mail, &question, values))
        return false;
    for (size_t i = 0; i < question.count; i++) {
        uint64_t percent = values[i] * 100 / asked[i]->most;
        /* One more of a set is no more mail, and who has reached its size is not slow for a day. */
        if (asked[i]->kind == COUNT_ADD && percent > *share)
            *share = percent < 1000 ? (unsigned)percent : 1000;
        bool worse = !*exceeded || (asked[i]->tells_theft && !(*exceeded)->tells_theft);
        if (values[i] > asked[i]->most && worse) {
            *exceeded = asked[i];
            *value = values[i];
        }
    }
    return true;
}

static bool ask_hold(struct edge_mail *mail, struct bytes reason, bool tell_only, struct smtp_reply *reply)
{
    struct hold_question question = {mail->account->name, reason, tell_only};
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    hold_question_write(&payload, &question);
    struct ipc_message request = {STORE_HOLD, buf_bytes(&payload), {-1, -1, -1, -1}}, answer;
    bool asked = edge_ask_store(mail->edge, mail->gather.arena, &request, &answer,
                                loop_deadline(TIMEOUT_SECONDS * SECOND), reply);
    buf_free(&payload);
    bool held = asked && answer.payload.len == 1 && answer.payload.ptr[0] == 1;
    if (held)
        smtp_reply_set(reply, mail->gather.arena, 450, "4.7.1",
                       "This account is held, since it looks as if somebody else used it. Please ask your "
                       "postmaster.");
    return asked && !held;
}

/* Without a reason: is it held? */
static bool hold(struct edge_mail *mail, struct bytes reason, struct smtp_reply *reply)
{
    return ask_hold(mail, reason, false, reply);
}

static bool put_off(struct edge_mail *mail, const struct measure *exceeded, uint64_t value,
                    struct bytes why, struct smtp_reply *reply)
{
    struct smtp_reply ignored = {.code = 250};
    ask_hold(mail, why, true, &ignored);
    log_warning("account", BYTES_FMT ": %s: %llu of %llu", BYTES_ARG(mail->account->name), exceeded->name,
                (unsigned long long)value, (unsigned long long)exceeded->most);
    smtp_reply_set(reply, mail->gather.arena, 450, "4.7.1",
                   "Too much from this account: %s is limited to %llu. Please try again later.",
                   exceeded->name, (unsigned long long)exceeded->most);
    return false;
}

/* A limit is exceeded: not now, or held. */
static bool enforce(struct edge_mail *mail, const struct measure *exceeded, uint64_t value,
                    struct smtp_reply *reply)
{
    bool theft = exceeded->tells_theft || value / 2 >= exceeded->most;
    struct bytes why = arena_printf(mail->gather.arena, "%s: %llu, with a limit of %llu", exceeded->name,
                                    (unsigned long long)value, (unsigned long long)exceeded->most);
    if (theft && mail->gather.config->submission.hold && !mail->account->machine)
        hold(mail, why, reply);
    return reply->code / 100 == 2 ? put_off(mail, exceeded, value, why, reply) : false;
}

/* The fuller a limit is, the longer; `share` in percent. Once a reply, or its time-out would pass. */
static void slow_down(struct edge_mail *mail, unsigned share)
{
    unsigned soft = mail->gather.config->submission.soft_percent;
    if (share >= soft && share <= 100 && soft < 100)
        fiber_sleep((int64_t)(share - soft + 1) * DELAY_MAX_SECONDS * SECOND / (101 - soft));
}

/* The store must be there to count: a limit that a crash lifts is none. *share becomes the largest so far. */
static bool check(struct edge_mail *mail, const struct measure *measures, size_t count, unsigned *share,
                  struct smtp_reply *reply)
{
    const struct measure *exceeded;
    uint64_t value = 0;
    unsigned used;
    if (take(mail, measures, count, &exceeded, &value, &used)) {
        *share = used > *share ? used : *share;
        return !exceeded || enforce(mail, exceeded, value, reply);
    }
    smtp_reply_set(reply, mail->gather.arena, 451, "4.3.0",
                   "Temporarily unable to handle mail. Please try again.");
    return false;
}

bool edge_account_mail(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply)
{
    const struct config *config = mail->gather.config;
    struct ip network = ip_masked(&session->client, session->client.family == 4 ? 24 : 48);
    struct measure measures[] = {
        {"sender addresses a day", COUNT_DISTINCT, 1,
         arena_lower(mail->gather.arena, session->transaction->sender), DAY, config->submission.senders_day,
         true},
        {"networks a day", COUNT_DISTINCT, 1, bytes_from(network.octets, 16), DAY,
         config->submission.networks_day, true},
    };
    /* A host has its list of senders and one place. */
    if (mail->account->machine)
        return true;
    unsigned share = 0;
    if (!hold(mail, BYTES(""), reply) || !check(mail, measures, countof(measures), &share, reply))
        return false;
    slow_down(mail, share);
    return true;
}

static bool check_domains(struct edge_mail *mail, const struct smtp_session *session, unsigned *share,
                          struct smtp_reply *reply)
{
    const struct smtp_transaction *transaction = session->transaction;
    struct measure measures[PROTOCOL_COUNTS_MAX];
    for (size_t i = 0; i < transaction->recipient_count;) {
        size_t count = 0;
        for (; count < countof(measures) && i < transaction->recipient_count; i++)
            measures[count++] = (struct measure){
                "recipient domains a day", COUNT_DISTINCT, 1,
                arena_lower(mail->gather.arena, transaction->recipients[i].domain), DAY,
                mail->gather.config->submission.domains_day, false};
        if (!check(mail, measures, count, share, reply))
            return false;
    }
    return true;
}

bool edge_account_message(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply)
{
    const struct config *config = mail->gather.config;
    uint64_t recipients = session->transaction->recipient_count;
    uint64_t octets = session->transaction->content.len * recipients;
    struct measure measures[] = {
        {"messages an hour", COUNT_ADD, 1, BYTES(""), HOUR, config->submission.messages_hour, false},
        {"messages a day", COUNT_ADD, 1, BYTES(""), DAY, config->submission.messages_day, false},
        {"recipients an hour", COUNT_ADD, recipients, BYTES(""), HOUR, config->submission.recipients_hour,
         false},
        {"recipients a day", COUNT_ADD, recipients, BYTES(""), DAY, config->submission.recipients_day, false},
        {"octets a day", COUNT_ADD, octets, BYTES(""), DAY, config->submission.octets_day, false},
    };
    unsigned share = 0;
    if (!check(mail, measures, countof(measures), &share, reply) ||
        !check_domains(mail, session, &share, reply))
        return false;
    slow_down(mail, share);
    return true;
}

/* Who has an old list of addresses, or guesses, meets many that do not exist. */
void edge_account_refused(struct edge_mail *mail, const struct smtp_recipient *recipient)
{
    const struct config *config = mail->gather.config;
    struct count_question question = {.count = 2};
    uint64_t values[2];
    struct smtp_reply ignored = {.code = 250};
    unsigned most = config->submission.unknown_percent;
    (void)recipient;
    if (!most || mail->account->machine ||
        !make_key(mail, "unknown recipients", BYTES(""), &question.items[0].key) ||
        !make_key(mail, "recipients a day", BYTES(""), &question.items[1].key))
        return;
    question.items[0].kind = COUNT_ADD;
    question.items[0].delta = 1;
    question.items[0].window = DAY;
    question.items[1].kind = COUNT_GET;
    if (!edge_count(mail, &question, values))
        return;
    uint64_t all = values[0] + values[1];
    if (all < UNKNOWN_LEAST || values[0] * 100 < all * most)
        return;
    log_warning("account", BYTES_FMT ": %llu of %llu recipients are unknown", BYTES_ARG(mail->account->name),
                (unsigned long long)values[0], (unsigned long long)all);
    if (config->submission.hold)
        hold(mail, arena_printf(mail->gather.arena, "%llu of %llu recipients are unknown",
                                (unsigned long long)values[0], (unsigned long long)all),
             &ignored);
}
