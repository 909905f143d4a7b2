/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/utf8.h"
#include "cmd/report_write.h"

#include <string.h>
#include <time.h>

/* Control characters of Unicode, and those that turn or hide text (bidirectional marks, zero width). */
static bool is_dangerous(struct bytes sequence)
{
    if (sequence.len == 1)
        return sequence.ptr[0] < 0x20 || sequence.ptr[0] == 0x7f;
    if (sequence.len == 2)
        return sequence.ptr[0] == 0xc2 && sequence.ptr[1] < 0xa0;
    if (sequence.len != 3 || sequence.ptr[0] != 0xe2)
        return sequence.len == 3 && sequence.ptr[0] == 0xef && sequence.ptr[1] == 0xbb &&
               sequence.ptr[2] == 0xbf;
    unsigned low = (unsigned)(sequence.ptr[1] & 0x3f) << 6 | (sequence.ptr[2] & 0x3f); /* of U+2000 on */
    return (low >= 0x0b && low <= 0x0f) || (low >= 0x28 && low <= 0x2e) ||
           (low >= 0x60 && low <= 0x6f);
}

void report_write_safely(struct buf *out, struct bytes text)
{
    while (text.len) {
        size_t length = utf8_sequence(text);
        struct bytes sequence = bytes_first(text, length ? length : 1);
        if (length == 0 || is_dangerous(sequence))
            buf_add_byte(out, '?');
        else
            buf_add(out, sequence);
        text = bytes_skip(text, sequence.len);
    }
}

static void write_line(struct buf *out, const char *name, struct bytes value)
{
    if (value.len == 0)
        return;
    buf_printf(out, "  %-12s ", name);
    report_write_safely(out, value);
    buf_add_byte(out, '\n');
}

static void write_time(struct buf *out, int64_t epoch)
{
    char text[64];
    struct tm tm;
    time_t when = (time_t)epoch;
    if (!gmtime_r(&when, &tm) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm))
        text[0] = '\0';
    buf_add_string(out, text);
}

static void write_period(struct buf *out, int64_t begin, int64_t end)
{
    buf_printf(out, "  %-12s ", "period");
    write_time(out, begin);
    buf_add_string(out, " to ");
    write_time(out, end);
    buf_add_string(out, " UTC\n");
}

static void write_ip(struct buf *out, const struct ip *ip)
{
    char text[IP_TEXT_SIZE];
    buf_add_string(out, ip->family ? ip_format(ip, text) : "?");
}

static void write_title(struct buf *out, const char *what, struct bytes reporter, struct bytes about)
{
    buf_printf(out, "%s", what);
    if (reporter.len) {
        buf_add_string(out, " from ");
        report_write_safely(out, reporter);
    }
    if (about.len) {
        buf_add_string(out, " about ");
        report_write_safely(out, about);
    }
    buf_add_byte(out, '\n');
}

/* Aggregate reports. */

static void write_tag(struct buf *out, const char *name, const char *value)
{
    if (*value)
        buf_printf(out, " %s=%s", name, value);
}

static void write_policy(struct buf *out, const struct aggregate_policy *policy)
{
    buf_printf(out, "  %-12s", "policy seen");
    size_t before = out->len;
    write_tag(out, "p", aggregate_disposition_name(policy->p));
    write_tag(out, "sp", aggregate_disposition_name(policy->sp));
    write_tag(out, "np", aggregate_disposition_name(policy->np));
    write_tag(out, "adkim", (char[]){policy->adkim, '\0'});
    write_tag(out, "aspf", (char[]){policy->aspf, '\0'});
    if (policy->pct >= 0)
        buf_printf(out, " pct=%d", policy->pct);
    if (policy->fo.len) {
        buf_add_string(out, " fo=");
        report_write_safely(out, policy->fo);
    }
    write_tag(out, "t", (char[]){policy->testing, '\0'});
    buf_add_string(out, out->len == before ? " not said\n" : "\n");
}

