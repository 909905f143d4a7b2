/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mail of our own accounts and hosts at the edge: who may send as whom, what is mended and signed, and how
 * much one account may send.
 */
#include "edge_world.h"

#include "auth/dkim.h"

static const char anna[] = "anna@vouch.example";
static const char hello[] = "From: anna@vouch.example\r\nSubject: hello\r\n\r\nhi\r\n";

/* With these keys in the section "submission". */
static void begin(const char *keys)
{
    static char text[2048];
    snprintf(text, sizeof(text),
             "accounts { file = /etc/vouch/accounts }\nsigning vouch.example { }\n"
             "host printer { networks = [192.0.2.77] senders = [printer@vouch.example] }\n"
             "submission { %s }\n",
             keys);
    world.more = text;
    world_start();
    world.keys_script.signs_for[0] = "vouch.example";
}

/* The code of AUTH. */
static unsigned authenticate(struct client *client, const char *account, const char *password)
{
    char plain[256], line[512];
    struct buf text;
    int length = snprintf(plain, sizeof(plain), "%c%s%c%s", '\0', account, '\0', password);
    buf_init(&text, 512);
    base64_encode(&text, bytes_from(plain, (size_t)length));
    snprintf(line, sizeof(line), "AUTH PLAIN " BYTES_FMT "\r\n", BYTES_ARG(buf_bytes(&text)));
    buf_free(&text);
    return talk(client, line);
}

static void log_in(struct client *client, const char *ip)
{
    connect_to(client, &world.submission, ip);
    check(reply(client) == 220);
    check(talk(client, "EHLO laptop.example\r\n") == 250);
    check(authenticate(client, anna, "good") == 235);
}

/* The first reply that is not positive, or the last. */
static unsigned submit(struct client *client, const char *sender, const char *recipients, const char *text)
{
    char line[1024];
    struct bytes rest = bytes_of(recipients), word;
    snprintf(line, sizeof(line), "MAIL FROM:<%s>\r\n", sender);
    unsigned code = talk(client, line);
    while (code == 250 && rest.len && bytes_split(&rest, ' ', &word)) {
        snprintf(line, sizeof(line), "RCPT TO:<" BYTES_FMT ">\r\n", BYTES_ARG(word));
        code = talk(client, line);
    }
    if (code == 250)
        code = talk(client, "DATA\r\n");
    if (code != 354) {
        put(client, "RSET\r\n");
        struct client ignored = *client;
        check(reply(&ignored) == 250);
        return code;
    }
    put(client, text);
    return talk(client, ".\r\n");
}

static unsigned submit_from(struct client *client, const char *fields)
{
    char text[1024];
    snprintf(text, sizeof(text), "%s\r\nhi\r\n", fields);
    return submit(client, anna, "bob@far.example", text);
}

/* ---- identity (section 1: "must belong to the authenticated account") ---- */

STORY(an_account_sends_anywhere_in_its_own_name)
{
    struct client client;
    begin("");
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "bob@far.example alice@vouch.example", hello) == 250);
    const struct delivery_request *request = &world.script.request;
    check(request->origin == ORIGIN_OURS && bytes_is(request->account, anna));
    check(request->recipient_count == 2);
    check(request->recipients[0].elsewhere && !request->recipients[1].elsewhere);
    check(bytes_is(request->sender, anna) && bytes_is(request->remote_sender, anna));
    /* With a detail, and what notifications about reading need (RFC 8098, 3). */
    check(submit(&client, "anna+lists@vouch.example", "bob@far.example", hello) == 250);
    check(submit(&client, "", "bob@far.example", hello) == 250);
    hang_up(&client);
    world_end();
}

STORY(who_has_not_authenticated_or_failed_sends_nothing)
{
    struct client client;
    begin("");
    connect_to(&client, &world.submission, "203.0.113.5");
    check(reply(&client) == 220);
    check(talk(&client, "EHLO laptop.example\r\n") == 250);
    check(talk(&client, "MAIL FROM:<anna@vouch.example>\r\n") == 530);
    check(authenticate(&client, anna, "bad") == 535);
    check(talk(&client, "MAIL FROM:<anna@vouch.example>\r\n") == 530);
    check(world.keys_script.logins == 1);
    hang_up(&client);
    world_end();
}

