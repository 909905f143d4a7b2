/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/aggregate_report.h"
#include "report/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int open_arena(void **state)
{
    arena = arena_create(512 << 20);
    return arena ? 0 : -1;
}

static int close_arena(void **state)
{
    arena_destroy(arena);
    return 0;
}

/* What a report is made of, so that each test changes one piece. */
struct pieces {
    const char *before, *root, *metadata, *policy, *row, *identifiers, *auth_results, *behind;
};

#define NEW_ROOT "xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\""

static const struct pieces good = {
    .before = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    .root = NEW_ROOT,
    .metadata = "<org_name>reporter.example</org_name><email>r@reporter.example</email>"
                "<report_id>1</report_id>"
                "<date_range><begin>1700000000</begin><end>1700086399</end></date_range>",
    .policy = "<domain>example.org</domain><p>quarantine</p><sp>none</sp><np>reject</np><adkim>s</adkim>"
              "<testing>y</testing><discovery_method>treewalk</discovery_method>",
    .row = "<source_ip>2001:db8::1</source_ip><count>7</count><policy_evaluated>"
           "<disposition>pass</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated>",
    .identifiers = "<header_from>example.org</header_from><envelope_from/>",
    .auth_results = "<dkim><domain>example.org</domain><selector>s1</selector><result>pass</result></dkim>"
                    "<spf><domain>bounce.example</domain><scope>mfrom</scope><result>softfail</result></spf>",
    .behind = "",
};

static enum result read_pieces(const struct pieces *pieces, struct aggregate_report *report,
                               struct error *error)
{
    struct bytes xml = arena_printf(
        arena,
        "%s<feedback %s><version>1.0</version><report_metadata>%s</report_metadata>"
        "<policy_published>%s</policy_published><record><row>%s</row><identifiers>%s</identifiers>"
        "<auth_results>%s</auth_results></record>%s</feedback>",
        pieces->before, pieces->root, pieces->metadata, pieces->policy, pieces->row,
        pieces->identifiers, pieces->auth_results, pieces->behind);
    *error = (struct error){""};
    return aggregate_report_read(arena, xml, report, error);
}

static struct aggregate_report read_good(const struct pieces *pieces)
{
    struct aggregate_report report;
    struct error error;
    if (read_pieces(pieces, &report, &error) != OK)
        fail_msg("refused: %s", error.text);
    return report;
}

static void assert_refused(const struct pieces *pieces, const char *why)
{
    struct aggregate_report report;
    struct error error;
    enum result result = read_pieces(pieces, &report, &error);
    if (result != PERM || !strstr(error.text, why))
        fail_msg("%s: \"%s\", not \"%s\"", result_name(result), error.text, why);
}

static void everything_in_a_report_of_rfc9990_is_read(void **state)
{
    struct aggregate_report report = read_good(&good);
    const struct aggregate_record *record = &report.records[0];
    assert_true(report.rfc9990);
    assert_true(bytes_is(report.version, "1.0"));
    assert_true(bytes_is(report.org_name, "reporter.example"));
    assert_int_equal(report.begin, 1700000000);
    assert_int_equal(report.end, 1700086399);
    assert_true(bytes_is(report.policy.domain, "example.org"));
    assert_int_equal(report.policy.p, AGGREGATE_QUARANTINE);
    assert_int_equal(report.policy.sp, AGGREGATE_NONE);
    assert_int_equal(report.policy.np, AGGREGATE_REJECT);
    assert_int_equal(report.policy.adkim, 's');
    assert_int_equal(report.policy.aspf, 0);
    assert_int_equal(report.policy.pct, -1);
    assert_int_equal(report.policy.testing, 'y');
    assert_true(bytes_is(report.policy.discovery_method, "treewalk"));
    assert_int_equal(report.record_count, 1);
    assert_int_equal(report.message_count, 7);
    assert_int_equal(record->source.family, 6);
    assert_int_equal(record->disposition, AGGREGATE_PASS);
    assert_int_equal(record->dkim, AGGREGATE_ALIGNED);
    assert_int_equal(record->spf, AGGREGATE_NOT_ALIGNED);
    assert_int_equal(aggregate_dmarc_result(record), AGGREGATE_ALIGNED);
    assert_true(record->has_envelope_from && record->envelope_from.len == 0);
    assert_int_equal(record->dkim_count, 1);
    assert_true(bytes_is(record->dkim_results[0].selector, "s1"));
    assert_int_equal(record->spf_results[0].known, AUTH_SOFTFAIL);
    assert_true(bytes_is(record->spf_results[0].scope, "mfrom"));
}

