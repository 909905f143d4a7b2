/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a DMARC record (rfc9989:4.7, 4.8). Declared in dmarc.h. */
#include "auth/dmarc.h"
#include "auth/dmarc_uri.h"

#include "base/ascii.h"

/* Tag values as they stand; ptr NULL: the tag is not there. */
struct record_tags {
    struct bytes p, sp, np, adkim, aspf, psd, t, pct, ri, rf, rua, ruf, fo;
};

static bool skip_wsp(struct bytes *text)
{
    while (text->len && ascii_is_wsp(text->ptr[0]))
        *text = bytes_skip(*text, 1);
    return true;
}

static bool skip_exactly(struct bytes *text, struct bytes word)
{
    if (!bytes_starts_with(*text, word))
        return false;
    *text = bytes_skip(*text, word.len);
    return true;
}

/* "v = DMARC1" at the very start, then the end or ";": anything else is some other record. */
static bool take_version(struct bytes *text)
{
    if (text->len == 0 || ascii_lower(text->ptr[0]) != 'v')
        return false;
    *text = bytes_skip(*text, 1);
    return skip_wsp(text) && skip_exactly(text, BYTES("=")) && skip_wsp(text) &&
           skip_exactly(text, BYTES("DMARC1")) && skip_wsp(text) &&
           (text->len == 0 || text->ptr[0] == ';');
}

static struct bytes *place_of(struct record_tags *tags, struct bytes name)
{
    const struct {
        const char *name;
        struct bytes *place;
    } known[] = {{"p", &tags->p},         {"sp", &tags->sp},   {"np", &tags->np},
                 {"adkim", &tags->adkim}, {"aspf", &tags->aspf}, {"psd", &tags->psd},
                 {"t", &tags->t},         {"pct", &tags->pct}, {"ri", &tags->ri},
                 {"rf", &tags->rf},       {"rua", &tags->rua}, {"ruf", &tags->ruf},
                 {"fo", &tags->fo}};
    for (size_t i = 0; i < countof(known); i++)
        if (bytes_is_nocase(name, known[i].name))
            return known[i].place;
    return NULL;
}

static bool is_printable(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!ascii_is_print(value.ptr[i]) && value.ptr[i] != '\t')
            return false;
    return true;
}

/* Unknown tags are ignored, and so is what breaks the grammar behind the version: a part without
 * "=", a value that is not printable, and a tag that stands there for the second time
 * (rfc9989:4.8). */
static void read_tags(struct bytes text, struct record_tags *tags)
{
    struct bytes part;
    while (bytes_split(&text, ';', &part)) {
        size_t equals = bytes_find_byte(part, '=');
        if (equals == BYTES_NOT_FOUND)
            continue;
        struct bytes value = bytes_trim(bytes_skip(part, equals + 1));
        struct bytes *place = place_of(tags, bytes_trim(bytes_first(part, equals)));
        if (place && !place->ptr && is_printable(value))
            *place = value;
    }
}

