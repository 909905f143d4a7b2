/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/store_train.h"

#include "base/log.h"
#include "fiber/offload.h"
#include "filter/features_wire.h"
#include "roles/folder.h"
#include "roles/memfd.h"
#include "roles/models.h"
#include "roles/parcel.h"
#include "roles/recall.h"
#include "roles/store_known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    JOBS_MAX = 64,
    LATER_MAX = 256,
    LATER_OCTETS_MAX = 32 << 20,
    TRAP_LESSONS_MOST = 20, /* of one network in a day: else a stranger teaches what he likes */
    LEARNED_DAYS = 400, /* how long is remembered what a message was learned as */
    REMINDED_MOST = 4    /* messages rehearsed for one that is learned */
};
#define WORK_PATIENCE (20 * SECOND) /* for an edge that asks for work */
#define JOB_PATIENCE (15 * SECOND)  /* from handing over to the features; then another edge gets it */
#define EDGE_PATIENCE (90 * SECOND) /* for anybody to ask */
#define SYNC_EVERY (30 * SECOND)

enum job_state { JOB_WAITS, JOB_GIVEN, JOB_DONE };

struct train_job {
    struct train_job *next;
    uint64_t id;
    const struct ipc_channel *given_to; /* only compared: who else answers guesses */
    const struct train_request *request;
    struct train_request kept;  /* of a job that nobody waits for */
    uint8_t *copy;
    bool alone;                 /* nobody waits: the job frees itself */
    enum job_state state;
    int64_t given_until;        /* loop time; then another edge gets it */
    enum result result;
    enum train_outcome outcome;
    struct error error;
    struct fiber_signal done;
};

struct store_train {
    struct store *store;
    char *folder;
    size_t slots;
    struct model *models;
    struct train_job *first, **last;
    size_t count;
    size_t later_octets; /* of copies */
    uint64_t ids;
    struct fiber_signal wanted;
    int64_t next_sync;
};

/* Models */

static struct model *find_model(struct store_train *train, struct bytes name, struct error *error)
{
    for (struct model *model = train->models; model; model = model->next)
        if (bytes_is(name, model->name))
            return model;
    struct model *opened;
    if (model_open(train->folder, name, train->slots, &opened, error) != OK)
        return NULL;
    opened->next = train->models;
    train->models = opened;
    return opened;
}

static void end_job(struct store_train *train, struct train_job *job);

void store_train_stop(struct store *store)
{
    struct store_train *train = store->train;
    while (train && train->first) {
        train->first->result = error_set(&train->first->error, TEMP, "the gateway is stopping");
        end_job(train, train->first);
    }
    if (train)
        fiber_signal_all(&train->wanted);
}

/* As many slots as the configured size has room for. */
static size_t slots_for(uint64_t size)
{
    size_t slots = FILTER_SLOTS_MIN;
    while (slots < FILTER_SLOTS_MAX && filter_model_size(slots * 2) <= size)
        slots *= 2;
    return slots;
}

enum result store_train_open(struct store *store, struct error *error)
{
    const struct config *config = &store->role->config;
    struct store_train *train = arena_new(store->role->arena, struct store_train);
    struct bytes folder = arena_printf(store->role->arena, "%s/filter", config->data_directory);
    if (!train || !(train->folder = arena_string(store->role->arena, folder)))
        return error_set(error, TEMP, "out of memory");
    train->store = store;
    train->last = &train->first;
    train->slots = slots_for(config->filter.size);
    store->train = train;
    if (!config->filter.on)
        return OK;
    enum result result = folder_make(train->folder, NULL, error);
    /* A filter that cannot be had, for a full disk mostly, is no reason to take no mail. */
    if (result == OK && !find_model(train, MODEL_SHARED, error))
        log_error("filter", "it goes without: %s", error->text);
    return result;
}

void store_train_close(struct store *store)
{
    while (store->train && store->train->models) {
        struct model *model = store->train->models;
        store->train->models = model->next;
        model_close(model);
    }
}

static void sync_models(void *argument)
{
    struct store_train *train = argument;
    for (struct model *model = train->models; model; model = model->next)
        model_sync(model);
}

