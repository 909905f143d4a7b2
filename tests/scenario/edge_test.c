/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole SMTP conversations with the edge: its own server and handler functions on a pipe, a resolver that
 * answers from a zone, a fake clock, and a store at the other end of a channel that says what the test
 * wants. A failed check ends the program: cmocka's jumps do not survive a fiber.
 */
#include "base/log.h"
#include "dns/zone.h"
#include "fiber/pipe.h"
#include "os/files.h"
#include "roles/edge.h"
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

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: failed: %s\n%s", __FILE__, __LINE__, #condition, log_text);    \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static char log_text[65536];

/* What the store is asked, and how it answers. */
struct script {
    unsigned questions, attempts, deliveries, records;
    unsigned code;                 /* to a delivery */
    const char *enhanced, *text;
    int64_t takes;                 /* a delivery takes so long */
    bool silent;                   /* does not answer anything */
    bool cannot_count;
    bool babbles;                  /* answers with what is no answer */
    struct {
        uint8_t key[64];
        size_t length;
        uint64_t count;
    } counts[8];
    struct delivery_request request; /* the last one, in the arena */
    struct ledger_record record;     /* of the last delivery or record */
};

static struct world {
    char folder[64];
    struct arena *arena;
    struct role role;
    struct zone *zone;
    struct dns *own_dns; /* what the role had opened */
    struct fiber_group group;
    struct ipc_channel *store;
    struct script script;
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

static void answer_recipient(struct ipc_request *request)
{
    struct recipient_question question;
    struct recipient_answer found = {.reply = say(250, "2.1.5", "Ok"), .policy = BYTES("default")};
    struct buf payload;
    world.script.questions++;
    check(recipient_question_read(request->message.payload, &question));
    if (bytes_is(question.local, "unknown"))
        found.reply = say(550, "5.1.1", "There is no such mailbox here.");
    if (bytes_is(question.local, "full"))
        found.reply = say(452, "4.2.2", "The mailbox is full.");
    if (bytes_is(question.local, "strict"))
        found.policy = BYTES("strict");
    found.exempt = bytes_is(question.local, "postmaster");
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

static void run_channel(void *argument)
{
    struct ipc_channel *channel = argument;
    struct fiber_group requests;
    fiber_group_open(&requests);
    enum result ignored = ipc_run(channel, &requests, serve_edge, NULL, NULL);
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

static void lose_store(void)
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
    "_dmarc.down.example TXT FAIL\n";

static struct edge *the_edge(void)
{
    return world.role.state;
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

static void run_story(void (*story)(void *))
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
    static void name##_story(__attribute__((unused)) void *argument)

/* ---- the client's end ---- */

struct client {
    struct stream *stream;
    struct transport *server_end;
    struct ip ip;
    char last[4096]; /* the last reply, all lines */
};

static void serve_client(void *argument)
{
    struct client *client = argument;
    struct stream *stream = stream_create(client->server_end);
    struct ip local;
    check(stream && ip_parse(BYTES("198.51.100.2"), &local));
    smtp_serve(&the_edge()->servers[0], stream, client->ip, 40000, local, 25);
}

static void connect_from(struct client *client, const char *ip)
{
    struct transport *ours;
    *client = (struct client){0};
    check(ip_parse(bytes_of(ip), &client->ip));
    check(pipe_create(NULL, &ours, &client->server_end));
    client->stream = stream_create(ours);
    check(client->stream != NULL);
    check(fiber_group_start(&the_edge()->sessions, "session", serve_client, client));
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

static unsigned talk(struct client *client, const char *text)
{
    put(client, text);
    return reply(client);
}

static bool said(const struct client *client, const char *text)
{
    return strstr(client->last, text) != NULL;
}

static void greet(struct client *client, const char *ip)
{
    connect_from(client, ip);
    check(reply(client) == 220);
    check(talk(client, "EHLO mail.good.example\r\n") == 250);
}

static unsigned send_mail(struct client *client, const char *sender, const char *recipient,
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

static bool holds(struct bytes text, const char *what)
{
    return bytes_find(text, bytes_of(what)) != BYTES_NOT_FOUND;
}

/* ---- verdicts ---- */

STORY(genuine_mail_is_delivered_with_its_evidence)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    check(said(&client, "2.0.0 Ok"));
    const struct delivery_request *request = &world.script.request;
    check(world.script.deliveries == 1 && request->place == DELIVER_INBOX);
    check(holds(request->prefix, "spf=pass") && holds(request->prefix, "dmarc=pass"));
    check(holds(request->prefix, "Received: from mail.good.example"));
    check(holds(request->prefix, "Received-SPF: "));
    check(holds(request->prefix, "iprev=pass"));
    check(holds(request->content, "Subject: hello\r\n"));
    check(bytes_is(request->record.client, "192.0.2.1"));
    check(bytes_is(request->record.header_from, "a@good.example"));
    check(bytes_is(request->record.action, "accept") && bytes_is(request->record.policy, "default"));
    check(request->recipient_count == 1);
    check(bytes_is(request->recipients[0].mailbox, "alice@vouch.example"));
    check(talk(&client, "QUIT\r\n") == 221);
    hang_up(&client);
    check(strstr(log_text, "dmarc=pass") && strstr(log_text, "code=250"));
    world_end();
}

STORY(forged_mail_is_refused_with_the_reason_and_only_its_story_is_kept)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@bank.example", "alice", "a@bank.example", "hi") == 550);
    check(said(&client, "5.7.26") && said(&client, "bank.example") && said(&client, "id="));
    check(world.script.deliveries == 0);
    hang_up(&client);
    check(world.script.records == 1);
    check(world.script.record.code == 550 && bytes_is(world.script.record.action, "reject"));
    check(holds(world.script.record.evidence, "v=DMARC1; p=reject"));
    check(holds(world.script.record.evidence, "alice@vouch.example"));
    world_end();
}

STORY(postmaster_gets_what_others_do_not)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@bank.example", "postmaster", "a@bank.example", "hi") == 250);
    check(world.script.deliveries == 1);
    hang_up(&client);
    world_end();
}

/* ---- DNS that fails or is slow ---- */

STORY(a_dns_failure_puts_mail_off_three_times_and_then_marks_it)
{
    world_start();
    for (int attempt = 0; attempt < 5; attempt++) {
        struct client client;
        /* A neighbour of the first client is the same. */
        greet(&client, attempt % 2 ? "192.0.2.7" : "192.0.2.1");
        unsigned code = send_mail(&client, "a@down.example", "alice", "a@down.example", "hi");
        check(code == (attempt < 3 ? 451 : 250));
        if (attempt < 3)
            check(said(&client, " 4.7."));
        hang_up(&client);
        fiber_sleep(10 * MINUTE);
    }
    check(world.script.attempts == 5);
    check(world.script.deliveries == 2);
    check(holds(world.script.request.prefix, "spf=temperror"));
    /* Another recipient begins anew. */
    struct client client;
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@down.example", "bob", "a@down.example", "hi") == 451);
    hang_up(&client);
    world_end();
}

STORY(a_store_that_cannot_count_does_not_put_mail_off_for_ever)
{
    struct client client;
    world_start();
    world.script.cannot_count = true;
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@down.example", "alice", "a@down.example", "hi") == 250);
    hang_up(&client);
    world_end();
}

STORY(an_answer_that_comes_after_seconds_still_counts)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    int64_t begun = loop_now();
    check(send_mail(&client, "a@slow.example", "alice", "a@slow.example", "hi") == 250);
    check(holds(world.script.request.prefix, "spf=pass"));
    /* It runs beside the session from MAIL on. */
    check(loop_now() - begun >= 5 * SECOND && loop_now() - begun < 12 * SECOND);
    hang_up(&client);
    world_end();
}

STORY(an_answer_past_the_deadline_is_a_failure)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    int64_t begun = loop_now();
    check(send_mail(&client, "a@slower.example", "alice", "a@slower.example", "hi") == 451);
    check(loop_now() - begun <= 41 * SECOND);
    hang_up(&client);
    world_end();
}

/* ---- the end of the data has a deadline ---- */

STORY(a_store_that_is_too_slow_gives_451_and_knows_the_retry)
{
    struct client client;
    world_start();
    world.script.takes = 100 * SECOND;
    greet(&client, "192.0.2.1");
    int64_t begun = loop_now();
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 451);
    check(loop_now() - begun == 60 * SECOND);
    check(world.script.request.patience <= 60 * SECOND && world.script.request.patience > 50 * SECOND);
    struct bytes first = world.script.request.fingerprint;
    hang_up(&client);
    fiber_sleep(5 * MINUTE);
    /* The store answered meanwhile; nobody listened, and it knows that. */
    world.script.takes = 0;
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    check(bytes_equal(world.script.request.fingerprint, first));
    /* Another body, sender, recipient or client is another mail. */
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "ho") == 250);
    check(!bytes_equal(world.script.request.fingerprint, first));
    check(send_mail(&client, "b@good.example", "alice", "a@good.example", "hi") == 250);
    check(!bytes_equal(world.script.request.fingerprint, first));
    check(send_mail(&client, "a@good.example", "bob", "a@good.example", "hi") == 250);
    check(!bytes_equal(world.script.request.fingerprint, first));
    hang_up(&client);
    greet(&client, "192.0.2.99");
    (void)send_mail(&client, "a@down.example", "alice", "a@good.example", "hi");
    check(!bytes_equal(world.script.request.fingerprint, first));
    hang_up(&client);
    world_end();
}

