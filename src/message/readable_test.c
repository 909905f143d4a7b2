/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/readable.h"

#include "message/readable_words.h"
#include "message/test.h"

static int prepare(void **state)
{
    readable_prepare();
    return create_arena(state);
}

static struct readable read_bytes(struct bytes text)
{
    struct message *message = arena_new(arena, struct message);
    struct mime *mime = arena_new(arena, struct mime);
    struct readable readable;
    assert_int_equal(message_parse(arena, message_normalize(arena, text), message, NULL), OK);
    assert_int_equal(mime_parse(arena, message, NULL, mime, NULL), OK);
    assert_int_equal(readable_make(arena, message, mime, &readable, NULL), OK);
    assert_ptr_equal(readable.mime, mime);
    return readable;
}

static struct readable read_text(const char *text)
{
    return read_bytes(bytes_of(text));
}

/* --- Texts ------------------------------------------------------------------------------------------ */

static void a_plain_message(void **state)
{
    struct readable r = read_text("Subject: Hello\nFrom: \"A. Person\" <a@example.org>\n\nDear  you,\n\n see "
                                  "www.example.org/x.\t\n-- \nA\n");
    (void)state;
    assert_bytes(r.subject, "Hello");
    assert_bytes(r.from_name, "A. Person");
    assert_bytes(r.text, "Dear you,\nsee www.example.org/x.\n--\nA");
    assert_ptr_equal(r.plain.ptr, r.text.ptr);
    assert_int_equal(r.flags, READABLE_PLAIN);
    assert_int_equal(r.link_count, 1);
    assert_bytes(r.links[0].url, "www.example.org/x");
    assert_bytes(r.links[0].scheme, "http");
    assert_bytes(r.links[0].host, "www.example.org");
    assert_false(r.links[0].html);
    assert_int_equal(r.hidden.len + r.attachment_count, 0);
}

static void header_texts_are_decoded_rfc2047(void **state)
{
    struct readable r =
        read_text("Subject: =?utf-8?Q?gr=C3?=\n =?utf-8?Q?=BC_?= =?koi8-r?B?8A==?= x =?gb2312?B?xOO6ww==?=\n"
                  "From: =?iso-8859-1?Q?J=F6rg?= <a@example.org>\n\nx\n");
    (void)state;
    assert_bytes(r.subject, "grü П x 你好");
    assert_bytes(r.from_name, "Jörg");
}

static void encoded_words_that_are_none_stay(void **state)
{
    (void)state;
    assert_bytes(readable_words(arena, BYTES("=?x?= =?utf-8?X?a?= =?utf-8?q?a =? ? =?utf-8?q?b?=")),
                 "=?x?= =?utf-8?X?a?= =?utf-8?q?a =? ? b");
    assert_bytes(readable_words(arena, BYTES("caf\xe9 =?nosuch?q?caf=E9?=")), "café café");
    assert_bytes(readable_words(arena, BYTES("=?utf-8?b?w7w?==?utf-8?q?=zz=?=")), "ü=zz=");
}

static void the_name_of_a_malformed_from_field(void **state)
{
    (void)state;
    assert_bytes(read_text("From: \"Bank <x\" a@b.example> <c@d.example\n\nx\n").from_name, "Bank <x");
    assert_bytes(read_text("From: Bank, Inc. <x@@y>\n\nx\n").from_name, "Bank, Inc.");
    assert_int_equal(read_text("Subject: x\n\nx\n").from_name.len, 0);
}

static void of_alternatives_the_html_is_seen_rfc2046_5_1_4(void **state)
{
    struct readable r = read_text("Content-Type: multipart/alternative; boundary=b\n\n--b\n\nplain\n"
                                  "--b\nContent-Type: text/html\n\n<p>html</p>\n--b--\n");
    (void)state;
    assert_bytes(r.text, "html");
    assert_bytes(r.plain, "plain");
    assert_int_equal(r.flags, READABLE_PLAIN | READABLE_HTML);
}

