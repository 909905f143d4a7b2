/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edge_world: the edge role on a fake clock: its own server and handler functions on a pipe, a resolver that
 * answers from a zone, and at the other ends of real channels a store and a keys role that do what a test
 * says. The store counts as the real one does; the keys role signs and makes return paths with the real code.
 *
 * Everything is static. A failed check ends the program: cmocka's jumps do not survive a fiber.
 */
#ifndef VOUCH_TESTS_EDGE_WORLD_H
#define VOUCH_TESTS_EDGE_WORLD_H

#include "auth/dkim_private_key.h"
#include "auth/dkim_sign.h"
#include "base/encode.h"
#include "base/log.h"
#include "dns/zone.h"
#include "fiber/pipe.h"
#include "os/files.h"
#include "roles/edge.h"
#include "roles/known_protocol.h"
#include "roles/keys.h"
#include "roles/parcel.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define maybe_unused __attribute__((unused))

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: failed: %s\n%s", __FILE__, __LINE__, #condition, log_text);    \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static char log_text[65536];

enum { COUNTS_MAX = 512, REQUESTS_MAX = 4, ALIASES_HERE = 4 };

/* A counter, or a member of a set. */
struct counted {
    uint8_t key[2 * PROTOCOL_FINGERPRINT_SIZE];
    size_t length;
    uint64_t value;
    int64_t until;
};

/* What the store is asked, and how it answers. */
struct script {
    unsigned questions, attempts, deliveries, records;
    unsigned code;                 /* to a delivery */
    const char *enhanced, *text;
    int64_t takes;                 /* a delivery takes so long */
    bool silent;                   /* does not answer anything */
    bool cannot_count;
    bool babbles;                  /* answers with what is no answer */
    bool knows_nobody;             /* owners are not told */
    bool closed_list;              /* nobody may write to it */
    bool contact;                  /* the author is one of the first recipient */
    unsigned owner_questions, holds, tells;
    bool held;                     /* the account, until a test says else */
    uint64_t released;             /* … and when it did */
    char reason[256];              /* of the last hold, or of what postmaster was told */
    const char *owned[ALIASES_HERE]; /* addresses that lead to the account's mailbox alone */
    struct counted counters[COUNTS_MAX];
    size_t counter_count;
    struct delivery_request requests[REQUESTS_MAX]; /* the first ones */
    struct {
        uint8_t key[64];
        size_t length;
        uint64_t count;
    } counts[8];
    struct delivery_request request; /* the last one, in the arena */
    struct ledger_record record;     /* of the last delivery or record */
};

/* What the keys role is asked, and how it answers. */
struct keys_script {
    unsigned signatures, addresses, logins;
    bool no_address;               /* makes no return paths now */
    const char *signs_for[2];      /* domains with active keys */
    const char *send_as[2];        /* of every account */
};

static struct world {
    char folder[64];
    struct arena *arena;
    struct role role;
    struct zone *zone;
    struct dns *own_dns; /* what the role had opened */
    struct fiber_group group;
    struct ipc_channel *store, *keys_channel;
    struct script script;
    struct keys_script keys_script;
    struct keys keys;    /* the real code's state: secrets and domains */
    struct smtp_server submission;
    const char *limits, *more; /* of the configuration */
} world;

static void keep_log(void *context, enum log_level level, struct bytes line)
{
    size_t used = strlen(log_text);
    (void)context;
    (void)level;
    if (used + line.len + 2 < sizeof(log_text))
        snprintf(log_text + used, sizeof(log_text) - used, BYTES_FMT "\n", BYTES_ARG(line));
}

/* ---- the store's end ---- */

/* "good", of the keys role and of senders whose zone has it. */
static EVP_PKEY *the_key;

static void answer(struct ipc_request *request, struct buf *payload)
{
    struct ipc_message message = {request->message.type, buf_bytes(payload), {-1, -1, -1, -1}};
    if (world.script.babbles)
        message.payload = BYTES("\1\2\3");
    ipc_reply(request, &message);
    buf_free(payload);
}

