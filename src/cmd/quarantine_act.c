/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch quarantine release, train, purge: something done to messages by the gateway that runs. */
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/quarantine.h"
#include "cmd/world.h"

#include <stdio.h>
#include <string.h>

#define ACT_TAIL                                                                                   \
    "  --all                all that the filters let through: needed where there are none\n"       \
    "\n"                                                                                           \
    "exit status: 0 done, 1 there is no such message, or it cannot be done, 2 usage,\n"           \
    "3 the gateway does not run, or could not do all of it now\n"

static const char release_usage[] =
    "usage: vouch quarantine release [filters] [--no-train] [--user NAME] [--all] [ID ...]\n"
    "\n"
    "Delivers messages to the inboxes that they were for, with a field X-Vouch-Released, and teaches the\n"
    "filter that they are not junk. What was for another site goes on its way by the queue. What cannot be\n"
    "delivered stays in quarantine, and it is said why.\n"
    "\n"
    QUARANTINE_FILTER_USAGE
    "  --no-train           the filter learns nothing\n"
    "  --user NAME          the account that says so: that counts for the sender, too\n"
    ACT_TAIL
    "\n"
    "examples:\n"
    "  vouch quarantine release 1m0v0zw7tr800\n"
    "  vouch quarantine release --recipient alice@example.org 1m0v0zw7tr800\n"
    "  vouch quarantine release --sender news@example.org --younger 2d\n";

static const char train_usage[] =
    "usage: vouch quarantine train [filters] [--user NAME] [--all] [ID ...] ham|spam\n"
    "\n"
    "Teaches the filter that messages are what you say. They stay in quarantine.\n"
    "\n"
    QUARANTINE_FILTER_USAGE
    "  --user NAME          the account that says so: that counts for the sender, too\n"
    ACT_TAIL
    "\n"
    "examples:\n"
    "  vouch quarantine train 1m0v0zw7tr800 spam\n"
    "  vouch quarantine train --reason lottery spam\n";

static const char purge_usage[] =
    "usage: vouch quarantine purge [filters] [--spam] [--all] [ID ...]\n"
    "\n"
    "Deletes messages. Nobody is told, and the filter learns nothing of it without --spam.\n"
    "\n"
    QUARANTINE_FILTER_USAGE
    "  --spam               the filter learns that they are junk\n"
    ACT_TAIL
    "\n"
    "examples:\n"
    "  vouch quarantine purge 1m0v0zw7tr800\n"
    "  vouch quarantine purge --spam --older 7d\n"
    "  vouch quarantine purge --all\n";

struct acting {
    enum control_verb verb;
    const char *name, *word, *user;
    bool json;
};

static const char *done_word(const struct acting *acting)
{
    return acting->verb == CONTROL_QUARANTINE_RELEASE ? "released"
           : acting->verb == CONTROL_QUARANTINE_TRAIN ? "learned"
                                                      : "deleted";
}

static void print_count(const struct acting *acting, uint64_t count, uint64_t failed)
{
    if (!acting->json) {
        printf("%llu message%s %s\n", (unsigned long long)count, count == 1 ? "" : "s", done_word(acting));
        return;
    }
    struct buf out;
    buf_init(&out, 256);
    struct json json = json_into(&out);
    json_begin_object(&json);
    json_member(&json, "action", done_word(acting));
    json_member_integer(&json, "count", (int64_t)count);
    json_member_integer(&json, "failed", (int64_t)failed);
    json_end_object(&json);
    buf_add_byte(&out, '\n');
    world_print(&out);
}

/* The gateway does so much at a time that nobody thinks it had stopped. */
static int act(struct queue_scene *scene, const struct acting *acting)
{
    uint64_t count = 0, failed = 0;
    struct bytes after = {NULL, 0};
    struct control_answer answer;
    int status;
    do {
        struct control_command command = {.verb = acting->verb,
                                          .filter = scene->filter,
                                          .account = bytes_of(acting->user),
                                          .text = arena_printf(scene->arena, "%s%s" BYTES_FMT, acting->word,
                                                               after.len ? " " : "", BYTES_ARG(after))};
        status = quarantine_ask(scene, &command, NULL, NULL, &answer);
        if (status >= 0)
            break;
        for (size_t i = 0; i < answer.name_count; i++) {
            fprintf(stderr, "vouch %s: ", scene->command);
            world_show(stderr, answer.names[i]);
            fputc('\n', stderr);
        }
        count += answer.count;
        failed += answer.name_count;
        after = answer.text;
    } while (after.len);
    print_count(acting, count, failed);
    if (status >= 0)
        return status;
    return failed && count ? EXIT_TEMPORARY : count ? EXIT_FINE : EXIT_NEGATIVE;
}

static int run(const struct acting *acting, struct arguments *arguments, const struct queue_choice *choice)
{
    struct queue_scene scene = {0};
    if (bytes_of(acting->user).len > CONTROL_TEXT_MAX)
        return arguments_fail(arguments, "--user is too long");
    int status = queue_scene_open(&scene, arguments, choice);
    if (status < 0) {
        if (!scene.filtered && !choice->all)
            status = arguments_fail(arguments, "name ids or a filter, or say --all");
        else
            status = act(&scene, acting);
    }
    queue_scene_close(&scene);
    return status;
}

int quarantine_release_command(int argc, char **argv)
{
    struct queue_choice choice = {0};
    struct acting acting = {.verb = CONTROL_QUARANTINE_RELEASE, .word = "ham"};
    bool silent = false;
    const struct argument table[] = {QUARANTINE_FILTER_ARGUMENTS(choice), {"--all", NULL, &choice.all},
                                     {"--no-train", NULL, &silent}, {"--user", &acting.user, NULL}};
    struct arguments arguments = {"quarantine release", release_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    acting.word = silent ? "none" : "ham";
    acting.json = choice.json;
    return run(&acting, &arguments, &choice);
}

int quarantine_train_command(int argc, char **argv)
{
    struct queue_choice choice = {0};
    struct acting acting = {.verb = CONTROL_QUARANTINE_TRAIN};
    const struct argument table[] = {QUARANTINE_FILTER_ARGUMENTS(choice), {"--all", NULL, &choice.all},
                                     {"--user", &acting.user, NULL}};
    struct arguments arguments = {"quarantine train", train_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    const char *word = arguments.position_count ? arguments.positions[--arguments.position_count] : "";
    if (strcmp(word, "ham") != 0 && strcmp(word, "spam") != 0)
        return arguments_fail(&arguments, "wants ham or spam as its last word");
    acting.word = word;
    acting.json = choice.json;
    return run(&acting, &arguments, &choice);
}

int quarantine_purge_command(int argc, char **argv)
{
    struct queue_choice choice = {0};
    struct acting acting = {.verb = CONTROL_QUARANTINE_PURGE};
    bool spam = false;
    const struct argument table[] = {QUARANTINE_FILTER_ARGUMENTS(choice), {"--all", NULL, &choice.all},
                                     {"--spam", NULL, &spam}};
    struct arguments arguments = {"quarantine purge", purge_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    acting.word = spam ? "spam" : "none";
    acting.json = choice.json;
    return run(&acting, &arguments, &choice);
}
