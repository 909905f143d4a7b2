/* SPDX-License-Identifier: BSD-2-Clause */
/* What strangers' clients may do, and what they are told: limits of connections and messages, nolisting, and the
 * session's conduct as evidence. Harvesting and floods are in attack_*_test.c. */
#include "edge_world.h"

#include "roles/edge_rates_private.h"

static void world_with(const char *rates)
{
    static char text[2048];
    snprintf(text, sizeof(text), "rates { %s }\n", rates);
    world.more = text;
    world_start();
}

static void from_ip(const char *ip, struct rates_place_key *address, struct rates_place_key *network)
{
    struct ip client;
    check(ip_parse(bytes_of(ip), &client));
    check(rates_address(world.arena, &client, address) && rates_network(world.arena, &client, network));
}

/* A counter of the store, as other edges see it; 0: nobody counted it. */
static uint64_t *counter_of(const struct rates_place_key *place, enum rates_counter counter, uint64_t slot)
{
    uint8_t key[RATES_KEY_SIZE];
    return &find_counter(rates_key(place, counter, slot, key), BYTES(""), HOUR)->value;
}

/* ---- whom it is about ---- */

STORY(own_networks_and_trusted_forwarders_are_not_counted)
{
    static const char *const exempt[] = {"10.1.2.3", "198.51.100.9", "203.0.113.77", "203.0.113.88"};
    struct client clients[4];
    world.more = "rates { connections = 1 network-connections = 1 connections-per-window = 1 messages = 1 errors = 1 "
                 "unknown-recipients = 1 helo-messages = 1 }\n"
                 "host printer { networks = [198.51.100.9] senders = [\"@vouch.example\"] }\n"
                 "forwarder old { networks = [203.0.113.77] }\n"
                 "policy other { trusted-forwarders = [203.0.113.88] }\n";
    world_start();
    for (size_t i = 0; i < countof(exempt); i++) {
        for (size_t k = 0; k < countof(clients); k++)
            greet(&clients[k], exempt[i]);
        for (size_t k = 0; k < 4; k++) {
            check(talk(&clients[0], "MAIL FROM:<a@vouch.example>\r\n") == 250);
            check(talk(&clients[0], "RCPT TO:<unknown@vouch.example>\r\n") == 550);
            check(talk(&clients[0], "RSET\r\n") == 250);
        }
        for (size_t k = 0; k < countof(clients); k++)
            hang_up(&clients[k]);
        check(map_count(the_edge()->rates->connections) == 0);
    }
    /* The counters of accounts are others. */
    struct rates_place_key address, network;
    for (size_t i = 0; i < countof(exempt); i++) {
        from_ip(exempt[i], &address, &network);
        check(*counter_of(&address, RATES_UNKNOWN, 0) == 0 && *counter_of(&address, RATES_ERRORS, 0) == 0);
        check(*counter_of(&address, RATES_CONNECTIONS, 0) == 0 && *counter_of(&network, RATES_UNKNOWN, 0) == 0);
    }
    world_end();
}

STORY(users_who_submit_are_not_counted)
{
    struct client clients[3];
    world_with("connections = 1 connections-per-window = 1");
    for (size_t i = 0; i < countof(clients); i++) {
        connect_to(&clients[i], &world.submission, "192.0.2.9");
        check(reply(&clients[i]) == 220);
    }
    for (size_t i = 0; i < countof(clients); i++)
        hang_up(&clients[i]);
    check(world.script.counter_count == 0);
    world_end();
}

STORY(where_nothing_is_limited_nothing_is_asked)
{
    struct client client;
    world_with("connections = 0 network-connections = 0 errors = 0 unknown-recipients = 0 tarpit = 0");
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<unknown@vouch.example>\r\n") == 550);
    hang_up(&client);
    check(world.script.counter_count == 0);
    world_end();
}

STORY(behind_a_relay_of_ours_the_client_that_it_names_is_counted)
{
    struct client client;
    static const char text[] =
        "Received: from x.example (x.example [192.0.2.7]) by relay.vouch.example with ESMTP; "
        "Sat, 21 Nov 2026 10:00:00 +0000\r\n"
        "From: a@x.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\nhi\r\n.\r\n";
    world.more = "rates { messages = 1 connections-per-window = 1 }\n"
                 "upstream relay { networks = [203.0.113.5] hops = 1 }\n";
    world_start();
    for (unsigned i = 0; i < 3; i++) {
        greet(&client, "203.0.113.5");
        check(talk(&client, "MAIL FROM:<a@x.example>\r\n") == 250);
        check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
        check(talk(&client, "DATA\r\n") == 354);
        check(talk(&client, text) == (i ? 450 : 250));
        hang_up(&client);
    }
    check(said(&client, "192.0.2.7"));
    world_end();
}

