/* SPDX-License-Identifier: BSD-2-Clause */
/* policy: a policy section of the configuration as judge() takes it, with the lists, ratings and rules that all
 * policies share. */
#ifndef VOUCH_ROLES_POLICY_H
#define VOUCH_ROLES_POLICY_H

#include "config/config.h"
#include "verdict/judge.h"

/* Borrows from `config`, which must outlive it; lists live in the arena. TEMP at the arena's cap. */
enum result policy_from_config(struct arena *arena, const struct config *config,
                               const struct config_policy *section, struct policy *out) must_check;

/* The policy that judges in the shadow of this one; *out NULL if there is none. */
enum result policy_shadow(struct arena *arena, const struct config *config, const struct config_policy *section,
                          struct policy **out) must_check;

/* Judges mail that has just come as its policy section says, in the shadow too (judge_live()). */
enum result policy_judge(struct arena *arena, const struct config *config, const struct config_policy *section,
                         struct evidence *evidence, struct verdict *out) must_check;

#endif
