/* SPDX-License-Identifier: BSD-2-Clause */
/* One message to one destination: which server, how often, and what is said of whom. */
#include "outbound/server_fixture.h"

#include "smtp/server.h"

static char folder[] = "/tmp/deliver_test.XXXXXX";
static char chain[64], key[64];
static struct tls_server *good_tls, *other_tls;
static struct tls_client *tls_client;

static int64_t fixture_epoch(void)
{
    return time(NULL);
}

static int set_up(void **state)
{
    struct error error;
    assert_non_null(mkdtemp(folder));
    snprintf(chain, sizeof(chain), "%s/a.pem", folder);
    snprintf(key, sizeof(key), "%s/a.key", folder);
    good_tls = tls_server_create(&error);
    other_tls = tls_server_create(&error);
    assert_int_equal(tls_server_add_self_signed(good_tls, "a.example", chain, key, &error), OK);
    assert_int_equal(tls_server_add_self_signed(other_tls, "other.example", NULL, NULL, &error), OK);
    tls_client = tls_client_create(chain, &error);
    assert_non_null(tls_client);
    return 0;
}

static int tear_down(void **state)
{
    tls_server_destroy(good_tls);
    tls_server_destroy(other_tls);
    tls_client_destroy(tls_client);
    unlink(chain);
    unlink(key);
    return rmdir(folder);
}

static struct config config;
static struct outbound *outbound;
static struct send_answer answer;
static struct send_request request;
static struct send_recipient recipients[20];
static const char *policy; /* of MTA-STS; NULL: the web server is down */
static unsigned fetches;

static enum result fetch_fake(void *context, struct arena *to, struct bytes domain, int64_t deadline,
                              struct https_response *out, enum tls_failure *failure, struct error *error)
{
    fetches++;
    if (!policy)
        return error_set(error, TEMP, "down");
    *out = (struct https_response){200, BYTES("text/plain"), bytes_of(policy)};
    return OK;
}

static uint32_t no_chance(void *context, uint32_t below)
{
    return 0;
}

static enum result give_credentials(void *context, const char *route, struct arena *to,
                                    struct bytes *user, struct bytes *password)
{
    assert_string_equal(route, "smart");
    *user = BYTES("user");
    *password = BYTES("secret");
    return OK;
}

/* All mail goes to d.example; a recipient each for the words. */
static void start(const char *text, bool authenticated, struct fake_server *all, size_t count)
{
    open_zone(text, authenticated);
    servers = all;
    server_count = count;
    refused_connections = fetches = 0;
    policy = NULL;
    fiber_group_open(&server_fibers);
    memset(&config, 0, sizeof(config));
    config.hostname = (char *)"us.example";
    config.queue.dane = config.queue.mta_sts = config.queue.ipv6 = true;
    struct outbound_options options = {.config = &config,
                                       .dns = &signed_dns,
                                       .tls = tls_client,
                                       .connect = connect_fake,
                                       .fetch = fetch_fake,
                                       .random = no_chance,
                                       .credentials = give_credentials};
    outbound = outbound_create(&options);
    assert_non_null(outbound);
    recipients[0] = (struct send_recipient){.address = BYTES("one@d.example")};
    request = (struct send_request){.domain = BYTES("d.example"),
                                    .sender = BYTES("me@us.example"),
                                    .recipients = recipients,
                                    .recipient_count = 1,
                                    .patience = HOUR,
                                    .content = BYTES("Subject: x\r\n\r\nhello\r\n")};
}

static void stop(void)
{
    outbound_destroy(outbound);
    fiber_group_wait(&server_fibers, loop_deadline(DAY));
    fiber_group_close(&server_fibers);
    close_zone();
}

static void deliver(void)
{
    assert_int_equal(outbound_send(outbound, &request, arena, &answer), OK);
    for (size_t i = 0; i < request.recipient_count; i++)
        assert_in_range(answer.replies[i].code, 200, 599);
}

static void assert_reply(size_t index, unsigned code, const char *enhanced)
{
    assert_int_equal(answer.replies[index].code, code);
    if (!bytes_is(answer.replies[index].enhanced, enhanced))
        fail_msg("%u " BYTES_FMT " " BYTES_FMT, code, BYTES_ARG(answer.replies[index].enhanced),
                 BYTES_ARG(answer.replies[index].text));
}

