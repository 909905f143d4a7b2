/* SPDX-License-Identifier: BSD-2-Clause */
/* Ordinary mail, and what stands before it: PROXY header and TLS. */
#include "smtp/scenario_test.h"

#include <unistd.h>

/* ---- ordinary mail ---- */

scenario_test(a_message_arrives_with_its_envelope)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<a@sender.example> SIZE=100 BODY=8BITMIME AUTH=<>\r\n", "250 2.1.0");
    talk(&s, "RCPT TO:<B+x@Here.example>\r\n", "250 2.1.5");
    talk(&s, "rcpt to:<postmaster>\r\n", "250 2.1.5");
    talk(&s, "DATA\r\n", "354 ");
    talk(&s, "Subject: x\r\n\r\n..dot\r\n.\r\n", "250 2.0.0");
    assert_string_equal(s.record.sender, "a@sender.example");
    assert_string_equal(s.record.recipients, "B+x@Here.example postmaster ");
    assert_string_equal(s.record.content, "Subject: x\r\n\r\n.dot\r\n");
    assert_int_equal(s.record.transaction.declared_size, 100);
    assert_int_equal(s.record.transaction.body, SMTP_BODY_8BITMIME);
    assert_true(s.record.transaction.null_auth);
    assert_false(s.record.transaction.chunked);
    assert_int_equal(s.record.content_fd, -1);
    assert_int_equal(s.record.resets, 1);
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<c@here.example>\r\nQUIT\r\n", "250 |250 |221 2.0.0");
    expect_closed(&s);
    scenario_end(&s);
    assert_string_equal(s.record.closed, "quit");
    assert_int_equal(s.record.resets, 2);
    assert_int_equal(s.record.session.messages, 1);
    assert_false(s.record.session.early_talker);
    assert_false(s.record.session.illegal_pipelining);
    assert_false(s.record.session.lenient_syntax);
}

/* The whole EHLO reply. */
static void read_hello(char *to, size_t size)
{
    struct bytes line;
    size_t used = 0;
    do {
        assert_int_equal(stream_read_line(s.stream, 512, &line, loop_deadline(MINUTE)), 0);
        used += (size_t)snprintf(to + used, size - used, BYTES_FMT, BYTES_ARG(line));
    } while (line.ptr[3] == '-');
}

scenario_test(ehlo_offers_what_there_is)
{
    char text[1000];
    scenario_defaults(&s);
    scenario_start(&s);
    expect(&s, "220 ");
    put(&s, BYTES("EHLO client.example\r\n"));
    read_hello(text, sizeof(text));
    assert_string_equal(text, "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 60000\r\n"
                              "250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"
                              "250-LIMITS RCPTMAX=100\r\n250 ENHANCEDSTATUSCODES\r\n");
    talk(&s, "HELO client.example\r\n", "250 mx.example");
    scenario_end(&s);
    s.record.offer_dsn = true;
    scenario_start(&s);
    expect(&s, "220 ");
    put(&s, BYTES("EHLO client.example\r\n"));
    read_hello(text, sizeof(text));
    assert_non_null(strstr(text, "250-DSN\r\n"));
    assert_null(strstr(text, "SUBMITTER"));
    scenario_end(&s);
    s.record.offer_submitter = true;
    scenario_start(&s);
    expect(&s, "220 ");
    put(&s, BYTES("EHLO client.example\r\n"));
    read_hello(text, sizeof(text));
    assert_non_null(strstr(text, "250-SUBMITTER\r\n")); /* without parameters, rfc4405:3 */
    scenario_end(&s);
}

scenario_test(replies_to_a_pipelined_group_come_in_one_write_rfc2920_3_2)
{
    uint8_t octets[4096];
    scenario_defaults(&s);
    scenario_greet(&s);
    put(&s, BYTES("MAIL FROM:<a@sender.example>\r\nRCPT TO:<b@here.example>\r\n"
                  "RCPT TO:<unknown@here.example>\r\nRCPT TO:<c@here.example>\r\nDATA\r\n"));
    struct transport *transport = stream_transport(s.stream);
    ssize_t count =
        transport->operations->read(transport, octets, sizeof(octets), loop_deadline(MINUTE));
    assert_true(count > 0);
    struct bytes rest = bytes_from(octets, (size_t)count), line;
    size_t lines = 0;
    while (bytes_split(&rest, '\n', &line))
        lines += line.len > 0;
    assert_int_equal(lines, 5);
    talk(&s, "x\r\n.\r\nMAIL FROM:<>\r\nRSET\r\n", "250 2.0.0|250 2.1.0|250 2.0.0");
    assert_string_equal(s.record.recipients, "b@here.example c@here.example ");
    scenario_end(&s);
    assert_false(s.record.session.illegal_pipelining);
    assert_int_equal(s.record.session.rejected_recipients, 1);
}

