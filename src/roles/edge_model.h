/* SPDX-License-Identifier: BSD-2-Clause */
/* edge_model: the filter's models in an edge, and the edge's part in their learning (roles/train.h). */
#ifndef VOUCH_ROLES_EDGE_MODEL_H
#define VOUCH_ROLES_EDGE_MODEL_H

#include "filter/filter.h"
#include "roles/edge.h"

struct edge_models *edge_models_create(struct edge *edge); /* NULL: out of memory */
void edge_models_destroy(struct edge_models *models);      /* NULL is fine */

/* "shared", or a domain's; NULL: there is none. Asks the store the first time, and now and then again. Valid
 * until edge_models_destroy(). */
const struct filter_model *edge_models_get(struct edge_models *models, struct bytes name);

/* Asks the store for messages to make features of, one at a time, until the edge stops. */
void edge_train_fiber(void *edge);

#endif
