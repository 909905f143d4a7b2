/* SPDX-License-Identifier: BSD-2-Clause */
/* MX records and the hosts that they name (rfc5321:5.1, rfc7505, rfc2181:10.3). */
#include "base/domain.h"
#include "lint/lint.h"

static void check_no_mx(struct lint *lint, struct section *section)
{
    size_t addresses = lint->host_count && bytes_equal(lint->hosts[0].name, lint->domain)
                           ? lint->hosts[0].address_count
                           : 0;
    if (lint->mx->status == DNS_NO_NAME) {
        section_find(section, SEVERITY_ERROR, HARM_MAIL_LOST, lint->domain, "rfc5321:5.1",
                     "The domain does not exist in the DNS, so mail cannot be sent to it, and mail "
                     "from it is refused by most.");
        return;
    }
    if (lint->host_count && lint->hosts[0].failed) {
        section_dns_failed(section, lint->domain, "asking for its addresses");
        return;
    }
    struct finding *finding;
    if (addresses)
        finding =
            section_find(section, SEVERITY_WARNING, HARM_MAIL_LOST, lint->domain, "rfc5321:5.1",
                         "There is no MX record, so mail goes to the domain's own address, "
                         "which may be a web server: say where mail is taken, or that it is "
                         "not.");
    else
        finding =
            section_find(section, SEVERITY_WARNING, HARM_MAIL_LOST, lint->domain, "rfc7505:3",
                         "The domain has neither an MX record nor an address: senders keep "
                         "trying for days unless a null MX tells them that it takes no mail.");
    finding->fix = lint_name(section, BYTES_FMT ". IN MX 0 .", BYTES_ARG(lint->domain));
}

static void check_null(struct lint *lint, struct section *section)
{
    section_show(section, 0, "null MX: the domain takes no mail");
    if (lint->mx->count > 1)
        section_find(section, SEVERITY_ERROR, HARM_MAIL_LOST, lint->domain, "rfc7505:3",
                     "A null MX stands beside other MX records: some senders give up at once and "
                     "others do not.")
            ->fix = lint_name(section, BYTES_FMT ". IN MX 0 .", BYTES_ARG(lint->domain));
    else if (lint->mx->records[0].preference)
        section_find(section, SEVERITY_ADVICE, HARM_CLUTTER, lint->domain, "rfc7505:3",
                     "The preference of a null MX should be 0.")
            ->fix = lint_name(section, BYTES_FMT ". IN MX 0 .", BYTES_ARG(lint->domain));
}

static void check_addresses(struct lint *lint, struct section *section,
                            const struct lint_host *host, bool others_work)
{
    enum severity severity = others_work ? SEVERITY_WARNING : SEVERITY_ERROR;
    for (size_t i = 0; i < lint->address_count; i++) {
        char text[IP_TEXT_SIZE];
        if (lint->addresses[i].host != host)
            continue;
        const char *what = lint_special_address(&lint->addresses[i].ip);
        section_show(section, 1, "%s%s%s", ip_format(&lint->addresses[i].ip, text),
                     what ? ": " : "", what ? what : "");
        if (what)
            section_find(section, severity, HARM_MAIL_LOST, host->name, "rfc1918:3",
                         "The MX host has %s (%s), which nobody outside reaches.", what, text);
    }
}

static bool is_usable(const struct lint *lint, const struct lint_host *host)
{
    for (size_t i = 0; i < lint->address_count; i++)
        if (lint->addresses[i].host == host && !lint_special_address(&lint->addresses[i].ip))
            return true;
    return false;
}

static void check_host(struct lint *lint, struct section *section, const struct lint_host *host,
                       bool others_work)
{
    enum severity severity = others_work ? SEVERITY_WARNING : SEVERITY_ERROR;
    struct ip ip;
    section_show(section, 0, "%u " BYTES_FMT "%s", host->preference, BYTES_ARG(host->name),
                 host->is_alias ? " (an alias)" : "");
    if (ip_parse(host->name, &ip)) {
        section_find(section, severity, HARM_MAIL_LOST, host->name, "rfc1035:3.3.9",
                     "The MX record holds an IP address; it must hold the name of a host, whose "
                     "address record holds the address.")
            ->fix = lint_name(
            section, BYTES_FMT ". IN MX %u mx." BYTES_FMT ".\nmx." BYTES_FMT ". IN %s " BYTES_FMT,
            BYTES_ARG(lint->domain), host->preference, BYTES_ARG(lint->domain),
            BYTES_ARG(lint->domain), ip.family == 4 ? "A" : "AAAA", BYTES_ARG(host->name));
        return;
    }
    if (!domain_is_hostname(host->name)) {
        section_find(
            section, severity, HARM_MAIL_LOST, host->name, "rfc5321:2.3.5",
            "The MX record holds what is no name of a host (letters, digits and hyphens).");
        return;
    }
    if (host->is_alias)
        section_find(section, SEVERITY_WARNING, HARM_MAIL_LOST, host->name, "rfc2181:10.3",
                     "The MX record points to an alias (CNAME): some senders refuse that; name the "
                     "host itself.");
    if (host->failed)
        section_dns_failed(section, host->name, "asking for its addresses");
    else if (!host->address_count)
        section_find(section, severity, HARM_MAIL_LOST, host->name, "rfc5321:5.1",
                     "The MX host has no address, so no mail reaches it.");
    check_addresses(lint, section, host, others_work);
}

static void check_duplicates(struct lint *lint, struct section *section)
{
    for (size_t i = 0; i < lint->mx->count; i++)
        for (size_t j = 0; j < i && j < LINT_HOSTS_MAX; j++)
            if (bytes_equal_nocase(lint->mx->records[i].name, lint->mx->records[j].name)) {
                section_find(section, SEVERITY_ADVICE, HARM_CLUTTER, lint->mx->records[i].name,
                             "rfc5321:5.1", "The same host is named by several MX records.");
                break;
            }
}

void lint_mx(struct lint *lint, struct section *section)
{
    if (lint->mx->status == DNS_FAILED) {
        section_dns_failed(section, lint->domain, lint->mx->problem);
        return;
    }
    if (lint->mx->status != DNS_FOUND) {
        check_no_mx(lint, section);
        return;
    }
    if (lint->null_mx)
        check_null(lint, section);
    for (size_t i = 0; i < lint->host_count; i++) {
        bool others = false;
        for (size_t j = 0; j < lint->host_count; j++)
            others |= j != i && lint->hosts[j].is_mx && is_usable(lint, &lint->hosts[j]);
        if (lint->hosts[i].is_mx)
            check_host(lint, section, &lint->hosts[i], others);
    }
    check_duplicates(lint, section);
    if (lint->mx->count > 10)
        section_find(
            section, SEVERITY_WARNING, HARM_WEAKNESS, lint->domain, "rfc7208:4.6.4",
            "There are %zu MX records; an SPF record that says \"mx\" fails with more than "
            "10.",
            lint->mx->count);
    if (!section->finding_count && !lint->null_mx)
        section_find(section, SEVERITY_FINE, HARM_CLUTTER, lint->domain, "rfc5321:5.1",
                     "Every MX host is a host with a public address.");
}