/* Only models that exist: an edge that asks for many names must not make a file for each. */
void store_answer_model(struct store *store, struct ipc_request *request)
{
    struct cursor cursor = cursor_over(request->message.payload);
    struct bytes name = ipc_take_bytes(&cursor);
    struct ipc_message answer = {.type = STORE_MODEL, .descriptors = {-1, -1, -1, -1}};
    if (cursor.failed || !cursor_at_end(&cursor))
        return;
    int fd = store->train && store->role->config.filter.on ? model_descriptor(store->train->folder, name) : -1;
    answer.descriptors[0] = fd;
    ipc_reply(request, &answer);
    if (fd >= 0)
        close(fd);
}

/* Work for edges */

static void unlink_job(struct store_train *train, struct train_job *job)
{
    struct train_job **place = &train->first;
    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
    if (train->last == &job->next)
        train->last = place;
    train->count--;
}

/* Whoever waits for it hears of it, and owns it. */
static void finish_job(struct store_train *train, struct train_job *job)
{
    job->state = JOB_DONE;
    unlink_job(train, job);
    fiber_signal_all(&job->done);
}

static void end_job(struct store_train *train, struct train_job *job)
{
    finish_job(train, job);
    if (!job->alone)
        return;
    if (job->result != OK)
        log_warning("filter", "a message was not learned: %s", job->error.text);
    train->later_octets -= job->kept.content.len;
    free(job->copy);
    free(job);
}

static void add_job(struct store_train *train, struct train_job *job)
{
    job->id = ++train->ids;
    job->next = NULL;
    *train->last = job;
    train->last = &job->next;
    train->count++;
    fiber_signal_all(&train->wanted);
}

/* One that waits, or that an edge took and did not come back with. */
static struct train_job *take_job(struct store_train *train)
{
    for (struct train_job *job = train->first; job; job = job->next)
        if (job->state == JOB_WAITS || loop_now() > job->given_until)
            return job;
    return NULL;
}

/* When a job that was given away comes back, if that is sooner. */
static int64_t next_look(const struct store_train *train, int64_t until)
{
    for (const struct train_job *job = train->first; job; job = job->next)
        if (job->state == JOB_GIVEN && job->given_until + 1 < until)
            until = job->given_until + 1;
    return until;
}

void store_answer_train_work(struct store *store, struct ipc_request *request)
{
    struct store_train *train = store->train;
    int64_t until = loop_deadline(WORK_PATIENCE);
    struct train_job *job = NULL;
    struct buf payload;
    while (train && !store->finishing && !(job = take_job(train)) && loop_now() < until)
        if (fiber_signal_wait(&train->wanted, next_look(train, until)) == ECANCELED)
            break;
    struct train_work work = {.job = job ? job->id : 0,
                              .content = job ? bytes_first(job->request->content, TRAIN_MESSAGE_MAX) : BYTES("")};
    struct ipc_message answer = {.type = TRAIN_WORK};
    buf_init(&payload, PARCEL_MAX);
    train_work_write(&payload, &work);
    if (!payload.failed && parcel_pack(&answer, buf_bytes(&payload))) {
        if (job) {
            job->state = JOB_GIVEN;
            job->given_to = request->channel;
            job->given_until = loop_deadline(JOB_PATIENCE);
        }
        ipc_reply(request, &answer);
    }
    parcel_release(&answer);
    buf_free(&payload);
}

/* Learning */

/* What the message was learned as, by this model: 0 nothing, 1 ham, 2 spam. Models are this machine's, and so is
 * what is known of them. */
static enum result learned_as(struct store *store, struct bytes key, uint64_t *class, struct error *error)
{
    struct counter_operation operation = {.kind = COUNTER_GET, .key = key};
    enum result result = counters_run_here(store->counters, &operation, 1, loop_epoch(), error);
    *class = result == OK ? operation.value : 0;
    return result == TEMP ? TEMP : OK;
}

static enum result remember(struct store *store, struct bytes key, uint64_t class, struct error *error)
{
    struct counter_operation operation = {.kind = class ? COUNTER_SET : COUNTER_REMOVE,
                                          .key = key,
                                          .delta = (int64_t)class,
                                          .expires_at = loop_epoch() + (int64_t)LEARNED_DAYS * (DAY / SECOND)};
    return counters_run_here(store->counters, &operation, 1, loop_epoch(), error);
}

static void take_back(struct model *model, const struct filter_features *features, struct bytes identity, bool spam)
{
    filter_train(&model->filter, features, spam, true);
    recall_drop(model->recall, identity, spam);
}

