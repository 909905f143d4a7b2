/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch user release: an account that was held because it looked stolen may send again. */
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/user.h"
#include "cmd/world.h"
#include "roles/control.h"

#include <stdio.h>

static const char usage[] =
    "usage: vouch user release [options] [NAME]\n"
    "\n"
    "Lets an account that is held send again, and lets its mail in the queue go. Accounts are held when they\n"
    "look stolen; change the password first. Without a name: shows the accounts that are held.\n"
    "\n"
    "  --config FILE         the gateway's configuration (default: /etc/vouch/vouch.conf)\n"
    "  --json                for machines\n"
    "\n"
    "examples:\n"
    "  vouch user release\n"
    "  vouch user release anna@example.org\n"
    "\n"
    "exit status: 0 it may send again, 1 it was not held, 2 usage, 3 the gateway does not run or answer\n";

static int complain(int status, struct bytes text)
{
    fputs("vouch user release: ", stderr);
    world_show(stderr, text);
    fputc('\n', stderr);
    return status;
}

static void write_text(struct buf *out, const struct control_answer *answer, const char *name)
{
    if (name)
        buf_printf(out, "%s may send again; %llu messages of it in the queue go on\n", name,
                   (unsigned long long)answer->count);
    for (size_t i = 0; !name && i < answer->name_count; i++)
        buf_printf(out, BYTES_FMT "\n", BYTES_ARG(answer->names[i]));
}

static void write_json(struct buf *out, const struct control_answer *answer, const char *name)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    if (name) {
        json_member(&json, "account", name);
        json_member_integer(&json, "released_messages", (int64_t)answer->count);
    } else {
        json_key(&json, "held");
        json_begin_array(&json);
        for (size_t i = 0; i < answer->name_count; i++)
            json_add_bytes(&json, answer->names[i]);
        json_end_array(&json);
    }
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static int release(struct user_scene *scene)
{
    const char *name = scene->arguments->position_count ? scene->arguments->positions[0] : NULL;
    struct control_command command = {.verb = name ? CONTROL_ACCOUNT_RELEASE : CONTROL_ACCOUNT_LIST,
                                      .account = bytes_of(name)};
    struct control_answer answer = {0};
    struct error error;
    struct buf out;
    enum result result =
        control_call(&scene->config, scene->arena, &command, NULL, NULL, &answer, &error);
    if (result != OK)
        return complain(result == PERM ? EXIT_USAGE : EXIT_TEMPORARY, bytes_of(error.text));
    if (answer.result != OK)
        return complain(answer.result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE,
                        answer.text.len ? answer.text : BYTES("it is not held"));
    buf_init(&out, 16 << 20);
    if (scene->options->json)
        write_json(&out, &answer, name);
    else
        write_text(&out, &answer, name);
    if (out.len)
        world_print(&out);
    return EXIT_FINE;
}

int user_release_command(int argc, char **argv)
{
    struct user_options options = {0};
    const struct argument table[] = {{"--config", &options.config, NULL}, {"--json", NULL, &options.json}};
    struct arguments arguments = {"user release", usage, table, countof(table), {NULL}, 0};
    struct user_scene scene;
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count > 1)
        return arguments_fail(&arguments, "wants the name of one account, or none");
    if (arguments.position_count && bytes_of(arguments.positions[0]).len > CONTROL_TEXT_MAX)
        return arguments_fail(&arguments, "there is no account with such a name");
    status = user_scene_open(&scene, &arguments, &options);
    if (status < 0)
        status = release(&scene);
    user_scene_close(&scene);
    return status;
}
