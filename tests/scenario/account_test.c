/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounts in the store: whose mail is held and released, whose word holds an account, and counters with
 * limits.
 */
#include "store_world.h"

static const char alice[] = "alice@vouch.example";

static void begin(void)
{
    world_create();
    store_start();
}

static void end(void)
{
    store_stop();
    world_destroy();
}

static size_t waiting(void)
{
    return queue_count(the_store()->queue->queue);
}

static struct bytes ask(enum protocol_type type, struct buf *payload)
{
    struct ipc_message message = {(uint16_t)type, buf_bytes(payload), {-1, -1, -1, -1}}, reply;
    struct error error;
    check(role_call(world.edge, world.arena, &message, &reply, loop_deadline(MINUTE), &error) == OK);
    buf_free(payload);
    return reply.payload;
}

/* Without a reason: whether it is held. */
static bool hold(const char *account, const char *reason, uint64_t *released)
{
    struct hold_question question = {bytes_of(account), bytes_of(reason), false};
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    hold_question_write(&payload, &question);
    struct cursor answer = cursor_over(ask(STORE_HOLD, &payload));
    bool held = cursor_u8(&answer) == 1;
    *released = cursor_u64(&answer);
    check(!answer.failed && cursor_rest(&answer).len == 0);
    return held;
}

static bool is_held(const char *account)
{
    uint64_t ignored;
    return hold(account, "", &ignored);
}

/* In the queue, as somebody submitted it; the content is `field` and a body. */
static void queue_mail(const char *id, const char *account, const char *sender, const char *to,
                       const char *field)
{
    struct error error;
    struct queue_recipient recipient = {.address = bytes_of(to)};
    struct queue_envelope envelope = {.id = bytes_of(id), .sender = bytes_of(sender),
                                      .account = bytes_of(account), .origin = QUEUE_ORIGIN_OURS,
                                      .recipients = &recipient, .recipient_count = 1};
    struct bytes parts[] = {bytes_of(field), BYTES("Subject: x\r\n\r\nbody\r\n")};
    check(store_queue_add(the_store(), world.arena, &envelope, parts, 2, &error) == OK);
}

static unsigned mails;

/* Mail to so many addresses of a domain whose server knows none of them. */
static void write_to_nobody(const char *domain, unsigned count, const char *sender, const char *field)
{
    char id[32], to[64];
    servers_say(domain, 550, SEND_ANSWERED);
    for (unsigned i = 0; i < count; i++) {
        snprintf(id, sizeof(id), "m%u", ++mails);
        snprintf(to, sizeof(to), "n%u@%s", mails, domain);
        queue_mail(id, alice, sender, to, field);
        world.sent_count = 0;
        fiber_sleep(100 * MILLISECOND);
    }
}

/* ---- whose word it is ---- */

STORY(one_servers_word_holds_nobody_and_that_of_several_does)
{
    begin();
    write_to_nobody("one.example", 60, alice, "");
    check(!is_held(alice));
    write_to_nobody("two.example", 1, alice, "");
    write_to_nobody("ONE.example", 1, alice, "");
    check(!is_held(alice));
    write_to_nobody("three.example", 1, alice, "");
    check(is_held(alice));
    end();
}

/* rfc3834:2; they go where a stranger wants them to go. */
STORY(answers_of_a_machine_and_reports_hold_nobody)
{
    static const char *const domains[] = {"one.example", "two.example", "three.example"};
    begin();
    for (size_t i = 0; i < countof(domains); i++) {
        write_to_nobody(domains[i], 20, alice, "Auto-Submitted: auto-replied (vacation)\r\n");
        write_to_nobody(domains[i], 20, "", "");
    }
    check(!is_held(alice));
    for (size_t i = 0; i < countof(domains); i++)
        write_to_nobody(domains[i], 20, alice, "Auto-Submitted: no\r\n");
    check(is_held(alice));
    end();
}