static const char *or_unknown(const char *name)
{
    return *name ? name : "?";
}

/* The room that the addresses of the lines need. */
static int address_width(const struct report_row *rows, size_t count)
{
    char text[IP_TEXT_SIZE];
    size_t width = sizeof("192.0.2.255") - 1;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(ip_format(&rows[i].source, text));
        width = length > width ? length : width;
    }
    return (int)width;
}

static void write_row(struct buf *out, const struct report_row *row, int width)
{
    char text[IP_TEXT_SIZE];
    buf_printf(out, "  %-*s  %9llu  %-5s  %-4s  %-4s  %-11s  ", width, ip_format(&row->source, text),
               (unsigned long long)row->messages, or_unknown(aggregate_alignment_name(row->dmarc)),
               or_unknown(aggregate_alignment_name(row->spf)),
               or_unknown(aggregate_alignment_name(row->dkim)),
               or_unknown(aggregate_disposition_name(row->disposition)));
    report_write_safely(out, row->header_from);
    buf_add_byte(out, '\n');
}

static void write_sums(struct buf *out, const struct report_table *table)
{
    const uint64_t *disposition = table->disposition;
    buf_printf(out, "\n  %llu messages: %llu passed DMARC, %llu failed",
               (unsigned long long)table->messages,
               (unsigned long long)table->dmarc[AGGREGATE_ALIGNED],
               (unsigned long long)table->dmarc[AGGREGATE_NOT_ALIGNED]);
    if (table->dmarc[AGGREGATE_UNKNOWN])
        buf_printf(out, ", of %llu it is not said",
                   (unsigned long long)table->dmarc[AGGREGATE_UNKNOWN]);
    buf_printf(out, ".\n  %llu were quarantined, %llu rejected.\n",
               (unsigned long long)disposition[AGGREGATE_QUARANTINE],
               (unsigned long long)disposition[AGGREGATE_REJECT]);
}

void report_write_table_text(struct buf *out, struct report_table *table, size_t most)
{
    size_t count;
    const struct report_row *rows = report_table_rows(table, &count);
    int width = address_width(rows, count < most ? count : most);
    buf_printf(out, "\n  %-*s  %9s  %-5s  %-4s  %-4s  %-11s  %s\n", width, "source", "messages",
               "DMARC", "SPF", "DKIM", "disposition", "From");
    for (size_t i = 0; i < count && i < most; i++)
        write_row(out, &rows[i], width);
    if (count > most)
        buf_printf(out, "  and %zu more lines with fewer messages (--all shows them)\n", count - most);
    write_sums(out, table);
}

static bool write_aggregate(struct buf *out, const struct aggregate_report *report, size_t most)
{
    struct report_table table;
    write_title(out, "DMARC report", report->org_name, report->policy.domain);
    write_period(out, report->begin, report->end);
    write_line(out, "report id", report->report_id);
    write_line(out, "contact", report->email);
    write_line(out, "", report->extra_contact_info);
    write_line(out, "made by", report->generator);
    write_line(out, "error", report->error);
    write_policy(out, &report->policy);
    bool fine = report_table_open(&table) && report_table_add(&table, report);
    if (fine)
        report_write_table_text(out, &table, most);
    report_table_close(&table);
    return fine;
}

/* Failure reports. */

static void write_values(struct buf *out, const char *name, const struct failure_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        write_line(out, i ? "" : name, values->values[i]);
}