/* ---- the store comes and goes ---- */

STORY(a_store_that_restarts_is_waited_for)
{
    struct client client;
    world_start();
    lose_store();
    check(the_edge()->store == NULL);
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    put(&client, "RCPT TO:<alice@vouch.example>\r\n");
    fiber_sleep(5 * SECOND);
    bring_store();
    check(reply(&client) == 250);
    lose_store();
    bring_store();
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    hang_up(&client);
    world_end();
}

STORY(a_store_that_stays_away_is_a_temporary_failure)
{
    struct client client;
    world_start();
    lose_store();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    int64_t begun = loop_now();
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 451);
    check(said(&client, "4.3.0") && loop_now() - begun == 30 * SECOND);
    hang_up(&client);
    world_end();
}

STORY(a_store_that_dies_with_the_message_in_its_hands_is_a_temporary_failure)
{
    struct client client;
    world_start();
    world.script.takes = 10 * SECOND;
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    put(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n");
    fiber_sleep(2 * SECOND);
    lose_store();
    check(reply(&client) == 451);
    /* The session goes on. */
    bring_store();
    world.script.takes = 0;
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    hang_up(&client);
    world_end();
}

STORY(a_store_that_says_nothing_is_not_waited_for_for_ever)
{
    struct client client;
    world_start();
    world.script.silent = true;
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 451);
    hang_up(&client);
    world_end();
}

