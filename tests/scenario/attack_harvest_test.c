/* SPDX-License-Identifier: BSD-2-Clause */
/* Harvesting: names that are guessed, one after the other, over connections, addresses and edges; and those who
 * are no harvesters. */
#include "edge_world.h"

#include "roles/edge_rates.h"

static void world_with(const char *rates)
{
    static char text[2048];
    snprintf(text, sizeof(text), "rates { %s }\n", rates);
    world.more = text;
    world_start();
}

/* How long the greeting takes. */
static int64_t greeting_after(struct client *client, const char *ip)
{
    int64_t begun = loop_now();
    connect_from(client, ip);
    check(reply(client) == 220);
    return (loop_now() - begun) / SECOND;
}

static void begin_mail(struct client *client)
{
    check(talk(client, "EHLO mail.good.example\r\n") == 250);
    check(talk(client, "MAIL FROM:<a@good.example>\r\n") == 250);
}

/* One session that guesses; the last reply. */
static unsigned guess(const char *ip, unsigned count, unsigned *guessed)
{
    struct client client;
    char line[128];
    unsigned code = 550;
    greeting_after(&client, ip);
    begin_mail(&client);
    for (unsigned i = 0; i < count && code == 550; i++) {
        snprintf(line, sizeof(line), "RCPT TO:<unknown%u@vouch.example>\r\n", i);
        code = talk(&client, line);
        *guessed += code == 550;
    }
    if (code == 421) {
        check(said(&client, "4.7.0") && said(&client, "unknown recipients"));
        check(reply(&client) == 0);
    }
    hang_up(&client);
    fiber_sleep(SECOND);
    return code;
}

STORY(the_next_connection_of_a_guesser_takes_longer)
{
    struct client client;
    unsigned guessed = 0;
    world_with("window = 10m unknown-recipients = 20 tarpit = 2s tarpit-most = 15s");
    check(greeting_after(&client, "192.0.2.1") == 0);
    hang_up(&client);
    check(guess("192.0.2.1", 5, &guessed) == 550);
    check(greeting_after(&client, "192.0.2.1") == 6); /* two were free */
    hang_up(&client);
    check(greeting_after(&client, "192.0.3.1") == 0);
    hang_up(&client);
    check(guess("192.0.2.1", 10, &guessed) == 550);
    check(greeting_after(&client, "192.0.2.1") == 15);
    hang_up(&client);
    fiber_sleep(11 * MINUTE);
    check(greeting_after(&client, "192.0.2.1") == 0);
    hang_up(&client);
    world_end();
}

STORY(who_speaks_while_the_greeting_waits_is_an_early_talker_and_waits_all_the_same)
{
    struct client client;
    unsigned guessed = 0;
    world_with("tarpit = 5s tarpit-most = 30s");
    check(guess("192.0.2.1", 4, &guessed) == 550);
    int64_t begun = loop_now();
    connect_from(&client, "192.0.2.1");
    put(&client, "EHLO mail.good.example\r\n");
    check(reply(&client) == 220 && loop_now() - begun == 10 * SECOND);
    check(reply(&client) == 250);
    check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    check(holds(world.script.request.record.evidence, "early-talker"));
    hang_up(&client);
    world_end();
}

STORY(a_client_that_hangs_up_while_it_waits_leaves_at_once)
{
    struct client client;
    unsigned guessed = 0;
    world_with("tarpit = 60s tarpit-most = 60s");
    check(guess("192.0.2.1", 4, &guessed) == 550);
    connect_from(&client, "192.0.2.1");
    fiber_sleep(SECOND);
    check(map_count(the_edge()->clients) == 1);
    hang_up(&client);
    check(map_count(the_edge()->clients) == 0);
    world_end();
}

