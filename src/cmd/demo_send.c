/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/demo_send.h"

#include "os/files.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND_MAX = 1024, TEXT_MAX = 1 << 20 };
#define PASSWORD "only for the demonstration"
#define ARGUMENTS(...) ((const char *const[]){"vouch", __VA_ARGS__, NULL})

static char *path_of(struct arena *arena, const char *directory, const char *name)
{
    return arena_string(arena, arena_printf(arena, "%s/%s", directory, name));
}

/* The parent's end of a pipe with the text in it, which is short. */
static int pipe_with(const char *text)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    if (write(ends[1], text, strlen(text)) < 0)
        perror("vouch demo");
    close(ends[1]);
    return ends[0];
}

int demo_run(const char *const *arguments, const char *input, const char *output)
{
    int from = input ? pipe_with(input) : open("/dev/null", O_RDONLY | O_CLOEXEC), status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int to = output ? open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : STDOUT_FILENO;
        dup2(from, STDIN_FILENO);
        if (to != STDOUT_FILENO) {
            dup2(to, STDOUT_FILENO);
            dup2(to, STDERR_FILENO);
        }
        execv("/proc/self/exe", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    close(from);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static bool publish_key(struct arena *arena, const char *directory, struct zone *zone)
{
    struct error error;
    struct bytes text;
    char *keys = path_of(arena, directory, "keys"), *log = path_of(arena, directory, "keygen.log");
    char *record = path_of(arena, directory, "keys/vouch.example/demo.txt");
    if (access(record, R_OK) != 0 &&
        demo_run(ARGUMENTS("dkim", "keygen", "--active", "--algorithm", "rsa", "--selector", "demo",
                           "--key-directory", keys, "vouch.example"),
                 NULL, log) != 0) {
        fprintf(stderr, "vouch demo: no signing key; see %s\n", log);
        return false;
    }
    if (files_read(arena, record, TEXT_MAX, &text, &error) != OK) {
        fprintf(stderr, "vouch demo: %s\n", error.text);
        return false;
    }
    return zone_add(zone, BYTES("demo._domainkey.vouch.example"), DNS_TXT, 60, bytes_trim(text)) &&
           zone_load(zone,
                     BYTES("vouch.example TXT \"v=spf1 ip4:127.0.0.1 -all\"\n"
                           "vouch.example MX 10 mx.vouch.example\n"
                           "mx.vouch.example A 127.0.0.1\n"
                           "elsewhere.example MX 10 mx.elsewhere.example\n"
                           "mx.elsewhere.example A 127.0.0.1\n"),
                     &error) == OK;
}

bool demo_send_prepare(struct arena *arena, const char *directory, struct zone *zone)
{
    char *accounts = path_of(arena, directory, "accounts"), *log = path_of(arena, directory, "accounts.log");
    if (access(accounts, R_OK) != 0 &&
        demo_run(ARGUMENTS("user", "add", "--accounts", accounts, "--password-stdin", "you@vouch.example"),
                 PASSWORD "\n", log) != 0) {
        fprintf(stderr, "vouch demo: no account; see %s\n", log);
        return false;
    }
    return publish_key(arena, directory, zone);
}

/* The other server */

static void answer(FILE *client, const char *line)
{
    fprintf(client, "%s\r\n", line);
    fflush(client);
}

static void take_message(FILE *client, const char *directory, unsigned number)
{
    char path[4096], line[4096];
    int length = snprintf(path, sizeof(path), "%s/elsewhere/%u.eml", directory, number);
    FILE *file = length > 0 && (size_t)length < sizeof(path) ? fopen(path, "w") : NULL;
    answer(client, "354 Go on");
    while (fgets(line, sizeof(line), client) && strcmp(line, ".\r\n") != 0)
        if (file)
            fputs(line[0] == '.' ? line + 1 : line, file);
    if (file)
        fclose(file);
    answer(client, file ? "250 2.0.0 Taken" : "451 4.3.0 No room");
}

static void serve_client(int fd, const char *directory, unsigned *number)
{
    FILE *client = fdopen(fd, "r+");
    char line[COMMAND_MAX];
    if (!client)
        return;
    setvbuf(client, NULL, _IOLBF, 0);
    answer(client, "220 mx.elsewhere.example ESMTP");
    while (fgets(line, sizeof(line), client)) {
        if (strncasecmp(line, "QUIT", 4) == 0)
            break;
        if (strncasecmp(line, "DATA", 4) == 0)
            take_message(client, directory, ++*number);
        else
            answer(client, strncasecmp(line, "EHLO", 4) == 0 ? "250 mx.elsewhere.example" : "250 2.0.0 Ok");
    }
    answer(client, "221 2.0.0 Bye");
    fclose(client);
}

static _Noreturn void serve_elsewhere(int listener, const char *directory)
{
    unsigned number = 0;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0)
            serve_client(fd, directory, &number);
    }
}

