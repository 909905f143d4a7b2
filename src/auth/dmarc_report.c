/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dmarc_report.h"

#include "auth/dmarc_walk.h"
#include "base/domain.h"

enum { RECORDS_MAX = 16 };

const char *dmarc_destination_status_name(enum dmarc_destination_status status)
{
    static const char *const names[] = {"own", "confirmed", "moved", "refused", "unknown"};
    return names[status];
}

static void conclude(struct dmarc_destination *out, enum dmarc_destination_status status,
                     struct bytes problem)
{
    out->status = status;
    out->problem = problem;
}

static void refuse(struct dmarc_destination *out, struct bytes problem)
{
    conclude(out, DMARC_DESTINATION_REFUSED, problem);
}

struct bytes dmarc_report_question(struct arena *arena, struct bytes policy_domain,
                                   struct bytes host)
{
    struct bytes domain = dmarc_normalize(arena, policy_domain);
    struct bytes name = arena_printf(arena, BYTES_FMT "._report._dmarc." BYTES_FMT,
                                     BYTES_ARG(domain), BYTES_ARG(host));
    if (!domain.len || !domain_is_valid(host) || !domain_is_valid(name))
        return BYTES("");
    return name;
}

/* An override must stay at the host that made it: else neither the first address nor the new one may
 * get reports. */
static void read_override(struct arena *arena, struct bytes list, struct bytes host,
                          struct dmarc_destination *out)
{
    struct dmarc_uri_list replacement;
    enum result result = dmarc_uri_list_parse(arena, list, &replacement);
    if (result == TEMP)
        conclude(out, DMARC_DESTINATION_UNKNOWN, BYTES("out of memory"));
    if (result != OK)
        return; /* a syntax error counts as absent */
    for (size_t i = 0; i < replacement.count; i++) {
        if (!bytes_equal(replacement.items[i].host, host)) {
            refuse(out, BYTES("the destination's record sends reports on to yet another host"));
            return;
        }
    }
    out->status = DMARC_DESTINATION_MOVED;
    out->replacement = replacement;
}

/* Any record that begins with v=DMARC1 will do; p= is not asked for (rfc9989:4.7). */
static bool read_record(struct arena *arena, struct bytes text, struct bytes host,
                        enum dmarc_report_kind kind, struct dmarc_destination *out)
{
    struct dmarc_record record;
    struct error error;
    enum result result = dmarc_record_parse(arena, text, &record, &error);
    if (result == NONE)
        return false;
    if (result == TEMP) {
        conclude(out, DMARC_DESTINATION_UNKNOWN, BYTES("out of memory"));
        return true;
    }
    out->status = DMARC_DESTINATION_CONFIRMED;
    out->record = arena_copy(arena, text);
    struct bytes list = kind == DMARC_REPORT_AGGREGATE ? record.rua : record.ruf;
    if (list.len)
        read_override(arena, list, host, out);
    return true;
}

void dmarc_report_read_answer(struct arena *arena, const struct bytes *texts, size_t count,
                              struct bytes host, enum dmarc_report_kind kind,
                              struct dmarc_destination *out)
{
    for (size_t i = 0; i < count && i < RECORDS_MAX; i++)
        if (read_record(arena, texts[i], host, kind, out))
            return;
    refuse(out, BYTES("the destination has not agreed to take reports for the domain"));
}

static void read_dns(struct arena *arena, const struct dns_answer *answer, struct bytes host,
                     enum dmarc_report_kind kind, struct dmarc_destination *out)
{
    struct bytes texts[RECORDS_MAX];
    size_t count = 0;
    for (; count < answer->count && count < RECORDS_MAX; count++)
        texts[count] = answer->records[count].text;
    if (answer->status == DNS_FAILED)
        conclude(out, DMARC_DESTINATION_UNKNOWN, BYTES("DNS failed"));
    else
        dmarc_report_read_answer(arena, texts, count, host, kind, out);
}

/* OK: one organization; NONE: two. */
static enum result compare_organizations(struct dns *dns, struct arena *arena, struct bytes a,
                                         struct bytes b, enum dmarc_mode mode, int64_t deadline)
{
    struct bytes first, second;
    enum result result = dmarc_organizational_domain(dns, arena, a, mode, deadline, &first);
    if (result == OK)
        result = dmarc_organizational_domain(dns, arena, b, mode, deadline, &second);
    if (result != OK)
        return result;
    return bytes_equal(first, second) ? OK : NONE;
}

void dmarc_report_destination_check(struct dns *dns, struct arena *arena,
                                    struct bytes policy_domain, const struct dmarc_uri *uri,
                                    enum dmarc_report_kind kind, enum dmarc_mode mode,
                                    int64_t deadline, struct dmarc_destination *out)
{
    *out = (struct dmarc_destination){.status = DMARC_DESTINATION_OWN};
    if (!uri->mailto || !uri->mailbox.len) {
        refuse(out, uri->mailto ? BYTES("the address is no mailbox")
                                : BYTES("reports go to mailto: addresses only"));
        return;
    }
    enum result same = compare_organizations(dns, arena, policy_domain, uri->host, mode, deadline);
    if (same == TEMP)
        conclude(out, DMARC_DESTINATION_UNKNOWN, BYTES("DNS failed"));
    else if (same == PERM)
        refuse(out, BYTES("the domain is no domain name"));
    if (same != NONE)
        return;
    out->question = dmarc_report_question(arena, policy_domain, uri->host);
    if (out->question.len)
        read_dns(arena, dns_query(dns, arena, out->question, DNS_TXT, deadline), uri->host, kind, out);
    else if (arena_exhausted(arena))
        conclude(out, DMARC_DESTINATION_UNKNOWN, BYTES("out of memory"));
    else
        refuse(out, BYTES("the name under which it could agree is too long for DNS"));
}