static struct protocol_reply say(unsigned code, const char *enhanced, const char *text)
{
    return (struct protocol_reply){code, bytes_of(enhanced), bytes_of(text)};
}

/* What is at other sites, and what is special here. */
static void find_kind(const struct recipient_question *question, struct recipient_answer *found)
{
    if (bytes_is(question->domain, "backup.example")) {
        found->kind = RECIPIENT_KIND_RELAY;
    } else if (question->domain.len && !bytes_is(question->domain, "vouch.example")) {
        found->kind = RECIPIENT_KIND_REMOTE;
        if (!question->submitted)
            found->reply = say(550, "5.7.1", "We do not relay mail there.");
    } else if (bytes_starts_with(question->local, BYTES("forward"))) {
        found->kind = RECIPIENT_KIND_FORWARD;
    } else if (bytes_is(question->local, "announce")) {
        found->kind = RECIPIENT_KIND_LIST;
        found->list = BYTES("announce");
    }
}

static void answer_recipient(struct ipc_request *request)
{
    struct recipient_question question;
    struct recipient_answer found = {.reply = say(250, "2.1.5", "Ok"), .policy = BYTES("default")};
    struct buf payload;
    world.script.questions++;
    check(recipient_question_read(request->message.payload, &question));
    find_kind(&question, &found);
    if (bytes_starts_with(question.local, BYTES("unknown")))
        found.reply = say(550, "5.1.1", "There is no such mailbox here.");
    if (bytes_is(question.local, "full"))
        found.reply = say(452, "4.2.2", "The mailbox is full.");
    if (bytes_is(question.local, "strict"))
        found.policy = BYTES("strict");
    found.exempt = bytes_is(question.local, "postmaster");
    found.trap = bytes_starts_with(question.local, BYTES("trap"));
    buf_init(&payload, IPC_PAYLOAD_MAX);
    recipient_answer_write(&payload, &found);
    answer(request, &payload);
}

static void answer_attempt(struct ipc_request *request)
{
    struct attempt_question question;
    struct buf payload;
    world.script.attempts++;
    check(attempt_question_read(request->message.payload, &question));
    if (world.script.cannot_count)
        return;
    size_t i = 0;
    while (world.script.counts[i].length &&
           !bytes_equal(question.key,
                        bytes_from(world.script.counts[i].key, world.script.counts[i].length)))
        check(++i < countof(world.script.counts));
    world.script.counts[i].length = question.key.len;
    memcpy(world.script.counts[i].key, question.key.ptr, question.key.len);
    buf_init(&payload, 64);
    ipc_add_u64(&payload, world.script.counts[i].count++);
    answer(request, &payload);
}

/* The counter, as it is now; made if it is not there. */
static struct counted *find_counter(struct bytes key, struct bytes member, int64_t window)
{
    struct bytes parts[] = {key, member}, whole = arena_concat(world.arena, parts, 2);
    struct counted *found = NULL;
    check(key.len == PROTOCOL_FINGERPRINT_SIZE && whole.len <= sizeof(found->key));
    for (size_t i = 0; i < world.script.counter_count && !found; i++)
        if (bytes_equal(whole, bytes_from(world.script.counters[i].key, world.script.counters[i].length)))
            found = &world.script.counters[i];
    if (!found) {
        check(world.script.counter_count < COUNTS_MAX);
        found = &world.script.counters[world.script.counter_count++];
        memcpy(found->key, whole.ptr, whole.len);
        found->length = whole.len;
    }
    if (found->until <= loop_epoch()) {
        found->value = 0;
        found->until = loop_epoch() + window / SECOND;
    }
    return found;
}

/* What one of these would come to, on its own. */
static uint64_t forecast_one(const struct count_item *item)
{
    uint64_t value = find_counter(item->key, BYTES(""), item->window)->value;
    bool is_set = item->kind == COUNT_DISTINCT;
    if (is_set && world.script.counter_count < COUNTS_MAX) {
        size_t before = world.script.counter_count;
        value += find_counter(item->key, item->member, item->window)->value == 0;
        /* Looking is not counting. */
        memset(world.script.counters + before, 0,
               (world.script.counter_count - before) * sizeof(*world.script.counters));
        world.script.counter_count = before;
    }
    return value + (item->kind == COUNT_ADD ? item->delta : 0);
}

