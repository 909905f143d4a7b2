/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/rules.h"
#include "message/test.h"

static struct message message;
static struct mime mime;
static struct readable readable;

static void read_message(const char *text)
{
    assert_int_equal(message_parse(arena, message_normalize(arena, bytes_of(text)), &message, NULL), OK);
    assert_int_equal(mime_parse(arena, &message, NULL, &mime, NULL), OK);
    readable = (struct readable){.mime = &mime, .text = message.body, .plain = message.body, .subject = BYTES("")};
}

static struct rule_matches examine(const struct rule_source *sources, size_t count)
{
    struct rules *rules = NULL;
    struct rule_matches matches;
    struct error error = {{0}};
    if (rules_compile(sources, count, &rules, &error) != OK)
        fail_msg("%s", error.text);
    assert_int_equal(rules_examine(rules, arena, &message, &readable, NULL, &matches, NULL), OK);
    for (size_t i = 0; i < matches.count; i++) /* the names lie with the rules */
        matches.list[i].name = arena_copy(arena, matches.list[i].name);
    rules_free(rules);
    return matches;
}

static bool matches(enum rule_where where, const char *field, const char *pattern, bool negate)
{
    const struct rule_source source = {BYTES("r"), where, bytes_of(field), bytes_of(pattern), negate};
    return examine(&source, 1).count == 1;
}

static void header_rules_see_each_field_of_the_name_decoded(void **state)
{
    read_message("Subject: =?utf-8?q?caf=C3=A9?= au\n  lait\nX-Mailer: one\nx-mailer: Two\nTo: <a@b.example>\n\n"
                 "body one\n");
    assert_true(matches(RULE_HEADER, "Subject", "^café au  lait$", false));
    assert_true(matches(RULE_HEADER, "X-Mailer", "^Two$", false));
    assert_false(matches(RULE_HEADER, "X-Mailer", "three", false));
    assert_true(matches(RULE_HEADER, "X-Mailer", "three", true));
    assert_false(matches(RULE_HEADER, "X-Mailer", "one", true));
    assert_true(matches(RULE_HEADER, "X-None", "one", true));
    assert_true(matches(RULE_HEADER, "", "(?m)^To: <a@", false));
    assert_false(matches(RULE_HEADER, "", "body", false));
}

static void other_rules_see_their_part(void **state)
{
    struct readable_link links[] = {{.url = BYTES("https://one.example/a")}, {.url = BYTES("http://two.example/b")}};
    struct readable_attachment attachments[] = {{.name = BYTES("a.txt")}, {.name = BYTES("Rechnung.pdf.exe")}};
    read_message("Content-Type: multipart/alternative; boundary=b\n\n--b\n\nplain\n--b\nContent-Type: text/html\n"
                 "Content-Transfer-Encoding: quoted-printable\n\n<b style=3D\"x\">bold</b>\n--b--\n");
    readable.text = BYTES("bold text");
    readable.subject = BYTES("Hällo");
    readable.links = links;
    readable.link_count = 2;
    readable.attachments = attachments;
    readable.attachment_count = 2;
    assert_true(matches(RULE_BODY, "", "bold text", false));
    assert_false(matches(RULE_BODY, "", "plain", false));
    assert_true(matches(RULE_HTML, "", "<b style=\"x\">", false));
    assert_false(matches(RULE_HTML, "", "plain", false));
    assert_true(matches(RULE_URL, "", "^http://two", false));
    assert_false(matches(RULE_URL, "", "three", false));
    assert_true(matches(RULE_SUBJECT, "", "^H.llo$", false));
    assert_true(matches(RULE_ATTACHMENT, "", "(?i)\\.pdf\\.exe$", false));
    assert_true(matches(RULE_RAW, "", "style=3D", false));
}

static void an_encoded_html_part_is_decoded(void **state)
{
    read_message("Content-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGltZyBzcmM9Imh0dHA6Ly94Ij4=\n");
    assert_true(matches(RULE_HTML, "", "^<img src=\"http://x\">$", false));
}

