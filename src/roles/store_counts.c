/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters that edges ask for by keys of their own making, and the accounts that are held. */
#include "roles/store.h"

#include "base/ascii.h"
#include "base/log.h"
#include "message/date.h"
#include "roles/account_key.h"
#include "roles/store_queue.h"

#define RELEASE_KEPT (3650 * DAY)
enum { UNKNOWN_LEAST = 50, UNKNOWN_DOMAINS = 3, NOTICE_MAX = 16 * 1024, REASON_MAX = 1024 };

static enum result add(struct store *store, const char *kind, struct bytes key, struct bytes member,
                       uint64_t delta, int64_t window, uint64_t *value)
{
    struct error error;
    int64_t now = loop_epoch();
    struct buf full;
    buf_init(&full, COUNTER_KEY_MAX);
    buf_add_string(&full, kind);
    buf_add(&full, key);
    buf_add(&full, member);
    enum result result = counters_add(store->counters, buf_bytes(&full), delta, now, now + window / SECOND,
                                      value, &error);
    buf_free(&full);
    if (result != OK)
        log_error("counters", "%s", error.text);
    return result;
}

/* TEMP: nobody knows, which is not zero. */
static enum result get(struct store *store, const char *kind, struct bytes key, struct bytes member,
                       uint64_t *value)
{
    struct error error;
    struct buf full;
    *value = 0;
    buf_init(&full, COUNTER_KEY_MAX);
    buf_add_string(&full, kind);
    buf_add(&full, key);
    buf_add(&full, member);
    enum result result = counters_get(store->counters, buf_bytes(&full), loop_epoch(), value, &error);
    buf_free(&full);
    if (result != TEMP)
        return OK;
    log_error("counters", "%s", error.text);
    return TEMP;
}

static enum result count(struct store *store, const struct count_item *item, uint64_t *value)
{
    struct bytes none = BYTES("");
    uint64_t seen = 0;
    enum result result = OK;
    *value = 0;
    if (item->kind != COUNT_ADD && get(store, "count:", item->key, none, value) != OK)
        return TEMP;
    if (item->kind == COUNT_ADD || (item->kind == COUNT_FIRST && *value == 0))
        return add(store, "count:", item->key, none, item->delta, item->window, value);
    if (item->kind == COUNT_DISTINCT)
        result = add(store, "member:", item->key, item->member, 1, item->window, &seen);
    if (result == OK && seen == 1)
        result = add(store, "count:", item->key, none, 1, item->window, value);
    return result;
}

/* What item `index` would add to its counter: a member that came before in the question is no new one. */
static enum result growth(struct store *store, const struct count_question *question, size_t index,
                          uint64_t *value)
{
    const struct count_item *item = &question->items[index];
    uint64_t seen;
    *value = item->kind == COUNT_ADD ? item->delta : 0;
    if (item->kind != COUNT_DISTINCT)
        return OK;
    if (get(store, "member:", item->key, item->member, &seen) != OK)
        return TEMP;
    for (size_t i = 0; i < index && !seen; i++)
        seen = question->items[i].kind == COUNT_DISTINCT &&
               bytes_equal(question->items[i].key, item->key) &&
               bytes_equal(question->items[i].member, item->member);
    *value = !seen;
    return OK;
}

/* What all would come to; *fits: within the limits. */
static enum result forecast(struct store *store, const struct count_question *question, uint64_t *values,
                            bool *fits)
{
    uint64_t growths[PROTOCOL_COUNTS_MAX];
    *fits = true;
    for (size_t i = 0; i < question->count; i++) {
        const struct count_item *item = &question->items[i];
        if (growth(store, question, i, &growths[i]) != OK ||
            get(store, "count:", item->key, BYTES(""), &values[i]) != OK)
            return TEMP;
        for (size_t k = 0; k <= i; k++)
            values[i] += bytes_equal(question->items[k].key, item->key) ? growths[k] : 0;
        *fits = *fits && (!item->most || values[i] <= item->most);
    }
    return OK;
}

static bool is_limited(const struct count_question *question)
{
    for (size_t i = 0; i < question->count; i++)
        if (question->items[i].most)
            return true;
    return false;
}