/* False: one would be more than it may, and nothing is counted. */
static bool forecast_all(const struct count_question *question, uint64_t *values)
{
    bool fits = true;
    for (size_t i = 0; i < question->count; i++) {
        values[i] = forecast_one(&question->items[i]);
        uint64_t extra = 0;
        for (size_t k = 0; k < i; k++) {
            const struct count_item *other = &question->items[k];
            extra += other->kind == COUNT_DISTINCT && bytes_equal(other->key, question->items[i].key) &&
                     !bytes_equal(other->member, question->items[i].member) &&
                     forecast_one(other) > find_counter(other->key, BYTES(""), 0)->value;
        }
        values[i] += extra;
        fits &= !question->items[i].most || values[i] <= question->items[i].most;
    }
    return fits;
}

static uint64_t count_one(const struct count_item *item)
{
    struct counted *counter = find_counter(item->key, BYTES(""), item->window);
    struct counted *member;
    switch (item->kind) {
    case COUNT_ADD:
        counter->value += item->delta;
        break;
    case COUNT_FIRST:
        counter->value = counter->value ? counter->value : item->delta;
        break;
    case COUNT_DISTINCT:
        member = find_counter(item->key, item->member, item->window);
        counter->value += member->value++ == 0;
        break;
    default:
        break;
    }
    return counter->value;
}

static void answer_counts(struct ipc_request *request)
{
    struct count_question question;
    uint64_t values[PROTOCOL_COUNTS_MAX];
    struct buf payload;
    check(count_question_read(request->message.payload, &question));
    if (world.script.cannot_count)
        return;
    bool fits = forecast_all(&question, values);
    for (size_t i = 0; i < question.count && fits; i++)
        values[i] = count_one(&question.items[i]);
    buf_init(&payload, IPC_PAYLOAD_MAX);
    count_answer_write(&payload, values, question.count);
    answer(request, &payload);
}

static void answer_yes_or_no(struct ipc_request *request, bool yes)
{
    struct buf payload;
    buf_init(&payload, 16);
    ipc_add_u8(&payload, yes);
    answer(request, &payload);
}

static void answer_hold(struct ipc_request *request)
{
    struct hold_question question;
    check(hold_question_read(request->message.payload, &question));
    if (question.reason.len)
        check(bytes_to_cstring(question.reason, world.script.reason, sizeof(world.script.reason)));
    world.script.tells += question.tell_only;
    if (question.reason.len && !question.tell_only) {
        world.script.holds += !world.script.held;
        world.script.held = true;
    }
    struct buf payload;
    buf_init(&payload, 16);
    ipc_add_u8(&payload, world.script.held);
    ipc_add_u64(&payload, world.script.released);
    answer(request, &payload);
}

/* Nobody was heard of before, but for a contact. */
static void answer_known(struct ipc_request *request)
{
    static struct known_question asked;
    static struct known_answer found;
    struct buf payload;
    check(known_question_read(request->message.payload, world.arena, &asked));
    found = (struct known_answer){.identity_count = asked.identity_count,
                                  .contact_count = world.script.contact && asked.contacts};
    buf_init(&payload, IPC_PAYLOAD_MAX);
    known_answer_write(&payload, &found);
    answer(request, &payload);
}

static void answer_owner(struct ipc_request *request)
{
    struct owner_question question;
    bool owns = false;
    check(owner_question_read(request->message.payload, &question));
    world.script.owner_questions++;
    if (world.script.knows_nobody)
        return;
    owns = question.list.len && !world.script.closed_list;
    for (size_t i = 0; !question.list.len && i < ALIASES_HERE && world.script.owned[i]; i++)
        owns |= bytes_is(question.address, world.script.owned[i]);
    answer_yes_or_no(request, owns);
}

