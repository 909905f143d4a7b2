/* SPDX-License-Identifier: BSD-2-Clause */
/* What pretends is found, and honest mail, of which there is far more, is not. */
#include "filter/phishing.h"
#include "filter/phishing_hosts.h"
#include "base/domain.h"
#include "message/test.h"

/* A list of public suffixes for these tests: "co.uk" and the like have two labels, all others one. */
static struct bytes organization(struct bytes host)
{
    struct bytes two = domain_last_labels(host, 2);
    size_t labels = bytes_is(two, "co.uk") || bytes_is(two, "com.br") || bytes_is(two, "github.io") ? 3 : 2;
    if (domain_label_count(host) < labels || !domain_is_hostname(host))
        return BYTES("");
    return domain_last_labels(host, labels);
}

static struct phishing_names *names;

static int create(void **state)
{
    static const struct bytes protect[] = {
        BYTES_INIT("ours.example"),  BYTES_INIT("acme-widgets.example"), BYTES_INIT("Paypal.com"),
        BYTES_INIT("microsoft.com"), BYTES_INIT("google.com"),           BYTES_INIT("sparkasse.de"),
        BYTES_INIT("amazon.com"),    BYTES_INIT("bücher.example"),       BYTES_INIT("xn--mller-kva.example"),
        BYTES_INIT("apple.com"),     BYTES_INIT("com"),                  BYTES_INIT("dhl.de")};
    if (create_arena(state))
        return -1;
    return phishing_names_compile(protect, countof(protect), 2, organization, &names, NULL) == OK ? 0 : -1;
}

static int destroy(void **state)
{
    phishing_names_free(names);
    return destroy_arena(state);
}

struct mail {
    const char *name, *author, *reply_to;
    const char *shown, *url; /* of one link */
    bool authenticated, list;
};

static struct bytes host_of(const char *url)
{
    struct bytes rest = bytes_of(url);
    rest = bytes_skip(rest, bytes_find(rest, BYTES("//")) + 2);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    return bytes_first(rest, end);
}

static struct phishing_findings examine_links(const struct mail *mail, struct readable_link *links, size_t count)
{
    struct readable readable = {.links = links, .link_count = count};
    struct bytes author = bytes_of(mail->author);
    const struct phishing_request request = {
        .author = author,
        .author_domain = author.len ? bytes_skip(author, bytes_rfind_byte(author, '@') + 1) : author,
        .display_name = bytes_of(mail->name),
        .reply_to = bytes_of(mail->reply_to),
        .authenticated = mail->authenticated,
        .list = mail->list,
        .names = names,
        .readable = &readable,
        .organization = organization,
    };
    struct phishing_findings found;
    assert_int_equal(phishing_examine(arena, &request, &found, NULL), OK);
    return found;
}

static struct phishing_findings examine(const struct mail *mail)
{
    struct readable_link link = {.html = true, .text = bytes_of(mail->shown), .url = bytes_of(mail->url)};
    if (mail->url)
        link.host = host_of(mail->url);
    return examine_links(mail, &link, mail->url ? 1 : 0);
}

/* ---- honest mail ---- */