STORY(a_return_path_that_is_not_the_accounts_is_refused)
{
    struct client client;
    begin("");
    log_in(&client, "203.0.113.5");
    check(submit(&client, "boss@vouch.example", "bob@far.example", hello) == 553);
    check(said(&client, "5.7.1") && said(&client, "boss@vouch.example"));
    check(submit(&client, "anna@good.example", "bob@far.example", hello) == 553);
    check(submit(&client, "annab@vouch.example", "bob@far.example", hello) == 553);
    check(world.script.deliveries == 0);
    hang_up(&client);
    world_end();
}

STORY(every_author_and_the_sender_field_must_be_the_accounts)
{
    struct client client;
    begin("");
    log_in(&client, "203.0.113.5");
    check(submit_from(&client, "From: boss@vouch.example\r\n") == 550);
    check(said(&client, "5.7.1"));
    check(submit_from(&client, "From: anna@vouch.example, boss@vouch.example\r\n") == 550);
    check(submit_from(&client, "From: anna@vouch.example\r\nSender: boss@vouch.example\r\n") == 550);
    check(submit_from(&client, "From: anna@vouch.example\r\nFrom: boss@vouch.example\r\n") == 550);
    check(submit_from(&client, "Subject: who\r\n") == 550);
    check(world.script.deliveries == 0);
    check(submit_from(&client, "From: anna@vouch.example\r\nSender: anna@vouch.example\r\n") == 250);
    hang_up(&client);
    world_end();
}

STORY(aliases_and_delegated_addresses_belong_to_the_account)
{
    struct client client;
    begin("");
    world.keys_script.send_as[0] = "sales@vouch.example";
    world.keys_script.send_as[1] = "@shop.example";
    world.script.owned[0] = "info@vouch.example";
    log_in(&client, "203.0.113.5");
    check(submit(&client, "sales@vouch.example", "bob@far.example",
                 "From: sales@vouch.example\r\n\r\nhi\r\n") == 250);
    check(submit(&client, "any@shop.example", "bob@far.example", "From: any@shop.example\r\n\r\nhi\r\n") ==
          250);
    check(world.script.owner_questions == 0);
    check(submit(&client, "info@vouch.example", "bob@far.example",
                 "From: info@vouch.example\r\n\r\nhi\r\n") == 250);
    check(holds(world.script.request.prefix, "DKIM-Signature:"));
    /* Learnt for that message only; and known in From, too. */
    check(submit_from(&client, "From: anna@vouch.example, info@vouch.example\r\n") == 250);
    check(submit(&client, "team@vouch.example", "bob@far.example", hello) == 553);
    hang_up(&client);
    world_end();
}

/* A store that is being restarted must not turn an alias into a lasting refusal. */
STORY(an_alias_that_cannot_be_asked_about_is_a_temporary_failure)
{
    struct client client;
    begin("");
    log_in(&client, "203.0.113.5");
    world.script.knows_nobody = true;
    check(submit(&client, "info@vouch.example", "bob@far.example", hello) == 451);
    check(submit_from(&client, "From: info@vouch.example\r\n") == 451);
    check(submit_from(&client, "From: anna@vouch.example\r\nSender: info@vouch.example\r\n") == 451);
    check(world.script.deliveries == 0);
    hang_up(&client);
    world_end();
}

STORY(a_message_with_many_authors_does_not_keep_the_store_busy)
{
    struct client client;
    struct buf text;
    begin("foreign-from = add-sender");
    log_in(&client, "203.0.113.5");
    buf_init(&text, 65536);
    buf_add_string(&text, "From: anna@vouch.example");
    for (int i = 0; i < 90; i++)
        buf_printf(&text, ",\r\n a%d@else%d.example", i, i);
    buf_add_string(&text, "\r\n\r\nhi\r\n");
    buf_add_byte(&text, '\0');
    check(submit(&client, anna, "bob@far.example", (const char *)text.ptr) == 250);
    check(world.script.owner_questions <= 25);
    buf_free(&text);
    hang_up(&client);
    world_end();
}