static void answer_delivery(struct ipc_request *request)
{
    struct script *script = &world.script;
    struct delivery_answer done = {.summary = BYTES("a=delivered")};
    struct bytes octets, copy;
    struct buf payload;
    struct error error;
    check(parcel_unpack(&request->message, world.arena, &octets));
    copy = arena_copy(world.arena, octets);
    check(delivery_request_read(copy, world.arena, &script->request));
    if (script->request.in_descriptor)
        check(files_read_descriptor(world.arena, request->message.descriptors[0], 64 << 20,
                                    &script->request.content, &error) == OK);
    script->record = script->request.record;
    if (script->deliveries < REQUESTS_MAX)
        script->requests[script->deliveries] = script->request;
    script->deliveries++;
    if (script->takes)
        fiber_sleep(script->takes);
    done.reply = say(script->code, script->enhanced, script->text);
    buf_init(&payload, IPC_PAYLOAD_MAX);
    delivery_answer_write(&payload, &done);
    answer(request, &payload);
}

static void serve_edge(void *context, struct ipc_request *request)
{
    (void)context;
    if (world.script.silent) {
        fiber_sleep(HOUR);
    } else if (request->message.type == STORE_RECIPIENT) {
        answer_recipient(request);
    } else if (request->message.type == STORE_ATTEMPT) {
        answer_attempt(request);
    } else if (request->message.type == STORE_DELIVER) {
        answer_delivery(request);
    } else if (request->message.type == STORE_COUNT) {
        answer_counts(request);
    } else if (request->message.type == STORE_HOLD) {
        answer_hold(request);
    } else if (request->message.type == STORE_OWNER) {
        answer_owner(request);
    } else if (request->message.type == KNOWN_ASK) {
        answer_known(request);
    } else if (request->message.type == STORE_MODEL || request->message.type == TRAIN_WORK) {
        /* Nothing was ever learned here. */
    } else {
        struct bytes octets;
        check(request->message.type == STORE_RECORD);
        check(parcel_unpack(&request->message, world.arena, &octets));
        struct cursor cursor = cursor_over(arena_copy(world.arena, octets));
        check(ledger_record_take(&cursor, world.arena, &world.script.record));
        world.script.records++;
    }
    ipc_request_free(request);
}

/* ---- the end of the keys role ---- */

static void answer_selectors(struct ipc_request *request)
{
    struct keys_selectors selectors = {.count = 0};
    struct bytes domain;
    struct buf payload;
    check(keys_domain_read(request->message.payload, &domain));
    for (size_t i = 0; i < countof(world.keys_script.signs_for); i++)
        if (world.keys_script.signs_for[i] && bytes_is(domain, world.keys_script.signs_for[i]))
            selectors.items[selectors.count++] = (struct keys_selector){BYTES("s"), DKIM_RSA_SHA256};
    buf_init(&payload, IPC_PAYLOAD_MAX);
    keys_selectors_write(&payload, &selectors);
    answer(request, &payload);
}

static void answer_sign(struct ipc_request *request)
{
    struct keys_sign_request asked;
    struct keys_signatures signatures = {.count = 0};
    struct buf payload;
    struct error error;
    check(keys_sign_request_read(request->message.payload, &asked));
    for (; signatures.count < asked.count; signatures.count++)
        check(dkim_sign_with_key(the_key, world.arena, DKIM_RSA_SHA256, asked.items[signatures.count].hash,
                                 &signatures.items[signatures.count], &error) == OK);
    world.keys_script.signatures++;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    keys_signatures_write(&payload, &signatures);
    answer(request, &payload);
}

static void answer_address(struct ipc_request *request)
{
    struct keys_address_request asked;
    struct keys_address_answer made;
    struct buf payload;
    struct error error = {{0}};
    check(keys_address_request_read(request->message.payload, &asked));
    world.keys_script.addresses++;
    made.result = world.keys_script.no_address
                      ? TEMP
                      : keys_address_answer(&world.keys, world.arena, &asked, &made.text, &error);
    if (made.result != OK)
        made.text = arena_printf(world.arena, "%s", error.text);
    buf_init(&payload, IPC_PAYLOAD_MAX);
    keys_address_answer_write(&payload, &made);
    answer(request, &payload);
}

