/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/lint.h"

#include "base/domain.h"
#include "fiber/group.h"

struct check {
    const char *topic, *name;
    void (*run)(struct lint *lint, struct section *section);
    bool needs_hosts;
};

static const struct check checks[LINT_TOPICS] = {
    [LINT_MX] = {"mx", "Where mail is taken (MX)", lint_mx, true},
    [LINT_REVERSE] = {"reverse", "Names of addresses (PTR)", lint_reverse, true},
    [LINT_SPF] = {"spf", "SPF", lint_spf, false},
    [LINT_SENDER_ID] = {"sender-id", "Sender ID", lint_sender_id, false},
    [LINT_DKIM] = {"dkim", "DKIM", lint_dkim, false},
    [LINT_ADSP] = {"adsp", "Signing policies (ADSP, DomainKeys)", lint_adsp, false},
    [LINT_DMARC] = {"dmarc", "DMARC", lint_dmarc, false},
    [LINT_MTA_STS] = {"mta-sts", "MTA-STS", lint_mta_sts, true},
    [LINT_TLSRPT] = {"tlsrpt", "Reports on TLS (TLSRPT)", lint_tlsrpt, false},
    [LINT_TLSA] = {"tlsa", "DANE (TLSA)", lint_tlsa, true},
    [LINT_BIMI] = {"bimi", "Logo (BIMI)", lint_bimi, false},
    [LINT_DNSBL] = {"dnsbl", "Block lists (DNSBL)", lint_dnsbl, true},
};

struct job {
    struct lint *lint;
    const struct check *check;
    struct section *section;
};

static void run_job(void *argument)
{
    struct job *job = argument;
    job->check->run(job->lint, job->section);
}

static void start(struct fiber_group *group, struct job *job)
{
    if (!fiber_group_start(group, job->check->topic, run_job, job))
        job->section->incomplete = true;
}

/* Whether it is the resolver that is silent, and not only the name servers of the domain: the domain
 * above has others. */
static bool resolver_is_silent(struct lint *lint)
{
    struct bytes above = domain_parent(lint->domain);
    return !above.len ||
           dns_query(lint->dns, lint->arena, above, DNS_SOA, lint->deadline)->status == DNS_FAILED;
}

/* What is worth looking at where the domain itself does not exist: hosts that were named. */
static bool needs_domain(enum lint_topic topic)
{
    return topic != LINT_MX && topic != LINT_REVERSE && topic != LINT_DNSBL;
}

static void drop(struct section *section, size_t at)
{
    section->finding_count--;
    for (size_t i = at; i < section->finding_count; i++)
        section->findings[i] = section->findings[i + 1];
    if (!section->line_count)
        section_show(section, 0, "not known: the DNS did not answer");
}

/* Whether the sections before this one, or this one before that finding, say the same. */
static bool is_said(const struct lint *lint, size_t topic, size_t at)
{
    struct bytes subject = lint->sections[topic].findings[at].subject;
    for (size_t i = 0; i <= topic; i++) {
        const struct section *section = &lint->sections[i];
        for (size_t j = 0; j < (i == topic ? at : section->finding_count); j++)
            if (section->findings[j].dns_failure &&
                bytes_equal_nocase(section->findings[j].subject, subject))
                return true;
    }
    return false;
}

struct silence {
    bool all, domain; /* no answer to any question; to any about the domain */
    const char *problem;
};

static struct silence find_silence(const struct lint *lint)
{
    struct silence silence = {true, true, NULL};
    size_t asked = 0;
    for (size_t i = 0; i < lint->recorder.count; i++) {
        const struct dns_lookup *lookup = &lint->recorder.lookups[i];
        bool within = domain_is_within(lookup->name, lint->domain);
        if (!lookup->answer)
            continue;
        asked += within;
        if (lookup->answer->status != DNS_FAILED) {
            silence.all = false;
            silence.domain &= !within;
        } else if (within && !silence.problem) {
            silence.problem = lookup->answer->problem;
        }
    }
    silence.all &= asked > 0;
    silence.domain &= asked > 0;
    return silence;
}