STORY(behind_a_proxy_the_client_is_counted_and_not_the_proxy)
{
    struct client client;
    world_with("connections-per-window = 1");
    struct smtp_server proxied = the_edge()->servers[0];
    proxied.proxy_protocol = true;
    for (unsigned i = 0; i < 4; i++) {
        char line[128];
        connect_to(&client, &proxied, "203.0.113.5");
        snprintf(line, sizeof(line), "PROXY TCP4 192.0.2.%u 198.51.100.2 40000 25\r\n", i / 2 + 1);
        put(&client, line);
        check(reply(&client) == (i % 2 ? 421 : 220));
        hang_up(&client);
    }
    check(said(&client, "192.0.2.2"));
    world_end();
}

STORY(a_store_that_does_not_count_limits_nobody)
{
    struct client client;
    world_with("connections-per-window = 1 messages = 1 errors = 1 unknown-recipients = 1");
    world.script.cannot_count = true;
    for (unsigned i = 0; i < 3; i++) {
        greet(&client, "192.0.2.1");
        check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
        hang_up(&client);
    }
    world_end();
}

/* ---- connections ---- */

STORY(an_address_has_so_many_connections_and_gets_them_again)
{
    struct client clients[3], other;
    world_with("connections = 2");
    for (unsigned round = 0; round < 3; round++) {
        greet(&clients[0], "192.0.2.1");
        greet(&clients[1], "192.0.2.1");
        for (unsigned i = 0; i < 20; i++) {
            connect_from(&clients[2], "192.0.2.1");
            check(reply(&clients[2]) == 421 && said(&clients[2], "4.7.0") && said(&clients[2], "2 at a time"));
            check(reply(&clients[2]) == 0);
            hang_up(&clients[2]);
        }
        greet(&other, "192.0.2.2");
        hang_up(&other);
        hang_up(&clients[0]);
        greet(&clients[0], "192.0.2.1");
        hang_up(&clients[0]);
        hang_up(&clients[1]);
    }
    fiber_sleep(SECOND);
    check(map_count(the_edge()->rates->connections) == 0);
    world_end();
}

STORY(a_network_has_so_many_connections_ipv6_by_64)
{
    static const char *const addresses[][4] = {
        {"192.0.2.1", "192.0.2.200", "192.0.2.3", "192.0.3.1"},
        {"2001:db8::1", "2001:db8::2:1", "2001:db8::ffff", "2001:db8:0:1::1"},
    };
    struct client clients[4];
    world_with("connections = 2 network-connections = 2");
    for (size_t i = 0; i < countof(addresses); i++) {
        greet(&clients[0], addresses[i][0]);
        greet(&clients[1], addresses[i][1]);
        connect_from(&clients[2], addresses[i][2]);
        check(reply(&clients[2]) == 421 && said(&clients[2], "your network") && said(&clients[2], i ? "/64" : "/24"));
        hang_up(&clients[2]);
        greet(&clients[3], addresses[i][3]);
        hang_up(&clients[3]);
        hang_up(&clients[0]);
        hang_up(&clients[1]);
    }
    world_end();
}

static uint64_t minute_now(void)
{
    return (uint64_t)(loop_epoch() / 60);
}

/* What the others say is believed for a minute: none of them can lock a client out by dying. */
STORY(all_edges_together_hold_the_limit_and_forget_one_that_died)
{
    struct rates_place_key address, network;
    struct client first, second;
    world_with("connections = 10");
    the_edge()->rates->edges = 4;
    from_ip("192.0.2.1", &address, &network);
    *counter_of(&address, RATES_OPENED, minute_now()) = 30;
    *counter_of(&address, RATES_CLOSED, minute_now()) = 20;
    connect_from(&first, "192.0.2.1");
    check(reply(&first) == 421 && said(&first, "10 at a time"));
    hang_up(&first);
    *counter_of(&address, RATES_CLOSED, minute_now()) += 1;
    greet(&first, "192.0.2.1");
    /* That edge dies now, and nobody says that its connections are gone. */
    connect_from(&second, "192.0.2.1");
    check(reply(&second) == 421);
    hang_up(&second);
    fiber_sleep(2 * MINUTE);
    greet(&second, "192.0.2.1");
    hang_up(&second);
    hang_up(&first);
    world_end();
}

