/* SPDX-License-Identifier: BSD-2-Clause */
/* Slow clients and floods: none of them holds a session for longer than an honest client might, gets more than its
 * share of sessions, or makes the edge work without end. The edge goes on serving others meanwhile. */
#include "edge_world.h"

#include "roles/edge_rates_private.h"

static void check_others_are_served(void)
{
    struct client client;
    unsigned before = world.script.deliveries;
    greet(&client, "198.51.100.77");
    check(send_mail(&client, "a@good.example", "alice", "a@x.example", "hi") == 250);
    check(world.script.deliveries == before + 1);
    hang_up(&client);
}

/* Sends the text again and again until the session ends; how often, and the last code. */
static unsigned repeat(struct client *client, const char *text, unsigned replies, unsigned most, unsigned *code)
{
    unsigned times = 0;
    *code = 250;
    while (times < most && *code && *code != 421) {
        put(client, text);
        for (unsigned i = 0; i < replies && *code && *code != 421; i++)
            *code = reply(client);
        times++;
    }
    return times;
}

/* ---- slow clients ---- */

STORY(a_command_that_drips_is_cut_off)
{
    struct client client;
    world_start();
    connect_from(&client, "192.0.2.1");
    check(reply(&client) == 220);
    int64_t begun = loop_now();
    for (unsigned i = 0; i < 20 && map_count(the_edge()->clients); i++) {
        put(&client, "N");
        fiber_sleep(30 * SECOND);
    }
    check(map_count(the_edge()->clients) == 0 && loop_now() - begun <= 6 * MINUTE);
    hang_up(&client);
    check_others_are_served();
    world_end();
}

STORY(a_message_that_drips_is_cut_off)
{
    struct client client;
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    int64_t begun = loop_now();
    for (unsigned i = 0; i < 60 && map_count(the_edge()->clients); i++) {
        put(&client, "x\r\n");
        fiber_sleep(30 * SECOND);
    }
    check(map_count(the_edge()->clients) == 0 && loop_now() - begun <= 6 * MINUTE);
    check(world.script.deliveries == 0);
    hang_up(&client);
    check_others_are_served();
    world_end();
}

/* A kilobyte in each time-out is enough: a modem has more. */
STORY(a_slow_line_is_no_attack)
{
    struct client client;
    char line[80];
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    put(&client, "From: a@good.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n");
    snprintf(line, sizeof(line), "%s\r\n", "sixty-six octets of text, at the speed of an acoustic coupler ....");
    for (unsigned i = 0; i < 200; i++) {
        put(&client, line);
        fiber_sleep(15 * SECOND);
    }
    check(talk(&client, ".\r\n") == 250);
    hang_up(&client);
    world_end();
}

STORY(a_session_ends_at_its_time_whatever_it_does)
{
    struct client client;
    world.limits = "greeting-delay = 0 session-timeout = 10m junk-commands = 10000";
    world_start();
    greet(&client, "192.0.2.1");
    int64_t begun = loop_now();
    while (talk(&client, "NOOP\r\n") == 250)
        fiber_sleep(10 * SECOND);
    check(loop_now() - begun <= 11 * MINUTE);
    hang_up(&client);
    world_end();
}

/* ---- floods of commands ---- */

STORY(commands_that_lead_nowhere_end_the_session)
{
    static const struct {
        const char *text;
        unsigned replies;
    } floods[] = {
        {"NOOP\r\n", 1},
        {"RSET\r\n", 1},
        {"HELP\r\n", 1},
        {"VRFY alice\r\n", 1},
        {"EHLO mail.good.example\r\n", 1},
        {"MAIL FROM:<a@good.example>\r\nRSET\r\n", 2},
        {"MAIL FROM:<a@good.example>\r\nRCPT TO:<alice@vouch.example>\r\nRSET\r\n", 3},
        {"MAIL FROM:<a@good.example>\r\nDATA\r\nRSET\r\n", 3},
        {"BDAT 0\r\n", 1},
        {"XXXX\r\n", 1},
        {"\r\n", 1},
        {"DATA\r\n", 1},
        {"RCPT TO:<alice@vouch.example>\r\n", 1},
    };
    for (size_t i = 0; i < countof(floods); i++) {
        struct client client;
        unsigned code;
        world_start();
        greet(&client, "192.0.2.1");
        check(repeat(&client, floods[i].text, floods[i].replies, 1000, &code) <= 101);
        check(code == 421);
        check(reply(&client) == 0);
        hang_up(&client);
        check_others_are_served();
        world_end();
    }
}