/* How many of the other class it is reminded of: in the proportion in which it knows the two. */
static uint64_t reminders(const struct model *model, bool spam)
{
    struct filter_counts counts = filter_model_counts(&model->filter);
    uint64_t same = spam ? counts.spam : counts.ham, other = spam ? counts.ham : counts.spam;
    uint64_t times = other / (same + 1);
    return times < 1 ? 1 : times < REMINDED_MOST ? times : REMINDED_MOST;
}

/* recall.h says why. */
static void take_in(struct model *model, const struct filter_features *features, struct bytes identity, bool spam)
{
    struct filter_features reminded;
    uint64_t times = model->row == 1 + spam ? reminders(model, spam) : 0;
    filter_train(&model->filter, features, spam, false);
    recall_keep(model->recall, identity, features, spam);
    for (uint64_t i = 0; i < times && recall_next(model->recall, !spam, &reminded); i++)
        filter_rehearse(&model->filter, &reminded, !spam);
    model->row = 1 + spam;
}

/* The key bears the model's seed: a model that is begun anew knows nothing. */
static bool make_key(struct buf *key, const struct model *model, struct bytes identity)
{
    buf_init(key, COUNTER_KEY_MAX);
    buf_printf(key, "learned:%s:%016llx:", model->name, (unsigned long long)model->filter.seed);
    buf_add(key, identity);
    return !key->failed;
}

/* A crash between the two is a message that is learned, or forgotten, once too often or too seldom; the model is
 * no worse for it. Nothing here waits: of two edges with the same message the second finds it known. */
static enum result learn(struct store_train *train, struct bytes name, const struct filter_features *features,
                         struct bytes identity, enum train_class class, enum train_outcome *outcome,
                         struct error *error)
{
    struct model *model = find_model(train, name, error);
    uint64_t before = 0, after = class == TRAIN_FORGET ? 0 : class == TRAIN_HAM ? 1 : 2;
    struct buf key;
    if (!model)
        return TEMP;
    enum result result = make_key(&key, model, identity)
                             ? learned_as(train->store, buf_bytes(&key), &before, error)
                             : error_set(error, PERM, "a name that is too long");
    if (result == OK && before == after) {
        *outcome = TRAIN_KNOWN;
    } else if (result == OK) {
        if (before)
            take_back(model, features, identity, before == 2);
        if (after)
            take_in(model, features, identity, after == 2);
        *outcome = before ? TRAIN_CHANGED : TRAIN_LEARNED;
        result = remember(train->store, buf_bytes(&key), after, error);
    }
    buf_free(&key);
    return result;
}

static enum result learn_all(struct store_train *train, const struct train_request *request,
                             const struct train_features *given, const struct filter_features *features,
                             enum train_outcome *outcome, struct error *error)
{
    enum train_outcome own;
    const struct config *config = &train->store->role->config;
    enum result result = learn(train, MODEL_SHARED, features, given->identity, request->class, outcome, error);
    if (result == OK && config->filter.per_domain && request->domain.len &&
        config_is_our_domain(config, request->domain) && model_name_is_valid(request->domain))
        result = learn(train, request->domain, features, given->identity, request->class, &own, error);
    return result;
}

static struct train_job *find_job(struct store_train *train, uint64_t id)
{
    struct train_job *job = train->first;
    while (job && job->id != id)
        job = job->next;
    return job;
}

static void use_features(struct store_train *train, struct train_job *job, struct ipc_request *request,
                         const struct train_features *given)
{
    struct filter_features features;
    job->outcome = TRAIN_UNREADABLE;
    job->result = OK;
    if (!given->made)
        return;
    if (!filter_features_read(request->arena, given->features, &features)) {
        job->result = error_set(&job->error, TEMP, "an edge sent features that cannot be read");
        return;
    }
    job->result = learn_all(train, job->request, given, &features, &job->outcome, &job->error);
}