/* One cause is told once, however many questions it cost. */
static void settle_failures(struct lint *lint)
{
    struct silence silence = find_silence(lint);
    struct section *first = &lint->sections[LINT_MX];
    for (size_t i = 0; i < LINT_TOPICS; i++) {
        struct section *section = &lint->sections[i];
        for (size_t j = section->finding_count; j-- > 0;)
            if (section->findings[j].dns_failure &&
                (silence.all || is_said(lint, i, j) ||
                 (silence.domain &&
                  domain_is_within(section->findings[j].subject, lint->domain))))
                drop(section, j);
    }
    silence.all = silence.all && resolver_is_silent(lint);
    const char *problem = silence.problem ? silence.problem : "it failed";
    if (silence.all)
        section_find(first, SEVERITY_WARNING, HARM_MAIL_LOST, lint->domain, NULL,
                     "Our resolver answered none of the questions (%s), so nothing could be told "
                     "about the domain.",
                     problem);
    else if (silence.domain)
        section_find(first, SEVERITY_WARNING, HARM_MAIL_LOST, lint->domain, NULL,
                     "The DNS gave no answer to any question about the domain (%s), so nothing "
                     "could be told about it, and others who ask may defer its mail.",
                     problem);
}

void lint_run(struct lint *lint, struct dns *dns, struct arena *arena,
              const struct lint_request *request)
{
    struct job jobs[LINT_TOPICS];
    bool skipped[LINT_TOPICS];
    struct fiber_group group;
    *lint = (struct lint){.request = request,
                          .arena = arena,
                          .domain = request->domain,
                          .deadline = request->deadline};
    dns_recorder_init(&lint->recorder, dns, arena);
    lint->recorder.limit = LINT_LOOKUPS_MAX;
    lint->dns = &lint->recorder.dns;
    lint->mx = dns_query(lint->dns, arena, lint->domain, DNS_MX, lint->deadline);
    bool exists = lint->mx->status != DNS_NO_NAME;
    bool silent = lint->mx->status == DNS_FAILED && domain_label_count(lint->domain) > 1 &&
                  resolver_is_silent(lint);
    fiber_group_open(&group);
    for (size_t i = 0; i < LINT_TOPICS; i++) {
        /* SPF's evaluation and others rewind nothing, but each may use up only its own part. */
        struct arena *own = arena_create_child(arena, LINT_SECTION_MEMORY);
        section_init(&lint->sections[i], own ? own : arena, checks[i].topic, checks[i].name);
        jobs[i] = (struct job){lint, &checks[i], &lint->sections[i]};
        skipped[i] = silent ? i != LINT_MX : !exists && needs_domain(i);
        if (skipped[i])
            section_show(&lint->sections[i], 0, "not looked at: %s",
                         silent ? "our resolver does not answer" : "the domain does not exist");
        else if (!checks[i].needs_hosts)
            start(&group, &jobs[i]);
    }
    if (!silent)
        lint_hosts_gather(lint);
    for (size_t i = 0; i < LINT_TOPICS; i++)
        if (checks[i].needs_hosts && !skipped[i])
            start(&group, &jobs[i]);
    /* Every question has the deadline, so the checks end by themselves. */
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    settle_failures(lint);
}

size_t lint_count(const struct lint *lint, enum severity severity)
{
    size_t count = 0;
    for (size_t i = 0; i < LINT_TOPICS; i++)
        for (size_t j = 0; j < lint->sections[i].finding_count; j++)
            count += lint->sections[i].findings[j].severity == severity;
    return count;
}

unsigned lint_failures(const struct lint *lint)
{
    unsigned count = 0;
    for (size_t i = 0; i < LINT_TOPICS; i++)
        count += lint->sections[i].failures;
    return count;
}

const struct dns_answer *lint_ask(struct lint *lint, struct section *section, struct bytes name,
                                  enum dns_type type)
{
    const struct dns_answer *answer =
        dns_query(lint->dns, section->arena, name, type, lint->deadline);
    if (answer->status == DNS_FAILED)
        section_dns_failed(section, name, answer->problem);
    return answer;
}

enum dns_status lint_texts(struct lint *lint, struct section *section, struct bytes name,
                           const char *version, struct bytes out[LINT_TEXTS_MAX], size_t *count)
{
    const struct dns_answer *answer = lint_ask(lint, section, name, DNS_TXT);
    *count = 0;
    for (size_t i = 0; i < answer->count && *count < LINT_TEXTS_MAX; i++)
        if (bytes_starts_with_nocase(bytes_trim_start(answer->records[i].text), bytes_of(version)))
            out[(*count)++] = answer->records[i].text;
    return answer->status;
}

struct bytes lint_name(struct section *section, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct bytes name = arena_vprintf(section->arena, format, args);
    va_end(args);
    return name.ptr ? name : BYTES("");
}
