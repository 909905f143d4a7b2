/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of protocol: what was written is read again, and nothing else is. */
#include "roles/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;
static struct buf written;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(16 << 20);
    buf_init(&written, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&written);
    arena_destroy(arena);
    return 0;
}

#define assert_bytes(a, b) assert_true(bytes_equal((a), (b)))

static const uint8_t fingerprint[PROTOCOL_FINGERPRINT_SIZE] = {1, 2, 3};

static struct delivery_request delivery(void)
{
    static struct delivery_recipient recipients[] = {
        {BYTES_INIT("a@example.org"), BYTES_INIT("a"), BYTES_INIT("example.org")},
        {BYTES_INIT("postmaster"), BYTES_INIT("postmaster"), BYTES_INIT("")}};
    static struct bytes names[] = {BYTES_INIT("a@example.org"), BYTES_INIT("postmaster")};
    return (struct delivery_request){
        .sender = BYTES("s@example.org"),
        .folder = FOLDER_JUNK,
        .fingerprint = bytes_from(fingerprint, sizeof(fingerprint)),
        .patience = 59000000,
        .recipients = recipients,
        .recipient_count = countof(recipients),
        .prefix = BYTES("X: y\r\n"),
        .content = BYTES("Subject: x\r\n\r\n"),
        .record = {.id = BYTES("1m0v2Zvyzg300"),
                   .received_at = -5,
                   .client = BYTES("192.0.2.1"),
                   .sender = BYTES("s@example.org"),
                   .header_from = BYTES("f@example.org"),
                   .action = BYTES("junk"),
                   .trust = BYTES("third-class"),
                   .code = 250,
                   .policy = BYTES("default"),
                   .evidence = BYTES("{}"),
                   .verdict = BYTES("[]"),
                   .recipients = names,
                   .recipient_count = countof(names)},
    };
}

/* Each reader as a question of the same form. */
static bool reads_question(struct bytes payload)
{
    struct recipient_question question;
    return recipient_question_read(payload, &question);
}
static bool reads_answer(struct bytes payload)
{
    struct recipient_answer answer;
    return recipient_answer_read(payload, &answer);
}
static bool reads_delivery(struct bytes payload)
{
    struct delivery_request request;
    return delivery_request_read(payload, arena, &request);
}
static bool reads_delivered(struct bytes payload)
{
    struct delivery_answer answer;
    return delivery_answer_read(payload, &answer);
}
static bool reads_attempt(struct bytes payload)
{
    struct attempt_question question;
    return attempt_question_read(payload, &question);
}
static bool reads_courier(struct bytes payload)
{
    struct courier_request request;
    return courier_request_read(payload, arena, &request);
}
static bool reads_replies(struct bytes payload)
{
    struct protocol_reply replies[2];
    return courier_answer_read(payload, replies, 2);
}

static const struct protocol_reply ok = {250, BYTES_INIT("2.0.0"), BYTES_INIT("Ok")};

static void write_question(void)
{
    struct recipient_question question = {BYTES("s@example.org"), BYTES("local"), BYTES("example.org"),
                                          UINT64_MAX};
    recipient_question_write(&written, &question);
}
static void write_answer(void)
{
    struct recipient_answer answer = {ok, BYTES("default"), true};
    recipient_answer_write(&written, &answer);
}
static void write_delivery(void)
{
    struct delivery_request request = delivery();
    delivery_request_write(&written, &request);
}
static void write_delivered(void)
{
    struct delivery_answer answer = {ok, BYTES("a@example.org=delivered")};
    delivery_answer_write(&written, &answer);
}
static void write_attempt(void)
{
    struct attempt_question question = {BYTES("key"), INT64_MAX};
    attempt_question_write(&written, &question);
}
static void write_courier(void)
{
    char path[] = "/run/lmtp";
    struct bytes names[] = {BYTES("a@example.org"), BYTES("b@example.org")};
    struct courier_request request = {.endpoint = {.path = path},
                                      .sender = BYTES(""),
                                      .recipients = names,
                                      .recipient_count = 2,
                                      .content = BYTES("x\r\n")};
    courier_request_write(&written, &request);
}
static void write_replies(void)
{
    struct protocol_reply replies[] = {ok, {550, BYTES("5.1.1"), BYTES("No")}};
    courier_answer_write(&written, replies, 2);
}