static void assert_event(size_t index, const char *type, const char *result)
{
    assert_true(index < answer.event_count);
    assert_true(bytes_is(answer.events[index].policy_type, type));
    if (!bytes_is(answer.events[index].result, result))
        fail_msg(BYTES_FMT, BYTES_ARG(answer.events[index].result));
}

#define TWO_HOSTS                                                                                  \
    "d.example MX 1 a.example\nd.example MX 2 b.example\n"                                         \
    "a.example A 192.0.2.1\nb.example A 192.0.2.2\n"
#define ONE_HOST "d.example MX 1 a.example\na.example A 192.0.2.1\n"
#define STS "_mta-sts.d.example TXT v=STSv1; id=1;\n"

/* ---- which server ---- */

fiber_test(what_a_server_takes_is_taken)
{
    struct fake_server all[] = {{.ip = "192.0.2.1"}};
    start(ONE_HOST, false, all, 1);
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_int_equal(answer.status, SEND_ANSWERED);
    assert_true(bytes_is(answer.host, "a.example"));
    assert_true(bytes_is(answer.address, "192.0.2.1:25"));
    assert_true(bytes_is(answer.security, "none"));
    assert_false(answer.replies[0].local);
    assert_true(answer.replies[0].relayed_without_dsn);
    assert_event(0, "no-policy-found", "starttls-not-supported");
    stop();
}

fiber_test(a_best_server_that_refuses_costs_nothing_nolisting)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .refuses = true}, {.ip = "192.0.2.2"}};
    start(TWO_HOSTS, false, all, 2);
    int64_t from = loop_now();
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.host, "b.example"));
    assert_true(loop_now() - from < SECOND);
    stop();
}

fiber_test(a_server_that_hangs_is_left_sooner_while_there_are_others)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .hangs = true}, {.ip = "192.0.2.2"}};
    start(TWO_HOSTS, false, all, 2);
    int64_t from = loop_now();
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_int_equal(loop_now() - from, 10 * SECOND);
    all[1].hangs = true;
    outbound_destroy(outbound); /* and its kept connection */
    outbound = NULL;
    stop();
    start(TWO_HOSTS, false, all, 2);
    from = loop_now();
    deliver();
    assert_reply(0, 451, "4.4.1");
    assert_int_equal(answer.status, SEND_UNREACHABLE);
    assert_int_equal(loop_now() - from, 40 * SECOND);
    stop();
}

fiber_test(greetings_of_421_and_554_lead_to_the_next_and_what_is_left_says_so)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .greeting = "421 4.3.2 busy"},
                                {.ip = "192.0.2.2", .greeting = "554 5.3.2 no mail here"}};
    start(TWO_HOSTS, false, all, 2);
    deliver();
    assert_reply(0, 421, "4.3.2"); /* one may be there again: so it is not final */
    assert_int_equal(answer.status, SEND_BUSY);
    all[0].greeting = "554 5.3.2 no mail here";
    deliver();
    assert_reply(0, 554, "5.3.2");
    assert_int_equal(all[0].connections + all[1].connections, 4);
    all[1].greeting = NULL;
    deliver();
    assert_reply(0, 250, "2.0.0");
    stop();
}

fiber_test(what_is_said_of_a_recipient_is_final_for_this_attempt)
{
    struct fake_server all[] = {{.ip = "192.0.2.1"}, {.ip = "192.0.2.2"}};
    start(TWO_HOSTS, false, all, 2);
    recipients[1].address = BYTES("bad@d.example");
    recipients[2].address = BYTES("grey@d.example");
    request.recipient_count = 3;
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_reply(1, 550, "5.1.1");
    assert_reply(2, 450, "4.7.1");
    assert_int_equal(all[1].connections, 0);
    assert_int_equal(answer.status, SEND_ANSWERED);
    stop();
}

fiber_test(a_server_that_is_out_of_order_is_not_the_last)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .mail = "452 4.3.1 disk full"}, {.ip = "192.0.2.2"}};
    start(TWO_HOSTS, false, all, 2);
    deliver();
    assert_reply(0, 250, "2.0.0");
    all[0].mail = "421 4.3.2 too many connections";
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_int_equal(all[1].messages, 2);
    all[0].mail = "550 5.7.1 not from you";
    deliver();
    assert_reply(0, 550, "5.7.1");
    assert_int_equal(all[1].messages, 2);
    stop();
}

