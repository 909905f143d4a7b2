/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * overlay: any struct dns with a few TXT records in place that are not published (yet).
 *
 * What a name was given is answered as if it stood in the DNS; everything else is asked below. So a
 * record can be tried before it is published. Everything set lives in the arena given at the start,
 * which must outlive the overlay; nothing needs releasing. Answers live in the asker's arena.
 */
#ifndef VOUCH_DNS_OVERLAY_H
#define VOUCH_DNS_OVERLAY_H

#include "dns/dns.h"

struct dns_overlay_text;

struct dns_overlay {
    struct dns dns; /* first: ask through &overlay.dns */
    struct dns *below;
    struct arena *arena;
    struct dns_overlay_text *texts;
};

void dns_overlay_init(struct dns_overlay *overlay, struct dns *below, struct arena *arena);

/*
 * Puts the TXT record `text` in the place of all TXT records of `name` that begin with the word
 * `version` ("v=spf1", "v=DMARC1"; compared without case, and followed by a blank, ";" "," "/" or
 * the end); an empty version stands for all TXT records of the name. Other records of the name stay
 * as they are. With text.ptr NULL those records are only taken away. What was set before for the
 * same name and version is replaced.
 *
 * When the look-up below fails for such a name, the answer consists of what was set alone: one asks
 * what would be if the record were there. The answer is not marked as authenticated. Where an alias
 * leads from the name, its target's records count as the name's. False at the arena's cap.
 */
bool dns_overlay_set_txt(struct dns_overlay *overlay, struct bytes name, struct bytes version,
                         struct bytes text) must_check;

#endif
