/* SPDX-License-Identifier: BSD-2-Clause */
/* attachment_name: what the name of a file gives away. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "message/attachment.h"
#include "message/charset.h"
#include "message/readable_words.h"

enum { NAME_MAX_OCTETS = 1024 };

static const char *const executables[] = {
    "exe",         "com",        "scr",  "pif",    "bat",  "cmd",     "dll",      "cpl",
    "ocx",         "sys",        "msi",  "msp",    "mst",  "vbs",     "vbe",      "vb",
    "js",          "jse",        "mjs",  "wsf",    "wsh",  "ws",      "wsc",      "hta",
    "lnk",         "url",        "ps1",  "ps1xml", "psm1", "psc1",    "jar",      "jnlp",
    "reg",         "inf",        "scf",  "sct",    "shb",  "shs",     "chm",      "gadget",
    "application", "appref-ms",  "msc",  "msh",    "mde",  "ade",     "adp",      "xll",
    "wll",         "vsmacros",   "vsw",  "apk",    "app",  "command", "workflow", "settingcontent-ms",
    "search-ms",   "library-ms", "iqy",  "slk",    "appx", "msix",    "diagcab",  "website",
    "xbap",        "pyz",        "pyzw", "vhdx",   "vhd",  "iso",     "img",      "rdp",
    "one",         "onepkg",     "appinstaller", "appxbundle", "msixbundle", "searchconnector-ms", "theme",
    "themepack",   "desktop",    "hlp",  "job",    "grp",  "wim"};

/* What people open without a thought. */
static const char *const harmless[] = {"pdf", "doc",  "docx", "xls",  "xlsx", "ppt", "pptx", "rtf",  "txt", "csv",
                                       "jpg", "jpeg", "png",  "gif",  "bmp",  "tif", "tiff", "webp", "mp3", "mp4",
                                       "avi", "mov",  "mpg",  "mpeg", "wav",  "htm", "html", "xml",  "odt", "ods",
                                       "odp", "eml",  "zip",  "rar",  "7z",   "wmv", "ogg",  "svg"};

static bool is_one_of(struct bytes word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_is_nocase(word, words[i]))
            return true;
    return false;
}

/* Windows drops blanks and dots at the end, and what follows a colon names a stream. */
static struct bytes bare_name(struct bytes name)
{
    size_t colon = bytes_find_byte(name, ':');
    if (colon != BYTES_NOT_FOUND && colon > 1)
        name = bytes_first(name, colon);
    while (name.len &&
           (name.ptr[name.len - 1] <= ' ' || name.ptr[name.len - 1] == '.' || name.ptr[name.len - 1] == '"'))
        name.len--;
    return name;
}

/* Takes the last extension off the name; empty if there is none. */
static struct bytes take_extension(struct bytes *name)
{
    size_t dot = bytes_rfind_byte(*name, '.');
    if (dot == BYTES_NOT_FOUND)
        return (struct bytes){NULL, 0};
    struct bytes extension = bytes_trim(bytes_skip(*name, dot + 1));
    *name = bare_name(bytes_first(*name, dot));
    return extension;
}

struct bytes attachment_extension(struct bytes name)
{
    name = bare_name(name);
    return take_extension(&name);
}

bool attachment_is_executable(struct bytes name)
{
    name = bare_name(name);
    return is_one_of(take_extension(&name), executables, countof(executables));
}

bool attachment_is_harmless_name(struct bytes name)
{
    name = bare_name(name);
    return is_one_of(take_extension(&name), harmless, countof(harmless));
}

/* U+202A to U+202E, U+2066 to U+2069, U+200E and U+200F: the name reads otherwise than it is. */
static bool turns_direction(struct bytes name)
{
    for (size_t i = 0; i + 2 < name.len; i++) {
        const uint8_t *c = name.ptr + i;
        if (c[0] == 0xe2 && ((c[1] == 0x80 && ((c[2] >= 0xaa && c[2] <= 0xae) || c[2] == 0x8e || c[2] == 0x8f)) ||
                             (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)))
            return true;
    }
    return false;
}

bool attachment_is_disguised(struct bytes name)
{
    if (turns_direction(name))
        return true;
    if (bytes_find(name, BYTES("        ")) != BYTES_NOT_FOUND)
        return true; /* so many blanks push the end out of sight */
    if (!attachment_is_executable(name))
        return false;
    name = bare_name(name);
    take_extension(&name);
    return is_one_of(take_extension(&name), harmless, countof(harmless));
}

/* Of a long name the end, which says what it is: blanks and dots behind it do not. */
static struct bytes shorten(struct bytes name)
{
    if (name.len > NAME_MAX_OCTETS)
        name = bare_name(name);
    return name.len > NAME_MAX_OCTETS ? bytes_skip(name, name.len - NAME_MAX_OCTETS) : name;
}

static struct bytes decode(struct arena *arena, const struct mime_parameter *name)
{
    struct bytes value = shorten(name->value);
    if (name->charset.len == 0)
        return readable_words(arena, value);
    const struct charset *charset = charset_find(name->charset);
    struct buf decoded;
    buf_init(&decoded, 4 * NAME_MAX_OCTETS);
    charset_decode(charset ? charset : charset_guess(value), value, &decoded);
    struct bytes copy = arena_copy(arena, buf_bytes(&decoded));
    buf_free(&decoded);
    return copy;
}

static const struct mime_parameter *main_name(const struct mime_part *part)
{
    const struct mime_parameter *name = mime_parameter(&part->disposition, "filename");
    return name ? name : mime_parameter(&part->content_type, "name");
}

bool attachment_has_name(const struct mime_part *part)
{
    return main_name(part) != NULL;
}

struct bytes attachment_name(struct arena *arena, const struct mime_part *part)
{
    const struct mime_parameter *name = main_name(part);
    return name ? decode(arena, name) : BYTES("");
}

bool attachment_other_name(struct arena *arena, const struct mime_part *part, size_t *position, struct bytes *name)
{
    const struct mime_parameter *known = main_name(part);
    size_t of_type = part->content_type.count;
    while (*position < of_type + part->disposition.count) {
        size_t i = (*position)++;
        const struct mime_parameter *other =
            i < of_type ? &part->content_type.parameters[i] : &part->disposition.parameters[i - of_type];
        if (other == known || !bytes_is(other->name, i < of_type ? "name" : "filename"))
            continue;
        *name = decode(arena, other);
        return true;
    }
    return false;
}
