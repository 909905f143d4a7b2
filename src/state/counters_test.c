/* SPDX-License-Identifier: BSD-2-Clause */
/* What counters do, wherever they are kept: each test runs on LMDB, and on Redis where redis-server is installed. */
#include "state/redis_fixture.h"

static struct redis_server server;
static struct gateway here;
static struct counters *counters;
static struct error error;

struct run {
    void (*body)(void);
    bool with_redis;
};

static void run_body(void *argument)
{
    const struct run *run = argument;
    gateway_open(&here);
    if (run->with_redis) {
        redis_server_start(&server);
        gateway_share(&here, &server);
    }
    counters = here.counters;
    run->body();
    if (run->with_redis)
        assert_int_equal(counters_status(counters).local, 0);
    gateway_remove(&here);
    redis_server_remove(&server);
}

static void on_lmdb(void (*body)(void))
{
    fixture_run_real(run_body, &(struct run){body, false});
}

static void on_redis(void (*body)(void))
{
    redis_or_skip();
    fixture_run_real(run_body, &(struct run){body, true});
}

/* name() once with each. */
#define SAME_FOR_BOTH(name)                                                                                        \
    static void name(void);                                                                                        \
    static void name##_in_lmdb(void **state)                                                                       \
    {                                                                                                              \
        (void)state;                                                                                               \
        on_lmdb(name);                                                                                             \
    }                                                                                                              \
    static void name##_in_redis(void **state)                                                                      \
    {                                                                                                              \
        (void)state;                                                                                               \
        on_redis(name);                                                                                            \
    }                                                                                                              \
    static void name(void)

#define OP(...) ((struct counter_operation){__VA_ARGS__})

static enum result run_at(struct counter_operation *operations, size_t count, int64_t now)
{
    return counters_run(counters, operations, count, now, &error);
}

static struct counter_operation one_at(struct counter_operation operation, int64_t now)
{
    assert_int_equal(run_at(&operation, 1, now), OK);
    return operation;
}

static uint64_t value_at(const char *key, int64_t now)
{
    struct counter_operation got = one_at(OP(.kind = COUNTER_GET, .key = bytes_of(key)), now);
    assert_int_equal(got.ends_at != 0, got.found);
    return got.found ? got.value : 99999;
}

enum { ABSENT = 99999 };

SAME_FOR_BOTH(they_add_up_and_expire)
{
    uint64_t value = 99;
    assert_int_equal(counters_get(counters, BYTES("a"), 100, &value, &error), NONE);
    assert_int_equal(counters_add(counters, BYTES("a"), 1, 100, 200, &value, &error), OK);
    assert_int_equal(value, 1);
    assert_int_equal(counters_add(counters, BYTES("a"), 2, 150, 900, &value, &error), OK);
    assert_int_equal(value, 3);
    /* The first addition's expiry counts: a window does not move with each event. */
    assert_int_equal(counters_get(counters, BYTES("a"), 199, &value, &error), OK);
    assert_int_equal(counters_get(counters, BYTES("a"), 200, &value, &error), NONE);
    assert_int_equal(counters_add(counters, BYTES("a"), 5, 200, 300, &value, &error), OK);
    assert_int_equal(value, 5);
    assert_int_equal(counters_size(counters), 1);
    assert_int_equal(counters_add(counters, BYTES("b"), 5, 200, 300, &value, &error), OK);
    assert_int_equal(counters_size(counters), 2);
}

SAME_FOR_BOTH(an_expiry_is_extended_only_where_asked)
{
    struct counter_operation add = OP(.kind = COUNTER_ADD, .key = BYTES("a"), .delta = 1, .expires_at = 200);
    assert_int_equal(one_at(add, 100).ends_at, 200);
    add.expires_at = 300;
    assert_int_equal(one_at(add, 100).ends_at, 200);
    add.extend = true;
    assert_int_equal(one_at(add, 100).ends_at, 300);
    add.expires_at = 250;
    assert_int_equal(one_at(add, 100).ends_at, 300);
    assert_int_equal(value_at("a", 299), 4);
    assert_int_equal(value_at("a", 300), ABSENT);
}

