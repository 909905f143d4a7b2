/* SPDX-License-Identifier: BSD-2-Clause */
/* The DNS of a stranger as zone text: the hosts found are few, in order, elsewhere, and never us. */
#include "base/domain.h"
#include "dns/zone.h"
#include "fiber/loop.h"
#include "outbound/address.h"
#include "outbound/mx.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes text;
static uint32_t state;

static uint32_t some_number(void *context, uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return state % below;
}

static void check_host(const struct mx_list *list, size_t i, const struct ip *own)
{
    const struct mx_host *host = &list->hosts[i];
    require(host->address_count > 0 && host->address_count <= MX_ADDRESSES_MAX);
    require(i == 0 || list->hosts[i - 1].preference <= host->preference);
    require(!bytes_is_nocase(host->name, "us.example") && host->port == 25);
    require(host->literal || domain_is_valid(host->name));
    for (size_t j = 0; j < host->address_count; j++) {
        require(!ip_equal(&host->addresses[j], own));
        require(address_is_public(&host->addresses[j]));
    }
}

static void find(struct zone *zone, struct arena *arena, struct bytes domain)
{
    struct mx_list list;
    struct mx_problem problem;
    struct ip own = {.family = 4, .octets = {192, 0, 2, 7}};
    struct mx_options options = {.dns = zone_dns(zone),
                                 .port = 25,
                                 .ipv4 = true,
                                 .ipv6 = true,
                                 .random = some_number,
                                 .hostname = BYTES("us.example"),
                                 .own = &own,
                                 .own_count = 1};
    size_t addresses = 0;
    enum result result = mx_find(&options, arena, domain, loop_deadline(MINUTE), &list, &problem);
    require(result != NONE && (result == OK) == (list.count > 0) && list.count <= MX_HOSTS_MAX);
    require(result == OK || (strlen(problem.enhanced) >= 5 && problem.enhanced[0] == (result == TEMP ? '4' : '5')));
    for (size_t i = 0; i < list.count; i++) {
        check_host(&list, i, &own);
        addresses += list.hosts[i].address_count;
    }
    require(addresses <= MX_ADDRESSES_MAX);
}

static void run(void *argument)
{
    struct zone *zone = zone_create();
    struct arena *arena = arena_create(8 << 20);
    size_t line = bytes_find_byte(text, '\n');
    struct bytes domain = bytes_first(text, line);
    struct error error;
    /* Lines before a malformed one stay. */
    if (zone_load(zone, bytes_skip(text, line), &error) == OK || zone_question_count(zone) == 0) {
        find(zone, arena, domain);
        find(zone, arena, BYTES("d.example"));
    }
    zone_destroy(zone);
    arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct loop_options options = {.fake_clock = true};
    struct loop *loop = loop_create(&options);
    text = bytes_from(size ? data : (const uint8_t *)"", size > 16384 ? 16384 : size);
    state = (uint32_t)size;
    loop_run(loop, run, NULL);
    loop_destroy(loop);
    return 0;
}
