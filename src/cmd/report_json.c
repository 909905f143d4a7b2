/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/report_write.h"

static void add_ip(struct json *json, const char *key, const struct ip *ip)
{
    char text[IP_TEXT_SIZE];
    json_member(json, key, ip->family ? ip_format(ip, text) : NULL);
}

/* null for what was not said */
static void add_word(struct json *json, const char *key, const char *word)
{
    json_member(json, key, *word ? word : NULL);
}

static void add_letter(struct json *json, const char *key, char letter)
{
    add_word(json, key, (char[]){letter, '\0'});
}

static void add_text(struct json *json, const char *key, struct bytes text)
{
    if (text.len)
        json_member_bytes(json, key, text);
    else
        json_member(json, key, NULL);
}

static void add_texts(struct json *json, const char *key, const struct bytes *texts, size_t count)
{
    json_key(json, key);
    json_begin_array(json);
    for (size_t i = 0; i < count; i++)
        json_add_bytes(json, texts[i]);
    json_end_array(json);
}

/* Aggregate reports. */

static void add_policy(struct json *json, const struct aggregate_policy *policy)
{
    json_key(json, "policy");
    json_begin_object(json);
    json_member_bytes(json, "domain", policy->domain);
    add_word(json, "p", aggregate_disposition_name(policy->p));
    add_word(json, "sp", aggregate_disposition_name(policy->sp));
    add_word(json, "np", aggregate_disposition_name(policy->np));
    add_letter(json, "adkim", policy->adkim);
    add_letter(json, "aspf", policy->aspf);
    if (policy->pct >= 0)
        json_member_integer(json, "pct", policy->pct);
    else
        json_member(json, "pct", NULL);
    add_text(json, "fo", policy->fo);
    add_letter(json, "testing", policy->testing);
    add_text(json, "discovery_method", policy->discovery_method);
    json_end_object(json);
}

static void add_auth(struct json *json, const char *key, const struct aggregate_auth *results,
                     size_t count, bool is_dkim)
{
    json_key(json, key);
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(json);
        add_text(json, "domain", results[i].domain);
        if (is_dkim)
            add_text(json, "selector", results[i].selector);
        else
            add_text(json, "scope", results[i].scope);
        add_text(json, "result", results[i].result);
        add_text(json, "human_result", results[i].human_result);
        json_end_object(json);
    }
    json_end_array(json);
}

static void add_record(struct json *json, const struct aggregate_record *record)
{
    json_begin_object(json);
    add_ip(json, "source", &record->source);
    json_member_integer(json, "messages", (int64_t)record->count);
    add_word(json, "dmarc", aggregate_alignment_name(aggregate_dmarc_result(record)));
    add_word(json, "spf", aggregate_alignment_name(record->spf));
    add_word(json, "dkim", aggregate_alignment_name(record->dkim));
    add_word(json, "disposition", aggregate_disposition_name(record->disposition));
    json_key(json, "reasons");
    json_begin_array(json);
    for (size_t i = 0; i < record->reason_count; i++) {
        json_begin_object(json);
        add_text(json, "type", record->reasons[i].type);
        add_text(json, "comment", record->reasons[i].comment);
        json_end_object(json);
    }
    json_end_array(json);
    json_member_bytes(json, "header_from", record->header_from);
    if (record->has_envelope_from)
        json_member_bytes(json, "envelope_from", record->envelope_from);
    else
        json_member(json, "envelope_from", NULL);
    add_text(json, "envelope_to", record->envelope_to);
    add_auth(json, "dkim_results", record->dkim_results, record->dkim_count, true);
    add_auth(json, "spf_results", record->spf_results, record->spf_count, false);
    json_end_object(json);
}

static void add_aggregate(struct json *json, const struct aggregate_report *report)
{
    json_member_bytes(json, "reporter", report->org_name);
    add_text(json, "email", report->email);
    add_text(json, "extra_contact_info", report->extra_contact_info);
    json_member_bytes(json, "report_id", report->report_id);
    add_text(json, "error", report->error);
    add_text(json, "generator", report->generator);
    add_text(json, "version", report->version);
    json_member_bool(json, "rfc9990", report->rfc9990);
    json_member_integer(json, "begin", report->begin);
    json_member_integer(json, "end", report->end);
    add_policy(json, &report->policy);
    json_member_integer(json, "messages", (int64_t)report->message_count);
    json_key(json, "records");
    json_begin_array(json);
    for (size_t i = 0; i < report->record_count; i++)
        add_record(json, &report->records[i]);
    json_end_array(json);
}

/* Failure reports. */

static void add_values(struct json *json, const char *key, const struct failure_values *values)
{
    add_texts(json, key, values->values, values->count);
}

