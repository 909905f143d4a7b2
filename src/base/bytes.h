/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bytes: a borrowed, read-only slice of memory, passed by value.
 *
 * A slice never owns what it points to; it is valid as long as the buffer or arena behind it is.
 * It may hold any octet, NUL included, and is not NUL-terminated. No function here reads outside
 * the slice, and none fails: positions beyond the end are clamped.
 */
#ifndef VOUCH_BASE_BYTES_H
#define VOUCH_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *ptr;
    size_t len;
};

#define BYTES_NOT_FOUND SIZE_MAX

/* A string literal as bytes. */
#define BYTES(literal) ((struct bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})
/* The same in a static initializer. */
#define BYTES_INIT(literal) {(const uint8_t *)("" literal), sizeof(literal) - 1}
/* For printf: printf("<" BYTES_FMT ">", BYTES_ARG(b)). */
#define BYTES_FMT "%.*s"
#define BYTES_ARG(b) (int)((b).len > 65535 ? 65535 : (b).len), (b).len ? (const char *)(b).ptr : ""

static inline struct bytes bytes_from(const void *ptr, size_t len)
{
    return (struct bytes){(const uint8_t *)ptr, len};
}
/* The slice over a NUL-terminated string (NULL gives the empty slice). */
struct bytes bytes_of(const char *string);

bool bytes_equal(struct bytes a, struct bytes b);
/* ASCII case-insensitive, as DNS names, SMTP verbs and header names compare. */
bool bytes_equal_nocase(struct bytes a, struct bytes b);
/* Against a NUL-terminated string. */
bool bytes_is(struct bytes a, const char *string);
bool bytes_is_nocase(struct bytes a, const char *string);
/* <0, 0, >0 as memcmp, a shorter prefix sorting first. */
int bytes_compare(struct bytes a, struct bytes b);
/* Equal in time that depends on the lengths only: for secrets. */
bool bytes_equal_constant_time(struct bytes a, struct bytes b);

bool bytes_starts_with(struct bytes a, struct bytes prefix);
bool bytes_starts_with_nocase(struct bytes a, struct bytes prefix);
bool bytes_ends_with(struct bytes a, struct bytes suffix);
bool bytes_ends_with_nocase(struct bytes a, struct bytes suffix);

/* The part from `from` up to (not including) `to`. */
static inline struct bytes bytes_slice(struct bytes a, size_t from, size_t to)
{
    if (to > a.len)
        to = a.len;
    if (from > to)
        from = to;
    return bytes_from(a.ptr ? a.ptr + from : NULL, to - from);
}
/* Without the first `count`. */
static inline struct bytes bytes_skip(struct bytes a, size_t count)
{
    return bytes_slice(a, count, a.len);
}
/* Only the first `count`. */
static inline struct bytes bytes_first(struct bytes a, size_t count)
{
    return bytes_slice(a, 0, count);
}

/* Index of the first (last) occurrence, or BYTES_NOT_FOUND. */
size_t bytes_find_byte(struct bytes a, uint8_t byte);
size_t bytes_rfind_byte(struct bytes a, uint8_t byte);
size_t bytes_find(struct bytes a, struct bytes needle);
size_t bytes_find_nocase(struct bytes a, struct bytes needle);

/* Without leading and trailing SP, HTAB, CR and LF. */
struct bytes bytes_trim(struct bytes a);
struct bytes bytes_trim_start(struct bytes a);
struct bytes bytes_trim_end(struct bytes a);

/*
 * Takes the part before the next `separator` off `*rest` into `*part`. Returns false when there is
 * nothing left. "a,,b" gives "a", "", "b"; "a," gives "a", ""; an empty input gives one empty part.
 * The end is marked by rest->ptr == NULL, so start with a slice whose ptr is not NULL.
 */
bool bytes_split(struct bytes *rest, uint8_t separator, struct bytes *part);

/* Decimal digits only, whole slice, at most `max`; false otherwise (*out untouched). */
bool bytes_to_uint(struct bytes a, uint64_t max, uint64_t *out);

/* Copies into a NUL-terminated C string of `size`; false (and an empty string) if it does not fit
 * or contains NUL. For system and library edges only. */
bool bytes_to_cstring(struct bytes a, char *out, size_t size);

#endif
