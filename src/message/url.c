/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/url.h"

#include "base/ascii.h"

#include <string.h>

static bool is_slash(uint8_t c)
{
    return c == '/' || c == '\\';
}

static bool is_passed_over(uint8_t c)
{
    return c == '\t' || c == '\r' || c == '\n' || c == 0;
}

/* Whether there may be octets to be passed over: by words, as next to no URL has them. */
static bool has_control(struct bytes text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t i = 0;
    for (uint64_t octets; text.len - i >= sizeof(octets); i += sizeof(octets)) {
        memcpy(&octets, text.ptr + i, sizeof(octets));
        if ((octets - ones * ' ') & ~octets & ones << 7)
            return true;
    }
    while (i < text.len && text.ptr[i] >= ' ')
        i++;
    return i < text.len;
}

struct bytes url_strip(struct bytes text)
{
    if (!has_control(text))
        return text;
    uint8_t *to = (uint8_t *)text.ptr; /* the caller's own */
    size_t used = 0;
    for (size_t i = 0; i < text.len; i++)
        if (!is_passed_over(text.ptr[i]))
            to[used++] = text.ptr[i];
    return bytes_first(text, used);
}

/* Tabs and line ends within, blanks around: browsers drop them (WHATWG URL 4.4). False at the arena's cap. */
static bool clean(struct arena *arena, struct bytes *text)
{
    while (text->len && text->ptr[0] <= ' ')
        *text = bytes_skip(*text, 1);
    while (text->len && text->ptr[text->len - 1] <= ' ')
        text->len--;
    *text = bytes_first(*text, URL_MAX);
    if (!has_control(*text))
        return true;
    *text = arena_copy(arena, *text);
    if (!text->ptr)
        return false;
    *text = url_strip(*text);
    return true;
}

/* The length of the scheme before its colon; 0 if there is none (4.4, the scheme state). */
static size_t scheme_length(struct bytes text)
{
    size_t i = 0;
    if (text.len == 0 || !ascii_is_alpha(text.ptr[0]))
        return 0;
    while (i < text.len &&
           (ascii_is_alnum(text.ptr[i]) || text.ptr[i] == '+' || text.ptr[i] == '-' || text.ptr[i] == '.'))
        i++;
    return i < text.len && text.ptr[i] == ':' ? i : 0;
}

/* Those that browsers read with a host whatever the slashes (3.1: special schemes). */
static bool is_special(struct bytes scheme)
{
    return bytes_is(scheme, "http") || bytes_is(scheme, "https") || bytes_is(scheme, "ftp") ||
           bytes_is(scheme, "ws") || bytes_is(scheme, "wss");
}

/* Path, query and fragment. */
static void split_rest(struct bytes rest, struct url *out)
{
    out->rest = rest;
    size_t hash = bytes_find_byte(rest, '#');
    if (hash != BYTES_NOT_FOUND)
        out->fragment = bytes_skip(rest, hash + 1);
    rest = bytes_first(rest, hash);
    size_t mark = bytes_find_byte(rest, '?');
    if (mark != BYTES_NOT_FOUND)
        out->query = bytes_skip(rest, mark + 1);
    out->path = bytes_first(rest, mark);
}

/* The ":" before the port; BYTES_NOT_FOUND if there is none. */
static size_t port_colon(struct bytes host)
{
    size_t colon = bytes_rfind_byte(host, ':'), bracket = bytes_rfind_byte(host, ']');
    return bracket != BYTES_NOT_FOUND && colon != BYTES_NOT_FOUND && colon < bracket ? BYTES_NOT_FOUND : colon;
}

/* user@host:port. */
static struct bytes take_host(struct bytes host, bool special, struct url *out)
{
    size_t at = bytes_rfind_byte(host, '@');
    if (at != BYTES_NOT_FOUND) {
        out->user = bytes_first(host, at);
        out->obfuscated |= special && at > 0;
        host = bytes_skip(host, at + 1);
    }
    size_t colon = port_colon(host);
    if (colon != BYTES_NOT_FOUND) {
        out->port = bytes_skip(host, colon + 1);
        host = bytes_first(host, colon);
    }
    return host;
}

