/* SPDX-License-Identifier: BSD-2-Clause */
/* dmarc_text: a DMARC result in plain sentences, and as members of a JSON object. */
#ifndef VOUCH_CMD_DMARC_TEXT_H
#define VOUCH_CMD_DMARC_TEXT_H

#include "auth/dmarc.h"
#include "base/json.h"

/* What was asked, what came, which record is used and why, and what it wants. */
void dmarc_text_discovery(struct buf *out, const struct dmarc_result *dmarc, enum dmarc_mode mode);
/* A line for each identifier: whether it counts, and why. */
void dmarc_text_identifiers(struct buf *out, const struct dmarc_result *dmarc);

/* "policy_domain", "organizational_domain", "record", "policy", … and "steps". */
void dmarc_text_discovery_json(struct json *json, const struct dmarc_result *dmarc,
                               enum dmarc_mode mode);
void dmarc_text_identifiers_json(struct json *json, const struct dmarc_result *dmarc);

#endif