scenario_test(every_fragmentation_gives_the_same_session)
{
    for (size_t fragment = 1; fragment < 40; fragment += 3) {
        scenario_defaults(&s);
        s.pipe.fragment = fragment;
        scenario_greet(&s);
        talk(&s, "MAIL FROM:<a@sender.example>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n",
             "250 |250 |354 ");
        talk(&s, "A: b\r\n\r\n..\r\n...\r\nx.\r\n.\r\nQUIT\r\n", "250 2.0.0|221 ");
        assert_string_equal(s.record.content, "A: b\r\n\r\n.\r\n..\r\nx.\r\n");
        scenario_end(&s);
    }
}

scenario_test(many_recipients_keep_their_order)
{
    scenario_defaults(&s);
    s.server.limits.recipients = 1000;
    s.server.limits.memory_per_session = 512 * 1024;
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<>\r\n", "250 ");
    for (int i = 0; i < 1000; i++) {
        char line[64];
        snprintf(line, sizeof(line), "RCPT TO:<r%d@here.example>\r\n", i);
        talk(&s, line, "250 2.1.5");
    }
    talk(&s, "RCPT TO:<more@here.example>\r\n", "452 4.5.3");
    talk(&s, "DATA\r\n", "354 ");
    talk(&s, ".\r\n", "250 ");
    assert_int_equal(s.record.transaction.recipient_count, 1000);
    assert_memory_equal(s.record.recipients, "r0@here.example r1@here.example ", 32);
    assert_int_equal(s.record.content_length, 0);
    scenario_end(&s);
}

scenario_test(large_content_is_contiguous_and_in_a_memfd)
{
    scenario_defaults(&s);
    scenario_data(&s);
    static char text[50001];
    for (size_t i = 0; i < 50000; i += 50)
        snprintf(text + i, 51, "%048zu\r\n", i);
    put(&s, bytes_from(text, 50000));
    talk(&s, ".\r\n", "250 ");
    assert_int_equal(s.record.content_length, 50000);
    assert_memory_equal(s.record.content, text, 50000);
    assert_true(s.record.content_fd >= 0);
    /* Closed with the transaction. */
    assert_int_equal(lseek(s.record.content_fd, 0, SEEK_CUR), -1);
    scenario_end(&s);
}

/* ---- PROXY protocol ---- */

static void proxy_start(struct bytes header)
{
    scenario_defaults(&s);
    s.server.proxy_protocol = true;
    s.server.limits.greeting_delay = SECOND;
    scenario_start(&s);
    put(&s, header);
}

static void assert_ip(const struct ip *ip, const char *expected)
{
    char text[IP_TEXT_SIZE];
    assert_string_equal(ip_format(ip, text), expected);
}

scenario_test(the_proxy_header_replaces_the_ends)
{
    proxy_start(BYTES("PROXY TCP4 203.0.113.9 203.0.113.25 4711 2525\r\n"));
    expect(&s, "220 ");
    talk(&s, "QUIT\r\n", "221 ");
    scenario_end(&s);
    assert_ip(&s.record.session.client, "203.0.113.9");
    assert_ip(&s.record.session.local, "203.0.113.25");
    assert_ip(&s.record.session.proxy, "192.0.2.1");
    assert_int_equal(s.record.session.client_port, 4711);
    assert_int_equal(s.record.session.local_port, 2525);
    assert_false(s.record.session.early_talker);
    proxy_start(BYTES("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"));
    expect(&s, "220 ");
    scenario_end(&s);
    assert_ip(&s.record.session.client, "192.0.2.1");
    assert_int_equal(s.record.session.proxy.family, 0);
}

scenario_test(without_a_proxy_header_there_is_no_session)
{
    proxy_start(BYTES("EHLO client.example\r\n"));
    expect_closed(&s);
    scenario_end(&s);
    proxy_start(BYTES("PROXY TC"));
    int64_t from = loop_now();
    expect_closed(&s);
    assert_int_equal(loop_now() - from, 10 * SECOND);
    scenario_end(&s);
    assert_string_equal(s.record.closed, "no PROXY header");
}

/* ---- TLS ---- */

static struct tls_server *tls_server;
static struct tls_client *tls_client;

static void tls_start(void)
{
    struct error error;
    tls_server = tls_server_create(&error);
    tls_client = tls_client_create("/dev/null", &error);
    if (!tls_client)
        tls_client = tls_client_create(NULL, &error);
    assert_non_null(tls_client);
    assert_int_equal(tls_server_add_self_signed(tls_server, "mx.example", NULL, NULL, &error), OK);
    scenario_defaults(&s);
    s.server.tls = tls_server;
}

static void tls_stop(void)
{
    tls_server_destroy(tls_server);
    tls_client_destroy(tls_client);
}

/* The client's side of the handshake; replaces the stream's transport. */
static enum result tls_handshake_client(int64_t timeout)
{
    struct transport *plain = stream_transport(s.stream), *encrypted;
    struct tls_info info;
    struct error error;
    stream_replace_transport(s.stream, NULL);
    enum result result = tls_connect(tls_client, plain, "mx.example", false, loop_deadline(timeout),
                                     &encrypted, &info, &error);
    if (result == OK)
        stream_replace_transport(s.stream, encrypted);
    return result;
}

