/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/aggregate_report.h"

#include "report/aggregate_elements.h"
#include "report/xml.h"

#include "base/buf.h"

struct reader {
    struct arena *arena;
    struct aggregate_report *report;
    enum aggregate_element stack[XML_DEPTH_MAX + 1];
    size_t depth;
    struct bytes space; /* of the root */
    bool has_metadata, has_period, has_policy;

    struct buf records; /* struct aggregate_record */
    struct aggregate_record record;
    bool has_row, has_identifiers, has_auth_results;
    struct buf reasons, dkim, spf; /* of the record */
    struct aggregate_reason reason;
    struct aggregate_auth auth;
};

static const char *const dispositions[] = {"", "none", "pass", "quarantine", "reject"};
static const char *const alignments[] = {"", "pass", "fail"};

const char *aggregate_disposition_name(enum aggregate_disposition disposition)
{
    return dispositions[disposition];
}

const char *aggregate_alignment_name(enum aggregate_alignment alignment)
{
    return alignments[alignment];
}

enum aggregate_alignment aggregate_dmarc_result(const struct aggregate_record *record)
{
    if (record->dkim == AGGREGATE_ALIGNED || record->spf == AGGREGATE_ALIGNED)
        return AGGREGATE_ALIGNED;
    if (record->dkim == AGGREGATE_UNKNOWN && record->spf == AGGREGATE_UNKNOWN)
        return AGGREGATE_UNKNOWN;
    return AGGREGATE_NOT_ALIGNED;
}

static size_t word_index(struct bytes text, const char *const *words, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (bytes_is_nocase(text, words[i]))
            return i;
    return 0;
}

/* A word of a set. The older format is taken as it comes; that of RFC 9990 has no other words. */
static enum result read_word(struct reader *reader, struct bytes text, const char *name,
                             const char *const *words, size_t count, size_t *out,
                             struct error *error)
{
    *out = word_index(text, words, count);
    if (*out == 0 && reader->report->rfc9990)
        return error_set(error, PERM, "'" BYTES_FMT "' is no value of %s",
                         BYTES_ARG(bytes_first(text, 40)), name);
    return OK;
}

static enum result read_disposition(struct reader *reader, struct bytes text, const char *name,
                                    bool may_pass, enum aggregate_disposition *out,
                                    struct error *error)
{
    size_t index;
    enum result result = read_word(reader, text, name, dispositions, countof(dispositions), &index, error);
    if (result == OK && !may_pass && index == AGGREGATE_PASS)
        return error_set(error, PERM, "'pass' is no value of %s", name);
    *out = (enum aggregate_disposition)index;
    return result;
}

static enum result read_alignment(struct reader *reader, struct bytes text, const char *name,
                                  enum aggregate_alignment *out, struct error *error)
{
    size_t index;
    enum result result = read_word(reader, text, name, alignments, countof(alignments), &index, error);
    *out = (enum aggregate_alignment)index;
    return result;
}

static enum result read_letter(struct reader *reader, struct bytes text, const char *name,
                               const char *letters, char *out, struct error *error)
{
    *out = 0;
    for (const char *letter = letters; *letter; letter++)
        if (text.len == 1 && (text.ptr[0] | 0x20) == *letter)
            *out = *letter;
    if (*out == 0 && reader->report->rfc9990)
        return error_set(error, PERM, "'" BYTES_FMT "' is no value of %s",
                         BYTES_ARG(bytes_first(text, 40)), name);
    return OK;
}

static enum result read_pct(struct reader *reader, struct bytes text, struct error *error)
{
    uint64_t value;
    if (text.len == 0)
        return OK;
    if (!bytes_to_uint(text, 100, &value))
        return error_set(error, PERM, "pct is not a number from 0 to 100");
    reader->report->policy.pct = (int)value;
    return OK;
}

/* Some write "1337270400.0"; nobody has fractions of a second. */
static enum result read_time(struct bytes text, const char *name, int64_t *out, struct error *error)
{
    static const uint64_t most = UINT64_C(253402300799); /* the end of the year 9999 */
    uint64_t value;
    size_t point = bytes_find_byte(text, '.');
    struct bytes fraction = point == BYTES_NOT_FOUND ? BYTES("0") : bytes_skip(text, point + 1);
    while (bytes_ends_with(fraction, BYTES("0")) && fraction.len > 1)
        fraction.len--;
    if (!bytes_is(fraction, "0") || !bytes_to_uint(bytes_first(text, point), most, &value))
        return error_set(error, PERM, "%s is no time: '" BYTES_FMT "'", name,
                         BYTES_ARG(bytes_first(text, 40)));
    *out = (int64_t)value;
    return OK;
}