static void add_failure(struct json *json, const struct failure_report *report)
{
    json_member_bytes(json, "feedback_type", report->feedback_type);
    json_member_integer(json, "version", report->version);
    add_text(json, "user_agent", report->user_agent);
    add_text(json, "reporting_mta", report->reporting_mta);
    add_values(json, "auth_failure", &report->auth_failure);
    add_text(json, "identity_alignment", report->identity_alignment);
    add_text(json, "delivery_result", report->delivery_result);
    add_ip(json, "source", &report->source);
    json_member_integer(json, "source_port", report->source_port);
    json_member_integer(json, "incidents", (int64_t)report->incidents);
    if (report->has_arrival)
        json_member_integer(json, "arrival", report->arrival);
    else
        json_member(json, "arrival", NULL);
    add_text(json, "arrival_date", report->arrival_date);
    add_text(json, "original_envelope_id", report->original_envelope_id);
    add_text(json, "original_mail_from", report->original_mail_from);
    add_values(json, "original_rcpt_to", &report->original_rcpt_to);
    add_values(json, "reported_domain", &report->reported_domain);
    add_values(json, "reported_uri", &report->reported_uri);
    add_values(json, "authentication_results", &report->authentication_results);
    add_text(json, "dkim_domain", report->dkim_domain);
    add_text(json, "dkim_identity", report->dkim_identity);
    add_text(json, "dkim_selector", report->dkim_selector);
    add_text(json, "dkim_selector_dns", report->dkim_selector_dns);
    add_text(json, "dkim_adsp_dns", report->dkim_adsp_dns);
    add_text(json, "spf_dns", report->spf_dns);
    add_text(json, "dkim_canonicalized_header", report->dkim_canonicalized_header);
    add_text(json, "dkim_canonicalized_body", report->dkim_canonicalized_body);
    json_member(json, "enclosed", !report->has_message    ? NULL
                                  : report->headers_only ? "header"
                                                         : "message");
    json_member_integer(json, "enclosed_octets", (int64_t)report->message.len);
}

/* TLS reports. */

static void add_tls_failure(struct json *json, const struct tls_report_failure *failure)
{
    json_begin_object(json);
    add_text(json, "result_type", failure->result_type);
    json_member_integer(json, "sessions", (int64_t)failure->count);
    add_ip(json, "sending_mta", &failure->sending_mta);
    add_text(json, "receiving_mx_hostname", failure->receiving_mx_hostname);
    add_text(json, "receiving_mx_helo", failure->receiving_mx_helo);
    add_ip(json, "receiving_ip", &failure->receiving);
    add_text(json, "additional_information", failure->additional_information);
    add_text(json, "failure_reason_code", failure->failure_reason_code);
    json_end_object(json);
}

static void add_tls(struct json *json, const struct tls_report *report)
{
    json_member_bytes(json, "reporter", report->organization_name);
    add_text(json, "contact_info", report->contact_info);
    add_text(json, "report_id", report->report_id);
    json_member_integer(json, "begin", report->begin);
    json_member_integer(json, "end", report->end);
    json_key(json, "policies");
    json_begin_array(json);
    for (size_t i = 0; i < report->policy_count; i++) {
        const struct tls_report_policy *policy = &report->policies[i];
        json_begin_object(json);
        add_text(json, "type", policy->type_name);
        add_text(json, "domain", policy->domain);
        add_texts(json, "policy", policy->strings, policy->string_count);
        add_texts(json, "mx_hosts", policy->mx_hosts, policy->mx_host_count);
        json_member_integer(json, "successful", (int64_t)policy->successful);
        json_member_integer(json, "failed", (int64_t)policy->failed);
        json_key(json, "failures");
        json_begin_array(json);
        for (size_t k = 0; k < policy->failure_count; k++)
            add_tls_failure(json, &policy->failures[k]);
        json_end_array(json);
        json_end_object(json);
    }
    json_end_array(json);
}

void report_write_json(struct json *json, const char *file, const struct report *report)
{
    json_begin_object(json);
    json_member(json, "file", file);
    json_member(json, "kind", report_kind_name(report->kind));
    json_member_bool(json, "in_mail", report->in_mail);
    if (report->kind == REPORT_AGGREGATE)
        add_aggregate(json, &report->aggregate);
    else if (report->kind == REPORT_FAILURE)
        add_failure(json, &report->failure);
    else
        add_tls(json, &report->tls);
    json_end_object(json);
}

void report_write_table_json(struct json *json, struct report_table *table)
{
    size_t count;
    const struct report_row *rows = report_table_rows(table, &count);
    json_member_integer(json, "messages", (int64_t)table->messages);
    json_member_integer(json, "passed", (int64_t)table->dmarc[AGGREGATE_ALIGNED]);
    json_member_integer(json, "failed", (int64_t)table->dmarc[AGGREGATE_NOT_ALIGNED]);
    json_member_integer(json, "quarantined", (int64_t)table->disposition[AGGREGATE_QUARANTINE]);
    json_member_integer(json, "rejected", (int64_t)table->disposition[AGGREGATE_REJECT]);
    json_key(json, "sources");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(json);
        add_ip(json, "source", &rows[i].source);
        json_member_integer(json, "messages", (int64_t)rows[i].messages);
        add_word(json, "dmarc", aggregate_alignment_name(rows[i].dmarc));
        add_word(json, "spf", aggregate_alignment_name(rows[i].spf));
        add_word(json, "dkim", aggregate_alignment_name(rows[i].dkim));
        add_word(json, "disposition", aggregate_disposition_name(rows[i].disposition));
        json_member_bytes(json, "header_from", rows[i].header_from);
        json_end_object(json);
    }
    json_end_array(json);
}
