/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/overlay.h"
#include "fiber/group.h"
#include "fiber/loop.h"
#include "lint/wizard.h"

enum { AT_ONCE = 16 };

struct trying {
    struct wizard_plan *plan;
    struct dns *dns;
    size_t next; /* trial to be made by whoever is free */
};

static void try_one(struct wizard_plan *plan, struct dns *dns, struct wizard_trial *trial)
{
    struct spf_result result;
    struct spf_request request = {.ip = trial->ip,
                                  .helo = trial->domain,
                                  .receiver = BYTES("vouch.invalid"),
                                  .now = loop_epoch(),
                                  .deadline = plan->deadline};
    if (trial->helo) {
        spf_check_helo(dns, plan->arena, &request, &result);
    } else {
        request.sender =
            arena_printf(plan->arena, "postmaster@" BYTES_FMT, BYTES_ARG(trial->domain));
        spf_check_mail_from(dns, plan->arena, &request, &result);
    }
    trial->found = result.result;
}

static void work(void *argument)
{
    struct trying *trying = argument;
    while (trying->next < trying->plan->trial_count)
        try_one(trying->plan, trying->dns, &trying->plan->trials[trying->next++]);
}

enum result wizard_try(struct wizard_plan *plan, bool published, size_t *wrong)
{
    struct dns_overlay overlay;
    struct trying trying = {.plan = plan, .dns = plan->dns};
    struct fiber_group group;
    dns_overlay_init(&overlay, plan->dns, plan->arena);
    for (size_t i = 0; i < plan->record_count; i++)
        if (!dns_overlay_set_txt(&overlay, plan->records[i].name, plan->records[i].version,
                                 plan->records[i].text))
            return TEMP;
    if (!published)
        trying.dns = &overlay.dns;
    fiber_group_open(&group);
    for (size_t i = 0; i < AT_ONCE && i < plan->trial_count; i++)
        if (!fiber_group_start(&group, "trial", work, &trying))
            break;
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    work(&trying); /* if no fiber could be started */
    *wrong = 0;
    for (size_t i = 0; i < plan->trial_count; i++)
        *wrong += plan->trials[i].found != plan->trials[i].expected;
    return OK;
}

static bool has_version(struct bytes text, struct bytes version)
{
    if (!bytes_starts_with_nocase(text, version))
        return false;
    struct bytes rest = bytes_skip(text, version.len);
    return !rest.len || rest.ptr[0] == ' ' || rest.ptr[0] == '/';
}

/* Two ways to say that nothing is said of the author's address (rfc4406:3.4): as good as a record
 * that ends in ?all. */
static bool opts_out(const struct wizard_record *record, struct bytes live)
{
    return bytes_is(record->version, "spf2.0") && bytes_ends_with(record->text, BYTES(" ?all")) &&
           (bytes_is_nocase(bytes_trim(live), "spf2.0/pra ?all") ||
            bytes_is_nocase(bytes_trim(live), "spf2.0/pra"));
}

enum result wizard_compare(struct wizard_plan *plan, const struct wizard_record *record,
                           struct bytes *live)
{
    const struct dns_answer *answer =
        dns_query(plan->dns, plan->arena, record->name, DNS_TXT, plan->deadline);
    *live = BYTES("");
    if (answer->status == DNS_FAILED)
        return TEMP;
    enum result result = NONE;
    for (size_t i = 0; i < answer->count; i++) {
        if (!has_version(answer->records[i].text, record->version))
            continue;
        /* Two of them are never right. */
        struct bytes text = answer->records[i].text;
        bool same = result == NONE &&
                    (bytes_equal_nocase(text, record->text) || opts_out(record, text));
        result = same ? OK : PERM;
        if (!same)
            *live = answer->records[i].text;
    }
    return result;
}
