/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather_judge_content: rules, built-in tests, the look for phishing, attachments and clamd, as evidence of a gather
 * that has read its message and made its checks of authentication.
 */
#ifndef VOUCH_ROLES_GATHER_JUDGE_CONTENT_H
#define VOUCH_ROLES_GATHER_JUDGE_CONTENT_H

#include "roles/content_rules.h"
#include "roles/gather.h"

/* Adds CHECK_RULE, CHECK_PHISHING, CHECK_ATTACHMENT and CHECK_VIRUS. `rules` NULL: only attachments and clamd.
 * `readable` NULL (the message has more in it than is looked into): clamd alone. Waits for clamd, at most as long as
 * the configuration says; without fibers it is not asked. False: the gather's arena is at its cap. */
bool gather_examine_content(struct gather *gather, const struct content_rules *rules,
                            const struct readable *readable) must_check;

#endif