pid_t demo_elsewhere_start(const char *directory, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    char path[4096];
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int length = snprintf(path, sizeof(path), "%s/elsewhere", directory);
    if (fd < 0 || length < 0 || (size_t)length >= sizeof(path) || files_make_directories(path, 0755) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 16) != 0) {
        fprintf(stderr, "vouch demo: cannot listen on 127.0.0.1 port %u\n", port);
        return 0;
    }
    /* What came in an earlier run would be taken for what comes now. */
    length = snprintf(path, sizeof(path), "%s/elsewhere/1.eml", directory);
    if (length > 0 && (size_t)length < sizeof(path))
        unlink(path);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_IGN);
        serve_elsewhere(fd, directory);
    }
    close(fd);
    return child > 0 ? child : 0;
}

static bool submit(struct arena *arena, const char *directory, const struct demo_ports *ports)
{
    char *config = path_of(arena, directory, "sendmail.conf"), *log = path_of(arena, directory, "sendmail.log");
    char *password = path_of(arena, directory, "password");
    struct bytes text = arena_printf(arena,
                                     "host = mx.vouch.example\nport = %u\nuser = you@vouch.example\n"
                                     "password-file = \"%s\"\nauthorities = \"%s/tls.pem\"\n",
                                     ports->submission, password, directory);
    struct bytes resolver = arena_printf(arena, "127.0.0.1:%u", ports->dns);
    struct error error;
    if (files_replace(durable_kernel(), config, text, 0644, &error) != OK ||
        files_replace(durable_kernel(), password, BYTES(PASSWORD "\n"), 0600, &error) != OK) {
        fprintf(stderr, "vouch demo: %s\n", error.text);
        return false;
    }
    if (demo_run(ARGUMENTS("sendmail", "--config", config, "--resolver", arena_string(arena, resolver), "-f",
                           "you@vouch.example", "-i", "friend@elsewhere.example"),
                 "From: You <you@vouch.example>\nTo: friend@elsewhere.example\nSubject: Greetings\n\n"
                 "This is a message of the demonstration.\n",
                 log) == 0)
        return true;
    fprintf(stderr, "vouch demo: vouch sendmail did not work; see %s\n", log);
    return false;
}

bool demo_send_show(struct arena *arena, const char *directory, const struct demo_ports *ports)
{
    char *message = path_of(arena, directory, "elsewhere/1.eml"), *log = path_of(arena, directory, "verify.log");
    struct bytes resolver = arena_printf(arena, "127.0.0.1:%u", ports->dns), text;
    bool arrived = false;
    printf("\n  you@vouch.example writes to friend@elsewhere.example: vouch sendmail, port %u, STARTTLS, AUTH\n",
           ports->submission);
    if (!submit(arena, directory, ports))
        return false;
    for (int i = 0; i < 100 && !arrived; i++) {
        struct stat status;
        usleep(100 * 1000);
        arrived = stat(message, &status) == 0 && status.st_size > 0;
    }
    usleep(200 * 1000);
    if (!arrived) {
        fprintf(stderr, "vouch demo: the message did not arrive at the other server\n");
        return false;
    }
    bool signed_well = demo_run(ARGUMENTS("dkim", "verify", "--resolver", arena_string(arena, resolver), message),
                                NULL, log) == 0;
    printf("      It went through the queue and arrived as %s\n", message);
    if (files_read(arena, log, TEXT_MAX, &text, NULL) == OK)
        printf("      %s\n", signed_well ? "with a DKIM signature of vouch.example that verifies."
                                          : "but its signature does not verify.");
    return signed_well;
}
