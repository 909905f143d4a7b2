/* SPDX-License-Identifier: BSD-2-Clause */
/* arc_key: verification with the public keys of a chain. */
#ifndef VOUCH_AUTH_ARC_KEY_H
#define VOUCH_AUTH_ARC_KEY_H

#include "auth/dkim_hash.h"
#include "auth/key_fetch.h"
#include "message/auth_results.h"

/* pass, fail, permerror (no key that could be used), temperror; with the reason in the error. */
enum auth_result arc_key_verify(const struct key_fetch *key, const struct dkim_signature *signature,
                                const struct dkim_hash *hash, struct error *error);

#endif