static enum result read_source(struct reader *reader, struct bytes text, struct error *error)
{
    if (ip_parse(text, &reader->record.source))
        return OK;
    return error_set(error, PERM, "source_ip is no address: '" BYTES_FMT "'",
                     BYTES_ARG(bytes_first(text, 60)));
}

static enum result read_count(struct reader *reader, struct bytes text, struct error *error)
{
    if (bytes_to_uint(text, AGGREGATE_COUNT_MAX, &reader->record.count))
        return OK;
    return error_set(error, PERM, "count is no number up to %d: '" BYTES_FMT "'", AGGREGATE_COUNT_MAX,
                     BYTES_ARG(bytes_first(text, 40)));
}

static enum result read_result(struct reader *reader, struct bytes text, struct error *error)
{
    struct aggregate_auth *auth = &reader->auth;
    auth->result = arena_copy(reader->arena, text);
    auth->is_known = auth_result_parse(text, &auth->known);
    if (!auth->is_known && reader->report->rfc9990)
        return error_set(error, PERM, "'" BYTES_FMT "' is no result", BYTES_ARG(bytes_first(text, 40)));
    return auth->result.ptr ? OK : error_set(error, TEMP, "no memory");
}

/* Where the text of an element is kept that is nothing but text; NULL for others. */
static struct bytes *text_of(struct reader *reader, enum aggregate_element element)
{
    struct aggregate_report *report = reader->report;
    switch (element) {
    case AGGREGATE_E_VERSION:
        return &report->version;
    case AGGREGATE_E_ORG_NAME:
        return &report->org_name;
    case AGGREGATE_E_EMAIL:
        return &report->email;
    case AGGREGATE_E_EXTRA_CONTACT_INFO:
        return &report->extra_contact_info;
    case AGGREGATE_E_REPORT_ID:
        return &report->report_id;
    case AGGREGATE_E_ERROR:
        return &report->error;
    case AGGREGATE_E_GENERATOR:
        return &report->generator;
    case AGGREGATE_E_POLICY_DOMAIN:
        return &report->policy.domain;
    case AGGREGATE_E_FO:
        return &report->policy.fo;
    case AGGREGATE_E_DISCOVERY_METHOD:
        return &report->policy.discovery_method;
    case AGGREGATE_E_HEADER_FROM:
        return &reader->record.header_from;
    case AGGREGATE_E_ENVELOPE_FROM:
        return &reader->record.envelope_from;
    case AGGREGATE_E_ENVELOPE_TO:
        return &reader->record.envelope_to;
    case AGGREGATE_E_REASON_TYPE:
        return &reader->reason.type;
    case AGGREGATE_E_REASON_COMMENT:
        return &reader->reason.comment;
    case AGGREGATE_E_AUTH_DOMAIN:
        return &reader->auth.domain;
    case AGGREGATE_E_AUTH_SELECTOR:
        return &reader->auth.selector;
    case AGGREGATE_E_AUTH_SCOPE:
        return &reader->auth.scope;
    case AGGREGATE_E_AUTH_HUMAN_RESULT:
        return &reader->auth.human_result;
    default:
        return NULL;
    }
}