fiber_test(a_temporary_refusal_of_all_but_a_recipient_leads_to_the_next_rfc5321_5_1)
{
    static const char *const replies[] = {"450 later", "450 4.7.1 later", "450 4.2.2 later"};
    for (size_t i = 0; i < countof(replies); i++) {
        for (int stage = 0; stage < 4; stage++) {
            struct fake_server all[] = {{.ip = "192.0.2.1"}, {.ip = "192.0.2.2"}};
            const char **refusals[] = {&all[0].mail, &all[0].data, &all[0].content, &all[0].recipient};
            *refusals[stage] = replies[i];
            start(TWO_HOSTS, false, all, 2);
            deliver();
            assert_int_equal(answer.replies[0].code, stage < 3 ? 250 : 450);
            assert_true(bytes_is(answer.host, stage < 3 ? "b.example" : "a.example"));
            assert_int_equal(all[1].messages, stage < 3);
            stop();
        }
    }
}

fiber_test(who_refused_last_is_named_and_busy_is_not_said_of_one_message)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .content = "451 4.7.1 later"},
                                {.ip = "192.0.2.2", .refuses = true}};
    start(TWO_HOSTS, false, all, 2);
    deliver();
    assert_reply(0, 451, "4.7.1");
    assert_false(answer.replies[0].local);
    assert_int_equal(answer.status, SEND_ANSWERED);
    assert_true(bytes_is(answer.host, "a.example"));
    all[0].content = NULL;
    all[0].mail = "451 4.3.2 overload";
    deliver();
    assert_reply(0, 451, "4.3.2");
    assert_int_equal(answer.status, SEND_BUSY);
    assert_true(bytes_is(answer.host, "a.example"));
    stop();
}

fiber_test(mail_that_may_have_been_taken_is_not_sent_to_another)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .hangs_up_after_data = true}, {.ip = "192.0.2.2"}};
    start(TWO_HOSTS, false, all, 2);
    deliver();
    assert_reply(0, 451, "4.4.2");
    assert_int_equal(all[0].messages, 1);
    assert_int_equal(all[1].connections, 0);
    stop();
}

fiber_test(a_server_that_greets_with_our_name_is_a_loop)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .greeting = "220 US.example ESMTP"}, {.ip = "192.0.2.2"}};
    start(TWO_HOSTS, false, all, 2);
    deliver();
    assert_reply(0, 554, "5.4.6");
    assert_true(answer.replies[0].local);
    assert_int_equal(all[1].connections, 0);
    stop();
}

fiber_test(findings_of_the_dns_are_told_with_their_codes)
{
    start("d.example MX 0 .\nslow.example MX FAIL\n", false, NULL, 0);
    deliver();
    assert_reply(0, 556, "5.1.10"); /* rfc7505:4.1 */
    assert_int_equal(answer.status, SEND_ANSWERED);
    assert_true(answer.replies[0].local);
    request.domain = BYTES("slow.example");
    deliver();
    assert_reply(0, 451, "4.4.3");
    assert_int_equal(answer.status, SEND_UNREACHABLE);
    stop();
}

fiber_test(patience_ends_the_attempt)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .hangs = true}, {.ip = "192.0.2.2"}};
    start(TWO_HOSTS, false, all, 2);
    int64_t from = loop_now();
    request.patience = 3 * SECOND;
    deliver();
    assert_int_equal(answer.replies[0].code, 451);
    assert_int_equal(loop_now() - from, 3 * SECOND);
    stop();
}

/* ---- connections and transactions ---- */

fiber_test(a_connection_is_used_again_and_closed_when_idle)
{
    struct fake_server all[] = {{.ip = "192.0.2.1"}};
    start(ONE_HOST, false, all, 1);
    for (int i = 0; i < 3; i++)
        deliver();
    assert_int_equal(all[0].connections, 1);
    assert_int_equal(all[0].messages, 3);
    assert_int_equal(outbound_idle_count(outbound), 1);
    fiber_sleep(11 * SECOND);
    outbound_sweep(outbound);
    assert_int_equal(outbound_idle_count(outbound), 0);
    for (int i = 0; i < 101; i++)
        deliver();
    assert_int_equal(all[0].connections, 3); /* a hundred messages each at most */
    stop();
}

