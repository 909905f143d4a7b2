/* SPDX-License-Identifier: BSD-2-Clause */
/* policy: a policy section of the configuration as judge() takes it. */
#ifndef VOUCH_ROLES_POLICY_H
#define VOUCH_ROLES_POLICY_H

#include "config/config.h"
#include "verdict/judge.h"

/* Borrows from `section`, which must outlive it; lists live in the arena. TEMP at the arena's cap. */
enum result policy_from_config(struct arena *arena, const struct config_policy *section,
                               struct policy *out) must_check;

#endif
