/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/url.h"

#include "message/test.h"

static struct url parse(const char *text)
{
    struct url url;
    if (url_parse(arena, bytes_of(text), &url) != OK)
        fail_msg("%s is no URL", text);
    return url;
}

static void assert_host(const char *text, const char *host, bool obfuscated)
{
    struct url url = parse(text);
    if (!bytes_is(url.host, host) || url.obfuscated != obfuscated)
        fail_msg("%s: host \"" BYTES_FMT "\"%s, not \"%s\"%s", text, BYTES_ARG(url.host),
                 url.obfuscated ? " obfuscated" : "", host, obfuscated ? " obfuscated" : "");
}

static void the_parts_of_a_url(void **state)
{
    struct url url = parse("HTTPS://user:pw@WWW.Example.ORG:8443/a/b?c=d?e#f?g");
    (void)state;
    assert_bytes(url.scheme, "https");
    assert_bytes(url.user, "user:pw");
    assert_bytes(url.host, "www.example.org");
    assert_bytes(url.port, "8443");
    assert_bytes(url.path, "/a/b");
    assert_bytes(url.query, "c=d?e");
    assert_bytes(url.fragment, "f?g");
    assert_true(url.obfuscated);
}

static void an_ordinary_url_is_not_obfuscated(void **state)
{
    (void)state;
    assert_host("http://example.org", "example.org", false);
    assert_host("http://example.org./x", "example.org", false);
    assert_host("//example.org/x", "example.org", false);
    assert_host("www.Example.org/x", "www.example.org", false);
    assert_host("http://192.0.2.1/", "192.0.2.1", false);
    assert_host("http://[2001:DB8:0::1]:80/", "[2001:db8::1]", false);
    assert_host("https://b\xc3\xbc"
                "cher.example/",
                "xn--bcher-kva.example", false);
    assert_host("http://under_score.example.org", "under_score.example.org", false);
}

static void slashes_are_read_as_browsers_read_them_whatwg_url_4_4(void **state)
{
    (void)state;
    assert_host("http:/example.org/", "example.org", true);
    assert_host("http:example.org", "example.org", true);
    assert_host("http:\\\\example.org\\x", "example.org", true);
    assert_host("https:////example.org", "example.org", true);
    assert_bytes(parse("http://a.example\\b/c").path, "\\b/c");
}

static void tabs_and_line_ends_are_dropped_whatwg_url_4_4(void **state)
{
    (void)state;
    assert_host(" ht\ntp://exa\r\n\tmple.org\n", "example.org", false);
    assert_bytes(parse("java\nscript:alert(1)").scheme, "javascript");
}

static void addresses_in_every_notation_whatwg_url_3_5(void **state)
{
    (void)state;
    assert_host("http://0x7f.0.0.1", "127.0.0.1", true);
    assert_host("http://2130706433/", "127.0.0.1", true);
    assert_host("http://0177.1", "127.0.0.1", true);
    assert_host("http://127.1", "127.0.0.1", true);
    assert_host("http://0xC0.0.0x2.001", "192.0.2.1", true);
    assert_host("http://3232235777/", "192.168.1.1", true);
    assert_host("http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.1/", "127.0.0.1", true); /* fullwidth digits */
    assert_host("http://[::ffff:192.0.2.1]/", "192.0.2.1", false);
}

static void what_can_be_no_host_gives_none(void **state)
{
    (void)state;
    assert_host("http://256.256.256.256/", "", false);
    assert_host("http://1.2.3.4.5/", "", false);
    assert_host("http://4294967296/", "", false);
    assert_host("http://exa mple/", "", false);
    assert_host("http://a..b/", "", false);
    assert_host("http://[::1/", "", false);
    assert_host("http://%00.example/", "", false);
    assert_host("http:///", "", true);
    assert_host("http://\xff\xfe.example/", "", false);
}

static void per_cent_signs_in_the_host_are_undone(void **state)
{
    (void)state;
    assert_host("http://ex%61mple%2eorg/", "example.org", true);
    assert_host("http://b%C3%BCcher.example/", "xn--bcher-kva.example", true);
}