fiber_test(a_kept_connection_that_is_gone_is_replaced_by_a_new_one)
{
    struct fake_server all[] = {{.ip = "192.0.2.1"}};
    start(ONE_HOST, false, all, 1);
    deliver();
    fiber_group_cancel(&server_fibers); /* it hangs up */
    fiber_yield();
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_int_equal(all[0].connections, 2);
    stop();
}

fiber_test(too_many_recipients_go_in_several_transactions)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .most_recipients = 4}};
    start(ONE_HOST, false, all, 1);
    for (size_t i = 0; i < 10; i++)
        recipients[i] = (struct send_recipient){.address = BYTES("x@d.example")};
    request.recipient_count = 10;
    deliver();
    for (size_t i = 0; i < 10; i++)
        assert_reply(i, 250, "2.0.0");
    assert_int_equal(all[0].messages, 3);
    assert_int_equal(all[0].connections, 1);
    stop();
}

fiber_test(verifying_asks_for_the_recipients_and_sends_nothing)
{
    struct fake_server all[] = {{.ip = "192.0.2.1"}};
    start(ONE_HOST, false, all, 1);
    recipients[1].address = BYTES("bad@d.example");
    request.recipient_count = 2;
    request.verify_only = true;
    request.content = BYTES("");
    deliver();
    assert_reply(0, 250, "2.1.5");
    assert_reply(1, 550, "5.1.1");
    assert_int_equal(all[0].messages, 0);
    stop();
}

fiber_test(parameters_go_where_they_are_offered)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .extensions = "DSN,SUBMITTER"}};
    start(ONE_HOST, false, all, 1);
    request.envelope_id = BYTES("id1");
    request.return_headers = true;
    request.submitter = BYTES("list@us.example");
    recipients[0].notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE;
    recipients[0].original = BYTES("rfc822;was@d.example");
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_non_null(strstr(all[0].mail_line, "ENVID=id1"));
    assert_non_null(strstr(all[0].mail_line, "RET=HDRS"));
    assert_non_null(strstr(all[0].mail_line, "SUBMITTER=list@us.example"));
    assert_non_null(strstr(all[0].last_recipient, "ORCPT=rfc822;was@d.example"));
    assert_false(answer.replies[0].relayed_without_dsn);
    stop();
}

fiber_test(an_address_beyond_ascii_needs_a_server_that_knows_them_rfc6531)
{
    struct fake_server all[] = {{.ip = "192.0.2.1"}, {.ip = "192.0.2.2", .extensions = "SMTPUTF8,8BITMIME"}};
    start(TWO_HOSTS, false, all, 2);
    recipients[0].address = BYTES("j\303\266rg@d.example");
    deliver();
    assert_reply(0, 250, "2.0.0"); /* the second knows them */
    assert_int_equal(all[0].messages, 0);
    all[1].extensions = NULL;
    outbound_destroy(outbound);
    outbound = NULL;
    stop();
    start(TWO_HOSTS, false, all, 2);
    recipients[0].address = BYTES("j\303\266rg@d.example");
    deliver();
    assert_reply(0, 553, "5.6.7");
    assert_true(answer.replies[0].local);
    stop();
}

fiber_test(a_part_whose_header_is_not_ascii_needs_such_a_server_too_rfc6531_3_5)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .extensions = "8BITMIME"},
                                {.ip = "192.0.2.2", .extensions = "SMTPUTF8,8BITMIME"}};
    start(TWO_HOSTS, false, all, 2);
    request.smtputf8 = true;
    request.content = BYTES("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                            "Content-Disposition: attachment; filename=\"\303\266.txt\"\r\n\r\nx\r\n--b--\r\n");
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.host, "b.example"));
    assert_non_null(strstr(all[1].mail_line, "SMTPUTF8"));
    /* In a body that is just content, and in a message within. */
    request.content = BYTES("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                            "Content-Type: message/global\r\n\r\nSubject: \303\266\r\n\r\n\303\266\r\n--b--\r\n");
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.host, "a.example"));
    assert_null(strstr(all[0].mail_line, "SMTPUTF8"));
    stop();
}

/* ---- TLS ---- */

