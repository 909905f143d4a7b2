/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/mailbox.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "base/domain.h"
#include "base/ip.h"
#include "base/utf8.h"
#include "message/idn.h"
#include "message/structured.h"

static bool is_atom_or_dot(uint8_t c)
{
    return c == '.' || structured_is_atext(c);
}

/* Dot-string: no dot at either end, none behind another. */
static bool dots_are_regular(struct bytes local)
{
    return local.len && local.ptr[0] != '.' && local.ptr[local.len - 1] != '.' &&
           bytes_find(local, BYTES("..")) == BYTES_NOT_FOUND;
}

/* Quoted-string of rfc5321:4.1.2: narrower than that of RFC 5322, no control characters, no
 * folding. */
static bool take_quoted(struct arena *arena, struct cursor *c, struct bytes *local)
{
    struct octets text;
    if (!octets_create(arena, c->input.len, &text))
        return false;
    cursor_expect(c, '"');
    while (!c->failed && cursor_peek(c) != '"') {
        cursor_accept(c, '\\');
        int octet = cursor_peek(c);
        if (octet < ' ' || octet == 0x7f)
            cursor_fail(c);
        else
            octets_add(&text, cursor_take(c, 1));
    }
    cursor_expect(c, '"');
    *local = octets_since(&text, 0);
    return true;
}

static bool label_is_valid(struct bytes label, bool underscores)
{
    if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        uint8_t c = label.ptr[i];
        if (!ascii_is_alnum(c) && c != '-' && !(underscores && c == '_'))
            return false;
    }
    return true;
}

/* Domain of rfc5321:4.1.2, whose 255 octets are more than the 253 of a name that DNS can have. */
static bool domain_is_well_formed(struct bytes domain, bool underscores)
{
    struct bytes label;
    while (bytes_split(&domain, '.', &label))
        if (!label_is_valid(label, underscores))
            return false;
    return true;
}

/* address-literal (rfc5321:4.1.3). Of general literals none is registered but IPv6. */
static bool literal_is_valid(struct bytes literal)
{
    struct ip ip;
    struct bytes inside = bytes_slice(literal, 1, literal.len - 1);
    if (literal.len < 2 || literal.ptr[literal.len - 1] != ']')
        return false;
    if (bytes_starts_with_nocase(inside, BYTES("IPv6:")))
        return ip_parse_v6(bytes_skip(inside, 5), &ip);
    return ip_parse_v4(inside, &ip);
}

static enum result check_domain(struct arena *arena, struct bytes domain, unsigned options,
                                struct error *error)
{
    if (domain.len == 0)
        return error_set(error, PERM, "no domain in the address");
    if (domain.len > MAILBOX_DOMAIN_MAX)
        return error_set(error, PERM, "the domain is longer than %d octets", MAILBOX_DOMAIN_MAX);
    if (domain.ptr[0] == '[')
        return literal_is_valid(domain) ? OK : error_set(error, PERM, "bad address literal");
    if (!utf8_is_ascii(domain)) {
        struct bytes ascii;
        if (!(options & MAILBOX_UTF8))
            return error_set(error, PERM, "non-ASCII domain without SMTPUTF8");
        return idn_to_ascii(arena, domain, &ascii, error);
    }
    if (!domain_is_well_formed(domain, options & MAILBOX_LENIENT))
        return error_set(error, PERM, "bad domain in the address");
    return OK;
}

static enum result check_local(struct bytes local, unsigned options, struct error *error)
{
    if (local.len > MAILBOX_LOCAL_MAX)
        return error_set(error, PERM, "the local part is longer than %d octets", MAILBOX_LOCAL_MAX);
    if (utf8_is_ascii(local))
        return OK;
    if (!(options & MAILBOX_UTF8))
        return error_set(error, PERM, "non-ASCII local part without SMTPUTF8");
    return utf8_is_valid(local) ? OK : error_set(error, PERM, "the local part is not UTF-8");
}

/* Takes the local part; the cursor fails if it is none. */
static enum result take_local(struct arena *arena, struct cursor *c, unsigned options,
                              struct mailbox *out, struct error *error)
{
    if (cursor_peek(c) == '"') {
        if (!take_quoted(arena, c, &out->local))
            return error_set(error, TEMP, "no memory for an address");
        if (c->failed)
            return error_set(error, PERM, "bad quoted string in the address");
    } else {
        out->local = cursor_take_while(c, is_atom_or_dot);
        if (out->local.len == 0)
            return error_set(error, PERM, "no local part in the address");
        if (!(options & MAILBOX_LENIENT) && !dots_are_regular(out->local))
            return error_set(error, PERM, "misplaced dot in the local part");
    }
    return check_local(out->local, options, error);
}

static bool is_domain_octet(uint8_t c)
{
    return ascii_is_alnum(c) || c == '.' || c == '-' || c == '_' || c >= 0x80;
}

