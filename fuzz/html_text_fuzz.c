/* SPDX-License-Identifier: BSD-2-Clause */
/* A document: texts are UTF-8 and tidy, links lie in the text, and the work is linear. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "message/charset.h"
#include "message/html_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINKS = 20, VISIBLE_MAX = 4096, HIDDEN_MAX = 512 };

/* No control characters, no two separators together, none at either end. */
static void check_text(struct bytes text, size_t max)
{
    require(text.len <= max && utf8_is_valid(text));
    for (size_t i = 0; i < text.len; i++) {
        bool separator = text.ptr[i] == ' ' || text.ptr[i] == '\n';
        require(separator || !ascii_is_control(text.ptr[i]));
        require(!separator || (i > 0 && i + 1 < text.len && text.ptr[i - 1] != ' ' && text.ptr[i - 1] != '\n'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 20);
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    struct html_link links[LINKS];
    struct readable_text visible, hidden;
    struct buf utf8, visible_buf, hidden_buf;
    buf_init(&utf8, 3 * size + 16);
    buf_init(&visible_buf, VISIBLE_MAX + 8);
    buf_init(&hidden_buf, HIDDEN_MAX + 8);
    readable_text_init(&visible, &visible_buf, VISIBLE_MAX);
    readable_text_init(&hidden, &hidden_buf, HIDDEN_MAX);
    charset_decode(charset_guess(text), text, &utf8);
    struct html_text html = {
        .arena = arena, .visible = &visible, .hidden = &hidden, .links = links, .link_max = LINKS};
    enum result result = html_text_read(&html, buf_bytes(&utf8));
    require(result == OK || arena_exhausted(arena));
    check_text(buf_bytes(&visible_buf), VISIBLE_MAX);
    check_text(buf_bytes(&hidden_buf), HIDDEN_MAX);
    require(html.link_count <= LINKS && html.images <= html.tags);
    require(html.work <= 40 * (uint64_t)utf8.len + 40);
    for (size_t i = 0; i < html.link_count; i++) {
        require(links[i].url.len && links[i].url.len <= HTML_URL_MAX + 4);
        require(links[i].from <= links[i].to && links[i].to <= visible_buf.len);
    }
    html_text_charset(text);
    buf_free(&utf8);
    buf_free(&visible_buf);
    buf_free(&hidden_buf);
    arena_destroy(arena);
    return 0;
}
