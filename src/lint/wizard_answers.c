/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ascii.h"
#include "base/domain.h"
#include "lint/wizard.h"
#include "message/idn.h"

static enum result read_switch(struct bytes key, struct bytes value, bool *out, struct error *error)
{
    if (bytes_is_nocase(value, "yes") || bytes_is_nocase(value, "no")) {
        *out = bytes_is_nocase(value, "yes");
        return OK;
    }
    return error_set(error, PERM, BYTES_FMT " wants yes or no", BYTES_ARG(key));
}

/* No top-level domain is a number (rfc3696:2), so that is a mistyped address. */
static bool is_like_address(struct bytes value)
{
    value = bytes_first(value, bytes_find_byte(value, '/'));
    size_t dot = bytes_rfind_byte(value, '.');
    struct bytes label = bytes_skip(value, dot == BYTES_NOT_FOUND ? 0 : dot + 1);
    for (size_t i = 0; i < label.len; i++)
        if (!ascii_is_digit(label.ptr[i]))
            return bytes_find_byte(value, ':') != BYTES_NOT_FOUND;
    return label.len != 0;
}

static enum result read_name(struct arena *arena, struct bytes value, struct bytes *out,
                             struct error *error)
{
    struct bytes name;
    if (is_like_address(domain_strip_dot(value)))
        return error_set(error, PERM, "\"" BYTES_FMT "\" is no IP address, and no name",
                         BYTES_ARG(bytes_first(value, 80)));
    if (idn_to_ascii(arena, domain_strip_dot(value), &name, NULL) == OK &&
        domain_label_count(name) > 1) {
        *out = name;
        return OK;
    }
    return error_set(error, PERM, "\"" BYTES_FMT "\" is no full name of a domain or host",
                     BYTES_ARG(bytes_first(value, 80)));
}

static enum result add_source(struct wizard_answers *answers, const struct wizard_source *source,
                              struct error *error)
{
    if (answers->source_count == WIZARD_SOURCES_MAX)
        return error_set(error, PERM, "more than %d hosts, providers and relays",
                         WIZARD_SOURCES_MAX);
    answers->sources[answers->source_count++] = *source;
    return OK;
}

/* A name, an address or a network. */
static enum result read_host(struct arena *arena, struct wizard_answers *answers,
                             enum wizard_kind kind, struct bytes value, struct error *error)
{
    struct wizard_source source = {.kind = kind, .name = BYTES("")};
    if (!ip_network_parse(value, &source.network)) {
        source.network = (struct ip_network){.ip = {.family = 0}};
        enum result result = read_name(arena, value, &source.name, error);
        if (result != OK)
            return result;
    }
    return add_source(answers, &source, error);
}

static enum result read_esp_part(struct arena *arena, struct wizard_source *source,
                                 struct bytes part, struct error *error)
{
    size_t equals = bytes_find_byte(part, '=');
    struct bytes key = bytes_trim(bytes_first(part, equals));
    struct bytes value =
        equals == BYTES_NOT_FOUND ? BYTES("") : bytes_trim(bytes_skip(part, equals + 1));
    struct bytes *place = bytes_is_nocase(key, "bounce")      ? &source->bounce
                          : bytes_is_nocase(key, "client")    ? &source->client
                          : bytes_is_nocase(key, "delegated") ? &source->delegated
                                                              : NULL;
    if (!place)
        return error_set(error, PERM,
                         "esp knows bounce=, client= and delegated=, not \"" BYTES_FMT "\"",
                         BYTES_ARG(bytes_first(key, 40)));
    return read_name(arena, value, place, error);
}

