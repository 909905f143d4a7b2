/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration texts. Whatever the text: faults are told exactly when it is refused, one line each
 * with its place, and what is accepted keeps the promises of config.h. Files are never opened.
 */
#include "base/ascii.h"
#include "base/domain.h"
#include "base/utf8.h"
#include "config/config.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take_place(struct bytes *line)
{
    uint64_t number;
    if (!bytes_starts_with(*line, BYTES("configuration:")))
        return false;
    *line = bytes_skip(*line, sizeof("configuration:") - 1);
    for (int i = 0; i < 2; i++) {
        size_t colon = bytes_find_byte(*line, ':');
        if (colon == BYTES_NOT_FOUND ||
            !bytes_to_uint(bytes_first(*line, colon), UINT32_MAX, &number) || number == 0)
            return false;
        *line = bytes_skip(*line, colon + 1);
    }
    return bytes_starts_with(*line, BYTES(" "));
}

static void check_errors(struct bytes errors)
{
    require(errors.len && errors.ptr[errors.len - 1] == '\n');
    require(utf8_is_valid(errors));
    struct bytes rest = bytes_first(errors, errors.len - 1), line;
    while (bytes_split(&rest, '\n', &line)) {
        require(take_place(&line) && line.len > 1);
        for (size_t i = 0; i < line.len; i++)
            require(!ascii_is_control(line.ptr[i]));
    }
}

static void check_networks(struct config_networks networks)
{
    for (size_t i = 0; i < networks.count; i++)
        require(networks.items[i].prefix >= 7);
}

static void check_domain(const struct config *config, const struct config_domain *domain)
{
    require(domain->names.count > 0);
    for (size_t i = 0; i < domain->names.count; i++)
        require(domain_is_hostname(bytes_of(domain->names.items[i])));
    require(domain->recipients && domain->aliases && domain->catch_all && domain->delimiter);
    bool lmtp = domain->lmtp.path || domain->lmtp.ip.family;
    require(domain->method == CONFIG_DELIVER_LMTP ? lmtp && !domain->maildir[0]
                                                  : !lmtp && strstr(domain->maildir, "{user}"));
    require(strcmp(config_policy_find(config, domain->policy)->name, domain->policy) == 0);
}

static void check_config(const struct config *config)
{
    require(domain_is_fully_qualified(bytes_of(config->hostname)));
    require(config->authserv_id[0] && config->data_directory && config->user && config->postmaster);
    require(config->limits.message_size >= 65536 && config->limits.recipients >= 100);
    check_networks(config->own_networks);
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        require(listener->name[0] && listener->greeting && listener->addresses.count > 0);
        check_networks(listener->proxy_from);
        for (size_t j = 0; j < listener->addresses.count; j++)
            require(listener->addresses.items[j].port && listener->addresses.items[j].ip.family);
    }
    for (size_t i = 0; i < config->domain_count; i++)
        check_domain(config, &config->domains[i]);
    require(config->policy_count >= 1 && strcmp(config->policies[0].name, "default") == 0);
    for (size_t i = 0; i < config->policy_count; i++)
        check_networks(config->policies[i].trusted_forwarders);
    for (size_t i = 0; i < config->tls.certificate_count; i++)
        require(config->tls.certificates[i].chain[0] && config->tls.certificates[i].key[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Small enough at times that memory runs out in the middle. */
    size_t cap = size && data[size - 1] == 0 ? 8192 + 4 * size : 64 << 20;
    struct arena *arena = arena_create(cap);
    if (!arena)
        return 0;
    struct buf errors;
    struct config config = {.edges = 77};
    buf_init(&errors, 1 << 20);
    enum result result = config_parse(arena, bytes_from(data, size), NULL, &config, &errors);
    require(result == OK || result == PERM || (result == TEMP && arena_exhausted(arena)));
    require((result == PERM) == (errors.len > 0));
    if (result == OK)
        check_config(&config);
    else
        require(config.edges == 77);
    if (result == PERM && !errors.failed)
        check_errors(buf_bytes(&errors));
    buf_free(&errors);
    arena_destroy(arena);
    return 0;
}