static void html_counts_wherever_it_stands_in_an_alternative(void **state)
{
    struct readable r = read_text(
        "Content-Type: multipart/alternative; boundary=b\n\n"
        "--b\nContent-Type: multipart/related; boundary=c\n\n--c\nContent-Type: text/html\n\n<b>html</b>\n"
        "--c\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0K\n--c--\n"
        "--b\n\nplain\n--b\nContent-Type: text/calendar\n\nSUMMARY:x\n--b--\n");
    (void)state;
    assert_bytes(r.text, "html");
    assert_bytes(r.plain, "plain");
    assert_int_equal(r.attachment_count, 1);
    assert_bytes(r.attachments[0].type, "image/png");
    assert_int_equal(r.attachments[0].size, 6);
}

static void alternatives_without_html_are_plain(void **state)
{
    struct readable r = read_text("Content-Type: multipart/alternative; boundary=b\n\n--b\n\nplain\n"
                                  "--b\nContent-Type: text/calendar\n\nSUMMARY:x\n--b--\n");
    (void)state;
    assert_bytes(r.text, "plain");
    r = read_text("Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: "
                  "text/html\nContent-Disposition: attachment\n\n<p>x\n--b\n\nplain\n--b--\n");
    assert_bytes(r.text, "plain");
    assert_int_equal(r.attachment_count, 1);
}

static void parts_are_read_one_behind_the_other(void **state)
{
    struct readable r = read_text(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: text/html\n\n<b>two</b>\n"
        "--b\nContent-Disposition: attachment; filename=a.txt\n\nthree\n--b\n\nfour\n--b--\n");
    (void)state;
    assert_bytes(r.text, "one\ntwo\nfour");
    assert_bytes(r.plain, "one\nfour");
    assert_int_equal(r.attachment_count, 1);
    assert_bytes(r.attachments[0].name, "a.txt");
    assert_int_equal(r.attachments[0].size, 5);
    assert_non_null(r.attachments[0].part);
}

static void a_message_within_is_read_too(void **state)
{
    struct readable r = read_text(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nouter\n--b\nContent-Type: message/rfc822\n\n"
        "Subject: s\n\ninner http://example.org/\n--b--\n");
    (void)state;
    assert_bytes(r.text, "outer\ninner http://example.org/");
    assert_int_equal(r.link_count, 1);
}

static void a_multipart_in_which_no_part_is_found_is_read_as_text(void **state)
{
    struct readable r = read_text("Content-Type: multipart/mixed\n\n--x\n\nbuy now\n");
    (void)state;
    assert_bytes(r.text, "--x\nbuy now");
    assert_true(r.flags & READABLE_BROKEN);
    r = read_text("Content-Type: multipart/mixed; boundary=b\n\nbuy now\n");
    assert_bytes(r.text, "buy now");
    assert_true(r.flags & READABLE_BROKEN);
}

static void flowed_text_is_joined_rfc3676(void **state)
{
    (void)state;
    assert_bytes(
        read_text(
            "Content-Type: text/plain; format=flowed\n\nlong \nline\n next\n> q \n> r\n>> s \n> t\n-- \nme\n")
            .text,
        "long line\nnext\n> q r\n>> s\n> t\n--\nme");
    assert_bytes(
        read_text("Content-Type: text/plain; format=flowed; delsp=yes\n\nhttp://example.org/a \nb\n").text,
        "http://example.org/ab");
}

static void enriched_text_rfc1896(void **state)
{
    (void)state;
    assert_bytes(
        read_text("Content-Type: text/enriched\n\n<bold>a</bold><color><param>red</param>b</color> <<c>\nd\n\ne\n")
            .text,
        "ab <c> d\ne");
}

static void what_a_calendar_shows_rfc5545(void **state)
{
    (void)state;
    assert_bytes(read_text("Content-Type: text/calendar\n\nBEGIN:VEVENT\nUID:1\nSUMMARY;LANGUAGE=en:Win\\, "
                           "now\\nor\n  never\nLOCATION:here\n ever\nEND:VEVENT\n")
                     .text,
                 "Win, now\nor never\nhereever");
}

/* --- Charsets and encodings --------------------------------------------------------------------------- */

