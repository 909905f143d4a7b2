/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a plain thread runs checks.
 *
 * With the built-in resolver: on a loop of its own that lives as long as the call, so that look-ups wait
 * side by side; nothing is open between two calls. No worker threads: bodies are hashed inline.
 *
 * With the caller's resolver: without any loop. The checks then ask one thing after the other, and the
 * callback runs on the caller's own stack, which may be deeper than a fiber's.
 *
 * A name server that closes a TCP connection must not end the caller's program: SIGPIPE is blocked during
 * the call, and one that came meanwhile is taken away. It is sent to the thread that wrote, so no other's is
 * lost.
 */
#include "library/library.h"

#include "fiber/loop.h"

#include <signal.h>
#include <time.h>

struct session {
    struct vouch_context *context;
    void (*function)(void *);
    void *argument;
    struct error *error;
    enum result result;
};

struct quiet {
    sigset_t before;
    bool was_pending;
};

static bool pipe_is_pending(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static sigset_t pipe_alone(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

static void hold_signals(struct quiet *quiet)
{
    sigset_t set = pipe_alone();
    quiet->was_pending = pipe_is_pending();
    pthread_sigmask(SIG_BLOCK, &set, &quiet->before);
}

static void release_signals(const struct quiet *quiet)
{
    sigset_t set = pipe_alone();
    const struct timespec at_once = {0};
    while (!quiet->was_pending && pipe_is_pending() && sigtimedwait(&set, NULL, &at_once) > 0)
        ;
    pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

static void run(void *argument)
{
    struct session *session = argument;
    struct vouch_context *context = session->context;
    struct dns_transport_options options = {.servers = context->servers,
                                            .server_count = context->server_count};
    /* Three rounds must fit in. */
    if (context->timeout < 14 * SECOND)
        options.timeout = context->timeout / 7 + MILLISECOND;
    context->transport = library_open_transport(&options, session->error);
    if (!context->transport)
        return;
    session->function(session->argument);
    library_close_transport(context->transport);
    context->transport = NULL;
    session->result = OK;
}

static enum result run_on_loop(struct session *session)
{
    struct loop_options options = {.fiber_max = 256};
    struct quiet quiet;
    hold_signals(&quiet);
    struct loop *loop = loop_create(&options);
    bool ran = loop && loop_run_if_possible(loop, run, session);
    loop_destroy(loop);
    release_signals(&quiet);
    if (ran)
        return session->result;
    return error_set(session->error, TEMP, "out of memory or of descriptors");
}

enum result library_run(struct vouch_context *context, void (*function)(void *), void *argument,
                        struct error *error)
{
    library_enter_thread();
    if (context->resolve) {
        function(argument);
        return OK;
    }
    struct session session = {context, function, argument, error, TEMP};
    return run_on_loop(&session);
}