static struct bytes take_domain(struct cursor *c)
{
    if (cursor_peek(c) != '[')
        return cursor_take_while(c, is_domain_octet);
    size_t start = c->position;
    cursor_take_until(c, ']');
    cursor_accept(c, ']');
    return bytes_slice(c->input, start, c->position);
}

static enum result take_mailbox(struct arena *arena, struct cursor *c, unsigned options,
                                struct mailbox *out, struct error *error)
{
    *out = (struct mailbox){0};
    enum result result = take_local(arena, c, options, out, error);
    if (result != OK)
        return result;
    if (cursor_peek(c) == '>' && bytes_is_nocase(out->local, "postmaster"))
        return OK;
    if (!cursor_accept(c, '@'))
        return error_set(error, PERM,
                         cursor_at_end(c) ? "no domain in the address"
                                          : "bad character in the local part");
    out->domain = take_domain(c);
    return check_domain(arena, out->domain, options, error);
}

enum result mailbox_parse(struct arena *arena, struct bytes text, unsigned options,
                          struct mailbox *out, struct error *error)
{
    if (text.len > PATH_MAX_OCTETS)
        return error_set(error, PERM, "the address is longer than %d octets", PATH_MAX_OCTETS);
    struct cursor c = cursor_over(text);
    enum result result = take_mailbox(arena, &c, options, out, error);
    if (result == OK && (!cursor_at_end(&c) || out->domain.len == 0))
        return error_set(error, PERM, "bad character in the domain");
    return result;
}

/* "@a,@b:" (rfc5321:4.1.2, A-d-l). MUST be accepted, SHOULD be ignored. */
static enum result skip_route(struct cursor *c, struct error *error)
{
    if (cursor_peek(c) != '@')
        return OK;
    do {
        cursor_expect(c, '@');
        if (!domain_is_well_formed(take_domain(c), false))
            cursor_fail(c);
    } while (cursor_accept(c, ','));
    cursor_expect(c, ':');
    return c->failed ? error_set(error, PERM, "bad source route in the path") : OK;
}

/* A path without brackets reaches to the next blank outside quotes. */
static enum result parse_bare(struct arena *arena, struct cursor *c, unsigned options,
                              struct path *out, struct error *error)
{
    size_t start = c->position;
    enum result result = take_mailbox(arena, c, options, &out->mailbox, error);
    out->text = bytes_slice(c->input, start, c->position);
    return result;
}

static enum result parse_bracketed(struct arena *arena, struct cursor *c, unsigned options,
                                   struct path *out, struct error *error)
{
    cursor_expect(c, '<');
    if (cursor_accept(c, '>')) {
        out->null = true;
        return OK;
    }
    enum result result = skip_route(c, error);
    if (result != OK)
        return result;
    size_t start = c->position;
    result = take_mailbox(arena, c, options, &out->mailbox, error);
    if (result != OK)
        return result;
    out->text = bytes_slice(c->input, start, c->position);
    return cursor_accept(c, '>') ? OK : error_set(error, PERM, "no \">\" behind the address");
}

enum result path_parse(struct arena *arena, struct bytes text, unsigned options, struct path *out,
                       struct bytes *rest, struct error *error)
{
    *out = (struct path){0};
    bool lenient = options & MAILBOX_LENIENT;
    struct cursor c = cursor_over(bytes_first(text, PATH_MAX_OCTETS));
    if (lenient)
        cursor_take_while(&c, ascii_is_wsp);
    if (cursor_peek(&c) != '<' && !lenient)
        return error_set(error, PERM, "no \"<\" before the address");
    enum result result = cursor_peek(&c) == '<' ? parse_bracketed(arena, &c, options, out, error)
                                                : parse_bare(arena, &c, options, out, error);
    if (result != OK)
        return result;
    *rest = bytes_skip(text, c.position);
    if (rest->len && !ascii_is_wsp(rest->ptr[0]))
        return error_set(error, PERM, "bad character behind the address");
    return OK;
}

static void write_quoted(struct buf *out, struct bytes local)
{
    buf_add_byte(out, '"');
    for (size_t i = 0; i < local.len; i++) {
        if (local.ptr[i] == '"' || local.ptr[i] == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, ascii_is_control(local.ptr[i]) ? '?' : local.ptr[i]);
    }
    buf_add_byte(out, '"');
}

void mailbox_write(struct buf *out, struct bytes local, struct bytes domain)
{
    if (structured_is_dot_atom(local))
        buf_add(out, local);
    else
        write_quoted(out, local);
    if (domain.len) {
        buf_add_byte(out, '@');
        buf_add(out, domain);
    }
}

struct bytes mailbox_domain_or_all(struct bytes text)
{
    size_t at = bytes_rfind_byte(text, '@');
    return at == BYTES_NOT_FOUND ? text : bytes_skip(text, at + 1);
}

struct bytes mailbox_domain(struct bytes address)
{
    size_t at = bytes_rfind_byte(address, '@');
    return at == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(address, at + 1);
}