static void labels_decide_and_html_may_name_its_own(void **state)
{
    (void)state;
    assert_bytes(read_text("Content-Type: text/plain; charset=koi8-r\n\n\xf0\n").text, "П");
    assert_bytes(read_text("Content-Type: text/html\n\n<meta charset=windows-1251><p>\xcf\n").text, "П");
    assert_bytes(read_text("Content-Type: text/html; charset=koi8-r\n\n<meta charset=windows-1251><p>\xf0\n").text,
                 "П");
    assert_bytes(
        read_text("Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64\n\n//5hAKwg\n")
            .text,
        "a€");
}

static void text_without_label_is_guessed(void **state)
{
    struct readable r = read_text("Subject: x\n\ngr\xc3\xbc\n");
    (void)state;
    assert_bytes(r.text, "grü");
    assert_false(r.flags & READABLE_BAD_CHARSET);
    assert_bytes(read_text("Subject: x\n\ngr\xfc\n").text, "grü");
}

static void wrong_labels_are_flagged(void **state)
{
    struct readable r = read_text("Content-Type: text/plain; charset=x-unknown\n\ngr\xfc\n");
    (void)state;
    assert_bytes(r.text, "grü");
    assert_true(r.flags & READABLE_BAD_CHARSET);
    r = read_text("Content-Type: text/plain; charset=us-ascii\n\ngr\xc3\xbc\n");
    assert_bytes(r.text, "grü");
    assert_true(r.flags & READABLE_BAD_CHARSET);
    r = read_text("Content-Type: text/plain; charset=utf-8\n\ngr\xfc.\n");
    assert_bytes(r.text, "gr\xef\xbf\xbd.");
    assert_true(r.flags & READABLE_BAD_CHARSET);
    assert_false(read_text("Content-Type: text/plain; charset=utf-8\n\ngr\xc3\xbc\n").flags &
                 READABLE_BAD_CHARSET);
}

static void plain_ascii_in_base64_is_flagged(void **state)
{
    (void)state;
    assert_true(read_text("Content-Transfer-Encoding: base64\n\naGVsbG8=\n").flags & READABLE_ENCODED_TEXT);
    assert_false(
        read_text("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nw7w=\n").flags &
        READABLE_ENCODED_TEXT);
    assert_false(read_text("Content-Transfer-Encoding: quoted-printable\n\nhello\n").flags &
                 READABLE_ENCODED_TEXT);
}

static void broken_base64_is_flagged_and_read(void **state)
{
    struct readable r = read_text("Content-Transfer-Encoding: base64\n\naGV!sbG8=\n");
    (void)state;
    assert_bytes(r.text, "hello");
    assert_true(r.flags & READABLE_BROKEN);
}

/* --- Flags ------------------------------------------------------------------------------------------- */

static void html_flags(void **state)
{
    struct readable r = read_text(
        "Content-Type: text/html\n\n<form><script></script><img src=http://e.example/1><img "
        "src=http://e.example/2>"
        "<meta http-equiv=refresh content='0;url=http://m.example'>V<!---->ia<b style=display:none>x</b>");
    (void)state;
    assert_int_equal(r.flags, READABLE_HTML | READABLE_FORM | READABLE_SCRIPT | READABLE_REMOTE_IMAGE |
                                  READABLE_META_REFRESH | READABLE_HIDDEN | READABLE_ONLY_IMAGES);
    assert_int_equal(r.images, 2);
    assert_int_equal(r.comments, 1);
    assert_int_equal(r.tags, 8);
    assert_bytes(r.hidden, "x");
}

static void pictures_with_a_text_are_not_only_pictures(void **state)
{
    (void)state;
    assert_false(read_text("Content-Type: text/html\n\n<img src=cid:a>This is a text that is long enough to be "
                           "the message itself.")
                     .flags &
                 READABLE_ONLY_IMAGES);
    assert_false(read_text("Content-Type: text/html\n\nHi").flags & READABLE_ONLY_IMAGES);
}

static void encrypted_messages(void **state)
{
    (void)state;
    assert_true(read_text("Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--\n").flags &
                READABLE_ENCRYPTED);
    assert_true(read_text("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx\n").flags &
                READABLE_ENCRYPTED);
    assert_false(read_text("Content-Type: application/pkcs7-mime; smime-type=signed-data\n\nx\n").flags &
                 READABLE_ENCRYPTED);
}

