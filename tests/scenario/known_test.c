/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the store knows of senders, over time: history, reports, contacts, the greylist; what an administrator sees of
 * it, and that a restart forgets nothing.
 */
#include "store_world.h"

#include "roles/store_control.h"
#include "roles/store_known.h"

static const char alice[] = "alice@vouch.example", bob[] = "bob@vouch.example";

static void begin(void)
{
    more_config = "reputation { half-life = 1d silence = 10d contacts-keep = 30d }\n"
                  "greylist { window = 2h keep = 2d white-after = 3 }\n";
    world_create();
    write_file("aliases", BYTES("team: alice, bob, carol\nal: alice\n"));
    write_file("users", BYTES("alice\nbob\ncarol quota=1M\nold-list trap\n"));
    store_start();
}

static void end(void)
{
    store_stop();
    world_destroy();
}

static void restart(void)
{
    store_stop();
    store_start();
}

/* Questions */

static struct known_question about(const char *domain)
{
    struct known_question question = {
        .history = true, .contacts = true, .greylist = true, .delay = 300, .client = {4, {192, 0, 2, 1}}};
    if (domain) {
        question.identities[0] = (struct history_identity){HISTORY_DKIM, bytes_of(domain), true};
        question.identity_count = 1;
    } else {
        question.identities[0] = (struct history_identity){HISTORY_NETWORK, BYTES("192.0.2.0/24"), false};
        question.identity_count = 1;
    }
    return question;
}

static struct known_answer ask(const struct known_question *question)
{
    struct known_answer answer;
    struct ipc_message message, reply;
    struct error error;
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    known_question_write(&payload, question);
    message = (struct ipc_message){KNOWN_ASK, buf_bytes(&payload), {-1, -1, -1, -1}};
    check(role_call(world.edge, world.arena, &message, &reply, loop_deadline(MINUTE), &error) == OK);
    buf_free(&payload);
    check(known_answer_read(reply.payload, &answer));
    return answer;
}

static struct history history_of(const char *domain)
{
    struct known_question question = about(domain);
    return ask(&question).history[0];
}

static void tell(const struct known_outcome *outcome)
{
    struct buf blob;
    buf_init(&blob, KNOWN_OUTCOME_MAX);
    known_outcome_write(&blob, outcome);
    check(!blob.failed);
    store_known_outcome(the_store(), buf_bytes(&blob));
    buf_free(&blob);
}

static struct known_outcome came_from(const char *domain, enum known_class class)
{
    struct known_question question = about(domain);
    return (struct known_outcome){
        .identities = {question.identities[0]}, .identity_count = 1, .class = class, .client = question.client};
}

static void mail_from(const char *domain, enum known_class class, unsigned times)
{
    struct known_outcome outcome = came_from(domain, class);
    for (unsigned i = 0; i < times; i++)
        tell(&outcome);
}

/* History */

STORY(history_grows_fades_and_outlives_a_restart)
{
    begin();
    check(history_of("example.org").first == 0);
    int64_t first = loop_epoch();
    mail_from("example.org", KNOWN_HAM, 8);
    mail_from("example.org", KNOWN_PLAIN, 2);
    struct history history = history_of("example.org");
    check(history.first == first && history.counts[HISTORY_MESSAGES] == 1000);
    check(history.counts[HISTORY_HAM] == 800 && history.counts[HISTORY_SPAM] == 0);
    restart();
    check(history_of("example.org").counts[HISTORY_HAM] == 800);
    fiber_sleep(DAY);
    history = history_of("example.org");
    check(history.first == first);
    check(history.counts[HISTORY_HAM] >= 397 && history.counts[HISTORY_HAM] <= 403);
    check(history_of("elsewhere.example").first == 0);
    end();
}

STORY(who_was_silent_begins_anew)
{
    begin();
    mail_from("example.org", KNOWN_SPAM, 3);
    fiber_sleep(HOUR);
    mail_from("example.org", KNOWN_SPAM, 3);
    fiber_sleep(11 * DAY);
    struct history history = history_of("example.org");
    check(history.reset && history.first == 0 && history.counts[HISTORY_SPAM] == 0);
    mail_from("example.org", KNOWN_HAM, 1);
    history = history_of("example.org");
    check(history.reset && history.first == loop_epoch() && history.counts[HISTORY_SPAM] == 0);
    end();
}

