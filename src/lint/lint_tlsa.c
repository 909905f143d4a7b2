/* SPDX-License-Identifier: BSD-2-Clause */
/* TLSA records of the MX hosts, for DANE (RFC 7672). */
#include "fiber/group.h"
#include "lint/lint.h"

struct asking {
    struct lint *lint;
    struct section *section;
    const struct lint_host *host;
    struct bytes name;
    const struct dns_answer *answer;
};

static void ask(void *argument)
{
    struct asking *asking = argument;
    asking->answer = lint_ask(asking->lint, asking->section, asking->name, DNS_TLSA);
}

static void judge_record(struct section *section, struct bytes name, struct bytes data)
{
    static const size_t lengths[] = {0, 32, 64}; /* of matching types: any, SHA-256, SHA-512 */
    if (data.len < 4) {
        section_find(section, SEVERITY_ERROR, HARM_MAIL_LOST, name, "rfc6698:2.1",
                     "The TLSA record is too short to be one.");
        return;
    }
    uint8_t usage = data.ptr[0], selector = data.ptr[1], matching = data.ptr[2];
    section_show(section, 1, "TLSA %u %u %u, %zu octets", usage, selector, matching, data.len - 3);
    if (usage < 2)
        section_find(section, SEVERITY_WARNING, HARM_WEAKNESS, name, "rfc7672:3.1.3",
                     "Usage %u (PKIX) is not used between mail servers; write 3 (the server's own "
                     "certificate) or 2 (its authority).",
                     usage);
    else if (usage > 3 || selector > 1 || matching > 2)
        section_find(
            section, SEVERITY_ERROR, HARM_WEAKNESS, name, "rfc6698:2.1",
            "TLSA %u %u %u is not known to anybody: usage is 2 or 3, selector 0 or 1, matching 1 "
            "or 2.",
            usage, selector, matching);
    else if (lengths[matching] && data.len - 3 != lengths[matching])
        section_find(section, SEVERITY_ERROR, HARM_MAIL_LOST, name, "rfc6698:2.1.3",
                     "The digest has %zu octets instead of %zu, so no certificate matches it.",
                     data.len - 3, lengths[matching]);
    else if (matching == 0)
        section_find(
            section, SEVERITY_ADVICE, HARM_WEAKNESS, name, "rfc7672:3.1.1",
            "The record holds a whole certificate or key; a SHA-256 digest (3 1 1) is smaller "
            "and as good.");
}

static bool judge(struct asking *asking)
{
    const struct dns_answer *answer = asking->answer;
    struct section *section = asking->section;
    if (!answer || answer->status != DNS_FOUND)
        return false;
    section_show(section, 0, BYTES_FMT "%s", BYTES_ARG(asking->name),
                 answer->authenticated ? ", signed (DNSSEC)" : "");
    for (size_t i = 0; i < answer->count; i++)
        judge_record(section, asking->name, answer->records[i].data);
    if (!answer->authenticated)
        section_find(
            section, SEVERITY_WARNING, HARM_WEAKNESS, asking->name, "rfc7672:2.2",
            "The resolver does not say that the record is signed by DNSSEC (or is not trusted to "
            "say so: only one on this host is); unsigned, it is ignored.");
    return true;
}

void lint_tlsa(struct lint *lint, struct section *section)
{
    struct asking asking[LINT_HOSTS_MAX];
    struct fiber_group group;
    size_t mx = 0, with = 0;
    if (lint->mx->status == DNS_FAILED) {
        section_show(section, 0, "not known: the DNS does not say which the MX hosts are");
        return;
    }
    fiber_group_open(&group);
    for (size_t i = 0; i < lint->host_count; i++) {
        if (!lint->hosts[i].is_mx)
            continue;
        asking[mx] = (struct asking){lint, section, &lint->hosts[i], BYTES(""), NULL};
        asking[mx].name = lint_name(section, "_25._tcp." BYTES_FMT, BYTES_ARG(lint->hosts[i].name));
        if (!fiber_group_start(&group, "tlsa", ask, &asking[mx]))
            section->incomplete = true;
        mx++;
    }
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    for (size_t i = 0; i < mx; i++)
        with += judge(&asking[i]);
    if (!with && !section->failures)
        section_show(section, 0, "no TLSA records");
    if (with && with < mx && !section->failures)
        section_find(
            section, SEVERITY_WARNING, HARM_WEAKNESS, lint->domain, "rfc7672:2.2",
            "Only %zu of %zu MX hosts have TLSA records: an attacker makes senders take one of "
            "the others.",
            with, mx);
    if (!section->finding_count)
        section_find(section, SEVERITY_FINE, HARM_CLUTTER, lint->domain, "rfc7672:2.2",
                     with ? "Every MX host has TLSA records." : "DANE is not used.");
}
