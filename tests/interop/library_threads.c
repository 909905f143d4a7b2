/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For library_test.py: threads that check one message with the built-in resolver, a context each, and the same
 * again in a child. Prints the first answer that differs.
 *
 *     library-threads SERVER THREADS ROUNDS < MESSAGE
 */
#include <vouch.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS_MAX = 16 };

static const char *server;
static struct vouch_message *message;
static int rounds;

static const char *check(struct vouch_context *context)
{
    struct vouch_result *result;
    if (vouch_check(context, VOUCH_ALL, message, "192.0.2.1", "mx.example.org", "anne@example.org",
                    &result) != VOUCH_OK)
        return "the call failed";
    const char *wrong = vouch_result_answer(result, VOUCH_SPF) != VOUCH_RESULT_PASS     ? "SPF"
                        : vouch_result_answer(result, VOUCH_DKIM) != VOUCH_RESULT_PASS  ? "DKIM"
                        : vouch_result_answer(result, VOUCH_DMARC) != VOUCH_RESULT_PASS ? "DMARC"
                                                                                        : NULL;
    if (wrong)
        fputs(vouch_result_field(result), stdout);
    vouch_result_destroy(result);
    return wrong;
}

static void *run(void *unused)
{
    const char *wrong = NULL;
    (void)unused;
    /* Every other round starts with nothing known, so that the network is asked. */
    for (int i = 0; i < rounds && !wrong; i++) {
        struct vouch_context *context = vouch_context_create();
        if (!context || vouch_context_add_server(context, server) != VOUCH_OK)
            wrong = "no context";
        else if (!(wrong = check(context)))
            wrong = check(context);
        vouch_context_destroy(context);
    }
    return (void *)wrong;
}

static int run_threads(int count)
{
    pthread_t threads[THREADS_MAX];
    int failed = 0;
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, run, NULL))
            return 1;
    for (int i = 0; i < count; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        if (wrong)
            printf("thread %d: %s\n", i, (const char *)wrong);
        failed = failed || wrong;
    }
    return failed;
}

int main(int argc, char **argv)
{
    char text[65536];
    if (argc != 4)
        return 2;
    server = argv[1];
    int count = (int)strtol(argv[2], NULL, 10), status = 1;
    rounds = (int)strtol(argv[3], NULL, 10);
    size_t length = fread(text, 1, sizeof(text), stdin);
    message = vouch_message_create();
    if (count > THREADS_MAX || vouch_message_add(message, text, length) != VOUCH_OK ||
        vouch_message_finish(message) != VOUCH_OK)
        return 2;
    int failed = run_threads(count);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        failed = run_threads(2);
        fflush(stdout);
        vouch_message_destroy(message);
        exit(failed);
    }
    waitpid(child, &status, 0);
    vouch_message_destroy(message);
    return failed || status;
}