/* Opened less closed is what is there, in each minute anew. */
STORY(an_edge_tells_the_others_how_many_it_has)
{
    struct rates_place_key address, network;
    struct client clients[8];
    world_with("connections = 20 network-connections = 0");
    the_edge()->rates->edges = 2;
    from_ip("192.0.2.1", &address, &network);
    for (size_t i = 0; i < 2; i++)
        greet(&clients[i], "192.0.2.1");
    check(*counter_of(&address, RATES_OPENED, minute_now()) == 0);
    for (size_t i = 2; i < 8; i++)
        greet(&clients[i], "192.0.2.1");
    check(*counter_of(&address, RATES_OPENED, minute_now()) == 8);
    hang_up(&clients[7]);
    hang_up(&clients[6]);
    fiber_sleep(SECOND);
    check(*counter_of(&address, RATES_CLOSED, minute_now()) == 2);
    for (unsigned i = 0; i < 3; i++) {
        fiber_sleep(MINUTE);
        check(*counter_of(&address, RATES_OPENED, minute_now()) == 6);
        check(*counter_of(&address, RATES_CLOSED, minute_now()) == 0);
    }
    for (size_t i = 0; i < 6; i++)
        hang_up(&clients[i]);
    fiber_sleep(SECOND);
    check(*counter_of(&address, RATES_CLOSED, minute_now()) == 6);
    fiber_sleep(2 * MINUTE);
    check(*counter_of(&address, RATES_OPENED, minute_now()) == 0);
    check(!the_edge()->rates->renewing && !the_edge()->rates->telling && the_edge()->rates->many == 0);
    world_end();
}

STORY(connections_in_a_window_are_limited_and_come_back)
{
    struct client client;
    world_with("window = 10m connections-per-window = 3");
    for (unsigned i = 0; i < 8; i++) {
        connect_from(&client, "192.0.2.1");
        check(reply(&client) == (i < 3 ? 220 : 421));
        check(i < 3 || said(&client, "Too many connections from your address 192.0.2.1: 3 in 10 minutes"));
        hang_up(&client);
        fiber_sleep(MINUTE);
    }
    fiber_sleep(2 * MINUTE);
    greet(&client, "192.0.2.1");
    hang_up(&client);
    world_end();
}

/* ---- messages ---- */

static unsigned mail_from(const char *ip, const char *sender, const char *recipient)
{
    struct client client;
    char line[512];
    connect_from(&client, ip);
    check(reply(&client) == 220);
    check(talk(&client, "EHLO mail.good.example\r\n") == 250);
    snprintf(line, sizeof(line), "MAIL FROM:<%s>\r\n", sender);
    unsigned code = talk(&client, line);
    snprintf(line, sizeof(line), "RCPT TO:<%s@vouch.example>\r\n", recipient);
    if (code == 250)
        code = talk(&client, line);
    if (code == 250)
        code = talk(&client, "DATA\r\n");
    if (code == 354) {
        snprintf(line, sizeof(line), "From: %s\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nhello\r\n.\r\n", sender);
        code = talk(&client, line);
    }
    hang_up(&client);
    return code;
}

STORY(messages_of_an_address_are_limited_in_a_window)
{
    struct client client;
    world_with("window = 10m messages = 2");
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "1") == 250);
    check(holds(world.script.record.evidence, "\"rate\"") == false);
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "2") == 250);
    check(holds(world.script.record.evidence, "\"rate\"")); /* nearly met is evidence */
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "3") == 450);
    check(said(&client, "4.7.1") && said(&client, "messages from your address 192.0.2.1: 2 in 10 minutes"));
    /* In the same session there is no need to send all of it again; in another neither. */
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 450 && said(&client, "2 in 10 minutes"));
    hang_up(&client);
    check(mail_from("192.0.2.1", "a@good.example", "alice") == 450);
    check(mail_from("192.0.2.2", "a@x.example", "alice") == 250);
    fiber_sleep(11 * MINUTE);
    check(mail_from("192.0.2.1", "a@good.example", "alice") == 250);
    check(world.script.deliveries == 4);
    world_end();
}