static struct history_nameservers served_by(const char *a, const char *b)
{
    struct history_nameservers servers = {.domain = BYTES("example.org")};
    history_add_nameserver(&servers, bytes_of(a));
    history_add_nameserver(&servers, bytes_of(b));
    return servers;
}

STORY(a_domain_whose_name_servers_all_changed_begins_anew)
{
    begin();
    struct known_outcome outcome = came_from("example.org", KNOWN_HAM);
    outcome.nameservers = served_by("ns1.old.example", "ns2.old.example");
    tell(&outcome);
    tell(&outcome);
    struct known_question question = about("example.org");
    question.nameservers = served_by("ns2.old.example", "ns.new.example");
    check(ask(&question).history[0].counts[HISTORY_HAM] == 200);
    question.nameservers = served_by("ns.new.example", "ns.newer.example");
    struct history history = ask(&question).history[0];
    check(history.reset && history.first == 0 && history.counts[HISTORY_HAM] == 0);
    outcome.nameservers = question.nameservers;
    outcome.class = KNOWN_SPAM;
    tell(&outcome);
    history = ask(&question).history[0];
    check(history.reset && history.first == loop_epoch());
    check(history.counts[HISTORY_HAM] == 0 && history.counts[HISTORY_SPAM] == 100);
    end();
}

STORY(who_wrote_to_a_trap_is_listed_for_a_week)
{
    begin();
    struct known_outcome outcome = came_from(NULL, KNOWN_SPAM);
    struct known_question question = about(NULL);
    check(!ask(&question).trapped[0]);
    outcome.trap = true;
    outcome.unknown = 3;
    tell(&outcome);
    struct known_answer answer = ask(&question);
    check(answer.trapped[0] && answer.history[0].counts[HISTORY_TRAPS] == 100);
    check(answer.history[0].counts[HISTORY_UNKNOWN] == 300);
    fiber_sleep(8 * DAY);
    check(!ask(&question).trapped[0]);
    end();
}

STORY(who_only_signed_what_went_to_a_trap_is_not_blamed)
{
    begin();
    struct known_outcome outcome = came_from("example.org", KNOWN_SPAM);
    struct known_question question = about("example.org"), network = about(NULL);
    outcome.identities[outcome.identity_count++] = network.identities[0];
    outcome.trap = true;
    outcome.unknown = 100;
    tell(&outcome);
    struct known_answer answer = ask(&question);
    check(!answer.trapped[0] && answer.history[0].counts[HISTORY_MESSAGES] == 100);
    check(!answer.history[0].counts[HISTORY_TRAPS] && !answer.history[0].counts[HISTORY_UNKNOWN]);
    check(!answer.history[0].counts[HISTORY_SPAM]);
    answer = ask(&network);
    check(answer.trapped[0] && answer.history[0].counts[HISTORY_TRAPS] == 100);
    check(answer.history[0].counts[HISTORY_UNKNOWN] == 500 && answer.history[0].counts[HISTORY_SPAM] == 100);
    end();
}

STORY(many_outcomes_at_once_are_all_counted_and_bad_ones_skipped)
{
    enum { COUNT = 150 };
    struct bytes blobs[COUNT];
    begin();
    for (unsigned i = 0; i < COUNT; i++) {
        struct known_outcome outcome = came_from(i % 2 ? "odd.example" : "even.example", KNOWN_HAM);
        struct buf blob;
        buf_init(&blob, KNOWN_OUTCOME_MAX);
        known_outcome_write(&blob, &outcome);
        blobs[i] = i % 10 ? arena_copy(world.arena, buf_bytes(&blob)) : BYTES("nonsense");
        buf_free(&blob);
    }
    store_known_outcomes(the_store(), blobs, COUNT);
    /* Of the even ones those whose number ends in 0 were nonsense. */
    check(history_of("odd.example").counts[HISTORY_MESSAGES] == 7500);
    check(history_of("even.example").counts[HISTORY_MESSAGES] == 6000);
    end();
}

