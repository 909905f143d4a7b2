/* SPDX-License-Identifier: BSD-2-Clause */
/* MTA-STS: the record, the policy behind it, and whether the MX hosts are in it (RFC 8461). */
#include "fiber/loop.h"
#include "outbound/https.h"
#include "lint/lint.h"
#include "outbound/mta_sts.h"
#include "lint/record_text.h"

#define FETCH_TIME (20 * SECOND)
enum { ADDRESSES_MAX = 4, SHORT_AGE = 86400 };

static const char path[] = "/.well-known/mta-sts.txt";

static bool allowed(const struct mta_sts_policy *policy, struct bytes host)
{
    for (size_t i = 0; i < policy->pattern_count; i++)
        if (mta_sts_pattern_matches(policy->patterns[i], host))
            return true;
    return false;
}

static void check_policy(struct lint *lint, struct section *section, struct bytes url,
                         const struct mta_sts_policy *policy)
{
    section_show(section, 0, "policy: %s for %llu s, %zu patterns", mta_sts_mode_name(policy->mode),
                 (unsigned long long)policy->max_age, policy->pattern_count);
    for (size_t i = 0; i < policy->pattern_count; i++)
        section_show(section, 1, "mx: " BYTES_FMT, BYTES_ARG(policy->patterns[i]));
    for (size_t i = 0; i < lint->host_count && policy->mode != MTA_STS_NONE; i++)
        if (lint->hosts[i].is_mx && !allowed(policy, lint->hosts[i].name))
            section_find(
                section, policy->mode == MTA_STS_ENFORCE ? SEVERITY_ERROR : SEVERITY_WARNING,
                HARM_MAIL_LOST, lint->hosts[i].name, "rfc8461:4.1",
                "The policy does not name the MX host, so senders that obey it do not deliver "
                "there: add a line \"mx: " BYTES_FMT "\" to the policy and change the id.",
                BYTES_ARG(lint->hosts[i].name));
    if (policy->mode == MTA_STS_TESTING)
        section_find(
            section, SEVERITY_ADVICE, HARM_WEAKNESS, url, "rfc8461:5",
            "The policy is being tested: nobody is kept from delivering without TLS; change "
            "its mode to enforce when the reports are clean.");
    else if (policy->mode == MTA_STS_NONE)
        section_find(
            section, SEVERITY_ADVICE, HARM_CLUTTER, url, "rfc8461:8.3",
            "The policy is none, which serves to take an older one back; afterwards record and "
            "policy may go.");
    if (policy->mode != MTA_STS_NONE && policy->max_age < SHORT_AGE)
        section_find(
            section, SEVERITY_WARNING, HARM_WEAKNESS, url, "rfc8461:3.2",
            "The policy is good for %llu seconds only, so that an attacker need only wait; "
            "weeks are usual (max_age: 1209600).",
            (unsigned long long)policy->max_age);
}

static void check_response(struct lint *lint, struct section *section, struct bytes url,
                           const struct https_response *response)
{
    struct mta_sts_policy *policy = arena_new(section->arena, struct mta_sts_policy);
    struct error error;
    if (!policy) {
        section->incomplete = true;
        return;
    }
    if (response->status != 200) {
        section_find(
            section, SEVERITY_ERROR, HARM_WEAKNESS, url, "rfc8461:3.3",
            "The web server answers with status %u instead of 200%s, so there is no policy.",
            response->status,
            response->status / 100 == 3 ? " (senders do not follow redirects)" : "");
        return;
    }
    if (!bytes_is_nocase(response->type, "text/plain"))
        section_find(section, SEVERITY_WARNING, HARM_WEAKNESS, url, "rfc8461:3.2",
                     "The policy comes as \"" BYTES_FMT "\"; senders may insist on text/plain.",
                     BYTES_ARG(bytes_first(response->type, 60)));
    if (mta_sts_policy_parse(response->body, policy, &error) != OK)
        section_find(section, SEVERITY_ERROR, HARM_WEAKNESS, url, "rfc8461:3.2",
                     "The policy cannot be used: %s.", error.text);
    else
        check_policy(lint, section, url, policy);
}

