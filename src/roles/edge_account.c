/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much an account of ours sends, counted by the store over all edges; and whether it looks stolen.
 *
 * From the soft part of a limit on replies are delayed, at the limit mail is put off (450), and what no user
 * does by himself holds the account, if so configured: until somebody has looked, nothing of it goes out.
 * Only what is accepted counts: a client that tries again and again at its limit does not make it worse.
 */
#include "roles/edge_mail.h"

#include "base/ascii.h"
#include "base/log.h"
#include "outbound/address.h"
#include "roles/account_key.h"

#include <stdlib.h>
#include <string.h>

enum {
    TIMEOUT_SECONDS = 10,
    DELAY_MAX_SECONDS = 20,
    UNKNOWN_LEAST = 50,
    SPF_TIMEOUT_SECONDS = 5,
    FAILING_SENDERS_MAX = 3,
    /* So many times the average of so many days before, and half the day's limit but not less than: */
    SUDDEN_TIMES = 10,
    SUDDEN_DAYS = 7,
    SUDDEN_LEAST = 100,
    SUDDEN_WITHOUT_LIMIT = 1000
};

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
static bool make_key(struct edge_mail *mail, const char *what, struct bytes detail, struct bytes *out)
{
    return account_key(mail->gather.arena, what, mail->account->name, mail->released, detail, out);
}

struct measure {
    const char *name;     /* as the user hears it */
    enum count_kind kind;
    uint64_t delta;
    struct bytes member;  /* of a set; else what tells counters of this name apart */
    int64_t window;
    uint64_t most;        /* 0: no limit */
    bool tells_theft;     /* past it the account is held */
    bool always;          /* counted without a limit, too */
    uint64_t value;       /* what the store says */
};

static bool add_item(struct edge_mail *mail, const struct measure *measure, struct count_question *question)
{
    struct count_item *item = &question->items[question->count++];
    bool is_set = measure->kind == COUNT_DISTINCT;
    *item = (struct count_item){
        .kind = measure->kind, .delta = measure->delta, .window = measure->window, .most = measure->most};
    return make_key(mail, measure->name, is_set ? BYTES("") : measure->member, &item->key) &&
           (!is_set || make_key(mail, measure->name, measure->member, &item->member));
}

/* The limit that would be exceeded, or NULL: then it is counted. *share is how much of the fullest one is used,
 * in percent. False: the store does not answer. */
