/* SPDX-License-Identifier: BSD-2-Clause */
/* url_host: the host of a URL (WHATWG URL 3.5). */
#include "base/ascii.h"
#include "base/domain.h"
#include "base/ip.h"
#include "base/utf8.h"
#include "message/idn.h"
#include "message/url.h"

#include <string.h>

struct bytes url_percent_decode(struct arena *arena, struct bytes text)
{
    uint8_t *copy = arena_alloc(arena, text.len);
    size_t used = 0;
    if (!copy)
        return (struct bytes){NULL, 0};
    for (size_t i = 0; i < text.len; i++) {
        int high = text.ptr[i] == '%' && i + 2 < text.len ? ascii_hex_value(text.ptr[i + 1]) : -1;
        int low = high >= 0 ? ascii_hex_value(text.ptr[i + 2]) : -1;
        copy[used++] = low >= 0 ? (uint8_t)(high << 4 | low) : text.ptr[i];
        i += low >= 0 ? 2 : 0;
    }
    return bytes_from(copy, used);
}

/* One number of an IPv4 address: decimal, 0octal, 0xhexadecimal (3.5, the IPv4 number parser). */
static bool number_of(struct bytes text, uint64_t *out)
{
    unsigned base = 10;
    if (text.len == 0)
        return false;
    if (text.len >= 2 && text.ptr[0] == '0') {
        base = text.ptr[1] == 'x' ? 16 : 8;
        text = bytes_skip(text, base == 16 ? 2 : 1);
    }
    *out = 0; /* "0x" alone is 0 */
    for (size_t i = 0; i < text.len; i++) {
        int digit = ascii_hex_value(text.ptr[i]);
        if (digit < 0 || (unsigned)digit >= base)
            return false;
        *out = *out * base + (unsigned)digit;
        if (*out > UINT32_MAX)
            return false;
    }
    return true;
}

/* Whether the host is meant as an address: its last label is a number, whether right or not. */
static bool ends_in_number(struct bytes host)
{
    size_t dot = bytes_rfind_byte(host, '.');
    struct bytes last = dot == BYTES_NOT_FOUND ? host : bytes_skip(host, dot + 1);
    uint64_t number;
    bool digits = last.len > 0;
    for (size_t i = 0; i < last.len; i++)
        digits = digits && ascii_is_digit(last.ptr[i]);
    return digits || (bytes_starts_with(last, BYTES("0x")) && number_of(last, &number));
}

static enum result ipv4(struct arena *arena, struct bytes host, struct bytes *out)
{
    uint64_t numbers[4], address = 0;
    size_t count = 0;
    struct bytes rest = host, part;
    while (bytes_split(&rest, '.', &part)) {
        if (count == 4 || !number_of(part, &numbers[count]))
            return PERM;
        count++;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        if (numbers[i] > 255)
            return PERM;
        address |= numbers[i] << (24 - 8 * i);
    }
    if (numbers[count - 1] >> (8 * (5 - count))) /* the last fills what is left */
        return PERM;
    address |= numbers[count - 1];
    *out = arena_printf(arena, "%u.%u.%u.%u", (unsigned)(address >> 24 & 255), (unsigned)(address >> 16 & 255),
                        (unsigned)(address >> 8 & 255), (unsigned)(address & 255));
    return out->ptr ? OK : TEMP;
}

static enum result ipv6(struct arena *arena, struct bytes host, struct bytes *out)
{
    struct ip ip;
    char text[IP_TEXT_SIZE];
    if (host.len < 2 || host.ptr[host.len - 1] != ']' || !ip_parse_v6(bytes_slice(host, 1, host.len - 1), &ip))
        return PERM;
    ip_format(&ip, text);
    *out = ip.family == 6 ? arena_printf(arena, "[%s]", text) : arena_copy(arena, bytes_of(text));
    return out->ptr ? OK : TEMP;
}

/* What browsers would look up: any labels of letters, digits, hyphens and underscores, however odd. */
static bool is_name(struct bytes host)
{
    size_t label = 0;
    if (host.len == 0 || host.len > 253)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];
        if (c == '.' && label == 0)
            return false;
        if (c != '.' && !ascii_is_alnum(c) && c != '-' && c != '_')
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return label > 0;
}

/* A name as nearly all are: lower case, of good labels, and no number at its end. */
static bool is_plain(struct bytes host)
{
    size_t label = 0;
    if (host.len == 0 || host.len > 253 || !ascii_is_lower(host.ptr[host.len - 1]))
        return false;
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];
        bool letter = ascii_is_lower(c) || ascii_is_digit(c) || c == '-';
        if (!letter && (c != '.' || label == 0))
            return false;
        label = letter ? label + 1 : 0;
        if (label > 63 || (label == 2 && c == 'x' && host.ptr[i - 1] == '0')) /* "0xab" is a number */
            return false;
    }
    return true;
}

static enum result international(struct arena *arena, struct bytes host, struct bytes *out, bool *hidden)
{
    static const char *const full_stops[] = {"\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1"};
    for (size_t i = 0; i < countof(full_stops); i++)
        if (bytes_ends_with(host, bytes_of(full_stops[i])))
            host.len -= 3;
    enum result result = idn_to_ascii(arena, host, out, NULL);
    if (result != OK)
        return result;
    /* Letters that are ASCII after all were written otherwise for a reason. */
    if (bytes_find(*out, BYTES("xn--")) == BYTES_NOT_FOUND)
        *hidden = true;
    return OK;
}

enum result url_host_normalize(struct arena *arena, struct bytes host, struct bytes *out, bool *obfuscated)
{
    bool hidden = false;
    enum result result;
    *out = (struct bytes){NULL, 0};
    if (is_plain(host)) {
        *out = host;
        return OK;
    }
    if (host.len == 0 || host.len > URL_MAX)
        return PERM;
    if (host.ptr[0] == '[')
        return ipv6(arena, host, out);
    if (bytes_find_byte(host, '%') != BYTES_NOT_FOUND) {
        host = url_percent_decode(arena, host);
        if (!host.ptr)
            return TEMP;
        hidden = true;
    }
    struct bytes written = host;
    host = domain_strip_dot(host);
    if (!utf8_is_ascii(host)) {
        result = international(arena, host, &host, &hidden);
        if (result != OK)
            return result;
    } else {
        if (!is_name(host))
            return PERM;
        host = arena_lower(arena, host);
        if (!host.ptr)
            return TEMP;
    }
    if (ends_in_number(host)) {
        result = ipv4(arena, host, out);
        if (result != OK)
            return result;
        hidden = hidden || !bytes_equal(*out, domain_strip_dot(written));
    } else {
        *out = host;
    }
    if (obfuscated && hidden)
        *obfuscated = true;
    return OK;
}