static void confusable_characters_in_any_text(void **state)
{
    (void)state;
    assert_true(read_text("Subject: Pay\xe2\x80\x8bPal\n\nx\n").flags & READABLE_CONFUSABLE);
    assert_bytes(read_text("Subject: Pay\xe2\x80\x8bPal\n\nx\n").subject, "PayPal");
    assert_true(read_text("Subject: x\n\nPay\xe2\x80\x8bPal\n").flags & READABLE_CONFUSABLE);
    assert_false(read_text("Subject: x\n\nPay Pal\n").flags & READABLE_CONFUSABLE);
}

static struct readable alternative(const char *plain, const char *html)
{
    struct bytes parts[] = {BYTES("Content-Type: multipart/alternative; boundary=b\n\n--b\n\n"), bytes_of(plain),
                            BYTES("\n--b\nContent-Type: text/html\n\n"), bytes_of(html), BYTES("\n--b--\n")};
    return read_bytes(arena_concat(arena, parts, countof(parts)));
}

static void texts_that_have_nothing_in_common(void **state)
{
    static const char plain[] = "once upon time there lived three bears within that forest near some village";
    (void)state;
    assert_true(
        alternative(plain, "<p>cheap watches delivered worldwide without prescription order today before midnight")
            .flags &
        READABLE_PLAIN_DIFFERS);
    assert_false(
        alternative(plain, "<p>Once upon time there <b>lived three</b> bears within that forest</p>").flags &
        READABLE_PLAIN_DIFFERS);
    assert_false(alternative(plain, "<p>short").flags & READABLE_PLAIN_DIFFERS);
}

/* --- Links -------------------------------------------------------------------------------------------- */

static void links_of_html_with_what_they_show(void **state)
{
    struct readable r = read_text("Content-Type: text/html\n\n<base href=http://b.example/d/><a "
                                  "href='http://x@0x7f.1/'> go <b>there</b></a>\n"
                                  "<a href=rel>r</a><img src=i.png><a href='mailto:a@m.example'>m</a><a "
                                  "href='javascript:x'>j</a> http://t.example/");
    static const char *const urls[] = {"http://x@0x7f.1/",   "http://b.example/d/rel", "http://b.example/d/i.png",
                                       "mailto:a@m.example", "javascript:x",           "http://t.example/"};
    static const char *const hosts[] = {"127.0.0.1", "b.example", "b.example", "m.example", "", "t.example"};
    static const char *const texts[] = {"go there", "r", "", "m", "j", ""};
    (void)state;
    assert_int_equal(r.link_count, countof(urls));
    for (size_t i = 0; i < countof(urls); i++) {
        assert_bytes(r.links[i].url, urls[i]);
        assert_bytes(r.links[i].host, hosts[i]);
        assert_bytes(r.links[i].text, texts[i]);
        assert_int_equal(r.links[i].html, i != 5);
        assert_int_equal(r.links[i].obfuscated, i == 0);
        assert_int_equal(r.links[i].image, i == 2);
    }
}

static void a_url_that_a_link_shows_counts_once_unless_it_lies(void **state)
{
    struct readable r = read_text("Content-Type: text/html\n\n<a href=http://a.example/x>http://a.example/</a> <a "
                                  "href=http://bad.example/>http://good.example/</a>");
    (void)state;
    assert_int_equal(r.link_count, 3);
    assert_bytes(r.links[1].text, "http://good.example/");
    assert_bytes(r.links[2].host, "good.example");
    assert_false(r.links[2].html);
}

static void what_leads_nowhere_is_no_link(void **state)
{
    (void)state;
    assert_int_equal(
        read_text("Content-Type: text/html\n\n<a href=x.html>a</a><a href='#b'>b</a><a>c</a><img src=cid:x>")
            .link_count,
        0);
}

static void repeated_urls_count_once(void **state)
{
    struct bytes parts[] = {BYTES("Subject: x\n\n"), repeat("http://example.org/ ", 1000)};
    (void)state;
    assert_int_equal(read_bytes(arena_concat(arena, parts, 2)).link_count, 1);
}