scenario_test(starttls_forgets_what_was_said_before_rfc3207_4_2)
{
    tls_start();
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<plain@sender.example>\r\n", "250 ");
    talk(&s, "STARTTLS now\r\n", "501 5.5.4");
    talk(&s, "STARTTLS\r\n", "220 2.0.0");
    assert_int_equal(tls_handshake_client(MINUTE), OK);
    talk(&s, "RCPT TO:<b@here.example>\r\n", "503 5.5.1");
    talk(&s, "MAIL FROM:<>\r\n", "503 5.5.1");
    talk(&s, "EHLO client.example\r\n", "250 ");
    talk(&s, "STARTTLS\r\n", "503 5.5.1");
    talk(&s, "MAIL FROM:<a@sender.example>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n",
         "250 |250 |354 ");
    talk(&s, "A: b\r\n.\r\nQUIT\r\n", "250 |221 ");
    expect_closed(&s);
    scenario_end(&s);
    assert_true(s.record.session.tls);
    assert_int_equal(s.record.resets, 2);
    assert_string_equal(s.record.sender, "a@sender.example");
    tls_stop();
}

scenario_test(plaintext_behind_starttls_is_dropped_cve_2011_0411)
{
    tls_start();
    scenario_greet(&s);
    talk(&s, "STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@sender.example>\r\n", "220 2.0.0");
    assert_int_equal(tls_handshake_client(MINUTE), OK);
    expect_silence(&s, MINUTE);
    talk(&s, "NOOP\r\n", "250 ");
    talk(&s, "EHLO client.example\r\n", "250 ");
    talk(&s, "QUIT\r\n", "221 ");
    scenario_end(&s);
    assert_true(s.record.session.illegal_pipelining);
    tls_stop();
}

scenario_test(tls_that_ends_within_a_chunk_ends_the_message)
{
    static const bool polite[] = {true, false};
    for (size_t i = 0; i < countof(polite); i++) {
        tls_start();
        scenario_greet(&s);
        talk(&s, "STARTTLS\r\n", "220 2.0.0");
        struct transport *plain = stream_transport(s.stream);
        assert_int_equal(tls_handshake_client(MINUTE), OK);
        talk(&s, "EHLO client.example\r\nMAIL FROM:<>\r\n", "250 |250 ");
        talk(&s, "RCPT TO:<b@here.example>\r\n", "250 ");
        put(&s, BYTES("BDAT 5000 LAST\r\nhalf"));
        fiber_sleep(SECOND);
        if (!polite[i])
            pipe_break(plain);
        scenario_hang_up(&s);
        scenario_end(&s);
        assert_int_equal(s.record.messages, 0);
        assert_int_equal(s.record.resets, 1);
        tls_stop();
    }
}

scenario_test(a_handshake_has_a_deadline)
{
    tls_start();
    scenario_greet(&s);
    talk(&s, "STARTTLS\r\n", "220 2.0.0");
    int64_t from = loop_now();
    expect_closed(&s);
    assert_int_equal(loop_now() - from, 5 * MINUTE);
    scenario_end(&s);
    assert_non_null(strstr(s.record.closed, "time-out"));
    tls_stop();
}

scenario_test(implicit_tls_follows_the_proxy_header_in_one_piece)
{
    tls_start();
    s.server.implicit_tls = true;
    s.server.proxy_protocol = true;
    s.pipe.delay = SECOND; /* header and first TLS record travel together */
    scenario_start(&s);
    assert_int_equal(
        stream_write(s.stream, BYTES("PROXY TCP4 203.0.113.9 203.0.113.25 1 2\r\n"), NO_DEADLINE),
        0);
    assert_int_equal(tls_handshake_client(MINUTE), OK);
    expect(&s, "220 ");
    talk(&s, "EHLO client.example\r\n", "250 ");
    scenario_end(&s);
    assert_true(s.record.session.tls);
    assert_ip(&s.record.session.client, "203.0.113.9");
    tls_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_arrives_with_its_envelope),
        cmocka_unit_test(ehlo_offers_what_there_is),
        cmocka_unit_test(replies_to_a_pipelined_group_come_in_one_write_rfc2920_3_2),
        cmocka_unit_test(every_fragmentation_gives_the_same_session),
        cmocka_unit_test(many_recipients_keep_their_order),
        cmocka_unit_test(large_content_is_contiguous_and_in_a_memfd),
        cmocka_unit_test(the_proxy_header_replaces_the_ends),
        cmocka_unit_test(without_a_proxy_header_there_is_no_session),
        cmocka_unit_test(starttls_forgets_what_was_said_before_rfc3207_4_2),
        cmocka_unit_test(plaintext_behind_starttls_is_dropped_cve_2011_0411),
        cmocka_unit_test(tls_that_ends_within_a_chunk_ends_the_message),
        cmocka_unit_test(a_handshake_has_a_deadline),
        cmocka_unit_test(implicit_tls_follows_the_proxy_header_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
