/* SPDX-License-Identifier: BSD-2-Clause */
/* What Dovecot's auth service says, line by line; and whatever is escaped comes back as it was, in one field. */
#include "roles/auth_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(struct arena *arena, struct bytes text)
{
    struct auth_line line;
    struct error error = {{0}};
    enum result result = auth_line_read(arena, text, &line, &error);
    require(result == OK || error.text[0]);
    require(result != TEMP); /* the arena is large enough */
    if (result != OK)
        return;
    require(text.len <= AUTH_LINE_MAX);
    require(line.user.len <= text.len && line.reason.len <= text.len && line.data.len <= text.len);
    require(line.kind != AUTH_LINE_MECHANISM || line.mechanism.len);
    require(line.kind == AUTH_LINE_CONTINUE || !line.data.len);
}

static void check_escapes(struct arena *arena, struct bytes value)
{
    struct bytes back;
    struct buf out;
    buf_init(&out, 2 * value.len + 1);
    auth_line_escape(&out, value);
    require(!out.failed);
    for (size_t i = 0; i < out.len; i++)
        require(out.ptr[i] != '\t' && out.ptr[i] != '\n' && out.ptr[i] != '\r' && out.ptr[i] != 0);
    require(auth_line_unescape(arena, buf_bytes(&out), &back) && bytes_equal(back, value));
    require(auth_line_unescape(arena, value, &back) && back.len <= value.len);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(64 << 20);
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size), rest = text, line;
    size_t lines = 0;
    while (lines++ < 1000 && bytes_split(&rest, '\n', &line))
        check_line(arena, line);
    check_escapes(arena, text);
    struct buf out;
    buf_init(&out, 1 << 24);
    auth_line_add_request(&out, &(struct auth_line_request){.id = 1, .mechanism = text, .client = text,
                                                            .present = true, .data = text});
    require(!out.failed && bytes_find_byte(buf_bytes(&out), '\n') == out.len - 1);
    buf_free(&out);
    arena_destroy(arena);
    return 0;
}
