/* SPDX-License-Identifier: BSD-2-Clause */
/* features_wire: the features of a message from one process to another, for learning: without the text. */
#ifndef VOUCH_FILTER_FEATURES_WIRE_H
#define VOUCH_FILTER_FEATURES_WIRE_H

#include "base/buf.h"
#include "filter/filter.h"

void filter_features_write(struct buf *out, const struct filter_features *features);
/* Of a hostile peer: false if it is not exactly what filter_features_write() makes, or at the arena's cap. What is
 * read can be learned; as clues it would have no text. */
bool filter_features_read(struct arena *arena, struct bytes octets, struct filter_features *out) must_check;

#endif
