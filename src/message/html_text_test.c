/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/html_text.h"

#include "message/html_text_entity.h"
#include "message/html_text_style.h"
#include "message/html_text_tag.h"
#include "message/test.h"

enum { LINKS = 50 };

struct seen {
    struct html_text html;
    struct html_link links[LINKS];
    struct bytes visible, hidden;
    struct readable_text shown;
};

static struct seen read_bytes(struct bytes document)
{
    struct seen *seen = arena_new(arena, struct seen);
    struct readable_text visible, hidden;
    struct buf visible_buf, hidden_buf;
    buf_init(&visible_buf, (256 << 10) + 8);
    buf_init(&hidden_buf, (32 << 10) + 8);
    readable_text_init(&visible, &visible_buf, 256 << 10);
    readable_text_init(&hidden, &hidden_buf, 32 << 10);
    seen->html = (struct html_text){
        .arena = arena, .visible = &visible, .hidden = &hidden, .links = seen->links, .link_max = LINKS};
    assert_int_equal(html_text_read(&seen->html, document), OK);
    seen->visible = arena_copy(arena, buf_bytes(&visible_buf));
    seen->hidden = arena_copy(arena, buf_bytes(&hidden_buf));
    seen->shown = visible;
    buf_free(&visible_buf);
    buf_free(&hidden_buf);
    return *seen;
}

static void assert_shows(const char *document, const char *visible, const char *hidden)
{
    struct seen seen = read_bytes(bytes_of(document));
    if (!bytes_is(seen.visible, visible) || !bytes_is(seen.hidden, hidden))
        fail_msg("%s\nshows \"" BYTES_FMT "\", hides \"" BYTES_FMT "\"\nnot \"%s\", \"%s\"", document,
                 BYTES_ARG(seen.visible), BYTES_ARG(seen.hidden), visible, hidden);
}

static void assert_text(const char *document, const char *visible)
{
    assert_shows(document, visible, "");
}

static void assert_hides(const char *style)
{
    struct bytes document = arena_printf(arena, "a<span style=\"%s\">x</span>b", style);
    assert_shows(arena_string(arena, document), "ab", "x");
}

static void assert_leaves(const char *style)
{
    struct bytes document = arena_printf(arena, "a<span style=\"%s\">x</span>b", style);
    assert_text(arena_string(arena, document), "axb");
}

/* --- Layout -------------------------------------------------------------------------------------- */

static void blocks_are_lines_and_cells_are_words(void **state)
{
    (void)state;
    assert_text("<div>a</div>b<p>c<p>d<br>e", "a\nb\nc\nd\ne");
    assert_text("<table><tr><td>a</td><td>b<td>c<tr><th>d</table>e", "a b c\nd\ne");
    assert_text("a<hr>b<ul><li>c<li>d</ul>e", "a\nb\nc\nd\ne");
    assert_text("a</br>b</p>c", "a\nb\nc");
    assert_text("  a \n\t b&nbsp;&nbsp;c\xc2\xa0 d ", "a b c d");
    assert_text("a<b>b</b><i>c</i>", "abc");
}

static void display_decides_what_is_a_block(void **state)
{
    (void)state;
    assert_text("a<span style='display:block'>b</span>c", "a\nb\nc");
    assert_text("V<div style='display:inline'>i</div>a", "Via");
}

static void preformatted_text_keeps_its_lines(void **state)
{
    (void)state;
    assert_text("<pre>a\nb</pre>c\nd", "a\nb\nc d");
    assert_text("<div style='white-space: pre-wrap'>a\nb</div>", "a\nb");
}

static void what_is_in_a_textarea_is_text_and_in_a_title_is_not_seen(void **state)
{
    (void)state;
    assert_text("<title>x<b></title>a<textarea>b <i>&amp;</textarea>c", "ab <i>&c");
    assert_text("<script>if (a<b) '</p>'</script>a<style>b{}</style><iframe><b></iframe>c", "ac");
    assert_text("<noscript>shown</noscript>", "shown"); /* scripts are off */
    assert_shows("<datalist><option>x</datalist><dialog>y</dialog><dialog open>a</dialog>", "a", "x y");
    assert_shows("<details><summary>a</summary>b</details>", "a\nb", "");
    assert_shows("<div style='content-visibility:hidden'>x</div><div style='content-visibility:auto'>a</div>", "a",
                 "x");
    assert_shows("<template>x</template><xmp>a&amp;<b></xmp><plaintext>c</plaintext>&amp;",
                 "a&amp;<b>\nc</plaintext>&amp;", "x");
}