SAME_FOR_BOTH(the_first_value_stays_until_it_expires)
{
    struct counter_operation first = OP(.kind = COUNTER_FIRST, .key = BYTES("a"), .delta = 7, .expires_at = 200);
    struct counter_operation got = one_at(first, 100);
    assert_false(got.found);
    assert_int_equal(got.value, 7);
    first.delta = 9;
    first.expires_at = 900;
    got = one_at(first, 150);
    assert_true(got.found);
    assert_int_equal(got.value, 7);
    assert_int_equal(got.ends_at, 200);
    got = one_at(first, 200);
    assert_false(got.found);
    assert_int_equal(got.value, 9);
}

SAME_FOR_BOTH(values_are_set_and_removed)
{
    struct counter_operation set = OP(.kind = COUNTER_SET, .key = BYTES("a"), .delta = 5, .expires_at = 200);
    assert_false(one_at(set, 100).found);
    set.delta = 3;
    set.expires_at = 150;
    struct counter_operation got = one_at(set, 100);
    assert_true(got.found);
    assert_int_equal(got.value, 3);
    assert_int_equal(got.ends_at, 150);
    struct counter_operation gone = OP(.kind = COUNTER_REMOVE, .key = BYTES("a"));
    got = one_at(gone, 100);
    assert_true(got.found);
    assert_int_equal(got.value, 3);
    assert_int_equal(got.ends_at, 0);
    assert_int_equal(value_at("a", 100), ABSENT);
    got = one_at(gone, 100);
    assert_false(got.found);
    assert_int_equal(got.value, 0);
    /* Set to what is over already. */
    set.expires_at = 100;
    one_at(set, 100);
    assert_int_equal(value_at("a", 100), ABSENT);
}

SAME_FOR_BOTH(values_stay_between_zero_and_the_most)
{
    struct counter_operation add = OP(.kind = COUNTER_ADD, .key = BYTES("a"), .delta = -5, .expires_at = 200);
    assert_int_equal(one_at(add, 100).value, 0);
    add.delta = 3;
    assert_int_equal(one_at(add, 100).value, 3);
    add.delta = -2;
    assert_int_equal(one_at(add, 100).value, 1);
    add.delta = -2;
    assert_int_equal(one_at(add, 100).value, 0);
    add.delta = COUNTER_VALUE_MAX - 1;
    assert_int_equal(one_at(add, 100).value, COUNTER_VALUE_MAX - 1);
    add.delta = 1;
    assert_int_equal(one_at(add, 100).value, COUNTER_VALUE_MAX);
    add.delta = INT64_MAX;
    assert_int_equal(one_at(add, 100).value, COUNTER_VALUE_MAX);
    add.delta = INT64_MIN;
    assert_int_equal(one_at(add, 100).value, 0);
    assert_true(one_at(OP(.kind = COUNTER_GET, .key = BYTES("a")), 100).found);
}

SAME_FOR_BOTH(operations_see_those_before_them)
{
    struct counter_operation ops[] = {
        OP(.kind = COUNTER_ADD, .key = BYTES("a"), .delta = 2, .expires_at = 200),
        OP(.kind = COUNTER_GET, .key = BYTES("a")),
        OP(.kind = COUNTER_ADD, .key = BYTES("a"), .delta = 3, .expires_at = 900),
        OP(.kind = COUNTER_REMOVE, .key = BYTES("a")),
        OP(.kind = COUNTER_GET, .key = BYTES("a")),
        OP(.kind = COUNTER_FIRST, .key = BYTES("a"), .delta = 8, .expires_at = 300),
        OP(.kind = COUNTER_SET, .key = BYTES("b"), .delta = 1, .expires_at = 100),
        OP(.kind = COUNTER_ADD, .key = BYTES("b"), .delta = 4, .expires_at = 200),
    };
    static const uint64_t values[] = {2, 2, 5, 5, 0, 8, 1, 4};
    static const bool found[] = {false, true, true, true, false, false, false, false};
    assert_int_equal(run_at(ops, countof(ops), 100), OK);
    for (size_t i = 0; i < countof(ops); i++) {
        assert_int_equal(ops[i].value, values[i]);
        assert_int_equal(ops[i].found, found[i]);
    }
    assert_int_equal(value_at("a", 299), 8);
    assert_int_equal(value_at("b", 100), 4);
}