/* --- Limits ------------------------------------------------------------------------------------------- */

static void text_beyond_the_limit_is_left_out_and_flagged(void **state)
{
    struct bytes parts[] = {BYTES("Subject: x\n\n"), repeat("wort gr\xc3\xbc\xc3\x9f ", 30000)};
    (void)state;
    struct readable r = read_bytes(arena_concat(arena, parts, 2));
    assert_true(r.text.len > READABLE_TEXT_MAX - 8 && r.text.len <= READABLE_TEXT_MAX);
    assert_true(r.flags & READABLE_CUT);
    assert_false(r.flags & READABLE_BAD_CHARSET);
}

static void hidden_text_and_links_have_limits_too(void **state)
{
    struct bytes parts[] = {BYTES("Content-Type: text/html\n\n<p style=display:none>"), repeat("word ", 10000),
                            BYTES("</p>"),
                            repeat("<a href=http://a.example/>a</a><a href=http://b.example/>b</a>", 150)};
    (void)state;
    struct readable r = read_bytes(arena_concat(arena, parts, countof(parts)));
    assert_true(r.hidden.len <= READABLE_HIDDEN_MAX);
    assert_int_equal(r.link_count, READABLE_LINKS_MAX);
    assert_true(r.flags & READABLE_CUT);
}

static bool has_link_to(const struct readable *r, const char *host)
{
    for (size_t i = 0; i < r->link_count; i++)
        if (bytes_is(r->links[i].host, host))
            return true;
    return false;
}

/* Of what people can follow the last ones count as the first. */
static void the_last_links_are_kept_as_the_first(void **state)
{
    static const char *const fillers[] = {"<a href=http://e.example/>e</a>",
                                          "<img src=http://e.example/><br><img src=x:y>",
                                          "<p style=display:none><a href=http://e.example/>e</a></p>"};
    (void)state;
    for (size_t i = 0; i < countof(fillers); i++) {
        struct bytes parts[] = {BYTES("Content-Type: text/html\n\n<a href=http://first.example/>a</a>"),
                                repeat(fillers[i], 450), BYTES("<a href=http://real.example/>b</a>"),
                                repeat(fillers[i], 90)};
        struct readable r = read_bytes(arena_concat(arena, parts, countof(parts)));
        assert_int_equal(r.link_count, READABLE_LINKS_MAX);
        assert_true(has_link_to(&r, "first.example") && has_link_to(&r, "real.example"));
        assert_true(r.flags & READABLE_CUT);
    }
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_add_string(&text, "Subject: x\n\n");
    for (int i = 0; i < 300; i++)
        buf_printf(&text, "http://h%d.example/\n", i);
    struct readable r = read_bytes(buf_bytes(&text));
    assert_true(has_link_to(&r, "h0.example") && has_link_to(&r, "h99.example") && has_link_to(&r, "h299.example"));
    assert_true(r.link_count == READABLE_LINKS_MAX && (r.flags & READABLE_CUT));
    buf_free(&text);
}

/* A place is taken again and again by URLs of all lengths, also while its link is open. */
static void a_link_that_lost_its_place_is_not_ended(void **state)
{
    struct bytes parts[] = {BYTES("Content-Type: text/html\n\n"), repeat("<a href=http://e.example/>e</a>", 250),
                            BYTES("<a href=http://open.example/>"),
                            repeat("<area href=http://area.example/longer>", 300),
                            BYTES("text</a>")};
    (void)state;
    struct readable r = read_bytes(arena_concat(arena, parts, countof(parts)));
    assert_false(has_link_to(&r, "open.example"));
    for (size_t i = 0; i < r.link_count; i++)
        assert_false(bytes_is(r.links[i].host, "area.example") && r.links[i].text.len);
}