void store_answer_train_features(struct store *store, struct ipc_request *request)
{
    struct store_train *train = store->train;
    struct train_features given;
    struct bytes payload;
    if (!train || !parcel_unpack(&request->message, request->arena, &payload) ||
        !train_features_read(payload, &given))
        return;
    /* Whoever was too slow finds that another has done it. */
    struct train_job *job = find_job(train, given.job);
    if (!job || job->state != JOB_GIVEN || job->given_to != request->channel)
        return;
    use_features(train, job, request, &given);
    /* What follows may wait, and by then the job is gone. */
    bool tells = job->result == OK && (job->outcome == TRAIN_LEARNED || job->outcome == TRAIN_CHANGED);
    enum train_class class = job->request->class;
    struct bytes reporter = arena_copy(request->arena, job->request->reporter);
    end_job(train, job);
    if (tells && reporter.len)
        store_known_report(store, reporter, given.id, class);
    if (loop_now() >= train->next_sync) {
        train->next_sync = loop_deadline(SYNC_EVERY);
        offload(sync_models, train);
    }
}

enum result store_train(struct store *store, const struct train_request *request, enum train_outcome *outcome,
                        struct error *error)
{
    struct store_train *train = store->train;
    struct train_job job = {.request = request};
    int64_t until = loop_deadline(EDGE_PATIENCE);
    if (!train || !store->role->config.filter.on)
        return error_set(error, PERM, "the filter is switched off (section filter, enabled)");
    if (train->count >= JOBS_MAX + LATER_MAX)
        return error_set(error, TEMP, "too many messages are being learned");
    add_job(train, &job);
    while (job.state != JOB_DONE)
        if (fiber_signal_wait(&job.done, until) != 0)
            break;
    if (job.state != JOB_DONE) {
        job.result = error_set(&job.error, TEMP, "no edge reads messages for the filter");
        finish_job(train, &job);
    }
    *outcome = job.outcome;
    if (job.result != OK && error)
        *error = job.error;
    return job.result;
}

void store_train_later(struct store *store, const struct train_request *request)
{
    struct store_train *train = store->train;
    size_t size = request->content.len < TRAIN_MESSAGE_MAX ? request->content.len : TRAIN_MESSAGE_MAX;
    size_t room = size + request->domain.len + request->reporter.len;
    if (!train || !store->role->config.filter.on || train->count >= LATER_MAX ||
        size > LATER_OCTETS_MAX - train->later_octets)
        return;
    struct train_job *job = calloc(1, sizeof(*job));
    uint8_t *copy = malloc(room ? room : 1);
    if (!job || !copy) {
        free(job);
        free(copy);
        return;
    }
    memcpy(copy, request->content.ptr, size);
    if (request->domain.len)
        memcpy(copy + size, request->domain.ptr, request->domain.len);
    if (request->reporter.len)
        memcpy(copy + size + request->domain.len, request->reporter.ptr, request->reporter.len);
    job->kept = (struct train_request){
        .content = bytes_from(copy, size),
        .class = request->class,
        .domain = bytes_from(copy + size, request->domain.len),
        .reporter = bytes_from(copy + size + request->domain.len, request->reporter.len)};
    job->copy = copy;
    job->request = &job->kept;
    job->alone = true;
    train->later_octets += size;
    add_job(train, job);
}

/* Counts one lesson of the client's network; false if there were enough today. */
static bool may_teach(struct store *store, struct bytes client)
{
    struct ip ip;
    struct buf key;
    struct error error;
    struct arena *arena = arena_create(64 << 10);
    int64_t now = loop_epoch(), day = DAY / SECOND;
    struct bytes network = arena && ip_parse(client, &ip)
                               ? history_network(arena, &ip, HISTORY_NETWORK_V4, HISTORY_NETWORK_V6)
                               : BYTES("");
    buf_init(&key, COUNTER_KEY_MAX);
    buf_printf(&key, "trap-lessons:" BYTES_FMT, BYTES_ARG(network));
    struct counter_operation operation = {.kind = COUNTER_ADD, .key = buf_bytes(&key), .delta = 1,
                                          .expires_at = now + day, .most = TRAP_LESSONS_MOST};
    bool may = !key.failed && counters_run_here(store->counters, &operation, 1, now, &error) == OK;
    buf_free(&key);
    arena_destroy(arena);
    return may;
}

void store_train_trap(struct store *store, struct bytes content, struct bytes client)
{
    struct train_request request = {.content = content, .class = TRAIN_SPAM};
    /* What cannot be remembered as learned would be learned again and again. */
    if (store->train && store->role->config.filter.on && !store_known_rules(store).crowded &&
        may_teach(store, client))
        store_train_later(store, &request);
}