STORY(messages_of_a_network_are_limited)
{
    world_with("network-messages = 2");
    check(mail_from("192.0.2.1", "a@x.example", "alice") == 250);
    check(mail_from("192.0.2.2", "a@x.example", "alice") == 250);
    check(mail_from("192.0.2.3", "a@x.example", "alice") == 450);
    check(mail_from("192.0.3.3", "a@x.example", "alice") == 250);
    check(mail_from("2001:db8::1", "a@x.example", "alice") == 250);
    check(mail_from("2001:db8::2", "a@x.example", "alice") == 250);
    check(mail_from("2001:db8::3", "a@x.example", "alice") == 450);
    world_end();
}

STORY(octets_are_limited_but_a_single_large_message_passes_once)
{
    struct client client;
    char body[3000];
    memset(body, 'x', sizeof(body));
    body[sizeof(body) - 1] = '\0';
    for (size_t i = 70; i + 2 < sizeof(body); i += 72)
        memcpy(body + i, "\r\n", 2);
    body[700] = '\0';
    world_with("octets = 500");
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", body) == 250);
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 450);
    check(said(&client, "octets from your address"));
    hang_up(&client);
    world_end();
}

STORY(recipients_of_an_address_are_limited)
{
    struct client client;
    world_with("recipients = 3");
    greet(&client, "192.0.2.1");
    for (unsigned i = 0; i < 2; i++) {
        check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
        check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
        check(talk(&client, "RCPT TO:<bob@vouch.example>\r\n") == 250);
        check(talk(&client, "DATA\r\n") == 354);
        check(talk(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == (i ? 450 : 250));
    }
    check(said(&client, "recipients from your address"));
    hang_up(&client);
    /* What was refused did not count. */
    check(mail_from("192.0.2.1", "a@good.example", "alice") == 250);
    check(mail_from("192.0.2.1", "a@good.example", "alice") == 450);
    world_end();
}

STORY(a_helo_name_that_is_not_the_clients_is_limited_over_all_addresses)
{
    world_with("helo-messages = 2");
    /* mail.good.example is 192.0.2.1. */
    for (unsigned i = 0; i < 4; i++)
        check(mail_from("192.0.2.1", "a@good.example", "alice") == 250);
    check(mail_from("198.51.100.1", "a@x.example", "alice") == 250);
    check(mail_from("198.51.101.1", "a@x.example", "alice") == 250);
    check(mail_from("198.51.102.1", "a@x.example", "alice") == 450);
    check(mail_from("192.0.2.1", "a@good.example", "alice") == 250);
    world_end();
}

STORY(an_authenticated_domain_is_limited_and_a_forged_one_is_not_charged)
{
    world_with("domain-messages = 2");
    for (unsigned i = 0; i < 4; i++)
        check(mail_from("198.51.100.1", "a@soft.example", "alice") == 250); /* nobody answers for it */
    check(mail_from("192.0.2.1", "a@good.example", "alice") == 250);
    check(mail_from("192.0.2.1", "a@good.example", "alice") == 250);
    check(mail_from("192.0.2.1", "a@good.example", "alice") == 450);
    check(mail_from("192.0.2.1", "a@helo.example", "alice") == 250);
    world_end();
}

STORY(one_recipient_is_put_off_alone)
{
    struct client client;
    world_with("recipient-messages = 2");
    check(mail_from("192.0.2.1", "a@good.example", "alice") == 250);
    check(mail_from("192.0.2.2", "a@x.example", "Alice+news") == 250);
    greet(&client, "192.0.2.3");
    check(talk(&client, "MAIL FROM:<a@x.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice+other@vouch.example>\r\n") == 450);
    check(said(&client, "messages to alice@vouch.example: 2 in"));
    check(talk(&client, "RCPT TO:<bob@vouch.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@x.example\r\n\r\nhi\r\n.\r\n") == 250);
    hang_up(&client);
    world_end();
}

STORY(many_recipients_are_counted_each)
{
    struct client client;
    char line[128];
    world_with("recipient-messages = 1 messages = 5");
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    for (unsigned i = 0; i < 60; i++) {
        snprintf(line, sizeof(line), "RCPT TO:<user%u@vouch.example>\r\n", i);
        check(talk(&client, line) == 250);
    }
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<user0@vouch.example>\r\n") == 450);
    check(talk(&client, "RCPT TO:<user30@vouch.example>\r\n") == 450);
    check(talk(&client, "RCPT TO:<user59@vouch.example>\r\n") == 450);
    check(talk(&client, "RCPT TO:<user60@vouch.example>\r\n") == 250);
    hang_up(&client);
    world_end();
}

/* ---- errors ---- */

STORY(who_makes_too_many_errors_is_turned_away_for_the_rest_of_the_window)
{
    struct client client;
    world_with("window = 10m errors = 5 unknown-recipients = 0 tarpit = 0");
    greet(&client, "192.0.2.1");
    for (unsigned i = 0; i < 6; i++)
        check(talk(&client, "NONSENSE\r\n") == 500);
    hang_up(&client);
    fiber_sleep(SECOND);
    connect_from(&client, "192.0.2.1");
    check(reply(&client) == 421 && said(&client, "errors from your address 192.0.2.1: 5 in 10 minutes"));
    hang_up(&client);
    greet(&client, "192.0.2.2");
    hang_up(&client);
    fiber_sleep(9 * MINUTE);
    connect_from(&client, "192.0.2.1");
    check(reply(&client) == 421);
    hang_up(&client);
    fiber_sleep(2 * MINUTE);
    greet(&client, "192.0.2.1");
    hang_up(&client);
    world_end();
}

STORY(errors_are_noticed_within_a_session_that_does_not_end)
{
    struct client client;
    unsigned code = 0;
    world_with("errors = 30 unknown-recipients = 0 tarpit = 0");
    greet(&client, "192.0.2.1");
    for (unsigned i = 0; i < 80 && code != 421; i++) {
        code = talk(&client, "MAIL FROM:<a@good.example>\r\n");
        if (code == 250) {
            check(talk(&client, "RCPT TO:<unknown@vouch.example>\r\n") == 550);
            check(talk(&client, "RSET\r\n") == 250);
        }
    }
    check(code == 421 && said(&client, "Too many errors"));
    hang_up(&client);
    world_end();
}

STORY(good_mail_makes_up_for_errors)
{
    struct client client;
    world_with("errors = 5 unknown-recipients = 0 tarpit = 0");
    for (unsigned round = 0; round < 5; round++) {
        greet(&client, "192.0.2.1");
        for (unsigned i = 0; i < 3; i++) {
            check(talk(&client, "NONSENSE\r\n") == 500);
            check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
        }
        hang_up(&client);
        fiber_sleep(SECOND);
    }
    world_end();
}

STORY(what_is_our_own_trouble_is_no_error_of_the_client)
{
    struct client client;
    world_with("errors = 3");
    world.script.code = 451;
    world.script.enhanced = "4.3.0";
    for (unsigned i = 0; i < 6; i++) {
        greet(&client, "192.0.2.1");
        check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 451);
        hang_up(&client);
        fiber_sleep(SECOND);
    }
    world_end();
}

