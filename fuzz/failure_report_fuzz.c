/* SPDX-License-Identifier: BSD-2-Clause */
/* A mail that may be a failure report; and the same octets as the fields of one. */
#include "report/failure_report.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_values(const struct failure_values *values)
{
    require(values->count <= FAILURE_VALUES_MAX);
    for (size_t i = 0; i < values->count; i++)
        require(values->values[i].len <= HEADER_FIELD_MAX);
}

static void check(const struct failure_report *report, struct bytes text)
{
    require(report->feedback_type.len && report->version >= 1 && report->source_port <= 65535);
    require(report->source.family == 0 || report->source.family == 4 || report->source.family == 6);
    require(!report->has_arrival || report->arrival_date.len);
    require(report->has_message || (report->message.len == 0 && !report->headers_only));
    require(report->message.len <= FAILURE_MESSAGE_MAX);
    /* It is a copy. */
    require(report->message.len == 0 || report->message.ptr + report->message.len <= text.ptr ||
            report->message.ptr >= text.ptr + text.len);
    check_values(&report->original_rcpt_to);
    check_values(&report->reported_domain);
    check_values(&report->authentication_results);
    check_values(&report->auth_failure);
    for (size_t i = 0; i < report->auth_failure.count; i++)
        for (size_t k = 0; k < report->auth_failure.values[i].len; k++)
            require(report->auth_failure.values[i].ptr[k] < 'A' || report->auth_failure.values[i].ptr[k] > 'Z');
}

static void check_result(enum result result, const struct error *error)
{
    require(result != TEMP);
    require(result != PERM || strcmp(error->text, "unset") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(64 << 20);
    struct message message;
    struct mime mime;
    struct failure_report report;
    struct error error = {"unset"};
    struct bytes text = message_normalize(arena, bytes_from(size ? data : (const uint8_t *)"", size));
    enum result result = failure_report_read_fields(arena, text, &report, &error);
    check_result(result, &error);
    if (result == OK)
        check(&report, text);
    error = (struct error){"unset"};
    if (message_parse(arena, text, &message, NULL) == OK &&
        mime_parse(arena, &message, NULL, &mime, NULL) == OK) {
        result = failure_report_read(arena, &mime, &report, &error);
        check_result(result, &error);
        require((result == NONE) == (failure_report_part(&mime) == NULL));
        if (result == OK)
            check(&report, text);
    }
    arena_destroy(arena);
    return 0;
}