STORY(a_typo_costs_nothing)
{
    struct client client;
    unsigned guessed = 0;
    world_with("unknown-recipients = 20 tarpit = 2s");
    check(guess("192.0.2.1", 1, &guessed) == 550);
    check(greeting_after(&client, "192.0.2.1") == 0);
    hang_up(&client);
    check(guess("192.0.2.1", 1, &guessed) == 550);
    check(greeting_after(&client, "192.0.2.1") == 0);
    hang_up(&client);
    world_end();
}

STORY(good_mail_makes_the_delay_shorter)
{
    struct client client;
    unsigned guessed = 0;
    world_with("unknown-recipients = 20 tarpit = 2s");
    check(guess("192.0.2.1", 6, &guessed) == 550);
    check(greeting_after(&client, "192.0.2.1") == 8);
    check(talk(&client, "EHLO mail.good.example\r\n") == 250);
    for (unsigned i = 0; i < 3; i++)
        check(send_mail(&client, "a@good.example", "alice", "a@good.example", "hi") == 250);
    hang_up(&client);
    fiber_sleep(SECOND);
    check(greeting_after(&client, "192.0.2.1") == 2);
    hang_up(&client);
    world_end();
}

STORY(too_many_guesses_end_the_session_at_once)
{
    unsigned guessed = 0;
    world_with("unknown-recipients = 20 tarpit = 0");
    check(guess("192.0.2.1", 100, &guessed) == 421);
    check(guessed == 20);
    /* And every session after that with the first. */
    for (unsigned i = 0; i < 5; i++)
        check(guess("192.0.2.1", 100, &guessed) == 421);
    check(guessed == 20);
    world_end();
}

STORY(guesses_are_counted_over_connections)
{
    unsigned guessed = 0, sessions = 0;
    world_with("unknown-recipients = 20 tarpit = 0");
    while (guess("192.0.2.1", 3, &guessed) == 550)
        check(++sessions < 20);
    check(guessed == 20);
    world_end();
}

/* At the same time, each with few. */
STORY(guesses_of_simultaneous_sessions_are_counted_together)
{
    struct client clients[10];
    unsigned refused = 0, closed = 0;
    world_with("unknown-recipients = 20 tarpit = 0");
    for (size_t i = 0; i < countof(clients); i++) {
        greet(&clients[i], "192.0.2.1");
        check(talk(&clients[i], "MAIL FROM:<a@good.example>\r\n") == 250);
    }
    for (unsigned round = 0; round < 4; round++)
        for (size_t i = 0; i < countof(clients); i++) {
            unsigned code = talk(&clients[i], "RCPT TO:<unknown@vouch.example>\r\n");
            refused += code == 550;
            closed += code == 421;
        }
    check(refused == 20 && closed == 10);
    for (size_t i = 0; i < countof(clients); i++)
        hang_up(&clients[i]);
    world_end();
}

/* A network has more than one sender: five times as many, and then all its addresses. */
STORY(guesses_are_counted_over_the_addresses_of_a_network)
{
    static const char *const formats[] = {"192.0.2.%u", "2001:db8::%u"};
    for (size_t f = 0; f < countof(formats); f++) {
        unsigned guessed = 0, address = 0;
        char ip[64];
        struct client client;
        world_with("unknown-recipients = 20 tarpit = 1s tarpit-most = 10s");
        do {
            check(++address < 200);
            snprintf(ip, sizeof(ip), formats[f], address);
        } while (guess(ip, 4, &guessed) == 550);
        check(guessed >= 100 && guessed <= 105);
        snprintf(ip, sizeof(ip), formats[f], 250U);
        check(greeting_after(&client, ip) == 10);
        hang_up(&client);
        check(greeting_after(&client, f ? "2001:db8:0:1::1" : "192.0.3.1") == 0);
        hang_up(&client);
        world_end();
    }
}