/* rfc9990:3.1.1: what does not match the format is to be discarded. */
static void rfc9990_demands_what_older_reports_may_leave_out(void **state)
{
    static const char no_selector[] = "<dkim><domain>example.org</domain><result>pass</result></dkim>";
    static const char no_results[] = "<source_ip>192.0.2.1</source_ip><count>1</count><policy_evaluated>"
                                     "<disposition>none</disposition></policy_evaluated>";
    static const char unknown[] = "<spf><domain>a.example</domain><result>hm</result></spf>";
    struct pieces pieces = good;
    pieces.auth_results = no_selector;
    assert_refused(&pieces, "selector");
    pieces.root = "";
    assert_int_equal(read_good(&pieces).records[0].dkim_results[0].selector.len, 0);

    pieces = good;
    pieces.row = no_results;
    assert_refused(&pieces, "policy_evaluated lacks");
    pieces.root = "";
    struct aggregate_report report = read_good(&pieces);
    assert_int_equal(aggregate_dmarc_result(&report.records[0]), AGGREGATE_UNKNOWN);

    pieces = good;
    pieces.auth_results = unknown;
    assert_refused(&pieces, "'hm' is no result");
    pieces.root = "";
    report = read_good(&pieces);
    assert_false(report.records[0].spf_results[0].is_known);
    assert_true(bytes_is(report.records[0].spf_results[0].result, "hm"));

    pieces = good;
    pieces.policy = "<domain>example.org</domain><p>pass</p>";
    assert_refused(&pieces, "'pass' is no value of p");
}

static void the_namespace_decides_the_format(void **state)
{
    struct pieces pieces = good;
    pieces.root = "xmlns=\"http://dmarc.org/dmarc-xml/0.1\"";
    assert_false(read_good(&pieces).rfc9990);
    pieces.root = "xmlns=\"http://other.example/\"";
    assert_refused(&pieces, "namespace is http://other.example/");
    /* An element of another namespace is an extension, whatever its name. */
    pieces = good;
    pieces.identifiers = "<header_from>example.org</header_from>"
                         "<x:header_from xmlns:x=\"urn:x\">evil.example</x:header_from>";
    assert_true(bytes_is(read_good(&pieces).records[0].header_from, "example.org"));
}

static void what_is_not_known_is_passed_over(void **state)
{
    struct pieces pieces = good;
    pieces.behind = "<extension><record><row/></record><count>99</count></extension><extensions/>";
    pieces.identifiers = "<header_from>example.org</header_from><new><header_from>no</header_from></new>";
    struct aggregate_report report = read_good(&pieces);
    assert_int_equal(report.record_count, 1);
    assert_true(bytes_is(report.records[0].header_from, "example.org"));
}

