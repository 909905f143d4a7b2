/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/lint.h"

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

void lint_run(struct lint *lint, struct dns *dns, struct arena *arena,
              const struct lint_request *request)
{
    struct job jobs[LINT_TOPICS];
    struct fiber_group group;
    *lint = (struct lint){.request = request,
                          .arena = arena,
                          .domain = request->domain,
                          .deadline = request->deadline};
    dns_recorder_init(&lint->recorder, dns, arena);
    lint->recorder.limit = LINT_LOOKUPS_MAX;
    lint->dns = &lint->recorder.dns;
    fiber_group_open(&group);
    for (size_t i = 0; i < LINT_TOPICS; i++) {
        /* SPF's evaluation and others rewind nothing, but each may use up only its own part. */
        struct arena *own = arena_create_child(arena, LINT_SECTION_MEMORY);
        section_init(&lint->sections[i], own ? own : arena, checks[i].topic, checks[i].name);
        jobs[i] = (struct job){lint, &checks[i], &lint->sections[i]};
        if (!checks[i].needs_hosts)
            start(&group, &jobs[i]);
    }
    lint_hosts_gather(lint);
    for (size_t i = 0; i < LINT_TOPICS; i++)
        if (checks[i].needs_hosts)
            start(&group, &jobs[i]);
    /* Every question has the deadline, so the checks end by themselves. */
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
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