/* rfc6409:8.1, rfc5322:3.6.2 */
STORY(where_the_policy_says_so_a_sender_field_tells_who_sent_it)
{
    struct client client;
    begin("foreign-from = add-sender");
    log_in(&client, "203.0.113.5");
    check(submit_from(&client, "From: someone@good.example\r\n") == 250);
    check(holds(world.script.request.content, "Sender: anna@vouch.example\r\n"));
    /* Section 1: never signed with a d= aligned to a From that the account does not own. */
    check(!holds(world.script.request.prefix, "DKIM-Signature:"));
    check(submit_from(&client, "From: someone@good.example\r\nSender: boss@vouch.example\r\n") == 250);
    check(holds(world.script.request.content, "Sender: anna@vouch.example\r\n"));
    check(!holds(world.script.request.content, "Sender: boss"));
    /* Our own return path would make DMARC take it for the colleague's. */
    check(submit_from(&client, "From: boss@vouch.example\r\nSender: anna@vouch.example\r\n") == 550);
    check(submit_from(&client, "From: anna@vouch.example, boss@vouch.example\r\n") == 550);
    check(submit_from(&client, "Resent-From: boss@vouch.example\r\nFrom: anna@vouch.example\r\n") == 550);
    check(world.keys_script.signatures == 0);
    /* Not even then the return path of another. */
    check(submit(&client, "boss@vouch.example", "bob@far.example", hello) == 553);
    hang_up(&client);
    world_end();
}

/* What it may post to a list hangs on this. */
STORY(the_author_that_was_authenticated_is_the_account_not_what_it_claims)
{
    struct client client;
    begin("foreign-from = add-sender");
    log_in(&client, "203.0.113.5");
    check(submit_from(&client, "From: anna@vouch.example\r\n") == 250);
    check(bytes_is(world.script.request.author, anna));
    check(submit_from(&client, "From: someone@good.example\r\n") == 250);
    check(!bytes_is(world.script.request.author, "someone@good.example"));
    check(submit_from(&client, "From: someone@good.example, anna@vouch.example\r\n") == 250);
    check(!bytes_is(world.script.request.author, "someone@good.example"));
    hang_up(&client);
    world_end();
}

/* ---- hosts ---- */

STORY(a_host_section_sends_without_auth_but_only_as_its_senders)
{
    struct client client;
    begin("");
    greet(&client, "192.0.2.77");
    check(submit(&client, "printer@vouch.example", "bob@far.example",
                 "From: printer@vouch.example\r\n\r\nscan\r\n") == 250);
    check(world.script.request.origin == ORIGIN_OURS);
    check(bytes_is(world.script.request.account, "host:printer"));
    check(holds(world.script.request.prefix, "DKIM-Signature:"));
    check(submit(&client, "director@vouch.example", "bob@far.example", hello) == 553);
    check(submit(&client, "printer@vouch.example", "bob@far.example",
                 "From: director@vouch.example\r\n\r\nbuy\r\n") == 550);
    check(submit(&client, "printer@vouch.example", "alice@vouch.example",
                 "From: director@vouch.example\r\n\r\nbuy\r\n") == 550);
    /* Aliases are for people. */
    world.script.owned[0] = "info@vouch.example";
    check(submit(&client, "info@vouch.example", "bob@far.example", hello) == 553);
    check(world.script.owner_questions == 0 && world.script.deliveries == 1);
    hang_up(&client);
    world_end();
}

STORY(own_networks_alone_and_strangers_do_not_relay)
{
    struct client client;
    begin("");
    greet(&client, "10.0.0.5");
    check(submit(&client, anna, "bob@far.example", hello) == 550);
    check(said(&client, "5.7.1"));
    hang_up(&client);
    greet(&client, "192.0.2.1");
    check(submit(&client, "a@good.example", "bob@far.example", hello) == 550);
    check(said(&client, "5.7.1"));
    hang_up(&client);
    world_end();
}

/* ---- fix-ups and signature ---- */

/* rfc6409:8.1 to 8.6 */
STORY(what_is_missing_is_mended_before_it_is_signed)
{
    struct client client;
    struct message message;
    struct dkim_results results;
    begin("");
    log_in(&client, "203.0.113.5");
    check(submit_from(&client, "From: anna@vouch.example\r\nBcc: secret@far.example\r\n"
                               "Return-Path: <x@x>\r\nSubject: hi\r\n") == 250);
    const struct delivery_request *request = &world.script.request;
    check(holds(request->content, "Date: ") && holds(request->content, "Message-ID: <"));
    check(!holds(request->content, "Bcc") && !holds(request->content, "secret"));
    check(!holds(request->content, "Return-Path"));
    check(holds(request->content, "Subject: hi\r\n"));
    const struct bytes parts[] = {request->remote_prefix, request->content};
    struct dkim_options options = {.now = loop_epoch(), .deadline = loop_deadline(MINUTE)};
    check(message_parse(world.arena, arena_concat(world.arena, parts, 2), &message, NULL) == OK);
    dkim_verify(zone_dns(world.zone), world.arena, &message, &options, &results);
    check(results.count == 1 && results.signatures[0].result == AUTH_PASS);
    check(bytes_is(results.signatures[0].domain, "vouch.example"));
    hang_up(&client);
    world_end();
}