static void numbers_times_and_addresses_are_what_they_are_said_to_be(void **state)
{
    static const struct {
        const char *row, *why;
    } rows[] = {{"<source_ip>192.0.2.1</source_ip><count>-1</count>", "count is no number"},
                {"<source_ip>192.0.2.1</source_ip><count>1e3</count>", "count is no number"},
                {"<source_ip>192.0.2.1</source_ip><count>1000000001</count>", "count is no number"},
                {"<source_ip>192.0.2.1</source_ip><count/>", "count is no number"},
                {"<source_ip>192.0.2.1</source_ip>", "no count"},
                {"<source_ip>108r.166.27.220</source_ip><count>1</count>", "source_ip is no address"},
                {"<count>1</count>", "no source_ip"}};
    static const struct {
        const char *range, *why;
    } ranges[] = {{"<begin>2</begin><end>1</end>", "ends before it begins"},
                  {"<begin>1</begin>", "no begin or no end"},
                  {"<begin>1.5</begin><end>2</end>", "begin is no time"},
                  {"<begin>1</begin><end>999999999999999</end>", "end is no time"}};
    struct pieces pieces = good;
    pieces.root = "";
    for (size_t i = 0; i < countof(rows); i++) {
        pieces.row = rows[i].row;
        assert_refused(&pieces, rows[i].why);
    }
    pieces.row = good.row;
    for (size_t i = 0; i < countof(ranges); i++) {
        struct bytes text = arena_printf(
            arena, "<org_name>a</org_name><report_id>1</report_id><date_range>%s</date_range>", ranges[i].range);
        pieces.metadata = arena_string(arena, text);
        assert_refused(&pieces, ranges[i].why);
    }
    pieces.metadata = "<org_name>a</org_name><report_id>1</report_id>"
                      "<date_range><begin>1337270400.0</begin><end>1337356799.00</end></date_range>";
    assert_int_equal(read_good(&pieces).begin, 1337270400);
    assert_int_equal(read_good(&pieces).end, 1337356799);
}

static void document_types_and_entities_are_refused(void **state)
{
    struct pieces pieces = good;
    pieces.before = "<!DOCTYPE feedback [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>";
    assert_refused(&pieces, "document type");
    pieces.before = "<!DOCTYPE feedback SYSTEM \"file:///etc/passwd\">";
    assert_refused(&pieces, "document type");
    pieces = good;
    pieces.identifiers = "<header_from>&unknown;</header_from>";
    assert_refused(&pieces, "not well-formed");
    pieces.identifiers = "<header_from>a&amp;b&#x2e;example</header_from>";
    assert_true(bytes_is(read_good(&pieces).records[0].header_from, "a&b.example"));
}

static void other_encodings_are_refused_unless_all_is_ascii(void **state)
{
    struct pieces pieces = good;
    pieces.before = "<?xml version=\"1.0\" encoding=\"windows-1252\"?>";
    read_good(&pieces);
    pieces.identifiers = "<header_from>\xc3\xa9.example</header_from>";
    assert_refused(&pieces, "the encoding is windows-1252, not UTF-8");
    pieces.before = good.before;
    assert_true(bytes_is(read_good(&pieces).records[0].header_from, "\xc3\xa9.example"));
    pieces.identifiers = "<header_from>\xe9.example</header_from>";
    assert_refused(&pieces, "not well-formed");
    pieces = good;
    pieces.before = "<?xml version=\"1.0\" encoding=\"EBCDIC-CP-FR\"?>";
    assert_refused(&pieces, "the encoding is EBCDIC-CP-FR");
}

static char *repeated(const char *text, size_t times)
{
    size_t length = strlen(text);
    char *all = arena_alloc(arena, length * times + 1);
    assert_non_null(all);
    for (size_t i = 0; i < times; i++)
        memcpy(all + i * length, text, length);
    return all;
}

static void depth_and_text_are_bounded(void **state)
{
    struct pieces pieces = good;
    pieces.behind = repeated("<a>", 100000);
    assert_refused(&pieces, "nested too deeply");
    pieces = good;
    pieces.identifiers = arena_string(
        arena, arena_printf(arena, "<header_from>%s</header_from>", repeated("a", XML_TEXT_MAX + 1)));
    assert_refused(&pieces, "octets of text");
    /* A comment may be long; it is cut between characters. */
    pieces = good;
    pieces.root = "";
    pieces.row = arena_string(
        arena, arena_printf(arena,
                            "<source_ip>::1</source_ip><count>1</count><policy_evaluated><reason><type>other"
                            "</type><comment>x%s</comment></reason></policy_evaluated>",
                            repeated("\xc3\xa9", XML_TEXT_MAX)));
    struct aggregate_report report = read_good(&pieces);
    assert_int_equal(report.records[0].reasons[0].comment.len, XML_TEXT_MAX - 1);
}