/* PLAIN; everybody's password is "good". */
static void answer_sasl(struct ipc_request *request)
{
    static struct keys_sasl_question question;
    static struct keys_sasl_answer found;
    struct buf payload;
    check(keys_sasl_question_read(request->message.payload, &question));
    world.keys_script.logins++;
    size_t end = bytes_rfind_byte(question.data, '\0');
    found = (struct keys_sasl_answer){.status = KEYS_SASL_REFUSED};
    if (end != BYTES_NOT_FOUND && bytes_is(bytes_skip(question.data, end + 1), "good"))
        found = (struct keys_sasl_answer){.status = KEYS_SASL_DONE,
                                          .account = bytes_slice(question.data, 1, end)};
    for (size_t i = 0; i < countof(world.keys_script.send_as); i++)
        if (world.keys_script.send_as[i])
            found.send_as[found.send_as_count++] = bytes_of(world.keys_script.send_as[i]);
    buf_init(&payload, IPC_PAYLOAD_MAX);
    keys_sasl_answer_write(&payload, &found);
    answer(request, &payload);
}

static void serve_keys(void *context, struct ipc_request *request)
{
    (void)context;
    if (request->message.type == KEYS_SELECTORS) {
        answer_selectors(request);
    } else if (request->message.type == KEYS_SIGN) {
        answer_sign(request);
    } else if (request->message.type == KEYS_ADDRESS) {
        answer_address(request);
    } else {
        check(request->message.type == KEYS_SASL);
        answer_sasl(request);
    }
    ipc_request_free(request);
}

static void run_channel(void *argument)
{
    struct ipc_channel *channel = argument;
    struct fiber_group requests;
    fiber_group_open(&requests);
    bool keys = channel == world.keys_channel;
    enum result ignored = ipc_run(channel, &requests, keys ? serve_keys : serve_edge, NULL, NULL);
    (void)ignored;
    fiber_group_close(&requests);
    ipc_channel_close(channel);
}

static void bring_store(void)
{
    int pair[2];
    check(ipc_pair(pair) == 0);
    edge_role.peer(&world.role, ROLE_STORE, 0, pair[0]);
    world.store = ipc_channel_open(pair[1], "edge");
    check(world.store != NULL);
    check(fiber_group_start(&world.group, "store", run_channel, world.store));
    fiber_yield();
}

static void bring_keys(void)
{
    int pair[2];
    check(ipc_pair(pair) == 0);
    edge_role.peer(&world.role, ROLE_KEYS, 0, pair[0]);
    world.keys_channel = ipc_channel_open(pair[1], "edge");
    check(world.keys_channel != NULL);
    check(fiber_group_start(&world.group, "keys", run_channel, world.keys_channel));
    fiber_yield();
}

static maybe_unused void lose_keys(void)
{
    ipc_channel_break(world.keys_channel, "the keys role died");
    fiber_sleep(MILLISECOND);
}

static maybe_unused void lose_store(void)
{
    ipc_channel_break(world.store, "the store died");
    fiber_sleep(MILLISECOND);
}

/* ---- the world ---- */

static const char zone_text[] =
    "good.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "_dmarc.good.example TXT \"v=DMARC1; p=reject\"\n"
    "mail.good.example A 192.0.2.1\n"
    "1.2.0.192.in-addr.arpa PTR mail.good.example\n"
    "bank.example TXT \"v=spf1 ip4:203.0.113.9 -all\"\n"
    "_dmarc.bank.example TXT \"v=DMARC1; p=reject\"\n"
    "slow.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "slow.example DELAY 5s\n"
    "slower.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "slower.example DELAY 5m\n"
    "_dmarc.slower.example TXT \"v=DMARC1; p=reject\"\n"
    "down.example TXT FAIL\n"
    "_dmarc.down.example TXT FAIL\n"
    /* Says what it likes of us, and of helo.example. */
    "soft.example TXT \"v=spf1 ~all\"\n"
    "helo.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "junk.example TXT \"v=spf1 ~all\"\n"
    "_dmarc.junk.example TXT \"v=DMARC1; p=quarantine\"\n";