STORY(strangers_mail_is_not_mended_nor_signed)
{
    struct client client;
    begin("");
    greet(&client, "192.0.2.1");
    check(submit(&client, "a@good.example", "alice@vouch.example",
                 "From: a@good.example\r\nBcc: alice@vouch.example\r\n\r\nhi\r\n") == 250);
    check(!holds(world.script.request.content, "Message-ID"));
    check(holds(world.script.request.content, "Bcc: alice"));
    check(!holds(world.script.request.prefix, "DKIM-Signature"));
    hang_up(&client);
    world_end();
}

STORY(what_cannot_be_signed_now_is_put_off)
{
    struct client client;
    begin("");
    log_in(&client, "203.0.113.5");
    lose_keys();
    int64_t begun = loop_now();
    check(submit(&client, anna, "bob@far.example", hello) == 451);
    check(loop_now() - begun <= 60 * SECOND && world.script.deliveries == 0);
    bring_keys();
    check(submit(&client, anna, "bob@far.example", hello) == 250);
    hang_up(&client);
    world_end();
}

STORY(where_the_user_is_can_be_hidden)
{
    struct client client;
    begin("");
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "bob@far.example", hello) == 250);
    check(holds(world.script.request.remote_prefix, "203.0.113.5"));
    hang_up(&client);
    world_end();
    begin("hide-client = yes");
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "bob@far.example", hello) == 250);
    check(holds(world.script.request.remote_prefix, "Received: from"));
    check(!holds(world.script.request.remote_prefix, "203.0.113.5"));
    check(!holds(world.script.request.remote_prefix, "laptop"));
    check(!holds(world.script.request.prefix, "203.0.113.5"));
    hang_up(&client);
    world_end();
}

/* rfc6376:5.3; what somebody else signed stays as it is. */
STORY(mail_is_made_seven_bit_before_it_is_signed)
{
    struct client client;
    begin("seven-bit = yes");
    log_in(&client, "203.0.113.5");
    static const char eight[] = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                                "Content-Transfer-Encoding: 8bit\r\n\r\nGr\303\274\303\237e\r\n";
    char text[1024];
    snprintf(text, sizeof(text), "From: anna@vouch.example\r\n%s", eight);
    check(submit(&client, anna, "bob@far.example", text) == 250);
    check(holds(world.script.request.content, "quoted-printable"));
    check(!holds(world.script.request.content, "\303"));
    check(holds(world.script.request.prefix, "DKIM-Signature:"));
    snprintf(text, sizeof(text), "DKIM-Signature: v=1; a=rsa-sha256; d=far.example; s=s; h=From; bh=AAAA; "
                                 "b=AAAA\r\nFrom: anna@vouch.example\r\n%s", eight);
    check(submit(&client, anna, "bob@far.example", text) == 250);
    check(holds(world.script.request.content, "Gr\303\274\303\237e"));
    hang_up(&client);
    world_end();
}

/* ---- how much (section 1: rate control by account) ---- */