static const struct kind {
    void (*write)(void);
    bool (*read)(struct bytes payload);
} kinds[] = {
    {write_question, reads_question},   {write_answer, reads_answer},   {write_delivery, reads_delivery},
    {write_delivered, reads_delivered}, {write_attempt, reads_attempt}, {write_courier, reads_courier},
    {write_replies, reads_replies},
};

static void a_payload_is_read_whole_or_not_at_all(void **state)
{
    for (size_t i = 0; i < countof(kinds); i++) {
        buf_clear(&written);
        kinds[i].write();
        struct bytes whole = buf_bytes(&written);
        assert_false(written.failed);
        assert_true(kinds[i].read(whole));
        for (size_t length = 0; length < whole.len; length++) {
            /* A copy of its own, so that reading past the end is seen. */
            struct bytes part = arena_copy(arena, bytes_first(whole, length));
            assert_false(kinds[i].read(part));
        }
        buf_add_byte(&written, 0);
        assert_false(kinds[i].read(buf_bytes(&written)));
    }
}

static void a_delivery_is_read_as_it_was_written(void **state)
{
    struct delivery_request before = delivery(), after;
    delivery_request_write(&written, &before);
    assert_true(delivery_request_read(buf_bytes(&written), arena, &after));
    assert_bytes(after.sender, before.sender);
    assert_int_equal(after.folder, FOLDER_JUNK);
    assert_bytes(after.fingerprint, before.fingerprint);
    assert_int_equal(after.patience, before.patience);
    assert_int_equal(after.recipient_count, 2);
    assert_bytes(after.recipients[0].mailbox, before.recipients[0].mailbox);
    assert_bytes(after.recipients[0].local, before.recipients[0].local);
    assert_bytes(after.recipients[1].domain, BYTES(""));
    assert_bytes(after.prefix, before.prefix);
    assert_bytes(after.content, before.content);
    assert_false(after.in_descriptor);
    assert_bytes(after.record.id, before.record.id);
    assert_int_equal(after.record.received_at, -5);
    assert_bytes(after.record.client, before.record.client);
    assert_bytes(after.record.header_from, before.record.header_from);
    assert_bytes(after.record.action, before.record.action);
    assert_bytes(after.record.trust, before.record.trust);
    assert_int_equal(after.record.code, 250);
    assert_bytes(after.record.policy, before.record.policy);
    assert_bytes(after.record.evidence, before.record.evidence);
    assert_bytes(after.record.verdict, before.record.verdict);
    assert_int_equal(after.record.recipient_count, 2);
    assert_bytes(after.record.recipients[1], BYTES("postmaster"));
}

static void content_in_a_descriptor_is_not_in_the_payload_too(void **state)
{
    struct delivery_request before = delivery(), after;
    before.in_descriptor = true;
    delivery_request_write(&written, &before);
    assert_true(delivery_request_read(buf_bytes(&written), arena, &after));
    assert_true(after.in_descriptor);
    assert_int_equal(after.content.len, 0);
}

static bool is_refused(const struct delivery_request *request)
{
    buf_clear(&written);
    delivery_request_write(&written, request);
    return !reads_delivery(buf_bytes(&written));
}

static void values_that_no_edge_sends_are_refused(void **state)
{
    struct delivery_request request = delivery();
    request.place = DELIVER_NOWHERE + 1;
    assert_true(is_refused(&request));
    request = delivery();
    request.patience = -1;
    assert_true(is_refused(&request));
    request = delivery();
    request.fingerprint.len--;
    assert_true(is_refused(&request));
    request = delivery();
    request.recipient_count = 0;
    assert_true(is_refused(&request));
    static const char *const ids[] = {"", "a b", "a\nb", "a/b", "..", "a\"",
                                      "12345678901234567890123456789012345678901234567890123456789012345"};
    for (size_t i = 0; i < countof(ids); i++) {
        request = delivery();
        request.record.id = bytes_of(ids[i]);
        assert_true(is_refused(&request));
        /* What goes to a trap besides has no story of its own. */
        request.place = DELIVER_NOWHERE;
        assert_int_equal(is_refused(&request), ids[i][0] != '\0');
    }
}