/* NAME=include[,bounce=DOMAIN][,client=NAME][,delegated=NAME]. */
static enum result read_esp(struct arena *arena, struct wizard_answers *answers, struct bytes value,
                            struct error *error)
{
    struct wizard_source source = {.kind = WIZARD_ESP,
                                   .name = BYTES(""),
                                   .bounce = BYTES(""),
                                   .client = BYTES(""),
                                   .delegated = BYTES("")};
    struct bytes part;
    size_t equals = bytes_find_byte(value, '=');
    source.title = arena_copy(arena, bytes_trim(bytes_first(value, equals)));
    if (equals == BYTES_NOT_FOUND || !source.title.len || source.title.len > 80)
        return error_set(error, PERM, "esp wants NAME=include[,bounce=...]");
    struct bytes rest = bytes_skip(value, equals + 1);
    bool first = true;
    while (bytes_split(&rest, ',', &part)) {
        part = bytes_trim(part);
        enum result result = first ? read_name(arena, part, &source.name, error)
                                   : read_esp_part(arena, &source, part, error);
        if (result != OK)
            return result;
        first = false;
    }
    return add_source(answers, &source, error);
}

enum result wizard_answer(struct arena *arena, struct wizard_answers *answers, struct bytes key,
                          struct bytes value, struct error *error)
{
    if (bytes_is(key, "domain"))
        return read_name(arena, value, &answers->domain, error);
    if (bytes_is(key, "own-mx"))
        return read_switch(key, value, &answers->own_mx, error);
    if (bytes_is(key, "web-only"))
        return read_switch(key, value, &answers->web_only, error);
    if (bytes_is(key, "never-sends"))
        return read_switch(key, value, &answers->never_sends, error);
    if (bytes_is(key, "incomplete"))
        return read_switch(key, value, &answers->incomplete, error);
    if (bytes_is(key, "forwarded-users")) {
        bool forwarded = false;
        enum result result = read_switch(key, value, &forwarded, error);
        if (result == OK)
            answers->forwarding = forwarded ? WIZARD_FORWARDED : WIZARD_NOT_FORWARDED;
        return result;
    }
    if (bytes_is(key, "host"))
        return read_host(arena, answers, WIZARD_HOST, value, error);
    if (bytes_is(key, "relay"))
        return read_host(arena, answers, WIZARD_RELAY, value, error);
    if (bytes_is(key, "esp"))
        return read_esp(arena, answers, value, error);
    if (bytes_is(key, "provider")) {
        struct wizard_source source = {.kind = WIZARD_PROVIDER};
        enum result result = read_name(arena, value, &source.name, error);
        return result == OK ? add_source(answers, &source, error) : result;
    }
    return error_set(error, PERM, "\"" BYTES_FMT "\" is no question of the wizard",
                     BYTES_ARG(bytes_first(key, 40)));
}

enum result wizard_answers_parse(struct arena *arena, struct bytes text,
                                 struct wizard_answers *answers, struct error *error)
{
    struct bytes rest = text, line;
    unsigned number = 0;
    if (text.len > WIZARD_ANSWERS_MAX)
        return error_set(error, PERM, "the answers are too long");
    while (rest.ptr && bytes_split(&rest, '\n', &line)) {
        struct error reason;
        number++;
        line = bytes_trim(line);
        if (!line.len || line.ptr[0] == '#')
            continue;
        size_t equals = bytes_find_byte(line, '=');
        if (equals == BYTES_NOT_FOUND)
            return error_set(error, PERM, "line %u is no key = value", number);
        if (wizard_answer(arena, answers, bytes_trim(bytes_first(line, equals)),
                          bytes_trim(bytes_skip(line, equals + 1)), &reason) != OK)
            return error_set(error, PERM, "line %u: %s", number, reason.text);
    }
    return OK;
}

enum result wizard_answers_check(const struct wizard_answers *answers, struct error *error)
{
    bool sends = answers->own_mx || answers->web_only || answers->source_count;
    if (!answers->domain.len)
        return error_set(error, PERM, "no domain was named");
    if (answers->never_sends && sends)
        return error_set(error, PERM, "a domain that never sends has no hosts that do");
    if (!answers->never_sends && !sends)
        return error_set(error, PERM,
                         "nothing that sends mail was named; if nothing does, say that the "
                         "domain never sends");
    return OK;
}
