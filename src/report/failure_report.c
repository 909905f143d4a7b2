/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/failure_report.h"

#include "base/ascii.h"
#include "message/date.h"

#include <string.h>

struct reader {
    struct arena *arena;
    const struct message *fields;
    struct failure_report *report;
    bool exhausted;
};

/* The value of a field's first occurrence, unfolded and copied; empty if there is none. */
static struct bytes value_of(struct reader *reader, const char *name)
{
    const struct header_field *field = message_field(reader->fields, name, 0);
    if (!field)
        return (struct bytes){(const uint8_t *)"", 0};
    struct bytes value = header_unfold(reader->arena, field->value);
    if (value.len && value.ptr >= field->value.ptr && value.ptr < field->value.ptr + field->value.len)
        value = arena_copy(reader->arena, value);
    if (!value.ptr)
        reader->exhausted |= arena_exhausted(reader->arena);
    return value;
}

static struct bytes lower_value_of(struct reader *reader, const char *name)
{
    struct bytes value = arena_lower(reader->arena, value_of(reader, name));
    reader->exhausted |= !value.ptr && arena_exhausted(reader->arena);
    return value;
}

static enum result read_values(struct reader *reader, const char *name, struct failure_values *out,
                               struct error *error)
{
    size_t count = message_field_count(reader->fields, name), at = 0;
    if (count > FAILURE_VALUES_MAX)
        return error_set(error, PERM, "more than %d fields %s", FAILURE_VALUES_MAX, name);
    out->values = arena_alloc_array(reader->arena, count ? count : 1, sizeof(*out->values));
    if (!out->values)
        return error_set(error, TEMP, "no memory");
    while (out->count < count) {
        const struct header_field *field = message_field(reader->fields, name, at);
        struct bytes value = header_unfold(reader->arena, field->value);
        at = (size_t)(field - reader->fields->fields) + 1;
        value = arena_copy(reader->arena, value);
        reader->exhausted |= !value.ptr && arena_exhausted(reader->arena);
        out->values[out->count++] = value;
    }
    return OK;
}

/* The first word, without a comment behind it: "192.0.2.1 (mail.example.org)" is common. */
static struct bytes first_word(struct bytes value)
{
    size_t length = 0;
    while (length < value.len && ascii_is_graph(value.ptr[length]) && value.ptr[length] != '(')
        length++;
    return bytes_first(value, length);
}

static struct bytes without_brackets(struct bytes word)
{
    if (word.len > 2 && word.ptr[0] == '[' && word.ptr[word.len - 1] == ']')
        word = bytes_slice(word, 1, word.len - 1);
    return bytes_starts_with_nocase(word, BYTES("IPv6:")) ? bytes_skip(word, 5) : word;
}

static enum result read_number(struct reader *reader, const char *name, uint64_t least, uint64_t most,
                               uint64_t *out, struct error *error)
{
    if (!message_field(reader->fields, name, 0))
        return OK;
    uint64_t value;
    if (!bytes_to_uint(first_word(value_of(reader, name)), most, &value) || value < least)
        return error_set(error, PERM, "the field %s has no number from %llu to %llu", name,
                         (unsigned long long)least, (unsigned long long)most);
    *out = value;
    return OK;
}

static enum result read_numbers(struct reader *reader, struct error *error)
{
    struct failure_report *report = reader->report;
    uint64_t version = 0, port = 0;
    report->incidents = 1;
    enum result result = read_number(reader, "Version", 1, 1000, &version, error);
    if (result == OK)
        result = read_number(reader, "Source-Port", 1, 65535, &port, error);
    if (result == OK)
        result = read_number(reader, "Incidents", 0, 1000000000, &report->incidents, error);
    if (result == OK && !version)
        result = error_set(error, PERM, "the report has no Version");
    report->version = (unsigned)version;
    report->source_port = (unsigned)port;
    return result;
}

static enum result read_source(struct reader *reader, struct error *error)
{
    struct bytes value = value_of(reader, "Source-IP");
    if (value.len == 0 || ip_parse(without_brackets(first_word(value)), &reader->report->source))
        return OK;
    return error_set(error, PERM, "Source-IP is no address: '" BYTES_FMT "'",
                     BYTES_ARG(bytes_first(value, 60)));
}

/* A date that cannot be read harms nobody: the text is kept. */
static void read_arrival(struct reader *reader)
{
    struct failure_report *report = reader->report;
    struct date date;
    report->arrival_date = value_of(reader, "Arrival-Date");
    if (!report->arrival_date.len)
        report->arrival_date = value_of(reader, "Received-Date"); /* before RFC 5965 was out */
    report->has_arrival =
        report->arrival_date.len && date_parse(report->arrival_date, &date, NULL) == OK;
    if (report->has_arrival)
        report->arrival = date.epoch;
}