static void other_full_stops_and_letters_that_are_ascii_after_all_uts46(void **state)
{
    (void)state;
    assert_host("http://example\xe3\x80\x82org/", "example.org", true);
    assert_host("http://example\xef\xbc\x8eorg\xe3\x80\x82/", "example.org", true);
    assert_host("http://\xef\xbd\x85xample.org/", "example.org", true);
    assert_host("http://exa\xc2\xadmple.org/", "example.org", true); /* a soft hyphen */
}

static void a_user_before_the_host_hides_it(void **state)
{
    (void)state;
    assert_host("http://www.bank.example@bad.example/", "bad.example", true);
    assert_host("http://a@b@bad.example/", "bad.example", true);
    assert_host("http://good.example/@bad.example/", "good.example", false);
    assert_host("http://good.example?@bad.example/", "good.example", false);
}

static void schemes_without_host(void **state)
{
    (void)state;
    assert_host("javascript:alert(1)//example.org", "", false);
    assert_host("data:text/html,<b>", "", false);
    assert_host("tel:+123", "", false);
    assert_host("mailto:a@Example.org?subject=x@y", "example.org", false);
    assert_host("mailto:a%40example.net,b@example.org", "example.net", false);
    assert_host("mailto:nobody", "", false);
    assert_host("file://server/share", "server", false);
}

static void what_is_relative_is_no_url(void **state)
{
    struct url url;
    (void)state;
    assert_int_equal(url_parse(arena, BYTES("path/x"), &url), NONE);
    assert_int_equal(url_parse(arena, BYTES("/path"), &url), NONE);
    assert_int_equal(url_parse(arena, BYTES(""), &url), NONE);
    assert_int_equal(url_parse(arena, BYTES("1http://x"), &url), NONE);
}

static void assert_resolved(const char *base, const char *reference, const char *expected)
{
    struct bytes out;
    assert_int_equal(url_resolve(arena, bytes_of(base), bytes_of(reference), &out), OK);
    assert_bytes(out, expected);
}

static void references_and_their_base_rfc3986_5(void **state)
{
    struct bytes out;
    (void)state;
    assert_resolved("http://b.example/x/y?z", "w", "http://b.example/x/w");
    assert_resolved("http://b.example:81/x/y", "/w", "http://b.example:81/w");
    assert_resolved("http://b.example", "w", "http://b.example/w");
    assert_resolved("https://b.example/x", "//c.example/w", "https://c.example/w");
    assert_resolved("http://b.example/x", "?q", "http://b.example/x?q");
    assert_resolved("http://b.example/x", "https://c.example/", "https://c.example/");
    assert_int_equal(url_resolve(arena, BYTES("nothing"), BYTES("w"), &out), NONE);
}

static void assert_embedded(const char *text, size_t count, const char *first)
{
    struct bytes found[URL_EMBEDDED_MAX];
    struct url url = parse(text);
    size_t actual;
    assert_int_equal(url_embedded(arena, &url, found, &actual), OK);
    if (actual != count)
        fail_msg("%s: %zu", text, actual);
    if (count)
        assert_bytes(found[0], first);
}

static void redirectors_carry_urls(void **state)
{
    (void)state;
    assert_embedded("http://r.example/?url=http%3A%2F%2Fbad.example%2Fx&y=z", 1, "http://bad.example/x");
    assert_embedded("http://r.example/?a=b&url=https://bad.example/", 1, "https://bad.example/");
    assert_embedded("http://r.example/http://bad.example/", 1, "http://bad.example/");
    assert_embedded("http://r.example/?u=http%253A%252F%252Fbad.example", 1, "http://bad.example");
    assert_embedded("http://r.example/#http:\\\\bad.example", 1, "http:\\\\bad.example");
    assert_embedded("http://r.example/?q=www.bad.example/x", 1, "www.bad.example/x");
    assert_embedded("http://r.example/c/aHR0cDovL2JhZC5leGFtcGxlL3g/1", 1, "http://bad.example/x");
    assert_embedded("http://r.example/?u=http://a.example/?u=http://b.example/", 2,
                    "http://a.example/?u=http://b.example/");
    assert_embedded("http://r.example/x?y=z:/w", 0, NULL);
    assert_embedded("http://r.example", 0, NULL);
}