STORY(near_a_limit_replies_are_slow_and_at_it_mail_is_put_off)
{
    struct client client;
    begin("messages-per-hour = 10 soft-limit = 50");
    log_in(&client, "203.0.113.5");
    int64_t last = 0;
    for (int i = 1; i <= 10; i++) {
        int64_t begun = loop_now();
        check(submit(&client, anna, "bob@far.example", hello) == 250);
        int64_t took = loop_now() - begun;
        check(i < 5 ? took < 100 * MILLISECOND : took > last);
        check(took <= 21 * SECOND);
        last = took;
    }
    check(world.script.tells == 0);
    check(submit(&client, anna, "bob@far.example", hello) == 450);
    check(said(&client, "4.7.1") && said(&client, "messages an hour"));
    /* Postmaster is told; the account goes on. */
    check(world.script.tells == 1 && world.script.holds == 0);
    check(strstr(world.script.reason, "messages an hour: 11"));
    check(world.script.deliveries == 10);
    /* Another account is not concerned. */
    check(talk(&client, "QUIT\r\n") == 221);
    hang_up(&client);
    connect_to(&client, &world.submission, "203.0.113.5");
    check(reply(&client) == 220 && talk(&client, "EHLO x.example\r\n") == 250);
    check(authenticate(&client, "bob@vouch.example", "good") == 235);
    check(submit(&client, "bob@vouch.example", "bob@far.example",
                 "From: bob@vouch.example\r\n\r\nhi\r\n") == 250);
    hang_up(&client);
    fiber_sleep(HOUR);
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "bob@far.example", hello) == 250);
    hang_up(&client);
    world_end();
}

/* However long its program tries: what was refused does not count. */
STORY(who_tries_again_and_again_at_a_limit_is_not_taken_for_a_thief)
{
    struct client client;
    begin("messages-per-hour = 3 domains-per-day = 2 soft-limit = 100");
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "a@one.example b@two.example", hello) == 250);
    /* Refused for its domains: no volume either. */
    for (int i = 0; i < 9; i++)
        check(submit(&client, anna, "a@three.example", hello) == 450);
    check(submit(&client, anna, "a@one.example", hello) == 250);
    check(submit(&client, anna, "a@one.example", hello) == 250);
    for (int i = 0; i < 30; i++)
        check(submit(&client, anna, "a@one.example", hello) == 450);
    check(world.script.holds == 0 && strstr(world.script.reason, "messages an hour: 4"));
    hang_up(&client);
    fiber_sleep(HOUR);
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "a@one.example", hello) == 250);
    hang_up(&client);
    world_end();
}

/* Of so many addresses a@far.example, b@far.example, … of one message. */
static unsigned submit_many(struct client *client, int recipients)
{
    char text[1024] = "";
    for (int i = 0; i < recipients; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%sr%d@far.example", i ? " " : "", i);
    return submit(client, anna, text, hello);
}

/* recipients-per-day = 200: 100 are not sudden, and more than that are if they are ten times the average. */
STORY(sudden_volume_holds_the_account_until_it_is_released)
{
    struct client client;
    begin("recipients-per-day = 200 soft-limit = 100");
    log_in(&client, "203.0.113.5");
    for (int i = 0; i < 5; i++)
        check(submit_many(&client, 20) == 250);
    check(world.script.holds == 0);
    check(submit_many(&client, 1) == 450);
    check(world.script.holds == 1 && strstr(world.script.reason, "recipients of this day: 101"));
    check(talk(&client, "MAIL FROM:<anna@vouch.example>\r\n") == 450 && said(&client, "held"));
    /* vouch user release: all that was counted is forgotten. */
    world.script.held = false;
    world.script.released = (uint64_t)loop_epoch();
    for (int i = 0; i < 5; i++)
        check(submit_many(&client, 20) == 250);
    check(world.script.holds == 1);
    hang_up(&client);
    world_end();
}

STORY(who_sends_much_every_week_is_not_sudden)
{
    struct client client;
    begin("recipients-per-day = 200 soft-limit = 100");
    for (int day = 0; day < 8; day++) {
        log_in(&client, "203.0.113.5");
        for (int i = 0; i < (day == 7 ? 8 : 5); i++)
            check(submit_many(&client, 20) == 250);
        hang_up(&client);
        fiber_sleep(DAY);
    }
    check(world.script.holds == 0);
    world_end();
}

/* Else the counters that held it would hold it again. */
STORY(a_released_account_begins_with_counters_of_zero)
{
    struct client client;
    begin("senders-per-day = 1 soft-limit = 100");
    world.keys_script.send_as[0] = "@vouch.example";
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "bob@far.example", hello) == 250);
    check(talk(&client, "MAIL FROM:<b@vouch.example>\r\n") == 450 && world.script.holds == 1);
    world.script.held = false;
    world.script.released = 1;
    check(submit(&client, anna, "bob@far.example", hello) == 250);
    check(world.script.holds == 1);
    hang_up(&client);
    world_end();
}

