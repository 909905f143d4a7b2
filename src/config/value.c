/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/value.h"

#include "base/ascii.h"
#include "base/clock.h"
#include "base/domain.h"
#include "base/utf8.h"
#include "message/idn.h"

const char *config_read_bool(struct bytes text, bool *out)
{
    if (bytes_is(text, "yes") || bytes_is(text, "true") || bytes_is(text, "on"))
        *out = true;
    else if (bytes_is(text, "no") || bytes_is(text, "false") || bytes_is(text, "off"))
        *out = false;
    else
        return "must be yes or no";
    return NULL;
}

/* Takes digits off the front of *text. */
static const char *take_number(struct bytes *text, uint64_t *out)
{
    size_t digits = 0;
    while (digits < text->len && ascii_is_digit(text->ptr[digits]))
        digits++;
    if (digits == 0)
        return "must be a number";
    /* Other programs read 010 as eight: refuse to guess. */
    if (digits > 1 && text->ptr[0] == '0')
        return "must not begin with a zero: numbers are decimal";
    if (!bytes_to_uint(bytes_first(*text, digits), INT64_MAX, out))
        return "is too large";
    *text = bytes_skip(*text, digits);
    return NULL;
}

const char *config_read_number(struct bytes text, uint64_t *out)
{
    uint64_t value;
    const char *fault = take_number(&text, &value);
    if (fault)
        return fault;
    if (text.len)
        return "must be a decimal number";
    *out = value;
    return NULL;
}

static const char size_units[] = "KMGT";

const char *config_read_size(struct bytes text, uint64_t *out)
{
    uint64_t value;
    const char *fault = take_number(&text, &value);
    if (fault)
        return fault;
    if (text.len > 1)
        return "must be a size such as 64K, 25M or 1G";
    if (text.len == 1) {
        unsigned unit = 0;
        while (unit < 4 && (uint8_t)size_units[unit] != ascii_upper(text.ptr[0]))
            unit++;
        if (unit == 4)
            return "must be a size such as 64K, 25M or 1G";
        unsigned shift = 10 * (unit + 1);
        if (value > (uint64_t)INT64_MAX >> shift)
            return "is too large";
        value <<= shift;
    }
    *out = value;
    return NULL;
}

static const struct {
    const char *name;
    int64_t length;
} duration_units[] = {
    {"w", 7 * DAY}, {"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", MILLISECOND},
};

const char *config_read_duration(struct bytes text, int64_t *out)
{
    static const char wrong[] = "must be a duration such as 90s, 1h30m or 5d";
    if (bytes_is(text, "0")) {
        *out = 0;
        return NULL;
    }
    int64_t total = 0;
    size_t next_unit = 0;
    do {
        uint64_t value;
        if (text.len == 0 || !ascii_is_digit(text.ptr[0]))
            return wrong;
        const char *fault = take_number(&text, &value);
        if (fault)
            return fault;
        size_t letters = 0;
        while (letters < text.len && ascii_is_alpha(text.ptr[letters]))
            letters++;
        if (letters == 0)
            return "needs a unit: ms, s, m, h, d or w";
        size_t unit = next_unit;
        while (unit < countof(duration_units) &&
               !bytes_is(bytes_first(text, letters), duration_units[unit].name))
            unit++;
        if (unit == countof(duration_units))
            return wrong;
        int64_t part;
        if (__builtin_mul_overflow((int64_t)value, duration_units[unit].length, &part) ||
            __builtin_add_overflow(total, part, &total))
            return "is too large";
        text = bytes_skip(text, letters);
        next_unit = unit + 1;
    } while (text.len);
    *out = total;
    return NULL;
}

static const char *read_port(struct bytes text, uint16_t *out)
{
    uint64_t port;
    if (config_read_number(text, &port) || port == 0 || port > 65535)
        return "has a port that is not 1 to 65535";
    *out = (uint16_t)port;
    return NULL;
}

const char *config_read_endpoint(struct bytes text, uint16_t port, struct config_endpoint *out)
{
    static const char wrong[] =
        "must be an address and a port such as 192.0.2.1:25 or \"[2001:db8::1]:25\"";
    struct config_endpoint endpoint = {.port = port};
    struct bytes address = text, rest = BYTES("");
    if (text.len && text.ptr[0] == '[') {
        size_t bracket = bytes_find_byte(text, ']');
        address = bytes_slice(text, 1, bracket);
        if (bracket == BYTES_NOT_FOUND || !ip_parse_v6(address, &endpoint.ip))
            return wrong;
        rest = bytes_skip(text, bracket + 1);
    } else if (port && ip_parse_v6(text, &endpoint.ip)) {
        *out = endpoint;
        return NULL;
    } else {
        size_t colon = bytes_find_byte(text, ':');
        address = bytes_first(text, colon);
        if (!ip_parse_v4(address, &endpoint.ip))
            return wrong;
        rest = bytes_skip(text, address.len);
    }
    if (rest.len == 0 && port == 0)
        return "needs a port, as in 192.0.2.1:25 or \"[2001:db8::1]:25\"";
    if (rest.len) {
        if (rest.ptr[0] != ':')
            return wrong;
        const char *fault = read_port(bytes_skip(rest, 1), &endpoint.port);
        if (fault)
            return fault;
    }
    *out = endpoint;
    return NULL;
}

bool config_read_domain(struct arena *arena, struct bytes text, struct bytes *out)
{
    struct bytes name = arena_lower(arena, text);
    if (!utf8_is_ascii(text) && idn_to_ascii(arena, text, &name, NULL) != OK)
        return false;
    if (!domain_is_hostname(name))
        return false;
    *out = name;
    return true;
}

