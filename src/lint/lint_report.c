/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/lint_report.h"

#include "base/ascii.h"
#include "base/json.h"
#include "base/utf8.h"

enum { COLUMNS = 78, TREE_COLUMNS = 200 };

static const char *const colours[] = {"\033[1;31m", "\033[1;33m", "\033[36m", "\033[32m"};
static const char bold[] = "\033[1m", plain[] = "\033[0m";

void lint_add_safe(struct buf *out, struct bytes text, bool lines)
{
    while (text.len) {
        size_t length = utf8_sequence(text);
        bool fine = length > 1 ? text.ptr[0] != 0xc2 || text.ptr[1] >= 0xa0 /* not C1 */
                               : length == 1 && (ascii_is_print(text.ptr[0]) ||
                                                 (lines && text.ptr[0] == '\n'));
        if (fine)
            buf_add(out, bytes_first(text, length));
        else
            buf_add_byte(out, '?');
        text = bytes_skip(text, fine ? length : 1);
    }
}

static void indent_by(struct buf *out, unsigned indent)
{
    for (unsigned i = 0; i < indent; i++)
        buf_add_byte(out, ' ');
}

void lint_add_paragraph(struct buf *out, unsigned indent, struct bytes text)
{
    struct bytes word;
    size_t column = 0;
    while (text.ptr && bytes_split(&text, ' ', &word)) {
        if (!word.len)
            continue;
        if (column && column + 1 + word.len > COLUMNS) {
            buf_add_byte(out, '\n');
            column = 0;
        }
        if (column)
            buf_add_byte(out, ' ');
        else
            indent_by(out, indent);
        column += column ? word.len + 1 : indent + word.len;
        lint_add_safe(out, word, false);
    }
    buf_add_byte(out, '\n');
}

struct ranked {
    const struct section *section;
    const struct finding *finding;
};

/* Insertion keeps the order of equal ones; a report has a few hundred findings at most. */
static size_t rank(const struct lint *lint, struct ranked *out, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < LINT_TOPICS; i++) {
        const struct section *section = &lint->sections[i];
        for (size_t j = 0; j < section->finding_count && count < most; j++) {
            size_t at = count++;
            for (; at && finding_compare(&section->findings[j], out[at - 1].finding) < 0; at--)
                out[at] = out[at - 1];
            out[at] = (struct ranked){section, &section->findings[j]};
        }
    }
    return count;
}

static void write_section(struct buf *out, const struct section *section, bool colour)
{
    bool fine = true;
    for (size_t i = 0; i < section->finding_count; i++)
        fine &= section->findings[i].severity == SEVERITY_FINE;
    buf_printf(out, "%s%s%s%s\n", colour ? bold : "", section->name, colour ? plain : "",
               section->incomplete ? " (not complete)" : "");
    for (size_t i = 0; i < section->line_count; i++) {
        indent_by(out, 2 + 2 * section->lines[i].depth);
        struct bytes text = section->lines[i].text;
        lint_add_safe(out, bytes_first(text, TREE_COLUMNS), false);
        buf_add_string(out, text.len > TREE_COLUMNS ? "...\n" : "\n");
    }
    for (size_t i = 0; fine && i < section->finding_count; i++) {
        buf_add_string(out, colour ? colours[SEVERITY_FINE] : "");
        lint_add_paragraph(out, 2, section->findings[i].text);
        buf_add_string(out, colour ? plain : "");
    }
}

static void write_fix(struct buf *out, const struct ranked *ranked, size_t at)
{
    struct bytes rest = ranked[at].finding->fix, line;
    if (!rest.len)
        return;
    for (size_t i = 0; i < at; i++)
        if (bytes_equal(ranked[i].finding->fix, rest)) {
            buf_printf(out, "     publish: the record of number %zu\n", i + 1);
            return;
        }
    while (bytes_split(&rest, '\n', &line)) {
        buf_add_string(out, "     publish: ");
        lint_add_safe(out, line, false);
        buf_add_byte(out, '\n');
    }
}

