/* SPDX-License-Identifier: BSD-2-Clause */
/* mime_private: what the parts of the MIME parser share; nobody else includes it. */
#ifndef VOUCH_MESSAGE_MIME_PRIVATE_H
#define VOUCH_MESSAGE_MIME_PRIVATE_H

#include "message/mime.h"

/* Sets type, parameters, encoding, disposition and file name from the fields. `digest`: it stands in a
 * multipart/digest (rfc2046:5.1.5). False at the arena's cap. */
bool mime_interpret(struct arena *arena, struct mime_part *part, bool digest) must_check;

#endif
