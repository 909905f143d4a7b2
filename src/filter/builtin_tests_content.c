/* SPDX-License-Identifier: BSD-2-Clause */
/* builtin_tests_content: tests of texts, HTML, MIME and attachments. */
#include "filter/builtin_tests_private.h"

#include "base/ascii.h"

enum {
    HIDDEN_MIN = 200,      /* octets; less is the preview that newsletters hide */
    COMMENTS_MIN = 3,
    LITTLE_TEXT = 40,      /* octets that say next to nothing */
    BASE58_LEAST = 26, BASE58_MOST = 35,
    BECH32_LEAST = 42, BECH32_MOST = 62
};

static bool has(const struct builtin_look *look, enum readable_flag flag)
{
    return look->readable->flags & flag;
}

bool builtin_html_only(struct builtin_look *look)
{
    return has(look, READABLE_HTML) && !has(look, READABLE_PLAIN);
}

bool builtin_images_only(struct builtin_look *look)
{
    return has(look, READABLE_ONLY_IMAGES);
}

bool builtin_hidden_text(struct builtin_look *look)
{
    look->seen = look->readable->hidden;
    return look->readable->hidden.len >= HIDDEN_MIN && look->readable->hidden.len > look->readable->text.len;
}

bool builtin_parts_differ(struct builtin_look *look)
{
    return has(look, READABLE_PLAIN_DIFFERS);
}

bool builtin_html_form(struct builtin_look *look)
{
    return has(look, READABLE_FORM);
}

bool builtin_html_script(struct builtin_look *look)
{
    return has(look, READABLE_SCRIPT);
}

bool builtin_meta_refresh(struct builtin_look *look)
{
    return has(look, READABLE_META_REFRESH);
}

bool builtin_html_comments(struct builtin_look *look)
{
    return look->readable->comments >= COMMENTS_MIN;
}

bool builtin_confusable(struct builtin_look *look)
{
    return has(look, READABLE_CONFUSABLE);
}

bool builtin_empty(struct builtin_look *look)
{
    const struct readable *readable = look->readable;
    return !look->text.len && !readable->attachment_count && !readable->images && !readable->link_count;
}

/* ---- MIME ---- */

bool builtin_mime_broken(struct builtin_look *look)
{
    return has(look, READABLE_BROKEN);
}

bool builtin_mime_malformed(struct builtin_look *look)
{
    static const enum mime_flag wrong[] = {MIME_TOO_DEEP, MIME_TOO_MANY_PARTS, MIME_NO_BOUNDARY, MIME_NO_PARTS,
                                           MIME_DUPLICATE_FIELD, MIME_BAD_TYPE, MIME_BAD_ENCODING, MIME_BAD_DATA};
    const struct mime *mime = look->readable->mime;
    for (size_t i = 0; mime && i < countof(wrong); i++)
        if (mime->flags & wrong[i]) {
            look->seen = bytes_of(mime_flag_text(wrong[i]));
            return true;
        }
    return false;
}

bool builtin_cut_short(struct builtin_look *look)
{
    return has(look, READABLE_CUT);
}

bool builtin_base64_text(struct builtin_look *look)
{
    return has(look, READABLE_ENCODED_TEXT);
}

bool builtin_bad_charset(struct builtin_look *look)
{
    return has(look, READABLE_BAD_CHARSET);
}

/* ---- attachments ---- */

static bool has_attachment(struct builtin_look *look, bool (*is)(const struct readable_attachment *))
{
    const struct readable *readable = look->readable;
    for (size_t i = 0; i < readable->attachment_count; i++)
        if (is(&readable->attachments[i])) {
            look->seen = readable->attachments[i].name;
            return true;
        }
    return false;
}

static bool is_executable(const struct readable_attachment *attachment)
{
    return attachment->executable;
}

static bool is_disguised(const struct readable_attachment *attachment)
{
    return attachment->disguised;
}