/* Tries the addresses in turn; the last failure stands. */
static enum result fetch(struct lint *lint, struct section *section, struct bytes host,
                         struct https_response *response, struct error *error)
{
    const struct lint_request *request = lint->request;
    int64_t deadline = loop_deadline(FETCH_TIME);
    uint16_t port = request->https_port ? request->https_port : 443;
    if (request->https_ip.family)
        return https_get(section->arena, &request->https_ip, port, host, path, request->ca_file,
                         deadline, response, error);
    enum result result = error_set(error, NONE, "the name has no address");
    enum dns_type types[] = {DNS_A, DNS_AAAA};
    for (size_t i = 0; i < countof(types); i++) {
        const struct dns_answer *answer = lint_ask(lint, section, host, types[i]);
        for (size_t j = 0; j < answer->count && j < ADDRESSES_MAX; j++) {
            /* A record must not make us talk to hosts of our own network. */
            if (lint_special_address(&answer->records[j].ip)) {
                result = error_set(error, PERM, "its address is none of the public internet");
                continue;
            }
            result = https_get(section->arena, &answer->records[j].ip, port, host, path,
                               request->ca_file, deadline, response, error);
            if (result == OK)
                return OK;
        }
    }
    return result;
}

static void check_fetch(struct lint *lint, struct section *section)
{
    struct https_response response;
    struct error error;
    struct bytes host = lint_name(section, "mta-sts." BYTES_FMT, BYTES_ARG(lint->domain));
    struct bytes url = lint_name(section, "https://" BYTES_FMT "%s", BYTES_ARG(host), path);
    if (!lint->request->fetch) {
        section_show(section, 0, "policy: not fetched");
        return;
    }
    unsigned failures = section->failures;
    enum result result = fetch(lint, section, host, &response, &error);
    if (result == OK)
        check_response(lint, section, url, &response);
    else if (result == NONE && section->failures > failures)
        section_show(section, 0, "policy: not known, for the DNS did not answer");
    else
        section_find(
            section, SEVERITY_ERROR, HARM_WEAKNESS, url, "rfc8461:3.3",
            "There is a record, but the policy cannot be fetched (%s), so nobody applies it.",
            error.text);
}

static void check_none(struct lint *lint, struct section *section, struct bytes name)
{
    section_show(section, 0, "no record");
    if (lint->null_mx || !lint->host_count || lint->mx->status == DNS_FAILED)
        return;
    section_find(
        section, SEVERITY_ADVICE, HARM_WEAKNESS, name, "rfc8461:3.1",
        "Without MTA-STS (or DANE) mail to the domain may be read or diverted under way; it needs "
        "this record and a policy at https://mta-sts." BYTES_FMT "%s.",
        BYTES_ARG(lint->domain), path)
        ->fix = record_text_zone_line(section->arena, name, BYTES("v=STSv1; id=1"));
}

void lint_mta_sts(struct lint *lint, struct section *section)
{
    struct bytes texts[LINT_TEXTS_MAX];
    struct mta_sts_record record;
    struct error error;
    size_t count;
    struct bytes name = lint_name(section, "_mta-sts." BYTES_FMT, BYTES_ARG(lint->domain));
    if (lint_texts(lint, section, name, "v=STSv1", texts, &count) == DNS_FAILED)
        return;
    for (size_t i = 0; i < count; i++)
        section_show(section, 0, BYTES_FMT, BYTES_ARG(texts[i]));
    if (!count) {
        check_none(lint, section, name);
    } else if (count > 1) {
        section_find(section, SEVERITY_ERROR, HARM_WEAKNESS, name, "rfc8461:3.1",
                     "There are several MTA-STS records, so none of them counts: leave one.");
    } else if (mta_sts_record_parse(texts[0], &record, &error) != OK) {
        section_find(
            section, SEVERITY_ERROR, HARM_WEAKNESS, name, "rfc8461:3.1",
            "The record cannot be used (%s), so there is no MTA-STS; id= takes up to 32 letters "
            "and digits.",
            error.text)
            ->fix = record_text_zone_line(section->arena, name, BYTES("v=STSv1; id=1"));
    } else {
        check_fetch(lint, section);
        bool compared = lint->request->fetch && lint->mx->status != DNS_FAILED;
        if (!section->finding_count && !section->failures)
            section_find(section, SEVERITY_FINE, HARM_CLUTTER, name, "rfc8461:3",
                         compared ? "The policy is enforced and names every MX host."
                                  : "The record can be read.");
    }
}