/* ---- nolisting ---- */

static void world_with_three(void)
{
    world.more = "listener best { address = [127.0.0.2:25] tls = none nolisting = refuse }\n"
                 "listener worst { address = [127.0.0.3:25] tls = none nolisting = trap }\n";
    world_start();
}

enum { REAL, BEST, WORST };

static void visit_best(const char *ip)
{
    struct client client;
    connect_to(&client, &the_edge()->servers[BEST], ip);
    check(reply(&client) == 421 && said(&client, "4.3.2") && said(&client, "try the next MX host"));
    check(reply(&client) == 0);
    hang_up(&client);
}

static void visit_worst(const char *ip)
{
    struct client client;
    connect_to(&client, &the_edge()->servers[WORST], ip);
    check(reply(&client) == 220);
    check(talk(&client, "EHLO mail.good.example\r\n") == 250);
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 450 && said(&client, "4.3.2"));
    check(talk(&client, "RCPT TO:<postmaster>\r\n") == 450);
    check(talk(&client, "DATA\r\n") == 554);
    hang_up(&client);
    fiber_sleep(SECOND);
}

/* What the real listener finds. */
static bool finds(const char *ip, const char *state)
{
    check(mail_from(ip, "a@good.example", "alice") / 100 != 4);
    return holds(world.script.record.evidence, "\"nolist\"") &&
           holds(world.script.record.evidence, state ? state : "\"nolist\"");
}

STORY(who_tries_the_next_mx_has_done_as_he_should)
{
    world_with_three();
    visit_best("192.0.2.1");
    check(finds("192.0.2.9", "tried-next")); /* a neighbour may retry */
    check(finds("192.0.2.1", "tried-next"));
    check(!finds("198.51.100.1", NULL));
    fiber_sleep(55 * MINUTE);
    check(finds("192.0.2.1", "tried-next"));
    fiber_sleep(40 * MINUTE);
    check(!finds("192.0.2.1", NULL));
    check(world.script.questions == 5);
    world_end();
}

