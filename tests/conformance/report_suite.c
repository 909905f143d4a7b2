/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_suite: other people's report files against report/report.h.
 *
 * usage: report_suite EXPECTED FOLDER
 *        report_suite --dump FILE
 *
 * EXPECTED was made by report_facts.py, which reads the files with other parsers: file, kind, "read" or
 * "refused", records, messages, digest. A report that was read must have these numbers, and every value
 * in it must be the same: it is written as lines, as --dump shows them, whose digest is compared.
 */
#include "report/report.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 32 << 20 };

struct expectation {
    struct bytes file, kind, outcome, records, messages, digest;
};

static bool read_file(const char *path, struct buf *out)
{
    char piece[65536];
    size_t got;
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(out, bytes_from(piece, got));
    fclose(file);
    return !out->failed;
}

static void add_line(struct buf *out, const char *name, struct bytes value)
{
    buf_printf(out, "%s ", name);
    buf_add(out, value);
    buf_add_byte(out, '\n');
}

static void add_field(struct buf *out, struct bytes value, const char *separator)
{
    buf_add(out, value);
    buf_add_string(out, separator);
}

static void add_ip(struct buf *out, const struct ip *ip)
{
    char text[IP_TEXT_SIZE];
    if (ip->family)
        buf_add_string(out, ip_format(ip, text));
}

static void add_letter(struct buf *out, char letter)
{
    if (letter)
        buf_add_byte(out, (uint8_t)letter);
    buf_add_byte(out, '|');
}

static void dump_policy(struct buf *out, const struct aggregate_policy *policy)
{
    buf_add_string(out, "policy ");
    add_field(out, policy->domain, "|");
    buf_printf(out, "%s|%s|%s|", aggregate_disposition_name(policy->p),
               aggregate_disposition_name(policy->sp), aggregate_disposition_name(policy->np));
    add_letter(out, policy->adkim);
    add_letter(out, policy->aspf);
    if (policy->pct >= 0)
        buf_printf(out, "%d", policy->pct);
    buf_add_byte(out, '|');
    add_letter(out, policy->testing);
    add_field(out, policy->fo, "|");
    add_field(out, policy->discovery_method, "\n");
}

static void dump_auth(struct buf *out, const char *kind, const struct aggregate_auth *auth,
                      struct bytes second)
{
    buf_printf(out, "%s ", kind);
    add_field(out, auth->domain, "|");
    add_field(out, second, "|");
    add_field(out, auth->result, "|");
    add_field(out, auth->human_result, "\n");
}

static void dump_record(struct buf *out, const struct aggregate_record *record)
{
    buf_add_string(out, "record ");
    add_ip(out, &record->source);
    buf_printf(out, "|%llu|%s|%s|%s|", (unsigned long long)record->count,
               aggregate_disposition_name(record->disposition),
               aggregate_alignment_name(record->dkim), aggregate_alignment_name(record->spf));
    add_field(out, record->header_from, "|");
    add_field(out, record->envelope_from, "|");
    add_field(out, record->envelope_to, "\n");
    for (size_t i = 0; i < record->reason_count; i++) {
        buf_add_string(out, "reason ");
        add_field(out, record->reasons[i].type, "|");
        add_field(out, record->reasons[i].comment, "\n");
    }
    for (size_t i = 0; i < record->dkim_count; i++)
        dump_auth(out, "dkim", &record->dkim_results[i], record->dkim_results[i].selector);
    for (size_t i = 0; i < record->spf_count; i++)
        dump_auth(out, "spf", &record->spf_results[i], record->spf_results[i].scope);
}

static void dump_aggregate(struct buf *out, const struct aggregate_report *report)
{
    buf_printf(out, "aggregate\nrfc9990 %d\n", report->rfc9990);
    add_line(out, "version", report->version);
    add_line(out, "org_name", report->org_name);
    add_line(out, "email", report->email);
    add_line(out, "extra_contact_info", report->extra_contact_info);
    add_line(out, "report_id", report->report_id);
    add_line(out, "error", report->error);
    add_line(out, "generator", report->generator);
    buf_printf(out, "begin %lld\nend %lld\n", (long long)report->begin, (long long)report->end);
    dump_policy(out, &report->policy);
    for (size_t i = 0; i < report->record_count; i++)
        dump_record(out, &report->records[i]);
}

static void dump_values(struct buf *out, const char *name, const struct failure_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        add_line(out, name, values->values[i]);
}