static void matches_say_what_was_seen_and_where(void **state)
{
    const struct rule_source sources[] = {
        {BYTES("none"), RULE_BODY, BYTES(""), BYTES("nothing"), false},
        {BYTES("no-date"), RULE_HEADER, BYTES(""), BYTES(""), false}, /* weight of a built-in test */
        {BYTES("won"), RULE_BODY, BYTES(""), BYTES("(?is)you.*money"), false},
        {BYTES("long"), RULE_BODY, BYTES(""), BYTES("x{100,}"), false},
    };
    read_message("Subject: a\n\nYou have\nwon \x1b[31m money\n");
    readable.text = arena_printf(arena, "You have\nwon \x1b[31m money " BYTES_FMT, BYTES_ARG(repeat("x", 200)));
    struct rule_matches found = examine(sources, countof(sources));
    assert_int_equal(found.count, 2);
    assert_int_equal(found.list[0].rule, 2);
    assert_bytes(found.list[0].name, "won");
    assert_bytes(found.list[0].place, "the text");
    assert_bytes(found.list[0].seen, "You have won ?[31m money");
    assert_true(found.list[1].seen.len <= RULES_SEEN_MAX + 3);
    assert_true(bytes_ends_with(found.list[1].seen, BYTES("x…")));
}

static void what_is_shown_is_bounded_and_printable(void **state)
{
    assert_bytes(rules_shown(arena, BYTES("  a \t\r\n b\x01"), 80), "a b?");
    assert_bytes(rules_shown(arena, BYTES("ééé"), 4), "éé…");
    assert_bytes(rules_shown(arena, BYTES("ééé"), 5), "éé…");
    assert_bytes(rules_shown(arena, BYTES("ééé"), 6), "ééé");
    assert_bytes(rules_shown(arena, BYTES(""), 6), "");
    assert_bytes(rules_shown(arena, BYTES("\xff\xff\xff"), 2), "??…");
}

static void a_limit_is_counted_and_reported_once(void **state)
{
    const struct rule_source sources[] = {
        {BYTES("evil"), RULE_BODY, BYTES(""), BYTES("^(a|aa)+b"), false},
        {BYTES("evil-not"), RULE_BODY, BYTES(""), BYTES("^(a|aa)+b"), true},
        {BYTES("good"), RULE_BODY, BYTES(""), BYTES("cb"), false},
    };
    struct rules *rules = NULL;
    struct rule_matches found;
    read_message("Subject: a\n\nx\n");
    readable.text = arena_printf(arena, BYTES_FMT "cb", BYTES_ARG(repeat("a", 900)));
    assert_int_equal(rules_compile(sources, countof(sources), &rules, NULL), OK);
    for (size_t round = 0; round < 3; round++) {
        assert_int_equal(rules_examine(rules, arena, &message, &readable, NULL, &found, NULL), OK);
        assert_int_equal(found.limited, 2);
        assert_int_equal(found.reported_count, round ? 0 : 2);
        assert_int_equal(found.count, 1);
        assert_bytes(found.list[0].name, "good");
    }
    rules_free(rules);
}

static void a_broken_pattern_names_its_rule(void **state)
{
    const struct rule_source source = {BYTES("lottery"), RULE_BODY, BYTES(""), BYTES("a("), false};
    struct rules *rules;
    struct error error;
    assert_int_equal(rules_compile(&source, 1, &rules, &error), PERM);
    assert_non_null(strstr(error.text, "rule lottery: its pattern is no regular expression"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_rules_see_each_field_of_the_name_decoded),
        cmocka_unit_test(other_rules_see_their_part),
        cmocka_unit_test(an_encoded_html_part_is_decoded),
        cmocka_unit_test(matches_say_what_was_seen_and_where),
        cmocka_unit_test(what_is_shown_is_bounded_and_printable),
        cmocka_unit_test(a_limit_is_counted_and_reported_once),
        cmocka_unit_test(a_broken_pattern_names_its_rule),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
