/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/received.h"

#include "message/test.h"

static struct buf out;

static struct received typical(void)
{
    struct received received = {
        .helo = BYTES("mail.sender.example"),
        .client_name = BYTES("out.sender.example"),
        .by = BYTES("mx.example.org"),
        .extended = true,
        .tls = true,
        .tls_version = BYTES("TLSv1.3"),
        .tls_cipher = BYTES("TLS_AES_256_GCM_SHA384"),
        .id = BYTES("4xYz1"),
        .recipient = BYTES("joe@example.org"),
        .epoch = 880127706,
        .zone = 60,
    };
    ip_parse(BYTES("192.0.2.1"), &received.client);
    return received;
}

static struct bytes write_field(const struct received *received)
{
    buf_free(&out);
    buf_init(&out, 1 << 20);
    received_write(&out, received);
    assert_false(out.failed);
    return buf_bytes(&out);
}

static struct received_trace parse(struct bytes value)
{
    struct received_trace trace;
    struct error error = {0};
    if (received_parse(value, &trace, &error) != OK)
        fail_msg(BYTES_FMT ": %s", BYTES_ARG(value), error.text);
    return trace;
}

static void assert_client(const struct received_trace *trace, const char *address)
{
    char text[IP_TEXT_SIZE];
    assert_int_not_equal(trace->client.family, 0);
    assert_string_equal(ip_format(&trace->client, text), address);
}

static void a_field_names_client_server_protocol_and_time_rfc5321_4_4(void **state)
{
    struct received received = typical();
    assert_bytes(write_field(&received),
                 "Received: from mail.sender.example (out.sender.example [192.0.2.1])\r\n"
                 " by mx.example.org with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384) id 4xYz1\r\n"
                 " for <joe@example.org>; Fri, 21 Nov 1997 16:55:06 +0100\r\n");
    assert_one_field(buf_bytes(&out), 78);
}

static void parts_that_are_not_known_are_left_out(void **state)
{
    struct received received = typical();
    received.client_name = received.recipient = received.tls_cipher = (struct bytes){NULL, 0};
    ip_parse(BYTES("2001:db8::1"), &received.client);
    assert_bytes(write_field(&received),
                 "Received: from mail.sender.example ([IPv6:2001:db8::1]) by mx.example.org\r\n"
                 " with ESMTPS (TLSv1.3) id 4xYz1; Fri, 21 Nov 1997 16:55:06 +0100\r\n");
    received = (struct received){.by = BYTES("mx.example.org")};
    assert_bytes(write_field(&received),
                 "Received: from unknown by mx.example.org with SMTP id unknown;\r\n"
                 " Thu, 1 Jan 1970 00:00:00 +0000\r\n");
}

static const char *protocol(bool extended, bool tls, bool authenticated, bool utf8, bool lmtp)
{
    struct received received = {.extended = extended,
                                .tls = tls,
                                .authenticated = authenticated,
                                .smtputf8 = utf8,
                                .lmtp = lmtp};
    return received_protocol(&received);
}

static void protocols_have_the_names_of_rfc3848_and_rfc6531(void **state)
{
    assert_string_equal(protocol(false, false, false, false, false), "SMTP");
    assert_string_equal(protocol(true, false, false, false, false), "ESMTP");
    assert_string_equal(protocol(true, true, false, false, false), "ESMTPS");
    assert_string_equal(protocol(true, false, true, false, false), "ESMTPA");
    assert_string_equal(protocol(true, true, true, false, false), "ESMTPSA");
    assert_string_equal(protocol(true, true, true, true, false), "UTF8SMTPSA");
    assert_string_equal(protocol(true, false, false, true, false), "UTF8SMTP");
    assert_string_equal(protocol(false, false, false, false, true), "LMTP");
    assert_string_equal(protocol(true, true, false, true, true), "UTF8LMTPS");
}

static void what_the_peer_says_cannot_leave_its_place(void **state)
{
    static const char *const greetings[] = {
        "x (mx.example.org [127.0.0.1]) by mx.example.org with ESMTPSA; Thu,",
        "a\r\nBcc: b",
        "(",
        ")",
        "a;b",
        "\"",
        "<>",
        "\\",
        "\xff",
        " ",
        "from by with",
        "[192.0.2.9]",
        "192.0.2.9",
        "[IPv6:2001:db8::9]",
    };
    for (size_t i = 0; i < countof(greetings); i++) {
        struct received received = typical();
        received.helo = received.client_name = received.id = bytes_of(greetings[i]);
        received.recipient = bytes_of(greetings[i]);
        struct bytes field = write_field(&received);
        assert_one_field(field, 998);
        struct received_trace trace = parse(bytes_skip(bytes_first(field, field.len - 2), 9));
        assert_client(&trace, "192.0.2.1");
        assert_bytes(trace.by, "mx.example.org");
        assert_bytes(trace.with, "ESMTPS");
        assert_true(trace.has_date);
        assert_int_equal(trace.date.epoch, received.epoch);
    }
}

