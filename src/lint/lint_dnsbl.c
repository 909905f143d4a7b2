/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether DNSBLs list the addresses (RFC 5782). Only those named are asked: many lists refuse
 * public resolvers, and answer them with codes that look like listings. */
#include "fiber/group.h"
#include "lint/lint.h"

struct asking {
    struct lint *lint;
    struct section *section;
    struct bytes zone;
    struct ip ip;
    const struct dns_answer *answer;
};

static void ask(void *argument)
{
    struct asking *asking = argument;
    struct buf name;
    buf_init(&name, 512);
    ip_add_reversed(&name, &asking->ip);
    buf_printf(&name, "." BYTES_FMT, BYTES_ARG(asking->zone));
    struct bytes kept = arena_copy(asking->section->arena, buf_bytes(&name));
    buf_free(&name);
    asking->answer =
        dns_query(asking->lint->dns, asking->section->arena, kept, DNS_A, asking->lint->deadline);
}

/* 127.255.255.x: the list does not answer this resolver. Outside of 127/8: no list at all. */
static bool is_refusal(const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++) {
        const uint8_t *octets = answer->records[i].ip.octets;
        if (octets[0] != 127 || (octets[1] == 255 && octets[2] == 255))
            return true;
    }
    return false;
}

/* rfc5782:5: a list that works lists 127.0.0.2 and does not list 127.0.0.1. */
static bool zone_works(struct section *section, const struct asking *listed,
                       const struct asking *unlisted)
{
    struct bytes zone = listed->zone;
    const struct dns_answer *yes = listed->answer, *no = unlisted->answer;
    if (!yes || !no || yes->status == DNS_FAILED || no->status == DNS_FAILED) {
        section_dns_failed(section, zone, "asking a block list for its test entry");
        return false;
    }
    section_show(section, 0, BYTES_FMT ": %s", BYTES_ARG(zone),
                 is_refusal(yes)            ? "refuses this resolver"
                 : yes->status != DNS_FOUND ? "does not list its test entry"
                 : no->status == DNS_FOUND  ? "lists everything"
                                            : "works");
    if (is_refusal(yes) || is_refusal(no))
        section_find(
            section, SEVERITY_ADVICE, HARM_CLUTTER, zone, "rfc5782:2.1",
            "The list does not answer this resolver (it returns an error code), so nothing is "
            "known: ask through a resolver of your own.");
    else if (no->status == DNS_FOUND)
        section_find(
            section, SEVERITY_ADVICE, HARM_CLUTTER, zone, "rfc5782:5",
            "The list lists 127.0.0.1, so it is dead or lists the whole world: do not use it.");
    else if (yes->status != DNS_FOUND)
        section_find(
            section, SEVERITY_ADVICE, HARM_CLUTTER, zone, "rfc5782:5",
            "The list does not list its test entry 127.0.0.2, so its silence means nothing.");
    else
        return true;
    return false;
}

static struct bytes reason(struct lint *lint, struct section *section, struct bytes name)
{
    const struct dns_answer *answer =
        dns_query(lint->dns, section->arena, name, DNS_TXT, lint->deadline);
    return answer->status == DNS_FOUND ? bytes_first(answer->records[0].text, 120) : BYTES("");
}

static void judge(struct asking *asking)
{
    struct section *section = asking->section;
    char text[IP_TEXT_SIZE], code[IP_TEXT_SIZE];
    ip_format(&asking->ip, text);
    if (!asking->answer || asking->answer->status == DNS_FAILED) {
        section_dns_failed(section, bytes_of(text), "asking a block list");
        return;
    }
    if (asking->answer->status != DNS_FOUND || is_refusal(asking->answer)) {
        section_show(section, 1, "%s: not listed", text);
        return;
    }
    ip_format(&asking->answer->records[0].ip, code);
    struct bytes why = reason(asking->lint, section, asking->answer->canonical);
    section_show(section, 1, "%s: listed (%s)", text, code);
    section_find(section, SEVERITY_ERROR, HARM_MAIL_LOST, bytes_of(text), "rfc5782:2.1",
                 "The address is listed by " BYTES_FMT " (%s%s" BYTES_FMT
                 "), so those who use the list "
                 "refuse its mail.",
                 BYTES_ARG(asking->zone), code, why.len ? ": " : "", BYTES_ARG(why));
}

static void check_zone(struct lint *lint, struct section *section, struct bytes zone)
{
    static const uint8_t tests[2][4] = {{127, 0, 0, 2}, {127, 0, 0, 1}};
    struct asking *asking =
        arena_alloc_array(section->arena, lint->address_count + 2, sizeof(*asking));
    struct fiber_group group;
    size_t count = 0;
    if (!asking) {
        section->incomplete = true;
        return;
    }
    for (size_t i = 0; i < 2; i++)
        asking[count++] = (struct asking){lint, section, zone, ip_from_v4(tests[i]), NULL};
    for (size_t i = 0; i < lint->address_count; i++)
        if (!lint_special_address(&lint->addresses[i].ip))
            asking[count++] = (struct asking){lint, section, zone, lint->addresses[i].ip, NULL};
    fiber_group_open(&group);
    for (size_t i = 0; i < count; i++)
        if (!fiber_group_start(&group, "dnsbl", ask, &asking[i]))
            section->incomplete = true;
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    if (!zone_works(section, &asking[0], &asking[1]))
        return;
    for (size_t i = 2; i < count; i++)
        judge(&asking[i]);
}

void lint_dnsbl(struct lint *lint, struct section *section)
{
    const struct lint_request *request = lint->request;
    if (!request->zone_count) {
        section_show(section, 0, "none asked (name them with --dnsbl)");
        return;
    }
    for (size_t i = 0; i < request->zone_count; i++)
        check_zone(lint, section, request->zones[i]);
    if (!section->finding_count)
        section_find(section, SEVERITY_FINE, HARM_CLUTTER, lint->domain, "rfc5782:2.1",
                     "No list that was asked lists an address.");
}
