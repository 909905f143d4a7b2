/* SPDX-License-Identifier: BSD-2-Clause */
/* Redis shared, away, slow, full, hostile; and that sums are exact afterwards. All with a real redis-server, but for
 * the hostile ones. */
#include "state/redis_fixture.h"

#include "os/socket.h"

#include <sys/socket.h>
#include <sys/un.h>

static struct redis_server server;
static struct gateway a, b;
static struct error error;
static int64_t now; /* changes that are owed expire by the real clock */

#define HOUR_LATER (now + 3600)
#define OP(...) ((struct counter_operation){__VA_ARGS__})
enum { ABSENT = 99999 };
static const int64_t SHORT = 100 * MILLISECOND;

static void run_story(void *argument)
{
    void (*story)(void) = *(void (**)(void))argument;
    now = loop_epoch();
    gateway_open(&a);
    gateway_open(&b);
    story();
    gateway_remove(&a);
    gateway_remove(&b);
    redis_server_remove(&server);
}

#define STORY(name)                                                                                                \
    static void name##_story(void);                                                                                \
    static void name(void **state)                                                                                 \
    {                                                                                                              \
        void (*story)(void) = name##_story;                                                                        \
        (void)state;                                                                                               \
        redis_or_skip();                                                                                           \
        fixture_run_real(run_story, &story);                                                                       \
    }                                                                                                              \
    static void name##_story(void)

static struct counter_operation run_one(struct gateway *gateway, struct counter_operation operation)
{
    assert_int_equal(counters_run(gateway->counters, &operation, 1, now, &error), OK);
    return operation;
}

static uint64_t add(struct gateway *gateway, const char *key, int64_t delta)
{
    return run_one(gateway, OP(.kind = COUNTER_ADD, .key = bytes_of(key), .delta = delta, .expires_at = HOUR_LATER))
        .value;
}

static uint64_t value_of(struct gateway *gateway, const char *key)
{
    struct counter_operation got = run_one(gateway, OP(.kind = COUNTER_GET, .key = bytes_of(key)));
    return got.found ? got.value : ABSENT;
}

static enum result add_member(struct gateway *gateway, const char *member, uint64_t most, uint64_t *value)
{
    struct counter_operation ops[] = {
        OP(.kind = COUNTER_FIRST, .key = bytes_of(member), .delta = 1, .expires_at = HOUR_LATER),
        OP(.kind = COUNTER_ADD, .if_new = true, .key = BYTES("set"), .delta = 1, .expires_at = HOUR_LATER,
           .most = most),
    };
    enum result result = counters_run(gateway->counters, ops, 2, now, &error);
    *value = ops[1].value;
    return result;
}

static void await_lost(struct gateway *gateway, uint64_t times)
{
    int64_t deadline = loop_deadline(PATIENCE);
    while (counters_status(gateway->counters).lost < times) {
        assert_true(loop_now() < deadline);
        fiber_sleep(MILLISECOND);
    }
}

STORY(what_is_this_machines_alone_is_not_shared)
{
    struct counter_operation here = OP(.kind = COUNTER_ADD, .key = BYTES("here"), .delta = 1, .expires_at = HOUR_LATER);
    redis_server_start(&server);
    gateway_share(&a, &server);
    gateway_share(&b, &server);
    assert_int_equal(counters_run_here(a.counters, &here, 1, now, &error), OK);
    assert_int_equal(counters_run_here(b.counters, &here, 1, now, &error), OK);
    assert_int_equal(counters_run_here(a.counters, &here, 1, now, &error), OK);
    assert_int_equal(here.value, 2);
    assert_int_equal(REDIS_SAY(&server, "DBSIZE"), 0);
    assert_int_equal(counters_status(a.counters).owed, 0);
}

/* Shared */