/* A store that was taken over speaks to the client through us, but only in replies. */
STORY(a_hostile_store_cannot_break_the_protocol)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    world.script.code = 451;
    world.script.enhanced = "4.3.0";
    world.script.text = "No\r\n250 2.0.0 Yes\r\n354 more\r\n";
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 451);
    check(!strstr(client.last, "\r\n250") && !strstr(client.last, "\r\n354"));
    check(talk(&client, "NOOP\r\n") == 250);
    /* A class that belies the code, codes that are none, no answer at all. */
    world.script.code = 999;
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 451);
    world.script.babbles = true;
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 451);
    check(talk(&client, "RSET\r\n") == 250);
    hang_up(&client);
    world_end();
}

/* ---- recipients ---- */

STORY(recipients_of_another_policy_come_in_a_transaction_of_their_own)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<unknown@vouch.example>\r\n") == 550);
    check(talk(&client, "RCPT TO:<full@vouch.example>\r\n") == 452);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<strict@vouch.example>\r\n") == 452);
    check(said(&client, "4.5.3"));
    check(talk(&client, "RCPT TO:<postmaster@vouch.example>\r\n") == 452);
    check(talk(&client, "RCPT TO:<bob@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    check(world.script.request.recipient_count == 2);
    check(bytes_is(world.script.request.recipients[1].mailbox, "bob@vouch.example"));
    /* Refused ones do not decide which policy it is: the first that is taken does. */
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<unknown@vouch.example>\r\n") == 550);
    check(talk(&client, "RCPT TO:<strict@vouch.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 452);
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    check(bytes_is(world.script.request.record.policy, "strict"));
    hang_up(&client);
    world_end();
}

STORY(a_thousand_recipients_fit)
{
    struct client client;
    char line[512];
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof(line), "RCPT TO:<%0150d@vouch.example>\r\n", i);
        check(talk(&client, line) == 250);
    }
    check(talk(&client, "RCPT TO:<one-more@vouch.example>\r\n") == 452);
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    check(world.script.request.recipient_count == 1000);
    hang_up(&client);
    world_end();
}

/* ---- what the session itself shows ---- */

STORY(who_speaks_before_the_greeting_leaves_evidence)
{
    struct client client;
    world.limits = "greeting-delay = 2s";
    world_start();
    connect_from(&client, "192.0.2.1");
    put(&client, "EHLO mail.good.example\r\n");
    check(reply(&client) == 220);
    check(reply(&client) == 250);
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    check(holds(world.script.request.record.evidence, "before the greeting"));
    hang_up(&client);
    world_end();
}

STORY(who_does_not_wait_for_replies_leaves_evidence)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    /* Behind DATA nothing may follow before its reply (rfc2920:3.1). */
    put(&client, "DATA\r\nFrom: a@good.example\r\n\r\nhi\r\n.\r\n");
    check(reply(&client) == 354);
    unsigned code = reply(&client);
    check(code == 250);
    check(holds(world.script.request.record.evidence, "did not wait"));
    hang_up(&client);
    world_end();
}