fiber_test(any_certificate_will_do_where_nobody_demands_one_rfc7435)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = other_tls}};
    start(ONE_HOST, false, all, 1);
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_int_equal(all[0].encrypted, 1);
    assert_true(bytes_is(answer.tls, "TLSv1.3"));
    assert_true(bytes_is(answer.security, "opportunistic"));
    assert_event(0, "no-policy-found", "");
    assert_int_equal(answer.event_count, 1);
    stop();
}

fiber_test(a_broken_handshake_is_tried_once_more_without_tls_where_that_may_be)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = other_tls, .breaks_tls = true}};
    start(ONE_HOST, false, all, 1);
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_int_equal(all[0].connections, 2);
    assert_true(bytes_is(answer.security, "none"));
    assert_int_equal(answer.event_count, 0); /* a loss is none to report (rfc8460:4.3.4) */
    stop();
}

fiber_test(nonsense_instead_of_a_handshake_is_reported_and_retried_without_tls)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = other_tls, .speaks_nonsense = true}};
    start(ONE_HOST, false, all, 1);
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_event(0, "no-policy-found", "validation-failure");
    assert_int_equal(answer.event_count, 1);
    stop();
}

fiber_test(recipients_are_divided_as_the_server_limits_them_rfc9422)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .extensions = "LIMITS RCPTMAX=3"}};
    start(ONE_HOST, false, all, 1);
    for (size_t i = 0; i < 7; i++)
        recipients[i] = (struct send_recipient){.address = BYTES("x@d.example")};
    request.recipient_count = 7;
    deliver();
    assert_int_equal(all[0].messages, 3);
    assert_int_equal(all[0].recipients, 7);
    stop();
}

fiber_test(what_one_server_cannot_take_the_next_is_asked)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .extensions = "SIZE 10"}, {.ip = "192.0.2.2"}};
    start(TWO_HOSTS, false, all, 2);
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_int_equal(all[1].messages, 1);
    all[1].extensions = "SIZE 5";
    fiber_sleep(MINUTE);
    outbound_sweep(outbound);
    deliver();
    assert_reply(0, 552, "5.3.4");
    assert_true(answer.replies[0].local);
    stop();
}

fiber_test(a_literal_goes_where_it_says_and_is_nobodys_report)
{
    struct fake_server all[] = {{.ip = "192.0.2.1"}};
    start("", false, all, 1);
    request.domain = BYTES("[192.0.2.1]");
    recipients[0].address = BYTES("one@[192.0.2.1]");
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.host, "[192.0.2.1]")); /* no name without brackets (rfc5321:4.1.3) */
    assert_int_equal(answer.event_count, 0);
    stop();
}

static struct config_route smart;
static struct config_host smart_host;
static void route_to(int tls, const char *user, const char *ip)
{
    smart_host = (struct config_host){.name = (char *)"a.example", .port = 587};
    if (ip) {
        smart_host.name = (char *)"";
        assert_true(ip_parse(bytes_of(ip), &smart_host.ip));
    }
    smart = (struct config_route){.name = (char *)"smart",
                                  .hosts = {&smart_host, 1},
                                  .tls = tls,
                                  .tls_name = (char *)"",
                                  .user = (char *)user};
    config.routes = &smart;
    config.route_count = 1;
}

fiber_test(a_route_that_demands_tls_goes_nowhere_without)
{
    struct fake_server all[] = {{.ip = "192.0.2.1"}};
    start(ONE_HOST, false, all, 1);
    route_to(CONFIG_ROUTE_ENCRYPT, "", NULL);
    deliver();
    assert_reply(0, 451, "4.7.10");
    assert_int_equal(answer.status, SEND_INSECURE);
    all[0].tls = other_tls;
    deliver();
    assert_reply(0, 250, "2.0.0");
    route_to(CONFIG_ROUTE_VERIFY, "", NULL);
    deliver();
    assert_reply(0, 451, "4.7.5");
    all[0].tls = good_tls;
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.security, "verified"));
    assert_int_equal(answer.event_count, 0); /* own affairs, nobody's report */
    stop();
}

