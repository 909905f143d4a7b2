/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/mta_sts.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "base/utf8.h"

const char *mta_sts_mode_name(enum mta_sts_mode mode)
{
    static const char *const names[] = {"none", "testing", "enforce"};
    return names[mode];
}

/* ALPHA / DIGIT, then those and "_", "-", "."; 32 at most. */
static bool name_is_valid(struct bytes name)
{
    if (!name.len || name.len > 32 || !ascii_is_alnum(name.ptr[0]))
        return false;
    for (size_t i = 1; i < name.len; i++)
        if (!ascii_is_alnum(name.ptr[i]) &&
            bytes_find_byte(BYTES("_-."), name.ptr[i]) == BYTES_NOT_FOUND)
            return false;
    return true;
}

static struct bytes trim_wsp(struct bytes text)
{
    while (text.len && ascii_is_wsp(text.ptr[0]))
        text = bytes_skip(text, 1);
    while (text.len && ascii_is_wsp(text.ptr[text.len - 1]))
        text = bytes_first(text, text.len - 1);
    return text;
}

enum result mta_sts_fields(struct bytes text,
                           bool (*field)(void *context, struct bytes name, struct bytes value),
                           void *context, struct error *error)
{
    struct bytes rest = text, part;
    bool first = true;
    if (!rest.ptr)
        return error_set(error, PERM, "it is empty");
    while (bytes_split(&rest, ';', &part)) {
        if (first) { /* the version, which the caller has looked at */
            first = false;
            continue;
        }
        part = trim_wsp(part);
        if (!part.len && !rest.ptr)
            break; /* the ";" that may end it */
        size_t equals = bytes_find_byte(part, '=');
        struct bytes name = bytes_first(part, equals);
        if (equals == BYTES_NOT_FOUND || !name_is_valid(name))
            return error_set(error, PERM, "\"" BYTES_FMT "\" is no name=value",
                             BYTES_ARG(bytes_first(part, 40)));
        if (!field(context, name, bytes_skip(part, equals + 1)))
            return error_set(error, PERM, "the value of " BYTES_FMT "= is not allowed",
                             BYTES_ARG(name));
    }
    return OK;
}

static bool id_is_valid(struct bytes id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!ascii_is_alnum(id.ptr[i]))
            return false;
    return id.len && id.len <= MTA_STS_ID_MAX;
}

/* Of repeated fields the first counts (rfc8461:3.2). */
static bool read_field(void *context, struct bytes name, struct bytes value)
{
    struct mta_sts_record *record = context;
    if (bytes_is(name, "id") && !record->id.ptr) {
        record->id = value;
        return id_is_valid(value);
    }
    for (size_t i = 0; i < value.len; i++)
        if (!ascii_is_graph(value.ptr[i]) || value.ptr[i] == '=')
            return false;
    return value.len != 0;
}

enum result mta_sts_record_parse(struct bytes text, struct mta_sts_record *out, struct error *error)
{
    *out = (struct mta_sts_record){{NULL, 0}};
    struct bytes version = trim_wsp(bytes_first(text, bytes_find_byte(text, ';')));
    if (!bytes_is(version, "v=STSv1") || !bytes_starts_with(text, BYTES("v=")))
        return error_set(error, NONE, "not an MTA-STS record");
    enum result result = mta_sts_fields(text, read_field, out, error);
    if (result != OK)
        return result;
    return out->id.ptr ? OK : error_set(error, PERM, "it has no id=");
}

/* The policy */

struct reading {
    bool version, mode, age;
    struct mta_sts_policy *policy;
    struct error *error;
};

static bool pattern_is_valid(struct bytes pattern)
{
    if (bytes_starts_with(pattern, BYTES("*.")))
        pattern = bytes_skip(pattern, 2);
    return domain_is_hostname(pattern);
}

