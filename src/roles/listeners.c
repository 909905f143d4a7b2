/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/listeners.h"

#include "base/log.h"
#include "os/process.h"
#include "os/socket.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 4096, FIRST_INHERITED = 3 };

static bool append(struct listeners *listeners, struct bound bound)
{
    struct bound *items =
        realloc(listeners->items, (listeners->count + 1) * sizeof(*listeners->items));
    if (!items)
        return false;
    listeners->items = items;
    items[listeners->count++] = bound;
    return true;
}

static struct bound *find(const struct listeners *listeners, const struct config_endpoint *address)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct bound *bound = &listeners->items[i];
        if (ip_equal(&bound->address.ip, &address->ip) && bound->address.port == address->port)
            return bound;
    }
    return NULL;
}

void listeners_inherit(struct listeners *listeners)
{
    const char *names;
    int count = process_listen_fds(&names);
    for (int fd = FIRST_INHERITED; fd < FIRST_INHERITED + count; fd++) {
        struct bound bound = {.fd = fd};
        if (socket_local(fd, &bound.address.ip, &bound.address.port) != 0 || !append(listeners, bound)) {
            log_warning("listen", "descriptor %d of the service manager is no TCP socket", fd);
            close(fd);
        }
    }
}

static void close_from(struct listeners *listeners, size_t first)
{
    for (size_t i = first; i < listeners->count; i++)
        close(listeners->items[i].fd);
    listeners->count = first;
}

static enum result bind_one(struct listeners *listeners, const struct config_endpoint *address,
                            unsigned listener, struct error *error)
{
    char ip[IP_TEXT_SIZE];
    struct bound bound = {*address, listener, socket_listen(&address->ip, address->port, BACKLOG)};
    if (bound.fd < 0)
        return error_set(error, PERM, "cannot listen on %s port %u: %s", ip_format(&address->ip, ip),
                         address->port, strerror(-bound.fd));
    if (!append(listeners, bound)) {
        close(bound.fd);
        return error_set(error, TEMP, "out of memory");
    }
    return OK;
}

/* Whether `address` stands in the configuration, and in which listener. */
static bool is_wanted(const struct config *config, const struct config_endpoint *address,
                      unsigned *listener)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_endpoints *addresses = &config->listeners[i].addresses;
        for (size_t a = 0; a < addresses->count; a++) {
            if (ip_equal(&addresses->items[a].ip, &address->ip) &&
                addresses->items[a].port == address->port) {
                *listener = (unsigned)i;
                return true;
            }
        }
    }
    return false;
}

static void mark(struct listeners *listeners, const struct config *config)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct bound *bound = &listeners->items[i];
        if (!is_wanted(config, &bound->address, &bound->listener))
            bound->listener = LISTENER_UNWANTED;
    }
}

void listeners_trim(struct listeners *listeners)
{
    size_t kept = 0;
    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->items[i].listener == LISTENER_UNWANTED)
            close(listeners->items[i].fd);
        else
            listeners->items[kept++] = listeners->items[i];
    }
    listeners->count = kept;
}

enum result listeners_bind(struct listeners *listeners, const struct config *config,
                           struct error *error)
{
    size_t before = listeners->count;
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_endpoints *addresses = &config->listeners[i].addresses;
        for (size_t a = 0; a < addresses->count; a++) {
            if (find(listeners, &addresses->items[a]))
                continue;
            enum result result = bind_one(listeners, &addresses->items[a], (unsigned)i, error);
            if (result != OK) {
                close_from(listeners, before);
                return result;
            }
        }
    }
    mark(listeners, config);
    return OK;
}

void listeners_close(struct listeners *listeners)
{
    close_from(listeners, 0);
    free(listeners->items);
    listeners->items = NULL;
}
