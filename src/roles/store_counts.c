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

/* What is counted for long (signatures and stamps, which every message brings anew) leaves room for what
 * decides about retries: a key takes 100 octets, and a full file takes nothing, not even removals. */
#define LONG_WINDOW (30 * DAY)
#define LONG_KEYS_MAX ((size_t)4000000)

/* "count:…", "member:…"; empty: out of memory. */
static struct bytes key_of(struct arena *arena, const char *kind, struct bytes key, struct bytes member)
{
    const struct bytes parts[] = {bytes_of(kind), key, member};
    return arena_concat(arena, parts, countof(parts));
}

static struct counter_operation counting(struct arena *arena, enum counter_operation_kind kind, struct bytes key,
                                         uint64_t delta, int64_t window)
{
    return (struct counter_operation){.kind = kind,
                                      .key = key_of(arena, "count:", key, BYTES("")),
                                      .delta = delta > COUNTER_VALUE_MAX ? COUNTER_VALUE_MAX : (int64_t)delta,
                                      .expires_at = loop_epoch() + window / SECOND};
}

/* All of them as one, also where several gateways count together. TEMP: nobody knows, which is not zero. */
static enum result run(struct store *store, struct counter_operation *operations, size_t count)
{
    struct error error;
    for (size_t i = 0; i < count; i++)
        if (!operations[i].key.len || operations[i].key.len > COUNTER_KEY_MAX)
            return TEMP;
    enum result result = counters_run(store->counters, operations, count, loop_epoch(), &error);
    if (result != OK && result != NONE)
        log_error("counters", "%s", error.text);
    return result == PERM ? TEMP : result;
}

/* The operations of one question. */
struct batch {
    struct counter_operation operations[2 * PROTOCOL_COUNTS_MAX];
    size_t count;
};

/* A member that is new, also among those of the question before it, lets its set grow. */
static size_t add_item(struct batch *batch, struct arena *arena, const struct count_item *item)
{
    static const enum counter_operation_kind kinds[COUNT_KINDS] = {
        [COUNT_GET] = COUNTER_GET,
        [COUNT_ADD] = COUNTER_ADD,
        [COUNT_FIRST] = COUNTER_FIRST,
        [COUNT_DISTINCT] = COUNTER_ADD,
    };
    bool is_set = item->kind == COUNT_DISTINCT;
    if (is_set) {
        struct counter_operation seen = counting(arena, COUNTER_FIRST, item->key, 1, item->window);
        seen.key = key_of(arena, "member:", item->key, item->member);
        batch->operations[batch->count++] = seen;
    }
    struct counter_operation operation =
        counting(arena, kinds[item->kind], item->key, is_set ? 1 : item->delta, item->window);
    operation.if_new = is_set;
    operation.most = item->kind == COUNT_ADD || is_set ? item->most : 0;
    batch->operations[batch->count] = operation;
    return batch->count++;
}

void store_answer_counts(struct store *store, struct ipc_request *request)
{
    struct count_question question;
    uint64_t values[PROTOCOL_COUNTS_MAX];
    size_t places[PROTOCOL_COUNTS_MAX];
    struct batch batch = {.count = 0};
    struct buf payload;
    if (!count_question_read(request->message.payload, &question))
        return;
    for (size_t i = 0; i < question.count; i++)
        places[i] = add_item(&batch, request->arena, &question.items[i]);
    /* No answer says that it was not counted; beyond a limit (NONE) the values are what it would have come to. */
    if (run(store, batch.operations, batch.count) == TEMP)
        return;
    for (size_t i = 0; i < question.count; i++)
        values[i] = batch.operations[places[i]].value;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    count_answer_write(&payload, values, question.count);
    role_reply(request, &payload);
}

/* Attempts */

enum result store_count(struct store *store, const struct bytes *keys, size_t count, int64_t window, uint64_t *values)
{
    struct counter_operation operations[PROTOCOL_COUNTED_MAX];
    require(count <= countof(operations));
    if (window >= LONG_WINDOW && counters_size(store->counters) >= LONG_KEYS_MAX)
        return TEMP;
    struct arena *arena = arena_create(64 * 1024);
    for (size_t i = 0; arena && i < count; i++) {
        operations[i] = counting(arena, COUNTER_ADD, keys[i], 1, window);
        operations[i].key = key_of(arena, "attempt:", keys[i], BYTES(""));
    }
    enum result result = arena ? run(store, operations, count) : TEMP;
    for (size_t i = 0; i < count && result == OK; i++)
        values[i] = operations[i].value;
    arena_destroy(arena);
    return result;
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
    if (!account_key(arena, "released", account, 0, BYTES(""), &key))
        return 0;
    struct counter_operation operation = counting(arena, COUNTER_GET, key, 0, 0);
    return run(store, &operation, 1) == OK ? operation.value : 0;
}

/* Once a day. */
static void tell_limit(struct store *store, struct arena *arena, struct bytes account, struct bytes reason)
{
    struct bytes key;
    if (!account_key(arena, "told", account, 0, BYTES(""), &key))
        return;
    struct counter_operation told = counting(arena, COUNTER_FIRST, key, 1, DAY);
    if (run(store, &told, 1) == OK && !told.found)
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
        uint64_t before = released_at(store, arena, account), now = (uint64_t)loop_epoch();
        struct counter_operation released =
            counting(arena, COUNTER_SET, key, now > before ? now : before + 1, RELEASE_KEPT);
        result = run(store, &released, 1);
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
static enum result count_domain(struct store *store, struct arena *arena, const struct count_item *item,
                                uint64_t *domains)
{
    struct batch batch = {.count = 0};
    if (*domains >= UNKNOWN_DOMAINS)
        return OK;
    size_t place = add_item(&batch, arena, item);
    enum result result = run(store, batch.operations, batch.count);
    *domains = batch.operations[place].value;
    return result;
}

static enum result count_unknown(struct store *store, struct arena *arena, struct bytes account,
                                 struct bytes domain, struct unknown *out)
{
    uint64_t released = released_at(store, arena, account);
    struct count_item item = {.kind = COUNT_DISTINCT, .window = DAY};
    struct bytes bad, tried, lowered = arena_lower(arena, domain);
    if (!account_key(arena, "unknown recipients elsewhere", account, released, BYTES(""), &bad) ||
        !account_key(arena, ACCOUNT_KEY_TRIED, account, released, BYTES(""), &tried) ||
        !account_key(arena, "domains of unknown recipients", account, released, BYTES(""), &item.key) ||
        !account_key(arena, "domains of unknown recipients", account, released, lowered, &item.member))
        return TEMP;
    struct counter_operation operations[] = {counting(arena, COUNTER_ADD, bad, 1, DAY),
                                             counting(arena, COUNTER_GET, tried, 0, 0),
                                             counting(arena, COUNTER_GET, item.key, 0, 0)};
    if (run(store, operations, countof(operations)) != OK)
        return TEMP;
    *out = (struct unknown){operations[0].value, operations[1].value, operations[2].value};
    if (out->total < out->bad)
        out->total = out->bad;
    return count_domain(store, arena, &item, &out->domains);
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
