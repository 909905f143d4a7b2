/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_term: what a term of an SPF record is worth that a message passed by.
 */
#ifndef VOUCH_VERDICT_SPF_TERM_H
#define VOUCH_VERDICT_SPF_TERM_H

#include "base/bytes.h"

/* Whether everybody passes by it, or half of the Internet: "+all", "ip4:0.0.0.0/1". Such a pass proves nobody.
 * `term` is as written in the record, with or without its qualifier. */
bool spf_term_is_everybody(struct bytes term);

#endif