static struct edge *the_edge(void)
{
    return world.role.state;
}

/* Codecs on with secrets of their own, for what the configuration switches on. */
static void prepare_keys(void)
{
    static const struct bytes secrets[] = {{(const uint8_t *)"a secret of ours", 16}};
    static struct bytes local[] = {{(const uint8_t *)"vouch.example", 13}};
    struct error error;
    if (!the_key)
        check(dkim_private_key_make(DKIM_KEY_RSA, 2048, &the_key, &error) == OK);
    world.keys = (struct keys){.role = &world.role, .local_domains = local, .local_domain_count = 1};
    for (size_t i = 0; i < KEYS_CODECS; i++)
        world.keys.secrets[i] = (struct secrets){secrets, 1};
}

/* A record of the key that everybody here signs with. */
static void publish_key(const char *name)
{
    struct bytes public;
    struct error error;
    struct buf text;
    check(dkim_private_key_public(world.arena, the_key, &public, &error) == OK);
    buf_init(&text, 4096);
    buf_add_string(&text, "v=DKIM1; k=rsa; p=");
    base64_encode(&text, public);
    check(zone_add(world.zone, bytes_of(name), DNS_TXT, 60, buf_bytes(&text)));
    buf_free(&text);
}

/* Port 587, but without TLS. */
static void set_up_submission(void)
{
    world.submission = the_edge()->servers[0];
    world.submission.submission = true;
    world.submission.require_auth = true;
    world.submission.auth_without_tls = true;
    world.submission.auth_mechanisms = "PLAIN";
}