static void a_button_says_what_its_value_is(void **state)
{
    (void)state;
    assert_text("a<input type=submit value='Buy &amp; go'><input type=hidden value=x><input value=y>b",
                "a Buy & go b");
}

/* --- Tokens -------------------------------------------------------------------------------------- */

static void comments_end_as_browsers_end_them_whatwg_13_2_5(void **state)
{
    (void)state;
    assert_text("a<!-- x > -- y -->b<!-->c<!--->d<!-- x --!>e<!--x--y-->f", "abcdef");
    assert_text("a<!-- x <!-- y -->b", "ab");
    assert_text("a<!x>b<?php y>c</3>d<![CDATA[x>e]]>f", "abcde]]>f");
    assert_text("a<!-- x", "a");
    assert_text("a<!-", "a");
}

static void conditional_comments_are_comments(void **state)
{
    (void)state;
    assert_text(
        "<!--[if mso]><p>outlook</p><![endif]-->a<!--[if !mso]><!-->b<!--<![endif]-->c<![if x]>d<![endif]>",
        "abcd");
}

static void angle_brackets_that_begin_nothing_are_text(void **state)
{
    (void)state;
    assert_text("1 < 2 <3 << a <", "1 < 2 <3 << a <");
    assert_text("a</>b</ x>c<", "abc<");
    assert_text("a</", "a</");
}

static void a_tag_that_is_not_closed_is_nothing(void **state)
{
    (void)state;
    assert_text("a<b", "a");
    assert_text("a<b title='x > y", "a");
    assert_text("a<b x=1>b<i <u>c", "abc");
}

static void attributes_in_every_form_whatwg_13_2_5_32(void **state)
{
    (void)state;
    assert_shows("<p/style=display:none />a", "", "a");
    assert_shows("<p STYLE = 'display:none' style=''>a", "", "a");
    assert_shows("<p\nstyle\n=\n\"display:none\"x>a", "", "a");
    assert_shows("<p =style=display:none hidden>a", "", "a");
    assert_text("<p style='' style='display:none'>a", "a");
    assert_text("<p style=display:none/>a", "a"); /* the "/" belongs to the value */
    assert_text("<p title='>' alt=\">\">a", "a");
}

static void nul_and_control_characters_are_nothing(void **state)
{
    (void)state;
    struct seen seen = read_bytes(BYTES("a\0b<\0p>\x01"
                                        "c\x7f"));
    assert_bytes(seen.visible, "ab<p>c");
}

/* --- Character references -------------------------------------------------------------------------- */