fiber_test(a_password_is_given_to_a_verified_server_only)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = other_tls, .extensions = "AUTH PLAIN"},
                                {.ip = "127.0.0.1", .extensions = "AUTH PLAIN"}};
    start(ONE_HOST, false, all, 2);
    route_to(CONFIG_ROUTE_MAY, "user", NULL); /* what may be for mail may not be for a password */
    deliver();
    assert_reply(0, 451, "4.7.5");
    route_to(CONFIG_ROUTE_NONE, "user", NULL);
    deliver();
    assert_reply(0, 451, "4.7.8");
    route_to(CONFIG_ROUTE_NONE, "user", "127.0.0.1");
    deliver(); /* would be allowed, but the server has no mechanism that hides the password */
    assert_reply(0, 451, "4.7.8");
    assert_int_equal(all[0].logins + all[1].logins, 0);
    assert_int_equal(all[0].messages + all[1].messages, 0);
    all[0].tls = good_tls;
    route_to(CONFIG_ROUTE_VERIFY, "user", NULL);
    deliver();
    assert_reply(0, 250, "2.0.0");
    deliver();
    assert_int_equal(all[0].logins, 1); /* the kept connection is logged in */
    assert_int_equal(all[0].messages, 2);
    assert_non_null(strstr(all[0].mail_line, "AUTH=<>")); /* rfc4954:5 */
    route_to(CONFIG_ROUTE_VERIFY, "", NULL);
    deliver();
    assert_null(strstr(all[0].mail_line, "AUTH"));
    stop();
}

fiber_test(dane_takes_who_matches_and_nobody_else_rfc7672)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = other_tls}};
    char text[512], tlsa[80];
    tlsa_of(chain, tlsa);
    snprintf(text, sizeof(text), ONE_HOST "_25._tcp.a.example TLSA %s\n", tlsa);
    start(text, true, all, 1);
    deliver();
    assert_reply(0, 451, "4.7.5");
    assert_int_equal(answer.status, SEND_INSECURE);
    assert_event(0, "tlsa", "tlsa-invalid");
    assert_int_equal(all[0].messages, 0);
    all[0].tls = NULL;
    deliver();
    assert_reply(0, 451, "4.7.10");
    assert_event(0, "tlsa", "starttls-not-supported");
    all[0].tls = good_tls;
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.security, "dane"));
    assert_event(0, "tlsa", "");
    assert_true(bytes_starts_with(answer.events[0].policy_text, BYTES("3 1 1 ")));
    request.tls_optional = true; /* rfc8689:4.2.2 */
    all[0].tls = other_tls;
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.security, "opportunistic") || bytes_is(answer.security, "dane"));
    stop();
}

fiber_test(tlsa_records_that_cannot_be_had_are_not_none_rfc7672_2_1_2)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = good_tls}, {.ip = "192.0.2.2", .tls = other_tls}};
    start(TWO_HOSTS "_25._tcp.a.example FAIL\n", true, all, 2);
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_int_equal(all[0].connections, 0);
    assert_true(bytes_is(answer.host, "b.example"));
    assert_event(0, "tlsa", "dnssec-invalid");
    stop();
    all[0].connections = 0;
    start(ONE_HOST "_25._tcp.a.example FAIL\n", false, all, 1); /* unsigned: nobody asks */
    deliver();
    assert_reply(0, 250, "2.0.0");
    stop();
}

static const char enforce[] = "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\n";
static const char testing[] = "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 86400\n";

fiber_test(mta_sts_keeps_mail_from_other_hosts_and_other_certificates_rfc8461_5)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = other_tls}, {.ip = "192.0.2.2", .tls = good_tls}};
    start(TWO_HOSTS STS, false, all, 2);
    policy = enforce;
    deliver();
    assert_reply(0, 451, "4.7.5");
    assert_int_equal(answer.status, SEND_INSECURE);
    assert_int_equal(all[1].connections, 0); /* not in the policy */
    assert_event(0, "sts", "certificate-not-trusted");
    assert_event(1, "sts", "validation-failure");
    all[0].tls = good_tls;
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.security, "mta-sts"));
    assert_int_equal(fetches, 1);
    stop();
}

fiber_test(a_policy_in_testing_reports_and_lets_pass_rfc8461_5)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = other_tls}, {.ip = "192.0.2.2", .refuses = true}};
    start(TWO_HOSTS STS, false, all, 2);
    policy = testing;
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_event(0, "sts", "certificate-not-trusted");
    assert_int_equal(answer.event_count, 1);
    assert_true(bytes_is(answer.security, "opportunistic"));
    stop();
}