STORY(recipients_and_octets_count_too)
{
    struct client client;
    begin("recipients-per-hour = 5 soft-limit = 100");
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "a@far.example b@far.example c@far.example", hello) == 250);
    check(submit(&client, anna, "a@far.example b@far.example", hello) == 250);
    check(submit(&client, anna, "a@far.example", hello) == 450);
    check(said(&client, "recipients an hour"));
    hang_up(&client);
    world_end();
    begin("octets-per-day = 200 soft-limit = 100");
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "a@far.example", hello) == 250);
    check(submit(&client, anna, "a@far.example b@far.example", hello) == 450);
    check(said(&client, "octets a day"));
    hang_up(&client);
    fiber_sleep(DAY);
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "a@far.example", hello) == 250);
    hang_up(&client);
    world_end();
}

STORY(many_domains_are_put_off_and_not_taken_for_theft)
{
    struct client client;
    begin("domains-per-day = 2 soft-limit = 100");
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "a@one.example b@ONE.example c@two.example", hello) == 250);
    check(submit(&client, anna, "a@three.example", hello) == 450);
    check(said(&client, "recipient domains"));
    check(world.script.holds == 0 && world.script.tells == 1);
    hang_up(&client);
    world_end();
}

/* However many domains one message goes to: else its client would never hear an answer. */
STORY(a_message_is_delayed_once)
{
    struct client client;
    struct buf names;
    begin("domains-per-day = 160 recipients-per-hour = 160 soft-limit = 50");
    log_in(&client, "203.0.113.5");
    buf_init(&names, 65536);
    for (int i = 0; i < 160; i++)
        buf_printf(&names, "%sa@d%d.example", i ? " " : "", i);
    buf_add_byte(&names, '\0');
    int64_t begun = loop_now();
    check(submit(&client, anna, (const char *)names.ptr, hello) == 250);
    check(loop_now() - begun >= 15 * SECOND && loop_now() - begun <= 21 * SECOND);
    buf_free(&names);
    hang_up(&client);
    world_end();
}

STORY(many_sender_addresses_hold_the_account)
{
    struct client client;
    begin("senders-per-day = 2 soft-limit = 100");
    world.keys_script.send_as[0] = "sales@vouch.example";
    world.keys_script.send_as[1] = "info@vouch.example";
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "bob@far.example", hello) == 250);
    check(submit(&client, "ANNA@vouch.example", "bob@far.example", hello) == 250);
    check(submit(&client, "sales@vouch.example", "bob@far.example", hello) == 250);
    /* What is refused is not counted, and <> is no address. */
    check(submit(&client, "boss@vouch.example", "bob@far.example", hello) == 553);
    check(submit(&client, "", "bob@far.example", hello) == 250);
    check(submit(&client, anna, "bob@far.example", hello) == 250);
    check(submit(&client, "info@vouch.example", "bob@far.example", hello) == 450);
    check(world.script.holds == 1 && strstr(world.script.reason, "sender addresses"));
    check(submit(&client, anna, "bob@far.example", hello) == 450);
    hang_up(&client);
    world_end();
}

/* Section 1. Three such addresses are an oversight, the fourth is a thief's. */
STORY(sender_addresses_that_fail_spf_hold_the_account)
{
    struct client client;
    begin("senders-per-day = 100");
    world.keys_script.send_as[0] = "@bank.example";
    world.keys_script.send_as[1] = "@nothing.example";
    log_in(&client, "203.0.113.5");
    check(submit(&client, "a@bank.example", "bob@far.example", "From: a@bank.example\r\n\r\nhi\r\n") == 250);
    check(submit(&client, "a@bank.example", "bob@far.example", "From: a@bank.example\r\n\r\nhi\r\n") == 250);
    check(submit(&client, "b@bank.example", "bob@far.example", "From: b@bank.example\r\n\r\nhi\r\n") == 250);
    check(submit(&client, "c@bank.example", "bob@far.example", "From: c@bank.example\r\n\r\nhi\r\n") == 250);
    /* A domain without a record, and our own, fail nothing. */
    for (char name = 'a'; name < 'g'; name++) {
        char sender[64], text[128];
        snprintf(sender, sizeof(sender), "%c@nothing.example", name);
        snprintf(text, sizeof(text), "From: %s\r\n\r\nhi\r\n", sender);
        check(submit(&client, sender, "bob@far.example", text) == 250);
    }
    check(submit(&client, anna, "bob@far.example", hello) == 250 && world.script.holds == 0);
    check(submit(&client, "d@bank.example", "bob@far.example", "From: d@bank.example\r\n\r\nhi\r\n") == 450);
    check(world.script.holds == 1 && strstr(world.script.reason, "fail SPF"));
    hang_up(&client);
    world_end();
}

