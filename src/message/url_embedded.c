/* SPDX-License-Identifier: BSD-2-Clause */
/* url_embedded: the URLs that a redirector's URL carries. */
#include "base/ascii.h"
#include "base/buf.h"
#include "message/mime_decode.h"
#include "message/url.h"

enum { ROUNDS = 3, BASE64_SHORTEST = 14 /* of "http://a.b" */ };

struct search {
    struct arena *arena;
    struct bytes *found;
    size_t count;
    bool failed;
};

static void add(struct search *s, struct bytes url)
{
    if (s->count < URL_EMBEDDED_MAX)
        s->found[s->count++] = url;
}

/* Where the scheme before the colon at `colon` begins; BYTES_NOT_FOUND if it is none that leads to a page. */
static size_t scheme_before(struct bytes text, size_t colon)
{
    static const struct bytes schemes[] = {BYTES_INIT("https"), BYTES_INIT("http"), BYTES_INIT("ftp")};
    for (size_t i = 0; i < countof(schemes); i++)
        if (bytes_ends_with_nocase(bytes_first(text, colon), schemes[i]))
            return colon - schemes[i].len;
    return BYTES_NOT_FOUND;
}

static void add_plain(struct search *s, struct bytes text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] != ':' || (text.ptr[i + 1] != '/' && text.ptr[i + 1] != '\\'))
            continue;
        size_t start = scheme_before(text, i);
        if (start != BYTES_NOT_FOUND)
            add(s, bytes_skip(text, start));
    }
}

static bool is_base64(uint8_t c)
{
    return ascii_is_alnum(c) || c == '+' || c == '-' || c == '_'; /* a "/" ends a piece of a path */
}

/* "aHR0c" is "http" and part of what follows. */
static void add_base64(struct search *s, struct bytes text)
{
    size_t at = bytes_find(text, BYTES("aHR0c"));
    if (at == BYTES_NOT_FOUND)
        return;
    text = bytes_skip(text, at);
    size_t end = 0;
    while (end < text.len && is_base64(text.ptr[end]))
        end++;
    uint8_t *digits = arena_alloc(s->arena, end + 2);
    if (!digits) {
        s->failed = true;
        return;
    }
    for (size_t i = 0; i < end; i++) /* the alphabet of rfc4648:5 */
        digits[i] = text.ptr[i] == '-' ? '+' : text.ptr[i] == '_' ? '/' : text.ptr[i];
    digits[end] = digits[end + 1] = '=';
    struct mime_decoder decoder = mime_decoder_for(MIME_BASE64);
    struct buf decoded;
    buf_init(&decoded, URL_MAX + 16);
    mime_decode(&decoder, bytes_from(digits, end + 2), &decoded);
    struct bytes copy = arena_copy(s->arena, buf_bytes(&decoded));
    buf_free(&decoded);
    s->failed |= !copy.ptr;
    size_t length = 0;
    while (length < copy.len && (ascii_is_graph(copy.ptr[length]) || copy.ptr[length] >= 0x80))
        length++;
    if (end >= BASE64_SHORTEST && length)
        add_plain(s, bytes_first(copy, length));
}

/* What stands between two "&". */
static void search_piece(struct search *s, struct bytes piece)
{
    for (unsigned round = 0; round < ROUNDS && bytes_find_byte(piece, '%') != BYTES_NOT_FOUND; round++) {
        struct bytes decoded = url_percent_decode(s->arena, piece);
        if (!decoded.ptr) {
            s->failed = true;
            return;
        }
        bool same = decoded.len == piece.len;
        piece = decoded;
        if (same)
            break;
    }
    add_plain(s, piece);
    size_t equals = bytes_find_byte(piece, '=');
    struct bytes value = equals == BYTES_NOT_FOUND ? piece : bytes_skip(piece, equals + 1);
    if (bytes_starts_with_nocase(value, BYTES("www.")))
        add(s, value);
    add_base64(s, piece);
}

enum result url_embedded(struct arena *arena, const struct url *url, struct bytes out[URL_EMBEDDED_MAX],
                         size_t *count)
{
    struct search s = {.arena = arena, .found = out};
    struct bytes rest = url->rest, piece;
    if (rest.len)
        while (!s.failed && bytes_split(&rest, '&', &piece))
            search_piece(&s, piece);
    *count = s.count;
    return s.failed ? TEMP : OK;
}