static uint64_t add_member(const char *member, uint64_t most, enum result expected)
{
    struct counter_operation ops[] = {
        OP(.kind = COUNTER_FIRST, .key = bytes_of(member), .delta = 1, .expires_at = 200),
        OP(.kind = COUNTER_ADD, .if_new = true, .key = BYTES("set"), .delta = 1, .expires_at = 200, .most = most),
    };
    assert_int_equal(run_at(ops, countof(ops), 100), expected);
    return ops[1].value;
}

SAME_FOR_BOTH(different_members_are_counted_once)
{
    assert_int_equal(add_member("x", 0, OK), 1);
    assert_int_equal(add_member("x", 0, OK), 1);
    assert_int_equal(add_member("y", 2, OK), 2);
    assert_int_equal(add_member("z", 2, NONE), 3);
    /* It was not noted, and one that is known is no new one. */
    assert_int_equal(value_at("z", 100), ABSENT);
    assert_int_equal(add_member("x", 2, OK), 2);
    /* The first of an array has none before it. */
    assert_int_equal(one_at(OP(.kind = COUNTER_ADD, .if_new = true, .key = BYTES("set"), .delta = 1), 100).value, 2);
}

SAME_FOR_BOTH(beyond_a_limit_nothing_is_done_and_it_is_said_what_it_would_come_to)
{
    struct counter_operation ops[] = {
        OP(.kind = COUNTER_ADD, .key = BYTES("a"), .delta = 2, .expires_at = 200),
        OP(.kind = COUNTER_SET, .key = BYTES("b"), .delta = 7, .expires_at = 200),
        OP(.kind = COUNTER_REMOVE, .key = BYTES("c")),
        OP(.kind = COUNTER_ADD, .key = BYTES("d"), .delta = 4, .expires_at = 200, .most = 7),
        OP(.kind = COUNTER_ADD, .key = BYTES("d"), .delta = 4, .expires_at = 200),
    };
    one_at(OP(.kind = COUNTER_ADD, .key = BYTES("c"), .delta = 1, .expires_at = 200), 100);
    assert_int_equal(run_at(ops, countof(ops), 100), OK);
    assert_int_equal(run_at(ops, countof(ops), 100), NONE);
    static const uint64_t values[] = {4, 7, 0, 12, 16};
    for (size_t i = 0; i < countof(ops); i++)
        assert_int_equal(ops[i].value, values[i]);
    assert_int_equal(value_at("a", 100), 2);
    assert_int_equal(value_at("d", 100), 8);
    /* Just as much as the limit is allowed. */
    assert_int_equal(one_at(OP(.kind = COUNTER_ADD, .key = BYTES("d"), .delta = 2, .most = 10), 100).value, 10);
}

SAME_FOR_BOTH(a_batch_may_be_as_large_as_its_bound)
{
    struct counter_operation ops[COUNTER_OPERATIONS_MAX];
    uint8_t keys[COUNTER_OPERATIONS_MAX][COUNTER_KEY_MAX];
    memset(keys, 0x00, sizeof(keys));
    for (size_t i = 0; i < countof(ops); i++) {
        keys[i][0] = (uint8_t)(i % 255);
        keys[i][COUNTER_KEY_MAX - 1] = (uint8_t)i;
        ops[i] = OP(.kind = COUNTER_ADD, .key = bytes_from(keys[i], COUNTER_KEY_MAX), .delta = (int64_t)i,
                    .expires_at = 200);
    }
    assert_int_equal(run_at(ops, countof(ops), 100), OK);
    for (size_t i = 0; i < countof(ops); i++)
        ops[i].kind = COUNTER_GET;
    assert_int_equal(run_at(ops, countof(ops), 100), OK);
    for (size_t i = 0; i < countof(ops); i++) {
        assert_true(ops[i].found);
        assert_int_equal(ops[i].value, i);
    }
}

/* Scans */

struct seen {
    char text[4096];
    unsigned count, stop_after;
};

static bool see(void *context, struct bytes key, uint64_t value, int64_t expires_at)
{
    struct seen *seen = context;
    size_t length = strlen(seen->text);
    snprintf(seen->text + length, sizeof(seen->text) - length, BYTES_FMT "=%llu@%lld ", BYTES_ARG(key),
             (unsigned long long)value, (long long)expires_at);
    return ++seen->count != seen->stop_after;
}