void store_answer_counts(struct store *store, struct ipc_request *request)
{
    struct count_question question;
    uint64_t values[PROTOCOL_COUNTS_MAX];
    struct buf payload;
    bool fits = true;
    if (!count_question_read(request->message.payload, &question))
        return;
    /* No answer says that it was not counted. Nothing here waits: no other question comes in between. */
    if (is_limited(&question) && forecast(store, &question, values, &fits) != OK)
        return;
    for (size_t i = 0; i < question.count && fits; i++)
        if (count(store, &question.items[i], &values[i]) != OK)
            return;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    count_answer_write(&payload, values, question.count);
    role_reply(request, &payload);
}

/* Accounts */

/* Names and reasons stay on their lines. */
static void add_line(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_add_byte(out, ascii_is_control(text.ptr[i]) ? '?' : text.ptr[i]);
}

/* A message to postmaster about an account; `rest` is its end. */
static void tell(struct store *store, struct arena *arena, struct bytes account, const char *subject,
                 const char *what, struct bytes reason, struct bytes rest)
{
    struct buf text;
    buf_init(&text, NOTICE_MAX);
    buf_printf(&text, "From: Mail gateway <postmaster@%s>\r\nTo: postmaster\r\nSubject: Account ",
               store->role->config.hostname);
    add_line(&text, account);
    buf_printf(&text, " %s\r\nDate: ", subject);
    date_write(&text, loop_epoch(), 0);
    buf_add_string(&text, "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                          "Content-Type: text/plain; charset=utf-8\r\n\r\nThe account\r\n\r\n    ");
    add_line(&text, account);
    buf_printf(&text, "\r\n\r\n%s\r\n\r\n    ", what);
    add_line(&text, bytes_first(reason, REASON_MAX));
    buf_add_string(&text, "\r\n\r\n");
    buf_add(&text, rest);
    store_tell_postmaster(store, arena, BYTES("account"), text.failed ? BYTES("") : buf_bytes(&text));
    buf_free(&text);
}

static void tell_held(struct store *store, struct arena *arena, struct bytes account, struct bytes reason)
{
    struct buf rest;
    buf_init(&rest, NOTICE_MAX);
    buf_add_string(&rest, "It cannot send mail, and its mail in the queue waits. When its password has been "
                          "changed:\r\n\r\n    vouch user release ");
    add_line(&rest, account);
    buf_add_string(&rest, "\r\n\r\nWhat waits can be looked at and dropped before that:\r\n\r\n"
                          "    vouch queue list --account ");
    add_line(&rest, account);
    buf_add_string(&rest, "\r\n");
    tell(store, arena, account, "is held", "looks as if somebody else used it:", reason, buf_bytes(&rest));
    buf_free(&rest);
}

/* When it was released last, in seconds of the epoch; 0: never. It outlives a restart with the counters. */
static uint64_t released_at(struct store *store, struct arena *arena, struct bytes account)
{
    struct bytes key;
    uint64_t value = 0;
    if (!account_key(arena, "released", account, 0, BYTES(""), &key) ||
        get(store, "count:", key, BYTES(""), &value) != OK)
        return 0;
    return value;
}

/* Once a day. */
static void tell_limit(struct store *store, struct arena *arena, struct bytes account, struct bytes reason)
{
    struct bytes key;
    uint64_t told = 0;
    if (account_key(arena, "told", account, 0, BYTES(""), &key) &&
        add(store, "count:", key, BYTES(""), 1, DAY, &told) == OK && told == 1)
        tell(store, arena, account, "sends too much", "sends more than it may:", reason,
             BYTES("Its mail is put off (450) until the limit allows it. This is told once a day.\r\n"));
}

static bool hold(struct store *store, struct arena *arena, struct bytes account, struct bytes reason)
{
    struct error error;
    struct bytes before;
    if (store_queue_account_is_held(store, account, &before))
        return true;
    if (!reason.len)
        return false;
    if (store_queue_hold_account(store, account, true, reason, &error) != OK) {
        log_error("account", BYTES_FMT " could not be held: %s", BYTES_ARG(account), error.text);
        return false;
    }
    log_warning("account", BYTES_FMT " is held: " BYTES_FMT, BYTES_ARG(account), BYTES_ARG(reason));
    tell_held(store, arena, account, reason);
    return true;
}

void store_answer_hold(struct store *store, struct ipc_request *request)
{
    struct hold_question question;
    struct buf payload;
    if (!hold_question_read(request->message.payload, &question))
        return;
    if (question.tell_only)
        tell_limit(store, request->arena, question.account, question.reason);
    bool held = hold(store, request->arena, question.account,
                     question.tell_only ? BYTES("") : question.reason);
    buf_init(&payload, 16);
    ipc_add_u8(&payload, held);
    ipc_add_u64(&payload, released_at(store, request->arena, question.account));
    role_reply(request, &payload);
}

/* From now on its counters have other keys: they begin at zero. Each time is later than the one before. */
static enum result begin_anew(struct store *store, struct bytes account)
{
    struct arena *arena = arena_create(64 * 1024);
    enum result result = TEMP;
    struct bytes key;
    if (arena && account_key(arena, "released", account, 0, BYTES(""), &key)) {
        uint64_t before = released_at(store, arena, account), now = (uint64_t)loop_epoch(), after;
        result = add(store, "count:", key, BYTES(""), now > before ? now - before : 1, RELEASE_KEPT, &after);
    }
    arena_destroy(arena);
    return result;
}

enum result store_account_release(struct store *store, struct bytes account, struct error *error)
{
    struct bytes reason;
    if (!store_queue_account_is_held(store, account, &reason))
        return error_set(error, NONE, "the account is not held");
    /* Else the next message would hold it again. */
    if (begin_anew(store, account) != OK)
        return error_set(error, TEMP, "the account's counters cannot be written");
    return store_queue_hold_account(store, account, false, BYTES(""), error);
}

struct unknown {
    uint64_t bad, total, domains;
};

/* No more members than matter are kept: the domains are a stranger's to choose. */
static enum result count_unknown(struct store *store, struct arena *arena, struct bytes account,
                                 struct bytes domain, struct unknown *out)
{
    uint64_t released = released_at(store, arena, account);
    struct count_item item = {.kind = COUNT_DISTINCT, .window = DAY};
    struct bytes bad, tried, lowered = arena_lower(arena, domain);
    if (!account_key(arena, "unknown recipients elsewhere", account, released, BYTES(""), &bad) ||
        !account_key(arena, ACCOUNT_KEY_TRIED, account, released, BYTES(""), &tried) ||
        !account_key(arena, "domains of unknown recipients", account, released, BYTES(""), &item.key) ||
        !account_key(arena, "domains of unknown recipients", account, released, lowered, &item.member) ||
        add(store, "count:", bad, BYTES(""), 1, DAY, &out->bad) != OK ||
        get(store, "count:", tried, BYTES(""), &out->total) != OK ||
        get(store, "count:", item.key, BYTES(""), &out->domains) != OK)
        return TEMP;
    if (out->total < out->bad)
        out->total = out->bad;
    return out->domains < UNKNOWN_DOMAINS ? count(store, &item, &out->domains) : OK;
}

void store_account_unknown(struct store *store, struct bytes account, struct bytes domain)
{
    const struct config *config = &store->role->config;
    unsigned most = config->submission.unknown_percent;
    struct unknown unknown;
    if (!most || !config->submission.hold || !account.len || bytes_starts_with(account, BYTES("host:")))
        return;
    struct arena *arena = arena_create(64 * 1024);
    if (arena && count_unknown(store, arena, account, domain, &unknown) == OK &&
        unknown.domains >= UNKNOWN_DOMAINS && unknown.total >= UNKNOWN_LEAST &&
        unknown.bad * 100 >= unknown.total * most)
        hold(store, arena, account,
             arena_printf(arena, "%llu of %llu recipients are unknown", (unsigned long long)unknown.bad,
                          (unsigned long long)unknown.total));
    arena_destroy(arena);
}

void store_answer_owner(struct store *store, struct ipc_request *request)
{
    struct owner_question question;
    struct buf payload;
    if (!owner_question_read(request->message.payload, &question))
        return;
    buf_init(&payload, 16);
    const struct mailing_list *list =
        question.list.len ? recipients_list(store->recipients, question.list) : NULL;
    ipc_add_u8(&payload, question.list.len
                             ? list && mailing_list_admits(list, question.address)
                             : recipients_owns(store->recipients, question.account, question.address));
    role_reply(request, &payload);
}