/* ---- holding and releasing ---- */

STORY(a_released_account_is_not_held_again_by_what_was_counted_before)
{
    static const char *const domains[] = {"one.example", "two.example", "three.example"};
    struct error error;
    uint64_t first, second;
    begin();
    for (size_t i = 0; i < countof(domains); i++)
        write_to_nobody(domains[i], 20, alice, "");
    check(hold(alice, "", &first) && first == 0);
    check(store_account_release(the_store(), BYTES("ALICE@vouch.example"), &error) == OK);
    check(!hold(alice, "", &first) && first > 0);
    write_to_nobody("one.example", 1, alice, "");
    check(!is_held(alice));
    /* The keys of the edges stay new over a crash, and are new again after the next release. */
    crash_and_restart(0);
    check(!hold(alice, "", &second) && second == first);
    check(hold(alice, "again", &second));
    check(store_account_release(the_store(), bytes_of(alice), &error) == OK);
    check(!hold(alice, "", &second) && second > first);
    end();
}

STORY(an_account_is_held_however_its_name_is_written)
{
    struct error error;
    uint64_t released;
    begin();
    servers_say("far.example", 451, SEND_UNREACHABLE);
    queue_mail("m1", "Alice@Vouch.example", alice, "x@far.example", "");
    check(hold("aLICE@vouch.example", "stolen", &released));
    check(is_held(alice) && is_held("ALICE@VOUCH.EXAMPLE"));
    queue_mail("m2", "ALICE@vouch.example", alice, "y@far.example", "");
    servers_say("far.example", 250, SEND_ANSWERED);
    size_t before = world.sent_count;
    fiber_sleep(DAY);
    check(world.sent_count == before && waiting() == 2);
    crash_and_restart(0);
    fiber_sleep(DAY);
    check(world.sent_count == before && waiting() == 2 && is_held(alice));
    check(store_account_release(the_store(), BYTES("Alice@VOUCH.example"), &error) == OK);
    fiber_sleep(DAY);
    check(waiting() == 0 && !is_held(alice));
    end();
}

/* These two have one hash. */
static const char twin[] = "kihieil@vouch.example", other_twin[] = "gbgdozz@vouch.example";

STORY(mail_of_an_account_with_the_same_hash_is_neither_held_nor_released_with_it)
{
    struct error error;
    uint64_t released;
    begin();
    check(queue_account_hash(bytes_of(twin)) == queue_account_hash(bytes_of(other_twin)));
    servers_say("far.example", 451, SEND_UNREACHABLE);
    queue_mail("m1", twin, twin, "a@far.example", "");
    queue_mail("m2", other_twin, other_twin, "b@far.example", "");
    fiber_sleep(MINUTE);
    check(hold(twin, "stolen", &released) && !is_held(other_twin));
    servers_say("far.example", 250, SEND_ANSWERED);
    crash_and_restart(0);
    fiber_sleep(DAY);
    /* The other one's went, after a restart, too. */
    check(waiting() == 1 && queue_find(the_store()->queue->queue, BYTES("m1")) != QUEUE_NO_ITEM);
    queue_mail("m3", other_twin, other_twin, "b@far.example", "");
    fiber_sleep(MINUTE);
    check(waiting() == 1);
    /* Releasing one does not release the other. */
    check(hold(other_twin, "stolen", &released));
    queue_mail("m4", other_twin, other_twin, "b@far.example", "");
    check(store_account_release(the_store(), bytes_of(other_twin), &error) == OK);
    fiber_sleep(DAY);
    check(waiting() == 1 && queue_find(the_store()->queue->queue, BYTES("m1")) != QUEUE_NO_ITEM);
    check(store_account_release(the_store(), bytes_of(twin), &error) == OK);
    fiber_sleep(DAY);
    check(waiting() == 0);
    end();
}

/* ---- counters with limits ---- */