/* A new edge, or another, knows what the store knows. */
STORY(another_edge_goes_on_counting)
{
    struct client client;
    unsigned guessed = 0;
    world_with("unknown-recipients = 20 tarpit = 1s tarpit-most = 20s");
    check(guess("192.0.2.1", 12, &guessed) == 550);
    edge_rates_destroy(the_edge()->rates);
    the_edge()->rates = edge_rates_create(the_edge());
    check(the_edge()->rates != NULL);
    check(greeting_after(&client, "192.0.2.1") == 10);
    hang_up(&client);
    check(guess("192.0.2.1", 50, &guessed) == 421 && guessed == 20);
    world_end();
}

/* Old addresses among many good ones are what mailing lists have. */
STORY(a_list_with_old_addresses_is_served)
{
    struct client client;
    char line[128];
    unsigned refused = 0;
    world_with("unknown-recipients = 20 tarpit = 1s");
    greeting_after(&client, "192.0.2.1");
    begin_mail(&client);
    for (unsigned i = 0; i < 160; i++) {
        bool old = i % 4 == 3;
        snprintf(line, sizeof(line), "RCPT TO:<%s%u@vouch.example>\r\n", old ? "unknown" : "member", i);
        unsigned code = talk(&client, line);
        check(code == (old ? 550 : 250));
        refused += old;
    }
    check(refused == 40);
    check(talk(&client, "DATA\r\n") == 354);
    check(talk(&client, "From: a@good.example\r\n\r\nhi\r\n.\r\n") == 250);
    hang_up(&client);
    fiber_sleep(SECOND);
    check(greeting_after(&client, "192.0.2.1") == 0);
    hang_up(&client);
    world_end();
}

/* The same good address again and again makes nobody a list. */
STORY(one_known_address_does_not_hide_guesses)
{
    struct client client;
    char line[128];
    unsigned refused = 0, code = 250;
    world_with("unknown-recipients = 20 tarpit = 0");
    greeting_after(&client, "192.0.2.1");
    begin_mail(&client);
    for (unsigned i = 0; i < 90 && code != 421; i++) {
        for (unsigned k = 0; k < 3; k++)
            check(talk(&client, "RCPT TO:<alice@vouch.example>\r\n") == 250);
        snprintf(line, sizeof(line), "RCPT TO:<unknown%u@vouch.example>\r\n", i);
        code = talk(&client, line);
        refused += code == 550;
    }
    check(code == 421 && refused == 20);
    hang_up(&client);
    world_end();
}

/* VRFY and EXPN tell nothing, and are not for free. */
STORY(names_cannot_be_asked_for_otherwise)
{
    struct client client;
    unsigned code, count = 0;
    world_start();
    greet(&client, "192.0.2.1");
    check(talk(&client, "VRFY alice\r\n") == 252);
    check(talk(&client, "VRFY unknown\r\n") == 252);
    check(talk(&client, "EXPN announce\r\n") == 550);
    while ((code = talk(&client, "VRFY alice\r\n")) == 252)
        check(++count < 1000);
    check(code == 421 && world.script.questions == 0);
    hang_up(&client);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_connection_of_a_guesser_takes_longer),
        cmocka_unit_test(who_speaks_while_the_greeting_waits_is_an_early_talker_and_waits_all_the_same),
        cmocka_unit_test(a_client_that_hangs_up_while_it_waits_leaves_at_once),
        cmocka_unit_test(a_typo_costs_nothing),
        cmocka_unit_test(good_mail_makes_the_delay_shorter),
        cmocka_unit_test(too_many_guesses_end_the_session_at_once),
        cmocka_unit_test(guesses_are_counted_over_connections),
        cmocka_unit_test(guesses_of_simultaneous_sessions_are_counted_together),
        cmocka_unit_test(guesses_are_counted_over_the_addresses_of_a_network),
        cmocka_unit_test(another_edge_goes_on_counting),
        cmocka_unit_test(a_list_with_old_addresses_is_served),
        cmocka_unit_test(one_known_address_does_not_hide_guesses),
        cmocka_unit_test(names_cannot_be_asked_for_otherwise),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