static const struct mail honest[] = {
    {"PayPal", "service@paypal.com"},
    {"PayPal", "service@paypal.de"},                       /* the same name in another country */
    {"service@paypal.com", "service@intl.paypal.com"},
    {"Amazon.de", "auto@amazon.de"},
    {"Amazon.com", "auto@amazon.co.uk"},
    {"Microsoft account team", "account@accountprotection.microsoft.com"},
    {"Google", "no-reply@accounts.google.com"},
    {"Alice Smith", "alice@partner.example"},
    {"Alice Smith (partner.example)", "alice@partner.example"},
    {"alice@partner.example", "alice@partner.example"},
    {"alice@partner.example", "alice@mail.partner.example"},
    {"Booking.com", "noreply@booking.com"},
    {"monday.com", "news@mail.monday.com"},
    {"Alice.Ng", "alice@somewhere.example"},               /* names with dots */
    {"Marc.Li", "marc@somewhere.example"},
    {"Node.js Weekly", "js@weekly.example"},
    {"ASP.NET News", "news@dev.example"},
    {"Dr. A. Miller, M.D.", "am@clinic.example"},
    {"Joe (Paypal meetup Berlin)", "joe@meetup.example"},
    {"Bob via DocuSign", "dse@docusign.net"},
    {"bob@partner.example via Survey", "noreply@survey.example"},
    {"'carol@partner.example' via staff", "staff@lists.example", "carol@partner.example"},
    {"dave@partner.example (via Google Docs)", "drive-noreply@google.com"},
    {"erin@ours.example", "calendar@service.example", "erin@ours.example"}, /* on behalf of one of ours */
    {"frank@ours.example", "frank@ours.example"},
    {"Apple Pie Recipes Weekly from Mary", "mary@pies.example", .authenticated = true, .list = true},
    {"Sparkasse Musterstadt", "info@sparkasse.de"},
    {"Newsletter", "news@shop.example", .shown = "www.shop.example", .url = "https://www.shop.example/offer"},
    {"Newsletter", "news@shop.example", .shown = "shop.example", .url = "https://click.shop.example/c/123"},
    {"Newsletter", "news@shop.example", .shown = "Click here", .url = "https://elsewhere.example/"},
    {"Newsletter", "news@shop.example", .shown = "https://www.google.com/maps", .url = "https://www.google.de/maps"},
    {"Newsletter", "news@shop.example", .shown = "write to us@shop.example now", .url = "https://forms.example/x"},
    {"Newsletter", "news@shop.example", .shown = "e.g. this one", .url = "https://forms.example/x"},
    {"Newsletter", "news@shop.example", .shown = "version 1.2.3", .url = "https://forms.example/x"},
    {"Newsletter", "news@shop.example", .shown = "us@shop.example", .url = "https://forms.example/x"},
    {"Support", "support@vendor.example", "tickets@helpdesk.example"},
    {"WordPress", "wordpress@customer.example", "visitor@gmail.com"},
    {"WordPress", "wordpress@ours.example", "visitor@gmail.com", .authenticated = true}, /* our own form */
    {"Grandma", "grandma@gmail.com", "grandma@gmail.com"},
    {"List member", "member@gmail.com", "talk@googlegroups.com", .list = true},
    {"Somebody", "somebody@maple.example"},                /* maple is not apple: two changes */
    {"Somebody", "somebody@shop24.example"},
    {"Somebody", "somebody@goggles.example"},
    {"Somebody", "somebody@amazing.example"},
    {"Somebody", "somebody@microsys.example"},
    {"Somebody", "somebody@xn--bcher-kva.example"},        /* is protected itself */
    {"Somebody", "somebody@example.com"},
    {"Somebody", "somebody@xn--fiqs8s.example"},
    {"Somebody", "somebody@xn--e1afmkfd.example"},         /* all Cyrillic */
    {"Somebody", "somebody@ourselves.example"},
    {"Somebody", "somebody@dh1.example"},                  /* dhl is too short to be imitated by chance */
    {"CDN", "a@b.example", .shown = "picture", .url = "https://d111.cloudfront.net/x.png"},
    {"Apple Developer", "developer@insideapple.apple.com"},
    {"", "a@b.example"},
    {"", ""},
};

static void honest_mail_is_no_finding(void **state)
{
    for (size_t i = 0; i < countof(honest); i++) {
        struct phishing_findings found = examine(&honest[i]);
        if (found.count)
            fail_msg("\"%s\" <%s>, %s, %s: %s: " BYTES_FMT, honest[i].name, honest[i].author,
                     honest[i].reply_to ? honest[i].reply_to : "-", honest[i].url ? honest[i].url : "-",
                     phishing_kind_name(found.list[0].kind), BYTES_ARG(found.list[0].reason));
    }
}

/* ---- what pretends ---- */

