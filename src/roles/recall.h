/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recall: the features of messages that a model learned last, some hundreds of each class, as a file beside it.
 *
 * The filter learns one message after another, and forgets ham over a long row of spam, and the other way about:
 * people teach it a folder of the one, then a folder of the other, and users only ever what was wrong. So each of a
 * row is followed by one of the other class that it is reminded of (filter_rehearse()).
 *
 * Features are hashes, and nobody's words. What a crash tore is read within its bounds.
 */
#ifndef VOUCH_ROLES_RECALL_H
#define VOUCH_ROLES_RECALL_H

#include "filter/filter.h"

enum {
    RECALL_MESSAGES = 512,  /* of each class; the oldest makes way */
    RECALL_FEATURES = 1800, /* of one; of more, some are kept */
    RECALL_IDENTITY = 32
};

struct recall;

/* Opens or makes FOLDER/NAME.recall; what is there and is none is replaced. `seed`: the model's; of another model's
 * messages nothing is kept. TEMP on disk trouble or out of memory. Blocks. */
enum result recall_open(const char *folder, struct bytes name, uint64_t seed, struct recall **out,
                        struct error *error) must_check;
void recall_close(struct recall *recall); /* NULL is fine */
void recall_sync(const struct recall *recall);

void recall_keep(struct recall *recall, struct bytes identity, const struct filter_features *features, bool spam);
void recall_drop(struct recall *recall, struct bytes identity, bool spam);

/* The next of a class, in turns; valid until the next call. False: none is kept. */
bool recall_next(struct recall *recall, bool spam, struct filter_features *out);

#endif