const char *config_read_host(struct arena *arena, struct bytes text, uint16_t port, struct config_host *out)
{
    struct config_endpoint endpoint;
    struct bytes name;
    size_t colon = bytes_find_byte(text, ':');
    *out = (struct config_host){.port = port};
    if (!config_read_endpoint(text, port, &endpoint)) {
        *out = (struct config_host){arena_string(arena, BYTES("")), endpoint.ip, endpoint.port};
        return NULL;
    }
    uint64_t number = port;
    if (!config_read_domain(arena, bytes_first(text, colon), &name) || ip_parse_v4(name, &out->ip))
        return "must be hosts such as smtp.example.org, \"smtp.example.org:587\" or \"192.0.2.1:25\"";
    if (colon != BYTES_NOT_FOUND &&
        (!bytes_to_uint(bytes_skip(text, colon + 1), 65535, &number) || number == 0))
        return "needs a port from 1 to 65535 behind the colon";
    out->name = arena_string(arena, name);
    out->port = (uint16_t)number;
    return out->name ? NULL : "does not fit into memory";
}

void config_write_size(struct buf *out, uint64_t size)
{
    unsigned unit = 0;
    while (unit < 4 && size && size % 1024 == 0) {
        size /= 1024;
        unit++;
    }
    buf_printf(out, "%llu", (unsigned long long)size);
    if (unit)
        buf_add_byte(out, (uint8_t)size_units[unit - 1]);
}

void config_write_duration(struct buf *out, int64_t duration)
{
    if (duration == 0)
        buf_add_string(out, "0");
    /* Weeks are read but not written: "30d" is what people say. */
    for (size_t i = 1; i < countof(duration_units); i++) {
        int64_t count = duration / duration_units[i].length;
        duration %= duration_units[i].length;
        if (count)
            buf_printf(out, "%lld%s", (long long)count, duration_units[i].name);
    }
}

const char *config_check_fully_qualified(struct bytes text)
{
    return domain_is_fully_qualified(text) ? NULL
                                           : "must be a full host name such as mx.example.org";
}

/* maildir:PATH with {domain} and {user}, and no other braces and no way out of the folder. */
static const char *check_maildir(struct bytes path)
{
    bool user = false;
    if (path.len == 0)
        return "must be maildir:PATH with {user} in it, or lmtp:ENDPOINT";
    struct bytes rest = path, part;
    while (bytes_split(&rest, '/', &part))
        if (bytes_is(part, ".."))
            return "must not hold '..' in its path";
    for (size_t i = 0; i < path.len; i++) {
        struct bytes here = bytes_skip(path, i);
        if (here.ptr[0] == '}')
            return "knows only the placeholders {domain} and {user}";
        if (here.ptr[0] != '{')
            continue;
        bool is_user = bytes_starts_with(here, BYTES("{user}"));
        if (!is_user && !bytes_starts_with(here, BYTES("{domain}")))
            return "knows only the placeholders {domain} and {user}";
        user = user || is_user;
        i += is_user ? sizeof("user}") - 1 : sizeof("domain}") - 1;
    }
    return user ? NULL : "must have {user} in its path, else all mail lies in one box";
}

const char *config_check_deliver(struct bytes text)
{
    if (bytes_starts_with(text, BYTES("maildir:")))
        return check_maildir(bytes_skip(text, 8));
    if (bytes_starts_with(text, BYTES("lmtp:unix:")))
        return text.len > 10 ? NULL : "must name a socket: lmtp:unix:PATH";
    struct config_endpoint endpoint;
    if (bytes_starts_with(text, BYTES("lmtp:"))) {
        if (config_read_endpoint(bytes_skip(text, 5), 0, &endpoint))
            return "must be lmtp:unix:PATH, lmtp:192.0.2.1:24 or lmtp:[2001:db8::1]:24";
        /* rfc2033:5. A server that speaks SMTP there would give one reply for all recipients. */
        return endpoint.port == 25 ? "must not use port 25, which is that of SMTP (RFC 2033)"
                                   : NULL;
    }
    return "must begin with 'maildir:' or 'lmtp:'";
}

const char *config_check_delimiter(struct bytes text)
{
    if (text.len > 8)
        return "is too long";
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_graph(text.ptr[i]) || ascii_is_alnum(text.ptr[i]) ||
            bytes_find_byte(BYTES("@\"\\<>(),:;[]{}/"), text.ptr[i]) != BYTES_NOT_FOUND)
            return "must be punctuation that may stand in an address, such as +";
    return NULL;
}

const char *config_check_mailbox(struct bytes text)
{
    static const char wrong[] = "must be a user or an address, such as admin@example.org";
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] == '<' || text.ptr[i] == '>' || text.ptr[i] == '/')
            return wrong;
    size_t at = bytes_rfind_byte(text, '@');
    if (at == BYTES_NOT_FOUND)
        return NULL;
    return at > 0 && domain_is_hostname(bytes_skip(text, at + 1)) ? NULL : wrong;
}

const char *config_check_account(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_alnum(text.ptr[i]) &&
            bytes_find_byte(BYTES("-_."), text.ptr[i]) == BYTES_NOT_FOUND)
            return "must be the name of a system account";
    return text.len && text.ptr[0] != '-' ? NULL : "must be the name of a system account";
}

/* rfc8601:2.2: an authserv-id is a `value` of MIME; what needs quoting there is not worth having.
 */
const char *config_check_token(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_alnum(text.ptr[i]) &&
            bytes_find_byte(BYTES("-_."), text.ptr[i]) == BYTES_NOT_FOUND)
            return "must be letters, digits, dots and hyphens";
    return NULL;
}
