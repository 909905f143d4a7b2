/* SPDX-License-Identifier: BSD-2-Clause */
/* field: what must hold of every header field that we write, whatever went into it. */
#ifndef VOUCH_FUZZ_FIELD_H
#define VOUCH_FUZZ_FIELD_H

#include "base/ascii.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/utf8.h"

/* One field named `name`, in lines of at most 998 octets, none blank; its value. */
static inline struct bytes field_check(struct bytes field, const char *name)
{
    struct bytes line, rest = bytes_first(field, field.len - 2);
    require(bytes_ends_with(field, BYTES("\r\n")) && utf8_is_valid(field));
    require(bytes_starts_with(field, bytes_of(name)));
    require(field.ptr[bytes_of(name).len] == ':');
    for (bool first = true; bytes_split(&rest, '\n', &line); first = false) {
        if (rest.ptr)
            require(line.len && line.ptr[--line.len] == '\r');
        require(bytes_trim(line).len && line.len <= 998);
        require(first || ascii_is_wsp(line.ptr[0]));
        for (size_t i = 0; i < line.len; i++)
            require(!ascii_is_control(line.ptr[i]) || line.ptr[i] == '\t');
    }
    return bytes_slice(field, bytes_of(name).len + 1, field.len - 2);
}

/* Whether `part` lies within `whole` (or is nothing). */
static inline bool field_lies_within(struct bytes part, struct bytes whole)
{
    return part.len == 0 || (part.ptr >= whole.ptr && part.len <= whole.len &&
                             (size_t)(part.ptr - whole.ptr) <= whole.len - part.len);
}

#endif
