/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch train: the statistical filter learns from people's examples. */
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/mail_source.h"
#include "cmd/world.h"
#include "roles/control.h"
#include "roles/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: vouch train [options] ham|spam|forget FILE|MAILDIR|MBOX ...\n"
    "\n"
    "Teaches the statistical filter of the gateway that runs. What was learned already is passed over, so that a run\n"
    "that was interrupted can be begun again; what was learned as the other is corrected. forget undoes both. A\n"
    "folder is read with those in it; \"-\" is standard input. Needs root, the gateway's account, or a member of\n"
    "the configuration's control-group.\n"
    "\n"
    "  --user ADDRESS   the user who says so: counts in what is remembered of the senders\n"
    "  --domain NAME    the domain whose own model learns, too (section filter, per-domain); default: the user's\n"
    "  --config FILE    the gateway's configuration (default: /etc/vouch/vouch.conf)\n"
    "  --json           for machines\n"
    "\n"
    "examples:\n"
    "  vouch train spam ~/Maildir/.Junk\n"
    "  vouch train ham ~/Maildir/cur archive.mbox\n"
    "  vouch train --user anna@example.org spam - < message\n"
    "\n"
    "exit status: 0 all was learned, or known; 1 something could not be read, 2 usage, 3 the gateway does not run\n"
    "or answer\n";

struct options {
    const char *config, *user, *domain;
    bool json;
};

enum { PROGRESS_EVERY = 50 };

/* A shell makes thousands of names of one "*". */
struct places {
    const char **names;
    size_t count;
};

struct training {
    struct config config;
    struct arena *arena;
    const struct options *options;
    enum train_class class;
    size_t expected, learned, known, changed, unreadable;
    bool shows_progress, failed; /* failed: a place could not be read */
    enum result result;
    struct error error;
};

static void show_progress(const struct training *training, size_t done)
{
    if (!training->shows_progress || done % PROGRESS_EVERY)
        return;
    if (training->expected)
        fprintf(stderr, "\r%zu of %zu messages", done, training->expected);
    else
        fprintf(stderr, "\r%zu messages", done);
}

static void count_outcome(struct training *training, const struct control_answer *answer)
{
    if (bytes_is(answer->text, "known"))
        training->known++;
    else if (bytes_is(answer->text, "changed"))
        training->changed++;
    else if (bytes_is(answer->text, "unreadable"))
        training->unreadable++;
    else
        training->learned++;
}

static bool train_one(void *context, const char *where, struct bytes message)
{
    struct training *training = context;
    const struct options *options = training->options;
    struct arena_mark mark = arena_mark(training->arena);
    struct control_command command = {.verb = CONTROL_TRAIN,
                                      .text = bytes_of(train_class_name(training->class)),
                                      .account = bytes_of(options->user ? options->user : ""),
                                      .filter.recipient = bytes_of(options->domain ? options->domain : ""),
                                      .content = message};
    struct control_answer answer = {0};
    (void)where;
    training->result = control_call(&training->config, training->arena, &command, NULL, NULL, &answer,
                                    &training->error);
    if (training->result == OK && answer.result != OK)
        training->result = error_set(&training->error, answer.result, BYTES_FMT, BYTES_ARG(answer.text));
    if (training->result == OK)
        count_outcome(training, &answer);
    arena_rewind(training->arena, mark);
    show_progress(training, training->learned + training->known + training->changed + training->unreadable);
    return training->result == OK;
}

static void print(const struct training *training)
{
    struct buf out;
    buf_init(&out, 4096);
    if (training->options->json) {
        struct json json = json_into(&out);
        json_begin_object(&json);
        json_member(&json, "class", train_class_name(training->class));
        json_member_integer(&json, "learned", (int64_t)training->learned);
        json_member_integer(&json, "changed", (int64_t)training->changed);
        json_member_integer(&json, "known", (int64_t)training->known);
        json_member_integer(&json, "unreadable", (int64_t)training->unreadable);
        json_end_object(&json);
        buf_add_byte(&out, '\n');
    } else {
        buf_printf(&out, "%s: %zu learned, %zu corrected, %zu known before, %zu unreadable\n",
                   train_class_name(training->class), training->learned, training->changed, training->known,
                   training->unreadable);
    }
    world_print(&out);
}

