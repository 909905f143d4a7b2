/* SPDX-License-Identifier: BSD-2-Clause */
/* readable_words: header text with encoded words (RFC 2047) as UTF-8, whatever charsets they are in. */
#ifndef VOUCH_MESSAGE_READABLE_WORDS_H
#define VOUCH_MESSAGE_READABLE_WORDS_H

#include "base/arena.h"

/* Octets outside words are UTF-8 if they can be, else windows-1252. Of words that stand side by side in one charset
 * the octets are joined first, because characters are cut in two in practice. In the arena; ptr NULL at its cap. */
struct bytes readable_words(struct arena *arena, struct bytes text);

#endif
