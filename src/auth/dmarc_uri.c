/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dmarc_uri.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "message/idn.h"
#include "message/mailbox.h"

/* Commas and exclamation marks must be encoded in these URIs, so neither is one of its octets. */
static bool is_uri_octet(uint8_t c)
{
    return ascii_is_alnum(c) ||
           bytes_find_byte(BYTES("-._~:/?#[]@$&'()*+;=%"), c) != BYTES_NOT_FOUND;
}

static bool is_scheme(struct bytes text)
{
    if (text.len == 0 || !ascii_is_alpha(text.ptr[0]))
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!ascii_is_alnum(text.ptr[i]) && text.ptr[i] != '+' && text.ptr[i] != '-' &&
            text.ptr[i] != '.')
            return false;
    return true;
}

static int decoded_octet(struct bytes text, size_t at)
{
    int high = text.len - at > 2 ? ascii_hex_value(text.ptr[at + 1]) : -1;
    int low = text.len - at > 2 ? ascii_hex_value(text.ptr[at + 2]) : -1;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* A scheme and something behind it, in the octets of RFC 3986. */
static bool is_uri(struct bytes text)
{
    size_t colon = bytes_find_byte(text, ':');
    if (colon == BYTES_NOT_FOUND || colon + 1 == text.len || !is_scheme(bytes_first(text, colon)))
        return false;
    for (size_t i = colon; i < text.len; i++)
        if (!is_uri_octet(text.ptr[i]) || (text.ptr[i] == '%' && decoded_octet(text, i) < 0))
            return false;
    return true;
}

/* Digits and a unit: powers of two (rfc7489:6.4). What would not fit is as large as can be. */
static bool read_size(struct bytes text, uint64_t *out)
{
    static const char units[] = "kmgt";
    unsigned shift = 0;
    for (unsigned i = 0; text.len && i < 4; i++)
        if (ascii_lower(text.ptr[text.len - 1]) == units[i])
            shift = 10 * (i + 1);
    if (shift)
        text.len--;
    if (!bytes_to_uint(text, UINT64_MAX, out))
        return false;
    *out = *out > UINT64_MAX >> shift ? UINT64_MAX : *out << shift;
    return true;
}

static bool split_entry(struct bytes entry, struct dmarc_uri *out)
{
    size_t mark = bytes_find_byte(entry, '!');
    *out = (struct dmarc_uri){.text = bytes_first(entry, mark == BYTES_NOT_FOUND ? entry.len : mark),
                              .limited = mark != BYTES_NOT_FOUND};
    return is_uri(out->text) && (!out->limited || read_size(bytes_skip(entry, mark + 1), &out->size_max));
}

bool dmarc_uri_is_valid(struct bytes entry)
{
    struct dmarc_uri uri;
    return split_entry(bytes_trim(entry), &uri);
}

/* Empty if it is no name. */
static struct bytes host_name(struct arena *arena, struct bytes host)
{
    struct bytes ascii;
    if (idn_to_ascii(arena, domain_strip_dot(host), &ascii, NULL) != OK || !domain_is_valid(ascii))
        return BYTES("");
    return ascii;
}

/* rfc6068:2: the addresses stand before "?", percent-encoded. Header fields are not for reports. */
static void read_mailto(struct arena *arena, struct dmarc_uri *uri, struct bytes rest)
{
    struct mailbox mailbox;
    struct error error;
    size_t end = bytes_find_byte(rest, '?');
    rest = bytes_first(rest, end == BYTES_NOT_FOUND ? rest.len : end);
    uint8_t *to = arena_alloc(arena, rest.len);
    size_t count = 0;
    uri->mailto = true;
    for (size_t i = 0; to && i < rest.len; i++) {
        to[count++] = rest.ptr[i] == '%' ? (uint8_t)decoded_octet(rest, i) : rest.ptr[i];
        i += rest.ptr[i] == '%' ? 2 : 0;
    }
    struct bytes address = bytes_from(to, count);
    if (!to || mailbox_parse(arena, address, MAILBOX_UTF8 | MAILBOX_LENIENT, &mailbox, &error) != OK)
        return;
    uri->host = host_name(arena, mailbox.domain);
    if (uri->host.len)
        uri->mailbox = address;
}

/* The host of "//user@host:port/path". */
static void read_authority(struct arena *arena, struct dmarc_uri *uri, struct bytes rest)
{
    if (!bytes_starts_with(rest, BYTES("//")))
        return;
    rest = bytes_skip(rest, 2);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?' && rest.ptr[end] != '#')
        end++;
    rest = bytes_first(rest, end);
    size_t at = bytes_rfind_byte(rest, '@');
    rest = bytes_skip(rest, at == BYTES_NOT_FOUND ? 0 : at + 1);
    size_t colon = bytes_find_byte(rest, ':');
    uri->host = host_name(arena, bytes_first(rest, colon == BYTES_NOT_FOUND ? rest.len : colon));
}

static bool read_entry(struct arena *arena, struct bytes entry, struct dmarc_uri *out)
{
    if (!split_entry(entry, out))
        return false;
    size_t colon = bytes_find_byte(out->text, ':');
    struct bytes rest = bytes_skip(out->text, colon + 1);
    if (bytes_is_nocase(bytes_first(out->text, colon), "mailto"))
        read_mailto(arena, out, rest);
    else
        read_authority(arena, out, rest);
    return true;
}

enum result dmarc_uri_list_parse(struct arena *arena, struct bytes text, struct dmarc_uri_list *out)
{
    struct bytes entry;
    *out = (struct dmarc_uri_list){0};
    out->items = arena_alloc_array(arena, DMARC_URIS_MAX, sizeof(*out->items));
    if (!out->items)
        return TEMP;
    while (bytes_split(&text, ',', &entry)) {
        entry = bytes_trim(entry);
        if (out->count == DMARC_URIS_MAX)
            out->ignored += dmarc_uri_is_valid(entry);
        else if (read_entry(arena, entry, &out->items[out->count]))
            out->count++;
        else
            out->invalid += entry.len > 0;
    }
    if (arena_exhausted(arena))
        return TEMP;
    return out->count ? OK : NONE;
}