static void write_failure(struct buf *out, const struct failure_report *report)
{
    bool is_failure = bytes_is(report->feedback_type, "auth-failure");
    struct bytes about = report->reported_domain.count ? report->reported_domain.values[0]
                                                       : (struct bytes){NULL, 0};
    write_title(out, is_failure ? "Authentication failure report" : "Feedback report",
                report->reporting_mta, about);
    if (!is_failure)
        write_line(out, "complaint", report->feedback_type);
    write_values(out, "failed", &report->auth_failure);
    write_line(out, "not aligned", report->identity_alignment);
    if (report->source.family) {
        buf_printf(out, "  %-12s ", "source");
        write_ip(out, &report->source);
        buf_add_byte(out, '\n');
    }
    write_line(out, "arrived", report->arrival_date);
    write_line(out, "mail from", report->original_mail_from);
    write_values(out, "rcpt to", &report->original_rcpt_to);
    write_values(out, "results", &report->authentication_results);
    write_line(out, "DKIM domain", report->dkim_domain);
    write_line(out, "selector", report->dkim_selector);
    write_line(out, "SPF record", report->spf_dns);
    write_line(out, "delivery", report->delivery_result);
    write_line(out, "made by", report->user_agent);
    if (report->incidents != 1)
        buf_printf(out, "  %-12s %llu\n", "incidents", (unsigned long long)report->incidents);
    write_line(out, "enclosed", !report->has_message    ? BYTES("nothing of the message")
                                : report->headers_only ? BYTES("the header of the message")
                                                       : BYTES("the whole message"));
}

/* TLS reports. */

static void write_tls_failure(struct buf *out, const struct tls_report_failure *failure)
{
    buf_printf(out, "    %9llu  ", (unsigned long long)failure->count);
    report_write_safely(out, failure->result_type.len ? failure->result_type : BYTES("not said why"));
    if (failure->sending_mta.family) {
        buf_add_string(out, ", from ");
        write_ip(out, &failure->sending_mta);
    }
    if (failure->receiving_mx_hostname.len || failure->receiving.family) {
        buf_add_string(out, ", to ");
        report_write_safely(out, failure->receiving_mx_hostname);
    }
    if (failure->receiving.family) {
        buf_add_string(out, failure->receiving_mx_hostname.len ? " [" : "[");
        write_ip(out, &failure->receiving);
        buf_add_byte(out, ']');
    }
    if (failure->failure_reason_code.len) {
        buf_add_string(out, ": ");
        report_write_safely(out, failure->failure_reason_code);
    }
    buf_add_byte(out, '\n');
}

static void write_tls_policy(struct buf *out, const struct tls_report_policy *policy, size_t most)
{
    static const char *const types[] = {"a policy that is not known here", "DANE (TLSA records)",
                                        "MTA-STS", "no policy"};
    buf_printf(out, "\n  %s", types[policy->type]);
    if (policy->domain.len) {
        buf_add_string(out, " for ");
        report_write_safely(out, policy->domain);
    }
    buf_printf(out, ": %llu sessions were fine, %llu failed\n", (unsigned long long)policy->successful,
               (unsigned long long)policy->failed);
    for (size_t i = 0; i < policy->failure_count && i < most; i++)
        write_tls_failure(out, &policy->failures[i]);
    if (policy->failure_count > most)
        buf_printf(out, "    and %zu more lines (--all shows them)\n", policy->failure_count - most);
}

static void write_tls(struct buf *out, const struct tls_report *report, size_t most)
{
    write_title(out, "TLS report", report->organization_name, report->policies[0].domain);
    write_period(out, report->begin, report->end);
    write_line(out, "report id", report->report_id);
    write_line(out, "contact", report->contact_info);
    for (size_t i = 0; i < report->policy_count && i < most; i++)
        write_tls_policy(out, &report->policies[i], most);
    if (report->policy_count > most)
        buf_printf(out, "\n  and %zu more policies (--all shows them)\n", report->policy_count - most);
}

bool report_write_text(struct buf *out, const struct report *report, size_t most)
{
    if (report->kind == REPORT_AGGREGATE)
        return write_aggregate(out, &report->aggregate, most);
    if (report->kind == REPORT_FAILURE)
        write_failure(out, &report->failure);
    else
        write_tls(out, &report->tls, most);
    return true;
}
