/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counters of the store: in its folder, and in a Redis where the configuration names one.
 *
 * The store is a role without a network; with a Redis it may connect, by TCP to that one's port or to Unix sockets, and
 * to nothing else (an address cannot be told apart from others by Landlock).
 */
#include "roles/store.h"

#include "base/log.h"
#include "os/files.h"
#include "roles/folder.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNTERS_SIZE ((size_t)1 << 30)
enum { PASSWORD_FILE_MAX = 4096 };

enum result store_state_read(struct store *store, struct error *error)
{
    const struct config *config = &store->role->config;
    struct bytes text;
    if (!config->state.redis.count || !config->state.password_file[0])
        return OK;
    enum result result = files_read(store->role->arena, config->state.password_file, PASSWORD_FILE_MAX, &text, error);
    if (result == NONE)
        return error_set(error, PERM, "%s: there is no such file", config->state.password_file);
    if (result != OK)
        return result;
    text = bytes_trim(bytes_first(text, bytes_find_byte(text, '\n')));
    size_t space = bytes_find_byte(text, ' ');
    if (space != BYTES_NOT_FOUND)
        store->redis_user = bytes_first(text, space);
    store->redis_password = space == BYTES_NOT_FOUND ? text : bytes_trim_start(bytes_skip(text, space));
    return text.len ? OK : error_set(error, PERM, "%s: its first line is empty", config->state.password_file);
}

static char *data_path(struct store *store, const char *name)
{
    struct bytes path = arena_printf(store->role->arena, "%s/%s", store->role->config.data_directory, name);
    return arena_string(store->role->arena, path);
}

/* What other tools made of it (a crash of the machine in the midst of writing) is put aside, not used:
 * earlier attempts and the like are not worth a gateway that does not start. */
static enum result open_counters(struct store *store, struct error *error)
{
    char *path = data_path(store, "counters"), *aside = data_path(store, "counters.damaged");
    char *files[] = {data_path(store, "counters/data.mdb"), data_path(store, "counters/lock.mdb")};
    if (!path || !aside || !files[0] || !files[1])
        return error_set(error, TEMP, "out of memory");
    enum result result = folder_make(path, role_drops_user(store->role) ? store->role->config.user : NULL, error);
    if (result == OK)
        result = counters_open(path, COUNTERS_SIZE, &store->counters, error);
    if (result != PERM)
        return result;
    log_error("counters", "%s; begun anew, the damaged file is %s", error->text, aside);
    unlink(files[1]);
    if (rename(files[0], aside) != 0)
        return error_set(error, PERM, "cannot rename %s", files[0]);
    return counters_open(path, COUNTERS_SIZE, &store->counters, error);
}

enum result store_state_open(struct store *store, struct error *error)
{
    const struct config *config = &store->role->config;
    enum result result = open_counters(store, error);
    if (result != OK || !config->state.redis.count)
        return result;
    const struct config_endpoint *redis = &config->state.redis.items[0];
    struct counters_redis_options options = {.ip = redis->ip,
                                             .port = redis->port,
                                             .path = redis->path,
                                             .user = store->redis_user,
                                             .password = store->redis_password,
                                             .prefix = bytes_of(config->state.prefix),
                                             .timeout = config->state.timeout};
    if (options.prefix.len > COUNTER_KEY_MAX)
        return error_set(error, PERM, "the prefix of keys in Redis is too long");
    return counters_share(store->counters, &options, error);
}

void store_state_sandbox(struct role *role, struct sandbox *sandbox)
{
    static uint16_t port;
    store_sandbox(role, sandbox);
    if (!role->config.state.redis.count)
        return;
    if (role->config.state.redis.items[0].path) {
        sandbox->may_connect_unix = true;
        return;
    }
    port = role->config.state.redis.items[0].port;
    sandbox->may_connect_network = true;
    sandbox->tcp_only = true;
    sandbox->connect_ports = &port;
    sandbox->connect_port_count = 1;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

bool store_state_differs(const struct config *config, const struct config *before)
{
    const struct config_endpoints *now = &config->state.redis, *old = &before->state.redis;
    if (now->count != old->count)
        return true;
    if (!now->count)
        return false;
    return !same_text(now->items[0].path, old->items[0].path) || now->items[0].port != old->items[0].port ||
           (!now->items[0].path && !ip_equal(&now->items[0].ip, &old->items[0].ip)) ||
           !same_text(config->state.password_file, before->state.password_file) ||
           !same_text(config->state.prefix, before->state.prefix) || config->state.timeout != before->state.timeout;
}