STORY(own_networks_are_treated_as_such)
{
    struct client client;
    world.limits = "greeting-delay = 2s";
    world_start();
    int64_t begun = loop_now();
    greet(&client, "10.0.0.5");
    check(loop_now() - begun < SECOND);
    check(!said(&client, "DSN")); /* nothing makes any */
    check(talk(&client, "MAIL FROM: <a@good.example>\r\n") == 250); /* lenient */
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\nSubject: bare\n\nhi\r\n.\r\n") == 250);
    check(holds(world.script.request.content, "Subject: bare\r\n"));
    hang_up(&client);
    greet(&client, "192.0.2.1");
    check(!said(&client, "DSN"));
    check(talk(&client, "MAIL FROM: <a@good.example>\r\n") == 501);
    hang_up(&client);
    world_end();
}

STORY(large_messages_come_whole)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    put(&client, "From: a@good.example\r\n\r\n");
    for (int i = 0; i < 20000; i++)
        put(&client, "0123456789012345678901234567890123456789012345678901234567\r\n");
    check(talk(&client, "the end\r\n.\r\n") == 250);
    check(world.script.request.content.len > 20000 * 60);
    check(bytes_ends_with(world.script.request.content, BYTES("the end\r\n")));
    hang_up(&client);
    world_end();
}