static void a_policy_goes_to_the_courier_and_comes_back(void **state)
{
    struct send_recipient recipient = {.address = BYTES("a@example.org")};
    struct send_policy policy = {BYTES("20260101"), BYTES("version: STSv1\nmode: enforce"), 1795297381};
    struct send_request request = {.domain = BYTES("example.org"), .recipients = &recipient,
                                   .recipient_count = 1, .policy = policy}, asked;
    struct send_reply reply = {.code = 250};
    struct send_answer answer = {.replies = &reply, .policy = policy}, got;
    bool in_descriptor;
    (void)state;
    send_request_write(&written, &request, false);
    assert_true(send_request_read(buf_bytes(&written), arena, &asked, &in_descriptor));
    assert_bytes(asked.policy.id, policy.id);
    assert_bytes(asked.policy.text, policy.text);
    assert_int_equal(asked.policy.expires_at, policy.expires_at);
    struct buf back;
    buf_init(&back, 1 << 20);
    send_answer_write(&back, &answer, 1);
    assert_true(send_answer_read(buf_bytes(&back), arena, 1, &got));
    assert_bytes(got.policy.id, policy.id);
    assert_bytes(got.policy.text, policy.text);
    assert_int_equal(got.policy.expires_at, policy.expires_at);
    for (size_t i = 0; i < back.len; i++)
        assert_false(send_answer_read(bytes_first(buf_bytes(&back), i), arena, 1, &got));
    buf_free(&back);
}

static void counts_are_bounded_before_memory_is_taken(void **state)
{
    static const uint32_t counts[] = {PROTOCOL_RECIPIENTS_MAX + 1, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < countof(counts); i++) {
        size_t used = arena_used(arena);
        buf_clear(&written);
        ipc_add_bytes(&written, BYTES("s"));
        ipc_add_u8(&written, DELIVER_MAILBOX);
        ipc_add_bytes(&written, bytes_from(fingerprint, sizeof(fingerprint)));
        ipc_add_u64(&written, 1);
        ipc_add_u32(&written, counts[i]);
        assert_false(reads_delivery(buf_bytes(&written)));
        struct protocol_reply none[1];
        buf_clear(&written);
        ipc_add_u32(&written, counts[i]);
        assert_false(courier_answer_read(buf_bytes(&written), none, counts[i]));
        assert_true(arena_used(arena) - used < 4096);
    }
}

static void an_answer_for_another_number_of_recipients_is_refused(void **state)
{
    struct protocol_reply replies[3];
    write_replies();
    assert_false(courier_answer_read(buf_bytes(&written), replies, 1));
    assert_false(courier_answer_read(buf_bytes(&written), replies, 3));
    assert_true(courier_answer_read(buf_bytes(&written), replies, 2));
    assert_int_equal(replies[1].code, 550);
    assert_bytes(replies[1].text, BYTES("No"));
}

static void replies_that_are_none_are_refused(void **state)
{
    static const struct protocol_reply odd[] = {
        {199, BYTES_INIT(""), BYTES_INIT("")},
        {600, BYTES_INIT(""), BYTES_INIT("")},
        {0, BYTES_INIT(""), BYTES_INIT("")},
        {250, BYTES_INIT("2.0.0-too-long"), BYTES_INIT("")},
    };
    for (size_t i = 0; i < countof(odd); i++) {
        struct delivery_answer answer = {odd[i], BYTES("")};
        buf_clear(&written);
        delivery_answer_write(&written, &answer);
        assert_false(reads_delivered(buf_bytes(&written)));
    }
}