static const struct {
    struct mail mail;
    enum phishing_kind kind;
    const char *claimed, *real;
} false_ones[] = {
    {{"PayPal", "x@evil.example"}, PHISHING_DISPLAY_NAME, "paypal.com", "x@evil.example"},
    {{"PayPal Support Team", "x@evil.example"}, PHISHING_DISPLAY_NAME, "paypal.com", "x@evil.example"},
    {{"РауРаl", "x@evil.example"}, PHISHING_DISPLAY_NAME, "paypal.com", "x@evil.example"},
    {{"PAYPA1 Security", "x@evil.example"}, PHISHING_DISPLAY_NAME, "paypal.com", "x@evil.example"},
    {{"ceo@ours.example", "x@evil.example"}, PHISHING_DISPLAY_NAME, "ceo@ours.example", "x@evil.example"},
    {{"The Boss <ceo@ours.example>", "boss@gmail.com"}, PHISHING_DISPLAY_NAME, "ceo@ours.example", "boss@gmail.com"},
    {{"service@paypal.com", "x@evil.example"}, PHISHING_DISPLAY_NAME, "service@paypal.com", "x@evil.example"},
    {{"www.paypal.com", "x@evil.example"}, PHISHING_DISPLAY_NAME, "www.paypal.com", "x@evil.example"},
    {{"alice@partner.example", "x@evil.example"}, PHISHING_DISPLAY_OTHER, "alice@partner.example", "x@evil.example"},
    {{"Microsoft Rechnungsabteilung", "x@evil.example"}, PHISHING_DISPLAY_OTHER, "microsoft.com", "x@evil.example"},
    {{"A", "a@xn--pypal-4ve.com"}, PHISHING_HOMOGRAPH, "paypal.com", "xn--pypal-4ve.com"},
    {{"A", "a@paypa1.com"}, PHISHING_HOMOGRAPH, "paypal.com", "paypa1.com"},
    {{"A", "a@rnicrosoft.net"}, PHISHING_HOMOGRAPH, "microsoft.com", "rnicrosoft.net"},
    {{"A", "a@mail.g00gle.com"}, PHISHING_HOMOGRAPH, "google.com", "mail.g00gle.com"},
    {{"A", "a@xn--mxahh5a8b.example"}, PHISHING_KINDS, NULL, NULL}, /* all Greek, like nothing */
    {{"A", "a@paypall.com"}, PHISHING_LOOK_ALIKE, "paypal.com", "paypall.com"},
    {{"A", "a@papyal.com"}, PHISHING_LOOK_ALIKE, "paypal.com", "papyal.com"},
    {{"A", "a@pypal.com"}, PHISHING_LOOK_ALIKE, "paypal.com", "pypal.com"},
    {{"A", "a@microsft.net"}, PHISHING_LOOK_ALIKE, "microsoft.com", "microsft.net"},
    {{"A", "a@acme-widgts.example"}, PHISHING_LOOK_ALIKE, "acme-widgets.example", "acme-widgts.example"},
    {{"A", "a@muller.example"}, PHISHING_HOMOGRAPH, "xn--mller-kva.example", "muller.example"},
    {{"A", "a@paypal-secure.example"}, PHISHING_NAME_PART, "paypal.com", "paypal-secure.example"},
    {{"A", "a@secure-paypal.example"}, PHISHING_NAME_PART, "paypal.com", "secure-paypal.example"},
    {{"A", "a@my-paypa1-login.example"}, PHISHING_NAME_PART, "paypal.com", "my-paypa1-login.example"},
    {{"A", "a@paypallogin.example"}, PHISHING_NAME_PART, "paypal.com", "paypallogin.example"},
    {{"A", "a@verifymicrosoft.example"}, PHISHING_NAME_PART, "microsoft.com", "verifymicrosoft.example"},
    {{"A", "a@paypal.com.evil.example"}, PHISHING_SUBDOMAIN, "paypal.com", "paypal.com.evil.example"},
    {{"A", "a@b.example", .shown = "Log in", .url = "https://www.paypal.com.evil.example/login"},
     PHISHING_SUBDOMAIN, "paypal.com", "www.paypal.com.evil.example"},
    {{"A", "a@b.example", .shown = "Log in", .url = "https://paypal-secure.example/login"},
     PHISHING_NAME_PART, "paypal.com", "paypal-secure.example"},
    {{"A", "a@b.example", .shown = "https://www.bank.example/login", .url = "https://evil.test/x"},
     PHISHING_LINK_TEXT, "www.bank.example", "evil.test"},
    {{"A", "a@b.example", .shown = "www.paypal.com", .url = "https://198.51.100.7/x"},
     PHISHING_LINK_TEXT, "www.paypal.com", "198.51.100.7"},
    {{"A", "evil@evil.test", .shown = "paypal.com", .url = "https://evil.test/paypal.com"},
     PHISHING_LINK_TEXT, "paypal.com", "evil.test"},
    {{"News", "news@shop.example", .shown = "www.partner.test", .url = "https://click.shop.example/c/123"},
     PHISHING_LINK_TRACKER, "www.partner.test", "click.shop.example"},
    {{"News", "news@shop.example", .shown = "www.shop.example", .url = "https://u123.ct.sendgrid.net/ls/click"},
     PHISHING_LINK_TRACKER, "www.shop.example", "u123.ct.sendgrid.net"},
    {{"News", "news@shop.example", .shown = "www.paypal.com",
      .url = "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fwww.paypal.com"},
     PHISHING_LINK_TRACKER, "www.paypal.com", "eur01.safelinks.protection.outlook.com"},
    {{"News", "news@shop.example", .shown = "www.partner.test", .url = "https://go.test2.test/r?to=www.partner.test"},
     PHISHING_LINK_TRACKER, "www.partner.test", "go.test2.test"},
    {{"Ms Grace", "grace@gmail.com", "grace.law@outlook.com"}, PHISHING_REPLY_TO, "grace@gmail.com",
     "grace.law@outlook.com"},
    {{"The Boss", "ceo@ours.example", "boss77@gmail.com"}, PHISHING_REPLY_TO, "ceo@ours.example", "boss77@gmail.com"},
    {{"The Boss", "ceo@partner.example", "ceo@paypall.com"}, PHISHING_LOOK_ALIKE, "paypal.com", "paypall.com"},
};

