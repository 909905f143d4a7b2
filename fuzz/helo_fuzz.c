/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The argument of HELO, and the list of forwarders that rests on it. Input: a line with the
 * client's address, a line with the HELO argument, then a zone.
 */
#include "auth/forwarder.h"
#include "auth/helo.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/domain.h"
#include "dns/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 40 };

static const struct bytes names[] = {BYTES_INIT("mx.example"), BYTES_INIT(".below.example")};

static void check_helo(struct zone *zone, struct arena *arena, const struct ip *client,
                       struct bytes helo, bool own)
{
    struct helo_request request = {.client = *client,
                                   .helo = helo,
                                   .own_names = names,
                                   .own_name_count = own ? 1 : 0,
                                   .own_address = own ? ip_from_v4((const uint8_t[]){10, 0, 0, 1})
                                                      : (struct ip){0},
                                   .deadline = NO_DEADLINE};
    struct helo_result result;
    struct ip literal;
    size_t before = zone_question_count(zone);
    helo_check(zone_dns(zone), arena, &request, &result);
    size_t asked = zone_question_count(zone) - before;
    require(result.kind == helo_kind_of(helo, &literal));
    require((literal.family != 0) == (result.kind == HELO_LITERAL));
    require(asked <= 1 && (!asked || result.kind == HELO_NAME));
    require((result.problem.len == 0) == (result.result == AUTH_PASS));
    for (size_t i = 0; i < result.problem.len; i++)
        require(!ascii_is_control(result.problem.ptr[i]));
    require((result.result == AUTH_PERMERROR) == (result.kind == HELO_MALFORMED));
    require(!result.own || (own && result.result == AUTH_FAIL));
    if (result.kind == HELO_NAME || result.kind == HELO_UNQUALIFIED)
        require(domain_is_valid(domain_strip_dot(helo)));
    if (result.kind == HELO_LITERAL)
        require((result.result == AUTH_PASS) == ip_equal(&literal, client));
}

static void check_forwarder(struct zone *zone, struct arena *arena, const struct ip *client,
                            struct bytes helo)
{
    static const struct forwarder list[] = {
        {.name = BYTES_INIT("names"), .helo_names = names, .helo_name_count = countof(names)},
        {.name = BYTES_INIT("record"), .include = BYTES_INIT("wl.example")},
    };
    struct spf_request request = {
        .ip = *client, .helo = helo, .sender = BYTES("a@d.example"), .deadline = NO_DEADLINE};
    struct forwarder_result result;
    enum result found =
        forwarder_find(zone_dns(zone), arena, &request, list, countof(list), &result);
    require(found != PERM && (found == OK) == (result.forwarder != NULL));
    require(found != TEMP || result.problem.len);
    if (found != OK || result.match != FORWARDER_HELO)
        return;
    struct bytes name = domain_strip_dot(helo);
    require(result.forwarder == &list[0] &&
            (bytes_equal_nocase(name, names[0]) || domain_is_within(name, BYTES("below.example"))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size), line, head[2];
    struct ip client;
    struct zone *zone = zone_create();
    struct arena *arena = arena_create(16 << 20);
    for (size_t i = 0; i < countof(head); i++)
        if (!bytes_split(&rest, '\n', &head[i]))
            head[i] = BYTES("");
    for (size_t i = 0; rest.ptr && i < LINES_MAX && bytes_split(&rest, '\n', &line); i++)
        if (bytes_find_nocase(line, BYTES("DELAY")) == BYTES_NOT_FOUND)
            (void)!zone_load(zone, line, NULL); /* there is no loop here to wait in */
    if (!ip_parse(head[0], &client))
        client = ip_from_v4((const uint8_t[]){192, 0, 2, 1});
    check_helo(zone, arena, &client, head[1], false);
    check_helo(zone, arena, &client, head[1], true);
    check_forwarder(zone, arena, &client, head[1]);
    arena_destroy(arena);
    zone_destroy(zone);
    return 0;
}