/* user@host:port up to the path. */
static enum result read_authority(struct arena *arena, struct bytes text, bool special, struct url *out)
{
    size_t end = 0;
    bool only_host = true;
    for (; end < text.len; end++) {
        uint8_t c = text.ptr[end];
        if (c == '/' || c == '?' || c == '#' || (special && c == '\\'))
            break;
        only_host &= c != '@' && c != ':';
    }
    split_rest(bytes_skip(text, end), out);
    struct bytes host = bytes_first(text, end);
    if (!only_host)
        host = take_host(host, special, out);
    enum result result = url_host_normalize(arena, host, &out->host, &out->obfuscated);
    if (result == PERM)
        out->host = (struct bytes){NULL, 0};
    return result == TEMP ? TEMP : OK;
}

static enum result read_mailto(struct arena *arena, struct bytes text, struct url *out)
{
    split_rest(text, out);
    struct bytes address = bytes_first(out->path, bytes_find_byte(out->path, ','));
    address = url_percent_decode(arena, address);
    if (!address.ptr)
        return TEMP;
    size_t at = bytes_rfind_byte(address, '@');
    if (at == BYTES_NOT_FOUND)
        return OK;
    bool ignored = false;
    if (url_host_normalize(arena, bytes_trim(bytes_skip(address, at + 1)), &out->host, &ignored) == TEMP)
        return TEMP;
    return OK;
}

/* In lower case; nearly all are one of two. */
static struct bytes scheme_of(struct arena *arena, struct bytes scheme)
{
    if (bytes_is(scheme, "https"))
        return BYTES("https");
    return bytes_is(scheme, "http") ? BYTES("http") : arena_lower(arena, scheme);
}

enum result url_parse(struct arena *arena, struct bytes text, struct url *out)
{
    *out = (struct url){0};
    if (!clean(arena, &text))
        return TEMP;
    if (bytes_starts_with_nocase(text, BYTES("www."))) {
        out->scheme = BYTES("http");
        return read_authority(arena, text, true, out);
    }
    if (text.len > 2 && is_slash(text.ptr[0]) && is_slash(text.ptr[1])) {
        out->scheme = BYTES("http");
        return read_authority(arena, bytes_skip(text, 2), true, out);
    }
    size_t length = scheme_length(text);
    if (length == 0)
        return NONE;
    out->scheme = scheme_of(arena, bytes_first(text, length));
    if (!out->scheme.ptr)
        return TEMP;
    struct bytes behind = bytes_skip(text, length + 1);
    bool special = is_special(out->scheme);
    if (special) {
        size_t slashes = 0;
        while (slashes < behind.len && is_slash(behind.ptr[slashes]))
            slashes++;
        out->obfuscated = slashes != 2 || behind.ptr[0] == '\\' || behind.ptr[1] == '\\';
        return read_authority(arena, bytes_skip(behind, slashes), true, out);
    }
    if (bytes_is(out->scheme, "mailto"))
        return read_mailto(arena, behind, out);
    if (bytes_starts_with(behind, BYTES("//")))
        return read_authority(arena, bytes_skip(behind, 2), false, out);
    split_rest(behind, out);
    return OK;
}

enum result url_resolve(struct arena *arena, struct bytes base, struct bytes reference, struct bytes *out)
{
    struct url url;
    *out = reference;
    if (scheme_length(reference) || bytes_starts_with_nocase(reference, BYTES("www.")))
        return OK;
    enum result result = url_parse(arena, base, &url);
    if (result != OK || url.host.len == 0 || !is_special(url.scheme))
        return result == TEMP ? TEMP : NONE;
    if (reference.len > 1 && is_slash(reference.ptr[0]) && is_slash(reference.ptr[1])) {
        struct bytes parts[] = {url.scheme, BYTES(":"), reference};
        *out = arena_concat(arena, parts, countof(parts));
        return out->ptr ? OK : TEMP;
    }
    struct bytes folder = url.path;
    size_t slash = bytes_rfind_byte(folder, '/');
    folder = slash == BYTES_NOT_FOUND ? BYTES("/") : bytes_first(folder, slash + 1);
    if (reference.len && is_slash(reference.ptr[0]))
        folder = BYTES("");
    if (reference.len && (reference.ptr[0] == '?' || reference.ptr[0] == '#'))
        folder = url.path;
    struct bytes parts[] = {url.scheme, BYTES("://"), url.host, url.port.len ? BYTES(":") : BYTES(""),
                            url.port,   folder,       reference};
    *out = bytes_first(arena_concat(arena, parts, countof(parts)), URL_MAX);
    return out->ptr ? OK : TEMP;
}