static void records_and_results_are_bounded(void **state)
{
    struct aggregate_report report;
    struct error error;
    struct pieces pieces = good;
    pieces.root = "";
    pieces.auth_results = repeated("<spf><result>pass</result></spf>", AGGREGATE_RESULTS_MAX + 1);
    assert_refused(&pieces, "results or reasons");
    pieces.auth_results = repeated("<dkim/>", AGGREGATE_RESULTS_MAX + 1);
    assert_int_equal(read_good(&pieces).records[0].dkim_count, 0);
    static const char record[] =
        "<record><row><source_ip>::</source_ip><count>1</count></row><identifiers><header_from>a"
        "</header_from></identifiers><auth_results/></record>";
    pieces = good;
    pieces.root = "";
    /* 10 MB hold no more than some 75,000 records with all that a record must have. */
    pieces.behind = repeated(record, XML_SIZE_MAX / sizeof(record));
    assert_int_equal(read_pieces(&pieces, &report, &error), OK);
    assert_int_equal(report.record_count, XML_SIZE_MAX / sizeof(record) + 1);
    pieces.behind = repeated(record, XML_SIZE_MAX / sizeof(record) + 1000);
    assert_refused(&pieces, "more than");
}

static void what_gives_a_report_its_meaning_must_be_there(void **state)
{
    static const struct {
        const char *xml, *why;
    } cases[] = {{"", "no element found"},
                 {"<html><body/></html>", "its root is <html>"},
                 {"<feedback/>", "does not say whose"},
                 {"<feedback><report_metadata/></feedback>", "has no name"}};
    struct aggregate_report report;
    struct error error;
    for (size_t i = 0; i < countof(cases); i++) {
        assert_int_equal(aggregate_report_read(arena, bytes_of(cases[i].xml), &report, &error), PERM);
        if (!strstr(error.text, cases[i].why))
            fail_msg("\"%s\", not \"%s\"", error.text, cases[i].why);
    }
    struct pieces pieces = good;
    pieces.policy = "<p>none</p>";
    assert_refused(&pieces, "no domain");
    pieces = good;
    pieces.identifiers = "";
    assert_refused(&pieces, "no header_from");
}

static void an_arena_that_is_too_small_is_said(void **state)
{
    struct arena *small = arena_create(4096);
    struct aggregate_report report;
    struct bytes xml = arena_printf(
        arena, "<feedback><report_metadata><org_name>%s</org_name></report_metadata></feedback>",
        repeated("a", 4000));
    for (int i = 0; i < 2; i++)
        assert_true(arena_copy(small, BYTES("x")).ptr != NULL);
    assert_int_equal(aggregate_report_read(small, xml, &report, NULL), TEMP);
    arena_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_in_a_report_of_rfc9990_is_read),
        cmocka_unit_test(rfc9990_demands_what_older_reports_may_leave_out),
        cmocka_unit_test(the_namespace_decides_the_format),
        cmocka_unit_test(what_is_not_known_is_passed_over),
        cmocka_unit_test(numbers_times_and_addresses_are_what_they_are_said_to_be),
        cmocka_unit_test(document_types_and_entities_are_refused),
        cmocka_unit_test(other_encodings_are_refused_unless_all_is_ascii),
        cmocka_unit_test(depth_and_text_are_bounded),
        cmocka_unit_test(records_and_results_are_bounded),
        cmocka_unit_test(what_gives_a_report_its_meaning_must_be_there),
        cmocka_unit_test(an_arena_that_is_too_small_is_said),
    };
    return cmocka_run_group_tests_name("aggregate_report", tests, open_arena, close_arena);
}
