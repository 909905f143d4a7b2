/* SPDX-License-Identifier: BSD-2-Clause */
/* Each built-in test matches what it is for, and an ordinary message matches none. */
#include "filter/builtin_tests.h"
#include "message/date.h"
#include "message/test.h"

#define NOW 1780000000 /* 2026-05-28 */

static struct message message;
static struct mime mime;
static struct readable readable;
static struct builtin_facts facts;
static struct bytes recipient;

static bool is_ours(const void *context, struct bytes domain)
{
    return bytes_is_nocase(domain, context);
}

static const char *date_of(int64_t epoch)
{
    struct buf date;
    buf_init(&date, 100);
    date_write(&date, epoch, 0);
    char *copy = arena_string(arena, buf_bytes(&date));
    buf_free(&date);
    return copy;
}

/* An ordinary message; `extra` are further fields, `less` the beginning of a field that is left out. */
static void make(const char *extra, const char *less)
{
    const char *fields[] = {"From: Alice <alice@sender.example>", "To: Bob <bob@ours.example>",
                            "Subject: Lunch tomorrow", "Message-ID: <20260528.1@sender.example>", NULL};
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; fields[i]; i++)
        if (!less || strncmp(fields[i], less, strlen(less)))
            buf_printf(&text, "%s\n", fields[i]);
    if (!less || strcmp(less, "Date"))
        buf_printf(&text, "Date: %s\n", date_of(NOW - 60));
    buf_printf(&text, "%s\n%s\n", extra, "Shall we have lunch tomorrow? I have found a new place near the station.");
    struct bytes normal = message_normalize(arena, buf_bytes(&text));
    buf_free(&text);
    assert_int_equal(message_parse(arena, normal, &message, NULL), OK);
    assert_int_equal(mime_parse(arena, &message, NULL, &mime, NULL), OK);
    readable = (struct readable){.mime = &mime, .text = message.body, .plain = message.body, .flags = READABLE_PLAIN,
                                 .from_name = BYTES("Alice")};
    const struct header_field *subject = message_field(&message, "Subject", 0);
    readable.subject = subject ? bytes_trim(subject->value) : BYTES("");
    recipient = BYTES("bob@ours.example");
    facts = (struct builtin_facts){.received_at = NOW,
                                   .author = BYTES("alice@sender.example"),
                                   .author_domain = BYTES("sender.example"),
                                   .mail_from = BYTES("alice@sender.example"),
                                   .recipients = &recipient,
                                   .recipient_count = 1,
                                   .is_ours = is_ours,
                                   .context = "ours.example"};
}

/* The names of what matches, in order, with blanks between. */
static const char *matching(void)
{
    struct builtin_findings found;
    struct buf names;
    buf_init(&names, 10000);
    assert_int_equal(builtin_tests_examine(arena, &message, &readable, &facts, &found, NULL), OK);
    for (size_t i = 0; i < found.count; i++)
        buf_printf(&names, "%s%s", i ? " " : "", found.list[i].test->name);
    char *copy = arena_string(arena, buf_bytes(&names));
    buf_free(&names);
    return copy;
}

#define expect(names) assert_string_equal(matching(), names)

static void an_ordinary_message_matches_nothing(void **state)
{
    make("", NULL);
    expect("");
}