/* Reports of users */

static struct bytes evidence_now;

static void add_evidence(struct delivery_request *request)
{
    request->record.evidence = evidence_now;
}

/* As the writer of evidence has it, whatever that is. */
static void make_evidence(void)
{
    struct evidence evidence = {.id = BYTES("m"), .client = {4, {192, 0, 2, 1}}};
    struct buf text;
    struct evidence_item *item = evidence_add(world.arena, &evidence, CHECK_HISTORY, AUTH_NEUTRAL);
    check(item && evidence_property(world.arena, item, "vouch", "kind", BYTES("dkim")) &&
          evidence_property(world.arena, item, "vouch", "identity", BYTES("shop.example")));
    buf_init(&text, 64 * 1024);
    struct json json = json_into(&text);
    evidence_write(&json, &evidence);
    evidence_now = arena_copy(world.arena, buf_bytes(&text));
    buf_free(&text);
}

static void deliver_one(const char *id, const char *recipients)
{
    edit_request = add_evidence;
    check(deliver_code(&(struct mail){.id = id, .recipients = recipients}) == 250);
    edit_request = NULL;
    fiber_sleep(SECOND); /* the ledger is written in batches */
}

static struct history after_report(const char *reporter, const char *id, enum train_class class)
{
    store_known_report(the_store(), bytes_of(reporter), bytes_of(id), class);
    fiber_sleep(SECOND);
    return history_of("shop.example");
}

STORY(one_account_cannot_move_a_domain_and_several_can)
{
    char id[16];
    begin();
    make_evidence();
    deliver_one("m0", "alice@vouch.example bob@vouch.example");
    for (int i = 1; i < 12; i++) {
        snprintf(id, sizeof(id), "m%d", i);
        deliver_one(id, alice);
    }
    struct history history = {0};
    for (int i = 0; i < 12; i++) {
        snprintf(id, sizeof(id), "m%d", i);
        history = after_report(alice, id, TRAIN_SPAM);
    }
    check(history.counts[HISTORY_JUNK] > 150 && history.counts[HISTORY_JUNK] <= HISTORY_REPORTER_MOST);
    check(history_reports(&history, HISTORY_JUNK) == HISTORY_ALONE_MOST);
    history = after_report(bob, "m0", TRAIN_SPAM);
    check(history_reports(&history, HISTORY_JUNK) > 200);
    end();
}

STORY(who_did_not_get_a_message_has_nothing_to_say_about_it)
{
    begin();
    make_evidence();
    deliver_one("m1", alice);
    deliver_one("m2", "al@vouch.example");
    deliver_one("m3", "team@vouch.example");
    check(after_report(bob, "m1", TRAIN_SPAM).counts[HISTORY_JUNK] == 0);
    check(after_report("stranger@elsewhere.example", "m1", TRAIN_SPAM).counts[HISTORY_JUNK] == 0);
    check(after_report(bob, "m2", TRAIN_SPAM).counts[HISTORY_JUNK] == 0);
    check(after_report(bob, "no-such", TRAIN_SPAM).counts[HISTORY_JUNK] == 0);
    /* Through an alias, and an alias of several. */
    check(after_report(alice, "m2", TRAIN_SPAM).counts[HISTORY_JUNK] == 50);
    check(after_report(bob, "m3", TRAIN_SPAM).counts[HISTORY_JUNK] > 90);
    end();
}

STORY(a_report_counts_once_and_is_taken_back)
{
    begin();
    make_evidence();
    deliver_one("m1", alice);
    check(after_report(alice, "m1", TRAIN_SPAM).counts[HISTORY_JUNK] == 50);
    check(after_report("Alice@Vouch.example", "m1", TRAIN_SPAM).counts[HISTORY_JUNK] == 50);
    struct history history = after_report(alice, "m1", TRAIN_HAM);
    check(history.counts[HISTORY_JUNK] == 0 && history.counts[HISTORY_NOTJUNK] == 50);
    history = after_report(alice, "m1", TRAIN_FORGET);
    check(history.counts[HISTORY_JUNK] == 0 && history.counts[HISTORY_NOTJUNK] == 0);
    end();
}

