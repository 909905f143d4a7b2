/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * items: what SPF and DMARC found, as results and properties of an item of evidence. Where a message is
 * checked (gather) and where one that was checked is looked at again (vouch spf simulate) they are named
 * alike.
 *
 * Slices and values are kept, in the arena where they must be copied. False: the arena is at its cap.
 */
#ifndef VOUCH_ROLES_ITEMS_H
#define VOUCH_ROLES_ITEMS_H

#include "auth/dmarc.h"
#include "auth/spf.h"
#include "verdict/evidence.h"

/* Adds a property; an empty value is left out. */
bool item_add(struct arena *arena, struct evidence_item *item, const char *type, const char *name,
              struct bytes value) must_check;

bool item_set_spf(struct arena *arena, struct evidence_item *item, const struct spf_result *spf)
    must_check;

/* The policy that holds for a message after pct= (rfc7489:6.6.4): drawn by its id, so that it is the
 * same whenever the message is looked at. */
enum dmarc_policy item_policy(const struct dmarc_result *dmarc, struct bytes id);

/* `signer`: the domain of the aligned signature, if there is one. */
bool item_set_dmarc(struct arena *arena, struct evidence_item *item,
                    const struct dmarc_result *dmarc, struct bytes id, struct bytes signer)
    must_check;

#endif
