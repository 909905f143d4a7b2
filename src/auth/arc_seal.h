/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arc_seal: adds an ARC Set to a message (rfc8617:5.1).
 *
 * The private key may live in another process: it is asked through a dkim_signer
 * (auth/dkim_sign.h). Everything made lives in the arena.
 */
#ifndef VOUCH_AUTH_ARC_SEAL_H
#define VOUCH_AUTH_ARC_SEAL_H

#include "auth/arc.h"
#include "auth/dkim_sign.h"

struct arc_sealing {
    enum dkim_algorithm algorithm; /* rsa-sha256 unless there is a reason */
    struct bytes domain, selector;
    int64_t time; /* t=; 0: not written */
    const struct auth_results
        *auth_results; /* what we found, without the arc statement of older ones */
    /* Names of fields to sign, each as often as it stands in the message; ends with NULL. NULL: the
     * default list, which has the DKIM-Signatures, too, and names the fields that are sealed
     * against additions once more. "From" is always among them, Authentication-Results and ARC
     * fields never (rfc8617:4.1.2). */
    const char *const *headers;
    /* b= in one line. A seal covers the white space in the b= before it, and the common test suite
     * expects none. */
    bool unfolded;
};

/* What all Authentication-Results of this authserv-id in the message say together, from the top
 * (rfc8617:4.1.1); those that cannot be read are passed over. For messages that went through a
 * border which removes what strangers wrote under this name. NONE: there is none; TEMP: the arena's
 * cap. */
enum result arc_seal_collect_results(struct arena *arena, const struct message *message,
                                     struct bytes authserv_id, struct auth_results *out) must_check;

/* `chain` is what arc_verify() found on the message as it came in (temperror seals cv=fail:
 * rfc8617:5.2 knows no other result). Appends ARC-Seal, ARC-Message-Signature and
 * ARC-Authentication-Results with their CRLFs; they go before the whole header. Waits where the
 * body is large or the signer does. NONE: the chain must not be sealed (its newest seal says fail,
 * or 50 sets are there); PERM, TEMP as dkim_sign(); PERM also if the sets are not those that
 * `chain` speaks of. */
enum result arc_seal(struct arena *arena, const struct message *message,
                     const struct arc_sealing *sealing, const struct arc_results *chain,
                     dkim_signer *signer, void *context, struct buf *out,
                     struct error *error) must_check;

#endif