static int train_all(struct training *training, const struct places *places)
{
    for (size_t i = 0; i < places->count && training->shows_progress; i++)
        training->expected += mail_source_count(places->names[i]);
    for (size_t i = 0; i < places->count && training->result == OK; i++) {
        struct error error;
        if (mail_source_read(places->names[i], train_one, training, &error) == OK)
            continue;
        if (training->shows_progress)
            fputs("\r\033[K", stderr);
        fprintf(stderr, "vouch train: %s\n", error.text);
        training->failed = true;
    }
    if (training->shows_progress)
        fputs("\r\033[K", stderr);
    if (training->result != OK)
        fprintf(stderr, "vouch train: %s\n", training->error.text);
    print(training);
    if (training->result != OK)
        return training->result == PERM ? EXIT_USAGE : EXIT_TEMPORARY;
    return training->unreadable || training->failed ? EXIT_NEGATIVE : EXIT_FINE;
}

/* Takes all but the first position out of the arguments: there may be more than struct arguments holds. */
static int split_arguments(int argc, char **argv, char **rest, struct places *places)
{
    static const char *const valued[] = {"--config", "--user", "--domain"};
    int count = 0;
    bool class = false, only_positions = false;
    for (int i = 0; i < argc; i++) {
        bool option = !only_positions && i && argv[i][0] == '-' && argv[i][1];
        if (i && !option && class) {
            places->names[places->count++] = argv[i];
            continue;
        }
        rest[count++] = argv[i];
        class = class || (i && !option);
        only_positions = only_positions || (option && strcmp(argv[i], "--") == 0);
        for (size_t v = 0; option && v < countof(valued); v++)
            if (strcmp(argv[i], valued[v]) == 0 && i + 1 < argc) {
                rest[count++] = argv[++i];
                break;
            }
    }
    return count;
}

static int run(struct training *training, const struct arguments *arguments, const struct places *places)
{
    const struct options *options = training->options;
    struct buf errors;
    int status;
    if (!places->count || !train_class_parse(bytes_of(arguments->positions[0]), &training->class))
        return arguments_fail(arguments, "wants ham, spam or forget, and what to read");
    if (bytes_of(options->user).len > CONTROL_TEXT_MAX || bytes_of(options->domain).len > CONTROL_TEXT_MAX)
        return arguments_fail(arguments, "that name is too long");
    training->arena = arena_create(256 << 20);
    buf_init(&errors, 1 << 20);
    if (!training->arena || config_load(training->arena, options->config, &training->config, &errors) != OK) {
        fprintf(stderr, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
        status = EXIT_USAGE;
    } else {
        status = train_all(training, places);
    }
    buf_free(&errors);
    arena_destroy(training->arena);
    return status;
}

int train_command(int argc, char **argv)
{
    struct options options = {.config = "/etc/vouch/vouch.conf"};
    const struct argument table[] = {{"--config", &options.config, NULL},
                                     {"--user", &options.user, NULL},
                                     {"--domain", &options.domain, NULL},
                                     {"--json", NULL, &options.json}};
    struct arguments arguments = {"train", usage, table, countof(table), {NULL}, 0};
    struct training training = {.options = &options, .shows_progress = isatty(STDERR_FILENO)};
    struct places places = {.names = calloc((size_t)argc + 1, sizeof(*places.names))};
    char **rest = calloc((size_t)argc + 1, sizeof(*rest));
    require(places.names && rest);
    int status = arguments_read(&arguments, split_arguments(argc, argv, rest, &places), rest);
    free(rest);
    if (status < 0)
        status = run(&training, &arguments, &places);
    free(places.names);
    return status;
}