static void fields_that_are_missing_or_wrong_are_seen(void **state)
{
    static const struct { const char *extra, *less, *names; } cases[] = {
        {"", "Date", "no-date"},
        {"Date: yesterday\n", "Date", "date-malformed"},
        {"Date: Thu, 28 May 2026 10:00:00 +9900\n", "Date", "date-zone"},
        {"", "Message-ID", "no-message-id"},
        {"Message-ID: 12345\n", "Message-ID", "message-id-malformed"},
        {"Message-ID: <>\n", "Message-ID", "message-id-malformed"},
        {"Message-ID: <a b@c>\n", "Message-ID", "message-id-malformed"},
        {"Message-ID: <a@>\n", "Message-ID", "message-id-malformed"},
        {"Message-ID: <1@ours.example>\n", "Message-ID", "message-id-ours"},
        {"", "To", "no-recipient"},
        {"Cc: bob@ours.example\n", "To", ""},
        {"To: bob@ours.example, <<\n", "To", "recipient-malformed"},
        {"To: undisclosed-recipients:;\n", "To", ""},
        {"To: carol@ours.example\n", "To", "recipient-not-named"},
        {"To: carol@ours.example\nList-Id: <x.lists.example>\n", "To", ""},
        {"Subject: again\n", NULL, "duplicate-field"},
        {"From: x@y.example\n", NULL, ""}, /* another check's */
        {"Received: from a by mx.ours.example with SMTP; Thu, 28 May 2026 10:00:00 +0000\n", NULL, ""},
        {"Received: from a by ours.example with SMTP; Thu, 28 May 2026 10:00:00 +0000\n", NULL, "received-forged"},
        {"Received: from a by b.example with SMTP; Thu, 28 May 2099 10:00:00 +0000\n", NULL, "received-future"},
        {"List-Unsubscribe: <https://sender.example/u>\n", NULL, "list-unsubscribe"},
        {"References: <x@ours.example>\nIn-Reply-To: <x@ours.example>\n", NULL, "reply-to-ours"},
        {"References: <x@else.example>\nIn-Reply-To: <x@else.example>\n", NULL, ""},
        {"Reply-To: a@gmail.com, b@yahoo.com\n", NULL, "reply-to-many"},
        {"X-Odd: \xff\xfe\n", NULL, "header-octets"},
        {"X-Odd: \xc3\xa9\n", NULL, ""},
        {"no field at all\n", NULL, "header-malformed"},
        {"", "Subject", "subject-missing"},
        {"Subject: \n", "Subject", "subject-empty"},
        {"Subject: BUY THIS NOW PLEASE\n", "Subject", "subject-capitals"},
        {"Subject: RFC 5321 NASA\n", "Subject", ""},
        {"Subject: ПРОДАЖА КВАРТИР НЕДОРОГО\n", "Subject", ""},
        {"Subject: Your bill            8723hjk\n", "Subject", "subject-padding"},
        {"Subject: Re: our talk\n", "Subject", "subject-fake-reply"},
        {"Subject: Re: our talk\nReferences: <a@b.example>\n", "Subject", ""},
        {"Subject: Re: our talk\nThread-Index: Ab12\n", "Subject", ""},
        {"List-Id: <x.lists.example>\n", "To", ""},
        {"Subject: Win $$$ today\n", "Subject", "subject-marks"},
        {"Subject: best V I A G R A here\n", "Subject", "subject-spaced"},
        {"Subject: plan A B and C\n", "Subject", ""},
        {"Subject: Your PаyPal account\n", "Subject", "subject-mixed-scripts"},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        make(cases[i].extra, cases[i].less);
        if (strcmp(matching(), cases[i].names))
            fail_msg("%s without %s: \"%s\", not \"%s\"", cases[i].extra, cases[i].less ? cases[i].less : "-",
                     matching(), cases[i].names);
    }
}

static void dates_are_compared_with_the_time_of_receipt(void **state)
{
    static const struct { int64_t shift; const char *names; } cases[] = {
        {7 * 3600, "date-future"}, {5 * 3600, ""}, {-13 * 86400, ""}, {-15 * 86400, "date-past"}};
    for (size_t i = 0; i < countof(cases); i++) {
        struct bytes date = arena_printf(arena, "Date: %s\n", date_of(NOW + cases[i].shift));
        make(arena_string(arena, date), "Date");
        expect(cases[i].names);
    }
}

static void what_the_facts_say_counts(void **state)
{
    make("", NULL);
    facts.author = recipient;
    expect("from-is-to");
    facts.authenticated = true;
    expect("");
    facts.author = BYTES("x83749823@sender.example");
    expect("from-digits");
    make("Message-ID: <1@ours.example>\n", "Message-ID");
    facts.authenticated = true;
    expect("");
    facts.is_ours = NULL;
    facts.authenticated = false;
    expect("");
}

static void our_own_received_fields_are_not_forged(void **state)
{
    static const char ours[] = "Received: from a by ours.example with SMTP; Thu, 28 May 2026 10:00:00 +0000\n";
    static const char foreign[] = "Received: from a by else.example with SMTP; Thu, 28 May 2026 10:00:00 +0000\n";
    make(arena_string(arena, arena_printf(arena, "%s%s%s", ours, ours, foreign)), NULL);
    expect("received-forged"); /* it has only just come in: none of them is */
    facts.own_trace = true;
    expect("");
    make(arena_string(arena, arena_printf(arena, "%s%s%s", ours, foreign, ours)), NULL);
    facts.own_trace = true;
    expect("received-forged");
    facts.authenticated = true;
    expect("");
}

