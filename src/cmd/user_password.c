/* SPDX-License-Identifier: BSD-2-Clause */
/* Passwords from a terminal, a file, or made up. */
#include "cmd/user.h"

#include "cmd/command.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

enum { GENERATED_GROUPS = 4, GENERATED_GROUP = 5 };

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
static volatile sig_atomic_t caught;

static void catch (int number)
{
    caught = number;
}

/* One line of at most `size` - 1 octets; longer is -EMSGSIZE, a signal -EINTR, nothing at all -ENODATA. Octet by
 * octet, so that what stands behind the line is left for others. */
static int read_line(int fd, char *out, size_t size)
{
    size_t length = 0;
    for (;;) {
        char c;
        ssize_t count = read(fd, &c, 1);
        if (count < 0)
            return -errno;
        if (count == 0 && !length)
            return -ENODATA;
        if (count == 0 || c == '\n')
            break;
        if (length + 1 >= size)
            return -EMSGSIZE;
        out[length++] = c;
    }
    if (length && out[length - 1] == '\r')
        length--;
    out[length] = 0;
    return memchr(out, 0, length) ? -EILSEQ : 0;
}

/* The terminal echoes again whatever happens: signals wait until it does. */
static int ask(int terminal, const char *prompt, char *out, size_t size)
{
    struct termios before, quiet;
    struct sigaction action = {.sa_handler = catch}, old[countof(signals)];
    if (tcgetattr(terminal, &before))
        return -errno;
    caught = 0;
    for (size_t i = 0; i < countof(signals); i++)
        sigaction(signals[i], &action, &old[i]);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    quiet.c_lflag |= ECHONL | ICANON;
    int status = tcsetattr(terminal, TCSAFLUSH, &quiet) ? -errno : 0;
    if (!status) {
        fputs(prompt, stderr);
        fflush(stderr);
        status = caught ? -EINTR : read_line(terminal, out, size);
        tcsetattr(terminal, TCSAFLUSH, &before);
    }
    for (size_t i = 0; i < countof(signals); i++)
        sigaction(signals[i], &old[i], NULL);
    if (caught) {
        fputc('\n', stderr);
        OPENSSL_cleanse(out, size);
        raise(caught);
        return -EINTR;
    }
    return status;
}

static int failed(const struct user_scene *scene, const char *what, int code)
{
    const char *why = code == -EMSGSIZE ? "the password is too long"
                      : code == -ENODATA ? "there is no password"
                      : code == -EILSEQ ? "the password has a NUL in it" : strerror(-code);
    fprintf(stderr, "vouch %s: %s: %s\n", scene->arguments->command, what, why);
    return EXIT_USAGE;
}

static int read_terminal(const struct user_scene *scene, enum user_ask how, char *out, size_t size)
{
    char again[ACCOUNT_PASSWORD_MAX + 2];
    if (!isatty(STDIN_FILENO))
        return arguments_fail(scene->arguments, "standard input is no terminal: use --password-stdin or "
                                                "--password-file FILE");
    int code = ask(STDIN_FILENO, how == USER_ASK_TWICE ? "New password: " : "Password: ", out, size);
    if (code)
        return failed(scene, "terminal", code);
    if (how == USER_ASK_ONCE)
        return -1;
    code = ask(STDIN_FILENO, "The same again: ", again, sizeof(again));
    bool same = !code && strcmp(out, again) == 0;
    OPENSSL_cleanse(again, sizeof(again));
    if (code)
        return failed(scene, "terminal", code);
    if (same)
        return -1;
    fprintf(stderr, "vouch %s: they are not the same; nothing was changed\n", scene->arguments->command);
    return EXIT_USAGE;
}

static int read_file(const struct user_scene *scene, const char *name, char *out, size_t size)
{
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(scene, name, -errno);
    int code = read_line(fd, out, size);
    if (!is_stdin)
        close(fd);
    return code ? failed(scene, is_stdin ? "standard input" : name, code) : -1;
}

/* 100 bits, in letters and digits that are not taken for each other. */
static int generate(const struct user_scene *scene, char *out)
{
    static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";
    _Static_assert(sizeof(alphabet) == 33, "each octet gives five bits");
    uint8_t random[GENERATED_GROUPS * GENERATED_GROUP];
    size_t length = 0;
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return failed(scene, "randomness", -errno);
    for (size_t i = 0; i < sizeof(random); i++) {
        if (i && i % GENERATED_GROUP == 0)
            out[length++] = '-';
        out[length++] = alphabet[random[i] & 31];
    }
    out[length] = 0;
    OPENSSL_cleanse(random, sizeof(random));
    return -1;
}

int user_read_password(const struct user_scene *scene, enum user_ask how,
                       char out[ACCOUNT_PASSWORD_MAX + 2], bool *generated)
{
    const struct user_options *options = scene->options;
    size_t size = ACCOUNT_PASSWORD_MAX + 2;
    *generated = options->generate;
    if (options->generate + options->from_stdin + (options->password_file != NULL) > 1)
        return arguments_fail(scene->arguments, "the password comes from one place only");
    if (options->generate)
        return generate(scene, out);
    if (options->password_file || options->from_stdin)
        return read_file(scene, options->from_stdin ? "-" : options->password_file, out, size);
    return read_terminal(scene, how, out, size);
}
