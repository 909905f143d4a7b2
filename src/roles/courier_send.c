/* SPDX-License-Identifier: BSD-2-Clause */
/* courier_send: mail to other servers by SMTP, for the store. */
#include "base/log.h"
#include "dns/cache.h"
#include "dns/transport.h"
#include "os/files.h"
#include "os/socket.h"
#include "outbound/deliver.h"
#include "roles/courier.h"
#include "roles/keys_protocol.h"
#include "roles/parcel.h"
#include "roles/resolver.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

enum { CONTENT_MAX = 1 << 30, OWN_MAX = 256, SHORT_TEXT = 80 };
#define KEYS_TIMEOUT (10 * SECOND)

/* ---- who we are ---- */

struct own {
    struct ip *items;
    size_t count;
};

static void add_own(struct own *own, const struct ip *ip)
{
    if (own->count < OWN_MAX)
        own->items[own->count++] = *ip;
}

static bool is_any(const struct ip *ip)
{
    static const struct ip none;
    return memcmp(ip->octets, none.octets, sizeof(none.octets)) == 0;
}

/* All of this host's addresses of one family: a listener on any of them listens on these. */
static void add_interfaces(struct own *own, uint8_t family)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
        struct ip ip;
        if (!at->ifa_addr)
            continue;
        if (at->ifa_addr->sa_family == AF_INET && family == 4)
            ip = ip_from_v4(
                (const uint8_t *)&((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr);
        else if (at->ifa_addr->sa_family == AF_INET6 && family == 6)
            ip = ip_from_v6(
                (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)at->ifa_addr)->sin6_addr);
        else
            continue;
        add_own(own, &ip);
    }
    freeifaddrs(all);
}

/* Where mail sent out would come straight back in: the port is the one that we send to. */
static void find_own(const struct config *config, struct own *own)
{
    uint16_t port = config->queue.smtp_port ? (uint16_t)config->queue.smtp_port : 25;
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_endpoints *addresses = &config->listeners[i].addresses;
        for (size_t j = 0; j < addresses->count; j++) {
            const struct config_endpoint *address = &addresses->items[j];
            if (address->path || address->port != port)
                continue;
            if (is_any(&address->ip))
                add_interfaces(own, address->ip.family);
            else
                add_own(own, &address->ip);
        }
    }
}

/* ---- what the keys role knows ---- */

static enum result credentials(void *context, const char *route, struct arena *arena,
                               struct bytes *user, struct bytes *password)
{
    struct courier *courier = context;
    int64_t deadline = loop_deadline(KEYS_TIMEOUT);
    struct ipc_channel *keys = role_await(&courier->keys, &courier->keys_changed, deadline);
    struct keys_credentials found;
    struct ipc_message answer;
    struct error error;
    struct buf payload;
    if (!keys)
        return TEMP;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    keys_credentials_question_write(&payload, bytes_of(route));
    struct ipc_message question = {KEYS_CREDENTIALS, buf_bytes(&payload), {-1, -1, -1, -1}};
    enum result result = role_call(keys, arena, &question, &answer, deadline, &error);
    buf_free(&payload);
    if (result != OK)
        return result;
    if (!keys_credentials_answer_read(answer.payload, &found) || !found.found)
        return NONE;
    *user = found.user;
    *password = found.password;
    return OK;
}

/* ---- start and end ---- */

enum result courier_open_outbound(struct courier *courier, struct error *error)
{
    const struct config *config = &courier->role->config;
    const char *authorities = config->queue.authorities;
    struct own own = {.items = arena_alloc_array(courier->role->arena, OWN_MAX, sizeof(struct ip))};
    if (!own.items)
        return error_set(error, TEMP, "out of memory");
    enum result result = resolver_open(courier->role, &courier->transport, &courier->dns, error);
    if (result != OK)
        return result;
    courier->tls = tls_client_create(*authorities ? authorities : NULL, error);
    if (!courier->tls)
        return PERM;
    find_own(config, &own);
    struct outbound_options options = {.config = config,
                                       .dns = courier->dns,
                                       .tls = courier->tls,
                                       .own = own.items,
                                       .own_count = own.count,
                                       .context = courier,
                                       .credentials = credentials};
    courier->outbound = outbound_create(&options);
    return courier->outbound ? OK : error_set(error, TEMP, "out of memory");
}

void courier_close_outbound(struct courier *courier)
{
    outbound_destroy(courier->outbound);
    tls_client_destroy(courier->tls);
    dns_cache_destroy(courier->dns);
    dns_transport_destroy(courier->transport);
}

/* ---- requests ---- */

/* A thousand long replies may be too much for a frame: then shorter ones, and only they. */
static void shorten(struct send_answer *answer, size_t recipient_count)
{
    answer->event_count = 0;
    answer->policy = (struct send_policy){.expires_at = 0};
    for (size_t i = 0; i < recipient_count; i++)
        answer->replies[i].text = bytes_first(answer->replies[i].text, SHORT_TEXT);
}

static void reply(struct ipc_request *request, struct send_answer *answer, size_t recipient_count)
{
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    send_answer_write(&payload, answer, recipient_count);
    if (payload.failed) {
        buf_clear(&payload);
        shorten(answer, recipient_count);
        send_answer_write(&payload, answer, recipient_count);
    }
    role_reply(request, &payload);
}

static bool read_request(struct ipc_request *request, struct arena *arena, struct send_request *asked,
                         struct error *error)
{
    struct bytes payload;
    bool in_descriptor = false;
    if (!parcel_unpack(&request->message, arena, &payload) ||
        !send_request_read(payload, arena, asked, &in_descriptor)) {
        error_set(error, PERM, "a malformed request");
        return false;
    }
    if (!in_descriptor)
        return true;
    if (request->message.descriptors[0] < 0) {
        error_set(error, PERM, "a request without its content");
        return false;
    }
    return files_read_descriptor(arena, request->message.descriptors[0], CONTENT_MAX / 2,
                                 &asked->content, error) == OK;
}

void courier_send(struct courier *courier, struct ipc_request *request)
{
    struct send_request asked = {.patience = 0};
    struct send_answer answer;
    struct error error = {{0}};
    struct arena *arena = arena_create(CONTENT_MAX);
    if (arena && read_request(request, arena, &asked, &error) &&
        outbound_send(courier->outbound, &asked, arena, &answer) == OK)
        reply(request, &answer, asked.recipient_count);
    else /* without a reply the store tries again later */
        log_warning("courier", "%s", error.text[0] ? error.text : "out of memory");
    arena_destroy(arena);
    ipc_request_free(request);
    /* Wakes courier_run(): there may be connections to close after a while. */
    if (outbound_idle_count(courier->outbound))
        fiber_signal_all(&courier->role->changed);
}