STORY(two_gateways_count_together)
{
    uint64_t value;
    redis_server_start(&server);
    gateway_share(&a, &server);
    gateway_share(&b, &server);
    assert_int_equal(add(&a, "k", 2), 2);
    assert_int_equal(add(&b, "k", 3), 5);
    assert_int_equal(value_of(&a, "k"), 5);
    assert_int_equal(add_member(&a, "x", 2, &value), OK);
    assert_int_equal(add_member(&b, "x", 2, &value), OK);
    assert_int_equal(value, 1);
    assert_int_equal(add_member(&b, "y", 2, &value), OK);
    assert_int_equal(add_member(&a, "z", 2, &value), NONE);
    assert_int_equal(value, 3);
    run_one(&a, OP(.kind = COUNTER_REMOVE, .key = BYTES("k")));
    assert_int_equal(value_of(&b, "k"), ABSENT);
}

static unsigned accepted;

static void add_within_limit(void *argument)
{
    for (int i = 0; i < 50; i++) {
        struct counter_operation op =
            OP(.kind = COUNTER_ADD, .key = BYTES("limit"), .delta = 1, .expires_at = HOUR_LATER, .most = 77);
        accepted += counters_run(((struct gateway *)argument)->counters, &op, 1, now, &error) == OK;
    }
}

STORY(two_gateways_keep_one_limit)
{
    struct fiber_group group;
    redis_server_start(&server);
    gateway_share(&a, &server);
    gateway_share(&b, &server);
    accepted = 0;
    fiber_group_open(&group);
    for (int i = 0; i < 4; i++)
        fixture_start(&group, "adder", add_within_limit, i % 2 ? &a : &b);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    fiber_group_close(&group);
    assert_int_equal(accepted, 77);
    assert_int_equal(value_of(&a, "limit"), 77);
}

STORY(what_redis_said_last_is_known_while_it_is_away)
{
    redis_server_start(&server);
    gateway_share(&a, &server);
    gateway_share(&b, &server);
    add(&a, "k", 2);
    add(&a, "gone", 2);
    add(&b, "k", 3);
    assert_int_equal(value_of(&a, "k"), 5);
    run_one(&b, OP(.kind = COUNTER_REMOVE, .key = BYTES("gone")));
    assert_int_equal(value_of(&a, "gone"), ABSENT);
    redis_server_kill(&server);
    gateway_await(&a, false);
    assert_int_equal(value_of(&a, "k"), 5);
    assert_int_equal(value_of(&a, "gone"), ABSENT);
    assert_true(counters_status(a.counters).local > 0);
    await_lost(&a, 1);
}

/* Away */

STORY(without_redis_each_counts_alone_and_catches_up)
{
    redis_server_start(&server);
    redis_server_kill(&server);
    gateway_share_as(&a, &server, SHORT, "", "");
    gateway_share_as(&b, &server, SHORT, "", "");
    assert_int_equal(add(&a, "k", 2), 2);
    assert_int_equal(add(&a, "k", 2), 4);
    assert_int_equal(add(&b, "k", 3), 3);
    assert_int_equal(counters_status(a.counters).owed, 1);
    redis_server_start(&server);
    gateway_await(&a, true);
    gateway_await(&b, true);
    assert_int_equal(counters_status(a.counters).owed, 0);
    assert_int_equal(counters_status(a.counters).caught_up, 1);
    assert_int_equal(value_of(&a, "k"), 7);
    assert_int_equal(value_of(&b, "k"), 7);
}

STORY(all_kinds_of_changes_are_owed_in_their_order)
{
    redis_server_start(&server);
    gateway_share(&b, &server);
    add(&b, "set", 50);
    add(&b, "removed", 50);
    add(&b, "first", 50);
    add(&b, "lower", 50);
    add(&b, "again", 50);
    redis_server_kill(&server);
    gateway_share_as(&a, &server, SHORT, "", "");
    run_one(&a, OP(.kind = COUNTER_SET, .key = BYTES("set"), .delta = 4, .expires_at = HOUR_LATER));
    add(&a, "set", 3);
    add(&a, "removed", 1);
    run_one(&a, OP(.kind = COUNTER_REMOVE, .key = BYTES("removed")));
    run_one(&a, OP(.kind = COUNTER_FIRST, .key = BYTES("first"), .delta = 9, .expires_at = HOUR_LATER));
    add(&a, "first", 1);
    run_one(&a, OP(.kind = COUNTER_FIRST, .key = BYTES("new"), .delta = 9, .expires_at = HOUR_LATER));
    add(&a, "new", 1);
    add(&a, "lower", 5);
    add(&a, "lower", -4);
    run_one(&a, OP(.kind = COUNTER_REMOVE, .key = BYTES("again")));
    add(&a, "again", 6);
    assert_int_equal(counters_status(a.counters).owed, 6);
    redis_server_start(&server);
    gateway_await(&a, true);
    assert_int_equal(value_of(&a, "set"), 7);
    assert_int_equal(value_of(&a, "removed"), ABSENT);
    assert_int_equal(value_of(&a, "first"), 51);
    assert_int_equal(value_of(&a, "new"), 10);
    assert_int_equal(value_of(&a, "lower"), 51);
    assert_int_equal(value_of(&a, "again"), 6);
}

