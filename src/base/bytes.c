/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/bytes.h"

#include "base/ascii.h"

#include <string.h>

struct bytes bytes_of(const char *string)
{
    return bytes_from(string, string ? strlen(string) : 0);
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    return true;
}

bool bytes_is(struct bytes a, const char *string)
{
    return bytes_equal(a, bytes_of(string));
}

bool bytes_is_nocase(struct bytes a, const char *string)
{
    return bytes_equal_nocase(a, bytes_of(string));
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
    if (order)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool bytes_equal_constant_time(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < a.len; i++)
        difference |= (uint8_t)(a.ptr[i] ^ b.ptr[i]);
    return difference == 0;
}

bool bytes_starts_with(struct bytes a, struct bytes prefix)
{
    return a.len >= prefix.len && bytes_equal(bytes_first(a, prefix.len), prefix);
}

bool bytes_starts_with_nocase(struct bytes a, struct bytes prefix)
{
    return a.len >= prefix.len && bytes_equal_nocase(bytes_first(a, prefix.len), prefix);
}

bool bytes_ends_with(struct bytes a, struct bytes suffix)
{
    return a.len >= suffix.len && bytes_equal(bytes_skip(a, a.len - suffix.len), suffix);
}

bool bytes_ends_with_nocase(struct bytes a, struct bytes suffix)
{
    return a.len >= suffix.len && bytes_equal_nocase(bytes_skip(a, a.len - suffix.len), suffix);
}

size_t bytes_find_byte(struct bytes a, uint8_t byte)
{
    const uint8_t *found = a.len ? memchr(a.ptr, byte, a.len) : NULL;
    return found ? (size_t)(found - a.ptr) : BYTES_NOT_FOUND;
}

size_t bytes_rfind_byte(struct bytes a, uint8_t byte)
{
    for (size_t i = a.len; i > 0; i--)
        if (a.ptr[i - 1] == byte)
            return i - 1;
    return BYTES_NOT_FOUND;
}

size_t bytes_find(struct bytes a, struct bytes needle)
{
    if (needle.len == 0)
        return 0;
    if (a.len < needle.len)
        return BYTES_NOT_FOUND;
    const uint8_t *found = memmem(a.ptr, a.len, needle.ptr, needle.len);
    return found ? (size_t)(found - a.ptr) : BYTES_NOT_FOUND;
}

size_t bytes_find_nocase(struct bytes a, struct bytes needle)
{
    if (needle.len == 0)
        return 0;
    for (size_t i = 0; i + needle.len <= a.len; i++)
        if (bytes_equal_nocase(bytes_slice(a, i, i + needle.len), needle))
            return i;
    return BYTES_NOT_FOUND;
}

struct bytes bytes_trim_start(struct bytes a)
{
    size_t i = 0;
    while (i < a.len && ascii_is_space(a.ptr[i]))
        i++;
    return bytes_skip(a, i);
}

struct bytes bytes_trim_end(struct bytes a)
{
    while (a.len && ascii_is_space(a.ptr[a.len - 1]))
        a.len--;
    return a;
}

struct bytes bytes_trim(struct bytes a)
{
    return bytes_trim_end(bytes_trim_start(a));
}

bool bytes_split(struct bytes *rest, uint8_t separator, struct bytes *part)
{
    if (!rest->ptr)
        return false;
    size_t at = bytes_find_byte(*rest, separator);
    if (at == BYTES_NOT_FOUND) {
        *part = *rest;
        *rest = (struct bytes){NULL, 0};
    } else {
        *part = bytes_first(*rest, at);
        *rest = bytes_skip(*rest, at + 1);
    }
    return true;
}

bool bytes_to_uint(struct bytes a, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (a.len == 0)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (!ascii_is_digit(a.ptr[i]))
            return false;
        uint64_t digit = (uint64_t)(a.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
        if (value > max)
            return false;
    }
    *out = value;
    return true;
}

bool bytes_to_cstring(struct bytes a, char *out, size_t size)
{
    if (size == 0)
        return false;
    out[0] = '\0';
    if (a.len >= size || bytes_find_byte(a, 0) != BYTES_NOT_FOUND)
        return false;
    if (a.len)
        memcpy(out, a.ptr, a.len);
    out[a.len] = '\0';
    return true;
}