static void world_start(void)
{
    struct error error = {{0}};
    struct buf errors;
    log_text[0] = '\0';
    log_set_sink(keep_log, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_DEBUG);
    world.arena = arena_create(512 << 20);
    world.zone = zone_create();
    if (zone_load(world.zone, bytes_of(zone_text), &error) != OK)
        fprintf(stderr, "%s\n", error.text);
    check(!error.text[0]);
    struct bytes config = arena_printf(
        world.arena,
        "hostname = mx.vouch.example\nown-networks = [10.0.0.0/8]\n"
        "listener smtp { address = [127.0.0.1:25] tls = none }\n"
        "dns { servers = [127.0.0.1:15353] }\n"
        "limits { %s }\n"
        "policy strict { dmarc = strict }\n"
        "domain vouch.example { deliver = \"maildir:/var/mail/{user}\" recipients = users }\n%s",
        world.limits ? world.limits : "greeting-delay = 0", world.more ? world.more : "");
    world.role = (struct role){.definition = &edge_role,
                               .unprivileged = true,
                               .arena = arena_create(SIZE_MAX / 2)};
    buf_init(&errors, 4096);
    if (config_parse(world.role.arena, config, NULL, &world.role.config, &errors) != OK)
        fprintf(stderr, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    check(errors.len == 0);
    buf_free(&errors);
    fiber_group_open(&world.role.fibers);
    fiber_group_open(&world.group);
    check(edge_role.prepare(&world.role, &error) == OK);
    world.own_dns = the_edge()->dns;
    the_edge()->dns = zone_dns(world.zone);
    world.script = (struct script){.code = 250, .enhanced = "2.0.0", .text = "Ok"};
    bring_store();
    prepare_keys();
    publish_key("s._domainkey.vouch.example");
    publish_key("s._domainkey.good.example");
    set_up_submission();
    bring_keys();
}

static void world_end(void)
{
    check(fiber_group_wait(&the_edge()->sessions, loop_deadline(24 * HOUR)) == 0);
    check(map_count(the_edge()->clients) == 0);
    the_edge()->dns = world.own_dns;
    world.role.stopping = true;
    edge_role.run(&world.role);
    fiber_group_close(&world.role.fibers);
    fiber_group_close(&world.group);
    zone_destroy(world.zone);
    arena_destroy(world.role.arena);
    arena_destroy(world.arena);
    log_set_sink(NULL, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
    world = (struct world){0};
}

static maybe_unused void run_story(void (*story)(void *))
{
    struct loop_options options = {.fake_clock = true, .fake_epoch = 1795297381};
    struct loop *loop = loop_create(&options);
    check(loop != NULL);
    loop_run(loop, story, NULL);
    loop_destroy(loop);
}

#define STORY(name)                                                                                \
    static void name##_story(void *argument);                                                      \
    static void name(void **state)                                                                 \
    {                                                                                              \
        run_story(name##_story);                                                                   \
    }                                                                                              \
    static void name##_story(maybe_unused void *argument)

/* ---- the client's end ---- */

struct client {
    struct stream *stream;
    struct transport *server_end;
    const struct smtp_server *server;
    struct ip ip;
    char last[4096]; /* the last reply, all lines */
};

static void serve_client(void *argument)
{
    struct client *client = argument;
    struct stream *stream = stream_create(client->server_end);
    struct ip local;
    check(stream && ip_parse(BYTES("198.51.100.2"), &local));
    smtp_serve(client->server, stream, client->ip, 40000, local, 25);
}

static void connect_to(struct client *client, const struct smtp_server *server, const char *ip)
{
    struct transport *ours;
    *client = (struct client){.server = server};
    check(ip_parse(bytes_of(ip), &client->ip));
    check(pipe_create(NULL, &ours, &client->server_end));
    client->stream = stream_create(ours);
    check(client->stream != NULL);
    check(fiber_group_start(&the_edge()->sessions, "session", serve_client, client));
}

static void connect_from(struct client *client, const char *ip)
{
    connect_to(client, &the_edge()->servers[0], ip);
}

static void hang_up(struct client *client)
{
    stream_close(client->stream);
    fiber_sleep(MILLISECOND); /* nobody has anything left to do then */
}

static void put(struct client *client, const char *text)
{
    (void)!stream_write(client->stream, bytes_of(text), loop_deadline(HOUR));
    (void)!stream_flush(client->stream, loop_deadline(HOUR));
}

/* The code of the next reply; 0 at the end. */
static unsigned reply(struct client *client)
{
    size_t used = 0;
    for (;;) {
        struct bytes line;
        if (stream_read_line(client->stream, 1024, &line, loop_deadline(24 * HOUR)) != 0)
            return 0;
        check(line.len >= 6 && used + line.len < sizeof(client->last));
        memcpy(client->last + used, line.ptr, line.len);
        used += line.len;
        client->last[used] = '\0';
        if (line.ptr[3] == ' ')
            return (unsigned)(line.ptr[0] - '0') * 100 + (unsigned)(line.ptr[1] - '0') * 10 +
                   (unsigned)(line.ptr[2] - '0');
        check(line.ptr[3] == '-');
    }
}

static maybe_unused unsigned talk(struct client *client, const char *text)
{
    put(client, text);
    return reply(client);
}

static maybe_unused bool said(const struct client *client, const char *text)
{
    return strstr(client->last, text) != NULL;
}

static maybe_unused void greet(struct client *client, const char *ip)
{
    connect_from(client, ip);
    check(reply(client) == 220);
    check(talk(client, "EHLO mail.good.example\r\n") == 250);
}

static maybe_unused unsigned send_mail(struct client *client, const char *sender, const char *recipient,
                          const char *from, const char *body)
{
    char line[512], message[1024];
    snprintf(line, sizeof(line), "MAIL FROM:<%s>\r\n", sender);
    check(talk(client, line) == 250);
    snprintf(line, sizeof(line), "RCPT TO:<%s@vouch.example>\r\n", recipient);
    check(talk(client, line) == 250);
    check(talk(client, "DATA\r\n") == 354);
    snprintf(message, sizeof(message),
             "From: %s\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@x>\r\n"
             "Subject: hello\r\n\r\n%s\r\n.\r\n",
             from, body);
    return talk(client, message);
}

static maybe_unused bool holds(struct bytes text, const char *what)
{
    return bytes_find(text, bytes_of(what)) != BYTES_NOT_FOUND;
}

#endif