/* Contacts */

static struct known_answer ask_contact(const char *author, const char *recipient)
{
    struct known_question question = about("example.org");
    struct bytes recipients[] = {bytes_of(recipient)};
    question.author = bytes_of(author);
    question.recipients = recipients;
    question.recipient_count = 1;
    return ask(&question);
}

static void wrote(const char *account, const char *to)
{
    struct known_outcome outcome = {.owner = bytes_of(account), .learned = {bytes_of(to)}, .learned_count = 1};
    tell(&outcome);
}

STORY(whom_an_account_writes_to_is_its_contact_and_the_sites)
{
    begin();
    check(ask_contact("carl@example.org", alice).contact_count == 0);
    wrote("Alice@vouch.example", "Carl@Example.ORG");
    restart();
    struct known_answer answer = ask_contact("CARL@example.org", alice);
    check(answer.contact_count == 2 && answer.contacts[0].site && !answer.contacts[1].site);
    check(answer.contacts[1].recipient == 0 && answer.contacts[1].answers == 0);
    /* By an alias of hers, too; of others only the site knows him. */
    check(ask_contact("carl@example.org", "al@vouch.example").contact_count == 2);
    check(ask_contact("carl@example.org", "alice+x@vouch.example").contact_count == 2);
    check(ask_contact("carl@example.org", bob).contact_count == 1);
    check(ask_contact("karl@example.org", alice).contact_count == 0);
    struct known_outcome outcome = {
        .author = BYTES("carl@example.org"), .answered = {bytes_of(alice), bytes_of(bob)}, .answered_count = 2};
    tell(&outcome);
    answer = ask_contact("carl@example.org", alice);
    check(answer.contact_count == 2 && answer.contacts[1].answers == 1);
    check(ask_contact("carl@example.org", bob).contact_count == 1);
    fiber_sleep(31 * DAY);
    check(ask_contact("carl@example.org", alice).contact_count == 0);
    end();
}

/* Commands */

static struct control_answer order(enum control_verb verb, const char *account, const char *text)
{
    struct control_call_state call = {.arena = world.arena};
    struct control_command command = {.verb = verb, .account = bytes_of(account), .text = bytes_of(text)};
    struct control_answer answer = {.result = OK};
    int fd = -1;
    store_control_answer(the_store(), &call, &command, &answer, &fd);
    return answer;
}

STORY(contacts_can_be_listed_added_and_removed)
{
    begin();
    wrote(alice, "carl@example.org");
    wrote(alice, "dora@example.org");
    wrote(bob, "carl@example.org");
    struct control_answer answer = order(CONTROL_CONTACT_LIST, alice, "");
    check(answer.result == OK && answer.name_count == 2);
    check(bytes_starts_with(answer.names[0], BYTES("alice@vouch.example\tcarl@example.org\t1\t0\t0\t")));
    check(order(CONTROL_CONTACT_LIST, "", "").name_count == 5);
    check(order(CONTROL_CONTACT_LIST, "", "dora").name_count == 2);
    check(order(CONTROL_CONTACT_LIST, "nonsense", "").result == PERM);
    check(order(CONTROL_CONTACT_ADD, "*", "Ella@Example.org").result == OK);
    check(order(CONTROL_CONTACT_ADD, "*", "nonsense").result == PERM);
    check(ask_contact("ella@example.org", bob).contacts[0].manual);
    check(order(CONTROL_CONTACT_LIST, "*", "").name_count == 3);
    check(order(CONTROL_CONTACT_REMOVE, alice, "zoe@example.org").result == NONE);
    answer = order(CONTROL_CONTACT_REMOVE, "al@vouch.example", "");
    check(answer.result == OK && answer.count == 2);
    check(order(CONTROL_CONTACT_LIST, alice, "").name_count == 0);
    /* Dora was hers alone; Carl is still Bob's. */
    check(ask_contact("dora@example.org", bob).contact_count == 0);
    check(ask_contact("carl@example.org", bob).contact_count == 2);
    check(order(CONTROL_CONTACT_REMOVE, "*", "ella@example.org").result == OK);
    check(ask_contact("ella@example.org", bob).contact_count == 0);
    end();
}

