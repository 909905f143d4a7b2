/* SPDX-License-Identifier: BSD-2-Clause */
/* Reverse names of the addresses, confirmed forward, and the HELO names (rfc1912:2.1, rfc8601:3).
 */
#include "auth/iprev.h"
#include "base/ascii.h"
#include "fiber/group.h"
#include "lint/lint.h"

struct asking {
    struct lint *lint;
    struct section *section;
    const struct lint_address *address;
    struct iprev_result result;
    bool asked;
};

static void ask(void *argument)
{
    struct asking *asking = argument;
    iprev_check(asking->lint->dns, asking->section->arena, &asking->address->ip,
                asking->lint->deadline, &asking->result);
    asking->asked = true;
}

/* A number of the address as a number of its own in the name. */
static bool holds_number(struct bytes name, unsigned number)
{
    for (size_t i = 0; i < name.len;) {
        unsigned found = 0;
        size_t digits = 0;
        for (; i < name.len && ascii_is_digit(name.ptr[i]) && digits < 4; i++, digits++)
            found = found * 10 + (unsigned)(name.ptr[i] - '0');
        if (digits && found == number)
            return true;
        if (!digits)
            i++;
    }
    return false;
}

/* Names as providers make them for customers' lines: with the address in it, or a telling word. */
static bool is_generic(struct bytes name, const struct ip *ip)
{
    static const char *const words[] = {
        "dynamic", "dhcp", "dialup", "adsl",     "pool-",     ".pool.",     "cable",    "ppp",
        "-dsl",    "dsl-", ".dyn.",  "customer", "broadband", "unassigned", "static-ip"};
    for (size_t i = 0; i < countof(words); i++)
        if (bytes_find_nocase(name, bytes_of(words[i])) != BYTES_NOT_FOUND)
            return true;
    if (ip->family != 4)
        return false;
    unsigned held = 0;
    for (size_t i = 0; i < 4; i++)
        held += holds_number(name, ip->octets[i]);
    return held >= 3;
}

/* An MX host may only take mail; what the administrator named does send. */
static bool sends(const struct lint *lint, const struct ip *ip)
{
    for (size_t i = 0; i < lint->address_count; i++)
        if (ip_equal(&lint->addresses[i].ip, ip) &&
            (!lint->addresses[i].host || lint->addresses[i].host->is_helo))
            return true;
    return false;
}

static void judge(const struct asking *asking)
{
    struct section *section = asking->section;
    const struct lint_address *address = asking->address;
    const struct iprev_result *found = &asking->result;
    const struct lint_host *host = address->host;
    enum severity severity = sends(asking->lint, &address->ip) ? SEVERITY_ERROR : SEVERITY_WARNING;
    char text[IP_TEXT_SIZE];
    ip_format(&address->ip, text);
    struct bytes subject = bytes_of(text);
    if (found->result == AUTH_TEMPERROR) {
        section_show(section, 0, "%s: not known now", text);
        section_dns_failed(section, subject, "asking for the name of the address");
        return;
    }
    section_show(section, 0, "%s is %s" BYTES_FMT "%s", text,
                 found->name.len ? "" : "without a name", BYTES_ARG(found->name),
                 found->result == AUTH_PASS ? ", confirmed"
                 : found->name.len          ? ", not confirmed"
                                            : "");
    if (found->result == AUTH_PASS) {
        if (is_generic(found->name, &address->ip))
            section_find(section, SEVERITY_WARNING, HARM_MAIL_LOST, subject, "rfc1912:2.1",
                         "The address is named " BYTES_FMT ", like a customer's line: many refuse "
                         "mail from such names; have the provider set the host's own name.",
                         BYTES_ARG(found->name));
        return;
    }
    struct bytes wanted = host ? host->name : BYTES("mail.example.org");
    uint8_t reversed[IPREV_NAME_MAX];
    struct finding *finding;
    if (!found->name.len)
        finding = section_find(section, severity, HARM_MAIL_LOST, subject, "rfc1912:2.1",
                               "The address%s" BYTES_FMT " has no name (PTR): if mail is sent from "
                               "it, many refuse that mail.",
                               host ? " of " : "", BYTES_ARG(host ? host->name : BYTES("")));
    else
        finding =
            section_find(section, severity, HARM_MAIL_LOST, subject, "rfc8601:3",
                         "The address is named " BYTES_FMT ", but that name does not lead back "
                         "to it: anybody could write that name.",
                         BYTES_ARG(found->name));
    finding->fix =
        lint_name(section, BYTES_FMT ". IN PTR " BYTES_FMT ".",
                  BYTES_ARG(iprev_reverse_name(&address->ip, reversed)), BYTES_ARG(wanted));
}

static void check_helo(struct lint *lint, struct section *section, const struct lint_host *host)
{
    section_show(section, 0, "HELO name " BYTES_FMT ": %zu addresses", BYTES_ARG(host->name),
                 host->address_count);
    if (!host->failed && !host->address_count)
        section_find(section, SEVERITY_ERROR, HARM_MAIL_LOST, host->name, "rfc5321:4.1.1.1",
                     "The HELO name has no address, so receivers that check it refuse the mail.");
}

/* Several names may have one address. */
static bool is_first(const struct lint *lint, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (ip_equal(&lint->addresses[i].ip, &lint->addresses[at].ip))
            return false;
    return true;
}

void lint_reverse(struct lint *lint, struct section *section)
{
    struct asking *asking =
        arena_alloc_array(section->arena, lint->address_count + 1, sizeof(*asking));
    struct fiber_group group;
    if (!asking) {
        section->incomplete = true;
        return;
    }
    fiber_group_open(&group);
    for (size_t i = 0; i < lint->address_count; i++) {
        asking[i] = (struct asking){lint, section, &lint->addresses[i], {0}, false};
        /* Addresses that nobody reaches have been complained about already. */
        if (is_first(lint, i) && !lint_special_address(&lint->addresses[i].ip) &&
            !fiber_group_start(&group, "reverse", ask, &asking[i]))
            section->incomplete = true;
    }
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    for (size_t i = 0; i < lint->address_count; i++)
        if (asking[i].asked)
            judge(&asking[i]);
    for (size_t i = 0; i < lint->host_count; i++)
        if (lint->hosts[i].is_helo)
            check_helo(lint, section, &lint->hosts[i]);
    if (!section->finding_count && lint->address_count)
        section_find(section, SEVERITY_FINE, HARM_CLUTTER, lint->domain, "rfc8601:3",
                     "Every address has a name that leads back to it.");
}