static void no_more_than_a_few_are_listed(void **state)
{
    struct bytes parts[] = {BYTES("http://r.example/?"), repeat("&u=http://a.example", 60)};
    struct bytes found[URL_EMBEDDED_MAX];
    struct url url;
    size_t count;
    (void)state;
    assert_int_equal(url_parse(arena, arena_concat(arena, parts, 2), &url), OK);
    assert_int_equal(url_embedded(arena, &url, found, &count), OK);
    assert_int_equal(count, URL_EMBEDDED_MAX);
}

/* All that are found, each in angle brackets. */
static void assert_found(const char *text, const char *expected)
{
    struct buf all;
    struct bytes url;
    size_t position = 0;
    buf_init(&all, 4096);
    while (url_find(bytes_of(text), &position, &url))
        buf_printf(&all, "<" BYTES_FMT ">", BYTES_ARG(url));
    assert_bytes(buf_bytes(&all), expected);
    buf_free(&all);
}

static void urls_in_sentences(void **state)
{
    (void)state;
    assert_found("See http://example.org/x, or (https://example.net/a_(b)).",
                 "<http://example.org/x><https://example.net/a_(b)>");
    assert_found("<http://example.org/>, \"http://example.net\"", "<http://example.org/><http://example.net>");
    assert_found("Go to www.example.org. Or WWW.Example.net/x!", "<www.example.org><WWW.Example.net/x>");
    assert_found("xhttp://example.org/", "<http://example.org/>");
    assert_found("ftp://example.org/f; http:/ /x http:// http://. end", "<ftp://example.org/f>");
    assert_found("http://a.example/?u=http://b.example/ ", "<http://a.example/?u=http://b.example/>");
}

static void a_bare_name_is_one_with_a_path_only(void **state)
{
    (void)state;
    assert_found("buy at shop.example.com/pills now", "<shop.example.com/pills>");
    assert_found("buy at example.com now", "");
    assert_found("user@example.com/x and/or.something/else", "");
    assert_found("the file a.txt/b or 1.5/2", "");
    assert_found("src/main.com/x ../b.com/y", "");
    assert_found("www. is no name, nor is www..com", "");
}

static void text_of_other_scripts_ends_a_path(void **state)
{
    (void)state;
    assert_found("http://example.org/x\xe8\xaf\xb7", "<http://example.org/x>");
    assert_found("http://b\xc3\xbc"
                 "cher.example/",
                 "<http://b\xc3\xbc"
                 "cher.example/>");
}

static void a_long_url_is_cut(void **state)
{
    struct bytes parts[] = {BYTES("http://example.org/"), repeat("x", 5000)}, url;
    size_t position = 0;
    (void)state;
    struct bytes text = arena_concat(arena, parts, 2);
    assert_true(url_find(text, &position, &url));
    assert_true(url.len <= URL_MAX + 8);
    assert_false(url_find(text, &position, &url));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_of_a_url),
        cmocka_unit_test(an_ordinary_url_is_not_obfuscated),
        cmocka_unit_test(slashes_are_read_as_browsers_read_them_whatwg_url_4_4),
        cmocka_unit_test(tabs_and_line_ends_are_dropped_whatwg_url_4_4),
        cmocka_unit_test(addresses_in_every_notation_whatwg_url_3_5),
        cmocka_unit_test(what_can_be_no_host_gives_none),
        cmocka_unit_test(per_cent_signs_in_the_host_are_undone),
        cmocka_unit_test(other_full_stops_and_letters_that_are_ascii_after_all_uts46),
        cmocka_unit_test(a_user_before_the_host_hides_it),
        cmocka_unit_test(schemes_without_host),
        cmocka_unit_test(what_is_relative_is_no_url),
        cmocka_unit_test(references_and_their_base_rfc3986_5),
        cmocka_unit_test(redirectors_carry_urls),
        cmocka_unit_test(no_more_than_a_few_are_listed),
        cmocka_unit_test(urls_in_sentences),
        cmocka_unit_test(a_bare_name_is_one_with_a_path_only),
        cmocka_unit_test(text_of_other_scripts_ends_a_path),
        cmocka_unit_test(a_long_url_is_cut),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