static void flags_of_the_text_are_told(void **state)
{
    static const struct { unsigned flags; const char *names; } cases[] = {
        {READABLE_HTML, "html-only"},
        {READABLE_HTML | READABLE_PLAIN, ""},
        {READABLE_PLAIN | READABLE_ONLY_IMAGES, "images-only"},
        {READABLE_PLAIN | READABLE_PLAIN_DIFFERS, "parts-differ"},
        {READABLE_PLAIN | READABLE_FORM, "html-form"},
        {READABLE_PLAIN | READABLE_SCRIPT, "html-script"},
        {READABLE_PLAIN | READABLE_META_REFRESH, "meta-refresh"},
        {READABLE_PLAIN | READABLE_BROKEN, "mime-broken"},
        {READABLE_PLAIN | READABLE_ENCODED_TEXT, "base64-text"},
        {READABLE_PLAIN | READABLE_BAD_CHARSET, "bad-charset"},
        {READABLE_PLAIN | READABLE_CONFUSABLE, "confusable-characters"},
        {READABLE_PLAIN | READABLE_ENCRYPTED, "attachment-encrypted"},
        {READABLE_PLAIN | READABLE_CUT, "cut-short"},
        {READABLE_PLAIN | READABLE_HIDDEN | READABLE_REMOTE_IMAGE, ""},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        make("", NULL);
        readable.flags = cases[i].flags;
        expect(cases[i].names);
    }
    make("", NULL);
    readable.hidden = repeat("hidden ", 100);
    expect("hidden-text");
    make("", NULL);
    readable.comments = 3;
    expect("html-comments");
    make("", NULL);
    readable.from_name = BYTES("Раypal");
    expect("from-name-mixed-scripts");
    make("", NULL);
    readable.text = BYTES("Your ассоunt at PаyPal is limited, please log in to our Service again");
    expect("text-mixed-scripts");
    make("", NULL);
    readable.text = BYTES("");
    expect("empty");
    make("MIME-Version: 1.0\nContent-Type: multipart/mixed\n", NULL);
    expect("mime-malformed");
}

static void attachments_are_told_apart(void **state)
{
    static const struct { struct readable_attachment attachment; const char *names; } cases[] = {
        {{.name = BYTES_INIT("report.pdf")}, ""},
        {{.name = BYTES_INIT("a.exe"), .executable = true}, "attachment-executable"},
        {{.name = BYTES_INIT("a.pdf.exe"), .executable = true, .disguised = true},
         "attachment-executable attachment-disguised"},
        {{.name = BYTES_INIT("a.docm"), .macros = true}, "attachment-macros"},
        {{.name = BYTES_INIT("invoice.HTML")}, "attachment-html"},
        {{.name = BYTES_INIT("index.html"), .member = true}, ""},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct readable_attachment attachment = cases[i].attachment;
        make("", NULL);
        readable.attachments = &attachment;
        readable.attachment_count = 1;
        expect(cases[i].names);
    }
    struct readable_attachment report = {.name = BYTES("report.pdf")};
    make("", NULL);
    readable.attachments = &report;
    readable.attachment_count = 1;
    readable.text = BYTES("see below");
    expect("attachment-only");
}