static void long_names_are_cut(void **state)
{
    struct received received = typical();
    received.helo = received.client_name = received.id = received.recipient = repeat("x", 100000);
    received.tls_version = received.tls_cipher = repeat("x", 100000);
    assert_one_field(write_field(&received), 998);
}

static void a_recipient_in_odd_quotes_is_not_named(void **state)
{
    struct received received = typical();
    received.recipient = BYTES("\"a>; b\"@example.org");
    assert_int_equal(bytes_find(write_field(&received), BYTES(" for ")), BYTES_NOT_FOUND);
}

static void our_own_field_is_read_back(void **state)
{
    struct received received = typical();
    struct bytes field = write_field(&received);
    struct received_trace trace = parse(bytes_skip(bytes_first(field, field.len - 2), 9));
    assert_bytes(trace.from, "mail.sender.example");
    assert_bytes(trace.client_name, "out.sender.example");
    assert_client(&trace, "192.0.2.1");
    assert_bytes(trace.by, "mx.example.org");
    assert_bytes(trace.with, "ESMTPS");
    assert_bytes(trace.id, "4xYz1");
    assert_bytes(trace.recipient, "joe@example.org");
    assert_true(trace.has_date);
    assert_int_equal(trace.date.epoch, 880127706);
    assert_int_equal(trace.date.zone, 60);
}

static void the_dialects_of_other_servers_are_read(void **state)
{
    struct received_trace t;
    t = parse(BYTES("from a.example (b.example [192.0.2.1] (may be forged)) by c.example "
                    "(8.17/8.17) with ESMTP id x; Fri, 21 Nov 1997 09:55:06 -0600 (CST)"));
    assert_client(&t, "192.0.2.1");
    assert_bytes(t.client_name, "b.example");
    assert_true(t.has_date);
    t = parse(BYTES("from [192.0.2.2] (helo=a.example) by c.example with esmtp (Exim 4.96) "
                    "(envelope-from <a@b.example>) id 1abc-00-00 for joe@c.example; x"));
    assert_client(&t, "192.0.2.2");
    assert_bytes(t.client_name, "");
    assert_bytes(t.recipient, "joe@c.example");
    assert_false(t.has_date);
    t = parse(
        BYTES("from A.example (2001:db8::5) by B.example (2001:db8::6) with Microsoft SMTP "
              "Server (version=TLS1_2) id 15.20 via Frontend Transport; 1 Jan 2020 00:00 +0000"));
    assert_client(&t, "2001:db8::5");
    assert_bytes(t.with, "Microsoft");
    assert_bytes(t.id, "15.20");
    assert_bytes(t.via, "Frontend");
    t = parse(BYTES("from unknown (HELO a.example) (192.0.2.3)\r\n  by c.example with SMTP; 1 Jan "
                    "2020 00:00:00 -0000"));
    assert_client(&t, "192.0.2.3");
    t = parse(BYTES("from unknown (HELO [192.0.2.9]) (192.0.2.3)"));
    assert_client(&t, "192.0.2.3");
    t = parse(BYTES("from a (192.0.2.9 [192.0.2.3])"));
    assert_client(&t, "192.0.2.3");
    t = parse(BYTES("by 10.1.2.3 with SMTP id x; Fri, 21 Nov 1997 09:55:06 -0600"));
    assert_bytes(t.by, "10.1.2.3");
    assert_int_equal(t.client.family, 0);
}

static void the_first_of_two_clauses_counts(void **state)
{
    struct received_trace t =
        parse(BYTES("from a ([192.0.2.1]) by b from c ([192.0.2.9]) by d; x"));
    assert_bytes(t.from, "a");
    assert_bytes(t.by, "b");
    assert_client(&t, "192.0.2.1");
}

static void what_is_damaged_is_read_as_far_as_it_goes(void **state)
{
    struct received_trace t = parse(BYTES("from a (b [192.0.2.1] (never closed"));
    assert_client(&t, "192.0.2.1");
    assert_bytes(t.by, "");
    t = parse(BYTES("from from by by"));
    assert_bytes(t.from, "from");
    assert_bytes(t.by, "by");
    assert_int_equal(received_parse(BYTES(""), &t, NULL), PERM);
    assert_int_equal(received_parse(BYTES("from"), &t, NULL), PERM);
    assert_int_equal(received_parse(BYTES("(qmail 1 invoked by uid 0); from x"), &t, NULL), PERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_names_client_server_protocol_and_time_rfc5321_4_4),
        cmocka_unit_test(parts_that_are_not_known_are_left_out),
        cmocka_unit_test(protocols_have_the_names_of_rfc3848_and_rfc6531),
        cmocka_unit_test(what_the_peer_says_cannot_leave_its_place),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(a_recipient_in_odd_quotes_is_not_named),
        cmocka_unit_test(our_own_field_is_read_back),
        cmocka_unit_test(the_dialects_of_other_servers_are_read),
        cmocka_unit_test(the_first_of_two_clauses_counts),
        cmocka_unit_test(what_is_damaged_is_read_as_far_as_it_goes),
    };
    int failed = cmocka_run_group_tests(tests, create_arena, destroy_arena);
    buf_free(&out);
    return failed;
}
