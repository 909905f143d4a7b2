/* SPDX-License-Identifier: BSD-2-Clause */
/* What the store takes from the configuration: recipients, the folders it is held to, and a reload of both. */
#include "roles/store.h"

#include "base/log.h"
#include "roles/store_queue.h"

#include <libgen.h>
#include <string.h>

enum result store_load_recipients(struct store *store, const struct config *config,
                                  struct error *error)
{
    struct recipients *loaded;
    struct buf errors;
    buf_init(&errors, 64 * 1024);
    enum result result = recipients_load(config, &loaded, &errors);
    if (result == OK) {
        recipients_free(store->recipients);
        store->recipients = loaded;
    } else {
        struct bytes rest = buf_bytes(&errors), line;
        while (rest.len && bytes_split(&rest, '\n', &line))
            if (line.len)
                log_error("recipients", BYTES_FMT, BYTES_ARG(line));
        error_set(error, result, "the recipient files cannot be used");
    }
    buf_free(&errors);
    return result;
}

/* Maildirs lie under "/var/mail/{domain}/{user}": the part before the first name is what we need. NULL
 * for LMTP. */
char *store_maildir_base(struct arena *arena, const struct config_domain *domain)
{
    struct bytes path = bytes_of(domain->maildir);
    path = bytes_first(path, bytes_find_byte(path, '{'));
    size_t slash = bytes_rfind_byte(path, '/');
    return slash == BYTES_NOT_FOUND ? NULL : arena_string(arena, bytes_first(path, slash == 0 ? 1 : slash));
}

static void add_path(struct store_paths *list, const char *path, bool write)
{
    if (!path || !*path || list->count == list->capacity)
        return;
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->paths[i].path, path) == 0 && list->paths[i].write >= write)
            return;
    list->paths[list->count++] = (struct sandbox_path){path, write};
}

static void add_folder_of(struct store_paths *list, struct arena *arena, const char *file)
{
    char *copy = file && *file ? arena_string(arena, bytes_of(file)) : NULL;
    if (copy)
        add_path(list, dirname(copy), false);
}

static bool list_paths(struct arena *arena, const struct config *config, const char *config_file,
                       struct store_paths *list)
{
    *list = (struct store_paths){.capacity = 2 + config->domain_count * 3 + config->relay_count + config->list_count};
    list->paths = arena_alloc_array(arena, list->capacity, sizeof(*list->paths));
    if (!list->paths)
        return false;
    add_path(list, config->data_directory, true);
    for (size_t i = 0; i < config->domain_count; i++) {
        const struct config_domain *domain = &config->domains[i];
        add_path(list, store_maildir_base(arena, domain), true);
        /* Read again at a reload; the folder, as editors replace files. */
        add_folder_of(list, arena, domain->recipients);
        add_folder_of(list, arena, domain->aliases);
    }
    for (size_t i = 0; i < config->relay_count; i++)
        add_folder_of(list, arena, config->relays[i].recipients);
    for (size_t i = 0; i < config->list_count; i++)
        add_folder_of(list, arena, config->lists[i].members);
    add_folder_of(list, arena, config_file);
    return !arena_exhausted(arena);
}

void store_sandbox(struct role *role, struct sandbox *sandbox)
{
    struct store *store = role->state;
    if (!list_paths(role->arena, &role->config, role->config_file, &store->paths))
        panic("no memory for the list of folders");
    sandbox->may_accept = true; /* on the control socket */
    sandbox->files = SANDBOX_FILES;
    sandbox->paths = store->paths.paths;
    sandbox->path_count = store->paths.count;
    /* The Maildirs lie in many places: Landlock holds the store to them, not a chroot. */
    sandbox->chroot_to = NULL;
}

static bool is_beneath(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 &&
           (path[length] == '\0' || path[length] == '/' || folder[length - 1] == '/');
}

static bool may_reach(const struct store_paths *list, const struct sandbox_path *wanted)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->paths[i].write >= wanted->write && is_beneath(wanted->path, list->paths[i].path))
            return true;
    return false;
}

/* What was settled at the start: settings that others rely on, and the folders of the sandbox. */
static bool needs_fresh_start(const struct store *store, struct arena *arena,
                              const struct config *config)
{
    const struct config *old = &store->role->config;
    struct store_paths list;
    if (strcmp(config->data_directory, old->data_directory) != 0 ||
        strcmp(config->hostname, old->hostname) != 0 ||
        config->limits.message_size != old->limits.message_size ||
        config->limits.finish_timeout != old->limits.finish_timeout ||
        config->ledger.keep != old->ledger.keep || config->filter.size != old->filter.size ||
        config->filter.on != old->filter.on || store_state_differs(config, old))
        return true;
    if (!store->paths.paths) /* no sandbox */
        return false;
    if (!list_paths(arena, config, store->role->config_file, &list))
        return false;
    for (size_t i = 0; i < list.count; i++)
        if (!may_reach(&store->paths, &list.paths[i]))
            return true;
    return false;
}

/* A configuration that the store cannot follow as it is ends it, for the master to start another one: the
 * edges wait for that meanwhile. */
void store_reload(struct role *role)
{
    struct store *store = role->state;
    struct buf errors;
    struct error error;
    struct arena *arena = arena_create(64 << 20);
    struct config *config = arena ? arena_new(arena, struct config) : NULL;
    buf_init(&errors, 64 * 1024);
    if (!config || config_load(arena, role->config_file, config, &errors) != OK) {
        log_error("reload", "the old recipients stay in force. " BYTES_FMT,
                  BYTES_ARG(buf_bytes(&errors)));
    } else if (needs_fresh_start(store, arena, config)) {
        log_info("reload", "the new configuration needs a store that starts with it");
        role->stopping = true;
    } else if (store_load_recipients(store, config, &error) == OK) {
        /* Fibers that wait may hold what they read in the configuration before this one, but not longer. */
        role->config = *config;
        arena_destroy(store->config_before);
        store->config_before = store->config_now;
        store->config_now = arena;
        arena = NULL;
        store_queue_reload(store);
        log_info("reload", "recipients reloaded, and the settings of the queue");
    } else {
        log_error("reload", "the old recipients stay in force");
    }
    buf_free(&errors);
    arena_destroy(arena);
}
