/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/tls_report.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "message/date.h"

#include <jansson.h>
#include <string.h>

enum { COUNT_MAX = 2000000000 }; /* sessions; sums of them stay far from the end of 64 bits */

struct reader {
    struct arena *arena;
    enum result result;
    struct error *error;
};

static void refuse(struct reader *reader, const char *name, const char *why)
{
    if (reader->result == OK)
        reader->result = error_set(reader->error, PERM, "\"%s\" %s", name, why);
}

static void exhausted(struct reader *reader)
{
    if (reader->result == OK)
        reader->result = error_set(reader->error, TEMP, "no memory");
}

static struct bytes text_of(struct reader *reader, const json_t *value)
{
    struct bytes text = arena_copy(reader->arena,
                                   bytes_from(json_string_value(value), json_string_length(value)));
    if (!text.ptr)
        exhausted(reader);
    return text;
}

/* A string; null and absent are the same. */
static struct bytes read_text(struct reader *reader, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_string(value))
        return text_of(reader, value);
    if (value && !json_is_null(value))
        refuse(reader, name, "is no string");
    return (struct bytes){(const uint8_t *)"", 0};
}

static uint64_t read_count(struct reader *reader, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!value || json_is_null(value))
        return 0;
    json_int_t count = json_integer_value(value);
    if (!json_is_integer(value) || count < 0 || count > COUNT_MAX) {
        refuse(reader, name, "is no number of sessions");
        return 0;
    }
    return (uint64_t)count;
}

static struct ip read_ip(struct reader *reader, const json_t *object, const char *name)
{
    struct ip ip = {0};
    struct bytes text = read_text(reader, object, name);
    if (text.len && !ip_parse(bytes_trim(text), &ip))
        refuse(reader, name, "is no address");
    return ip;
}

/* Strings: some write one for an array of one. */
static struct bytes *read_texts(struct reader *reader, const json_t *object, const char *name,
                                size_t *count)
{
    const json_t *value = json_object_get(object, name);
    size_t length = json_is_array(value) ? json_array_size(value) : json_is_string(value) ? 1 : 0;
    struct bytes *texts = arena_alloc_array(reader->arena, length, sizeof(*texts));
    if (!texts)
        exhausted(reader);
    if (value && !json_is_null(value) && !json_is_array(value) && !json_is_string(value))
        refuse(reader, name, "is no list of strings");
    for (*count = 0; *count < length && reader->result == OK; ++*count) {
        const json_t *element = json_is_array(value) ? json_array_get(value, *count) : value;
        if (!json_is_string(element))
            refuse(reader, name, "holds something else than strings");
        else
            texts[*count] = text_of(reader, element);
    }
    return texts;
}

static void read_failure(struct reader *reader, const json_t *object, struct tls_report_failure *out)
{
    if (!json_is_object(object)) {
        refuse(reader, "failure-details", "holds something else than objects");
        return;
    }
    out->result_type = read_text(reader, object, "result-type");
    out->sending_mta = read_ip(reader, object, "sending-mta-ip");
    out->receiving = read_ip(reader, object, "receiving-ip");
    out->receiving_mx_hostname = read_text(reader, object, "receiving-mx-hostname");
    out->receiving_mx_helo = read_text(reader, object, "receiving-mx-helo");
    out->count = read_count(reader, object, "failed-session-count");
    out->additional_information = read_text(reader, object, "additional-information");
    out->failure_reason_code = read_text(reader, object, "failure-reason-code");
}

static void read_failures(struct reader *reader, const json_t *object, struct tls_report_policy *out)
{
    const json_t *list = json_object_get(object, "failure-details");
    if (!list || json_is_null(list))
        return;
    if (!json_is_array(list)) {
        refuse(reader, "failure-details", "is no array");
        return;
    }
    size_t count = json_array_size(list);
    out->failures = arena_alloc_array(reader->arena, count, sizeof(*out->failures));
    if (!out->failures) {
        exhausted(reader);
        return;
    }
    while (out->failure_count < count && reader->result == OK) {
        read_failure(reader, json_array_get(list, out->failure_count),
                     &out->failures[out->failure_count]);
        out->failure_count++;
    }
}

static enum tls_report_policy_type type_of(struct bytes name)
{
    if (bytes_is_nocase(name, "sts"))
        return TLS_REPORT_STS;
    if (bytes_is_nocase(name, "tlsa"))
        return TLS_REPORT_TLSA;
    return bytes_is_nocase(name, "no-policy-found") ? TLS_REPORT_NO_POLICY : TLS_REPORT_POLICY_OTHER;
}

static void read_policy(struct reader *reader, const json_t *object, struct tls_report_policy *out)
{
    const json_t *policy = json_object_get(object, "policy");
    const json_t *summary = json_object_get(object, "summary");
    if (!json_is_object(policy)) {
        refuse(reader, "policies", "holds something without a \"policy\"");
        return;
    }
    if (!json_is_object(summary)) {
        refuse(reader, "policies", "holds something without a \"summary\"");
        return;
    }
    out->type_name = read_text(reader, policy, "policy-type");
    out->type = type_of(out->type_name);
    out->domain = read_text(reader, policy, "policy-domain");
    out->strings = read_texts(reader, policy, "policy-string", &out->string_count);
    out->mx_hosts = read_texts(reader, policy, "mx-host", &out->mx_host_count);
    out->successful = read_count(reader, summary, "total-successful-session-count");
    out->failed = read_count(reader, summary, "total-failure-session-count");
    read_failures(reader, object, out);
}

