/* SPDX-License-Identifier: BSD-2-Clause */
/* url_find: URLs in text that people read. */
#include "base/ascii.h"
#include "message/url.h"

#include <string.h>

/* Ends what is a URL in any case. */
static bool is_end(uint8_t c)
{
    return c <= ' ' || c == '<' || c == '>' || c == '"' || c == '`' || c == 0x7f;
}

/* Letters and digits of names; any octet of other scripts. */
static bool is_label(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_' || c >= 0x80;
}

/* How far a URL goes that begins with its authority: names may be of any script, what follows is ASCII, because text
 * of scripts without blanks goes on behind it. */
static size_t extent(struct bytes text)
{
    size_t i = 0;
    while (i < text.len && i < URL_MAX && !is_end(text.ptr[i]) && text.ptr[i] != '/' && text.ptr[i] != '\\' &&
           text.ptr[i] != '?' && text.ptr[i] != '#')
        i++;
    while (i < text.len && i < URL_MAX && !is_end(text.ptr[i]) && text.ptr[i] < 0x80)
        i++;
    return i;
}

/* Without what belongs to the sentence: closing marks, and a bracket that was opened before it. */
static size_t without_punctuation(struct bytes url)
{
    size_t open = 0, close = 0;
    for (size_t i = 0; i < url.len; i++) {
        open += url.ptr[i] == '(';
        close += url.ptr[i] == ')';
    }
    while (url.len) {
        uint8_t c = url.ptr[url.len - 1];
        bool closing = c == '.' || c == ',' || c == ';' || c == ':' || c == '!' || c == '?' || c == '\'' ||
                       c == '*' || c == '}' || c == '|' || c == '\\' ||
                       (c == ']' && bytes_find_byte(url, '[') == BYTES_NOT_FOUND);
        if (c == ')' && close > open) {
            close--;
            closing = true;
        }
        if (!closing)
            break;
        url.len--;
    }
    return url.len;
}

static size_t scheme_start(struct bytes text, size_t colon)
{
    static const struct bytes schemes[] = {BYTES_INIT("https"), BYTES_INIT("http"), BYTES_INIT("ftp")};
    for (size_t i = 0; i < countof(schemes); i++) {
        size_t length = schemes[i].len;
        if (colon >= length && bytes_equal_nocase(bytes_slice(text, colon - length, colon), schemes[i]))
            return colon - length;
    }
    return BYTES_NOT_FOUND;
}

/* "http://…" whose colon is at `colon`. */
static bool with_scheme(struct bytes text, size_t colon, size_t from, struct bytes *out)
{
    size_t start = scheme_start(text, colon), behind = colon + 1;
    if (start == BYTES_NOT_FOUND || start < from || behind >= text.len)
        return false;
    while (behind < text.len && (text.ptr[behind] == '/' || text.ptr[behind] == '\\'))
        behind++;
    if (behind == colon + 1)
        return false;
    size_t length = behind - start + extent(bytes_skip(text, behind));
    length = without_punctuation(bytes_slice(text, start, start + length));
    *out = bytes_slice(text, start, start + length);
    return start + length > behind;
}

/* Top-level domains that words of a text are not followed by, but for the two-letter ones. */
static bool is_top_level(struct bytes label)
{
    static const char *const names[] = {
        "com",     "net",       "org",      "info",    "biz",     "edu",     "gov",   "mil",     "int",    "name",
        "pro",     "mobi",      "asia",     "top",     "xyz",     "online",  "site",  "club",    "shop",   "store",
        "live",    "icu",       "vip",      "work",    "click",   "link",    "win",   "bid",     "loan",   "men",
        "date",    "stream",    "download", "review",  "science", "party",   "trade", "webcam",  "racing", "space",
        "website", "tech",      "app",      "dev",     "page",    "cloud",   "host",  "fun",     "press",  "today",
        "world",   "life",      "email",    "news",    "agency",  "digital", "blog",  "monster", "buzz",   "cyou",
        "rest",    "surf",      "quest",    "best",    "sbs",     "cfd",     "bond",  "lol",     "one",    "ltd",
        "group",   "solutions", "services", "support", "center",  "zone",    "city",  "company"};
    if (label.len == 2)
        return ascii_is_alpha(label.ptr[0]) && ascii_is_alpha(label.ptr[1]);
    for (size_t i = 0; i < countof(names); i++)
        if (bytes_is_nocase(label, names[i]))
            return true;
    return false;
}

/* A name around the dot at `dot`: "www.example.org", or "example.org/path". */
static bool bare(struct bytes text, size_t dot, size_t from, struct bytes *out)
{
    enum { LABEL_MAX = 63 };
    size_t start = dot, end = dot;
    while (start > from && dot - start < LABEL_MAX && is_label(text.ptr[start - 1]))
        start--;
    if (start > from && (is_label(text.ptr[start - 1]) || strchr("@./:=%", text.ptr[start - 1])))
        return false; /* within an address, a path, a file name */
    bool www = dot - start == 3 && bytes_is_nocase(bytes_slice(text, start, dot), "www");
    while (end < text.len && end - start < 253 && (is_label(text.ptr[end]) || text.ptr[end] == '.'))
        end++;
    struct bytes name = bytes_slice(text, start, end);
    if (dot == start || dot + 1 >= end || text.ptr[dot + 1] == '.' || (end < text.len && text.ptr[end] == '@'))
        return false;
    size_t last = bytes_rfind_byte(name, '.');
    bool path = end < text.len && text.ptr[end] == '/';
    if (!www && !(path && is_top_level(bytes_skip(name, last + 1))))
        return false;
    size_t length = without_punctuation(bytes_slice(text, start, start + extent(bytes_skip(text, start))));
    *out = bytes_slice(text, start, start + length);
    return start + length > dot + 1;
}

/* The next colon or dot at or behind `from`; the end if there is none. */
static size_t next_mark(struct bytes text, size_t from)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    for (uint64_t octets; text.len - from >= sizeof(octets); from += sizeof(octets)) {
        memcpy(&octets, text.ptr + from, sizeof(octets));
        uint64_t colons = octets ^ ones * ':', dots = octets ^ ones * '.';
        if ((((colons - ones) & ~colons) | ((dots - ones) & ~dots)) & ones << 7)
            break;
    }
    while (from < text.len && text.ptr[from] != ':' && text.ptr[from] != '.')
        from++;
    return from;
}

bool url_find(struct bytes text, size_t *position, struct bytes *out)
{
    size_t from = *position;
    for (size_t i = next_mark(text, from); i + 1 < text.len; i = next_mark(text, i + 1)) {
        bool dot = text.ptr[i] == '.';
        if (dot ? !is_label(text.ptr[i + 1]) : text.ptr[i + 1] != '/' && text.ptr[i + 1] != '\\')
            continue; /* as most are */
        if (dot ? bare(text, i, from, out) : with_scheme(text, i, from, out)) {
            *position = (size_t)(out->ptr + out->len - text.ptr);
            return true;
        }
        /* The rest of a name was looked at already. */
        while (dot && i + 1 < text.len && (is_label(text.ptr[i + 1]) || text.ptr[i + 1] == '.'))
            i++;
    }
    *position = text.len;
    return false;
}