STORY(who_comes_by_the_trap_is_known_by_it)
{
    world_with_three();
    visit_worst("192.0.2.1");
    check(finds("192.0.2.1", "trap"));
    fiber_sleep(20 * HOUR);
    check(finds("192.0.2.1", "trap"));
    fiber_sleep(20 * HOUR);
    check(!finds("192.0.2.1", NULL));
    check(world.script.deliveries == 3);
    world_end();
}

STORY(who_tried_others_before_may_come_to_the_last)
{
    world_with_three();
    visit_best("192.0.2.1");
    visit_worst("192.0.2.1");
    check(finds("192.0.2.1", "tried-next"));
    check(!finds("198.51.100.1", NULL));
    fiber_sleep(20 * HOUR);
    visit_worst("198.51.100.1");
    check(!finds("198.51.100.1", NULL));
    world_end();
}

STORY(own_networks_leave_no_trace_at_such_listeners)
{
    world_with_three();
    visit_best("10.0.0.1");
    visit_worst("10.0.0.1");
    check(!finds("10.0.0.1", NULL));
    check(world.script.counter_count == 0);
    world_end();
}

/* ---- conduct ---- */

STORY(each_misbehaviour_is_evidence_of_its_own)
{
    static const char *const kinds[] = {"early-talker", "pipelining", "helo-changed", "errors"};
    struct client client;
    world.limits = "greeting-delay = 2s";
    world_with("connections = 0");
    connect_from(&client, "192.0.2.1");
    put(&client, "EHLO mail.good.example\r\n");
    check(reply(&client) == 220 && reply(&client) == 250);
    check(talk(&client, "EHLO other.example\r\n") == 250);
    for (unsigned i = 0; i < 5; i++)
        check(talk(&client, "NONSENSE\r\n") == 500);
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
    put(&client, "DATA\r\nFrom: a@good.example\r\n\r\nhi\r\n.\r\n");
    check(reply(&client) == 354 && reply(&client) == 250);
    for (size_t i = 0; i < countof(kinds); i++)
        check(holds(world.script.request.record.evidence, kinds[i]));
    hang_up(&client);
    greet(&client, "192.0.2.1");
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    check(!holds(world.script.request.record.evidence, "\"session\""));
    hang_up(&client);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_networks_and_trusted_forwarders_are_not_counted),
        cmocka_unit_test(users_who_submit_are_not_counted),
        cmocka_unit_test(where_nothing_is_limited_nothing_is_asked),
        cmocka_unit_test(behind_a_relay_of_ours_the_client_that_it_names_is_counted),
        cmocka_unit_test(behind_a_proxy_the_client_is_counted_and_not_the_proxy),
        cmocka_unit_test(a_store_that_does_not_count_limits_nobody),
        cmocka_unit_test(an_address_has_so_many_connections_and_gets_them_again),
        cmocka_unit_test(a_network_has_so_many_connections_ipv6_by_64),
        cmocka_unit_test(all_edges_together_hold_the_limit_and_forget_one_that_died),
        cmocka_unit_test(an_edge_tells_the_others_how_many_it_has),
        cmocka_unit_test(connections_in_a_window_are_limited_and_come_back),
        cmocka_unit_test(messages_of_an_address_are_limited_in_a_window),
        cmocka_unit_test(messages_of_a_network_are_limited),
        cmocka_unit_test(octets_are_limited_but_a_single_large_message_passes_once),
        cmocka_unit_test(recipients_of_an_address_are_limited),
        cmocka_unit_test(a_helo_name_that_is_not_the_clients_is_limited_over_all_addresses),
        cmocka_unit_test(an_authenticated_domain_is_limited_and_a_forged_one_is_not_charged),
        cmocka_unit_test(one_recipient_is_put_off_alone),
        cmocka_unit_test(many_recipients_are_counted_each),
        cmocka_unit_test(who_makes_too_many_errors_is_turned_away_for_the_rest_of_the_window),
        cmocka_unit_test(errors_are_noticed_within_a_session_that_does_not_end),
        cmocka_unit_test(good_mail_makes_up_for_errors),
        cmocka_unit_test(what_is_our_own_trouble_is_no_error_of_the_client),
        cmocka_unit_test(who_tries_the_next_mx_has_done_as_he_should),
        cmocka_unit_test(who_comes_by_the_trap_is_known_by_it),
        cmocka_unit_test(who_tried_others_before_may_come_to_the_last),
        cmocka_unit_test(own_networks_leave_no_trace_at_such_listeners),
        cmocka_unit_test(each_misbehaviour_is_evidence_of_its_own),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
