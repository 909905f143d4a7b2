/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/uribl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX_LINKS 200

struct fixture {
    struct arena *arena;
    struct readable_link links[MAX_LINKS];
    struct readable readable;
    struct uribl_hosts hosts;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.arena = arena_create(4 << 20)};
    fixture.readable.links = fixture.links;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->arena);
    return 0;
}

static struct readable_link *add(struct fixture *f, const char *url, const char *host, const char *text)
{
    struct readable_link *link = &f->links[f->readable.link_count++];
    struct bytes whole = arena_copy(f->arena, bytes_of(url));
    *link = (struct readable_link){.url = whole,
                                   .scheme = bytes_first(whole, bytes_find_byte(whole, ':')),
                                   .host = arena_copy(f->arena, bytes_of(host)),
                                   .text = bytes_of(text),
                                   .html = text != NULL};
    return link;
}

static void collect(struct fixture *f, size_t most)
{
    assert_int_equal(uribl_collect(f->arena, &f->readable, most, &f->hosts), OK);
}

static const struct uribl_host *find(const struct fixture *f, const char *host)
{
    for (size_t i = 0; i < f->hosts.count; i++)
        if (bytes_is(f->hosts.hosts[i].host, host))
            return &f->hosts.hosts[i];
    return NULL;
}

static void each_registrable_domain_is_there_once(void **state)
{
    struct fixture *f = *state;
    add(f, "http://www.spam.example/a", "www.spam.example", NULL);
    add(f, "http://img.spam.example/b", "img.spam.example", NULL);
    add(f, "https://shop.co.uk/", "a.shop.co.uk", NULL);
    collect(f, 20);
    assert_int_equal(f->hosts.count, 2);
    assert_true(bytes_is(find(f, "www.spam.example")->name, "spam.example"));
    assert_int_equal(find(f, "www.spam.example")->links, 2);
    assert_true(bytes_is(find(f, "a.shop.co.uk")->name, "shop.co.uk"));
}

static void addresses_are_told_from_names(void **state)
{
    struct fixture *f = *state;
    add(f, "http://192.0.2.7/x", "192.0.2.7", NULL);
    add(f, "http://[2001:db8::7]/x", "[2001:db8::7]", NULL);
    collect(f, 20);
    assert_int_equal(f->hosts.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(f->hosts.hosts[i].ip.family != 0);
        assert_true(f->hosts.hosts[i].why & URIBL_ADDRESS);
        assert_int_equal(f->hosts.hosts[i].name.len, 0);
    }
}

static void what_redirectors_carry_is_looked_at_too(void **state)
{
    static const char *const urls[] = {
        "https://click.esp.example/r?u=http%3A%2F%2Fwww.spam.example%2Fx",
        "https://click.esp.example/r?u=https://www.spam.example/x",
        "https://click.esp.example/r/https%253A%252F%252Fwww.spam.example%252F",
        "https://click.esp.example/r?u=http%3A%2F%2Fother.example%2F%3Fq%3Dhttp%253A%252F%252Fwww.spam.example%252F",
    };
    for (size_t i = 0; i < countof(urls); i++) {
        struct fixture *f = *state;
        f->readable.link_count = 0;
        add(f, urls[i], "click.esp.example", NULL);
        collect(f, 20);
        if (!find(f, "www.spam.example") || !find(f, "click.esp.example"))
            fail_msg("%s", urls[i]);
        assert_true(find(f, "www.spam.example")->why & URIBL_REDIRECTED);
    }
}

static void a_rewriter_with_underscores_is_undone(void **state)
{
    struct fixture *f = *state;
    add(f, "https://urldefense.proofpoint.com/v2/url?u=https-3A__www.spam.example_x-3Fy&d=Dw",
        "urldefense.proofpoint.com", NULL);
    collect(f, 20);
    assert_non_null(find(f, "www.spam.example"));
}

static void a_link_that_shows_another_domain_is_suspicious(void **state)
{
    struct fixture *f = *state;
    add(f, "https://evil.example/", "evil.example", "https://www.bank.example/login");
    add(f, "https://login.bank.example/", "login.bank.example", "https://www.bank.example/login");
    add(f, "https://click.esp.example/?u=https%3A%2F%2Fwww.shop.example%2F", "click.esp.example", "www.shop.example");
    add(f, "https://plain.example/", "plain.example", "Click here");
    collect(f, 20);
    assert_true(find(f, "evil.example")->why & URIBL_MISMATCH);
    assert_false(find(f, "login.bank.example")->why & URIBL_MISMATCH);
    assert_false(find(f, "click.esp.example")->why & URIBL_MISMATCH);
    assert_false(find(f, "plain.example")->why & URIBL_MISMATCH);
    assert_true(bytes_is(f->hosts.hosts[0].host, "evil.example"));
}