/* rfc5233:1; who makes an address up for each shop is no thief. */
STORY(details_of_an_address_are_not_many_sender_addresses)
{
    struct client client;
    char sender[64];
    begin("senders-per-day = 1 soft-limit = 100");
    log_in(&client, "203.0.113.5");
    for (int i = 0; i < 5; i++) {
        snprintf(sender, sizeof(sender), "anna+%d@vouch.example", i);
        check(submit(&client, sender, "bob@far.example", hello) == 250);
    }
    check(submit(&client, anna, "bob@far.example", hello) == 250);
    check(world.script.holds == 0);
    hang_up(&client);
    world_end();
}

/* A thief's list of domains must not fill the store. */
STORY(past_a_limit_no_member_of_a_set_is_kept)
{
    struct client client;
    char recipient[64];
    begin("domains-per-day = 3 soft-limit = 100");
    log_in(&client, "203.0.113.5");
    check(submit(&client, anna, "a@one.example b@two.example c@three.example", hello) == 250);
    size_t kept = world.script.counter_count;
    for (int i = 0; i < 20; i++) {
        snprintf(recipient, sizeof(recipient), "a@d%d.example", i);
        check(submit(&client, anna, recipient, hello) == 450);
    }
    check(world.script.counter_count == kept);
    hang_up(&client);
    world_end();
}

STORY(many_networks_hold_the_account)
{
    static const char *const places[] = {"203.0.113.5", "203.0.113.77", "198.51.100.9", "192.0.2.200"};
    struct client client;
    begin("networks-per-day = 2 soft-limit = 100");
    for (size_t i = 0; i < countof(places); i++) {
        log_in(&client, places[i]);
        check(submit(&client, anna, "bob@far.example", hello) == (i < 3 ? 250 : 450));
        hang_up(&client);
    }
    check(world.script.holds == 1 && strstr(world.script.reason, "networks"));
    world_end();
    /* Where accounts are not held it is only put off. */
    begin("networks-per-day = 2 soft-limit = 100 hold = no");
    for (size_t i = 0; i < countof(places); i++) {
        log_in(&client, places[i]);
        check(submit(&client, anna, "bob@far.example", hello) == (i < 3 ? 250 : 450));
        hang_up(&client);
    }
    check(world.script.holds == 0 && world.script.tells == 1);
    world_end();
}

STORY(an_account_is_told_that_a_trap_is_nobody)
{
    struct client client;
    begin("unknown-recipients = 40");
    log_in(&client, "203.0.113.5");
    check(talk(&client, "MAIL FROM:<anna@vouch.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<trap-one@vouch.example>\r\n") == 550);
    check(said(&client, "5.1.1 There is no mailbox trap-one@vouch.example here."));
    hang_up(&client);
    world_end();
}

STORY(many_unknown_recipients_hold_the_account)
{
    struct client client;
    char line[128];
    begin("unknown-recipients = 40");
    for (int i = 0; i < 50; i++) {
        if (i % 10 == 0) {
            log_in(&client, "203.0.113.5");
            check(talk(&client, "MAIL FROM:<anna@vouch.example>\r\n") == 250);
        }
        check(world.script.holds == 0);
        snprintf(line, sizeof(line), "RCPT TO:<unknown%d@vouch.example>\r\n", i);
        check(talk(&client, line) == 550);
        if (i % 10 == 9)
            hang_up(&client);
    }
    check(world.script.holds == 1 && strstr(world.script.reason, "unknown"));
    log_in(&client, "203.0.113.5");
    check(talk(&client, "MAIL FROM:<anna@vouch.example>\r\n") == 450);
    hang_up(&client);
    world_end();
}

