/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of what judge.h enumerates. */
#include "verdict/judge.h"

static const char *const action_names[] = {"accept",  "junk",     "quarantine",
                                           "discard", "tempfail", "reject"};
static const char *const trust_names[] = {"first-class", "business-class", "third-class", "forged"};
static const char *const effect_names[] = {"decides", "overrides", "for", "against", "notes"};

static bool find_name(struct bytes name, const char *const *names, size_t count, int *out)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_is(name, names[i])) {
            *out = (int)i;
            return true;
        }
    }
    return false;
}

const char *action_name(enum action action)
{
    return action_names[action];
}

bool action_parse(struct bytes name, enum action *out)
{
    int found;
    if (!find_name(name, action_names, countof(action_names), &found))
        return false;
    *out = (enum action)found;
    return true;
}

const char *trust_class_name(enum trust_class trust)
{
    return trust_names[trust];
}

bool trust_class_parse(struct bytes name, enum trust_class *out)
{
    int found;
    if (!find_name(name, trust_names, countof(trust_names), &found))
        return false;
    *out = (enum trust_class)found;
    return true;
}

const char *reason_effect_name(enum reason_effect effect)
{
    return effect_names[effect];
}

bool reason_effect_parse(struct bytes name, enum reason_effect *out)
{
    int found;
    if (!find_name(name, effect_names, countof(effect_names), &found))
        return false;
    *out = (enum reason_effect)found;
    return true;
}
