/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch queue hold, release, retry, drop, bounce: something done to messages by the gateway that runs. */
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/queue.h"
#include "cmd/world.h"

#include <stdio.h>

#define ACT_TAIL                                                                                   \
    "  --all                all messages: needed where nothing else is chosen\n"                   \
    "\n"                                                                                           \
    "exit status: 0 done, 1 there is no such message, 2 usage, 3 the gateway does not run\n"

static const char hold_usage[] =
    "usage: vouch queue hold [filters] [--text WHY] [--all] [ID ...]\n"
    "\n"
    "Messages wait from now on, until they are released. They do not expire meanwhile.\n"
    "\n"
    QUEUE_FILTER_USAGE
    "  --text WHY           a note for who finds them\n"
    ACT_TAIL
    "\n"
    "examples:\n"
    "  vouch queue hold 1m0v0zw7tr800\n"
    "  vouch queue hold --sender news@example.org --text 'being looked at'\n";

static const char release_usage[] =
    "usage: vouch queue release [filters] [--all] [ID ...]\n"
    "\n"
    "Messages that are held go on: they are tried at once. What waits because its account is held stays;\n"
    "see `vouch user release`.\n"
    "\n"
    QUEUE_FILTER_USAGE
    ACT_TAIL
    "\n"
    "examples:\n"
    "  vouch queue release 1m0v0zw7tr800\n"
    "  vouch queue release --held --sender news@example.org\n";

static const char retry_usage[] =
    "usage: vouch queue retry [filters] [--all] [ID ...]\n"
    "\n"
    "Messages are tried at once, whatever time was set, and so are their destinations.\n"
    "\n"
    QUEUE_FILTER_USAGE
    ACT_TAIL
    "\n"
    "examples:\n"
    "  vouch queue retry --recipient example.org\n"
    "  vouch queue retry --all\n";

static const char drop_usage[] =
    "usage: vouch queue drop [filters] [--all] [ID ...]\n"
    "\n"
    "Messages are deleted. Nobody is told; see `vouch queue bounce` for that.\n"
    "\n"
    QUEUE_FILTER_USAGE
    ACT_TAIL
    "\n"
    "examples:\n"
    "  vouch queue drop 1m0v0zw7tr800\n"
    "  vouch queue drop --account mallory --younger 1h\n";

static const char bounce_usage[] =
    "usage: vouch queue bounce [filters] [--all] [ID ...]\n"
    "\n"
    "Messages are given up now, as if their time had run out: the sender gets a report, if he is one who may\n"
    "get any (an account of ours, or a return path that was verified).\n"
    "\n"
    QUEUE_FILTER_USAGE
    ACT_TAIL
    "\n"
    "examples:\n"
    "  vouch queue bounce 1m0v0zw7tr800\n"
    "  vouch queue bounce --recipient gone.example\n";

static void print_count(enum control_action action, uint64_t count, bool as_json)
{
    static const char *const done[CONTROL_ACTIONS] = {"",            "held",    "released",
                                                      "to be tried", "dropped", "bounced"};
    if (!as_json) {
        printf("%llu message%s %s\n", (unsigned long long)count, count == 1 ? "" : "s", done[action]);
        return;
    }
    struct buf out;
    buf_init(&out, 256);
    struct json json = json_into(&out);
    json_begin_object(&json);
    json_member(&json, "action", control_action_name(action));
    json_member_integer(&json, "count", (int64_t)count);
    json_end_object(&json);
    buf_add_byte(&out, '\n');
    world_print(&out);
}

static int act(struct queue_scene *scene, enum control_action action, const char *text, bool as_json)
{
    struct control_command command = {.verb = CONTROL_QUEUE_ACT,
                                      .action = action,
                                      .filter = scene->filter,
                                      .text = bytes_of(text)};
    struct control_answer answer;
    int status = queue_ask(scene, &command, &answer);
    if (status >= 0)
        return status;
    print_count(action, answer.count, as_json);
    return answer.count ? EXIT_FINE : EXIT_NEGATIVE;
}

static int run(enum control_action action, const char *name, const char *usage, int argc, char **argv)
{
    struct queue_choice choice = {0};
    struct queue_scene scene = {0};
    const char *text = NULL;
    bool with_text = action == CONTROL_HOLD;
    const struct argument table[] = {QUEUE_FILTER_ARGUMENTS(choice), {"--all", NULL, &choice.all},
                                     {"--text", &text, NULL}};
    struct arguments arguments = {name, usage, table, countof(table) - !with_text, {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (bytes_of(text).len > CONTROL_TEXT_MAX)
        return arguments_fail(&arguments, "--text is too long");
    status = queue_scene_open(&scene, &arguments, &choice);
    if (status < 0) {
        if (scene.filtered == choice.all)
            status = arguments_fail(&arguments, choice.all ? "--all goes with no filter and no id"
                                                           : "name ids or a filter, or say --all");
        else
            status = act(&scene, action, text, choice.json);
    }
    queue_scene_close(&scene);
    return status;
}

int queue_hold_command(int argc, char **argv)
{
    return run(CONTROL_HOLD, "queue hold", hold_usage, argc, argv);
}

int queue_release_command(int argc, char **argv)
{
    return run(CONTROL_RELEASE, "queue release", release_usage, argc, argv);
}

int queue_retry_command(int argc, char **argv)
{
    return run(CONTROL_RETRY, "queue retry", retry_usage, argc, argv);
}

int queue_drop_command(int argc, char **argv)
{
    return run(CONTROL_DROP, "queue drop", drop_usage, argc, argv);
}

int queue_bounce_command(int argc, char **argv)
{
    return run(CONTROL_BOUNCE, "queue bounce", bounce_usage, argc, argv);
}