static void references_are_read_as_browsers_read_them_whatwg_13_2_5_72(void **state)
{
    (void)state;
    assert_text("&lt;&LT;&amp;&quot;&copy;&eacute;&euro;&period;", "<<&\"©é€.");
    assert_text("&#65;&#x42;&#X43&#68x", "ABCDx");
    assert_text("&#128;&#x93;", "€“");
    assert_text("a&#0;&#xd800;&#x110000;&#99999999999;b", "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                                                          "b");
    assert_text("&notit; &ampx &copy2 &amp", "¬it; &x ©2 &");
    assert_text("& &; &# &#x &#; &nosuch; &a", "& &; &# &#x &#; &nosuch; &a");
}

static void in_attributes_an_old_name_must_not_go_on(void **state)
{
    struct seen seen;
    (void)state;
    seen = read_bytes(BYTES("<a href='http://e.example/?a=1&copy=2&lt;&amp;&notit'>x</a>"));
    assert_bytes(seen.links[0].url, "http://e.example/?a=1&copy=2<&&notit");
}

static void the_table_of_names_is_in_order(void **state)
{
    (void)state;
    for (size_t i = 1; i < html_entity_count; i++)
        assert_true(strcmp(html_entities[i - 1].name, html_entities[i].name) < 0);
}

static void each_element_is_found_by_its_name(void **state)
{
    (void)state;
    for (unsigned tag = 0; tag < HTML_TAG_OTHER; tag++)
        assert_int_equal(html_tag_of(html_tag_name(tag)), tag);
    assert_int_equal(html_tag_of(BYTES("TaBle")), HTML_TAG_TABLE);
    assert_true(html_tag_of(BYTES("o:p")) >= HTML_TAG_OTHER);
}

/* --- Hidden text ----------------------------------------------------------------------------------- */

static void ways_to_hide_text(void **state)
{
    (void)state;
    assert_hides("display:none");
    assert_hides("DISPLAY : None !important");
    assert_hides("visibility:hidden");
    assert_hides("font-size:0");
    assert_hides("font-size:1px");
    assert_hides("font: 0px/0 Arial");
    assert_hides("opacity:0");
    assert_hides("opacity: 0.01");
    assert_hides("color:#fff");
    assert_hides("color:transparent");
    assert_hides("color:rgba(0,0,0,0)");
    assert_hides("color:#fefefe");
    assert_hides("color:rgb(255, 250, 250)");
    assert_hides("background:#000;color:#010101");
    assert_hides("position:absolute;left:-9999px");
    assert_hides("position:fixed;top:-100em");
    assert_hides("text-indent:-9999px");
    assert_hides("margin-left:-5000px");
    assert_hides("height:0;overflow:hidden");
    assert_hides("max-height:0px;overflow:hidden");
    assert_hides("width:0;overflow-x:hidden");
    assert_hides("position:absolute;clip:rect(0,0,0,0)");
    assert_hides("transform:scale(0)");
    assert_hides("clip-path:inset(100%)");
}

static void ways_to_write_what_hides_text_css_syntax_3(void **state)
{
    (void)state;
    assert_hides("dis/**/play:none; display/* x */:/* y */none");
    assert_hides("d\\69splay:none");
    assert_hides("dis\\70 lay:none");
    assert_hides("x:'a;b';display:none");
    assert_hides("background:url(a;display:block);display:none");
    assert_hides(";;:;x;display:none");
    assert_hides("display&#58;none");
    assert_leaves("/* display:none");
    assert_leaves("x:'display:none;y");
    assert_leaves("xdisplay:none");
}

static void what_only_looks_like_it_is_seen(void **state)
{
    (void)state;
    assert_leaves("display:block;display:inline");
    assert_leaves("font-size:10px");
    assert_leaves("font-size:-1px");
    assert_leaves("opacity:0.5");
    assert_leaves("color:#ccc");
    assert_leaves("height:0");
    assert_leaves("left:-9999px");
    assert_leaves("text-indent:-20px");
    assert_leaves("background:#000;color:#fff");
    assert_leaves("background:url(x.png);color:#fff");
    assert_leaves("background-image:linear-gradient(red,blue);color:#fff");
    assert_leaves("width:0;min-width:100%;overflow:hidden");
    assert_leaves("mso-hide:all"); /* by Outlook alone */
}

static void attributes_hide_too(void **state)
{
    (void)state;
    assert_shows("a<p hidden>x</p>b", "a\nb", "x");
    assert_shows("<body bgcolor=white>a<font color=white>x</font>b", "ab", "x");
    assert_shows("<table bgcolor=#000000><td>a<font color='000000'>x</font>", "", "ax");
    assert_shows("<body text=white>x<table bgcolor=black><td>a</table>", "a", "x");
    assert_text("<table background=i.png><td><font color=white>a</font>", "a");
}

static void what_is_inherited_hides_and_what_is_not_does_not(void **state)
{
    (void)state;
    assert_shows("<div style='display:none'><p style='display:block'>x</p></div>a", "a", "x");
    assert_shows("<div style='visibility:hidden'>x<p style='visibility:visible'>a</p></div>", "a", "x");
    assert_shows("<td style='font-size:0'>x<div style='font-size:14px'>a</div></td>", "a", "x");
    assert_shows("<div style='font-size:.1em'><p style='font-size:.5em'>x</p></div>", "", "x");
    assert_shows("<div style='color:#fff'>x<p style='background:#333'>a</p></div>", "a", "x");
    assert_text("<div style='color:#fff'><a href=http://e.example/>a</a></div>", "a"); /* links have their own */
}

static void style_sheets_hide_by_simple_selectors(void **state)
{
    (void)state;
    assert_shows("<style>.h{display:none}</style>a<b class='x h'>x</b>", "a", "x");
    assert_shows("<style>#h , i { font-size : 0 }</style>a<b id=h>x</b><i>y</i>", "a", "x y");
    assert_shows("<style>b.h{display:none}</style><i class=h>a</i><b class=H>x</b>", "a", "x");
    assert_shows("a<b class=h>x</b><style>.h{display:none}</style>", "a", "x");
    assert_shows("<style><!-- /* } */ .g{} .h{display:none} --></style>a<b class=h>x</b>", "a", "x");
    assert_text("<style>.h .x{display:none} .h>b{display:none} b:hover{display:none}</style><b class=h>a</b>",
                "a");
    assert_text("<!--[if mso]><style>.h{display:none}</style><![endif]--><b class=h>a</b>", "a");
}

static void at_rules_count_if_they_are_for_every_screen(void **state)
{
    (void)state;
    assert_shows(
        "<style>@media screen{.h{display:none}} .i{display:none}</style><b class=h>x</b><b class=i>y</b>a", "a",
        "x y");
    assert_text("<style>@media (max-width:600px){.h{display:none}.i{display:none}}</style><b class=h>a</b>", "a");
    assert_text("<style>@media print{.h{display:none}}@import 'x';</style><b class=h>a</b>", "a");
}

static void what_is_important_wins(void **state)
{
    (void)state;
    assert_shows("<style>.h{display:none!important}</style><b class=h style='display:inline'>x</b>", "", "x");
    assert_text("<style>.h{display:none}</style><b class=h style='display:inline'>a</b>", "a");
    assert_text("<b style='display:inline!important;display:none'>a</b>", "a");
}

static void a_rule_that_cannot_be_judged_makes_colours_doubtful(void **state)
{
    (void)state;
    assert_text("<style>.x .y{background:#000}</style><b style='color:#fff'>a</b>", "a");
    assert_shows("<style>.x .y{background:#000}</style><b style='color:#fff;background:#fff'>x</b>", "", "x");
    assert_shows("<style>.x .y{display:none}</style><b style='color:#fff'>x</b>", "", "x");
}

/* --- The tree -------------------------------------------------------------------------------------- */

static void end_tags_that_are_left_out_are_implied_whatwg_13_2_6(void **state)
{
    (void)state;
    assert_shows("<p style='display:none'>x<p>a", "a", "x");
    assert_shows("<p style='display:none'>x<div>a", "a", "x");
    assert_shows("<ul><li style='display:none'>x<li>a", "a", "x");
    assert_shows("<table><td style='display:none'>x<td>a<tr style='display:none'><td>y<tr><td>b", "a\nb", "x y");
    assert_shows("<select><option style='display:none'>x<option>a", "a", "x");
    assert_shows("<dl><dt style='display:none'>x<dd>a", "a", "x");
    assert_shows("<p style='display:none'>x<span>y", "", "xy");
}

static void end_tags_reach_as_far_as_in_browsers_whatwg_13_2_6(void **state)
{
    (void)state;
    assert_shows("<span style='display:none'><div>x</span>y</div>z", "", "xy z"); /* ignored: a block is open */
    assert_shows("<b style='display:none'><div>x</b>a</div>b", "a\nb", "x");      /* adopted */
    assert_shows("<div style='display:none'><table><tr><td>x</div>y</table>z", "", "xy z");
    assert_shows("<div style='display:none'>x</p>y</b></i></span>z</div>a", "a", "x yz");
    assert_shows("<p style='display:none'><b>x</p>a", "a", "x");
    assert_shows("<table><tr><td style='display:none'><table><td>x</td></table>y</td><td>a", "a", "x y");
    assert_shows("<foo style='display:none'>x</bar>y</foo>a", "a", "xy");
}

static void elements_beyond_the_depth_limit_are_siblings(void **state)
{
    struct bytes parts[] = {repeat("<div>", 40000), BYTES("a"), repeat("</div>", 40000),
                            BYTES("<p style='display:none'>x</p>b")};
    (void)state;
    struct bytes document = arena_concat(arena, parts, countof(parts));
    struct seen seen = read_bytes(document);
    assert_bytes(seen.visible, "a\nb");
    assert_bytes(seen.hidden, "x");
    assert_int_equal(seen.html.tags, 80002);
}

/* --- Tricks ---------------------------------------------------------------------------------------- */

static void comments_within_words_are_counted(void **state)
{
    (void)state;
    assert_int_equal(read_bytes(BYTES("V<!-- x -->ia<!---->gra <!-- y --> and <!-- z -->so")).shown.splits, 2);
    assert_int_equal(read_bytes(BYTES("<p>a</p><!-- x --><p>b</p><!-- y -->c.<!-- -->d")).shown.splits, 0);
}

static bool is_confusable(const char *document)
{
    return read_bytes(bytes_of(document)).shown.confusable;
}

static void characters_without_shape_within_words_are_noticed_and_dropped(void **state)
{
    (void)state;
    assert_text("Vi&#x200b;ag&zwnj;ra", "Viagra");
    assert_true(is_confusable("Vi&#x200b;agra"));
    assert_true(is_confusable("V\xc2\xadiagra")); /* no hyphenation leaves one letter */
    assert_true(is_confusable("ab&#x202e;cd"));
    assert_false(is_confusable("Donau\xc2\xad"
                               "dampf"));
    assert_false(is_confusable("a &#8203; b&#8203; c&zwnj;&nbsp;&zwnj;"));
    assert_false(
        is_confusable("\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae\xd9\x88\xd8\xa7\xd9\x87\xd9\x85")); /* Persian */
    assert_false(is_confusable("\xe2\x9d\xa4\xef\xb8\x8f x"));
}

static void reversed_text_is_noticed(void **state)
{
    (void)state;
    assert_true(read_bytes(BYTES("<bdo dir=rtl>argaiv</bdo>")).html.reversed);
    assert_true(read_bytes(BYTES("<i style='unicode-bidi:bidi-override;direction:rtl'>x</i>")).html.reversed);
    assert_false(read_bytes(BYTES("<p dir=rtl>x</p>")).html.reversed);
}

/* --- Links ----------------------------------------------------------------------------------------- */

static void links_have_their_text(void **state)
{
    struct seen seen;
    (void)state;
    seen = read_bytes(BYTES(
        "x<a href=' http://a.example/&#9;b\n'>Click <b>here</b></a>y<a href=//b.example>two<a href=c:d>three"));
    assert_int_equal(seen.html.link_count, 3);
    assert_bytes(seen.links[0].url, "http://a.example/b");
    assert_bytes(bytes_slice(seen.visible, seen.links[0].from, seen.links[0].to), "Click here");
    assert_bytes(bytes_slice(seen.visible, seen.links[1].from, seen.links[1].to), "two");
    assert_bytes(bytes_slice(seen.visible, seen.links[2].from, seen.links[2].to), "three");
}

static void a_link_ends_with_what_it_is_in(void **state)
{
    struct seen seen;
    (void)state;
    seen = read_bytes(BYTES("<table><td><a href=http://a.example>one<td>two</table>three"));
    assert_bytes(bytes_slice(seen.visible, seen.links[0].from, seen.links[0].to), "one");
}

static void all_that_leads_somewhere_is_a_link(void **state)
{
    struct seen seen;
    (void)state;
    seen = read_bytes(BYTES(
        "<base href=http://b.example/><img src=http://i.example/1><form action=http://f.example>"
        "<area href=http://a.example><td background=http://g.example><iframe src=http://h.example></iframe>"
        "<meta http-equiv=REFRESH content=\"5; URL='http://m.example/'\"><button formaction=http://j.example>"
        "<a href='#x'>x</a><img src=cid:1@x><img><a name=y>y</a>"));
    static const char *const urls[] = {"http://i.example/1", "http://f.example", "http://a.example",
                                       "http://g.example",   "http://h.example", "http://m.example/",
                                       "http://j.example"};
    static const enum html_link_kind kinds[] = {HTML_IMAGE, HTML_FORM,    HTML_LINK, HTML_IMAGE,
                                                HTML_LINK,  HTML_REFRESH, HTML_FORM};
    assert_int_equal(seen.html.link_count, countof(urls));
    for (size_t i = 0; i < countof(urls); i++) {
        assert_bytes(seen.links[i].url, urls[i]);
        assert_int_equal(seen.links[i].kind, kinds[i]);
    }
    assert_bytes(seen.html.base, "http://b.example/");
    assert_true(seen.html.form && seen.html.remote_image && seen.html.refresh && !seen.html.script);
    assert_int_equal(seen.html.images, 3);
}

static void scripts_are_noticed(void **state)
{
    (void)state;
    assert_true(read_bytes(BYTES("<script>x</script>")).html.script);
    assert_true(read_bytes(BYTES("<img onerror=alert(1)>")).html.script);
    assert_true(read_bytes(BYTES("<a href=JavaScript:x>a</a>")).html.script);
    assert_false(read_bytes(BYTES("<p one=1>x</p>")).html.script);
}

static void a_long_url_is_cut_and_too_many_links_are_left_out(void **state)
{
    struct bytes parts[] = {BYTES("<a href=http://a.example/"), repeat("x", 5000), BYTES(">"),
                            repeat("<a href=http://e.example/>a</a>", 100)};
    (void)state;
    struct seen seen = read_bytes(arena_concat(arena, parts, countof(parts)));
    assert_true(seen.links[0].url.len <= HTML_URL_MAX);
    assert_int_equal(seen.html.link_count, LINKS);
    assert_true(seen.html.cut);
}

static void the_charset_that_html_names(void **state)
{
    (void)state;
    assert_bytes(html_text_charset(BYTES("<html><META Charset='koi8-r'>")), "koi8-r");
    assert_bytes(html_text_charset(BYTES("<meta http-equiv=content-type content='text/html; charset=utf-8;x'>")),
                 "utf-8");
    assert_int_equal(html_text_charset(BYTES("<!-- <meta charset=x> --><p>")).len, 0);
}

/* --- Time ------------------------------------------------------------------------------------------ */

/* Text and hidden text end at their limits; work stays within a multiple of the length. */
static void assert_linear(const char *start, const char *piece, const char *end)
{
    struct bytes parts[] = {bytes_of(start), repeat(piece, (1 << 20) / strlen(piece)), bytes_of(end)};
    struct bytes document = arena_concat(arena, parts, countof(parts));
    struct seen seen = read_bytes(document);
    if (seen.html.work > 30 * (uint64_t)document.len)
        fail_msg("%s: %llu steps for %zu octets", piece, (unsigned long long)seen.html.work, document.len);
}

static void work_is_linear_whatever_comes(void **state)
{
    static const char *const pieces[] = {"<div>",
                                         "</div>",
                                         "<b>",
                                         "</b>",
                                         "<p>",
                                         "<",
                                         "</",
                                         "<!",
                                         "<!--",
                                         "<!-->",
                                         "--",
                                         ">",
                                         "&",
                                         "&#",
                                         "&a",
                                         "&#x1;",
                                         "<a href=x>",
                                         "<table>",
                                         "<td>",
                                         "<li>",
                                         "<style>",
                                         "<style>/*",
                                         "<style>a{",
                                         "<style>@media{",
                                         "<script>",
                                         "</script>",
                                         "<title>",
                                         "<a ",
                                         "<a b='",
                                         "<x>",
                                         "</x>",
                                         "<b style='font-size:0'><div>",
                                         "</b></div>",
                                         "<b style=color:red><div></b>",
                                         "<option><select>",
                                         "<button>",
                                         "<pre>\n",
                                         "\n",
                                         "<i class='a b c d e f g h i j'>",
                                         "<i style='a:b;/*'>",
                                         "<br>",
                                         "\xe2\x80\x8b",
                                         "a<!---->",
                                         "<plaintext>"};
    (void)state;
    for (size_t i = 0; i < countof(pieces); i++) {
        struct arena_mark mark = arena_mark(arena);
        assert_linear("", pieces[i], "");
        assert_linear("<style>.a{color:red}</style>", pieces[i], "</style></title>-->'>x");
        arena_rewind(arena, mark);
    }
}

static void a_style_sheet_may_be_long(void **state)
{
    static const char *const pieces[] = {
        ".a{color:red}", "{", "}",    "a,", "/*", "/**/", "@media screen{", "@x{",       "@x;", "'", "\"", "\\",
        "a{b:c;d:e}",    "(", "url(", ";",  ":",  "<!--", "a{/*",           "!important"};
    (void)state;
    for (size_t i = 0; i < countof(pieces); i++) {
        struct bytes parts[] = {BYTES("<style>"), repeat(pieces[i], (256 << 10) / strlen(pieces[i])),
                                BYTES("</style>a")};
        struct bytes document = arena_concat(arena, parts, countof(parts));
        assert_bytes(read_bytes(document).visible, "a");
    }
}

static void adopted_elements_are_paid_for(void **state)
{
    struct bytes round[] = {repeat("<b style=color:red>", 250), repeat("<div>", 250), repeat("</b>", 250),
                            repeat("</div>", 250)};
    struct buf document;
    (void)state;
    buf_init(&document, 8 << 20);
    while (document.len < 1 << 20)
        for (size_t i = 0; i < countof(round); i++)
            buf_add(&document, round[i]);
    struct seen seen = read_bytes(buf_bytes(&document));
    assert_true(seen.html.work < 30 * (uint64_t)document.len);
    buf_free(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_lines_and_cells_are_words),
        cmocka_unit_test(display_decides_what_is_a_block),
        cmocka_unit_test(preformatted_text_keeps_its_lines),
        cmocka_unit_test(what_is_in_a_textarea_is_text_and_in_a_title_is_not_seen),
        cmocka_unit_test(a_button_says_what_its_value_is),
        cmocka_unit_test(comments_end_as_browsers_end_them_whatwg_13_2_5),
        cmocka_unit_test(conditional_comments_are_comments),
        cmocka_unit_test(angle_brackets_that_begin_nothing_are_text),
        cmocka_unit_test(a_tag_that_is_not_closed_is_nothing),
        cmocka_unit_test(attributes_in_every_form_whatwg_13_2_5_32),
        cmocka_unit_test(nul_and_control_characters_are_nothing),
        cmocka_unit_test(references_are_read_as_browsers_read_them_whatwg_13_2_5_72),
        cmocka_unit_test(in_attributes_an_old_name_must_not_go_on),
        cmocka_unit_test(the_table_of_names_is_in_order),
        cmocka_unit_test(each_element_is_found_by_its_name),
        cmocka_unit_test(ways_to_hide_text),
        cmocka_unit_test(ways_to_write_what_hides_text_css_syntax_3),
        cmocka_unit_test(what_only_looks_like_it_is_seen),
        cmocka_unit_test(attributes_hide_too),
        cmocka_unit_test(what_is_inherited_hides_and_what_is_not_does_not),
        cmocka_unit_test(style_sheets_hide_by_simple_selectors),
        cmocka_unit_test(at_rules_count_if_they_are_for_every_screen),
        cmocka_unit_test(what_is_important_wins),
        cmocka_unit_test(a_rule_that_cannot_be_judged_makes_colours_doubtful),
        cmocka_unit_test(end_tags_that_are_left_out_are_implied_whatwg_13_2_6),
        cmocka_unit_test(end_tags_reach_as_far_as_in_browsers_whatwg_13_2_6),
        cmocka_unit_test(elements_beyond_the_depth_limit_are_siblings),
        cmocka_unit_test(comments_within_words_are_counted),
        cmocka_unit_test(characters_without_shape_within_words_are_noticed_and_dropped),
        cmocka_unit_test(reversed_text_is_noticed),
        cmocka_unit_test(links_have_their_text),
        cmocka_unit_test(a_link_ends_with_what_it_is_in),
        cmocka_unit_test(all_that_leads_somewhere_is_a_link),
        cmocka_unit_test(scripts_are_noticed),
        cmocka_unit_test(a_long_url_is_cut_and_too_many_links_are_left_out),
        cmocka_unit_test(the_charset_that_html_names),
        cmocka_unit_test(work_is_linear_whatever_comes),
        cmocka_unit_test(a_style_sheet_may_be_long),
        cmocka_unit_test(adopted_elements_are_paid_for),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