STORY(a_header_beyond_its_limits_is_refused)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    put(&client, "From: a@good.example\r\n");
    for (int i = 0; i < 1100; i++)
        put(&client, "X-Field: x\r\n");
    check(talk(&client, "\r\nhi\r\n.\r\n") == 552);
    check(world.script.deliveries == 0);
    hang_up(&client);
    world_end();
}

/* ---- connections ---- */

STORY(one_address_gets_so_many_sessions)
{
    struct client clients[3], other;
    world.limits = "greeting-delay = 0 sessions-per-client = 2";
    world_start();
    greet(&clients[0], "192.0.2.1");
    greet(&clients[1], "192.0.2.1");
    connect_from(&clients[2], "192.0.2.1");
    check(reply(&clients[2]) == 421);
    check(reply(&clients[2]) == 0);
    hang_up(&clients[2]);
    greet(&other, "192.0.2.2");
    hang_up(&other);
    hang_up(&clients[0]);
    greet(&clients[0], "192.0.2.1");
    hang_up(&clients[0]);
    hang_up(&clients[1]);
    /* IPv6 by /64. */
    greet(&clients[0], "2001:db8::1");
    greet(&clients[1], "2001:db8::2");
    connect_from(&clients[2], "2001:db8::ffff");
    check(reply(&clients[2]) == 421);
    hang_up(&clients[2]);
    greet(&other, "2001:db8:0:1::1");
    hang_up(&other);
    hang_up(&clients[0]);
    hang_up(&clients[1]);
    world_end();
}

STORY(at_a_stop_the_message_under_way_is_finished)
{
    struct client busy, idle;
    world_start();
    greet(&idle, "192.0.2.1");
    greet(&busy, "192.0.2.1");
    check(talk(&busy, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&busy, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&busy, "DATA\r\n") == 354);
    the_edge()->stopping = true;
    check(talk(&idle, "NOOP\r\n") == 421);
    check(talk(&busy, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    check(world.script.deliveries == 1);
    check(talk(&busy, "NOOP\r\n") == 421);
    hang_up(&busy);
    hang_up(&idle);
    the_edge()->stopping = false;
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine_mail_is_delivered_with_its_evidence),
        cmocka_unit_test(forged_mail_is_refused_with_the_reason_and_only_its_story_is_kept),
        cmocka_unit_test(postmaster_gets_what_others_do_not),
        cmocka_unit_test(a_dns_failure_puts_mail_off_three_times_and_then_marks_it),
        cmocka_unit_test(a_store_that_cannot_count_does_not_put_mail_off_for_ever),
        cmocka_unit_test(an_answer_that_comes_after_seconds_still_counts),
        cmocka_unit_test(an_answer_past_the_deadline_is_a_failure),
        cmocka_unit_test(a_store_that_is_too_slow_gives_451_and_knows_the_retry),
        cmocka_unit_test(a_store_that_restarts_is_waited_for),
        cmocka_unit_test(a_store_that_stays_away_is_a_temporary_failure),
        cmocka_unit_test(a_store_that_dies_with_the_message_in_its_hands_is_a_temporary_failure),
        cmocka_unit_test(a_store_that_says_nothing_is_not_waited_for_for_ever),
        cmocka_unit_test(a_hostile_store_cannot_break_the_protocol),
        cmocka_unit_test(recipients_of_another_policy_come_in_a_transaction_of_their_own),
        cmocka_unit_test(a_thousand_recipients_fit),
        cmocka_unit_test(who_speaks_before_the_greeting_leaves_evidence),
        cmocka_unit_test(who_does_not_wait_for_replies_leaves_evidence),
        cmocka_unit_test(own_networks_are_treated_as_such),
        cmocka_unit_test(large_messages_come_whole),
        cmocka_unit_test(a_header_beyond_its_limits_is_refused),
        cmocka_unit_test(one_address_gets_so_many_sessions),
        cmocka_unit_test(at_a_stop_the_message_under_way_is_finished),
    };
    signal(SIGPIPE, SIG_IGN);
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