STORY(members_of_a_set_are_told_apart_also_when_two_gateways_saw_them_alone)
{
    uint64_t value;
    redis_server_start(&server);
    redis_server_kill(&server);
    gateway_share_as(&a, &server, SHORT, "", "");
    gateway_share_as(&b, &server, SHORT, "", "");
    assert_int_equal(add_member(&a, "x", 0, &value), OK);
    assert_int_equal(add_member(&a, "x", 0, &value), OK);
    assert_int_equal(add_member(&a, "y", 0, &value), OK);
    assert_int_equal(value, 2);
    assert_int_equal(add_member(&b, "y", 0, &value), OK);
    assert_int_equal(add_member(&b, "z", 0, &value), OK);
    redis_server_start(&server);
    gateway_await(&a, true);
    gateway_await(&b, true);
    assert_int_equal(value_of(&a, "set"), 3);
}

STORY(limits_hold_on_each_gateway_while_redis_is_away)
{
    redis_server_start(&server);
    gateway_share(&a, &server);
    add(&a, "k", 3);
    redis_server_kill(&server);
    gateway_await(&a, false);
    struct counter_operation op =
        OP(.kind = COUNTER_ADD, .key = BYTES("k"), .delta = 1, .expires_at = HOUR_LATER, .most = 4);
    assert_int_equal(counters_run(a.counters, &op, 1, now, &error), OK);
    assert_int_equal(counters_run(a.counters, &op, 1, now, &error), NONE);
    assert_int_equal(op.value, 5);
    redis_server_start(&server);
    gateway_await(&a, true);
    assert_int_equal(value_of(&a, "k"), 4);
}

STORY(what_is_owed_survives_the_process)
{
    redis_server_start(&server);
    redis_server_kill(&server);
    gateway_share_as(&a, &server, SHORT, "", "");
    char key[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        add(&a, key, i + 1);
    }
    gateway_close(&a);
    gateway_open(&a);
    redis_server_start(&server);
    gateway_share(&a, &server);
    gateway_share(&b, &server);
    assert_int_equal(counters_status(a.counters).caught_up, 1000);
    for (int i = 0; i < 1000; i += 111) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(value_of(&b, key), i + 1);
    }
}

STORY(what_expired_meanwhile_is_not_owed_any_longer)
{
    redis_server_start(&server);
    redis_server_kill(&server);
    gateway_share_as(&a, &server, SHORT, "", "");
    run_one(&a, OP(.kind = COUNTER_ADD, .key = BYTES("k"), .delta = 5, .expires_at = now - 100));
    add(&a, "k", 2);
    /* A new window of a key whose old one is owed. */
    struct counter_operation old = OP(.kind = COUNTER_ADD, .key = BYTES("w"), .delta = 5, .expires_at = now + 10);
    assert_int_equal(counters_run(a.counters, &old, 1, now, &error), OK);
    old.expires_at = HOUR_LATER;
    assert_int_equal(counters_run(a.counters, &old, 1, now + 10, &error), OK);
    redis_server_start(&server);
    gateway_await(&a, true);
    assert_int_equal(value_of(&a, "k"), 2);
    assert_int_equal(value_of(&a, "w"), 5);
}

/* In the midst of it */

enum { FIBERS = 20, TIMES = 60 };

struct adder {
    struct gateway *gateway;
    unsigned *done;
};

