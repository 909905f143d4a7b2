/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/buf.h"

#include "base/ascii.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_free(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

uint8_t *buf_reserve(struct buf *buf, size_t count)
{
    if (buf->failed || count > buf->max || buf->len > buf->max - count || count > SIZE_MAX / 4) {
        buf->failed = true;
        return NULL;
    }
    size_t needed = buf->len + count;
    if (needed > buf->capacity) {
        size_t capacity = buf->capacity ? buf->capacity : 64;
        while (capacity < needed)
            capacity *= 2;
        if (capacity > buf->max)
            capacity = buf->max;
        uint8_t *ptr = realloc(buf->ptr, capacity);
        if (!ptr) {
            buf->failed = true;
            return NULL;
        }
        buf->ptr = ptr;
        buf->capacity = capacity;
    }
    return buf->ptr + buf->len;
}

void buf_add(struct buf *buf, struct bytes bytes)
{
    if (bytes.len == 0)
        return;
    uint8_t *to = buf_reserve(buf, bytes.len);
    if (!to)
        return;
    memcpy(to, bytes.ptr, bytes.len);
    buf->len += bytes.len;
}

void buf_add_byte(struct buf *buf, uint8_t byte)
{
    buf_add(buf, bytes_from(&byte, 1));
}

void buf_add_string(struct buf *buf, const char *string)
{
    buf_add(buf, bytes_of(string));
}

void buf_add_lower(struct buf *buf, struct bytes bytes)
{
    uint8_t *to = buf_reserve(buf, bytes.len);
    if (!to)
        return;
    for (size_t i = 0; i < bytes.len; i++)
        to[i] = ascii_lower(bytes.ptr[i]);
    buf->len += bytes.len;
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length > 0) {
        /* One octet more for the NUL that vsnprintf insists on; it is not counted, nor may it count
         * against the maximum. */
        size_t max = buf->max;
        buf->max = max < SIZE_MAX ? max + 1 : max;
        char *to = (char *)buf_reserve(buf, (size_t)length + 1);
        buf->max = max;
        if (to) {
            vsnprintf(to, (size_t)length + 1, format, again);
            buf->len += (size_t)length;
        }
    }
    va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

void buf_consume(struct buf *buf, size_t count)
{
    if (count > buf->len)
        count = buf->len;
    if (count && count < buf->len)
        memmove(buf->ptr, buf->ptr + count, buf->len - count);
    buf->len -= count;
}

void buf_truncate(struct buf *buf, size_t len)
{
    if (buf->len > len)
        buf->len = len;
}