static void dump_failure(struct buf *out, const struct failure_report *report)
{
    buf_add_string(out, "failure\n");
    add_line(out, "feedback-type", report->feedback_type);
    buf_printf(out, "version %u\n", report->version);
    add_line(out, "User-Agent", report->user_agent);
    add_line(out, "Original-Envelope-Id", report->original_envelope_id);
    add_line(out, "Original-Mail-From", report->original_mail_from);
    add_line(out, "Reporting-MTA", report->reporting_mta);
    dump_values(out, "Original-Rcpt-To", &report->original_rcpt_to);
    dump_values(out, "Reported-Domain", &report->reported_domain);
    dump_values(out, "Reported-URI", &report->reported_uri);
    dump_values(out, "Authentication-Results", &report->authentication_results);
    dump_values(out, "Auth-Failure", &report->auth_failure);
    buf_add_string(out, "arrival ");
    if (report->has_arrival)
        buf_printf(out, "%lld", (long long)report->arrival);
    buf_add_string(out, "\nsource ");
    add_ip(out, &report->source);
    buf_printf(out, "|%u|%llu\n", report->source_port, (unsigned long long)report->incidents);
    add_line(out, "Delivery-Result", report->delivery_result);
    add_line(out, "Identity-Alignment", report->identity_alignment);
    add_line(out, "DKIM-Domain", report->dkim_domain);
    add_line(out, "DKIM-Identity", report->dkim_identity);
    add_line(out, "DKIM-Selector", report->dkim_selector);
    add_line(out, "DKIM-Selector-DNS", report->dkim_selector_dns);
    add_line(out, "DKIM-ADSP-DNS", report->dkim_adsp_dns);
    add_line(out, "SPF-DNS", report->spf_dns);
    add_line(out, "DKIM-Canonicalized-Header", report->dkim_canonicalized_header);
    add_line(out, "DKIM-Canonicalized-Body", report->dkim_canonicalized_body);
    if (report->has_message) {
        buf_printf(out, "message %d|", report->headers_only);
        add_field(out, report->message, "\n");
    }
}

static void dump_tls_policy(struct buf *out, const struct tls_report_policy *policy)
{
    buf_add_string(out, "policy ");
    add_field(out, policy->type_name, "|");
    add_field(out, policy->domain, "|");
    buf_printf(out, "%llu|%llu\n", (unsigned long long)policy->successful,
               (unsigned long long)policy->failed);
    for (size_t i = 0; i < policy->string_count; i++)
        add_line(out, "policy-string", policy->strings[i]);
    for (size_t i = 0; i < policy->mx_host_count; i++)
        add_line(out, "mx-host", policy->mx_hosts[i]);
    for (size_t i = 0; i < policy->failure_count; i++) {
        const struct tls_report_failure *failure = &policy->failures[i];
        buf_add_string(out, "failure ");
        add_field(out, failure->result_type, "|");
        add_ip(out, &failure->sending_mta);
        buf_add_byte(out, '|');
        add_ip(out, &failure->receiving);
        buf_add_byte(out, '|');
        add_field(out, failure->receiving_mx_hostname, "|");
        add_field(out, failure->receiving_mx_helo, "|");
        buf_printf(out, "%llu|", (unsigned long long)failure->count);
        add_field(out, failure->additional_information, "|");
        add_field(out, failure->failure_reason_code, "\n");
    }
}

static void dump_tls(struct buf *out, const struct tls_report *report)
{
    buf_add_string(out, "tls\n");
    add_line(out, "organization-name", report->organization_name);
    add_line(out, "contact-info", report->contact_info);
    add_line(out, "report-id", report->report_id);
    buf_printf(out, "start-datetime %lld\nend-datetime %lld\n", (long long)report->begin,
               (long long)report->end);
    for (size_t i = 0; i < report->policy_count; i++)
        dump_tls_policy(out, &report->policies[i]);
}

static void dump(struct buf *out, const struct report *report)
{
    if (report->kind == REPORT_AGGREGATE)
        dump_aggregate(out, &report->aggregate);
    else if (report->kind == REPORT_FAILURE)
        dump_failure(out, &report->failure);
    else
        dump_tls(out, &report->tls);
}

static uint64_t count_records(const struct report *report)
{
    if (report->kind == REPORT_AGGREGATE)
        return report->aggregate.record_count;
    return report->kind == REPORT_TLS ? report->tls.policy_count : 1;
}

static uint64_t count_messages(const struct report *report)
{
    uint64_t sum = 0;
    if (report->kind == REPORT_AGGREGATE)
        return report->aggregate.message_count;
    if (report->kind == REPORT_FAILURE)
        return report->failure.incidents;
    for (size_t i = 0; i < report->tls.policy_count; i++)
        sum += report->tls.policies[i].successful + report->tls.policies[i].failed;
    return sum;
}

