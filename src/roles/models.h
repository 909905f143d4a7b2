/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * models: the statistical filter's models as files, DATA-DIRECTORY/filter/NAME.model: "shared", and one for each
 * domain of ours where the configuration says so.
 *
 * The store holds them mapped and is the only one to write; edges get a read-only descriptor and map it, too
 * (filter/filter.h says why that needs no lock). A file keeps its size for as long as it exists, so nobody's
 * mapping loses its ground; one of another size or version is put aside, and a new one begun.
 */
#ifndef VOUCH_ROLES_MODELS_H
#define VOUCH_ROLES_MODELS_H

#include "filter/filter.h"

enum { MODEL_NAME_MAX = 255 };
#define MODEL_SHARED BYTES("shared")

struct recall;

/* A model in this process. */
struct model {
    struct model *next;
    char name[MODEL_NAME_MAX + 1];
    void *memory;
    size_t size;
    struct filter_model filter;
    struct recall *recall; /* recall.h; of the one who trains; closed with the model */
    int row;               /* what was learned last: 0 nothing, 1 ham, 2 spam */
};

/* A name that is a file's name as well: "shared", or a domain in lower case. */
bool model_name_is_valid(struct bytes name);

/* Opens or makes FOLDER/NAME.model for training. `slots` as in filter_model_size(). TEMP on disk trouble or out
 * of memory. Blocks. */
enum result model_open(const char *folder, struct bytes name, size_t slots, struct model **out,
                       struct error *error) must_check;
/* Maps a descriptor that the store gave; it may be closed afterwards. PERM if it is no model. */
enum result model_map(int fd, struct bytes name, struct model **out, struct error *error) must_check;
/* A read-only descriptor of FOLDER/NAME.model, or -errno. */
int model_descriptor(const char *folder, struct bytes name);
/* Starts writing to the disk what was learned. Blocks. */
void model_sync(const struct model *model);
void model_close(struct model *model); /* NULL is fine */

#endif
