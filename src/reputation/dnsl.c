/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/dnsl.h"

#include "base/domain.h"
#include "base/utf8.h"

#include <string.h>

enum { NAME_MAX_OCTETS = 253, TEXTS_MAX = 4 };

const char *dnsl_status_name(enum dnsl_status status)
{
    static const char *const names[] = {"not listed", "listed", "error", "failed"};
    return names[status];
}

static bool is_first(const struct ip *code)
{
    static const uint8_t first[4] = {127, 0, 0, 1};
    return code->family == 4 && memcmp(code->octets, first, sizeof(first)) == 0;
}

bool dnsl_list_read(struct arena *arena, const struct config_dnslist *config, struct dnsl_list *out)
{
    *out = (struct dnsl_list){
        .config = config, .name = bytes_of(config->name), .zone = domain_strip_dot(bytes_of(config->zone))};
    out->codes = arena_alloc_array(arena, config->codes.count, sizeof(*out->codes));
    if (!out->codes)
        return false;
    for (size_t i = 0; i < config->codes.count; i++) {
        struct config_dnslist_code *code = &out->codes[out->code_count];
        if (config_read_dnslist_code(bytes_of(config->codes.items[i]), code))
            continue;
        out->code_count++;
        if (code->network.prefix == 32 && is_first(&code->network.ip))
            out->first_is_listed = true;
    }
    return true;
}

bool dnsl_points(const struct dnsl_list *list, const struct ip *code, int *points)
{
    for (size_t i = 0; i < list->code_count; i++) {
        const struct config_dnslist_code *known = &list->codes[i];
        if (!ip_in_network(code, &known->network) || (known->bit && !(code->octets[3] & known->bit)))
            continue;
        *points = known->off ? 0 : known->points;
        return !known->off;
    }
    *points = list->config->weight;
    return true;
}

bool dnsl_is_askable(const struct ip *ip)
{
    static const struct ip_network nobodys[] = {
        {{4, {0}}, 8},          {{4, {10}}, 8},         {{4, {127}}, 8},
        {{4, {100, 64}}, 10},   {{4, {169, 254}}, 16},  {{4, {172, 16}}, 12},
        {{4, {192, 168}}, 16},  {{4, {224}}, 3},        {{6, {0}}, 64},
        {{6, {0xfc}}, 7},       {{6, {0xfe, 0x80}}, 10}, {{6, {0xff}}, 8},
    };
    for (size_t i = 0; i < countof(nobodys); i++)
        if (ip_in_network(ip, &nobodys[i]))
            return false;
    return ip->family != 0;
}

struct bytes dnsl_printable(struct arena *arena, struct bytes text, size_t most)
{
    uint8_t *out = arena_alloc(arena, most ? most : 1);
    size_t len = 0;
    while (out && text.len) {
        size_t octets = utf8_printable(text), whole = utf8_sequence(text);
        bool blank = (octets == 1 && text.ptr[0] == ' ') || (!octets && text.ptr[0] < 0x20);
        struct bytes character = octets ? bytes_first(text, octets) : blank ? BYTES(" ") : BYTES("?");
        text = bytes_skip(text, octets ? octets : whole ? whole : 1);
        if (blank && (len == 0 || out[len - 1] == ' '))
            continue;
        if (len + character.len > most)
            break;
        memcpy(out + len, blank ? (const uint8_t *)" " : character.ptr, character.len);
        len += character.len;
    }
    if (len && out[len - 1] == ' ')
        len--;
    return bytes_from(out, out ? len : 0);
}

/* rfc5782:2.1, 2.4, 3. Empty: no list can have it. */
static struct bytes name_of(struct arena *arena, const struct dnsl_list *list, const struct dnsl_subject *subject)
{
    struct buf name;
    buf_init(&name, NAME_MAX_OCTETS);
    if (subject->ip.family)
        ip_add_reversed(&name, &subject->ip);
    else if (domain_is_valid(subject->name))
        buf_add(&name, subject->name);
    if (name.len) {
        buf_add_byte(&name, '.');
        buf_add(&name, list->zone);
    }
    struct bytes copy = name.failed ? BYTES("") : arena_copy(arena, buf_bytes(&name));
    buf_free(&name);
    return copy;
}