static bool has_digest(const struct report *report, struct bytes expected)
{
    struct buf lines, digest;
    uint8_t octets[SHA256_DIGEST_LENGTH];
    buf_init(&lines, FILE_MAX);
    buf_init(&digest, 64);
    dump(&lines, report);
    SHA256(lines.ptr, lines.len, octets);
    for (size_t i = 0; i < 8; i++)
        buf_printf(&digest, "%02x", octets[i]);
    bool same = !lines.failed && bytes_equal(buf_bytes(&digest), expected);
    buf_free(&lines);
    buf_free(&digest);
    return same;
}

static const char *compare(const struct expectation *wanted, enum result result,
                           const struct report *report)
{
    uint64_t records, messages;
    if (result == TEMP)
        return "it could not be told";
    if (bytes_is(wanted->outcome, "refused"))
        return result == PERM ? NULL : "it was read, and should be refused";
    if (result != OK)
        return "it was refused";
    if (!bytes_is(wanted->kind, report_kind_name(report->kind)))
        return "another kind";
    if (!bytes_to_uint(wanted->records, UINT64_MAX, &records) ||
        !bytes_to_uint(wanted->messages, UINT64_MAX, &messages))
        return "the expectation cannot be read";
    if (count_records(report) != records)
        return "another number of records";
    if (count_messages(report) != messages)
        return "another number of messages";
    return has_digest(report, wanted->digest) ? NULL : "another value somewhere";
}

static bool run_file(const char *folder, const struct expectation *wanted)
{
    char path[4096];
    struct buf content;
    struct arena *arena = arena_create(256 << 20);
    struct report report;
    struct error error = {""};
    const char *problem = "cannot be read";
    buf_init(&content, FILE_MAX);
    snprintf(path, sizeof(path), "%s/" BYTES_FMT, folder, BYTES_ARG(wanted->file));
    if (arena && read_file(path, &content))
        problem = compare(wanted, report_read(arena, buf_bytes(&content), &report, &error), &report);
    if (problem)
        printf("  " BYTES_FMT ": %s (%s)\n", BYTES_ARG(wanted->file), problem, error.text);
    buf_free(&content);
    arena_destroy(arena);
    return !problem;
}

static bool read_expectation(struct bytes line, struct expectation *out)
{
    struct bytes *const columns[] = {&out->file,    &out->kind,     &out->outcome,
                                     &out->records, &out->messages, &out->digest};
    for (size_t i = 0; i < countof(columns); i++)
        if (!bytes_split(&line, '\t', columns[i]))
            return false;
    return true;
}

static int run_suite(const char *expected, const char *folder)
{
    static const char *const kinds[] = {"aggregate", "failure", "tls", "none"};
    static const char *const titles[] = {"dmarc reports", "failure reports", "tls reports",
                                         "files that are no reports"};
    unsigned cases[countof(kinds)] = {0}, passed[countof(kinds)] = {0}, all = 0, good = 0;
    struct buf table;
    struct bytes rest, line;
    struct expectation wanted;
    buf_init(&table, FILE_MAX);
    if (!read_file(expected, &table))
        return 1;
    rest = buf_bytes(&table);
    while (bytes_split(&rest, '\n', &line)) {
        if (line.len == 0 || line.ptr[0] == '#' || !read_expectation(line, &wanted))
            continue;
        bool fine = run_file(folder, &wanted);
        for (size_t i = 0; i < countof(kinds); i++)
            if (bytes_is(wanted.kind, kinds[i])) {
                cases[i]++;
                passed[i] += fine;
            }
        all++;
        good += fine;
    }
    buf_free(&table);
    for (size_t i = 0; i < countof(kinds); i++)
        printf("%s%s %u/%u", i ? ", " : "", titles[i], passed[i], cases[i]);
    printf("\n");
    return all && good == all ? 0 : 1;
}

static int dump_file(const char *path)
{
    struct buf content, lines;
    struct arena *arena = arena_create(256 << 20);
    struct report report;
    struct error error = {"cannot be read"};
    buf_init(&content, FILE_MAX);
    buf_init(&lines, FILE_MAX);
    bool fine = arena && read_file(path, &content) &&
                report_read(arena, buf_bytes(&content), &report, &error) == OK;
    if (fine) {
        dump(&lines, &report);
        fwrite(lines.ptr, 1, lines.len, stdout);
    } else {
        fprintf(stderr, "%s: %s\n", path, error.text);
    }
    buf_free(&content);
    buf_free(&lines);
    arena_destroy(arena);
    return fine ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--dump") == 0)
        return dump_file(argv[2]);
    if (argc != 3) {
        fprintf(stderr, "usage: report_suite EXPECTED FOLDER\n");
        return 2;
    }
    return run_suite(argv[1], argv[2]);
}
