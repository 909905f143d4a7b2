/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/user.h"

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "os/files.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MEMORY_MAX = 256 << 20, FAULTS_MAX = 64 * 1024, BUSY_TRIES = 50 };

static int complain(const struct user_scene *scene, int status, const char *text)
{
    fprintf(stderr, "vouch %s: ", scene->arguments->command);
    world_show(stderr, bytes_of(text));
    fputc('\n', stderr);
    return status;
}

/* Where they are */

int user_scene_open(struct user_scene *scene, const struct arguments *arguments,
                    const struct user_options *options)
{
    struct buf errors;
    *scene = (struct user_scene){.arguments = arguments, .options = options, .path = options->accounts};
    scene->arena = arena_create(MEMORY_MAX);
    if (!scene->arena)
        return complain(scene, EXIT_TEMPORARY, "out of memory");
    if (options->accounts && !options->config)
        return -1;
    buf_init(&errors, FAULTS_MAX);
    const char *file = options->config ? options->config : "/etc/vouch/vouch.conf";
    scene->has_config = config_load(scene->arena, file, &scene->config, &errors) == OK;
    if (!scene->has_config)
        world_show(stderr, buf_bytes(&errors));
    else if (!scene->path && scene->config.accounts.file && *scene->config.accounts.file)
        scene->path = scene->config.accounts.file;
    buf_free(&errors);
    return scene->has_config ? -1 : EXIT_USAGE;
}

int user_scene_open_accounts(struct user_scene *scene, const struct arguments *arguments,
                             const struct user_options *options)
{
    int status = user_scene_open(scene, arguments, options);
    if (status < 0 && !scene->path)
        status = complain(scene, EXIT_USAGE, "the configuration names no file of accounts: set `file` in its "
                                             "section accounts, or use --accounts FILE");
    return status;
}

void user_scene_close(struct user_scene *scene)
{
    arena_destroy(scene->arena);
}

struct accounts *user_load(const struct user_scene *scene, int *status)
{
    struct accounts *accounts = NULL;
    struct buf errors;
    buf_init(&errors, FAULTS_MAX);
    enum result result = accounts_load(scene->path, &accounts, &errors);
    if (result != OK)
        world_show(stderr, buf_bytes(&errors));
    buf_free(&errors);
    *status = result == OK ? -1
              : result == NONE ? EXIT_NEGATIVE
              : result == PERM ? EXIT_USAGE : EXIT_TEMPORARY;
    return accounts;
}

int user_edit(const struct user_scene *scene, enum accounts_change change, const struct account *account)
{
    struct error error;
    bool busy = true;
    enum result result = TEMP;
    for (int tries = 0; busy && tries < BUSY_TRIES; tries++) {
        const struct timespec pause = {.tv_nsec = tries ? 100 * 1000 * 1000 : 0};
        nanosleep(&pause, NULL);
        result = accounts_edit(durable_kernel(), scene->path, change, account, &busy, &error);
    }
    if (result == OK)
        return -1;
    return complain(scene, result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE, error.text);
}

int user_find(const struct user_scene *scene, struct bytes name, bool *there)
{
    int status = -1;
    struct accounts *accounts = NULL;
    *there = false;
    if (access(scene->path, F_OK) == 0)
        accounts = user_load(scene, &status);
    if (accounts)
        *there = accounts_find(accounts, name) != NULL;
    accounts_free(accounts);
    return status;
}

/* The gateway */

static bool read_small(struct arena *arena, const char *path, struct bytes *out)
{
    struct error error;
    return files_read(arena, path, 4096, out, &error) == OK;
}

/* The process of the pid file, if it is one of ours: a number may have been given to another one since. */
static pid_t find_gateway(const struct user_scene *scene)
{
    struct bytes text, name, path;
    uint64_t number;
    if (!scene->has_config || strcmp(scene->path, scene->config.accounts.file) != 0)
        return 0;
    path = arena_printf(scene->arena, "%s/vouch.pid", scene->config.run_directory);
    if (!path.ptr || !read_small(scene->arena, (const char *)path.ptr, &text) ||
        !bytes_to_uint(bytes_trim(text), INT32_MAX, &number) || number < 2)
        return 0;
    path = arena_printf(scene->arena, "/proc/%d/comm", (int)number);
    if (!path.ptr || !read_small(scene->arena, (const char *)path.ptr, &name) ||
        !bytes_starts_with(name, BYTES("vouch")))
        return 0;
    return (pid_t)number;
}

int user_report_change(const struct user_scene *scene, const char *change, struct bytes name,
                       struct bytes generated)
{
    struct buf out;
    pid_t gateway = find_gateway(scene);
    bool told = gateway && kill(gateway, SIGHUP) == 0;
    buf_init(&out, 64 * 1024);
    if (scene->options->json) {
        struct json json = json_into(&out);
        json_begin_object(&json);
        json_member_bytes(&json, "account", name);
        json_member(&json, "change", change);
        json_member(&json, "file", scene->path);
        if (generated.len)
            json_member_bytes(&json, "password", generated);
        json_member_bool(&json, "gateway_runs", gateway != 0);
        json_member_bool(&json, "reload_sent", told);
        json_end_object(&json);
        buf_add_byte(&out, '\n');
        world_print(&out);
        return EXIT_FINE;
    }
    if (generated.len) {
        buf_printf(&out, BYTES_FMT "\n", BYTES_ARG(generated));
        world_print(&out);
    }
    fprintf(stderr, "vouch %s: " BYTES_FMT ": %s %s %s; ", scene->arguments->command, BYTES_ARG(name),
            change, strcmp(change, "removed") == 0 ? "from" : "in", scene->path);
    if (told)
        fprintf(stderr, "the gateway (process %d) was told to reload.\n", (int)gateway);
    else if (gateway)
        fprintf(stderr, "the gateway (process %d) cannot be told from here: let it reload (SIGHUP).\n",
                (int)gateway);
    else
        fprintf(stderr, "it takes effect when the gateway starts or reloads.\n");
    return EXIT_FINE;
}