static void read_policies(struct reader *reader, const json_t *root, struct tls_report *out)
{
    const json_t *list = json_object_get(root, "policies");
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count == 0) {
        refuse(reader, "policies", "is no array with something in it");
        return;
    }
    out->policies = arena_alloc_array(reader->arena, count, sizeof(*out->policies));
    if (!out->policies) {
        exhausted(reader);
        return;
    }
    while (out->policy_count < count && reader->result == OK) {
        read_policy(reader, json_array_get(list, out->policy_count), &out->policies[out->policy_count]);
        out->policy_count++;
    }
}

static unsigned digits(struct cursor *c, unsigned count, unsigned most)
{
    unsigned value = 0;
    while (count--) {
        int digit = cursor_peek(c);
        if (digit < '0' || digit > '9')
            cursor_fail(c);
        value = value * 10 + (cursor_u8(c) - '0');
    }
    if (value > most)
        cursor_fail(c);
    return value;
}

/* Microsoft leaves it out, and means UTC, as all do (rfc8460:4.1). */
static int64_t offset(struct cursor *c)
{
    if (cursor_accept(c, 'Z') || cursor_accept(c, 'z') || cursor_at_end(c))
        return 0;
    int sign = cursor_accept(c, '-') ? -1 : 1;
    if (sign > 0)
        cursor_expect(c, '+');
    unsigned hours = digits(c, 2, 23);
    cursor_expect(c, ':');
    return sign * (int64_t)(hours * 3600 + digits(c, 2, 59) * 60);
}

static bool is_digit(uint8_t c)
{
    return ascii_is_digit(c);
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month < 1 || month > 12)
        return 0;
    return days[month - 1] + (month == 2 && leap);
}

bool tls_report_read_time(struct bytes text, int64_t *epoch)
{
    struct cursor c = cursor_over(text);
    unsigned year = digits(&c, 4, 9999);
    cursor_expect(&c, '-');
    unsigned month = digits(&c, 2, 12);
    cursor_expect(&c, '-');
    unsigned day = digits(&c, 2, 31);
    if (!cursor_accept(&c, 'T') && !cursor_accept(&c, 't'))
        cursor_expect(&c, ' ');
    unsigned hour = digits(&c, 2, 24); /* "24:00:00" is written for the end of a day */
    cursor_expect(&c, ':');
    unsigned minute = digits(&c, 2, 59);
    cursor_expect(&c, ':');
    unsigned second = digits(&c, 2, 60);
    if (cursor_accept(&c, '.') && cursor_take_while(&c, is_digit).len == 0)
        cursor_fail(&c);
    int64_t zone = offset(&c);
    if (c.failed || !cursor_at_end(&c) || day < 1 || day > days_in(year, month) ||
        (hour == 24 && (minute || second)))
        return false;
    *epoch = date_days((int)year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
    return true;
}

static int64_t read_time(struct reader *reader, const json_t *object, const char *name)
{
    int64_t epoch = 0;
    if (!tls_report_read_time(read_text(reader, object, name), &epoch))
        refuse(reader, name, "is no time");
    return epoch;
}

static void read_report(struct reader *reader, const json_t *root, struct tls_report *out)
{
    const json_t *range = json_object_get(root, "date-range");
    if (!json_is_object(root)) {
        refuse(reader, "policies", "is missing: no TLS report");
        return;
    }
    out->organization_name = read_text(reader, root, "organization-name");
    out->contact_info = read_text(reader, root, "contact-info");
    out->report_id = read_text(reader, root, "report-id");
    if (out->organization_name.len == 0)
        refuse(reader, "organization-name", "is missing");
    out->begin = read_time(reader, range, "start-datetime");
    out->end = read_time(reader, range, "end-datetime");
    if (reader->result == OK && out->begin > out->end)
        refuse(reader, "date-range", "ends before it begins");
    read_policies(reader, root, out);
}

/* The parser would make a tree of anything, so its size is bounded before. Brackets in strings are
 * counted as well: genuine reports are far below. */
static bool is_modest(struct bytes text)
{
    size_t containers = 0, values = 0;
    for (size_t i = 0; i < text.len; i++) {
        containers += text.ptr[i] == '{' || text.ptr[i] == '[';
        values += text.ptr[i] == ',';
    }
    return containers <= TLS_REPORT_CONTAINERS_MAX && values <= TLS_REPORT_VALUES_MAX;
}

enum result tls_report_read(struct arena *arena, struct bytes text, struct tls_report *out,
                            struct error *error)
{
    struct reader reader = {arena, OK, error};
    json_error_t problem;
    *out = (struct tls_report){0};
    if (text.len > TLS_REPORT_SIZE_MAX || !is_modest(text))
        return error_set(error, PERM, "too large for a TLS report");
    json_t *root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &problem);
    if (!root)
        return error_set(error, json_error_code(&problem) == json_error_out_of_memory ? TEMP : PERM,
                         "line %d: no JSON: %s", problem.line, problem.text);
    read_report(&reader, root, out);
    json_decref(root);
    return reader.result;
}