static void what_pretends_is_found_with_both_names(void **state)
{
    for (size_t i = 0; i < countof(false_ones); i++) {
        struct phishing_findings found = examine(&false_ones[i].mail);
        const char *author = false_ones[i].mail.author;
        if (false_ones[i].kind == PHISHING_KINDS) {
            assert_int_equal(found.count, 0);
            continue;
        }
        if (!found.count)
            fail_msg("\"%s\" <%s>: nothing found", false_ones[i].mail.name, author);
        if (found.list[0].kind != false_ones[i].kind)
            fail_msg("\"%s\" <%s>: %s, not %s", false_ones[i].mail.name, author,
                     phishing_kind_name(found.list[0].kind), phishing_kind_name(false_ones[i].kind));
        assert_bytes(found.list[0].claimed, false_ones[i].claimed);
        assert_bytes(found.list[0].real, false_ones[i].real);
        assert_true(found.list[0].reason.len > 10);
        if (found.count != 1)
            fail_msg("\"%s\" <%s>: also %s", false_ones[i].mail.name, author, phishing_kind_name(found.list[1].kind));
    }
}

static void contacts_are_protected_for_their_recipients(void **state)
{
    const struct bytes contacts[] = {BYTES("supplier-gmbh.test"), BYTES("gmail.com")};
    struct readable readable = {.link_count = 0};
    struct phishing_request request = {.author = BYTES("a@supplier-gmhb.test"),
                                       .author_domain = BYTES("supplier-gmhb.test"), .display_name = BYTES(""),
                                       .contacts = contacts, .contact_count = 2,
                                       .names = names, .readable = &readable, .organization = organization};
    struct phishing_findings found;
    assert_int_equal(phishing_examine(arena, &request, &found, NULL), OK);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.list[0].kind, PHISHING_LOOK_ALIKE);
    assert_bytes(found.list[0].claimed, "supplier-gmbh.test");
    request.author_domain = BYTES("supplier-gmbh.test");
    assert_int_equal(phishing_examine(arena, &request, &found, NULL), OK);
    assert_int_equal(found.count, 0);
}

