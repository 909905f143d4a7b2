/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter at the edge: the models, which the store hands over; and its part in their learning. */
#include "roles/edge_model.h"

#include "base/log.h"
#include "fiber/offload.h"
#include "filter/features_wire.h"
#include "roles/models.h"
#include "roles/original.h"
#include "roles/parcel.h"
#include "roles/train.h"

#include <stdlib.h>
#include <unistd.h>

enum { MODELS_MAX = 10000, READ_MEMORY = 64 << 20, OFFLOAD_MIN = 64 * 1024 };
#define ASK_TIMEOUT (5 * SECOND)
#define ASK_AGAIN MINUTE         /* for a model that was not there */
#define WORK_TIMEOUT (40 * SECOND)

/* A model by its name, or that there was none. */
struct known_model {
    struct model *model;
    int64_t ask_at; /* loop time */
    bool asking;    /* a fiber does */
};

struct edge_models {
    struct edge *edge;
    struct map *known;
    struct fiber_signal answered;
};

struct edge_models *edge_models_create(struct edge *edge)
{
    struct edge_models *models = calloc(1, sizeof(*models));
    if (models)
        *models = (struct edge_models){.edge = edge, .known = map_create()};
    if (models && !models->known) {
        free(models);
        models = NULL;
    }
    return models;
}

static void free_known(void *value)
{
    struct known_model *known = value;
    model_close(known->model);
    free(known);
}

void edge_models_destroy(struct edge_models *models)
{
    if (!models)
        return;
    map_destroy(models->known, free_known);
    free(models);
}

static struct model *ask(struct edge *edge, struct bytes name)
{
    int64_t deadline = loop_deadline(ASK_TIMEOUT);
    struct ipc_channel *store = edge_store(edge, deadline);
    struct arena *arena = arena_create(64 * 1024);
    struct model *model = NULL;
    struct error error;
    struct buf payload;
    buf_init(&payload, 1024);
    ipc_add_bytes(&payload, name);
    struct ipc_message request = {.type = STORE_MODEL, .payload = buf_bytes(&payload)}, answer;
    if (arena && store && ipc_call(store, arena, &request, &answer, deadline, &error) == OK) {
        if (answer.descriptors[0] >= 0 && model_map(answer.descriptors[0], name, &model, &error) != OK)
            log_warning("filter", "the model " BYTES_FMT " cannot be used: %s", BYTES_ARG(name), error.text);
        role_close_descriptors(answer.descriptors, true);
    }
    buf_free(&payload);
    arena_destroy(arena);
    return model;
}

/* While a fiber asks, others of the same name wait for it: else the first messages after a start went unread. */
const struct filter_model *edge_models_get(struct edge_models *models, struct bytes name)
{
    struct known_model *known = map_get(models->known, name);
    while (known && known->asking)
        if (fiber_signal_wait(&models->answered, loop_deadline(ASK_TIMEOUT)) != 0)
            break;
    if (known && (known->model || loop_now() < known->ask_at))
        return known->model ? &known->model->filter : NULL;
    if (!known && map_count(models->known) >= MODELS_MAX)
        return NULL;
    if (!known) {
        known = calloc(1, sizeof(*known));
        if (known && !map_put(models->known, name, known, NULL)) {
            free(known);
            known = NULL;
        }
    }
    if (!known)
        return NULL;
    known->ask_at = loop_deadline(ASK_AGAIN);
    known->asking = true;
    struct model *model = ask(models->edge, name);
    known->model = model;
    known->asking = false;
    fiber_signal_all(&models->answered);
    return model ? &model->filter : NULL;
}

/* Learning */

static enum result make_features(struct edge *edge, struct arena *arena, struct bytes content,
                                 struct train_features *out, struct buf *features, struct error *error)
{
    struct original original;
    struct mime mime;
    struct readable readable;
    struct filter_features made;
    enum result result = original_find(arena, content, bytes_of(edge->role->config.hostname), &original, error);
    if (result == OK)
        result = mime_parse(arena, &original.message, NULL, &mime, error);
    if (result == OK)
        result = readable_make(arena, &original.message, &mime, &readable, error);
    if (result == OK)
        result = filter_features_make(arena, &original.message, &readable, &made, error);
    if (result != OK)
        return result;
    filter_features_write(features, &made);
    out->made = !features->failed;
    out->identity = original.identity;
    out->id = original.id;
    out->features = buf_bytes(features);
    return OK;
}

struct making {
    struct edge *edge;
    struct arena *arena;
    struct bytes content;
    struct train_features *out;
    struct buf *features;
    struct error *error;
    enum result result;
};

static void make(void *argument)
{
    struct making *m = argument;
    m->result = make_features(m->edge, m->arena, m->content, m->out, m->features, m->error);
}

/* Large mail on a thread of the pool: mail that comes in does not wait for it. */
static enum result make_anywhere(struct making making)
{
    if (making.content.len > OFFLOAD_MIN)
        offload(make, &making);
    else
        make(&making);
    return making.result;
}

static void answer_work(struct edge *edge, struct ipc_channel *store, const struct train_work *work)
{
    struct arena *arena = arena_create(READ_MEMORY);
    struct train_features answer = {.job = work->job};
    struct ipc_message message = {.type = TRAIN_FEATURES};
    struct error error = {{0}};
    struct buf features, payload;
    buf_init(&features, PARCEL_MAX / 2);
    buf_init(&payload, PARCEL_MAX);
    struct making making = {edge, arena, work->content, &answer, &features, &error, OK};
    if (!arena || make_anywhere(making) != OK)
        log_debug("filter", "a message to learn cannot be read: %s", error.text);
    train_features_write(&payload, &answer);
    if (!payload.failed && parcel_pack(&message, buf_bytes(&payload)) &&
        ipc_send(store, &message, loop_deadline(ASK_TIMEOUT), &error) != OK)
        log_warning("filter", "the features of a message are lost: %s", error.text);
    parcel_release(&message);
    buf_free(&payload);
    buf_free(&features);
    arena_destroy(arena);
}

/* One question at a time: the store answers when there is something to learn. */
static bool work_once(struct edge *edge)
{
    int64_t deadline = loop_deadline(WORK_TIMEOUT);
    struct ipc_channel *store = edge_store(edge, deadline);
    struct arena *arena = store ? arena_create(4 << 20) : NULL;
    struct ipc_message request = {.type = TRAIN_WORK}, answer;
    struct train_work work;
    struct bytes payload;
    bool asked = arena && ipc_call(store, arena, &request, &answer, deadline, NULL) == OK;
    if (asked && parcel_unpack(&answer, arena, &payload) && train_work_read(payload, &work) && work.job)
        answer_work(edge, store, &work);
    if (asked)
        role_close_descriptors(answer.descriptors, true);
    arena_destroy(arena);
    return asked;
}

void edge_train_fiber(void *argument)
{
    struct edge *edge = argument;
    while (!edge->stopping)
        if (!work_once(edge) && fiber_sleep(SECOND) != 0)
            break;
}