static void write_finding(struct buf *out, const struct ranked *ranked, size_t at, bool colour)
{
    const struct finding *finding = ranked[at].finding;
    buf_printf(out, "%3zu. %s%s%s: %s, ", at + 1, colour ? colours[finding->severity] : "",
               severity_name(finding->severity), colour ? plain : "", ranked[at].section->name);
    lint_add_safe(out, bytes_first(finding->subject, TREE_COLUMNS), false);
    if (finding->section)
        buf_printf(out, " (%s)", finding->section);
    buf_add_byte(out, '\n');
    lint_add_paragraph(out, 5, finding->text);
    write_fix(out, ranked, at);
}

static void write_summary(struct buf *out, const struct lint *lint, bool colour)
{
    size_t errors = lint_count(lint, SEVERITY_ERROR), warnings = lint_count(lint, SEVERITY_WARNING);
    size_t advice = lint_count(lint, SEVERITY_ADVICE);
    if (!errors && !warnings)
        buf_printf(out, "%snothing wrong%s", colour ? colours[SEVERITY_FINE] : "",
                   colour ? plain : "");
    else
        buf_printf(out, "%zu error%s, %zu warning%s", errors, errors == 1 ? "" : "s", warnings,
                   warnings == 1 ? "" : "s");
    if (advice)
        buf_printf(out, ", %zu piece%s of advice", advice, advice == 1 ? "" : "s");
    buf_printf(out, " (%zu DNS questions", lint->recorder.count);
    if (lint->recorder.refused)
        buf_printf(out, ", %zu more not asked", lint->recorder.refused);
    buf_add_string(out, ")\n");
}

void lint_write_text(struct buf *out, const struct lint *lint, bool colour)
{
    static struct ranked ranked[LINT_TOPICS * SECTION_FINDINGS_MAX];
    size_t count = rank(lint, ranked, countof(ranked));
    for (size_t i = 0; i < LINT_TOPICS; i++)
        write_section(out, &lint->sections[i], colour);
    bool headed = false;
    for (size_t i = 0; i < count && ranked[i].finding->severity != SEVERITY_FINE; i++) {
        if (!headed)
            buf_printf(out, "\n%sWhat is wrong, the worst first%s\n", colour ? bold : "",
                       colour ? plain : "");
        headed = true;
        write_finding(out, ranked, i, colour);
    }
    buf_add_byte(out, '\n');
    write_summary(out, lint, colour);
}

static void write_findings(struct json *json, const struct lint *lint)
{
    static struct ranked ranked[LINT_TOPICS * SECTION_FINDINGS_MAX];
    size_t count = rank(lint, ranked, countof(ranked));
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        const struct finding *finding = ranked[i].finding;
        json_begin_object(json);
        json_member(json, "severity", severity_name(finding->severity));
        if (finding->severity != SEVERITY_FINE)
            json_member(json, "harm", harm_name(finding->harm));
        json_member(json, "topic", ranked[i].section->topic);
        json_member_bytes(json, "subject", finding->subject);
        json_member_bytes(json, "text", finding->text);
        json_member(json, "section", finding->section);
        json_member_bytes(json, "fix", finding->fix);
        json_end_object(json);
    }
    json_end_array(json);
}

void lint_write_json(struct buf *out, const struct lint *lint)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member_bytes(&json, "domain", lint->domain);
    json_member_integer(&json, "errors", (int64_t)lint_count(lint, SEVERITY_ERROR));
    json_member_integer(&json, "warnings", (int64_t)lint_count(lint, SEVERITY_WARNING));
    json_member_integer(&json, "advice", (int64_t)lint_count(lint, SEVERITY_ADVICE));
    json_member_integer(&json, "dns_failures", lint_failures(lint));
    json_member_integer(&json, "dns_questions", (int64_t)lint->recorder.count);
    json_key(&json, "findings");
    write_findings(&json, lint);
    json_key(&json, "published");
    json_begin_array(&json);
    for (size_t i = 0; i < LINT_TOPICS; i++) {
        const struct section *section = &lint->sections[i];
        json_begin_object(&json);
        json_member(&json, "topic", section->topic);
        json_member_bool(&json, "complete", !section->incomplete);
        json_key(&json, "lines");
        json_begin_array(&json);
        for (size_t j = 0; j < section->line_count; j++) {
            json_begin_object(&json);
            json_member_integer(&json, "depth", section->lines[j].depth);
            json_member_bytes(&json, "text", section->lines[j].text);
            json_end_object(&json);
        }
        json_end_array(&json);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}