static enum result read_mode(struct reading *reading, struct bytes value)
{
    for (int mode = MTA_STS_NONE; mode <= MTA_STS_ENFORCE; mode++)
        if (bytes_is(value, mta_sts_mode_name((enum mta_sts_mode)mode))) {
            reading->policy->mode = (enum mta_sts_mode)mode;
            reading->mode = true;
            return OK;
        }
    return error_set(reading->error, PERM, "\"" BYTES_FMT "\" is no mode",
                     BYTES_ARG(bytes_first(value, 40)));
}

static enum result read_mx(struct reading *reading, struct bytes value)
{
    struct mta_sts_policy *policy = reading->policy;
    if (!pattern_is_valid(value))
        return error_set(reading->error, PERM, "\"" BYTES_FMT "\" is no pattern of MX hosts",
                         BYTES_ARG(bytes_first(value, 80)));
    if (policy->pattern_count == MTA_STS_PATTERNS_MAX)
        return error_set(reading->error, PERM, "more than %d patterns", MTA_STS_PATTERNS_MAX);
    policy->patterns[policy->pattern_count++] = value;
    return OK;
}

static enum result read_line(struct reading *reading, struct bytes line)
{
    size_t colon = bytes_find_byte(line, ':');
    struct bytes name = bytes_first(line, colon);
    if (colon == BYTES_NOT_FOUND || !name_is_valid(name))
        return error_set(reading->error, PERM, "the line \"" BYTES_FMT "\" is no name: value",
                         BYTES_ARG(bytes_first(line, 40)));
    struct bytes value = trim_wsp(bytes_skip(line, colon + 1));
    if (!utf8_is_valid(value))
        return error_set(reading->error, PERM, "it is no UTF-8");
    if (bytes_is(name, "version") && !reading->version) {
        reading->version = true;
        if (!bytes_is(value, "STSv1"))
            return error_set(reading->error, PERM, "its version is not STSv1");
    } else if (bytes_is(name, "mode") && !reading->mode) {
        return read_mode(reading, value);
    } else if (bytes_is(name, "max_age") && !reading->age) {
        reading->age = true;
        if (value.len > 10 ||
            !bytes_to_uint(value, UINT64_C(9999999999), &reading->policy->max_age))
            return error_set(reading->error, PERM, "max_age is no number of seconds");
        if (reading->policy->max_age > MTA_STS_AGE_MAX)
            reading->policy->max_age = MTA_STS_AGE_MAX;
    } else if (bytes_is(name, "mx")) {
        return read_mx(reading, value);
    }
    return OK;
}

enum result mta_sts_policy_parse(struct bytes text, struct mta_sts_policy *out, struct error *error)
{
    struct reading reading = {.policy = out, .error = error};
    struct bytes rest = text, line;
    *out = (struct mta_sts_policy){.mode = MTA_STS_NONE};
    if (text.len > MTA_STS_POLICY_MAX)
        return error_set(error, PERM, "it is larger than 64 KB");
    while (rest.ptr && bytes_split(&rest, '\n', &line)) {
        if (bytes_ends_with(line, BYTES("\r")))
            line = bytes_first(line, line.len - 1);
        if (!trim_wsp(line).len && !trim_wsp(rest).len)
            continue; /* the end of the last line */
        enum result result = read_line(&reading, line);
        if (result != OK)
            return result;
    }
    if (!reading.version || !reading.mode || !reading.age)
        return error_set(error, PERM, "it has no %s",
                         !reading.version ? "version"
                         : !reading.mode  ? "mode"
                                          : "max_age");
    if (!out->pattern_count && out->mode != MTA_STS_NONE)
        return error_set(error, PERM, "it names no mx");
    return OK;
}

bool mta_sts_pattern_matches(struct bytes pattern, struct bytes host)
{
    host = domain_strip_dot(host);
    if (!bytes_starts_with(pattern, BYTES("*.")))
        return bytes_equal_nocase(pattern, host);
    size_t dot = bytes_find_byte(host, '.');
    return dot != BYTES_NOT_FOUND && dot > 0 &&
           bytes_equal_nocase(bytes_skip(pattern, 2), bytes_skip(host, dot + 1));
}