static void what_stands_in_everybodys_mail_is_passed_over(void **state)
{
    struct fixture *f = *state;
    add(f, "http://www.w3.org/1999/xhtml", "www.w3.org", "x");
    add(f, "http://schemas.microsoft.com/office", "schemas.microsoft.com", "x");
    add(f, "https://www.google.com/url?q=https%3A%2F%2Fspam.example%2F", "www.google.com", "x");
    add(f, "https://sites.google.com/spam", "sites.google.com", "x");
    collect(f, 20);
    assert_int_equal(f->hosts.count, 2);
    assert_non_null(find(f, "spam.example"));
    assert_non_null(find(f, "sites.google.com")); /* where anybody can have pages */
}

static void shorteners_are_noted(void **state)
{
    struct fixture *f = *state;
    add(f, "https://bit.ly/abc", "bit.ly", "x");
    add(f, "https://bit.ly/def", "bit.ly", "x");
    add(f, "https://tinyurl.com/abc", "tinyurl.com", "x");
    collect(f, 20);
    assert_int_equal(f->hosts.shortener_count, 2);
    assert_true(bytes_is(f->hosts.shorteners[0], "bit.ly"));
    assert_true(find(f, "bit.ly")->why & URIBL_SHORTENER);
}

static void the_suspicious_come_first_wherever_they_stand(void **state)
{
    struct fixture *f = *state;
    char url[MAX_LINKS][64], host[MAX_LINKS][48];
    for (int i = 0; i < MAX_LINKS; i++) {
        snprintf(host[i], sizeof(host[i]), "h%d.example", i / 2);
        snprintf(url[i], sizeof(url[i]), "https://%s/", host[i]);
        struct readable_link *link = add(f, url[i], host[i], "x");
        link->image = i % 2 == 0;
    }
    f->links[101] = (struct readable_link){.url = BYTES("http://hidden.example/"), .scheme = BYTES("http"),
                                           .host = BYTES("hidden.example"), .text = BYTES("x"), .html = true,
                                           .obfuscated = true};
    f->links[60] = (struct readable_link){.url = BYTES("http://form.example/"), .scheme = BYTES("http"),
                                          .host = BYTES("form.example"), .text = BYTES(""), .html = true,
                                          .form = true};
    f->links[30] = (struct readable_link){.url = BYTES("http://192.0.2.9/"), .scheme = BYTES("http"),
                                          .host = BYTES("192.0.2.9"), .text = BYTES(""), .html = true};
    collect(f, 5);
    assert_int_equal(f->hosts.count, 5);
    assert_non_null(find(f, "hidden.example"));
    assert_non_null(find(f, "form.example"));
    assert_non_null(find(f, "192.0.2.9"));
    assert_true(f->hosts.left_out > 90);
}

static void the_host_of_a_domain_that_hides_something_is_the_one_kept(void **state)
{
    struct fixture *f = *state;
    add(f, "https://img.spam.example/", "img.spam.example", "x")->image = true;
    add(f, "https://login.spam.example/", "login.spam.example", "www.bank.example");
    collect(f, 20);
    assert_int_equal(f->hosts.count, 1);
    assert_non_null(find(f, "login.spam.example"));
}

static void what_leads_to_no_host_is_left_alone(void **state)
{
    struct fixture *f = *state;
    add(f, "data:text/html,hello", "", "x");
    add(f, "tel:+123", "", "x");
    add(f, "javascript:http://spam.example/", "spam.example", "x");
    add(f, "http://localhost/", "localhost", "x");
    add(f, "mailto:a@reply.example", "reply.example", "x");
    collect(f, 20);
    assert_int_equal(f->hosts.count, 1);
    assert_non_null(find(f, "reply.example"));
    f->readable.link_count = 0;
    collect(f, 20);
    assert_int_equal(f->hosts.count, 0);
}

static void a_url_full_of_urls_is_bounded(void **state)
{
    struct fixture *f = *state;
    static char url[MAX_LINKS][2000];
    for (int i = 0; i < MAX_LINKS; i++) {
        int len = snprintf(url[i], sizeof(url[i]), "https://r%d.example/?", i);
        for (int k = 0; len < 1900; k++)
            len += snprintf(url[i] + len, sizeof(url[i]) - (size_t)len, "u=https://a%d-%d.example/&", i, k);
        char host[32];
        snprintf(host, sizeof(host), "r%d.example", i);
        add(f, url[i], host, "x");
    }
    collect(f, 20);
    assert_int_equal(f->hosts.count, 20);
    assert_true(f->hosts.left_out < URIBL_SEEN_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_registrable_domain_is_there_once),
        TEST(addresses_are_told_from_names),
        TEST(what_redirectors_carry_is_looked_at_too),
        TEST(a_rewriter_with_underscores_is_undone),
        TEST(a_link_that_shows_another_domain_is_suspicious),
        TEST(what_stands_in_everybodys_mail_is_passed_over),
        TEST(shorteners_are_noted),
        TEST(the_suspicious_come_first_wherever_they_stand),
        TEST(the_host_of_a_domain_that_hides_something_is_the_one_kept),
        TEST(what_leads_to_no_host_is_left_alone),
        TEST(a_url_full_of_urls_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
