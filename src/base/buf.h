/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buf: a growable octet buffer on the heap with a maximum.
 *
 * The buffer owns its memory; release it with buf_free(). Appending never fails loudly: when the
 * maximum would be passed (or memory is out) nothing is appended, `failed` becomes and stays true,
 * and the caller checks it once at the end. A zeroed struct is not valid: use buf_init().
 */
#ifndef VOUCH_BASE_BUF_H
#define VOUCH_BASE_BUF_H

#include "base/bytes.h"
#include "base/result.h"

#include <stdarg.h>

struct buf {
    uint8_t *ptr;
    size_t len;
    size_t capacity;
    size_t max;
    bool failed;
};

/* No memory is taken before the first append. `max` is in octets. */
void buf_init(struct buf *buf, size_t max);
void buf_free(struct buf *buf);
/* Empties it and clears `failed`; the memory is kept for reuse. */
void buf_clear(struct buf *buf);

/* What is in it now; valid until the next append. */
static inline struct bytes buf_bytes(const struct buf *buf)
{
    return bytes_from(buf->ptr, buf->len);
}

void buf_add(struct buf *buf, struct bytes bytes);
void buf_add_byte(struct buf *buf, uint8_t byte);
void buf_add_string(struct buf *buf, const char *string);
void buf_add_lower(struct buf *buf, struct bytes bytes); /* ASCII lower-cased */
void buf_printf(struct buf *buf, const char *format, ...) printf_like(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list args);
/* Room for `count` more octets to be written at the returned address and then committed with
 * `buf->len += n`; NULL (and failed) if the maximum forbids it. */
uint8_t *buf_reserve(struct buf *buf, size_t count);
/* Drops the first `count` octets. */
void buf_consume(struct buf *buf, size_t count);
/* Cuts back to `len` octets if it is longer. */
void buf_truncate(struct buf *buf, size_t len);

#endif