static void links_are_told_apart(void **state)
{
    static const struct { struct readable_link link; const char *names; } cases[] = {
        {{.url = BYTES_INIT("https://a.example/x"), .host = BYTES_INIT("a.example"), .html = true}, ""},
        {{.url = BYTES_INIT("https://a.example:8443/x"), .host = BYTES_INIT("a.example"), .html = true}, ""},
        {{.url = BYTES_INIT("https://a.example:81/x:y"), .host = BYTES_INIT("a.example"), .html = true}, "link-port"},
        {{.url = BYTES_INIT("https://a.example/x:81"), .host = BYTES_INIT("a.example"), .html = true}, ""},
        {{.url = BYTES_INIT("http://1.2.3.4/"), .host = BYTES_INIT("198.51.100.4"), .html = true}, "link-address"},
        {{.url = BYTES_INIT("http://[2001:db8::1]/"), .host = BYTES_INIT("[2001:db8::1]")}, "link-address"},
        {{.url = BYTES_INIT("http://192.168.0.1/"), .host = BYTES_INIT("192.168.0.1"), .html = true}, ""},
        {{.url = BYTES_INIT("http://x@a.example/"), .host = BYTES_INIT("a.example"), .obfuscated = true},
         "link-obfuscated"},
        {{.url = BYTES_INIT("https://bit.ly/x"), .host = BYTES_INIT("bit.ly"), .html = true}, "link-shortener"},
        {{.url = BYTES_INIT("https://xn--e1afmkfd.example/"), .host = BYTES_INIT("xn--e1afmkfd.example")},
         "link-punycode"},
        {{.url = BYTES_INIT("data:text/html,x"), .scheme = BYTES_INIT("data"), .html = true}, "link-data"},
        {{.url = BYTES_INIT("data:image/png,x"), .scheme = BYTES_INIT("data"), .html = true, .image = true}, ""},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct readable_link link = cases[i].link;
        make("", NULL);
        readable.text = repeat("words that say something ", 10);
        readable.links = &link;
        readable.link_count = 1;
        if (strcmp(matching(), cases[i].names))
            fail_msg(BYTES_FMT ": \"%s\"", BYTES_ARG(link.url), matching());
    }
    struct readable_link link = cases[0].link;
    make("", NULL);
    readable.links = &link;
    readable.link_count = 1;
    expect("link-short-text");
    static char hosts[10][20];
    struct readable_link many[10];
    for (size_t i = 0; i < countof(many); i++) {
        snprintf(hosts[i], sizeof(hosts[i]), "host%zu.example", i);
        many[i] = (struct readable_link){.url = BYTES("https://h/"), .host = bytes_of(hosts[i]), .html = true};
    }
    readable.links = many;
    readable.link_count = 7;
    expect("");
    readable.link_count = 8;
    expect("link-many-hosts");
}

static void addresses_of_payments_are_seen(void **state)
{
    static const struct { const char *text; bool found; } cases[] = {
        {"send 0.5 to 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 within two days, or else everybody will see it", true},
        {"wallet: bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq and then nothing will happen to you, I promise", true},
        {"see https://shop.example/1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2/order for all that there is to see here", false},
        {"number 12345678901234567890123456789 of the invoice that we sent you in the last week of the month", false},
        {"the word 1lllllllllllllllllllllllllllllllll is no address at all, and nobody should think that it is", false},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        make("", NULL);
        readable.text = bytes_of(cases[i].text);
        assert_string_equal(matching(), cases[i].found ? "bitcoin-address" : "");
    }
}

static void what_was_seen_is_shown(void **state)
{
    struct builtin_findings found;
    make("Subject: WIN $$$ \x1b[31m NOW\n", "Subject");
    assert_int_equal(builtin_tests_examine(arena, &message, &readable, &facts, &found, NULL), OK);
    assert_int_equal(found.count, 1);
    assert_bytes(found.list[0].seen, "WIN $$$ ?[31m NOW");
}

static void names_are_words_and_weights_are_modest(void **state)
{
    assert_true(builtin_test_count() >= 35);
    for (size_t i = 0; i < builtin_test_count(); i++) {
        const struct builtin_test *test = builtin_test_at(i);
        assert_true(test->points >= -300 && test->points <= 300 && test->points != 0);
        assert_ptr_equal(builtin_test_find(bytes_of(test->name)), test); /* none stands twice */
        for (const char *c = test->name; *c; c++)
            assert_true((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-');
    }
    assert_null(builtin_test_find(BYTES("no-such-test")));
}

/* The worst that a message can be with this: nothing is quadratic in it. */
static void long_texts_are_cut(void **state)
{
    make("", NULL);
    readable.text = repeat("Раypal ", 40000);
    readable.subject = repeat("V I ", 40000);
    readable.hidden = repeat("x ", 16000);
    assert_non_null(strstr(matching(), "text-mixed-scripts"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_message_matches_nothing),
        cmocka_unit_test(fields_that_are_missing_or_wrong_are_seen),
        cmocka_unit_test(dates_are_compared_with_the_time_of_receipt),
        cmocka_unit_test(what_the_facts_say_counts),
        cmocka_unit_test(our_own_received_fields_are_not_forged),
        cmocka_unit_test(flags_of_the_text_are_told),
        cmocka_unit_test(attachments_are_told_apart),
        cmocka_unit_test(links_are_told_apart),
        cmocka_unit_test(addresses_of_payments_are_seen),
        cmocka_unit_test(what_was_seen_is_shown),
        cmocka_unit_test(names_are_words_and_weights_are_modest),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
