/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/internationalized.h"

#include "base/utf8.h"
#include "message/mime.h"

enum { UNKNOWN = MIME_TOO_DEEP | MIME_TOO_MANY_PARTS | MIME_TOO_MANY_FIELDS | MIME_TOO_LARGE };

static bool in_parts(const struct mime_part *part)
{
    for (; part; part = mime_next_own(part))
        if (!utf8_is_ascii(part->header) || (part->flags & UNKNOWN))
            return true;
    return false;
}

bool internationalized_header(struct arena *arena, struct bytes content)
{
    struct message message;
    struct mime mime;
    struct error error;
    if (utf8_is_ascii(content))
        return false;
    size_t end = bytes_find(content, BYTES("\r\n\r\n"));
    if (!utf8_is_ascii(bytes_first(content, end)))
        return true;
    if (message_parse(arena, content, &message, &error) != OK ||
        mime_parse(arena, &message, NULL, &mime, &error) != OK)
        return true;
    return in_parts(mime.root);
}