static bool has_macros(const struct readable_attachment *attachment)
{
    return attachment->macros;
}

static bool is_html(const struct readable_attachment *attachment)
{
    static const char *const ends[] = {".htm", ".html", ".xhtml", ".shtml", ".svg", ".mht", ".mhtml"};
    for (size_t i = 0; i < countof(ends); i++)
        if (!attachment->member && !attachment->shown && bytes_ends_with_nocase(attachment->name, bytes_of(ends[i])))
            return true;
    return false;
}

bool builtin_attachment_executable(struct builtin_look *look)
{
    return has_attachment(look, is_executable);
}

bool builtin_attachment_disguised(struct builtin_look *look)
{
    return has_attachment(look, is_disguised);
}

bool builtin_attachment_macros(struct builtin_look *look)
{
    return has_attachment(look, has_macros);
}

/* Not what OpenPGP and S/MIME encrypt: people who use these are not those who send junk. */
bool builtin_attachment_encrypted(struct builtin_look *look)
{
    const struct mime *mime = look->readable->mime;
    bool whole = mime && mime->root && (mime_is(mime->root, "multipart", "encrypted") ||
                                        mime_is(mime->root, "application", "pkcs7-mime"));
    return has(look, READABLE_ENCRYPTED) && !whole;
}

bool builtin_attachment_html(struct builtin_look *look)
{
    return has_attachment(look, is_html);
}

bool builtin_attachment_only(struct builtin_look *look)
{
    const struct readable *readable = look->readable;
    bool attached = false;
    for (size_t i = 0; i < readable->attachment_count && !attached; i++)
        attached = !readable->attachments[i].shown;
    return attached && look->text.len < LITTLE_TEXT && !has(look, READABLE_ENCRYPTED);
}

/* ---- addresses for payments ---- */

static bool is_base58(struct bytes word)
{
    bool digit = false, upper = false, lower = false;
    if (word.len < BASE58_LEAST || word.len > BASE58_MOST || (word.ptr[0] != '1' && word.ptr[0] != '3'))
        return false;
    for (size_t i = 0; i < word.len; i++) {
        uint8_t c = word.ptr[i];
        if (!ascii_is_alnum(c) || c == '0' || c == 'O' || c == 'I' || c == 'l')
            return false;
        digit |= i > 0 && ascii_is_digit(c);
        upper |= ascii_is_upper(c);
        lower |= ascii_is_lower(c);
    }
    return digit && upper && lower;
}

static bool is_bech32(struct bytes word)
{
    if (word.len < BECH32_LEAST || word.len > BECH32_MOST || !bytes_starts_with_nocase(word, BYTES("bc1")))
        return false;
    for (size_t i = 3; i < word.len; i++) {
        uint8_t c = ascii_lower(word.ptr[i]);
        if (!ascii_is_alnum(c) || c == '1' || c == 'b' || c == 'i' || c == 'o')
            return false;
    }
    return true;
}

bool builtin_bitcoin(struct builtin_look *look)
{
    struct bytes text = look->text;
    for (size_t from = 0; from + BASE58_LEAST <= text.len; from++) {
        uint8_t first = text.ptr[from];
        if (first != '1' && first != '3' && first != 'b' && first != 'B')
            continue;
        if (from && !ascii_is_space(text.ptr[from - 1]) && text.ptr[from - 1] != ':')
            continue; /* a part of a URL or an identifier, as it is with some marks behind it */
        size_t to = from;
        while (to < text.len && to - from <= BECH32_MOST && ascii_is_alnum(text.ptr[to]))
            to++;
        struct bytes word = bytes_slice(text, from, to);
        bool alone = to == text.len || !(text.ptr[to] == '/' || text.ptr[to] == '-' || text.ptr[to] == '_');
        if (alone && (is_base58(word) || is_bech32(word))) {
            look->seen = word;
            return true;
        }
    }
    return false;
}