static void an_attempt_has_a_key_and_a_window_in_the_future(void **state)
{
    static const struct attempt_question odd[] = {
        {BYTES_INIT(""), 1},
        {BYTES_INIT("12345678901234567890123456789012345678901234567890123456789012345"), 1},
        {BYTES_INIT("key"), -1},
    };
    for (size_t i = 0; i < countof(odd); i++) {
        buf_clear(&written);
        attempt_question_write(&written, &odd[i]);
        assert_false(reads_attempt(buf_bytes(&written)));
    }
}

static bool reads_endpoint(struct bytes path, struct bytes ip, uint32_t port)
{
    buf_clear(&written);
    ipc_add_bytes(&written, path);
    ipc_add_bytes(&written, ip);
    ipc_add_u32(&written, port);
    ipc_add_bytes(&written, BYTES(""));
    ipc_add_u8(&written, 0); /* smtputf8 */
    ipc_add_u32(&written, 1);
    ipc_add_bytes(&written, BYTES("a@example.org"));
    ipc_add_u8(&written, 0);
    ipc_add_bytes(&written, BYTES(""));
    return reads_courier(buf_bytes(&written));
}

static void an_endpoint_is_a_path_or_an_address(void **state)
{
    assert_true(reads_endpoint(BYTES("/run/lmtp"), BYTES(""), 0));
    assert_true(reads_endpoint(BYTES(""), BYTES("192.0.2.1"), 24));
    assert_true(reads_endpoint(BYTES(""), BYTES("2001:db8::1"), 65535));
    assert_false(reads_endpoint(BYTES(""), BYTES("192.0.2.1"), 65536));
    assert_false(reads_endpoint(BYTES(""), BYTES("192.0.2.256"), 24));
    assert_false(reads_endpoint(BYTES(""), BYTES(""), 24));
    assert_false(reads_endpoint(BYTES("/run/lmtp"), BYTES("192.0.2.1"), 24));
    assert_false(reads_endpoint(bytes_from("/run\0/lmtp", 10), BYTES(""), 0));
}

static void endpoints_are_equal_by_path_or_by_address_and_port(void **state)
{
    char one[] = "/run/a", same[] = "/run/a", other[] = "/run/b";
    struct config_endpoint a = {.path = one}, b = {.path = same}, c = {.path = other};
    struct config_endpoint tcp = {.port = 24}, tcp_same = {.port = 24}, tcp_other = {.port = 25};
    assert_true(ip_parse(BYTES("192.0.2.1"), &tcp.ip));
    tcp_same.ip = tcp_other.ip = tcp.ip;
    assert_true(endpoint_equal(&a, &b));
    assert_false(endpoint_equal(&a, &c));
    assert_false(endpoint_equal(&a, &tcp));
    assert_false(endpoint_equal(&tcp, &a));
    assert_true(endpoint_equal(&tcp, &tcp_same));
    assert_false(endpoint_equal(&tcp, &tcp_other));
}

static void roles_have_names(void **state)
{
    enum role_kind kind;
    for (int i = 0; i < ROLE_KINDS; i++) {
        assert_true(role_kind_parse(role_kind_name((enum role_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    assert_false(role_kind_parse("", &kind));
    assert_false(role_kind_parse("edges", &kind));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_payload_is_read_whole_or_not_at_all),
        TEST(a_delivery_is_read_as_it_was_written),
        TEST(content_in_a_descriptor_is_not_in_the_payload_too),
        TEST(values_that_no_edge_sends_are_refused),
        TEST(counts_are_bounded_before_memory_is_taken),
        TEST(a_policy_goes_to_the_courier_and_comes_back),
        TEST(an_answer_for_another_number_of_recipients_is_refused),
        TEST(replies_that_are_none_are_refused),
        TEST(an_attempt_has_a_key_and_a_window_in_the_future),
        TEST(an_endpoint_is_a_path_or_an_address),
        TEST(endpoints_are_equal_by_path_or_by_address_and_port),
        TEST(roles_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