STORY(empty_chunks_end_the_session)
{
    struct client client;
    unsigned code;
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    check(repeat(&client, "BDAT 0\r\n", 1, 1000, &code) <= 101 && code == 421);
    hang_up(&client);
    world_end();
}

STORY(a_thousand_commands_at_once_are_answered_as_few)
{
    struct client client;
    struct buf text;
    unsigned replies = 0, code;
    world_start();
    greet(&client, "192.0.2.1");
    buf_init(&text, 1 << 20);
    for (unsigned i = 0; i < 5000; i++)
        buf_add_string(&text, "NOOP\r\n");
    (void)!stream_write(client.stream, buf_bytes(&text), loop_deadline(HOUR));
    (void)!stream_flush(client.stream, loop_deadline(HOUR));
    buf_free(&text);
    while ((code = reply(&client)) == 250)
        replies++;
    check(code == 421 && replies < 101);
    hang_up(&client);
    check_others_are_served();
    world_end();
}

/* ---- floods of recipients ---- */

STORY(recipients_beyond_the_limit_are_not_answered_for_ever)
{
    struct client client;
    unsigned code, questions;
    world.limits = "greeting-delay = 0 recipients = 100";
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    unsigned times = repeat(&client, "RCPT TO:<alice@vouch.example>\r\n", 1, 5000, &code);
    questions = world.script.questions;
    check(code == 421 && times <= 100 + 100 + 101);
    check(questions == 100); /* the store hears of those that could be taken */
    hang_up(&client);
    check_others_are_served();
    world_end();
}

STORY(recipients_that_are_put_off_are_not_asked_for_for_ever)
{
    struct client client;
    unsigned code;
    world.limits = "greeting-delay = 0 recipients = 100";
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(repeat(&client, "RCPT TO:<full@vouch.example>\r\n", 1, 5000, &code) <= 100 + 101);
    check(code == 421);
    hang_up(&client);
    world_end();
}

/* ---- floods of messages ---- */

STORY(one_refused_message_after_the_other_ends_the_session)
{
    struct client client;
    unsigned code = 250, times = 0;
    world.more = "rates { errors = 0 }\n";
    world_start();
    connect_from(&client, "198.51.100.66");
    check(reply(&client) == 220);
    check(talk(&client, "EHLO x.example\r\n") == 250);
    for (; times < 500 && code != 421; times++) {
        if ((code = talk(&client, "MAIL FROM:<a@bank.example>\r\n")) != 250)
            break;
        check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
        check(talk(&client, "DATA\r\n") == 354);
        code = talk(&client, "From: a@bank.example\r\n\r\nhi\r\n.\r\n");
        check(code == 550 || code == 421);
    }
    check(code == 421 && times <= 101 && world.script.deliveries == 0);
    hang_up(&client);
    check_others_are_served();
    world_end();
}

