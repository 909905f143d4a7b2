/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * internationalized: whether a message is one, beyond its addresses (rfc6531:3.5, rfc6532:3).
 */
#ifndef VOUCH_OUTBOUND_INTERNATIONALIZED_H
#define VOUCH_OUTBOUND_INTERNATIONALIZED_H

#include "base/arena.h"

/*
 * Whether its header or that of a part in it holds octets above 127, so that a server must know SMTPUTF8.
 * Messages within it (message/global) do not count: those are content. True too where it is too deep or has
 * too many parts to know, or memory is out.
 */
bool internationalized_header(struct arena *arena, struct bytes content);

#endif
