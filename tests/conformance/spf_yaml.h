/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_yaml: the form of the openspf.org test suites (as JSON: yaml_to_json.py): the zone data of a
 * document, the members of a case, and all cases of a file.
 */
#ifndef VOUCH_CONFORMANCE_SPF_YAML_H
#define VOUCH_CONFORMANCE_SPF_YAML_H

#include "base/arena.h"
#include "dns/zone.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* JSON strings hold the octets as characters below 256. */
static inline struct bytes octets(struct arena *arena, const json_t *value)
{
    struct bytes text = bytes_from(json_string_value(value), json_string_length(value));
    uint8_t *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    require(out);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= 0xc0 && i + 1 < text.len)
            c = (uint8_t)((c << 6) | (text.ptr[++i] & 0x3f));
        out[len++] = c;
    }
    return bytes_from(out, len);
}

static inline struct bytes joined(struct arena *arena, const json_t *value)
{
    if (json_is_string(value))
        return octets(arena, value);
    struct bytes all = BYTES("");
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct bytes part = octets(arena, json_array_get(value, i));
        uint8_t *text = arena_alloc(arena, all.len + part.len);
        require(text);
        if (all.len)
            memcpy(text, all.ptr, all.len);
        if (part.len)
            memcpy(text + all.len, part.ptr, part.len);
        all = bytes_from(text, all.len + part.len);
    }
    return all;
}

static inline void add_record(struct zone *zone, struct arena *arena, struct bytes name,
                              enum dns_type type, const json_t *value)
{
    struct bytes text;
    if (type == DNS_MX) {
        struct bytes host = octets(arena, json_array_get(value, 1));
        text = arena_printf(arena, "%s " BYTES_FMT, json_string_value(json_array_get(value, 0)),
                            BYTES_ARG(host.len ? host : BYTES(".")));
    } else {
        text = joined(arena, value);
    }
    if (!zone_add(zone, name, type, 300, text))
        panic("cannot be in a zone: " BYTES_FMT, BYTES_ARG(name));
}

static inline bool is_none(const json_t *value)
{
    return json_is_string(value) && strcmp(json_string_value(value), "NONE") == 0;
}

/*
 * Type SPF counts as TXT where the name has no entry for TXT; "TXT: NONE" is such an entry without
 * a record. TIMEOUT fails all questions whose type the name has no record of.
 */
static inline void add_name(struct zone *zone, struct arena *arena, struct bytes name,
                            const json_t *list)
{
    static const enum dns_type asked[] = {DNS_A, DNS_AAAA, DNS_MX, DNS_PTR, DNS_TXT, DNS_CNAME};
    bool has[256] = {false}, has_txt_entry = false, timeout = false;
    size_t i;
    for (i = 0; i < json_array_size(list); i++)
        has_txt_entry |= json_object_get(json_array_get(list, i), "TXT") != NULL;
    zone_add_name(zone, name);
    for (i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i), *value;
        const char *type;
        timeout |= json_is_string(item);
        json_object_foreach(item, type, value)
        {
            /* The loop finds its place by `type`, which must stay as it is. */
            bool is_spf = strcmp(type, "SPF") == 0;
            if (is_none(value) || (is_spf && has_txt_entry))
                continue;
            enum dns_type number;
            require(dns_type_parse(is_spf ? BYTES("TXT") : bytes_of(type), &number) &&
                    number < 256);
            has[number] = true;
            add_record(zone, arena, name, number, value);
        }
    }
    for (i = 0; timeout && i < countof(asked); i++)
        if (!has[asked[i]])
            zone_add_failure(zone, name, asked[i]);
}

static inline struct zone *read_zone(struct arena *arena, json_t *data)
{
    struct zone *zone = zone_create();
    const char *name;
    json_t *list;
    json_object_foreach(data, name, list) add_name(zone, arena, bytes_of(name), list);
    return zone;
}

static inline struct bytes member(struct arena *arena, json_t *test, const char *key)
{
    const json_t *value = json_object_get(test, key);
    return json_is_string(value) ? octets(arena, value) : BYTES("");
}

static inline bool result_is_expected(const json_t *expected, const char *result)
{
    if (json_is_string(expected))
        return strcasecmp(json_string_value(expected), result) == 0;
    for (size_t i = 0; i < json_array_size(expected); i++)
        if (strcasecmp(json_string_value(json_array_get(expected, i)), result) == 0)
            return true;
    return false;
}

/* ---- All cases of a file ---- */

struct suite; /* the program's: what it counts */
typedef void case_function(struct suite *suite, struct zone *zone, const char *name, json_t *test);

static inline void run_document(json_t *document, struct suite *suite, case_function *run_case)
{
    struct arena *arena = arena_create(16 << 20);
    struct zone *zone = read_zone(arena, json_object_get(document, "zonedata"));
    const char *name;
    json_t *test;
    json_object_foreach(json_object_get(document, "tests"), name, test)
        run_case(suite, zone, name, test);
    zone_destroy(zone);
    arena_destroy(arena);
}

static inline bool run_file(const char *file, struct suite *suite, case_function *run_case)
{
    json_error_t error;
    json_t *documents = json_load_file(file, JSON_ALLOW_NUL, &error);
    if (!documents) {
        fprintf(stderr, "%s: line %d: %s\n", file, error.line, error.text);
        return false;
    }
    for (size_t i = 0; i < json_array_size(documents); i++)
        run_document(json_array_get(documents, i), suite, run_case);
    json_decref(documents);
    return true;
}

#endif
