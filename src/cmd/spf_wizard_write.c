/* SPDX-License-Identifier: BSD-2-Clause */
/* What `vouch spf wizard` says, for people and for machines. */
#include "base/json.h"
#include "cmd/spf_wizard.h"
#include "lint/lint_report.h"
#include "lint/record_text.h"
#include "lint/spf_tree.h"

enum { TTL = 3600, SHORT = 450 };

static const char *published_name(enum result result)
{
    static const char *const names[] = {
        [OK] = "published", [NONE] = "missing", [TEMP] = "unknown", [PERM] = "different"};
    return names[result];
}

static void head(struct buf *out, const char *text, bool colour)
{
    buf_printf(out, "\n%s%s%s\n", colour ? "\033[1m" : "", text, colour ? "\033[0m" : "");
}

static void write_records(struct buf *out, const struct wizard_plan *plan,
                          const struct wizard_published *published)
{
    for (size_t i = 0; i < plan->record_count; i++) {
        const struct wizard_record *record = &plan->records[i];
        buf_printf(out, "  " BYTES_FMT "\n    " BYTES_FMT "\n", BYTES_ARG(record->name),
                   BYTES_ARG(record->text));
        lint_add_paragraph(out, 4, bytes_of(record->why));
        if (!published)
            continue;
        buf_printf(out, "    now: %s%s", published_name(published[i].result),
                   published[i].result == PERM ? ": " : "");
        lint_add_safe(out, published[i].live, false);
        buf_add_byte(out, '\n');
    }
}

static void write_trials(struct buf *out, const struct wizard_plan *plan, bool colour)
{
    for (size_t i = 0; i < plan->trial_count; i++) {
        const struct wizard_trial *trial = &plan->trials[i];
        char ip[IP_TEXT_SIZE];
        bool fine = trial->found == trial->expected;
        buf_printf(out, "  %s%s%s " BYTES_FMT " from " BYTES_FMT " [%s]%s: %s",
                   colour ? (fine ? "\033[32m" : "\033[1;31m") : "", fine ? "right" : "WRONG",
                   colour ? "\033[0m" : "", BYTES_ARG(trial->domain), BYTES_ARG(trial->what),
                   ip_format(&trial->ip, ip), trial->helo ? " (HELO)" : "",
                   auth_result_name(trial->found));
        if (!fine)
            buf_printf(out, ", not %s", auth_result_name(trial->expected));
        buf_add_byte(out, '\n');
    }
}

void spf_wizard_write_text(struct buf *out, const struct wizard_plan *plan,
                           const struct wizard_published *published, bool colour)
{
    const struct wizard_record *record = NULL;
    for (size_t i = 0; i < plan->record_count; i++)
        if (bytes_equal_nocase(plan->records[i].name, plan->answers->domain) &&
            bytes_is(plan->records[i].version, "v=spf1"))
            record = &plan->records[i];
    head(out, "The record", colour);
    buf_printf(out, "  " BYTES_FMT "\n", BYTES_ARG(record ? record->text : BYTES("")));
    lint_add_paragraph(out, 2, bytes_of(plan->end_why));
    buf_printf(out, "  It asks the DNS with %u of %d terms.\n", plan->terms, SPF_TERMS_LIMIT);
    if (record && record->text.len > SHORT)
        lint_add_paragraph(
            out, 2,
            BYTES("It is longer than 450 octets: the answer may not fit into a small UDP "
                  "packet, and some receivers do not get it (rfc7208:3.4)."));
    head(out, "All records, and what they are for", colour);
    write_records(out, plan, published);
    head(out, "For a zone file (BIND, NSD, Knot)", colour);
    for (size_t i = 0; i < plan->record_count; i++) {
        buf_add_string(out, "  ");
        record_text_bind(out, plan->records[i].name, plan->records[i].text);
        buf_add_byte(out, '\n');
    }
    head(out, "For tinydns", colour);
    for (size_t i = 0; i < plan->record_count; i++) {
        buf_add_string(out, "  ");
        record_text_tinydns(out, plan->records[i].name, plan->records[i].text, TTL);
        buf_add_byte(out, '\n');
    }
    if (plan->note_count)
        head(out, "To be done, and to be known", colour);
    for (size_t i = 0; i < plan->note_count; i++)
        lint_add_paragraph(out, 2, plan->notes[i]);
    head(out, published ? "Tried with what is published" : "Tried as if it were published", colour);
    write_trials(out, plan, colour);
}

static void json_records(struct json *json, const struct wizard_plan *plan,
                         const struct wizard_published *published)
{
    json_begin_array(json);
    for (size_t i = 0; i < plan->record_count; i++) {
        const struct wizard_record *record = &plan->records[i];
        struct buf line;
        buf_init(&line, 256 * 1024);
        json_begin_object(json);
        json_member_bytes(json, "name", record->name);
        json_member_bytes(json, "version", record->version);
        json_member_bytes(json, "text", record->text);
        json_member(json, "why", record->why);
        record_text_bind(&line, record->name, record->text);
        json_member_bytes(json, "bind", buf_bytes(&line));
        buf_clear(&line);
        record_text_tinydns(&line, record->name, record->text, TTL);
        json_member_bytes(json, "tinydns", buf_bytes(&line));
        if (published) {
            json_member(json, "published", published_name(published[i].result));
            json_member_bytes(json, "live", published[i].live);
        }
        json_end_object(json);
        buf_free(&line);
    }
    json_end_array(json);
}

static void json_trials(struct json *json, const struct wizard_plan *plan)
{
    json_begin_array(json);
    for (size_t i = 0; i < plan->trial_count; i++) {
        const struct wizard_trial *trial = &plan->trials[i];
        char ip[IP_TEXT_SIZE];
        json_begin_object(json);
        json_member_bytes(json, "domain", trial->domain);
        json_member(json, "identity", trial->helo ? "helo" : "mailfrom");
        json_member_bytes(json, "what", trial->what);
        json_member_bool(json, "stranger", trial->stranger);
        json_member(json, "ip", ip_format(&trial->ip, ip));
        json_member(json, "expected", auth_result_name(trial->expected));
        json_member(json, "found", auth_result_name(trial->found));
        json_end_object(json);
    }
    json_end_array(json);
}

void spf_wizard_write_json(struct buf *out, const struct wizard_plan *plan,
                           const struct wizard_published *published)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member_bytes(&json, "domain", plan->answers->domain);
    json_member_bytes(&json, "default", arena_printf(plan->arena, "%call", plan->end));
    json_member(&json, "default_why", plan->end_why);
    json_member_integer(&json, "dns_terms", plan->terms);
    json_key(&json, "records");
    json_records(&json, plan, published);
    json_key(&json, "notes");
    json_begin_array(&json);
    for (size_t i = 0; i < plan->note_count; i++)
        json_add_bytes(&json, plan->notes[i]);
    json_end_array(&json);
    json_key(&json, "trials");
    json_trials(&json, plan);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}