static void scans(const char *prefix, const char *after, unsigned most, const char *expected)
{
    struct seen seen = {.count = 0};
    assert_int_equal(counters_scan(counters, bytes_of(prefix), bytes_of(after), most, 100, see, &seen, &error), OK);
    assert_string_equal(seen.text, expected);
}

SAME_FOR_BOTH(a_scan_tells_what_begins_so_in_order)
{
    static const char *const keys[] = {"b:2", "a:1", "b:1", "b:", "b:10", "c", "b[x]*?", "b", "b:9"};
    for (size_t i = 0; i < countof(keys); i++)
        one_at(OP(.kind = COUNTER_ADD, .key = bytes_of(keys[i]), .delta = (int64_t)i, .expires_at = i == 8 ? 99 : 200),
               50);
    scans("b:", "", 100, "b:=3@200 b:1=2@200 b:10=4@200 b:2=0@200 ");
    scans("b:", "b:1", 100, "b:10=4@200 b:2=0@200 ");
    scans("b:", "b:10", 1, "b:2=0@200 ");
    scans("b:", "b:2", 100, "");
    scans("b:", "a", 2, "b:=3@200 b:1=2@200 ");
    scans("b:", "c", 100, "");
    scans("b[x]*", "", 100, "b[x]*?=6@200 ");
    scans("b?", "", 100, "");
    scans("d", "", 100, "");
    scans("", "b:2", 100, "b[x]*?=6@200 c=5@200 ");
    scans("a", "", 0, "");
    struct seen seen = {.stop_after = 2};
    assert_int_equal(counters_scan(counters, BYTES(""), BYTES(""), 100, 100, see, &seen, &error), OK);
    assert_string_equal(seen.text, "a:1=1@200 b=7@200 ");
}

struct page {
    char last[16];
    unsigned count;
    bool in_order;
};

static bool take(void *context, struct bytes key, uint64_t value, int64_t expires_at)
{
    struct page *page = context;
    page->in_order &= bytes_compare(bytes_of(page->last), key) < 0 && value == 1 && expires_at == 200;
    bytes_to_cstring(key, page->last, sizeof(page->last));
    page->count++;
    return true;
}

SAME_FOR_BOTH(pages_of_a_scan_make_the_whole)
{
    enum { MANY = 3000 };
    for (int i = 0; i < MANY; i += 100) {
        struct counter_operation ops[100];
        char keys[100][16];
        for (int k = 0; k < 100; k++) {
            snprintf(keys[k], sizeof(keys[k]), "k%d", i + k);
            ops[k] = OP(.kind = COUNTER_FIRST, .key = bytes_of(keys[k]), .delta = 1, .expires_at = 200);
        }
        assert_int_equal(run_at(ops, 100, 100), OK);
    }
    struct page page = {.in_order = true};
    unsigned before, pages = 0;
    do {
        char after[16];
        before = page.count;
        memcpy(after, page.last, sizeof(after));
        assert_int_equal(counters_scan(counters, BYTES("k"), bytes_of(after), 700, 100, take, &page, &error), OK);
        pages++;
    } while (page.count > before);
    assert_int_equal(page.count, MANY);
    assert_int_equal(pages, 6);
    assert_true(page.in_order);
}

/* Fibers */

enum { FIBERS = 50, TIMES = 20 };
static unsigned refused;

static void add_often(void *argument)
{
    (void)argument;
    for (int i = 0; i < TIMES; i++) {
        struct counter_operation ops[] = {
            OP(.kind = COUNTER_ADD, .key = BYTES("all"), .delta = 1, .expires_at = 200),
            OP(.kind = COUNTER_ADD, .key = BYTES("limited"), .delta = 1, .expires_at = 200, .most = 333),
        };
        assert_int_equal(run_at(ops, 1, 100), OK);
        enum result result = run_at(ops + 1, 1, 100);
        assert_true(result == OK || result == NONE);
        refused += result == NONE;
        fiber_yield();
    }
}

SAME_FOR_BOTH(many_fibers_lose_nothing_and_keep_a_limit)
{
    struct fiber_group group;
    fiber_group_open(&group);
    refused = 0;
    for (int i = 0; i < FIBERS; i++)
        fixture_start(&group, "adder", add_often, NULL);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    fiber_group_close(&group);
    assert_int_equal(value_at("all", 100), FIBERS * TIMES);
    assert_int_equal(value_at("limited", 100), 333);
    assert_int_equal(refused, FIBERS * TIMES - 333);
}