static void read_texts(struct reader *reader)
{
    struct failure_report *report = reader->report;
    report->user_agent = value_of(reader, "User-Agent");
    report->original_envelope_id = value_of(reader, "Original-Envelope-Id");
    report->original_mail_from = value_of(reader, "Original-Mail-From");
    report->reporting_mta = value_of(reader, "Reporting-MTA");
    report->delivery_result = lower_value_of(reader, "Delivery-Result");
    report->identity_alignment = lower_value_of(reader, "Identity-Alignment");
    report->dkim_domain = value_of(reader, "DKIM-Domain");
    report->dkim_identity = value_of(reader, "DKIM-Identity");
    report->dkim_selector = value_of(reader, "DKIM-Selector");
    report->dkim_selector_dns = value_of(reader, "DKIM-Selector-DNS");
    report->dkim_adsp_dns = value_of(reader, "DKIM-ADSP-DNS");
    report->spf_dns = value_of(reader, "SPF-DNS");
    report->dkim_canonicalized_header = value_of(reader, "DKIM-Canonicalized-Header");
    report->dkim_canonicalized_body = value_of(reader, "DKIM-Canonicalized-Body");
}

static enum result read_lists(struct reader *reader, struct error *error)
{
    struct failure_report *report = reader->report;
    const struct {
        const char *name;
        struct failure_values *values;
    } lists[] = {{"Original-Rcpt-To", &report->original_rcpt_to},
                 {"Reported-Domain", &report->reported_domain},
                 {"Reported-URI", &report->reported_uri},
                 {"Authentication-Results", &report->authentication_results},
                 {"Auth-Failure", &report->auth_failure}};
    for (size_t i = 0; i < countof(lists); i++) {
        enum result result = read_values(reader, lists[i].name, lists[i].values, error);
        if (result != OK)
            return result;
    }
    for (size_t i = 0; i < report->auth_failure.count; i++)
        report->auth_failure.values[i] =
            arena_lower(reader->arena, first_word(report->auth_failure.values[i]));
    return OK;
}

enum result failure_report_read_fields(struct arena *arena, struct bytes text, struct failure_report *out,
                                       struct error *error)
{
    struct message fields;
    struct reader reader = {.arena = arena, .fields = &fields, .report = out};
    *out = (struct failure_report){0};
    enum result result = message_parse(arena, text, &fields, error);
    if (result == OK && fields.malformed)
        result = error_set(error, PERM, "the feedback report has a line that is no field");
    if (result == OK)
        result = read_numbers(&reader, error);
    if (result == OK)
        result = read_source(&reader, error);
    if (result == OK)
        result = read_lists(&reader, error);
    if (result != OK)
        return result;
    read_texts(&reader);
    read_arrival(&reader);
    out->feedback_type = lower_value_of(&reader, "Feedback-Type");
    if (reader.exhausted || arena_exhausted(arena))
        return error_set(error, TEMP, "no memory");
    if (out->feedback_type.len == 0)
        return error_set(error, PERM, "the report has no Feedback-Type");
    return OK;
}

const struct mime_part *failure_report_part(const struct mime *mime)
{
    const struct mime_part *root = mime->root;
    if (!mime_is(root, "multipart", "report"))
        return NULL;
    for (const struct mime_part *part = root->first_child; part; part = part->next)
        if (mime_is(part, "message", "feedback-report"))
            return part;
    return NULL;
}

static bool keep_message(struct arena *arena, struct bytes text, struct failure_report *out)
{
    out->message_cut = text.len > FAILURE_MESSAGE_MAX;
    out->message = arena_copy(arena, bytes_first(text, FAILURE_MESSAGE_MAX));
    out->has_message = true;
    return out->message.ptr != NULL || text.len == 0;
}

/* The first part behind the report that is a message, or the header of one (rfc5965:2, rfc6591:3). */
static enum result read_subject(struct arena *arena, const struct mime_part *report,
                                struct failure_report *out, struct error *error)
{
    for (const struct mime_part *part = report->next; part; part = part->next) {
        bool headers_only = mime_is(part, "text", "rfc822-headers");
        if (part->kind == MIME_MESSAGE && part->first_child)
            return keep_message(arena, part->first_child->raw, out) ? OK : error_set(error, TEMP, "no memory");
        if (!headers_only)
            continue;
        struct buf text;
        buf_init(&text, part->body.len + 1);
        mime_part_decode(part, &text);
        bool fine = !text.failed && keep_message(arena, buf_bytes(&text), out);
        buf_free(&text);
        out->headers_only = true;
        return fine ? OK : error_set(error, TEMP, "no memory");
    }
    return OK;
}

enum result failure_report_read(struct arena *arena, const struct mime *mime, struct failure_report *out,
                                struct error *error)
{
    const struct mime_part *part = failure_report_part(mime);
    struct buf text;
    if (!part)
        return NONE;
    buf_init(&text, part->body.len + 1);
    mime_part_decode(part, &text);
    struct bytes fields = message_normalize(arena, buf_bytes(&text));
    enum result result = text.failed || (!fields.ptr && text.len) ? error_set(error, TEMP, "no memory")
                                                                  : OK;
    buf_free(&text);
    if (result == OK)
        result = failure_report_read_fields(arena, fields, out, error);
    return result == OK ? read_subject(arena, part, out, error) : result;
}