static void fail(struct dnsl_result *result, enum dnsl_status status, const char *problem)
{
    result->status = status;
    result->problem = bytes_of(problem);
}

/* A list's answers are of 127/8 (rfc5782:2.3); what is not comes from a parked domain or a resolver that makes
 * answers up. With 127.255.255.0/24, and 127.0.0.1, lists say that they do not answer the one who asks. */
static const char *fault_of(const struct dnsl_list *list, const struct ip *code)
{
    const uint8_t *octets = code->octets;
    if (code->family != 4 || octets[0] != 127)
        return "it answers with an address outside of 127.0.0.0/8, as lists never do";
    if (octets[1] == 255 && octets[2] == 255)
        return "it answers with an error code: it does not serve our resolver";
    if (is_first(code) && !list->first_is_listed)
        return "it answers with 127.0.0.1, as lists do that do not serve our resolver";
    return NULL;
}

static bool is_known(const struct dnsl_result *result, const struct ip *code)
{
    for (size_t i = 0; i < result->code_count; i++)
        if (ip_equal(&result->codes[i], code))
            return true;
    return false;
}

/* One address that no list gives makes the whole answer worthless. */
static void read_codes(struct arena *arena, const struct dnsl_list *list, struct dnsl_result *result)
{
    const struct dns_answer *answer = result->answer;
    result->status = DNSL_LISTED;
    result->codes = arena_alloc_array(arena, answer->count < DNSL_CODES_MAX ? answer->count : DNSL_CODES_MAX,
                                      sizeof(*result->codes));
    if (!result->codes) {
        fail(result, DNSL_FAILED, "out of memory");
        return;
    }
    for (size_t i = 0; i < answer->count; i++) {
        const struct ip *code = &answer->records[i].ip;
        const char *fault = fault_of(list, code);
        if (fault) {
            char text[IP_TEXT_SIZE];
            fail(result, DNSL_ERROR, fault);
            struct bytes whole = arena_printf(arena, "%s (%s)", fault, ip_format(code, text));
            if (whole.ptr)
                result->problem = whole;
            result->code_count = 0;
            return;
        }
        if (result->code_count < DNSL_CODES_MAX && !is_known(result, code))
            result->codes[result->code_count++] = *code;
    }
}

static bool counts(const struct dnsl_list *list, const struct dnsl_result *result)
{
    int points;
    for (size_t i = 0; i < result->code_count; i++)
        if (dnsl_points(list, &result->codes[i], &points))
            return true;
    return false;
}

/* The reason is only for people: without it the listing holds. Several have no order that means anything. */
static void ask_text(struct dns *dns, struct arena *arena, struct dnsl_result *result, int64_t deadline)
{
    struct bytes parts[2 * TEXTS_MAX];
    size_t count = 0;
    result->text_answer = dns_query(dns, arena, result->name, DNS_TXT, deadline);
    for (size_t i = 0; i < result->text_answer->count && i < TEXTS_MAX; i++) {
        if (count)
            parts[count++] = BYTES(" / ");
        parts[count++] = bytes_first(result->text_answer->records[i].text, DNSL_TEXT_MAX);
    }
    if (count)
        result->text = dnsl_printable(arena, arena_concat(arena, parts, count), DNSL_TEXT_MAX);
}

void dnsl_ask(struct dns *dns, struct arena *arena, const struct dnsl_list *list,
              const struct dnsl_subject *subject, int64_t deadline, struct dnsl_result *result)
{
    *result = (struct dnsl_result){
        .text = BYTES(""), .problem = BYTES(""), .name = name_of(arena, list, subject)};
    if (!result->name.ptr) {
        fail(result, DNSL_FAILED, "out of memory");
        return;
    }
    if (!result->name.len)
        return;
    result->answer = dns_query(dns, arena, result->name, DNS_A, deadline);
    if (result->answer->status == DNS_FAILED)
        fail(result, DNSL_FAILED, result->answer->problem ? result->answer->problem : "the DNS did not answer");
    else if (result->answer->status == DNS_FOUND && result->answer->count)
        read_codes(arena, list, result);
    if (result->status == DNSL_LISTED && counts(list, result))
        ask_text(dns, arena, result, deadline);
}