static bool take(struct edge_mail *mail, struct measure *measures, size_t count,
                 const struct measure **exceeded, unsigned *share)
{
    struct count_question question = {.count = 0};
    struct measure *asked[PROTOCOL_COUNTS_MAX];
    uint64_t values[PROTOCOL_COUNTS_MAX];
    *exceeded = NULL;
    *share = 0;
    for (size_t i = 0; i < count; i++) {
        if (!measures[i].most && !measures[i].always)
            continue;
        asked[question.count] = &measures[i];
        if (!add_item(mail, &measures[i], &question))
            return false;
    }
    if (question.count && !edge_count(mail, &question, values))
        return false;
    for (size_t i = 0; i < question.count; i++) {
        asked[i]->value = values[i];
        if (!asked[i]->most)
            continue;
        uint64_t percent = values[i] * 100 / asked[i]->most;
        /* One more of a set is no more mail, and who has reached its size is not slow for a day. */
        if (asked[i]->kind == COUNT_ADD && percent > *share)
            *share = percent < 1000 ? (unsigned)percent : 1000;
        bool worse = !*exceeded || (asked[i]->tells_theft && !(*exceeded)->tells_theft);
        if (values[i] > asked[i]->most && worse)
            *exceeded = asked[i];
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
    struct cursor cursor = cursor_over(asked ? answer.payload : BYTES(""));
    bool held = cursor_u8(&cursor) == 1;
    if (asked)
        mail->released = cursor_u64(&cursor);
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

static bool put_off(struct edge_mail *mail, const struct measure *exceeded, struct bytes why,
                    struct smtp_reply *reply)
{
    struct smtp_reply ignored = {.code = 250};
    ask_hold(mail, why, true, &ignored);
    log_warning("account", BYTES_FMT ": %s: %llu of %llu", BYTES_ARG(mail->account->name), exceeded->name,
                (unsigned long long)exceeded->value, (unsigned long long)exceeded->most);
    smtp_reply_set(reply, mail->gather.arena, 450, "4.7.1",
                   "Too much from this account: %s is limited to %llu. Please try again later.",
                   exceeded->name, (unsigned long long)exceeded->most);
    return false;
}

/* A limit is exceeded: not now, or held. */
static bool enforce(struct edge_mail *mail, const struct measure *exceeded, struct smtp_reply *reply)
{
    struct bytes why = arena_printf(mail->gather.arena, "%s: %llu, with a limit of %llu", exceeded->name,
                                    (unsigned long long)exceeded->value, (unsigned long long)exceeded->most);
    if (exceeded->tells_theft && mail->gather.config->submission.hold && !mail->account->machine)
        hold(mail, why, reply);
    return reply->code / 100 == 2 ? put_off(mail, exceeded, why, reply) : false;
}

/* The fuller a limit is, the longer; `share` in percent. Once a reply, or its time-out would pass. */
static void slow_down(struct edge_mail *mail, unsigned share)
{
    unsigned soft = mail->gather.config->submission.soft_percent;
    if (share >= soft && share <= 100 && soft < 100)
        fiber_sleep((int64_t)(share - soft + 1) * DELAY_MAX_SECONDS * SECOND / (101 - soft));
}

/* The store must be there to count: a limit that a crash lifts is none. *share becomes the largest so far. */
static bool check(struct edge_mail *mail, struct measure *measures, size_t count, unsigned *share,
                  struct smtp_reply *reply)
{
    const struct measure *exceeded;
    unsigned used;
    if (take(mail, measures, count, &exceeded, &used)) {
        *share = used > *share ? used : *share;
        return !exceeded || enforce(mail, exceeded, reply);
    }
    smtp_reply_set(reply, mail->gather.arena, 451, "4.3.0",
                   "Temporarily unable to handle mail. Please try again.");
    return false;
}

/* anna+news@ is anna@: a detail is the user's own invention, one for each purpose (rfc5233:1). */
static struct bytes without_detail(struct edge_mail *mail, const struct smtp_transaction *transaction)
{
    struct bytes local = transaction->sender_local;
    size_t at = bytes_find_byte(local, (uint8_t)mail->account->identity.delimiter);
    struct bytes parts[] = {at != BYTES_NOT_FOUND && at > 0 ? bytes_first(local, at) : local, BYTES("@"),
                            transaction->sender_domain};
    return arena_lower(mail->gather.arena, arena_concat(mail->gather.arena, parts, countof(parts)));
}

/* The address that receivers will most likely see us at. */
static struct ip source_of(const struct config *config, const struct smtp_session *session)
{
    return config->queue.source.count ? config->queue.source.items[0].ip : session->local;
}

/*
 * Whether the domain of the sender address says that we do not send for it. Accounts whose send-as names
 * others' domains can write so; whoever stole one does it with one address after the other.
 */
static bool fails_spf(struct edge_mail *mail, const struct smtp_session *session)
{
    const struct config *config = mail->gather.config;
    const struct smtp_transaction *transaction = session->transaction;
    struct spf_result result = {.result = AUTH_NONE};
    struct spf_request request = {.ip = source_of(config, session),
                                  .helo = bytes_of(config->hostname),
                                  .sender = transaction->sender,
                                  .receiver = bytes_of(config->hostname),
                                  .now = mail->gather.now,
                                  .deadline = loop_deadline(SPF_TIMEOUT_SECONDS * SECOND)};
    if (!transaction->sender.len || config_is_our_domain(config, transaction->sender_domain) ||
        !address_is_public(&request.ip))
        return false;
    spf_check_mail_from(&mail->gather.recorder.dns, mail->gather.arena, &request, &result);
    return result.result == AUTH_FAIL || result.result == AUTH_SOFTFAIL;
}

bool edge_account_mail(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply)
{
    const struct config *config = mail->gather.config;
    const struct smtp_transaction *transaction = session->transaction;
    struct ip network = ip_masked(&session->client, session->client.family == 4 ? 24 : 48);
    struct measure measures[] = {
        {.name = "networks a day", .kind = COUNT_DISTINCT, .member = bytes_from(network.octets, 16),
         .window = DAY, .most = config->submission.networks_day, .tells_theft = true},
        {.name = "sender addresses a day", .kind = COUNT_DISTINCT, .member = without_detail(mail, transaction),
         .window = DAY, .most = config->submission.senders_day, .tells_theft = true},
        {.name = "sender addresses a day that fail SPF", .kind = COUNT_DISTINCT,
         .member = without_detail(mail, transaction), .window = DAY, .most = FAILING_SENDERS_MAX,
         .tells_theft = true},
    };
    unsigned share = 0;
    /* A host has its list of senders and one place. */
    if (mail->account->machine)
        return true;
    if (!hold(mail, BYTES(""), reply))
        return false;
    /* <> is no address of anybody's. */
    size_t count = !transaction->sender.len ? 1 : fails_spf(mail, session) ? 3 : 2;
    if (!check(mail, measures, count, &share, reply))
        return false;
    slow_down(mail, share);
    return true;
}

/* Adds a measure for each of the next recipients' domains, up to `room`; the number of the first one left. */
static size_t add_domains(struct edge_mail *mail, const struct smtp_transaction *transaction, size_t first,
                          struct measure *measures, size_t room, size_t *count)
{
    struct bytes before = BYTES("");
    for (; first < transaction->recipient_count && *count < room; first++) {
        struct bytes domain = transaction->recipients[first].domain;
        if (first && bytes_equal_nocase(domain, before))
            continue;
        before = domain;
        measures[(*count)++] = (struct measure){.name = "recipient domains a day",
                                                .kind = COUNT_DISTINCT,
                                                .member = arena_lower(mail->gather.arena, domain),
                                                .window = DAY,
                                                .most = mail->gather.config->submission.domains_day};
    }
    return first;
}

/* What is counted but limits nothing, for the comparison of one day with those before. */
static size_t add_days(struct edge_mail *mail, uint64_t recipients, struct measure *measures)
{
    uint64_t *day = arena_alloc_array(mail->gather.arena, SUDDEN_DAYS + 1, sizeof(*day));
    size_t count = 0;
    for (; day && count <= SUDDEN_DAYS; count++) {
        day[count] = (uint64_t)(loop_epoch() / (DAY / SECOND)) - count;
        measures[count] = (struct measure){.name = "recipients of a day",
                                           .kind = count ? COUNT_GET : COUNT_ADD,
                                           .delta = recipients,
                                           .member = bytes_from(&day[count], sizeof(day[count])),
                                           .window = (SUDDEN_DAYS + 2) * DAY,
                                           .always = true};
    }
    return count;
}

/* Much more mail than the account sends on other days. `days`: today, and those before. */
static bool is_usual(struct edge_mail *mail, const struct measure *days, struct smtp_reply *reply)
{
    const struct config *config = mail->gather.config;
    uint64_t before = 0, limit = config->submission.recipients_day;
    uint64_t least = !limit ? SUDDEN_WITHOUT_LIMIT : limit / 2 > SUDDEN_LEAST ? limit / 2 : SUDDEN_LEAST;
    for (size_t i = 1; i <= SUDDEN_DAYS; i++)
        before += days[i].value;
    if (!config->submission.hold || days[0].value <= least ||
        days[0].value * SUDDEN_DAYS <= before * SUDDEN_TIMES)
        return true;
    return hold(mail,
                arena_printf(mail->gather.arena, "recipients of this day: %llu, with %llu in the %d days before",
                             (unsigned long long)days[0].value, (unsigned long long)before, SUDDEN_DAYS),
                reply);
}

bool edge_account_message(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply)
{
    const struct config *config = mail->gather.config;
    const struct smtp_transaction *transaction = session->transaction;
    uint64_t recipients = transaction->recipient_count;
    uint64_t octets = transaction->content.len * recipients;
    struct measure fixed[] = {
        {.name = "messages an hour", .kind = COUNT_ADD, .delta = 1, .window = HOUR,
         .most = config->submission.messages_hour},
        {.name = "messages a day", .kind = COUNT_ADD, .delta = 1, .window = DAY,
         .most = config->submission.messages_day},
        {.name = "recipients an hour", .kind = COUNT_ADD, .delta = recipients, .window = HOUR,
         .most = config->submission.recipients_hour},
        {.name = "recipients a day", .kind = COUNT_ADD, .delta = recipients, .window = DAY,
         .most = config->submission.recipients_day},
        {.name = "octets a day", .kind = COUNT_ADD, .delta = octets, .window = DAY,
         .most = config->submission.octets_day},
        {.name = ACCOUNT_KEY_TRIED, .kind = COUNT_ADD, .delta = recipients, .window = DAY, .always = true},
    };
    enum { FIXED = countof(fixed), ROOM = PROTOCOL_COUNTS_MAX - FIXED - SUDDEN_DAYS - 1 };
    struct measure measures[PROTOCOL_COUNTS_MAX];
    size_t count = 0, next = 0;
    unsigned share = 0;
    /* The volume goes with the last ones: what is refused for its domains is no volume. */
    while ((next = add_domains(mail, transaction, next, measures, ROOM, &count)) < recipients) {
        if (!check(mail, measures, count, &share, reply))
            return false;
        count = 0;
    }
    memcpy(measures + count, fixed, sizeof(fixed));
    count += FIXED;
    size_t days = mail->account->machine ? 0 : add_days(mail, recipients, measures + count);
    if (!check(mail, measures, count + days, &share, reply) ||
        (days && !is_usual(mail, measures + count, reply)))
        return false;
    slow_down(mail, share);
    return true;
}

/* Who has an old list of addresses, or guesses, meets many that do not exist. Of those here we know it
 * ourselves; of others the store hears (store_account_unknown()). */
void edge_account_refused(struct edge_mail *mail, const struct smtp_recipient *recipient)
{
    const struct config *config = mail->gather.config;
    struct count_question question = {.count = 2};
    uint64_t values[2];
    struct smtp_reply ignored = {.code = 250};
    unsigned most = config->submission.unknown_percent;
    (void)recipient;
    if (!most || mail->account->machine ||
        !make_key(mail, "unknown recipients here", BYTES(""), &question.items[0].key) ||
        !make_key(mail, ACCOUNT_KEY_TRIED, BYTES(""), &question.items[1].key))
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