static enum result read_value(struct reader *reader, enum aggregate_element element,
                              struct bytes text, struct error *error)
{
    struct aggregate_report *report = reader->report;
    struct aggregate_policy *policy = &report->policy;
    struct aggregate_record *record = &reader->record;
    switch (element) {
    case AGGREGATE_E_BEGIN:
        return read_time(text, "begin", &report->begin, error);
    case AGGREGATE_E_END:
        return read_time(text, "end", &report->end, error);
    case AGGREGATE_E_P:
        return read_disposition(reader, text, "p", false, &policy->p, error);
    case AGGREGATE_E_SP:
        return read_disposition(reader, text, "sp", false, &policy->sp, error);
    case AGGREGATE_E_NP:
        return read_disposition(reader, text, "np", false, &policy->np, error);
    case AGGREGATE_E_ADKIM:
        return read_letter(reader, text, "adkim", "rs", &policy->adkim, error);
    case AGGREGATE_E_ASPF:
        return read_letter(reader, text, "aspf", "rs", &policy->aspf, error);
    case AGGREGATE_E_PCT:
        return read_pct(reader, text, error);
    case AGGREGATE_E_TESTING:
        return read_letter(reader, text, "testing", "yn", &policy->testing, error);
    case AGGREGATE_E_SOURCE_IP:
        return read_source(reader, text, error);
    case AGGREGATE_E_COUNT:
        return read_count(reader, text, error);
    case AGGREGATE_E_DISPOSITION:
        return read_disposition(reader, text, "disposition", true, &record->disposition, error);
    case AGGREGATE_E_EVALUATED_DKIM:
        return read_alignment(reader, text, "dkim", &record->dkim, error);
    case AGGREGATE_E_EVALUATED_SPF:
        return read_alignment(reader, text, "spf", &record->spf, error);
    case AGGREGATE_E_AUTH_RESULT:
        return read_result(reader, text, error);
    default:
        return OK;
    }
}

static bool is_free_text(enum aggregate_element element)
{
    return element == AGGREGATE_E_ERROR || element == AGGREGATE_E_EXTRA_CONTACT_INFO ||
           element == AGGREGATE_E_REASON_COMMENT || element == AGGREGATE_E_AUTH_HUMAN_RESULT ||
           element == AGGREGATE_E_SKIPPED;
}

/* The end of an element that holds others. */

static enum result end_date_range(struct reader *reader, struct error *error)
{
    struct aggregate_report *report = reader->report;
    if (report->begin < 0 || report->end < 0)
        return error_set(error, PERM, "the period has no begin or no end");
    if (report->begin > report->end)
        return error_set(error, PERM, "the period ends before it begins");
    reader->has_period = true;
    return OK;
}

static enum result end_metadata(struct reader *reader, struct error *error)
{
    const struct aggregate_report *report = reader->report;
    reader->has_metadata = true;
    if (report->org_name.len == 0)
        return error_set(error, PERM, "the reporter has no name (org_name)");
    if (report->report_id.len == 0)
        return error_set(error, PERM, "the report has no report_id");
    if (report->rfc9990 && report->email.len == 0)
        return error_set(error, PERM, "the reporter has no address (email)");
    return reader->has_period ? OK : error_set(error, PERM, "the report has no period (date_range)");
}

static enum result end_policy(struct reader *reader, struct error *error)
{
    const struct aggregate_policy *policy = &reader->report->policy;
    reader->has_policy = true;
    if (policy->domain.len == 0)
        return error_set(error, PERM, "the policy has no domain");
    if (!reader->report->rfc9990)
        return OK;
    if (policy->p == AGGREGATE_NOT_SAID)
        return error_set(error, PERM, "the policy has no p");
    if (policy->discovery_method.len && !bytes_is(policy->discovery_method, "psl") &&
        !bytes_is(policy->discovery_method, "treewalk"))
        return error_set(error, PERM, "discovery_method is neither psl nor treewalk");
    return OK;
}

static enum result end_row(struct reader *reader, struct error *error)
{
    const struct aggregate_record *record = &reader->record;
    reader->has_row = true;
    if (record->source.family == 0)
        return error_set(error, PERM, "a row has no source_ip");
    if (record->count == UINT64_MAX)
        return error_set(error, PERM, "a row has no count");
    if (reader->report->rfc9990 &&
        (!record->disposition || record->dkim == AGGREGATE_UNKNOWN || record->spf == AGGREGATE_UNKNOWN))
        return error_set(error, PERM, "policy_evaluated lacks disposition, dkim or spf");
    return OK;
}

/* Appends to one of the lists of the record. */
static enum result append(struct buf *list, const void *item, size_t size, struct error *error)
{
    if (list->len / size >= AGGREGATE_RESULTS_MAX)
        return error_set(error, PERM, "more than %d results or reasons in a record",
                         AGGREGATE_RESULTS_MAX);
    buf_add(list, bytes_from(item, size));
    return list->failed ? error_set(error, TEMP, "no memory") : OK;
}