/* As many small fields as fit, one field without end, and one name for all. */
STORY(header_bombs_are_refused_without_much_work)
{
    static const struct {
        const char *piece;
        unsigned count;
    } bombs[] = {{"A: b\r\n", 400000}, {"X: y\r\n z\r\n", 300000}, {"\tfolded on and on\r\n", 150000},
                 {"Received: from x\r\n", 100000}, {"From: a@good.example\r\n", 100000}};
    for (size_t i = 0; i < countof(bombs); i++) {
        struct client client;
        struct buf text;
        world_start();
        greet(&client, "192.0.2.1");
        check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
        check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
        check(talk(&client, "DATA\r\n") == 354);
        buf_init(&text, 16 << 20);
        buf_add_string(&text, "Subject: bomb\r\n");
        for (unsigned k = 0; k < bombs[i].count; k++)
            buf_add_string(&text, bombs[i].piece);
        buf_add_string(&text, "\r\nhi\r\n.\r\n");
        check(stream_write(client.stream, buf_bytes(&text), loop_deadline(HOUR)) == 0);
        check(stream_flush(client.stream, loop_deadline(HOUR)) == 0);
        buf_free(&text);
        unsigned code = reply(&client);
        check(code / 100 == 5 || code == 452);
        check(world.script.deliveries == 0);
        check(talk(&client, "NOOP\r\n") == 250);
        hang_up(&client);
        check_others_are_served();
        world_end();
    }
}

/* ---- floods of connections ---- */

enum { FLOOD = 300 };

static void flood(const char *format, unsigned step, unsigned admitted)
{
    static struct client clients[FLOOD];
    unsigned in = 0;
    char ip[64];
    for (unsigned i = 0; i < FLOOD; i++) {
        snprintf(ip, sizeof(ip), format, i / step % 250 + 1);
        connect_from(&clients[i], ip);
        unsigned code = reply(&clients[i]);
        check(code == 220 || code == 421);
        in += code == 220;
    }
    check(in == admitted);
    check_others_are_served();
    for (unsigned i = 0; i < FLOOD; i++)
        hang_up(&clients[i]);
}

STORY(a_flood_from_one_address_gets_its_share_and_no_more)
{
    world.limits = "greeting-delay = 0 sessions-per-client = 1000";
    world.more = "rates { connections = 20 network-connections = 60 }\n";
    world_start();
    the_edge()->rates->edges = 1;
    flood("203.0.113.7", FLOOD, 20);
    flood("203.0.113.7", FLOOD, 20);
    world_end();
}

STORY(a_flood_from_one_network_gets_its_share_and_no_more)
{
    world.limits = "greeting-delay = 0 sessions-per-client = 1000";
    world.more = "rates { connections = 20 network-connections = 60 }\n";
    world_start();
    the_edge()->rates->edges = 1;
    flood("203.0.113.%u", 1, 60);
    flood("2001:db8:5::%u", 1, 60);
    flood("2001:db8:5::%u", 2, 60);
    world_end();
}

/* The store is asked once for a connection, also when all come at once. */
STORY(with_many_edges_a_flood_is_held_by_all)
{
    world.limits = "greeting-delay = 0 sessions-per-client = 1000";
    world.more = "rates { connections = 20 network-connections = 60 }\n";
    world_start();
    the_edge()->rates->edges = 8;
    flood("203.0.113.7", FLOOD, 20);
    fiber_sleep(2 * MINUTE);
    flood("2001:db8:5::%u", 1, 60);
    fiber_sleep(2 * MINUTE);
    check(map_count(the_edge()->rates->connections) == 0);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_that_drips_is_cut_off),
        cmocka_unit_test(a_message_that_drips_is_cut_off),
        cmocka_unit_test(a_slow_line_is_no_attack),
        cmocka_unit_test(a_session_ends_at_its_time_whatever_it_does),
        cmocka_unit_test(commands_that_lead_nowhere_end_the_session),
        cmocka_unit_test(empty_chunks_end_the_session),
        cmocka_unit_test(a_thousand_commands_at_once_are_answered_as_few),
        cmocka_unit_test(recipients_beyond_the_limit_are_not_answered_for_ever),
        cmocka_unit_test(recipients_that_are_put_off_are_not_asked_for_for_ever),
        cmocka_unit_test(one_refused_message_after_the_other_ends_the_session),
        cmocka_unit_test(header_bombs_are_refused_without_much_work),
        cmocka_unit_test(a_flood_from_one_address_gets_its_share_and_no_more),
        cmocka_unit_test(a_flood_from_one_network_gets_its_share_and_no_more),
        cmocka_unit_test(with_many_edges_a_flood_is_held_by_all),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