static void add_many(void *argument)
{
    struct adder *adder = argument;
    for (int i = 0; i < TIMES; i++) {
        struct counter_operation ops[] = {
            OP(.kind = COUNTER_ADD, .key = BYTES("all"), .delta = 1, .expires_at = HOUR_LATER),
            OP(.kind = COUNTER_ADD, .key = BYTES("twice"), .delta = 2, .expires_at = HOUR_LATER),
        };
        assert_int_equal(counters_run(adder->gateway->counters, ops, 2, now, &error), OK);
        ++*adder->done;
        fiber_sleep(MILLISECOND);
    }
}

static void await_done(const unsigned *done, unsigned count)
{
    int64_t deadline = loop_deadline(PATIENCE);
    while (*done < count) {
        assert_true(loop_now() < deadline);
        fiber_sleep(MILLISECOND);
    }
}

/* `disturb` happens several times while two gateways count. */
static void sums_are_exact_in_spite_of(void (*disturb)(void))
{
    struct fiber_group group;
    unsigned done = 0;
    struct adder adders[] = {{&a, &done}, {&b, &done}};
    redis_server_start(&server);
    gateway_share_as(&a, &server, SHORT, "", "");
    gateway_share_as(&b, &server, SHORT, "", "");
    gateway_await(&a, true);
    gateway_await(&b, true);
    fiber_group_open(&group);
    for (int i = 0; i < FIBERS; i++)
        fixture_start(&group, "adder", add_many, &adders[i % 2]);
    for (unsigned i = 1; i <= 4; i++) {
        await_done(&done, FIBERS * TIMES * i / 6);
        disturb();
    }
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    fiber_group_close(&group);
    gateway_await(&a, true);
    gateway_await(&b, true);
    assert_int_equal(done, FIBERS * TIMES);
    assert_int_equal(value_of(&a, "all"), FIBERS * TIMES);
    assert_int_equal(value_of(&b, "twice"), 2 * FIBERS * TIMES);
    assert_true(counters_status(a.counters).lost > 0);
}

static void kill_and_restart(void)
{
    redis_server_kill(&server);
    fiber_sleep(20 * MILLISECOND);
    redis_server_start(&server);
}

STORY(sums_are_exact_when_redis_is_killed_and_has_its_file)
{
    sums_are_exact_in_spite_of(kill_and_restart);
}

static void freeze_and_thaw(void)
{
    redis_server_freeze(&server);
    gateway_await(&a, false);
    gateway_await(&b, false);
    redis_server_thaw(&server);
}

/* What it was asked before lies in its sockets: it does that late, and what is sent again is the same. */
STORY(sums_are_exact_when_redis_is_slow)
{
    sums_are_exact_in_spite_of(freeze_and_thaw);
}