struct thing {
    enum count_kind kind;
    char key, member;
    uint64_t delta, most;
};

/* The values, in one question. */
static const uint64_t *count(const struct thing *things, size_t count)
{
    static uint64_t values[PROTOCOL_COUNTS_MAX];
    struct count_question question = {.count = count};
    struct buf payload;
    for (size_t i = 0; i < count; i++) {
        uint8_t *octets = arena_alloc(world.arena, 2 * PROTOCOL_FINGERPRINT_SIZE);
        memset(octets, things[i].key, PROTOCOL_FINGERPRINT_SIZE);
        memset(octets + PROTOCOL_FINGERPRINT_SIZE, things[i].member, PROTOCOL_FINGERPRINT_SIZE);
        question.items[i] = (struct count_item){
            .kind = things[i].kind, .key = bytes_from(octets, PROTOCOL_FINGERPRINT_SIZE),
            .delta = things[i].delta, .window = HOUR, .most = things[i].most};
        if (things[i].kind == COUNT_DISTINCT)
            question.items[i].member =
                bytes_from(octets + PROTOCOL_FINGERPRINT_SIZE, PROTOCOL_FINGERPRINT_SIZE);
    }
    buf_init(&payload, IPC_PAYLOAD_MAX);
    count_question_write(&payload, &question);
    check(count_answer_read(ask(STORE_COUNT, &payload), values, count));
    return values;
}

STORY(what_would_exceed_one_limit_is_not_counted_at_all)
{
    begin();
    const struct thing fits[] = {{COUNT_ADD, 'a', 0, 3, 5}, {COUNT_ADD, 'b', 0, 1, 0}};
    const struct thing again[] = {{COUNT_GET, 'a', 0, 0, 0}, {COUNT_GET, 'b', 0, 0, 0}};
    check(count(fits, 2)[0] == 3);
    /* What it would have come to. */
    for (int i = 0; i < 3; i++)
        check(count(fits, 2)[0] == 6);
    check(count(again, 2)[0] == 3 && count(again, 2)[1] == 1);
    const struct thing less[] = {{COUNT_ADD, 'a', 0, 2, 5}};
    check(count(less, 1)[0] == 5 && count(less, 1)[0] == 7);
    end();
}

STORY(past_a_limit_no_member_of_a_set_is_kept)
{
    begin();
    const struct thing three[] = {{COUNT_DISTINCT, 'd', 'x', 0, 3}, {COUNT_DISTINCT, 'd', 'y', 0, 3},
                                  {COUNT_DISTINCT, 'd', 'x', 0, 3}, {COUNT_DISTINCT, 'd', 'z', 0, 3}};
    const uint64_t *values = count(three, 4);
    check(values[0] == 1 && values[1] == 2 && values[2] == 2 && values[3] == 3);
    size_t keys = counters_size(the_store()->counters);
    for (char member = 'A'; member <= 'Z'; member++) {
        const struct thing one[] = {{COUNT_DISTINCT, 'd', 'x', 0, 3}, {COUNT_DISTINCT, 'd', member, 0, 3}};
        values = count(one, 2);
        check(values[0] == 3 && values[1] == 4);
    }
    check(counters_size(the_store()->counters) == keys);
    check(count(three, 4)[3] == 3);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_servers_word_holds_nobody_and_that_of_several_does),
        cmocka_unit_test(answers_of_a_machine_and_reports_hold_nobody),
        cmocka_unit_test(a_released_account_is_not_held_again_by_what_was_counted_before),
        cmocka_unit_test(an_account_is_held_however_its_name_is_written),
        cmocka_unit_test(mail_of_an_account_with_the_same_hash_is_neither_held_nor_released_with_it),
        cmocka_unit_test(what_would_exceed_one_limit_is_not_counted_at_all),
        cmocka_unit_test(past_a_limit_no_member_of_a_set_is_kept),
    };
    signal(SIGPIPE, SIG_IGN);
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