static bool read_policy(struct bytes value, enum dmarc_policy *out)
{
    for (int i = DMARC_POLICY_NONE; i <= DMARC_POLICY_REJECT; i++) {
        if (bytes_is_nocase(value, dmarc_policy_name(i))) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool has_report_address(struct bytes list)
{
    struct bytes address;
    while (bytes_split(&list, ',', &address))
        if (dmarc_uri_is_valid(address))
            return true;
    return false;
}

/* p=, sp=, np=. A missing or bad p, or a bad sp or np, makes the record one of p=none if somebody
 * wants its reports, else unusable (rfc9989:4.10.1, rfc7489:6.6.3). */
static enum result read_policies(const struct record_tags *tags, struct dmarc_record *out,
                                 struct error *error)
{
    const char *problem = NULL;
    if (!tags->p.ptr)
        problem = "the record has no p= tag";
    else if (!read_policy(tags->p, &out->policy))
        problem = "the record's p= is no policy";
    else if (tags->sp.ptr && !read_policy(tags->sp, &out->subdomain_policy))
        problem = "the record's sp= is no policy";
    else if (tags->np.ptr && !read_policy(tags->np, &out->absent_policy))
        problem = "the record's np= is no policy";
    if (problem) {
        out->policy = out->subdomain_policy = out->absent_policy = DMARC_POLICY_NONE;
        return has_report_address(tags->rua)
                   ? OK
                   : error_set(error, PERM, "%s, and no valid rua=", problem);
    }
    out->has_subdomain_policy = tags->sp.ptr != NULL;
    out->has_absent_policy = tags->np.ptr != NULL;
    if (!out->has_subdomain_policy)
        out->subdomain_policy = out->policy;
    if (!out->has_absent_policy)
        out->absent_policy = out->subdomain_policy;
    return OK;
}

/* Each option once, "0" and "1" not together (rfc9989:4.8); anything else is the default. */
static unsigned read_failure_options(const struct record_tags *tags)
{
    static const char letters[] = "01ds";
    struct bytes rest = tags->fo, option;
    unsigned options = 0;
    if (!tags->ruf.len || !tags->fo.ptr)
        return DMARC_FAILURE_ALL;
    while (bytes_split(&rest, ':', &option)) {
        unsigned flag = 0;
        option = bytes_trim(option);
        for (unsigned i = 0; option.len == 1 && i < 4; i++)
            if (ascii_lower(option.ptr[0]) == letters[i])
                flag = 1u << i;
        if (!flag || options & flag)
            return DMARC_FAILURE_ALL;
        options |= flag;
    }
    bool both = options & DMARC_FAILURE_ALL && options & DMARC_FAILURE_ANY;
    return both ? DMARC_FAILURE_ALL : options;
}

/* rf= names the formats that are wanted; of other ones than afrf nobody knows (rfc7489:6.3). */
static bool wants_afrf(struct bytes formats)
{
    struct bytes format;
    if (!formats.ptr)
        return true;
    while (bytes_split(&formats, ':', &format))
        if (bytes_is_nocase(bytes_trim(format), "afrf"))
            return true;
    return false;
}

/* Numbers of RFC 7489; what is no such number is as good as absent. */
static void read_numbers(const struct record_tags *tags, struct dmarc_record *out)
{
    uint64_t percent = 100, interval = DMARC_INTERVAL_DEFAULT;
    if (tags->pct.len > 3 || !bytes_to_uint(tags->pct, 100, &percent))
        percent = 100;
    if (!bytes_to_uint(tags->ri, UINT32_MAX, &interval))
        interval = DMARC_INTERVAL_DEFAULT;
    out->percent = (unsigned)percent;
    out->interval = (unsigned)interval;
}

static char read_psd(struct bytes value)
{
    return bytes_is_nocase(value, "y") ? 'y' : bytes_is_nocase(value, "n") ? 'n' : 'u';
}

const char *dmarc_policy_name(enum dmarc_policy policy)
{
    static const char *const names[] = {"none", "quarantine", "reject"};
    return names[policy];
}

enum result dmarc_record_parse(struct arena *arena, struct bytes text, struct dmarc_record *out,
                               struct error *error)
{
    struct record_tags tags = {0};
    *out = (struct dmarc_record){.psd = 'u', .percent = 100, .interval = DMARC_INTERVAL_DEFAULT};
    if (!take_version(&text))
        return error_set(error, NONE, "not a DMARC record");
    read_tags(text, &tags);
    out->strict_dkim = bytes_is_nocase(tags.adkim, "s");
    out->strict_spf = bytes_is_nocase(tags.aspf, "s");
    out->psd = read_psd(tags.psd);
    out->testing = bytes_is_nocase(tags.t, "y");
    out->failure_options = read_failure_options(&tags);
    out->wants_afrf = wants_afrf(tags.rf);
    read_numbers(&tags, out);
    out->rua = arena_copy(arena, tags.rua);
    out->ruf = arena_copy(arena, tags.ruf);
    out->fo = arena_copy(arena, tags.fo);
    if (arena_exhausted(arena))
        return error_set(error, TEMP, "out of memory for a DMARC record");
    return read_policies(&tags, out, error);
}