static enum result end_reason(struct reader *reader, struct error *error)
{
    static const char *const types[] = {"", "local_policy", "mailing_list", "other",
                                        "policy_test_mode", "trusted_forwarder"};
    const struct aggregate_reason *reason = &reader->reason;
    if (reader->report->rfc9990 && !word_index(reason->type, types, countof(types)))
        return error_set(error, PERM, "'" BYTES_FMT "' is no reason to override a policy",
                         BYTES_ARG(bytes_first(reason->type, 40)));
    if (reason->type.len == 0 && reason->comment.len == 0)
        return OK;
    return append(&reader->reasons, reason, sizeof(*reason), error);
}

static enum result end_auth(struct reader *reader, enum aggregate_element element,
                            struct error *error)
{
    const struct aggregate_auth *auth = &reader->auth;
    bool is_dkim = element == AGGREGATE_E_DKIM;
    if (reader->report->rfc9990) {
        if (auth->domain.len == 0 || auth->result.len == 0)
            return error_set(error, PERM, "a result of %s lacks domain or result",
                             is_dkim ? "dkim" : "spf");
        if (is_dkim && auth->selector.len == 0)
            return error_set(error, PERM, "a result of dkim lacks its selector");
    }
    if (auth->domain.len == 0 && auth->result.len == 0)
        return OK;
    return append(is_dkim ? &reader->dkim : &reader->spf, auth, sizeof(*auth), error);
}

/* A list in the arena. */
static void *keep(struct reader *reader, struct buf *list, size_t size, size_t *count)
{
    void *kept = arena_alloc(reader->arena, list->len);
    *count = list->len / size;
    if (kept && list->len)
        __builtin_memcpy(kept, list->ptr, list->len);
    return kept;
}

static enum result end_record(struct reader *reader, struct error *error)
{
    struct aggregate_record *record = &reader->record;
    if (!reader->has_row)
        return error_set(error, PERM, "a record has no row");
    if (!reader->has_auth_results)
        return error_set(error, PERM, "a record has no auth_results");
    if (record->header_from.len == 0)
        return error_set(error, PERM, "a record has no header_from");
    if (reader->records.len / sizeof(*record) >= AGGREGATE_RECORDS_MAX)
        return error_set(error, PERM, "more than %d records", AGGREGATE_RECORDS_MAX);
    record->reasons = keep(reader, &reader->reasons, sizeof(*record->reasons), &record->reason_count);
    record->dkim_results = keep(reader, &reader->dkim, sizeof(*record->dkim_results), &record->dkim_count);
    record->spf_results = keep(reader, &reader->spf, sizeof(*record->spf_results), &record->spf_count);
    buf_add(&reader->records, bytes_from(record, sizeof(*record)));
    if (!record->reasons || !record->dkim_results || !record->spf_results || reader->records.failed)
        return error_set(error, TEMP, "no memory");
    reader->report->message_count += record->count;
    return OK;
}

static enum result end_composite(struct reader *reader, enum aggregate_element element,
                                 struct error *error)
{
    switch (element) {
    case AGGREGATE_E_DATE_RANGE:
        return end_date_range(reader, error);
    case AGGREGATE_E_REPORT_METADATA:
        return end_metadata(reader, error);
    case AGGREGATE_E_POLICY_PUBLISHED:
        return end_policy(reader, error);
    case AGGREGATE_E_ROW:
        return end_row(reader, error);
    case AGGREGATE_E_REASON:
        return end_reason(reader, error);
    case AGGREGATE_E_DKIM:
    case AGGREGATE_E_SPF:
        return end_auth(reader, element, error);
    case AGGREGATE_E_AUTH_RESULTS:
        reader->has_auth_results = true;
        return OK;
    case AGGREGATE_E_RECORD:
        return end_record(reader, error);
    default:
        return OK;
    }
}

