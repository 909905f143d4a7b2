/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/list_fields.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "message/header.h"
#include "message/idn.h"
#include "message/mailbox.h"
#include "message/structured.h"

#include <string.h>

/* With the name of the field and a second URI a line stays below 998 octets. */
enum { LIST_ID_MAX = 255, URI_MAX = 800 };

/* --- The list
 * ------------------------------------------------------------------------------------- */

/* "users@lists.example.org" gives "users.lists.example.org": the length of both, and an octet of
 * either. */
static uint8_t id_octet(const struct list_fields *list, size_t i)
{
    struct bytes id = list->id.len ? list->id : list->address;
    uint8_t c = id.ptr[i];
    return !list->id.len && c == '@' ? '.' : ascii_lower(c);
}

static size_t id_length(const struct list_fields *list)
{
    return list->id.len ? list->id.len : list->address.len;
}

static bool is_uri_octet(uint8_t c)
{
    return ascii_is_graph(c) && !strchr("<>\"\\^`{|}", c);
}

static bool has_scheme(struct bytes text)
{
    size_t i = 0;
    while (i < text.len && (ascii_is_alnum(text.ptr[i]) || strchr("+-.", text.ptr[i])))
        i++;
    return i > 0 && i < text.len && text.ptr[i] == ':' && ascii_is_alpha(text.ptr[0]);
}

static enum result check_uri(struct bytes uri, const char *what, struct error *error)
{
    bool valid = uri.len <= URI_MAX;
    for (size_t i = 0; i < uri.len && valid; i++)
        valid = is_uri_octet(uri.ptr[i]);
    bool address = bytes_find_byte(uri, '@') != BYTES_NOT_FOUND;
    if (!valid || (uri.len && !has_scheme(uri) && !address))
        return error_set(error, PERM, "%s: neither a URI nor an address", what);
    return OK;
}

enum result list_fields_check(const struct list_fields *list, struct error *error)
{
    const struct {
        struct bytes uri;
        const char *what;
    } uris[] = {{bytes_is(list->post, "NO") ? (struct bytes){NULL, 0} : list->post, "List-Post"},
                {list->help, "List-Help"},
                {list->subscribe, "List-Subscribe"},
                {list->unsubscribe, "List-Unsubscribe"},
                {list->owner, "List-Owner"},
                {list->archive, "List-Archive"},
                {list->one_click, "List-Unsubscribe-Post"}};
    size_t at = bytes_rfind_byte(list->address, '@');
    if (at == BYTES_NOT_FOUND || !structured_is_dot_atom(bytes_first(list->address, at)) ||
        !structured_is_dot_atom(bytes_skip(list->address, at + 1)) ||
        !utf8_is_ascii(list->address) || list->address.len > LIST_ID_MAX)
        return error_set(error, PERM, "the list's address is not a plain ASCII address");
    if (list->id.len &&
        (!structured_is_dot_atom(list->id) || !utf8_is_ascii(list->id) ||
         list->id.len > LIST_ID_MAX || bytes_find_byte(list->id, '.') == BYTES_NOT_FOUND))
        return error_set(error, PERM, "the list's identifier is not of the form label.domain");
    for (size_t i = 0; i < countof(uris); i++)
        if (check_uri(uris[i].uri, uris[i].what, error) != OK)
            return PERM;
    if (list->one_click.len && !bytes_starts_with_nocase(list->one_click, BYTES("https://")))
        return error_set(error, PERM, "List-Unsubscribe-Post: not an https URI");
    return OK;
}

/* --- What must not be posted
 * ---------------------------------------------------------------------- */

/* rfc2919:6: compared without case, blanks and what stands outside the angle brackets. */
static bool is_our_id(const struct list_fields *list, struct bytes value)
{
    size_t length = id_length(list), matched = 0;
    size_t open = bytes_rfind_byte(value, '<');
    value = open == BYTES_NOT_FOUND ? value : bytes_skip(value, open + 1);
    value = bytes_first(value, bytes_find_byte(value, '>'));
    for (size_t i = 0; i < value.len; i++) {
        if (ascii_is_space(value.ptr[i]))
            continue;
        if (matched == length || ascii_lower(value.ptr[i]) != id_octet(list, matched))
            return false;
        matched++;
    }
    return matched == length;
}

static bool is_our_address(const struct list_fields *list, struct bytes value)
{
    value = bytes_trim(value);
    if (value.len > 2 && value.ptr[0] == '<' && value.ptr[value.len - 1] == '>')
        value = bytes_slice(value, 1, value.len - 1);
    return bytes_equal_nocase(value, list->address);
}