/* Comparison */

static uint32_t chance_state;

static unsigned chance(unsigned below)
{
    chance_state = chance_state * 1664525 + 1013904223;
    return (chance_state >> 8) % below;
}

static struct counter_operation any_operation(int64_t now)
{
    static const char *const keys[] = {"a", "b", "c", "d"};
    static const int64_t deltas[] = {1, 2, -1, -3, 0, 10, COUNTER_VALUE_MAX - 2, INT64_MIN};
    return OP(.kind = chance(COUNTER_OPERATION_KINDS), .if_new = !chance(4), .extend = !chance(3),
              .key = bytes_of(keys[chance(countof(keys))]), .delta = deltas[chance(countof(deltas))],
              .expires_at = now + chance(8) - 1, .most = chance(4) ? 0 : chance(20));
}

/* Of both engines, so that they cannot differ where no test above looks. */
static void both_engines_say_the_same(void)
{
    struct gateway alone = {.counters = NULL};
    gateway_open(&alone);
    chance_state = 1;
    for (int64_t now = 1000; now < 2500; now++) {
        struct counter_operation ops[6], same[6];
        size_t count = 1 + chance(countof(ops));
        for (size_t i = 0; i < count; i++)
            same[i] = ops[i] = any_operation(now);
        assert_int_equal(run_at(ops, count, now), counters_run(alone.counters, same, count, now, &error));
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(ops[i].found, same[i].found);
            assert_int_equal(ops[i].value, same[i].value);
            assert_int_equal(ops[i].ends_at, same[i].ends_at);
        }
    }
    gateway_remove(&alone);
}

static void both_engines_say_the_same_in_redis(void **state)
{
    (void)state;
    on_redis(both_engines_say_the_same);
}

/* This machine's alone */

static void expired_ones_are_removed_bit_by_bit(void **state)
{
    uint64_t value;
    char key[16];
    (void)state;
    gateway_open(&here);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        assert_int_equal(counters_add(here.counters, bytes_of(key), 1, 100, i % 2 ? 200 : 400, &value, &error), OK);
    }
    for (int i = 0; i < 30; i++)
        assert_int_equal(counters_expire(here.counters, 300, 7, &error), OK);
    /* Seen from before they expired: what was removed is gone even then. */
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        assert_int_equal(counters_get(here.counters, bytes_of(key), 150, &value, &error), i % 2 ? NONE : OK);
    }
    gateway_remove(&here);
}

static void a_batch_survives_a_kill_as_a_whole(void **state)
{
    (void)state;
    gateway_open(&here);
    gateway_close(&here);
    pid_t child = fork();
    if (child == 0) {
        struct counter_operation ops[] = {OP(.kind = COUNTER_ADD, .key = BYTES("a"), .delta = 7, .expires_at = 200),
                                          OP(.kind = COUNTER_SET, .key = BYTES("b"), .delta = 8, .expires_at = 200)};
        gateway_open(&here);
        if (counters_run(here.counters, ops, 2, 100, &error) != OK)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    gateway_open(&here);
    counters = here.counters;
    assert_int_equal(value_at("a", 100), 7);
    assert_int_equal(value_at("b", 100), 8);
    gateway_remove(&here);
}

#define BOTH(name) cmocka_unit_test(name##_in_lmdb), cmocka_unit_test(name##_in_redis)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(they_add_up_and_expire),
        BOTH(an_expiry_is_extended_only_where_asked),
        BOTH(the_first_value_stays_until_it_expires),
        BOTH(values_are_set_and_removed),
        BOTH(values_stay_between_zero_and_the_most),
        BOTH(operations_see_those_before_them),
        BOTH(different_members_are_counted_once),
        BOTH(beyond_a_limit_nothing_is_done_and_it_is_said_what_it_would_come_to),
        BOTH(a_batch_may_be_as_large_as_its_bound),
        BOTH(a_scan_tells_what_begins_so_in_order),
        BOTH(pages_of_a_scan_make_the_whole),
        BOTH(many_fibers_lose_nothing_and_keep_a_limit),
        cmocka_unit_test(both_engines_say_the_same_in_redis),
        cmocka_unit_test(expired_ones_are_removed_bit_by_bit),
        cmocka_unit_test(a_batch_survives_a_kill_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
