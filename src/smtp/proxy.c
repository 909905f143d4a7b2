/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/proxy.h"

#include "base/cursor.h"

#include <string.h>

static const struct bytes v2_signature = BYTES_INIT("\r\n\r\n\0\r\nQUIT\n");
static const struct bytes v1_signature = BYTES_INIT("PROXY ");

enum { V2_HEAD = 16, V2_LOCAL = 0x20, V2_PROXY = 0x21 };

static bool is_beginning(struct bytes input, struct bytes signature)
{
    return bytes_starts_with(signature, bytes_first(input, signature.len));
}

static bool parse_port(struct bytes text, uint16_t *port)
{
    uint64_t value;
    /* No leading zeros, no sign. */
    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.ptr[0] == '0') ||
        !bytes_to_uint(text, UINT16_MAX, &value))
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool parse_v1_addresses(struct bytes rest, uint8_t family, struct smtp_proxy *out)
{
    struct bytes part[4];
    size_t count = 0;
    while (count < countof(part) && bytes_split(&rest, ' ', &part[count]))
        count++;
    if (count != countof(part) || rest.ptr != NULL)
        return false;
    bool (*parse)(struct bytes, struct ip *) = family == 4 ? ip_parse_v4 : ip_parse_v6;
    return parse(part[0], &out->source) && parse(part[1], &out->destination) &&
           parse_port(part[2], &out->source_port) && parse_port(part[3], &out->destination_port);
}

static enum smtp_proxy_result parse_v1(struct bytes input, struct smtp_proxy *out)
{
    struct bytes head = bytes_first(input, SMTP_PROXY_V1_MAX);
    size_t lf = bytes_find_byte(head, '\n');
    if (lf == BYTES_NOT_FOUND)
        return input.len >= SMTP_PROXY_V1_MAX ? SMTP_PROXY_BAD : SMTP_PROXY_MORE;
    struct bytes line = bytes_first(head, lf);
    if (!bytes_ends_with(line, BYTES("\r")))
        return SMTP_PROXY_BAD;
    line = bytes_slice(line, v1_signature.len, line.len - 1);
    out->length = lf + 1;
    if (bytes_is(line, "UNKNOWN") || bytes_starts_with(line, BYTES("UNKNOWN "))) {
        out->local = true;
        return SMTP_PROXY_OK;
    }
    uint8_t family = bytes_starts_with(line, BYTES("TCP4 ")) ? 4 : 6;
    if (family == 6 && !bytes_starts_with(line, BYTES("TCP6 ")))
        return SMTP_PROXY_BAD;
    return parse_v1_addresses(bytes_skip(line, 5), family, out) ? SMTP_PROXY_OK : SMTP_PROXY_BAD;
}

static enum smtp_proxy_result parse_v2_addresses(struct cursor *c, uint8_t family,
                                                 struct smtp_proxy *out)
{
    size_t size = family == 0x11 ? 4 : 16;
    struct bytes source = cursor_take(c, size);
    struct bytes destination = cursor_take(c, size);
    out->source_port = cursor_u16(c);
    out->destination_port = cursor_u16(c);
    if (c->failed)
        return SMTP_PROXY_BAD;
    out->source = size == 4 ? ip_from_v4(source.ptr) : ip_from_v6(source.ptr);
    out->destination = size == 4 ? ip_from_v4(destination.ptr) : ip_from_v6(destination.ptr);
    return SMTP_PROXY_OK;
}

static enum smtp_proxy_result parse_v2(struct bytes input, struct smtp_proxy *out)
{
    if (input.len < V2_HEAD)
        return SMTP_PROXY_MORE;
    struct cursor head = cursor_over(bytes_slice(input, v2_signature.len, V2_HEAD));
    uint8_t command = cursor_u8(&head);
    uint8_t family = cursor_u8(&head);
    size_t length = V2_HEAD + (size_t)cursor_u16(&head);
    if ((command != V2_LOCAL && command != V2_PROXY) || length > SMTP_PROXY_MAX)
        return SMTP_PROXY_BAD;
    if (input.len < length)
        return SMTP_PROXY_MORE;
    out->length = length;
    /* AF_UNSPEC is a proxy that does not know either. */
    if (command == V2_LOCAL || family == 0x00) {
        out->local = true;
        return SMTP_PROXY_OK;
    }
    /* TCP over IPv4 or IPv6; datagrams and Unix sockets cannot be an SMTP client. */
    if (family != 0x11 && family != 0x21)
        return SMTP_PROXY_BAD;
    struct cursor addresses = cursor_over(bytes_slice(input, V2_HEAD, length));
    return parse_v2_addresses(&addresses, family, out);
}

enum smtp_proxy_result smtp_proxy_parse(struct bytes input, struct smtp_proxy *out)
{
    *out = (struct smtp_proxy){0};
    if (input.len == 0)
        return SMTP_PROXY_MORE;
    if (bytes_starts_with(input, v1_signature))
        return parse_v1(input, out);
    if (bytes_starts_with(input, v2_signature))
        return parse_v2(input, out);
    if (is_beginning(input, v1_signature) || is_beginning(input, v2_signature))
        return SMTP_PROXY_MORE;
    return SMTP_PROXY_BAD;
}

size_t smtp_proxy_wanted(struct bytes input)
{
    if (input.len < v1_signature.len)
        return v1_signature.len - input.len;
    if (bytes_starts_with(input, v1_signature))
        return 1;
    if (input.len < V2_HEAD)
        return V2_HEAD - input.len;
    size_t length = V2_HEAD + ((size_t)input.ptr[14] << 8 | input.ptr[15]);
    return length > input.len ? length - input.len : 1;
}
