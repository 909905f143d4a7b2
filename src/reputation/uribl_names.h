/* SPDX-License-Identifier: BSD-2-Clause */
/* uribl_names: private to uribl: hosts that are known by name. Lower case; pure. */
#ifndef VOUCH_REPUTATION_URIBL_NAMES_H
#define VOUCH_REPUTATION_URIBL_NAMES_H

#include "base/bytes.h"

/* It stands in everybody's mail, and what it shows is its owner's alone: no list could say anything of it. Hosts on
 * which anybody can put pages are not among them. */
bool uribl_is_everywhere(struct bytes host);

/* It leads to wherever its user wanted, and its URL does not say where. */
bool uribl_is_shortener(struct bytes host);

#endif
