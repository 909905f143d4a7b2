/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters that edges ask for by keys of their own making, and the accounts that are held. */
#include "roles/store.h"

#include "base/ascii.h"
#include "base/log.h"
#include "message/date.h"
#include "roles/digest.h"
#include "roles/store_queue.h"

enum { UNKNOWN_LEAST = 50, NOTICE_MAX = 16 * 1024, REASON_MAX = 1024 };

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

static uint64_t get(struct store *store, struct bytes key)
{
    uint64_t value = 0;
    struct buf full;
    buf_init(&full, COUNTER_KEY_MAX);
    buf_add_string(&full, "count:");
    buf_add(&full, key);
    if (counters_get(store->counters, buf_bytes(&full), loop_epoch(), &value, NULL) != OK)
        value = 0;
    buf_free(&full);
    return value;
}

static enum result count(struct store *store, const struct count_item *item, uint64_t *value)
{
    struct bytes none = BYTES("");
    uint64_t seen = 0;
    enum result result = OK;
    *value = item->kind == COUNT_ADD ? 0 : get(store, item->key);
    if (item->kind == COUNT_ADD || (item->kind == COUNT_FIRST && *value == 0))
        return add(store, "count:", item->key, none, item->delta, item->window, value);
    if (item->kind == COUNT_DISTINCT)
        result = add(store, "member:", item->key, item->member, 1, item->window, &seen);
    if (result == OK && seen == 1)
        result = add(store, "count:", item->key, none, 1, item->window, value);
    return result;
}

void store_answer_counts(struct store *store, struct ipc_request *request)
{
    struct count_question question;
    uint64_t values[PROTOCOL_COUNTS_MAX];
    struct buf payload;
    if (!count_question_read(request->message.payload, &question))
        return;
    /* No answer says that it was not counted. */
    for (size_t i = 0; i < question.count; i++)
        if (count(store, &question.items[i], &values[i]) != OK)
            return;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    count_answer_write(&payload, values, question.count);
    store_reply(request, &payload);
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

static bool account_key(struct arena *arena, const char *what, struct bytes account, struct bytes *out);

/* Once a day. */
static void tell_limit(struct store *store, struct arena *arena, struct bytes account, struct bytes reason)
{
    struct bytes key;
    uint64_t told = 0;
    if (account_key(arena, "told", account, &key) && add(store, "count:", key, BYTES(""), 1, DAY, &told) == OK &&
        told == 1)
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
    store_reply(request, &payload);
}

enum result store_account_release(struct store *store, struct bytes account, struct error *error)
{
    struct bytes reason;
    if (!store_queue_account_is_held(store, account, &reason))
        return error_set(error, NONE, "the account is not held");
    return store_queue_hold_account(store, account, false, BYTES(""), error);
}

/* The same keys as the edge's for recipients that are refused here (edge_account.c). */
static bool account_key(struct arena *arena, const char *what, struct bytes account, struct bytes *out)
{
    struct bytes parts[] = {BYTES("account"), bytes_of(what), arena_lower(arena, account), BYTES("")};
    return digest_parts(arena, parts, countof(parts), out);
}

void store_account_unknown(struct store *store, struct bytes account)
{
    const struct config *config = &store->role->config;
    struct arena *arena = arena_create(64 * 1024);
    struct bytes unknown, all;
    uint64_t bad = 0;
    if (arena && config->submission.unknown_percent && account.len &&
        !bytes_starts_with(account, BYTES("host:")) &&
        account_key(arena, "unknown recipients", account, &unknown) &&
        account_key(arena, "recipients a day", account, &all) &&
        add(store, "count:", unknown, BYTES(""), 1, DAY, &bad) == OK) {
        uint64_t total = get(store, all);
        if (total < bad)
            total = bad;
        if (config->submission.hold && total >= UNKNOWN_LEAST &&
            bad * 100 >= total * config->submission.unknown_percent)
            hold(store, arena, account,
                 arena_printf(arena, "%llu of %llu recipients are unknown", (unsigned long long)bad,
                              (unsigned long long)total));
    }
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
    store_reply(request, &payload);
}
