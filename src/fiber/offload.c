/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool is a queue of jobs under one lock. A job lies on the stack of the fiber that waits for
 * it. What is done goes into a second queue, and the first to enter that one writes to an eventfd,
 * which wakes the loop. The threads are all made at the start: once a sandbox is closed none can
 * be.
 */
#include "fiber/offload.h"

#include "fiber/private.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WORKER_STACK = 1024 * 1024 };

struct job {
    struct job *next;
    void (*function)(void *);
    void *argument;
    struct fiber *fiber;
    bool back; /* touched by the loop's thread only */
};

struct queue {
    struct job *first, *last;
};

struct pool {
    struct watch watch; /* first: the watch is the pool */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct queue waiting, done;
    bool stopping;
    int event;
    struct loop *loop;
    unsigned count;
    pthread_t workers[];
};

static void queue_add(struct queue *queue, struct job *job)
{
    job->next = NULL;
    if (queue->last)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
}

static struct job *queue_take(struct queue *queue)
{
    struct job *job = queue->first;
    if (!job)
        return NULL;
    queue->first = job->next;
    if (!queue->first)
        queue->last = NULL;
    return job;
}

static void notify(struct pool *pool)
{
    uint64_t one = 1;
    while (write(pool->event, &one, sizeof(one)) < 0)
        if (errno != EINTR)
            panic("eventfd: %d", errno);
}

static void *work(void *argument)
{
    struct pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct job *job = queue_take(&pool->waiting);
        if (!job && pool->stopping)
            break;
        if (!job) {
            pthread_cond_wait(&pool->more, &pool->lock);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        job->function(job->argument);
        pthread_mutex_lock(&pool->lock);
        bool first = !pool->done.first;
        queue_add(&pool->done, job);
        if (first)
            notify(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void jobs_back(struct watch *watch, uint32_t events)
{
    struct pool *pool = (struct pool *)(void *)watch;
    uint64_t count;
    (void)!read(pool->event, &count, sizeof(count));
    pthread_mutex_lock(&pool->lock);
    struct queue done = pool->done;
    pool->done = (struct queue){0};
    pthread_mutex_unlock(&pool->lock);
    for (struct job *job; (job = queue_take(&done));) {
        pool->loop->jobs--;
        job->back = true;
        fiber_wake(job->fiber);
    }
}

static void stop_workers(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->count; i++)
        pthread_join(pool->workers[i], NULL);
}

/* Signals are the loop's (signalfd): no worker may catch one. */
static bool start_workers(struct pool *pool, unsigned workers)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes))
        return false;
    pthread_attr_setstacksize(&attributes, WORKER_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->count < workers &&
           !pthread_create(&pool->workers[pool->count], &attributes, work, pool))
        pool->count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (pool->count == workers)
        return true;
    stop_workers(pool);
    return false;
}

static void pool_free(struct pool *pool)
{
    pthread_cond_destroy(&pool->more);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

bool pool_start(struct loop *loop, unsigned workers)
{
    struct pool *pool = calloc(1, sizeof(*pool) + workers * sizeof(pool->workers[0]));
    if (!pool)
        return false;
    pool->watch.ready = jobs_back;
    pool->loop = loop;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->more, NULL);
    pool->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->event < 0)
        goto no_event;
    if (!loop_watch(loop, pool->event, EPOLLIN, &pool->watch) || !start_workers(pool, workers))
        goto no_workers;
    /* It wakes nothing unless a job is under way, and those are counted. */
    loop->watches--;
    loop->pool = pool;
    return true;
no_workers:
    close(pool->event);
no_event:
    pool_free(pool);
    return false;
}

void pool_stop(struct loop *loop)
{
    struct pool *pool = loop->pool;
    if (!pool)
        return;
    require(!loop->jobs);
    stop_workers(pool);
    close(pool->event);
    pool_free(pool);
    loop->pool = NULL;
}

void offload(void (*function)(void *), void *argument)
{
    struct fiber *fiber = fiber_current();
    struct pool *pool = fiber ? fiber->loop->pool : NULL;
    if (!pool) {
        function(argument);
        return;
    }
    struct job job = {.function = function, .argument = argument, .fiber = fiber};
    fiber->loop->jobs++;
    pthread_mutex_lock(&pool->lock);
    queue_add(&pool->waiting, &job);
    pthread_cond_signal(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    fiber_shield();
    while (!job.back)
        fiber_park(NO_DEADLINE);
    fiber_unshield();
}

bool offload_in_turn(struct offload_line *line, void (*function)(void *), void *argument)
{
    if (line->waiting >= line->most)
        return false;
    line->waiting++;
    int failed = fiber_semaphore_take(&line->turns, loop_deadline(line->patience));
    line->waiting--;
    if (failed)
        return false;
    offload(function, argument);
    fiber_semaphore_give(&line->turns);
    return true;
}
