/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * redis_fixture: a real redis-server of a test's own, on a Unix socket in a temporary folder.
 *
 * Processes are ended by their number; the server dies with the test.
 */
#ifndef VOUCH_STATE_REDIS_FIXTURE_H
#define VOUCH_STATE_REDIS_FIXTURE_H

#include "fiber/fixture.h"
#include "state/counters.h"
#include "state/redis.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define maybe_unused __attribute__((unused))
#define PATIENCE (60 * SECOND) /* only ever used up by what is broken */

struct redis_server {
    char folder[64], socket[96];
    pid_t process; /* 0: none */
    const char *more[4]; /* further options */
};

static const char *redis_program(void)
{
    static const char *const places[] = {"/usr/bin/redis-server", "/usr/local/bin/redis-server",
                                         "/usr/local/sbin/redis-server", "/usr/sbin/redis-server"};
    for (size_t i = 0; i < countof(places); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static maybe_unused void redis_or_skip(void)
{
    if (redis_program())
        return;
    print_message("skipped: redis-server is not installed\n");
    skip();
}

static maybe_unused bool redis_can_connect(const struct redis_server *server)
{
    struct redis_address address = {.path = server->socket};
    struct redis *redis = redis_create(&address);
    struct error error;
    struct redis_reply *reply;
    struct redis_command command;
    redis_command_begin(&command, "PING");
    bool answers = redis && redis_open(redis, loop_deadline(SECOND), &error) == OK &&
                   redis_call(redis, &command, loop_deadline(PATIENCE), &reply, &error) == OK;
    /* Else it is still loading its file. */
    bool fine = answers && (reply->kind == REDIS_STATUS || bytes_starts_with(reply->text, BYTES("NOAUTH")));
    if (answers)
        redis_reply_free(reply);
    redis_free(redis);
    return fine;
}

/* What is in its folder is loaded: with append-only files all that it ever said it did is there again. */
static maybe_unused void redis_server_start(struct redis_server *server)
{
    if (!server->folder[0]) {
        snprintf(server->folder, sizeof(server->folder), "/tmp/vouch-redis-XXXXXX");
        assert_non_null(mkdtemp(server->folder));
        snprintf(server->socket, sizeof(server->socket), "%s/s", server->folder);
    }
    unlink(server->socket);
    pid_t parent = getpid();
    server->process = fork();
    assert_true(server->process >= 0);
    if (server->process == 0) {
        int null = open("/dev/null", O_RDWR);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
            _exit(1);
        execl(redis_program(), "redis-server", "--port", "0", "--unixsocket", server->socket, "--dir", server->folder,
              "--save", "", "--appendonly", "yes", "--appendfsync", "no", server->more[0], server->more[1],
              server->more[2], server->more[3], (char *)NULL);
        _exit(1);
    }
    int64_t deadline = loop_deadline(PATIENCE);
    while (!redis_can_connect(server)) {
        assert_true(loop_now() < deadline);
        assert_int_equal(waitpid(server->process, NULL, WNOHANG), 0);
        fiber_sleep(5 * MILLISECOND);
    }
}

static maybe_unused void redis_server_kill(struct redis_server *server)
{
    if (!server->process)
        return;
    kill(server->process, SIGKILL);
    waitpid(server->process, NULL, 0);
    server->process = 0;
}

/* Stopped; when this returns it does nothing any more. */
static maybe_unused void redis_server_freeze(struct redis_server *server)
{
    int status;
    kill(server->process, SIGSTOP);
    assert_int_equal(waitpid(server->process, &status, WUNTRACED), server->process);
    assert_true(WIFSTOPPED(status));
}

static maybe_unused void redis_server_thaw(struct redis_server *server)
{
    kill(server->process, SIGCONT);
}

static maybe_unused void redis_server_forget(struct redis_server *server)
{
    char command[256];
    snprintf(command, sizeof(command), "rm -rf '%s/appendonlydir' '%s/dump.rdb'", server->folder, server->folder);
    assert_int_equal(system(command), 0);
}

static maybe_unused void redis_server_remove(struct redis_server *server)
{
    char command[128];
    redis_server_kill(server);
    if (!server->folder[0])
        return;
    snprintf(command, sizeof(command), "rm -rf '%s'", server->folder);
    assert_int_equal(system(command), 0);
    *server = (struct redis_server){.process = 0};
}

/* A command to the server, word by word, NULL at the end. The answer's number or count. */
static maybe_unused int64_t redis_server_say(const struct redis_server *server, const char *const *words)
{
    struct redis_address address = {.path = server->socket};
    struct redis *redis = redis_create(&address);
    struct redis_command command;
    struct redis_reply *reply;
    struct error error;
    assert_non_null(redis);
    assert_int_equal(redis_open(redis, loop_deadline(PATIENCE), &error), OK);
    redis_command_begin(&command, words[0]);
    for (size_t i = 1; words[i]; i++)
        redis_command_add(&command, bytes_of(words[i]));
    assert_int_equal(redis_ask(redis, &command, loop_deadline(PATIENCE), &reply, &error), OK);
    int64_t said = reply->kind == REDIS_NUMBER ? reply->number : (int64_t)reply->count;
    redis_reply_free(reply);
    redis_free(redis);
    return said;
}
#define REDIS_SAY(server, ...) redis_server_say((server), (const char *const[]){__VA_ARGS__, NULL})

/* A gateway's counters in a folder of their own. */
struct gateway {
    char folder[64];
    struct counters *counters;
};

static maybe_unused void gateway_open(struct gateway *gateway)
{
    struct error error;
    if (!gateway->folder[0]) {
        snprintf(gateway->folder, sizeof(gateway->folder), "/tmp/vouch-counters-XXXXXX");
        assert_non_null(mkdtemp(gateway->folder));
    }
    assert_int_equal(counters_open(gateway->folder, 64 << 20, &gateway->counters, &error), OK);
}

static maybe_unused void gateway_await(struct gateway *gateway, bool up)
{
    int64_t deadline = loop_deadline(PATIENCE);
    while (counters_status(gateway->counters).up != up) {
        assert_true(loop_now() < deadline);
        fiber_sleep(MILLISECOND);
    }
}

static maybe_unused void gateway_share_as(struct gateway *gateway, const struct redis_server *server, int64_t timeout,
                                          const char *user, const char *password)
{
    struct error error;
    struct counters_redis_options options = {.path = server->socket,
                                             .prefix = BYTES("test*:"),
                                             .user = bytes_of(user),
                                             .password = bytes_of(password),
                                             .timeout = timeout};
    assert_int_equal(counters_share(gateway->counters, &options, &error), OK);
    counters_start(gateway->counters);
}

static maybe_unused void gateway_share(struct gateway *gateway, const struct redis_server *server)
{
    gateway_share_as(gateway, server, PATIENCE, "", "");
    gateway_await(gateway, true);
}

static maybe_unused void gateway_close(struct gateway *gateway)
{
    counters_close(gateway->counters);
    gateway->counters = NULL;
}

static maybe_unused void gateway_remove(struct gateway *gateway)
{
    char command[128];
    gateway_close(gateway);
    if (!gateway->folder[0])
        return;
    snprintf(command, sizeof(command), "rm -rf '%s'", gateway->folder);
    assert_int_equal(system(command), 0);
    gateway->folder[0] = '\0';
}

#endif