static bool is_automatic_answer(struct bytes value)
{
    struct cursor c = cursor_over(value);
    structured_skip(&c, NULL);
    return bytes_is_nocase(cursor_take_while(&c, structured_is_token), "auto-replied");
}

enum list_refusal list_fields_refuse(const struct list_fields *list, const struct message *message)
{
    enum list_refusal refusal = LIST_FINE;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct header_field *field = &message->fields[i];
        bool names_address =
            bytes_is_nocase(field->name, "X-Loop") || bytes_is_nocase(field->name, "Delivered-To");
        if (names_address && is_our_address(list, field->value))
            return LIST_LOOP;
        if (bytes_is_nocase(field->name, "List-Id") && is_our_id(list, field->value))
            return LIST_LOOP;
        if (bytes_is_nocase(field->name, "Auto-Submitted") && is_automatic_answer(field->value))
            refusal = LIST_AUTOMATIC;
    }
    return refusal;
}

const char *list_refusal_text(enum list_refusal refusal)
{
    static const char *const texts[] = {"", "this message has been on the list already",
                                        "automatic answers are not posted to the list"};
    return texts[refusal];
}

/* --- Fields -------------------------------------------------------------------------------------
 */

static bool is_replaced(const struct list_fields *list, struct bytes name)
{
    static const char *const names[] = {
        "List-Id",    "List-Help", "List-Subscribe", "List-Unsubscribe", "List-Unsubscribe-Post",
        "List-Owner", "List-Post", "Precedence",     "Return-Path",
    };
    for (size_t i = 0; i < countof(names); i++)
        if (bytes_is_nocase(name, names[i]))
            return true;
    return list->archive.len && bytes_is_nocase(name, "List-Archive");
}

enum result list_fields_find(struct arena *arena, const struct list_fields *list,
                             const struct message *message, struct look_alikes *out,
                             struct error *error)
{
    *out = (struct look_alikes){
        .removed = arena_alloc_array(arena, message->field_count, sizeof(*out->removed))};
    if (!out->removed)
        return error_set(error, TEMP, "no memory for the header");
    for (size_t i = 0; i < message->field_count; i++) {
        out->removed[i] = is_replaced(list, message->fields[i].name);
        out->count += out->removed[i];
    }
    return OK;
}

static void put_uri(struct header_writer *w, struct bytes uri)
{
    header_space(w);
    header_put(w, has_scheme(uri) ? BYTES("<") : BYTES("<mailto:"));
    header_put(w, uri);
    header_put(w, BYTES(">"));
}

static void write_uri(struct buf *out, const char *name, struct bytes uri)
{
    struct header_writer w;
    if (uri.len == 0)
        return;
    header_begin(&w, out, name);
    put_uri(&w, uri);
    header_end(&w);
}

static void write_id(struct buf *out, const struct list_fields *list)
{
    struct header_writer w;
    header_begin(&w, out, "List-Id");
    header_space(&w);
    if (list->name.len && utf8_is_ascii(list->name)) {
        header_put_quoted(&w, bytes_first(list->name, 200));
        header_space(&w);
    }
    header_put(&w, BYTES("<"));
    for (size_t i = 0; i < id_length(list); i++)
        buf_add_byte(out, id_octet(list, i));
    header_put(&w, BYTES(">"));
    header_end(&w);
}

static void write_unsubscribe(struct buf *out, const struct list_fields *list)
{
    struct header_writer w;
    if (!list->unsubscribe.len && !list->one_click.len)
        return;
    header_begin(&w, out, "List-Unsubscribe");
    /* rfc8058:3.1: it must hold one https URI; the left one is preferred (rfc2369:2). */
    if (list->one_click.len)
        put_uri(&w, list->one_click);
    if (list->one_click.len && list->unsubscribe.len)
        header_put(&w, BYTES(","));
    if (list->unsubscribe.len)
        put_uri(&w, list->unsubscribe);
    header_end(&w);
    if (list->one_click.len)
        buf_add(out, BYTES("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
}

void list_fields_write(struct buf *out, const struct list_fields *list)
{
    require(list_fields_check(list, NULL) == OK);
    write_id(out, list);
    if (bytes_is(list->post, "NO"))
        buf_add(out, BYTES("List-Post: NO (posting is not allowed)\r\n"));
    else
        write_uri(out, "List-Post", list->post.len ? list->post : list->address);
    write_uri(out, "List-Help", list->help);
    write_uri(out, "List-Subscribe", list->subscribe);
    write_unsubscribe(out, list);
    write_uri(out, "List-Owner", list->owner);
    write_uri(out, "List-Archive", list->archive);
    header_write(out, "X-Loop", list->address);
    buf_add(out, BYTES("Precedence: list\r\n"));
}
