/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/name.h"

#include "base/ascii.h"

#include <string.h>

enum { LABEL_MAX = 63, POINTERS_MAX = 127 };

/* Takes one octet of a label, escapes resolved, or gives -1. */
static int take_octet(struct bytes name, size_t *at)
{
    uint8_t c = name.ptr[(*at)++];
    if (c != '\\')
        return c;
    if (*at == name.len)
        return -1;
    c = name.ptr[(*at)++];
    if (!ascii_is_digit(c))
        return c;
    if (name.len - *at < 2 || !ascii_is_digit(name.ptr[*at]) || !ascii_is_digit(name.ptr[*at + 1]))
        return -1;
    int value = (c - '0') * 100 + (name.ptr[*at] - '0') * 10 + (name.ptr[*at + 1] - '0');
    *at += 2;
    return value <= 255 ? value : -1;
}

size_t name_to_wire(struct bytes name, uint8_t out[NAME_WIRE_MAX])
{
    if (bytes_is(name, "."))
        name.len = 0;
    size_t label = 0, used = 1, at = 0; /* `label` is where the length octet of this label goes */
    while (at < name.len) {
        if (name.ptr[at] == '.') {
            if (used == label + 1)
                return 0;
            at++;
            if (at == name.len)
                break;
            label = used++;
        } else {
            int octet = take_octet(name, &at);
            /* One octet must stay free for the root at the end. */
            if (octet < 0 || used - label > LABEL_MAX || used >= NAME_WIRE_MAX - 1)
                return 0;
            out[used++] = (uint8_t)octet;
        }
        if (used >= NAME_WIRE_MAX)
            return 0;
        out[label] = (uint8_t)(used - label - 1);
    }
    if (name.len == 0)
        used = 0;
    out[used++] = 0;
    return used;
}

struct bytes name_strip_dot(struct bytes name)
{
    if (name.len == 0 || name.ptr[name.len - 1] != '.')
        return name;
    size_t backslashes = 0;
    while (backslashes + 1 < name.len && name.ptr[name.len - 2 - backslashes] == '\\')
        backslashes++;
    if (backslashes % 2 == 0)
        name.len--;
    return name;
}

bool name_is_valid(struct bytes whole)
{
    struct bytes name = name_strip_dot(whole);
    if (name.len == 0)
        return false;
    size_t label = 0;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (c == '\\') {
            /* Rare: measure it in the form that counts. */
            uint8_t wire[NAME_WIRE_MAX];
            return name_to_wire(whole, wire) > 1;
        }
        if (c != '.') {
            label++;
            continue;
        }
        if (label == 0 || label > LABEL_MAX)
            return false;
        label = 0;
    }
    return label > 0 && label <= LABEL_MAX && name.len <= NAME_WIRE_MAX - 2;
}

static size_t write_octet(char *out, uint8_t c)
{
    if (!ascii_is_graph(c)) {
        out[0] = '\\';
        out[1] = (char)('0' + c / 100);
        out[2] = (char)('0' + c / 10 % 10);
        out[3] = (char)('0' + c % 10);
        return 4;
    }
    if (memchr(".\\\"();@$", c, 8)) {
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    }
    out[0] = (char)ascii_lower(c);
    return 1;
}

/* Walks the labels of a name; writes them when `out` is not NULL. */
static bool walk(struct bytes packet, size_t *position, char *out, size_t *length)
{
    size_t at = *position, start = at, end = 0, wire = 1, written = 0, pointers = 0;
    for (;;) {
        if (at >= packet.len)
            return false;
        size_t count = packet.ptr[at];
        if (count >= 0xc0) {
            if (at + 1 >= packet.len || ++pointers > POINTERS_MAX)
                return false;
            size_t target = (count & 0x3f) << 8 | packet.ptr[at + 1];
            if (!end)
                end = at + 2;
            /* Only to before where this run of labels began: no loop is possible. */
            if (target >= start)
                return false;
            at = start = target;
            continue;
        }
        if (count > LABEL_MAX)
            return false;
        at++;
        if (count == 0)
            break;
        wire += count + 1;
        if (wire > NAME_WIRE_MAX || count > packet.len - at)
            return false;
        if (out) {
            if (written)
                out[written++] = '.';
            for (size_t i = 0; i < count; i++)
                written += write_octet(out + written, packet.ptr[at + i]);
        }
        at += count;
    }
    *position = end ? end : at;
    if (out)
        *length = written;
    return true;
}

bool name_from_wire(struct bytes packet, size_t *position, char out[NAME_TEXT_MAX], size_t *length)
{
    return walk(packet, position, out, length);
}

bool name_skip(struct bytes packet, size_t *position)
{
    return walk(packet, position, NULL, NULL);
}

bool name_normalize(struct bytes name, char out[NAME_TEXT_MAX], size_t *length)
{
    uint8_t wire[NAME_WIRE_MAX];
    size_t wire_length = name_to_wire(name, wire), position = 0;
    return wire_length && name_from_wire(bytes_from(wire, wire_length), &position, out, length);
}