static void cut_off(void)
{
    REDIS_SAY(&server, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
}

STORY(sums_are_exact_when_connections_are_cut)
{
    sums_are_exact_in_spite_of(cut_off);
}

static void flush_scripts(void)
{
    REDIS_SAY(&server, "SCRIPT", "FLUSH");
}

STORY(sums_are_exact_when_redis_forgets_the_script)
{
    sums_are_exact_in_spite_of(flush_scripts);
}

static void fill_up(void)
{
    REDIS_SAY(&server, "CONFIG", "SET", "maxmemory", "1");
    gateway_await(&a, false);
    gateway_await(&b, false);
    REDIS_SAY(&server, "CONFIG", "SET", "maxmemory", "0");
}

STORY(sums_are_exact_when_redis_is_full_for_a_time)
{
    sums_are_exact_in_spite_of(fill_up);
}

STORY(a_redis_that_lost_everything_is_told_what_it_is_owed)
{
    redis_server_start(&server);
    gateway_share(&a, &server);
    add(&a, "k", 5);
    redis_server_kill(&server);
    gateway_await(&a, false);
    add(&a, "k", 2);
    redis_server_forget(&server);
    redis_server_start(&server);
    gateway_await(&a, true);
    assert_int_equal(value_of(&a, "k"), 2);
    assert_int_equal(add(&a, "k", 1), 3);
}

/* A batch that was done twice would be seen here: the answer is lost, not the question. */
STORY(a_question_whose_answer_came_too_late_counts_once)
{
    redis_server_start(&server);
    gateway_share_as(&a, &server, SHORT, "", "");
    gateway_await(&a, true);
    add(&a, "k", 1);
    redis_server_freeze(&server);
    assert_int_equal(add(&a, "k", 10), 11);
    assert_false(counters_status(a.counters).up);
    assert_int_equal(counters_status(a.counters).owed, 1);
    assert_int_equal(add(&a, "k", 100), 111);
    redis_server_thaw(&server);
    gateway_await(&a, true);
    assert_int_equal(value_of(&a, "k"), 111);
    gateway_share(&b, &server);
    assert_int_equal(value_of(&b, "k"), 111);
}

static bool count_key(void *context, struct bytes key, uint64_t value, int64_t expires_at)
{
    *(unsigned *)context += bytes_is(key, "k") && value == 1 && expires_at == HOUR_LATER;
    return true;
}

static unsigned count_scanned(struct gateway *gateway)
{
    unsigned count = 0;
    assert_int_equal(counters_scan(gateway->counters, BYTES("k"), BYTES(""), 10, now, count_key, &count, &error), OK);
    return count;
}

STORY(a_scan_goes_on_with_what_is_known_here)
{
    redis_server_start(&server);
    gateway_share_as(&a, &server, SHORT, "", "");
    gateway_await(&a, true);
    add(&a, "k", 1);
    redis_server_freeze(&server);
    assert_int_equal(count_scanned(&a), 1);
    assert_false(counters_status(a.counters).up);
    redis_server_thaw(&server);
}

/* Passwords */

STORY(a_password_is_given)
{
    server.more[0] = "--requirepass";
    server.more[1] = "secret with spaces";
    redis_server_start(&server);
    gateway_share_as(&a, &server, PATIENCE, "", "secret with spaces");
    gateway_await(&a, true);
    assert_int_equal(add(&a, "k", 2), 2);
    gateway_share_as(&b, &server, SHORT, "", "wrong");
    assert_int_equal(add(&b, "k", 3), 3);
    fiber_sleep(SHORT);
    assert_false(counters_status(b.counters).up);
    assert_int_equal(value_of(&a, "k"), 2);
}

STORY(an_account_needs_no_more_than_what_is_documented)
{
    redis_server_start(&server);
    REDIS_SAY(&server, "ACL", "SETUSER", "vouch", "on", ">pw", "~test\\*:*", "-@all", "+evalsha", "+script|load",
              "+get", "+mget", "+set", "+del", "+scan");
    gateway_share_as(&a, &server, PATIENCE, "vouch", "pw");
    gateway_await(&a, true);
    assert_int_equal(add(&a, "k", 2), 2);
    run_one(&a, OP(.kind = COUNTER_REMOVE, .key = BYTES("k")));
    assert_int_equal(value_of(&a, "k"), ABSENT);
    add(&a, "k", 1);
    assert_int_equal(count_scanned(&a), 1);
    assert_true(counters_status(a.counters).up);
}

/* Hostile */

static const char *script_of_server;
static unsigned connections;

/* Says what it has to say to each connection and waits for its end. */
static void serve_hostile(void *argument)
{
    struct descriptor *listener = argument;
    while (descriptor_wait_readable(listener, NO_DEADLINE) == 0) {
        struct ip ip;
        uint16_t port;
        int fd = socket_accept(descriptor_fd(listener), &ip, &port);
        if (fd < 0)
            continue;
        connections++;
        struct descriptor *descriptor = descriptor_open(fd);
        struct stream *stream = stream_create(transport_over(descriptor));
        if (stream_write(stream, bytes_of(script_of_server), NO_DEADLINE) == 0 &&
            stream_flush(stream, NO_DEADLINE) == 0)
            while (stream_fill(stream, loop_deadline(PATIENCE)) == 0)
                stream_consume(stream, stream_buffered(stream).len);
        stream_close(stream);
    }
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

#define NAME_OF_SCRIPT "$40\r\n0123456789012345678901234567890123456789\r\n"

STORY(whatever_a_server_says_counting_goes_on)
{
    static const char *const says[] = {
        "",
        "\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "-NOAUTH Authentication required.\r\n",
        "+OK\r\n",
        "$40\r\n012345678901234567890123456789012345678Z\r\n",
        "*2147483647\r\n",
        "*9999999999999999999\r\n",
        "$2147483647\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        NAME_OF_SCRIPT ":1\r\n",
        NAME_OF_SCRIPT "*0\r\n",
        NAME_OF_SCRIPT "*1\r\n:2\r\n",
        NAME_OF_SCRIPT "*1\r\n:1\r\n",
        NAME_OF_SCRIPT "*2\r\n:1\r\n:7\r\n",
        NAME_OF_SCRIPT "*2\r\n:1\r\n$-1\r\n",
        NAME_OF_SCRIPT "*2\r\n:0\r\n$5\r\n1 9 0\r\n",
        NAME_OF_SCRIPT "*2\r\n:1\r\n$5\r\n1 9 2\r\n",
        NAME_OF_SCRIPT "*2\r\n:1\r\n$23\r\n99999999999999999999 1 1\r\n",
        NAME_OF_SCRIPT NAME_OF_SCRIPT NAME_OF_SCRIPT NAME_OF_SCRIPT,
    };
    uint64_t counted = 0;
    redis_server_start(&server); /* for its folder */
    redis_server_kill(&server);
    for (size_t i = 0; i < countof(says); i++) {
        struct fiber_group group;
        script_of_server = says[i];
        connections = 0;
        fiber_group_open(&group);
        struct descriptor *listener = descriptor_open(listen_at(server.socket));
        fixture_start(&group, "hostile", serve_hostile, listener);
        gateway_share_as(&a, &server, SHORT, "", "");
        int64_t deadline = loop_deadline(PATIENCE);
        while (!connections) {
            assert_true(loop_now() < deadline);
            fiber_sleep(MILLISECOND);
        }
        for (int k = 0; k < 3; k++) {
            fiber_sleep(5 * MILLISECOND);
            struct counter_operation op =
                OP(.kind = COUNTER_ADD, .key = BYTES("k"), .delta = 1, .expires_at = HOUR_LATER);
            assert_int_equal(counters_run(a.counters, &op, 1, now, &error), OK);
            assert_true(op.value == ++counted);
        }
        gateway_close(&a);
        fiber_group_close(&group);
        descriptor_close(listener);
        gateway_open(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_gateways_count_together),
        cmocka_unit_test(two_gateways_keep_one_limit),
        cmocka_unit_test(what_is_this_machines_alone_is_not_shared),
        cmocka_unit_test(what_redis_said_last_is_known_while_it_is_away),
        cmocka_unit_test(without_redis_each_counts_alone_and_catches_up),
        cmocka_unit_test(all_kinds_of_changes_are_owed_in_their_order),
        cmocka_unit_test(members_of_a_set_are_told_apart_also_when_two_gateways_saw_them_alone),
        cmocka_unit_test(limits_hold_on_each_gateway_while_redis_is_away),
        cmocka_unit_test(what_is_owed_survives_the_process),
        cmocka_unit_test(what_expired_meanwhile_is_not_owed_any_longer),
        cmocka_unit_test(sums_are_exact_when_redis_is_killed_and_has_its_file),
        cmocka_unit_test(sums_are_exact_when_redis_is_slow),
        cmocka_unit_test(sums_are_exact_when_connections_are_cut),
        cmocka_unit_test(sums_are_exact_when_redis_forgets_the_script),
        cmocka_unit_test(sums_are_exact_when_redis_is_full_for_a_time),
        cmocka_unit_test(a_redis_that_lost_everything_is_told_what_it_is_owed),
        cmocka_unit_test(a_question_whose_answer_came_too_late_counts_once),
        cmocka_unit_test(a_scan_goes_on_with_what_is_known_here),
        cmocka_unit_test(a_password_is_given),
        cmocka_unit_test(an_account_needs_no_more_than_what_is_documented),
        cmocka_unit_test(whatever_a_server_says_counting_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
