/* SPDX-License-Identifier: BSD-2-Clause */
/* The XML of an aggregate report: what is read must keep the promises of the header. */
#include "report/aggregate_report.h"
#include "report/xml.h"

#include "base/utf8.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct bytes text)
{
    require(text.len <= XML_TEXT_MAX && utf8_is_valid(text));
    require(bytes_find_byte(text, '\0') == BYTES_NOT_FOUND);
    require(bytes_trim(text).len == text.len || text.len == XML_TEXT_MAX);
}

static void check_auth(const struct aggregate_auth *results, size_t count, bool rfc9990, bool is_dkim)
{
    require(count <= AGGREGATE_RESULTS_MAX);
    for (size_t i = 0; i < count; i++) {
        check_text(results[i].domain);
        check_text(results[i].selector);
        check_text(results[i].scope);
        check_text(results[i].result);
        require(results[i].domain.len || results[i].result.len);
        require(!rfc9990 || (results[i].is_known && results[i].domain.len));
        require(!rfc9990 || !is_dkim || results[i].selector.len);
    }
}

static void check_record(const struct aggregate_record *record, bool rfc9990)
{
    require(record->source.family == 4 || record->source.family == 6);
    require(record->count <= AGGREGATE_COUNT_MAX);
    require(record->header_from.len);
    check_text(record->header_from);
    check_text(record->envelope_from);
    require(record->has_envelope_from || record->envelope_from.len == 0);
    require(!rfc9990 || (record->disposition && record->dkim && record->spf));
    require((aggregate_dmarc_result(record) == AGGREGATE_ALIGNED) ==
            (record->dkim == AGGREGATE_ALIGNED || record->spf == AGGREGATE_ALIGNED));
    require(record->reason_count <= AGGREGATE_RESULTS_MAX);
    for (size_t i = 0; i < record->reason_count; i++)
        check_text(record->reasons[i].comment);
    check_auth(record->dkim_results, record->dkim_count, rfc9990, true);
    check_auth(record->spf_results, record->spf_count, rfc9990, false);
}

static void check(const struct aggregate_report *report)
{
    uint64_t sum = 0;
    require(report->org_name.len && report->report_id.len && report->policy.domain.len);
    check_text(report->org_name);
    check_text(report->error);
    require(report->begin >= 0 && report->begin <= report->end);
    require(report->policy.pct >= -1 && report->policy.pct <= 100);
    require(report->policy.p != AGGREGATE_PASS);
    require(report->record_count >= 1 && report->record_count <= AGGREGATE_RECORDS_MAX);
    for (size_t i = 0; i < report->record_count; i++) {
        check_record(&report->records[i], report->rfc9990);
        sum += report->records[i].count;
    }
    require(sum == report->message_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(64 << 20);
    struct aggregate_report report;
    struct error error = {"unset"};
    struct bytes xml = bytes_from(size ? data : (const uint8_t *)"", size);
    enum result result = aggregate_report_read(arena, xml, &report, &error);
    require(result == OK || result == PERM);
    require(result == OK || strcmp(error.text, "unset") != 0);
    if (result == OK)
        check(&report);
    arena_destroy(arena);
    return 0;
}