fiber_test(a_session_counts_once_for_reports_rfc8460_4_2)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = good_tls}};
    start(ONE_HOST STS, false, all, 1);
    policy = "version: STSv1\nmode: testing\nmx: elsewhere.example\nmax_age: 86400\n";
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_int_equal(answer.event_count, 1); /* and no success beside it */
    assert_event(0, "sts", "validation-failure");
    assert_true(bytes_is(answer.events[0].address, "192.0.2.1"));
    assert_true(answer.events[0].reason.len > 0);
    deliver(); /* over the same connection */
    assert_reply(0, 250, "2.0.0");
    assert_int_equal(all[0].connections, 1);
    assert_int_equal(answer.event_count, 0);
    stop();
}

fiber_test(dane_comes_before_mta_sts_rfc8461_2)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = other_tls}};
    char text[512], tlsa[80];
    tlsa_of(chain, tlsa);
    /* The policy does not name the host, DANE knows its key. */
    snprintf(text, sizeof(text), ONE_HOST STS "_25._tcp.a.example TLSA %s\n", tlsa);
    start(text, true, all, 1);
    policy = "version: STSv1\nmode: enforce\nmx: elsewhere.example\nmax_age: 86400\n";
    all[0].tls = good_tls;
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.security, "dane"));
    stop();
}

fiber_test(requiretls_needs_a_known_server_that_offers_it_rfc8689_4_2_1)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = good_tls}};
    start(ONE_HOST, false, all, 1);
    request.require_tls = true;
    deliver();
    assert_reply(0, 550, "5.7.10"); /* neither DNSSEC nor MTA-STS */
    stop();
    start(ONE_HOST STS, false, all, 1);
    policy = testing;
    request.require_tls = true;
    deliver();
    assert_reply(0, 550, "5.7.30");
    outbound_destroy(outbound);
    outbound = NULL;
    stop();
    all[0].extensions = "REQUIRETLS";
    start(ONE_HOST, true, all, 1); /* signed MX, certificate by name */
    request.require_tls = true;
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.security, "verified"));
    assert_non_null(strstr(all[0].mail_line, "REQUIRETLS"));
    request.sender = BYTES(""); /* reports go as they can */
    all[0].tls = NULL;
    outbound_destroy(outbound);
    outbound = NULL;
    stop();
    start(ONE_HOST, false, all, 1);
    request.require_tls = true;
    request.sender = BYTES("");
    deliver();
    assert_reply(0, 250, "2.0.0");
    stop();
}

fiber_test(reports_about_such_mail_require_tls_where_they_can_rfc8689_5)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .tls = other_tls, .extensions = "REQUIRETLS"},
                                {.ip = "192.0.2.2", .extensions = "REQUIRETLS"},
                                {.ip = "192.0.2.3", .tls = other_tls}};
    static const char *const zones[] = {ONE_HOST, "d.example A 192.0.2.2\n", "d.example A 192.0.2.3\n"};
    for (size_t i = 0; i < countof(all); i++) {
        start(zones[i], false, all, 3);
        request.require_tls = request.tls_optional = true;
        request.sender = BYTES("");
        deliver();
        assert_reply(0, 250, "2.0.0");
        assert_int_equal(strstr(all[i].mail_line, "REQUIRETLS") != NULL, i == 0);
        stop();
    }
    start(ONE_HOST, false, all, 3); /* and other reports do not */
    request.sender = BYTES("");
    deliver();
    assert_null(strstr(all[0].mail_line, "REQUIRETLS"));
    stop();
    start(ONE_HOST STS, false, all, 3); /* nor is the less made of it that the header field asks for */
    policy = "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\n";
    request.require_tls = request.tls_optional = true;
    request.sender = BYTES("");
    deliver();
    assert_reply(0, 451, "4.7.5");
    stop();
}

fiber_test(strangers_records_lead_to_public_addresses_only)
{
    struct fake_server all[] = {{.ip = "10.0.0.1"}, {.ip = "127.0.0.1"}, {.ip = "169.254.169.254"}};
    start("d.example MX 1 a.example\na.example A 10.0.0.1\na.example A 127.0.0.1\n"
          "a.example A 169.254.169.254\na.example AAAA ::ffff:127.0.0.1\n", false, all, 3);
    deliver();
    assert_reply(0, 550, "5.4.4");
    request.domain = BYTES("[10.0.0.1]");
    deliver();
    assert_reply(0, 550, "5.4.4");
    assert_int_equal(all[0].connections + all[1].connections + all[2].connections, 0);
    request.domain = BYTES("d.example"); /* who names them means them */
    route_to(CONFIG_ROUTE_MAY, "", "10.0.0.1");
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.host, "[10.0.0.1]"));
    stop();
}