static enum result start_root(struct reader *reader, struct bytes space, struct bytes name,
                              struct error *error)
{
    if (!bytes_is(name, "feedback"))
        return error_set(error, PERM, "not an aggregate report: its root is <" BYTES_FMT ">",
                         BYTES_ARG(bytes_first(name, 40)));
    reader->report->rfc9990 = bytes_is(space, "urn:ietf:params:xml:ns:dmarc-2.0");
    if (space.len && !reader->report->rfc9990 &&
        bytes_find(space, BYTES("dmarc.org/dmarc-xml/")) == BYTES_NOT_FOUND)
        return error_set(error, PERM, "not an aggregate report: its namespace is " BYTES_FMT,
                         BYTES_ARG(bytes_first(space, 80)));
    reader->space = arena_copy(reader->arena, space);
    reader->stack[reader->depth++] = AGGREGATE_E_FEEDBACK;
    return reader->space.ptr ? OK : error_set(error, TEMP, "no memory");
}

static void start_record(struct reader *reader)
{
    reader->record = (struct aggregate_record){.count = UINT64_MAX};
    reader->has_row = reader->has_identifiers = reader->has_auth_results = false;
    buf_clear(&reader->reasons);
    buf_clear(&reader->dkim);
    buf_clear(&reader->spf);
}

static enum result on_start(void *context, struct bytes space, struct bytes name,
                            struct error *error)
{
    struct reader *reader = context;
    if (reader->depth == 0)
        return start_root(reader, space, name, error);
    enum aggregate_element element = AGGREGATE_E_SKIPPED;
    if (space.len == 0 || bytes_equal(space, reader->space))
        element = aggregate_element_find(reader->stack[reader->depth - 1], name);
    if (element == AGGREGATE_E_RECORD)
        start_record(reader);
    else if (element == AGGREGATE_E_REASON)
        reader->reason = (struct aggregate_reason){0};
    else if (element == AGGREGATE_E_DKIM || element == AGGREGATE_E_SPF)
        reader->auth = (struct aggregate_auth){0};
    else if (element == AGGREGATE_E_ENVELOPE_FROM)
        reader->record.has_envelope_from = true;
    reader->stack[reader->depth++] = element;
    return OK;
}

static enum result on_end(void *context, struct bytes text, bool cut, struct error *error)
{
    struct reader *reader = context;
    enum aggregate_element element = reader->stack[--reader->depth];
    if (cut && !is_free_text(element))
        return error_set(error, PERM, "an element has more than %d octets of text", XML_TEXT_MAX);
    struct bytes *place = text_of(reader, element);
    if (!place) {
        enum result result = read_value(reader, element, text, error);
        return result == OK ? end_composite(reader, element, error) : result;
    }
    *place = arena_copy(reader->arena, text);
    return place->ptr ? OK : error_set(error, TEMP, "no memory");
}

static enum result finish(struct reader *reader, struct error *error)
{
    struct aggregate_report *report = reader->report;
    if (!reader->has_metadata)
        return error_set(error, PERM, "the report does not say whose it is (report_metadata)");
    if (!reader->has_policy)
        return error_set(error, PERM, "the report does not say for whom it is (policy_published)");
    report->records = keep(reader, &reader->records, sizeof(*report->records), &report->record_count);
    if (!report->records)
        return error_set(error, TEMP, "no memory");
    return report->record_count ? OK : error_set(error, PERM, "the report has no record");
}

enum result aggregate_report_read(struct arena *arena, struct bytes xml, struct aggregate_report *out,
                                  struct error *error)
{
    static const struct xml_handler handler = {on_start, on_end};
    struct reader reader = {.arena = arena, .report = out};
    *out = (struct aggregate_report){.begin = -1, .end = -1, .policy.pct = -1};
    buf_init(&reader.records, (AGGREGATE_RECORDS_MAX + 1) * sizeof(struct aggregate_record));
    buf_init(&reader.reasons, (AGGREGATE_RESULTS_MAX + 1) * sizeof(struct aggregate_reason));
    buf_init(&reader.dkim, (AGGREGATE_RESULTS_MAX + 1) * sizeof(struct aggregate_auth));
    buf_init(&reader.spf, (AGGREGATE_RESULTS_MAX + 1) * sizeof(struct aggregate_auth));
    enum result result = xml_read(xml, &handler, &reader, error);
    if (result == OK)
        result = finish(&reader, error);
    buf_free(&reader.records);
    buf_free(&reader.reasons);
    buf_free(&reader.dkim);
    buf_free(&reader.spf);
    return result;
}