/* A newsletter: forty links by the counter of its sender's service, which nobody knows, and one of them shows where it
 * leads in the end. */
static void a_counter_of_clicks_is_known_by_the_other_links(void **state)
{
    struct readable_link links[40];
    const struct mail mail = {"News", "news@shop.example"};
    for (size_t i = 0; i < countof(links); i++)
        links[i] = (struct readable_link){.html = true, .url = BYTES("https://c.counter.test/9"),
                                          .host = BYTES("c.counter.test"), .text = BYTES("Read more")};
    links[7].text = BYTES("www.partner.test");
    struct phishing_findings found = examine_links(&mail, links, countof(links));
    assert_int_equal(found.count, 1);
    assert_int_equal(found.list[0].kind, PHISHING_LINK_TRACKER);
    /* But who shows a protected name leads there himself, or by a service that is known. */
    links[7].text = BYTES("www.paypal.com");
    found = examine_links(&mail, links, countof(links));
    assert_int_equal(found.count, 1);
    assert_int_equal(found.list[0].kind, PHISHING_LINK_TEXT);
    /* Nor is it a counter where all links deceive. */
    for (size_t i = 0; i < countof(links); i++)
        links[i].text = BYTES("www.bank.test");
    found = examine_links(&mail, links, countof(links));
    assert_int_equal(found.list[0].kind, PHISHING_LINK_TEXT);
}

static void findings_are_bounded_and_none_stands_twice(void **state)
{
    static char hosts[200][40];
    struct readable_link links[200];
    const struct mail mail = {"A", "a@b.example"};
    for (size_t i = 0; i < countof(links); i++) {
        snprintf(hosts[i], sizeof(hosts[i]), "host%zu-paypal.test", i);
        links[i] = (struct readable_link){.html = true, .url = BYTES("https://x/"), .host = bytes_of(hosts[i])};
    }
    assert_int_equal(examine_links(&mail, links, countof(links)).count, PHISHING_FINDINGS_MAX);
    for (size_t i = 0; i < countof(links); i++)
        links[i].host = bytes_of(hosts[0]);
    assert_int_equal(examine_links(&mail, links, countof(links)).count, 1);
}

static void many_names_are_found_among_many(void **state)
{
    enum { MANY = 20000 };
    struct bytes *many = arena_alloc_array(arena, MANY, sizeof(*many));
    struct phishing_names *compiled;
    for (size_t i = 0; i < MANY; i++)
        many[i] = arena_printf(arena, "organization%zuname.test", i * 7919);
    assert_int_equal(phishing_names_compile(many, MANY, 0, organization, &compiled, NULL), OK);
    struct readable readable = {.link_count = 0};
    struct phishing_request request = {.author = BYTES("a@b"), .display_name = BYTES(""), .names = compiled,
                                       .readable = &readable, .organization = organization};
    struct phishing_findings found;
    request.author_domain = arena_printf(arena, "organizatiom%uname.test", 7919 * 1234);
    assert_int_equal(phishing_examine(arena, &request, &found, NULL), OK);
    assert_int_equal(found.count, 1);
    assert_bytes(found.list[0].claimed, "organization9772046name.test");
    phishing_names_free(compiled);
    assert_int_equal(phishing_names_compile(many, PHISHING_NAMES_MAX + 1, 0, organization, &compiled, NULL), PERM);
}

static void every_kind_has_a_name_of_its_own(void **state)
{
    for (int i = 0; i < PHISHING_KINDS; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(phishing_kind_name((enum phishing_kind)i),
                                    phishing_kind_name((enum phishing_kind)j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_mail_is_no_finding),
        cmocka_unit_test(what_pretends_is_found_with_both_names),
        cmocka_unit_test(contacts_are_protected_for_their_recipients),
        cmocka_unit_test(a_counter_of_clicks_is_known_by_the_other_links),
        cmocka_unit_test(findings_are_bounded_and_none_stands_twice),
        cmocka_unit_test(many_names_are_found_among_many),
        cmocka_unit_test(every_kind_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, create, destroy);
}