fiber_test(the_fallback_relay_takes_what_failed)
{
    struct fake_server all[] = {{.ip = "192.0.2.1", .refuses = true}, {.ip = "192.0.2.9"}};
    struct config_host relay = {.name = (char *)"relay.example"};
    start(ONE_HOST "relay.example A 192.0.2.9\n", false, all, 2);
    config.queue.fallback_relay = (struct config_hosts){&relay, 1};
    deliver();
    assert_int_equal(answer.replies[0].code, 451);
    request.fallback = true;
    deliver();
    assert_reply(0, 250, "2.0.0");
    assert_true(bytes_is(answer.host, "relay.example"));
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_server_takes_is_taken),
        cmocka_unit_test(a_best_server_that_refuses_costs_nothing_nolisting),
        cmocka_unit_test(a_server_that_hangs_is_left_sooner_while_there_are_others),
        cmocka_unit_test(greetings_of_421_and_554_lead_to_the_next_and_what_is_left_says_so),
        cmocka_unit_test(what_is_said_of_a_recipient_is_final_for_this_attempt),
        cmocka_unit_test(a_server_that_is_out_of_order_is_not_the_last),
        cmocka_unit_test(a_temporary_refusal_of_all_but_a_recipient_leads_to_the_next_rfc5321_5_1),
        cmocka_unit_test(who_refused_last_is_named_and_busy_is_not_said_of_one_message),
        cmocka_unit_test(mail_that_may_have_been_taken_is_not_sent_to_another),
        cmocka_unit_test(a_server_that_greets_with_our_name_is_a_loop),
        cmocka_unit_test(findings_of_the_dns_are_told_with_their_codes),
        cmocka_unit_test(patience_ends_the_attempt),
        cmocka_unit_test(a_connection_is_used_again_and_closed_when_idle),
        cmocka_unit_test(a_kept_connection_that_is_gone_is_replaced_by_a_new_one),
        cmocka_unit_test(too_many_recipients_go_in_several_transactions),
        cmocka_unit_test(verifying_asks_for_the_recipients_and_sends_nothing),
        cmocka_unit_test(parameters_go_where_they_are_offered),
        cmocka_unit_test(an_address_beyond_ascii_needs_a_server_that_knows_them_rfc6531),
        cmocka_unit_test(a_part_whose_header_is_not_ascii_needs_such_a_server_too_rfc6531_3_5),
        cmocka_unit_test(any_certificate_will_do_where_nobody_demands_one_rfc7435),
        cmocka_unit_test(a_broken_handshake_is_tried_once_more_without_tls_where_that_may_be),
        cmocka_unit_test(nonsense_instead_of_a_handshake_is_reported_and_retried_without_tls),
        cmocka_unit_test(recipients_are_divided_as_the_server_limits_them_rfc9422),
        cmocka_unit_test(what_one_server_cannot_take_the_next_is_asked),
        cmocka_unit_test(a_literal_goes_where_it_says_and_is_nobodys_report),
        cmocka_unit_test(a_route_that_demands_tls_goes_nowhere_without),
        cmocka_unit_test(a_password_is_given_to_a_verified_server_only),
        cmocka_unit_test(dane_takes_who_matches_and_nobody_else_rfc7672),
        cmocka_unit_test(tlsa_records_that_cannot_be_had_are_not_none_rfc7672_2_1_2),
        cmocka_unit_test(mta_sts_keeps_mail_from_other_hosts_and_other_certificates_rfc8461_5),
        cmocka_unit_test(a_policy_in_testing_reports_and_lets_pass_rfc8461_5),
        cmocka_unit_test(a_session_counts_once_for_reports_rfc8460_4_2),
        cmocka_unit_test(dane_comes_before_mta_sts_rfc8461_2),
        cmocka_unit_test(requiretls_needs_a_known_server_that_offers_it_rfc8689_4_2_1),
        cmocka_unit_test(reports_about_such_mail_require_tls_where_they_can_rfc8689_5),
        cmocka_unit_test(strangers_records_lead_to_public_addresses_only),
        cmocka_unit_test(the_fallback_relay_takes_what_failed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
