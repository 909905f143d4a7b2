/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf_check.h"

#include <string.h>

const char *spf_step_outcome_name(enum spf_step_outcome outcome)
{
    switch (outcome) {
    case SPF_STEP_NONE:
        return "";
    case SPF_STEP_NO_MATCH:
        return "no match";
    case SPF_STEP_MATCH:
        return "match";
    case SPF_STEP_TEMPERROR:
        return "temperror";
    case SPF_STEP_PERMERROR:
        return "permerror";
    }
    return "";
}

struct spf_step *spf_step_begin(struct spf_check *check, struct bytes term)
{
    struct spf_result *result = check->result;
    if (!check->request->trace)
        return NULL;
    if (!result->steps)
        result->steps = arena_alloc_array(check->arena, SPF_STEPS_MAX, sizeof(*result->steps));
    if (!result->steps || result->step_count == SPF_STEPS_MAX) {
        result->steps_omitted++;
        return NULL;
    }
    struct spf_step *step = &result->steps[result->step_count++];
    *step = (struct spf_step){.depth = check->depth, .term = term};
    return step;
}

void spf_step_end(struct spf_step *step, enum spf_match match)
{
    static const enum spf_step_outcome outcomes[] = {
        [SPF_NO_MATCH] = SPF_STEP_NO_MATCH,
        [SPF_MATCH] = SPF_STEP_MATCH,
        [SPF_TEMPERROR] = SPF_STEP_TEMPERROR,
        [SPF_PERMERROR] = SPF_STEP_PERMERROR,
    };
    if (step)
        step->outcome = outcomes[match];
}

void spf_step_found(struct spf_step *step, struct bytes found)
{
    if (step)
        step->found = found;
}

/* Appends as much of `text` as fits. */
static void append(struct bytes text, char *out, size_t size, size_t *len)
{
    size_t count = text.len < size - *len ? text.len : size - *len;
    if (count)
        memcpy(out + *len, text.ptr, count);
    *len += count;
}

void spf_step_found_answer(struct spf_check *check, struct spf_step *step,
                           const struct dns_answer *answer)
{
    char text[400];
    size_t len = 0;
    if (!step)
        return;
    if (answer->status != DNS_FOUND) {
        step->found = answer->status == DNS_NO_NAME   ? BYTES("no such name")
                      : answer->status == DNS_NO_DATA ? BYTES("no such record")
                                                      : BYTES("DNS error");
        return;
    }
    for (size_t i = 0; i < answer->count; i++) {
        char address[IP_TEXT_SIZE];
        const struct dns_record *record = &answer->records[i];
        struct bytes item = record->ip.family  ? bytes_of(ip_format(&record->ip, address))
                            : record->name.len ? record->name
                                               : BYTES(".");
        if (len + item.len + 6 > sizeof(text)) {
            append(BYTES(" ..."), text, sizeof(text), &len);
            break;
        }
        if (i)
            append(BYTES(" "), text, sizeof(text), &len);
        append(item, text, sizeof(text), &len);
    }
    step->found = arena_copy(check->arena, bytes_from(text, len));
}