static void text_behind_much_else_is_read_as_far_as_the_limit(void **state)
{
    struct bytes html[] = {BYTES("Content-Type: text/html\n\n<img src='data:image/png;base64,"),
                           repeat("QUJD", 200000), BYTES("'>text")};
    struct bytes far[] = {BYTES("Content-Type: text/html\n\n<!-- "), repeat("QUJD", 1200000), BYTES("-->text")};
    (void)state;
    struct readable r = read_bytes(arena_concat(arena, html, countof(html)));
    assert_bytes(r.text, "text");
    assert_true(r.links[0].url.len <= READABLE_URL_MAX);
    r = read_bytes(arena_concat(arena, far, countof(far)));
    assert_int_equal(r.text.len, 0);
    assert_true(r.flags & READABLE_CUT);
}

static void nested_alternatives_are_read(void **state)
{
    struct buf text;
    (void)state;
    buf_init(&text, 1 << 20);
    for (unsigned i = 0; i < 60; i++)
        buf_printf(&text, "Content-Type: multipart/alternative; boundary=b%u\n\n--b%u\n\nplain\n--b%u\n", i, i, i);
    buf_add_string(&text, "Content-Type: text/html\n\n<p>html</p>\n");
    struct readable r = read_bytes(buf_bytes(&text));
    assert_true(r.text.len > 0);
    buf_free(&text);
}

static void the_arenas_cap_is_temporary(void **state)
{
    struct bytes parts[] = {BYTES("Subject: x\n\n"), repeat("many words ", 3000)};
    struct bytes raw = message_normalize(arena, arena_concat(arena, parts, 2));
    struct arena *small = arena_create(8 * 1024);
    struct message message;
    struct mime mime;
    struct readable readable;
    struct error error;
    (void)state;
    assert_int_equal(message_parse(arena, raw, &message, NULL), OK);
    assert_int_equal(mime_parse(arena, &message, NULL, &mime, NULL), OK);
    assert_int_equal(readable_make(small, &message, &mime, &readable, &error), TEMP);
    arena_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_message),
        cmocka_unit_test(header_texts_are_decoded_rfc2047),
        cmocka_unit_test(encoded_words_that_are_none_stay),
        cmocka_unit_test(the_name_of_a_malformed_from_field),
        cmocka_unit_test(of_alternatives_the_html_is_seen_rfc2046_5_1_4),
        cmocka_unit_test(html_counts_wherever_it_stands_in_an_alternative),
        cmocka_unit_test(alternatives_without_html_are_plain),
        cmocka_unit_test(parts_are_read_one_behind_the_other),
        cmocka_unit_test(a_message_within_is_read_too),
        cmocka_unit_test(a_multipart_in_which_no_part_is_found_is_read_as_text),
        cmocka_unit_test(flowed_text_is_joined_rfc3676),
        cmocka_unit_test(enriched_text_rfc1896),
        cmocka_unit_test(what_a_calendar_shows_rfc5545),
        cmocka_unit_test(labels_decide_and_html_may_name_its_own),
        cmocka_unit_test(text_without_label_is_guessed),
        cmocka_unit_test(wrong_labels_are_flagged),
        cmocka_unit_test(plain_ascii_in_base64_is_flagged),
        cmocka_unit_test(broken_base64_is_flagged_and_read),
        cmocka_unit_test(html_flags),
        cmocka_unit_test(pictures_with_a_text_are_not_only_pictures),
        cmocka_unit_test(encrypted_messages),
        cmocka_unit_test(confusable_characters_in_any_text),
        cmocka_unit_test(texts_that_have_nothing_in_common),
        cmocka_unit_test(links_of_html_with_what_they_show),
        cmocka_unit_test(a_url_that_a_link_shows_counts_once_unless_it_lies),
        cmocka_unit_test(what_leads_nowhere_is_no_link),
        cmocka_unit_test(repeated_urls_count_once),
        cmocka_unit_test(text_beyond_the_limit_is_left_out_and_flagged),
        cmocka_unit_test(hidden_text_and_links_have_limits_too),
        cmocka_unit_test(the_last_links_are_kept_as_the_first),
        cmocka_unit_test(a_link_that_lost_its_place_is_not_ended),
        cmocka_unit_test(text_behind_much_else_is_read_as_far_as_the_limit),
        cmocka_unit_test(nested_alternatives_are_read),
        cmocka_unit_test(the_arenas_cap_is_temporary),
    };
    return cmocka_run_group_tests(tests, prepare, destroy_arena);
}
