/* SPDX-License-Identifier: BSD-2-Clause */
/* One text as a URL, as what holds URLs, and as base and reference. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "message/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A host is clean whatever it came from, and normalized once is normalized for good. */
static void check_host(struct arena *arena, struct bytes host)
{
    struct bytes again;
    bool obfuscated = false;
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];
        require(ascii_is_lower(c) || ascii_is_digit(c) || c == '-' || c == '_' || c == '.' || host.ptr[0] == '[');
    }
    if (host.len == 0)
        return;
    enum result result = url_host_normalize(arena, host, &again, &obfuscated);
    require(result == TEMP || (result == OK && bytes_equal(host, again) && !obfuscated));
}

static void check(struct arena *arena, struct bytes text, unsigned depth)
{
    struct bytes embedded[URL_EMBEDDED_MAX];
    struct url url;
    size_t count;
    if (url_parse(arena, text, &url) != OK)
        return;
    require(url.scheme.len);
    check_host(arena, url.host);
    require(url.path.len + url.query.len + url.fragment.len <= url.rest.len);
    if (depth == 0 || url_embedded(arena, &url, embedded, &count) != OK)
        return;
    require(count <= URL_EMBEDDED_MAX);
    for (size_t i = 0; i < count; i++)
        check(arena, embedded[i], depth - 1);
}

static void check_text(struct arena *arena, struct bytes text)
{
    size_t position = 0, last = 0;
    struct bytes url;
    while (url_find(text, &position, &url)) {
        require(url.len && url.ptr >= text.ptr + last && url.ptr + url.len <= text.ptr + text.len);
        require(position > last && position == (size_t)(url.ptr - text.ptr) + url.len);
        last = position;
        check(arena, url, 1);
    }
    require(position == text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 20);
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size), resolved;
    check(arena, text, 2);
    check_text(arena, text);
    size_t half = bytes_find_byte(text, '\n');
    if (half != BYTES_NOT_FOUND &&
        url_resolve(arena, bytes_first(text, half), bytes_skip(text, half + 1), &resolved) == OK)
        check(arena, resolved, 1);
    arena_destroy(arena);
    return 0;
}