/* A limit that a crash lifts is none. */
STORY(without_the_store_nothing_is_sent)
{
    struct client client;
    begin("");
    log_in(&client, "203.0.113.5");
    world.script.cannot_count = true;
    check(submit(&client, anna, "bob@far.example", hello) == 451);
    world.script.cannot_count = false;
    check(talk(&client, "MAIL FROM:<anna@vouch.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<bob@far.example>\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    world.script.cannot_count = true;
    put(&client, hello);
    check(talk(&client, ".\r\n") == 451);
    check(world.script.deliveries == 0 && world.script.holds == 0);
    world.script.cannot_count = false;
    lose_store();
    check(submit(&client, anna, "bob@far.example", hello) == 451);
    hang_up(&client);
    world_end();
}

STORY(a_host_is_limited_but_never_held)
{
    struct client client;
    static const char scan[] = "From: printer@vouch.example\r\n\r\nscan\r\n";
    begin("messages-per-hour = 2 soft-limit = 100");
    greet(&client, "192.0.2.77");
    for (int i = 1; i <= 8; i++)
        check(submit(&client, "printer@vouch.example", "bob@far.example", scan) == (i <= 2 ? 250 : 450));
    check(world.script.holds == 0 && world.script.tells > 0);
    hang_up(&client);
    world_end();
}

STORY(an_account_has_so_many_sessions)
{
    struct client clients[2];
    begin("connections = 1");
    log_in(&clients[0], "203.0.113.5");
    connect_to(&clients[1], &world.submission, "203.0.113.5");
    check(reply(&clients[1]) == 220 && talk(&clients[1], "EHLO x.example\r\n") == 250);
    check(authenticate(&clients[1], anna, "good") == 421);
    hang_up(&clients[1]);
    hang_up(&clients[0]);
    log_in(&clients[0], "203.0.113.5");
    hang_up(&clients[0]);
    check(map_count(the_edge()->accounts) == 0);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_sends_anywhere_in_its_own_name),
        cmocka_unit_test(who_has_not_authenticated_or_failed_sends_nothing),
        cmocka_unit_test(a_return_path_that_is_not_the_accounts_is_refused),
        cmocka_unit_test(every_author_and_the_sender_field_must_be_the_accounts),
        cmocka_unit_test(aliases_and_delegated_addresses_belong_to_the_account),
        cmocka_unit_test(an_alias_that_cannot_be_asked_about_is_a_temporary_failure),
        cmocka_unit_test(a_message_with_many_authors_does_not_keep_the_store_busy),
        cmocka_unit_test(where_the_policy_says_so_a_sender_field_tells_who_sent_it),
        cmocka_unit_test(the_author_that_was_authenticated_is_the_account_not_what_it_claims),
        cmocka_unit_test(a_host_section_sends_without_auth_but_only_as_its_senders),
        cmocka_unit_test(own_networks_alone_and_strangers_do_not_relay),
        cmocka_unit_test(what_is_missing_is_mended_before_it_is_signed),
        cmocka_unit_test(strangers_mail_is_not_mended_nor_signed),
        cmocka_unit_test(what_cannot_be_signed_now_is_put_off),
        cmocka_unit_test(where_the_user_is_can_be_hidden),
        cmocka_unit_test(mail_is_made_seven_bit_before_it_is_signed),
        cmocka_unit_test(near_a_limit_replies_are_slow_and_at_it_mail_is_put_off),
        cmocka_unit_test(who_tries_again_and_again_at_a_limit_is_not_taken_for_a_thief),
        cmocka_unit_test(sudden_volume_holds_the_account_until_it_is_released),
        cmocka_unit_test(who_sends_much_every_week_is_not_sudden),
        cmocka_unit_test(a_released_account_begins_with_counters_of_zero),
        cmocka_unit_test(recipients_and_octets_count_too),
        cmocka_unit_test(many_domains_are_put_off_and_not_taken_for_theft),
        cmocka_unit_test(a_message_is_delayed_once),
        cmocka_unit_test(many_sender_addresses_hold_the_account),
        cmocka_unit_test(sender_addresses_that_fail_spf_hold_the_account),
        cmocka_unit_test(details_of_an_address_are_not_many_sender_addresses),
        cmocka_unit_test(past_a_limit_no_member_of_a_set_is_kept),
        cmocka_unit_test(many_networks_hold_the_account),
        cmocka_unit_test(an_account_is_told_that_a_trap_is_nobody),
        cmocka_unit_test(many_unknown_recipients_hold_the_account),
        cmocka_unit_test(without_the_store_nothing_is_sent),
        cmocka_unit_test(a_host_is_limited_but_never_held),
        cmocka_unit_test(an_account_has_so_many_sessions),
    };
    signal(SIGPIPE, SIG_IGN);
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