STORY(reputation_can_be_shown_complained_of_and_forgotten)
{
    begin();
    check(order(CONTROL_REPUTATION_SHOW, "", "example.org").result == NONE);
    check(order(CONTROL_REPUTATION_SHOW, "", "no domain").result == PERM);
    mail_from("example.org", KNOWN_HAM, 2);
    check(order(CONTROL_REPUTATION_COMPLAIN, "isp.example", "example.org").result == OK);
    struct control_answer answer = order(CONTROL_REPUTATION_SHOW, "", "Example.ORG");
    check(answer.result == OK && answer.name_count == 1);
    check(bytes_starts_with(answer.names[0], BYTES("dkim\texample.org\t")));
    check(bytes_ends_with(answer.names[0], BYTES("\t0\t0\t200\t200\t0\t0\t0\t0\t0\t100\t0\t0")));
    check(order(CONTROL_REPUTATION_FORGET, "", "example.org").result == OK);
    check(order(CONTROL_REPUTATION_SHOW, "", "example.org").result == NONE);
    mail_from(NULL, KNOWN_PLAIN, 1);
    check(order(CONTROL_REPUTATION_SHOW, "", "192.0.2.77").name_count == 1);
    end();
}

/* The greylist */

static enum greylist_state greylist_of(const char *sender, const char *recipient)
{
    struct known_question question = about(NULL);
    struct bytes recipients[] = {bytes_of(recipient)};
    question.mail_from = bytes_of(sender);
    question.recipients = recipients;
    question.recipient_count = 1;
    return ask(&question).greylist;
}

static void greylisted(const char *sender, const char *recipient, enum known_greylist what)
{
    struct known_outcome outcome = {.greylist = what,
                                    .client = {4, {192, 0, 2, 9}},
                                    .mail_from = bytes_of(sender),
                                    .recipient = bytes_of(recipient)};
    tell(&outcome);
}

STORY(a_greylisted_client_passes_within_its_window_and_becomes_white)
{
    begin();
    check(greylist_of("a@x.example", alice) == GREYLIST_NEW);
    greylisted("a@x.example", alice, KNOWN_GREYLIST_TRY);
    check(greylist_of("a@x.example", alice) == GREYLIST_WAITING);
    fiber_sleep(299 * SECOND);
    check(greylist_of("a@x.example", alice) == GREYLIST_WAITING);
    restart();
    fiber_sleep(2 * SECOND);
    check(greylist_of("a@x.example", alice) == GREYLIST_PASSED);
    fiber_sleep(2 * HOUR);
    check(greylist_of("a@x.example", alice) == GREYLIST_NEW);
    greylisted("a@x.example", alice, KNOWN_GREYLIST_TRY);
    fiber_sleep(HOUR);
    greylisted("a@x.example", alice, KNOWN_GREYLIST_PASS);
    fiber_sleep(47 * HOUR);
    check(greylist_of("a@x.example", alice) == GREYLIST_PASSED);
    check(greylist_of("b@x.example", alice) == GREYLIST_NEW);
    greylisted("a@x.example", alice, KNOWN_GREYLIST_PASS);
    greylisted("a@x.example", alice, KNOWN_GREYLIST_PASS);
    check(greylist_of("b@x.example", bob) == GREYLIST_WHITE);
    fiber_sleep(3 * DAY);
    check(greylist_of("b@x.example", bob) == GREYLIST_NEW);
    end();
}

STORY(an_authenticated_domain_is_greylisted_as_such)
{
    begin();
    struct known_question question = about("example.org");
    struct known_outcome outcome = {
        .greylist = KNOWN_GREYLIST_TRY, .greylist_domain = BYTES("example.org"), .client = {4, {203, 0, 113, 1}}};
    check(ask(&question).greylist == GREYLIST_NEW);
    tell(&outcome);
    fiber_sleep(301 * SECOND);
    struct known_answer answer = ask(&question);
    check(answer.greylist == GREYLIST_PASSED && answer.age == 301);
    end();
}

