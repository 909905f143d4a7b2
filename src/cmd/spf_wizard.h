/* SPDX-License-Identifier: BSD-2-Clause */
/* spf_wizard: what the command `vouch spf wizard` consists of: dialogue and output. */
#ifndef VOUCH_CMD_SPF_WIZARD_H
#define VOUCH_CMD_SPF_WIZARD_H

#include "base/buf.h"
#include "lint/wizard.h"

/* Asks on the terminal what is not answered. False at the end of input. */
bool spf_wizard_dialogue(struct arena *arena, struct wizard_answers *answers);

/* What the DNS has in the place of each record, when that was asked for. */
struct wizard_published {
    enum result result; /* as wizard_compare() */
    struct bytes live;
};

/* `published` NULL: nobody asked. */
void spf_wizard_write_text(struct buf *out, const struct wizard_plan *plan,
                           const struct wizard_published *published, bool colour);
void spf_wizard_write_json(struct buf *out, const struct wizard_plan *plan,
                           const struct wizard_published *published);

#endif
