/* SPDX-License-Identifier: BSD-2-Clause */
/* spf_steps: shows how an SPF or Sender ID record was evaluated, for people and for machines. */
#ifndef VOUCH_CMD_SPF_STEPS_H
#define VOUCH_CMD_SPF_STEPS_H

#include "auth/spf.h"
#include "base/json.h"

/* A line a step, indented by its depth. Records come from strangers: control characters in them
 * are shown as '?'. */
void spf_steps_write_text(struct buf *out, const struct spf_step *steps, size_t count);
/* The value of a key: an array of objects. */
void spf_steps_write_json(struct json *json, const struct spf_step *steps, size_t count);

#endif