STORY(what_waits_can_be_released)
{
    begin();
    greylisted("a@x.example", alice, KNOWN_GREYLIST_TRY);
    greylisted("b@y.example", bob, KNOWN_GREYLIST_TRY);
    struct control_answer answer = order(CONTROL_GREYLIST_LIST, "", "");
    check(answer.name_count == 2);
    check(bytes_starts_with(answer.names[0],
                            BYTES("waiting\t192.0.2.0/24\ta@x.example\talice@vouch.example\t0\t")));
    check(order(CONTROL_GREYLIST_LIST, "", "y.example").name_count == 1);
    check(order(CONTROL_GREYLIST_RELEASE, "", "A@x.example").count == 1);
    check(greylist_of("a@x.example", alice) == GREYLIST_PASSED);
    check(greylist_of("b@y.example", bob) == GREYLIST_WAITING);
    check(order(CONTROL_GREYLIST_RELEASE, "", "nobody@x.example").result == NONE);
    check(order(CONTROL_GREYLIST_RELEASE, "", "not a domain").result == PERM);
    check(order(CONTROL_GREYLIST_RELEASE, "", "192.0.2.200").result == OK);
    check(greylist_of("b@y.example", bob) == GREYLIST_WHITE);
    end();
}

STORY(where_nothing_new_can_be_remembered_nobody_new_is_put_off)
{
    struct known_rules rules;
    struct known_question question = about(NULL);
    struct known_answer answer;
    begin();
    rules = store_known_rules(the_store());
    check(!rules.crowded);
    check(known_ask(the_store()->counters, &rules, NULL, world.arena, &question, loop_epoch(), &answer, NULL) == OK);
    check(answer.greylist == GREYLIST_NEW);
    rules.crowded = true;
    check(known_ask(the_store()->counters, &rules, NULL, world.arena, &question, loop_epoch(), &answer, NULL) == OK);
    check(answer.greylist == GREYLIST_PASSED);
    end();
}

STORY(a_question_that_cannot_be_read_is_not_answered)
{
    struct ipc_message reply, message = {KNOWN_ASK, BYTES("nonsense"), {-1, -1, -1, -1}};
    struct error error;
    begin();
    check(role_call(world.edge, world.arena, &message, &reply, loop_deadline(MINUTE), &error) == TEMP);
    check(history_of("example.org").first == 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_grows_fades_and_outlives_a_restart),
        cmocka_unit_test(who_was_silent_begins_anew),
        cmocka_unit_test(a_domain_whose_name_servers_all_changed_begins_anew),
        cmocka_unit_test(who_wrote_to_a_trap_is_listed_for_a_week),
        cmocka_unit_test(who_only_signed_what_went_to_a_trap_is_not_blamed),
        cmocka_unit_test(many_outcomes_at_once_are_all_counted_and_bad_ones_skipped),
        cmocka_unit_test(one_account_cannot_move_a_domain_and_several_can),
        cmocka_unit_test(who_did_not_get_a_message_has_nothing_to_say_about_it),
        cmocka_unit_test(a_report_counts_once_and_is_taken_back),
        cmocka_unit_test(whom_an_account_writes_to_is_its_contact_and_the_sites),
        cmocka_unit_test(contacts_can_be_listed_added_and_removed),
        cmocka_unit_test(reputation_can_be_shown_complained_of_and_forgotten),
        cmocka_unit_test(a_greylisted_client_passes_within_its_window_and_becomes_white),
        cmocka_unit_test(an_authenticated_domain_is_greylisted_as_such),
        cmocka_unit_test(what_waits_can_be_released),
        cmocka_unit_test(where_nothing_new_can_be_remembered_nobody_new_is_put_off),
        cmocka_unit_test(a_question_that_cannot_be_read_is_not_answered),
    };
    signal(SIGPIPE, SIG_IGN);
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
